"""Check the types in the code cells of the chapters: `python tools/notebook_types.py [NOTEBOOK ...]`.

A chapter's cells are one module; each exercise, which stands by itself, is another. What is looked for is a
name that does not exist, in the package or in the chapter, and a call with arguments that do not fit: what a
change of the package breaks in a chapter. Whether a value may be None and the like is not asked of code that
is written to be read.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
EXERCISE = "exercise"  # the tag of the cells that tools/exercise_pages.py makes
NOT_ASKED = ("arg-type", "assignment", "index", "misc", "no-redef", "operator", "union-attr", "var-annotated")
HEAD = "import ganbook as gb\nfrom IPython import get_ipython\n"


def modules_of(path: Path) -> dict[str, tuple[str, list[tuple[int, int]]]]:
    """Return the modules of a notebook: for each name its code, and where in it each cell begins.

    Lines that only IPython understands become empty.
    """
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    chapter, begins = HEAD, []
    modules: dict[str, tuple[str, list[tuple[int, int]]]] = {}
    for number, cell in enumerate(cells):
        if cell["cell_type"] != "code":
            continue
        code = re.sub(r"^\s*[%!].*$", "", "".join(cell["source"]), flags=re.MULTILINE) + "\n"
        if EXERCISE in cell["metadata"].get("tags", []):
            modules[f"{path.stem}_exercise_{number}"] = (HEAD + code, [(HEAD.count("\n"), number)])
        else:
            begins.append((chapter.count("\n"), number))
            chapter += code
    return {f"{path.stem}_chapter": (chapter, begins), **modules}


def in_the_notebook(line: str, modules: dict[str, tuple[Path, list[tuple[int, int]]]]) -> str | None:
    """Return one of mypy's lines with the notebook, the cell and the line in it in place of the module's."""
    match = re.match(r"(?:.*/)?(\w+)\.py:(\d+): (.*)", line)
    if not match or match[1] not in modules:
        return None
    path, begins = modules[match[1]]
    start, cell = max(begin for begin in begins if begin[0] < int(match[2]))
    return f"{path}, cell {cell}, line {int(match[2]) - start}: {match[3]}"


def main() -> int:
    """Check the notebooks; exit with 1 if something does not fit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path, default=sorted((ROOT / "book").glob("*.ipynb")))
    args = parser.parse_args()
    origins: dict[str, tuple[Path, list[tuple[int, int]]]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path in args.notebooks:
            shown = path.resolve().relative_to(ROOT) if path.resolve().is_relative_to(ROOT) else path
            for module, (code, begins) in modules_of(path).items():
                (folder / f"{module}.py").write_text(code, encoding="utf-8")
                origins[module] = (shown, begins)
        command = [sys.executable, "-m", "mypy", "--config-file", "", "--ignore-missing-imports"]
        command += ["--check-untyped-defs", "--no-error-summary", "--hide-error-context"]
        command += ["--allow-redefinition-new", "--local-partial-types"]  # a chapter uses names again
        command += [word for code in NOT_ASKED for word in ("--disable-error-code", code)]
        command += ["--cache-dir", str(ROOT / ".mypy_cache" / "notebooks")]
        files = sorted(str(path) for path in folder.glob("*.py"))
        done = subprocess.run([*command, *files], capture_output=True, text=True, cwd=ROOT)
    lines = [in_the_notebook(line, origins) for line in done.stdout.splitlines() if ": error: " in line]
    problems = [line for line in lines if line is not None]
    print(*problems, sep="\n")
    if not problems and done.returncode not in (0, 1):
        print(done.stdout, done.stderr, sep="\n")
        return 2
    print(f"{len(problems)} problems in the code of {len(args.notebooks)} notebooks, {len(files)} modules")
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
