"""Figures that move: a stack of frames with a slider, in HTML that needs neither Python nor a network.

`frames` draws the frames once, when the cell runs. What it returns is one piece of HTML with the pictures,
native controls (a button for Play, two for single steps, a slider) and fifty lines of JavaScript. That piece
is all there is, so the figure works wherever HTML is shown: in the built book with the network off or opened
from a folder, in JupyterLab, in Colab, in a page made by nbconvert. `two_sliders` does the same for pictures
that depend on two things, each with a slider of its own.

Why not ipywidgets? Its controls without Python (`Stack` and `jslink`) need the widget manager and RequireJS,
megabytes of script that the page must bring along or ask another host for, and without them nothing is shown
at all. Here a page without JavaScript (a preview, a print, a notebook that is not trusted) shows the first
frame. And native controls come with what a reader without a mouse needs: keyboard, focus, role and value.

Nothing moves by itself. Play starts at the reader's wish and stops at the last frame, so there is nothing to
switch off for those who asked their system for less motion (`prefers-reduced-motion`).
"""

from __future__ import annotations

import base64
import html
import io
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ganbook.errors import UserError

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL.Image import Image

STYLE = """
.gb-frames { max-width: 100%; text-align: left; }
.gb-frames [hidden] { display: none !important; }
.gb-frames-picture { position: relative; display: block; width: fit-content; max-width: 100%;
  margin: 0 auto; }
.gb-frames img { display: block; max-width: 100%; height: auto; margin: 0; padding: 0 !important;
  border-radius: 0; background: #fff !important; }
.gb-frames img + img { position: absolute; inset: 0; width: 100%; height: 100%; background: none !important; }
.gb-frames-controls { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem; margin-top: .5rem; }
.gb-frames-controls button { min-width: 2.75rem; min-height: 2.25rem; padding: 0 .6rem; font: inherit;
  color: inherit; background: transparent; border: 1px solid currentColor; border-radius: .3rem;
  cursor: pointer; }
.gb-frames-controls .gb-play { min-width: 4.5rem; }
.gb-frames-controls label { display: flex; flex: 1 1 12rem; align-items: center; gap: .5rem; margin: 0; }
.gb-frames-controls input { flex: 1; min-width: 6rem; height: 2.25rem; margin: 0; accent-color: #0072b2; }
.gb-frames :focus-visible { outline: 3px solid currentColor; outline-offset: 2px; }
.gb-frames output, .gb-frames-caption { display: block; margin-top: .4rem; }
.gb-frames output { font-variant-numeric: tabular-nums; }
@media print { .gb-frames-controls { display: none !important; } }
"""

# It sets up every figure on the page that is not set up yet: a notebook may show the same output twice.
SCRIPT = """
(() => {
  for (const root of document.querySelectorAll("[data-gb-frames]:not([data-ready])")) {
    const data = root.querySelector("script[type='application/json']");
    if (!data) continue;
    root.dataset.ready = "";
    const { changes, labels, alt, seconds } = JSON.parse(data.textContent);
    const find = (selector) => root.querySelector(selector);
    const image = find("img"), change = find("img + img"), text = find("output");
    const slider = find("input"), play = find(".gb-play");
    let now = Number(slider.value), timer = null;
    const show = (index) => {
      now = Math.min(Math.max(index, 0), labels.length - 1);
      change.hidden = !changes[now];
      if (changes[now]) change.src = changes[now];
      image.alt = alt + " Shown: " + labels[now] + ".";
      slider.value = now;
      slider.setAttribute("aria-valuetext", labels[now]);
      // A slider in focus says its own value, and a running figure would never stop talking.
      text.setAttribute("aria-live", timer || document.activeElement === slider ? "off" : "polite");
      text.textContent = labels[now];
    };
    const stop = () => {
      clearInterval(timer);
      timer = null;
      play.textContent = "Play";
    };
    const start = () => {
      if (now === labels.length - 1) show(0);
      play.textContent = "Pause";
      timer = setInterval(() => {
        if (!root.isConnected) return stop();
        show(now + 1);
        if (now === labels.length - 1) stop();
      }, 1000 * seconds);
    };
    play.addEventListener("click", () => (timer ? stop() : start()));
    find(".gb-back").addEventListener("click", () => { stop(); show(now - 1); });
    find(".gb-next").addEventListener("click", () => { stop(); show(now + 1); });
    slider.addEventListener("input", () => { stop(); show(Number(slider.value)); });
    // The page may use the arrow keys for something else (JupyterLab does; it looks at data-lm-...).
    root.addEventListener("keydown", (event) => event.stopPropagation());
    slider.setAttribute("aria-valuetext", labels[now]);
    find(".gb-frames-controls").hidden = false;
  }
})();
"""

