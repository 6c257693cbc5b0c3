"""`Run.open(path)`: what a run is a run of, what it logged, its checkpoints, its generator, its samples."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganbook import recipes
from ganbook.data.datasets import KINDS, kind_of
from ganbook.errors import CheckpointError, UserError
from ganbook.models import Generator
from ganbook.recipes import Recipe
from ganbook.support.checks import Count, Seed, checked
from ganbook.training import History, checkpoint, sample_generator
from ganbook.training.folder import RECIPE
from ganbook.training.log import read_log
from ganbook.training.sampling import build_generator, class_columns


@dataclass(frozen=True, eq=False)
class Run:
    """A run, seen from one of its checkpoints. `Run.open` makes it.

    Examples
    --------
    >>> run = Run.open("runs/dcgan-digits-001")  # doctest: +SKIP
    >>> run.step, run.recipe.name, run.history["generator_loss"][-1]  # doctest: +SKIP
    (1000, 'dcgan', 1.8)
    >>> images = run.sample(64, seed=1)  # doctest: +SKIP
    """

    path: Path
    """As it was named: the run folder, or a checkpoint."""
    checkpoint: Path
    """The checkpoint that is looked at: the one that was named, or the newest that verifies."""
    folder: Path | None
    """The run folder; None for a checkpoint that stands by itself."""
    state: dict[str, Any]
    """The checkpoint's JSON."""

    @classmethod
    def open(cls, path: str | Path) -> Run:
        """Open a run folder, or a checkpoint.

        Parameters
        ----------
        path : str or Path
            A run folder: then its newest checkpoint that verifies is looked at, and a notice names newer ones
            that do not. Or a checkpoint.

        Raises
        ------
        CheckpointError
            If there is no such run, or no checkpoint in it that can be loaded.
        """
        folder, run = checkpoint.locate(path)
        return cls(Path(path), folder, run, checkpoint.load_state(folder))

    @property
    def step(self) -> int:
        """The training step of the checkpoint."""
        return int(self.state["step"])

    @property
    def data_spec(self) -> dict[str, Any]:
        """The arguments with which `load_dataset` loads the data again; empty for a reader's own."""
        return dict(self.state["data"]["spec"])

    @property
    def checkpoints(self) -> list[Path]:
        """All checkpoints of the run, the newest first, whole or not."""
        return [self.checkpoint] if self.folder is None else checkpoint.in_run(self.folder)

    @cached_property
    def recipe(self) -> Recipe:
        """What it is a run of.

        Raises
        ------
        UserError
            If there is no recipe.toml, as in a run that `gb.Trainer` made by itself, or it is damaged.
        """
        if self.folder is None or not (self.folder / RECIPE).is_file():
            raise UserError(f"{self.path}: it has no {RECIPE}; only runs of `ganbook train` have one")
        return recipes.load(str(self.folder / RECIPE))

    @cached_property
    def history(self) -> History:
        """What was logged up to the checkpoint."""
        if self.state["records"] is not None:
            return History(self.state["records"])
        if self.folder is None:
            return History([])
        return History(read_log(self.folder, self.step, self.state["num_records"]))

    # ------------------------------------------------------------------------------------------- samples

    @cached_property
    def _generator(self) -> Generator:
        return build_generator(self.checkpoint, self.state)

    def generator(self) -> Generator:
        """Return the averaged generator, in eval mode on the CPU; built once.

        Raises
        ------
        CheckpointError
            If its networks are not from `ganbook.models`, so that they cannot be built again.
        """
        return self._generator

    @property
    def num_classes(self) -> int:
        """The classes of a conditional generator; 0 for others."""
        return self.generator().num_classes

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes that the generator is told, where they have names."""
        return tuple(self.state["data"].get("class_names", ()))

    def label(self, text: str) -> int:
        """Return the class that a text names, by its number or its name.

        Raises
        ------
        UserError
            If there is none, or the run is not conditional.
        """
        if not self.num_classes:
            raise UserError(f"--label {text}: this run is not conditional; it makes samples without labels")
        names = list(self.class_names)
        if text in names:
            return names.index(text)
        if text.isdecimal() and int(text) < self.num_classes:
            return int(text)
        known = f", or one of {', '.join(names)}" if names else ""
        raise UserError(f"--label {text}: it takes a number from 0 to {self.num_classes - 1}{known}")

    def sample(
        self,
        num: int = 64,
        seed: int = 0,
        labels: Tensor | int | None = None,
        device: torch.device | str = "cpu",
    ) -> Tensor:
        """Draw samples from the averaged generator.

        Parameters
        ----------
        num : int
            How many.
        seed : int
            Of the latents: the same seed draws the same samples.
        labels : Tensor or int, optional
            Classes for a conditional generator: int64, shape (num,), or one for all. Default: 0, 1, 2, ...
            over and over.
        device : torch.device or str
            Where to compute.

        Returns
        -------
        Tensor
            float32 on the CPU, shape (num, *shape); images in [-1, 1].

        Raises
        ------
        UserError
            If a number is out of its range, or `labels` do not fit.
        """
        generator = self.generator().to(device)
        return sample_generator(generator, generator.latent_dim, num, seed, device, labels)

    @checked
    def save_samples(
        self,
        out: str | Path | None = None,
        num: Count = 64,
        seed: Seed = 0,
        labels: Tensor | int | None = None,
    ) -> Path:
        """Draw samples, and write a picture of them.

        Parameters
        ----------
        out : str or Path, optional
            The picture (.png). Default: `samples_path(num, seed)`.
        num, seed, labels
            As for `sample`.

        Returns
        -------
        Path
            The picture.

        Raises
        ------
        UserError
            If `out` does not end in .png, or cannot be written.
        """
        path = Path(out) if out is not None else self.samples_path(num, seed)
        if path.suffix.lower() != ".png":
            raise UserError(f"--out {path}: it takes a file name that ends in .png")
        samples = self.sample(num, seed, labels)
        kind = self.state["data"].get("kind") or kind_of(self.state["data"]["shape"])
        if kind not in KINDS:
            raise CheckpointError(
                f"{self.path}: its samples are of the kind {kind!r}, unknown to this ganbook"
            )
        columns = class_columns(self.num_classes) if labels is None else None
        try:
            KINDS[kind].save_samples(samples, path, columns=columns)
        except OSError as error:
            raise UserError(f"--out {path}: it cannot be written ({error.strerror or error})") from error
        return path

    def samples_path(self, num: int, seed: int) -> Path:
        """Return where a picture of samples goes: into the run folder, never into a checkpoint.

        RUN/grid-64-0.png; of a checkpoint that was named, RUN/grid-64-0-step-00000500.png.
        """
        stem = f"grid-{num}-{seed}"
        if self.folder == self.path:
            return self.path / f"{stem}.png"
        folder = self.folder if self.folder is not None else self.checkpoint.absolute().parent
        return folder / f"{stem}-{self.checkpoint.name}.png"
