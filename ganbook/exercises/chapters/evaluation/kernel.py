"""Checks: the kernel distance, KID."""

from __future__ import annotations

import torch
from torch import Tensor

from ganbook import metrics
from ganbook.exercises.chapters.cases import listed
from ganbook.exercises.chapters.evaluation.common import settle
from ganbook.exercises.chapters.registry import check
from ganbook.exercises.grading.trial import Trial


@check("kid-below-zero")
def kid_below_zero(trial: Trial) -> None:
    """200 pairs of sets of one Gaussian."""
    letter = trial.choice("ABCD")
    rng = torch.Generator().manual_seed(0)
    values = torch.tensor([metrics.mmd2_unbiased(*torch.randn(2, 50, 4, generator=rng)) for _ in range(200)])
    above, below = bool((values > 0).any()), bool((values < 0).any())
    centred = abs(values.mean().item()) < values.std().item() / 5
    settle(
        trial,
        letter,
        {
            "A": not below and above,
            "B": not above and not below,
            "C": above and below and centred,
            "D": below and not above,
        },
        f"of 200 pairs {int((values < 0).sum())} have a KID below 0; "
        f"the mean is {values.mean():+.3f}, from {values.min():+.2f} to {values.max():+.2f}",
        {
            "A": (
                "That would be FID. "
                "KID leaves the pairs i = j out, and without them nothing keeps the estimate above 0."
            ),
            "B": "0 is what KID is on average. Each pair of sets has its own luck.",
            "D": (
                "The cross term is subtracted, but its mean is that of the other two terms: "
                "none of them wins on average."
            ),
        },
    )


@check("kid")
def kid(trial: Trial) -> None:
    """Two or three points with 1 to 3 features, equal sets too, and random features."""
    rng = torch.Generator().manual_seed(0)
    cases = (
        ([[1.0], [2.0]], [[0.0], [3.0]]),
        ([[1.0], [2.0]], [[1.0], [2.0]]),
        ([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [[0.0, 0.0], [2.0, -1.0]]),
        ([[1.0, 2.0, -1.0], [0.5, 1.0, 1.0]], [[0.0, 1.0, 1.0], [1.0, 0.0, -2.0], [1.0, 1.0, 2.0]]),
    )
    for x_, y_ in cases:
        x, y = torch.tensor(x_), torch.tensor(y_)
        _check_kid_once(trial, x, y, f"x = {listed(x)}, y = {listed(y)}")
    x, y = torch.randn(30, 4, generator=rng), torch.randn(20, 4, generator=rng)
    _check_kid_once(trial, x, 1 + y, "30 against 20 random features of length 4")
    trial.tried(
        "four pairs of 2 or 3 points with 1 to 3 features, equal sets too, and 30 against 20 random ones"
    )


def _check_kid_once(trial: Trial, x_: Tensor, y_: Tensor, case: str) -> None:
    x, y = x_.double(), y_.double()
    m, n, d = len(x), len(y), x.shape[1]

    def means(a: Tensor, b: Tensor, gamma: float = 1 / d, coef: float = 1.0, degree: int = 3) -> list[Tensor]:
        """Return means over i != j, and over all pairs, of the kernel matrix."""
        k = (gamma * (a @ b.T) + coef) ** degree
        off = (k.sum() - k.diagonal().sum()) / (k.numel() - min(k.shape))
        return [off, k.mean(), (k.sum() - k.diagonal().sum()) / k.numel()]

    def mmd2(gamma: float = 1 / d, coef: float = 1.0, degree: int = 3) -> Tensor:
        xx, yy, xy = (means(a, b, gamma, coef, degree) for a, b in ((x, x), (y, y), (x, y)))
        return xx[0] + yy[0] - 2 * xy[1]

    xx, yy, xy = means(x, x), means(y, y), means(x, y)
    want = mmd2()
    trial.differs(
        trial.number(x_, y_),
        want,
        case=case,
        rtol=1e-3,
        atol=1e-4,
        known={
            "The pairs of a sample with itself (i = j) are in your means. "
            "They are large and always there, so the estimate comes out too high: "
            "this one is biased, and never negative.": xx[1] + yy[1] - 2 * xy[1],
            "You left the pairs i = j out of the sums, and still divide by all pairs: "
            "the number of pairs that are left is smaller.": xx[2] + yy[2] - 2 * xy[1],
            "You left out the pairs i = j of x with y too. "
            "Those are two different samples that happen to have the same number: they belong in.": (
                xx[0] + yy[0] - 2 * xy[0]
            ),
            "The cross term has lost its factor 2.": xx[0] + yy[0] - xy[1],
            "The cross term is added where it is subtracted.": xx[0] + yy[0] + 2 * xy[1],
            "The cross term is missing: x and y are never compared.": xx[0] + yy[0],
            "The kernel has no division by d: the dot product of long features would swamp the 1.": (
                mmd2(gamma=1.0)
            ),
            "The kernel has no + 1: pure cubes see only the third moments.": mmd2(coef=0.0),
            "The kernel is squared where it is cubed: with the square, KID would not see third moments.": (
                mmd2(degree=2)
            ),
            "The kernel has no power: that compares the means only.": mmd2(degree=1),
            "Negative values were cut off at 0. "
            "An estimate that may not be negative is too high on average.": want.clamp(min=0),
            "The sign is not that of the formula: it was dropped, or turned round. "
            "More alike is lower, and values below 0 belong to an estimate that is right on average.": -want,
            "Your divisor of the pairs of x is that of y, or the other way round: "
            "x has m samples, y has n.": (
                xx[0] * m * (m - 1) / (n * (n - 1)) + yy[0] * n * (n - 1) / (m * (m - 1)) - 2 * xy[1]
            ),
        },
        otherwise=(
            "The estimate is wrong for this case. "
            "Write down the kernel matrices of the case by hand, and the three means."
        ),
    )
