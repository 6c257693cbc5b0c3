"""Sheets to work on: one exercise as the cells of a notebook or as a script, made of its one source."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any, NamedTuple

from ganbook.errors import UserError
from ganbook.exercises.exercise import Exercise

KINDS = {
    "compute": "compute or derive",
    "code": "write code",
    "predict": "predict, then run",
    "repair": "repair",
}
MARK = "# ganbook exercise: "


class Cell(NamedTuple):
    """A cell of a notebook: kind ("markdown" or "code"), the end of its id, and its text."""

    kind: str
    part: str
    source: str


def statement(exercise: Exercise, heading: str = "###") -> str:
    """Return the statement with its heading, kind, difficulty and choices, in Markdown."""
    stars = "★" * exercise.difficulty + "☆" * (3 - exercise.difficulty)
    lines = [
        f"{heading} {exercise.title}",
        "",
        f"*{KINDS[exercise.kind]} · {stars} · `{exercise.name}`*",
        "",
        exercise.statement.strip(),
    ]
    if exercise.choices:
        lines += [
            "",
            *(f"- **{letter}.** {text}" for letter, text in zip("ABCDEFG", exercise.choices, strict=False)),
        ]
    return "\n".join(lines)


def check_line(exercise: Exercise) -> str:
    """Return the line that checks the answer."""
    return f'gb.exercises.check("{exercise.name}", {exercise.answer})'


def code(exercise: Exercise) -> str:
    """Return the starter and, last, the line that checks the answer; it needs `import ganbook as gb`."""
    starter = exercise.starter.strip()
    last = ast.parse(starter).body[-1]
    gap = "\n\n\n" if isinstance(last, (ast.FunctionDef, ast.ClassDef)) else "\n\n"
    return f"{starter}{gap}{check_line(exercise)}"


def drop_downs(exercise: Exercise) -> str:
    """Return hints and solution as drop-downs that open in a notebook and on a page of HTML alike."""
    parts = []
    for number, text in enumerate(exercise.hints, 1):
        parts.append(_details(f"Hint {number} of {len(exercise.hints)}", text.strip()))
    body = f"```python\n{exercise.solutions[0].strip()}\n```\n\n{exercise.explanation.strip()}"
    parts.append(_details("Solution", body))
    return "\n\n".join(parts)


def _details(summary: str, body: str) -> str:
    # The empty lines make Markdown of what is between the tags, with its formulas and code.
    return f"<details>\n<summary>{summary}</summary>\n\n{body}\n\n</details>"


def cells(exercise: Exercise) -> list[Cell]:
    """Return an exercise as cells: statement, starter with the check, hints and solution."""
    return [
        Cell("markdown", "task", statement(exercise)),
        Cell("code", "code", code(exercise)),
        Cell("markdown", "help", drop_downs(exercise)),
    ]


def start(exercise: Exercise, folder: Path, script: bool = False) -> Path:
    """Write a sheet to work on: NAME.ipynb or NAME.py.

    Parameters
    ----------
    exercise : Exercise
        The exercise.
    folder : Path
        Where to; made if it is not there.
    script : bool
        A Python script in place of a notebook.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    UserError
        If the file is there already: it may hold work, and stays as it is.
    OSError
        If it cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: this is a file; DIR takes a folder")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{exercise.name}{'.py' if script else '.ipynb'}"
    text = (
        _script(exercise) if script else json.dumps(notebook(exercise), indent=1, ensure_ascii=False) + "\n"
    )
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UserError(
            f"{path} is there already and was left as it is; "
            f"go on in it, check it with `ganbook exercises check {path}`, "
            "or name another folder to start anew"
        ) from None
    return path


def notebook(exercise: Exercise) -> dict[str, Any]:
    """Return a notebook (format 4.5) with one exercise; hints are asked for, the solution is not in it."""
    help_text = (
        "Stuck? Each call gives the next hint. "
        f'Or see the solution: `gb.exercises.solution("{exercise.name}")`.'
    )
    parts = [
        Cell("markdown", "task", statement(exercise, "#")),
        Cell("code", "code", f"import ganbook as gb\n\n{code(exercise)}"),
        Cell("markdown", "stuck", help_text),
        Cell("code", "hint", f'# gb.exercises.hint("{exercise.name}")'),
    ]
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            "ganbook": {"exercise": exercise.name},
        },
        "cells": [as_json(part, part.part) for part in parts],
    }


def as_json(cell: Cell, cell_id: str) -> dict[str, Any]:
    """Return a cell as a notebook stores it, without outputs."""
    entry: dict[str, Any] = {
        "cell_type": cell.kind,
        "id": cell_id,
        "metadata": {},
        "source": cell.source.splitlines(keepends=True),
    }
    if cell.kind == "code":
        entry |= {"execution_count": None, "outputs": []}
    return entry


def _script(exercise: Exercise) -> str:
    text = "\n".join(f"# {line}".rstrip() for line in statement(exercise, "#").splitlines())
    lines = code(exercise).splitlines()
    lines[-1] = f"print({lines[-1]})"
    help_text = f'# Stuck? print(gb.exercises.hint("{exercise.name}"))'
    body = "\n".join(lines)
    return f"{MARK}{exercise.name}\n{text}\n\nimport ganbook as gb\n\n{body}\n\n{help_text}\n"
