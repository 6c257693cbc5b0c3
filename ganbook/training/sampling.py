"""Samples from a generator, whether it is being trained or comes from a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ganbook import models
from ganbook.errors import CheckpointError, UserError
from ganbook.support.checks import Count, Seed, checked
from ganbook.training import checkpoint


@checked
def sample_generator(
    generator: nn.Module,
    latent_dim: int,
    num: Count,
    seed: Seed,
    device: torch.device | str = "cpu",
    labels: Tensor | int | None = None,
) -> Tensor:
    """Draw samples from a generator in eval mode, in chunks; its mode is restored afterwards.

    Parameters
    ----------
    generator : nn.Module
        Maps latents (N, latent_dim) to samples.
    latent_dim : int
        Length of z.
    num : int
        How many, at least 1.
    seed : int
        Seed of the latents; drawn on the CPU, so that they are the same on every device.
    device : torch.device or str
        Where the generator is.
    labels : Tensor or int, optional
        Classes, where the generator has the attribute `num_classes` above 0: int64, shape (num,), or one for
        all. Default: 0, 1, 2, ... over and over.

    Returns
    -------
    Tensor
        float32 on the CPU, shape (num, *shape).

    Raises
    ------
    UserError
        If `num` is not a positive whole number, `seed` is negative, or `labels` do not fit.
    """
    rng = torch.Generator().manual_seed(seed)
    # Always in whole blocks, so that sample number i is the same however many are asked for.
    blocks = [torch.randn(512, latent_dim, generator=rng) for _ in range(0, num, 512)]
    z = torch.cat(blocks)[:num]
    classes = _classes(labels, num, getattr(generator, "num_classes", 0))
    parts: list[tuple[Tensor, ...]] = [(part,) for part in z.split(512)]
    if classes is not None:
        parts = list(zip(z.split(512), classes.split(512), strict=True))
    was_training = generator.training
    generator.eval()
    with torch.no_grad():
        samples = [generator(*(x.to(device) for x in part)).float().cpu().contiguous() for part in parts]
    generator.train(was_training)
    return torch.cat(samples)


def _classes(labels: Tensor | int | None, num: int, num_classes: int) -> Tensor | None:
    """Return the classes to generate, shape (num,), or None for a generator that has none."""
    if not num_classes:
        if labels is not None:
            raise UserError("labels: this generator is not conditional, it takes none")
        return None
    if labels is None:
        return torch.arange(num) % num_classes
    classes = torch.as_tensor(labels)
    if classes.ndim == 0:
        classes = classes.expand(num)
    if (
        classes.shape != (num,)
        or classes.is_floating_point()
        or not (0 <= classes.min() <= classes.max() < num_classes)
    ):
        raise UserError(f"labels={labels!r}: it takes a class from 0 to {num_classes - 1}, or {num} of them")
    return classes.long()


def class_columns(num_classes: int) -> int | None:
    """Return how many samples a row show the classes, 0, 1, 2, ..., as columns; None where none would fit."""
    return num_classes if 1 < num_classes <= 20 else None


def load_generator(run: str | Path) -> tuple[models.Generator, dict[str, Any]]:
    """Load the averaged generator of a run (or of one checkpoint), for sampling on the CPU.

    Parameters
    ----------
    run : str or Path
        A run folder, or a checkpoint.

    Returns
    -------
    generator : Generator
        In eval mode.
    state : dict
        The checkpoint's JSON.

    Raises
    ------
    CheckpointError
        If nothing there verifies, or the generator is not from `ganbook.models`.
    """
    folder = checkpoint.locate(run).folder
    state = checkpoint.load_state(folder)
    return build_generator(folder, state), state


def build_generator(folder: Path, state: Mapping[str, Any]) -> models.Generator:
    """Build the generator of a checkpoint, with its averaged weights, in eval mode on the CPU.

    Raises
    ------
    CheckpointError
        If it is not from `ganbook.models`, or its weights cannot be read.
    """
    if state["model"] is None:
        raise CheckpointError(
            f"checkpoint {folder}: its networks are not from ganbook.models, so they cannot be rebuilt"
        )
    with torch.random.fork_rng(devices=[]):
        generator, _ = models.build(**state["model"])
    generator.load_state_dict(checkpoint.load_tensors(folder, "ema"))
    return generator.eval()
