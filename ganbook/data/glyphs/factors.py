"""The factors: everything that makes a glyph, drawn by lot from known laws."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganbook.data import drawn
from ganbook.data.drawn import BLOCK, NumImages, Sequence, Start
from ganbook.data.glyphs.alphabet import KEY_POINTS, VARIANT_NAMES
from ganbook.data.glyphs.pen import SEGMENTS, pen
from ganbook.errors import UserError
from ganbook.support.checks import checked

RANGES: dict[str, tuple[float, float]] = {  # of the factors that are not free
    "label": (0, 9),
    "variant": (0, max(len(names) for names in VARIANT_NAMES) - 1),
    "scale": (0.1, 10.0),
    "aspect": (0.01, 100.0),
    "thickness": (0.1, 20.0),
    "blur": (0.1, 100.0),
    **dict.fromkeys(("ink", "background", "ink_rgb", "background_rgb"), (0.0, 1.0)),
}


@dataclass(frozen=True)
class Factors(drawn.Factors):
    """Everything that makes N images. Lengths are in pixels of a 28x28 image; tensors lie on the CPU.

    Examples
    --------
    The same digits, written with a thicker pen:

    >>> from ganbook.data.glyphs import render
    >>> factors = sample_factors(4, seed=0)
    >>> thick = factors.replace(thickness=factors.thickness + 1.0)
    >>> render(thick).float().mean() > render(factors).float().mean()
    tensor(True)
    """

    label: Tensor  # int64, (N,): the digit, 0..9
    variant: Tensor  # int64, (N,): the way of writing it, an index into VARIANT_NAMES[label]
    slant: Tensor  # float64, (N,): how far the top leans to the right, as a part of the height
    rotation: Tensor  # float64, (N,): in radians, counter-clockwise
    scale: Tensor  # float64, (N,): size, where 1 fills the box of 20 pixels
    aspect: Tensor  # float64, (N,): width, where 1 is as in VARIANTS
    shift_x: Tensor  # float64, (N,): of the centre of mass from the image's centre, to the right
    shift_y: Tensor  # float64, (N,): the same, downwards
    thickness: Tensor  # float64, (N,): of the pen
    pressure: Tensor  # float64, (N,): the pen grows from thickness * (1 - p) to thickness * (1 + p)
    roundness: Tensor  # float64, (N,): 0 for straight lines between the key points, 1 for round curves
    balance: Tensor  # float64, (N,): how far the middle lies below its place, as a part of the height
    taper: Tensor  # float64, (N,): how much wider than in VARIANTS the foot is (and the head narrower)
    grain: Tensor  # float64, (N, S): by what part the thickness differs on each of the straight pieces
    blur: Tensor  # float64, (N,): width of the edge, in pixels of the image that is drawn
    jitter: Tensor  # float64, (N, K, 2): what is added to each key point, as a part of the height
    ink: Tensor  # float64, (N,): grey level of the strokes, 0..1
    background: Tensor  # float64, (N,): grey level around them, 0..1
    ink_rgb: Tensor  # float64, (N, 3): the same for images of three channels
    background_rgb: Tensor  # float64, (N, 3)

    ranges = RANGES

    def replace(self, **changes: Tensor | float | str) -> Factors:
        """Return a copy with some factors changed: a tensor of the factor's shape, or one number for all.

        Examples
        --------
        >>> ones = sample_factors(100, seed=0).replace(label=1, variant=0)   # the same hands write ones

        Raises
        ------
        UserError
            If there is no such factor, a tensor has not the factor's shape, or a value is out of its range.
        """
        changed = super().replace(**changes)
        ways = torch.tensor([len(names) for names in VARIANT_NAMES])[changed.label]
        if not (changed.variant < ways).all():
            digit = int(changed.label[changed.variant >= ways][0])
            raise UserError(
                f"factor 'variant': there are {len(VARIANT_NAMES[digit])} ways of writing a {digit}, "
                f"0 to {len(VARIANT_NAMES[digit]) - 1}; replace label and variant together"
            )
        return changed


FACTOR_NAMES = Factors.names()


def _sample_block(seed: int, block: int) -> Factors:
    """Draw the factors of the images block * BLOCK, ..., block * BLOCK + BLOCK - 1."""
    rng = drawn.block_generator(seed, block)
    # Uniform numbers only, of which any machine makes the same; all else is computed from them.
    uniform = torch.rand(BLOCK, 24 + SEGMENTS + 2 * KEY_POINTS, generator=rng, dtype=torch.float64)
    column = iter(uniform.unbind(1))

    def flat(low: float, high: float) -> Tensor:
        return low + (high - low) * next(column)

    def bell(mean: float, std: float) -> Tensor:  # a normal law without its tails
        return mean + std * torch.special.ndtri(next(column).clamp(0.004, 0.996))

    label = (10 * next(column)).long()
    variant = (next(column).unsqueeze(1) >= pen().shares[label]).sum(1)
    slant, rotation = bell(0.12, 0.25), bell(0.0, 0.09)
    scale, aspect = bell(0.97, 0.02), bell(0.17, 0.25).exp()
    shift_x, shift_y = flat(-0.4, 0.4), flat(-0.4, 0.4)
    # A wide digit is made smaller to fit into its box, and the pen with it.
    thickness = bell(0.0, 0.23).exp() * 2.5 / (0.6 * aspect + slant.abs()).clamp(min=0.95)
    pressure, roundness = bell(0.0, 0.10), flat(0.65, 1.15)
    balance, taper = bell(0.0, 0.07), bell(0.0, 0.16)
    blur = flat(0.9, 1.5)
    untidy = bell(0.0, 0.35).exp()  # a hand is tidy or not: one number for all of a digit's points
    ink = 1 - 0.15 * next(column) ** 16  # most are close to 1
    background = torch.zeros(BLOCK, dtype=torch.float64)

    # Colours: any background, and an ink whose luma differs from the background's by 0.4 at least.
    background_rgb = torch.stack([next(column) for _ in range(3)], 1)
    ink_rgb = torch.stack([next(column) for _ in range(3)], 1)
    luma = torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64)
    below, now, amount = background_rgb @ luma, (ink_rgb @ luma).clamp(0.01, 0.99), next(column)
    wanted = torch.where(below < 0.5, below + 0.4 + (0.6 - below) * amount, (below - 0.4) * amount)
    lighter = 1 - (1 - ink_rgb) * ((1 - wanted) / (1 - now)).unsqueeze(1)
    darker = ink_rgb * (wanted / now).unsqueeze(1)
    ink_rgb = torch.where((wanted > now).unsqueeze(1), lighter, darker).clamp(0, 1)

    normal = torch.special.ndtri(uniform[:, 24:].clamp(0.004, 0.996))
    grain = 0.11 * normal[:, :SEGMENTS]
    jitter = 0.04 * untidy.view(-1, 1, 1) * normal[:, SEGMENTS:].view(BLOCK, KEY_POINTS, 2)
    return Factors(
        label, variant, slant, rotation, scale, aspect, shift_x, shift_y, thickness, pressure, roundness,
        balance, taper, grain, blur, jitter, ink, background, ink_rgb, background_rgb,
    )  # fmt: skip


@checked
def sample_factors(n: NumImages, seed: Sequence, start: Start = 0) -> Factors:
    """Draw the factors of the images number start, ..., start + n - 1.

    Image number i is a pure function of (seed, i): neither `n` nor `start` changes it.

    Parameters
    ----------
    n : int
        How many images, at least 1.
    seed : int
        Which endless sequence of images, at least 0.
    start : int
        Number of the first image, at least 0.

    Returns
    -------
    Factors
        Of n images.

    Raises
    ------
    UserError
        If an argument is not a whole number or too small.
    """
    return drawn.from_blocks(lambda block: _sample_block(seed, block), n, start)
