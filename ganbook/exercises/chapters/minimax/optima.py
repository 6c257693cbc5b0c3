"""Checks: the best answer of each player to the other, and the value that it reaches."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.special import xlogy

from ganbook.exercises.chapters.cases import listed, numbers
from ganbook.exercises.chapters.registry import check
from ganbook.exercises.grading.trial import Trial

TWO_DENSITIES = (
    (numbers(0.8), numbers(0.2)),
    (numbers(0.5, 0.1, 0.4), numbers(0.1, 0.6, 0.3)),
    (numbers(0.7, 0.3, 0.0), numbers(0.0, 0.3, 0.7)),
    (numbers(3.0, 0.01, 2.0), numbers(1.0, 0.02, 0.5)),
)


@check("optimal-discriminator")
def optimal_discriminator(trial: Trial) -> None:
    """Densities at 1 to 3 places, also where one of them is 0, and above 1."""
    for p, q in TWO_DENSITIES:
        case = f"p = {listed(p)}, q = {listed(q)}"
        got = trial.tensor(p, q, shape=p.shape)
        trial.differs(
            got,
            p / (p + q),
            case=case,
            known={
                "this is the share of *generated* samples at each place. "
                "D(x) is the probability that x is real": q / (p + q),
                "this is the ratio of the densities, which can be any positive number; "
                "D must be a probability": p / q,
                "this is the logit of the best D, not its probability": (p / q).log(),
                "this D decides for the more frequent kind. "
                "It is right most often, but where it is wrong its loss is infinite: "
                "being honest about doubt is what the logarithm pays for": (p > q).double(),
                "a D of 1/2 everywhere is the best only where both densities are equal": (
                    torch.full_like(p, 0.5)
                ),
                "this looks at the density of the real samples alone. "
                "Where no sample lies the two densities are both small, "
                "and D still has to say which is the smaller": p,
            },
            otherwise="this is not where p log D + q log(1 - D) is largest",
        )
    trial.tried("densities at one and at three places, also with one of them 0")


@check("unequal-shares")
def unequal_shares(trial: Trial) -> None:
    """One, nine, and a third of a generated sample for each real one."""
    for k in (1.0, 9.0, 1 / 3):
        for p, q in TWO_DENSITIES:
            case = f"p = {listed(p)}, q = {listed(q)}, k = {k:.4g}"
            trial.differs(
                trial.tensor(p, q, k, shape=p.shape),
                p / (p + k * q),
                case=case,
                known={
                    "this D does not know that there are more samples of one kind": p / (p + q),
                    "this weighs the real samples with k; "
                    "it is the generated ones that come k times as often": k * p / (k * p + q),
                    "this is the share of generated samples": k * q / (p + k * q),
                    "these do not add up: "
                    "what D says of real and of generated samples must add up to 1 at each place": (
                        p / (k * (p + q))
                    ),
                },
                otherwise="this is not the share of real samples among all that turn up there",
            )
    trial.tried("k = 1/3, 1 and 9 at one and at three places")


@check("fixed-discriminator")
def fixed_discriminator(trial: Trial) -> None:
    """Logits with one largest place."""
    for logits in (numbers(0.5, 2.0, -1.0), numbers(-3.0, -1.0, -2.0, -4.0), numbers(3.0, 1.0)):
        case = f"logits = {listed(logits)}"
        got = trial.tensor(logits, shape=logits.shape)
        best = torch.zeros_like(logits)
        best[logits.argmax()] = 1
        worst = torch.zeros_like(logits)
        worst[logits.argmin()] = 1
        D = logits.sigmoid()
        known = {
            "this is where D is *smallest*, and log(1 - D) largest. G wants it small": worst,
            "this softmax puts much where D is large, and yet something elsewhere; "
            "whatever lies elsewhere would be better off at the top": logits.softmax(0),
            "this shares the samples out in proportion to D. What lies where D is smaller gains by moving": (
                D / D.sum()
            ),
            "this spreads the samples evenly, as if D said the same everywhere": (
                torch.full_like(logits, 1 / len(logits))
            ),
        }
        trial.differs(got, best, case=case, known=known, otherwise=_not_best(got))
    trial.tried("a D on two, three and four places")


def _not_best(got: Tensor) -> str:
    if abs(got.sum().item() - 1) > 1e-4 or bool((got < 0).any()):
        return "these are not probabilities: they must be at least 0 and add up to 1"
    return "another distribution has a smaller E[log(1 - D(G(z)))] against this D"


def _is_nan(value: object) -> bool:
    """Say whether a result is NaN."""
    try:
        return bool(torch.isnan(torch.as_tensor(value)).any())
    except (TypeError, ValueError, RuntimeError):
        return False


@check("max-value")
def max_value(trial: Trial) -> None:
    """Two places, three places, equal distributions, and a place where one of them is 0."""
    for p, q in (
        (numbers(0.8, 0.2), numbers(0.3, 0.7)),
        (numbers(0.5, 0.1, 0.4), numbers(0.1, 0.6, 0.3)),
        (numbers(0.25, 0.75), numbers(0.25, 0.75)),
        (numbers(0.7, 0.3, 0.0), numbers(0.0, 0.3, 0.7)),
        (numbers(1.0, 0.0), numbers(0.0, 1.0)),
    ):
        case = f"p = {listed(p)}, q = {listed(q)}"
        got = trial.call(p, q)
        if _is_nan(got):
            trial.fail(
                "it is not a number where one of the two is 0. "
                "There 0 log 0 stands in the sum; "
                "the limit of a log a is 0, so such a place contributes nothing",
                case,
            )
        want = (xlogy(p, p / (p + q)) + xlogy(q, q / (p + q))).sum()
        jsd = (want + math.log(4)) / 2
        trial.differs(
            trial.as_number(got, case=case),
            want,
            case=case,
            known={
                "this is the Jensen-Shannon divergence, not the value": jsd,
                "the divergence is counted once, not twice": jsd - math.log(4),
                "this is -V: the loss of D, and not the value that D makes large": -want,
                "this takes the mean over the places. "
                "An expectation weighs each place with its probability, "
                "and the probabilities already add up to 1": want / len(p),
                "the generated samples are left out: V has two expectations": xlogy(p, p / (p + q)).sum(),
                "the logarithm has base 2": want / math.log(2),
                "this is V of a D that says 1/2 everywhere, whatever p and q are": -math.log(4),
                "the second term takes log D where it needs log(1 - D)": (
                    (xlogy(p, p / (p + q)) + xlogy(q, p / (p + q))).sum()
                ),
            },
            otherwise="this is not the value of V at the best D",
        )
    trial.tried("two and three places, equal distributions, and distributions with a probability of 0")


@check("value-to-jsd")
def value_to_jsd(trial: Trial) -> None:
    """One number."""
    right = (math.log(4) - 1) / 2
    trial.differs(
        trial.value(),
        right,
        case="max_D V(D, G) = -1",
        known={
            "this is twice the divergence: max V = -log 4 + *2* JSD": 2 * right,
            "this is below 0, which no divergence is. Check the sign of log 4": (-1 - math.log(4)) / 2,
            "this is V with the other sign. The constant, and a factor, are between V and JSD": 1.0,
            "this takes log 2 for the constant: each of the two halves contributes one -log 2": (
                (math.log(2) - 1) / 2
            ),
            "this is in bits; here logarithms are natural": right / math.log(2),
        },
        rtol=2e-3,
        otherwise="this is not it. Solve max V = -log 4 + 2 JSD for JSD",
    )
    trial.tried("the value")


@check("min-max-matrix")
def min_max_matrix(trial: Trial) -> None:
    """Payoffs without a saddle point, one with it, and no square ones."""
    for rows in (
        [[1.0, 6.0, 3.0], [5.0, 2.0, 9.0]],
        [[0.0, 1.0], [1.0, 0.0]],
        [[4.0, 2.0], [3.0, 1.0]],
        [[1.0, -2.0], [-3.0, 0.5], [2.5, 7.0]],
        [[-1.0, -4.0, -2.5]],
    ):
        V = torch.tensor(rows, dtype=torch.float64)
        case = f"V = {rows}"
        trial.differs(
            trial.number(V),
            V.max(0).values.min(),
            case=case,
            known={
                "this is max-min: D commits itself first, and G answers. "
                "It is never larger than what is asked for": V.min(1).values.max(),
                "here D plays the columns and G the rows: a row of V is one D": V.max(1).values.min(),
                "this lets G maximise and D minimise": V.min(0).values.max(),
                "here both make V small: D has no say": V.min(),
                "here both make V large: G has no say": V.max(),
            },
            otherwise="this is not the value that G can hold V down to",
        )
    trial.tried("five small games, also with one row and with more rows than columns")


@check("hinge-optimum")
def hinge_optimum(trial: Trial) -> None:
    """Densities at 1 to 3 places, also where one of them is 0, and above 1."""
    for p, q in (
        (numbers(0.8), numbers(0.2)),
        (numbers(0.5, 0.1, 0.4), numbers(0.1, 0.6, 0.3)),
        (numbers(0.7, 0.3, 0.0), numbers(0.0, 0.2, 0.7)),
        (numbers(3.0, 0.01, 2.0), numbers(1.0, 0.02, 0.5)),
    ):
        trial.differs(
            trial.tensor(p, q, shape=p.shape),
            (p - q).sign(),
            case=f"p = {listed(p)}, q = {listed(q)}",
            known={
                "this is the best D of the minimax loss, as a probability": p / (p + q),
                "this is the best logit of the minimax loss": (p / q).log(),
                "this loss has no label 0: a generated sample is to get an output of -1 or less": (
                    (p > q).double()
                ),
                "this has the wrong sign: real samples want a large output": (q - p).sign(),
                "the difference says which of the two is larger; how large it is does not matter": p - q,
                "this is the best output of least squares with the labels 1 and -1": (p - q) / (p + q),
                "with an output of 0 everywhere each sample costs 1. There is something better": (
                    torch.zeros_like(p)
                ),
            },
            otherwise="this is not where p max(0, 1 - l) + q max(0, 1 + l) is smallest",
        )
    trial.tried("densities at one and at three places, also with one of them 0")
