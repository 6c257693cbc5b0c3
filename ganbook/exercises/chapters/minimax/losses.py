"""Checks: the losses of the two players, their slopes, and how they are computed."""

from __future__ import annotations

import math
from math import log

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from ganbook.exercises.chapters.cases import numbers
from ganbook.exercises.chapters.registry import check
from ganbook.exercises.grading.trial import Trial


@check("three-losses")
def three_losses(trial: Trial) -> None:
    """Try the chapter's pair of probabilities, a D that knows nothing, and two more."""
    for real, fake in ((0.9, 0.3), (0.5, 0.5), (0.6, 0.6), (0.99, 0.02)):
        case = f"D_real = {real}, D_fake = {fake}"
        got = trial.as_tensor(trial.call(real, fake), (3,), case=case)
        _check_loss_of_D(trial, got[0], real, fake, f"{case}, loss of D")
        _check_losses_of_G(trial, got[1], got[2], real, fake, case)
    trial.tried("D(x) = 0.9 and D(G(z)) = 0.3, a D that knows nothing, and two more")


def _check_loss_of_D(trial: Trial, got: Tensor, real: float, fake: float, case: str) -> None:
    loss = -log(real) - log(1 - fake)
    trial.differs(
        got,
        loss,
        case=case,
        known={
            "this is the loss on real samples alone. A D that says 1 to everything would make it 0": (
                -log(real)
            ),
            "this is V itself. D wants V large, and an optimiser makes its loss small": -loss,
            "this is half of D's loss: the mean of two terms, where the definition has their sum": loss / 2,
            "this is in bits: the logarithm of the chapter is the natural one": loss / log(2),
            "the fake term rewards a large D(G(z)), as if generated samples were real": (
                -log(real) - log(fake)
            ),
            "real and fake are exchanged: this D is asked to call generated samples real": (
                -log(1 - real) - log(fake)
            ),
        },
        otherwise="the first number is not the loss that D descends",
    )


def _check_losses_of_G(
    trial: Trial, minimax: Tensor, non_saturating: Tensor, real: float, fake: float, case: str
) -> None:
    trial.differs(
        minimax,
        log(1 - fake),
        case=f"{case}, minimax loss of G",
        known={
            "the minimax loss of G has the wrong sign. "
            "G descends the very term of V in which it appears; "
            "D is the one that descends its negative": -log(1 - fake),
            "the minimax loss of G looks at the real sample, which G cannot change": (
                log(real) + log(1 - fake)
            ),
            "the second and third number are exchanged, or both are the non-saturating loss": -log(fake),
            "log(D(G(z))) is what G would maximise in the non-saturating form; "
            "the minimax loss is made of 1 - D(G(z))": log(fake),
        },
        otherwise="the second number is not the part of V that G can change",
    )
    trial.differs(
        non_saturating,
        -log(fake),
        case=f"{case}, non-saturating loss of G",
        known={
            "the non-saturating loss has the wrong sign: descending it would make D(G(z)) small": log(fake),
            "the third number is the minimax loss again. "
            "The non-saturating one asks how real the sample looks, not how false": log(1 - fake),
            "the third number is built from 1 - D(G(z)): descending it would make D(G(z)) small": (
                -log(1 - fake)
            ),
        },
        otherwise="the third number is not the non-saturating loss",
    )


