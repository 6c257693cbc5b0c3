"""Figures of what the longer experiments recorded (`ganbook.recorded`)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ganbook.errors import UserError, unknown
from ganbook.plots.style import BLUE, GREY

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# On which scale a metric is drawn between its floor and its ceiling; the others are drawn as they are.
SCALES: dict[str, Callable[[float], float]] = {
    "fid": lambda value: math.log(max(value, 1e-9)),
    "kid": lambda value: math.sqrt(max(value, 0.0)),  # a squared distance, which may come out below 0
}
NAMES = {"fid": "FID", "kid": "KID", "is": "IS"}


def plot_degradation(record: Mapping[str, Any], metrics: Sequence[str]) -> Figure:
    """Draw what metrics say as one thing after another is spoilt by a growing amount.

    Each metric has its own floor (what pictures of random pixels get) and ceiling (samples of which nothing
    is spoilt); where a score lies between the two is what is drawn. FID is drawn by its logarithm.

    Parameters
    ----------
    record : mapping
        What `python -m experiments.degradation` writes.
    metrics : sequence of str
        Up to six of its metrics ("fid", "kid", "is", "precision", ...).

    Returns
    -------
    matplotlib.figure.Figure
        A row for each kind of spoiling, a column for each metric.

    Raises
    ------
    UserError
        If a metric is not in the record, or there are none or more than six.
    """
    from matplotlib.figure import Figure

    lines, floor = record["rows"], record["floor"]
    known = [name for name in floor if not name.startswith("memorisation")]  # best in the middle
    for name in metrics:
        if name not in known:
            raise unknown("metric", name, known)
    if not 1 <= len(metrics) <= 6:
        raise UserError(f"metrics: got {len(metrics)}; it takes one to six")
    kinds = list(dict.fromkeys(line["kind"] for line in lines))
    figure = Figure(figsize=(1.9 + 0.95 * len(metrics), 0.8 + 0.85 * len(kinds)), layout="constrained")
    axes = figure.subplots(len(kinds), len(metrics), squeeze=False, sharex=True, sharey=True)
    for kind, row in zip(kinds, axes, strict=True):
        own = [line for line in lines if line["kind"] == kind]
        for name, ax in zip(metrics, row, strict=True):
            low, high = floor[name]["mean"], own[0][name]["mean"]
            for level in (0, 1):
                ax.axhline(level, color=GREY, linewidth=0.8, linestyle=":")
            shares = [_way(line[name]["mean"], low, high, name) for line in own]
            ax.plot(range(len(own)), shares, "o-", color=BLUE, markersize=4)
            ax.set(xticks=[], yticks=[], ylim=(-0.15, 1.45), xlim=(-0.4, len(own) - 0.6))
            ax.spines[:].set_visible(False)
            if kind == kinds[0]:
                ax.set_title(f"{NAMES.get(name, name)}\n{low:.3g} to {high:.2g}", fontsize=12)
        label = f"{kind}\n0 to {own[-1]['amount']:g}"
        row[0].set_ylabel(label, fontsize=12, rotation=0, ha="right", va="center")
    return figure


def _way(value: float, floor: float, ceiling: float, name: str) -> float:
    """Return how much of the way from the floor to the ceiling a score has gone."""
    scale = SCALES.get(name, float)
    return (scale(value) - scale(floor)) / (scale(ceiling) - scale(floor))


def plot_sample_sizes(record: Mapping[str, Any]) -> Figure:
    """Draw FID and KID of two sets of one distribution against the number of samples.

    Parameters
    ----------
    record : mapping
        What `python -m experiments.degradation` writes.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels: means over the repeats with their 95 % intervals, the true distance 0, and, so that there
        is a scale, what the score says of samples that are a little spoilt.
    """
    from matplotlib.figure import Figure

    lines = record["sizes"]
    sizes = [line["size"] for line in lines]
    counts = f"{record['extractor']['name']}, N vs N"
    kind, amount = "shift", 1
    (spoilt,) = [row for row in record["rows"] if (row["kind"], row["amount"]) == (kind, amount)]
    figure = Figure(figsize=(6.4, 5.4), layout="constrained")
    for ax, key in zip(figure.subplots(2, 1, sharex=True), ("fid", "kid"), strict=True):
        means = [line[key]["mean"] for line in lines]
        errors = [1.96 * line[key]["std"] / math.sqrt(line["repeats"]) for line in lines]
        ax.errorbar(sizes, means, errors, color=BLUE, marker="o", markersize=4, capsize=3)
        ax.axhline(0, color=GREY, linewidth=0.8, linestyle=":")
        ax.axhline(spoilt[key]["mean"], color=GREY, linestyle="--")
        ax.annotate(
            f"a {kind} by {amount} pixel", (sizes[-1], spoilt[key]["mean"]), (0, 4),
            textcoords="offset points", ha="right", fontsize=12,
        )  # fmt: skip
        ax.set_xscale("log")
        ax.set_xticks(sizes, [f"{size:,}" for size in sizes])
        ax.minorticks_off()
        ax.set_title(f"{NAMES[key]}[{counts}]", fontsize=12)
        ax.tick_params(labelsize=12)
        ax.spines[["top", "right"]].set_visible(False)
    ax.set_xlabel("N, samples in each set", fontsize=12)
    return figure
