"""What drawn data share: endless sequences of images, each made from factors that are known.

Image number i of a sequence is a pure function of (seed, i). The factors are drawn by lot in blocks, with one
random generator a block; all else is computed from uniform numbers, of which any machine makes the same.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any, ClassVar, Self, TypeVar

import torch
from torch import Tensor

from ganbook.errors import UserError, unknown
from ganbook.support.checks import Whole, shown
from ganbook.support.machine import num_cpus, one_thread

BLOCK = 1024  # images are drawn by lot in blocks of so many, one random generator a block

NumImages = Annotated[int, Whole(1, what="a whole number of images")]
Sequence = Annotated[int, Whole(0)]  # the seed of an endless sequence of images
Start = Annotated[int, Whole(0, what="a whole number of images to pass over")]


class Factors:
    """The factors of N images: the base of frozen dataclasses of tensors whose first axis is N."""

    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {}  # of the factors that are not free
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {}  # the names of the values of those that are choices

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the factors' names."""
        return tuple(field.name for field in dataclasses.fields(cls))  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(getattr(self, self.names()[0]))

    def __getitem__(self, index: slice | Tensor | list[int]) -> Self:
        """Return the factors of some of the images."""
        return type(self)(**{name: getattr(self, name)[index] for name in self.names()})

    def replace(self, **changes: Tensor | float | str) -> Self:
        """Return a copy with some factors changed.

        Parameters
        ----------
        **changes : Tensor, float or str
            For each factor a tensor of its shape, or one value for all images; of a choice also its name.

        Raises
        ------
        UserError
            If there is no such factor, a tensor has not the factor's shape, or a value is out of its range.
        """
        values = {name: self._value(name, value) for name, value in changes.items()}
        return dataclasses.replace(self, **values)  # type: ignore[type-var]

    def _value(self, name: str, value: Any) -> Tensor:
        """Return the new values of one factor."""
        if name not in self.names():
            raise unknown("factor", name, self.names())
        if isinstance(value, str) and name in self.choices:
            if value not in self.choices[name]:
                raise unknown(name, value, self.choices[name])
            value = self.choices[name].index(value)
        old = getattr(self, name)
        try:
            new = torch.as_tensor(value, dtype=old.dtype, device="cpu")
        except (TypeError, ValueError, RuntimeError) as error:
            raise UserError(f"factor {name!r}: got {shown(value)}; it takes a tensor or a number") from error
        if new.ndim and new.shape != old.shape:
            raise UserError(
                f"factor {name!r}: got shape {tuple(new.shape)}; it takes {tuple(old.shape)} or one number"
            )
        low, high = self.ranges.get(name, (-math.inf, math.inf))
        if not (new.isfinite() & (new >= low) & (new <= high)).all():
            limits = f"numbers from {low} to {high}" if name in self.ranges else "finite numbers"
            raise UserError(f"factor {name!r}: got a value that is out of its range; it takes {limits}")
        return new.expand(old.shape)


F = TypeVar("F", bound=Factors)


def join(first: F, *others: F) -> F:
    """Return the factors of all images, one lot after the other."""
    parts = (first, *others)
    return type(first)(**{name: torch.cat([getattr(p, name) for p in parts]) for name in first.names()})


def block_generator(seed: int, block: int) -> torch.Generator:
    """Return the random numbers of one block of one sequence.

    (seed, block) are mixed to 63 bits (the finisher of SplitMix64), so that no two streams run together.
    """
    return torch.Generator().manual_seed(block_seed(seed, block))


def block_seed(seed: int, block: int) -> int:
    """Mix (seed, block) to 63 bits."""
    mask = (1 << 64) - 1
    z = (seed * 0x9E3779B97F4A7C15 + block * 0xD1342543DE82EF95 + 0x2545F4914F6CDD1D) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return (z ^ (z >> 31)) >> 1


def from_blocks(sample_block: Callable[[int], F], n: int, start: int) -> F:
    """Return the factors of the images number start, ..., start + n - 1 from those of whole blocks."""
    blocks = range(start // BLOCK, (start + n - 1) // BLOCK + 1)
    factors = join(*[sample_block(block) for block in blocks])
    return factors[start - blocks[0] * BLOCK :][:n]


def batches(sample: Callable[[int, int], F], batch_size: int, start: int) -> Iterator[F]:
    """Return the factors of batch after batch without end; `sample(n, start)` draws them."""
    at = start
    waiting = sample(BLOCK - at % BLOCK, at)
    at += len(waiting)
    while True:
        while len(waiting) < batch_size:
            waiting, at = join(waiting, sample(BLOCK, at)), at + BLOCK
        factors, waiting = waiting[:batch_size], waiting[batch_size:]
        yield factors


def as_device(device: torch.device | str) -> torch.device:
    """Return the device of that name.

    Raises
    ------
    UserError
        If torch knows no such device.
    """
    try:
        return torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise UserError(f"device={device!r}: it must be a device that torch knows: cpu, cuda, mps") from error


def in_chunks(draw: Callable[[F], Tensor], factors: F, chunk: int, device: torch.device) -> Tensor:
    """Draw images, `chunk` of them at a time, so that on a CPU all they need stays in a core's cache.

    The CPU's cores take chunks in turn, and torch keeps each operation in its thread.

    Parameters
    ----------
    draw : callable
        Draws images from their factors: shape (n, ...) from n of them.
    factors : Factors
        Of N images.
    chunk : int
        How many a CPU draws at a time; another device draws 4,096.
    device : torch.device
        Where they are drawn.

    Returns
    -------
    Tensor
        What `draw` returned, joined: shape (N, ...).
    """
    size = chunk if device.type == "cpu" else 4096
    parts = [factors[at : at + size] for at in range(0, len(factors), size)]
    if device.type != "cpu" or len(parts) == 1:
        with one_thread() if device.type == "cpu" else contextlib.nullcontext():
            return torch.cat([draw(part) for part in parts])
    with one_thread(), ThreadPoolExecutor(num_cpus()) as pool:
        return torch.cat(list(pool.map(draw, parts)))