@check("saturating-pull")
def saturating_pull(trial: Trial) -> None:
    """Both slopes at D(G(z)) = 0.001, by automatic differentiation."""
    choice = trial.choice("ABCD")
    logit = torch.tensor(0.001, dtype=torch.float64).logit().requires_grad_()
    (minimax,) = torch.autograd.grad(-softplus(logit), logit)
    (other,) = torch.autograd.grad(softplus(-logit), logit)
    came_out = f"the slopes are {minimax:.3f} for the minimax and {other:.3f} for the non-saturating loss"
    trial.tried(f"both losses differentiated where D(G(z)) = 0.001: {came_out}")
    reasons = {
        "A": (
            "you took the size of D's confidence for the size of G's gradient. "
            "D's being sure is what makes log(1 - D) flat"
        ),
        "C": (
            "both losses want the same, a larger D(G(z)), but not with the same force. "
            "They agree in one place only"
        ),
        "D": (
            "the slope of log D with respect to D is large there, "
            "but the network sees the slope with respect to the logit: "
            "D's own slope, D (1 - D), is the other factor"
        ),
    }
    if choice != "B":
        trial.fail(f"{reasons[choice]}. It came out that {came_out}", case="D(G(z)) = 0.001")


@check("generator-slopes")
def generator_slopes(trial: Trial) -> None:
    """Logits from -20 to 20, one by one."""
    for logit in (-1.0, 0.0, 2.0, -20.0, 20.0):
        case = f"logit = {logit:g}"
        got = trial.as_tensor(trial.call(logit), (2,), case=case)
        D = 1 / (1 + math.exp(-logit))
        want = numbers(-D, D - 1)
        trial.differs(
            got,
            want,
            case=case,
            atol=1e-7,
            known={
                "the two slopes are exchanged: "
                "the minimax loss is the one that saturates where D is near 0": want.flip(0),
                "both slopes have the wrong sign: "
                "descending the loss must *raise* the logit, so the slope is negative": -want,
                "these are slopes with respect to the probability D. "
                "The network computes the logit, and dD/dl = D (1 - D) is still to be multiplied in": (
                    numbers(-1 / (1 - D), -1 / D)
                ),
                "these are the losses, not their slopes": numbers(math.log(1 - D), -math.log(D)),
                "both are the slope of the minimax loss": numbers(-D, -D),
                "both are the slope of the non-saturating loss": numbers(D - 1, D - 1),
                "this is the slope of D itself; the logarithm's slope, 1/D or 1/(1 - D), is missing": (
                    numbers(-D * (1 - D), -D * (1 - D))
                ),
            },
            otherwise="these are not the slopes with respect to the logit",
        )
    trial.tried("logits -20, -1, 0, 2 and 20")


@check("stable-bce")
def stable_bce(trial: Trial) -> None:
    """Ordinary logits, then logits of +-100 on the wrong side, and the slope there by a difference."""
    _check_ordinary_logits(trial)
    for sign, label in ((-1.0, 1.0), (1.0, 0.0)):
        _check_large_logits(trial, sign, label)
    trial.tried("batches of 1 to 3, and logits of 100 and -100 with the wrong label")


def _check_ordinary_logits(trial: Trial) -> None:
    for logits, labels in (
        (numbers(1.0), numbers(1.0)),
        (numbers(2.0, -1.0, 0.5), numbers(1.0, 1.0, 0.0)),
        (numbers(0.3, -2.0).reshape(2, 1), numbers(0.0, 0.0).reshape(2, 1)),
    ):
        case = f"logits = {logits.flatten().tolist()}, labels = {labels.flatten().tolist()}"
        terms = binary_cross_entropy_with_logits(logits, labels, reduction="none")
        turned = binary_cross_entropy_with_logits(logits, 1 - labels)
        twice = binary_cross_entropy_with_logits(logits.sigmoid(), labels)
        only_real = (labels * softplus(-logits)).mean()
        trial.differs(
            trial.number(logits, labels),
            terms.mean(),
            case=case,
            known={
                "the labels are the wrong way round: 1 means real, and -log D is the loss of a real sample": (
                    turned
                ),
                "this is the sum over the batch, so it grows with the size of the batch; "
                "the loss is the mean": terms.sum(),
                "the sign is wrong: a loss is smaller for better answers, and here it is at least 0": (
                    -terms.mean()
                ),
                "the sigmoid is taken twice: this is right for logits that already are probabilities": twice,
                "samples with label 0 do not count here. What keeps D from saying 1 to everything?": (
                    only_real
                ),
                "this is in bits: the logarithm here is the natural one": terms.mean() / math.log(2),
            },
            otherwise="this is not the mean of -log D over real and -log(1 - D) over generated samples",
        )


