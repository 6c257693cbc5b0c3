"""Images held in memory as uint8, and the one place where they are scaled, padded or resized."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ganbook.errors import UserError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def to_float(images: Tensor) -> Tensor:
    """Scale uint8 images from 0..255 to float32 in [-1, 1], the range of the generator's tanh."""
    return images.to(torch.float32).div_(127.5).sub_(1.0)


def to_uint8(images: Tensor) -> Tensor:
    """Scale images from [-1, 1] back to uint8 0..255, rounded to the nearest and clipped."""
    return images.float().add(1.0).mul_(127.5).round_().clamp_(0, 255).to(torch.uint8)


def check_image_size(image_size: int) -> None:
    """Raise a `UserError` unless `image_size` is a positive whole number."""
    if not isinstance(image_size, int) or isinstance(image_size, bool) or image_size < 1:
        raise UserError(f"image_size={image_size!r}: it must be a whole number of pixels, at least 1")


def check_channels(channels: int) -> None:
    """Raise a `UserError` unless `channels` is 1 or 3."""
    if channels not in (1, 3):
        raise UserError(f"channels={channels!r}: it must be 1 (grey) or 3 (colour)")


def fit_images(images: Tensor, image_size: int, background: int | None = None) -> Tensor:
    """Bring images to `image_size` x `image_size`. The only place of the package where a size changes.

    The rule: strokes on a plain background (`background` given: MNIST) that must grow by at most four
    pixels a side are *padded* with the background, as LeNet did, so that no grey level changes. Everything
    else is *resized*, bilinear with antialiasing.

    Parameters
    ----------
    images : Tensor
        uint8, shape (N, C, H, W).
    image_size : int
        The wanted height and width in pixels, at least 1.
    background : int, optional
        Grey level (0..255) of the background, where there is one.

    Returns
    -------
    Tensor
        uint8, shape (N, C, image_size, image_size).

    Raises
    ------
    UserError
        If `image_size` is not a positive whole number.
    """
    check_image_size(image_size)
    height, width = images.shape[-2:]
    if (height, width) == (image_size, image_size):
        return images
    grow = (image_size - height, image_size - width)
    if background is not None and min(grow) >= 0 and max(grow) <= 8:
        top, left = grow[0] // 2, grow[1] // 2
        return F.pad(images, (left, grow[1] - left, top, grow[0] - top), value=background)
    parts = [
        F.interpolate(part.float(), size=(image_size, image_size), mode="bilinear", antialias=True)
        .round_()
        .clamp_(0, 255)
        .to(torch.uint8)
        for part in images.split(4096)  # in parts, so that the float copy stays small
    ]
    return torch.cat(parts)


def fit_channels(images: Tensor, channels: int) -> Tensor:
    """Turn grey images into colour (three equal channels) or colour into grey (ITU-R BT.601 luma).

    Parameters
    ----------
    images : Tensor
        uint8, shape (N, C, H, W) with C of 1 or 3.
    channels : int
        1 or 3.

    Returns
    -------
    Tensor
        uint8, shape (N, channels, H, W).

    Raises
    ------
    UserError
        If `channels` is neither 1 nor 3.
    """
    check_channels(channels)
    if images.shape[1] == channels:
        return images
    if channels == 3:
        return images.expand(-1, 3, -1, -1).contiguous()
    weights = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    return torch.cat(
        [(p * weights).sum(1, keepdim=True).round_().to(torch.uint8) for p in images.split(4096)]
    )


class ImageDataset:
    """Images in memory as uint8, indexed by batch and scaled to [-1, 1] on the device that trains.

    Parameters
    ----------
    images : Tensor
        uint8, shape (N, C, H, W).
    labels : Tensor, optional
        int64 class numbers, shape (N,).
    class_names : sequence of str, optional
        A name for each class.
    spec : dict, optional
        The arguments that `load_dataset` needs to load the same data again.

    Raises
    ------
    UserError
        If the images are not uint8 of shape (N, C, H, W), there are none, or the labels do not fit.

    Examples
    --------
    >>> data = ImageDataset(torch.zeros(10, 1, 8, 8, dtype=torch.uint8))
    >>> len(data), data.shape, data.batch(torch.tensor([0, 3])).shape
    (10, (1, 8, 8), torch.Size([2, 1, 8, 8]))
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor | None = None,
        class_names: Sequence[str] = (),
        spec: dict[str, Any] | None = None,
    ) -> None:
        if images.dtype != torch.uint8 or images.ndim != 4:
            raise UserError(
                f"images: got {images.dtype} of shape {tuple(images.shape)}; "
                "it takes torch.uint8 of shape (N, C, H, W)"
            )
        if len(images) == 0:
            raise UserError("images: got none; a data set needs at least one")
        if labels is not None and labels.shape != (len(images),):
            raise UserError(f"labels: got shape {tuple(labels.shape)}; it takes ({len(images)},)")
        self.images = images.contiguous()
        self.labels = labels
        self.class_names = tuple(class_names)
        self.spec = dict(spec or {})

    @property
    def name(self) -> str:
        """The name under which `load_dataset` knows these data ("images" for your own)."""
        return str(self.spec.get("name", "images"))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample, (C, H, W)."""
        return tuple(self.images.shape[1:])

    @property
    def num_classes(self) -> int:
        """The number of classes; 0 where there are no labels."""
        if self.labels is None:
            return 0
        return len(self.class_names) or int(self.labels.max()) + 1

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int | slice | Tensor) -> Tensor:
        """Return samples as float32 in [-1, 1]: (C, H, W) for a number, (n, C, H, W) otherwise."""
        return to_float(self.images[index])

    def __repr__(self) -> str:
        classes = f", {self.num_classes} classes" if self.num_classes else ""
        size = self.images.numel() / 2**20
        split = f", split={self.spec['split']!r}" if "split" in self.spec else ""
        return f"<{self.name}{split}: {len(self):,} images of {self.shape}{classes}, {size:.1f} MiB as uint8>"

    def to(self, device: torch.device | str) -> ImageDataset:
        """Return these data with the images on `device` (self where they already are)."""
        if self.images.device == torch.device(device):
            return self
        return ImageDataset(self.images.to(device), self.labels, self.class_names, self.spec)

    def batch(self, indices: Tensor) -> Tensor:
        """Return the samples at `indices` (int64, shape (B,)) as float32 in [-1, 1], shape (B, C, H, W)."""
        return to_float(self.images[indices.to(self.images.device, non_blocking=True)])

    def preview(self, num: int = 40, columns: int = 10) -> Figure:
        """Draw the first `num` samples with their labels.

        Parameters
        ----------
        num : int
            How many to show.
        columns : int
            How many a row.

        Returns
        -------
        matplotlib.figure.Figure
            A grid; in a notebook, the last expression of a cell shows it.
        """
        from ganbook import plots

        titles = None
        if self.labels is not None:
            names = self.class_names or [str(c) for c in range(self.num_classes)]
            titles = [names[int(label)] for label in self.labels[:num]]
        return plots.show_images(self.images[:num].cpu(), columns=columns, titles=titles)
