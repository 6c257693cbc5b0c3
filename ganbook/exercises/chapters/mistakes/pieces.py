"""Checks: what stands beside a training step, a loss and an average."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from ganbook.exercises.chapters.cases import own_random_numbers
from ganbook.exercises.chapters.players import draw, flat
from ganbook.exercises.chapters.registry import check
from ganbook.exercises.grading.trial import Trial


@check("column-of-logits")
def column_of_logits(trial: Trial) -> None:
    """Hand over a D that gives a column, and compare the loss and its gradient."""
    with own_random_numbers(80):
        D = nn.Sequential(nn.Linear(2, 6), nn.LeakyReLU(0.2), nn.Linear(6, 1))
    for seed, num in ((81, 4), (82, 7), (83, 1)):
        real, z = draw(seed, num)
        fake = z - 1
        case = f"{num} real and {num} generated samples, and a D that gives the shape ({2 * num}, 1) for both"
        got = trial.call(D, real, fake, mutable=True)
        a, b = D(real).flatten(), D(fake).flatten()
        right = (a - 1).square().mean() + b.square().mean()
        every = torch.cat([a, b])
        crossed = (every - 1).square().mean() + every.square().mean()
        trial.differs(
            trial.as_number(got, case=case),
            right.item(),
            case=case,
            known={
                "A column minus a row: each logit was compared with each target, "
                "so the targets of real and generated samples are the same on average, "
                "and D learns to give the same answer to all.": crossed.item(),
                "That is the mean over both batches together, half of the sum of the two means.": (
                    right.item() / 2
                ),
                "The targets of real and generated samples are exchanged.": (
                    (b - 1).square().mean() + a.square().mean()
                ).item(),
                "All samples were called real.": ((a - 1).square().mean() + (b - 1).square().mean()).item(),
                "That is a sum over the batch, where a mean is wanted: it grows with the batch.": (
                    num * right.item()
                ),
            },
            otherwise="That is not the mean of (D(x) - 1)^2 plus the mean of D(G(z))^2.",
        )
        if not (isinstance(got, Tensor) and got.requires_grad):
            trial.fail("The loss has no gradient: D cannot go down it.", case)
    trial.tried("1, 4 and 7 samples of each kind, with a D that gives a column")


@check("average-without-buffers")
def average_without_buffers(trial: Trial) -> None:
    """Move a generator with BatchNorm, update the average, and compare all of its numbers."""
    decay = 0.75
    with own_random_numbers(90):
        G = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))
        average = copy.deepcopy(G).eval()
        for number in (1, 2):
            with torch.no_grad():
                for p in G.parameters():
                    p.add_(0.3 * torch.randn_like(p))
                G(3 + torch.randn(16, 2))  # moves the running statistics
            _check_update(trial, average, G, decay, f"update {number} of two, decay {decay}")
    trial.tried("two updates of an average: its parameters, its buffers, and G left as it was")


def _check_update(trial: Trial, average: nn.Module, G: nn.Module, decay: float, case: str) -> None:
    before, of_G = flat(average.parameters()), flat(G.parameters())
    buffers = flat(average.buffers())
    kept = copy.deepcopy(G.state_dict())
    trial.call(average, G, decay, mutable=True)
    if any(not torch.equal(value, kept[key]) for key, value in G.state_dict().items()):
        trial.fail("G itself was changed. Only the average is to move.", case)
    trial.differs(
        flat(average.parameters()),
        decay * before + (1 - decay) * of_G,
        case=case,
        known={
            "The parameters of the average stayed where they were.": before,
            "The parameters were copied: this is no average, it is G.": of_G,
            "decay and 1 - decay are exchanged: the average follows G almost at once.": (
                (1 - decay) * before + decay * of_G
            ),
        },
        otherwise="The parameters are not decay times the old average plus 1 - decay times G's.",
    )
    got, copied = flat(average.buffers()), flat(G.buffers())
    weight = flat(torch.full_like(b, 1 - decay if b.is_floating_point() else 1.0) for b in G.buffers())
    averaged = torch.lerp(buffers, copied, weight)
    trial.differs(
        got,
        averaged if torch.allclose(got, averaged, rtol=1e-4, atol=1e-6) else copied,
        case=case,
        known={
            "The buffers of the average stayed where they were: "
            "it normalises with the statistics of the first step, "
            "with which the averaged weights have never worked.": buffers,
        },
        otherwise=(
            "The buffers of the average are neither G's nor averaged as the parameters are. "
            "BatchNorm keeps three: a mean, a variance and a count of batches, "
            "which is a whole number and is copied."
        ),
    )
    if average.training:
        trial.fail("The average was left in training mode.", case)
