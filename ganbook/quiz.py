"""Real or generated? A quiz for people, in HTML that needs neither Python nor a network."""

from __future__ import annotations

import base64
import html
import io
import json
import math

import torch
from torch import Tensor

from ganbook.errors import UserError

STYLE = """
.gb-quiz { max-width: 100%; }
.gb-quiz [hidden] { display: none !important; }
.gb-quiz img { display: block; width: 9rem; height: 9rem; margin: 0; image-rendering: pixelated;
  border: 1px solid currentColor; border-radius: .2rem; background: #fff; }
.gb-quiz-buttons { display: flex; flex-wrap: wrap; gap: .5rem; margin: .6rem 0; }
.gb-quiz button { min-width: 6.5rem; min-height: 2.5rem; padding: 0 .8rem; font: inherit; color: inherit;
  background: transparent; border: 1px solid currentColor; border-radius: .3rem; cursor: pointer; }
.gb-quiz button:disabled { opacity: .5; cursor: default; }
.gb-quiz :focus-visible { outline: 3px solid currentColor; outline-offset: 2px; }
.gb-quiz output { display: block; min-height: 3.2em; font-variant-numeric: tabular-nums; }
"""

SCRIPT = """
(() => {
  for (const root of document.querySelectorAll("[data-gb-quiz]:not([data-ready])")) {
    const store = root.querySelector("script[type='application/json']");
    if (!store) continue;
    root.dataset.ready = "";
    const { pictures, real, names, z } = JSON.parse(store.textContent);
    const find = (selector) => root.querySelector(selector);
    const image = find("img"), text = find("output"), again = find(".gb-again");
    const buttons = { true: find(".gb-real"), false: find(".gb-fake") };
    let now = 0, right = 0;
    const percent = (x) => Math.round(100 * x) + " %";
    // Wilson's interval for a share k/n.
    const interval = (k, n) => {
      const p = k / n, mid = p + z * z / (2 * n);
      const half = z * Math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)), all = 1 + z * z / n;
      return [Math.max(0, (mid - half) / all), Math.min(1, (mid + half) / all)];
    };
    const show = () => {
      image.src = pictures[now];
      image.alt = `Picture ${now + 1} of ${pictures.length}: real or generated?`;
    };
    const answer = (said) => {
      const correct = said === real[now];
      right += correct;
      now += 1;
      const was = names[real[now - 1] ? 0 : 1];
      const first = `${correct ? "Right" : "No"}: picture ${now} was ${was}. ${right} of ${now} right.`;
      if (now < pictures.length) { text.textContent = first; return show(); }
      const [low, high] = interval(right, now);
      const chance = low > 0.5 ? "you can tell them apart" : high < 0.5 ?
        "you tell them apart, but with the answers exchanged" : "this is what guessing may give, too";
      text.textContent = `${first} That is ${percent(right / now)}, ` +
        `with a 95 % interval from ${percent(low)} to ${percent(high)}: ${chance}.`;
      for (const button of Object.values(buttons)) button.disabled = true;
      again.hidden = false;
      again.focus();
    };
    buttons.true.addEventListener("click", () => answer(true));
    buttons.false.addEventListener("click", () => answer(false));
    again.addEventListener("click", () => {
      now = right = 0;
      for (const button of Object.values(buttons)) button.disabled = false;
      again.hidden = true;
      text.textContent = "";
      show();
      buttons.true.focus();
    });
    root.addEventListener("keydown", (event) => event.stopPropagation());
    find(".gb-quiz-buttons").hidden = false;
    show();
  }
})();
"""

Z = 1.959964  # 97.5 % quantile of the normal distribution


