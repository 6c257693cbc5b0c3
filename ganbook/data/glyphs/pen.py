"""The pen: what takes a variant's key points to straight pieces of line."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from ganbook.data.glyphs.alphabet import KEY_POINTS, VARIANT_NAMES, VARIANTS

SEGMENTS = 32  # straight pieces a digit is drawn with


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
class Pen:
    """All variants as padded tensors; row v of each belongs to VARIANTS[v]."""

    points: Tensor  # (V, K, 2): key points, y from 0 to 1
    straight: Tensor  # (V, 2, S, K): the segments' starts and ends from the key points, ...
    bent: Tensor  # (V, 2, S, K): ... plus roundness times this
    time: Tensor  # (V, S): from -1 at the beginning of the writing to 1 at its end
    first: Tensor  # (10,): a digit's first row
    shares: Tensor  # (10, most variants of a digit): cumulative shares


@cache
def pen() -> Pen:
    """Return the pen: all variants, put together once."""
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
    return Pen(points, straight, bent, time, first, shares)
