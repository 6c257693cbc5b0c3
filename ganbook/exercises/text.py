"""An exercise's text: one Markdown file, `chapters/CHAPTER/NAME.md`, which is taken apart here.

Between two lines `---` stand the title, the kind, the difficulty and the name of the answer, each as
`key: value`. Sections follow, each under a heading of the second level, in this order::

    ## Statement
    ## Choice         one for each outcome; of the kind "predict" only
    ## Starter        a block of Python
    ## Hint           one for each hint
    ## Solution       a block of Python; one for each solution
    ## Explanation
    ## Wrong          `because: WORDS` and a block of Python; one for each known misconception

What a section holds is shown as it stands there. A translation stands beside the file, as `NAME.zh.md`, with
the same headings and the same blocks of code.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, cast, get_args

from ganbook.errors import UserError
from ganbook.exercises.exercise import Kind, Wrong
from ganbook.support.files import short_path

KEYS = ("title", "kind", "difficulty", "answer")
HEADINGS = ("Statement", "Choice", "Starter", "Hint", "Solution", "Explanation", "Wrong")
ONCE = ("Statement", "Starter", "Explanation")
FENCE = "```"


@dataclass(frozen=True)
class Text:
    """The text of an exercise; the fields are those of `ganbook.exercises.exercise.Exercise`."""

    title: str
    kind: Kind
    difficulty: int
    answer: str
    statement: str
    choices: tuple[str, ...]
    starter: str
    hints: tuple[str, ...]
    solutions: tuple[str, ...]
    explanation: str
    wrong: tuple[Wrong, ...]


class Section(NamedTuple):
    """What stands under one heading: its name, the number of its line in the file, and the lines below it."""

    heading: str
    line: int
    lines: list[str]


class _Mistake(Exception):
    """A file is not written as it should be: the number of the line, and what is wrong there."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line, self.problem = line, problem


def read(path: Path) -> Text:
    """Read an exercise's file.

    Raises
    ------
    UserError
        If it is not there, or not written as the module's docstring says; the line names the place.
    """
    try:
        content = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{short_path(path)}: there is no such file") from None
    return parse(content, short_path(path))


def parse(content: str, where: str) -> Text:
    """Take the content of an exercise's file apart.

    Parameters
    ----------
    content : str
        Markdown.
    where : str
        The name of the file, for messages.

    Returns
    -------
    Text
        What the file says.

    Raises
    ------
    UserError
        If it is not written as the module's docstring says; the line names the place.
    """
    lines = content.splitlines()
    try:
        values, end = _front_matter(lines)
        parts = _sections(lines, end)
        _refuse_disorder(parts, len(lines))
        return _text(values, parts)
    except _Mistake as mistake:
        raise UserError(f"{where}, line {mistake.line}: {mistake.problem}") from None


def sections(content: str) -> list[Section]:
    """Return the sections of a file that `parse` takes."""
    lines = content.splitlines()
    return _sections(lines, _front_matter(lines)[1])


# ---- the parts of a file


def _front_matter(lines: Sequence[str]) -> tuple[dict[str, tuple[int, str]], int]:
    """Return each key's line and value, and how many lines the front matter takes."""
    if not lines or lines[0] != "---":
        raise _Mistake(1, "it must begin with a line `---`, and then `title: ...` and the other keys")
    values: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(lines[1:], 2):
        if line == "---":
            missing = [key for key in KEYS if key not in values]
            if missing:
                raise _Mistake(number, f"the front matter lacks {', '.join(missing)}")
            return values, number
        key, colon, value = line.partition(": ")
        if not colon or not value.strip():
            raise _Mistake(
                number, f"{line!r}: the front matter takes lines `key: value`, and ends with `---`"
            )
        if key not in KEYS:
            raise _Mistake(number, f"unknown key {key!r}; known: {', '.join(KEYS)}")
        if key in values:
            raise _Mistake(number, f"the key {key!r} is there twice")
        values[key] = (number, value.strip())
    raise _Mistake(len(lines), "the front matter does not end: a line `---` is missing")