SCRIPT_TWO = """
(() => {
  for (const root of document.querySelectorAll("[data-gb-two-sliders]:not([data-ready])")) {
    const data = root.querySelector("script[type='application/json']");
    if (!data) continue;
    root.dataset.ready = "";
    const { changes, labels, alt } = JSON.parse(data.textContent);
    const [image, change] = root.querySelectorAll("img"), text = root.querySelector("output");
    const sliders = [...root.querySelectorAll("input")];
    const show = () => {
      const [i, j] = sliders.map((slider) => Number(slider.value));
      const address = changes[i * labels[1].length + j];
      change.hidden = !address;
      if (address) change.src = address;
      text.textContent = labels[0][i] + "; " + labels[1][j];
      image.alt = alt + " Shown: " + text.textContent + ".";
      sliders.forEach((slider, k) => slider.setAttribute("aria-valuetext", labels[k][slider.value]));
    };
    for (const slider of sliders) slider.addEventListener("input", show);
    root.addEventListener("keydown", (event) => event.stopPropagation());
    show();
    root.querySelector(".gb-frames-controls").hidden = false;
  }
})();
"""


class Frames:
    """A stack of frames that a reader moves through; `frames` makes it.

    Parameters
    ----------
    picture : str
        The frame shown first, a `data:` address.
    changes : sequence of str
        For each frame what is to be laid over `picture`, a `data:` address of a picture that is transparent
        where nothing changes; empty for the first one shown.
    size : tuple of int
        Width and height as shown, in CSS pixels.
    labels, alt, caption, slider, start, seconds
        As in `frames`.
    """

    def __init__(
        self,
        picture: str,
        changes: Sequence[str],
        size: tuple[int, int],
        labels: Sequence[str],
        alt: str,
        caption: str,
        slider: str,
        start: int,
        seconds: float,
    ) -> None:
        self.picture = picture
        self.changes = tuple(changes)
        self.size = size
        self.labels = tuple(labels)
        self.alt = alt
        self.caption = caption
        self.slider = slider
        self.start = start
        self.seconds = seconds

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return f"<Frames: {len(self)}, {self.slider!r}, alt={_short(self.alt)!r}>"

    def _repr_html_(self) -> str:
        data = {"changes": self.changes, "labels": self.labels, "alt": self.alt, "seconds": self.seconds}
        # "</script>" inside a label must not end the script; JSON writes "<" in another way.
        stored = json.dumps(data).replace("<", "\\u003c")
        alt, slider, label, caption = map(
            html.escape, (self.alt, self.slider, self.labels[self.start], self.caption)
        )
        width, height = self.size
        return "".join(
            (
                f'<div class="gb-frames" role="group" aria-label="Moving figure: {slider}" data-gb-frames>',
                f"<style>{STYLE}</style>",
                f'<span class="gb-frames-picture"><img src="{self.picture}" alt="{alt} Shown: {label}." ',
                f'width="{width}" height="{height}"><img alt="" decoding="sync" hidden></span>',
                '<div class="gb-frames-controls" data-lm-suppress-shortcuts="true" hidden>',
                '<button type="button" class="gb-play">Play</button>',
                '<button type="button" class="gb-back" aria-label="One back">&#8592;</button>',
                '<button type="button" class="gb-next" aria-label="One on">&#8594;</button>',
                f'<label>{slider} <input type="range" min="0" max="{len(self) - 1}" step="1" ',
                f'value="{self.start}" autocomplete="off"></label></div>',
                f'<output aria-live="polite">{label}</output>',
                f'<p class="gb-frames-caption">{caption}</p>' if caption else "",
                "<noscript><p>Without JavaScript this figure shows one frame only.</p></noscript>",
                f'<script type="application/json">{stored}</script><script>{SCRIPT}</script></div>',
            )
        )


