"""Figures: grids of samples, and curves of a run.

The colours are Okabe and Ito's, which colour-blind readers can tell apart.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ganbook.errors import UserError, unknown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ganbook.metrics import Score
    from ganbook.training import History

BLUE, VERMILLION, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#666666"


def image_grid(images: Tensor, columns: int | None = None, gap: int = 2, background: int = 255) -> Tensor:
    """Lay images out in a grid.

    Parameters
    ----------
    images : Tensor
        uint8, shape (N, C, H, W).
    columns : int, optional
        Images a row; default the square root of N, rounded up.
    gap : int
        Pixels between two images.
    background : int
        Grey level of the gaps.

    Returns
    -------
    Tensor
        uint8, shape (C, height, width).

    Raises
    ------
    UserError
        If the images are not uint8 of shape (N, C, H, W).
    """
    if images.ndim != 4 or images.dtype != torch.uint8 or len(images) == 0:
        raise UserError(
            f"images: got {images.dtype} of shape {tuple(images.shape)}; it takes uint8 of shape (N, C, H, W)"
        )
    num, channels, height, width = images.shape
    columns = columns or math.ceil(math.sqrt(num))
    rows = math.ceil(num / columns)
    grid = torch.full(
        (channels, rows * (height + gap) - gap, columns * (width + gap) - gap), background, dtype=torch.uint8
    )
    for i, image in enumerate(images.cpu()):
        top, left = i // columns * (height + gap), i % columns * (width + gap)
        grid[:, top : top + height, left : left + width] = image
    return grid


def save_grid(images: Tensor, path: str | Path, columns: int | None = None) -> None:
    """Write a grid of images as a PNG, enlarged by a whole factor so that small images can be seen.

    Parameters
    ----------
    images : Tensor
        uint8, shape (N, C, H, W) with C of 1 or 3.
    path : str or Path
        The file.
    columns : int, optional
        Images a row.

    Raises
    ------
    OSError
        If the file cannot be written; what was there before is unharmed.
    """
    from PIL import Image

    path = Path(path)
    factor = max(1, 48 // images.shape[-1])
    images = images.repeat_interleave(factor, -1).repeat_interleave(factor, -2)
    grid = image_grid(images, columns).permute(1, 2, 0).numpy()
    picture = Image.fromarray(grid.squeeze(-1) if grid.shape[-1] == 1 else grid)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        picture.save(temporary, format="PNG", optimize=True)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def save_samples(
    samples: Tensor, path: str | Path, reference: Tensor | None = None, columns: int | None = None
) -> None:
    """Write samples as a PNG: images as a grid, points as a scatter plot.

    Parameters
    ----------
    samples : Tensor
        float32: images (N, C, H, W) in [-1, 1], or points (N, 2).
    path : str or Path
        The file.
    reference : Tensor, optional
        For points: real points, drawn in grey behind the samples.
    columns : int, optional
        For images: how many a row.

    Raises
    ------
    OSError
        If the file cannot be written; what was there before is unharmed.
    """
    from ganbook.data import to_uint8

    if samples.ndim == 4:
        save_grid(to_uint8(samples), path, columns)
        return
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 5), layout="constrained")
    ax = figure.subplots()
    if reference is not None:
        ax.scatter(reference[:, 0], reference[:, 1], s=4, color="#bbbbbb", label="real")
    ax.scatter(samples[:, 0], samples[:, 1], s=4, color=VERMILLION, label="generated")
    ax.set_aspect("equal")
    ax.legend(loc="upper right")
    path = Path(path)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        figure.savefig(temporary, format="png", dpi=100)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def show_images(
    images: Tensor, columns: int = 10, titles: Sequence[str] | None = None, scale: float = 0.6
) -> Figure:
    """Draw images in a grid, each with a title if there are titles.

    Parameters
    ----------
    images : Tensor
        uint8 0..255 or float in [-1, 1], shape (N, C, H, W).
    columns : int
        Images a row.
    titles : sequence of str, optional
        One for each image.
    scale : float
        Width of an image in inches.

    Returns
    -------
    matplotlib.figure.Figure
        Not shown; the last expression of a notebook cell shows it.
    """
    from matplotlib.figure import Figure

    from ganbook.data import to_uint8

    if images.dtype != torch.uint8:
        images = to_uint8(images)
    columns = min(columns, len(images))
    rows = math.ceil(len(images) / columns)
    height = scale * images.shape[-2] / images.shape[-1]
    figure = Figure(figsize=(columns * scale, rows * (height + (0.22 if titles else 0.05))))
    axes = figure.subplots(rows, columns, squeeze=False)
    for i, ax in enumerate(axes.flat):
        ax.axis("off")
        if i < len(images):
            picture = images[i].permute(1, 2, 0).squeeze(-1).numpy()
            ax.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            if titles:
                ax.set_title(titles[i], fontsize=8, pad=2)
    figure.subplots_adjust(
        left=0.005, right=0.995, bottom=0.01, top=0.93 if titles and rows < 3 else 0.97 if titles else 0.99,
        wspace=0.06, hspace=0.35 if titles else 0.06,
    )  # fmt: skip
    return figure


def plot_history(history: History, smooth: int = 25) -> Figure:
    """Draw both losses and the discriminator's accuracy against the step.

    Parameters
    ----------
    history : History
        What `Trainer.fit` returns.
    smooth : int
        Length of the running mean, in records; the raw values stay visible behind it.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels: losses on the left, accuracy on the right.
    """
    import numpy as np
    from matplotlib.figure import Figure

    steps = np.asarray(history["step"])
    window = min(smooth, len(steps))

    def curve(ax, key: str, colour: str, style: str, label: str) -> None:  # type: ignore[no-untyped-def]
        values = np.asarray(history[key])
        ax.plot(steps, values, color=colour, alpha=0.2, linewidth=0.8)
        mean = np.convolve(values, np.ones(window) / window, mode="valid")
        ax.plot(steps[window - 1 :], mean, color=colour, linestyle=style, linewidth=1.8, label=label)

    figure = Figure(figsize=(9, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    curve(left, "discriminator_loss", BLUE, "-", "discriminator")
    curve(left, "generator_loss", VERMILLION, "--", "generator")
    left.set(xlabel="step", ylabel="loss", title="Losses")
    curve(right, "d_accuracy_real", BLUE, "-", "on real samples")
    curve(right, "d_accuracy_fake", VERMILLION, "--", "on generated samples")
    right.axhline(0.5, color=GREY, linewidth=0.8, linestyle=":")
    right.set(xlabel="step", ylabel="share judged rightly", ylim=(-0.02, 1.02), title="Accuracy of D")
    for ax in (left, right):
        ax.legend(frameon=False)
        ax.spines[["top", "right"]].set_visible(False)
    return figure


def plot_scores(rows: Mapping[str, Score]) -> Figure:
    """Draw scores of one kind as points with their intervals, a line for each row, under the full name.

    Parameters
    ----------
    rows : mapping of str to Score
        What was scored, and its score; at least one.

    Returns
    -------
    matplotlib.figure.Figure
        Not shown; the last expression of a notebook cell shows it.

    Raises
    ------
    ValueError
        If there is no score, or two of them do not compare; the line names what differs.
    """
    from matplotlib.figure import Figure

    if not rows:
        raise ValueError("rows: got no scores; it takes at least one")
    first = next(iter(rows.values()))
    for score in rows.values():
        first.check_comparable(score)
    figure = Figure(figsize=(6, 0.8 + 0.4 * len(rows)), layout="constrained")
    ax = figure.subplots()
    for i, score in enumerate(rows.values()):
        if score.low is not None and score.high is not None:
            ax.plot([score.low, score.high], [i, i], color=BLUE, alpha=0.4, linewidth=4)
        ax.plot(score.value, i, "o", color=BLUE)
    ax.set_yticks(range(len(rows)), list(rows))
    ax.set_ylim(len(rows) - 0.5, -0.5)
    best = f"{first.better} is better" if first.better in ("lower", "higher") else f"best {first.better}"
    ax.set_xlabel(f"{first.name} ({best})")
    ax.spines[["top", "right"]].set_visible(False)
    return figure


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
