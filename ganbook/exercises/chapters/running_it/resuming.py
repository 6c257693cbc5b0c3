"""Checks: a run that goes on as if it had not stopped."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from torch import Tensor
from torch.nn.functional import softplus

from ganbook.exercises.chapters.players import draw, tiny_pair, weights
from ganbook.exercises.chapters.registry import check
from ganbook.exercises.grading.trial import Trial


def _new_run(seed: int) -> SimpleNamespace:
    """Return a run that has not begun: networks, optimisers, random numbers, data and a step."""
    G, D = tiny_pair(seed=seed)
    data, _ = draw(seed=60, num=32)

    def step() -> None:
        first = 8 * run.step % len(data)  # the batch depends on the step alone
        real, z = data[first : first + 8], torch.randn(8, 2, generator=run.rng)
        loss_D = softplus(-D(real)).mean() + softplus(D(G(z).detach())).mean()
        run.opt_D.zero_grad()
        loss_D.backward()
        run.opt_D.step()
        loss_G = softplus(-D(G(torch.randn(8, 2, generator=run.rng)))).mean()
        run.opt_G.zero_grad()
        loss_G.backward()
        run.opt_G.step()
        run.step += 1

    run = SimpleNamespace(
        G=G,
        D=D,
        opt_G=torch.optim.Adam(G.parameters(), lr=0.01, betas=(0.5, 0.999)),
        opt_D=torch.optim.Adam(D.parameters(), lr=0.01, betas=(0.5, 0.999)),
        rng=torch.Generator().manual_seed(seed),
        step=0,
        train=step,
    )
    return run


@check("repair-resume")
def repair_resume(trial: Trial) -> None:
    """Make three steps, a transfer into a fresh run, and three more steps."""
    for steps in (3, 0):
        old, twin, new = _new_run(seed=61), _new_run(seed=61), _new_run(seed=62)
        for _ in range(steps):
            old.train()
            twin.train()
        own = dict(vars(new))
        case = f"a run of {steps} steps, taken up by a new one"
        here = {name: (weights(net)) for name, net in (("G", old.G), ("D", old.D))}
        trial.call(old, new, mutable=True)
        if any(not torch.equal(weights(net), here[name]) for name, net in (("G", old.G), ("D", old.D))):
            trial.fail("the old run was changed; it is the new one that should become equal to it", case)
        for name in ("G", "D", "opt_G", "opt_D", "rng"):
            if getattr(new, name) is not own[name]:
                trial.fail(
                    f"{name} of the new run was replaced, where its contents should be loaded. "
                    "In a new process there is no object of the old run to take over, only what was saved",
                    case,
                )
        for name in ("G", "D"):
            a, b = getattr(old, name), getattr(new, name)
            if not torch.equal(weights(a), weights(b)):
                trial.fail(f"the weights of {name} are not those of the old run", case)
        if new.step != old.step:
            trial.fail(
                "the step is forgotten: the new run begins the data again, and sees batches a second time",
                f"{case}; step {old.step}, and in the new run {new.step}",
            )
        if not torch.equal(new.rng.get_state(), old.rng.get_state()):
            trial.fail(
                "the state of the random generator is forgotten: "
                "the latents that come next are others than they would have been",
                case,
            )
        for name in ("opt_D", "opt_G"):
            moments = [_moments(getattr(run, name)) for run in (old, new)]
            if not torch.equal(*moments):
                trial.fail(
                    f"what {name} remembers is forgotten: "
                    "Adam keeps two moving averages for each weight, and counts its steps. "
                    "Its first steps after the resumption are as large as those at the very beginning",
                    case,
                )
        for _ in range(3):
            twin.train()
            new.train()
        for name in ("G", "D"):
            gap = (weights(getattr(twin, name)) - weights(getattr(new, name))).abs().max().item()
            if gap > 0:
                trial.fail(
                    f"after three more steps of both runs the weights of {name} are not the same: "
                    "something still differs",
                    f"{case}; largest difference {gap:.2g}",
                )
    trial.tried("weights, step, random numbers, the optimisers' memory, and three more steps of both runs")


def _moments(optimizer: torch.optim.Optimizer) -> Tensor:
    state = optimizer.state_dict()["state"]
    values = [
        torch.as_tensor(value, dtype=torch.float64).flatten()
        for i in sorted(state)
        for value in state[i].values()
    ]
    return torch.cat(values) if values else torch.zeros(0)
