"""Checks: the moving average, with its buffers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganbook.exercises.chapters.cases import own_random_numbers
from ganbook.exercises.chapters.registry import check
from ganbook.exercises.grading.trial import Trial


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
