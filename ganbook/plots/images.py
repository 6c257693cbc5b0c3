"""Pictures of pictures: grids of images, as files and as figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ganbook.errors import UserError
from ganbook.support.files import replacing
from ganbook.support.pixels import to_picture, to_uint8

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def image_grid(images: Tensor, columns: int | None = None, gap: int = 2, background: int = 128) -> Tensor:
    """Lay images out in a grid.

    Parameters
    ----------
    images : Tensor
        uint8, shape (N, C, H, W).
    columns : int, optional
        Images a row; default the square root of N, rounded up.
    gap : int
        Pixels between two images.
    background : int
        Grey level of the gaps; the default stands out neither on a light nor on a dark page.

    Returns
    -------
    Tensor
        uint8, shape (C, height, width).

    Raises
    ------
    UserError
        If the images are not uint8 of shape (N, C, H, W).
    """
    if images.ndim != 4 or images.dtype != torch.uint8 or len(images) == 0:
        raise UserError(
            f"images: got {images.dtype} of shape {tuple(images.shape)}; it takes uint8 of shape (N, C, H, W)"
        )
    num, channels, height, width = images.shape
    columns = columns or math.ceil(math.sqrt(num))
    rows = math.ceil(num / columns)
    grid = torch.full(
        (channels, rows * (height + gap) - gap, columns * (width + gap) - gap), background, dtype=torch.uint8
    )
    for i, image in enumerate(images.cpu()):
        top, left = i // columns * (height + gap), i % columns * (width + gap)
        grid[:, top : top + height, left : left + width] = image
    return grid


def save_grid(images: Tensor, path: str | Path, columns: int | None = None) -> None:
    """Write a grid of images as a PNG, enlarged by a whole factor so that small images can be seen.

    Parameters
    ----------
    images : Tensor
        uint8, shape (N, C, H, W) with C of 1 or 3.
    path : str or Path
        The file.
    columns : int, optional
        Images a row.

    Raises
    ------
    OSError
        If the file cannot be written; what was there before is unharmed.
    """
    factor = max(1, 48 // images.shape[-1])
    images = images.repeat_interleave(factor, -1).repeat_interleave(factor, -2)
    with replacing(Path(path)) as temporary:
        to_picture(image_grid(images, columns)).save(temporary, format="PNG", optimize=True)


def show_images(
    images: Tensor, columns: int = 10, titles: Sequence[str] | None = None, scale: float = 0.6
) -> Figure:
    """Draw images in a grid, each with a title if there are titles.

    Parameters
    ----------
    images : Tensor
        uint8 0..255 or float in [-1, 1], shape (N, C, H, W).
    columns : int
        Images a row.
    titles : sequence of str, optional
        One for each image.
    scale : float
        Width of an image in inches.

    Returns
    -------
    matplotlib.figure.Figure
        Not shown; the last expression of a notebook cell shows it.
    """
    from matplotlib.figure import Figure

    if images.dtype != torch.uint8:
        images = to_uint8(images)
    columns = min(columns, len(images))
    rows = math.ceil(len(images) / columns)
    height = scale * images.shape[-2] / images.shape[-1]
    figure = Figure(figsize=(columns * scale, rows * (height + (0.22 if titles else 0.05))))
    axes = figure.subplots(rows, columns, squeeze=False)
    for i, ax in enumerate(axes.flat):
        ax.axis("off")
        if i < len(images):
            picture = images[i].permute(1, 2, 0).squeeze(-1).numpy()
            ax.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            if titles:
                ax.set_title(titles[i], fontsize=9, pad=2)
    figure.subplots_adjust(
        left=0.005, right=0.995, bottom=0.01, top=0.93 if titles and rows < 3 else 0.97 if titles else 0.99,
        wspace=0.06, hspace=0.35 if titles else 0.06,
    )  # fmt: skip
    return figure
