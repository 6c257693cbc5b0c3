"""A folder that one process at a time works in: who holds it, on which machine and since when.

The lock is a hidden file in the folder that says who holds it. Where the system can lock files (`flock`), it
ends with the process, however that ends, so that nothing stale is left. Where it cannot (Windows, some drives
on a network), the file itself is the lock: one of a process of this machine that is gone is taken over.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ganbook.errors import UserError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCK = ".lock"
_held: set[Path] = set()  # by this process, which may hold a folder within itself


@contextlib.contextmanager
def holding(folder: Path, what: str) -> Iterator[None]:
    """Work in a folder alone; a process may do so within itself.

    Parameters
    ----------
    folder : Path
        It is made if it is not there, and removed at the end if it is empty then.
    what : str
        What another process would be doing there, for its message ("training").

    Raises
    ------
    UserError
        If another process holds it: which one, where and since when.
    OSError
        If the folder cannot be written.
    """
    place = folder.absolute() / LOCK
    if place in _held:
        yield
        return
    made = _make(folder)
    try:
        file = _acquire(place, folder, what)
    except BaseException:
        _remove_empty(made)
        raise
    _held.add(place)
    try:
        yield
    finally:
        _held.discard(place)
        with contextlib.suppress(OSError):
            place.unlink()  # while it is still held: who has opened it meanwhile sees that it is gone
        file.close()
        _remove_empty(made)


def _make(folder: Path) -> list[Path]:
    """Make a folder; return those of it and its parents that were not there, the deepest first."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing


def _remove_empty(folders: list[Path]) -> None:
    with contextlib.suppress(OSError):
        for folder in folders:
            folder.rmdir()


def _acquire(place: Path, folder: Path, what: str) -> IO[str]:
    while True:
        file = place.open("a+", encoding="utf-8")
        try:
            if _take(file, place):
                file.seek(0)
                file.truncate()
                json.dump({"pid": os.getpid(), "host": socket.gethostname(), "since": time.time()}, file)
                file.flush()
                return file
        except _Taken as error:
            file.close()
            raise UserError(f"{folder}: another process is {what} there ({error})") from None
        file.close()  # it had just been removed by who held it


class _Taken(Exception):
    """Somebody else holds it; says who."""


def _take(file: IO[str], place: Path) -> bool:
    """Take the lock; False if the file that was opened is not there any more."""
    if fcntl is not None:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _Taken(_described(_holder(file))) from None
        except OSError:
            pass  # no locks on this disk
        else:
            try:
                return os.fstat(file.fileno()).st_ino == place.stat().st_ino
            except FileNotFoundError:
                return False
    holder = _holder(file)
    if holder and not _gone(holder):
        raise _Taken(f"{_described(holder)}; if it has died, remove {place}")
    return True


def _holder(file: IO[str]) -> dict[str, object]:
    file.seek(0)
    try:
        told = json.loads(file.read())
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _described(holder: dict[str, object]) -> str:
    """Say who holds a lock, as far as it is known."""
    since = holder.get("since")
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(since)) if isinstance(since, int | float) else "?"
    return f"process {holder.get('pid', '?')} on {holder.get('host', '?')}, since {when}"


def _gone(holder: dict[str, object]) -> bool:
    """Say whether the holder was a process of this machine that is no more."""
    pid = holder.get("pid")
    if holder.get("host") != socket.gethostname() or not isinstance(pid, int):
        return False
    if pid == os.getpid():  # of an earlier process with our number: we hold nothing here
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
