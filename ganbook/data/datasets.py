"""Data sets: samples that lie in memory and are indexed by batch. What each kind can do is in `Dataset`.

A game, a run and an evaluation ask the data set: how a batch is made, how samples are shown and saved, in
which form they are scored. So a new kind of data is a new class here (or anywhere), and nothing else changes.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol, Self

import torch
from torch import Tensor

from ganbook.data.points import Distribution
from ganbook.errors import UserError
from ganbook.support.checks import Count, Whole, checked
from ganbook.support.pixels import to_float, to_uint8

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PreviewCount = Annotated[int, Whole(1, what="a whole number of images")]


class Dataset(Protocol):
    """What is asked of data, of whatever kind."""

    spec: dict[str, Any]
    """The arguments with which `load_dataset` loads the same data again; empty for a reader's own."""
    labels: Tensor | None
    """int64, shape (N,), where there are classes."""
    class_names: tuple[str, ...]
    """A name for each class."""

    @property
    def kind(self) -> str:
        """What the samples are: a key of `KINDS`."""

    @property
    def by_coordinates(self) -> bool:
        """Whether the values are features by themselves (points), or take an extractor (images)."""

    @property
    def truth(self) -> Distribution | None:
        """The distribution that the samples come from, where it is known."""

    @staticmethod
    def num_shown(columns: int | None = None) -> int:
        """Return how many generated samples a picture of a run shows, in so many columns."""

    @property
    def name(self) -> str:
        """The name under which `load_dataset` knows these data."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample."""

    @property
    def num_classes(self) -> int:
        """The number of classes; 0 where there are no labels."""

    @property
    def device(self) -> torch.device:
        """Where batches come."""

    def __len__(self) -> int: ...

    def to(self, device: torch.device | str) -> Self:
        """Return these data for training on `device` (self where they already are)."""

    def batch(self, indices: Tensor) -> Tensor:
        """Return the samples at `indices` (int64, shape (B,)) as networks take them: float32, (B, *shape)."""

    def batch_labels(self, indices: Tensor) -> Tensor:
        """Return the class numbers at `indices`: int64, shape (B,), on `device`."""

    def values(self, rows: Tensor) -> Tensor:
        """Return the samples at `rows` in the form in which they are scored."""

    @staticmethod
    def to_values(samples: Tensor, name: str = "samples") -> Tensor:
        """Return generated samples in that form; a `UserError` where they cannot be."""

    def shown_beside(self) -> Tensor | None:
        """Return real samples to be drawn beside generated ones, where that helps."""

    @staticmethod
    def save_samples(
        samples: Tensor, path: Path, beside: Tensor | None = None, columns: int | None = None
    ) -> Tensor | None:
        """Write a picture of generated samples (PNG), and return it (uint8, (C, H, W)) if it is a grid."""


