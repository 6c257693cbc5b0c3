"""Checks: what comes of a change to the loop, predicted and then run."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn.functional import softplus

from ganbook.exercises.chapters.cases import own_random_numbers, settle
from ganbook.exercises.chapters.registry import check
from ganbook.exercises.chapters.training_steps.players import draw, tiny_pair, weights
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


@check("no-grad-sampling")
def no_grad_sampling(trial: Trial) -> None:
    """Sample in training mode, and look at what is no longer the same."""
    letter = trial.choice("ABCD")
    with own_random_numbers(5):
        G = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))
        for _ in range(50):
            G(torch.randn(32, 2))
        z = torch.randn(4, 2)
        parameters = weights(G)
        before = G.eval()(z)
        G.train()
        with torch.no_grad():
            for _ in range(100):
                G(0.5 * torch.randn(32, 2))
        after = G.eval()(z)
    moved = not torch.equal(weights(G), parameters)
    graded = any(p.grad is not None for p in G.parameters())
    changed = (after - before).abs().max().item()
    right = "B" if moved else "D" if graded else "C" if changed > 0 else "A"
    reasons = {
        "A": (
            "`no_grad` stops the recording of gradients. "
            "BatchNorm's running statistics are no parameters, and no gradient moves them: "
            "every forward in training mode does"
        ),
        "B": "parameters move when an optimiser steps, and there was none",
        "C": "nothing has changed",
        "D": (
            "no gradient was computed: "
            "there was no `backward`, and under `no_grad` nothing to go back through"
        ),
    }
    outcome = (
        f"run: parameters moved: {moved}; gradients: {graded}; "
        f"the same z in eval mode: changed by up to {changed:.2f}"
    )
    settle(trial, letter, right, reasons, outcome)


def _short_run(fault: str, steps: int = 30) -> tuple[float, float, float, float]:
    """Train the tiny pair; return the two losses as logged, and the means of D(x) and D(G(z)), at the end."""
    G, D = tiny_pair(seed=20)
    opt_G = torch.optim.Adam(
        G.parameters(), lr=0.0 if fault == "D has won" else 0.02, betas=(0.5, 0.999), fused=True
    )
    opt_D = torch.optim.Adam(D.parameters(), lr=0.05, betas=(0.5, 0.999), fused=True)
    sign_D = -1.0 if fault == "labels of D" else 1.0
    sign_G = -1.0 if fault == "labels of G" else 1.0
    rng = torch.Generator().manual_seed(21)
    for _ in range(steps):
        real = 0.5 * torch.randn(32, 2, generator=rng) + 2
        z = torch.randn(32, 2, generator=rng)
        fake = G(z)
        if fault == "perfect":
            fake = 0.5 * z + 2 + 0 * fake  # G(z) is distributed like the data
        on_real, on_fake = D(real), D(fake.detach())
        loss_D = softplus(-sign_D * on_real).mean() + softplus(sign_D * on_fake).mean()
        opt_D.zero_grad()
        loss_D.backward()
        opt_D.step()
        loss_G = softplus(-sign_G * D(fake)).mean()
        opt_G.zero_grad()
        loss_G.backward()
        opt_G.step()
    return (loss_D.item(), loss_G.item(), on_real.sigmoid().mean().item(), on_fake.sigmoid().mean().item())


@check("both-losses-fall")
def both_losses_fall(trial: Trial) -> None:
    """Make four runs, one for each explanation, and see which one looks like the log."""
    letter = trial.choice("ABCD")
    causes = {"A": "perfect", "B": "labels of D", "C": "D has won", "D": "labels of G"}
    ends = {letter: _short_run(cause) for letter, cause in causes.items()}
    (right,) = [
        letter
        for letter, (loss_D, loss_G, d_real, d_fake) in ends.items()
        if loss_D < 0.2 and loss_G < 0.2 and d_real < 0.2 and d_fake > 0.8
    ]
    loss_D, loss_G, d_real, d_fake = ends[letter]
    reasons = {
        "A": "against a perfect G the best D says 1/2: L_D would be 2 log 2 = 1.39, as the run shows",
        "B": "the labels of D's loss do not explain it",
        "C": "when D has won, D(G(z)) is near 0, and L_G = -log D(G(z)) is large: no loss of G falls then",
        "D": (
            "with G's label exchanged both losses do fall, but D is right then: "
            "D(x) near 1 and D(G(z)) near 0. "
            "The log says the opposite"
        ),
    }
    outcome = (
        f"run with {letter}: "
        f"L_D {loss_D:.2f}, L_G {loss_G:.2f}, mean of D(x) {d_real:.2f}, of D(G(z)) {d_fake:.2f}"
    )
    settle(trial, letter, right, reasons, outcome)
