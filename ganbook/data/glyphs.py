"""Glyphs: digits drawn as pen strokes from known factors. They pass for handwriting, and need no files.

A digit is a few strokes; a stroke is a chain of cubic Bezier curves through key points (so the key points
are all that has to be written down, and moved a little, to write the digit anew). Everything that makes an
image is a factor with a name: which digit, which way of writing it, how slanted, how thick the pen. They
come with the image, so a chapter can measure what a model has learnt of them.

The pen: a pixel is ink where its distance to the strokes is less than half the thickness, and the edge is a
smooth step about a pixel wide. All lengths are in pixels of a 28x28 image, whatever the size that is drawn,
and as in MNIST a digit fits into a box of 20 pixels and its centre of mass is the image's centre.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from ganbook.data.sources import check_split
from ganbook.errors import UserError, unknown

BLOCK = 1024  # images are drawn by lot in blocks of so many, one random generator a block
SEGMENTS = 32  # straight pieces a digit is drawn with
UNIT = 28.0  # lengths are in pixels of an image of this size
BOX = 20.0  # a digit of scale 1 fits into a box of this size

# ------------------------------------------------------------------------------- how digits are written

Stroke = tuple[tuple[int, int], ...]  # key points (x, y), x to the right, y down, a digit is 100 high


@dataclass(frozen=True)
class Variant:
    """One way of writing a digit."""

    digit: int
    name: str
    share: float  # how many of the digit's images are written in this way, 0..1
    strokes: tuple[Stroke, ...]  # points with equal coordinates are one point: strokes stay joined there


# fmt: off
VARIANTS: tuple[Variant, ...] = (
    Variant(0, "closed", 0.5, (
        ((40, 1), (12, 11), (0, 48), (9, 84), (34, 99), (62, 84), (71, 45), (60, 12), (36, 0)),)),
    Variant(0, "overlapping", 0.3, (
        ((58, 13), (32, 2), (7, 26), (1, 62), (20, 95), (48, 94), (68, 60), (65, 22), (44, 3), (24, 10)),)),
    Variant(0, "from the left", 0.2, (
        ((22, 8), (4, 36), (6, 78), (30, 99), (57, 85), (69, 46), (56, 9), (28, 2), (13, 18)),)),
    Variant(1, "stroke", 0.82, (
        ((30, 0), (30, 50), (30, 100)),)),
    Variant(1, "flag", 0.10, (
        ((10, 22), (22, 12), (32, 0)), ((32, 0), (31, 50), (30, 100)))),
    Variant(1, "flag and foot", 0.08, (
        ((10, 22), (22, 12), (32, 0)), ((32, 0), (31, 50), (30, 98)), ((6, 99), (30, 98), (56, 97)))),
    Variant(2, "corner", 0.38, (
        ((5, 24), (17, 6), (40, 1), (57, 18), (48, 46), (27, 74), (2, 97)), ((2, 97), (34, 96), (70, 94)))),
    Variant(2, "loop", 0.24, (
        ((6, 24), (22, 4), (47, 4), (56, 26), (43, 58), (18, 92), (2, 92), (8, 76), (28, 78), (46, 91),
         (76, 90)),)),
    Variant(2, "wide loop", 0.20, (
        ((6, 15), (29, 0), (53, 12), (55, 46), (38, 82), (13, 97), (1, 82), (17, 65), (44, 74), (68, 93)),)),
    Variant(2, "wave", 0.18, (
        ((4, 16), (26, 3), (50, 10), (47, 38), (26, 70), (3, 94)), ((3, 94), (24, 86), (44, 97), (72, 88)))),
    Variant(3, "two bows", 0.65, (
        ((5, 13), (24, 1), (47, 7), (50, 26), (38, 42), (20, 47)),
        ((20, 47), (44, 52), (56, 72), (44, 94), (20, 99), (2, 89)))),
    Variant(3, "curl", 0.20, (
        ((4, 12), (28, 0), (50, 14), (40, 37), (22, 48), (30, 51), (50, 58), (55, 80), (34, 99), (3, 92)),)),
    Variant(3, "flat top", 0.15, (
        ((4, 6), (28, 4), (53, 3)), ((53, 3), (38, 24), (22, 42)),
        ((22, 42), (46, 47), (57, 70), (40, 96), (4, 93)))),
    Variant(4, "open", 0.47, (
        ((12, 3), (7, 28), (4, 54)), ((4, 54), (32, 55), (63, 50)), ((54, 0), (51, 48), (47, 100)))),
    Variant(4, "cup", 0.41, (
        ((9, 3), (4, 30), (11, 50), (34, 52), (55, 38)), ((58, 2), (55, 38), (52, 68), (48, 100)))),
    Variant(4, "closed", 0.12, (
        ((47, 0), (24, 32), (2, 61)), ((2, 61), (34, 61), (66, 58)), ((47, 0), (46, 50), (43, 100)))),
    Variant(5, "bar", 0.55, (
        ((15, 5), (11, 24), (8, 44)), ((8, 44), (30, 37), (50, 52), (51, 78), (31, 97), (2, 92)),
        ((15, 5), (38, 5), (64, 1)))),
    Variant(5, "one line", 0.45, (
        ((64, 2), (40, 5), (19, 9)), ((19, 9), (14, 26), (18, 41), (42, 52), (52, 72), (38, 94), (3, 97)))),
    Variant(6, "round", 0.45, (
        ((46, 1), (22, 22), (6, 56), (10, 88), (32, 99), (51, 84), (49, 62), (29, 55), (9, 72)),)),
    Variant(6, "straight", 0.40, (
        ((36, 0), (17, 34), (4, 68), (12, 95), (36, 97), (50, 78), (38, 62), (19, 70), (9, 86)),)),
    Variant(6, "wide bowl", 0.15, (
        ((21, 0), (7, 36), (4, 76), (26, 99), (54, 88), (60, 62), (42, 49), (22, 64)),)),
    Variant(7, "corner", 0.50, (
        ((3, 9), (30, 5), (59, 5)), ((59, 5), (40, 48), (24, 100)))),
    Variant(7, "bend", 0.20, (
        ((2, 16), (16, 5), (44, 5), (57, 13), (43, 52), (30, 100)),)),
    Variant(7, "bar", 0.15, (
        ((3, 9), (30, 5), (59, 5)), ((59, 5), (40, 48), (24, 100)), ((17, 51), (40, 48), (62, 46)))),
    Variant(7, "hook", 0.15, (
        ((4, 28), (6, 7)), ((6, 7), (32, 6), (59, 5)), ((59, 5), (40, 48), (24, 100)))),
    Variant(8, "one line", 0.42, (
        ((53, 12), (33, 0), (11, 14), (18, 37), (42, 57), (50, 82), (28, 100), (6, 84), (14, 60), (40, 38),
         (56, 10)),)),
    Variant(8, "open", 0.33, (
        ((54, 16), (36, 1), (11, 13), (16, 36), (36, 56), (41, 84), (23, 100), (6, 84), (15, 62), (39, 38),
         (60, 6)),)),
    Variant(8, "two loops", 0.25, (
        ((31, 46), (11, 28), (17, 5), (42, 3), (50, 24), (31, 46)),
        ((31, 46), (8, 70), (18, 97), (43, 97), (52, 70), (31, 46)))),
    Variant(9, "straight", 0.38, (
        ((51, 10), (32, 0), (11, 14), (9, 37), (26, 47), (44, 32), (51, 10)),
        ((51, 10), (49, 52), (43, 100)))),
    Variant(9, "gap", 0.22, (
        ((47, 8), (25, 2), (7, 22), (14, 43), (35, 40), (50, 18)), ((50, 18), (46, 56), (38, 100)))),
    Variant(9, "curved", 0.15, (
        ((52, 14), (33, 1), (9, 16), (9, 40), (30, 47), (48, 32), (52, 14)),
        ((52, 14), (54, 54), (44, 90), (14, 97)))),
    Variant(9, "one line", 0.25, (
        ((46, 7), (24, 3), (7, 27), (20, 43), (40, 29), (52, 5), (48, 34), (39, 68), (29, 100)),)),
)
# fmt: on

VARIANT_NAMES: tuple[tuple[str, ...], ...] = tuple(
    tuple(v.name for v in VARIANTS if v.digit == digit) for digit in range(10)
)
KEY_POINTS = max(len({p for stroke in v.strokes for p in stroke}) for v in VARIANTS)


def _stroke_matrix(num_points: int, pieces: list[int]) -> tuple[Tensor, Tensor]:
    """Return what takes key points to the curve through them: M = straight + roundness * bent.

    Between neighbours the curve is a cubic Bezier (Catmull-Rom): at a point its slope is half the vector
    from the point before to the point after, times `roundness`; at roundness 0 all lines are straight.
    Both matrices have shape (1 + sum(pieces), num_points), float64.
    """
    points = torch.eye(num_points, dtype=torch.float64)
    slopes = torch.zeros_like(points)
    slopes[1:-1] = (points[2:] - points[:-2]) / 2
    first, last = points[1] - points[0], points[-1] - points[-2]
    if num_points > 2:  # at the ends, the parabola's slope
        first, last = 2 * first - slopes[1], 2 * last - slopes[-2]
    slopes[0], slopes[-1] = first, last
    straight, bent = [points[:1]], [torch.zeros_like(points[:1])]
    for i, number in enumerate(pieces):
        t = torch.arange(1, number + 1, dtype=torch.float64).div(number).unsqueeze(1)
        ends = (1 + 2 * t) * (1 - t) ** 2, t**2 * (3 - 2 * t)
        straight.append((1 - t) * points[i] + t * points[i + 1])
        curve = ends[0] * points[i] + ends[1] * points[i + 1]
        curve = curve + t * (1 - t) ** 2 * slopes[i] - t**2 * (1 - t) * slopes[i + 1]
        bent.append(curve - straight[-1])
    return torch.cat(straight), torch.cat(bent)


@dataclass(frozen=True)
class _Pen:
    """All variants as padded tensors; row v of each belongs to VARIANTS[v]."""

    points: Tensor  # (V, K, 2): key points, y from 0 to 1
    straight: Tensor  # (V, 2, S, K): the segments' starts and ends from the key points, ...
    bent: Tensor  # (V, 2, S, K): ... plus roundness times this
    time: Tensor  # (V, S): from -1 at the beginning of the writing to 1 at its end
    first: Tensor  # (10,): a digit's first row
    shares: Tensor  # (10, most variants of a digit): cumulative shares


@cache
def _pen() -> _Pen:
    size, segments = len(VARIANTS), SEGMENTS
    points = torch.zeros(size, KEY_POINTS, 2, dtype=torch.float64)
    straight = torch.zeros(size, 2, segments, KEY_POINTS, dtype=torch.float64)
    bent, time = torch.zeros_like(straight), torch.zeros(size, segments, dtype=torch.float64)
    for row, variant in enumerate(VARIANTS):
        names = list(dict.fromkeys(p for stroke in variant.strokes for p in stroke))
        points[row, : len(names)] = torch.tensor(names, dtype=torch.float64) / 100
        spans = [(i, j) for i, s in enumerate(variant.strokes) for j in range(len(s) - 1)]
        pieces = dict.fromkeys(spans, 1)
        for _ in range(segments - len(spans)):  # one more piece where the pieces are the longest
            pieces[
                max(spans, key=lambda s: math.dist(*variant.strokes[s[0]][s[1] : s[1] + 2]) / pieces[s])
            ] += 1
        at = 0
        for i, stroke in enumerate(variant.strokes):
            numbers = [pieces[i, j] for j in range(len(stroke) - 1)]
            columns = [names.index(p) for p in stroke]
            for target, matrix in zip((straight, bent), _stroke_matrix(len(stroke), numbers), strict=True):
                for column, values in zip(columns, matrix.T, strict=True):  # a point may occur twice
                    target[row, 0, at : at + sum(numbers), column] += values[:-1]
                    target[row, 1, at : at + sum(numbers), column] += values[1:]
            at += sum(numbers)
        time[row] = torch.linspace(-1, 1, segments, dtype=torch.float64)
    first = torch.tensor([next(i for i, v in enumerate(VARIANTS) if v.digit == d) for d in range(10)])
    shares = torch.full((10, max(len(names) for names in VARIANT_NAMES)), 2.0, dtype=torch.float64)
    for digit in range(10):
        own = torch.tensor([v.share for v in VARIANTS if v.digit == digit], dtype=torch.float64)
        shares[digit, : len(own) - 1] = own.cumsum(0)[:-1]
    return _Pen(points, straight, bent, time, first, shares)


# ---------------------------------------------------------------------------------------------- factors


@dataclass(frozen=True)
class Factors:
    """Everything that makes N images. Lengths are in pixels of a 28x28 image; tensors lie on the CPU.

    Examples
    --------
    The same digits, written with a thicker pen:

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

    def __len__(self) -> int:
        return len(self.label)

    def __getitem__(self, index: slice | Tensor | list[int]) -> Factors:
        """Return the factors of some of the images."""
        values = {f.name: getattr(self, f.name)[index] for f in dataclasses.fields(self)}
        return Factors(**values)

    def replace(self, **changes: Tensor | float) -> Factors:
        """Return a copy with some factors changed: a tensor of the factor's shape, or one number for all.

        Examples
        --------
        >>> ones = sample_factors(100, seed=0).replace(label=1, variant=0)   # the same hands write ones

        Raises
        ------
        UserError
            If there is no such factor, a tensor has not the factor's shape, or a value is out of its range.
        """
        values = {}
        for name, value in changes.items():
            if name not in FACTOR_NAMES:
                raise unknown("factor", name, FACTOR_NAMES)
            old = getattr(self, name)
            try:
                new = torch.as_tensor(value, dtype=old.dtype, device="cpu")
            except (TypeError, ValueError, RuntimeError) as error:
                raise UserError(f"factor {name!r}: got {value!r}; it takes a tensor or a number") from error
            if new.ndim and new.shape != old.shape:
                raise UserError(
                    f"factor {name!r}: got shape {tuple(new.shape)}; "
                    f"it takes {tuple(old.shape)} or one number"
                )
            low, high = RANGES.get(name, (-math.inf, math.inf))
            if not (new.isfinite() & (new >= low) & (new <= high)).all():
                limits = f"numbers from {low} to {high}" if name in RANGES else "finite numbers"
                raise UserError(f"factor {name!r}: got a value that is out of its range; it takes {limits}")
            values[name] = new.expand(old.shape)
        changed = dataclasses.replace(self, **values)
        ways = torch.tensor([len(names) for names in VARIANT_NAMES])[changed.label]
        if not (changed.variant < ways).all():
            digit = int(changed.label[changed.variant >= ways][0])
            raise UserError(
                f"factor 'variant': there are {len(VARIANT_NAMES[digit])} ways of writing a {digit}, "
                f"0 to {len(VARIANT_NAMES[digit]) - 1}; replace label and variant together"
            )
        return changed


