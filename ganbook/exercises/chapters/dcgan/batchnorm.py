"""Checks: what BatchNorm takes away."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from ganbook.exercises.chapters.cases import own_random_numbers, settle
from ganbook.exercises.chapters.registry import check
from ganbook.exercises.grading.trial import Trial


@check("bias-before-norm")
def bias_before_norm(trial: Trial) -> None:
    """Change the bias, and look at the output."""
    letter = trial.choice("ABCD")
    with own_random_numbers(100):
        conv, norm = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)
        x = torch.randn(16, 1, 8, 8)
        before = norm(conv(x))
        with torch.no_grad():
            conv.get_parameter("bias").add_(5.0)
        after = norm(conv(x))
    shift = (after - before).mean().item()
    gap = (after - before).abs().max().item()
    right = "B" if gap < 1e-3 else "A" if abs(shift - 5) < 1 else "C" if abs(shift) < 1 else "D"
    reasons = {
        "A": "it would, without the BatchNorm behind it: what does that take away from each channel?",
        "B": "not this",
        "C": "adding the same number to all values of a channel does not change their spread",
        "D": (
            "BatchNorm takes away the mean of the batch it sees, not one that it remembers, in training mode"
        ),
    }
    settle(trial, letter, right, reasons, f"run: largest change of the output {gap:.1e}")


@check("batchnorm-at-the-input")
def batchnorm_at_the_input(trial: Trial) -> None:
    """Train the same D on the two kinds of batches, and count right answers."""
    letter = trial.choice("ABCD")
    apart, together = (_share_of_right_answers(in_one_batch) for in_one_batch in (False, True))
    right = {(True, True): "A", (False, True): "B", (True, False): "C", (False, False): "D"}[
        apart > 0.8, together > 0.8
    ]
    reasons = {
        "A": "in a batch of its own, each kind is moved to the mean 0 before anything else looks at it",
        "B": "not this",
        "C": "together, the batch has one mean, between both kinds, and taking it away leaves them apart",
        "D": "one of the two ways keeps the difference: which mean is taken away from which samples?",
    }
    outcome = f"run: right answers in batches of their own {apart:.2f}, together {together:.2f}"
    settle(trial, letter, right, reasons, outcome)


def _share_of_right_answers(in_one_batch: bool) -> float:
    """Train a D that begins with a BatchNorm; return the share of right answers on its last batches."""
    with own_random_numbers(110):
        D = nn.Sequential(nn.BatchNorm1d(1), nn.Linear(1, 1), nn.Flatten(0))
        optimizer = torch.optim.Adam(D.parameters(), lr=0.1, fused=True)
        for _ in range(60):
            real, fake = torch.randn(64, 1), torch.randn(64, 1) + 4
            if in_one_batch:
                on_real, on_fake = D(torch.cat([real, fake])).chunk(2)
            else:
                on_real, on_fake = D(real), D(fake)
            loss = F.softplus(-on_real).mean() + F.softplus(on_fake).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return 0.5 * ((on_real > 0).float().mean() + (on_fake < 0).float().mean()).item()
