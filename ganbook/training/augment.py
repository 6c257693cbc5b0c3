"""Augmentation for small data: real images are flipped, or all that D sees is changed at random.

A discriminator with few real images learns them by heart. Flipping *real* images makes more of them (and G
learns flipped ones, too). `diffaugment` changes real *and* generated images before D sees them, in G's step
as well, where the gradient passes through: what D compares are changed images of both kinds, so G still
learns to make unchanged ones. `AdaptiveStrength` chooses how often, by how well D knows the training data.

All random numbers are arguments: uniform numbers from 0 to below 1, a row a sample. In a run they are drawn
for the whole batch, and each process takes its share. Pixels that come from outside are 0, the middle grey of
[-1, 1].
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

AUGMENTS = ("none", "flip", "diffaugment", "adaptive")
NUM_RANDOM = 10  # numbers that `diffaugment` takes a sample: three for colour, two and two, and three gates
EVERY = 4  # batches between two changes of the adaptive probability


def flip(x: Tensor, u: Tensor) -> Tensor:
    """Mirror images left-right where u < 1/2.

    Parameters
    ----------
    x : Tensor
        Images, shape (N, C, H, W).
    u : Tensor
        Uniform numbers, shape (N,).
    """
    return torch.where((u < 0.5).view(-1, 1, 1, 1), x.flip(3), x)


def colour(x: Tensor, brightness: Tensor, saturation: Tensor, contrast: Tensor) -> Tensor:
    """Change colours: add to all pixels, scale about each pixel's grey, scale about each image's mean.

        x <- x + b,   x <- g + s (x - g),   x <- m + c (x - m)

    g is the mean over a pixel's channels, m that of the whole image.

    Parameters
    ----------
    x : Tensor
        Images, shape (N, C, H, W).
    brightness, saturation, contrast : Tensor
        b, s and c, shape (N,); 0, 1 and 1 change nothing.
    """
    b, s, c = (value.view(-1, 1, 1, 1) for value in (brightness, saturation, contrast))
    x = x + b
    grey = x.mean(1, keepdim=True)
    x = grey + s * (x - grey)
    mean = x.mean((1, 2, 3), keepdim=True)
    return mean + c * (x - mean)


def translate(x: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Shift images by whole pixels; what comes in from outside is 0.

    Parameters
    ----------
    x : Tensor
        Images, shape (N, C, H, W).
    down, right : Tensor
        Pixels, int64 of shape (N,); negative ones shift up and to the left.

    Examples
    --------
    >>> image = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> translate(image, down=torch.tensor([0]), right=torch.tensor([1]))
    tensor([[[[0., 1.],
              [0., 3.]]]])
    """
    for axis, shift in ((2, down), (3, right)):
        size = x.shape[axis]
        # Where each pixel comes from, shape (N, size).
        source = torch.arange(size, device=x.device) - shift[:, None]
        inside = (source >= 0) & (source < size)
        shape = [len(x), 1, 1, 1]
        shape[axis] = size
        x = x.gather(axis, source.clamp(0, size - 1).view(shape).expand_as(x)) * inside.view(shape)
    return x


def cutout(x: Tensor, top: Tensor, left: Tensor) -> Tensor:
    """Set a rectangle of half the height and half the width to 0.

    Parameters
    ----------
    x : Tensor
        Images, shape (N, C, H, W).
    top, left : Tensor
        Its first row and column, int64 of shape (N,); it may stand out of the image.
    """
    inside = torch.ones((), dtype=torch.bool, device=x.device)
    for axis, first in ((2, top), (3, left)):
        shape = [len(x), 1, 1, 1]
        shape[axis] = size = x.shape[axis]
        at = torch.arange(size, device=x.device) - first[:, None]
        inside = inside & ((at >= 0) & (at < (size + 1) // 2)).view(shape)
    return x * ~inside


def diffaugment(x: Tensor, u: Tensor, p: Tensor | float = 1.0) -> Tensor:
    """Change colours, shift, and cut out, each with probability p: differentiable in x.

    Brightness is moved by -0.5 to 0.5, saturation multiplied by 0 to 2, contrast by 0.5 to 1.5. Images
    move by up to an eighth of their size, whole pixels, and a rectangle of half the height and width around a
    random pixel becomes 0.

    Parameters
    ----------
    x : Tensor
        Images, shape (N, C, H, W).
    u : Tensor
        Uniform numbers from 0 to below 1, shape (N, 10).
    p : float or Tensor
        Probability of each of the three, for each sample by itself; 1 as in DiffAugment.

    Returns
    -------
    Tensor
        Shape (N, C, H, W); at p = 0 exactly x.

    Notes
    -----
    Source: Zhao et al. (2020) for the three transformations and their ranges, with p = 1; Karras et al.
    (2020) for p, with many more transformations.
    """
    height, width = x.shape[2:]

    def whole(u: Tensor, least: int, most: int) -> Tensor:
        return least + (u * (most - least + 1)).long()

    def centred(u: Tensor, size: int) -> Tensor:  # the first pixel of a cut around any pixel
        return whole(u, 0, size - 1) - (size + 1) // 4

    def applied(changed: Tensor, x: Tensor, gate: Tensor) -> Tensor:
        return torch.where((gate < p).view(-1, 1, 1, 1), changed, x)

    rows, columns = (height + 4) // 8, (width + 4) // 8
    x = applied(colour(x, u[:, 0] - 0.5, 2 * u[:, 1], u[:, 2] + 0.5), x, u[:, 7])
    x = applied(translate(x, whole(u[:, 3], -rows, rows), whole(u[:, 4], -columns, columns)), x, u[:, 8])
    return applied(cutout(x, centred(u[:, 5], height), centred(u[:, 6], width)), x, u[:, 9])


class AdaptiveStrength(nn.Module):
    """The probability p of augmentation, which rises while D is too sure of the training data.

        r_t = E_x[sign D(x)],   p <- p + delta sign(r_t - target)

    r_t is 1 where D calls every training image real, and 0 where it has no opinion on average. It is the mean
    over four batches; then p moves by delta, so large that it can rise from 0 to 1 within `images` images.

    Source: Karras et al. (2020), section 3; their target is 0.6, their 500,000 images are a small part of a
    run.

    Parameters
    ----------
    target : float
        Of r_t, from -1 to 1.
    images : int
        Real images that p takes from 0 to 1.
    batch_size : int
        Real images a batch.
    """

    p: Tensor
    signs: Tensor

    def __init__(self, target: float, images: int, batch_size: int) -> None:
        super().__init__()
        self.target, self.step = target, EVERY * batch_size / images
        self.register_buffer("p", torch.zeros(()))
        self.register_buffer("signs", torch.zeros(()))

    @torch.no_grad()
    def update(self, sign: Tensor, number: int) -> None:
        """Add a batch's mean sign of D(x), a scalar, to r_t; after every fourth (`number` from 0) move p."""
        self.signs += sign
        if (number + 1) % EVERY == 0:
            self.p += self.step * (self.signs / EVERY - self.target).sign()
            self.p.clamp_(0, 1)
            self.signs.zero_()