class ImageDataset:
    """Images in memory as uint8, indexed by batch and scaled to [-1, 1] on the device that trains.

    Parameters
    ----------
    images : Tensor
        uint8, shape (N, C, H, W). It may be a view of a memory-mapped file: nothing is copied.
    labels : Tensor, optional
        int64 class numbers, shape (N,).
    class_names : sequence of str, optional
        A name for each class.
    spec : dict, optional
        The arguments that `load_dataset` needs to load the same data again.
    attributes : Tensor, optional
        Several yes-or-no answers for each image (CelebA), 0 or 1, shape (N, A).
    attribute_names : sequence of str, optional
        A name for each of the A attributes.

    Raises
    ------
    UserError
        If the images are not uint8 of shape (N, C, H, W), there are none, or the labels or the attributes do
        not fit.

    Examples
    --------
    >>> data = ImageDataset(torch.zeros(10, 1, 8, 8, dtype=torch.uint8))
    >>> len(data), data.shape, data.batch(torch.tensor([0, 3])).shape
    (10, (1, 8, 8), torch.Size([2, 1, 8, 8]))
    """

    kind = "images"
    by_coordinates = False
    truth = None

    def __init__(
        self,
        images: Tensor,
        labels: Tensor | None = None,
        class_names: Sequence[str] = (),
        spec: dict[str, Any] | None = None,
        attributes: Tensor | None = None,
        attribute_names: Sequence[str] = (),
    ) -> None:
        if images.dtype != torch.uint8 or images.ndim != 4:
            raise UserError(
                f"images: got {images.dtype} of shape {tuple(images.shape)}; "
                "it takes torch.uint8 of shape (N, C, H, W)"
            )
        _check_samples("images", images, labels)
        if attributes is not None and attributes.shape != (len(images), len(attribute_names)):
            raise UserError(
                f"attributes: got shape {tuple(attributes.shape)}; it takes ({len(images)}, "
                f"{len(attribute_names)}), a column for each of attribute_names"
            )
        self.images = images.contiguous()
        self.labels = labels
        self.class_names = tuple(class_names)
        self.spec = dict(spec or {})
        self.attributes = attributes
        self.attribute_names = tuple(attribute_names)
        self.device = self.images.device  # where batches are; the images may stay behind on the CPU

    @property
    def name(self) -> str:
        """The name under which `load_dataset` knows these data ("images" for your own)."""
        return str(self.spec.get("name", self.kind))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample, (C, H, W)."""
        return tuple(self.images.shape[1:])

    @property
    def num_classes(self) -> int:
        """The number of classes; 0 where there are no labels."""
        return _num_classes(self.labels, self.class_names)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int | slice | Tensor) -> Tensor:
        """Return samples as float32 in [-1, 1]: (C, H, W) for a number, (n, C, H, W) otherwise."""
        return to_float(self.images[index].to(self.device))

    def __repr__(self) -> str:
        number = self.num_classes
        classes = f", {number} class{'es' if number > 1 else ''}" if number else ""
        if self.attributes is not None:
            classes += f", {len(self.attribute_names)} attributes"
        size = self.images.numel() / 2**20
        split = f", split={self.spec['split']!r}" if "split" in self.spec else ""
        return f"<{self.name}{split}: {len(self):,} images of {self.shape}{classes}, {size:.1f} MiB as uint8>"

    def to(self, device: torch.device | str) -> ImageDataset:
        """Return these data for training on `device` (self where they already are).

        The images move to the device if they take less than half of its free memory. Otherwise they stay,
        and each batch moves by itself, as uint8.
        """
        device = torch.device(device)
        if device.type == "cuda" and device.index is None:
            device = torch.device("cuda", torch.cuda.current_device())
        if self.device == device:
            return self
        moved = copy.copy(self)
        moved.device = device
        if self.images.numel() < free_memory(device) / 2:
            moved.images = self.images.to(device)
        moved.labels = None if self.labels is None else self.labels.to(device)
        moved.attributes = None if self.attributes is None else self.attributes.to(device)
        return moved

    def batch(self, indices: Tensor) -> Tensor:
        """Return the samples at `indices` (int64, shape (B,)) as float32 in [-1, 1], shape (B, C, H, W)."""
        images = self.images[indices.to(self.images.device, non_blocking=True)]
        return to_float(images.to(self.device, non_blocking=True))

    def batch_labels(self, indices: Tensor) -> Tensor:
        """Return the class numbers at `indices` (int64, shape (B,)): int64, shape (B,), on `device`.

        Raises
        ------
        UserError
            If the data have no labels.
        """
        return take_labels(self.name, self.labels, indices)

    def values(self, rows: Tensor) -> Tensor:
        """Return the samples at `rows` as they are scored: uint8, shape (n, C, H, W)."""
        return self.images[rows]

    @staticmethod
    def to_values(samples: Tensor, name: str = "samples") -> Tensor:
        """Return generated images as the uint8 images that anyone would look at.

        Parameters
        ----------
        samples : Tensor
            Floating-point, in [-1, 1], shape (N, C, H, W).
        name : str
            What they are, for the message.

        Returns
        -------
        Tensor
            uint8, shape (N, C, H, W).

        Raises
        ------
        UserError
            If the samples are not floating-point numbers, not finite, or outside [-1, 1].
        """
        if not samples.is_floating_point():
            raise UserError(f"{name}: got dtype {samples.dtype}; it takes floating-point images in [-1, 1]")
        if not samples.isfinite().all():
            raise UserError(f"{name}: got values that are NaN or infinite; it takes images in [-1, 1]")
        low, high = samples.min().item(), samples.max().item()
        if low < -1.001 or high > 1.001:  # bfloat16 rounds
            raise UserError(f"{name}: got values from {low:.4g} to {high:.4g}; it takes images in [-1, 1]")
        return to_uint8(samples)

    @staticmethod
    def num_shown(columns: int | None = None) -> int:
        """Return how many generated samples a picture of a run shows: eight rows."""
        return 8 * (columns or 8)

    def shown_beside(self) -> None:
        """Return nothing: a grid of images speaks for itself."""

    @staticmethod
    def save_samples(
        samples: Tensor, path: Path, beside: Tensor | None = None, columns: int | None = None
    ) -> Tensor:
        """Write generated images (float, [-1, 1]) as a grid (PNG), and return it: uint8, (C, height, width).

        Raises
        ------
        OSError
            If the file cannot be written; what was there before is unharmed.
        """
        from ganbook import plots

        images = to_uint8(samples)
        plots.save_grid(images, path, columns)
        return plots.image_grid(images, columns)

    @checked
    def preview(self, num: PreviewCount = 40, columns: PreviewCount = 10) -> Figure:
        """Draw the first `num` samples with their labels.

        Parameters
        ----------
        num : int
            How many to show, at least 1.
        columns : int
            How many a row, at least 1.

        Returns
        -------
        matplotlib.figure.Figure
            A grid; in a notebook, the last expression of a cell shows it.

        Raises
        ------
        UserError
            If `num` or `columns` is not a whole number or less than 1.
        """
        from ganbook import plots

        titles = None
        if self.labels is not None:
            names = self.class_names or [str(c) for c in range(self.num_classes)]
            titles = [names[label] for label in self.labels[:num].tolist()]
        return plots.show_images(self.images[:num].cpu(), columns=columns, titles=titles)


class PointDataset:
    """Points in memory, with the distribution that they come from; used like an `ImageDataset`.

    Parameters
    ----------
    points : Tensor
        float32, shape (N, 2).
    labels : Tensor, optional
        int64 numbers of the modes, shape (N,).
    distribution : Distribution, optional
        The truth: `modes`, `density`, `log_density`, `sample`.
    class_names : sequence of str, optional
        A name for each mode. Default: the distribution's.
    spec : dict, optional
        The arguments that `load_dataset` needs to load the same data again.

    Raises
    ------
    UserError
        If the points are not float32 of shape (N, 2), there are none, or the labels do not fit.

    Examples
    --------
    >>> from ganbook.data.points import ring
    >>> data = PointDataset.draw(ring(), 1000, seed=0)
    >>> len(data), data.shape, data.num_classes, data.batch(torch.tensor([0, 3])).shape
    (1000, (2,), 8, torch.Size([2, 2]))
    """

    kind = "points"
    by_coordinates = True

    def __init__(
        self,
        points: Tensor,
        labels: Tensor | None = None,
        distribution: Distribution | None = None,
        class_names: Sequence[str] = (),
        spec: dict[str, Any] | None = None,
    ) -> None:
        if points.dtype != torch.float32 or points.ndim != 2 or points.shape[1] != 2:
            raise UserError(
                f"points: got {points.dtype} of shape {tuple(points.shape)}; "
                "it takes torch.float32 of shape (N, 2)"
            )
        _check_samples("points", points, labels)
        self.points = points.contiguous()
        self.labels = labels
        self.distribution = distribution
        names = class_names or (distribution.mode_names if distribution is not None else ())
        self.class_names = tuple(names)
        self.spec = dict(spec or {})

    @classmethod
    def draw(
        cls, distribution: Distribution, n: int, seed: int, spec: dict[str, Any] | None = None
    ) -> PointDataset:
        """Draw a data set of `n` points from a distribution.

        Raises
        ------
        UserError
            If `n` or `seed` is not a whole number or is out of its range.
        """
        points, labels = distribution.sample(n, seed)
        return cls(points, labels, distribution, spec=spec)

    @property
    def truth(self) -> Distribution | None:
        """The distribution that the points come from, where it is known."""
        return self.distribution

    @property
    def device(self) -> torch.device:
        """Where the points are, and where batches come."""
        return self.points.device

    @property
    def name(self) -> str:
        """The name under which `load_dataset` knows these data ("points" for your own)."""
        return str(self.spec.get("name", self.kind))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample, (2,)."""
        return tuple(self.points.shape[1:])

    @property
    def num_classes(self) -> int:
        """The number of modes; 0 where there are no labels."""
        return _num_classes(self.labels, self.class_names)

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, index: int | slice | Tensor) -> Tensor:
        """Return samples as float32: (2,) for a number, (n, 2) otherwise."""
        return self.points[index]

    def __repr__(self) -> str:
        number = self.num_classes
        modes = f", {number} mode{'s' if number > 1 else ''}" if number else ""
        split = f", split={self.spec['split']!r}" if "split" in self.spec else ""
        return f"<{self.name}{split}: {len(self):,} points of {self.shape}{modes}>"

    def to(self, device: torch.device | str) -> PointDataset:
        """Return these data with the points on `device` (self where they already are)."""
        if self.points.device == torch.device(device):
            return self
        points = self.points.to(device)
        labels = None if self.labels is None else self.labels.to(device)
        return PointDataset(points, labels, self.distribution, self.class_names, self.spec)

    def batch(self, indices: Tensor) -> Tensor:
        """Return the samples at `indices` (int64, shape (B,)) as float32, shape (B, 2)."""
        return self.points[indices.to(self.points.device, non_blocking=True)]

    def batch_labels(self, indices: Tensor) -> Tensor:
        """Return the modes' numbers at `indices` (int64, shape (B,)): int64, shape (B,).

        They lie on the device of the points.

        Raises
        ------
        UserError
            If the points have no labels.
        """
        return take_labels(self.name, self.labels, indices)

    def values(self, rows: Tensor) -> Tensor:
        """Return the samples at `rows` as they are scored: float32, shape (n, 2)."""
        return self.points[rows]

    @staticmethod
    def to_values(samples: Tensor, name: str = "samples") -> Tensor:
        """Return generated points as they are scored: unchanged.

        Raises
        ------
        UserError
            If a coordinate is NaN or infinite.
        """
        if not samples.isfinite().all():
            raise UserError(f"{name} have values that are NaN or infinite")
        return samples

    @staticmethod
    def num_shown(columns: int | None = None) -> int:
        """Return how many generated samples a picture of a run shows."""
        return 1000

    def shown_beside(self) -> Tensor:
        """Return the real points that are drawn behind generated ones: float32, shape (n, 2)."""
        return self.points[: self.num_shown()].cpu()

    @staticmethod
    def save_samples(
        samples: Tensor, path: Path, beside: Tensor | None = None, columns: int | None = None
    ) -> None:
        """Write generated points, shape (N, 2), as a scatter plot (PNG), real ones in grey behind them.

        Raises
        ------
        OSError
            If the file cannot be written; what was there before is unharmed.
        """
        from ganbook import plots

        plots.save_points(samples, path, beside)

    @checked
    def preview(self, num: Count = 2000) -> Figure:
        """Draw the first `num` samples, each mode in a colour and a shape of its own.

        The colours are those of Okabe and Ito (2008), which colour-blind readers can tell apart; where they
        are used up, the same colours come again with another shape.

        Parameters
        ----------
        num : int
            How many to show, at least 1.

        Returns
        -------
        matplotlib.figure.Figure
            A scatter plot; in a notebook, the last expression of a cell shows it.

        Raises
        ------
        UserError
            If `num` is not a whole number or less than 1.
        """
        from ganbook import plots

        labels = None if self.labels is None else self.labels[:num].cpu()
        points = self.points[:num].cpu()
        return plots.show_points(
            points, labels, self.class_names, title=f"{self.name}: {len(points):,} points"
        )


