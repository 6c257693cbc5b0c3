"""The exercises, a folder for each chapter of the book.

A folder holds each exercise's text, NAME.md (`ganbook.exercises.text`), the functions that check the answers,
each registered under the exercise's name (`registry.check`), and in its `__init__.py` the names in the order
of the book. The checks need PyTorch; they are imported when the first of a chapter is called.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from pathlib import Path
from typing import Any

from ganbook.exercises import text
from ganbook.exercises.chapters.registry import CHECKS
from ganbook.exercises.exercise import Exercise

HERE = Path(__file__).parent


def names(chapter: str) -> tuple[str, ...]:
    """Return the names of a chapter's exercises, in the order of the book."""
    order: tuple[str, ...] = importlib.import_module(f"{__name__}.{chapter}").NAMES
    return order


def path(chapter: str, name: str) -> Path:
    """Return the file with an exercise's text."""
    return HERE / chapter / f"{name}.md"


def load(chapter: str) -> tuple[Exercise, ...]:
    """Return a chapter's exercises, in the order of the book.

    Raises
    ------
    UserError
        If a text is missing, or not written as `ganbook.exercises.text` says.
    """
    return tuple(
        Exercise(
            name=name,
            chapter=chapter,
            check=functools.partial(_check, chapter, name),
            **vars(text.read(path(chapter, name))),
        )
        for name in names(chapter)
    )


def import_checks(chapter: str) -> None:
    """Import what checks a chapter's exercises, so that all its checks are registered."""
    package = f"{__name__}.{chapter}"
    for module in pkgutil.iter_modules([str(HERE / chapter)]):
        importlib.import_module(f"{package}.{module.name}")


def _check(chapter: str, name: str, trial: Any) -> None:
    if name not in CHECKS:
        import_checks(chapter)
    CHECKS[name](trial)
