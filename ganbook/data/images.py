"""Images held in memory as uint8."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import torch
from torch import Tensor

from ganbook.data.dataset import check_samples, count_classes, free_memory, take_labels
from ganbook.errors import UserError
from ganbook.support.checks import Whole, checked
from ganbook.support.pixels import to_float, to_uint8

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PreviewCount = Annotated[int, Whole(1, what="a whole number of images")]


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
        What can be seen of each image: of each of A attributes, the index of its value, shape (N, A).
    attribute_names : sequence of str, optional
        A name for each of the A attributes.
    attribute_values : sequence of sequences of str, optional
        The names of each attribute's values. Default: all attributes are "no" or "yes" (CelebA).

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
        attribute_values: Sequence[Sequence[str]] = (),
    ) -> None:
        if images.dtype != torch.uint8 or images.ndim != 4:
            raise UserError(
                f"images: got {images.dtype} of shape {tuple(images.shape)}; "
                "it takes torch.uint8 of shape (N, C, H, W)"
            )
        check_samples("images", images, labels)
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
        values = attribute_values or [("no", "yes")] * len(attribute_names)
        self.attribute_values = tuple(tuple(names) for names in values)
        if len(self.attribute_values) != len(self.attribute_names):
            raise UserError(
                f"attribute_values: got the values of {len(self.attribute_values)} attributes; "
                f"it takes those of all {len(self.attribute_names)}"
            )
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
        return count_classes(self.labels, self.class_names)

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
