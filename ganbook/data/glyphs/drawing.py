"""Drawing: from factors to pixels.

A pixel is ink where its distance to the strokes is less than half the pen's thickness, and the edge is a
smooth step about a pixel wide. All lengths are in pixels of a 28x28 image, whatever the size that is drawn,
and as in MNIST a digit fits into a box of 20 pixels and its centre of mass is the image's centre.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated

import torch
from torch import Tensor

from ganbook.data import drawn
from ganbook.data.drawn import NumImages, Sequence, Start
from ganbook.data.glyphs.factors import Factors, sample_factors
from ganbook.data.glyphs.pen import pen
from ganbook.data.request import SplitName
from ganbook.support.checks import Whole, checked
from ganbook.support.pixels import Channels

UNIT = 28.0  # lengths are in pixels of an image of this size
BOX = 20.0  # a digit of scale 1 fits into a box of this size

GlyphSize = Annotated[int, Whole(8, what="a whole number of pixels")]


def strokes(factors: Factors) -> tuple[Tensor, Tensor]:
    """Turn factors into the strokes on the page.

    Parameters
    ----------
    factors : Factors
        Of N images.

    Returns
    -------
    lines : Tensor
        float64, shape (N, 2, S, 2): beginnings [:, 0] and ends [:, 1] of S straight pieces, as (x, y) in
        pixels of a 28x28 image; (0, 0) is its upper left corner.
    radius : Tensor
        float64, shape (N, S): half the pen's thickness on each piece.
    """
    tables = pen()
    row = tables.first[factors.label] + factors.variant
    points = tables.points[row] + factors.jitter
    matrix = tables.straight[row] + factors.roundness.view(-1, 1, 1, 1) * tables.bent[row]
    lines = torch.einsum("nesk,nkd->nesd", matrix, points)

    def each(values: Tensor) -> Tensor:
        return values.view(-1, 1, 1)

    x, y = lines[..., 0] - 0.3, lines[..., 1] - 0.5  # y from -0.5 to 0.5
    y = y + each(factors.balance) * (1 - 4 * y**2)
    x = x * each(factors.aspect) * (1 + 2 * each(factors.taper) * y) - each(factors.slant) * y
    cos, sin = each(factors.rotation.cos()), each(factors.rotation.sin())
    lines = torch.stack([cos * x + sin * y, cos * y - sin * x], -1)

    # Fit the ink into the box, then put the centre of mass into its place.
    flat = lines.flatten(1, 2)
    size = (flat.amax(1) - flat.amin(1)).amax(1)
    lines = lines * ((BOX * factors.scale - factors.thickness).clamp(min=1) / size).view(-1, 1, 1, 1)
    swell = 1 + factors.pressure.unsqueeze(1) * tables.time[row] + factors.grain
    radius = factors.thickness.unsqueeze(1) / 2 * swell.clamp(min=0.1)
    mass = (lines[:, 1] - lines[:, 0]).norm(dim=-1, keepdim=True) * radius.unsqueeze(-1)
    centre = (lines.mean(1) * mass).sum(1) / mass.sum(1)
    middle = UNIT / 2 + torch.stack([factors.shift_x, factors.shift_y], 1)
    return lines + (middle - centre).view(-1, 1, 1, 2), radius


def _nearness(lines: Tensor, radius: Tensor, image_size: int, device: torch.device) -> Tensor:
    """Return the distance from every pixel to the nearest stroke, in radii of the pen: float32, (H, W, N).

    On a piece with middle m, direction d and half length h, a pixel p lies at along = (p - m) . d and
    across = (p - m) x d; its squared distance is across^2 + max(|along| - h, 0)^2. One square root, of the
    least over all pieces, is enough. There is no matrix product here: each pixel is computed by the same
    operations in the same order, whatever the batch.
    """
    half = (lines[:, 1] - lines[:, 0]) / 2
    length = half.norm(dim=-1, keepdim=True).clamp(min=1e-6)
    dx, dy = (half / length / radius.unsqueeze(-1)).unbind(-1)
    mx, my = (lines.mean(1) - UNIT / 2).unbind(-1)
    # (3, S, N): pixels are counted from the image's centre, where float32 is finest.
    along = torch.stack([dx.T, dy.T, -(dx * mx + dy * my).T]).float().to(device)
    across = torch.stack([-dy.T, dx.T, (dy * mx - dx * my).T]).float().to(device)
    reach = (length.squeeze(-1) / radius).T.float().to(device).contiguous()
    grid = ((torch.arange(image_size, device=device) + 0.5) / image_size - 0.5) * UNIT
    column, line = grid.view(1, -1, 1), grid.view(-1, 1, 1)
    u = torch.empty(image_size, image_size, len(lines), device=device)
    v, best = torch.empty_like(u), torch.full_like(u, math.inf)
    for s in range(lines.shape[2]):
        torch.add(along[0, s] * column, along[1, s] * line + along[2, s], out=u)
        torch.add(across[0, s] * column, across[1, s] * line + across[2, s], out=v)
        u.abs_().sub_(reach[s]).clamp_(min=0)
        torch.minimum(best, v.mul_(v).addcmul_(u, u), out=best)
    return best.sqrt_()


def _step(x: Tensor) -> Tensor:
    """Rise smoothly from 0 at x <= -1/2 to 1 at x >= 1/2."""
    x = (x + 0.5).clamp_(0, 1)
    return x * x * (3 - 2 * x)


@checked
def render(
    factors: Factors, image_size: GlyphSize = 28, channels: Channels = 1, device: torch.device | str = "cpu"
) -> Tensor:
    """Draw images from their factors.

    Parameters
    ----------
    factors : Factors
        Of N images.
    image_size : int
        Height and width in pixels, at least 8.
    channels : {1, 3}
        Grey (`ink` on `background`) or colour (`ink_rgb` on `background_rgb`).
    device : torch.device or str
        Where the images are drawn, and stay.

    Returns
    -------
    Tensor
        uint8, shape (N, channels, image_size, image_size).

    Raises
    ------
    UserError
        If `image_size` or `channels` is out of its range.

    Examples
    --------
    >>> render(sample_factors(5, seed=0), image_size=32, channels=3).shape
    torch.Size([5, 3, 32, 32])
    """
    where = drawn.as_device(device)
    chunk = max(16, 192 * 28**2 // image_size**2)
    return drawn.in_chunks(lambda part: _draw(part, image_size, channels, where), factors, chunk, where)


def _draw(factors: Factors, image_size: int, channels: int, device: torch.device) -> Tensor:
    """Draw images as `render` does, all at once."""
    lines, radius = strokes(factors)
    near = _nearness(lines, radius, image_size, device)
    edge = factors.blur * (UNIT / image_size)
    steep = (factors.thickness / 2 / edge).float().to(device)
    near.mul_(steep)
    # The second step is felt only by a line thinner than its edge: both of its edges are in one pixel.
    cover = (_step(steep - near) - _step(-steep - near)).permute(2, 0, 1).unsqueeze(1)
    if channels == 1:
        ink, background = factors.ink.view(-1, 1, 1, 1), factors.background.view(-1, 1, 1, 1)
    else:
        ink, background = factors.ink_rgb.view(-1, 3, 1, 1), factors.background_rgb.view(-1, 3, 1, 1)
    low = (255 * background).float().to(device)
    rise = (255 * (ink - background)).float().to(device)
    return (low + rise * cover).round_().clamp_(0, 255).to(torch.uint8).contiguous()


@checked
def glyphs(
    n: NumImages,
    seed: Sequence,
    image_size: GlyphSize = 28,
    channels: Channels = 1,
    start: Start = 0,
    device: torch.device | str = "cpu",
) -> tuple[Tensor, Factors]:
    """Draw the images number start, ..., start + n - 1 of an endless sequence.

    Parameters
    ----------
    n, seed, start : int
        As in `sample_factors`: image number i is a pure function of (seed, i).
    image_size, channels, device
        As in `render`.

    Returns
    -------
    images : Tensor
        uint8, shape (n, channels, image_size, image_size).
    factors : Factors
        What each image was made from; `factors.label` are the digits.

    Raises
    ------
    UserError
        If an argument is out of its range.
    """
    factors = sample_factors(n, seed, start)
    return render(factors, image_size, channels, device), factors


@checked
def stream(
    batch_size: NumImages,
    seed: Sequence,
    image_size: GlyphSize = 28,
    channels: Channels = 1,
    start: Start = 0,
    device: torch.device | str = "cpu",
) -> Iterator[tuple[Tensor, Factors]]:
    """Draw batch after batch without end; no image comes twice.

    Together the batches are the sequence that `glyphs` draws at once.

    Parameters
    ----------
    batch_size : int
        Images a batch, at least 1.
    seed, image_size, channels, start, device
        As in `glyphs`.

    Returns
    -------
    iterator of (images, factors)
        uint8, shape (batch_size, channels, image_size, image_size), and what each image was made from.

    Raises
    ------
    UserError
        If an argument is out of its range.
    """
    where = drawn.as_device(device)  # here, so that a bad argument is refused at once
    batches = drawn.batches(lambda n, at: sample_factors(n, seed, at), batch_size, start)
    return ((render(factors, image_size, channels, where), factors) for factors in batches)


SPLITS = {"train": (60_000, 0), "test": (10_000, 1)}  # images, seed


@checked
def load_glyphs(
    split: SplitName, *, image_size: GlyphSize = 28, channels: Channels = 1, num: NumImages | None = None
) -> tuple[Tensor, Tensor, Factors]:
    """Draw the data set `glyphs`, as large as MNIST: 60,000 images to train, 10,000 others to test.

    Parameters
    ----------
    split : {"train", "test"}
        Which part.
    image_size, channels : int
        As in `render`.
    num : int, optional
        Draw the first `num` images only, up to the whole split.

    Returns
    -------
    images : Tensor
        uint8, shape (N, channels, image_size, image_size).
    labels : Tensor
        int64, shape (N,): the digits.
    factors : Factors
        Of the N images.

    Raises
    ------
    UserError
        If an argument is out of its range.
    """
    size, seed = SPLITS[split]
    images, factors = glyphs(min(num or size, size), seed, image_size, channels)
    return images, factors.label, factors
