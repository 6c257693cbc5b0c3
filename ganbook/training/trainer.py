"""`gb.Trainer`: the loop around the game of the book, a generator against a discriminator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ganbook import models
from ganbook.data import Dataset, load_dataset
from ganbook.errors import CheckpointError
from ganbook.losses import Loss
from ganbook.training import checkpoint
from ganbook.training.config import TrainConfig
from ganbook.training.ema import EMA
from ganbook.training.gan import GAN
from ganbook.training.loop import Loop, check_data, check_settings
from ganbook.training.step import StepResult


class Trainer(Loop):
    """Trains a generator against a discriminator, by the functions of `ganbook.training.step`.

    Parameters
    ----------
    generator : nn.Module
        Maps latents (N, latent_dim) to samples (N, *data.shape); it has the attribute `latent_dim`.
    discriminator : nn.Module
        Maps samples to logits (N,).
    data : ImageDataset or PointDataset
        What to learn from.
    config : TrainConfig, optional
        Settings; the defaults train a small DCGAN well.
    out : str or Path, optional
        The run folder. With it, `fit` writes metrics, sample grids and checkpoints there.
    info : dict, optional
        What else a checkpoint is to remember (the command line keeps its recipe there).

    Raises
    ------
    UserError
        If the networks do not fit the data or each other; found before the first step.

    Examples
    --------
    >>> import ganbook as gb
    >>> data = gb.load_dataset("digits")
    >>> generator, discriminator = gb.models.mlp(data.shape, latent_dim=16, hidden=32)
    >>> trainer = gb.Trainer(generator, discriminator, data, gb.TrainConfig(device="cpu"))
    >>> history = trainer.fit(steps=2, progress=False)
    >>> trainer.sample(4).shape
    torch.Size([4, 1, 8, 8])
    """

    game: GAN

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        data: Dataset,
        config: TrainConfig | None = None,
        out: str | Path | None = None,
        info: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(GAN(generator, discriminator, data, config or TrainConfig()), out, info)

    def train_step(self) -> tuple[StepResult, StepResult]:
        """Do one step: `discriminator_steps` updates of D, one of G, one of the moving average.

        Returns
        -------
        discriminator_result, generator_result : StepResult
            Losses and logits, still on the device.
        """
        super().train_step()
        assert self.game.last is not None
        return self.game.last.discriminator, self.game.last.generator

    def sample(self, num: int = 64, seed: int = 0, labels: Tensor | int | None = None) -> Tensor:
        """Draw samples from the averaged generator, in eval mode.

        Parameters
        ----------
        num : int
            How many.
        seed : int
            Seed of the latents; training is not disturbed.
        labels : Tensor or int, optional
            Classes for a conditional generator: int64, shape (num,), or one for all. Default: 0, 1, 2, ...
            over and over.

        Returns
        -------
        Tensor
            float32 on the CPU, shape (num, *data.shape); images in [-1, 1].
        """
        return self.game.sample(num, seed, labels)

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        generator: nn.Module | None = None,
        discriminator: nn.Module | None = None,
        data: Dataset | None = None,
        config: TrainConfig | None = None,
        override: bool = False,
    ) -> Trainer:
        """Load a checkpoint, or the newest one of a run folder that verifies, and go on from there exactly.

        Parameters
        ----------
        path : str or Path
            A checkpoint, or a run folder with `checkpoints/` in it.
        generator, discriminator : nn.Module, optional
            Networks of the same build; needed where they are not from `ganbook.models`.
        data : ImageDataset or PointDataset, optional
            The data; needed where they are not from `load_dataset`.
        config : TrainConfig, optional
            Settings to go on with; only those that do not change the course of training may differ.
        override : bool
            Go on with other settings nevertheless. It is noted in the checkpoints (`info["overridden"]`).

        Raises
        ------
        CheckpointError
            If nothing verifies, the networks or data do not fit, or a setting was changed that may not be.
        """
        folder = checkpoint.locate(path).folder
        state = checkpoint.load_state(folder)
        config = config or TrainConfig(**state["config"])
        check_settings(folder, state, config, override)
        if generator is None or discriminator is None:
            if state["model"] is None:
                raise CheckpointError(
                    f"checkpoint {folder}: its networks are not from ganbook.models; "
                    "pass generator= and discriminator= of the same build"
                )
            generator, discriminator = models.build(**state["model"])
        if data is None:
            if "name" not in state["data"]["spec"]:
                raise CheckpointError(f"checkpoint {folder}: its data are not from load_dataset; pass data=")
            data = load_dataset(**state["data"]["spec"])
        check_data(folder, state, data)
        trainer = cls(generator, discriminator, data, config)
        trainer.restore(path, override)
        return trainer

    # --------------------------------------------------------- the game's parts, by the names of the book

    @property
    def generator(self) -> nn.Module:
        """The generator that is trained."""
        return self.game.generator

    @property
    def discriminator(self) -> nn.Module:
        """The discriminator."""
        return self.game.discriminator

    @property
    def ema(self) -> EMA:
        """The moving average of the generator, which samples are drawn from."""
        return self.game.ema

    @property
    def generator_optimizer(self) -> torch.optim.Optimizer:
        """The generator's optimiser."""
        return self.game.generator_optimizer

    @property
    def discriminator_optimizer(self) -> torch.optim.Optimizer:
        """The discriminator's optimiser."""
        return self.game.discriminator_optimizer

    @property
    def rng(self) -> torch.Generator:
        """What draws the latents."""
        return self.game.rng

    @property
    def loss(self) -> Loss:
        """The losses of the two players; to be set before the first step."""
        return self.game.loss

    @loss.setter
    def loss(self, value: Loss) -> None:
        """Train with another pair of losses."""
        self.game.loss = value

    @property
    def latent_dim(self) -> int:
        """Length of the latent vector z."""
        return self.game.latent_dim

    @property
    def num_classes(self) -> int:
        """The classes of a conditional pair; 0 for others."""
        return self.game.num_classes
