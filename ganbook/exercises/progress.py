"""Which exercises are done: one small JSON file in the user's own folder, and nowhere else."""

from __future__ import annotations

import datetime
import json
import os
import sys
import uuid
from pathlib import Path

from ganbook.support.files import locked, short_path

VERSION = 1


def path() -> Path:
    """Return the file: GANBOOK_PROGRESS if it is set, else ~/.local/state/ganbook/progress.json.

    XDG_STATE_HOME is heeded in place of ~/.local/state.
    """
    named = os.environ.get("GANBOOK_PROGRESS", "").strip()
    if named:
        return Path(named).expanduser()
    base = os.environ.get("XDG_STATE_HOME", "").strip()
    return (Path(base) if base else Path.home() / ".local" / "state") / "ganbook" / "progress.json"


def done() -> dict[str, str]:
    """Return the names of the exercises that are done, with the day (2026-01-31) on which each first was.

    A file that is damaged or cannot be read counts as empty, with one line on stderr.
    """
    try:
        entries = json.loads(path().read_text(encoding="utf-8"))["done"].items()
        return {name: day for name, day in entries if isinstance(name, str) and isinstance(day, str)}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is damaged"
        print(
            f"progress: {short_path(path())} cannot be read ({reason}); nothing counts as done",
            file=sys.stderr,
        )
        return {}


def record(name: str) -> str:
    """Note that an exercise is done; the first day stays.

    A file that cannot be read is put aside, under the same name with `.damaged`, before a new one is written.

    Parameters
    ----------
    name : str
        Of the exercise.

    Returns
    -------
    str
        Empty, or one line that says why it could not be noted.
    """
    try:
        path().parent.mkdir(parents=True, exist_ok=True)
        with locked(
            path().with_name(path().name + ".lock"), "waiting for another process that notes progress"
        ):
            before = done()
            if name not in before:
                _write(before | {name: datetime.date.today().isoformat()}, keep_damaged=not before)
    except OSError as error:
        return f"progress could not be kept in {short_path(path())}: {error.strerror or error}"
    return ""


def reset() -> int:
    """Forget all progress, and return how many exercises were done.

    Raises
    ------
    OSError
        If the file cannot be removed.
    """
    num = len(done())
    path().unlink(missing_ok=True)
    path().with_name(path().name + ".lock").unlink(missing_ok=True)
    return num


def _write(entries: dict[str, str], keep_damaged: bool) -> None:
    file = path()
    if keep_damaged and file.exists() and file.stat().st_size:
        os.replace(file, file.with_name(file.name + ".damaged"))
    new = file.with_name(f"{file.name}.{uuid.uuid4().hex}")
    try:
        new.write_text(json.dumps({"version": VERSION, "done": entries}, indent=1) + "\n", encoding="utf-8")
        os.replace(new, file)  # whole or not at all
    finally:
        new.unlink(missing_ok=True)
