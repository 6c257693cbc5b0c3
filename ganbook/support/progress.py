"""The progress bar that all long work shows, on stderr."""

from __future__ import annotations

from typing import Any

from tqdm.std import tqdm


def progress_bar(
    total: float, *, name: str = "", unit: str = "", show: bool = True, delay: float = 0.0, note: bool = False
) -> Any:
    """Return a bar, to be used in a `with` block.

    Parameters
    ----------
    total : float
        How much there is to do.
    name : str
        What is done, in a word or two; stands before the bar.
    unit : str
        What is counted ("steps"); stands behind the numbers.
    show : bool
        Whether it is shown at all.
    delay : float
        Seconds before it appears: what takes less shows none.
    note : bool
        Leave room for `set_postfix_str`.

    Returns
    -------
    tqdm.tqdm
        With `update(amount)`.
    """
    head, numbers = ("{desc}: " if name else ""), "{n}/{total}" if unit else "{n_fmt}/{total_fmt}"
    tail = f"{numbers} {unit}".rstrip() + " [{elapsed}" + ("{postfix}]" if note else "]")
    return tqdm(
        total=total, desc=name, disable=not show, delay=delay, dynamic_ncols=True, mininterval=0.2,
        bar_format=head + "{percentage:3.0f}%|{bar:24}| " + tail,
    )  # fmt: skip
