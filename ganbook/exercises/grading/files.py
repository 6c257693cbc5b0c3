"""`ganbook exercises check FILE`: runs a reader's file in a process of its own, and collects the results.

In that process nothing reaches the network, and when the time is up it is ended, whatever it is doing.
"""

from __future__ import annotations

import contextlib
import io
import json
import linecache
import os
import re
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from ganbook import exercises
from ganbook.errors import UserError
from ganbook.exercises.grading.result import Result, first_line, where
from ganbook.exercises.grading.trial import grade
from ganbook.exercises.sheets import MARK

SECONDS = 120.0


class FileResult(NamedTuple):
    """The results of a file's checks, and what stopped it before its end (or "")."""

    results: list[Result]
    problem: str


def grade_file(path: Path, seconds: float = SECONDS) -> FileResult:
    """Run a file, and collect the results of its checks.

    Parameters
    ----------
    path : Path
        A script (.py) or a notebook (.ipynb), as `start` writes them.
    seconds : float
        How long it may run.

    Returns
    -------
    FileResult
        Of several checks of one exercise the last one counts.

    Raises
    ------
    UserError
        If there is no such file, if it is no script and no notebook, or if it holds no exercise.
    """
    code, marked = read(path)
    name = marked or _name_in(code)
    if not name:
        raise UserError(
            f"{path}: there is no exercise in it. "
            "`ganbook exercises start NAME` writes a file to work in; "
            'one of your own needs a line gb.exercises.check("NAME", answer)'
        )
    exercises.get(name)  # a name that does not exist is told before anything runs
    with tempfile.TemporaryDirectory() as folder:
        task, report = Path(folder) / "task.json", Path(folder) / "report.json"
        task.write_text(json.dumps({"code": code, "exercise": name}), encoding="utf-8")
        problem = _run_apart(task, report, path.resolve().parent, seconds)
        if problem:
            return FileResult([], problem)
        content = json.loads(report.read_text(encoding="utf-8"))
    results = [
        Result(**entry | {"tried": tuple(entry["tried"]), "notes": tuple(entry["notes"])})
        for entry in content["results"]
    ]
    return FileResult(results, content["problem"])


def _run_apart(task: Path, report: Path, folder: Path, seconds: float) -> str:
    """Run a task in a process of its own; return what kept it from writing its report, or ""."""
    # -P: a file of the reader's that is called like a module must not take its place.
    command = [sys.executable, "-P", "-m", "ganbook.exercises.grading.files", str(task), str(report)]
    process = subprocess.Popen(
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        start_new_session=os.name == "posix",
    )  # fmt: skip
    try:
        _, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        _end(process)
        return f"it had not ended after {seconds:g} seconds and was stopped. Is there a loop that never ends?"
    except BaseException:
        _end(process)
        raise
    if report.is_file():
        return ""
    last = errors.decode("utf-8", "replace").strip().splitlines()[-1:] or ["it said nothing"]
    return f"it ended the process that ran it (exit code {process.returncode}: {last[0]})"


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.communicate()


def read(path: Path) -> tuple[list[tuple[str, str]], str]:
    """Return a file's code as (name, source) pairs (a notebook's cell by cell), and the exercise it is for.

    Raises
    ------
    UserError
        If it cannot be read as what its name says.
    """
    if not path.is_file():
        raise UserError(f"{path}: there is no such file")
    if path.suffix not in (".py", ".ipynb"):
        raise UserError(f"{path}: it takes a script (.py) or a notebook (.ipynb)")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{path}: it is not text in UTF-8") from None
    if path.suffix == ".py":
        mark = re.search(rf"^{MARK}(\S+)", text, re.MULTILINE)
        return [(path.name, text)], mark[1] if mark else ""
    try:
        notebook = json.loads(text)
        code = [
            (f"cell {number}", _plain("".join(cell["source"])))
            for number, cell in enumerate(notebook["cells"], 1)
            if cell["cell_type"] == "code"
        ]
        name = notebook.get("metadata", {}).get("ganbook", {}).get("exercise", "")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"{path}: it is not a notebook (its JSON is damaged, or of another kind)") from None
    return code, name if isinstance(name, str) else ""


def _plain(source: str) -> str:
    """Empty the lines that only Jupyter understands: magics, shell commands, questions."""
    if source.lstrip().startswith("%%"):
        return ""
    lines = source.splitlines()
    return "\n".join("" if re.match(r"[%!?]|[\w.]+\?+\s*$", line.lstrip()) else line for line in lines)


def _name_in(code: list[tuple[str, str]]) -> str:
    """Return the exercise that the first check in the code names, or ""."""
    for _, source in code:
        call = re.search(r"""exercises\.check\(\s*["']([^"']+)["']""", source)
        if call:
            return call[1]
    return ""


# ---- in the other process


def _no_network(event: str, _: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        raise OSError("exercises are checked without a network")


def _run(task: Path, report: Path) -> None:
    """Do a task, and write its report."""
    content = json.loads(task.read_text(encoding="utf-8"))
    exercise = exercises.get(content["exercise"])
    sys.addaudithook(_no_network)
    sys.path.append(os.getcwd())
    results: dict[str, Result] = {}

    def check(name: str, answer: Any) -> Result:
        results[name] = grade(exercises.get(name), answer)
        return results[name]

    exercises.check = check
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        problem = _execute(content["code"], namespace)
        if exercise.name not in results and not problem and exercise.answer in namespace:
            check(exercise.name, namespace[exercise.answer])
    if exercise.name not in results and not problem:
        problem = f"it neither checks {exercise.name} nor defines `{exercise.answer}`"
    entries = [asdict(result) for result in results.values()]
    report.write_text(json.dumps({"results": entries, "problem": problem}), encoding="utf-8")


def _execute(code: list[tuple[str, str]], namespace: dict[str, Any]) -> str:
    """Run the parts of a file one after the other; return what stopped it, or ""."""
    for name, source in code:
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        try:
            exec(compile(source, name, "exec"), namespace)
        except SyntaxError as error:
            return f"{error.filename}, line {error.lineno}: {error.msg}"
        except SystemExit:
            return ""
        except BaseException as error:  # noqa: BLE001  a reader's file may raise anything
            return f"it raised {type(error).__name__}: {first_line(error)}{where(error)}"
    return ""


if __name__ == "__main__":
    _run(Path(sys.argv[1]), Path(sys.argv[2]))
