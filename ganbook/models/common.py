"""What the model families share: checks of sizes, and the memory of how a pair was built."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar

from torch import nn

from ganbook.errors import UserError

P = ParamSpec("P")
G = TypeVar("G", bound=nn.Module)
D = TypeVar("D", bound=nn.Module)


def remembers_spec(family: Callable[P, tuple[G, D]]) -> Callable[P, tuple[G, D]]:
    """Note on both networks how they were built (`module.spec`), so that a checkpoint can rebuild them."""

    @functools.wraps(family)
    def build(*args: P.args, **kwargs: P.kwargs) -> tuple[G, D]:
        call = inspect.signature(family).bind(*args, **kwargs)
        call.apply_defaults()
        generator, discriminator = family(*args, **kwargs)
        spec = {"family": family.__name__, **call.arguments, "shape": list(call.arguments["shape"])}
        for module in (generator, discriminator):
            module.spec = spec  # type: ignore[assignment]
        return generator, discriminator

    return build


def check_sizes(family: str, **sizes: int) -> None:
    """Refuse a size that is not a positive whole number.

    Raises
    ------
    UserError
        Naming the argument and what it got.
    """
    for key, value in sizes.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise UserError(f"{family}: {key}={value!r}; it must be a whole number, at least 1")


def check_shape(family: str, shape: Sequence[int], lengths: tuple[int, ...]) -> None:
    """Refuse a sample shape of a wrong length or with a size below 1.

    Raises
    ------
    UserError
        Naming the shape.
    """
    if len(shape) not in lengths or any(not isinstance(n, int) or n < 1 for n in shape):
        forms = {1: "(d,) for points", 3: "(C, H, W) for images"}
        takes = " or ".join(forms[n] for n in lengths)
        raise UserError(f"{family}: shape={tuple(shape)}; it takes {takes}")
