"""Downloads, through torchvision: whole or not at all, and a dead network is noticed soon."""

from __future__ import annotations

import contextlib
import http.client
import importlib
import os
import pickle
import socket
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from ganbook.errors import DataError
from ganbook.support.files import locked, move_into, remove, short_path, user_dir


def default_data_dir() -> Path | None:
    """Return the folder that the environment variable GANBOOK_DATA names, if it is set."""
    value = os.environ.get("GANBOOK_DATA", "").strip()
    return Path(value).expanduser() if value else None


def data_root(name: str, data_dir: Path | None) -> Path:
    """Return the folder where a data set is, or goes.

    Raises
    ------
    DataError
        If a folder was named that does not exist: it is not made, as it may be a slip of the finger.
    """
    if data_dir is not None and not data_dir.is_dir():
        raise DataError(
            f"{name}: the data folder {short_path(data_dir)} does not exist; create it or name another "
            "--data-dir"
        )
    return data_dir or user_dir()


def download(name: str, torchvision_name: str, root: Path, here: Callable[[], bool], layout: str) -> None:
    """Download a data set with torchvision and move its files to their place in `root`.

    Parameters
    ----------
    name : str
        Our name of the data set.
    torchvision_name : str
        The name of the class in `torchvision.datasets`.
    root : Path
        The folder that gets the files, laid out as torchvision does.
    here : callable
        Says whether all files are in their place.
    layout : str
        Some of these files, for the message.

    Raises
    ------
    DataError
        If it fails, for whatever reason; archives that were whole are kept for the next try.
    """
    partial = root / f".partial-{name}"
    try:
        partial.mkdir(parents=True, exist_ok=True)
        with locked(partial / "download.lock", f"{name}: another process is downloading it; waiting for it"):
            if here():
                return
            for path in [p for p in partial.rglob("*") if p.is_file()]:  # a try that was cut short
                if path.suffix not in (*CHECKED, ".lock"):
                    remove(path)
            try:
                with _download_rules():
                    datasets = importlib.import_module("torchvision.datasets")
                    getattr(datasets, torchvision_name)(root=str(partial), download=True)
                for path in [p for p in partial.rglob("*") if p.suffix in (".gz", ".zip")]:
                    remove(path)  # unpacked
                for path in [p for p in partial.iterdir() if p.is_dir()]:
                    move_into(path, root / path.name)
            finally:
                if not any(path.suffix in CHECKED for path in partial.rglob("*")):
                    remove(partial)
            if not here():
                raise OSError("it did not bring all files")
    except (*_DOWNLOAD_ERRORS, *_gdown_errors()) as error:
        # torchvision's message lists every mirror; the last line says what went wrong.
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()
        raise DataError(
            f"{name}: not in {short_path(root)}, and the download failed ({reason}). Put it there as "
            f"torchvision lays it out ({layout}), name its folder with --data-dir or GANBOOK_DATA, or use "
            "another data set: 'glyphs' and 'digits' are embedded"
        ) from error


CHECKED = (".gz", ".zip", ".txt")  # of these files torchvision checks the MD5 checksum before it uses them

_DOWNLOAD_ERRORS: tuple[type[Exception], ...] = (
    OSError, RuntimeError, ValueError, AssertionError, EOFError, KeyError, zlib.error,
    http.client.HTTPException, tarfile.TarError, zipfile.BadZipFile, pickle.UnpicklingError,
)  # fmt: skip


def _gdown_errors() -> tuple[type[Exception], ...]:
    """Return the errors of gdown, with which torchvision fetches CelebA; none where it is not installed."""
    try:
        exceptions = importlib.import_module("gdown.exceptions")
    except ImportError:
        return ()
    return tuple(
        value
        for value in vars(exceptions).values()
        if isinstance(value, type) and issubclass(value, Exception)
    )


@contextlib.contextmanager
def _download_rules() -> Iterator[None]:
    """Give a dead network ten seconds, not minutes, and keep torchvision's own prints off stdout."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(10.0)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        socket.setdefaulttimeout(before)
