"""Drawing: from factors to pixels, and to a mask for every part."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Annotated

import torch
from torch import Tensor

from ganbook.data import drawn
from ganbook.data.drawn import NumImages, Sequence, Start
from ganbook.data.portraits.factors import Factors, sample_factors
from ganbook.data.portraits.layers import LAYERS, PARTS, Layer
from ganbook.data.portraits.people import People
from ganbook.data.request import SplitName
from ganbook.support.checks import Whole, checked
from ganbook.support.pixels import Channels, fit_channels

NECK = 0.62  # the head tilts around this point of the neck, so far below the middle of the face
CHUNK = 64  # portraits of 64 x 64 pixels that are painted at once: they stay in a core's cache

PortraitSize = Annotated[int, Whole(8, what="a whole number of pixels")]


@checked
def portraits(
    factors: Factors,
    image_size: PortraitSize = 64,
    channels: Channels = 3,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Draw portraits from their factors.

    Parameters
    ----------
    factors : Factors
        Of N portraits.
    image_size : int
        Height and width in pixels, at least 8.
    channels : {1, 3}
        Grey or colour.
    device : torch.device or str
        Where they are drawn, and stay.

    Returns
    -------
    Tensor
        uint8, shape (N, channels, image_size, image_size). On every machine the same, but for one grey level.

    Raises
    ------
    UserError
        If `image_size`, `channels` or `device` is out of its range.

    Examples
    --------
    >>> portraits(sample_factors(5, seed=0), image_size=32).shape
    torch.Size([5, 3, 32, 32])
    """
    return fit_channels(_in_chunks(_draw, factors, image_size, device), channels)


@checked
def masks(factors: Factors, image_size: PortraitSize = 64, device: torch.device | str = "cpu") -> Tensor:
    """Draw a mask for every part of portraits.

    Parameters
    ----------
    factors, image_size, device
        As in `portraits`.

    Returns
    -------
    Tensor
        uint8, shape (N, P, image_size, image_size): how much of a pixel shows each of the P parts in `PARTS`,
        from 0 (nothing) to 255 (all of it). In each pixel they add up to 255, but for rounding.

    Raises
    ------
    UserError
        If `image_size` or `device` is out of its range.

    Examples
    --------
    >>> parts = masks(sample_factors(2, seed=0))
    >>> hair = parts[:, PARTS.index("hair")]
    """
    return _in_chunks(_draw_masks, factors, image_size, device)


@checked
def stream(
    batch_size: NumImages,
    seed: Sequence,
    image_size: PortraitSize = 64,
    channels: Channels = 3,
    start: Start = 0,
    device: torch.device | str = "cpu",
) -> Iterator[tuple[Tensor, Factors]]:
    """Draw batch after batch without end; no portrait comes twice.

    Parameters
    ----------
    batch_size : int
        Portraits a batch, at least 1.
    seed, start : int
        As in `sample_factors`.
    image_size, channels, device
        As in `portraits`.

    Returns
    -------
    iterator of (images, factors)
        uint8, shape (batch_size, channels, image_size, image_size), and what each portrait was made from.

    Raises
    ------
    UserError
        If an argument is out of its range.
    """
    where = drawn.as_device(device)  # here, so that a bad argument is refused at once
    batches = drawn.batches(lambda n, at: sample_factors(n, seed, at), batch_size, start)
    return ((portraits(factors, image_size, channels, where), factors) for factors in batches)


SPLITS = {"train": (20_000, 0), "test": (5_000, 1)}  # portraits, seed


@checked
def load_portraits(
    split: SplitName, *, image_size: PortraitSize = 64, channels: Channels = 3, num: NumImages | None = None
) -> tuple[Tensor, Factors]:
    """Draw the data set `portraits`: 20,000 to train on, 5,000 others to test.

    Parameters
    ----------
    split : {"train", "test"}
        Which part.
    image_size, channels : int
        As in `portraits`.
    num : int, optional
        Draw the first `num` portraits only, up to the whole split.

    Returns
    -------
    images : Tensor
        uint8, shape (N, channels, image_size, image_size).
    factors : Factors
        Of the N portraits.

    Raises
    ------
    UserError
        If an argument is out of its range.
    """
    size, seed = SPLITS[split]
    factors = sample_factors(min(num or size, size), seed)
    return portraits(factors, image_size, channels), factors


# ------------------------------------------------------------------------------------------------ painting


