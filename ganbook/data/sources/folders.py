"""Any folder of images as a data set: `folder:PATH`.

What is read: every file below PATH whose name ends like an image's (`decode.SUFFIXES`), but no hidden file or
folder (".name", "__MACOSX"). Links are followed, and each folder is read once, so a link to a folder above
does no harm.

Splits: if PATH has the sub-folders `train` and `test` (or `val`, or `valid`), these are the two splits, and
nothing beside them is read. Otherwise all images are the training split, and there is no test split.

Classes: if the images lie in sub-folders, the first level of sub-folders are the classes, in the order of
their names. If there are images beside the sub-folders, there are no classes.

Order: by name; where there are classes they take turns, so that the first images are some of each.
"""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

import torch

from ganbook.data.request import RawImages, Request, Split
from ganbook.data.sources.cache import ImageFile, Job, decode_all
from ganbook.data.sources.decode import SUFFIXES, picture_size
from ganbook.errors import DataError, NoSplitError, UserError
from ganbook.support.files import printable, short_path
from ganbook.support.notices import notice

PREFIX = "folder:"
TEST_NAMES = ("test", "val", "valid")
DEFAULT_SIZE = 64  # for images of different sizes, large ones, or ones that are not square
KEEP_UP_TO = 128  # square images that all have one size up to this are left as they are


@dataclass(frozen=True)
class Folder:
    """A folder of images, as a source of data."""

    path: Path
    """Absolute."""

    @classmethod
    def named(cls, name: str) -> Self:
        """Return the folder of a data set's name "folder:PATH"; ~ is the home folder.

        Raises
        ------
        UserError
            If there is no path.
        """
        text = name.removeprefix(PREFIX).strip()
        if not text or "\0" in text:
            raise UserError(f"{name!r}: it takes the path of a folder, as in folder:~/photos")
        try:
            return cls(Path(os.path.abspath(Path(text).expanduser())))
        except RuntimeError as error:  # ~someone who is unknown
            raise UserError(f"{name!r}: {error}") from error

    @property
    def name(self) -> str:
        """The name under which it is found from anywhere: with its whole path, ~ for the home."""
        return PREFIX + short_path(self.path)

    @property
    def short_name(self) -> str:
        """The name as a part of a file's name: "folder-my-photos"."""
        last = re.sub(r"[^A-Za-z0-9]+", "-", self.path.name).strip("-")[:40]
        return f"folder-{last or 'images'}"

    def read(self, request: Request) -> RawImages:
        """Read the images, by the rules at the top of this file.

        They are cropped to their centre square and resized to `request.image_size`. Without one, square
        images of one size up to 128 pixels stay as they are, and all others become 64 x 64, with a notice.

        Raises
        ------
        DataError
            If there is no such folder or split, it holds no images, or some of them are damaged.
        """
        root, called = self.path, self.name
        _check_folder(called, root)
        part = split_folder(called, root, request.split)
        files, others = _find(part)
        if not files:
            raise DataError(f"{called}: {_nothing(part, others)}")
        names = _class_names(files)
        if names:
            files = _take_turns(files)
            other = root / ("train" if request.split == "test" else _test_name(root))
            if part != root and other.is_dir():  # a class has the same number in both splits
                names = sorted({*names, *_class_names(_find(other)[0])})
        elif any("/" in file.name for file in files):
            outside = sum("/" not in file.name for file in files)
            notice(f"{called}: no classes, as {outside:,} of the images lie outside its sub-folders")
        files = files[: request.limit]
        size = request.image_size or (lambda: _own_size(called, files))
        decoded = decode_all(Job(called, self.short_name, files, size, request.channels), request.skip_bad)
        labels = None
        if names:
            numbers = [names.index(file.name.partition("/")[0]) for file in files]
            labels = torch.tensor(numbers)[decoded.kept]
        shown = tuple(printable(n) for n in names)
        return RawImages(decoded.images, labels, shown, background=None)


def _check_folder(called: str, root: Path) -> None:
    """Refuse what is not a folder, and say what to do about it."""
    if root.is_dir():
        return
    if not root.exists():
        raise DataError(f"{called}: there is no such folder")
    packed = root.suffix.lower() in (".zip", ".gz", ".tar", ".tgz", ".7z", ".rar")
    raise DataError(
        f"{called}: it is a file, not a folder{'; unpack it and name the folder that comes out' * packed}"
    )


def _test_name(root: Path) -> str:
    """Return the name of the sub-folder with the test split, or "" if there are no splits."""
    tests = [name for name in TEST_NAMES if (root / name).is_dir()]
    return tests[0] if tests and (root / "train").is_dir() else ""


