"""The settings of a training run, checked; and the learning rates' schedule."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganbook.errors import CheckpointError, UserError, unknown
from ganbook.losses import LOSSES


@dataclass(frozen=True)
class TrainConfig:
    """What a training run depends on, beside its networks and its data.

    Raises
    ------
    UserError
        If a value is of a wrong type or out of its range.
    """

    loss: str = "non-saturating"
    """One of `ganbook.losses.LOSSES`."""
    batch_size: int = 64
    """Samples a batch, real and fake each."""
    generator_lr: float = 2e-4
    """Adam's learning rate for the generator."""
    discriminator_lr: float = 2e-4
    """Adam's learning rate for the discriminator."""
    betas: tuple[float, float] = (0.5, 0.999)
    """Adam's two decay rates; 0.5 for the first, after Radford et al. (2016)."""
    discriminator_steps: int = 1
    """Updates of the discriminator for each of the generator: k in Algorithm 1 of the 2014 paper."""
    r1: float = 0.0
    """Strength gamma of the R1 penalty; 0 leaves it out. (`ganbook.penalties`)"""
    r2: float = 0.0
    """Strength gamma of the R2 penalty."""
    gradient_penalty: float = 0.0
    """Weight lambda of WGAN-GP's penalty; the paper has 10."""
    penalty_every: int = 1
    """Add the penalties at every n-th update of D only, then n times as strong (as StyleGAN2 does)."""
    weight_clip: float = 0.0
    """Clip D's weights into [-c, c] after each of its updates; 0.01 in the first WGAN."""
    label_smoothing: float = 0.0
    """One-sided: the label of real samples is 1 minus this. For losses with labels."""
    instance_noise: float = 0.0
    """Standard deviation of Gaussian noise on all that D sees, real and fake; images lie in [-1, 1]."""
    instance_noise_steps: int = 0
    """Steps over which that noise falls linearly to 0; 0 keeps it."""
    schedule: str = "constant"
    """How both learning rates go on after the warm-up: constant, linear or cosine (both down to 0)."""
    warmup_steps: int = 0
    """Steps over which both learning rates rise linearly from 0."""
    decay_steps: int = 0
    """The step at which a linear or cosine schedule arrives at 0."""
    ema_decay: float = 0.999
    """Decay of the generator's moving average; 0 switches it off."""
    steps: int = 1000
    """Generator updates of a run that is given neither steps nor seconds."""
    seed: int = 0
    """Seed of the latents and of the data's order. (The initial weights are the caller's.)"""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    precision: str = "auto"
    """auto, fp32 or bf16."""
    compile: bool = False
    """Compile the networks (torch.compile); D only where no penalty needs its second derivatives."""
    tensorboard: bool = False
    """Write scalars and sample grids for TensorBoard too, into the run folder's `tensorboard/`."""
    log_every: int = 10
    """Steps between two lines of metrics.jsonl."""
    sample_every: int = 250
    """Steps between two sample grids."""
    checkpoint_every: int = 500
    """Steps between two checkpoints."""
    keep_last: int = 2
    """Checkpoints to keep."""

    def __post_init__(self) -> None:
        if not isinstance(self.loss, str) or self.loss not in LOSSES:
            raise unknown("loss", self.loss, LOSSES)
        for key in ("batch_size", "discriminator_steps", "penalty_every", "steps", "log_every",
                    "sample_every", "checkpoint_every", "keep_last"):  # fmt: skip
            check_value(key, getattr(self, key), int, lambda v: v >= 1, "a whole number, at least 1")
        for key in ("instance_noise_steps", "warmup_steps", "decay_steps"):
            check_value(key, getattr(self, key), int, lambda v: v >= 0, "a whole number, at least 0")
        for key in ("r1", "r2", "gradient_penalty", "weight_clip", "instance_noise"):
            check_value(key, getattr(self, key), float, lambda v: 0 <= v < math.inf, "a number, at least 0")
        for key in ("compile", "tensorboard"):
            if not isinstance(getattr(self, key), bool):
                raise UserError(f"{key}={getattr(self, key)!r}: it must be true or false")
        check_value("label_smoothing", self.label_smoothing, float, lambda v: 0 <= v < 0.5,
               "a number from 0 to below 0.5")  # fmt: skip
        if self.label_smoothing and not LOSSES[self.loss].has_labels:
            fits = ", ".join(name for name, loss in LOSSES.items() if loss.has_labels)
            raise UserError(
                f"label_smoothing={self.label_smoothing}: the {self.loss} loss has no labels; "
                f"these have: {fits}"
            )
        if not isinstance(self.schedule, str) or self.schedule not in SCHEDULES:
            raise unknown("schedule", self.schedule, SCHEDULES)
        if self.schedule != "constant" and self.decay_steps <= self.warmup_steps:
            raise UserError(
                f"decay_steps={self.decay_steps}: with a {self.schedule} schedule it must be the step at "
                f"which the learning rates arrive at 0, after warmup_steps={self.warmup_steps}"
            )
        check_value("seed", self.seed, int, lambda v: 0 <= v < 2**32, "a whole number from 0 to 2^32 - 1")
        for key in ("generator_lr", "discriminator_lr"):
            check_value(key, getattr(self, key), float, lambda v: 0 < v < math.inf, "a number above 0")
        check_value("ema_decay", self.ema_decay, float, lambda v: 0 <= v < 1, "a number from 0 to below 1")
        betas = self.betas
        if not isinstance(betas, tuple | list) or len(betas) != 2:
            raise UserError(f"betas={betas!r}: it must be two numbers")
        for value in betas:
            check_value("betas", value, float, lambda v: 0 <= v < 1, "two numbers from 0 to below 1")
        object.__setattr__(self, "betas", tuple(float(value) for value in betas))