def _in_chunks(
    draw: Callable[[Factors, int, torch.device], Tensor],
    factors: Factors,
    size: int,
    device: torch.device | str,
) -> Tensor:
    where = drawn.as_device(device)
    chunk = max(8, CHUNK * 64**2 // size**2)
    return drawn.in_chunks(lambda part: draw(part, size, where), factors, chunk, where)


def _draw(factors: Factors, size: int, device: torch.device) -> Tensor:
    """Draw pictures, all at once: uint8, shape (N, 3, size, size)."""
    people = People.of(factors, device)
    down = torch.linspace(-1, 1, size, device=device).view(1, 1, -1, 1)  # lighter above than below
    pictures = (people.color("background").view(-1, 3, 1, 1) - 0.035 * down).repeat(1, 1, 1, size)

    def paint(part: Tensor, cover: Tensor, layer: Layer, people: People) -> None:
        part.lerp_(layer.color(people).view(-1, 3, 1, 1).expand_as(part), cover)

    _paint(pictures, people, paint)
    return pictures.mul_(255).round_().clamp_(0, 255).to(torch.uint8)


def _draw_masks(factors: Factors, size: int, device: torch.device) -> Tensor:
    """Draw masks, all at once: uint8, shape (N, P, size, size)."""
    shares = torch.zeros(len(factors), len(PARTS), size, size, device=device)
    shares[:, PARTS.index("background")] = 1

    def paint(part: Tensor, cover: Tensor, layer: Layer, people: People) -> None:
        part.mul_(1 - cover)[:, PARTS.index(layer.part)] += cover[:, 0]

    _paint(shares, People.of(factors, device), paint)
    return shares.mul_(255).round_().clamp_(0, 255).to(torch.uint8)


def _paint(target: Tensor, people: People, paint: Callable[[Tensor, Tensor, Layer, People], None]) -> None:
    """Go through the layers, back to front; `paint` changes the window of those whom a layer belongs to.

    Parameters
    ----------
    target : Tensor
        float32, shape (N, channels, size, size).
    people : People
        N of them.
    paint : callable
        Called with a part of `target`, shape (n, channels, h, w), how much the layer covers of each pixel,
        shape (n, 1, h, w), the layer, and the n people.
    """
    size = target.shape[-1]
    axis = (torch.arange(size, device=target.device) + 0.5) * (2 / size) - 1
    for layer in LAYERS:
        index = None if layer.who is None else layer.who(people).nonzero().flatten()
        if index is not None and not len(index):
            continue
        some = people if index is None else people[index]
        rows, columns = _window(some, layer, size)
        if rows.start >= rows.stop or columns.start >= columns.stop:
            continue
        cover = _cover(some, layer, axis, rows, columns).unsqueeze(1)
        window = target[:, :, rows, columns]
        part = window if index is None else window[index]
        paint(part, cover, layer, some)
        if index is not None:
            window[index] = part


def _rotation(people: People, layer: Layer) -> tuple[Tensor, Tensor]:
    """Return cosine and sine of the angle by which a layer's frame is turned: shape (N, 1, 1)."""
    tilt = people.tilt if layer.frame == "head" else torch.zeros_like(people.tilt)
    return tilt.cos(), tilt.sin()


def _window(people: People, layer: Layer, size: int) -> tuple[slice, slice]:
    """Return the rows and columns of the image within which a layer's box lies for all of these people."""
    left, top, right, bottom = layer.box
    x = people.values.new_tensor((left, right, left, right))
    y = people.values.new_tensor((top, top, bottom, bottom)) - NECK
    cos, sin = _rotation(people, layer)
    columns = (x * cos - y * sin) * people.scale + people.shift_x
    rows = (x * sin + y * cos + NECK) * people.scale + people.shift_y

    def pixels(places: Tensor) -> slice:
        low, high = ((edge + 1) / 2 * size for edge in (places.min().item(), places.max().item()))
        return slice(max(0, math.floor(low) - 1), min(size, math.ceil(high) + 1))

    return pixels(rows), pixels(columns)


def _cover(people: People, layer: Layer, axis: Tensor, rows: slice, columns: slice) -> Tensor:
    """Return how much of each pixel of a window a layer covers: 0 to 1, shape (N, rows, columns).

    An edge is a ramp one pixel wide. Of a pen's line both edges may lie in one pixel.
    """
    cos, sin = _rotation(people, layer)
    u = (axis[columns].view(1, 1, -1) - people.shift_x) / people.scale
    v = (axis[rows].view(1, -1, 1) - people.shift_y) / people.scale - NECK
    x, y = u * cos + v * sin, v * cos - u * sin + NECK
    pixel = 2 / (len(axis) * people.scale)
    edge = pixel + layer.soft
    distance = layer.shape(people, x, y)
    if layer.pen is None:
        cover = (0.5 - distance / edge).clamp_(0, 1)
    else:
        half = getattr(people, layer.pen) if isinstance(layer.pen, str) else layer.pen
        cover = ((half - distance) / edge + 0.5).clamp_(0, 1) - ((-half - distance) / edge + 0.5).clamp_(0, 1)
    if layer.clip is not None:
        cover = cover * (0.5 - layer.clip(people, x, y) / pixel).clamp_(0, 1)
    return cover.mul_(layer.opacity)
