"""What we learn from: one door, `load_dataset`, to every data set of the book."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ganbook.data import cache, celeba, files, folders, points, sources
from ganbook.data.images import (
    ImageDataset,
    check_channels,
    check_image_size,
    fit_channels,
    fit_images,
    to_float,
    to_uint8,
)
from ganbook.data.order import BatchOrder, epoch_permutation
from ganbook.data.points import PointDataset
from ganbook.data.sources import RawImages, Request, Split
from ganbook.errors import DataError, UserError, unknown

__all__ = [
    "SOURCES",
    "BatchOrder",
    "Dataset",
    "ImageDataset",
    "PointDataset",
    "Source",
    "check_name",
    "epoch_permutation",
    "load_dataset",
    "short_name",
    "to_float",
    "to_uint8",
    "whereabouts",
]


Dataset = ImageDataset | PointDataset

POINTS_TRAIN, POINTS_TEST = 100_000, 10_000  # 100,000 to train on: the PacGAN protocol


@dataclass(frozen=True)
class Source:
    """One line of `ganbook datasets`, and how to load it."""

    load: Callable[[Request], RawImages] | None  # None: points, drawn from `distribution`
    size: str
    shape: tuple[int, ...]
    about: str
    found: Callable[[Path, Split], bool] | None = None  # None: embedded, always there
    distribution: Callable[[], points.Distribution] | None = None


def _points(distribution: Callable[[], points.Distribution], about: str) -> Source:
    size = f"{POINTS_TRAIN:,} + {POINTS_TEST:,}"
    return Source(load=None, size=size, shape=(2,), about=about, distribution=distribution)


SOURCES: dict[str, Source] = {
    "ring": _points(points.ring, "8 Gaussians on a circle, sigma 0.01 (drawn; PacGAN's 2D-ring)"),
    "grid": _points(points.grid, "25 Gaussians on a grid, sigma 0.05 (drawn; PacGAN's 2D-grid)"),
    "swiss-roll": _points(points.swiss_roll, "a spiral with noise (drawn)"),
    "two-moons": _points(points.two_moons, "two half circles with noise (drawn)"),
    "gaussian": _points(points.gaussian, "one Gaussian (drawn)"),
    "glyphs": Source(
        load=sources.load_glyph_images,
        size="60,000 + 10,000",
        shape=(1, 28, 28),
        about="digits drawn as pen strokes from known factors; any size, grey or colour (drawn)",
    ),
    "digits": Source(
        load=sources.load_digits,
        size="1,437 + 360",
        shape=(1, 8, 8),
        about="real handwritten digits (Alpaydin and Kaynak 1998; in scikit-learn, CC BY 4.0)",
    ),
    "mnist": Source(
        load=sources.load_mnist,
        found=sources.find_mnist,
        size="60,000 + 10,000",
        shape=(1, 28, 28),
        about="real handwritten digits (LeCun et al. 1998; by torchvision, 12 MB)",
    ),
    "fashion-mnist": Source(
        load=sources.load_fashion_mnist,
        found=sources.find_fashion_mnist,
        size="60,000 + 10,000",
        shape=(1, 28, 28),
        about="clothes in grey (Xiao et al. 2017; MIT licence; by torchvision, 31 MB)",
    ),
    "cifar10": Source(
        load=sources.load_cifar10,
        found=sources.find_cifar10,
        size="50,000 + 10,000",
        shape=(3, 32, 32),
        about="small colour photographs (Krizhevsky 2009; by torchvision, 170 MB)",
    ),
    "celeba": Source(
        load=celeba.load_celeba,
        found=celeba.find_celeba,
        size="162,770 + 19,962",
        shape=(3, 64, 64),
        about="faces, 40 attributes (Liu et al. 2015; for research only; by torchvision and gdown, 1.4 GB)",
    ),
}


def check_name(name: object) -> str:
    """Return `name` if it is that of a data set: one of `SOURCES`, or "folder:PATH".

    Parameters
    ----------
    name : object
        What the caller gave.

    Raises
    ------
    UserError
        If it is not; the line suggests the nearest name.

    Examples
    --------
    >>> check_name("folder:~/my photos")
    'folder:~/my photos'
    """
    if isinstance(name, str) and name.startswith(folders.PREFIX):
        folders.folder_path(name)
    elif not isinstance(name, str) or name not in SOURCES:
        raise unknown("data set", name, [*SOURCES, "folder:PATH"])
    return name


def short_name(name: str) -> str:
    """Return a data set's name as a part of a file's name: "folder:~/my photos" becomes "folder-my-photos".

    Examples
    --------
    >>> short_name("folder:~/my photos"), short_name("mnist")
    ('folder-my-photos', 'mnist')
    """
    return cache.slug(name)


def load_dataset(
    name: str,
    data_dir: str | Path | None = None,
    *,
    split: str = "train",
    image_size: int | None = None,
    channels: int | None = None,
    fallback: str | None = None,
    limit: int | None = None,
    skip_bad: bool = False,
) -> Dataset:
    """Load a data set by name: embedded data at once, others from `data_dir`, else by download.

    Parameters
    ----------
    name : str
        One of the names that `ganbook datasets` lists, or "folder:PATH" for a folder of images, by the rules
        of `ganbook.data.folders`.
    data_dir : str or Path, optional
        Where the files are, and where a download goes. Default: the environment variable GANBOOK_DATA,
        else ~/.cache/ganbook.
    split : {"train", "test"}
        Which part.
    image_size : int, optional
        Height and width to pad or resize to (the rule is in `fit_images`); photographs (celeba, folders) are
        cropped to their centre square before. Default: as they are; celeba 64; a folder as they are if all
        are square, of one size and at most 128, else 64.
    channels : {1, 3}, optional
        Turn to grey or to colour. Default: as they are; a folder has 3 unless all of its images are grey.
    fallback : str, optional
        A data set to use instead, with a visible notice, when this one cannot be had.
    limit : int, optional
        Keep the first `limit` samples only (of a folder the first files; its classes take turns).
    skip_bad : bool
        Leave out damaged image files (celeba, folders), with a notice. Otherwise they are an error.

    Returns
    -------
    ImageDataset or PointDataset
        Images as uint8, in memory or mapped into it from the cache; or points as float32. With labels and
        class names where there are classes, and with attributes for celeba.

    Raises
    ------
    UserError
        If an argument is out of its range, or a name is unknown.
    DataError
        If the data cannot be had and no `fallback` was named; the line says what was tried.

    Examples
    --------
    >>> load_dataset("digits")
    <digits, split='train': 1,437 images of (1, 8, 8), 10 classes, 0.1 MiB as uint8>
    """
    part = sources.check_split(split)
    check_name(name)
    if fallback is not None:
        check_name(fallback)
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
        raise UserError(f"limit={limit!r}: it must be a whole number of samples, at least 1")
    if image_size is not None:  # all is checked before anything is loaded or fetched
        check_image_size(image_size)
    if channels is not None:
        check_channels(channels)
    if not isinstance(skip_bad, bool):
        raise UserError(f"skip_bad={skip_bad!r}: it must be true or false")
    if data_dir is not None and not isinstance(data_dir, str | Path):
        raise UserError(f"data_dir={data_dir!r}: it must be the path of a folder")
    folder = sources.default_data_dir() if data_dir is None else Path(data_dir).expanduser()

    request = Request(part, folder, image_size, channels, limit, skip_bad)
    try:
        return _load(name, request)
    except DataError as error:
        if fallback is None:
            raise
        # On stdout, so that it shows in notebooks and in the built book too.
        print(f"Notice: using the data set {fallback!r} instead of {name!r}.\nReason: {error}")
        return _load(fallback, request)


def _load(name: str, request: Request) -> Dataset:
    options = request.options()
    spec: dict[str, Any] = {"name": name, "split": request.split, **options}
    if name.startswith(folders.PREFIX):
        spec["name"] = folders.folder_name(name)
        raw = folders.load_folder(name, request)
    else:
        source = SOURCES[name]
        if source.distribution is not None:
            return _draw(source.distribution(), request, spec)
        assert source.load is not None
        if source.found is not None and request.data_dir is not None:
            spec["data_dir"] = str(request.data_dir.absolute())
        raw = source.load(request)
    if request.skip_bad:
        spec["skip_bad"] = True
    images, labels, attributes = (
        None if part is None else part[: request.limit] for part in (raw.images, raw.labels, raw.attributes)
    )
    assert images is not None
    if request.channels is not None:
        images = fit_channels(images, request.channels)
    if request.image_size is not None:
        images = fit_images(images, request.image_size, raw.background)
    return ImageDataset(images, labels, raw.class_names, spec, attributes, raw.attribute_names)


def _draw(distribution: points.Distribution, request: Request, spec: dict[str, Any]) -> PointDataset:
    for key, value in request.options().items():
        if key != "limit":
            raise UserError(f"{key}={value!r}: the data set {spec['name']!r} has points, not images")
    num, seed = (POINTS_TRAIN, 0) if request.split == "train" else (POINTS_TEST, 1)
    return PointDataset.draw(distribution, min(num, request.limit or num), seed, spec)


Whereabouts = Literal["embedded", "here", "cached", "damaged", "would be downloaded"]


def whereabouts(name: str, data_dir: str | Path | None = None) -> Whereabouts:
    """Say where a data set is, without loading it.

    Parameters
    ----------
    name : str
        A name of `SOURCES`.
    data_dir : str or Path, optional
        The folder to look into; default as in `load_dataset`.

    Returns
    -------
    str
        "embedded": comes with the package or is drawn. "here": its files are there. "cached": so they are,
        and decoded besides. "damaged": its files are there and cannot be used. Or "would be downloaded".

    Raises
    ------
    UserError
        If the name is unknown.
    """
    if name not in SOURCES:
        raise unknown("data set", name, SOURCES)
    found = SOURCES[name].found
    if found is None:
        return "embedded"
    folder = sources.default_data_dir() if data_dir is None else Path(data_dir).expanduser()
    try:
        here = found(folder or files.download_dir(), "train")
    except DataError:
        return "damaged"
    if not here:
        return "would be downloaded"
    return "cached" if cache.entries(f"{name}-") else "here"
