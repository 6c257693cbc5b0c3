"""Figures of what the longer experiments recorded (`ganbook.recorded`)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ganbook.errors import UserError, unknown
from ganbook.plots.style import BLUE, GREEN, GREY, VERMILLION

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Way(NamedTuple):
    """How a metric is shown: its name, which way is worse (or from which value it is), and on what scale."""

    name: str
    worse: str = "lower"  # "lower", "higher", or "off": away from `best`
    best: float = 0.0
    squared: bool = False  # its root is drawn


WAYS = {
    "fid": Way("FID", "higher", squared=True),
    "kid": Way("KID", "higher", squared=True),
    "is": Way("Inception Score"),
    "memorisation": Way("memorisation", "off", best=0.5),
    "class_kl": Way("reverse KL of classes", "higher"),
    "classes": Way("classes hit"),
}


def badness(way: Way, value: float) -> float:
    """Return a number that grows as a metric says that samples are worse.

    Examples
    --------
    >>> badness(WAYS["fid"], 9.0), badness(WAYS["is"], 9.0), badness(WAYS["memorisation"], 0.2)
    (3.0, -9.0, 0.3)
    """
    if way.worse == "off":
        return abs(value - way.best)
    value = value if way.worse == "higher" else -value
    return math.copysign(math.sqrt(abs(value)), value) if way.squared else value


def plot_degradation(record: Mapping[str, Any], metrics: Sequence[str], columns: int = 4) -> Figure:
    """Draw how much worse metrics say it gets as one thing after another is spoilt by a growing amount.

    Every curve begins at 0, what the metric says of untouched samples, and is 1 at the worst that it says of
    anything in the record: up is worse, whichever way the metric counts, and below 0 it says that the spoilt
    samples are *better* than untouched ones. Of FID and KID, which are squared distances, the root is drawn.

    Parameters
    ----------
    record : mapping
        What `python -m experiments.degradation` writes.
    metrics : sequence of str
        Up to four of its metrics ("fid", "kid", "is", "precision", ...).
    columns : int
        Panels a row; a panel is a kind.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for each kind. Amounts stand where they are; if they span more than a factor of 20, on a
        logarithmic axis, which then says so.

    Raises
    ------
    UserError
        If a metric is not in the record, or there are none or more than four.
    """
    from matplotlib.figure import Figure

    lines = record["rows"]
    known = [key for key, value in lines[0].items() if isinstance(value, dict)]
    for name in metrics:
        if name not in known:
            raise unknown("metric", name, known)
    if not 1 <= len(metrics) <= 4:
        raise UserError(f"metrics: got {len(metrics)}; it takes one to four")
    kinds = list(dict.fromkeys(line["kind"] for line in lines))
    height = math.ceil(len(kinds) / columns)
    figure = Figure(figsize=(2.4 * columns, 2.2 * height + 0.9), layout="constrained")
    axes = figure.subplots(height, columns, squeeze=False, sharey=True)
    looks = ((BLUE, "-", "o"), (VERMILLION, "--", "s"), (GREEN, "-.", "^"), (GREY, ":", "D"))
    for number, (ax, kind) in enumerate(zip(axes.flat, kinds, strict=False)):
        own = [line for line in lines if line["kind"] == kind]
        at, note = _places([line["amount"] for line in own])
        for name, (colour, style, marker) in zip(metrics, looks, strict=False):
            ax.plot(
                at, _relative(lines, own, name), style, color=colour, marker=marker, markersize=4,
                label=_range(lines, name),
            )  # fmt: skip
        ax.axhline(0, color=GREY, linewidth=0.8)
        ax.set_title(kind, fontsize=10)
        ax.set_xticks(at, _tick_labels(at, [line["amount"] for line in own]))
        ax.set_xlabel(f"amount{note}", fontsize=9)
        if number % columns == 0:
            ax.set_ylabel("worse than untouched", fontsize=9)
        ax.spines[["top", "right"]].set_visible(False)
    for ax in axes.flat[len(kinds) :]:
        ax.axis("off")
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    num = record["settings"]["num"]
    figure.suptitle(f"[{record['extractor']['name']}, {num:,} vs {num:,}]", fontsize=10)
    return figure


def _relative(lines: Sequence[Mapping[str, Any]], own: Sequence[Mapping[str, Any]], name: str) -> list[float]:
    """Return what a metric says of the lines of a kind: 0 for untouched samples, 1 for the worst of all."""
    way = WAYS.get(name, Way(name))
    untouched = badness(way, own[0][name]["mean"])
    worst = max(badness(way, line[name]["mean"]) for line in lines) - untouched
    return [(badness(way, line[name]["mean"]) - untouched) / (worst or 1.0) for line in own]


def _range(lines: Sequence[Mapping[str, Any]], name: str) -> str:
    """Return a metric's name, and what it says of untouched samples and of the worst."""
    way = WAYS.get(name, Way(name))
    worst = max(lines, key=lambda line: badness(way, line[name]["mean"]))
    root = "root of " if way.squared else ""
    return f"{root}{way.name}: 0 is {lines[0][name]['mean']:.3g}, 1 is {worst[name]['mean']:.3g}"


def _places(amounts: Sequence[float]) -> tuple[list[float], str]:
    """Return where amounts stand on their axis, and what to say of it."""
    positive = [amount for amount in amounts if amount > 0]
    if positive and max(positive) > 20 * min(positive):
        return [math.log1p(amount) for amount in amounts], ", logarithmic"
    return list(amounts), ""


def _tick_labels(at: Sequence[float], amounts: Sequence[float]) -> list[str]:
    """Return amounts as text, without those that would stand too close to the one before."""
    labels: list[str] = []
    last = -math.inf
    for place, amount in zip(at, amounts, strict=True):
        roomy = place - last >= 0.16 * (max(at) - min(at))
        labels.append(f"{amount:g}" if roomy else "")
        last = place if roomy else last
    return labels


def plot_sample_sizes(record: Mapping[str, Any]) -> Figure:
    """Draw FID and KID of two sets of one distribution against the number of samples.

    Parameters
    ----------
    record : mapping
        What `python -m experiments.degradation` writes.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels, with one standard deviation over the repeats.
    """
    from matplotlib.figure import Figure

    lines = record["sizes"]
    sizes = [line["size"] for line in lines]
    counts = f"{record['extractor']['name']}, N vs N"
    figure = Figure(figsize=(8, 3), layout="constrained")
    for ax, key, name in zip(figure.subplots(1, 2), ("fid", "kid"), ("FID", "KID"), strict=True):
        means, stds = [line[key]["mean"] for line in lines], [line[key]["std"] for line in lines]
        ax.errorbar(sizes, means, stds, color=BLUE, marker="o", markersize=4, capsize=3)
        ax.axhline(0, color=GREY, linewidth=0.8, linestyle=":")
        ax.set_xscale("log")
        ax.set_xticks(sizes, [f"{size:,}" for size in sizes])
        ax.minorticks_off()
        ax.set(xlabel="N, samples in each set", title=f"{name}[{counts}]")
        ax.spines[["top", "right"]].set_visible(False)
    return figure
