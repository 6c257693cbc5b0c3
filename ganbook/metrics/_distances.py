"""Distances between all pairs of samples, a few rows at a time."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

# Relative to ||x||^2 + ||y||^2, a bound on the rounding error of a squared distance computed as below.
ROUNDING = 1e-13


def centre(*sets: Tensor) -> tuple[Tensor, ...]:
    """Shift all sets by the mean of the first, on its device.

    No distance changes, but ||x||^2 + ||y||^2 - 2 x.y loses its digits where the norms are large.
    """
    mean = sets[0].mean(dim=0)
    return tuple(values.to(mean.device) - mean for values in sets)


def squared_distances(x: Tensor, y: Tensor, *, lower_by: float = 0.0) -> Tensor:
    """Return ||x_i - y_j||^2 for x (m, d) and y (n, d): shape (m, n), at least 0, in a matrix product.

    `lower_by` subtracts that share of ||x||^2 + ||y||^2: with `ROUNDING`, equal rows are at distance 0
    exactly, and a point on the border of a ball counts as inside; with -`ROUNDING`, as outside.
    """
    norms = x.square().sum(dim=1)[:, None] + y.square().sum(dim=1)
    return torch.addmm(norms.mul_(1 - lower_by), x, y.T, alpha=-2).clamp_(min=0)


def squared_radii(x: Tensor, k: int, chunk: int) -> tuple[Tensor, float]:
    """Return each row's squared distance to its k-th nearest *other* row, (N,), and the share of copies.

    A row counts as a copy if another row is equal to it.
    """
    # k + 1, because the nearest of all is the point itself.
    nearest = [squared_distances(rows, x).topk(k + 1, dim=1, largest=False).values for rows in x.split(chunk)]
    values = torch.cat(nearest)
    copies = values[:, 1] <= 2 * ROUNDING * x.square().sum(dim=1)
    return values[:, k], copies.double().mean().item()


def inside_balls(
    points: Tensor, centres: Tensor, radii2: Tensor, chunk: int, *, closed: bool
) -> Iterator[Tensor]:
    """Yield, `chunk` points at a time, whether point i is in ball j: bool, shape (<= chunk, N_centres)."""
    for rows in points.split(chunk):
        if closed:
            yield squared_distances(rows, centres, lower_by=ROUNDING) <= radii2
        else:
            yield squared_distances(rows, centres, lower_by=-ROUNDING) < radii2


def nearest_distances(points: Tensor, targets: Tensor, chunk: int) -> Tensor:
    """Return the distance of each point to the nearest target, exactly 0 for a copy: shape (N_points,)."""
    nearest = [
        squared_distances(rows, targets, lower_by=ROUNDING).amin(dim=1) for rows in points.split(chunk)
    ]
    return torch.cat(nearest).sqrt()


def nearest_rows(points: Tensor, targets: Tensor, chunk: int) -> Tensor:
    """Return which target is nearest to each point: int64, shape (N_points,)."""
    return torch.cat([squared_distances(rows, targets).argmin(dim=1) for rows in points.split(chunk)])
