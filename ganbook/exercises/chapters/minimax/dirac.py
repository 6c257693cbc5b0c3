"""Checks: the Dirac-GAN, the smallest game in which one can watch two players miss each other."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ganbook.exercises.chapters.registry import check
from ganbook.exercises.grading.trial import Trial


def _sigmoid(t: float) -> float:
    """Return 1 / (1 + e^-t)."""
    return 1 / (1 + math.exp(-t))


def _pair(theta: float, psi: float) -> Tensor:
    """Return both weights as one float64 vector."""
    return torch.tensor([theta, psi], dtype=torch.float64)


@check("dirac-step")
def dirac_step(trial: Trial) -> None:
    """Several places and step sizes."""
    for theta, psi, h in ((1.0, 0.5, 0.3), (1.0, 0.0, 0.3), (-2.0, 0.7, 0.1), (0.4, -1.5, 1.0)):
        case = f"theta = {theta:g}, psi = {psi:g}, h = {h:g}"
        got = trial.as_tensor(trial.call(theta, psi, h), (2,), case=case)
        D = _sigmoid(psi * theta)
        want = _pair(theta + h * psi * D, psi - h * theta * D)
        new_psi, new_theta = psi - h * theta * D, theta + h * psi * D
        trial.differs(
            got,
            want,
            case=case,
            known={
                "here G answers to the D of *after* its step: that is in turn, not at once": (
                    _pair(theta + h * new_psi * _sigmoid(new_psi * theta), new_psi)
                ),
                "here D answers to the G of *after* its step: that is in turn, not at once": (
                    _pair(new_theta, psi - h * new_theta * _sigmoid(psi * new_theta))
                ),
                "D descends V here, and so learns to call the generated sample real. D ascends V": (
                    _pair(new_theta, psi + h * theta * D)
                ),
                "G ascends V here, and so moves to where D finds it out more easily. G descends V": (
                    _pair(theta - h * psi * D, new_psi)
                ),
                "both go the wrong way along V: with min and max exchanged, the field turns the other way": (
                    _pair(theta - h * psi * D, psi + h * theta * D)
                ),
                "psi and theta are exchanged: theta comes first": _pair(new_psi, new_theta),
                "the factor sigma(psi theta) is missing. It is 1/2 near the equilibrium, not 1": (
                    _pair(theta + h * psi, psi - h * theta)
                ),
                "these are the changes, not the new weights": _pair(h * psi * D, -h * theta * D),
                "G uses the slope of the non-saturating loss, which is another function than V": (
                    _pair(theta + h * psi * (1 - D), new_psi)
                ),
            },
            otherwise="this is not one step of both along the gradients of V",
        )
    trial.tried("four places of the plane, with steps from 0.1 to 1")


@check("steps-to-double")
def steps_to_double(trial: Trial) -> None:
    """Step sizes from 0.1 to 1."""
    for h in (0.5, 1.0, 0.2, 0.1):
        factor = math.sqrt(1 + h * h / 4)

        def steps(growth: float) -> int:
            return math.ceil(math.log(2) / math.log(growth))

        trial.differs(
            trial.number(h),
            steps(factor),
            case=f"h = {h:g}",
            rtol=0,
            atol=1e-9,
            known={
                "this is after how many steps the *square* of the distance has doubled": steps(factor**2),
                "this takes sigma = 1. Near the equilibrium the logit is near 0": steps(math.sqrt(1 + h * h)),
                "this adds h/2 of the distance to the distance in each step. "
                "The step is at a right angle to the radius, so Pythagoras says how long the new radius is": (
                    steps(1 + h / 2)
                ),
                "this is one step short: after it the distance has not quite doubled": steps(factor) - 1,
                "a number of steps is a whole number: "
                "the first after which the distance has at least doubled": math.log(2) / math.log(factor),
                "this lets the distance grow by the same amount in every step. "
                "It grows by the same *factor*": math.ceil(1 / (factor - 1)),
            },
            otherwise="the distance has not doubled after exactly this many steps for the first time",
        )
    trial.tried("h = 0.1, 0.2, 0.5 and 1")


def _run_with_r1(gamma: float, h: float, steps: int) -> float:
    """Return by which factor the distance has changed after steps of both players at once, with R1."""
    theta, psi = 0.1, 0.0
    for _ in range(steps):
        D = _sigmoid(psi * theta)
        theta, psi = theta + h * psi * D, psi + h * (-theta * D - gamma * psi)
    return math.hypot(theta, psi) / 0.1


@check("weak-r1")
def weak_r1(trial: Trial) -> None:
    """400 steps with gamma = 0.05, and with 0.3 for comparison."""
    choice = trial.choice("ABC")
    weak, strong = _run_with_r1(0.05, 0.3, 400), _run_with_r1(0.3, 0.3, 400)
    came_out = (
        f"after 400 steps the distance is {weak:.1f} times what it was "
        f"(with gamma = 0.3 it is {strong:.0e} times)"
    )
    trial.tried(f"run with gamma = 0.05: {came_out}")
    reasons = {
        "A": (
            "Theorem 4 says this of the field, and so of small enough steps. "
            "These are not: a step at once leads out of the circle, and a weak brake loses against that"
        ),
        "C": (
            "near the equilibrium, a curve that seems closed is what steps *in turn* without R1 draw. "
            "These are at once, and two forces act: the step outwards and the brake inwards. "
            "Only by accident are they equal"
        ),
    }
    if choice != "B":
        trial.fail(
            f"{reasons[choice]}. It came out that {came_out}", case="h = 0.3, gamma = 0.05, start (0.1, 0)"
        )


@check("least-gamma")
def least_gamma(trial: Trial) -> None:
    """Step sizes from 0.01 to 1, and a simulation on both sides of the answer."""
    for h in (0.4, 0.1, 1.0, 0.01):
        case = f"h = {h:g}"
        trial.differs(
            trial.number(h),
            h / 4,
            case=case,
            rtol=1e-3,
            atol=1e-9,
            known={
                "this is what the field needs, whose steps are infinitely small. "
                "A step of size h pushes outwards by itself": 0.0,
                "this is the growth in one step, which the brake must outweigh; "
                "the brake, too, acts only for a step of size h": h * h / 4,
                "this takes sigma = 1. At the equilibrium it is 1/2": h,
                "this takes the growth of the distance and not of its square, "
                "or the brake for twice what it is": h / 8,
                "this brake is twice as strong as needed. "
                "R1 acts on psi only, but the determinant says how much *both* directions shrink together": (
                    h / 2
                ),
                "this gamma makes the eigenvalues real. They need not be, if only their modulus is below 1": (
                    1.0
                ),
            },
            otherwise=(
                f"for {case} this is not the boundary: "
                "a little above it the players must approach each other, a little below it they must part"
            ),
        )
    trial.tried("h = 0.01, 0.1, 0.4 and 1")


def _in_turn(theta: float, psi: float, h: float, gamma: float, steps: int) -> tuple[float, float]:
    """Return (theta, psi) after steps in turn, D first, with R1."""
    for _ in range(steps):
        psi = psi - h * (theta * _sigmoid(psi * theta) + gamma * psi)
        theta = theta + h * psi * _sigmoid(psi * theta)
    return theta, psi


@check("repair-dirac")
def repair_dirac(trial: Trial) -> None:
    """One step without R1, one with R1, G's part of it, then many."""
    theta, psi, h = 1.0, 0.5, 0.3

    def one_step(gamma: float) -> Tensor:
        case = f"theta = {theta:g}, psi = {psi:g}, h = {h:g}, gamma = {gamma:g}, steps = 1"
        return trial.as_tensor(trial.call(theta, psi, h, gamma, 1), (2,), case=case)

    start = f"theta = {theta:g}, psi = {psi:g}, h = {h:g}"
    new_theta, new_psi = one_step(0.0)
    _check_psi(trial, new_psi, theta, psi, h, f"{start}, gamma = 0, psi after one step")
    _check_braked_psi(trial, one_step(1.0)[1], theta, psi, h, f"{start}, gamma = 1, psi after one step")
    _check_theta(trial, new_theta, theta, psi, h, f"{start}, gamma = 0, theta after one step")
    for gamma, steps in ((0.3, 2), (0.3, 120), (0.0, 50), (0.3, 0)):
        case = f"theta = 1, psi = 0, h = 0.3, gamma = {gamma:g}, steps = {steps}"
        got = trial.as_tensor(trial.call(1.0, 0.0, 0.3, gamma, steps), (2,), case=case)
        trial.differs(
            got,
            _pair(*_in_turn(1.0, 0.0, 0.3, gamma, steps)),
            case=case,
            atol=1e-5,
            otherwise=(
                "a single step is right, but not so many of them: "
                "is every step taken, and from where the last ended?"
            ),
        )
    trial.tried("one step without R1, one with it, and up to 120 steps")


