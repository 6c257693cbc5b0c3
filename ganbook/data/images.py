"""Images held in memory as uint8, and the one place where images are scaled, padded or resized."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ganbook.errors import UserError

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL import Image

MAX_SIZE = 4096  # pixels; more is a slip of the finger


def to_float(images: Tensor) -> Tensor:
    """Scale uint8 images from 0..255 to float32 in [-1, 1], the range of the generator's tanh."""
    return images.to(torch.float32).div_(127.5).sub_(1.0)


def to_uint8(images: Tensor) -> Tensor:
    """Scale images from [-1, 1] back to uint8 0..255, rounded to the nearest and clipped."""
    return images.float().add(1.0).mul_(127.5).round_().clamp_(0, 255).to(torch.uint8)


def check_image_size(image_size: int) -> None:
    """Raise a `UserError` unless `image_size` is a whole number from 1 to 4096."""
    if not isinstance(image_size, int) or isinstance(image_size, bool) or not 1 <= image_size <= MAX_SIZE:
        raise UserError(f"image_size={image_size!r}: it must be a whole number of pixels, 1 to {MAX_SIZE}")


def check_channels(channels: int) -> None:
    """Raise a `UserError` unless `channels` is 1 or 3."""
    if isinstance(channels, bool) or not isinstance(channels, int) or channels not in (1, 3):
        raise UserError(f"channels={channels!r}: it must be 1 (grey) or 3 (colour)")


def fit_images(images: Tensor, image_size: int, background: int | None = None) -> Tensor:
    """Bring images to `image_size` x `image_size`.

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
        If `image_size` is not a whole number from 1 to 4096.
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


def fit_picture(picture: Image.Image, image_size: int) -> Image.Image:
    """Cut the centre square out of a picture (Pillow's) and resize it, bicubic with antialiasing.

    Pillow's filters widen with the reduction, so that nothing is skipped; Parmar, Zhang and Zhu, "On aliased
    resizing and surprising subtleties in GAN evaluation" (2022) show what goes wrong otherwise.

    Parameters
    ----------
    picture : PIL.Image.Image
        Mode L or RGB, any width and height.
    image_size : int
        The wanted height and width in pixels, at least 1.

    Returns
    -------
    PIL.Image.Image
        The same mode; the picture itself where it has the size already.
    """
    from PIL import Image

    if picture.size == (image_size, image_size):
        return picture
    width, height = picture.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    square = picture.crop((left, top, left + side, top + side))
    return square.resize((image_size, image_size), Image.Resampling.BICUBIC)


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
        if len(images) == 0:
            raise UserError("images: got none; a data set needs at least one")
        if labels is not None and labels.shape != (len(images),):
            raise UserError(f"labels: got shape {tuple(labels.shape)}; it takes ({len(images)},)")
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

    def preview(self, num: int = 40, columns: int = 10) -> Figure:
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

        for key, value in (("num", num), ("columns", columns)):
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise UserError(f"{key}={value!r}: it must be a whole number of images, at least 1")
        titles = None
        if self.labels is not None:
            names = self.class_names or [str(c) for c in range(self.num_classes)]
            titles = [names[label] for label in self.labels[:num].tolist()]
        return plots.show_images(self.images[:num].cpu(), columns=columns, titles=titles)


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
