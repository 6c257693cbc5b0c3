"""Pictures of points in the plane."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ganbook.plots.style import MARKERS, OKABE_ITO, VERMILLION
from ganbook.support.files import replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def save_points(points: Tensor, path: str | Path, real: Tensor | None = None) -> None:
    """Write generated points as a scatter plot (PNG).

    Parameters
    ----------
    points : Tensor
        float32, shape (N, 2).
    path : str or Path
        The file.
    real : Tensor, optional
        Real points, drawn in grey behind them.

    Raises
    ------
    OSError
        If the file cannot be written; what was there before is unharmed.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 5), layout="constrained")
    ax = figure.subplots()
    if real is not None:
        ax.scatter(real[:, 0], real[:, 1], s=4, color="#bbbbbb", label="real")
    ax.scatter(points[:, 0], points[:, 1], s=4, color=VERMILLION, label="generated")
    ax.set_aspect("equal")
    ax.legend(loc="upper right")
    with replacing(Path(path)) as temporary:
        figure.savefig(temporary, format="png", dpi=100)


def show_points(
    points: Tensor, labels: Tensor | None = None, class_names: Sequence[str] = (), title: str = ""
) -> Figure:
    """Draw points, each class in a colour and a shape of its own.

    Where the eight colours are used up, the same ones come again with another shape.

    Parameters
    ----------
    points : Tensor
        float32, shape (N, 2).
    labels : Tensor, optional
        int64 class numbers, shape (N,).
    class_names : sequence of str
        A name for each class; up to 25 of them get a legend.
    title : str
        Stands above.

    Returns
    -------
    matplotlib.figure.Figure
        Not shown; the last expression of a notebook cell shows it.
    """
    from matplotlib.figure import Figure

    numbers = torch.zeros(len(points), dtype=torch.int64) if labels is None else labels
    figure = Figure(figsize=(5.5, 4.5), layout="constrained")
    axes = figure.subplots()
    for number in numbers.unique().tolist():
        own = points[numbers == number]
        axes.scatter(
            own[:, 0].numpy(),
            own[:, 1].numpy(),
            s=14,
            alpha=0.7,
            linewidths=0.3,
            edgecolors="0.25",
            color=OKABE_ITO[number % len(OKABE_ITO)],
            marker=MARKERS[number // len(OKABE_ITO) % len(MARKERS)],
            label=class_names[number] if number < len(class_names) else str(number),
        )
    axes.set(title=title, xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
    axes.grid(color="0.9")
    axes.set_axisbelow(True)
    if labels is not None and 1 < len(class_names) <= 25:
        columns = 1 + (len(class_names) - 1) // 13
        figure.legend(title="mode", fontsize="small", ncols=columns, loc="outside right center")
    return figure
