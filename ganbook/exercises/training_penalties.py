"""Exercises of the chapter on training steps: penalties on D's gradient, R1 and WGAN-GP."""

from __future__ import annotations

from inspect import cleandoc

import torch
from torch import Tensor, nn

from ganbook.exercises.exercise import Exercise, Wrong
from ganbook.exercises.grading.trial import Trial
from ganbook.exercises.players import (
    flat,
    gradients,
)

# ---- penalties


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
            "the value is right, but it cannot be descended: it has no graph to D's weights. The gradient "
            "with respect to x must itself be computed with a graph",
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
            "the penalty has a graph, but it does not lead to D's weights: "
            "descending it changes nothing": torch.zeros_like(want)
        },
        rtol=1e-3,
        atol=1e-5,
        otherwise="the penalty's value is right, but its gradient in D's weights is not",
    )


def check_r1(trial: Trial) -> None:
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
            "the gradients were averaged over the batch before the norm was taken: gradients of "
            "opposite direction then cancel": 5.0,
            "each gradient was divided by the size of the batch: take the gradient of the sum of "
            "the logits, in which no other sample has a part": 7.0 / 4,
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
            "the norm was taken along one axis of the picture only; it runs "
            "over all pixels of a sample": images.square().mean().item()
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


R1 = Exercise(
    name="r1-penalty",
    title="A brake for D: the R1 penalty",
    chapter="training_steps",
    kind="code",
    difficulty=3,
    statement=cleandoc(r"""
        A $D$ whose logit rises steeply at the data makes $G$ overshoot. The R1 penalty brakes it:
        $\frac{\gamma}{2} R_1$ is added to $L_D$, with

        $$R_1 = \mathbb{E}_{x \sim p_\text{data}} \big\| \nabla_x \, l(x) \big\|^2 ,$$

        where $l(x)$ is the logit, the gradient is with respect to the *sample*, the squared norm sums over
        all numbers of a sample, and the expectation is the mean over the batch.

        Write `r1(D, x)`, which returns $R_1$ without the factor, as a torch tensor of one element. `D` maps
        samples `x` of shape `(N, ...)` (vectors or images) to logits `(N,)`, each sample by itself. The
        result must be differentiable with respect to $D$'s weights, and no gradient may be left in them.
    """),
    starter=cleandoc("""
        def r1(D, x):
            return ...
    """),
    answer="r1",
    check=check_r1,
    hints=(
        "`torch.autograd.grad(outputs, inputs)` returns a gradient without storing it anywhere. `x` must "
        "require a gradient, which the batch that you are given does not.",
        "The gradient of the *sum* of the logits: row $i$ of it is the gradient of the logit of sample $i$, "
        "because no other logit depends on this sample.",
        "`create_graph=True`, or the penalty cannot be descended. Then flatten all axes but the first, "
        "square, sum, mean.",
    ),
    solutions=(
        cleandoc("""
            import torch


            def r1(D, x):
                x = x.detach().clone().requires_grad_(True)
                (gradient,) = torch.autograd.grad(D(x).sum(), x, create_graph=True)
                return gradient.flatten(1).square().sum(1).mean()
        """),
        cleandoc("""
            import torch


            def r1(D, x):
                total = 0.0
                for sample in x:
                    sample = sample[None].clone().requires_grad_(True)
                    gradient = torch.autograd.grad(D(sample).sum(), sample, create_graph=True)[0]
                    total = total + (gradient**2).sum()
                return total / len(x)
        """),
        cleandoc("""
            import torch


            def r1(D, x):
                x = x.clone().requires_grad_(True)
                logits = D(x)
                gradient = torch.autograd.grad(logits, x, torch.ones_like(logits), create_graph=True)[0]
                return gradient.pow(2).sum() / x.shape[0]
        """),
    ),
    explanation=cleandoc(r"""
        For a linear $D$, $R_1 = \|w\|^2$. `create_graph=True` is the point: the penalty is a function of a
        gradient, and descending it takes the gradient of a gradient. Without it the number in the log is
        right, and $D$ never feels it. R1 speaks of single samples, so a $D$ with BatchNorm, which mixes
        them, does not fit (Mescheder et al., 2018).
    """),
    wrong=(
        Wrong(
            cleandoc("""
                import torch


                def r1(D, x):
                    x = x.clone().requires_grad_(True)
                    (gradient,) = torch.autograd.grad(D(x).sum(), x)
                    return gradient.flatten(1).square().sum(1).mean()
            """),
            "cannot be descended",
        ),
        Wrong(
            cleandoc("""
                import torch


                def r1(D, x):
                    x = x.clone().requires_grad_(True)
                    (gradient,) = torch.autograd.grad(D(x).mean(), x, create_graph=True)
                    return gradient.flatten(1).square().sum(1).mean()
            """),
            "divided by the size of the batch",
        ),
        Wrong(
            cleandoc("""
                import torch


                def r1(D, x):
                    x = x.clone().requires_grad_(True)
                    (gradient,) = torch.autograd.grad(D(x).sum(), x, create_graph=True)
                    return gradient.flatten(1).norm(dim=1).mean()
            """),
            "without the square",
        ),
        Wrong(
            cleandoc("""
                import torch


                def r1(D, x):
                    x = x.clone().requires_grad_(True)
                    (gradient,) = torch.autograd.grad(D(x).sum(), x, create_graph=True)
                    return gradient.mean(0).square().sum()
            """),
            "averaged over the batch before",
        ),
        Wrong(
            cleandoc("""
                import torch


                def r1(D, x):
                    x = x.clone().requires_grad_(True)
                    (gradient,) = torch.autograd.grad(D(x).sum(), x, create_graph=True)
                    return gradient.square().sum()
            """),
            "summed over the batch",
        ),
        Wrong(
            cleandoc("""
                import torch


                def r1(D, x):
                    x = x.clone().requires_grad_(True)
                    D(x).sum().backward(create_graph=True)
                    return x.grad.flatten(1).square().sum(1).mean()
            """),
            "left in D's own parameters",
        ),
    ),
)


