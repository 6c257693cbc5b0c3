"""Figures that move: a stack of frames with a slider, in HTML that needs neither Python nor a network.

`frames` draws the frames once, when the cell runs. What it returns is one piece of HTML with the pictures,
native controls (a button for Play, two for single steps, a slider) and fifty lines of JavaScript. That piece
is all there is, so the figure works wherever HTML is shown: in the built book with the network off or opened
from a folder, in JupyterLab, in Colab, in a page made by nbconvert.

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
        alt = self.alt if len(self.alt) <= 60 else self.alt[:59].rstrip() + "…"
        return f"<Frames: {len(self)}, {self.slider!r}, alt={alt!r}>"

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
    if len(alt) < 20:
        raise UserError(f"alt={alt!r}: it must say in at least 20 characters what the figure shows")
    if not -len(labels) <= start < len(labels):
        raise UserError(f"start={start!r}: it must be from {-len(labels)} to {len(labels) - 1}")
    if not seconds > 0:
        raise UserError(f"seconds={seconds!r}: it must be a number greater than 0")
    if shades is not None and not 2 <= shades <= 256:
        raise UserError(f"shades={shades!r}: it must be from 2 to 256, or None")
    start %= len(labels)
    drawn = (figures(i) for i in range(len(labels))) if callable(figures) else figures
    pictures = [_picture(figure, dpi, shades) for figure in drawn]
    if len(pictures) != len(labels):
        raise UserError(f"labels: got {len(labels)} for {len(pictures)} frames; it takes one for each")
    sizes = sorted({picture.size for picture, _ in pictures})
    if len(sizes) > 1:
        raise UserError(f"figures: got sizes {sizes}; all frames must have one size")
    first, scale = pictures[start]
    changes = [_address(_change(first, picture)) if picture != first else "" for picture, _ in pictures]
    size = (round(first.width * scale), round(first.height * scale))
    return Frames(_address(first), changes, size, labels, alt, caption, slider, start, float(seconds))


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
