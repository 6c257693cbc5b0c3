"""What the exercises on evaluation share: how a small case is shown, and how a commitment is settled."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from ganbook.exercises.grading.trial import Trial

LETTER = "answer = ...  # a letter\n"  # the starter of a prediction


def rows(x: Tensor) -> str:
    """Return a small tensor as nested lists, without trailing zeros: "[[0, 1], [2.5, 3]]"."""
    if x.ndim == 0:
        return f"{x.item():g}"
    return "[" + ", ".join(rows(part) for part in x) + "]"


def settle(
    trial: Trial, letter: str, outcome: Mapping[str, bool], came_out: str, reasons: Mapping[str, str]
) -> None:
    """Hold the letter that a reader committed to against what came out: the one of `outcome` that is true."""
    trial.tried(came_out)
    (right,) = (key for key, holds in outcome.items() if holds)
    if letter != right:
        trial.fail(reasons[letter], case=came_out, got=letter)


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
