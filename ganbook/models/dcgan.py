"""DCGAN: the convolutional pair of Radford, Metz and Chintala (2016).

The paper's rules, all followed here: strided convolutions instead of pooling, BatchNorm in both networks
except at the generator's output and the discriminator's input, no fully connected hidden layers, ReLU in
the generator with tanh at the end, LeakyReLU(0.2) in the discriminator, weights drawn from N(0, 0.02).

Deviations, both for small images: the sizes 16, 28 and 32 beside the paper's 64 (the first map is then 7x7 or
4x4, and there are as many doublings as are needed), and `width`, the channels of the largest feature map
(the paper's value is 128 in the generator), as a parameter.

Options that leave the paper's rules, all off by default:

- `discriminator_norm`: what stands in the place of BatchNorm in the discriminator. "layer" (over channels and
  pixels of one sample, as in Gulrajani et al., 2017) and "none" keep the samples of a batch apart, which a
  gradient penalty needs; "spectral" divides every weight by its largest singular value (Miyato et al., 2018).
- `dropout` in the discriminator: of whole feature maps, after each activation.
- `num_classes`: a class-conditional pair. The generator reads [z, z * e_y], with e_y an embedding of class y.
  (From [z, e_y] it soon draws one image a class and hardly looks at z.) The discriminator is the projection
  of Miyato and Koyama (2018), logit = psi(phi(x)) + <e_y, phi(x)>, where phi(x) is the last feature map and
  psi the paper's last convolution; so its e_y is a correction of that convolution's kernel for class y.
- `minibatch_std`: the last convolution sees one more map, constant: the standard deviation over the batch
  (Karras et al., 2018). `packing`: m images are judged together, as one of m times the channels, and each
  gets the logit of its pack (PacGAN; Lin et al., 2018). Both make a discriminator that sees a generator
  repeat itself; packs are for unconditional pairs.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ganbook.errors import UserError
from ganbook.models.batches import MinibatchStd, pack, unpack
from ganbook.models.common import (
    Discriminator,
    Dropout,
    Generator,
    Norm,
    NumClasses,
    Units,
    check_labels,
    normalise_spectrally,
    remembers_spec,
    size_plan,
)
from ganbook.support.checks import Count, TrueOrFalse


def _initialise(module: nn.Module) -> None:
    """Draw weights as the paper does: N(0, 0.02) for convolutions, N(1, 0.02) for BatchNorm's scale.

    The embeddings of classes are no part of the paper: N(0, 0.02) in the discriminator, where they stand
    beside a convolution's kernel; N(0, 1) in the generator (PyTorch's default), where they multiply z.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, 0.0, 0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, 0.02)
            nn.init.zeros_(layer.bias)


