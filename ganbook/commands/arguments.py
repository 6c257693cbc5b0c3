"""What the subcommands share: a parser whose complaints are one line, and numbers checked as elsewhere."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, NoReturn

from ganbook.support.checks import Constraint, Real, Whole

Commands = Any  # what argparse's add_subparsers returns


class Parser(argparse.ArgumentParser):
    """A parser that complains in one line, and exits with 2."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and where help is."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def number(constraint: Constraint) -> Callable[[str], Any]:
    """Return what turns an argument's text into a number that fits a constraint."""
    kind = int if isinstance(constraint, Whole) else float

    def parse(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not constraint.fits(value):
            raise argparse.ArgumentTypeError(f"{text!r} is not {constraint.takes}")
        return value

    return parse


count = number(Whole(1, 2**40 - 1))
few = number(Whole(1, 100_000))  # what is drawn into one picture
seed = number(Whole(0, 2**32 - 1))
positive = number(Real(above=0))
