"""What the figures of a page share: checked alt texts, pictures as changes to one, HTML that stands alone."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from ganbook.errors import UserError
from ganbook.support.checks import Whole, shown

if TYPE_CHECKING:
    from PIL.Image import Image

STATIC = resources.files("ganbook.widgets") / "static"
SHORTEST_ALT = 20  # characters; "A figure." says nothing

Shades = Annotated[int, Whole(2, 256, why=", or None")]


class Drawing(NamedTuple):
    """A picture (RGB), and the CSS pixels that one of its pixels takes."""

    image: Image
    scale: float


class Stack(NamedTuple):
    """Pictures of one size: one as it is, and for each what is to be laid over that one."""

    picture: str  # the one shown first, a `data:` address
    changes: tuple[str, ...]  # `data:` addresses of pictures, transparent where nothing changes; "" for none
    size: tuple[int, int]  # width and height as shown, in CSS pixels


def self_contained(
    opening: str, body: str, data: object, style: str, script: str, folder: Traversable = STATIC
) -> str:
    """Return one piece of HTML that carries its style, its data and its script, and asks for no other file.

    Parameters
    ----------
    opening : str
        The `<div ...>` that all of it stands in; the script finds it by its attributes.
    body : str
        What stands between the style and the data: HTML whose texts are escaped.
    data : object
        What the script reads: anything that JSON knows.
    style, script : str
        Files in `folder`: the CSS and the JavaScript (a classic script, for a page opened from a folder runs
        no other).
    folder : Traversable
        Where they lie; by default with this package.

    Returns
    -------
    str
        No text in the data, and no string in the script or the style, can end its element early.
    """
    css = (folder / style).read_text(encoding="utf-8")
    code = (folder / script).read_text(encoding="utf-8")
    # JSON, CSS and JavaScript each have another way to write the character with which a tag begins. In a
    # script "<!--" and "<script" matter, too: after both of them, "</script" would not end it.
    stored = json.dumps(data).replace("<", "\\u003c")
    css = re.sub(r"</(?=style)", r"<\\/", css, flags=re.IGNORECASE)
    code = re.sub(r"<(?=!--|/?script)", r"\\x3C", code, flags=re.IGNORECASE)
    return (
        f"{opening}<style>\n{css}</style>{body}"
        f'<script type="application/json">{stored}</script><script>\n{code}</script></div>'
    )


def check_alt(alt: object) -> str:
    """Return an alt text without the white space around it.

    Raises
    ------
    UserError
        If it is no text, or has fewer than 20 characters.

    Examples
    --------
    >>> check_alt(" A square turns from black to white. ")
    'A square turns from black to white.'
    """
    text = alt.strip() if isinstance(alt, str) else ""
    if len(text) < SHORTEST_ALT:
        raise UserError(
            f"alt={shown(alt)}: it must say in at least {SHORTEST_ALT} characters what the figure shows"
        )
    return text


def shorten(text: str) -> str:
    """Return a text cut to 60 characters, for one line of a notebook.

    Examples
    --------
    >>> shorten("short"), len(shorten("long" * 20))
    ('short', 60)
    """
    return text if len(text) <= 60 else text[:59].rstrip() + "…"


def draw(figure: Any, dpi: int, shades: int | None) -> Drawing:
    """Return a matplotlib figure or a PIL image as pixels; an open pyplot figure is closed.

    Parameters
    ----------
    figure : matplotlib figure or PIL image
        Figures get a white ground.
    dpi : int
        Pixels an inch of matplotlib figures.
    shades : int, optional
        Shades of red, green and blue that are kept; None keeps all.

    Raises
    ------
    UserError
        If it is neither.
    """
    from matplotlib.figure import Figure
    from PIL import Image

    if isinstance(figure, Image.Image):
        picture, scale = figure.convert("RGB"), 1.0
    elif isinstance(figure, Figure):
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=dpi, facecolor="white", pil_kwargs={"compress_level": 1})
        if "matplotlib.pyplot" in sys.modules:
            sys.modules["matplotlib.pyplot"].close(figure)  # else Jupyter shows each frame once more
        picture, scale = Image.open(file).convert("RGB"), 100 / dpi
    else:
        raise UserError(f"figures: got a {type(figure).__name__}; it takes matplotlib figures or PIL images")
    if shades is not None:
        # The same rounding in every frame: what stands still stays the same to the bit, and costs nothing.
        picture = picture.point(
            [round(round(v / 255 * (shades - 1)) * 255 / (shades - 1)) for v in range(256)] * 3
        )
    return Drawing(picture, scale)


def stack(drawings: Sequence[Drawing], start: int) -> Stack:
    """Return pictures as changes to the one shown first.

    Parameters
    ----------
    drawings : sequence of Drawing
        At least one.
    start : int
        Which one is shown first.

    Raises
    ------
    UserError
        If they differ in size.
    """
    sizes = sorted({drawing.image.size for drawing in drawings})
    if len(sizes) > 1:
        raise UserError(f"figures: got sizes {shown(sizes)}; all frames must have one size")
    first, scale = drawings[start]
    changes = tuple(_address(_change(first, image)) if image != first else "" for image, _ in drawings)
    return Stack(_address(first), changes, (round(first.width * scale), round(first.height * scale)))


def _change(first: Image, other: Image) -> Image:
    """Return `other` where it differs from `first` and two pixels around, transparent elsewhere.

    The rim matters where the page shows the picture larger or smaller than it is: without it the edges
    would be half transparent, and traces of the first frame would shine through.
    """
    from PIL import Image, ImageChops, ImageFilter

    channels = ImageChops.difference(first, other).split()
    largest = ImageChops.lighter(ImageChops.lighter(channels[0], channels[1]), channels[2])
    opaque = largest.point(lambda v: 255 if v else 0).filter(ImageFilter.MaxFilter(5))
    change = Image.composite(other, Image.new("RGB", other.size), opaque)
    change.putalpha(opaque)
    return change


def _address(image: Image) -> str:
    """Return an image as a `data:` address: WebP without loss, about half the size of PNG."""
    from PIL import features

    from ganbook.support.pixels import data_address  # here, for it imports torch

    if features.check("webp"):
        return data_address(image, "webp", lossless=True, quality=90)
    return data_address(image, "png", optimize=True)
