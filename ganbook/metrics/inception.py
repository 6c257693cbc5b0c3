"""The Inception score: each sample's class should be clear, and all samples' classes spread."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ganbook.errors import UserError
from ganbook.metrics._checks import Features, check_rows, float64, generator
from ganbook.support.checks import Whole


class InceptionScore(NamedTuple):
    """Mean and standard deviation over the splits."""

    mean: float
    std: float


def inception_score(
    probabilities: Features, splits: int = 10, *, shuffle_seed: int | None = None
) -> InceptionScore:
    """Return the Inception score of a classifier's probabilities for generated samples.

        IS = exp(mean_x KL(p(y|x) || p(y))),   p(y) = mean_x p(y|x)

    in each of `splits` parts of the samples, then mean and standard deviation (divided by the number of
    splits) over the parts. Range [1, K], higher is better: 1 if every sample has the same p(y|x), K if the
    classifier is certain of each sample and the K classes are equally frequent.

    The parts are consecutive rows, in the order given, as in the original code. Rows sorted by class would
    make every part poor in classes: pass `shuffle_seed` to shuffle them first.

    Known bias: p(y) is estimated within a part, which lowers the score where parts are small, so scores
    compare only at the same N and splits. It never looks at real samples, and one sample a class attains K.

    Parameters
    ----------
    probabilities : Tensor or ndarray
        p(y|x), shape (N, K), K >= 2: at least 0, rows summing to 1 within 0.001 (apply a softmax to logits).
    splits : int
        Number of parts, from 1 to N/2.
    shuffle_seed : int, optional
        Shuffle the rows with this seed first. Default: keep the order.

    Returns
    -------
    InceptionScore
        `(mean, std)` over the splits.

    Raises
    ------
    UserError
        If the rows are not probabilities, or there are fewer than two a split. Equal rows are not an error
        here: they score 1.

    Notes
    -----
    Source: Salimans et al. (2016), section 4. Critique: Barratt and Sharma (2018), "A note on the Inception
    score".

    Examples
    --------
    >>> inception_score(torch.eye(4).repeat(25, 1), splits=1).mean  # sure of each, all classes alike
    4.0
    >>> inception_score(torch.full((100, 4), 0.25), splits=1).mean
    1.0
    """
    check_rows(probabilities, "probabilities")
    p = float64(probabilities)
    n, num_classes = p.shape
    if num_classes < 2:
        raise UserError(f"probabilities: got K={num_classes} class; it takes shape (N, K) with K >= 2")
    if p.min() < 0 or (p.sum(dim=1) - 1).abs().max() > 1e-3:
        raise UserError(
            f"probabilities: got a smallest value of {p.min().item():.4g} and row sums from "
            f"{p.sum(1).min().item():.4g} to {p.sum(1).max().item():.4g}; it takes probabilities, "
            f"rows summing to 1 (softmax of the logits)"
        )
    Whole(1, n // 2, why=f", half of the N={n} samples").check("splits", splits)
    if shuffle_seed is not None:
        p = p[torch.randperm(n, generator=generator(shuffle_seed)).to(p.device)]
    parts = [p[i * n // splits : (i + 1) * n // splits] for i in range(splits)]
    scores = torch.stack([_score(part) for part in parts])
    return InceptionScore(scores.mean().item(), scores.std(correction=0).item())


def _score(p: Tensor) -> Tensor:
    """Return exp(mean_x sum_y p(y|x) log(p(y|x) / p(y))), where 0 log 0 = 0."""
    kl = torch.special.xlogy(p, p) - torch.special.xlogy(p, p.mean(dim=0))
    return kl.sum(dim=1).mean().exp()
