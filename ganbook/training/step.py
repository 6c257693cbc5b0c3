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

Network = Callable[[Tensor], Tensor]
Penalty = Callable[[Network, Tensor, Tensor], Tensor]  # of (discriminator, real, fake)
Reconstruction = Callable[[Tensor], Tensor]  # of the generated samples
Augment = Callable[[Tensor], Tensor]
FULL_PRECISION: AbstractContextManager[object] = contextlib.nullcontext()


class StepResult(NamedTuple):
    """What a step saw, for the log: detached, still on the device."""

    loss: Tensor  # scalar
    real_logits: Tensor | None  # (N,); None where the generator's loss does not look at real samples
    fake_logits: Tensor  # (N,)
    extra: Tensor | None = None  # scalar: the part of the loss that is a penalty, or a reconstruction


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


def conditioned(network: nn.Module, condition: Tensor | None) -> Network:
    """Return a network as a function of one argument: G(z) or D(x) as it is, else G(z | c) or D(x | c)."""
    return network if condition is None else lambda x: network(x, condition)


def answered(discriminator: Network, *answers: tuple[Tensor, Tensor]) -> Network:
    """Return a discriminator that does not run again on what it has answered in full precision.

    A penalty takes the gradient of D at the very batches whose logits the step has just computed; a gradient
    of logits in bfloat16 would be mostly noise, so those are computed anew.
    """

    def ask(x: Tensor) -> Tensor:
        for batch, logits in answers:
            if x is batch and logits.dtype == torch.float32:
                return logits
        return discriminator(x)

    return ask


def discriminator_step(
    generator: nn.Module,
    discriminator: nn.Module,
    optimizer: Optimizer,
    loss: LossFunction,
    real: Tensor,
    z: Tensor,
    condition: Tensor | None = None,
    penalty: Penalty | None = None,
    augment: Augment | None = None,
    autocast: AbstractContextManager[object] = FULL_PRECISION,
) -> StepResult:
    """Update the discriminator once: it learns to tell `real` from G(z). The generator does not move.

    Parameters
    ----------
    generator, discriminator : nn.Module
        G maps latents (N, latent_dim) to samples; D maps samples to logits, of shape (N,) or (N, h, w).
    optimizer : Optimizer
        Holds the discriminator's parameters, and no others.
    loss : callable
        The discriminator's loss of (real_logits, fake_logits), to be minimised.
    real : Tensor
        Real samples, shape (N, *shape), images in [-1, 1].
    z : Tensor
        Latents, shape (N, latent_dim).
    condition : Tensor, optional
        What both networks are given as their second argument: the classes of `real`, shape (N,), or pictures
        that belong to them, shape (N, ...). The fakes are made for the same ones.
    penalty : callable, optional
        A function of (discriminator, real, fake) that is added to the loss, in full precision.
    augment : callable, optional
        What is done to every sample, real or fake, before D sees it (noise, for example).
    autocast : context manager, optional
        Runs the networks in lower precision; by default they run as they are.

    Returns
    -------
    StepResult
        Loss and logits before the update; `extra` is the penalty.
    """
    G, D = conditioned(generator, condition), conditioned(discriminator, condition)
    with torch.no_grad(), autocast:  # no graph: this step sends nothing back to G
        fake = G(z).float()
    if augment is not None:
        real, fake = augment(real), augment(fake)
    if penalty is not None:  # it takes the gradient of D at the samples
        real, fake = real.detach().requires_grad_(), fake.detach().requires_grad_()
    with autocast:  # two batches, so that BatchNorm never mixes real and fake statistics
        real_logits = D(real)
        fake_logits = D(fake)
    loss_d = loss(real_logits.float(), fake_logits.float())
    extra = None
    if penalty is not None:
        extra = penalty(answered(D, (real, real_logits), (fake, fake_logits)), real, fake)
        loss_d = loss_d + extra
    optimizer.zero_grad()
    loss_d.backward()
    optimizer.step()
    return _result(loss_d, real_logits, fake_logits, extra)


def generator_step(
    generator: nn.Module,
    discriminator: nn.Module,
    optimizer: Optimizer,
    loss: LossFunction,
    real: Tensor | None,
    z: Tensor,
    condition: Tensor | None = None,
    reconstruction: Reconstruction | None = None,
    augment: Augment | None = None,
    autocast: AbstractContextManager[object] = FULL_PRECISION,
) -> StepResult:
    """Update the generator once: it learns to make G(z) pass for real. The discriminator does not move.

    Parameters
    ----------
    generator, discriminator : nn.Module
        G maps latents (N, latent_dim) to samples; D maps samples to logits, of shape (N,) or (N, h, w).
    optimizer : Optimizer
        Holds the generator's parameters, and no others.
    loss : callable
        The generator's loss of (real_logits, fake_logits), to be minimised.
    real : Tensor or None
        Real samples, for a loss that compares with them (a relativistic one); others get None.
    z : Tensor
        Latents, shape (N, latent_dim).
    condition : Tensor, optional
        What both networks are given as their second argument, as in the discriminator's step.
    reconstruction : callable, optional
        A function of the generated samples that is added to the loss: their distance to what they should be,
        for example.
    augment : callable, optional
        As in the discriminator's step; the gradient passes through it.
    autocast : context manager, optional
        Runs the networks in lower precision; by default they run as they are.

    Returns
    -------
    StepResult
        Loss and logits before the update; `extra` is the reconstruction.
    """
    G, D = conditioned(generator, condition), conditioned(discriminator, condition)
    with frozen(discriminator):  # D only judges: the gradient passes through it and stops at G
        with autocast:
            fake = G(z).float()
        extra = None if reconstruction is None else reconstruction(fake)
        if augment is not None:
            fake, real = augment(fake), None if real is None else augment(real)
        with autocast:
            fake_logits = D(fake).float()
            real_logits = None if real is None else D(real).float()
        loss_g = loss(real_logits, fake_logits)
        if extra is not None:
            loss_g = loss_g + extra
        optimizer.zero_grad()
        loss_g.backward()
        optimizer.step()
    return _result(loss_g, real_logits, fake_logits, extra)


def _result(
    loss: Tensor, real_logits: Tensor | None, fake_logits: Tensor, extra: Tensor | None
) -> StepResult:
    real, rest = (None if x is None else x.detach().float() for x in (real_logits, extra))
    return StepResult(loss.detach(), real, fake_logits.detach().float(), rest)