def frames(
    figures: Iterable[Figure | Image] | Callable[[int], Figure | Image],
    labels: Sequence[str],
    alt: str,
    caption: str = "",
    slider: str = "Frame",
    start: int = 0,
    seconds: float = 0.4,
    dpi: int = 110,
    shades: int | None = 16,
) -> Frames:
    """Make a figure that a reader moves through with a slider, the arrow keys, or Play.

    As the last expression of a notebook cell it is shown. In the book, the caption stands in the cell's
    metadata (`mystnb: figure: caption`, `name`), as with any other figure, so that it gets a number.

    Parameters
    ----------
    figures : iterable of matplotlib figures or PIL images, or callable
        The frames, all of one size; or a function that draws frame i. Matplotlib figures get a white ground,
        so that they can be read in light and in dark pages; an axis that keeps its limits keeps still.
    labels : sequence of str
        One for each frame: what is to be seen in it, in words or numbers ("step 120, V = -1.31"). Plain text.
    alt : str
        What the figure shows and how it changes, for a reader who does not see it; at least 20 characters.
    caption : str
        Text below the figure, for use outside the book.
    slider : str
        What the slider moves ("Step"): its label, and the name of the figure.
    start : int
        The frame shown first, and the only one where JavaScript is off: from -len(labels) to
        len(labels) - 1, negative numbers count from the end.
    seconds : float
        Time a frame stays while playing, > 0.
    dpi : int
        Pixels an inch of matplotlib figures. Shown at 100 an inch, made smaller where the page is narrower.
    shades : int, optional
        Shades of red, green and blue that are kept, 2 to 256, so that the page stays small (a plot needs
        few); None keeps all.

    Returns
    -------
    Frames
        With `len`, and shown as HTML by Jupyter.

    Raises
    ------
    UserError
        If there are no frames, not as many frames as labels, frames of different sizes, an alt text that
        says nothing, or a number out of its range.

    Examples
    --------
    >>> from PIL import Image
    >>> squares = [Image.new("L", (40, 30), level) for level in (0, 128, 255)]
    >>> frames(squares, ["black", "grey", "white"], alt="A square turns from black to white.")
    <Frames: 3, 'Frame', alt='A square turns from black to white.'>
    """
    labels = [str(label) for label in labels]
    alt = alt.strip()
    if not labels:
        raise UserError("labels: got none; a figure needs at least one frame")
    _check_alt(alt)
    if not -len(labels) <= start < len(labels):
        raise UserError(f"start={start!r}: it must be from {-len(labels)} to {len(labels) - 1}")
    if not seconds > 0:
        raise UserError(f"seconds={seconds!r}: it must be a number greater than 0")
    _check_shades(shades)
    start %= len(labels)
    drawn = (figures(i) for i in range(len(labels))) if callable(figures) else figures
    pictures = [_picture(figure, dpi, shades) for figure in drawn]
    if len(pictures) != len(labels):
        raise UserError(f"labels: got {len(labels)} for {len(pictures)} frames; it takes one for each")
    changes, size, first = _stack(pictures, start)
    return Frames(first, changes, size, labels, alt, caption, slider, start, float(seconds))


class TwoSliders:
    """Pictures that a reader chooses from with two sliders; `two_sliders` makes it.

    Parameters
    ----------
    picture : str
        The picture shown first, a `data:` address.
    changes : sequence of str
        For each pair (i, j), at the place i * len(labels[1]) + j, what is to be laid over `picture`; empty
        where nothing is.
    size : tuple of int
        Width and height as shown, in CSS pixels.
    labels, alt, caption, sliders, start
        As in `two_sliders`.
    """

    def __init__(
        self,
        picture: str,
        changes: Sequence[str],
        size: tuple[int, int],
        labels: tuple[Sequence[str], Sequence[str]],
        alt: str,
        caption: str,
        sliders: tuple[str, str],
        start: tuple[int, int],
    ) -> None:
        self.picture = picture
        self.changes = tuple(changes)
        self.size = size
        self.labels = labels
        self.alt = alt
        self.caption = caption
        self.sliders = sliders
        self.start = start

    def __len__(self) -> int:
        return len(self.changes)

    def __repr__(self) -> str:
        first, second = self.labels
        names = " and ".join(map(repr, self.sliders))
        return f"<TwoSliders: {len(first)} x {len(second)}, {names}, alt={_short(self.alt)!r}>"

    def _repr_html_(self) -> str:
        data = {"changes": self.changes, "labels": self.labels, "alt": self.alt}
        stored = json.dumps(data).replace("<", "\\u003c")
        alt, caption = html.escape(self.alt), html.escape(self.caption)
        names = [html.escape(name) for name in self.sliders]
        shown = html.escape("; ".join(label[i] for label, i in zip(self.labels, self.start, strict=True)))
        width, height = self.size
        controls = "".join(
            f'<label>{name} <input type="range" min="0" max="{len(labels) - 1}" step="1" value="{at}" '
            f'autocomplete="off"></label>'
            for name, labels, at in zip(names, self.labels, self.start, strict=True)
        )
        return "".join(
            (
                f'<div class="gb-frames" role="group" aria-label="Figure with two sliders: {names[0]}, ',
                f'{names[1]}" data-gb-two-sliders><style>{STYLE}</style>',
                f'<span class="gb-frames-picture"><img src="{self.picture}" alt="{alt} Shown: {shown}." ',
                f'width="{width}" height="{height}"><img alt="" decoding="sync" hidden></span>',
                '<div class="gb-frames-controls" data-lm-suppress-shortcuts="true" hidden>',
                f"{controls}</div><output>{shown}</output>",
                f'<p class="gb-frames-caption">{caption}</p>' if caption else "",
                "<noscript><p>Without JavaScript this figure shows one picture only.</p></noscript>",
                f'<script type="application/json">{stored}</script><script>{SCRIPT_TWO}</script></div>',
            )
        )


