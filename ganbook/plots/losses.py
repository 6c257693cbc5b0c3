"""What a loss asks of a sample: its value and its slope against the sample's logit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ganbook.errors import unknown
from ganbook.losses import LOSSES, LossFunction
from ganbook.plots.style import BLUE, GREEN, VERMILLION

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PLACES = (
    0.0,
    -1.0,
    1.0,
    -1e3,
    1e3,
)  # logits at which one of our losses asks nothing of a sample, if any does


def value_and_slope(loss: LossFunction, logits: Tensor, moves: str) -> tuple[Tensor, Tensor]:
    """Return the loss of one real and one generated sample, and its slope, as the logit of one of them moves.

    The other one rests where it adds nothing to the loss; at 0 if there is no such place, or if the loss
    compares the two.

    Parameters
    ----------
    loss : callable
        Of `(real_logits, fake_logits)`.
    logits : Tensor
        Where, shape (N,).
    moves : {"real", "fake"}
        Which of the two has these logits.

    Returns
    -------
    Tensor, Tensor
        Values and slopes, shape (N,).

    Examples
    --------
    >>> values, slopes = value_and_slope(LOSSES["hinge"].discriminator, torch.tensor([-3.0, 3.0]), "real")
    >>> values.tolist(), slopes.tolist()
    ([4.0, 0.0], [-1.0, 0.0])
    """

    def at(moving: Tensor, resting: float) -> Tensor:
        other = torch.full((1,), resting)
        return loss(moving, other) if moves == "real" else loss(other, moving)

    zero, one = torch.zeros(1), torch.ones(1)
    compares = (at(one, 1.0) - at(one, 0.0) - at(zero, 1.0) + at(zero, 0.0)).abs().item() > 1e-5
    added = {place: at(zero, place).item() for place in PLACES}
    least = min(PLACES, key=added.__getitem__)
    rest = 0.0 if compares or added[least] < added[0.0] - 100 else least
    moving = logits.detach().clone().requires_grad_()
    values = torch.stack([at(moving[i : i + 1], rest) for i in range(len(moving))])
    (slopes,) = torch.autograd.grad(values.sum(), moving)
    return values.detach(), slopes


def plot_loss(name: str) -> Figure:
    """Draw what a pair of losses asks of one sample: value and slope against the sample's logit.

    Three curves: the discriminator's loss for a real and for a generated sample, and the generator's for a
    generated one. Each player descends, so a sample's logit is pushed to where its curve is lower; how hard
    is the slope. Where a loss compares a real and a generated sample, the other one's logit is 0.

    Parameters
    ----------
    name : str
        A key of `ganbook.losses.LOSSES`.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels: values on the left, slopes on the right.

    Raises
    ------
    UserError
        If there is no loss of this name.
    """
    from matplotlib.figure import Figure

    if name not in LOSSES:
        raise unknown("loss", name, LOSSES)
    loss = LOSSES[name]
    logits = torch.linspace(-4, 4, 161)
    curves = (
        ("D, real sample", loss.discriminator, "real", BLUE, "-", 4.0),  # broad: the last may lie on it
        ("D, generated sample", loss.discriminator, "fake", GREEN, "-.", 1.8),
        ("G, generated sample", loss.generator, "fake", VERMILLION, "--", 1.8),
    )
    figure = Figure(figsize=(8, 2.9), layout="constrained")
    left, right = figure.subplots(1, 2)
    for label, function, moves, colour, style, width in curves:
        values, slopes = value_and_slope(function, logits, moves)
        left.plot(logits, values, style, color=colour, linewidth=width, label=label)
        right.plot(logits, slopes, style, color=colour, linewidth=width)
    left.set(xlabel="logit of the sample", ylabel="loss")
    right.set(xlabel="logit of the sample", ylabel="slope")
    for ax in (left, right):
        ax.axhline(0, color="0.6", linewidth=0.8, linestyle=":")
        ax.spines[["top", "right"]].set_visible(False)
    figure.legend(frameon=False, ncols=3, loc="outside upper center")
    return figure