def check_gradient_penalty(trial: Trial) -> None:
    """Try a parabola, whose gradient shows the place, images and a plane, and descend the penalty."""
    real, fake = torch.tensor([[4.0, 2.0], [0.0, 2.0]]), torch.tensor([[0.0, 0.0], [3.0, 6.0]])
    eps = torch.tensor([0.75, 0.25])
    case = "D(x) = |x|^2 / 2; real (4, 2), (0, 2); fake (0, 0), (3, 6); eps = 0.75, 0.25"

    def at(x: Tensor, power: int = 2) -> float:
        return (x.flatten(1).norm(dim=1) - 1).abs().pow(power).mean().item()

    x_hat = eps[:, None] * real + (1 - eps[:, None]) * fake
    trial.differs(
        trial.number(_parabola, real, fake, eps),
        at(x_hat),
        case=case,
        known={
            "eps and 1 - eps are exchanged: eps = 1 is the real sample": at(
                eps[:, None] * fake + (1 - eps[:, None]) * real
            ),
            "eps was laid along the last axis, so that each sample got "
            "several. Each pair has one eps of its own": at(eps * real + (1 - eps) * fake),
            "the gradient was taken at the real samples": at(real),
            "the gradient was taken at the generated samples": at(fake),
            "the distance of the norm from 1 was not squared": at(x_hat, power=1),
            "the penalty was summed over the batch, where the mean is wanted": 2 * at(x_hat),
            "the norm was squared before 1 was taken away": (x_hat.square().sum(1) - 1)
            .square()
            .mean()
            .item(),
            "1 was not taken away: this pulls the norm to 0, as R1 does": x_hat.square().sum(1).mean().item(),
            "the weight (lambda) is in it; it is left out here": 10 * at(x_hat),
            "each gradient was divided by the size of the batch: take the gradient of the "
            "sum of D's values": at(x_hat / 2),
        },
        otherwise="this is not the mean of (norm - 1)^2 at the points between the pairs",
    )
    trial.differs(
        trial.number(_shifted, real, fake, eps),
        at(x_hat - 1),
        case="D(x) = |x - 1|^2 / 2, whose gradient is x - 1; the same samples and eps",
        known={"the gradient was taken at -x, not at x": at(x_hat + 1)},
        otherwise="this is not the mean of (norm - 1)^2 at the points between the pairs",
    )
    images, others = torch.arange(16.0).reshape(2, 2, 2, 2) / 8, torch.ones(2, 2, 2, 2)
    x_hat = eps.view(2, 1, 1, 1) * images + (1 - eps.view(2, 1, 1, 1)) * others
    last_axis = eps * images + (1 - eps) * others
    trial.differs(
        trial.number(_parabola, images, others, eps),
        at(x_hat),
        case="the same D and eps, on images of shape (2, 2, 2, 2)",
        known={
            "eps was laid along the last axis of the images, so that each column of pixels "
            "got its own. Each pair has one eps": at(last_axis)
        },
        otherwise="this is right for vectors, but not for images: one eps a pair, and the norm over all "
        "axes but the first",
    )
    D = _plane()
    case = "D(x) = 3 x1 + 4 x2 + 1, whose gradient has the norm 5"
    penalty = trial.call(D, real, fake, eps, mutable=True)
    trial.differs(trial.as_number(penalty, case=case), 16.0, case=case)
    # (|w| - 1)^2 has the gradient 2 (|w| - 1) w / |w|
    _check_descendable(trial, D, penalty, torch.tensor([4.8, 6.4], dtype=torch.float64), case)
    trial.tried("a parabola, images, a plane; the gradient of the penalty in D's weights")