def wilson_interval(right: int, num: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share: of `right` successes in `num` trials.

        (p + z^2 / 2n  -+  z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n),   p = right / n, z = 1.96

    Unlike p -+ z sqrt(p (1 - p) / n) it keeps to [0, 1] and does not shrink to nothing at 0 or n successes.

    Parameters
    ----------
    right, num : int
        0 <= right <= num, num >= 1.

    Returns
    -------
    low, high : float
        Shares, in [0, 1].

    Raises
    ------
    UserError
        If the numbers are out of their range.

    Examples
    --------
    >>> low, high = wilson_interval(14, 20)
    >>> round(low, 3), round(high, 3)
    (0.481, 0.855)
    """
    if not 0 <= right <= num or num < 1:
        raise UserError(f"right={right!r}, num={num!r}: it takes 0 <= right <= num, and num at least 1")
    p = right / num
    mid = p + Z**2 / (2 * num)
    half = Z * math.sqrt(p * (1 - p) / num + Z**2 / (4 * num**2))
    return max(0.0, (mid - half) / (1 + Z**2 / num)), min(1.0, (mid + half) / (1 + Z**2 / num))


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

    def __init__(self, pictures: list[str], real: list[bool], label: str) -> None:
        self.pictures, self.real, self.label = pictures, real, label

    def __len__(self) -> int:
        return len(self.pictures)

    def __repr__(self) -> str:
        return f"<Quiz: {len(self)} pictures, {self.label!r}>"

    def _repr_html_(self) -> str:
        data = {"pictures": self.pictures, "real": self.real, "names": ["real", "generated"], "z": Z}
        stored = json.dumps(data).replace("<", "\\u003c")
        return "".join(
            (
                f'<div class="gb-quiz" role="group" aria-label="{html.escape(self.label)}" data-gb-quiz>',
                f"<style>{STYLE}</style>",
                f'<img src="{self.pictures[0]}" alt="Picture 1 of {len(self)}: real or generated?">',
                '<div class="gb-quiz-buttons" data-lm-suppress-shortcuts="true" hidden>',
                '<button type="button" class="gb-real">Real</button>',
                '<button type="button" class="gb-fake">Generated</button>',
                '<button type="button" class="gb-again" hidden>Once more</button></div>',
                '<output aria-live="polite"></output>',
                "<noscript><p>The quiz needs JavaScript.</p></noscript>",
                f'<script type="application/json">{stored}</script><script>{SCRIPT}</script></div>',
            )
        )


def real_or_fake(
    real: Tensor, fake: Tensor, num: int = 20, seed: int = 0, label: str = "Quiz: real or generated?"
) -> Quiz:
    """Make a quiz of real and generated pictures, half of each, in random order.

    Parameters
    ----------
    real, fake : Tensor
        uint8, shape (N, C, H, W) with C of 1 or 3 and N >= num / 2; the first num / 2 of each are taken.
    num : int
        Pictures, an even number, at least 2.
    seed : int
        Of the order.
    label : str
        What the quiz is about, for a reader who does not see it.

    Returns
    -------
    Quiz
        The last expression of a notebook cell shows it; it works in static pages too.

    Raises
    ------
    UserError
        If the images do not fit, or there are too few.
    """
    if isinstance(num, bool) or not isinstance(num, int) or num < 2 or num % 2:
        raise UserError(f"num={num!r}: it must be an even number, at least 2")
    for name, images in (("real", real), ("fake", fake)):
        if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] not in (1, 3):
            raise UserError(
                f"{name}: got {images.dtype} of shape {tuple(images.shape)}; it takes torch.uint8 of shape "
                "(N, C, H, W)"
            )
        if len(images) < num // 2:
            raise UserError(f"{name}: got {len(images)} images; {num // 2} are needed")
    order = torch.randperm(num, generator=torch.Generator().manual_seed(seed))
    pictures = torch.cat([real[: num // 2], fake[: num // 2]])[order]
    return Quiz([_address(p) for p in pictures], [bool(i < num // 2) for i in order], label)


def _address(image: Tensor) -> str:
    """Return an image as a `data:` address (PNG)."""
    from PIL import Image

    pixels = image.permute(1, 2, 0).cpu().numpy()
    file = io.BytesIO()
    Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels).save(file, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
