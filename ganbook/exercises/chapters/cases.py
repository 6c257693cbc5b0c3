"""What checks share: small vectors, how they are written down, and how a prediction is settled."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from ganbook.exercises.grading.trial import Trial


def numbers(*values: float) -> Tensor:
    """Return a float64 vector."""
    return torch.tensor(values, dtype=torch.float64)


def listed(x: Tensor) -> str:
    """Return a small tensor as nested lists, without trailing zeros: "[[0, 1], [2.5, 3]]"."""
    if x.ndim == 0:
        return f"{x.item():g}"
    return "[" + ", ".join(listed(part) for part in x) + "]"


@contextlib.contextmanager
def own_random_numbers(seed: int) -> Iterator[None]:
    """Seed torch's global random numbers for a block, and put them back as they were."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def settle(
    trial: Trial,
    letter: str,
    right: str,
    reasons: Mapping[str, str],
    outcome: str,
    got: object = None,
) -> None:
    """Hold the letter that a reader committed to against the one that came out.

    Parameters
    ----------
    trial : Trial
        The answer.
    letter, right : str
        What the reader chose, and what came out when it was run.
    reasons : mapping of str to str
        For each other letter the message.
    outcome : str
        What came out, in numbers.
    got : object, optional
        What is shown as the answer's own.

    Raises
    ------
    Failure
        If the letters differ.
    """
    trial.tried(outcome)
    if letter != right:
        trial.fail(reasons[letter], case=outcome, got=got)
