"""Checks: losses read backwards, the moving average, and what BatchNorm remembers."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ganbook.exercises.chapters.cases import own_random_numbers
from ganbook.exercises.chapters.registry import check
from ganbook.exercises.grading.trial import Trial


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


def _with_statistics(seed: int, batches: int) -> nn.Sequential:
    """Return a small generator whose BatchNorm has seen some batches."""
    rng = torch.Generator().manual_seed(seed)
    with own_random_numbers(seed):
        network = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
    with torch.no_grad():
        for _ in range(batches):
            network(3 * torch.randn(8, 2, generator=rng) + 1)
    return network


@check("moving-average")
def moving_average(trial: Trial) -> None:
    """Look at weights, running statistics and the counter of batches, one by one."""
    decay = 0.75
    average, model = _with_statistics(1, 2), _with_statistics(2, 5)
    old = {name: value.clone() for name, value in average.state_dict().items()}
    new = {name: value.clone() for name, value in model.state_dict().items()}
    case = "two networks Linear, BatchNorm1d, Linear; decay = 0.75"
    trial.call(average, model, decay, mutable=True)
    if any(not torch.equal(value, new[name]) for name, value in model.state_dict().items()):
        trial.fail("the trained network was changed; only the average should move", case)
    now = {name: value.clone() for name, value in average.state_dict().items()}
    if all(torch.equal(now[name], old[name]) for name in old):
        trial.fail(
            "the average did not move. Change it in place; a new network that is returned is not looked at",
            case,
        )
    for name in sorted(now, key=lambda name: "running" in name):  # the parameters first
        if "num_batches" not in name:
            _check_mixture(trial, name, now[name], old[name], new[name], decay, f"{case}; looked at {name}")
    if average.state_dict()["1.num_batches_tracked"] != 5:
        trial.fail(
            "BatchNorm's counter of batches, a whole number, should be copied: "
            "an average of whole numbers is rounded to something else",
            case=f"{case}; the counters were 2 and 5",
            got=average.state_dict()["1.num_batches_tracked"],
        )
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            tensor += 1
    if any(not torch.equal(value, now[name]) for name, value in average.state_dict().items()):
        trial.fail(
            "the average now shares memory with the trained network: "
            "when that one moves on, the average moves along",
            case,
        )
    if any(p.grad_fn is not None for p in average.parameters()):
        trial.fail("the average carries a graph: every update makes it longer, until memory ends", case)
    trial.tried("weights, running statistics and the counter; then the trained network moved on")


def _check_mixture(
    trial: Trial, name: str, got: Tensor, average: Tensor, value: Tensor, decay: float, case: str
) -> None:
    """Judge one tensor of the average, that `average` and `value` were mixed to."""
    a, b = average.double(), value.double()
    kind = "buffer" if "running" in name else "parameter"
    known = {
        f"the {kind} {name} was forgotten: it is still what it was": a,
        f"the {kind} {name} was copied, not averaged": b,
        f"the weights are exchanged in {name}: with decay = 0.75 three quarters should stay": (
            (1 - decay) * a + decay * b
        ),
        f"the average of {name} grows with every update: the two weights must add up to 1": (
            a + (1 - decay) * b
        ),
    }
    if kind == "buffer":
        forgotten = (
            "the buffers were forgotten. "
            "BatchNorm's running mean and variance belong to the weights that were averaged; "
            "with others the average network draws wrong samples in eval mode"
        )
        known = {forgotten: a} | known
    trial.differs(
        got.double(),
        decay * a + (1 - decay) * b,
        case=case,
        known=known,
        otherwise=f"the {kind} {name} is not decay * average + (1 - decay) * value",
    )


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