def two_sliders(
    figures: Callable[[int, int], Figure | Image],
    labels: tuple[Sequence[str], Sequence[str]],
    alt: str,
    caption: str = "",
    sliders: tuple[str, str] = ("First", "Second"),
    start: tuple[int, int] = (0, 0),
    dpi: int = 110,
    shades: int | None = 16,
) -> TwoSliders:
    """Make a figure whose picture a reader chooses with two sliders, by mouse, touch or arrow keys.

    All pictures are drawn when the cell runs, one for each pair of positions, and come with the page.

    Parameters
    ----------
    figures : callable
        A function that draws the picture of positions i and j: matplotlib figures or PIL images, all of one
        size.
    labels : two sequences of str
        What the positions of the first, and of the second slider mean ("+0.5"). Plain text.
    alt : str
        What the figure shows and what the sliders do to it; at least 20 characters.
    caption : str
        Text below the figure, for use outside the book.
    sliders : two str
        What the sliders move: their labels.
    start : two int
        The positions shown first, and the only ones where JavaScript is off; negative numbers count from
        the end.
    dpi, shades
        As in `frames`.

    Returns
    -------
    TwoSliders
        With `len`, the number of pictures, and shown as HTML by Jupyter.

    Raises
    ------
    UserError
        If a slider has no position, pictures differ in size, the alt text says nothing, or a number is out
        of its range.

    Examples
    --------
    >>> from PIL import Image
    >>> def draw(i, j):
    ...     return Image.new("RGB", (40, 30), (120 * i, 120 * j, 0))
    >>> two_sliders(draw, ("012", "01"), "A square of a colour.", sliders=("red", "green"))
    <TwoSliders: 3 x 2, 'red' and 'green', alt='A square of a colour.'>
    """
    texts = ([str(label) for label in labels[0]], [str(label) for label in labels[1]])
    alt = alt.strip()
    for name, positions, at in zip(sliders, texts, start, strict=True):
        if not positions:
            raise UserError(f"labels: got none for the slider {name!r}; it needs at least one position")
        if not -len(positions) <= at < len(positions):
            raise UserError(
                f"start={start!r}: for the slider {name!r} it must be from {-len(positions)} to "
                f"{len(positions) - 1}"
            )
    _check_alt(alt)
    _check_shades(shades)
    rows, columns = len(texts[0]), len(texts[1])
    start = (start[0] % rows, start[1] % columns)
    pictures = [_picture(figures(i, j), dpi, shades) for i in range(rows) for j in range(columns)]
    changes, size, first = _stack(pictures, start[0] * columns + start[1])
    return TwoSliders(first, changes, size, texts, alt, caption, sliders, start)


def _check_alt(alt: str) -> None:
    if len(alt) < 20:
        raise UserError(f"alt={alt!r}: it must say in at least 20 characters what the figure shows")


def _check_shades(shades: int | None) -> None:
    if shades is not None and not 2 <= shades <= 256:
        raise UserError(f"shades={shades!r}: it must be from 2 to 256, or None")


def _short(alt: str) -> str:
    return alt if len(alt) <= 60 else alt[:59].rstrip() + "…"


def _stack(pictures: Sequence[tuple[Image, float]], start: int) -> tuple[list[str], tuple[int, int], str]:
    """Return all pictures as changes to the one shown first; their size in CSS pixels; and that one."""
    sizes = sorted({picture.size for picture, _ in pictures})
    if len(sizes) > 1:
        raise UserError(f"figures: got sizes {sizes}; all frames must have one size")
    first, scale = pictures[start]
    changes = [_address(_change(first, picture)) if picture != first else "" for picture, _ in pictures]
    return changes, (round(first.width * scale), round(first.height * scale)), _address(first)


def _picture(figure: Any, dpi: int, shades: int | None) -> tuple[Image, float]:
    """Return a frame as an RGB image, and CSS pixels per pixel."""
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
    return picture, scale


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

    file = io.BytesIO()
    kind = "webp" if features.check("webp") else "png"
    options: dict[str, Any] = {"lossless": True, "quality": 90} if kind == "webp" else {"optimize": True}
    image.save(file, format=kind, **options)
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"
