"""Drawn images, kept in a file that the next start only opens: drawing 20,000 portraits takes 7 to 30 s.

A file of the cache holds the pixels (uint8, N x C x H x W) and their CRC-32. Its name holds a checksum of all
that the pixels depend on, the code that draws them among it. It is written under another name and then
renamed. It may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import math
import zlib
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganbook.support.files import cache_dir, replacing, short_path
from ganbook.support.notices import notice

LEAST = 16 * 2**20  # bytes; fewer are drawn about as fast as they are worth a file


def kept(package: str, key: tuple[object, ...], shape: tuple[int, ...], draw: Callable[[], Tensor]) -> Tensor:
    """Return images from the cache, or draw them and keep them.

    Parameters
    ----------
    package : str
        What draws them ("ganbook.data.portraits"): its code is a part of the key.
    key : tuple
        What else they depend on: anything that JSON knows.
    shape : tuple of int
        (N, C, H, W).
    draw : callable
        Draws them: uint8, of this shape.

    Returns
    -------
    Tensor
        uint8; changes to it do not get into the file. Where the cache cannot be written, a notice says so.
    """
    if math.prod(shape) < LEAST:
        return draw()
    place = _place(package, key, shape)
    images = _open(place, shape)
    if images is None:
        images = draw()
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            _write(place, images)
        except OSError as error:
            notice(
                f"the cache folder {short_path(cache_dir())} cannot be used ({error.strerror or error}), so "
                f"{_name(package)} are drawn at each start again. GANBOOK_CACHE names another folder"
            )
    return images


def _name(package: str) -> str:
    return package.rpartition(".")[2]


def _place(package: str, key: tuple[object, ...], shape: tuple[int, ...]) -> Path:
    code = sorted(path.name + path.read_text("utf-8") for path in _sources(package))
    told = json.dumps([torch.__version__, key, shape, code])
    return cache_dir() / f"{_name(package)}-{hashlib.sha256(told.encode()).hexdigest()[:20]}.u8"


def _sources(package: str) -> list[Path]:
    """Return the files of the code that draws."""
    folder = Path(str(resources.files(package)))
    return [*folder.glob("*.py"), folder.parent / "drawn.py"]


def _open(place: Path, shape: tuple[int, ...]) -> Tensor | None:
    """Open a file of the cache; None if it is not there or damaged."""
    num = math.prod(shape)
    try:
        with place.open("rb") as file:
            file.seek(num)
            checksum = file.read()
        # "c": copy on write, private to this process. torch warns of memory that it may not write to.
        pixels = np.memmap(place, dtype=np.uint8, mode="c", shape=shape)
    except (OSError, ValueError):
        return None
    return torch.from_numpy(pixels) if checksum == _checksum(pixels) else None


def _write(place: Path, images: Tensor) -> None:
    pixels = images.contiguous().numpy()
    with replacing(place) as temporary, temporary.open("wb") as file:
        file.write(pixels.data)
        file.write(_checksum(pixels))


def _checksum(pixels: np.ndarray[Any, Any]) -> bytes:
    return zlib.crc32(pixels.reshape(-1).data).to_bytes(4, "little")
