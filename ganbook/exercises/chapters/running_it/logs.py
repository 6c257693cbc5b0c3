"""Checks: epochs and steps, and what a log says of its run."""

from __future__ import annotations

import math

import torch
from torch.nn.functional import softplus

from ganbook.exercises.chapters.cases import settle
from ganbook.exercises.chapters.players import tiny_pair
from ganbook.exercises.chapters.registry import check
from ganbook.exercises.grading.trial import Trial


@check("steps-for-epochs")
def steps_for_epochs(trial: Trial) -> None:
    """Try small sets, where a batch straddles two epochs, and large ones."""
    for num_images, batch_size, epochs in (
        (10, 4, 3),
        (10, 4, 1),
        (10, 5, 2),
        (60_000, 100, 50),
        (1797, 64, 50),
    ):
        case = f"num_images = {num_images}, batch_size = {batch_size}, epochs = {epochs}"
        got = trial.number(num_images, batch_size, epochs)
        per_epoch = num_images / batch_size
        trial.differs(
            got,
            -(-num_images * epochs // batch_size),
            case=case,
            rtol=0,
            known={
                "this leaves out `epochs`: it is the length of one epoch": math.ceil(per_epoch),
                "this counts images, not steps: a step uses a whole batch": num_images * epochs,
                "this rounds up in every epoch, as if each epoch ended with a batch that is not full. "
                "Here a batch may straddle two epochs, so nothing is lost between them": (
                    math.ceil(per_epoch) * epochs
                ),
                "this drops the images that are left over at the end of every epoch. "
                "Here they begin the next batch": math.floor(per_epoch) * epochs,
                "this stops one step too early: "
                "some images have not yet had all their epochs, and a step cannot be taken by halves": (
                    math.floor(per_epoch * epochs)
                ),
                "a number of steps is a whole number: the last step is taken whole or not at all": (
                    per_epoch * epochs
                ),
            },
            otherwise="this is not the number of steps",
        )
    trial.tried(
        "10 images in batches of 4 and 5; MNIST's 60,000 in batches of 100; 50 epochs of 1,797 digits"
    )


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


@check("probabilities-from-losses")
def probabilities_from_losses(trial: Trial) -> None:
    """Go from probabilities to losses by the formulas, and back by the answer."""
    for d_real, d_fake in ((0.9, 0.3), (0.5, 0.5), (0.99, 0.02), (0.2, 0.7)):
        loss_D = -math.log(d_real) - math.log(1 - d_fake)
        loss_G = -math.log(d_fake)
        got = trial.tensor(loss_D, loss_G, shape=(2,))
        trial.differs(
            got,
            torch.tensor([d_real, d_fake], dtype=torch.float64),
            case=f"L_D = {loss_D:.4f}, L_G = {loss_G:.4f}",
            rtol=1e-3,
            known={
                "the two are exchanged: D(x) comes first": torch.tensor([d_fake, d_real]),
                "L_D was read as -log D(x) alone; it also holds -log(1 - D(G(z)))": (
                    torch.tensor([math.exp(-loss_D), d_fake])
                ),
                "half of L_D was given to each term, but they need not be equal": (
                    torch.tensor([math.exp(-loss_D / 2), d_fake])
                ),
                "L_G was read as -log(1 - D(G(z))); the non-saturating loss is -log D(G(z))": (
                    torch.tensor([math.exp(-loss_D) / (1 - (1 - d_fake)), 1 - d_fake])
                ),
                "the second number is 1 - D(G(z)), not D(G(z))": torch.tensor([d_real, 1 - d_fake]),
                "the term of the fake samples is log(1 - D(G(z))), not log D(G(z)): "
                "L_G is not one of the terms of L_D": torch.tensor([math.exp(loss_G - loss_D), d_fake]),
                "the logarithms are natural ones, to the base e": (
                    torch.tensor([10**-loss_D / (1 - 10**-loss_G), 10**-loss_G])
                ),
            },
            otherwise=(
                "put your two probabilities back into the formulas of L_D and L_G: do they give these losses?"
            ),
        )
    trial.tried("the worked example 0.9 and 0.3; a D that knows nothing; a D that is sure; a D that is wrong")


@check("lucky-checkpoint")
def lucky_checkpoint(trial: Trial) -> None:
    """Ask for one, two, eight and a hundred checkpoints."""
    for n in (8, 1, 2, 100):
        trial.differs(
            trial.number(n),
            n / (n + 1),
            case=f"n = {n}",
            known={
                "a chance is one half only if there was nothing to choose from": 0.5,
                "this leaves the fresh score out of the count. "
                "There are n + 1 scores, and each is the best of them equally often": 1 - 1 / n,
                "this is the share of cases in which the fresh score is *better*": 1 / (n + 1),
                "to be worse than the chosen score is not to be worse than each score in turn: "
                "these events are not independent of each other, for the fresh score is the same in all": (
                    1 - 0.5**n
                ),
            },
            otherwise="this is not the share of choices whose fresh score is worse",
        )
    trial.tried("1, 2, 8 and 100 checkpoints")
