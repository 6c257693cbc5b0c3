"""A stack of frames that a reader moves through with a slider, the arrow keys, or Play."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ganbook.errors import UserError
from ganbook.support.checks import Count, Positive, Whole, checked
from ganbook.widgets.page import Quality, Shades, Stack, check_alt, draw_stack, self_contained, shorten

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL.Image import Image


@dataclass(frozen=True, repr=False, eq=False)
class Frames:
    """A stack of frames that a reader moves through; `frames` makes it.

    Parameters
    ----------
    stack : Stack
        The frames, as changes to the one shown first.
    labels, alt, caption, slider, start, seconds, play
        As in `frames`.
    """

    stack: Stack
    labels: Sequence[str]
    alt: str
    caption: str
    slider: str
    start: int
    seconds: float
    play: bool = False

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return f"<Frames: {len(self)}, {self.slider!r}, alt={shorten(self.alt)!r}>"

    def _repr_html_(self) -> str:
        data = {
            "changes": self.stack.changes,
            "labels": self.labels,
            "alt": self.alt,
            "seconds": self.seconds,
            "play": self.play,
        }
        alt, slider, label, caption = map(
            html.escape, (self.alt, self.slider, self.labels[self.start], self.caption)
        )
        body = "".join(
            (
                self.stack.html(f"{alt} Shown: {label}."),
                '<div class="gb-frames-controls" data-lm-suppress-shortcuts="true" hidden>',
                '<button type="button" class="gb-play">Play</button>',
                '<button type="button" class="gb-back" aria-label="One back">&#8592;</button>',
                '<button type="button" class="gb-next" aria-label="One on">&#8594;</button>',
                f'<label>{slider} <input type="range" min="0" max="{len(self) - 1}" step="1" ',
                f'value="{self.start}" autocomplete="off"></label></div>',
                f'<output aria-live="polite">{label}</output>',
                f'<p class="gb-frames-caption">{caption}</p>' if caption else "",
                "<noscript><p>Without JavaScript this figure shows one frame only.</p></noscript>",
            )
        )
        kind = f"data-gb-frames{self.stack.attribute}"
        opening = f'<div class="gb-frames" role="group" aria-label="Moving figure: {slider}" {kind}>'
        return self_contained(opening, body, data, "frames.css", "frames.js")


@checked
def frames(
    figures: Iterable[Figure | Image] | Callable[[int], Figure | Image],
    labels: Sequence[str],
    alt: str,
    caption: str = "",
    slider: str = "Frame",
    start: int = 0,
    seconds: Positive = 0.4,
    dpi: Count | None = None,
    shades: Shades | None = 16,
    quality: Quality | None = None,
    play: bool = False,
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
    dpi : int, optional
        Pixels an inch of matplotlib figures, at least 1. Default: 200, so that they are sharp on dense
        screens, or 130 where that would make the figure heavy. They are shown at 100 an inch, and smaller
        where the page is narrower, down to the size at which their text can be read; then they scroll.
    shades : int, optional
        Shades of red, green and blue that are kept, 2 to 256, so that the page stays small (a plot needs
        few); None keeps all.
    quality : int, optional
        For photographs and samples in many colours: keep all shades, but compress with loss, 1 (small) to
        100 (fine). A page with ten grids of faces weighs a fifth of what it weighs without.
    play : bool
        Play once when the page opens, from the first frame, unless the reader asked for less motion.

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
    texts = tuple(str(label) for label in labels)
    if not texts:
        raise UserError("labels: got none; a figure needs at least one frame")
    alt = check_alt(alt)
    first = Whole(-len(texts), len(texts) - 1).check("start", start) % len(texts)
    drawn = [figures(i) for i in range(len(texts))] if callable(figures) else list(figures)
    if len(drawn) != len(texts):
        raise UserError(f"labels: got {len(texts)} for {len(drawn)} frames; it takes one for each")
    return Frames(
        draw_stack(drawn, first, dpi, shades, quality),
        texts,
        alt,
        caption,
        slider,
        first,
        float(seconds),
        play,
    )