def _sections(lines: Sequence[str], start: int) -> list[Section]:
    parts: list[Section] = []
    fence = 0  # the line of the one that is open
    for number, line in enumerate(lines[start:], start + 1):
        if line.startswith(FENCE):
            fence = 0 if fence else number
        if line.startswith("## ") and not fence:
            parts.append(Section(line.removeprefix("## ").strip(), number, []))
        elif parts:
            parts[-1].lines.append(line)
        elif line.strip():
            raise _Mistake(number, "text before the first heading; it must be `## Statement`")
    if fence:
        raise _Mistake(fence, f"this block of code does not end: a line {FENCE} is missing")
    return parts


def _refuse_disorder(parts: Sequence[Section], end: int) -> None:
    """Raise if a section is unknown, missing, out of order, or there twice where one is wanted."""
    highest = 0
    for i, part in enumerate(parts):
        if part.heading not in HEADINGS:
            raise _Mistake(part.line, f"unknown section {part.heading!r}; known: {', '.join(HEADINGS)}")
        place = HEADINGS.index(part.heading)
        if place < highest:
            raise _Mistake(part.line, f"`## {part.heading}` must stand before `## {HEADINGS[highest]}`")
        if part.heading in ONCE and any(other.heading == part.heading for other in parts[:i]):
            raise _Mistake(part.line, f"`## {part.heading}` is there twice")
        if not any(line.strip() for line in part.lines):
            raise _Mistake(part.line, f"`## {part.heading}` is empty")
        highest = place
    for heading in HEADINGS:
        if heading != "Choice" and all(part.heading != heading for part in parts):
            raise _Mistake(end, f"the section `## {heading}` is missing")


def _text(values: dict[str, tuple[int, str]], parts: Sequence[Section]) -> Text:
    def of(heading: str) -> list[Section]:
        return [part for part in parts if part.heading == heading]

    kind_line, kind = values["kind"]
    if kind not in get_args(Kind):
        raise _Mistake(kind_line, f"kind: {kind}: it must be one of {', '.join(get_args(Kind))}")
    difficulty_line, difficulty = values["difficulty"]
    if difficulty not in ("1", "2", "3"):
        raise _Mistake(difficulty_line, f"difficulty: {difficulty}: it must be 1, 2 or 3")
    answer_line, answer = values["answer"]
    if not answer.isidentifier():
        raise _Mistake(answer_line, f"answer: {answer}: it must be a name of Python")
    if bool(of("Choice")) != (kind == "predict"):
        raise _Mistake(kind_line, f"kind: {kind}: `## Choice` goes with the kind predict, and with no other")
    return Text(
        title=values["title"][1],
        kind=cast("Kind", kind),
        difficulty=int(difficulty),
        answer=answer,
        statement=_prose(of("Statement")[0]),
        choices=tuple(map(_prose, of("Choice"))),
        starter=_code(of("Starter")[0]),
        hints=tuple(map(_prose, of("Hint"))),
        solutions=tuple(map(_code, of("Solution"))),
        explanation=_prose(of("Explanation")[0]),
        wrong=tuple(map(_wrong, of("Wrong"))),
    )


def _prose(section: Section) -> str:
    return "\n".join(section.lines).strip()


def _code(section: Section) -> str:
    """Return the source of a section that holds one block of Python and nothing else."""
    lines = _prose(section).splitlines()
    fences = [line for line in lines if line.startswith(FENCE)]
    if fences != [f"{FENCE}python", FENCE] or (lines[0], lines[-1]) != tuple(fences):
        raise _Mistake(section.line, f"`## {section.heading}` takes one block {FENCE}python, and no more")
    return "\n".join(lines[1:-1]).strip()


def _wrong(section: Section) -> Wrong:
    number = next(i for i, line in enumerate(section.lines) if line.strip())
    because = re.fullmatch(r"because: (.+)", section.lines[number])
    if because is None:
        raise _Mistake(section.line + number + 1, "`## Wrong` takes `because: WORDS`, then a block of code")
    return Wrong(_code(section._replace(lines=section.lines[number + 1 :])), because[1].strip())
