"""Files and folders: written whole or not at all, locked, named in a line."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: no locks; what is renamed into place first is what all use
    fcntl = None  # type: ignore[assignment]


# --------------------------------------------------------------------------------------- where things are


def user_dir() -> Path:
    """Return our folder for what can be had again: ~/.cache/ganbook (XDG_CACHE_HOME is heeded)."""
    base = os.environ.get("XDG_CACHE_HOME", "").strip()
    return (Path(base) if base else Path.home() / ".cache") / "ganbook"


def cache_dir() -> Path:
    """Return the folder of decoded images: GANBOOK_CACHE if it is set, else `user_dir()`/cache."""
    value = os.environ.get("GANBOOK_CACHE", "").strip()
    return Path(value).expanduser() if value else user_dir() / "cache"


def short_path(path: Path) -> str:
    """Write a path with ~ for the home folder, as it may end up on a page that others read."""
    home = str(Path.home())
    return "~" + str(path)[len(home) :] if str(path).startswith(home + os.sep) else str(path)


def printable(name: str) -> str:
    """Return a file's name in one line that any terminal can show: what cannot be printed becomes "?"."""
    text = unicodedata.normalize("NFC", os.fsencode(name).decode("utf-8", "replace"))
    return "".join(c if c.isprintable() else "?" for c in text).replace("\N{REPLACEMENT CHARACTER}", "?")


# ------------------------------------------------------------------------------------ whole or not at all


def beside(path: Path, ending: str) -> Path:
    """Return a hidden name beside a path that nobody else has: ".NAME.1f3a90c2.ENDING"."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.{ending}")


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write a file so that under its name there is the old one or the whole new one, whenever we are killed.

    Parameters
    ----------
    path : Path
        The file's name.

    Yields
    ------
    Path
        Another name, to be written to. At the end of the block the file is flushed to the disk and renamed;
        after an error it is removed.

    Raises
    ------
    OSError
        If it cannot be written; what was there before is unharmed.
    """
    temporary = beside(path, "tmp")
    try:
        yield temporary
        sync(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file (UTF-8) so that it is either the old one or the whole new one.

    Raises
    ------
    OSError
        If it cannot be written; what was there before is unharmed.
    """
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def replacing_folder(folder: Path, is_whole: Callable[[], object] | None = None) -> Iterator[Path]:
    """Write a folder so that under its name there is a whole one or none, whenever we are killed.

    Parameters
    ----------
    folder : Path
        Its name. One that is there gives way at the very end; a kill just then leaves it under a hidden name
        that ends in `.old`.
    is_whole : callable, optional
        Says whether the folder that is there by then is as good (another process was faster): then it stays,
        and what was written is dropped.

    Yields
    ------
    Path
        An empty folder under another name. At the end of the block its files are flushed to the disk and it
        is renamed; after an error it is removed.

    Raises
    ------
    OSError
        If it cannot be written; nothing under the final name has changed.
    """
    temporary = beside(folder, "tmp")
    try:
        temporary.mkdir()
        yield temporary
        for path in temporary.iterdir():
            sync(path)
        sync(temporary)
        if is_whole is not None and is_whole():
            return
        if folder.exists():
            old = beside(folder, "old")
            folder.rename(old)
            temporary.rename(folder)
            remove(old)
        else:
            try:
                temporary.rename(folder)
            except OSError:
                if is_whole is None or not is_whole():
                    raise
        sync(folder.parent)
    finally:
        remove(temporary)


def sync(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on the disk.

    Raises
    ------
    OSError
        If the disk refuses.
    """
    if path.is_dir() and os.name == "nt":  # Windows knows no such thing for folders
        return
    number = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def move_into(source: Path, target: Path) -> None:
    """Move a file or a folder to its place; a folder that is there already takes in the files one by one.

    Raises
    ------
    OSError
        If something cannot be moved.
    """
    if source.is_dir() and target.is_dir():
        for path in source.iterdir():
            move_into(path, target / path.name)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        source.replace(target)


def remove(path: Path) -> None:
    """Remove a file or a folder with all that is in it, as far as that is possible."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)  # also if it is gone already
    else:
        with contextlib.suppress(OSError):
            path.unlink()


# ---------------------------------------------------------------------------------------------- one at a time


@contextlib.contextmanager
def locked(path: Path, waiting: str) -> Iterator[bool]:
    """Hold a lock that no two processes hold at once; it ends with the process, however that ends.

    Parameters
    ----------
    path : Path
        The lock's file; it stays behind, empty.
    waiting : str
        What to say on stderr if another process has it.

    Yields
    ------
    bool
        False where there are no locks (Windows, some network drives): then several processes may be here.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    with path.open("a", encoding="utf-8") as file:
        yield _lock(file.fileno(), waiting)


def _lock(number: int, waiting: str) -> bool:
    if fcntl is None:
        return False
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(waiting, file=sys.stderr, flush=True)
        fcntl.flock(number, fcntl.LOCK_EX)
    except OSError:
        return False
    return True


def is_free(path: Path) -> bool:
    """Say whether nobody holds the lock `path`; without locks, whether its file is a day old."""
    try:
        with path.open("a", encoding="utf-8") as file:
            if fcntl is None:
                return time.time() - path.stat().st_mtime > 86_400
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    except OSError:
        return False
