"""What the figures of a page share: checked alt texts, pictures as changes to one, HTML that stands alone."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Iterable, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from ganbook.errors import UserError
from ganbook.support.checks import Whole, shown

if TYPE_CHECKING:
    from PIL.Image import Image

STATIC = resources.files("ganbook.widgets") / "static"
SHOWN_AT = 100  # CSS pixels an inch of a matplotlib figure
SHARP, LIGHT = 200, 130  # pixels an inch: sharp on dense screens; and for figures that would be too heavy
HEAVY = 300_000  # bytes
SMALLEST_TEXT = 9.2  # CSS pixels; where a page is narrower than that allows, the figure scrolls
SHORTEST_ALT = 20  # characters; "A figure." says nothing

Shades = Annotated[int, Whole(2, 256, why=", or None")]
Quality = Annotated[int, Whole(1, 100, why=", or None")]


class Drawing(NamedTuple):
    """A picture (RGB), and the CSS pixels that one of its pixels takes.

    For a matplotlib figure, which is ink on white, also the width in CSS pixels below which its smallest text
    could not be read, and where it holds pictures: left, top, right and bottom as shares of its size. For
    pictures `readable` is None.
    """

    image: Image
    scale: float
    readable: float | None = None
    pictures: tuple[tuple[float, float, float, float], ...] = ()


class Stack(NamedTuple):
    """Pictures of one size: one as it is, and for each what is to be laid over that one."""

    picture: str  # the one shown first, a `data:` address
    changes: tuple[str, ...]  # `data:` addresses of pictures, transparent where nothing changes; "" for none
    size: tuple[int, int]  # width and height as shown, in CSS pixels
    readable: int | None = (
        None  # the least width as shown; None for pictures, which dark pages leave as they are
    )
    kept: str = ""  # the parts of drawings that are pictures, as CSS `clip-path`

    @property
    def weight(self) -> int:
        """The bytes that the pictures take in the page."""
        return len(self.picture) + sum(map(len, self.changes))

    @property
    def attribute(self) -> str:
        """Say in HTML that these are drawings, ink on white, and so may be turned into light on dark."""
        return "" if self.readable is None else " data-ink"

    def html(self, alt: str) -> str:
        """Return the stack as HTML: the first picture and an empty one for the change, both in a frame.

        Where there are pictures in drawings, both stand there once more, cut to the pictures: a page that
        turns ink to light lays these over the others.
        """
        width, height = self.size
        least = f' style="min-width:{min(width, self.readable)}px"' if self.readable else ""
        pair = (
            f'<img src="{self.picture}" alt="{alt}" width="{width}" height="{height}">'
            '<img alt="" decoding="sync" hidden>'
        )
        copies = ""
        if self.kept:
            pair_again = '<img alt=""><img alt="" hidden>'
            copies = f'<span class="gb-frames-kept" style="clip-path:{self.kept}">{pair_again}</span>'
        inner = f'<span class="gb-frames-stack"{least}>{pair}{copies}</span>'
        return f'<span class="gb-frames-picture">{inner}</span>'


def self_contained(
    opening: str,
    body: str,
    data: object,
    style: str | Sequence[str],
    script: str,
    folder: Traversable = STATIC,
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
    style : str or sequence of str
        Files of CSS in `folder`.
    script : str
        A file of JavaScript there (a classic script, for a page opened from a folder runs no other).
    folder : Traversable
        Where they lie; by default with this package.

    Returns
    -------
    str
        No text in the data, and no string in the script or the style, can end its element early.
    """
    styles = [style] if isinstance(style, str) else style
    css = "".join((folder / name).read_text(encoding="utf-8") for name in styles)
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
        drawing = Drawing(figure.convert("RGB"), 1.0)
    elif isinstance(figure, Figure):
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=dpi, facecolor="white", pil_kwargs={"compress_level": 1})
        if "matplotlib.pyplot" in sys.modules:
            sys.modules["matplotlib.pyplot"].close(figure)  # else Jupyter shows each frame once more
        picture = Image.open(file).convert("RGB")
        drawing = Drawing(picture, SHOWN_AT / dpi, _readable(figure), _pictures(figure))
    else:
        raise UserError(f"figures: got a {type(figure).__name__}; it takes matplotlib figures or PIL images")
    if shades is not None:
        # The same rounding in every frame: what stands still stays the same to the bit, and costs nothing.
        rounded = [round(round(v / 255 * (shades - 1)) * 255 / (shades - 1)) for v in range(256)]
        drawing = drawing._replace(image=drawing.image.point(rounded * 3))
    return drawing


