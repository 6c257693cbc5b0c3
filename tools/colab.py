"""Run the notebooks as Colab would, and compare what they print: `python tools/colab.py` (`make colab`).

Each notebook lies alone in an empty folder. The kernel's environment has what the package needs, on Python
3.12 where the machine has it, but neither the package nor the repository: the first notebook's first cell has
to install it, from the wheel that is built here. The first one finds a module `google.colab`, the others do
not. nbval, from the environment that runs this file, compares every cell's text with what is stored.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat

sys.path.insert(0, str(Path(__file__).parent))
import bare_env

ROOT = bare_env.ROOT
COLAB = "3.12"  # the Python of Colab

LOOK = """
import importlib.util, pathlib, sys
import ganbook
where = pathlib.Path(ganbook.__file__)
assert "site-packages" in where.parts, where
assert not str(where).startswith({root!r}), where
assert sorted(p.name for p in pathlib.Path().glob("*.ipynb")) == [{name!r}]
try:
    import google.colab
    colab = True
except ImportError:
    colab = False
assert colab is {colab}
"""


def environment(folder: Path, wheel: Path, python: str | None) -> Path:
    """Return the Python of an environment with all that the wheel needs, but without the wheel."""
    chosen = Path(python) if python else bare_env.find_python(COLAB)
    if chosen is None:
        print(f"there is no Python {COLAB} here: the notebooks run on {sys.version.split()[0]}")
        shutil.rmtree(folder, ignore_errors=True)
        return bare_env.borrow(folder)
    ours = bare_env.python_of(folder)
    if not ours.exists():
        subprocess.run([chosen, "-m", "venv", str(folder)], check=True)
    # All that the wheel needs comes with it; then the wheel goes.
    pip: list[str | Path] = [ours, "-m", "pip"]
    subprocess.run([*pip, "install", "--quiet", str(wheel), "ipykernel"], check=True)
    subprocess.run([*pip, "uninstall", "--quiet", "--yes", "ganbook"], check=True)
    return ours


def prepared(path: Path, colab: bool) -> nbformat.NotebookNode:
    """Return a notebook whose first cell, where pip speaks, is not compared, and whose last looks around."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[0].metadata.setdefault("tags", []).append("nbval-ignore-output")
    look = LOOK.format(root=str(ROOT / "ganbook"), name=path.name, colab=colab)
    notebook.cells.append(nbformat.v4.new_code_cell(look))
    return notebook


def run(path: Path, python: Path, wheels: Path, colab: bool) -> str | None:
    """Run one notebook and compare its outputs with the stored ones; return what went wrong, or None."""
    with tempfile.TemporaryDirectory() as name:
        folder, kernels, fake = Path(name) / "content", Path(name) / "jupyter", Path(name) / "fake"
        folder.mkdir()
        nbformat.write(prepared(path, colab), folder / path.name)
        variables = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "PIP_CONFIG_FILE": os.devnull}
        if colab:
            (fake / "google" / "colab").mkdir(parents=True)
            (fake / "google" / "colab" / "__init__.py").touch()
            variables["PYTHONPATH"] = str(fake)
        spec = {
            "argv": [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            "display_name": "Colab",
            "language": "python",
            "env": variables,
        }
        (kernels / "kernels" / "colab").mkdir(parents=True)
        (kernels / "kernels" / "colab" / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-kernel-name=colab"]
        command += ["--nbval-cell-timeout=600", "-p", "no:cacheprovider", "-q", "--color=no", path.name]
        environ = bare_env.clean(JUPYTER_PATH=str(kernels))
        done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr if done.returncode else None


def main() -> int:
    """Run all notebooks, and return the number of those that failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path, default=sorted((ROOT / "book").glob("*.ipynb")))
    parser.add_argument("--env", type=Path, default=ROOT / "build" / "colab", help="kept for the next time")
    parser.add_argument("--python", help=f"default: {COLAB} if it is found, else the running one")
    args = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        wheels = Path(name)
        wheel = bare_env.build_wheel(wheels)
        python = environment(args.env.absolute(), wheel, args.python)
        version = subprocess.run(
            [python, "--version"], capture_output=True, text=True, check=True
        ).stdout.strip()
        print(f"{wheel.name} on {version}")
        for number, path in enumerate(args.notebooks):
            started = time.perf_counter()
            wrong = run(path, python, wheels, colab=number == 0)
            seconds = time.perf_counter() - started
            print(f"{path.name}: {'ran' if wrong is None else 'FAILED'}, {seconds:.0f} s", flush=True)
            if wrong is not None:
                failed += 1
                print(wrong, file=sys.stderr)
    return failed


if __name__ == "__main__":
    sys.exit(main())