KINDS: dict[str, type[ImageDataset] | type[PointDataset]] = {
    kind.kind: kind for kind in (ImageDataset, PointDataset)
}


def kind_of(shape: Sequence[int]) -> str:
    """Return the kind of samples of a shape: what a checkpoint of version 0.1, which does not say, is of."""
    return "images" if len(shape) == 3 else "points"


def _check_samples(name: str, samples: Tensor, labels: Tensor | None) -> None:
    if len(samples) == 0:
        raise UserError(f"{name}: got none; a data set needs at least one")
    if labels is not None and labels.shape != (len(samples),):
        raise UserError(f"labels: got shape {tuple(labels.shape)}; it takes ({len(samples)},)")


def _num_classes(labels: Tensor | None, class_names: Sequence[str]) -> int:
    if labels is None:
        return 0
    return len(class_names) or int(labels.max()) + 1


def free_memory(device: torch.device) -> float:
    """Return the bytes that are free on a device; infinite where that is not known (CPU, mps)."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else math.inf


def take_labels(name: str, labels: Tensor | None, indices: Tensor) -> Tensor:
    """Return the labels at `indices`, on the labels' device.

    Raises
    ------
    UserError
        If there are no labels.
    """
    if labels is None:
        raise UserError(f"the data set {name!r} has no labels; a model of classes needs data with labels")
    return labels[indices.to(labels.device, non_blocking=True)]
