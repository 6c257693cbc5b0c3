"""The kernel distance: squared MMD with a polynomial kernel; KID, when the features are Inception's."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ganbook.metrics._checks import (
    Features,
    check_features,
    check_same_width,
    check_whole,
    float64,
    generator,
)


class KernelDistance(NamedTuple):
    """Mean and standard deviation over the subsets."""

    mean: float
    std: float


def polynomial_kernel(
    x: Tensor, y: Tensor, degree: int = 3, gamma: float | None = None, coef: float = 1.0
) -> Tensor:
    """Return k(x_i, y_j) = (gamma x_i . y_j + coef)^degree, shape (m, n), for x (m, d) and y (n, d).

    gamma is 1/d unless given. Source: Binkowski et al. (2018), section 4.
    """
    gamma = 1 / x.shape[1] if gamma is None else gamma
    return (gamma * (x @ y.T) + coef) ** degree


def mmd2_unbiased(
    x: Features, y: Features, *, degree: int = 3, gamma: float | None = None, coef: float = 1.0
) -> float:
    """Return the unbiased estimate of the squared maximum mean discrepancy, from all pairs of samples.

        sum_{i != j} k(x_i, x_j) / (m (m - 1)) + sum_{i != j} k(y_i, y_j) / (n (n - 1))
            - 2 sum_{i, j} k(x_i, y_j) / (m n)

    Range: any number, negative ones too, because the average over samples of equal distributions is 0. Lower
    is better. Unchanged by a rotation of both sets, but not by a shift.

    Parameters
    ----------
    x, y : Tensor or ndarray
        Shapes (m, d) and (n, d), m and n at least 2.
    degree, gamma, coef
        Of the kernel, see `polynomial_kernel`.

    Returns
    -------
    float
        The estimate.

    Raises
    ------
    ValueError
        If features are not finite, not floating-point or constant, or the widths differ.

    Notes
    -----
    Source: Gretton, Borgwardt, Rasch, Schölkopf & Smola, "A kernel two-sample test", JMLR 2012, equation 3.
    """
    check_features(x, "x")
    check_features(y, "y")
    check_same_width(x=x, y=y)
    gamma = _check_kernel(degree, gamma, coef, x.shape[1])
    x, y = float64(x), float64(y)
    return _mmd2_unbiased(x, y.to(x.device), degree, gamma, coef)


def _mmd2_unbiased(x: Tensor, y: Tensor, degree: int, gamma: float, coef: float) -> float:
    m, n = len(x), len(y)

    def total(a: Tensor, b: Tensor) -> Tensor:  # in parts of 16 MB, so that no (m, n) matrix is ever held
        parts = a.split(max(1, 2_000_000 // len(b)))
        return torch.stack([polynomial_kernel(rows, b, degree, gamma, coef).sum() for rows in parts]).sum()

    def diagonal(a: Tensor) -> Tensor:
        return ((gamma * a.square().sum(dim=1) + coef) ** degree).sum()

    k_xx = (total(x, x) - diagonal(x)) / (m * (m - 1))
    k_yy = (total(y, y) - diagonal(y)) / (n * (n - 1))
    return (k_xx + k_yy - 2 * total(x, y) / (m * n)).item()


def kernel_distance(
    features_a: Features,
    features_b: Features,
    *,
    subsets: int = 100,
    subset_size: int = 1000,
    seed: int = 0,
    degree: int = 3,
    gamma: float | None = None,
    coef: float = 1.0,
) -> KernelDistance:
    """Return the kernel distance: `mmd2_unbiased` averaged over random subsets, with its spread.

    Each subset takes `subset_size` rows of either set without replacement. Range: any number (slightly
    negative is a sign of very similar sets); lower is better.

    Known bias: none, at any number of samples, which is its point against FID. `std` (divided by the number
    of subsets, as in torch-fidelity) is the spread *between subsets*; they overlap, so it is neither the
    standard error of `mean` nor an interval for it. With `subset_size` = N all subsets are equal and it is 0.

    Parameters
    ----------
    features_a, features_b : Tensor or ndarray
        Shapes (N_a, d) and (N_b, d).
    subsets : int
        Number of subsets, at least 1.
    subset_size : int
        Rows a subset, from 2 to the smaller N.
    seed : int
        Of the choice of subsets; the same seed gives the same digits.
    degree, gamma, coef
        Of the kernel, see `polynomial_kernel`.

    Returns
    -------
    KernelDistance
        `(mean, std)` over the subsets.

    Raises
    ------
    ValueError
        If a subset is larger than a set, the widths differ, or features are not finite, not floating-point or
        constant.

    Notes
    -----
    Source: Binkowski, Sutherland, Arbel & Gretton, "Demystifying MMD GANs", ICLR 2018, section 4.
    """
    check_features(features_a, "features_a")
    check_features(features_b, "features_b")
    check_same_width(features_a=features_a, features_b=features_b)
    smaller = min(len(features_a), len(features_b))
    check_whole(subsets, "subsets", low=1)
    check_whole(subset_size, "subset_size", low=2, high=smaller, why=", the samples of the smaller set")
    gamma = _check_kernel(degree, gamma, coef, features_a.shape[1])
    a = float64(features_a)
    b = float64(features_b).to(a.device)

    rng = generator(seed)

    def subset(x: Tensor) -> Tensor:
        return x[torch.randperm(len(x), generator=rng)[:subset_size].to(x.device)]

    values = [_mmd2_unbiased(subset(a), subset(b), degree, gamma, coef) for _ in range(subsets)]
    distances = torch.tensor(values, dtype=torch.float64)
    return KernelDistance(distances.mean().item(), distances.std(correction=0).item())


def _check_kernel(degree: int, gamma: float | None, coef: float, d: int) -> float:
    """Check the kernel's parameters, and return gamma."""
    check_whole(degree, "degree", low=1)
    gamma = 1 / d if gamma is None else gamma
    if not (math.isfinite(gamma) and gamma > 0):
        raise ValueError(f"gamma={gamma!r}: it takes a positive number")
    if not (math.isfinite(coef) and coef >= 0):
        raise ValueError(f"coef={coef!r}: it takes a number of at least 0")
    return float(gamma)
