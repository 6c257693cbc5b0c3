"""Put the exercises into their chapters: statement, cell to answer in, hints and solution.

    python tools/exercise_pages.py                          all chapters that there are
    python tools/exercise_pages.py book/minimax.ipynb ...   some
    python tools/exercise_pages.py --check                  change nothing; exit 1 where a page is out of date

They come at the end of the chapter. One that should stand in the text is put there once, as a cell with the
tag `exercise` and the id `ex-NAME-task`; its text is then kept up to date there, and not repeated at the end.
The chapter must have run `import ganbook as gb` before it.

All of it is made of `ganbook.exercises`, the one source, and nothing else in the notebook is touched. The
cells carry the tag `exercise`, and ids that depend on the exercise's name alone, so that the tool may be run
again and again. What a cell prints before it is answered is stored with it (the tests compare it, nbval does
not).
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

from ganbook import exercises
from ganbook.exercises import sheets
from ganbook.exercises.grading.trial import grade

BOOK = Path(__file__).parent.parent / "book"
TAG = "exercise"
INTRODUCTION = """## Exercises that answer back

Write your answer in the place of `...` and run the cell (each needs the one below this text). A wrong answer
is told what is wrong with it, and the smallest case that shows it. Open a hint only when you are stuck, and
the solution when you are done. ★☆☆ takes a few minutes with the chapter open, ★★★ needs a new thought. To
work in a file of your own:

```
ganbook exercises list
ganbook exercises start {name}
```"""


def section(chapter: str, in_text: Collection[str] = ()) -> list[dict[str, Any]]:
    """Return the cells of the list at a chapter's end; none if there is nothing to list.

    Parameters
    ----------
    chapter : str
        The chapter.
    in_text : collection of str
        Exercises that stand in the chapter's text and are not repeated here.
    """
    chosen = [exercises.get(name) for name in exercises.names(chapter) if name not in in_text]
    if not chosen:
        return []
    introduction = sheets.Cell("markdown", "intro", INTRODUCTION.format(name=chosen[0].name))
    cells = [
        _tagged(sheets.as_json(introduction, f"ex-{chapter}-intro")),
        _tagged(sheets.as_json(sheets.Cell("code", "setup", "import ganbook as gb"), f"ex-{chapter}-setup")),
    ]
    return cells + [cell for exercise in chosen for cell in cells_of(exercise)]


def cells_of(exercise: exercises.Exercise) -> list[dict[str, Any]]:
    """Return an exercise's cells: statement, cell to answer in with what it prints, hints and solution."""
    cells = []
    for cell in sheets.cells(exercise):
        entry = _tagged(sheets.as_json(cell, f"ex-{exercise.name}-{cell.part}"))
        if cell.kind == "code":
            text = repr(grade(exercise, starter_answer(exercise)))
            entry["outputs"] = [
                {
                    "data": {"text/plain": text.splitlines(keepends=True)},
                    "execution_count": None,
                    "metadata": {},
                    "output_type": "execute_result",
                }
            ]
            entry["metadata"]["tags"].append("nbval-ignore-output")
        cells.append(entry)
    return cells


def starter_answer(exercise: exercises.Exercise) -> Any:
    """Return what an untouched starter hands to `check`."""
    namespace: dict[str, Any] = {}
    exec(compile(exercise.starter, f"<{exercise.name}>", "exec"), namespace)
    return namespace[exercise.answer]


def _tagged(cell: dict[str, Any]) -> dict[str, Any]:
    cell["metadata"] = {"tags": [TAG]}
    return cell


def _is_exercise(cell: dict[str, Any]) -> bool:
    return TAG in cell["metadata"].get("tags", [])


def with_exercises(notebook: dict[str, Any], chapter: str) -> dict[str, Any]:
    """Return the notebook with the chapter's exercises as they are now.

    An exercise whose statement (the cell `ex-NAME-task`) has text of the chapter after it stays where it is;
    all others come at the end.
    """
    updated = copy.deepcopy(notebook)
    own = [i for i, cell in enumerate(updated["cells"]) if not _is_exercise(cell)]
    end = own[-1] + 1 if own else 0
    tasks = {f"ex-{name}-task": name for name in exercises.names(chapter)}
    cells, in_text = [], []
    for cell in updated["cells"][:end]:
        if not _is_exercise(cell):
            cells.append(cell)
        elif cell["id"] in tasks:
            in_text.append(tasks[cell["id"]])
            cells += cells_of(exercises.get(in_text[-1]))
    updated["cells"] = cells + section(chapter, in_text)
    _number(updated["cells"])
    return updated


def _number(cells: list[dict[str, Any]]) -> None:
    """Give the runs of the code cells numbers from 1 on, where they ran; those of exercises always did."""
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    for count, cell in enumerate(code, 1):
        if cell["execution_count"] is not None or _is_exercise(cell):
            cell["execution_count"] = count
            for output in cell["outputs"]:
                if "execution_count" in output:
                    output["execution_count"] = count


def main() -> int:
    """Write the pages, or check them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path)
    parser.add_argument(
        "--check", action="store_true", help="change nothing; exit 1 if a page is out of date"
    )
    args = parser.parse_args()
    all_of_them = [BOOK / f"{chapter}.ipynb" for chapter in exercises.CHAPTERS]
    old = 0
    for path in args.notebooks or [path for path in all_of_them if path.exists()]:
        if path.stem not in exercises.CHAPTERS:
            known = ", ".join(exercises.CHAPTERS)
            print(f"{path}: not a chapter with exercises; these are {known}", file=sys.stderr)
            return 2
        notebook = json.loads(path.read_text(encoding="utf-8"))
        updated = with_exercises(notebook, path.stem)
        if updated == notebook:
            print(f"{path}: up to date")
            continue
        old += 1
        if args.check:
            print(f"{path}: out of date; python tools/exercise_pages.py {path}")
            continue
        path.write_text(json.dumps(updated, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        print(f"{path}: {len(exercises.names(path.stem))} exercises")
    return int(args.check and old > 0)


if __name__ == "__main__":
    sys.exit(main())
