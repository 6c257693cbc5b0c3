"""Checkpoints: safetensors and JSON, atomic, checksummed. Nothing pickled is ever written or read.

A checkpoint is a folder. It is written under a temporary name, flushed to the disk, and renamed at the end;
so under its final name it is whole, whenever the machine stops. Its manifest holds the SHA-256 of each file.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from ganbook.errors import CheckpointError
from ganbook.support import tensors as tensor_files
from ganbook.support.files import remove, replacing_folder
from ganbook.support.notices import notice

FORMAT = 1
MANIFEST = "manifest.json"
STATE = "state.json"


def save(folder: Path, tensors: dict[str, dict[str, Tensor]], state: dict[str, Any]) -> None:
    """Write a checkpoint.

    Parameters
    ----------
    folder : Path
        Its final name; a checkpoint that is already there is replaced at the very end.
    tensors : dict
        For each file name (without ending) its tensors by name.
    state : dict
        What else there is to keep, as JSON.

    Raises
    ------
    OSError
        If the disk is full or the folder cannot be written; nothing under the final name has changed.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with replacing_folder(folder) as temporary:
        for name, group in tensors.items():
            tensor_files.save_tensors(temporary / f"{name}.safetensors", group)
        (temporary / STATE).write_text(json.dumps({"format": FORMAT, **state}, indent=1), encoding="utf-8")
        sums = {file.name: _sha256(file) for file in sorted(temporary.iterdir())}
        (temporary / MANIFEST).write_text(json.dumps(sums, indent=1), encoding="utf-8")


def verify(folder: Path) -> str | None:
    """Return what is wrong with a checkpoint, in words, or None if every checksum holds."""
    try:
        sums = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if not isinstance(sums, dict) or STATE not in sums:
            return f"{MANIFEST} is not a manifest"
        for name, expected in sums.items():
            if Path(name).name != name:
                return f"{MANIFEST} names a file elsewhere"
            if _sha256(folder / name) != expected:
                return f"{name} is damaged (its checksum does not match)"
    except FileNotFoundError as error:
        return f"{Path(str(error.filename)).name} is missing"
    except (OSError, ValueError) as error:
        return f"it cannot be read ({error})"
    return None


def load_state(folder: Path) -> dict[str, Any]:
    """Return a checkpoint's JSON.

    Raises
    ------
    CheckpointError
        If it does not verify, or is of a newer format.
    """
    problem = verify(folder)
    if problem:
        raise CheckpointError(f"checkpoint {folder}: {problem}")
    state: dict[str, Any] = json.loads((folder / STATE).read_text(encoding="utf-8"))
    if state.get("format") != FORMAT:
        raise CheckpointError(
            f"checkpoint {folder}: format {state.get('format')!r}, this ganbook reads {FORMAT}; "
            "install a newer ganbook"
        )
    return state


def load_tensors(folder: Path, name: str) -> dict[str, Tensor]:
    """Return the tensors of one file of a checkpoint, on the CPU.

    Raises
    ------
    CheckpointError
        If the file is missing or is no safetensors file.
    """
    try:
        return tensor_files.load_tensors(folder / f"{name}.safetensors")
    except OSError as error:
        raise CheckpointError(f"checkpoint {folder}: {name}.safetensors cannot be read ({error})") from error


def in_run(run: Path) -> list[Path]:
    """List the checkpoints of a run, whole or not, the newest first.

    A kill while a checkpoint gives way to another of the same step leaves the old one under a hidden name.
    """
    folder = run / "checkpoints"
    return [*sorted(folder.glob("step-*"), reverse=True), *folder.glob(".step-*.old")]


def newest(run: Path) -> tuple[Path, list[str]]:
    """Find the newest checkpoint of a run that verifies.

    Returns
    -------
    folder : Path
        The checkpoint.
    passed_over : list of str
        A line for each newer one that is damaged.

    Raises
    ------
    CheckpointError
        If there is none.
    """
    passed_over: list[str] = []
    for folder in in_run(run):
        problem = verify(folder)
        if problem is None:
            return folder, passed_over
        passed_over.append(f"checkpoint {folder.name} passed over: {problem}")
    raise CheckpointError("; ".join([f"{run}: it holds no checkpoint that can be loaded", *passed_over]))


class Located(NamedTuple):
    """A checkpoint, and the run folder that it stands in (None where it stands by itself)."""

    folder: Path
    run: Path | None


def locate(path: str | Path) -> Located:
    """Find the checkpoint that a path means; damaged ones of a run are passed over with a notice.

    Parameters
    ----------
    path : str or Path
        A run folder (then it is its newest checkpoint that verifies), or a checkpoint.

    Raises
    ------
    CheckpointError
        If there is none.
    """
    path = Path(path)
    if not path.is_dir():
        raise CheckpointError(f"{path}: there is no such run or checkpoint")
    if (path / MANIFEST).is_file() or (path / STATE).is_file():
        inside = path.absolute().parent
        return Located(path, inside.parent if inside.name == "checkpoints" else None)
    folder, passed_over = newest(path)
    for line in passed_over:
        notice(line)
    return Located(folder, path)


def prune(run: Path, keep_last: int) -> None:
    """Delete all but the newest `keep_last` checkpoints, and what killed processes left half-written."""
    folder = run / "checkpoints"
    for path in [*sorted(folder.glob("step-*"))[:-keep_last], *folder.glob(".step-*")]:
        remove(path)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
