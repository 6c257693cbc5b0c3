"""MNIST, Fashion-MNIST and CIFAR-10, as torchvision lays them out: read here, fetched by torchvision.

Importing torchvision takes seconds, so it is imported where something has to be downloaded, nowhere else.
"""

from __future__ import annotations

import gzip
import hashlib
import pickle
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ganbook.data.request import RawImages, Request, Split
from ganbook.data.sources.download import data_root, download
from ganbook.data.sources.embedded import DIGIT_NAMES
from ganbook.errors import DataError
from ganbook.support.files import short_path

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
    present = 0
    for file, size in IDX_FILES[split].items():
        path = raw / file
        if path.is_file():
            _check_size(name, path, path.stat().st_size, size)
            present += 1
        elif path.with_name(f"{file}.gz").is_file():  # its size is looked at when it is unpacked
            present += 1
    return present == len(IDX_FILES[split])


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
    actual = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if actual != md5:
        raise DataError(
            f"cifar10: {short_path(path)} has the checksum {actual}, the original has {md5}; the file is "
            "damaged. Delete it so that it is fetched again, or name another --data-dir"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # these pickles are from 2009; NumPy finds them old-fashioned
        return pickle.loads(content, encoding="latin1")
