"""Where images come from: scikit-learn's digits, our glyphs, and the sets that torchvision downloads.

Files that are there are read as they are, without torchvision, whose import takes seconds. A download goes
into a folder of its own (`.partial-NAME`), and its files are moved to their place when they are whole.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import http.client
import importlib
import os
import pickle
import socket
import sys
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from ganbook.data.files import download_dir, locked, move_into, remove, short_path
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
    skip_bad: bool = False

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
    attributes: Tensor | None = None  # uint8, (N, A), 0 or 1
    attribute_names: tuple[str, ...] = ()


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


# ------------------------------------------------------------------ MNIST and Fashion-MNIST: IDX files

IDX_FILES = {  # sizes in bytes, uncompressed; the two sets have the same
    "train": {"train-images-idx3-ubyte": 47_040_016, "train-labels-idx1-ubyte": 60_008},
    "test": {"t10k-images-idx3-ubyte": 7_840_016, "t10k-labels-idx1-ubyte": 10_008},
}
FASHION_NAMES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"
)  # fmt: skip


def find_mnist(data_dir: Path, split: Split) -> bool:
    """Say whether `data_dir` holds a split of MNIST; refuse files of a wrong size.

    Raises
    ------
    DataError
        If a file is there and has not the size of the original.
    """
    return _find_idx("mnist", data_dir / "MNIST" / "raw", split)


def find_fashion_mnist(data_dir: Path, split: Split) -> bool:
    """Say whether `data_dir` holds a split of Fashion-MNIST; refuse files of a wrong size.

    Raises
    ------
    DataError
        If a file is there and has not the size of the original.
    """
    return _find_idx("fashion-mnist", data_dir / "FashionMNIST" / "raw", split)


def _find_idx(name: str, raw: Path, split: Split) -> bool:
    found = 0
    for file, size in IDX_FILES[split].items():
        path = raw / file
        if path.is_file():
            _check_size(name, path, path.stat().st_size, size)
            found += 1
        elif path.with_name(f"{file}.gz").is_file():  # its size is looked at when it is unpacked
            found += 1
    return found == len(IDX_FILES[split])


def _check_size(name: str, path: Path, actual: int, size: int) -> None:
    if actual != size:
        raise DataError(
            f"{name}: {short_path(path)} has {actual:,} bytes, the original has {size:,}; the file is "
            "damaged. Delete it so that it is fetched again, or name another --data-dir"
        )


def load_mnist(request: Request) -> RawImages:
    """Load MNIST: from `data_dir` when it is there, else by download through torchvision.

    Raises
    ------
    DataError
        If the files are damaged, or are not there and cannot be downloaded.
    """
    return _load_idx("mnist", "MNIST", find_mnist, DIGIT_NAMES, request)


def load_fashion_mnist(request: Request) -> RawImages:
    """Load Fashion-MNIST: from `data_dir` when it is there, else by download through torchvision.

    Raises
    ------
    DataError
        If the files are damaged, or are not there and cannot be downloaded.
    """
    return _load_idx("fashion-mnist", "FashionMNIST", find_fashion_mnist, FASHION_NAMES, request)


def _load_idx(
    name: str,
    folder: str,
    find: Callable[[Path, Split], bool],
    class_names: tuple[str, ...],
    request: Request,
) -> RawImages:
    root = data_root(name, request.data_dir)
    if not find(root, request.split):
        layout = f"{folder}/raw/train-images-idx3-ubyte, ..."
        download(name, folder, root, lambda: find(root, request.split), layout)
    images, labels = (
        _read_idx(name, root / folder / "raw" / file, size) for file, size in IDX_FILES[request.split].items()
    )
    if images.ndim != 3 or labels.shape != images.shape[:1] or labels.max() >= len(class_names):
        raise DataError(
            f"{name}: the files in {short_path(root / folder / 'raw')} cannot be read (images of shape "
            f"{images.shape}, labels of shape {labels.shape}); delete them so that they are fetched again"
        )
    return RawImages(
        torch.from_numpy(images).unsqueeze(1), torch.from_numpy(labels).long(), class_names, background=0
    )


def _read_idx(name: str, path: Path, size: int) -> np.ndarray[Any, Any]:
    """Read an IDX file: 00 00, type 08 (uint8), number of axes; their lengths as big-endian int32; data."""
    try:
        if path.is_file():
            content = path.read_bytes()
        else:
            path = path.with_name(f"{path.name}.gz")
            content = gzip.decompress(path.read_bytes())
        _check_size(name, path, len(content), size)
        axes = content[3]
        shape = np.frombuffer(content, dtype=">i4", count=axes, offset=4)
        if content[:3] != b"\0\0\x08" or axes not in (1, 3):
            raise ValueError("it is no IDX file of bytes")
        return np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * axes).reshape(shape).copy()
    except (OSError, EOFError, ValueError, zlib.error) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{name}: {short_path(path)} cannot be read ({error}); delete it so that it is fetched again"
        ) from error


# ---------------------------------------------------------------------------------------------- CIFAR-10

CIFAR10_FILES = {  # MD5 checksums
    "train": {
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    },
    "test": {"test_batch": "40351d587109b95175f43aff81a1287e"},
}
CIFAR10_NAMES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"
)  # fmt: skip


def find_cifar10(data_dir: Path, split: Split) -> bool:
    """Say whether `data_dir` holds a split of CIFAR-10 (by name; the checksums are looked at on loading)."""
    return all((data_dir / "cifar-10-batches-py" / file).is_file() for file in CIFAR10_FILES[split])


def load_cifar10(request: Request) -> RawImages:
    """Load CIFAR-10: from `data_dir` when it is there, else by download through torchvision.

    The files are pickles. They are unpickled only if their checksums are those of the original.

    Raises
    ------
    DataError
        If the files are damaged, or are not there and cannot be downloaded.
    """
    root = data_root("cifar10", request.data_dir)
    if not find_cifar10(root, request.split):
        layout = "cifar-10-batches-py/data_batch_1, ..."
        download("cifar10", "CIFAR10", root, lambda: find_cifar10(root, request.split), layout)
    batches = [
        _read_batch(root / "cifar-10-batches-py" / file, md5)
        for file, md5 in CIFAR10_FILES[request.split].items()
    ]
    images = np.concatenate([batch["data"] for batch in batches]).reshape(-1, 3, 32, 32)
    labels = [label for batch in batches for label in batch["labels"]]
    return RawImages(torch.from_numpy(images), torch.tensor(labels), CIFAR10_NAMES, background=None)


def _read_batch(path: Path, md5: str) -> dict[str, Any]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"cifar10: {short_path(path)} cannot be read ({error.strerror})") from error
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != md5:
        raise DataError(
            f"cifar10: {short_path(path)} has the checksum {found}, the original has {md5}; the file is "
            "damaged. Delete it so that it is fetched again, or name another --data-dir"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # these pickles are from 2009; NumPy finds them old-fashioned
        return pickle.loads(content, encoding="latin1")


# --------------------------------------------------------------------------------------------- downloads


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
    return data_dir or download_dir()


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
