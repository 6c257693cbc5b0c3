"""Where data come from, by name. A name is parsed once, here: `find` turns it into a `Source`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from ganbook.data import points
from ganbook.data.datasets import Dataset, ImageDataset, PointDataset
from ganbook.data.request import RawImages, Request, Split
from ganbook.data.sources import cache, celeba, embedded, torchvision
from ganbook.data.sources.download import default_data_dir
from ganbook.data.sources.folders import PREFIX, Folder
from ganbook.errors import DataError, UserError, unknown
from ganbook.support.files import user_dir
from ganbook.support.pixels import fit_channels, fit_images

POINTS_TRAIN, POINTS_TEST = 100_000, 10_000  # 100,000 to train on: the PacGAN protocol

Whereabouts = Literal["embedded", "here", "cached", "damaged", "would be downloaded"]


class Source(Protocol):
    """Where a data set comes from."""

    @property
    def name(self) -> str:
        """The name under which it is found again from anywhere."""

    @property
    def short_name(self) -> str:
        """The name as a part of a file's name."""

    def load(self, request: Request) -> Dataset:
        """Load it."""


@dataclass(frozen=True)
class Points:
    """Points that are drawn from a known distribution."""

    name: str
    distribution: Callable[[], points.Distribution]
    about: str
    size: str = f"{POINTS_TRAIN:,} + {POINTS_TEST:,}"
    shape: tuple[int, ...] = (2,)

    @property
    def short_name(self) -> str:
        """The name, which is a part of a file's name as it is."""
        return self.name

    def load(self, request: Request) -> PointDataset:
        """Draw the points.

        Raises
        ------
        UserError
            If something is asked for that only images have.
        """
        for key, value in request.options().items():
            if key != "limit":
                raise UserError(f"{key}={value!r}: the data set {self.name!r} has points, not images")
        num, seed = (POINTS_TRAIN, 0) if request.split == "train" else (POINTS_TEST, 1)
        spec = _spec(self.name, request)
        return PointDataset.draw(self.distribution(), min(num, request.limit or num), seed, spec)

    def whereabouts(self, data_dir: Path | None) -> Whereabouts:
        """Say that they are drawn."""
        return "embedded"


@dataclass(frozen=True)
class Images:
    """Images: embedded, drawn, or in files that are in their place or are fetched."""

    name: str
    read: Callable[[Request], RawImages]
    size: str
    shape: tuple[int, ...]
    about: str
    find: Callable[[Path, Split], bool] | None = None  # None: embedded, always there

    @property
    def short_name(self) -> str:
        """The name, which is a part of a file's name as it is."""
        return self.name

    def load(self, request: Request) -> ImageDataset:
        """Read the images.

        Raises
        ------
        DataError
            If the files are damaged, or are not there and cannot be fetched.
        """
        spec = _spec(self.name, request)
        if self.find is not None and request.data_dir is not None:
            spec["data_dir"] = str(request.data_dir.absolute())
        return _dataset(self.read(request), request, spec)

    def whereabouts(self, data_dir: Path | None) -> Whereabouts:
        """Say whether its files are there, without loading them."""
        if self.find is None:
            return "embedded"
        try:
            here = self.find(data_dir or default_data_dir() or user_dir(), "train")
        except DataError:
            return "damaged"
        if not here:
            return "would be downloaded"
        return "cached" if cache.entries(f"{self.name}-") else "here"


@dataclass(frozen=True)
class OwnImages(Folder):
    """A reader's own folder of images."""

    def load(self, request: Request) -> ImageDataset:
        """Read the images.

        Raises
        ------
        DataError
            If there is no such folder or split, it holds no images, or some of them are damaged.
        """
        return _dataset(self.read(request), request, _spec(self.name, request))


def _spec(name: str, request: Request) -> dict[str, Any]:
    """Return the arguments with which `load_dataset` loads the same again."""
    spec: dict[str, Any] = {"name": name, "split": request.split, **request.options()}
    return spec | {"skip_bad": True} if request.skip_bad else spec


