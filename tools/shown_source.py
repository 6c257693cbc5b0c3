"""Put the package's source where a chapter shows it: `python tools/shown_source.py`.

A chapter names the functions in a comment, and the block of Python below it is written by this tool: without
docstrings, in lines of 80 columns, as the other code of the chapters:

    <!-- source: ganbook.training.step.discriminator_step ganbook.training.step.generator_step -->

`--check` changes nothing and says which chapter is out of date; `tests/book` does so, too.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
WIDTH = 80
SHOWN = re.compile(r"(<!-- source: ([\w. ]+) -->\n\n?)```python\n.*?```", re.DOTALL)


def find(name: str) -> Any:
    """Return a function or method by its full name."""
    parts = name.split(".")
    for number in range(len(parts) - 1, 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:number]))
        except ModuleNotFoundError:
            continue
        for part in parts[number:]:
            found = getattr(found, part)
        return found
    raise LookupError(name)


def source(name: str) -> str:
    """Return a function's source as a chapter shows it."""
    text = textwrap.dedent(inspect.getsource(find(name)))
    (function,) = ast.parse(text).body
    assert isinstance(function, ast.FunctionDef)
    lines = text.splitlines()
    if ast.get_docstring(function) is not None:
        doc = function.body[0]
        del lines[doc.lineno - 1 : doc.end_lineno]
    text = "\n".join(map(comment_above, "\n".join(lines).replace("  # fmt: skip", "").splitlines()))
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length", str(WIDTH), "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout.strip()


def comment_above(line: str) -> str:
    """Put a comment at the end of a line that is too long above it.

    Examples
    --------
    >>> print(comment_above("    fake = G(z)  # " + "no gradient reaches G in the turn of the discriminator"))
        # no gradient reaches G in the turn of the discriminator
        fake = G(z)
    """
    code, hash_, comment = line.partition("  # ")
    if not hash_ or not code.strip() or len(line) <= WIDTH:
        return line
    indent = " " * (len(code) - len(code.lstrip()))
    return f"{indent}# {comment}\n{code}"


def renewed(text: str) -> str:
    """Return a Markdown text with the source as it is now."""

    def block(match: re.Match[str]) -> str:
        return match[1] + "```python\n" + "\n\n\n".join(map(source, match[2].split())) + "\n```"

    return SHOWN.sub(block, text)


def main() -> int:
    """Renew the chapters, or say which are out of date."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path, default=sorted((ROOT / "book").glob("*.ipynb")))
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if one is out of date")
    args = parser.parse_args()
    old = 0
    for path in args.notebooks:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        changed = False
        for cell in notebook["cells"]:
            text = "".join(cell["source"])
            if cell["cell_type"] == "markdown" and (new := renewed(text)) != text:
                cell["source"] = new.splitlines(keepends=True)
                changed = True
        if not changed:
            continue
        old += 1
        print(f"{path}: {'shows source that has changed' if args.check else 'source renewed'}")
        if not args.check:
            path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return int(args.check and old > 0)


if __name__ == "__main__":
    sys.exit(main())
