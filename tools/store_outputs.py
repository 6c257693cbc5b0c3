"""Run notebooks from top to bottom and store what they print, without pictures and progress bars.

    python tools/store_outputs.py book/training_steps.ipynb

What is stored is what `make test` compares the next run with.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

PICTURES = ("image/png", "image/jpeg", "image/svg+xml", "text/html")


def tidy(notebook: nbformat.NotebookNode) -> None:
    """Keep text only: pictures are drawn again at every build, progress bars and timings never agree."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        cell.metadata.pop("execution", None)
        cell.outputs = [out for out in cell.outputs if out.get("name") != "stderr"]
        for out in cell.outputs:
            for kind in PICTURES:
                out.get("data", {}).pop(kind, None)
            out.pop("metadata", None) if out.output_type == "stream" else out.update(metadata={})


def main() -> int:
    """Run and store; return the number of notebooks that failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("notebooks", nargs="+", type=Path)
    failed = 0
    for path in parser.parse_args().notebooks:
        notebook = nbformat.read(path, as_version=4)
        started = time.perf_counter()
        client = NotebookClient(
            notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": path.parent}}
        )
        try:
            client.execute()
        except CellExecutionError as error:
            print(f"{path}: not stored\n{error}", file=sys.stderr)
            failed += 1
            continue
        tidy(notebook)
        nbformat.write(notebook, path)
        print(f"{path}: stored, {time.perf_counter() - started:.0f} s")
    return failed


if __name__ == "__main__":
    sys.exit(main())
