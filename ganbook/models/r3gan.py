"""Residual networks without normalisation, in the spirit of R3GAN (Huang et al., 2024), small.

What is kept of the paper's architecture: no normalisation layer anywhere; LeakyReLU(0.2); blocks with an
inverted bottleneck, 1x1 -> 3x3 in groups -> 1x1 with twice the channels inside; Fixup's initialisation (Zhang
et al., 2019) in the place of normalisation: the last convolution of each residual branch is 0, so that the
network begins as its skip path, and the others are drawn with the gain

    sqrt(2 / (1 + 0.2^2)) * L^(-1 / (2m - 2)),   L blocks in the network, m = 3 convolutions a branch;

resampling by interpolation in separate transition layers, with a 1x1 convolution on the smaller map where the
number of channels changes; the generator's first map is a learned 4x4 (7x7) basis whose channels are scaled
by a linear function of z; the discriminator ends in a depthwise 4x4 (7x7) convolution and a linear layer. The
two networks mirror each other. All other weights are drawn from N(0, 1 / fan_in); biases are 0.

What is simplified: fewer and narrower blocks (`width` at the largest map, doubled each time that it shrinks,
up to 4 times); no classes. Upsampling is bilinear interpolation, the filter [1, 3, 3, 1] / 4; downsampling is
the mean of 2x2 pixels, which is what bilinear interpolation gives at half the size. Both are low-pass, where
a bare stride would alias; the authors have the filter [1, 2, 1] for both. The generator ends in tanh, because
samples lie in [-1, 1] here; theirs ends in the 1x1 convolution.

The paper trains such networks with the relativistic pairing loss and the penalties R1 and R2. As nothing here
looks at a batch as a whole, a penalty on each sample's gradient is what it says, and a batch that is split
over processes gives the same gradients as in one.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from ganbook.errors import UserError
from ganbook.models.common import (
    Depth,
    Discriminator,
    Generator,
    Units,
    check_labels,
    remembers_spec,
    size_plan,
)
from ganbook.support.checks import Count

SLOPE = 0.2  # of LeakyReLU
EXPANSION = 2  # channels inside a block, as a multiple of those outside


def _draw(layer: nn.Conv2d | nn.Linear, gain: float = 1.0) -> None:
    """Draw the weights from N(0, gain^2 / fan_in); set the biases to 0."""
    nn.init.normal_(layer.weight, 0.0, gain / math.sqrt(layer.weight[0].numel()))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


class ResidualBlock(nn.Module):
    """x + branch(x), with a branch 1x1 -> 3x3 in groups -> 1x1 that begins at zero; any size.

    Parameters
    ----------
    width : int
        Channels outside.
    group_size : int
        Channels that a group of the 3x3 convolution sees.
    num_blocks : int
        Residual blocks in the whole network, for the initial gain.
    """

    def __init__(self, width: int, group_size: int, num_blocks: int) -> None:
        super().__init__()
        inside = EXPANSION * width
        self.expand = nn.Conv2d(width, inside, 1)
        self.mix = nn.Conv2d(inside, inside, 3, padding=1, groups=inside // group_size)
        self.project = nn.Conv2d(inside, width, 1, bias=False)
        gain = math.sqrt(2 / (1 + SLOPE**2)) * num_blocks ** (-1 / (2 * 3 - 2))
        _draw(self.expand, gain)
        _draw(self.mix, gain)
        nn.init.zeros_(self.project.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, width, H, W) to the same shape."""
        h = leaky_relu(self.expand(x), SLOPE)
        h = leaky_relu(self.mix(h), SLOPE)
        return x + self.project(h)


def _widths(width: int, doublings: int) -> list[int]:
    """Return the channels from the smallest map to the largest."""
    return [width * min(2**i, 4) for i in reversed(range(doublings + 1))]


def _match(width_in: int, width_out: int) -> list[nn.Module]:
    """Return a 1x1 convolution where the number of channels changes, else nothing."""
    if width_in == width_out:
        return []
    conv = nn.Conv2d(width_in, width_out, 1, bias=False)
    _draw(conv)
    return [conv]


