"""Checks: penalties on D's gradient, R1 and WGAN-GP."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganbook.exercises.chapters.players import flat, gradients
from ganbook.exercises.chapters.registry import check
from ganbook.exercises.grading.trial import Trial


def _parabola(x: Tensor) -> Tensor:
    """Return D(x) = |x|^2 / 2, whose gradient at x is x."""
    return 0.5 * x.flatten(1).square().sum(1)


def _shifted(x: Tensor) -> Tensor:
    """Return D(x) = |x - 1|^2 / 2, whose gradient at x is x - 1: not the same at x and -x."""
    return _parabola(x - 1)


def _plane() -> nn.Sequential:
    """Return the network D(x) = w x + b with w = (3, 4), b = 1."""
    layer = nn.Linear(2, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[3.0, 4.0]]))
        layer.bias.fill_(1.0)
    return nn.Sequential(layer, nn.Flatten(0))


def _check_descendable(trial: Trial, D: nn.Sequential, penalty: object, want: Tensor, case: str) -> None:
    """Fail unless the penalty is a scalar tensor whose gradient in D's weight is `want`."""
    if not isinstance(penalty, Tensor) or not penalty.requires_grad:
        trial.fail(
            "the value is right, but it cannot be descended: it has no graph to D's weights. "
            "The gradient with respect to x must itself be computed with a graph",
            case,
        )
    if gradients(D).abs().max() > 0:
        trial.fail(
            "a gradient was left in D's own parameters: `backward` stores one in everything it passes. "
            "`torch.autograd.grad` returns the one that you ask for",
            case,
        )
    penalty.sum().backward()
    weight = next(iter(D.parameters()))
    got = torch.zeros_like(weight) if weight.grad is None else weight.grad
    trial.differs(
        flat([got]),
        want,
        case=f"{case}; the penalty's gradient in w",
        known={
            "the penalty has a graph, but it does not lead to D's weights: descending it changes nothing": (
                torch.zeros_like(want)
            )
        },
        rtol=1e-3,
        atol=1e-5,
        otherwise="the penalty's value is right, but its gradient in D's weights is not",
    )


@check("r1-penalty")
def r1_penalty(trial: Trial) -> None:
    """Try a parabola, images and a plane, and descend the penalty."""
    x = torch.tensor([[1.0, 2.0, 0.0], [3.0, 0.0, 0.0]])
    case = "D(x) = |x|^2 / 2, whose gradient is x, at x = (1, 2, 0) and (3, 0, 0)"
    trial.differs(
        trial.number(_parabola, x),
        7.0,
        case=case,
        known={
            "the squared norms were summed over the batch, where the mean is wanted": 14.0,
            "the mean was taken over samples and pixels; R1 sums over the pixels of a sample": 14 / 6,
            "this is the mean of the norms, without the square": (5**0.5 + 3) / 2,
            "the gradients were averaged over the batch before the norm was taken: "
            "gradients of opposite direction then cancel": 5.0,
            "each gradient was divided by the size of the batch: "
            "take the gradient of the sum of the logits, in which no other sample has a part": 7.0 / 4,
            "a factor 1/2 is in it; it belongs to gamma/2, which is left out here": 3.5,
            "this is the penalty of WGAN-GP, around norm 1": ((5**0.5 - 1) ** 2 + 4) / 2,
        },
        otherwise="this is not the mean of the squared norms of the gradients",
    )
    trial.differs(
        trial.number(_shifted, x),
        (x - 1).square().sum(1).mean().item(),
        case="D(x) = |x - 1|^2 / 2, whose gradient is x - 1, at the same x",
        known={"the gradient was taken at -x, not at x": (x + 1).square().sum(1).mean().item()},
    )
    images = torch.arange(8.0).reshape(2, 1, 2, 2)
    trial.differs(
        trial.number(_parabola, images),
        images.square().sum().item() / 2,
        case="the same D, on images of shape (2, 1, 2, 2)",
        known={
            "the norm was taken along one axis of the picture only; it runs over all pixels of a sample": (
                images.square().mean().item()
            )
        },
        otherwise="this is right for vectors, but not for images: the norm runs over all axes but the first",
    )
    D = _plane()
    case = "D(x) = 3 x1 + 4 x2 + 1 at x = (1, 2) and (3, 0)"
    penalty = trial.call(D, torch.tensor([[1.0, 2.0], [3.0, 0.0]]), mutable=True)
    trial.differs(
        trial.as_number(penalty, case=case),
        25.0,
        case=case,
        otherwise="the gradient of a linear D is w everywhere: the penalty is |w|^2",
    )
    _check_descendable(trial, D, penalty, torch.tensor([6.0, 8.0], dtype=torch.float64), case)
    trial.tried("a parabola, a plane, images; the gradient of the penalty in D's weights")


