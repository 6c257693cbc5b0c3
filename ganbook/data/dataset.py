"""What is asked of data, of whatever kind.

A game, a run and an evaluation ask the data set: how a batch is made, how samples are shown and saved, in
which form they are scored. So a new kind of data is a new class with these methods, and nothing else changes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, Self

import torch
from torch import Tensor

from ganbook.data.points import Distribution
from ganbook.errors import UserError


class Dataset(Protocol):
    """What is asked of data, of whatever kind."""

    spec: dict[str, Any]
    """The arguments with which `load_dataset` loads the same data again; empty for a reader's own."""
    labels: Tensor | None
    """int64, shape (N,), where there are classes."""
    class_names: tuple[str, ...]
    """A name for each class."""

    @property
    def kind(self) -> str:
        """What the samples are: a key of `KINDS`."""

    @property
    def by_coordinates(self) -> bool:
        """Whether the values are features by themselves (points), or take an extractor (images)."""

    @property
    def truth(self) -> Distribution | None:
        """The distribution that the samples come from, where it is known."""

    @staticmethod
    def num_shown(columns: int | None = None) -> int:
        """Return how many generated samples a picture of a run shows, in so many columns."""

    @property
    def name(self) -> str:
        """The name under which `load_dataset` knows these data."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample."""

    @property
    def num_classes(self) -> int:
        """The number of classes; 0 where there are no labels."""

    @property
    def device(self) -> torch.device:
        """Where batches come."""

    def __len__(self) -> int: ...

    def to(self, device: torch.device | str) -> Self:
        """Return these data for training on `device` (self where they already are)."""

    def batch(self, indices: Tensor) -> Tensor:
        """Return the samples at `indices` (int64, shape (B,)) as networks take them: float32, (B, *shape)."""

    def batch_labels(self, indices: Tensor) -> Tensor:
        """Return the class numbers at `indices`: int64, shape (B,), on `device`."""

    def values(self, rows: Tensor) -> Tensor:
        """Return the samples at `rows` in the form in which they are scored."""

    @staticmethod
    def to_values(samples: Tensor, name: str = "samples") -> Tensor:
        """Return generated samples in that form; a `UserError` where they cannot be."""

    def shown_beside(self) -> Tensor | None:
        """Return real samples to be drawn beside generated ones, where that helps."""

    @staticmethod
    def save_samples(
        samples: Tensor, path: Path, beside: Tensor | None = None, columns: int | None = None
    ) -> Tensor | None:
        """Write a picture of generated samples (PNG), and return it (uint8, (C, H, W)) if it is a grid."""


# ---------------------------------------------------------------------------- what the kinds have in common


def check_samples(name: str, samples: Tensor, labels: Tensor | None) -> None:
    """Refuse a data set without samples, and labels that are not one for each.

    Raises
    ------
    UserError
        Naming the argument and what it got.
    """
    if len(samples) == 0:
        raise UserError(f"{name}: got none; a data set needs at least one")
    if labels is not None and labels.shape != (len(samples),):
        raise UserError(f"labels: got shape {tuple(labels.shape)}; it takes ({len(samples)},)")


def count_classes(labels: Tensor | None, class_names: Sequence[str]) -> int:
    """Return the number of classes; 0 where there are no labels."""
    if labels is None:
        return 0
    return len(class_names) or int(labels.max()) + 1


def free_memory(device: torch.device) -> float:
    """Return the bytes that are free on a device; infinite where that is not known (CPU, mps)."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else math.inf


def take_labels(name: str, labels: Tensor | None, indices: Tensor) -> Tensor:
    """Return the labels at `indices`, on the labels' device.

    Raises
    ------
    UserError
        If there are no labels.
    """
    if labels is None:
        raise UserError(f"the data set {name!r} has no labels; a model of classes needs data with labels")
    return labels[indices.to(labels.device, non_blocking=True)]