class R3GANGenerator(Generator):
    """Residual blocks from a latent vector to an image: (N, latent_dim) to (N, C, H, W) in [-1, 1].

    Parameters
    ----------
    shape : sequence of int
        (C, H, W) with H = W of 16, 28, 32, 64 or 128.
    latent_dim : int
        Length of the latent vector z.
    width : int
        Channels of the largest feature map.
    blocks : int
        Residual blocks at each size.
    group_size : int
        Channels that a group of a 3x3 convolution sees.
    """

    def __init__(
        self, shape: Sequence[int], latent_dim: int, width: int, blocks: int, group_size: int
    ) -> None:
        super().__init__()
        channels, size, doublings = size_plan("r3gan", shape)
        self.latent_dim = latent_dim
        widths = _widths(width, doublings)
        num_blocks = blocks * len(widths)
        self.basis = nn.Parameter(torch.randn(widths[0], size, size))
        self.scale = nn.Linear(latent_dim, widths[0], bias=False)
        _draw(self.scale)
        layers: list[nn.Module] = [ResidualBlock(widths[0], group_size, num_blocks) for _ in range(blocks)]
        for width_in, width_out in itertools.pairwise(widths):
            layers += [*_match(width_in, width_out), nn.Upsample(scale_factor=2, mode="bilinear")]
            layers += [ResidualBlock(width_out, group_size, num_blocks) for _ in range(blocks)]
        image = nn.Conv2d(width, channels, 1)
        _draw(image)
        self.net = nn.Sequential(*layers, image, nn.Tanh())

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map latents (N, latent_dim) to images (N, C, H, W); it takes no labels."""
        check_labels(self.num_classes, labels, len(z))
        return self.net(self.scale(z)[:, :, None, None] * self.basis)


class R3GANDiscriminator(Discriminator):
    """Residual blocks from an image to one logit: (N, C, H, W) to (N,).

    Parameters
    ----------
    shape : sequence of int
        (C, H, W) with H = W of 16, 28, 32, 64 or 128.
    width : int
        Channels of the largest feature map.
    blocks : int
        Residual blocks at each size.
    group_size : int
        Channels that a group of a 3x3 convolution sees.
    """

    def __init__(self, shape: Sequence[int], width: int, blocks: int, group_size: int) -> None:
        super().__init__()
        channels, size, doublings = size_plan("r3gan", shape)
        widths = _widths(width, doublings)[::-1]
        num_blocks = blocks * len(widths)
        extract = nn.Conv2d(channels, width, 1)
        _draw(extract)
        layers: list[nn.Module] = [extract]
        layers += [ResidualBlock(width, group_size, num_blocks) for _ in range(blocks)]
        for width_in, width_out in itertools.pairwise(widths):
            layers += [nn.AvgPool2d(2), *_match(width_in, width_out)]
            layers += [ResidualBlock(width_out, group_size, num_blocks) for _ in range(blocks)]
        remove = nn.Conv2d(widths[-1], widths[-1], size, groups=widths[-1], bias=False)
        logit = nn.Linear(widths[-1], 1, bias=False)
        _draw(remove)
        _draw(logit)
        self.net = nn.Sequential(*layers, remove, nn.Flatten(1), logit, nn.Flatten(0))

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map images (N, C, H, W) to logits (N,), positive means "real"; it takes no labels."""
        check_labels(self.num_classes, labels, len(x))
        return self.net(x)


@remembers_spec
def r3gan(
    shape: Sequence[int], latent_dim: Units = 64, width: Units = 16, blocks: Depth = 1, group_size: Count = 16
) -> tuple[R3GANGenerator, R3GANDiscriminator]:
    """Build a small residual pair without normalisation, in the spirit of R3GAN.

    Parameters
    ----------
    shape : sequence of int
        (C, H, W), as `data.shape`, with H = W of 16, 28, 32, 64 or 128.
    latent_dim : int
        Length of the latent vector z (the paper: 64).
    width : int
        Channels of the largest feature map in both networks; they double each time that the map shrinks, up
        to 4 times (the paper for CIFAR-10: 768 at each size).
    blocks : int
        Residual blocks at each size, in both networks (the paper: 2).
    group_size : int
        Channels that a group of the 3x3 convolutions sees (the paper: 16); it divides 2 * width.

    Returns
    -------
    generator, discriminator
        With Fixup's initialisation, from PyTorch's global random numbers.

    Raises
    ------
    UserError
        If the shape is not one that fits, or an option is out of its range.

    Examples
    --------
    >>> import torch
    >>> generator, discriminator = r3gan((1, 32, 32), width=8)
    >>> images = generator(torch.randn(2, 64))
    >>> images.shape, discriminator(images).shape
    (torch.Size([2, 1, 32, 32]), torch.Size([2]))
    """
    if EXPANSION * width % group_size != 0:
        raise UserError(
            f"r3gan: group_size={group_size}; it must divide {EXPANSION} * width = {EXPANSION * width}, "
            "the channels inside a block"
        )
    generator = R3GANGenerator(shape, latent_dim, width, blocks, group_size)
    return generator, R3GANDiscriminator(shape, width, blocks, group_size)
