"""What an exercise is: one source, of which page, notebook cell, command and tests are made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["compute", "code", "predict", "repair"]
CHAPTERS = (
    "background",
    "minimax",
    "training_steps",
    "running_it",
    "dcgan",
    "evaluation",
    "when_it_goes_wrong",
    "mistakes",
)


@dataclass(frozen=True)
class Wrong:
    """An answer that is known to be wrong, and a part of the message that it must get."""

    source: str  # Python, complete: defines the exercise's `answer` name
    because: str  # words of the misconception's message; each Wrong of an exercise gets its own message


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Attributes
    ----------
    name : str
        Short and unique, in lower case with hyphens: "optimal-discriminator".
    title : str
        One line for lists and headings.
    chapter : str
        One of `CHAPTERS`.
    kind : {"compute", "code", "predict", "repair"}
        A number or function to derive; code to write; an outcome to commit to before it is run; a broken
        loop to mend.
    difficulty : int
        1 (a few minutes with the chapter open), 2, or 3 (needs a new thought).
    statement : str
        Markdown with $...$ formulas: what is given, what is wanted, in which form (name, arguments, shapes).
    starter : str
        Python that runs as it stands, to be completed; the place of the answer holds `...`. For "repair":
        the broken code, complete.
    answer : str
        The name that the starter defines and that is handed to `check`: a value or a function.
    check : callable
        Takes a `Trial`, returns nothing, and calls `trial.fail(...)` for an answer that is not right.
    hints : tuple of str
        At least two, graded: first a nudge, last nearly the answer. Markdown.
    solutions : tuple of str
        At least two complete answers in different styles (loops and vectorised, NumPy and torch, ...). The
        first one is shown to readers.
    explanation : str
        Markdown, shown with the solution: why it is so.
    wrong : tuple of Wrong
        At least three known misconceptions.
    choices : tuple of str
        For "predict": the outcomes to choose from, in Markdown; the answer is a letter, "A" the first.
    """

    name: str
    title: str
    chapter: str
    kind: Kind
    difficulty: int
    statement: str
    starter: str
    answer: str
    check: Callable[[Any], None]
    hints: tuple[str, ...]
    solutions: tuple[str, ...]
    explanation: str
    wrong: tuple[Wrong, ...]
    choices: tuple[str, ...] = ()
