"""Pixels: the one place where images are scaled, padded, resized, and turned to a picture's bytes."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Annotated, Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ganbook.support.checks import AnyOf, Whole, checked

if TYPE_CHECKING:
    from PIL import Image

MAX_SIZE = 4096  # pixels; more is a slip of the finger

ImageSize = Annotated[int, Whole(1, MAX_SIZE, "a whole number of pixels")]
Channels = Annotated[int, AnyOf((1, 3), "1 (grey) or 3 (colour)")]


def to_float(images: Tensor) -> Tensor:
    """Scale uint8 images from 0..255 to float32 in [-1, 1], the range of the generator's tanh."""
    return images.to(torch.float32).div_(127.5).sub_(1.0)


def to_uint8(images: Tensor) -> Tensor:
    """Scale images from [-1, 1] back to uint8 0..255, rounded to the nearest and clipped."""
    return images.float().add(1.0).mul_(127.5).round_().clamp_(0, 255).to(torch.uint8)


@checked
def fit_images(images: Tensor, image_size: ImageSize, background: int | None = None) -> Tensor:
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


@checked
def fit_channels(images: Tensor, channels: Channels) -> Tensor:
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
    if images.shape[1] == channels:
        return images
    if channels == 3:
        return images.expand(-1, 3, -1, -1).contiguous()
    weights = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    return torch.cat(
        [(p * weights).sum(1, keepdim=True).round_().to(torch.uint8) for p in images.split(4096)]
    )


def to_picture(image: Tensor) -> Image.Image:
    """Return a uint8 image (C, H, W), C of 1 or 3, as a Pillow picture."""
    from PIL import Image

    pixels = image.permute(1, 2, 0).cpu().numpy()
    return Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels)


def data_address(picture: Image.Image, kind: str = "png", **options: Any) -> str:
    """Return a Pillow picture as a `data:` address, which a page needs no other file for.

    Parameters
    ----------
    picture : PIL.Image.Image
        Any mode that the kind of file knows.
    kind : str
        Of file: "png" or "webp".
    **options
        For Pillow's `save`.
    """
    file = io.BytesIO()
    picture.save(file, format=kind, **options)
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"


def from_data_address(address: str) -> Image.Image:
    """Return the picture that `data_address` has written: in RGB.

    Examples
    --------
    >>> from PIL import Image
    >>> from_data_address(data_address(Image.new("RGB", (3, 2), "red"))).size
    (3, 2)
    """
    from PIL import Image

    return Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))).convert("RGB")
