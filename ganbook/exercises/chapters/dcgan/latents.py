"""Checks: the latent space."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ganbook.exercises.chapters.registry import check
from ganbook.exercises.grading.trial import Trial


@check("latent-norm")
def latent_norm(trial: Trial) -> None:
    """Try ends, middle and between, in several dimensions."""
    for d, t in ((64, 0.5), (64, 0.0), (64, 1.0), (100, 0.25), (2, 0.8)):
        right = math.sqrt(d * ((1 - t) ** 2 + t**2))
        trial.differs(
            trial.number(d, t),
            right,
            case=f"d = {d}, t = {t}",
            rtol=1e-3,
            known={
                "this would hold if both vectors pointed the same way; "
                "two random ones are nearly at a right angle": math.sqrt(d),
                "this is the squared norm": d * ((1 - t) ** 2 + t**2),
                "lengths were added where squares add up: at a right angle Pythagoras holds": (
                    math.sqrt(d) * (1 - t + t)
                ),
                "the weights are squared because the squares of the coordinates are averaged; "
                "here they were not": math.sqrt(d * ((1 - t) + t)),
                "this is the norm of the difference of the two parts' norms": math.sqrt(d) * abs(1 - 2 * t),
                "d was left out": math.sqrt((1 - t) ** 2 + t**2),
                "d is in it without the root: the norm grows with the root of d": (
                    d * math.sqrt((1 - t) ** 2 + t**2)
                ),
                "the second part is missing": math.sqrt(d) * (1 - t),
            },
            otherwise="this is not the root of the mean squared norm",
        )
    trial.tried("both ends, the middle and between, for d = 2, 64 and 100")


def _slerp(z0: Tensor, z1: Tensor, t: float) -> Tensor:
    cosine = (z0 @ z1) / (z0.norm() * z1.norm())
    angle = torch.arccos(cosine.clamp(-1, 1))
    return (torch.sin((1 - t) * angle) * z0 + torch.sin(t * angle) * z1) / torch.sin(angle)


@check("slerp")
def slerp(trial: Trial) -> None:
    """Try right angles, other lengths, ends, and vectors of one direction."""
    a, b = torch.randn(2, 64, generator=torch.Generator().manual_seed(120))
    for z0, z1, t, case in (
        (torch.tensor([2.0, 0.0]), torch.tensor([0.0, 2.0]), 0.25, "z0 = (2, 0), z1 = (0, 2), t = 0.25"),
        (torch.tensor([2.0, 0.0]), torch.tensor([1.0, 3**0.5]), 0.5, "z0 = (2, 0), z1 = (1, 1.732), t = 0.5"),
        (torch.tensor([1.0, 0.0]), torch.tensor([2.0, 2.0]), 0.5, "z0 = (1, 0), z1 = (2, 2), t = 0.5"),
        (torch.tensor([3.0, 0.0]), torch.tensor([-1.0, 1.0]), 0.3, "z0 = (3, 0), z1 = (-1, 1), t = 0.3"),
        (a, b, 0.4, "two latents of 64 numbers, t = 0.4"),
        (a, b, 0.0, "two latents of 64 numbers, t = 0"),
        (a, b, 1.0, "two latents of 64 numbers, t = 1"),
    ):
        _check_arc(trial, z0, z1, t, case)
    for z0, z1, t, case in (
        (torch.tensor([1.0, 2.0]), torch.tensor([2.0, 4.0]), 0.25, "z0 = (1, 2), z1 = (2, 4), t = 0.25"),
        (a, a.clone(), 0.5, "z0 = z1, 64 numbers, t = 0.5"),
        (3 * b, b.clone(), 0.5, "z0 = 3 z1, 64 numbers, t = 0.5"),
    ):
        _check_one_direction(trial, z0, z1, t, case)
    trial.tried("right and other angles, equal and unequal lengths, both ends, and vectors of one direction")


def _check_arc(trial: Trial, z0: Tensor, z1: Tensor, t: float, case: str) -> None:
    value = trial.call(z0, z1, t)
    if bool(torch.isnan(torch.as_tensor(value)).any()):
        trial.fail(
            "the result is not a number. "
            "The cosine of an angle lies between -1 and 1, and z0 times z1 alone need not: "
            "these vectors do not have the length 1",
            case,
        )
    a, b = z0.double(), z1.double()
    unit_a, unit_b = a / a.norm(), b / b.norm()
    line = (1 - t) * a + t * b
    arc = _slerp(a, b, t)
    trial.differs(
        trial.as_tensor(value, shape=z0.shape, case=case),
        arc,
        case=case,
        rtol=1e-3,
        atol=1e-5,
        known={
            "this is the straight line between them, which cuts the corner: its points are too short": line,
            "t runs backwards: t = 0 is z0": _slerp(b, a, t),
            "the result has the length 1: the directions are right, but latents are longer": (
                _slerp(unit_a, unit_b, t)
            ),
            "this is the straight line, stretched to the right length: "
            "the direction does not turn evenly": line / line.norm() * ((1 - t) * a.norm() + t * b.norm()),
            "the division by the sine of the angle is missing": (
                arc * torch.sin(torch.arccos(unit_a @ unit_b))
            ),
        },
        otherwise="this is not what the formula gives",
    )


def _check_one_direction(trial: Trial, z0: Tensor, z1: Tensor, t: float, case: str) -> None:
    value = trial.call(z0, z1, t)
    if not bool(torch.isfinite(torch.as_tensor(value)).all()):
        trial.fail(
            "the result is not a number where both vectors point the same way. "
            "The angle is 0 there, and its sine divides; "
            "and rounding can make the cosine a little larger than 1",
            case,
        )
    trial.differs(
        trial.as_tensor(value, shape=z0.shape, case=case),
        (1 - t) * z0.double() + t * z1.double(),
        case=case,
        rtol=2e-2,
        atol=1e-2,
        otherwise="where both vectors point the same way, the arc has become a straight line",
    )
