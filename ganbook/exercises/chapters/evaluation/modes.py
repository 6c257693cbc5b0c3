"""Checks: the modes of toy data."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ganbook.exercises.chapters.cases import listed
from ganbook.exercises.chapters.evaluation.common import number_or_nan, ring
from ganbook.exercises.chapters.registry import check
from ganbook.exercises.grading.trial import Trial


@check("modes-hit")
def modes_hit(trial: Trial) -> None:
    """Ask about a few points and modes, some at just 3 sigma, and a ring."""
    cases = (
        (
            [[0.0, 0.0], [10.0, 0.0], [20.0, 5.0]],
            1.0,
            [[0.0, 0.5], [1.5, 0.0], [10.0, 1.75], [12.5, 0.0], [20.0, 1.0]],
        ),
        ([[0.0, 0.0], [10.0, 0.0]], 1.0, [[3.0, 0.0], [9.0, 0.0], [10.0, 0.5]]),
        (
            [[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]],
            0.5,
            [[0.5, 0.5], [4.0, 0.875], [4.0, 1.0], [1.0, 0.0], [2.0, 2.0], [0.0, 2.0]],
        ),
        ([[0.0, 0.0], [2.0, 0.0]], 2.0, [[0.5, 0.0], [0.0, 1.0], [0.0, 9.0]]),
        ([[0.0, 0.0], [10.0, 0.0], [30.0, 0.0]], 1.0, [[0.0, 1.0], [11.0, 0.0], [30.0, 2.0]]),
        ([[0.0, 0.0], [1.0, 0.0]], 0.1, [[0.5, 0.5], [0.5, 1.0]]),
    )
    for modes_, sigma, points_ in cases:
        points, modes = torch.tensor(points_), torch.tensor(modes_)
        case = f"points = {listed(points)}, modes = {listed(modes)}, sigma = {sigma:g}"
        _check_modes_once(trial, points, modes, sigma, case)
    whole = ring(2000, 10, seed=3, sigma=0.0).unique(dim=0)
    points = ring(500, 7, seed=4, sigma=0.25)
    _check_modes_once(trial, points, whole, 0.1, "500 points around 7 of the 10 modes of a ring, sigma = 0.1")
    trial.tried(
        "two to five points and two or three modes, a distance of just 3 sigma, no good point at all, "
        "and 500 points on a ring"
    )


def _check_modes_once(trial: Trial, points_: Tensor, modes_: Tensor, sigma: float, case: str) -> None:
    points, modes = points_.double(), modes_.double()
    distance, owner = torch.cdist(points, modes, compute_mode="donot_use_mm_for_euclid_dist").min(1)

    def pair(good: Tensor, counted: Tensor | None = None) -> Tensor:
        hit = owner[good if counted is None else counted].unique().numel()
        return torch.tensor([float(hit), good.double().mean().item()])

    good = distance < 3 * sigma
    everyone = torch.ones_like(good)
    hit, share = pair(good).tolist()
    within = (torch.cdist(points, modes) < 3 * sigma).any(0).sum().item()
    trial.differs(
        trial.tensor(points_, modes_, sigma, shape=(2,)),
        torch.tensor([hit, share]),
        case=case,
        known={
            "A mode counts as hit here if *any* point has it as its nearest mode, however far away. "
            "Only points of high quality count.": pair(good, everyone),
            "A point at exactly 3 sigma counted as good. It has to be nearer than that.": (
                pair(distance <= 3 * sigma)
            ),
            "The radius is one sigma; the protocol takes three.": pair(distance < sigma),
            "The radius is two sigma; the protocol takes three.": pair(distance < 2 * sigma),
            "The distance is held against 3 sigma squared, or its square against 3 sigma: "
            "compare like with like.": pair(distance < 3 * sigma**2),
            "The squared distance is held against 3 sigma: compare like with like.": (
                pair(distance**2 < 3 * sigma)
            ),
            "You count the points that are *not* good.": pair(distance >= 3 * sigma, good),
            "The two are exchanged: the number of modes comes first.": torch.tensor([share, hit]),
            "The share is one of the modes. High quality is a share of the points.": (
                torch.tensor([hit, hit / len(modes)])
            ),
            "The second number is a count. It is to be a share of all points.": (
                torch.tensor([hit, share * len(points)])
            ),
            "The first number is a share. It is to be a count of modes.": (
                torch.tensor([hit / len(modes), share])
            ),
            "A point belongs to one mode only, the nearest. "
            "Where modes are near each other, you let a point hit several.": (
                torch.tensor([float(within), share])
            ),
        },
        otherwise="Mark the points of the case on paper: which mode is nearest, and how many sigmas away?",
    )


@check("reverse-kl-of-modes")
def reverse_kl_of_modes(trial: Trial) -> None:
    """Modes that are hit evenly, unevenly, by unequal true weights, and never."""
    cases = (
        ([2.0, 2.0], [0.5, 0.5]),
        ([3.0, 1.0], [0.5, 0.5]),
        ([1.0, 3.0], [0.75, 0.25]),
        ([1.0, 2.0, 5.0], [0.25, 0.25, 0.5]),
        ([5.0, 0.0], [0.5, 0.5]),
        ([4.0, 0.0, 2.0, 0.0], [0.5, 0.125, 0.25, 0.125]),
    )
    for counts_, p_ in cases:
        counts, p_t = torch.tensor(counts_), torch.tensor(p_)
        n, p = counts.double(), p_t.double()
        q = n / n.sum()
        case = f"counts = {listed(counts)}, p = {listed(p_t)}"

        def kl(a: Tensor, b: Tensor) -> Tensor:
            return (torch.special.xlogy(a, a) - torch.special.xlogy(a, b)).sum()

        mixed = (p + q) / 2
        trial.differs(
            number_or_nan(
                trial,
                trial.call(counts, p_t),
                "The result is NaN. "
                "A mode that is never hit has q = 0, and 0 times the logarithm of 0 is NaN on a computer. "
                "In the sum 0 log 0 counts as 0.",
                case,
            ),
            kl(q, p),
            case=case,
            known={
                "That is KL(p || q), the forward one: with a mode missing it would be infinite.": kl(p, q),
                "Logarithms to base 2. The definition has natural ones (nats).": kl(q, p) / math.log(2),
                "The counts are not divided by their sum: q has to sum to 1.": kl(n, p),
                "The sum over modes became a mean.": kl(q, p) / len(q),
                "The sign is turned round: a KL divergence is never negative.": -kl(q, p),
                "That is the entropy of q: the true weights p do not count in it.": (
                    -kl(q, torch.ones_like(q))
                ),
                "p is taken as equal for all modes: use the p that is given.": (
                    kl(q, torch.ones_like(q) / len(q))
                ),
                "That is the Jensen-Shannon divergence.": (kl(p, mixed) + kl(q, mixed)) / 2,
                "The logarithms are not weighted by q, but by p.": -kl(p, q),
            },
            otherwise="Work the case out by hand: first q, then one term for each mode.",
        )
    trial.tried("two to four modes: hit evenly, unevenly, by unequal true weights, and some never hit")
