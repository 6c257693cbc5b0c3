"""What the checks of the exercises on evaluation share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ganbook.exercises.chapters import cases

if TYPE_CHECKING:
    from ganbook.exercises.grading.trial import Trial


def settle(
    trial: Trial, letter: str, holds: Mapping[str, bool], outcome: str, reasons: Mapping[str, str]
) -> None:
    """Hold a letter against what came out: the one letter of which `holds` says that it is true."""
    (right,) = (key for key, true in holds.items() if true)
    cases.settle(trial, letter, right, reasons, outcome, got=letter)


def number_or_nan(trial: Trial, got: object, if_nan: str, case: str) -> float:
    """Return one real number, where NaN is a misconception with a message of its own."""
    if isinstance(got, float | Tensor | np.ndarray | np.floating):
        value = torch.as_tensor(got).detach()
        if value.numel() == 1 and bool(value.isnan()):
            trial.fail(if_nan, case=case, got=got)
    return trial.as_number(got, case=case)


def ring(num: int, modes: int, seed: int, sigma: float = 0.3) -> Tensor:
    """Draw from the first `modes` of ten clumps on a circle of radius 3: shape (num, 2)."""
    rng = torch.Generator().manual_seed(seed)
    angle = 2 * math.pi / 10 * torch.randint(modes, (num,), generator=rng)
    centres = 3 * torch.stack([angle.cos(), angle.sin()], dim=1)
    return centres + sigma * torch.randn(num, 2, generator=rng)
