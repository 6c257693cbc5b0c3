"""Fully connected networks: the smallest pair that learns, and the networks of the 2014 paper in kind."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from torch import Tensor, nn

from ganbook.models.common import check_shape, check_sizes, remembers_spec


class MLPGenerator(nn.Module):
    """A generator of fully connected layers: z of shape (N, latent_dim) to samples of shape (N, *shape).

    Images end in a tanh, so that they lie in [-1, 1]; points (a shape of one number) are left unbounded.

    Parameters
    ----------
    shape : sequence of int
        Shape of one sample: (C, H, W) for images, (d,) for points.
    latent_dim : int
        Length of the latent vector z.
    hidden : int
        Units of a hidden layer.
    layers : int
        Number of hidden layers.
    """

    def __init__(self, shape: Sequence[int], latent_dim: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        sizes = [latent_dim] + [hidden] * layers
        blocks: list[nn.Module] = []
        for size_in, size_out in itertools.pairwise(sizes):
            blocks += [nn.Linear(size_in, size_out), nn.LeakyReLU(0.2)]
        blocks += [nn.Linear(hidden, math.prod(shape)), nn.Unflatten(1, tuple(shape))]
        if len(shape) == 3:
            blocks.append(nn.Tanh())
        self.net = nn.Sequential(*blocks)

    def forward(self, z: Tensor) -> Tensor:
        """Map latents (N, latent_dim) to samples (N, *shape)."""
        return self.net(z)


class MLPDiscriminator(nn.Module):
    """A discriminator of fully connected layers: samples (N, *shape) to logits (N,).

    Parameters
    ----------
    shape : sequence of int
        Shape of one sample.
    hidden : int
        Units of a hidden layer.
    layers : int
        Number of hidden layers.
    """

    def __init__(self, shape: Sequence[int], hidden: int, layers: int) -> None:
        super().__init__()
        sizes = [math.prod(shape)] + [hidden] * layers
        blocks: list[nn.Module] = [nn.Flatten()]
        for size_in, size_out in itertools.pairwise(sizes):
            blocks += [nn.Linear(size_in, size_out), nn.LeakyReLU(0.2)]
        blocks += [nn.Linear(hidden, 1), nn.Flatten(0)]
        self.net = nn.Sequential(*blocks)

    def forward(self, x: Tensor) -> Tensor:
        """Map samples (N, *shape) to logits (N,); positive means "real"."""
        return self.net(x)


@remembers_spec
def mlp(
    shape: Sequence[int], latent_dim: int = 100, hidden: int = 256, layers: int = 2
) -> tuple[MLPGenerator, MLPDiscriminator]:
    """Build a fully connected pair for images or points.

    Parameters
    ----------
    shape : sequence of int
        Shape of one sample, as `data.shape`.
    latent_dim : int
        Length of the latent vector z.
    hidden : int
        Units of a hidden layer, in both networks.
    layers : int
        Number of hidden layers, in both networks.

    Returns
    -------
    generator, discriminator
        With PyTorch's default initialisation, drawn from its global random numbers.

    Raises
    ------
    UserError
        If a size is not a positive whole number.

    Examples
    --------
    >>> import torch
    >>> generator, discriminator = mlp((1, 28, 28))
    >>> discriminator(generator(torch.zeros(5, 100))).shape
    torch.Size([5])
    """
    check_shape("mlp", shape, (1, 3))
    check_sizes("mlp", latent_dim=latent_dim, hidden=hidden, layers=layers)
    return MLPGenerator(shape, latent_dim, hidden, layers), MLPDiscriminator(shape, hidden, layers)
