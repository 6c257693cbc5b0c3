"""Figures of what the longer experiments recorded (`ganbook.recorded`)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ganbook.errors import UserError, unknown
from ganbook.plots.style import BLUE, GREEN, GREY, VERMILLION

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_degradation(record: Mapping[str, Any], metrics: Sequence[str], columns: int = 4) -> Figure:
    """Draw what metrics say as one thing after another is spoilt by a growing amount.

    Parameters
    ----------
    record : mapping
        What `python -m experiments.degradation` writes.
    metrics : sequence of str
        Up to four of its metrics ("fid", "kid", "is", "precision", ...). Each is divided by its largest
        absolute value in the record, so that curves of different units share an axis.
    columns : int
        Panels a row; a panel is a kind.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for each kind.

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
    largest = {name: max(abs(line[name]["mean"]) for line in lines) or 1.0 for name in metrics}
    height = math.ceil(len(kinds) / columns)
    figure = Figure(figsize=(2.4 * columns, 2.1 * height + 0.4), layout="constrained")
    axes = figure.subplots(height, columns, squeeze=False, sharey=True)
    looks = ((BLUE, "-", "o"), (VERMILLION, "--", "s"), (GREEN, "-.", "^"), (GREY, ":", "D"))
    for ax, kind in zip(axes.flat, kinds, strict=False):
        own = [line for line in lines if line["kind"] == kind]
        for name, (colour, style, marker) in zip(metrics, looks, strict=False):
            values = [line[name]["mean"] / largest[name] for line in own]
            ax.plot(
                range(len(own)), values, style, color=colour, marker=marker, markersize=4,
                label=f"{name} / {largest[name]:.3g}",
            )  # fmt: skip
        ax.set_title(kind, fontsize=10)
        ax.set_xticks(range(len(own)), [f"{line['amount']:g}" for line in own])
        ax.spines[["top", "right"]].set_visible(False)
    for ax in axes.flat[len(kinds) :]:
        ax.axis("off")
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(metrics), frameon=False)
    num = record["settings"]["num"]
    figure.suptitle(
        f"[{record['extractor']['name']}, {num:,} vs {num:,}], relative to each largest", fontsize=10
    )
    return figure


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
