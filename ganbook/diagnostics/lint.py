"""`lint_step`: from what the reader gives to the evidence, and from the evidence to a report."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from torch import nn
from torch.optim import Optimizer

from ganbook.diagnostics.case import Case
from ganbook.diagnostics.checks import STEP_CHECKS
from ganbook.diagnostics.gather import gather
from ganbook.diagnostics.report import Report
from ganbook.diagnostics.verdict import judge
from ganbook.support.checks import Count, checked


@checked
def lint_step(
    step: Callable[..., Any] | None = None,
    generator: nn.Module | None = None,
    discriminator: nn.Module | None = None,
    *,
    discriminator_turn: Callable[..., Any] | None = None,
    generator_turn: Callable[..., Any] | None = None,
    optimizer_d: Optimizer | None = None,
    optimizer_g: Optimizer | None = None,
    real: Any = None,
    z: Any = None,
    labels: Any = None,
    ema: Any = None,
    sample: Callable[[], Any] | None = None,
    keep: Iterable[Any] = (),
    max_calls: Count = 10,
) -> Report:
    """Run a training step a few times, watch it, put everything back, and say what is wrong with it.

    Networks, optimisers and random states are afterwards what they were. What else the step holds (an
    iterator over the data, a counter, a log) moves on; name in `keep` what should not.

    Parameters
    ----------
    step : callable, optional
        One whole iteration: the body of a training loop, as a function. Give this, or the two turns.
    generator, discriminator : nn.Module
        The networks that the step trains. Any shapes; the discriminator's first argument are the samples.
    discriminator_turn, generator_turn : callable, optional
        The two halves of an iteration, where they are functions of their own.
    optimizer_d, optimizer_g : Optimizer, optional
        The players' optimisers. Others are noticed when they step; given ones are checked by their name.
    real : optional
        A batch of real samples (or what the loader yields). Passed to functions that take an argument called
        real, x, images, data, ..., or whose first argument has another name.
    z : optional
        Latents, for functions that take an argument called z, noise, ..., or a second one.
    labels : optional
        Classes, for functions that take an argument called labels, y, ..., or a third one.
    ema : optional
        The moving average of the generator: a module, something that has one as `.module`, or a dictionary
        from the names in `generator.state_dict()` to tensors.
    sample : callable, optional
        What draws samples to look at, to be checked too.
    keep : iterable, optional
        What to put back beside: `torch.Generator`s, and whatever has `state_dict` and `load_state_dict`.
    max_calls : int
        Call the step at most so often until both players have moved (some loops move G every fifth time).

    Returns
    -------
    Report
        With `ok`, and findings named as in `CHECKS`. An exception of the step is a finding, too.

    Raises
    ------
    UserError
        If it is not told what to run, or the step takes an argument that was not given.

    Notes
    -----
    The direction of the losses is measured with D's own output replaced by equal numbers for real and
    generated samples: then dL/dD(x) shows where the loss wants each kind to go, for cross-entropy, least
    squares, hinge, Wasserstein and relativistic losses alike, and whatever D says at this moment.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from ganbook.losses import minimax_discriminator_loss, non_saturating_generator_loss
    >>> _ = torch.manual_seed(0)
    >>> G, D = nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 1), nn.Flatten(0))
    >>> opt_G, opt_D = torch.optim.SGD(G.parameters(), 0.1), torch.optim.SGD(D.parameters(), 0.1)
    >>> def step(real, z):
    ...     loss_D = minimax_discriminator_loss(D(real), D(G(z).detach()))
    ...     opt_D.zero_grad()
    ...     loss_D.backward()
    ...     opt_D.step()
    ...     loss_G = non_saturating_generator_loss(None, D(G(z)))
    ...     opt_G.zero_grad()
    ...     loss_G.backward()
    ...     opt_D.step()  # a slip of the pen
    >>> report = lint_step(step, G, D, real=torch.randn(8, 2) + 3, z=torch.randn(8, 2))
    >>> report.ok, [finding.name for finding in report.errors][0]
    (False, 'generator moves')
    """
    case = Case(
        generator=generator,
        discriminator=discriminator,
        step=step,
        discriminator_turn=discriminator_turn,
        generator_turn=generator_turn,
        optimizer_d=optimizer_d,
        optimizer_g=optimizer_g,
        real=real,
        z=z,
        labels=labels,
        ema=ema,
        sample=sample,
        keep=tuple(keep),
        max_calls=max_calls,
    )
    return judge("lint_step", STEP_CHECKS, gather(case))
