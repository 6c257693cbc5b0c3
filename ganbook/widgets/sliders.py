"""Pictures that depend on two things, each with a slider of its own."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ganbook.errors import UserError
from ganbook.support.checks import Count, Whole, checked, shown
from ganbook.widgets.page import Quality, Shades, Stack, check_alt, draw_stack, self_contained, shorten

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL.Image import Image


@dataclass(frozen=True, repr=False, eq=False)
class TwoSliders:
    """Pictures that a reader chooses from with two sliders; `two_sliders` makes it.

    Parameters
    ----------
    stack : Stack
        The pictures, as changes to the one shown first: the pair (i, j) at the place i * len(labels[1]) + j.
    labels, alt, caption, sliders, start
        As in `two_sliders`.
    """

    stack: Stack
    labels: tuple[Sequence[str], Sequence[str]]
    alt: str
    caption: str
    sliders: tuple[str, str]
    start: tuple[int, int]

    def __len__(self) -> int:
        return len(self.stack.changes)

    def __repr__(self) -> str:
        first, second = self.labels
        names = " and ".join(map(repr, self.sliders))
        return f"<TwoSliders: {len(first)} x {len(second)}, {names}, alt={shorten(self.alt)!r}>"

    def _repr_html_(self) -> str:
        data = {"changes": self.stack.changes, "labels": self.labels, "alt": self.alt}
        alt, caption = html.escape(self.alt), html.escape(self.caption)
        names = [html.escape(name) for name in self.sliders]
        words = html.escape("; ".join(label[i] for label, i in zip(self.labels, self.start, strict=True)))
        controls = "".join(
            f'<label>{name} <input type="range" min="0" max="{len(labels) - 1}" step="1" value="{at}" '
            f'autocomplete="off"></label>'
            for name, labels, at in zip(names, self.labels, self.start, strict=True)
        )
        body = "".join(
            (
                self.stack.html(f"{alt} Shown: {words}."),
                '<div class="gb-frames-controls" data-lm-suppress-shortcuts="true" hidden>',
                f"{controls}</div><output>{words}</output>",
                f'<p class="gb-frames-caption">{caption}</p>' if caption else "",
                "<noscript><p>Without JavaScript this figure shows one picture only.</p></noscript>",
            )
        )
        name = f"Figure with two sliders: {names[0]}, {names[1]}"
        kind = f"data-gb-two-sliders{self.stack.attribute}"
        opening = f'<div class="gb-frames" role="group" aria-label="{name}" {kind}>'
        return self_contained(opening, body, data, "frames.css", "two_sliders.js")


@checked
def two_sliders(
    figures: Callable[[int, int], Figure | Image],
    labels: tuple[Sequence[str], Sequence[str]],
    alt: str,
    caption: str = "",
    sliders: tuple[str, str] = ("First", "Second"),
    start: tuple[int, int] = (0, 0),
    dpi: Count | None = None,
    shades: Shades | None = 16,
    quality: Quality | None = None,
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
    dpi, shades, quality
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
    for argument, values in (("labels", labels), ("sliders", sliders), ("start", start)):
        _check_pair(argument, values)
    alt = check_alt(alt)
    texts = (tuple(map(str, labels[0])), tuple(map(str, labels[1])))
    at = (_position(0, texts, sliders, start), _position(1, texts, sliders, start))
    rows, columns = map(len, texts)
    drawn = [figures(i, j) for i in range(rows) for j in range(columns)]
    return TwoSliders(
        draw_stack(drawn, at[0] * columns + at[1], dpi, shades, quality), texts, alt, caption, sliders, at
    )


def _check_pair(argument: str, values: Any) -> None:
    if not isinstance(values, Sequence) or len(values) != 2:
        raise UserError(f"{argument}={shown(values)}: it must be two, one for each slider")


def _position(
    number: int, labels: tuple[Sequence[str], ...], sliders: tuple[str, str], start: tuple[int, int]
) -> int:
    """Return where slider `number` stands at first, counted from 0."""
    positions, slider = len(labels[number]), sliders[number]
    if not positions:
        raise UserError(f"labels: got none for the slider {slider!r}; it needs at least one position")
    allowed = Whole(-positions, positions - 1, why=f" (slider {slider!r})")
    return int(allowed.check(f"start[{number}]", start[number])) % positions
