"""What the model families share: checks, the plan of sizes, and the memory of how a pair was built."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from ganbook.errors import UserError, unknown

NORMS = ("batch", "layer", "none", "spectral")  # what a discriminator may be normalised by

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


def check_discriminator(family: str, norm: str, dropout: float, norms: Sequence[str] = NORMS) -> None:
    """Refuse an unknown normalisation, and a dropout that is not a probability below 1.

    Raises
    ------
    UserError
        Naming the argument and what it got.
    """
    if not isinstance(norm, str) or norm not in norms:
        raise unknown(f"discriminator_norm of the model family {family!r}:", norm, norms)
    if isinstance(dropout, bool) or not isinstance(dropout, int | float) or not 0 <= dropout < 1:
        raise UserError(f"{family}: dropout={dropout!r}; it must be a number from 0 to below 1")


def check_num_classes(family: str, num_classes: int) -> None:
    """Refuse a number of classes that is not a whole number, at least 0 (0: unconditional).

    Raises
    ------
    UserError
        Naming the argument and what it got.
    """
    if not isinstance(num_classes, int) or isinstance(num_classes, bool) or num_classes < 0:
        raise UserError(
            f"{family}: num_classes={num_classes!r}; it must be a whole number, at least 0 (0: no classes)"
        )


def check_labels(num_classes: int, labels: Tensor | None, num: int) -> None:
    """Refuse labels that a network does not fit: missing, superfluous, or of another form.

    Parameters
    ----------
    num_classes : int
        The network's number of classes; 0 if it is unconditional.
    labels : Tensor or None
        What it was given.
    num : int
        How many samples or latents there are.

    Raises
    ------
    UserError
        In one line. Values out of range are found on the CPU only: elsewhere looking at them would make
        the host wait for the device in every step.
    """
    if num_classes == 0:
        if labels is not None:
            raise UserError("labels: this network is unconditional (num_classes=0), so it takes none")
        return
    takes = f"this network takes the classes of its {num} samples, int64 of shape ({num},)"
    if labels is None:
        raise UserError(f"labels: none given; {takes}, from 0 to {num_classes - 1}")
    if labels.dtype != torch.int64 or labels.shape != (num,):
        kind = str(labels.dtype).removeprefix("torch.")
        raise UserError(f"labels: {kind} of shape {tuple(labels.shape)}; {takes}")
    if labels.device.type == "cpu" and not torch.compiler.is_compiling() and num > 0:
        low, high = labels.min().item(), labels.max().item()
        if low < 0 or high >= num_classes:
            raise UserError(f"labels: from {low} to {high}; the classes go from 0 to {num_classes - 1}")


def size_plan(family: str, shape: Sequence[int]) -> tuple[int, int, int]:
    """Plan a convolutional pair: how an image is reached by doublings of a small map.

    Parameters
    ----------
    family : str
        For the error's text.
    shape : sequence of int
        (C, H, W).

    Returns
    -------
    channels : int
        C.
    size : int
        Height and width of the smallest map: 7 for 28x28 pixels, else 4.
    doublings : int
        From that map to the image: 2, 2, 3, 4, 5 for 16, 28, 32, 64, 128 pixels.

    Raises
    ------
    UserError
        If the image does not fit.

    Examples
    --------
    >>> size_plan("dcgan", (1, 28, 28)), size_plan("dcgan", (3, 64, 64))
    ((1, 7, 2), (3, 4, 4))
    """
    check_shape(family, shape, (3,))
    channels, height, width = shape
    size, doublings = height, 0
    while size % 2 == 0 and size > 7:
        size, doublings = size // 2, doublings + 1
    if height != width or size not in (4, 7) or doublings < 2:
        raise UserError(
            f"{family}: images of {height}x{width} pixels do not fit; it takes 16, 28, 32, 64 or 128 "
            "(set image_size when you load the data: pixels are padded or resized there)"
        )
    return channels, size, doublings


def normalise_spectrally(module: nn.Module) -> None:
    """Give every layer in `module` that has a weight matrix, embeddings included, the spectral norm 1.

        W_SN = W / sigma(W),   sigma(W) = u^T W v,   v <- W^T u / |W^T u|,   u <- W v / |W v|

    Source: Miyato et al. (2018), equation 8 and algorithm 1. A convolution's W is its kernel as a matrix
    with one row an output channel. One power iteration runs with each forward pass in training mode; u and
    v are buffers, so a checkpoint holds them. In eval mode they rest.
    """
    for layer in list(module.modules()):
        if isinstance(layer, nn.Conv2d | nn.Linear | nn.Embedding):
            spectral_norm(layer)