def _check_psi(trial: Trial, got: Tensor, theta: float, psi: float, h: float, case: str) -> None:
    """Judge D's step without R1."""
    D = _sigmoid(psi * theta)
    new_theta = theta + h * psi * D
    trial.differs(
        got,
        psi - h * theta * D,
        case=case,
        known={
            "D climbs its own loss: its logit on the generated sample rises. A player descends its loss": (
                psi + h * theta * D
            ),
            "D answers to the new theta. D moves first here": (
                psi - h * new_theta * _sigmoid(psi * new_theta)
            ),
            "D has not moved": psi,
        },
        otherwise="D's step without R1 is wrong",
    )


def _check_braked_psi(trial: Trial, got: Tensor, theta: float, psi: float, h: float, case: str) -> None:
    """Judge D's step with R1, of weight 1."""
    slope = theta * _sigmoid(psi * theta)
    trial.differs(
        got,
        psi - h * (slope + psi),
        case=case,
        known={
            "the brake looks at theta. "
            "R1 is gamma/2 times the squared slope of the logit psi x with respect to x, "
            "and that slope is psi": psi - h * (slope + theta),
            "R1 accelerates D instead of braking it: "
            "D's loss has *plus* the penalty, so a step makes the slope smaller": psi - h * (slope - psi),
            "the brake is half as strong as gamma/2 psi^2 says: differentiate the square": (
                psi - h * (slope + psi / 2)
            ),
            "the brake is twice as strong as gamma/2 psi^2 says": psi - h * (slope + 2 * psi),
            "gamma has no effect": psi - h * slope,
        },
        otherwise="D's step with R1 is wrong",
    )


