"""A kernel that moves over a picture: what k, s and p do, and what is transposed about a transposed one."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ganbook.errors import UserError
from ganbook.support.checks import Whole
from ganbook.widgets.page import check_alt, self_contained

if TYPE_CHECKING:
    from torch import Tensor

LIMITS = {"kernel k": (1, 5), "stride s": (1, 3), "padding p": (0, 2)}
SIDES = (5, 12)  # of the picture; the largest kernel must fit, and cells must be large enough to be seen


@dataclass(frozen=True, repr=False, eq=False)
class Convolution:
    """A kernel over a picture, with sliders; `convolution` makes it.

    Parameters
    ----------
    picture : sequence of sequences of float
        Its rows, from 0 (black) to 1 (white).
    start : three int
        k, s and p as shown first.
    alt, caption : str
        As in `convolution`.
    """

    picture: Sequence[Sequence[float]]
    start: tuple[int, int, int]
    alt: str
    caption: str

    def __repr__(self) -> str:
        side = len(self.picture)
        return f"<Convolution: over a picture of {side} x {side}>"

    def _repr_html_(self) -> str:
        data = {"picture": self.picture, "alt": self.alt}
        alt, caption = html.escape(self.alt), html.escape(self.caption)
        sliders = "".join(
            f'<label>{name} <input type="range" min="{low}" max="{high}" step="1" value="{at}" '
            f'autocomplete="off"></label>'
            for (name, (low, high)), at in zip(LIMITS.items(), self.start, strict=True)
        )
        body = "".join(
            (
                f'<div class="gb-conv-view" role="img" aria-label="{alt}"></div>',
                '<div class="gb-frames-controls" data-lm-suppress-shortcuts="true" hidden>',
                '<label>kind <select autocomplete="off"><option value="plain">convolution</option>',
                f'<option value="transposed">transposed</option></select></label>{sliders}',
                '<label>place <input type="range" min="0" max="0" step="1" value="0" autocomplete="off">',
                "</label></div><output></output>",
                f'<p class="gb-frames-caption">{caption}</p>' if caption else "",
                f"<noscript><p>This figure needs JavaScript. {alt}</p></noscript>",
            )
        )
        name = "Figure: a kernel over a picture"
        opening = f'<div class="gb-frames" role="group" aria-label="{name}" data-gb-convolution>'
        return self_contained(opening, body, data, ("frames.css", "convolution.css"), "convolution.js")


def convolution(
    picture: Tensor, alt: str, caption: str = "", start: tuple[int, int, int] = (4, 2, 1)
) -> Convolution:
    """Make a figure in which a reader chooses kernel size, stride and padding, and moves the kernel.

    The page itself computes both the convolution (with a kernel whose weights are 1 / k^2, so that the output
    is a smaller picture) and the transposed convolution (with a kernel of ones, so that one sees how many
    numbers are added up at each place).

    Parameters
    ----------
    picture : Tensor
        Shape (n, n) or (1, n, n) with n from 5 to 12, uint8, or floats from 0 to 1.
    alt : str
        What the picture shows; at least 20 characters.
    caption : str
        Text below the figure, for use outside the book.
    start : three int
        k (1 to 5), s (1 to 3) and p (0 to 2) at first.

    Returns
    -------
    Convolution
        Shown as HTML by Jupyter.

    Raises
    ------
    UserError
        If the picture does not fit, a number is out of its range, or the alt text says nothing.

    Examples
    --------
    >>> import torch
    >>> convolution(torch.eye(8), "A bright line from corner to corner.")
    <Convolution: over a picture of 8 x 8>
    """
    low, high = SIDES
    shape = tuple(picture.shape[1:] if picture.ndim == 3 and len(picture) == 1 else picture.shape)
    if len(shape) != 2 or shape[0] != shape[1] or not low <= shape[0] <= high:
        raise UserError(
            f"picture: its shape is {tuple(picture.shape)}; it takes (n, n) with n from {low} to {high}"
        )
    if not isinstance(start, Sequence) or len(start) != len(LIMITS):
        raise UserError(f"start={start!r}: it must be three numbers, for k, s and p")
    for (name, limits), value in zip(LIMITS.items(), start, strict=True):
        Whole(*limits, why=f" ({name})").check("start", value)
    values = picture.reshape(shape).float() / (1.0 if picture.is_floating_point() else 255.0)
    if not bool(((values >= 0) & (values <= 1)).all()):
        raise UserError("picture: its floats must be from 0 to 1")
    rows = [[round(v, 3) for v in row] for row in values.tolist()]
    return Convolution(rows, (start[0], start[1], start[2]), check_alt(alt), caption)
