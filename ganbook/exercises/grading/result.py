"""What a check finds, and how it is told; also where in the learner's code an error arose."""

from __future__ import annotations

import html
import linecache
import sysconfig
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

State = Literal["right", "wrong", "unanswered"]


class Failure(Exception):
    """The answer is not right: `message` names the misconception, `case` is the smallest that shows it."""

    def __init__(self, message: str, case: str = "", got: str = "") -> None:
        super().__init__(message)
        self.message, self.case, self.got = message, case, got


class Unanswered(Exception):
    """The place of the answer still holds `...`."""


@dataclass(frozen=True, repr=False)
class Result:
    """What a check found. It is true if the answer is right; it prints as text, and as HTML in a notebook.

    Attributes
    ----------
    name, title : str
        Of the exercise.
    state : {"right", "wrong", "unanswered"}
        What became of the answer.
    message : str
        For a wrong answer: what happened, and which misconception leads there.
    case : str
        The smallest case that exposes it; empty if there is none.
    got : str
        What the answer gave for that case; empty if there is nothing to show.
    tried : tuple of str
        What was tried, up to the first failure.
    notes : tuple of str
        What else there is to say, such as what the answer printed.
    """

    name: str
    title: str
    state: State
    message: str = ""
    case: str = ""
    got: str = ""
    tried: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.state == "right"

    def _headline(self) -> str:
        says = {"right": "right", "wrong": "not right yet", "unanswered": "not answered yet"}[self.state]
        return f"{self.name}: {says}"

    def _rows(self) -> list[tuple[str, str]]:
        rows = [
            ("why", self.message),
            ("case", self.case),
            ("your answer gave", self.got),
            ("tried", "; ".join(self.tried)),
            *(("note", note) for note in self.notes),
        ]
        if self.state == "wrong":
            rows.append(("help", f'gb.exercises.hint("{self.name}")'))
        return [(key, value) for key, value in rows if value]

    def __repr__(self) -> str:
        mark = {"right": "+", "wrong": "x", "unanswered": "-"}[self.state]
        lines = [f"{mark} {self._headline()}"]
        for key, value in self._rows():
            first, *rest = value.splitlines() or [""]
            lines += [f"  {key}: {first}", *(f"    {line}" for line in rest)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        # No colour for the text and none for the ground, so that it reads on light and dark pages alike.
        colour = {"right": "#2e9e5b", "wrong": "#d9822b", "unanswered": "#8a8f98"}[self.state]
        mark = {"right": "✓", "wrong": "✗", "unanswered": "…"}[self.state]
        rows = "".join(
            f'<div style="margin-top:.3em"><span style="opacity:.75">{html.escape(key)}:</span> '
            f'<span style="white-space:pre-wrap{mono}">{html.escape(value)}</span></div>'
            for key, value in self._rows()
            for mono in [";font-family:monospace" if key in ("case", "your answer gave", "help") else ""]
        )
        return (
            f'<div class="gb-result tex2jax_ignore mathjax_ignore" style="border-left:.3em solid {colour};'
            f'padding:.3em .8em;margin:.3em 0;color:currentColor;max-width:48em">'
            f"<strong>{mark} {html.escape(self._headline())}</strong>{rows}</div>"
        )


class Shown(str):
    """Text for a reader: prints as it is, also as the last expression of a cell."""

    def __repr__(self) -> str:
        return str(self)

    def _repr_markdown_(self) -> str:
        return str(self)


# ---- errors of the learner's code


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, cut if it is long, whatever the error does."""
    try:
        lines = str(error).strip().splitlines()
    except Exception:  # noqa: BLE001  even str() of an error may raise
        return "(no text)"
    text = lines[0] if lines else "(no text)"
    return text if len(text) <= 200 else text[:197] + "..."


_LIBRARIES = (  # where code lies that is not the learner's own
    *{str(Path(sysconfig.get_path(key))) for key in ("stdlib", "platstdlib", "purelib", "platlib")},
    str(Path(__file__).parent.parent.parent),
    "<frozen",
)


def learners_line(error: BaseException) -> tuple[int, str] | None:
    """Return the number and the text of the last line of the learner's own code in a traceback."""
    last = None
    for frame, number in traceback.walk_tb(error.__traceback__):
        file = frame.f_code.co_filename
        if not file.startswith(_LIBRARIES):
            last = (number, linecache.getline(file, number).strip())
    return last


def where(error: BaseException) -> str:
    """Return " (line 3 of your code: ...)" for an error that passed through the learner's code, else ""."""
    line = learners_line(error)
    if line is None:
        return ""
    return f" (line {line[0]} of your code{': ' + line[1] if line[1] else ''})"
