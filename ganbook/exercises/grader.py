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

from ganbook.errors import UserError
from ganbook.exercises import Result, get, trial
from ganbook.exercises.sheets import MARK

SECONDS = 120.0


class Found(NamedTuple):
    """What came of a file: the results of its checks, and what stopped it before its end (or "")."""

    results: list[Result]
    problem: str


def grade_file(path: Path, seconds: float = SECONDS) -> Found:
    """Run a file, and collect the results of its checks.

    Parameters
    ----------
    path : Path
        A script (.py) or a notebook (.ipynb), as `start` writes them.
    seconds : float
        How long it may run.

    Returns
    -------
    Found
        Of several checks of one exercise the last one counts.

    Raises
    ------
    UserError
        If there is no such file, if it is no script and no notebook, or if it holds no exercise.
    """
    code, marked = read(path)
    named = marked or _named_in(code)
    if not named:
        raise UserError(
            f"{path}: there is no exercise in it. `ganbook exercises start NAME` writes a file to work in; "
            f"one of "
            'your own needs a line gb.exercises.check("NAME", answer)'
        )
    get(named)  # a name that does not exist is told before anything runs
    with tempfile.TemporaryDirectory() as folder:
        task, report = Path(folder) / "task.json", Path(folder) / "report.json"
        task.write_text(json.dumps({"code": code, "named": named}), encoding="utf-8")
        # -P: a file of the reader's that is called like a module must not take its place.
        command = [sys.executable, "-P", "-m", "ganbook.exercises.grader", str(task), str(report)]
        process = subprocess.Popen(
            command, cwd=path.resolve().parent, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, start_new_session=os.name == "posix",
        )  # fmt: skip
        try:
            _, errors = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            _end(process)
            return Found(
                [],
                f"it had not ended after {seconds:g} seconds and was stopped. Is there a loop that never "
                f"ends?",
            )
        except BaseException:
            _end(process)
            raise
        if not report.is_file():
            last = errors.decode("utf-8", "replace").strip().splitlines()[-1:] or ["it said nothing"]
            return Found([], f"it ended the process that ran it (exit code {process.returncode}: {last[0]})")
        found = json.loads(report.read_text(encoding="utf-8"))
    results = [
        Result(**entry | {"tried": tuple(entry["tried"]), "notes": tuple(entry["notes"])})
        for entry in found["results"]
    ]
    return Found(results, found["problem"])


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
        marked = re.search(rf"^{MARK}(\S+)", text, re.MULTILINE)
        return [(path.name, text)], marked[1] if marked else ""
    try:
        notebook = json.loads(text)
        found = []
        for number, cell in enumerate(notebook["cells"], 1):
            if cell["cell_type"] == "code":
                found.append((f"cell {number}", _plain("".join(cell["source"]))))
        marked = notebook.get("metadata", {}).get("ganbook", {}).get("exercise", "")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"{path}: it is not a notebook (its JSON is damaged, or of another kind)") from None
    return found, marked if isinstance(marked, str) else ""


def _plain(source: str) -> str:
    """Empty the lines that only Jupyter understands: magics, shell commands, questions."""
    if source.lstrip().startswith("%%"):
        return ""
    lines = source.splitlines()
    return "\n".join("" if re.match(r"[%!?]|[\w.]+\?+\s*$", line.lstrip()) else line for line in lines)


def _named_in(code: list[tuple[str, str]]) -> str:
    """Return the exercise that the first check in the code names."""
    for _, source in code:
        found = re.search(r"""exercises\.check\(\s*["']([^"']+)["']""", source)
        if found:
            return found[1]
    return ""


# ---- in the other process


def _no_network(event: str, _: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        raise OSError("exercises are checked without a network")


def _run(task: Path, report: Path) -> None:
    wanted = json.loads(task.read_text(encoding="utf-8"))
    sys.addaudithook(_no_network)
    sys.path.append(os.getcwd())
    from ganbook import exercises

    results: dict[str, Result] = {}

    def check(name: str, answer: Any) -> Result:
        results[name] = trial.grade(get(name), answer)
        return results[name]

    exercises.check = check
    namespace: dict[str, Any] = {"__name__": "__main__"}
    problem = ""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        for name, source in wanted["code"]:
            linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
            try:
                exec(compile(source, name, "exec"), namespace)
            except SyntaxError as error:
                problem = f"{error.filename}, line {error.lineno}: {error.msg}"
                break
            except SystemExit:
                break
            except BaseException as error:  # noqa: BLE001  a reader's file may raise anything
                problem = f"it raised {type(error).__name__}: {trial.first_line(error)}{trial.where(error)}"
                break
        exercise = get(wanted["named"])
        if exercise.name not in results and not problem and exercise.answer in namespace:
            check(exercise.name, namespace[exercise.answer])
    if exercise.name not in results and not problem:
        problem = f"it neither checks {exercise.name} nor defines `{exercise.answer}`"
    found = {"results": [asdict(result) for result in results.values()], "problem": problem}
    report.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    _run(Path(sys.argv[1]), Path(sys.argv[2]))
