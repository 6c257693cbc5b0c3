"""Generators and discriminators, one family a file.

Every pair: `generator(z)` gives samples (N, *shape) and has `latent_dim`; `discriminator(x)` gives logits of
shape (N,). Both have `num_classes`; where it is above 0 they take class labels (int64, shape (N,)) as well,
`generator(z, labels)` and `discriminator(x, labels)`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from ganbook.errors import unknown
from ganbook.models.common import Discriminator, Generator
from ganbook.models.dcgan import dcgan
from ganbook.models.mlp import mlp
from ganbook.models.r3gan import r3gan
from ganbook.models.resnet import resnet

__all__ = ["FAMILIES", "Discriminator", "Generator", "build", "dcgan", "mlp", "options", "r3gan", "resnet"]

FAMILIES: dict[str, Callable[..., tuple[Generator, Discriminator]]] = {
    "dcgan": dcgan,
    "mlp": mlp,
    "r3gan": r3gan,
    "resnet": resnet,
}


def options(family: str) -> dict[str, Any]:
    """Return the options of a family and their defaults: what may stand in a recipe's [model] table.

    Raises
    ------
    UserError
        If there is no such family.
    """
    if family not in FAMILIES:
        raise unknown("model family", family, FAMILIES)
    parameters = inspect.signature(FAMILIES[family]).parameters
    return {name: p.default for name, p in parameters.items() if name != "shape"}


def build(family: str, shape: Sequence[int], **kwargs: Any) -> tuple[Generator, Discriminator]:
    """Build a pair by the name of its family, as a recipe or a checkpoint does.

    Parameters
    ----------
    family : str
        "mlp", "dcgan", "resnet" or "r3gan".
    shape : sequence of int
        Shape of one sample.
    **kwargs
        The options of the family.

    Returns
    -------
    generator, discriminator : nn.Module
        Each remembers in its attribute `spec` how it was built.

    Raises
    ------
    UserError
        If the family or an option is unknown, or a value does not fit.
    """
    known = options(family)
    for key in kwargs:
        if key not in known:
            raise unknown(f"option of the model family {family!r}:", key, known)
    return FAMILIES[family](tuple(shape), **kwargs)
