"""Spectrally normalised residual networks: SNGAN (Miyato et al., 2018) and its class-conditional version.

After the tables of the appendix: blocks of two 3x3 convolutions with a skip path. Generator: BatchNorm,
ReLU and nearest-neighbour upsampling in each block; at the end BatchNorm, ReLU, a 3x3 convolution and tanh.
Discriminator: ReLU, 2x2 average pooling and no BatchNorm in the blocks; at the end ReLU, the sum over all
pixels and a linear layer; every weight is divided by its largest singular value. Convolutions of residual
branches are drawn from Xavier's uniform distribution with gain sqrt(2), all other weights with gain 1; biases
are 0 (as in the authors' code).

Channels: 16 to 32 pixels follow the table for CIFAR-10 (the same `width` in every block; the discriminator
halves twice and then has two blocks at that size). 64 pixels and more follow the tables for larger images:
`width` at the largest map, doubled each time that it shrinks, up to 16 times; after the halvings one more
block.

With `num_classes`, after Miyato and Koyama (2018): each BatchNorm in a block has a scale and a shift for each
class, and the discriminator adds a projection, logit = psi(phi(x)) + <e_y, phi(x)>, where phi(x) are the
pixel sums, psi the linear layer and e_y the embedding of class y, spectrally normalised as the other weights
(as in their code).

Deviations: one `width` for both networks (the paper for CIFAR-10: 256 and 128); at 64 pixels the last block
does not halve the 4x4 map again; the last linear layer has a bias also at 32 pixels. A skip path's 1x1
convolution runs on the smaller of the two maps: it commutes with nearest-neighbour upsampling and with
average pooling, so the function is the same at a quarter of the cost.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, relu

from ganbook.models.common import (
    Discriminator,
    Dropout,
    Generator,
    NumClasses,
    Units,
    check_labels,
    normalise_spectrally,
    remembers_spec,
    size_plan,
)
from ganbook.support.checks import OneOf

SpectralNorm = Annotated[str, OneOf("discriminator_norm", ("none", "spectral"))]


def _widths(width: int, doublings: int) -> list[int]:
    """Return the channels from the smallest map to the largest."""
    if doublings <= 3:  # 16 to 32 pixels
        return [width] * (doublings + 1)
    return [width * min(2**i, 16) for i in reversed(range(doublings + 1))]


def _conv(width_in: int, width_out: int, kernel: int, gain: float = 1.0) -> nn.Conv2d:
    """Return a convolution that keeps the size, drawn from Xavier's uniform distribution."""
    conv = nn.Conv2d(width_in, width_out, kernel, padding=kernel // 2)
    nn.init.xavier_uniform_(conv.weight, gain)
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    return conv


def _linear(size_in: int, size_out: int) -> nn.Linear:
    linear = nn.Linear(size_in, size_out)
    nn.init.xavier_uniform_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear


class ClassBatchNorm2d(nn.Module):
    """BatchNorm with a scale and a shift for each class: gamma_y * (x - mean) / std + beta_y.

    Mean and standard deviation are those of the whole batch, whatever its classes. All scales begin at 1,
    all shifts at 0. Source: Miyato and Koyama (2018), after de Vries et al. (2017).

    Parameters
    ----------
    width : int
        Channels.
    num_classes : int
        At least 1.
    """

    def __init__(self, width: int, num_classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(width, affine=False)
        self.gamma = nn.Embedding(num_classes, width)
        self.beta = nn.Embedding(num_classes, width)
        nn.init.ones_(self.gamma.weight)
        nn.init.zeros_(self.beta.weight)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """Map (N, width, H, W) and labels (N,) to (N, width, H, W)."""
        gamma, beta = self.gamma(labels)[:, :, None, None], self.beta(labels)[:, :, None, None]
        return gamma.to(x.dtype) * self.norm(x) + beta.to(x.dtype)


class GeneratorBlock(nn.Module):
    """A residual block that doubles the size: (N, width_in, H, W) to (N, width_out, 2H, 2W).

    Parameters
    ----------
    width_in, width_out : int
        Channels.
    num_classes : int
        0 for plain BatchNorm.
    """

    def __init__(self, width_in: int, width_out: int, num_classes: int) -> None:
        super().__init__()
        self.norm1 = ClassBatchNorm2d(width_in, num_classes) if num_classes else nn.BatchNorm2d(width_in)
        self.conv1 = _conv(width_in, width_out, 3, math.sqrt(2))
        self.norm2 = ClassBatchNorm2d(width_out, num_classes) if num_classes else nn.BatchNorm2d(width_out)
        self.conv2 = _conv(width_out, width_out, 3, math.sqrt(2))
        self.skip = _conv(width_in, width_out, 1)

    def forward(self, x: Tensor, labels: Tensor | None) -> Tensor:
        """Return the skip path plus the residual branch."""
        y = () if labels is None else (labels,)
        h = interpolate(relu(self.norm1(x, *y)), scale_factor=2, mode="nearest")
        h = self.conv2(relu(self.norm2(self.conv1(h), *y)))
        return interpolate(self.skip(x), scale_factor=2, mode="nearest") + h


class DiscriminatorBlock(nn.Module):
    """A residual block that may halve the size: (N, width_in, H, W) to (N, width_out, H/2, W/2).

    Parameters
    ----------
    width_in, width_out : int
        Channels.
    halve : bool
        Whether it ends in 2x2 average pooling.
    first : bool
        Whether its input is the image, which no ReLU may touch.
    dropout : float
        Share of the feature maps that are dropped between its two convolutions.
    """

    def __init__(self, width_in: int, width_out: int, halve: bool, first: bool, dropout: float) -> None:
        super().__init__()
        self.halve, self.first = halve, first
        self.conv1 = _conv(width_in, width_in if not first else width_out, 3, math.sqrt(2))
        self.dropout = nn.Dropout2d(dropout)
        self.conv2 = _conv(width_in if not first else width_out, width_out, 3, math.sqrt(2))
        self.skip = _conv(width_in, width_out, 1) if halve or width_in != width_out else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Return the skip path plus the residual branch."""
        h = self.conv1(x if self.first else relu(x))
        h = self.conv2(self.dropout(relu(h)))
        if self.halve:
            x, h = avg_pool2d(x, 2), avg_pool2d(h, 2)
        return self.skip(x) + h


class ResNetGenerator(Generator):
    """Residual blocks from a latent vector to an image: (N, latent_dim) to (N, C, H, W) in [-1, 1].

    Parameters
    ----------
    shape : sequence of int
        (C, H, W) with H = W of 16, 28, 32, 64 or 128.
    latent_dim : int
        Length of the latent vector z.
    width : int
        Channels of the largest feature map.
    num_classes : int
        0 for an unconditional generator.
    """

    def __init__(self, shape: Sequence[int], latent_dim: int, width: int, num_classes: int = 0) -> None:
        super().__init__()
        channels, size, doublings = size_plan("resnet", shape)
        self.latent_dim = latent_dim
        self.num_classes = num_classes
        widths = _widths(width, doublings)
        self.first_map = nn.Sequential(
            _linear(latent_dim, widths[0] * size * size), nn.Unflatten(1, (widths[0], size, size))
        )
        self.blocks = nn.ModuleList(
            GeneratorBlock(width_in, width_out, num_classes)
            for width_in, width_out in itertools.pairwise(widths)
        )
        self.image = nn.Sequential(
            nn.BatchNorm2d(width), nn.ReLU(inplace=True), _conv(width, channels, 3), nn.Tanh()
        )

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map latents (N, latent_dim), and labels (N,) if conditional, to images (N, C, H, W)."""
        check_labels(self.num_classes, labels, len(z))
        h = self.first_map(z)
        for block in self.blocks:
            h = block(h, labels)
        return self.image(h)


class ResNetDiscriminator(Discriminator):
    """Residual blocks from an image to one logit: (N, C, H, W) to (N,).

    Parameters
    ----------
    shape : sequence of int
        (C, H, W) with H = W of 16, 28, 32, 64 or 128.
    width : int
        Channels of the largest feature map.
    norm : {"spectral", "none"}
        Whether the weights are spectrally normalised.
    dropout : float
        Share of the feature maps that are dropped inside each block.
    num_classes : int
        0 for an unconditional discriminator.
    """

    def __init__(
        self,
        shape: Sequence[int],
        width: int,
        norm: str = "spectral",
        dropout: float = 0.0,
        num_classes: int = 0,
    ) -> None:
        super().__init__()
        channels, _, doublings = size_plan("resnet", shape)
        self.num_classes = num_classes
        if doublings <= 3:  # 16 to 32 pixels
            widths, halvings = [width] * 4, 2
        else:
            widths, halvings = _widths(width, doublings)[::-1], doublings
        self.blocks = nn.Sequential(
            *(
                DiscriminatorBlock(width_in, width_out, halve=i < halvings, first=i == 0, dropout=dropout)
                for i, (width_in, width_out) in enumerate(itertools.pairwise([channels, *widths]))
            )
        )
        self.logit = _linear(widths[-1], 1)
        if num_classes > 0:
            self.embedding = nn.Embedding(num_classes, widths[-1])
            nn.init.xavier_uniform_(self.embedding.weight)
        if norm == "spectral":
            normalise_spectrally(self)

    def features(self, x: Tensor) -> Tensor:
        """Return phi(x), the sums of the last feature maps over their pixels, of shape (N, channels)."""
        h = relu(self.blocks(x))
        return h.sum((2, 3), dtype=torch.promote_types(h.dtype, torch.float32))  # a long sum: never in bf16

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map images (N, C, H, W), and labels (N,) if conditional, to logits (N,); positive means "real"."""
        check_labels(self.num_classes, labels, len(x))
        phi = self.features(x)
        logits = self.logit(phi).squeeze(1)  # psi(phi(x))
        if labels is not None:
            logits = logits + (self.embedding(labels) * phi).sum(1)  # + <e_y, phi(x)>
        return logits


@remembers_spec
def resnet(
    shape: Sequence[int],
    latent_dim: Units = 128,
    width: Units = 32,
    num_classes: NumClasses = 0,
    discriminator_norm: SpectralNorm = "spectral",
    dropout: Dropout = 0.0,
) -> tuple[ResNetGenerator, ResNetDiscriminator]:
    """Build a residual pair with a spectrally normalised discriminator (SNGAN).

    Parameters
    ----------
    shape : sequence of int
        (C, H, W), as `data.shape`, with H = W of 16, 28, 32, 64 or 128.
    latent_dim : int
        Length of the latent vector z (the paper: 128).
    width : int
        Channels of the largest feature map in both networks (the paper for CIFAR-10: 256 in the generator
        and 128 in the discriminator; for larger images 64 in both).
    num_classes : int
        0, or the number of classes: both networks then take `labels` as their second argument.
    discriminator_norm : {"spectral", "none"}
        "none" leaves the discriminator's weights as they are, to see what spectral normalisation does.
    dropout : float
        Share of the discriminator's feature maps that are dropped inside each block, from 0 to below 1.

    Returns
    -------
    generator, discriminator
        Initialised as in the authors' code, from PyTorch's global random numbers.

    Raises
    ------
    UserError
        If the shape is not one that fits, or an option is out of its range.

    Examples
    --------
    >>> import torch
    >>> generator, discriminator = resnet((1, 32, 32), width=8)
    >>> images = generator(torch.randn(2, 128))
    >>> images.shape, discriminator(images).shape
    (torch.Size([2, 1, 32, 32]), torch.Size([2]))
    """
    generator = ResNetGenerator(shape, latent_dim, width, num_classes)
    return generator, ResNetDiscriminator(shape, width, discriminator_norm, dropout, num_classes)
