"""What the metrics accept: one line that names the argument, what it got and what it takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganbook.errors import UserError
from ganbook.support.checks import AnySeed, checked

Features = Tensor | NDArray[Any]

_CHUNK_VALUES = 8_000_000  # 64 MB in float64: what a pass over a large matrix holds at a time


def float64(values: Features) -> Tensor:
    """Return `values` in float64 on their own device, or on the CPU where the device has no float64 (MPS)."""
    if isinstance(values, Tensor):
        values = values.detach()
        return (values.cpu() if values.device.type == "mps" else values).to(torch.float64)
    return torch.from_numpy(np.array(values, dtype=np.float64))


def row_chunks(features: Features) -> Iterator[Features]:
    """Yield a few rows at a time, so that no second copy of the whole is ever held."""
    rows = max(1, _CHUNK_VALUES // max(1, features.shape[1]))
    for start in range(0, len(features), rows):
        yield features[start : start + rows]


def check_floats(values: Any, name: str, shape: str) -> None:
    """Raise a `UserError` unless `values` is a tensor or an array of floating-point numbers."""
    if not isinstance(values, Tensor | np.ndarray):
        raise UserError(
            f"{name}: got {type(values).__name__}; it takes a torch tensor or a numpy array, shape {shape}"
        )
    floating = values.is_floating_point() if isinstance(values, Tensor) else values.dtype.kind == "f"
    if not floating:
        raise UserError(f"{name}: got dtype {values.dtype}; it takes floating-point numbers, shape {shape}")


def check_rows(values: Any, name: str, *, at_least: int = 2) -> None:
    """Raise a `UserError` unless `values` is a matrix (N, d) of finite floats with N >= `at_least`."""
    check_floats(values, name, "(N, d)")
    if values.ndim != 2 or values.shape[1] == 0:
        raise UserError(f"{name}: got shape {tuple(values.shape)}; it takes a matrix (N, d), a row a sample")
    if len(values) < at_least:
        raise UserError(f"{name}: got {len(values)} samples; it takes at least {at_least}")
    for rows in row_chunks(values):
        finite = torch.isfinite(rows) if isinstance(rows, Tensor) else np.isfinite(rows)
        if not finite.all():
            raise UserError(f"{name}: got values that are NaN or infinite; it takes finite features")


def check_features(values: Any, name: str, *, at_least: int = 2) -> None:
    """`check_rows`, and the rows must not all be equal.

    Equal rows are what a broken extractor or a generator that died gives. Most scores have a value there, but
    none that says anything, so all functions of feature matrices refuse. (Single constant columns, such as
    units that never fire, are fine.)
    """
    check_rows(values, name, at_least=at_least)
    if all((rows == values[:1]).all() for rows in row_chunks(values)):
        raise UserError(
            f"{name}: got {len(values)} samples that are all equal (constant); it takes features that vary"
        )


def check_same_width(**sets: Features) -> None:
    """Raise a `UserError` unless all matrices have the same number of columns, d."""
    (first, reference), *others = sets.items()
    for name, values in others:
        if values.shape[1] != reference.shape[1]:
            raise UserError(
                f"{name}: got d={values.shape[1]} features a sample; "
                f"it takes as many as {first}, d={reference.shape[1]}"
            )


def to_numbers(values: Any, name: str, takes: str) -> Tensor:
    """Return numbers, sequences, arrays or tensors as a tensor on the CPU."""
    try:
        return torch.as_tensor(values).detach().cpu()
    except (TypeError, ValueError, RuntimeError):
        raise UserError(f"{name}: got {values!r}; it takes {takes}") from None


@checked
def generator(seed: AnySeed) -> torch.Generator:
    """Return a generator on the CPU, so that the draws are the same on every device."""
    return torch.Generator().manual_seed(int(seed))
