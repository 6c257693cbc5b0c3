"""CelebA: 202,599 photographs of faces with 40 attributes (Liu, Luo, Wang and Tang, 2015).

Training and test split are those of the authors (162,770 and 19,962 images). Their validation split of 19,867
images is left out: nothing here chooses settings by it, and so neither of the two others is tainted by it.
There are no classes. The attributes ("Smiling", "Eyeglasses", ...) are `data.attributes`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ganbook.data.request import RawImages, Request, Split
from ganbook.data.sources.cache import ImageFile, Job, decode_all
from ganbook.data.sources.download import data_root, download
from ganbook.errors import DataError
from ganbook.support.files import short_path

NUM_IMAGES = 202_599
SIZE = 64  # the photographs have 178 x 218 pixels; after the crop and to this size, as DCGAN's authors did
PARTITION, ATTRIBUTES, IMAGES = "list_eval_partition.txt", "list_attr_celeba.txt", "img_align_celeba"
PARTS = {"train": "0", "test": "2"}


def find_celeba(data_dir: Path, split: Split) -> bool:
    """Say whether `data_dir` holds CelebA as torchvision lays it out: two lists and a folder of images.

    Raises
    ------
    DataError
        If the images are still in their archive.
    """
    folder = data_dir / "celeba"
    if not all((folder / name).is_file() for name in (PARTITION, ATTRIBUTES)):
        return False
    if (folder / IMAGES).is_dir():
        return True
    archive = folder / f"{IMAGES}.zip"
    if archive.is_file():
        raise DataError(f"celeba: {short_path(archive)} is not unpacked; unpack it where it is")
    return False


def load_celeba(request: Request) -> RawImages:
    """Load CelebA: from `data_dir` when it is there, else by download (by torchvision, which needs gdown).

    The images are cropped to their centre square and resized, by default to 64 x 64, and kept in the cache.

    Raises
    ------
    DataError
        If the files are damaged, or are not there and cannot be downloaded.
    """
    root = data_root("celeba", request.data_dir)
    if not find_celeba(root, request.split):
        layout = f"celeba/{IMAGES}/000001.jpg, celeba/{PARTITION}, celeba/{ATTRIBUTES}"
        download("celeba", "CelebA", root, lambda: find_celeba(root, request.split), layout)
    folder = root / "celeba"
    names = _names(folder / PARTITION, request.split)[: request.limit]
    # One glance at the folder and the lists has to do: 200,000 files take too long to look at one by one.
    changed = max((folder / name).stat().st_mtime_ns for name in (PARTITION, ATTRIBUTES, IMAGES))
    images = f"{folder / IMAGES}{os.sep}"
    files = [ImageFile(images + name, name, 0, changed) for name in names]

    def arrays() -> dict[str, np.ndarray[Any, Any]]:
        head, values = _attributes(folder / ATTRIBUTES, set(names))
        table = [values.get(name) for name in names]
        missing = [name for name, row in zip(names, table, strict=True) if row is None]
        if missing:
            raise _damaged(folder / ATTRIBUTES, f"it does not list {missing[0]}")
        return {"attributes": np.stack(table), "attribute_names": np.array(head)}  # type: ignore[arg-type]

    job = Job("celeba", "celeba", files, request.image_size or SIZE, request.channels or 3, arrays)
    decoded = decode_all(job, request.skip_bad)
    attributes = torch.from_numpy(decoded.arrays["attributes"])[decoded.kept]
    columns = tuple(decoded.arrays["attribute_names"].tolist())
    return RawImages(decoded.images, None, (), None, attributes, columns)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise _damaged(path, str(error)) from error


def _damaged(path: Path, reason: str) -> DataError:
    return DataError(
        f"celeba: {short_path(path)} is damaged ({reason}). Delete it so that it is fetched again, or name "
        "another --data-dir"
    )


def _names(path: Path, split: Split) -> list[str]:
    """Return the names of the images of a split; a line is "000001.jpg 0"."""
    rows = [line.partition(" ") for line in _lines(path)]
    num = sum(1 for _, _, part in rows if part.strip() in ("0", "1", "2"))
    if not num == len(rows) == NUM_IMAGES:
        raise _damaged(path, f"it lists {num:,} images, the original lists {NUM_IMAGES:,}")
    return [name for name, _, part in rows if part.strip() == PARTS[split]]


def _attributes(path: Path, wanted: set[str]) -> tuple[list[str], dict[str, np.ndarray[Any, Any]]]:
    """Return the attributes' names, and of each image the attributes, 0 or 1.

    The first line is the number of images, the second the names; then follow lines "000001.jpg -1 1 -1 ...".
    """
    lines = _lines(path)
    head = lines[1].split() if len(lines) > 1 else []
    if len(lines) != NUM_IMAGES + 2 or not head:
        raise _damaged(path, f"it lists {max(len(lines) - 2, 0):,} images, the original lists {NUM_IMAGES:,}")
    values = {}
    for line in lines[2:]:
        name, *row = line.split() or [""]
        if len(row) != len(head) or not set(row) <= {"1", "-1"}:
            raise _damaged(path, f"the line of {name or 'an image'} has not {len(head)} values of 1 or -1")
        if name in wanted:
            values[name] = np.array([value == "1" for value in row], dtype=np.uint8)
    return head, values
