"""Memorisation: generated samples that lie closer to the training set than to data that was held out.

The generated samples come first here, for it is them that both real sets are held against.
"""

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
from ganbook.metrics._distances import centre, nearest_distances
from ganbook.support.checks import AnySeed, Count, checked


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
    share = closer * m / (closer * m + (1 - closer) * n)

    size = min(n, m)

    def cut(x: Tensor) -> Tensor:
        return x[torch.randperm(len(x), generator=rng)[:size].to(x.device)]

    if n > size:
        to_train = nearest_distances(y, cut(known), chunk)
    if m > size:
        to_held_out = nearest_distances(y, cut(unknown), chunk)
    return Memorisation(share, _ratio(to_train.mean().item(), to_held_out.mean().item()))


def _ratio(numerator: float, denominator: float) -> float:
    if denominator == 0:  # every fake is also a held-out sample
        return 1.0 if numerator == 0 else float("inf")
    return numerator / denominator
