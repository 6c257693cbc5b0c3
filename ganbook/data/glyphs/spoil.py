"""Samples of a known generator with one thing spoilt, to see what a metric notices.

The glyphs' own renderer is a perfect generator: its samples come from the data's very distribution. Each kind
here spoils one thing about them, by an amount that grows, and the amount 0 spoils nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from ganbook.data.glyphs.drawing import render
from ganbook.data.glyphs.factors import FACTOR_NAMES, Factors, sample_factors
from ganbook.errors import UserError, unknown

Drawn = tuple[Tensor, Tensor]  # images, uint8, (N, 1, 28, 28), and labels, int64, (N,)


def draw(num: int, seed: int) -> Drawn:
    """Draw glyphs as they are: uint8 images, shape (num, 1, 28, 28), and their labels, shape (num,)."""
    return _render(sample_factors(num, seed))


def _render(factors: Factors) -> Drawn:
    return render(factors), factors.label


def _to_uint8(images: Tensor) -> Tensor:
    return images.round().clamp(0, 255).to(torch.uint8)


# -------------------------------------------------------- fidelity: each image is spoilt, all are there


def noise(num: int, seed: int, amount: float) -> Drawn:
    """Add Gaussian noise with a standard deviation of `amount` of the grey scale (0..1)."""
    images, labels = draw(num, seed)
    rng = torch.Generator().manual_seed(seed)
    return _to_uint8(images + 255 * amount * torch.randn(images.shape, generator=rng)), labels


def blur(num: int, seed: int, amount: float) -> Drawn:
    """Blur with a Gaussian of standard deviation `amount`, in pixels."""
    images, labels = draw(num, seed)
    if amount == 0:
        return images, labels
    reach = math.ceil(3 * amount)
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / amount).square())
    kernel = kernel / kernel.sum()
    across = F.conv2d(images.float(), kernel.view(1, 1, 1, -1), padding=(0, reach))
    return _to_uint8(F.conv2d(across, kernel.view(1, 1, -1, 1), padding=(reach, 0))), labels


def shift(num: int, seed: int, amount: float) -> Drawn:
    """Move each image to the right by `amount` whole pixels."""
    images, labels = draw(num, seed)
    pixels = int(amount)
    return F.pad(images, (pixels, 0))[..., : images.shape[-1]].contiguous(), labels


def contrast(num: int, seed: int, amount: float) -> Drawn:
    """Take the share `amount` of the contrast away: at 1 the ink would be as dark as the background."""
    images, labels = draw(num, seed)
    return _to_uint8(images * (1 - amount)), labels


# ------------------------------------------------- diversity: each image is good, something is missing


def dropped_classes(num: int, seed: int, amount: float) -> Drawn:
    """Leave out the `amount` highest digits; the others fill their places."""
    kept = 10 - int(amount)
    factors = sample_factors(math.ceil(num * 10 / kept * 1.2) + 200, seed)
    return _render(factors[(factors.label < kept).nonzero().squeeze(1)[:num]])


def shrunk_diversity(num: int, seed: int, amount: float) -> Drawn:
    """Draw each factor towards its mean by the share `amount`: at 1 all images of a digit are the same."""
    factors, typical = sample_factors(num, seed), sample_factors(1024, seed=0)
    if amount == 0:
        return _render(factors)
    changes: dict[str, Tensor | float] = {}
    for name in FACTOR_NAMES:
        values = getattr(factors, name)
        if values.is_floating_point():
            mean = getattr(typical, name).mean(dim=0)
            changes[name] = mean + (1 - amount) * (values - mean)
    usual = torch.rand(num, generator=torch.Generator().manual_seed(seed)) < amount
    changes["variant"] = torch.where(usual, 0, factors.variant)
    return _render(factors.replace(**changes))


def duplicated(num: int, seed: int, amount: float) -> Drawn:
    """Draw only num / (1 + amount) different images, again and again with slight variations.

    Each factor of a repetition goes 5 % of the way to that of a fresh image. (Exact copies would be ties,
    which scores that ask for neighbours treat in a way of their own, and which no generator draws.)
    """
    own = sample_factors(num, seed)
    kept = own[torch.arange(num) % math.ceil(num / (1 + amount))]
    if amount == 0:
        return _render(own)
    changes: dict[str, Tensor | float] = {
        name: torch.lerp(getattr(kept, name), getattr(own, name), 0.05)
        for name in FACTOR_NAMES
        if getattr(kept, name).is_floating_point()
    }
    return _render(kept.replace(**changes))


def memorised(num: int, seed: int, amount: float) -> Drawn:
    """Replace the share `amount` of the images by copies of training images: of `draw(num, TRAIN_SEED)`."""
    images, labels = draw(num, seed)
    copies = round(num * amount)
    if copies == 0:
        return images, labels
    known, known_labels = draw(copies, TRAIN_SEED)
    return torch.cat([known, images[copies:]]), torch.cat([known_labels, labels[copies:]])


TRAIN_SEED = 1_000_000  # of the images that `memorised` copies: the experiment's real set

KINDS: dict[str, tuple[Callable[[int, int, float], Drawn], float]] = {  # and the largest amount
    "noise": (noise, 1.0),
    "blur": (blur, 8.0),
    "shift": (shift, 27.0),
    "contrast": (contrast, 1.0),
    "dropped classes": (dropped_classes, 9.0),
    "shrunk diversity": (shrunk_diversity, 1.0),
    "duplicated": (duplicated, math.inf),
    "memorised": (memorised, 1.0),
}


def spoil(kind: str, amount: float, num: int, seed: int) -> Drawn:
    """Draw `num` glyphs with one thing spoilt.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    amount : float
        How much, from 0 (nothing) to the kind's largest; in the units that the kind's function names.
    num : int
        How many, at least 1.
    seed : int
        Of the glyphs; the same seed draws the same ones under every kind and amount, as far as they are kept.

    Returns
    -------
    images : Tensor
        uint8, shape (num, 1, 28, 28).
    labels : Tensor
        int64, shape (num,).

    Raises
    ------
    UserError
        If the kind is unknown or a number is out of its range.

    Examples
    --------
    >>> images, labels = spoil("dropped classes", 7, num=100, seed=0)
    >>> images.shape, sorted(set(labels.tolist()))
    (torch.Size([100, 1, 28, 28]), [0, 1, 2])
    """
    if kind not in KINDS:
        raise unknown("kind", kind, KINDS)
    make, most = KINDS[kind]
    if not 0 <= amount <= most or not math.isfinite(amount):
        raise UserError(f"amount={amount!r}: {kind} takes a number from 0 to {most:g}")
    return make(num, seed, amount)
