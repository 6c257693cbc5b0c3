"""Checks: how far two distributions are apart."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ganbook.exercises.chapters.cases import listed, numbers, settle
from ganbook.exercises.chapters.registry import check
from ganbook.exercises.grading.trial import Trial


@check("disjoint-jsd")
def disjoint_jsd(trial: Trial) -> None:
    """One number."""
    trial.differs(
        trial.value(),
        math.log(2),
        case="p_data uniform on [0, 1], p_g uniform on [2, 3]",
        known={
            "this is max V at equal densities with the other sign. JSD never gets that large": math.log(4),
            "the Jensen-Shannon divergence is not 0: that would say that the two are equal": 0.0,
            "this is the largest JSD in bits; here logarithms are natural": 1.0,
            "this is the least value of max V, at *equal* densities": -math.log(4),
            "this is half of it: both Kullback-Leibler divergences are at their largest, not only one": (
                math.log(2) / 2
            ),
            "this is how far apart they are. "
            "JSD compares densities at the same place and does not see distances": 2.0,
        },
        otherwise="this is not it. What is p/m where only p lies, with the mixture m = (p + q)/2?",
    )
    trial.tried("the value")


@check("wasserstein-samples")
def wasserstein_samples(trial: Trial) -> None:
    """Two points, a shift, equal means with different widths, and an order that does not matter."""
    for x, y in (
        (numbers(0.0), numbers(3.0)),
        (numbers(0.0, 4.0), numbers(2.0, 2.0)),
        (numbers(5.0, 1.0, 3.0), numbers(2.0, 6.5, 0.0)),
        (numbers(1.0, 2.0, 3.0, 8.0), numbers(8.0, 3.0, 2.0, 1.0)),
        (numbers(-1.0, 0.0, 2.0), numbers(4.0, 5.0, 7.0)),
    ):
        case = f"x = {listed(x)}, y = {listed(y)}"
        a, b = x.sort().values, y.sort().values
        trial.differs(
            trial.number(x, y),
            (a - b).abs().mean(),
            case=case,
            known={
                "this compares the means only. "
                "Samples that have to go left and others that have to go right do not cancel: work is work": (
                    (x.mean() - y.mean()).abs()
                ),
                "this carries the i-th sample of one to the i-th of the other. "
                "The order in a batch means nothing, and there is a cheaper plan": (x - y).abs().mean(),
                "this is the total distance. Each of the N samples has the mass 1/N": (a - b).abs().sum(),
                "this squares the distances: it is the square of W_2, not W_1": (a - b).square().mean(),
                "this is the root of the mean square distance: W_2, not W_1": (a - b).square().mean().sqrt(),
                "this is the largest of the distances, not their mean": (a - b).abs().max(),
                "this has a sign: moves to the left are counted as negative work": (a - b).mean(),
                "this has a sign: moves to the right are counted as negative work": (b - a).mean(),
                "this is the mean distance of all pairs, which is not 0 for equal samples": (
                    (x[:, None] - y[None]).abs().mean()
                ),
            },
            otherwise="this is not the least work of moving the one set of samples onto the other",
        )
    trial.tried("two points, a shift, equal means with different widths, and equal samples in another order")


@check("nearer-is-no-better")
def nearer_is_no_better(trial: Trial) -> None:
    """JSD and W1 of two narrow bumps, 6 and 3 apart."""
    choice = trial.choice("ABCD")
    grid = torch.linspace(-10, 20, 30001, dtype=torch.float64)

    def density(mean: float) -> Tensor:
        return torch.exp(-((grid - mean) ** 2) / (2 * 0.3**2)) / (0.3 * math.sqrt(2 * math.pi))

    distances = {}
    p = density(0.0)
    for shift in (6.0, 3.0):
        q = density(shift)
        m = (p + q) / 2
        jsd = torch.trapezoid(torch.xlogy(p, p / m) + torch.xlogy(q, q / m), grid).item() / 2
        w1 = torch.trapezoid(((p - q).cumsum(0) * (grid[1] - grid[0])).abs(), grid).item()
        distances[shift] = jsd, w1
    (jsd_6, w1_6), (jsd_3, w1_3) = distances[6.0], distances[3.0]
    came_out = f"from 6 to 3, JSD goes from {jsd_6:.4f} to {jsd_3:.4f} and W_1 from {w1_6:.1f} to {w1_3:.1f}"
    trial.tried(f"both distances computed from the densities: {came_out}")
    reasons = {
        "A": (
            "you expect any distance to see that things come nearer. "
            "One of the two compares densities at the same place only, and there is no such place here"
        ),
        "C": "it is the other way round: which of the two moves mass over a distance?",
        "D": (
            "one of the two does move mass over a distance, "
            "and a shorter distance is less work even where nothing overlaps"
        ),
    }
    if choice != "B":
        trial.fail(
            f"{reasons[choice]}. It came out that {came_out}", case="bumps of width 0.3 at 0 and at 6, then 3"
        )


@check("f-divergence")
def f_divergence(trial: Trial) -> None:
    """Three functions f on two and three places."""
    functions = {
        "f(u) = (u - 1)^2": lambda u: (u - 1) ** 2,
        "f(u) = |u - 1| / 2": lambda u: abs(u - 1) / 2,
        "f(u) = u^2 - u": lambda u: u * u - u,
    }
    for name, f in functions.items():
        for p, q in (
            (numbers(0.8, 0.2), numbers(0.4, 0.6)),
            (numbers(0.5, 0.1, 0.4), numbers(0.1, 0.6, 0.3)),
            (numbers(0.0, 1.0), numbers(0.5, 0.5)),
        ):
            case = f"{name}, p = {listed(p)}, q = {listed(q)}"
            known = {
                "the weights are those of p: the definition has q in front of f": (p * f(p / q)).sum(),
                "this takes the mean over the places; the weights q already add up to 1": (
                    (q * f(p / q)).mean()
                ),
                "the weight q in front of f is missing": f(p / q).sum(),
                "this is f of the difference of the probabilities; f takes their ratio": (q * f(p - q)).sum(),
            }
            if bool((p > 0).all()):
                known |= {
                    "the ratio is turned round: f takes p/q": (q * f(q / p)).sum(),
                    "P and Q are exchanged: this is the divergence of Q from P": (p * f(q / p)).sum(),
                }
            trial.differs(
                trial.number(f, p, q),
                (q * f(p / q)).sum(),
                case=case,
                known=known,
                otherwise="this is not the sum of q f(p/q) over the places",
            )
    trial.tried("three functions f, on two and three places, also with a p of 0")


@check("narrower-bump")
def narrower_bump(trial: Trial) -> None:
    """Look for the least value at shifts from -2 to 2."""
    choice = trial.choice("ABCD")
    grid = torch.linspace(-8, 8, 8001, dtype=torch.float64)

    def bump(mean: float, std: float) -> Tensor:
        return torch.exp(-((grid - mean) ** 2) / (2 * std**2)) / (std * math.sqrt(2 * math.pi))

    def value(shift: float) -> float:
        p, q = bump(0.0, 0.7), bump(shift, 0.35)
        return torch.trapezoid(torch.xlogy(p, p / (p + q)) + torch.xlogy(q, q / (p + q)), grid).item()

    values = {shift / 10: value(shift / 10) for shift in range(-20, 21)}
    best = min(values, key=lambda shift: values[shift])
    came_out = (
        f"max V is smallest at mu = {best:g}, where it is {values[best]:.3f}; -log 4 is {-math.log(4):.3f}, "
        f"and at mu = 0.5 it is {values[0.5]:.3f}"
    )
    reasons = {
        "A": (
            "equal means are not enough: "
            "Theorem 2 asks for equal distributions, and these two have different widths"
        ),
        "C": "there is one valley, not two: at mu = 0 the overlap is largest, and JSD is smallest",
        "D": "no generator gets below -log 4: JSD is never below 0",
    }
    settle(trial, choice, "B", reasons, came_out)
