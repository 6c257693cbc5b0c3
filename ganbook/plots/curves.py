"""Curves of a run, and scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from ganbook.errors import UserError
from ganbook.plots.style import BLUE, GREY, VERMILLION

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ganbook.metrics import Score


class Columns(Protocol):
    """A table whose columns have names: a run's history, a dictionary of lists."""

    def __getitem__(self, key: str) -> list[Any]: ...


def plot_history(history: Columns, smooth: int = 25) -> Figure:
    """Draw both losses and the discriminator's accuracy against the step.

    Parameters
    ----------
    history : History
        What `Trainer.fit` returns, or another table with the columns step, discriminator_loss,
        generator_loss, d_accuracy_real and d_accuracy_fake.
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

    figure = Figure(figsize=(8, 3), layout="constrained")
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
    UserError
        If there is no score, or two of them do not compare; the line names what differs.
    """
    from matplotlib.figure import Figure

    if not rows:
        raise UserError("rows: got no scores; it takes at least one")
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