SCHEDULES: dict[str, Callable[[float], float]] = {  # of the share of the decay that is done, 0 to 1
    "constant": lambda done: 1.0,
    "linear": lambda done: 1.0 - done,
    "cosine": lambda done: 0.5 * (1.0 + math.cos(math.pi * done)),
}


def learning_rate_factor(config: TrainConfig, step: int) -> float:
    """Return by what both learning rates are multiplied at a step (from 0): warm-up, then schedule.

    Examples
    --------
    >>> config = TrainConfig(schedule="linear", warmup_steps=2, decay_steps=6)
    >>> [learning_rate_factor(config, step) for step in range(7)]
    [0.5, 1.0, 1.0, 0.75, 0.5, 0.25, 0.0]
    """
    if step < config.warmup_steps:
        return (step + 1) / config.warmup_steps
    done = (step - config.warmup_steps) / max(config.decay_steps - config.warmup_steps, 1)
    return SCHEDULES[config.schedule](min(done, 1.0))


def check_value(key: str, value: Any, kind: type, fits: Callable[[Any], bool], takes: str) -> None:
    """Raise a `UserError` unless a value is of a kind and fits; `takes` says what would."""
    kinds = (int, float) if kind is float else (kind,)
    if isinstance(value, bool) or not isinstance(value, kinds) or not fits(value):
        raise UserError(f"{key}={value!r}: it must be {takes}")


# What may differ when a run is resumed, because it does not change the sequence of weights.
FREE_TO_CHANGE = {
    "steps", "device", "log_every", "sample_every", "checkpoint_every", "keep_last", "tensorboard"
}  # fmt: skip


def changes_between(saved: TrainConfig, wanted: TrainConfig) -> list[str]:
    """Return the settings that differ and would change the course of training, in words."""
    return [
        f"{key} {getattr(saved, key)!r} -> {getattr(wanted, key)!r}"
        for key in (field.name for field in dataclasses.fields(TrainConfig))
        if key not in FREE_TO_CHANGE and getattr(saved, key) != getattr(wanted, key)
    ]


def refuse_changes(folder: Path, saved: TrainConfig, wanted: TrainConfig) -> None:
    """Refuse to resume under settings that change the course of training.

    Raises
    ------
    CheckpointError
        With a list of what changed.
    """
    changes = changes_between(saved, wanted)
    if changes:
        raise CheckpointError(
            f"checkpoint {folder}: resuming with other settings would be another run "
            f"({'; '.join(changes)}); leave them as they were, start a new run, or insist with --override"
        )
