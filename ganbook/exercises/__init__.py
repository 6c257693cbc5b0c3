"""Exercises that answer back: `check` an answer, ask for a `hint`, look at a `solution`.

>>> import ganbook as gb
>>> gb.exercises.check("disjoint-jsd", ...)
- disjoint-jsd: not answered yet

An exercise is a text, in Markdown, and a check, in Python (`ganbook.exercises.chapters`). The cells in the
book, the sheets that `ganbook exercises start` writes, the hints, the solution and the tests are all made of
these.
"""

from __future__ import annotations

import difflib
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from ganbook.errors import UserError, unknown
from ganbook.exercises import chapters, progress
from ganbook.exercises.exercise import CHAPTERS, Exercise, Wrong
from ganbook.exercises.grading.result import Failure, Result, Shown

if TYPE_CHECKING:
    from ganbook.exercises.grading.trial import Trial

__all__ = [
    "CHAPTERS", "Exercise", "Failure", "Result", "Trial", "Wrong",
    "check", "get", "hint", "names", "solution",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name == "Trial":  # it needs PyTorch, and a list of the exercises does not
        from ganbook.exercises.grading.trial import Trial

        return Trial
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@cache
def _by_name() -> dict[str, Exercise]:
    return {exercise.name: exercise for chapter in CHAPTERS for exercise in chapters.load(chapter)}


def names(chapter: str | None = None) -> list[str]:
    """Return the names of all exercises, or of one chapter's, in the order of the book.

    Raises
    ------
    UserError
        If there is no such chapter.
    """
    if chapter is not None and chapter not in CHAPTERS:
        raise unknown("chapter", chapter, CHAPTERS)
    return [name for name, exercise in _by_name().items() if chapter in (None, exercise.chapter)]


def get(name: str) -> Exercise:
    """Return an exercise by its name.

    Raises
    ------
    UserError
        If there is none of that name; the nearest one is suggested.
    """
    if name not in _by_name():
        close = difflib.get_close_matches(str(name), _by_name(), 3)
        hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else "."
        raise UserError(f"unknown exercise {name!r}{hint} `ganbook exercises list` names them all")
    return _by_name()[name]


def check(name: str, answer: Any) -> Result:
    """Check an answer, and note in the reader's own folder (`ganbook.exercises.progress`) that it was right.

    Parameters
    ----------
    name : str
        Of the exercise.
    answer : object
        The value or the function that the exercise asks for.

    Returns
    -------
    Result
        True if the answer is right. It prints what was tried, and for a wrong answer the misconception and
        the smallest case that exposes it.

    Raises
    ------
    UserError
        If there is no exercise of that name.
    """
    from ganbook.exercises.grading.trial import grade

    result = grade(get(name), answer)
    problem = progress.record(name) if result else ""
    return replace(result, notes=(*result.notes, problem)) if problem else result


_hints_shown: dict[str, int] = {}  # of each exercise, in this session


def hint(name: str, level: int | None = None) -> Shown:
    """Return a hint: the first is a nudge, the last nearly the answer.

    Parameters
    ----------
    name : str
        Of the exercise.
    level : int, optional
        Which hint, from 1. Default: the next one; after the last, the last again.

    Returns
    -------
    Shown
        Markdown.

    Raises
    ------
    UserError
        If there is no such exercise, or no hint of that level.
    """
    hints = get(name).hints
    if level is None:
        level = _hints_shown[name] = min(_hints_shown.get(name, 0) + 1, len(hints))
    elif level not in range(1, len(hints) + 1):
        raise UserError(f"level={level!r}: {name} has hints 1 to {len(hints)}")
    return Shown(f"Hint {level} of {len(hints)}: {hints[level - 1]}")


def solution(name: str) -> Shown:
    """Return a solution, and why it is so.

    Parameters
    ----------
    name : str
        Of the exercise.

    Returns
    -------
    Shown
        Markdown.

    Raises
    ------
    UserError
        If there is no such exercise.
    """
    exercise = get(name)
    return Shown(f"```python\n{exercise.solutions[0].strip()}\n```\n\n{exercise.explanation.strip()}")
