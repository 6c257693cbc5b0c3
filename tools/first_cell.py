"""Give every chapter the same first cell, which installs the package where it is missing.

    python tools/first_cell.py             # all of book/*.ipynb
    python tools/first_cell.py --check     # say which chapters lack it, change nothing

Run it after writing a chapter and after changing the version of the package: the cell asks for a package that
is at least as new as the notebooks. Where the package is there, the cell does nothing. The page does not
show it.
"""

from __future__ import annotations

import argparse
import copy
import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
NAME = "install-ganbook"  # the cell's id

SOURCE = """\
# On Colab, and wherever the package is missing, this installs it.
import importlib.util

if importlib.util.find_spec("ganbook") is None:
    get_ipython().run_line_magic("pip", "install --quiet 'ganbook>={version}'")
"""


def version() -> str:
    """Return the version of the package in this repository."""
    text = (ROOT / "ganbook" / "__init__.py").read_text(encoding="utf-8")
    return re.findall(r'^__version__ = "([^"]+)"', text, flags=re.MULTILINE)[0]


def cell() -> dict[str, Any]:
    """Return the cell as it should be."""
    return {
        "cell_type": "code",
        "execution_count": 1,
        "id": NAME,
        "metadata": {"tags": ["remove-cell"]},
        "outputs": [],
        "source": SOURCE.format(version=version()).rstrip("\n").splitlines(keepends=True),
    }


def with_first_cell(notebook: dict[str, Any]) -> dict[str, Any]:
    """Return a notebook that begins with the cell; the numbers of the runs after it follow.

    Examples
    --------
    >>> code = {"cell_type": "code", "id": "a", "execution_count": 1, "outputs": [], "source": []}
    >>> [c["execution_count"] for c in with_first_cell({"cells": [code]})["cells"]]
    [1, 2]
    """
    notebook = copy.deepcopy(notebook)
    notebook["cells"] = [cell(), *(c for c in notebook["cells"] if c.get("id") != NAME)]
    number = 0
    for each in notebook["cells"]:
        if each["cell_type"] != "code":
            continue
        number += 1
        if each.get("execution_count") is not None:
            each["execution_count"] = number
            for output in each["outputs"]:
                if output.get("execution_count") is not None:
                    output["execution_count"] = number
    return notebook


def main() -> int:
    """Write the cell into the notebooks, or say where it is not as it should be."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path, default=sorted((ROOT / "book").glob("*.ipynb")))
    parser.add_argument("--check", action="store_true", help="change nothing")
    args = parser.parse_args()
    stale = 0
    for path in args.notebooks:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        better = with_first_cell(notebook)
        if better == notebook:
            continue
        stale += 1
        print(f"{path}: {'needs the first cell' if args.check else 'first cell written'}")
        if not args.check:
            path.write_text(json.dumps(better, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return int(args.check and stale > 0)


if __name__ == "__main__":
    sys.exit(main())