def _dataset(raw: RawImages, request: Request, spec: dict[str, Any]) -> ImageDataset:
    """Bring what a source delivers to the size and the channels that were asked for."""
    num = request.limit
    images = raw.images[:num]
    if request.channels is not None:
        images = fit_channels(images, request.channels)
    if request.image_size is not None:
        images = fit_images(images, request.image_size, raw.background)
    labels, attributes = (None if part is None else part[:num] for part in (raw.labels, raw.attributes))
    return ImageDataset(
        images, labels, raw.class_names, spec, attributes, raw.attribute_names, raw.attribute_values
    )


SOURCES: dict[str, Points | Images] = {
    "ring": Points("ring", points.ring, "8 Gaussians on a circle, sigma 0.01 (drawn; PacGAN's 2D-ring)"),
    "grid": Points("grid", points.grid, "25 Gaussians on a grid, sigma 0.05 (drawn; PacGAN's 2D-grid)"),
    "swiss-roll": Points("swiss-roll", points.swiss_roll, "a spiral with noise (drawn)"),
    "two-moons": Points("two-moons", points.two_moons, "two half circles with noise (drawn)"),
    "gaussian": Points("gaussian", points.gaussian, "one Gaussian (drawn)"),
    "glyphs": Images(
        name="glyphs",
        read=embedded.load_glyph_images,
        size="60,000 + 10,000",
        shape=(1, 28, 28),
        about="digits drawn as pen strokes from known factors; any size, grey or colour (drawn)",
    ),
    "portraits": Images(
        name="portraits",
        read=embedded.load_portrait_images,
        size="20,000 + 5,000",
        shape=(3, 64, 64),
        about="faces drawn from known factors, with a mask for every part; any size, grey or colour (drawn)",
    ),
    "digits": Images(
        name="digits",
        read=embedded.load_digits,
        size="1,437 + 360",
        shape=(1, 8, 8),
        about="real handwritten digits (Alpaydin and Kaynak 1998; in scikit-learn, CC BY 4.0)",
    ),
    "mnist": Images(
        name="mnist",
        read=torchvision.load_mnist,
        find=torchvision.find_mnist,
        size="60,000 + 10,000",
        shape=(1, 28, 28),
        about="real handwritten digits (LeCun et al. 1998; by torchvision, 12 MB)",
    ),
    "fashion-mnist": Images(
        name="fashion-mnist",
        read=torchvision.load_fashion_mnist,
        find=torchvision.find_fashion_mnist,
        size="60,000 + 10,000",
        shape=(1, 28, 28),
        about="clothes in grey (Xiao et al. 2017; MIT licence; by torchvision, 31 MB)",
    ),
    "cifar10": Images(
        name="cifar10",
        read=torchvision.load_cifar10,
        find=torchvision.find_cifar10,
        size="50,000 + 10,000",
        shape=(3, 32, 32),
        about="small colour photographs (Krizhevsky 2009; by torchvision, 170 MB)",
    ),
    "celeba": Images(
        name="celeba",
        read=celeba.load_celeba,
        find=celeba.find_celeba,
        size="162,770 + 19,962",
        shape=(3, 64, 64),
        about="faces, 40 attributes (Liu et al. 2015; for research only; by torchvision and gdown, 1.4 GB)",
    ),
}


def find(name: object) -> Source:
    """Return the source that a name stands for: one of `SOURCES`, or "folder:PATH".

    Parameters
    ----------
    name : object
        What the caller gave.

    Raises
    ------
    UserError
        If it is no name of a data set; the line suggests the nearest one.

    Examples
    --------
    >>> find("folder:~/my photos").name, find("folder:~/my photos").short_name, find("mnist").short_name
    ('folder:~/my photos', 'folder-my-photos', 'mnist')
    """
    if isinstance(name, str) and name.startswith(PREFIX):
        return OwnImages.named(name)
    if not isinstance(name, str) or name not in SOURCES:
        raise unknown("data set", name, [*SOURCES, "folder:PATH"])
    return SOURCES[name]


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
    return SOURCES[name].whereabouts(None if data_dir is None else Path(data_dir).expanduser())
