"""Checks: what comes of a change to the loop, predicted and then run."""

from __future__ import annotations

import math

import torch
from torch.nn.functional import softplus

from ganbook.exercises.chapters.cases import settle
from ganbook.exercises.chapters.players import draw, tiny_pair, weights
from ganbook.exercises.chapters.registry import check
from ganbook.exercises.grading.trial import Trial


@check("scaled-loss")
def scaled_loss(trial: Trial) -> None:
    """Let D learn for 20 steps, with each optimiser and each factor."""
    letter = trial.choice("ABCD")
    ratios = {}
    for name in ("SGD", "Adam"):
        with_factor, without = (_way_of_D(name, factor) for factor in (0.001, 1.0))
        ratios[name] = with_factor / without
    far = {name: ratio > 0.5 for name, ratio in ratios.items()}
    right = {(True, True): "A", (False, True): "B", (True, False): "C", (False, False): "D"}[
        far["SGD"], far["Adam"]
    ]
    reasons = {
        "A": (
            "plain gradient descent takes the learning rate times the gradient: "
            "a thousandth of the gradient is a thousandth of the step"
        ),
        "B": "neither optimiser does this",
        "C": "it is the other way round: ask which of the two divides by the size of the gradients",
        "D": (
            "Adam divides the mean of the gradients by the root of their mean square, "
            "and a common factor cancels"
        ),
    }
    outcome = (
        f"run: D's way with the factor, over that without: SGD {ratios['SGD']:.3f}, Adam {ratios['Adam']:.3f}"
    )
    settle(trial, letter, right, reasons, outcome)


def _way_of_D(name: str, factor: float) -> float:
    """Train D for 20 steps with a factor in its loss; return how far its weights have moved."""
    real, z = draw(seed=11)
    G, D = tiny_pair(seed=10)
    start = weights(D)
    optimizer = (
        torch.optim.SGD(D.parameters(), lr=0.01)
        if name == "SGD"
        else torch.optim.Adam(D.parameters(), lr=2e-4, betas=(0.5, 0.999))
    )
    fake = G(z).detach()
    for _ in range(20):
        loss = factor * (softplus(-D(real)).mean() + softplus(D(fake)).mean())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return (weights(D) - start).norm().item()


def _train_on_a_line(alternate: bool, steps: int = 250) -> tuple[float, float]:
    """Train G(z) = m + s z against the best D of the beginning, or that of each moment."""
    z = torch.distributions.Normal(0.0, 1.0).icdf((torch.arange(128) + 0.5) / 128)
    m, s = torch.tensor(0.0, requires_grad=True), torch.tensor(1.0, requires_grad=True)
    optimizer = torch.optim.Adam([m, s], lr=0.05, betas=(0.5, 0.9), fused=True)
    opponent = (0.0, 1.0)  # mean and spread of the generator that D is the best against
    for _ in range(steps):
        if alternate:
            opponent = (m.item(), s.item())
        x = m + s * z
        # The logit of the best D: log p_data - log p_g, for the normal densities N(2, 0.5^2) and N(m, s^2).
        logit = (
            0.5 * ((x - opponent[0]) / opponent[1]) ** 2
            + math.log(abs(opponent[1]))
            - 2 * (x - 2) ** 2
            + math.log(2)
        )
        optimizer.zero_grad()
        softplus(-logit).mean().backward()
        optimizer.step()
    return m.item(), abs(s.item())


@check("whole-phases")
def whole_phases(trial: Trial) -> None:
    """Train G against a D that stands still, and against one that answers."""
    letter = trial.choice("ABCD")
    (m, s), (m_in_turn, s_in_turn) = _train_on_a_line(alternate=False), _train_on_a_line(alternate=True)
    moved = abs(m) > 0.5 or abs(s - 1) > 0.5
    fits = abs(m - 2) < 0.25 and abs(s - 0.5) < 0.25
    right = "B" if not moved else "A" if fits else "C" if s < 0.1 else "D"
    reasons = {
        "A": (
            "this is what comes out when they take turns. "
            "A D that stands still does not notice that samples crowd at one place"
        ),
        "B": (
            "D's slope at G's samples is not 0 here, and the non-saturating loss pulls hard where D is sure"
        ),
        "C": "the samples do not gather at one point",
        "D": (
            "nothing in G's loss asks for spread: "
            "each sample goes uphill on D's logit, whatever the others do"
        ),
    }
    outcome = (
        f"run: after whole phases mean {m:.2f}, spread {s:.2f}; "
        f"in turn mean {m_in_turn:.2f}, spread {s_in_turn:.2f}"
    )
    settle(trial, letter, right, reasons, outcome)
