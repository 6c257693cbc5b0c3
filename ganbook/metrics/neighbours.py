"""Precision and recall, density and coverage: the real and the generated set as unions of balls."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import torch
from torch import Tensor

from ganbook.metrics._checks import Features, check_features, check_same_width, float64
from ganbook.metrics._distances import centre, inside_balls, squared_radii
from ganbook.support.checks import Count, Whole, checked


class PrecisionRecall(NamedTuple):
    """Share of fakes that look real, and share of the real set that fakes reach."""

    precision: float
    recall: float


class DensityCoverage(NamedTuple):
    """How densely real samples surround the fakes, and share of real samples with a fake nearby."""

    density: float
    coverage: float


@checked
def precision_recall(real: Features, fake: Features, k: int = 3, *, chunk: Count = 1024) -> PrecisionRecall:
    """Return improved precision and recall.

    A set's manifold is the union of balls around its samples x, each out to the k-th nearest other sample,
    NN_k(x). A point y is in it if for some x (closed balls)

        ||y - x|| <= ||x - NN_k(x)||

    Precision (fidelity) is the share of fakes in the manifold of the real set; recall (diversity) is the
    share of real samples in the manifold of the fakes.

    Both in [0, 1], higher is better. Two samples of one distribution do not score 1.

    Known bias: depends on k and on both numbers of samples; compare at equal ones only. Fewer samples lie
    farther apart and have larger balls, so recall *rises* where fakes are few: twenty different samples can
    reach nearly all of a real set. An outlier has a large ball: real outliers raise precision, fake outliers
    raise recall (see `density_coverage`). Equal samples in a set shrink its balls; k of them leave none.
    Where more than 1 % of a set are copies, a warning says so.

    Parameters
    ----------
    real, fake : Tensor or ndarray
        Shapes (N_real, d) and (N_fake, d).
    k : int
        Which neighbour gives the radius, from 1 to N - 1 of the smaller set.
    chunk : int
        Rows at a time; memory is a few times chunk x N x 8 bytes. Does not change the result.

    Returns
    -------
    PrecisionRecall
        `(precision, recall)`.

    Raises
    ------
    UserError
        If k is too large, the widths differ, or features are not finite, not floating-point or constant.

    Notes
    -----
    Source: Kynkäänniemi et al. (2019), equations 1 and 2.

    Examples
    --------
    >>> real = torch.randn(500, 4, generator=torch.Generator().manual_seed(0))
    >>> precision_recall(real, 0.1 * real)  # all in the middle: faithful, without diversity
    PrecisionRecall(precision=0.99, recall=0.004)
    """
    x, y = _check_sets(real, fake, k, both_radii=True)

    def share_inside(points: Tensor, centres: Tensor, radii2: Tensor) -> float:
        balls = inside_balls(points, centres, radii2, chunk, closed=True)
        return torch.cat([inside.any(dim=1) for inside in balls]).double().mean().item()

    return PrecisionRecall(
        precision=share_inside(y, x, _radii(x, "real", k, chunk)),
        recall=share_inside(x, y, _radii(y, "fake", k, chunk)),
    )


@checked
def density_coverage(real: Features, fake: Features, k: int = 5, *, chunk: Count = 1024) -> DensityCoverage:
    """Return density and coverage: like precision and recall, with balls around real samples only.

        density = 1/(k M) sum_j sum_i 1[y_j in B(x_i, NND_k(x_i))]
        coverage = 1/N sum_i 1["some " y_j in B(x_i, NND_k(x_i))]

    for N real x, M fake y, and NND_k(x) the distance to the k-th nearest other real sample. The balls are
    open (<, as in the authors' code), so that equal sets have density 1; real samples repeated more than k
    times have radius 0 and no inside. Density (fidelity) is in [0, N/k], so not at most 1; coverage
    (diversity) is in [0, 1]; higher is better. Where more than 1 % of the real set are copies, a warning says
    so.

    Known bias: for two samples of one distribution the expected density is 1, and the expected coverage is

        1 - (N - 1) ... (N - k) / ((M + N - 1) ... (M + N - k))

    which is near 1 - 2^-k for N = M: not 1. Compare at equal k, N and M.

    Parameters
    ----------
    real, fake : Tensor or ndarray
        Shapes (N, d) and (M, d).
    k : int
        Which neighbour gives the radius, from 1 to N - 1.
    chunk : int
        Rows at a time; memory is a few times chunk x N x 8 bytes. Does not change the result.

    Returns
    -------
    DensityCoverage
        `(density, coverage)`.

    Raises
    ------
    UserError
        If k is too large, the widths differ, or features are not finite, not floating-point or constant.

    Notes
    -----
    Source: Naeem et al. (2020), section 3.

    Examples
    --------
    >>> real = torch.randn(500, 4, generator=torch.Generator().manual_seed(0))
    >>> density_coverage(real, real)
    DensityCoverage(density=1.0, coverage=1.0)
    """
    x, y = _check_sets(real, fake, k, both_radii=False)
    in_balls, covered = 0, torch.zeros(len(x), dtype=torch.bool, device=x.device)
    for inside in inside_balls(y, x, _radii(x, "real", k, chunk), chunk, closed=False):
        in_balls += int(inside.sum())
        covered |= inside.any(dim=0)
    return DensityCoverage(density=in_balls / (k * len(y)), coverage=covered.double().mean().item())


def _radii(centres: Tensor, name: str, k: int, chunk: int) -> Tensor:
    """Return the squared radii of the balls of a set; warn where copies in it make them too small."""
    radii2, copies = squared_radii(centres, k, chunk)
    if copies > 0.01:
        warnings.warn(
            f"{name}: {copies:.0%} of its samples have an exact copy in the set. Copies are neighbours at "
            "distance 0, so balls shrink, and with k of them vanish; leave repeated samples out",
            stacklevel=4,
        )
    return radii2


def _check_sets(real: Features, fake: Features, k: int, *, both_radii: bool) -> tuple[Tensor, ...]:
    check_features(real, "real")
    check_features(fake, "fake")
    check_same_width(real=real, fake=fake)
    largest = (min(len(real), len(fake)) if both_radii else len(real)) - 1
    Whole(1, largest, why=", the other samples of the set").check("k", k)
    return centre(float64(real), float64(fake))
