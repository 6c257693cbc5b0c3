"""Checks: what a generator costs, what it sees, and what scores say of it."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor
from torch.nn.functional import softplus

from ganbook.exercises.chapters.cases import numbers
from ganbook.exercises.chapters.registry import check
from ganbook.exercises.grading.trial import Trial
from ganbook.metrics import mode_coverage


@check("multiply-adds")
def multiply_adds(trial: Trial) -> None:
    """Ask about the chapter's generator and smaller networks."""
    for widths in ([3, 5, 2], [2, 128, 128, 128, 2], [100, 64], [7, 1, 1, 4]):
        pairs = list(itertools.pairwise(widths))
        weights = sum(a * b for a, b in pairs)
        trial.differs(
            trial.number(widths),
            weights,
            case=f"widths = {widths}",
            rtol=0,
            atol=1e-9,
            known={
                "this counts the weights with their biases. Adding a bias is no multiplication": (
                    weights + sum(widths[1:])
                ),
                "this counts multiplications and additions apart. One multiply-add is both": 2 * weights,
                "this adds up the units. Between two layers each unit of the one meets each of the other": (
                    sum(widths)
                ),
                "this multiplies all widths with each other; "
                "the layers come one after the other, so their costs add up": math.prod(widths),
                "the first layer is missing": weights - pairs[0][0] * pairs[0][1],
                "the last layer is missing": weights - pairs[-1][0] * pairs[-1][1],
                "this squares each width, as if all layers were as wide as their input": (
                    sum(a * a for a, _ in pairs)
                ),
            },
            otherwise="this is not the number of multiply-adds of one sample's pass",
        )
    trial.tried("four networks, among them the chapter's generator, [2, 128, 128, 128, 2]")


def _generator_gradient(real: Tensor) -> Tensor:
    """Return G's gradient (non-saturating loss) for a tiny pair, with this real batch at hand."""
    rng = torch.Generator().manual_seed(0)
    w, v, z = (torch.randn(n, generator=rng, dtype=torch.float64) for n in (3, 3, 3))
    w.requires_grad_()
    fake_logits, real_logits = v * torch.tanh(w * z), v * real
    V = -softplus(-real_logits).mean() - softplus(fake_logits).mean()
    assert torch.isfinite(V)  # the real batch takes part in V, and not in what reaches G
    (gradient,) = torch.autograd.grad(softplus(-fake_logits).mean(), w)
    return gradient


@check("what-the-generator-sees")
def what_the_generator_sees(trial: Trial) -> None:
    """Compute G's gradient with two different real batches."""
    choice = trial.choice("ABCD")
    first = _generator_gradient(numbers(1.0, 2.0, 3.0))
    second = _generator_gradient(numbers(-50.0, 0.0, 7.0))
    difference = (first - second).abs().max().item()
    size = first.norm().item()
    came_out = f"the gradients of G differ by {difference:g}, and their length is {size:.3f}"
    trial.tried(f"G's gradient with two real batches, D held as it is: {came_out}")
    reasons = {
        "A": (
            "the forger never sees a real note. "
            "What it knows of real samples reached it through D's weights, and these were held"
        ),
        "C": (
            "G's gradient is not 0: it is the slope of D's answer to the generated samples. "
            "The real ones do not occur in it"
        ),
        "D": "V does change, but only in its first term, which holds no weight of G. A constant has no slope",
    }
    if choice != "B":
        trial.fail(f"{reasons[choice]}. It came out that {came_out}", case="one G, one D, two real batches")


@check("one-perfect-note")
def one_perfect_note(trial: Trial) -> None:
    """Score 2,500 copies of one mode's centre as in the chapter."""
    choice = trial.choice("ABCD")
    angles = torch.arange(8) * (2 * math.pi / 8)
    modes = torch.stack([angles.cos(), angles.sin()], 1).double()
    scores = mode_coverage(modes[:1].repeat(2500, 1), modes, 0.05)
    came_out = (
        f"modes = {scores.modes_hit} of 8, good = {scores.high_quality_share:.0%}, "
        f"uneven = {scores.reverse_kl:.2f}"
    )
    trial.tried(f"2,500 copies of one centre, scored as in the chapter: {came_out}")
    reasons = {
        "A": (
            "you took the quality of each sample for the quality of the distribution. "
            "Every single sample is perfect here"
        ),
        "B": (
            "you expect every score to notice. "
            "But the share of good samples looks at the samples one by one, and each of them is perfect"
        ),
        "D": (
            "the reverse KL divergence compares the shares of the modes. "
            "All samples in one of eight modes is not even"
        ),
    }
    if choice != "C":
        trial.fail(
            f"{reasons[choice]}. It came out that {came_out}", case="every z goes to the centre of one mode"
        )


@check("circle-share")
def circle_share(trial: Trial) -> None:
    """Few wide modes and many narrow ones."""
    for num, sigma in ((8, 0.05), (8, 0.1), (3, 0.3), (1, 0.6), (20, 0.01)):
        half = 2 * math.asin(1.5 * sigma)  # the angle from a centre to the rim of its disc
        trial.differs(
            trial.number(num, sigma),
            num * half / math.pi,
            case=f"num_modes = {num}, sigma = {sigma:g}",
            known={
                "this takes the straight chord for the arc. The samples lie on the circle": (
                    num * 3 * sigma / math.pi
                ),
                "this counts only one side of each centre": num * half / (2 * math.pi),
                "that is the share for samples of the true modes, which is the ceiling. "
                "These samples know nothing of the modes": 1 - math.exp(-4.5),
                "this is the share for a single mode": half / math.pi,
                "this takes 3 sigma for the diameter of the disc. It is the radius": (
                    num * 2 * math.asin(0.75 * sigma) / math.pi
                ),
                "this is the share that is *not* good": 1 - num * half / math.pi,
                "this is a share of areas, as if the samples filled the whole disc inside the circle": (
                    num * 9 * sigma**2
                ),
            },
            rtol=2e-5,
            otherwise="this is not the share of the circle that lies within 3 sigma of a centre",
        )
    trial.tried("five rings, among them the chapter's")


@check("rare-mode")
def rare_mode(trial: Trial) -> None:
    """One number."""
    p = [k / 36 for k in range(8, 0, -1)]
    q = [share * 36 / 35 for share in p[:-1]]
    right = sum(b * math.log(b / a) for a, b in zip(p[:-1], q, strict=True))
    trial.differs(
        trial.value(),
        right,
        case="p = 8/36, 7/36, ..., 1/36; q the same without the last",
        rtol=2e-3,
        known={
            "this is the share of the missing mode, not the divergence": 1 / 36,
            "this would be it if the generator had the missing mode only": math.log(36),
            "this is below 0, which no divergence is: the shares q are larger than p": -right,
            "this would be it for eight equally frequent modes": math.log(8 / 7),
            "this is in bits; here logarithms are natural": right / math.log(2),
            "the shares of the seven modes have to add up to 1 again; "
            "as they stand, nothing would have changed": 0.0,
        },
        otherwise="this is not the reverse divergence of these shares",
    )
    trial.tried("the value")
