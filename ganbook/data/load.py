"""The one door to every data set of the book."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, cast, overload

from ganbook.data.catalogue import find
from ganbook.data.datasets import Dataset, ImageDataset, PointDataset
from ganbook.data.request import Request, Split
from ganbook.data.sources.download import default_data_dir
from ganbook.errors import DataError, UserError
from ganbook.support.notices import notice

ImageName = Literal["glyphs", "portraits", "digits", "mnist", "fashion-mnist", "cifar10", "celeba"]
PointName = Literal["ring", "grid", "swiss-roll", "two-moons", "gaussian"]


@overload
def load_dataset(
    name: ImageName,
    data_dir: str | Path | None = None,
    *,
    split: str = "train",
    image_size: int | None = None,
    channels: int | None = None,
    fallback: str | None = None,
    limit: int | None = None,
    skip_bad: bool = False,
) -> ImageDataset: ...
@overload
def load_dataset(
    name: PointName,
    data_dir: str | Path | None = None,
    *,
    split: str = "train",
    image_size: int | None = None,
    channels: int | None = None,
    fallback: str | None = None,
    limit: int | None = None,
    skip_bad: bool = False,
) -> PointDataset: ...
@overload
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
) -> Dataset: ...
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
        of `ganbook.data.sources.folders`.
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
        A data set to use instead when this one cannot be had; one notice says so, however often it happens.
    limit : int, optional
        Keep the first `limit` samples only (of a folder the first files; its classes take turns).
    skip_bad : bool
        Leave out damaged image files (celeba, folders), with a notice. Otherwise they are an error.

    Returns
    -------
    ImageDataset or PointDataset
        Images as uint8, in memory or mapped into it from the cache; or points as float32. With labels and
        class names where there are classes, and with attributes for portraits and celeba.

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
    source = find(name)
    substitute = None if fallback is None else find(fallback)
    if data_dir is not None and not isinstance(data_dir, str | Path):
        raise UserError(f"data_dir={data_dir!r}: it must be the path of a folder")
    folder = default_data_dir() if data_dir is None else Path(data_dir).expanduser()
    part = cast(Split, split)  # checked by the request, as all the rest is
    request = Request(part, folder, image_size, channels, limit, skip_bad)
    try:
        return source.load(request)
    except DataError:
        if substitute is None:
            raise
        # Which data it is, calmly. Why, with addresses and error numbers, is said to those who ask for them.
        notice(
            f"the data set {name!r} is not here, so {fallback!r} is used instead. "
            f"(Without a fallback, load_dataset({name!r}) says what is missing.)",
            once=("fallback", name, fallback),
        )
        return substitute.load(request)