def _readable(figure: Any) -> float:
    """Return the width in CSS pixels at which the smallest text of a figure is as small as text may be."""
    from matplotlib.text import Text

    texts = (text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip())
    sizes = [text.get_fontsize() for text in texts]
    return 72 * figure.get_figwidth() * SMALLEST_TEXT / min(sizes) if sizes else 0.0


def _pictures(figure: Any) -> tuple[tuple[float, float, float, float], ...]:
    """Return where a figure holds pictures: images in true colours, or in grey as brightness."""
    found = []
    width, height = figure.bbox.width, figure.bbox.height
    for ax in figure.axes:
        for image in ax.images:
            if is_picture(image):
                box = image.get_window_extent().intersection(ax.bbox, image.get_window_extent())
                if box is not None:
                    found.append((box.x0 / width, 1 - box.y1 / height, box.x1 / width, 1 - box.y0 / height))
    return tuple(found)


def is_picture(image: Any) -> bool:
    """Say whether an image of a matplotlib figure is a picture: true colours, or colours from dark to light.

    What goes from light to dark is a map: ink on paper.
    """
    if image.get_array().ndim == 3:
        return True
    low, high = (sum(image.get_cmap()(end)[:3]) for end in (0.0, 1.0))
    return bool(low < 1.2 < 1.8 < high)


def _clip_path(pictures: Iterable[tuple[float, float, float, float]]) -> str:
    """Return rectangles as one CSS polygon: from the corner to each of them, round it, and back."""
    points = []
    for left, top, right, bottom in pictures:
        corners = ((left, top), (right, top), (right, bottom), (left, bottom), (left, top))
        points += ["0 0", *(f"{100 * x:.2f}% {100 * y:.2f}%" for x, y in corners), "0 0"]
    return f"polygon(evenodd,{','.join(points)})" if points else ""


def draw_stack(
    figures: Sequence[Any], start: int, dpi: int | None, shades: int | None, quality: int | None = None
) -> Stack:
    """Return figures as changes to the one shown first.

    Parameters
    ----------
    figures : sequence of matplotlib figures or PIL images
        At least one.
    start : int
        Which one is shown first.
    dpi : int, optional
        Pixels an inch of matplotlib figures. None: `SHARP`, or `LIGHT` where that weighs more than `HEAVY`.
    shades : int, optional
        As in `draw`.
    quality : int, optional
        As in `stack`; then all shades are kept.

    Raises
    ------
    UserError
        If one is neither, or they differ in size.
    """
    if quality is not None:
        return stack([draw(figure, dpi or SHARP, None) for figure in figures], start, quality)
    whole = stack([draw(figure, dpi or SHARP, shades) for figure in figures], start)
    if dpi is None and whole.readable is not None and whole.weight > HEAVY:
        return stack([draw(figure, LIGHT, shades) for figure in figures], start)
    return whole


def stack(drawings: Sequence[Drawing], start: int, quality: int | None = None) -> Stack:
    """Return pictures as changes to the one shown first.

    Parameters
    ----------
    drawings : sequence of Drawing
        At least one.
    start : int
        Which one is shown first.
    quality : int, optional
        Compress with loss, for pictures that differ everywhere: each is then stored whole.

    Raises
    ------
    UserError
        If they differ in size.
    """
    sizes = sorted({drawing.image.size for drawing in drawings})
    if len(sizes) > 1:
        raise UserError(f"figures: got sizes {shown(sizes)}; all frames must have one size")
    first = drawings[start].image
    scale = drawings[start].scale

    def change(image: Image) -> str:
        if image == first:
            return ""
        return _address(image if quality is not None else _change(first, image), quality)

    changes = tuple(change(drawing.image) for drawing in drawings)
    size = (round(first.width * scale), round(first.height * scale))
    sizes_read = [d.readable for d in drawings if d.readable is not None]
    readable = round(max(sizes_read)) if len(sizes_read) == len(drawings) else None
    kept = (
        _clip_path(dict.fromkeys(box for d in drawings for box in d.pictures)) if readable is not None else ""
    )
    return Stack(_address(first, quality), changes, size, readable, kept)


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


def _address(image: Image, quality: int | None) -> str:
    """Return an image as a `data:` address: WebP, without loss (about half the size of PNG) or with."""
    from PIL import features

    from ganbook.support.pixels import data_address  # here, for it imports torch

    if features.check("webp"):
        if quality is not None:
            return data_address(image, "webp", quality=quality, method=6)
        return data_address(image, "webp", lossless=True, quality=90)
    return data_address(image, "png", optimize=True)
