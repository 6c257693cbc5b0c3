"""Exercises of the chapter on DCGAN: the latent space."""

from __future__ import annotations

import math
from inspect import cleandoc

import torch
from torch import Tensor

from ganbook.exercises.exercise import Exercise, Wrong
from ganbook.exercises.grading.trial import Trial

# ---- the latent space


def check_typical_norm(trial: Trial) -> None:
    """Try ends, middle and between, in several dimensions."""
    for d, t in ((64, 0.5), (64, 0.0), (64, 1.0), (100, 0.25), (2, 0.8)):
        right = math.sqrt(d * ((1 - t) ** 2 + t**2))
        trial.differs(
            trial.number(d, t),
            right,
            case=f"d = {d}, t = {t}",
            rtol=1e-3,
            known={
                "this would hold if both vectors pointed the same way; two random ones are "
                "nearly at a right angle": math.sqrt(d),
                "this is the squared norm": d * ((1 - t) ** 2 + t**2),
                "lengths were added where squares add up: at a right angle Pythagoras holds": math.sqrt(d)
                * (1 - t + t),
                "the weights are squared because the squares of the "
                "coordinates are averaged; here they were not": math.sqrt(d * ((1 - t) + t)),
                "this is the norm of the difference of the two parts' norms": math.sqrt(d) * abs(1 - 2 * t),
                "d was left out": math.sqrt((1 - t) ** 2 + t**2),
                "d is in it without the root: the norm grows with the root of d": d
                * math.sqrt((1 - t) ** 2 + t**2),
                "the second part is missing": math.sqrt(d) * (1 - t),
            },
            otherwise="this is not the root of the mean squared norm",
        )
    trial.tried("both ends, the middle and between, for d = 2, 64 and 100")


TYPICAL_NORM = Exercise(
    name="latent-norm",
    title="How long is a latent between two latents?",
    chapter="dcgan",
    kind="compute",
    difficulty=2,
    statement=cleandoc(r"""
        $z_0$ and $z_1$ are independent latents of $d$ independent standard normal numbers. On the straight
        line between them lies $z_t = (1 - t) z_0 + t z_1$.

        Derive the root of the mean squared norm, $\sqrt{\mathbb{E} \|z_t\|^2}$, and write
        `typical_norm(d, t)`. (In high dimensions almost all norms are close to it.)
    """),
    starter=cleandoc("""
        def typical_norm(d, t):
            return ...
    """),
    answer="typical_norm",
    check=check_typical_norm,
    hints=(
        "Begin with $t = 0$: what is the mean of the square of one standard normal number, and of the sum "
        "of $d$ of them?",
        "One coordinate of $z_t$ is $(1 - t) a + t b$ with independent $a$ and $b$. What is its variance?",
        "$(1 - t)^2 + t^2$ in each coordinate, $d$ coordinates, then the root.",
    ),
    solutions=(
        "import math\n\n\ndef typical_norm(d, t):\n    return math.sqrt(d * ((1 - t) ** 2 + t**2))",
        "import numpy as np\n\n\ndef typical_norm(d, t):\n    return np.sqrt(d) * np.hypot(1 - t, t)",
    ),
    explanation=cleandoc(r"""
        Variances of independent numbers add up, with squared factors: $d \, ((1 - t)^2 + t^2)$. For
        $d = 64$ a latent is about 8 long, and the middle between two of them only $\sqrt{32} = 5.7$. Of a
        million draws from $p_z$ only about three hundred are that short: the straight line leads through a
        region from which $G$ has hardly ever been given anything.
    """),
    wrong=(
        Wrong("import math\n\n\ndef typical_norm(d, t):\n    return math.sqrt(d)", "pointed the same way"),
        Wrong("def typical_norm(d, t):\n    return d * ((1 - t) ** 2 + t**2)", "squared norm"),
        Wrong(
            "import math\n\n\ndef typical_norm(d, t):\n    return math.sqrt(d) * abs(1 - 2 * t)", "difference"
        ),
        Wrong("import math\n\n\ndef typical_norm(d, t):\n    return math.hypot(1 - t, t)", "d was left out"),
    ),
)


def _slerp(z0: Tensor, z1: Tensor, t: float) -> Tensor:
    cosine = (z0 @ z1) / (z0.norm() * z1.norm())
    angle = torch.arccos(cosine.clamp(-1, 1))
    return (torch.sin((1 - t) * angle) * z0 + torch.sin(t * angle) * z1) / torch.sin(angle)


