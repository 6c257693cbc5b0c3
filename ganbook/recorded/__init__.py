"""Results of the book's longer experiments, recorded by the scripts in `experiments/`.

They come with the package, so that a chapter can plot them wherever it runs. Each file says which command
made it, with which settings, versions and hardware.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from ganbook.errors import unknown


def names() -> list[str]:
    """Return the names of the recorded experiments."""
    return sorted(
        file.name[:-5] for file in resources.files(__name__).iterdir() if file.name.endswith(".json")
    )


def load(name: str) -> dict[str, Any]:
    """Return what an experiment recorded.

    Parameters
    ----------
    name : str
        One of `names()`; `python -m experiments.NAME` records it again.

    Returns
    -------
    dict
        With the keys `command`, `settings`, `made_with`, `seconds` and the results.

    Raises
    ------
    UserError
        If there is no such record.

    Examples
    --------
    >>> load("degradation")["command"]
    'python -m experiments.degradation'
    """
    if name not in names():
        raise unknown("recorded experiment", name, names())
    text = (resources.files(__name__) / f"{name}.json").read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text)
    return content
