"""The colours of dark pages: what a figure that was drawn on white becomes on black.

Ink becomes light and paper dark. Pale tints become dark ones. Strong colours keep their hue and become as
light as they must be to stand out; so curves that colour-blind readers can tell apart on white differ on
black, too. Lightness, strength (chroma) and hue are those of Oklab (Ottosson, 2020).
"""

from __future__ import annotations

import base64
import functools
import io
import math
import re
from collections.abc import Callable
from typing import NamedTuple
from xml.etree.ElementTree import Element

GROUND, INK = 0.183, 0.93  # lightness of what was white (#121212, the theme's ground) and black
STRONG = 0.64  # lightness that strong colours have at least
KEPT = "kept"  # ids that begin so are pictures, or texts on them: they stay as they are
MAP = "map"  # and these are maps of values, on which texts stand: only their lightness is turned


class Oklab(NamedTuple):
    """A colour: lightness from 0 (black) to 1 (white), and two axes of colour."""

    lightness: float
    a: float
    b: float


def to_oklab(red: int, green: int, blue: int) -> Oklab:
    """Return a colour of sRGB, 0 to 255, in Oklab."""
    r, g, b = (
        (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4)
        for v in (red / 255, green / 255, blue / 255)
    )
    long = math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b)
    middle = math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b)
    short = math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b)
    return Oklab(
        0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short,
    )


def to_srgb(colour: Oklab) -> tuple[int, int, int]:
    """Return a colour of Oklab in sRGB, 0 to 255; what sRGB does not have is cut off."""
    lightness, a, b = colour
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
    )
    gamma = ((12.92 * v if v <= 0.0031308 else 1.055 * max(v, 0) ** (1 / 2.4) - 0.055) for v in linear)
    red, green, blue = (round(255 * min(max(v, 0), 1)) for v in gamma)
    return red, green, blue


@functools.cache
def turned(red: int, green: int, blue: int) -> tuple[int, int, int]:
    """Return a colour of the same hue, as light as it was dark."""
    lightness, a, b = to_oklab(red, green, blue)
    return to_srgb(Oklab(GROUND + (INK - GROUND) * max(1 - lightness, 0), a, b))


@functools.cache
def darkened(red: int, green: int, blue: int) -> tuple[int, int, int]:
    """Return what a colour becomes on a dark page.

    Examples
    --------
    >>> darkened(255, 255, 255), darkened(0, 0, 0)
    ((18, 18, 18), (232, 232, 232))
    """
    lightness, a, b = to_oklab(red, green, blue)
    turned_to = GROUND + (INK - GROUND) * max(1 - lightness**2.2, 0)
    share = min(
        max((math.hypot(a, b) - 0.05) / 0.06, 0), 1
    )  # 0 for greys and pale tints, 1 for strong colours
    return to_srgb(Oklab((1 - share) * turned_to + share * max(lightness, STRONG), a, b))


NAMED = {"white": "#ffffff", "black": "#000000"}
COLOUR = re.compile(r"#[0-9a-fA-F]{6}\b|#[0-9a-fA-F]{3}\b|\b(?:white|black)\b")
PAINT = ("fill", "stroke", "stop-color", "color", "style")  # attributes of SVG that hold colours
PNG = "data:image/png;base64,"
HREF = "{http://www.w3.org/1999/xlink}href"


def dark_words(words: str) -> str:
    """Return the value of an attribute with its colours darkened.

    Examples
    --------
    >>> dark_words("fill: #fff; stroke: none")
    'fill: #121212; stroke: none'
    """
    return COLOUR.sub(lambda found: dark_hex(found[0]), words)


def dark_hex(colour: str) -> str:
    """Return "#rgb", "#rrggbb", "white" or "black" darkened, as "#rrggbb"."""
    digits = NAMED.get(colour, colour)[1:]
    if len(digits) == 3:
        digits = "".join(2 * digit for digit in digits)
    red, green, blue = (int(digits[i : i + 2], 16) for i in (0, 2, 4))
    return "#{:02x}{:02x}{:02x}".format(*darkened(red, green, blue))


def darken(element: Element) -> None:
    """Darken a figure in SVG, in place, but for what is to be kept."""
    element.set("fill", element.get("fill", "#000000"))  # black is what is not said
    _darken_all(element)


def _darken_all(element: Element) -> None:
    if element.get("id", "").startswith(KEPT):
        if element.tag.endswith("}g"):
            element.set("fill", element.get("fill", "#000000"))
        return
    for name in PAINT:
        if name in element.attrib:
            element.set(name, dark_words(element.attrib[name]))
    address = element.get(HREF, "")
    if address.startswith(PNG):
        how = turned if element.get("id", "").startswith(MAP) else darkened
        dark = dark_png(base64.b64decode(address.removeprefix(PNG)), how)
        element.set(HREF, PNG + base64.b64encode(dark).decode())
    for child in element:
        _darken_all(child)


def dark_png(png: bytes, how: Callable[[int, int, int], tuple[int, int, int]] = darkened) -> bytes:
    """Return a picture with each of its colours changed; how opaque a pixel is stays."""
    import numpy as np
    from PIL import Image

    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGBA")).copy()
    colours = pixels[..., :3].reshape(-1, 3)
    seen, back = np.unique(colours, axis=0, return_inverse=True)
    dark = np.array([how(*map(int, colour)) for colour in seen], dtype=np.uint8)
    pixels[..., :3] = dark[back.ravel()].reshape(*pixels.shape[:2], 3)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG", optimize=True)
    return file.getvalue()