def check_slerp(trial: Trial) -> None:
    """Try right angles, other lengths, ends, and vectors of one direction."""
    rng = torch.Generator().manual_seed(120)
    long = torch.randn(2, 64, generator=rng)
    for z0, z1, t, name in (
        (torch.tensor([2.0, 0.0]), torch.tensor([0.0, 2.0]), 0.25, "z0 = (2, 0), z1 = (0, 2), t = 0.25"),
        (torch.tensor([2.0, 0.0]), torch.tensor([1.0, 3**0.5]), 0.5, "z0 = (2, 0), z1 = (1, 1.732), t = 0.5"),
        (torch.tensor([1.0, 0.0]), torch.tensor([2.0, 2.0]), 0.5, "z0 = (1, 0), z1 = (2, 2), t = 0.5"),
        (torch.tensor([3.0, 0.0]), torch.tensor([-1.0, 1.0]), 0.3, "z0 = (3, 0), z1 = (-1, 1), t = 0.3"),
        (long[0], long[1], 0.4, "two latents of 64 numbers, t = 0.4"),
        (long[0], long[1], 0.0, "two latents of 64 numbers, t = 0"),
        (long[0], long[1], 1.0, "two latents of 64 numbers, t = 1"),
    ):
        value = trial.call(z0, z1, t)
        if bool(torch.isnan(torch.as_tensor(value)).any()):
            trial.fail(
                "the result is not a number. The cosine of an angle lies between -1 and 1, and z0 times z1 "
                "alone need not: these vectors do not have the length 1",
                name,
            )
        got = trial.as_tensor(value, shape=z0.shape, case=name)
        a, b = z0.double(), z1.double()
        unit_a, unit_b = a / a.norm(), b / b.norm()
        line = (1 - t) * a + t * b
        trial.differs(
            got,
            _slerp(a, b, t),
            case=name,
            rtol=1e-3,
            atol=1e-5,
            known={
                "this is the straight line between them, which cuts the corner: its points are too "
                "short": line,
                "t runs backwards: t = 0 is z0": _slerp(b, a, t),
                "the result has the length 1: the directions are right, but latents are longer": _slerp(
                    unit_a, unit_b, t
                ),
                "this is the straight line, "
                "stretched to the right length: "
                "the direction does not turn "
                "evenly": line / line.norm() * ((1 - t) * a.norm() + t * b.norm()),
                "the division by the sine of the angle is missing": _slerp(a, b, t)
                * torch.sin(torch.arccos(unit_a @ unit_b)),
            },
            otherwise="this is not what the formula gives",
        )
    for z0, z1, t, name in (
        (torch.tensor([1.0, 2.0]), torch.tensor([2.0, 4.0]), 0.25, "z0 = (1, 2), z1 = (2, 4), t = 0.25"),
        (long[0], long[0].clone(), 0.5, "z0 = z1, 64 numbers, t = 0.5"),
        (3 * long[1], long[1].clone(), 0.5, "z0 = 3 z1, 64 numbers, t = 0.5"),
    ):
        value = trial.call(z0, z1, t)
        if not bool(torch.isfinite(torch.as_tensor(value)).all()):
            trial.fail(
                "the result is not a number where both vectors point the same way. The angle is 0 there, "
                "and its sine divides; and rounding can make the cosine a little larger than 1",
                name,
            )
        trial.differs(
            trial.as_tensor(value, shape=z0.shape, case=name),
            (1 - t) * z0.double() + t * z1.double(),
            case=name,
            rtol=2e-2,
            atol=1e-2,
            otherwise="where both vectors point the same way, the arc has become a straight line",
        )
    trial.tried("right and other angles, equal and unequal lengths, both ends, and vectors of one direction")


