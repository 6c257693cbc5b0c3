"""A run that was made: opened once, from its folder or from a checkpoint in it."""

from ganbook.runs.run import Run

__all__ = ["Run"]
