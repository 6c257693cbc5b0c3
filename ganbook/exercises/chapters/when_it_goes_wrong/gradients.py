"""Checks: gradients that vanish, and steps that spiral in or out."""

from __future__ import annotations

import cmath
import math

import torch
from torch.nn.functional import softplus

from ganbook.exercises.chapters.cases import settle
from ganbook.exercises.chapters.players import gradient_of, tiny_pair
from ganbook.exercises.chapters.registry import check
from ganbook.exercises.grading.trial import Trial


def _sigmoid(t: float) -> float:
    return 1 / (1 + math.exp(-t))


@check("decades-of-gradient")
def decades_of_gradient(trial: Trial) -> None:
    """Let the logit fall from near 0, and from where it is large already."""
    for before, after in ((0.0, -5.0), (0.5, -1.5), (-5.0, -14.0), (2.0, -2.0)):
        a, b = _sigmoid(before), _sigmoid(after)
        trial.differs(
            trial.number(before, after),
            math.log10(a / b),
            case=f"before = {before:g}, after = {after:g}",
            known={
                "this is the natural logarithm of the ratio; powers of ten are wanted": math.log(a / b),
                "sigma(l) is about e^l only for logits far below 0; the first logit is not": (
                    (before - after) / math.log(10)
                ),
                "this is the factor 1 - sigma(l) of the non-saturating loss, which does not fall": (
                    math.log10((1 - a) / (1 - b))
                ),
                "the sign is wrong: a fall from 0.5 to 0.005 is to count as 2": math.log10(b / a),
                "this is the ratio itself; how many powers of ten is it?": a / b,
                "this is the difference of both factors; a fall by powers of ten is a ratio": a - b,
            },
            otherwise="compute sigma before and after, and see by which ratio it fell",
        )
    trial.tried("logits that fall by 2 to 9, from near 0 and from -5")


def _learn(steps: int = 300) -> tuple[float, float, float]:
    """Let D learn against a G at rest; return its accuracy, and the change of G's two gradients."""
    G, D = tiny_pair(seed=40)
    opt_D = torch.optim.Adam(D.parameters(), lr=0.03, betas=(0.5, 0.999), fused=True)
    rng = torch.Generator().manual_seed(41)
    z = torch.randn(64, 2, generator=rng)
    norms = []
    for step in range(steps + 1):
        if step in (10, steps):
            logits = D(G(z))
            pair = (-softplus(logits).mean(), softplus(-logits).mean())
            norms.append([gradient_of(loss, G).norm().item() for loss in pair])
        real = 0.3 * torch.randn(64, 2, generator=rng) + 4
        loss = softplus(-D(real)).mean() + softplus(D(G(z).detach())).mean()
        opt_D.zero_grad()
        loss.backward()
        opt_D.step()
    with torch.no_grad():
        accuracy = 0.5 * ((D(real) > 0).double().mean() + (D(G(z)) < 0).double().mean()).item()
    (sat_0, ns_0), (sat_1, ns_1) = norms
    return accuracy, sat_1 / sat_0, ns_1 / ns_0


@check("name-the-failure")
def name_the_failure(trial: Trial) -> None:
    """Let a small D win, and look which gradient dies."""
    letter = trial.choice("ABCD")
    accuracy, saturating, non_saturating = _learn()
    assert accuracy > 0.99
    right = "B" if saturating < 0.1 < non_saturating else "A"
    outcome = (
        f"after 300 steps of D against a G that stands still: accuracy {accuracy:.2f}, "
        f"saturating gradient {saturating:.1g} times what it was, non-saturating {non_saturating:.1f} times"
    )
    reasons = {
        "A": "against a D that has won, the non-saturating gradient would grow, not fall by decades",
        "C": "a D that sees no difference has an accuracy of one half and a loss of 2 log 2",
        "D": "in a rotating collapse the samples would move all the time, and D would not be right for long",
    }
    settle(trial, letter, right, reasons, outcome)


CASES = ((0.5, 0.3, 0.2), (0.5, 0.0, 0.3), (1.0, 0.05, 0.5), (0.5, 3.0, 0.2), (0.5, 9.0, 0.3))


@check("growth-per-step")
def growth_per_step(trial: Trial) -> None:
    """No brake, a weak one, a strong one, and one that overshoots."""
    for f_0, gamma, h in CASES:
        root = cmath.sqrt(gamma**2 / 4 - f_0**2)
        values = (-gamma / 2 + root, -gamma / 2 - root)
        moduli = [abs(1 + h * value) for value in values]
        trace, det = 2 - h * gamma - h**2 * f_0**2, 1 - h * gamma
        turn = cmath.sqrt(trace**2 / 4 - det)
        trial.differs(
            trial.number(f_0, gamma, h),
            max(moduli),
            case=f"f_0 = {f_0:g}, gamma = {gamma:g}, h = {h:g}",
            known={
                "this takes the real part alone; turning lengthens a step as well": (
                    max(abs(1 + h * value.real) for value in values)
                ),
                "this is the smaller one of both; in the long run the larger one decides": min(moduli),
                "this is for infinitely small steps, where the factor is e^(h Re lambda)": (
                    max(math.exp(h * value.real) for value in values)
                ),
                "these are steps in turn; here both players step at once": (
                    max(abs(trace / 2 + turn), abs(trace / 2 - turn))
                ),
                "this is the determinant: it is the product of both eigenvalues": (
                    abs((1 + h * values[0]) * (1 + h * values[1]))
                ),
                "this is the modulus of the field's eigenvalue, without the step 1 + h lambda": (
                    max(abs(value) for value in values)
                ),
            },
            otherwise="this is not the larger modulus of the eigenvalues of 1 + hJ",
        )
    trial.tried("no brake, weak and strong ones, and one with which D overshoots")


@check("largest-gamma")
def largest_gamma(trial: Trial) -> None:
    """Step sizes from 0.05 to 1."""
    for h in (0.4, 0.1, 1.0, 0.05):
        trial.differs(
            trial.number(h),
            2 / h + h / 8,
            case=f"h = {h:g}",
            rtol=1e-5,
            known={
                "this is the border for D alone; G's pull shifts it a little": 2 / h,
                "this is the lower border, below which the brake is too weak": h / 4,
                "this is the critical damping; with larger gamma they still meet, only more slowly": 1.0,
                "from here on psi overshoots at all; to overshoot is not yet to part": 1 / h,
                "this takes f_0 = 1. At the equilibrium the pull is 1/2": 2 / h + h / 2,
                "this has the sign of the coupling wrong: G's pull allows a little more brake, not less": (
                    2 / h - h / 8
                ),
            },
            otherwise="a little below your number the players must meet, and a little above it part",
        )
    trial.tried("h = 0.05, 0.1, 0.4 and 1")
