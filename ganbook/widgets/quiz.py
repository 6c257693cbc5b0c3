"""Real or generated? A quiz for people, in HTML that needs neither Python nor a network."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from ganbook.errors import UserError
from ganbook.support.checks import Seed, Whole, checked
from ganbook.widgets.page import self_contained

if TYPE_CHECKING:
    from torch import Tensor

EVEN = Whole(2, what="an even number")
Z = 1.959964  # 97.5 % quantile of the normal distribution: Wilson's interval in the page is one of 95 %


@dataclass(frozen=True, repr=False, eq=False)
class Quiz:
    """Pictures and answers; shown as HTML by Jupyter. `real_or_fake` makes it.

    Parameters
    ----------
    pictures : list of str
        `data:` addresses.
    real : list of bool
        The answers.
    label : str
        What the quiz is about, for a reader who does not see it.
    """

    pictures: Sequence[str]
    real: Sequence[bool]
    label: str

    def __len__(self) -> int:
        return len(self.pictures)

    def __repr__(self) -> str:
        return f"<Quiz: {len(self)} pictures, {self.label!r}>"

    def _repr_html_(self) -> str:
        data = {"pictures": self.pictures, "real": self.real, "names": ["real", "generated"], "z": Z}
        body = "".join(
            (
                f'<img src="{self.pictures[0]}" alt="Picture 1 of {len(self)}: real or generated?">',
                '<div class="gb-quiz-buttons" data-lm-suppress-shortcuts="true" hidden>',
                '<button type="button" class="gb-real">Real</button>',
                '<button type="button" class="gb-fake">Generated</button>',
                '<button type="button" class="gb-again" hidden>Once more</button></div>',
                '<output aria-live="polite"></output>',
                "<noscript><p>The quiz needs JavaScript.</p></noscript>",
            )
        )
        opening = f'<div class="gb-quiz" role="group" aria-label="{html.escape(self.label)}" data-gb-quiz>'
        return self_contained(opening, body, data, "quiz.css", "quiz.js")


@checked
def real_or_fake(
    real: Tensor,
    fake: Tensor,
    num: Annotated[int, EVEN] = 20,
    seed: Seed = 0,
    label: str = "Quiz: real or generated?",
) -> Quiz:
    """Make a quiz of real and generated pictures, half of each, in random order.

    Parameters
    ----------
    real, fake : Tensor
        uint8, shape (N, C, H, W) with C of 1 or 3 and N >= num / 2, both of one C, H and W; the first num / 2
        of each are taken.
    num : int
        Pictures, an even number, at least 2.
    seed : int
        Of the order, 0 to 2^32 - 1.
    label : str
        What the quiz is about, for a reader who does not see it.

    Returns
    -------
    Quiz
        The last expression of a notebook cell shows it; it works in static pages too.

    Raises
    ------
    UserError
        If the images do not fit, there are too few, or a number is out of its range.

    Examples
    --------
    >>> import torch
    >>> white, black = torch.full((5, 1, 28, 28), 255, dtype=torch.uint8), torch.zeros(5, 1, 28, 28).byte()
    >>> real_or_fake(white, black, num=10, label="Which pictures are white?")
    <Quiz: 10 pictures, 'Which pictures are white?'>
    """
    import torch  # here, as what imports it: `import ganbook.widgets` is immediate

    from ganbook.support.pixels import data_address, to_picture

    if num % 2:
        raise UserError(f"num={num}: it must be {EVEN.takes}")
    for name, images in (("real", real), ("fake", fake)):
        _check_images(name, images, num // 2)
    if real.shape[1:] != fake.shape[1:]:
        raise UserError(
            f"fake: got images of shape {tuple(fake.shape[1:])}; those of real are {tuple(real.shape[1:])}"
        )
    order = torch.randperm(num, generator=torch.Generator().manual_seed(seed)).tolist()
    images = torch.cat([real[: num // 2], fake[: num // 2]])
    addresses = [data_address(to_picture(images[i]), optimize=True) for i in order]
    return Quiz(addresses, [i < num // 2 for i in order], label)


def _check_images(name: str, images: object, least: int) -> None:
    import torch

    if not isinstance(images, torch.Tensor):
        raise UserError(f"{name}: got a {type(images).__name__}; it takes a tensor of images")
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] not in (1, 3):
        raise UserError(
            f"{name}: got {images.dtype} of shape {tuple(images.shape)}; it takes torch.uint8 of shape "
            "(N, C, H, W) with C of 1 or 3"
        )
    if len(images) < least:
        raise UserError(f"{name}: got {len(images)} images; {least} are needed")
