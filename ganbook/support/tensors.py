"""Named tensors in a file (safetensors: nothing pickled is ever written or read), and checksums."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import safetensors
from safetensors.torch import load_file, save_file
from torch import Tensor


def save_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors to a file, as plain rows: their layout in memory is the reader's business.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    rows = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    try:
        save_file(rows, path)
    except safetensors.SafetensorError as error:  # it reports a full disk so
        raise OSError(f"{path}: {error}") from error


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Read tensors, on the CPU.

    Raises
    ------
    OSError
        If the file is missing, or is no safetensors file.
    """
    try:
        return load_file(path)
    except safetensors.SafetensorError as error:
        raise OSError(f"{path.name} is no safetensors file, or damaged ({error})") from error


def digest(tensors: Mapping[str, Tensor]) -> str:
    """Return a checksum of tensors and their names: the first 16 digits of a SHA-256."""
    content = hashlib.sha256()
    for name in sorted(tensors):
        content.update(name.encode())
        content.update(tensors[name].detach().cpu().contiguous().numpy().tobytes())
    return content.hexdigest()[:16]
