"""From an image file to bytes: every kind of file becomes a square of 8-bit grey levels or colours.

The rules, in their order:

- The content decides what a file is, not its name. Of an animation or a document the first picture counts.
- The orientation that a camera noted (EXIF) is heeded.
- What is transparent becomes white.
- 16 bits a channel are divided by 257. Floats are taken from 0..1, or from 0..255, by their range.
- Other modes (palette, CMYK, YCbCr, one bit) are turned to grey or RGB by Pillow.
- The centre square is cut out and resized (`ganbook.support.pixels.fit_picture`).

A file that cannot be read whole is a `BadImage` with a reason; half a picture is never taken for a whole one.
"""

from __future__ import annotations

import contextlib
import struct
import zlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ganbook.support.pixels import fit_picture

if TYPE_CHECKING:
    from PIL import Image

VERSION = 1  # goes up when the rules change, so that no old cache is taken for a new one
SUFFIXES = frozenset(  # the names that a folder is searched for
    (
        ".avif", ".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm",
        ".tif", ".tiff", ".webp",
    )
)  # fmt: skip

# What the content may be. Not all that Pillow knows: for EPS, say, it would start another program.
FORMATS = ("AVIF", "BMP", "GIF", "ICO", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")

# What Pillow's many decoders raise on damaged files.
DECODER_ERRORS = (
    OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError, AttributeError,
    NotImplementedError, OverflowError, MemoryError, RuntimeError, struct.error, zlib.error,
)  # fmt: skip


class BadImage(Exception):
    """A file that is no image, or a damaged one; its text is the reason, in a few words."""


def decode(path: Path, image_size: int, channels: int) -> np.ndarray[Any, Any]:
    """Read an image file as a square.

    Parameters
    ----------
    path : Path
        The file.
    image_size : int
        Height and width that are wanted.
    channels : {1, 3}
        Grey or colour.

    Returns
    -------
    ndarray
        uint8, shape (channels, image_size, image_size).

    Raises
    ------
    BadImage
        If the file cannot be read, is no image or a damaged one.
    """
    picture = fit_picture(_read(path, 2 * image_size), image_size)
    pixels = np.asarray(picture.convert("L" if channels == 1 else "RGB"))
    return pixels[np.newaxis] if channels == 1 else pixels.transpose(2, 0, 1)


def picture_size(path: Path) -> tuple[int, int] | None:
    """Return width and height as the file's head says, before any rotation; None where it says nothing."""
    from PIL import Image

    try:
        with Image.open(path, formats=_formats()) as image:
            return image.size
    except (*DECODER_ERRORS, Image.DecompressionBombError):
        return None


@cache
def _formats() -> tuple[str, ...]:
    """Return those of `FORMATS` that this Pillow can read."""
    from PIL import Image

    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _read(path: Path, least: int) -> Image.Image:
    """Return the picture, mode L or RGB. A JPEG that is much larger may come smaller, but never < `least`."""
    from PIL import Image

    try:
        if path.stat().st_size == 0:
            raise BadImage("empty, 0 bytes")
        with Image.open(path, formats=_formats()) as image:
            image.draft(image.mode, (least, least))  # JPEG only: a half, quarter or eighth, much faster
            image.load()
            return _eight_bits(_upright(image))
    except Image.DecompressionBombError as error:
        raise BadImage("too many pixels, it could be a decompression bomb") from error
    except Image.UnidentifiedImageError as error:
        raise BadImage(_what_instead(path)) from error
    except DECODER_ERRORS as error:
        if isinstance(error, OSError) and error.strerror:  # from the system, not from a decoder
            raise BadImage(error.strerror) from error
        text = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise BadImage("truncated" if "truncated" in text.lower() else text[:80]) from error


def _what_instead(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(64)
    with contextlib.suppress(UnicodeDecodeError):
        text = head.decode("ascii").split()
        if text and all(c.isprintable() or c.isspace() for c in head.decode("ascii")):
            return f"text, not an image: {' '.join(text)[:20]!r}"
    return "not an image that Pillow knows, or a damaged one"


def _upright(image: Image.Image) -> Image.Image:
    from PIL import ImageOps

    try:
        return ImageOps.exif_transpose(image)
    except DECODER_ERRORS:  # a broken note about the camera does not spoil the picture
        return image


def _eight_bits(image: Image.Image) -> Image.Image:
    """Turn any mode to L or RGB."""
    from PIL import Image

    if image.mode in ("L", "RGB") and not image.has_transparency_data:
        return image
    if image.mode == "F" or image.mode.startswith("I"):
        return Image.fromarray(_grey_levels(np.asarray(image)))
    if image.has_transparency_data:
        if image.mode == "La":  # Pillow has no direct way
            image = image.convert("LA")
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image.convert("L" if image.mode == "1" else "RGB")


def _grey_levels(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Turn 16-bit or floating point grey levels to uint8."""
    if values.dtype.kind != "f":
        if values.min() < 0 or values.max() > 65_535:
            raise BadImage(f"grey levels from {values.min()} to {values.max()}; at most 16 bits are known")
        return ((values.astype(np.int64) + 128) // 257).astype(np.uint8)
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= 255):  # also if one is not a number
        raise BadImage(f"grey levels from {low:g} to {high:g}; floats must be in 0..1 or 0..255")
    return np.rint(values * (255.0 if high <= 1 else 1.0)).astype(np.uint8)