FACTOR_NAMES = tuple(f.name for f in dataclasses.fields(Factors))
RANGES: dict[str, tuple[float, float]] = {  # of the factors that are not free
    "label": (0, 9),
    "variant": (0, max(len(names) for names in VARIANT_NAMES) - 1),
    "scale": (0.1, 10.0),
    "aspect": (0.01, 100.0),
    "thickness": (0.1, 20.0),
    "blur": (0.1, 100.0),
    **dict.fromkeys(("ink", "background", "ink_rgb", "background_rgb"), (0.0, 1.0)),
}


def _block_seed(seed: int, block: int) -> int:
    """Mix (seed, block) to 63 bits (the finisher of SplitMix64), so that no two streams run together."""
    mask = (1 << 64) - 1
    z = (seed * 0x9E3779B97F4A7C15 + block * 0xD1342543DE82EF95 + 0x2545F4914F6CDD1D) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return (z ^ (z >> 31)) >> 1


def _sample_block(seed: int, block: int) -> Factors:
    """Draw the factors of the images block * BLOCK, ..., block * BLOCK + BLOCK - 1."""
    rng = torch.Generator().manual_seed(_block_seed(seed, block))
    # Uniform numbers only, of which any machine makes the same; all else is computed from them.
    uniform = torch.rand(BLOCK, 24 + SEGMENTS + 2 * KEY_POINTS, generator=rng, dtype=torch.float64)
    column = iter(uniform.unbind(1))
    pen = _pen()

    def flat(low: float, high: float) -> Tensor:
        return low + (high - low) * next(column)

    def bell(mean: float, std: float) -> Tensor:  # a normal law without its tails
        return mean + std * torch.special.ndtri(next(column).clamp(0.004, 0.996))

    label = (10 * next(column)).long()
    variant = (next(column).unsqueeze(1) >= pen.shares[label]).sum(1)
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


