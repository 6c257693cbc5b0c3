"""Signed distances: how far a point lies outside of a shape (negative: inside).

All lengths are in halves of the image, y goes down. Where a shape has no simple exact distance (an ellipse),
it is an approximation that is right near the edge, which is where it is used.
"""

from __future__ import annotations

import torch
from torch import Tensor

Value = Tensor | float


def ellipse(x: Tensor, y: Tensor, rx: Value, ry: Value) -> Tensor:
    """Return k (k - 1) / |grad k^2 / 2|, with k = |(x / rx, y / ry)|, which is 1 on the edge."""
    u, v = x / rx, y / ry
    k = (u * u + v * v + 1e-8).sqrt()
    u, v = u / rx, v / ry
    return k * (k - 1) / (u * u + v * v + 1e-8).sqrt()


def circle(x: Tensor, y: Tensor, r: Value) -> Tensor:
    """Return |(x, y)| - r."""
    return (x * x + y * y + 1e-8).sqrt() - r


def box(x: Tensor, y: Tensor, hx: Value, hy: Value, round: Value = 0.0) -> Tensor:
    """Return the distance from a box of half widths hx and hy, whose corners are quarters of circles."""
    qx, qy = x.abs() - (hx - round), y.abs() - (hy - round)
    outside = (qx.clamp(min=0) ** 2 + qy.clamp(min=0) ** 2 + 1e-8).sqrt()
    return outside + torch.maximum(qx, qy).clamp(max=0) - round


def segment(x: Tensor, y: Tensor, x1: Value, y1: Value, x2: Value, y2: Value) -> Tensor:
    """Return the distance from the straight line between two points."""
    dx, dy = x2 - x1, y2 - y1
    px, py = x - x1, y - y1
    t = ((px * dx + py * dy) / (dx * dx + dy * dy + 1e-8)).clamp(0, 1)
    return ((px - t * dx) ** 2 + (py - t * dy) ** 2 + 1e-8).sqrt()


def arc(x: Tensor, y: Tensor, half: Value, sag: Value) -> Tensor:
    """Return the distance from the parabola y = sag (1 - (x / half)^2), |x| <= half."""
    t = (x / half).clamp(-1, 1)
    slope = 2 * sag * t / half
    dy = (y - sag * (1 - t * t)) / (1 + slope * slope).sqrt()
    return ((x - half * t) ** 2 + dy * dy + 1e-8).sqrt()


def both(*distances: Tensor) -> Tensor:
    """Return the distance from what all shapes have in common."""
    result = distances[0]
    for distance in distances[1:]:
        result = torch.maximum(result, distance)
    return result


def either(*distances: Tensor) -> Tensor:
    """Return the distance from all shapes together."""
    result = distances[0]
    for distance in distances[1:]:
        result = torch.minimum(result, distance)
    return result
