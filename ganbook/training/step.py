"""THE ALGORITHM: one update of the discriminator and one of the generator.

Algorithm 1 of Goodfellow et al. (2014), with the losses passed in as functions of logits. Everything else
that a training run needs (data order, averages, logs, checkpoints, devices) lives elsewhere.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ganbook.losses import LossFunction

Penalty = Callable[[Callable[[Tensor], Tensor], Tensor, Tensor], Tensor]  # of (discriminator, real, fake)
Augment = Callable[[Tensor], Tensor]
FULL_PRECISION: AbstractContextManager[object] = contextlib.nullcontext()


class StepResult(NamedTuple):
    """What a step saw, for the log: detached, still on the device."""

    loss: Tensor  # scalar
    real_logits: Tensor | None  # (N,); None where the generator's loss does not look at real samples
    fake_logits: Tensor  # (N,)
    penalty: Tensor | None = None  # scalar: the part of the loss that is a penalty


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


def _given(labels: Tensor | None, *networks: nn.Module) -> list[Callable[[Tensor], Tensor]]:
    """Return the networks as functions of one argument: G(z) and D(x), or G(z | y) and D(x | y)."""
    return [net if labels is None else partial(net, labels=labels) for net in networks]


def discriminator_step(
    generator: nn.Module,
    discriminator: nn.Module,
    optimizer: Optimizer,
    loss: LossFunction,
    real: Tensor,
    z: Tensor,
    labels: Tensor | None = None,
    penalty: Penalty | None = None,
    augment: Augment | None = None,
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
    labels : Tensor, optional
        Classes of `real`, shape (N,), for a conditional pair; the fakes are made of the same classes.
    penalty : callable, optional
        A function of (discriminator, real, fake) that is added to the loss, in full precision.
    augment : callable, optional
        What is done to every sample, real or fake, before D sees it (noise, for example).
    autocast : context manager, optional
        Runs the networks in lower precision; by default they run as they are.

    Returns
    -------
    StepResult
        Loss and logits before the update.
    """
    G, D = _given(labels, generator, discriminator)
    with torch.no_grad(), autocast:  # no graph: this step sends nothing back to G
        fake = G(z).float()
    if augment is not None:
        real, fake = augment(real), augment(fake)
    with autocast:  # two batches, so that BatchNorm never mixes real and fake statistics
        real_logits = D(real).float()
        fake_logits = D(fake).float()
    loss_d = loss(real_logits, fake_logits)
    extra = None if penalty is None else penalty(D, real, fake)
    if extra is not None:
        loss_d = loss_d + extra
    optimizer.zero_grad()
    loss_d.backward()
    optimizer.step()
    seen = None if extra is None else extra.detach()
    return StepResult(loss_d.detach(), real_logits.detach(), fake_logits.detach(), seen)


def generator_step(
    generator: nn.Module,
    discriminator: nn.Module,
    optimizer: Optimizer,
    loss: LossFunction,
    z: Tensor,
    real: Tensor | None = None,
    labels: Tensor | None = None,
    augment: Augment | None = None,
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
    labels : Tensor, optional
        Classes to generate, shape (N,), for a conditional pair; those of `real` where it is given.
    augment : callable, optional
        As in the discriminator's step; the gradient passes through it.
    autocast : context manager, optional
        Runs the networks in lower precision; by default they run as they are.

    Returns
    -------
    StepResult
        Loss and logits before the update.
    """
    G, D = _given(labels, generator, discriminator)
    with frozen(discriminator):  # D only judges: the gradient passes through it and stops at G
        with autocast:
            fake = G(z).float()
            if augment is not None:
                fake, real = augment(fake), None if real is None else augment(real)
            fake_logits = D(fake).float()
            real_logits = None if real is None else D(real).float()
        loss_g = loss(real_logits, fake_logits)
        optimizer.zero_grad()
        loss_g.backward()
        optimizer.step()
    seen = None if real_logits is None else real_logits.detach()
    return StepResult(loss_g.detach(), seen, fake_logits.detach())