def _check_large_logits(trial: Trial, sign: float, label: float) -> None:
    low, high = (torch.tensor([sign * size], dtype=torch.float32) for size in (100.0, 104.0))
    labels = torch.tensor([label])
    case = f"logits = [{sign * 100:g}], labels = [{label:g}], in 32 bits"
    values = []
    for logits in (low, high):
        value = trial.call(logits, labels)
        raw = torch.as_tensor(value, dtype=torch.float64)
        if not bool(torch.isfinite(raw).all()):
            trial.fail(
                "a surely wrong D gives a loss that is no finite number. "
                "The sigmoid of such a logit is exactly 0 or 1 in 32 bits, "
                "and its logarithm is infinite. "
                "Compute from the logit, without the probability",
                case,
                float(raw.flatten()[0]) if raw.numel() else None,
            )
        values.append(trial.as_number(value, case=case))
    if abs(values[1] - values[0]) < 1e-3:
        trial.fail(
            "the loss does not change any more from a logit of 100 to one of 104: it is cut off. "
            "So its slope is 0, and a D that is entirely wrong learns nothing. "
            "Cutting off hides the trouble; computing from the logit removes it",
            case,
            values[0],
        )
    trial.differs(
        numbers(*values),
        numbers(100.0, 104.0),
        case=case,
        rtol=1e-3,
        otherwise="the loss of a surely wrong D must grow with the logit, with slope 1",
    )


@check("repair-discriminator-loss")
def repair_discriminator_loss(trial: Trial) -> None:
    """Batches of different sizes and of large logits; each fault by itself."""
    for real, fake in (
        (numbers(2.0), numbers(-1.0)),
        (numbers(2.0, 0.5, -1.0), numbers(-1.0, 0.3, 1.0)),
        (numbers(60.0, 80.0), numbers(-60.0, 50.0)),
    ):
        case = f"real_logits = {real.tolist()}, fake_logits = {fake.tolist()}"
        got = trial.call(real, fake)
        if not bool(torch.isfinite(torch.as_tensor(got, dtype=torch.float64)).all()):
            trial.fail(
                "the loss is no finite number for a D that is surely wrong: "
                "the logarithm of a rounded probability. "
                "Losses are computed from logits",
                case,
                got,
            )
        on_real, on_fake = softplus(-real).mean(), softplus(fake).mean()
        D_real, D_fake = real.sigmoid(), fake.sigmoid()
        trial.differs(
            trial.as_number(got, case=case),
            on_real + on_fake,
            case=case,
            known={
                "the sigmoid is taken twice: "
                "`binary_cross_entropy_with_logits` has one of its own, so it takes logits": (
                    softplus(-D_real).mean() + softplus(D_fake).mean()
                ),
                "the labels are exchanged: "
                "D is trained to call generated samples real, and real ones generated": (
                    softplus(real).mean() + softplus(-fake).mean()
                ),
                "the sigmoid is taken twice, and the labels are exchanged": (
                    softplus(D_real).mean() + softplus(-D_fake).mean()
                ),
                "the generated samples are missing: "
                "with real samples alone the best D says 1 to everything": on_real,
                "the real samples are missing: "
                "with generated samples alone the best D says 0 to everything": on_fake,
                "generated samples are labelled real, as in G's loss": on_real + softplus(-fake).mean(),
                "this is half of -V. The two means are added": (on_real + on_fake) / 2,
                "these are sums over the batch, where the definition has means": (
                    softplus(-real).sum() + softplus(fake).sum()
                ),
            },
            otherwise="this is not -V(D, G) on these batches",
        )
    trial.tried("batches of 1, 2 and 3, and logits up to 80")
