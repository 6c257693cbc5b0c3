"""`python -m ganbook`: the same as the command `ganbook`."""

from ganbook.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
