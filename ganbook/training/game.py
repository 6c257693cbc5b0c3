"""What a loop trains: a game. It says how a step goes, what it consists of, and how it is sampled.

To train something else than a generator against a discriminator (an encoder beside them, two pairs, a critic
of another kind), write a game: a class with `step`, `parts` and `sample`. Order of the data, clock, signals,
records, sample grids, checkpoints and exact resuming are the loop's (`ganbook.training.Loop`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from ganbook.data import Dataset
from ganbook.errors import UserError
from ganbook.training.config import TrainConfig
from ganbook.training.engine import Engine
from ganbook.training.parts import Part, check_parts


class Results(NamedTuple):
    """What a step has shown, still on the device."""

    losses: Sequence[tuple[str, Tensor]]
    """The loss of every update by name, in their order; each must stay finite."""
    scalars: Callable[[], Mapping[str, Tensor]]
    """What a line of the log says of this step, by name; called only where a line is written."""


class Game(ABC):
    """A game that is trained.

    Parameters
    ----------
    data : Dataset
        What to learn from; moved to the device.
    config : TrainConfig
        Settings. The game uses those that it has a use for.
    convolutional : bool
        Whether its networks are convolutional (`ganbook.training.engine.Engine`).

    Attributes
    ----------
    engine : Engine
        Device and precision: `prepare` networks with it, make optimisers with `adam`, run in `autocast`.
    rng : torch.Generator
        For whatever the game draws; a part of it, named "latents".

    Raises
    ------
    UserError
        If several processes cannot share a batch equally.
    """

    name: str
    """What it is called in a checkpoint."""
    batches_a_step = 1
    """How many batches of data a step takes."""
    rebuilt: tuple[str, ...] = ()
    """Attributes with a state that no checkpoint need keep, as they are built the same again each time."""

    def __init__(self, data: Dataset, config: TrainConfig, convolutional: bool = False) -> None:
        self.config = config
        self.engine = Engine(config.device, config.precision, convolutional)
        self.processes = self.engine.processes
        if config.batch_size % self.processes.size:
            raise UserError(
                f"batch_size={config.batch_size}: {self.processes.size} processes share each batch, "
                f"so it must be a multiple of {self.processes.size}"
            )
        self.data = data.to(self.engine.device)
        self.rng = self.engine.rng(config.seed)

    @abstractmethod
    def step(self, step: int, batches: Sequence[Tensor]) -> Results:
        """Do one step.

        Parameters
        ----------
        step : int
            Its number, from 0.
        batches : sequence of Tensor
            For each of `batches_a_step` batches the indices of its samples, int64: this process's share.
        """

    @abstractmethod
    def parts(self) -> dict[str, Part]:
        """Return all that training changes, by name: what a checkpoint holds.

        Networks, optimisers, averages, random number generators (`self.rng` among them), and whatever has
        `state_dict` and `load_state_dict`. What the game holds and does not name is an error before the
        first step.
        """

    @abstractmethod
    def sample(self, num: int, seed: int = 0) -> Tensor:
        """Draw samples: float32 on the CPU, shape (num, *data.shape). Training is not disturbed."""

    def spec(self) -> dict[str, Any] | None:
        """Return how the networks are built again (by `models.build`); None where only the caller knows."""
        return None

    def columns(self) -> int | None:
        """Return how many samples a row a picture shows; None leaves it to the picture."""
        return None

    def save_samples(self, path: Path) -> Tensor | None:
        """Draw samples and write a picture of them; return it (uint8, (C, H, W)) if it is a grid."""
        columns = self.columns()
        samples = self.sample(self.data.num_shown(columns))
        return self.data.save_samples(samples, path, self.data.shown_beside(), columns)

    def check(self) -> None:
        """Refuse a game that would lose something in a checkpoint; the loop asks before its first step.

        Raises
        ------
        UserError
            If it holds a network or an optimiser (or something else with a state) that it does not name.
        """
        check_parts(self, self.parts(), self.rebuilt)