def _check_theta(trial: Trial, got: Tensor, theta: float, psi: float, h: float, case: str) -> None:
    """Judge G's step, against the D that has moved without R1."""
    D = _sigmoid(psi * theta)
    new_psi = psi - h * theta * D
    new_D = _sigmoid(new_psi * theta)
    trial.differs(
        got,
        theta + h * new_psi * new_D,
        case=case,
        known={
            "G answers to the D of before its step. In turn means that G sees the new one": (
                theta + h * psi * D
            ),
            "G's slope takes psi after D's step, but D's answer to the sample from before it: "
            "sigma(psi theta) has changed too": theta + h * new_psi * D,
            "G's slope takes D's answer after its step, but psi from before it": theta + h * psi * new_D,
            "G climbs: it moves to where D gives it a smaller logit": theta - h * new_psi * new_D,
            "G has not moved": theta,
        },
        otherwise="G's step is wrong",
    )


@check("limit-cycle")
def limit_cycle(trial: Trial) -> None:
    """Step sizes from 0.01 to 0.5."""
    for h in (0.3, 0.1, 0.5, 0.01):
        trial.differs(
            trial.number(h),
            math.sqrt(2 * h),
            case=f"h = {h:g}",
            rtol=1e-3,
            atol=1e-9,
            known={
                "this is the square of the distance": 2 * h,
                "this takes the largest value of theta^2 psi^2 on the circle, r^4/4, and not its average": (
                    math.sqrt(h)
                ),
                "this takes sigma = 1: a step along the tangent adds h^2 r^2 sigma^2, and sigma is 1/2": (
                    math.sqrt(8 * h)
                ),
                "it depends on the step: the longer the step, the farther it leads out": math.sqrt(2),
                "this takes r^2 for r^4: the pull inwards is weaker the nearer they are": h / 2,
                "this averages the square of the sine alone. The product of both squares is averaged": (
                    math.sqrt(h / 2)
                ),
            },
            otherwise=(
                "at this distance the two do not balance: "
                "put it into h^2 r^2/4 and into h times the average of theta^2 psi^2"
            ),
        )
    trial.tried("h = 0.01, 0.1, 0.3 and 0.5")


@check("meeting-rate")
def meeting_rate(trial: Trial) -> None:
    """Weak brakes, the best one, and strong ones."""
    for gamma in (0.3, 1.0, 3.0, 1.5, 0.05, 10.0):
        root = math.sqrt(max(0.0, gamma**2 - 1))
        right = (gamma - root) / 2
        trial.differs(
            trial.number(gamma),
            right,
            case=f"gamma = {gamma:g}",
            rtol=1e-3,
            atol=1e-9,
            known={
                "beyond gamma = 1 the root is real, and the two parts shrink at different rates": gamma / 2,
                "this is the faster of the two parts. In the long run the slower one is left": (
                    (gamma + root) / 2
                ),
                "this has the wrong sign: the distance shrinks, so rho is above 0": -right,
                "this is the modulus of an eigenvalue. Its imaginary part turns and does not shrink": 0.5,
                "this is the whole brake. It acts on psi only, so half of the time it has nothing to hold": (
                    gamma
                ),
                "the field has 1/2 in it, as sigma is 1/2 at the equilibrium; this takes 1": (
                    gamma / 2 if gamma < 2 else (gamma - math.sqrt(gamma**2 - 4)) / 2
                ),
            },
            otherwise="this is not how fast the slower part shrinks",
        )
    trial.tried("gamma = 0.05, 0.3, 1, 1.5, 3 and 10")
