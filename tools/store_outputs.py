"""Run notebooks from top to bottom and store what they print, without pictures and progress bars.

    python tools/store_outputs.py book/training_steps.ipynb

What is stored is what `make colab` compares the next run with; and how long it took, which `tests/book` holds
against what the chapter promises.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

PROCESSOR_TIME = "import time; print(time.process_time())"
PICTURES = ("image/png", "image/jpeg", "image/svg+xml", "text/html")


def tidy(notebook: nbformat.NotebookNode, seconds: float) -> None:
    """Keep text only: pictures are drawn again at every build, progress bars and timings never agree."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        "ganbook": {"seconds": round(seconds)},
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
        cell.outputs = merged(cell.outputs)


def merged(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Join what a cell printed: a busy machine delivers it in pieces, another number of them each time."""
    joined: list[nbformat.NotebookNode] = []
    for out in outputs:
        if joined and out.output_type == joined[-1].output_type == "stream" and out.name == joined[-1].name:
            joined[-1].text += out.text
        else:
            joined.append(out)
    return joined


def main() -> int:
    """Run and store; return the number of notebooks that failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("notebooks", nargs="+", type=Path)
    failed = 0
    for path in parser.parse_args().notebooks:
        notebook = nbformat.read(path, as_version=4)
        notebook.cells.append(nbformat.v4.new_code_cell(PROCESSOR_TIME))
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
        # On a busy machine the clock runs on while the notebook waits; its processor time says what it would
        # take at most on two cores of its own.
        processor = float(notebook.cells.pop().outputs[0]["text"])
        seconds = min(time.perf_counter() - started, processor)
        tidy(notebook, seconds)
        nbformat.write(notebook, path)
        print(f"{path}: stored, {seconds:.0f} s")
    return failed


if __name__ == "__main__":
    sys.exit(main())
