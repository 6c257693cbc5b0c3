"""The algorithm (`step`), the loop around it (`trainer`), and what the loop needs."""

from ganbook.training.step import StepResult, discriminator_step, generator_step
from ganbook.training.trainer import History, TrainConfig, Trainer, load_generator, sample_generator

__all__ = [
    "History",
    "StepResult",
    "TrainConfig",
    "Trainer",
    "discriminator_step",
    "generator_step",
    "load_generator",
    "sample_generator",
]
