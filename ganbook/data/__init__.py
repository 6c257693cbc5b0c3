"""What we learn from: one door, `load_dataset`, to every data set of the book."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ganbook.data import points, sources
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
    "epoch_permutation",
    "load_dataset",
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
        about="real handwritten digits (LeCun et al. 1998; by torchvision)",
    ),
}


def load_dataset(
    name: str,
    data_dir: str | Path | None = None,
    *,
    split: str = "train",
    image_size: int | None = None,
    channels: int | None = None,
    fallback: str | None = None,
    limit: int | None = None,
) -> Dataset:
    """Load a data set by name: embedded data at once, others from `data_dir`, else by download.

    Parameters
    ----------
    name : str
        One of the names that `ganbook datasets` lists.
    data_dir : str or Path, optional
        Where the files are, and where a download goes. Default: the environment variable GANBOOK_DATA,
        else ~/.cache/ganbook.
    split : {"train", "test"}
        Which part.
    image_size : int, optional
        Height and width to pad or resize to (the rule is in `fit_images`). Default: as they are.
    channels : {1, 3}, optional
        Turn to grey or to colour. Default: as they are.
    fallback : str, optional
        A data set to use instead, with a visible notice, when this one cannot be had.
    limit : int, optional
        Keep the first `limit` samples only.

    Returns
    -------
    ImageDataset or PointDataset
        Images in memory as uint8, or points as float32; with labels and class names.

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
    for key in [name] if fallback is None else [name, fallback]:
        if key not in SOURCES:
            raise unknown("data set", key, SOURCES)
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
        raise UserError(f"limit={limit!r}: it must be a whole number of samples, at least 1")
    if image_size is not None:  # all is checked before anything is loaded or fetched
        check_image_size(image_size)
    if channels is not None:
        check_channels(channels)
    folder = sources.default_data_dir() if data_dir is None else Path(data_dir).expanduser()

    request = Request(part, folder, image_size, channels, limit)
    try:
        return _load(name, request)
    except DataError as error:
        if fallback is None:
            raise
        # On stdout, so that it shows in notebooks and in the built book too.
        print(f"Notice: using the data set {fallback!r} instead of {name!r}.\nReason: {error}")
        return _load(fallback, request)


def _load(name: str, request: Request) -> Dataset:
    source, options = SOURCES[name], request.options()
    spec: dict[str, Any] = {"name": name, "split": request.split, **options}
    if source.distribution is not None:
        for key in options:
            if key != "limit":
                raise UserError(f"{key}={options[key]!r}: the data set {name!r} has points, not images")
        num, seed = (POINTS_TRAIN, 0) if request.split == "train" else (POINTS_TEST, 1)
        return PointDataset.draw(source.distribution(), min(num, request.limit or num), seed, spec)
    assert source.load is not None
    if source.found is not None and request.data_dir is not None:
        spec["data_dir"] = str(request.data_dir)
    raw = source.load(request)
    images = raw.images[: request.limit]
    labels = None if raw.labels is None else raw.labels[: request.limit]
    if request.channels is not None:
        images = fit_channels(images, request.channels)
    if request.image_size is not None:
        images = fit_images(images, request.image_size, raw.background)
    return ImageDataset(images, labels, raw.class_names, spec)


def whereabouts(
    name: str, data_dir: str | Path | None = None
) -> Literal["embedded", "here", "damaged", "would be downloaded"]:
    """Say whether a data set is embedded, here as files, damaged, or would be downloaded.

    Parameters
    ----------
    name : str
        A name of `SOURCES`.
    data_dir : str or Path, optional
        The folder to look into; default as in `load_dataset`.

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
        here = found(folder or sources.download_dir(), "train")
    except DataError:
        return "damaged"
    return "here" if here else "would be downloaded"