@check("gradient-penalty")
def gradient_penalty(trial: Trial) -> None:
    """Try a parabola, whose gradient shows the place, images and a plane, and descend the penalty."""
    real, fake = torch.tensor([[4.0, 2.0], [0.0, 2.0]]), torch.tensor([[0.0, 0.0], [3.0, 6.0]])
    eps = torch.tensor([0.75, 0.25])
    _check_between(trial, real, fake, eps)
    _check_between_images(trial, eps)
    D = _plane()
    case = "D(x) = 3 x1 + 4 x2 + 1, whose gradient has the norm 5"
    penalty = trial.call(D, real, fake, eps, mutable=True)
    trial.differs(trial.as_number(penalty, case=case), 16.0, case=case)
    # (|w| - 1)^2 has the gradient 2 (|w| - 1) w / |w|
    _check_descendable(trial, D, penalty, torch.tensor([4.8, 6.4], dtype=torch.float64), case)
    trial.tried("a parabola, images, a plane; the gradient of the penalty in D's weights")


def _at(x: Tensor, power: int = 2) -> float:
    """Return the penalty of the parabola, taken at x."""
    return (x.flatten(1).norm(dim=1) - 1).abs().pow(power).mean().item()


def _check_between(trial: Trial, real: Tensor, fake: Tensor, eps: Tensor) -> None:
    x_hat = eps[:, None] * real + (1 - eps[:, None]) * fake
    otherwise = "this is not the mean of (norm - 1)^2 at the points between the pairs"
    trial.differs(
        trial.number(_parabola, real, fake, eps),
        _at(x_hat),
        case="D(x) = |x|^2 / 2; real (4, 2), (0, 2); fake (0, 0), (3, 6); eps = 0.75, 0.25",
        known={
            "eps and 1 - eps are exchanged: eps = 1 is the real sample": (
                _at(eps[:, None] * fake + (1 - eps[:, None]) * real)
            ),
            "eps was laid along the last axis, so that each sample got several. "
            "Each pair has one eps of its own": _at(eps * real + (1 - eps) * fake),
            "the gradient was taken at the real samples": _at(real),
            "the gradient was taken at the generated samples": _at(fake),
            "the distance of the norm from 1 was not squared": _at(x_hat, power=1),
            "the penalty was summed over the batch, where the mean is wanted": 2 * _at(x_hat),
            "the norm was squared before 1 was taken away": (
                (x_hat.square().sum(1) - 1).square().mean().item()
            ),
            "1 was not taken away: this pulls the norm to 0, as R1 does": x_hat.square().sum(1).mean().item(),
            "the weight (lambda) is in it; it is left out here": 10 * _at(x_hat),
            "each gradient was divided by the size of the batch: "
            "take the gradient of the sum of D's values": _at(x_hat / 2),
        },
        otherwise=otherwise,
    )
    trial.differs(
        trial.number(_shifted, real, fake, eps),
        _at(x_hat - 1),
        case="D(x) = |x - 1|^2 / 2, whose gradient is x - 1; the same samples and eps",
        known={"the gradient was taken at -x, not at x": _at(x_hat + 1)},
        otherwise=otherwise,
    )


def _check_between_images(trial: Trial, eps: Tensor) -> None:
    images, others = torch.arange(16.0).reshape(2, 2, 2, 2) / 8, torch.ones(2, 2, 2, 2)
    x_hat = eps.view(2, 1, 1, 1) * images + (1 - eps.view(2, 1, 1, 1)) * others
    trial.differs(
        trial.number(_parabola, images, others, eps),
        _at(x_hat),
        case="the same D and eps, on images of shape (2, 2, 2, 2)",
        known={
            "eps was laid along the last axis of the images, so that each column of pixels got its own. "
            "Each pair has one eps": _at(eps * images + (1 - eps) * others),
        },
        otherwise=(
            "this is right for vectors, but not for images: "
            "one eps a pair, and the norm over all axes but the first"
        ),
    )
