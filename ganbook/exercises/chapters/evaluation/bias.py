"""Checks: how FID depends on the number of samples."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ganbook import metrics
from ganbook.exercises.chapters.cases import listed
from ganbook.exercises.chapters.evaluation.common import settle
from ganbook.exercises.chapters.registry import check
from ganbook.exercises.grading.trial import Trial


@check("fid-bias")
def fid_bias(trial: Trial) -> None:
    """20 pairs of sets of one Gaussian, with 200 samples each and with 3,200."""
    letter = trial.choice("ABCD")
    rng = torch.Generator().manual_seed(0)
    fid = {}
    for num in (200, 3200):
        pairs = (torch.randn(2, num, 8, generator=rng) for _ in range(20))
        fid[num] = sum(metrics.frechet_distance(x, y) for x, y in pairs) / 20
    ratio = fid[200] / fid[3200]
    settle(
        trial,
        letter,
        {"A": fid[200] < 1e-6, "B": 3 < ratio < 6, "C": 11 < ratio < 23, "D": ratio < 2},
        "mean FID of 20 pairs: "
        f"{fid[200]:.3f} with 200 samples each, {fid[3200]:.3f} with 3,200, which is {ratio:.1f} times less",
        {
            "A": (
                "The true distance is 0, but FID is computed from estimated means and covariances. "
                "Their errors do not cancel: they enter squared, and squares are positive."
            ),
            "B": (
                "You took FID for something that falls as a standard error does, with the root of N. "
                "It is a *squared* distance: errors of that size enter squared."
            ),
            "D": "The noise in means and covariances does get smaller with more samples, and FID with it.",
        },
    )


@check("fid-sample-size")
def fid_sample_size(trial: Trial) -> None:
    """One number."""
    case = "FID(1,000) = 25 and FID(5,000) = 13, wanted FID(N) - FID_inf = 0.5"
    trial.tried(case)
    trial.differs(
        trial.value(),
        30_000.0,
        case=case,
        rtol=5e-4,
        known={
            "That is c itself, the excess times N; the excess at N samples is c / N.": 15_000.0,
            "You multiplied c by 0.5; from c / N = 0.5 follows another N.": 7_500.0,
            "You let FID fall with the root of N. The law given is c / N.": (
                (12 / 0.5) ** 2 * (1 / math.sqrt(1000) - 1 / math.sqrt(5000)) ** -2
            ),
            "You took FID_inf for 0, so that all of FID(1,000) = 25 was excess. "
            "A real generator has a FID above 0 at any N; two equations give both unknowns.": 50_000.0,
            "You took FID_inf for 0, so that all of FID(5,000) = 13 was excess. "
            "Two equations give both unknowns.": 130_000.0,
            "A straight line in N: with it FID would become negative soon. "
            "The law given is a straight line in 1/N.": 1000 + 24.5 / 0.003,
            "You asked for FID(N) = 0.5. What is to be 0.5 is the excess over FID_inf.": 1000 + 24.5 / 0.012,
        },
        otherwise="Two unknowns, FID_inf and c, and two equations: subtract one from the other.",
    )


@check("fid-infinity")
def fid_infinity(trial: Trial) -> None:
    """Two points, three points, and four points out of order."""
    cases = (
        ([2000.0, 1000.0], [8.0, 12.0]),
        ([1000.0, 500.0, 2000.0], [16.0, 30.0, 12.5]),
        ([4000.0, 500.0, 1000.0, 250.0], [6.1, 11.2, 8.9, 20.0]),
    )
    for sizes_, fids_ in cases:
        sizes, fids = torch.tensor(sizes_), torch.tensor(fids_)
        ends = torch.stack([sizes.argmin(), sizes.argmax()])
        trial.differs(
            trial.number(sizes, fids),
            _line(1 / sizes, fids)[0],
            case=f"sizes = {listed(sizes)}, fids = {listed(fids)}",
            rtol=1e-3,
            known={
                "That is the FID at the largest N. Some of the bias is still in it.": fids[sizes.argmax()],
                "That is the last of the FIDs given.": fids[-1],
                "You fitted a straight line in N. "
                "Extended to large N it goes to minus infinity; "
                "what you got is its value at N = 0, and N = 0 is the wrong end.": _line(sizes, fids)[0],
                "You fitted a straight line in the root of 1/N. The bias of FID goes with 1/N.": (
                    _line(sizes**-0.5, fids)[0]
                ),
                "That is the slope of the line, c. Wanted is where the line meets 1/N = 0.": (
                    _line(1 / sizes, fids)[1]
                ),
                "That is the mean of the FIDs. It has the mean of their biases in it.": fids.mean(),
                "That is the line through the largest and the smallest N only. "
                "With more points than two, all are to be fitted, by least squares.": (
                    _line(1 / sizes[ends], fids[ends])[0]
                ),
                "That is the line through the first and the last point only. "
                "With more points than two, all are to be fitted, by least squares.": (
                    _line(1 / sizes[[0, -1]], fids[[0, -1]])[0]
                ),
            },
            otherwise="That is not where the least-squares line in 1/N meets 1/N = 0.",
        )
    trial.tried("two points, three points, and four points out of order")


def _line(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return intercept and slope of the least-squares line."""
    x, y = x.double(), y.double()
    slope = ((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum()
    return y.mean() - slope * x.mean(), slope
