"""What the model families share: ranges of options, the plan of sizes, the memory of how a pair was built."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Annotated, Any, ParamSpec, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from ganbook.errors import UserError
from ganbook.support.checks import OneOf, Real, Whole, check_values

Norm = Annotated[str, OneOf("discriminator_norm", ("batch", "layer", "none", "spectral"))]
Dropout = Annotated[float, Real(least=0, below=1)]
NumClasses = Annotated[int, Whole(0)]  # 0: no classes
Units = Annotated[int, Whole(1, 65_536)]  # of a layer, channels of a map, numbers of a latent
Depth = Annotated[int, Whole(1, 100)]  # layers, or blocks of a size
HiddenOrSame = Annotated[int, Whole(0, 65_536)]  # 0: as many as in the generator


class Generator(nn.Module):
    """What every generator of this package has beside its layers."""

    latent_dim: int
    """Length of the latent vector z."""
    num_classes: int = 0
    """The classes that it is told; 0 where it is unconditional."""
    spec: dict[str, Any]
    """How its pair was built: what `ganbook.models.build` needs."""


class Discriminator(nn.Module):
    """What every discriminator of this package has beside its layers."""

    num_classes: int = 0
    """The classes that it is told; 0 where it is unconditional."""
    packing: int = 1
    """How many samples it judges together; a batch must be a multiple of it."""
    spec: dict[str, Any]
    """How its pair was built: what `ganbook.models.build` needs."""


P = ParamSpec("P")
G = TypeVar("G", bound=Generator)
D = TypeVar("D", bound=Discriminator)


def remembers_spec(family: Callable[P, tuple[G, D]]) -> Callable[P, tuple[G, D]]:
    """Check a family's options, and note how both networks were built, so that a checkpoint can rebuild them.

    They get the attribute `spec`: what `ganbook.models.build` needs.
    """

    @functools.wraps(family)
    def build(*args: P.args, **kwargs: P.kwargs) -> tuple[G, D]:
        call = inspect.signature(family).bind(*args, **kwargs)
        call.apply_defaults()
        check_values(family, call.arguments, where=f"{family.__name__}: ")
        generator, discriminator = family(*args, **kwargs)
        spec = {"family": family.__name__, **call.arguments, "shape": list(call.arguments["shape"])}
        generator.spec = discriminator.spec = spec
        return generator, discriminator

    return build


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

        W_SN = W / sigma(W),   sigma(W) = u^T W v,   v <- W^T u / ||W^T u||,   u <- W v / ||W v||

    Source: Miyato et al. (2018), equation 8 and algorithm 1. A convolution's W is its kernel as a matrix
    with one row an output channel. One power iteration runs with each forward pass in training mode; u and
    v are buffers, so a checkpoint holds them. In eval mode they rest.
    """
    for layer in list(module.modules()):
        if isinstance(layer, nn.Conv2d | nn.Linear | nn.Embedding):
            spectral_norm(layer)
