"""DCGAN: the convolutional pair of Radford, Metz and Chintala (2016).

The paper's rules, all followed here: strided convolutions instead of pooling, BatchNorm in both networks
except at the generator's output and the discriminator's input, no fully connected hidden layers, ReLU in
the generator with tanh at the end, LeakyReLU(0.2) in the discriminator, weights drawn from N(0, 0.02).

Deviations, both for small images: the sizes 28 and 32 beside the paper's 64 (the first map is then 7x7 or
4x4, and there are as many doublings as are needed), and `width`, the channels of the largest feature map
(the paper's value is 128 in the generator), as a parameter.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from torch import Tensor, nn

from ganbook.errors import UserError
from ganbook.models.common import check_shape, check_sizes, remembers_spec


def _plan(shape: Sequence[int]) -> tuple[int, int, int]:
    """Return (channels, size of the smallest map, number of doublings) for an image shape."""
    check_shape("dcgan", shape, (3,))
    channels, height, width = shape
    size, doublings = height, 0
    while size % 2 == 0 and size > 7:
        size, doublings = size // 2, doublings + 1
    if height != width or size not in (4, 7) or doublings < 2:
        raise UserError(
            f"dcgan: images of {height}x{width} pixels do not fit; it takes 28, 32, 64 or 128 "
            "(set image_size when you load the data: pixels are padded or resized there)"
        )
    return channels, size, doublings


def _initialise(module: nn.Module) -> None:
    """Draw weights as the paper does: N(0, 0.02) for convolutions, N(1, 0.02) for BatchNorm's scale."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, 0.0, 0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, 0.02)
            nn.init.zeros_(layer.bias)


class DCGANGenerator(nn.Module):
    """Transposed convolutions from a latent vector to an image: (N, latent_dim) to (N, C, H, W) in [-1, 1].

    Parameters
    ----------
    shape : sequence of int
        (C, H, W) with H = W of 28, 32, 64 or 128.
    latent_dim : int
        Length of the latent vector z.
    width : int
        Channels of the largest feature map; they double each time that the map shrinks.
    """

    def __init__(self, shape: Sequence[int], latent_dim: int, width: int) -> None:
        super().__init__()
        channels, size, doublings = _plan(shape)
        self.latent_dim = latent_dim
        widths = [width * 2**i for i in reversed(range(doublings))]  # 128, 64, 32 for 32x32 and width 32
        # A transposed convolution with kernel k, stride s, padding p gives (in - 1) s - 2 p + k pixels:
        # from 1x1 to size x size with (size, 1, 0), then exactly doubled by (4, 2, 1).
        blocks: list[nn.Module] = [
            nn.Unflatten(1, (latent_dim, 1, 1)),
            nn.ConvTranspose2d(latent_dim, widths[0], size, 1, 0, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(inplace=True),
        ]
        for width_in, width_out in itertools.pairwise(widths):
            blocks += [
                nn.ConvTranspose2d(width_in, width_out, 4, 2, 1, bias=False),
                nn.BatchNorm2d(width_out),
                nn.ReLU(inplace=True),
            ]
        blocks += [nn.ConvTranspose2d(widths[-1], channels, 4, 2, 1), nn.Tanh()]
        self.net = nn.Sequential(*blocks)
        _initialise(self)

    def forward(self, z: Tensor) -> Tensor:
        """Map latents (N, latent_dim) to images (N, C, H, W)."""
        return self.net(z)


class DCGANDiscriminator(nn.Module):
    """Strided convolutions from an image to one logit: (N, C, H, W) to (N,).

    Parameters
    ----------
    shape : sequence of int
        (C, H, W) with H = W of 28, 32, 64 or 128.
    width : int
        Channels of the largest feature map; they double each time that the map shrinks.
    """

    def __init__(self, shape: Sequence[int], width: int) -> None:
        super().__init__()
        channels, size, doublings = _plan(shape)
        widths = [width * 2**i for i in range(doublings)]
        blocks: list[nn.Module] = [nn.Conv2d(channels, widths[0], 4, 2, 1), nn.LeakyReLU(0.2, inplace=True)]
        for width_in, width_out in itertools.pairwise(widths):
            blocks += [
                nn.Conv2d(width_in, width_out, 4, 2, 1, bias=False),
                nn.BatchNorm2d(width_out),
                nn.LeakyReLU(0.2, inplace=True),
            ]
        blocks += [nn.Conv2d(widths[-1], 1, size, 1, 0), nn.Flatten(0)]
        self.net = nn.Sequential(*blocks)
        _initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (N, C, H, W) to logits (N,); positive means "real"."""
        return self.net(x)


@remembers_spec
def dcgan(
    shape: Sequence[int], latent_dim: int = 64, width: int = 32
) -> tuple[DCGANGenerator, DCGANDiscriminator]:
    """Build a DCGAN pair.

    Parameters
    ----------
    shape : sequence of int
        (C, H, W), as `data.shape`, with H = W of 28, 32, 64 or 128.
    latent_dim : int
        Length of the latent vector z (the paper: 100).
    width : int
        Channels of the largest feature map in both networks.

    Returns
    -------
    generator, discriminator
        Initialised as in the paper, from PyTorch's global random numbers.

    Raises
    ------
    UserError
        If the shape is not one that fits, or a size is not a positive whole number.

    Examples
    --------
    >>> import torch
    >>> generator, discriminator = dcgan((1, 32, 32), latent_dim=64, width=8)
    >>> images = generator(torch.randn(2, 64))
    >>> images.shape, discriminator(images).shape
    (torch.Size([2, 1, 32, 32]), torch.Size([2]))
    """
    check_sizes("dcgan", latent_dim=latent_dim, width=width)
    return DCGANGenerator(shape, latent_dim, width), DCGANDiscriminator(shape, width)
