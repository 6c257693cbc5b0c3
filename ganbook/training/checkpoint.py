"""Checkpoints: safetensors and JSON, atomic, checksummed. Nothing pickled is ever written or read.

A checkpoint is a folder. It is written under a temporary name, flushed to the disk, and renamed at the end;
so under its final name it is whole, whenever the machine stops. Its manifest holds the SHA-256 of each file.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ganbook.errors import CheckpointError

FORMAT = 1
MANIFEST = "manifest.json"
STATE = "state.json"


def write_file(path: Path, text: str) -> None:
    """Write a text file so that it is either the old one or the whole new one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


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
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir()
        for name, group in tensors.items():
            # safetensors stores plain rows; the layout in memory is restored when loading.
            rows = {key: value.detach().cpu().contiguous() for key, value in group.items()}
            try:
                save_file(rows, temporary / f"{name}.safetensors")
            except safetensors.SafetensorError as error:  # it reports a full disk so
                raise OSError(f"{folder}: {error}") from error
        (temporary / STATE).write_text(json.dumps({"format": FORMAT, **state}, indent=1), encoding="utf-8")
        sums = {file.name: _sha256(file) for file in sorted(temporary.iterdir())}
        (temporary / MANIFEST).write_text(json.dumps(sums, indent=1), encoding="utf-8")
        for file in temporary.iterdir():
            _sync(file)
        _sync(temporary)
        if folder.exists():  # the same step again: the old one gives way only now
            old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
            folder.rename(old)
            temporary.rename(folder)
            shutil.rmtree(old, ignore_errors=True)
        else:
            temporary.rename(folder)
        _sync(folder.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


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
        return load_file(folder / f"{name}.safetensors")
    except (OSError, safetensors.SafetensorError) as error:
        raise CheckpointError(f"checkpoint {folder}: {name}.safetensors cannot be read ({error})") from error


def found(run: Path) -> list[Path]:
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
    for folder in found(run):
        problem = verify(folder)
        if problem is None:
            return folder, passed_over
        passed_over.append(f"checkpoint {folder.name} passed over: {problem}")
    raise CheckpointError("; ".join([f"{run}: it holds no checkpoint that can be loaded", *passed_over]))


def prune(run: Path, keep_last: int) -> None:
    """Delete all but the newest `keep_last` checkpoints, and what killed processes left half-written."""
    folder = run / "checkpoints"
    for path in sorted(folder.glob("step-*"))[:-keep_last]:
        shutil.rmtree(path, ignore_errors=True)
    for path in folder.glob(".step-*"):
        shutil.rmtree(path, ignore_errors=True)


# --------------------------------------------------------------- optimiser and random number generator


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return an optimiser's moments and counters as named tensors ("3.exp_avg")."""
    state = optimizer.state_dict()["state"]
    return {f"{i}.{key}": value for i, entry in state.items() for key, value in entry.items()}


def load_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put back what `optimizer_tensors` took.

    Raises
    ------
    CheckpointError
        If the moments do not fit the parameters.
    """
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for name, value in tensors.items():
        number, key = name.split(".", 1)
        if int(number) >= len(parameters):
            raise CheckpointError(f"the optimiser's state {name} belongs to no parameter of this model")
        parameter = parameters[int(number)]
        if value.ndim == 0:
            restored = value.to(parameter.device)
        elif value.shape == parameter.shape:
            # The moments must lie in memory as the parameter does: a fused kernel walks over both at once.
            restored = torch.empty_like(parameter, requires_grad=False).copy_(value)
        else:
            raise CheckpointError(
                f"the optimiser's state {name} has shape {tuple(value.shape)}, "
                f"its parameter {tuple(parameter.shape)}"
            )
        optimizer.state[parameter][key] = restored


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    """Flush a file or a folder to the disk."""
    if os.name == "nt" and path.is_dir():  # Windows cannot open a folder for this
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
