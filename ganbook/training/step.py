"""THE ALGORITHM: one update of the discriminator and one of the generator.

Algorithm 1 of Goodfellow et al. (2014), with the losses passed in as functions of logits. Everything else
that a training run needs (data order, averages, logs, checkpoints, devices) lives elsewhere.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ganbook.losses import LossFunction

Penalty = Callable[[nn.Module, Tensor, Tensor], Tensor]
FULL_PRECISION: AbstractContextManager[object] = contextlib.nullcontext()


class StepResult(NamedTuple):
    """What a step saw, for the log: detached, still on the device."""

    loss: Tensor  # scalar
    real_logits: Tensor | None  # (N,); None where the generator's loss does not look at real samples
    fake_logits: Tensor  # (N,)


@contextlib.contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """Switch off the gradients of a module's parameters for the length of a `with` block."""
    trainable = [p for p in module.parameters() if p.requires_grad]
    for p in trainable:
        p.requires_grad_(False)
    try:
        yield
    finally:
        for p in trainable:
            p.requires_grad_(True)


def discriminator_step(
    generator: nn.Module,
    discriminator: nn.Module,
    optimizer: Optimizer,
    loss: LossFunction,
    real: Tensor,
    z: Tensor,
    penalty: Penalty | None = None,
    autocast: AbstractContextManager[object] = FULL_PRECISION,
) -> StepResult:
    """Update the discriminator once: it learns to tell `real` from G(z). The generator does not move.

    Parameters
    ----------
    generator, discriminator : nn.Module
        G maps latents (N, latent_dim) to samples; D maps samples to logits (N,).
    optimizer : Optimizer
        Holds the discriminator's parameters, and no others.
    loss : callable
        The discriminator's loss of (real_logits, fake_logits), to be minimised.
    real : Tensor
        Real samples, shape (N, *shape), images in [-1, 1].
    z : Tensor
        Latents, shape (N, latent_dim).
    penalty : callable, optional
        A function of (discriminator, real, fake) that is added to the loss, in full precision.
    autocast : context manager, optional
        Runs the networks in lower precision; by default they run as they are.

    Returns
    -------
    StepResult
        Loss and logits before the update.
    """
    with torch.no_grad(), autocast:  # no graph: this step sends nothing back to G
        fake = generator(z).float()
    with autocast:  # two batches, so that BatchNorm never mixes real and fake statistics
        real_logits = discriminator(real).float()
        fake_logits = discriminator(fake).float()
    loss_d = loss(real_logits, fake_logits)
    if penalty is not None:
        loss_d = loss_d + penalty(discriminator, real, fake)
    optimizer.zero_grad()
    loss_d.backward()
    optimizer.step()
    return StepResult(loss_d.detach(), real_logits.detach(), fake_logits.detach())


def generator_step(
    generator: nn.Module,
    discriminator: nn.Module,
    optimizer: Optimizer,
    loss: LossFunction,
    z: Tensor,
    real: Tensor | None = None,
    autocast: AbstractContextManager[object] = FULL_PRECISION,
) -> StepResult:
    """Update the generator once: it learns to make G(z) pass for real. The discriminator does not move.

    Parameters
    ----------
    generator, discriminator : nn.Module
        G maps latents (N, latent_dim) to samples; D maps samples to logits (N,).
    optimizer : Optimizer
        Holds the generator's parameters, and no others.
    loss : callable
        The generator's loss of (real_logits, fake_logits), to be minimised.
    z : Tensor
        Latents, shape (N, latent_dim).
    real : Tensor, optional
        Real samples, for a loss that compares with them (a relativistic one); others get None.
    autocast : context manager, optional
        Runs the networks in lower precision; by default they run as they are.

    Returns
    -------
    StepResult
        Loss and logits before the update.
    """
    with frozen(discriminator):  # D only judges: the gradient passes through it and stops at G
        with autocast:
            fake_logits = discriminator(generator(z).float()).float()
            real_logits = None if real is None else discriminator(real).float()
        loss_g = loss(real_logits, fake_logits)
        optimizer.zero_grad()
        loss_g.backward()
        optimizer.step()
    seen = None if real_logits is None else real_logits.detach()
    return StepResult(loss_g.detach(), seen, fake_logits.detach())
