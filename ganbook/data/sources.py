"""Where images come from: scikit-learn's digits (embedded), and torchvision's data sets."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from ganbook.errors import DataError, UserError

Split = Literal["train", "test"]
DIGIT_NAMES = tuple("0123456789")


@dataclass(frozen=True)
class Request:
    """What the caller of `load_dataset` wants."""

    split: Split
    data_dir: Path | None = None
    image_size: int | None = None
    channels: int | None = None
    limit: int | None = None

    def options(self) -> dict[str, int]:
        """Return the wishes that were given, for the data set's `spec`."""
        given = {"image_size": self.image_size, "channels": self.channels, "limit": self.limit}
        return {key: value for key, value in given.items() if value is not None}


@dataclass(frozen=True)
class RawImages:
    """What a source delivers, before any change of size or channels."""

    images: Tensor  # uint8, (N, C, H, W)
    labels: Tensor | None  # int64, (N,)
    class_names: tuple[str, ...]
    background: int | None  # grey level of a plain background, where there is one


# ---------------------------------------------------------------- scikit-learn's digits, always there


def load_digits(request: Request) -> RawImages:
    """Load scikit-learn's 1,797 real handwritten digits of 8x8 pixels (embedded: no network, no files).

    The first 1,437 images are the training split, the last 360 (a fifth) the test split.
    """
    from sklearn.datasets import load_digits as sklearn_digits

    digits = sklearn_digits()
    # 17 grey levels, 0..16, become 0..255.
    images = torch.from_numpy(digits.images).mul(255 / 16).round().to(torch.uint8).unsqueeze(1)
    labels = torch.from_numpy(digits.target).long()
    part = slice(None, -360) if request.split == "train" else slice(-360, None)
    return RawImages(images[part], labels[part], DIGIT_NAMES, background=0)


# ------------------------------------------------------------------------- glyphs, drawn on the spot


def load_glyph_images(request: Request) -> RawImages:
    """Draw the glyphs, at the size and in the channels that were asked for.

    Grey glyphs of up to 36 pixels are drawn at 28 and padded, as MNIST is, so that the two look alike.
    """
    from ganbook.data.glyphs import load_glyphs

    channels = request.channels or 1
    size = request.image_size or 28
    if channels == 1 and 28 <= size <= 36:
        size = 28
    images, labels, _ = load_glyphs(request.split, image_size=size, channels=channels, num=request.limit)
    return RawImages(images, labels, DIGIT_NAMES, background=0 if channels == 1 else None)


# ---------------------------------------------------------------------------- MNIST, by torchvision

MNIST_FILES = {  # sizes in bytes of the uncompressed IDX files
    "train": {"train-images-idx3-ubyte": 47_040_016, "train-labels-idx1-ubyte": 60_008},
    "test": {"t10k-images-idx3-ubyte": 7_840_016, "t10k-labels-idx1-ubyte": 10_008},
}


def find_mnist(data_dir: Path, split: Split) -> bool:
    """Say whether `data_dir` holds a split of MNIST; refuse files of a wrong size.

    Raises
    ------
    DataError
        If a file is there and has not the size of the original.
    """
    raw = data_dir / "MNIST" / "raw"
    found = 0
    for name, size in MNIST_FILES[split].items():
        path = raw / name
        if not path.is_file():
            continue
        actual = path.stat().st_size
        if actual != size:
            raise DataError(
                f"mnist: {path} has {actual:,} bytes, the original has {size:,}; the file is damaged. "
                "Delete it so that it is fetched again, or name another --data-dir"
            )
        found += 1
    return found == len(MNIST_FILES[split])


def load_mnist(request: Request) -> RawImages:
    """Load MNIST through torchvision: from `data_dir` when it is there, else by download.

    Raises
    ------
    DataError
        If the files are damaged, or are not there and cannot be downloaded.
    """
    split, data_dir = request.split, request.data_dir
    if data_dir is not None and not data_dir.is_dir():
        raise DataError(
            f"mnist: the data folder {data_dir} does not exist; create it or name another --data-dir"
        )
    root = data_dir or download_dir()
    here = find_mnist(root, split)
    from torchvision.datasets import MNIST

    try:
        with _download_rules(quiet=here):
            dataset = MNIST(root=str(root), train=split == "train", download=not here)
    except (OSError, RuntimeError, ValueError, AssertionError, EOFError) as error:
        # torchvision's message lists every mirror; the last line says what went wrong.
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()
        if here:
            raise DataError(f"mnist: the files in {root}/MNIST/raw cannot be read ({reason})") from error
        raise DataError(
            f"mnist: not in {_short(root)}, and the download failed ({reason}). Put MNIST there as "
            "torchvision lays it out (MNIST/raw/train-images-idx3-ubyte, ...), name its folder with "
            "--data-dir or GANBOOK_DATA, or use the embedded data set 'digits'"
        ) from error
    find_mnist(root, split)  # a download that was cut short is found here
    return RawImages(dataset.data.unsqueeze(1), dataset.targets.long(), DIGIT_NAMES, background=0)


# ----------------------------------------------------------------------------------------- folders


def _short(path: Path) -> str:
    """Write a path with ~ for the home folder, as it may end up on a page that others read."""
    home = str(Path.home())
    return "~" + str(path)[len(home) :] if str(path).startswith(home + os.sep) else str(path)


def default_data_dir() -> Path | None:
    """Return the folder that the environment variable GANBOOK_DATA names, if it is set."""
    value = os.environ.get("GANBOOK_DATA", "").strip()
    return Path(value).expanduser() if value else None


def download_dir() -> Path:
    """Return the folder for downloads when none is named: ~/.cache/ganbook (XDG_CACHE_HOME is heeded)."""
    base = os.environ.get("XDG_CACHE_HOME", "").strip()
    return (Path(base) if base else Path.home() / ".cache") / "ganbook"


@contextlib.contextmanager
def _download_rules(quiet: bool) -> Iterator[None]:
    """Give a dead network ten seconds, not minutes, and keep torchvision's own prints off stdout."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(10.0)
    try:
        with contextlib.redirect_stdout(sys.stderr) if not quiet else contextlib.nullcontext():
            yield
    finally:
        socket.setdefaulttimeout(before)


def check_split(split: str) -> Split:
    """Return `split` if it is one.

    Raises
    ------
    UserError
        If it is neither "train" nor "test".
    """
    if split not in ("train", "test"):
        raise UserError(f"split={split!r}: it must be 'train' or 'test'")
    return split  # type: ignore[return-value]