class DCGANGenerator(Generator):
    """Transposed convolutions from a latent vector to an image: (N, latent_dim) to (N, C, H, W) in [-1, 1].

    Parameters
    ----------
    shape : sequence of int
        (C, H, W) with H = W of 16, 28, 32, 64 or 128.
    latent_dim : int
        Length of the latent vector z.
    width : int
        Channels of the largest feature map; they double each time that the map shrinks.
    num_classes : int
        0 for an unconditional generator.
    """

    def __init__(self, shape: Sequence[int], latent_dim: int, width: int, num_classes: int = 0) -> None:
        super().__init__()
        channels, size, doublings = size_plan("dcgan", shape)
        self.latent_dim = latent_dim
        self.num_classes = num_classes
        inputs = latent_dim if num_classes == 0 else 2 * latent_dim  # z, or z and z * e_y
        widths = [width * 2**i for i in reversed(range(doublings))]  # 128, 64, 32 for 32x32 and width 32
        # A transposed convolution with kernel k, stride s, padding p gives (in - 1) s - 2 p + k pixels:
        # from 1x1 to size x size with (size, 1, 0), then exactly doubled by (4, 2, 1).
        blocks: list[nn.Module] = [
            nn.Unflatten(1, (inputs, 1, 1)),
            nn.ConvTranspose2d(inputs, widths[0], size, 1, 0, bias=False),
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
        if num_classes > 0:
            self.embedding = nn.Embedding(num_classes, latent_dim)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map latents (N, latent_dim), and labels (N,) if conditional, to images (N, C, H, W)."""
        check_labels(self.num_classes, labels, len(z))
        if labels is not None:
            z = torch.cat([z, z * self.embedding(labels)], dim=1)
        return self.net(z)


class DCGANDiscriminator(Discriminator):
    """Strided convolutions from an image to one logit: (N, C, H, W) to (N,).

    Parameters
    ----------
    shape : sequence of int
        (C, H, W) with H = W of 16, 28, 32, 64 or 128.
    width : int
        Channels of the largest feature map; they double each time that the map shrinks.
    norm : {"batch", "layer", "none", "spectral"}
        What normalises it.
    dropout : float
        Share of the feature maps that are dropped after each activation.
    num_classes : int
        0 for an unconditional discriminator.
    minibatch_std : bool
        Whether the last convolution sees the deviation over the batch as one more map.
    packing : int
        Images that are judged together.
    """

    def __init__(
        self,
        shape: Sequence[int],
        width: int,
        norm: str = "batch",
        dropout: float = 0.0,
        num_classes: int = 0,
        minibatch_std: bool = False,
        packing: int = 1,
    ) -> None:
        super().__init__()
        channels, size, doublings = size_plan("dcgan", shape)
        self.num_classes = num_classes
        self.packing = packing
        widths = [width * 2**i for i in range(doublings)]
        drop = [nn.Dropout2d(dropout)] if dropout > 0 else []
        blocks: list[nn.Module] = [
            nn.Conv2d(packing * channels, widths[0], 4, 2, 1),
            nn.LeakyReLU(0.2, inplace=True),
            *drop,
        ]
        for width_in, width_out in itertools.pairwise(widths):
            # BatchNorm takes the mean away, so a bias before it would do nothing.
            blocks.append(nn.Conv2d(width_in, width_out, 4, 2, 1, bias=norm != "batch"))
            if norm == "batch":
                blocks.append(nn.BatchNorm2d(width_out))
            if norm == "layer":
                blocks.append(nn.GroupNorm(1, width_out))  # one group: all channels and pixels of a sample
            blocks += [nn.LeakyReLU(0.2, inplace=True), *drop]
        last: list[nn.Module] = [nn.Conv2d(widths[-1] + minibatch_std, 1, size, 1, 0), nn.Flatten(0)]
        if minibatch_std:
            last.insert(0, MinibatchStd())
        self.num_last = len(last)
        self.net = nn.Sequential(*blocks, *last)
        _initialise(self)
        if num_classes > 0:
            self.embedding = nn.Embedding(num_classes, widths[-1] * size * size)
            nn.init.normal_(self.embedding.weight, 0.0, 0.02)
        if norm == "spectral":
            normalise_spectrally(self)

    def features(self, x: Tensor) -> Tensor:
        """Return phi(x), the last feature map, of shape (N, channels, size, size), or (N/m, ...) of packs."""
        return self.net[: -self.num_last](pack(x, self.packing))

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map images (N, C, H, W), and labels (N,) if conditional, to logits (N,); positive means "real"."""
        check_labels(self.num_classes, labels, len(x))
        phi = self.features(x)
        logits = unpack(self.net[-self.num_last :](phi), self.packing)  # psi(phi(x))
        if labels is not None:
            logits = logits + (self.embedding(labels) * phi.flatten(1)).sum(1)  # + <e_y, phi(x)>
        return logits


@remembers_spec
def dcgan(
    shape: Sequence[int],
    latent_dim: Units = 64,
    width: Units = 32,
    num_classes: NumClasses = 0,
    discriminator_norm: Norm = "batch",
    dropout: Dropout = 0.0,
    minibatch_std: TrueOrFalse = False,
    packing: Count = 1,
) -> tuple[DCGANGenerator, DCGANDiscriminator]:
    """Build a DCGAN pair.

    Parameters
    ----------
    shape : sequence of int
        (C, H, W), as `data.shape`, with H = W of 16, 28, 32, 64 or 128.
    latent_dim : int
        Length of the latent vector z (the paper: 100).
    width : int
        Channels of the largest feature map in both networks.
    num_classes : int
        0, or the number of classes: both networks then take `labels` as their second argument.
    discriminator_norm : {"batch", "layer", "none", "spectral"}
        What normalises the discriminator. A gradient penalty needs one of the last three: BatchNorm mixes
        the samples of a batch, and a penalty on each sample's gradient would no longer be one.
    dropout : float
        Share of the discriminator's feature maps that are dropped after each activation, from 0 to below 1.
    minibatch_std : bool
        Whether the discriminator's last convolution is told the standard deviation over the batch, as one
        more map (Karras et al., 2018): then it sees a generator that repeats itself.
    packing : int
        How many images the discriminator judges together, m of PacGAN (Lin et al., 2018); each of them gets
        the logit of its pack. A batch must be a multiple of m. Not with classes.

    Returns
    -------
    generator, discriminator
        Initialised as in the paper, from PyTorch's global random numbers.

    Raises
    ------
    UserError
        If the shape is not one that fits, or an option is out of its range.

    Examples
    --------
    >>> import torch
    >>> generator, discriminator = dcgan((1, 32, 32), latent_dim=64, width=8)
    >>> images = generator(torch.randn(2, 64))
    >>> images.shape, discriminator(images).shape
    (torch.Size([2, 1, 32, 32]), torch.Size([2]))

    With classes:

    >>> generator, discriminator = dcgan((1, 32, 32), width=8, num_classes=10)
    >>> labels = torch.tensor([3, 7])
    >>> discriminator(generator(torch.randn(2, 64), labels), labels).shape
    torch.Size([2])
    """
    if packing > 1 and num_classes > 0:
        raise UserError(f"dcgan: packing={packing}: packs are for unconditional pairs; set num_classes to 0")
    generator = DCGANGenerator(shape, latent_dim, width, num_classes)
    return generator, DCGANDiscriminator(
        shape, width, discriminator_norm, dropout, num_classes, minibatch_std, packing
    )