SLERP = Exercise(
    name="slerp",
    title="Round the corner instead of through it",
    chapter="dcgan",
    kind="code",
    difficulty=2,
    statement=cleandoc(r"""
        A walk from one latent to another should not pass through latents that are far too short. **Slerp**
        (spherical linear interpolation) turns the direction evenly:

        $$\operatorname{slerp}(z_0, z_1, t) = \frac{\sin((1 - t)\,\theta)}{\sin \theta} \, z_0
        + \frac{\sin(t\,\theta)}{\sin \theta} \, z_1 ,$$

        where $\theta$ is the angle between $z_0$ and $z_1$, so
        $\cos\theta = z_0 \cdot z_1 / (\|z_0\| \, \|z_1\|)$.

        Write `slerp(z0, z1, t)` for two tensors (or arrays) of shape `(d,)`, not zero and of any length,
        and a float `t` from 0 to 1. If both point the same way ($\theta = 0$, or so close to it that
        rounding hides it), the formula is 0/0: return the straight line $(1 - t) z_0 + t z_1$ then.
        Opposite directions do not occur.
    """),
    starter=cleandoc("""
        def slerp(z0, z1, t):
            return ...
    """),
    answer="slerp",
    check=check_slerp,
    hints=(
        "First the angle: `torch.arccos` of the dot product of the two *directions*.",
        "`arccos(1.0000001)` is not a number. And what is $\\sin\\theta$ where both point the same way?",
        "Clamp the cosine to $[-1, 1]$; if $\\sin\\theta$ is below, say, $10^{-3}$, return the straight "
        "line, else the formula.",
    ),
    solutions=(
        cleandoc("""
            import torch


            def slerp(z0, z1, t):
                cosine = torch.dot(z0, z1) / (z0.norm() * z1.norm())
                theta = torch.arccos(cosine.clamp(-1, 1))
                if torch.sin(theta) < 1e-3:
                    return (1 - t) * z0 + t * z1
                along = torch.sin((1 - t) * theta) * z0 + torch.sin(t * theta) * z1
                return along / torch.sin(theta)
        """),
        cleandoc("""
            import numpy as np


            def slerp(z0, z1, t):
                z0, z1 = np.asarray(z0, dtype=np.float64), np.asarray(z1, dtype=np.float64)
                cosine = z0 @ z1 / np.linalg.norm(z0) / np.linalg.norm(z1)
                if cosine > 1 - 1e-6:
                    return z0 + t * (z1 - z0)
                theta = np.arccos(cosine)
                return np.sin([(1 - t) * theta, t * theta]) @ np.stack([z0, z1]) / np.sin(theta)
        """),
    ),
    explanation=cleandoc(r"""
        For vectors of equal length $r$ the result has the length $r$ all the way, and turns by the same
        angle in equal steps. Two independent latents in 64 dimensions are nearly at a right angle and
        nearly of the same length, so slerp stays where $p_z$ puts its samples. Nothing is wrong with a
        straight line for a $G$ that was trained on uniform latents in a cube, which is convex.
    """),
    wrong=(
        Wrong("def slerp(z0, z1, t):\n    return (1 - t) * z0 + t * z1", "cuts the corner"),
        Wrong(
            cleandoc("""
                import torch


                def slerp(z0, z1, t):
                    theta = torch.arccos(torch.dot(z0, z1))
                    return (torch.sin((1 - t) * theta) * z0 + torch.sin(t * theta) * z1) / torch.sin(theta)
            """),
            "need not",
        ),
        Wrong(
            cleandoc("""
                import torch


                def slerp(z0, z1, t):
                    theta = torch.arccos(torch.dot(z0, z1) / (z0.norm() * z1.norm()))
                    return (torch.sin((1 - t) * theta) * z0 + torch.sin(t * theta) * z1) / torch.sin(theta)
            """),
            "where both vectors point the same way. The angle",
        ),
        Wrong(
            cleandoc("""
                import torch


                def slerp(z0, z1, t):
                    theta = torch.arccos((torch.dot(z0, z1) / (z0.norm() * z1.norm())).clamp(-1, 1))
                    if theta < 1e-3:
                        return (1 - t) * z0 + t * z1
                    return (torch.sin(t * theta) * z0 + torch.sin((1 - t) * theta) * z1) / torch.sin(theta)
            """),
            "runs backwards",
        ),
        Wrong(
            cleandoc("""
                import torch


                def slerp(z0, z1, t):
                    z0, z1 = z0 / z0.norm(), z1 / z1.norm()
                    theta = torch.arccos(torch.dot(z0, z1).clamp(-1, 1))
                    if theta < 1e-3:
                        return z0
                    return (torch.sin((1 - t) * theta) * z0 + torch.sin(t * theta) * z1) / torch.sin(theta)
            """),
            "length 1",
        ),
    ),
)