def split_folder(called: str, root: Path, split: Split) -> Path:
    """Return the folder of a split: a sub-folder if the splits have some, else all of it for training.

    Raises
    ------
    NoSplitError
        If there is no test split.
    """
    test = _test_name(root)
    if test:
        return root / ("train" if split == "train" else test)
    if split == "test":
        raise NoSplitError(
            f"{called}: it has no test split; put its images into two sub-folders train and test, "
            "or use split='train', which is all of them"
        )
    return root


class _Entry(NamedTuple):
    """What a walk through a folder meets."""

    path: str
    name: str  # with "/", relative to the folder
    entry: os.DirEntry[str] | None  # None for a folder that cannot be read
    problem: str = ""


def _walk(root: Path) -> Iterator[_Entry]:
    """Yield all files below a folder, in no order; each folder once, real ones before links to them."""
    visited: set[tuple[int, int]] = set()
    here: list[tuple[Path, str]] = [(root, "")]
    links: list[tuple[Path, str]] = []
    while here or links:
        if not here:
            links.sort(key=lambda link: link[1])
            here.append(links.pop(0))
        path, name = here.pop()
        try:
            about = path.stat()
            if (about.st_dev, about.st_ino) in visited:
                continue
            visited.add((about.st_dev, about.st_ino))
            with os.scandir(path) as listing:
                entries = list(listing)
        except OSError as error:
            yield _Entry(str(path), name, None, f"folder: {error.strerror or error}")
            continue
        for entry in entries:
            if entry.name.startswith(".") or entry.name == "__MACOSX":
                continue
            if entry.is_dir(follow_symlinks=False):
                here.append((Path(entry.path), f"{name}{entry.name}/"))
            elif entry.is_symlink() and os.path.isdir(entry.path):  # not entry.is_dir(): a link to itself
                links.append((Path(entry.path), f"{name}{entry.name}/"))
            else:
                yield _Entry(entry.path, name + entry.name, entry)


def _find(root: Path) -> tuple[list[ImageFile], Counter[str]]:
    """List the image files of a folder by name, and count the suffixes of the others."""
    files: list[ImageFile] = []
    others: Counter[str] = Counter()
    for path, name, entry, problem in _walk(root):
        suffix = os.path.splitext(name)[1].lower()
        if entry is None:
            files.append(ImageFile(path, name or ".", 0, 0, problem))
        elif suffix in SUFFIXES:
            files.append(_image_file(path, name, entry))
        else:
            others[suffix or "without a suffix"] += 1
    return sorted(files, key=lambda file: file.name.split("/")), others


def _image_file(path: str, name: str, entry: os.DirEntry[str]) -> ImageFile:
    try:
        about = entry.stat()
    except OSError as error:  # a link to nowhere
        return ImageFile(path, name, 0, 0, error.strerror or str(error))
    # A pipe or a device would keep the reader waiting for ever.
    problem = "" if stat.S_ISREG(about.st_mode) else "not a regular file"
    return ImageFile(path, name, about.st_size, about.st_mtime_ns, problem)


def _nothing(part: Path, others: Counter[str]) -> str:
    """Say what is in a folder without images."""
    if not others:
        return f"the folder {short_path(part)} is empty"
    kinds = ", ".join(f"{count:,} {printable(suffix)}" for suffix, count in others.most_common(3))
    packed = "; unpack the archive first" if others.keys() & {".zip", ".gz", ".tar", ".7z"} else ""
    return f"no images in {short_path(part)}, only other files ({kinds}){packed}"


def _class_names(files: list[ImageFile]) -> list[str]:
    """Return the names of the classes: the first sub-folders, if all images lie in such."""
    if not all("/" in file.name for file in files):
        return []
    return sorted({file.name.partition("/")[0] for file in files})


def _take_turns(files: list[ImageFile]) -> list[ImageFile]:
    """Order files by their number within their class, then by class. They come sorted by name."""
    numbers: Counter[str] = Counter()
    turns = []
    for file in files:
        kind = file.name.partition("/")[0]
        turns.append((numbers[kind], kind, file))
        numbers[kind] += 1
    return [file for _, _, file in sorted(turns, key=lambda turn: turn[:2])]


def _own_size(called: str, files: list[ImageFile]) -> int:
    """Return the side of the images if all are small squares of one size, else 64. Reads their heads only."""
    sizes: set[tuple[int, int]] = set()
    for file in files:
        size = None if file.problem else picture_size(Path(file.path))
        sizes |= {size} if size else set()  # of a damaged file more is said later
        width, height = size or (1, 1)
        if width != height or width > KEEP_UP_TO or len(sizes) > 1:
            notice(
                f"{called}: the images are large, not square, or of different sizes; each is cropped "
                f"to its centre and resized to {DEFAULT_SIZE}x{DEFAULT_SIZE} (image_size chooses)"
            )
            return DEFAULT_SIZE
    return next(iter(sizes), (DEFAULT_SIZE, DEFAULT_SIZE))[0]
