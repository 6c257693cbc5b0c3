"""The algorithm (`step`), the games (`game`, `gan`), the loop around them (`loop`), and what it needs."""

from ganbook.training.config import TrainConfig
from ganbook.training.game import Game, Results
from ganbook.training.gan import GAN
from ganbook.training.log import History
from ganbook.training.loop import Loop
from ganbook.training.sampling import load_generator, sample_generator
from ganbook.training.step import StepResult, discriminator_step, generator_step
from ganbook.training.trainer import Trainer

__all__ = [
    "GAN",
    "Game",
    "History",
    "Loop",
    "Results",
    "StepResult",
    "TrainConfig",
    "Trainer",
    "discriminator_step",
    "generator_step",
    "load_generator",
    "sample_generator",
]