GRADIENT_PENALTY = Exercise(
    name="gradient-penalty",
    title="The gradient penalty of WGAN-GP",
    chapter="training_steps",
    kind="code",
    difficulty=3,
    statement=cleandoc(r"""
        A Wasserstein critic $D$ must not rise or fall faster than 1. WGAN-GP (Gulrajani et al., 2017) asks
        for a gradient of norm 1 at points between real and generated samples, and adds $\lambda P$ to the
        critic's loss, with

        $$P = \mathbb{E} \big( \| \nabla_{\hat x} D(\hat x) \| - 1 \big)^2 ,
        \qquad \hat x = \varepsilon x + (1 - \varepsilon) \, G(z) .$$

        Write `gradient_penalty(D, real, fake, eps)`, which returns $P$ without $\lambda$, as a torch tensor
        of one element.

        - `real` and `fake` are $x$ and $G(z)$, of the same shape `(N, ...)` (vectors or images). Sample $i$
          of one goes with sample $i$ of the other.
        - `eps` has the shape `(N,)`: one number in $[0, 1]$ for each pair.
        - `D` maps samples to values `(N,)`, each sample by itself. The norm runs over all numbers of a
          sample, the expectation is the mean over the batch.
        - The result must be differentiable with respect to $D$'s weights, and no gradient may be left in
          them.
    """),
    starter=cleandoc("""
        def gradient_penalty(D, real, fake, eps):
            return ...
    """),
    answer="gradient_penalty",
    check=check_gradient_penalty,
    hints=(
        "A tensor of shape `(N,)` times one of shape `(N, C, H, W)` lines up the *last* axes. What shape "
        "must `eps` get?",
        "`torch.autograd.grad(D(x_hat).sum(), x_hat, create_graph=True)`, where `x_hat` requires a gradient.",
        "`eps.view(-1, *[1] * (real.dim() - 1))`; then norm over the flattened sample, minus 1, squared, "
        "mean.",
    ),
    solutions=(
        cleandoc("""
            import torch


            def gradient_penalty(D, real, fake, eps):
                eps = eps.view(-1, *[1] * (real.dim() - 1))
                x_hat = (eps * real + (1 - eps) * fake).detach().requires_grad_(True)
                (gradient,) = torch.autograd.grad(D(x_hat).sum(), x_hat, create_graph=True)
                return (gradient.flatten(1).norm(dim=1) - 1).square().mean()
        """),
        cleandoc("""
            import torch


            def gradient_penalty(D, real, fake, eps):
                terms = []
                for x, g, e in zip(real, fake, eps):
                    x_hat = torch.lerp(g, x, e)[None].detach().requires_grad_(True)
                    gradient = torch.autograd.grad(D(x_hat).sum(), x_hat, create_graph=True)[0]
                    terms.append((gradient.pow(2).sum().sqrt() - 1) ** 2)
                return sum(terms) / len(terms)
        """),
    ),
    explanation=cleandoc(r"""
        For a linear $D$, $P = (\|w\| - 1)^2$. `eps * real` with `eps` of shape `(N,)` raises no error when
        $N$ happens to equal the images' width, and mixes columns of pixels instead of pairs. The weight is
        $\lambda = 10$ in the paper; that is the weight of *this* penalty and says nothing about that of
        another one, such as R1.
    """),
    wrong=(
        Wrong(
            cleandoc("""
                import torch


                def gradient_penalty(D, real, fake, eps):
                    x_hat = (eps * real + (1 - eps) * fake).requires_grad_(True)
                    (gradient,) = torch.autograd.grad(D(x_hat).sum(), x_hat, create_graph=True)
                    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()
            """),
            "so that each sample got several",
        ),
        Wrong(
            cleandoc("""
                import torch


                def gradient_penalty(D, real, fake, eps):
                    eps = eps.view(-1, *[1] * (real.dim() - 1))
                    x_hat = ((1 - eps) * real + eps * fake).requires_grad_(True)
                    (gradient,) = torch.autograd.grad(D(x_hat).sum(), x_hat, create_graph=True)
                    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()
            """),
            "eps and 1 - eps are exchanged",
        ),
        Wrong(
            cleandoc("""
                import torch


                def gradient_penalty(D, real, fake, eps):
                    eps = eps.view(-1, *[1] * (real.dim() - 1))
                    x_hat = (eps * real + (1 - eps) * fake).requires_grad_(True)
                    (gradient,) = torch.autograd.grad(D(x_hat).sum(), x_hat)
                    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()
            """),
            "cannot be descended",
        ),
        Wrong(
            cleandoc("""
                import torch


                def gradient_penalty(D, real, fake, eps):
                    eps = eps.view(-1, *[1] * (real.dim() - 1))
                    x_hat = (eps * real + (1 - eps) * fake).requires_grad_(True)
                    (gradient,) = torch.autograd.grad(D(x_hat).sum(), x_hat, create_graph=True)
                    return (gradient.flatten(1).square().sum(1) - 1).square().mean()
            """),
            "squared before 1",
        ),
        Wrong(
            cleandoc("""
                import torch


                def gradient_penalty(D, real, fake, eps):
                    x_hat = real.clone().requires_grad_(True)
                    (gradient,) = torch.autograd.grad(D(x_hat).sum(), x_hat, create_graph=True)
                    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()
            """),
            "at the real samples",
        ),
    ),
)
