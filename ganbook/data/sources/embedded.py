"""What is always there: real digits that come with scikit-learn; glyphs and portraits, drawn on the spot."""

from __future__ import annotations

import torch

from ganbook.data.glyphs import load_glyphs
from ganbook.data.portraits import ATTRIBUTES, NAMES, SPLITS, attributes, portraits, sample_factors
from ganbook.data.request import RawImages, Request
from ganbook.data.sources.kept import kept

DIGIT_NAMES = tuple("0123456789")


def load_digits(request: Request) -> RawImages:
    """Load scikit-learn's 1,797 real handwritten digits of 8x8 pixels (embedded: no network, no files).

    The first 1,437 images are the training split, the last 360 (a fifth) the test split.
    """
    from sklearn.datasets import load_digits as sklearn_digits

    digits = sklearn_digits()
    # 17 grey levels, 0..16, become 0..255.
    images = torch.from_numpy(digits.images).mul(255 / 16).round().to(torch.uint8).unsqueeze(1)
    labels = torch.from_numpy(digits.target).long()
    part = slice(None, -360) if request.split == "train" else slice(-360, None)
    return RawImages(images[part], labels[part], DIGIT_NAMES, background=0)


def load_glyph_images(request: Request) -> RawImages:
    """Draw the glyphs, at the size and in the channels that were asked for.

    Grey glyphs of up to 36 pixels are drawn at 28 and padded, as MNIST is, so that the two look alike.
    """
    channels = request.channels or 1
    size = request.image_size or 28
    if channels == 1 and 28 <= size <= 36:
        size = 28
    images, labels, _ = load_glyphs(request.split, image_size=size, channels=channels, num=request.limit)
    return RawImages(images, labels, DIGIT_NAMES, background=0 if channels == 1 else None)


def load_portrait_images(request: Request) -> RawImages:
    """Draw the portraits, in the size and the channels that were asked for. Classes are hair styles.

    Many of them are kept in the cache (`ganbook.data.sources.kept`).
    """
    size, channels = request.image_size or 64, request.channels or 3
    whole, seed = SPLITS[request.split]
    num = min(request.limit or whole, whole)
    factors = sample_factors(num, seed)
    images = kept(
        "ganbook.data.portraits", (seed,), (num, channels, size, size),
        lambda: portraits(factors, size, channels),
    )  # fmt: skip
    return RawImages(
        images, factors.hair, NAMES["hair"], background=None, attributes=attributes(factors),
        attribute_names=tuple(ATTRIBUTES), attribute_values=tuple(ATTRIBUTES.values()),
    )  # fmt: skip