def sample_factors(n: int, seed: int, start: int = 0) -> Factors:
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
    _whole("n", n, 1, "images")
    _check_sequence(seed, start)
    blocks = range(start // BLOCK, (start + n - 1) // BLOCK + 1)
    parts = [_sample_block(seed, block) for block in blocks]
    return _join(*parts)[start - blocks[0] * BLOCK :][:n]


# ----------------------------------------------------------------------------------------------- drawing


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
    pen = _pen()
    row = pen.first[factors.label] + factors.variant
    points = pen.points[row] + factors.jitter
    matrix = pen.straight[row] + factors.roundness.view(-1, 1, 1, 1) * pen.bent[row]
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
    swell = 1 + factors.pressure.unsqueeze(1) * pen.time[row] + factors.grain
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


def render(
    factors: Factors, image_size: int = 28, channels: int = 1, device: torch.device | str = "cpu"
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
    _check_picture(image_size, channels)
    where = _device(device)
    # On a CPU, so many at a time that all they need stays in a core's cache.
    step = max(16, 192 * 28**2 // image_size**2) if where.type == "cpu" else 4096
    parts = [factors[at : at + step] for at in range(0, len(factors), step)]
    with _one_thread() if where.type == "cpu" else contextlib.nullcontext():
        return torch.cat([_draw(part, image_size, channels, where) for part in parts])


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Keep torch's operations in this thread.

    By itself torch divides each of the many small operations among its threads, which then wait for one
    another thousands of times a second. On a machine that does other work too (two cores, four processes)
    that took 96 s where one thread takes 8 s.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


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


# ---------------------------------------------------------------------------------------------- data sets


def glyphs(
    n: int,
    seed: int,
    image_size: int = 28,
    channels: int = 1,
    start: int = 0,
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
    _check_picture(image_size, channels)
    factors = sample_factors(n, seed, start)
    return render(factors, image_size, channels, device), factors


def stream(
    batch_size: int,
    seed: int,
    image_size: int = 28,
    channels: int = 1,
    start: int = 0,
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
    _whole("batch_size", batch_size, 1, "images")
    _check_picture(image_size, channels)
    _check_sequence(seed, start)
    where = _device(device)

    def batches() -> Iterator[tuple[Tensor, Factors]]:  # apart, so that a bad argument is refused at once
        at = start
        waiting = sample_factors(BLOCK - at % BLOCK, seed, at)
        at += len(waiting)
        while True:
            while len(waiting) < batch_size:
                waiting, at = _join(waiting, sample_factors(BLOCK, seed, at)), at + BLOCK
            factors, waiting = waiting[:batch_size], waiting[batch_size:]
            yield render(factors, image_size, channels, where), factors

    return batches()


SPLITS = {"train": (60_000, 0), "test": (10_000, 1)}  # images, seed


def load_glyphs(
    split: str, *, image_size: int = 28, channels: int = 1, num: int | None = None
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
    size, seed = SPLITS[check_split(split)]
    if num is not None:
        _whole("num", num, 1, "images")
    images, factors = glyphs(min(num or size, size), seed, image_size, channels)
    return images, factors.label, factors


def _join(*parts: Factors) -> Factors:
    return Factors(**{name: torch.cat([getattr(part, name) for part in parts]) for name in FACTOR_NAMES})


def _check_sequence(seed: int, start: int) -> None:
    _whole("seed", seed, 0, "")
    _whole("start", start, 0, "images to pass over")


def _check_picture(image_size: int, channels: int) -> None:
    _whole("image_size", image_size, 8, "pixels")
    if channels not in (1, 3):
        raise UserError(f"channels={channels!r}: it must be 1 (grey) or 3 (colour)")


def _device(device: torch.device | str) -> torch.device:
    try:
        return torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise UserError(f"device={device!r}: it must be a device that torch knows: cpu, cuda, mps") from error


def _whole(name: str, value: object, least: int, unit: str) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        what = f"a whole number of {unit}" if unit else "a whole number"
        raise UserError(f"{name}={value!r}: it must be {what}, at least {least}")
