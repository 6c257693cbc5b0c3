"""The ground floor: checks, files, notices, progress, the machine, pixels. Everyone may import it."""
