"""Penalties on the discriminator: pure functions of it and of batches, most of them on its gradient.

These look at the gradient of D with respect to its *input*, sample by sample. That needs a D that treats each
sample by itself; BatchNorm in D mixes them, and then these formulas no longer say what they seem to.

They are computed in float32, also inside `autocast`: a gradient of a gradient in bfloat16 is mostly noise.

Strengths are called as in the papers: gamma, with a half before it, for R1 and R2; WGAN-GP's lambda, which is
a word of Python's own, is `weight`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ganbook.errors import UserError
from ganbook.support.checks import Positive, checked

Discriminator = Callable[[Tensor], Tensor]


def input_gradient(discriminator: Discriminator, x: Tensor) -> Tensor:
    """Return the gradient of D at each sample, flattened, with a graph so that it can be descended itself.

    Parameters
    ----------
    discriminator : callable
        Maps samples (N, *shape) to logits, of shape (N,) or (N, h, w). It may be one that remembers its
        answers for x, where these were given in float32 and x is a leaf that requires a gradient
        (`ganbook.training.step.answered`): then nothing is computed twice.
    x : Tensor
        Samples, shape (N, *shape).

    Returns
    -------
    Tensor
        float32, shape (N, d) with d = prod(shape).

    Examples
    --------
    >>> input_gradient(lambda x: x.square().sum(1), torch.tensor([[1.0, -2.0]])).tolist()
    [[2.0, -4.0]]
    """
    with torch.autocast(x.device.type, enabled=False):
        if not (x.is_leaf and x.requires_grad and x.dtype == torch.float32):
            x = x.detach().float().requires_grad_()
        # Row i of D(x).sum()'s gradient is the gradient of D(x_i), as no other logit depends on x_i.
        (gradient,) = torch.autograd.grad(discriminator(x).sum(), x, create_graph=True)
    return gradient.flatten(1)


def r1(discriminator: Discriminator, real: Tensor, fake: Tensor, gamma: float = 1.0) -> Tensor:
    """Return R1, the penalty on the discriminator's gradient at real samples.

        R_1 = gamma/2 E_x[||grad D(x)||^2]

    For a linear D(x) = w x + b it is gamma/2 ||w||^2. D is the logit, not the probability.

    Parameters
    ----------
    discriminator : callable
        Maps samples (N, *shape) to logits (N,).
    real, fake : Tensor
        Samples, shape (N, *shape); `fake` is not looked at.
    gamma : float
        Strength.

    Returns
    -------
    Tensor
        A scalar, at least 0.

    Notes
    -----
    Source: Mescheder et al. (2018), equation 9.

    Examples
    --------
    >>> w, batch = torch.tensor([3.0, 4.0]), torch.zeros(8, 2)
    >>> r1(lambda x: x @ w, batch, batch, gamma=2.0)  # |w|^2 = 25
    tensor(25.)
    """
    return 0.5 * gamma * input_gradient(discriminator, real).square().sum(1).mean()


def r2(discriminator: Discriminator, real: Tensor, fake: Tensor, gamma: float = 1.0) -> Tensor:
    """Return R2, the penalty on the discriminator's gradient at generated samples.

        R_2 = gamma/2 E_z[||grad D(G(z))||^2]

    D is the logit, not the probability.

    Parameters
    ----------
    discriminator : callable
        Maps samples (N, *shape) to logits (N,).
    real, fake : Tensor
        Samples, shape (N, *shape); `real` is not looked at.
    gamma : float
        Strength.

    Returns
    -------
    Tensor
        A scalar, at least 0.

    Notes
    -----
    Source: Mescheder et al. (2018), equation 10.

    Examples
    --------
    >>> w, batch = torch.tensor([3.0, 4.0]), torch.zeros(8, 2)
    >>> r2(lambda x: x @ w, batch, batch, gamma=2.0)  # |w|^2 = 25
    tensor(25.)
    """
    return 0.5 * gamma * input_gradient(discriminator, fake).square().sum(1).mean()


def wgan_gp(
    discriminator: Discriminator, real: Tensor, fake: Tensor, weight: float = 10.0, eps: Tensor | None = None
) -> Tensor:
    """Return the gradient penalty of WGAN-GP, between real and generated samples.

        "penalty" = weight E[(||grad D(x_hat)|| - 1)^2],   x_hat = eps x + (1 - eps) G(z)

    Each pair of samples has an eps of its own, in [0, 1]. It is 0 for a linear D(x) = w x + b with
    ||w|| = 1.

    Parameters
    ----------
    discriminator : callable
        Maps samples (N, *shape) to logits (N,).
    real, fake : Tensor
        Samples, shape (N, *shape), as many of one as of the other.
    weight : float
        Strength.
    eps : Tensor, optional
        Positions on the lines between the pairs, shape (N,), in [0, 1]; drawn at random by default.

    Returns
    -------
    Tensor
        A scalar; finite also where the gradient is zero.

    Raises
    ------
    UserError
        If `real` and `fake` are not of one shape, or `eps` does not fit.

    Notes
    -----
    Source: Gulrajani et al. (2017), equation 3 and Algorithm 1; their weight (lambda) is 10.

    Examples
    --------
    >>> w, batch = torch.tensor([3.0, 4.0]), torch.zeros(8, 2)
    >>> wgan_gp(lambda x: x @ w, batch, batch, weight=1.0)  # (|w| - 1)^2
    tensor(16.)
    """
    if real.shape != fake.shape:
        raise UserError(f"fake: shape {tuple(fake.shape)}; it must be that of real, {tuple(real.shape)}")
    if eps is None:
        eps = torch.rand(len(real), device=real.device)
    if eps.shape != (len(real),):
        raise UserError(f"eps: shape {tuple(eps.shape)}; it takes one number a sample, ({len(real)},)")
    eps = eps.view(-1, *[1] * (real.ndim - 1))  # (N, 1, ..., 1): per sample, whatever its shape
    x_hat = eps * real.float() + (1 - eps) * fake.float()
    # vector_norm, not sqrt of a sum: at a zero gradient it passes 0 back, a square root infinity.
    norm = torch.linalg.vector_norm(input_gradient(discriminator, x_hat), dim=1)
    return weight * (norm - 1).square().mean()


def lecam(
    real_logits: Tensor, fake_logits: Tensor, real_anchor: Tensor, fake_anchor: Tensor, weight: float = 1.0
) -> Tensor:
    """Return LeCam's regularisation: it draws D's answers to one kind to where those to the other have been.

        R_LC = weight (E_x[||D(x) - alpha_F||^2] + E_z[||D(G(z)) - alpha_R||^2])

    alpha_R and alpha_F, the anchors, are moving averages of D's logits of real and of generated samples. D is
    not rewarded for ever larger logits of samples that it knows by heart.

    Parameters
    ----------
    real_logits, fake_logits : Tensor
        D's logits, of one shape: (N,), or (N, h, w) for patches.
    real_anchor, fake_anchor : Tensor
        alpha_R and alpha_F, scalars; no gradient passes through them.
    weight : float
        Strength; the paper calls it lambda.

    Returns
    -------
    Tensor
        A scalar, at least 0.

    Notes
    -----
    Source: Tseng et al. (2021). The authors' code counts only D(x) above alpha_F and D(G(z)) below alpha_R;
    the formula here is the paper's.

    Examples
    --------
    >>> real, fake = torch.tensor([2.0, 4.0]), torch.tensor([-1.0, -1.0])
    >>> lecam(real, fake, real_anchor=torch.tensor(1.0), fake_anchor=torch.tensor(0.0))  # (4 + 16)/2 + 4
    tensor(14.)
    """
    to_fake = (real_logits - fake_anchor.detach()).square().mean()
    to_real = (fake_logits - real_anchor.detach()).square().mean()
    return weight * (to_fake + to_real)


@checked
@torch.no_grad()
def clip_weights(discriminator: nn.Module, c: Positive = 0.01) -> None:
    """Clip every parameter of D into [-c, c], in place: the first WGAN's way to bound its slope.

    Parameters
    ----------
    discriminator : nn.Module
        Its parameters are changed.
    c : float
        Bound, above 0.

    Raises
    ------
    UserError
        If `c` is not above 0.

    Notes
    -----
    Source: Arjovsky et al. (2017), "Wasserstein GAN", Algorithm 1; their c is 0.01.

    Examples
    --------
    >>> network = nn.Linear(2, 1)
    >>> clip_weights(network, c=0.1)
    >>> bool(network.weight.abs().max() <= 0.1)
    True
    """
    for parameter in discriminator.parameters():
        parameter.clamp_(-c, c)
