"""The kernel distance: squared MMD with a polynomial kernel; KID, when the features are Inception's."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ganbook.metrics._checks import (
    Features,
    check_features,
    check_same_width,
    float64,
    generator,
)
from ganbook.support.checks import AnySeed, Count, NotNegative, Positive, Whole, checked


class KernelDistance(NamedTuple):
    """Mean and standard deviation over the subsets."""

    mean: float
    std: float


def polynomial_kernel(
    x: Tensor, y: Tensor, degree: int = 3, gamma: float | None = None, coef: float = 1.0
) -> Tensor:
    """Return the polynomial kernel of all pairs of rows.

        k(x_i, y_j) = (gamma x_i^T y_j + coef)^degree

    Parameters
    ----------
    x, y : Tensor
        Shapes (m, d) and (n, d).
    degree : int
        The exponent.
    gamma : float, optional
        Default: 1/d.
    coef : float
        What is added.

    Returns
    -------
    Tensor
        Shape (m, n).

    Notes
    -----
    Source: Binkowski et al. (2018), section 4.

    Examples
    --------
    >>> polynomial_kernel(torch.eye(2), torch.eye(2))  # gamma = 1/2: (1/2 + 1)^3 and 1
    tensor([[3.3750, 1.0000],
            [1.0000, 3.3750]])
    """
    gamma = 1 / x.shape[1] if gamma is None else gamma
    return (gamma * (x @ y.T) + coef) ** degree


@checked
def mmd2_unbiased(
    real: Features,
    fake: Features,
    *,
    degree: Count = 3,
    gamma: Positive | None = None,
    coef: NotNegative = 1.0,
) -> float:
    """Return the unbiased estimate of the squared maximum mean discrepancy, from all pairs of samples.

        MMD^2 = sum_{i != j} k(x_i, x_j) / (m (m - 1)) + sum_{i != j} k(y_i, y_j) / (n (n - 1))
            - 2 sum_{i, j} k(x_i, y_j) / (m n)

    for m real x and n generated y. Range: any number, negative ones too, because the average over samples of
    equal distributions is 0. Lower is better. Unchanged by a rotation of both sets, but not by a shift.

    Parameters
    ----------
    real, fake : Tensor or ndarray
        Shapes (m, d) and (n, d), m and n at least 2.
    degree, gamma, coef
        Of the kernel, see `polynomial_kernel`.

    Returns
    -------
    float
        The estimate.

    Raises
    ------
    UserError
        If features are not finite, not floating-point or constant, or the widths differ.

    Notes
    -----
    Source: Gretton et al. (2012), "A kernel two-sample test", equation 3.

    Examples
    --------
    >>> both = torch.randn(500, 4, generator=torch.Generator().manual_seed(0))
    >>> abs(mmd2_unbiased(both[:250], both[250:])) < 0.1 < mmd2_unbiased(both, both + 1)
    True
    """
    x, y = _check_sets(real, fake)
    return _mmd2_unbiased(x, y, degree, 1 / x.shape[1] if gamma is None else gamma, coef)


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


@checked
def kernel_distance(
    real: Features,
    fake: Features,
    *,
    subsets: Count = 100,
    subset_size: int = 1000,
    seed: AnySeed = 0,
    degree: Count = 3,
    gamma: Positive | None = None,
    coef: NotNegative = 1.0,
) -> KernelDistance:
    """Return the kernel distance: `mmd2_unbiased` averaged over random subsets, with its spread.

    Each subset takes `subset_size` rows of either set without replacement. Range: any number (slightly
    negative is a sign of very similar sets); lower is better.

    Known bias: none, at any number of samples, which is its point against FID. `std` (divided by the number
    of subsets, as in torch-fidelity) is the spread *between subsets*; they overlap, so it is neither the
    standard error of `mean` nor an interval for it. With `subset_size` = N all subsets are equal and it is 0.

    Parameters
    ----------
    real, fake : Tensor or ndarray
        Shapes (N_real, d) and (N_fake, d).
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
    UserError
        If a subset is larger than a set, the widths differ, or features are not finite, not floating-point or
        constant.

    Notes
    -----
    Source: Binkowski et al. (2018), section 4.

    Examples
    --------
    >>> real = torch.randn(500, 4, generator=torch.Generator().manual_seed(0))
    >>> score = kernel_distance(real, real + 1, subsets=5, subset_size=100)
    >>> score.mean > 2 * score.std > 0
    True
    """
    x, y = _check_sets(real, fake)
    smaller = min(len(x), len(y))
    Whole(2, smaller, why=", the samples of the smaller set").check("subset_size", subset_size)
    gamma = 1 / x.shape[1] if gamma is None else gamma
    rng = generator(seed)

    def subset(samples: Tensor) -> Tensor:
        return samples[torch.randperm(len(samples), generator=rng)[:subset_size].to(samples.device)]

    values = [_mmd2_unbiased(subset(x), subset(y), degree, gamma, coef) for _ in range(subsets)]
    distances = torch.tensor(values, dtype=torch.float64)
    return KernelDistance(distances.mean().item(), distances.std(correction=0).item())


def _check_sets(real: Features, fake: Features) -> tuple[Tensor, Tensor]:
    check_features(real, "real")
    check_features(fake, "fake")
    check_same_width(real=real, fake=fake)
    x = float64(real)
    return x, float64(fake).to(x.device)
