"""The settings of a training run, checked; and the learning rates' schedule."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from ganbook.errors import CheckpointError, UserError
from ganbook.losses import LOSSES
from ganbook.support.checks import (
    Count,
    Each,
    NotNegative,
    OneOf,
    Positive,
    Real,
    Seed,
    TrueOrFalse,
    Whole,
    check_fields,
)
from ganbook.training.augment import AUGMENTS

SCHEDULES: dict[str, Callable[[float], float]] = {  # of the share of the decay that is done, 0 to 1
    "constant": lambda done: 1.0,
    "linear": lambda done: 1.0 - done,
    "cosine": lambda done: 0.5 * (1.0 + math.cos(math.pi * done)),
}

LossName = Annotated[str, OneOf("loss", LOSSES)]
Schedule = Annotated[str, OneOf("schedule", SCHEDULES)]
Steps = Annotated[int, Whole(0)]
Betas = Annotated[tuple[float, float], Each(2, Real(least=0, below=1), "two numbers")]
Decay = Annotated[float, Real(least=0, below=1)]
Smoothing = Annotated[float, Real(least=0, below=0.5)]
Augment = Annotated[str, OneOf("augment", AUGMENTS)]
MeanSign = Annotated[float, Real(least=-1, most=1)]
Samples = Annotated[int, Whole(0)]


@dataclass(frozen=True)
class TrainConfig:
    """What a training run depends on, beside its networks and its data.

    Raises
    ------
    UserError
        If a value is of a wrong type or out of its range.
    """

    loss: LossName = "non-saturating"
    """One of `ganbook.losses.LOSSES`."""
    batch_size: Count = 64
    """Samples a batch, real and fake each."""
    generator_lr: Positive = 2e-4
    """Adam's learning rate for the generator."""
    discriminator_lr: Positive = 2e-4
    """Adam's learning rate for the discriminator."""
    betas: Betas = (0.5, 0.999)
    """Adam's two decay rates; 0.5 for the first, after Radford et al. (2016)."""
    discriminator_steps: Count = 1
    """Updates of the discriminator for each of the generator: k in Algorithm 1 of the 2014 paper."""
    r1: NotNegative = 0.0
    """Strength gamma of the R1 penalty; 0 leaves it out. (`ganbook.penalties`)"""
    r2: NotNegative = 0.0
    """Strength gamma of the R2 penalty."""
    gradient_penalty: NotNegative = 0.0
    """Weight lambda of WGAN-GP's penalty; the paper has 10."""
    penalty_every: Count = 1
    """Add the penalties at every n-th update of D only, then n times as strong (as StyleGAN2 does)."""
    weight_clip: NotNegative = 0.0
    """Clip D's weights into [-c, c] after each of its updates; 0.01 in the first WGAN."""
    label_smoothing: Smoothing = 0.0
    """One-sided: the label of real samples is 1 minus this. For losses with labels."""
    instance_noise: NotNegative = 0.0
    """Standard deviation of Gaussian noise on all that D sees, real and fake; images lie in [-1, 1]."""
    instance_noise_steps: Steps = 0
    """Steps over which that noise falls linearly to 0; 0 keeps it."""
    lecam: NotNegative = 0.0
    """Weight of LeCam's regularisation, which ties D's logits to their own averages; 0 leaves it out."""
    unroll_steps: Steps = 0
    """K of unrolled GANs: G's step looks at D after so many steps of D's own; 0 at D as it is."""
    unroll_lr: Positive = 0.1
    """Size of those steps, which are plain gradient descent on D's loss without penalties."""
    replay: Samples = 0
    """Old generated samples to keep; half of what D sees as generated comes from there. 0 keeps none."""
    augment: Augment = "none"
    """none, flip (real images, at random), diffaugment (all that D sees, also in G's step), or adaptive (that
    with a probability which follows how well D knows the real images). (`ganbook.training.augment`)"""
    augment_target: MeanSign = 0.6
    """Adaptive: the mean sign of D(x) on real images above which that probability rises; below, it falls."""
    augment_images: Count = 500_000
    """Adaptive: the number of real images within which it can rise from 0 to 1."""
    schedule: Schedule = "constant"
    """How both learning rates go on after the warm-up: constant, linear or cosine (both down to 0)."""
    warmup_steps: Steps = 0
    """Steps over which both learning rates rise linearly from 0."""
    decay_steps: Steps = 0
    """The step at which a linear or cosine schedule arrives at 0."""
    ema_decay: Decay = 0.999
    """Decay of the generator's moving average; 0 switches it off."""
    steps: Count = 1000
    """Generator updates of a run that is given neither steps nor seconds."""
    seed: Seed = 0
    """Seed of the latents and of the data's order. (The initial weights are the caller's.)"""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    precision: str = "auto"
    """auto, fp32 or bf16."""
    compile: TrueOrFalse = False
    """Compile the networks (torch.compile); D only where no penalty needs its second derivatives."""
    tensorboard: TrueOrFalse = False
    """Write scalars and sample grids for TensorBoard too, into the run folder's `tensorboard/`."""
    log_every: Count = 10
    """Steps between two lines of metrics.jsonl."""
    sample_every: Count = 250
    """Steps between two sample grids."""
    checkpoint_every: Count = 500
    """Steps between two checkpoints."""
    keep_last: Count = 2
    """Checkpoints to keep."""

    def __post_init__(self) -> None:
        check_fields(self)
        object.__setattr__(self, "betas", tuple(float(value) for value in self.betas))
        for field in dataclasses.fields(self):  # a TOML file may say 1 for 1.0
            if isinstance(field.default, float):
                object.__setattr__(self, field.name, float(getattr(self, field.name)))
        if self.label_smoothing and not LOSSES[self.loss].has_labels:
            fits = ", ".join(name for name, loss in LOSSES.items() if loss.has_labels)
            raise UserError(
                f"label_smoothing={self.label_smoothing}: the {self.loss} loss has no labels; "
                f"these have: {fits}"
            )
        if self.schedule != "constant" and self.decay_steps <= self.warmup_steps:
            raise UserError(
                f"decay_steps={self.decay_steps}: with a {self.schedule} schedule it must be the step at "
                f"which the learning rates arrive at 0, after warmup_steps={self.warmup_steps}"
            )


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


# What may differ when a run is resumed, because it does not change the sequence of weights.
FREE_TO_CHANGE = {
    "steps", "device", "log_every", "sample_every", "checkpoint_every", "keep_last", "tensorboard"
}  # fmt: skip


def changes_between(saved: TrainConfig, wanted: TrainConfig) -> list[str]:
    """Return the settings that differ and would change the course of training, in words."""
    return [
        f"{key} {getattr(saved, key)!r} -> {getattr(wanted, key)!r}"
        for key in (field.name for field in dataclasses.fields(saved))
        if key not in FREE_TO_CHANGE and getattr(saved, key) != getattr(wanted, key)
    ]


def refuse_changes(folder: Path, changes: list[str]) -> None:
    """Refuse to resume under settings that change the course of training.

    Raises
    ------
    CheckpointError
        With a list of what changed.
    """
    raise CheckpointError(
        f"checkpoint {folder}: resuming with other settings would be another run "
        f"({'; '.join(changes)}); leave them as they were, start a new run, or insist with --override"
    )
