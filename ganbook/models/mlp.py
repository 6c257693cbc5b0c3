"""Fully connected networks: the smallest pair that learns, and the networks of the 2014 paper in kind."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from torch import Tensor, nn

from ganbook.models.batches import MinibatchStd, pack, unpack
from ganbook.models.common import (
    Depth,
    Discriminator,
    Dropout,
    Generator,
    HiddenOrSame,
    Norm,
    Units,
    check_labels,
    check_shape,
    normalise_spectrally,
    remembers_spec,
)
from ganbook.support.checks import Count, TrueOrFalse


class MLPGenerator(Generator):
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

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map latents (N, latent_dim) to samples (N, *shape); it takes no labels."""
        check_labels(self.num_classes, labels, len(z))
        return self.net(z)


class MLPDiscriminator(Discriminator):
    """A discriminator of fully connected layers: samples (N, *shape) to logits (N,).

    Parameters
    ----------
    shape : sequence of int
        Shape of one sample.
    hidden : int
        Units of a hidden layer.
    layers : int
        Number of hidden layers.
    norm : {"batch", "layer", "none", "spectral"}
        What normalises the hidden layers ("spectral": the weights of all layers).
    dropout : float
        Share of the units that are dropped after each activation.
    minibatch_std : bool
        Whether the deviation over the batch is one more input.
    packing : int
        Samples that are judged together.
    """

    def __init__(
        self,
        shape: Sequence[int],
        hidden: int,
        layers: int,
        norm: str = "none",
        dropout: float = 0.0,
        minibatch_std: bool = False,
        packing: int = 1,
    ) -> None:
        super().__init__()
        self.packing = packing
        sizes = [packing * math.prod(shape) + minibatch_std] + [hidden] * layers
        blocks: list[nn.Module] = [nn.Flatten()]
        if minibatch_std:
            blocks.append(MinibatchStd())
        for size_in, size_out in itertools.pairwise(sizes):
            blocks.append(nn.Linear(size_in, size_out))
            if norm == "batch":
                blocks.append(nn.BatchNorm1d(size_out))
            if norm == "layer":
                blocks.append(nn.LayerNorm(size_out))
            blocks.append(nn.LeakyReLU(0.2))
            if dropout > 0:
                blocks.append(nn.Dropout(dropout))
        blocks += [nn.Linear(hidden, 1), nn.Flatten(0)]
        self.net = nn.Sequential(*blocks)
        if norm == "spectral":
            normalise_spectrally(self)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map samples (N, *shape) to logits (N,), positive means "real"; it takes no labels."""
        check_labels(self.num_classes, labels, len(x))
        return unpack(self.net(pack(x, self.packing)), self.packing)


@remembers_spec
def mlp(
    shape: Sequence[int],
    latent_dim: Units = 100,
    hidden: Units = 256,
    layers: Depth = 2,
    discriminator_norm: Norm = "none",
    dropout: Dropout = 0.0,
    discriminator_hidden: HiddenOrSame = 0,
    minibatch_std: TrueOrFalse = False,
    packing: Count = 1,
) -> tuple[MLPGenerator, MLPDiscriminator]:
    """Build a fully connected pair for images or points.

    Parameters
    ----------
    shape : sequence of int
        Shape of one sample, as `data.shape`.
    latent_dim : int
        Length of the latent vector z.
    hidden : int
        Units of a hidden layer, in both networks (but see `discriminator_hidden`).
    layers : int
        Number of hidden layers, in both networks.
    discriminator_norm : {"batch", "layer", "none", "spectral"}
        What normalises the discriminator: nothing; each hidden layer's output, over the batch or over the
        layer; or the weights of all layers, by their largest singular value (Miyato et al., 2018).
    dropout : float
        Share of the discriminator's hidden units that are dropped after each activation, from 0 to below 1.
    discriminator_hidden : int
        Units of a hidden layer of the discriminator; 0: as many as `hidden`.
    minibatch_std : bool
        Whether the discriminator is told the standard deviation over the batch, as one number beside each
        sample (Karras et al., 2018): then it sees a generator that repeats itself.
    packing : int
        How many samples the discriminator judges together, m of PacGAN (Lin et al., 2018); each of them gets
        the logit of its pack. A batch must be a multiple of m.

    Returns
    -------
    generator, discriminator
        With PyTorch's default initialisation, drawn from its global random numbers.

    Raises
    ------
    UserError
        If a size is not a positive whole number, or another option is out of its range.

    Examples
    --------
    >>> import torch
    >>> generator, discriminator = mlp((1, 28, 28))
    >>> discriminator(generator(torch.zeros(5, 100))).shape
    torch.Size([5])
    """
    check_shape("mlp", shape, (1, 3))
    generator = MLPGenerator(shape, latent_dim, hidden, layers)
    units = discriminator_hidden or hidden
    return generator, MLPDiscriminator(
        shape, units, layers, discriminator_norm, dropout, minibatch_std, packing
    )
