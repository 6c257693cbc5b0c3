"""Checks: the Fréchet distance, by hand and in code, and what it cannot see."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ganbook import metrics
from ganbook.exercises.chapters.cases import listed
from ganbook.exercises.chapters.evaluation.common import number_or_nan, settle
from ganbook.exercises.chapters.registry import check
from ganbook.exercises.grading.trial import Trial


@check("fid-one-dimension")
def fid_one_dimension(trial: Trial) -> None:
    """One number."""
    case = "features of length 1: real N(0, 25), generated N(6, 4)"
    trial.tried(case)
    trial.differs(
        trial.value(),
        45.0,
        case=case,
        rtol=2e-3,
        known={
            "Only the means are compared here. "
            "Two clouds with one centre and different widths would score 0; "
            "the trace in the formula is there for them.": 36.0,
            "Only the widths are compared here. The means differ too, and their distance counts.": 9.0,
            "The distance of the means enters without its square.": 15.0,
            "Variances took the place of standard deviations: 25 and 4 are variances, "
            "and what is compared for two Gaussians on a line is how wide they are.": 477.0,
            "The variances were subtracted as they are. "
            "The term of the covariances is not their difference: "
            "it is 0 for equal widths, and never negative.": 57.0,
            "The root of the product is missing: "
            "the last term holds the *root* of the product of the two covariances.": -135.0,
            "The last term lost its factor 2. Test it with two equal Gaussians: their distance must be 0.": (
                55.0
            ),
            "You drew a root at the end. FID is the squared Fréchet distance, as in the formula.": (
                math.sqrt(45)
            ),
            "The last term has the wrong sign: test it with two equal Gaussians, their distance must be 0.": (
                85.0
            ),
        },
        otherwise=(
            "That is not the value of the formula. "
            "With d = 1 every matrix in it is a number: "
            "write down the squared distance of the means, then the term of the variances."
        ),
    )


@check("fid-of-itself")
def fid_of_itself(trial: Trial) -> None:
    """Hold a set against its own rows in another order, and against another set."""
    letter = trial.choice("ABCD")
    rng = torch.Generator().manual_seed(0)
    x, z = torch.randn(1000, 8, generator=rng), torch.randn(1000, 8, generator=rng)
    y = x[torch.randperm(1000, generator=rng)]
    first, second = metrics.frechet_distance(x, y), metrics.frechet_distance(x, z)
    zero = [value < 1e-6 for value in (first, second)]
    settle(
        trial,
        letter,
        {"A": all(zero), "B": zero == [True, False], "C": zero == [False, True], "D": not any(zero)},
        f"FID(X, Y) = {first:.4f}, FID(X, Z) = {second:.4f}",
        {
            "A": (
                "Two samples of one distribution are not one sample. "
                "Means and covariances of 1,000 rows are estimates with some noise, "
                "and FID turns noise in either into a positive distance."
            ),
            "C": (
                "It is the other way round. "
                "Look at what FID keeps of a set of features: does the order of the rows matter to a mean?"
            ),
            "D": (
                "A mean and a covariance do not depend on the order of the rows, "
                "and nothing else of the features enters."
            ),
        },
    )


@check("fid-diagonal")
def fid_diagonal(trial: Trial) -> None:
    """Gaussians with 1 to 3 features, equal and unequal, one of them with a variance of 0."""
    cases = (
        ([0.0], [4.0], [1.0], [4.0]),
        ([0.0], [1.0], [0.0], [9.0]),
        ([0.0, 0.0], [1.0, 1.0], [3.0, 4.0], [1.0, 1.0]),
        ([0.0, 1.0], [4.0, 0.0], [3.0, -1.0], [1.0, 0.25]),
        ([1.0, 2.0, -1.0], [0.5, 2.0, 3.0], [1.5, -2.0, 0.5], [3.0, 0.1, 2.0]),
    )
    for case in cases:
        mean_a, var_a, mean_b, var_b = (torch.tensor(values) for values in case)
        means, root = (mean_a - mean_b).square().sum(), (var_a * var_b).sqrt()
        widths = (var_a.sqrt() - var_b.sqrt()).square().sum()
        trial.differs(
            trial.number(mean_a, var_a, mean_b, var_b),
            means + widths,
            case=(
                f"mean_a = {listed(mean_a)}, var_a = {listed(var_a)}, "
                f"mean_b = {listed(mean_b)}, var_b = {listed(var_b)}"
            ),
            known={
                "The variances are treated as standard deviations: you squared their difference. "
                "On a diagonal covariance the root of a product of matrices is a root of each entry.": (
                    means + (var_a - var_b).square().sum()
                ),
                "The variances do not count in your distance: it is that of the means alone.": means,
                "The means do not count in your distance.": widths,
                "The norm of the difference of the means is not squared.": means.sqrt() + widths,
                "You take the mean over the features, "
                "where the formula has a sum (a squared norm, a trace).": (means + widths) / len(mean_a),
                "That is the root of the distance. "
                "FID is the squared Fréchet distance, as the formula has it.": (means + widths).sqrt(),
                "The product of the variances has lost its root.": (
                    means + (var_a + var_b - 2 * var_a * var_b).sum()
                ),
                "The last term has lost its factor 2: the distance of a Gaussian to itself must be 0.": (
                    means + (var_a + var_b - root).sum()
                ),
                "The last term is added where it is subtracted: "
                "the distance of a Gaussian to itself must be 0.": means + (var_a + var_b + 2 * root).sum(),
            },
            otherwise="The distance is wrong for these two Gaussians. Work it out by hand, term by term.",
        )
    trial.tried(f"{len(cases)} pairs of Gaussians with 1 to 3 features, equal and unequal, one variance of 0")


_CROSS = torch.tensor([[3.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
_TILTED = torch.tensor([[2.0, 2.0], [-2.0, -2.0], [1.0, -1.0], [-1.0, 1.0], [3.0, 1.0]])
_LEANING = torch.tensor([[1.0, -1.0], [-1.0, 1.0], [2.0, -3.0], [0.0, 1.0]])
_FLAT = torch.tensor([[1.0, 0.0], [2.0, 0.0], [4.0, 0.0], [9.0, 0.0]])


@check("fid")
def fid(trial: Trial) -> None:
    """Ask about a few points in the plane, and random features of length 5."""
    cases = (
        (_CROSS, _CROSS),
        (_CROSS, 2 * _CROSS + torch.tensor([1.0, 2.0])),
        (_CROSS, _CROSS + torch.tensor([1.0, 2.0])),
        (_TILTED, _LEANING),
        (_CROSS, _TILTED),
        (_FLAT, _CROSS),
        (_FLAT, _FLAT.flip(0) + torch.tensor([0.0, 3.0])),
    )
    for x, y in cases:
        _check_fid_once(trial, x, y, f"x = {listed(x)}, y = {listed(y)}")
    rng = torch.Generator().manual_seed(0)
    x, y = torch.randn(40, 5, generator=rng), torch.randn(60, 5, generator=rng)
    _check_fid_once(
        trial, x @ torch.randn(5, 5, generator=rng), y, "40 against 60 random features of length 5"
    )
    trial.tried(
        "seven pairs of up to 5 points in the plane (equal, shifted, wider, tilted, on a line), "
        "and 40 against 60 random features of length 5"
    )


def _check_fid_once(trial: Trial, x: Tensor, y: Tensor, case: str) -> None:
    got = number_or_nan(
        trial,
        trial.call(x, y),
        "The distance is NaN. "
        "A covariance can have an eigenvalue of 0, which comes out of a computer as -1e-17 or so, "
        "and that has no real root.",
        case,
    )
    trial.differs(
        got,
        _fid(x.double(), y.double()),
        case=case,
        known=_other_distances(x.double(), y.double()),
        rtol=1e-3,
        atol=1e-2,
        otherwise=(
            "The distance of these two sets is wrong. "
            "Compute the three parts (means, traces, trace of the root) one by one."
        ),
    )


def _other_distances(x: Tensor, y: Tensor) -> dict[str, Tensor]:
    """Return what is met in place of the Fréchet distance, each with its message."""
    means = (x.mean(0) - y.mean(0)).square().sum()
    a, b = x.T.cov(), y.T.cov()
    traces = a.trace() + b.trace()
    root = _trace_of_root(a, b)
    biased_a, biased_b = a * (len(x) - 1) / len(x), b * (len(y) - 1) / len(y)
    diagonal = (a.diagonal() * b.diagonal()).clamp(min=0).sqrt().sum()
    known = {
        "Only the means are compared: the covariances do not count.": means,
        "The means do not count.": traces - 2 * root,
        "The norm of the difference of the means is not squared.": means.sqrt() + traces - 2 * root,
        "The root was taken of each entry of the product. "
        "The root of a matrix M is a matrix R with R @ R = M, and that is not the matrix of the roots. "
        "(Where an entry was negative there is not even a number.)": (
            means + traces - 2 * (a @ b).clamp(min=0).diagonal().sqrt().sum()
        ),
        "Only the variances are compared: "
        "two clouds that are tilted differently get the distance of upright ones.": (
            means + traces - 2 * diagonal
        ),
        "The trace of the product of the roots is not the trace of the root of the product, "
        "unless the two covariances commute.": means + traces - 2 * (_root(a) @ _root(b)).trace(),
        "The product of the covariances has lost its root.": means + traces - 2 * (a @ b).trace(),
        "The root of the product has lost its factor 2: the distance of a set to itself must be 0.": (
            means + traces - root
        ),
        "The root of the product is added where it is subtracted: "
        "the distance of a set to itself must be 0.": means + traces + 2 * root,
        "Your covariances are divided by N. The statement asks for the unbiased ones, divided by N - 1.": (
            means + biased_a.trace() + biased_b.trace() - 2 * _trace_of_root(biased_a, biased_b)
        ),
        "That is the root of the distance; the formula gives the squared one.": (
            (means + traces - 2 * root).clamp(min=0).sqrt()
        ),
    }
    if len(x) == len(y):
        known |= {
            "Rows and columns are exchanged: "
            "a row of x is a sample, a column a feature, and the covariance is between features.": (
                _fid(x.T, y.T)
            ),
        }
    return known


def _fid(x: Tensor, y: Tensor) -> Tensor:
    a, b = x.T.cov(), y.T.cov()
    return (x.mean(0) - y.mean(0)).square().sum() + a.trace() + b.trace() - 2 * _trace_of_root(a, b)


def _trace_of_root(a: Tensor, b: Tensor) -> Tensor:
    """Return the trace of the root of the product of two covariances."""
    return torch.linalg.svdvals(_root(a) @ _root(b)).sum()


def _root(cov: Tensor) -> Tensor:
    """Return the symmetric root of a covariance."""
    values, vectors = torch.linalg.eigh(cov)
    return vectors * values.clamp(min=0).sqrt() @ vectors.T


@check("same-mean-same-variance")
def same_mean_same_variance(trial: Trial) -> None:
    """Compare a bell curve and an exponential distribution, scaled alike."""
    letter = trial.choice("ABCD")
    rng = torch.Generator().manual_seed(0)

    def standardised(x: Tensor) -> Tensor:
        return (x - x.mean(0)) / x.std(0)

    x = standardised(torch.randn(1000, 1, generator=rng))
    y = standardised(torch.empty(1000, 1).exponential_(1, generator=rng))
    fid, kid = metrics.frechet_distance(x, y), metrics.mmd2_unbiased(x, y)
    other = metrics.mmd2_unbiased(x, standardised(torch.randn(1000, 1, generator=rng)))
    zero = [fid < 1e-6, kid < 10 * abs(other)]
    settle(
        trial,
        letter,
        {"A": all(zero), "B": zero == [True, False], "C": zero == [False, True], "D": not any(zero)},
        f"FID = {fid:.4f}, KID = {kid:.2f} (and {other:.2f} for two sets of the bell curve)",
        {
            "A": (
                "KID has a cubic kernel, so it compares third moments too, and these differ: "
                "one set leans to one side, the other does not."
            ),
            "C": "It is the other way round. Which moments of the features enter each of the two?",
            "D": (
                "The sets do differ, but FID does not look at their shapes: "
                "it fits a Gaussian to each, and here the two Gaussians are equal."
            ),
        },
    )
