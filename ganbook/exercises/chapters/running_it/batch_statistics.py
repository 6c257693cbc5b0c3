"""Checks: what BatchNorm remembers, and samples that neither depend on it nor change it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganbook.exercises.chapters.cases import own_random_numbers, settle
from ganbook.exercises.chapters.players import weights
from ganbook.exercises.chapters.registry import check
from ganbook.exercises.grading.trial import Trial


@check("repair-sampling")
def repair_sampling(trial: Trial) -> None:
    """Draw from a generator with BatchNorm, and look at it before and after."""
    with own_random_numbers(50):
        G = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 3))
        for _ in range(30):
            G(2 * torch.randn(16, 2) + 1)
        z = torch.randn(5, 2)
    state = {name: value.clone() for name, value in G.state_dict().items()}
    want = G.eval()(z).detach()
    in_train_mode = nn.Sequential(*G).train()(z).detach()
    G.load_state_dict(state)
    G.train()
    case = "G = Linear, BatchNorm1d, Tanh, Linear, in training mode; 5 latents"
    images = trial.call(G, z, mutable=True)
    got = trial.as_tensor(images, shape=want.shape, case=case)
    if torch.allclose(got, in_train_mode.double(), rtol=1e-3, atol=1e-5):
        trial.fail(
            "the samples depend on each other: "
            "in training mode BatchNorm normalises each with the statistics of its batch, "
            "and a sample drawn alone would look different from the same one in company",
            case,
        )
    if any(not torch.equal(value, state[name]) for name, value in G.state_dict().items()):
        trial.fail("looking has changed the generator: BatchNorm's running statistics have moved", case)
    trial.differs(
        got, want, case=case, rtol=1e-3, atol=1e-5, otherwise="these are not the samples G(z) in eval mode"
    )
    if not G.training or not G[1].training:
        trial.fail(
            "G is left in eval mode: training goes on with frozen statistics. "
            "The mode should be what it was before",
            case,
        )
    if isinstance(images, Tensor) and images.requires_grad:
        trial.fail(
            "the samples carry their graph: whoever keeps them keeps every activation of G in memory",
            case,
        )
    G.eval()
    trial.as_tensor(trial.call(G, z, mutable=True), shape=want.shape)
    if G.training:
        trial.fail(
            "G was in eval mode before, and is in training mode now. The mode should be what it was",
            "the same G, in eval mode from the beginning",
        )
    if not all(p.requires_grad for p in G.parameters()):
        trial.fail("G's parameters no longer require gradients: it will not learn any more", case)
    trial.tried(
        "samples alone and in company; statistics, mode and graph, from training mode and from eval mode"
    )


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


def _running_statistics(
    batches: list[Tensor], momentum: float, unbiased: bool = True, start: float = 1.0
) -> Tensor:
    """Return the running mean and variance after the last batch."""
    mean, var = 0.0, start
    for batch in batches:
        mean = (1 - momentum) * mean + momentum * batch.mean().item()
        var = (1 - momentum) * var + momentum * batch.var(correction=int(unbiased)).item()
    return torch.tensor([mean, var], dtype=torch.float64)


@check("running-statistics")
def running_statistics(trial: Trial) -> None:
    """Try one small batch, then several."""
    rng = torch.Generator().manual_seed(7)
    cases = [
        ("one batch [2, 4], momentum = 0.25", [torch.tensor([2.0, 4.0])], 0.25),
        (
            "batches [2, 4], [0, 6, 0], momentum = 0.25",
            [torch.tensor([2.0, 4.0]), torch.tensor([0.0, 6.0, 0.0])],
            0.25,
        ),
        ("four batches of 8, momentum = 0.1", [3 * torch.randn(8, generator=rng) + 1 for _ in range(4)], 0.1),
    ]
    for case, batches, momentum in cases:
        everything = torch.cat(batches)
        right, last = _running_statistics(batches, momentum), batches[-1]
        sample = _running_statistics(batches, momentum, unbiased=False)
        deviation = right.clone()
        deviation[1] = (1 - momentum) ** len(batches)
        for i, batch in enumerate(batches):
            deviation[1] += momentum * (1 - momentum) ** (len(batches) - 1 - i) * batch.std().item()
        trial.differs(
            trial.tensor(batches, momentum, shape=(2,)),
            right,
            case=case,
            known={
                "the weights are exchanged: "
                "in PyTorch `momentum` is the weight of the NEW batch (0.1 by default), "
                "and not, as in optimisers, of the old value": _running_statistics(batches, 1 - momentum),
                "the batch's variance was divided by n. For the running variance PyTorch divides by n - 1": (
                    sample
                ),
                "the running variance begins at 1, not at 0": _running_statistics(
                    batches, momentum, start=0.0
                ),
                "these are the mean and variance of all values together, without momentum": (
                    torch.stack([everything.mean(), everything.var()])
                ),
                "these are the statistics of the last batch alone": torch.stack([last.mean(), last.var()]),
                "the second number is made of standard deviations, where variances are wanted": deviation,
            },
            otherwise="these are not the running mean and variance after the last batch",
        )
    trial.tried("one batch of two numbers; two batches of unequal size; four batches")
