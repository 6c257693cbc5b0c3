"""Portraits: faces drawn from known factors, with a mask for every part. Nobody's, and no files.

A portrait is some fifty layers, painted back to front. A layer is a shape (the distance of a pixel from its
edge), a colour, and who has it. Everything that makes a portrait is a factor with a name: the tone of the
skin, how the hair is cut, whether there are glasses, how far the mouth smiles. They come with the image, so
that a chapter can measure what a model has learnt of them, and any of them can be set: the same person with
glasses is as easy to draw as without.
"""

from ganbook.data.portraits.attributes import ATTRIBUTES, attributes
from ganbook.data.portraits.drawing import SPLITS, load_portraits, masks, portraits, stream
from ganbook.data.portraits.factors import NAMES, RANGES, SHARES, Factors, sample_factors
from ganbook.data.portraits.layers import LAYERS, PARTS, Layer

__all__ = [
    "ATTRIBUTES",
    "LAYERS",
    "NAMES",
    "PARTS",
    "RANGES",
    "SHARES",
    "SPLITS",
    "Factors",
    "Layer",
    "attributes",
    "load_portraits",
    "masks",
    "portraits",
    "sample_factors",
    "stream",
]
