"""Glyphs: digits drawn as pen strokes from known factors. They pass for handwriting, and need no files.

A digit is a few strokes; a stroke is a chain of cubic Bezier curves through key points (so the key points
are all that has to be written down, and moved a little, to write the digit anew). Everything that makes an
image is a factor with a name: which digit, which way of writing it, how slanted, how thick the pen. They
come with the image, so a chapter can measure what a model has learnt of them.

The pen: a pixel is ink where its distance to the strokes is less than half the thickness, and the edge is a
smooth step about a pixel wide. All lengths are in pixels of a 28x28 image, whatever the size that is drawn,
and as in MNIST a digit fits into a box of 20 pixels and its centre of mass is the image's centre.
"""

from ganbook.data.glyphs.alphabet import VARIANT_NAMES, VARIANTS, Variant
from ganbook.data.glyphs.drawing import BOX, SPLITS, UNIT, glyphs, load_glyphs, render, stream, strokes
from ganbook.data.glyphs.factors import BLOCK, FACTOR_NAMES, RANGES, Factors, sample_factors

__all__ = [
    "BLOCK",
    "BOX",
    "FACTOR_NAMES",
    "RANGES",
    "SPLITS",
    "UNIT",
    "VARIANTS",
    "VARIANT_NAMES",
    "Factors",
    "Variant",
    "glyphs",
    "load_glyphs",
    "render",
    "sample_factors",
    "stream",
    "strokes",
]
