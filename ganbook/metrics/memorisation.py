"""Memorisation: generated samples that lie closer to the training set than to data that was held out.

The generated samples come first here, for it is them that both real sets are held against.
"""

from __future__ import annotations

import math
from typing import Annotated, NamedTuple

import torch
from torch import Tensor

from ganbook.metrics._checks import (
    Features,
    check_features,
    check_same_width,
    float64,
    generator,
)
from ganbook.metrics._distances import centre, nearest_distances, nearest_rows
from ganbook.support.checks import AnySeed, Count, Real, checked


class Memorisation(NamedTuple):
    """Share of fakes nearer to the training set, and ratio of the mean nearest distances."""

    share: float
    distance_ratio: float


@checked
def memorisation(
    fake: Features, train: Features, held_out: Features, *, seed: AnySeed = 0, chunk: Count = 1024
) -> Memorisation:
    """Compare each fake's nearest training sample with its nearest held-out sample.

    With c the share of fakes whose nearest neighbour among n training and m held-out samples is a training
    sample (ties count half):

        share = c m / (c m + (1 - c) n)
        distance_ratio = mean_y min_x ||y - x_train|| / mean_y min_x ||y - x_held_out||

    The share is c itself where n = m. If the fakes know nothing of the training set beyond its distribution,
    the nearest of all n + m is any one of them with equal chance, so c is n / (n + m) on average and share
    0.5; copies of training samples give share 1 and ratio 0. Share in [0, 1], ratio in [0, infinity); best is
    0.5 and 1. Lower shares than 0.5 are no merit: training and held-out data then differ.

    The share uses all samples: cutting a large training set to the size of the held-out set would throw out
    most of the samples that a generator may have copied. The ratio has no such correction, so for it the
    larger set is cut to the size of the smaller (at random, by `seed`); copies of what was cut do not show.

    An honest share is 0.5 on average over the divisions of the real samples into training and held-out ones.
    For the one division at hand it is not, and the less so the more the fakes crowd around few real samples:
    compare it with `memorisation_band` before you call it copying.

    Known bias: of the order 1 / N_fake where n and m differ. The share says nothing about how close, and
    nothing about quality: noise scores 0.5.

    Parameters
    ----------
    fake, train, held_out : Tensor or ndarray
        Shapes (N_fake, d), (n, d), (m, d).
    seed : int
        Of the cut to equal size.
    chunk : int
        Rows at a time; memory is a few times chunk x n x 8 bytes.

    Returns
    -------
    Memorisation
        `(share, distance_ratio)`.

    Raises
    ------
    UserError
        If the widths differ, or features are not finite, not floating-point or constant.

    Notes
    -----
    Our own statistic, after Meehan et al. (2020), "A non-parametric test to detect data-copying in generative
    models", who compare the distances of fakes and of held-out samples to the training set, and Alaa et al.
    (2022), "How faithful is your synthetic data?" (authenticity).

    Examples
    --------
    >>> train, held_out = torch.randn(2, 300, 4, generator=torch.Generator().manual_seed(0))
    >>> memorisation(train, train, held_out)  # copies
    Memorisation(share=1.0, distance_ratio=0.0)
    """
    for name, features in (("fake", fake), ("train", train), ("held_out", held_out)):
        check_features(features, name)
    check_same_width(fake=fake, train=train, held_out=held_out)
    rng = generator(seed)
    known, unknown, y = centre(float64(train), float64(held_out), float64(fake))
    to_train, to_held_out = nearest_distances(y, known, chunk), nearest_distances(y, unknown, chunk)
    tie = torch.isclose(to_train, to_held_out, rtol=1e-9, atol=0.0)
    closer = torch.where(tie, 0.5, (to_train < to_held_out).double()).mean().item()
    n, m = len(known), len(unknown)
    share = _share(closer, n, m)

    size = min(n, m)

    def cut(x: Tensor) -> Tensor:
        return x[torch.randperm(len(x), generator=rng)[:size].to(x.device)]

    if n > size:
        to_train = nearest_distances(y, cut(known), chunk)
    if m > size:
        to_held_out = nearest_distances(y, cut(unknown), chunk)
    return Memorisation(share, _ratio(to_train.mean().item(), to_held_out.mean().item()))


class Band(NamedTuple):
    """Where the share lies if nothing was copied."""

    low: float
    high: float


@checked
def memorisation_band(
    fake: Features,
    train: Features,
    held_out: Features,
    *,
    level: Annotated[float, Real(above=0, below=1)] = 0.95,
    chunk: Count = 1024,
) -> Band:
    """Return where `memorisation(...).share` lies if the fakes owe nothing to single training samples.

    Then it makes no difference which n of the n + m real samples are called training samples: all divisions
    are equally likely. With w_j the number of fakes whose nearest real sample is j, and N = sum_j w_j, the
    share c of fakes nearest to a training sample has, over these divisions,

        mean c = n / (n + m)
        Var c  = n m / ((n + m)(n + m - 1)) (sum_j w_j^2 / N^2 - 1 / (n + m))

    (sampling without replacement). Fakes that crowd around few real samples have large w_j, and a wide band:
    the luck of those few samples is counted. The band is the mean +- z standard deviations, cut to [0, 1] and
    turned into a share as `memorisation` does.

    Parameters
    ----------
    fake, train, held_out : Tensor or ndarray
        As for `memorisation`.
    level : float
        The probability of a share inside, if nothing was copied.
    chunk : int
        Rows at a time.

    Returns
    -------
    Band
        `(low, high)`; a share above `high` is evidence of copying.

    Raises
    ------
    UserError
        As `memorisation`.

    Notes
    -----
    A normal approximation of the permutation test (Fisher), whose exact form draws the divisions.

    Examples
    --------
    >>> points = torch.linspace(0, 1, 200).view(-1, 1)
    >>> low, high = memorisation_band(points[1::2], points[::4], points[2::4])
    >>> round(low, 1), round(high, 1)
    (0.4, 0.6)
    """
    for name, features in (("fake", fake), ("train", train), ("held_out", held_out)):
        check_features(features, name)
    check_same_width(fake=fake, train=train, held_out=held_out)
    known, unknown, y = centre(float64(train), float64(held_out), float64(fake))
    n, m = len(known), len(unknown)
    counts = torch.bincount(nearest_rows(y, torch.cat([known, unknown]), chunk).cpu(), minlength=n + m)
    spread = counts.double().square().sum().item() / len(y) ** 2 - 1 / (n + m)
    deviation = math.sqrt(max(0.0, n * m / ((n + m) * (n + m - 1)) * spread))
    z = torch.distributions.Normal(0.0, 1.0).icdf(torch.tensor((1 + level) / 2)).item()
    middle = n / (n + m)
    return Band(*(_share(min(1.0, max(0.0, middle + sign * z * deviation)), n, m) for sign in (-1, 1)))


def _share(closer: float, n: int, m: int) -> float:
    """Turn the share of fakes nearest to one of n training samples into one that equal numbers would give."""
    return closer * m / (closer * m + (1 - closer) * n)


def _ratio(numerator: float, denominator: float) -> float:
    if denominator == 0:  # every fake is also a held-out sample
        return 1.0 if numerator == 0 else float("inf")
    return numerator / denominator
