"""Adversarial losses: pure functions of the discriminator's logits.

Notation: D(x) = sigmoid(logit) is the probability that the discriminator gives to "x is real". Both players
minimise, so each function is what its player's optimiser descends. With logits l,

    -log D(x) = softplus(-l)
    -log(1 - D(x)) = softplus(l)

which is exact also at l = +-100, where a sigmoid followed by a logarithm gives 0, infinity or no gradient.
Every loss takes `(real_logits, fake_logits)`, each of shape (N,), for both players, and returns a scalar;
so losses that look at both, such as the relativistic ones, need no special case. A generator's loss that
does not look at the real logits may be given None for them. Logits of a patch discriminator, of shape
(N, h, w), are averaged over all of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor
from torch.nn.functional import relu, softplus

LossFunction = Callable[..., Tensor]  # of (real_logits, fake_logits)


def minimax_discriminator_loss(real_logits: Tensor, fake_logits: Tensor, real_label: float = 1.0) -> Tensor:
    """Return minus the value function: what the discriminator descends to maximise it.

        L_D = -V(D, G) = -E_x[log D(x)] - E_z[log(1 - D(G(z)))]

    It is 2 log 2 where D(x) = 1/2 everywhere. With a `real_label` y below 1 (one-sided label smoothing:
    Salimans et al. 2016, section 3.4) the first term becomes

        -E_x[y log D(x) + (1 - y) log(1 - D(x))]

    which is smallest at D(x) = y, so that the discriminator is not rewarded for being ever more sure of real
    samples.

    Parameters
    ----------
    real_logits, fake_logits : Tensor
        D's logits of real and of generated samples, of one shape: (N,), or (N, h, w) for patches.
    real_label : float
        Label of real samples; 1.0, or a little less to smooth it.

    Returns
    -------
    Tensor
        A scalar, at least 0.

    Notes
    -----
    Source: Goodfellow et al. (2014), equation 1.

    Examples
    --------
    >>> import torch
    >>> minimax_discriminator_loss(torch.zeros(8), torch.zeros(8))  # D(x) = 1/2 everywhere
    tensor(1.3863)
    """
    loss_real = softplus(-real_logits)
    if real_label != 1.0:
        loss_real = real_label * loss_real + (1.0 - real_label) * softplus(real_logits)
    return loss_real.mean() + softplus(fake_logits).mean()


def minimax_generator_loss(real_logits: Tensor | None, fake_logits: Tensor) -> Tensor:
    """Return the only term of the value function in which the generator appears.

        L_G = E_z[log(1 - D(G(z)))]

    It saturates: where the discriminator is sure that a sample is generated, the slope against its logit,
    -D(G(z)), vanishes.

    Parameters
    ----------
    real_logits : Tensor or None
        Not looked at.
    fake_logits : Tensor
        D's logits of generated samples, shape (N,), or (N, h, w) for patches.

    Returns
    -------
    Tensor
        A scalar, at most 0.

    Notes
    -----
    Source: Goodfellow et al. (2014), equation 1.

    Examples
    --------
    >>> import torch
    >>> logits = torch.tensor([-8.0], requires_grad=True)  # D is sure
    >>> minimax_generator_loss(None, logits).backward()
    >>> logits.grad  # almost no pull
    tensor([-0.0003])
    """
    return -softplus(fake_logits).mean()


def non_saturating_generator_loss(real_logits: Tensor | None, fake_logits: Tensor) -> Tensor:
    """Return the loss with which the generator makes its samples look more real.

        L_G = -E_z[log D(G(z))]

    The same fixed point as the minimax loss, but a strong slope, D(G(z)) - 1, where the discriminator is sure
    that a sample is generated.

    Parameters
    ----------
    real_logits : Tensor or None
        Not looked at.
    fake_logits : Tensor
        D's logits of generated samples, shape (N,), or (N, h, w) for patches.

    Returns
    -------
    Tensor
        A scalar, at least 0.

    Notes
    -----
    Source: Goodfellow et al. (2014), section 3, last paragraph.

    Examples
    --------
    >>> import torch
    >>> logits = torch.tensor([-8.0], requires_grad=True)  # D is sure
    >>> non_saturating_generator_loss(None, logits).backward()
    >>> logits.grad  # the full pull
    tensor([-0.9997])
    """
    return softplus(-fake_logits).mean()


def least_squares_discriminator_loss(
    real_logits: Tensor, fake_logits: Tensor, real_label: float = 1.0
) -> Tensor:
    """Return the mean squares of the distances of D's answers from their labels.

        L_D = 1/2 E_x[(D(x) - b)^2] + 1/2 E_z[D(G(z))^2]

    Here D is the raw output, not a probability; the labels are 0 for generated samples and b = `real_label`
    for real ones. For densities p of real and q of generated samples it is smallest at

        D(x) = b p(x) / (p(x) + q(x))

    Parameters
    ----------
    real_logits, fake_logits : Tensor
        D's logits of real and of generated samples, of one shape: (N,), or (N, h, w) for patches.
    real_label : float
        Label of real samples; 1.0, or a little less to smooth it.

    Returns
    -------
    Tensor
        A scalar, at least 0.

    Notes
    -----
    Source: Mao et al. (2017), equation 9.

    Examples
    --------
    >>> import torch
    >>> least_squares_discriminator_loss(torch.ones(8), torch.zeros(8))  # all as labelled
    tensor(0.)
    """
    return 0.5 * (real_logits - real_label).square().mean() + 0.5 * fake_logits.square().mean()


def least_squares_generator_loss(real_logits: Tensor | None, fake_logits: Tensor) -> Tensor:
    """Return the mean square of the distance of D's answers to generated samples from 1.

        L_G = 1/2 E_z[(D(G(z)) - 1)^2]

    Here D is the raw output. The slope against the logit, D(G(z)) - 1, grows with the distance from the
    label; but where the logit is above 1, it pulls back down.

    Parameters
    ----------
    real_logits : Tensor or None
        Not looked at.
    fake_logits : Tensor
        D's logits of generated samples, shape (N,), or (N, h, w) for patches.

    Returns
    -------
    Tensor
        A scalar, at least 0.

    Notes
    -----
    Source: Mao et al. (2017), equation 9.

    Examples
    --------
    >>> import torch
    >>> least_squares_generator_loss(None, torch.tensor([-1.0, 1.0]))
    tensor(1.)
    """
    return 0.5 * (fake_logits - 1.0).square().mean()


def hinge_discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return by how much D's answers miss the margin of 1 on their side.

        L_D = E_x[max(0, 1 - D(x))] + E_z[max(0, 1 + D(G(z)))]

    Here D is the raw output. Samples on the right side by the margin have no slope. The generator's loss is
    `wasserstein_generator_loss`.

    Parameters
    ----------
    real_logits, fake_logits : Tensor
        D's logits of real and of generated samples, of one shape: (N,), or (N, h, w) for patches.

    Returns
    -------
    Tensor
        A scalar, at least 0.

    Notes
    -----
    Source: Lim and Ye (2017); Miyato et al. (2018), equation 16.

    Examples
    --------
    >>> import torch
    >>> hinge_discriminator_loss(torch.tensor([3.0, 0.5]), torch.tensor([-3.0, -3.0]))
    tensor(0.2500)
    """
    return relu(1.0 - real_logits).mean() + relu(1.0 + fake_logits).mean()


def wasserstein_discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return how much higher the critic rates generated samples than real ones.

        L_D = E_z[D(G(z))] - E_x[D(x)]

    Here D is the critic's raw output. Minus this is a lower bound of K times the Wasserstein-1 distance if
    the critic is K-Lipschitz; so it needs weight clipping, a gradient penalty or spectral normalisation,
    without which it has no minimum.

    Parameters
    ----------
    real_logits, fake_logits : Tensor
        D's logits of real and of generated samples, of one shape: (N,), or (N, h, w) for patches.

    Returns
    -------
    Tensor
        A scalar, any real number.

    Notes
    -----
    Source: Arjovsky et al. (2017), "Wasserstein GAN", equations 2 and 3.

    Examples
    --------
    >>> import torch
    >>> wasserstein_discriminator_loss(torch.tensor([2.0, 4.0]), torch.tensor([0.0, 1.0]))
    tensor(-2.5000)
    """
    return fake_logits.mean() - real_logits.mean()


def wasserstein_generator_loss(real_logits: Tensor | None, fake_logits: Tensor) -> Tensor:
    """Return minus the critic's mean answer to generated samples.

        L_G = -E_z[D(G(z))]

    Here D is the raw output. The slope against every logit is -1/N. It is also the generator's part of the
    hinge loss (Miyato et al. 2018, equation 17).

    Parameters
    ----------
    real_logits : Tensor or None
        Not looked at.
    fake_logits : Tensor
        D's logits of generated samples, shape (N,), or (N, h, w) for patches.

    Returns
    -------
    Tensor
        A scalar, any real number.

    Notes
    -----
    Source: Arjovsky et al. (2017), "Wasserstein GAN", equation 3.

    Examples
    --------
    >>> import torch
    >>> wasserstein_generator_loss(None, torch.tensor([0.0, 1.0]))
    tensor(-0.5000)
    """
    return -fake_logits.mean()


def relativistic_discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return the loss that asks each real sample to look more real than its generated partner.

        L_D = E_{x,z}[softplus(D(G(z)) - D(x))]

    Here D is the raw output. It is log 2 where both logits are equal. Sample i of the real batch is paired
    with sample i of the generated batch.

    Parameters
    ----------
    real_logits, fake_logits : Tensor
        D's logits of real and of generated samples, of one shape: (N,), or (N, h, w) for patches.

    Returns
    -------
    Tensor
        A scalar, at least 0.

    Notes
    -----
    Source: Huang et al. (2024), equation 2 (RpGAN), after Jolicoeur-Martineau (2019).

    Examples
    --------
    >>> import torch
    >>> relativistic_discriminator_loss(torch.tensor([5.0]), torch.tensor([5.0]))
    tensor(0.6931)
    """
    return softplus(fake_logits - real_logits).mean()


def relativistic_generator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return the loss that asks each generated sample to look more real than its real partner.

        L_G = E_{x,z}[softplus(D(x) - D(G(z)))]

    Here D is the raw output. It is log 2 where both logits are equal.

    Parameters
    ----------
    real_logits, fake_logits : Tensor
        D's logits of real and of generated samples, of one shape: (N,), or (N, h, w) for patches.

    Returns
    -------
    Tensor
        A scalar, at least 0.

    Notes
    -----
    Source: Huang et al. (2024), equation 2 with the two players' terms exchanged (its
    non-saturating form).

    Examples
    --------
    >>> import torch
    >>> relativistic_generator_loss(torch.tensor([-1.0]), torch.tensor([5.0]))  # already more real
    tensor(0.0025)
    """
    return softplus(real_logits - fake_logits).mean()


class Loss(NamedTuple):
    """The losses of the two players.

    Parameters
    ----------
    discriminator, generator : callable
        Each takes `(real_logits, fake_logits)` and returns a scalar to be minimised.
    uses_real : bool
        Whether the generator's loss looks at the real logits. Where it does not, the trainer saves that
        forward pass.
    has_labels : bool
        Whether the discriminator's loss compares with a label of real samples, `real_label`, that can be
        smoothed.
    """

    discriminator: LossFunction
    generator: LossFunction
    uses_real: bool = False
    has_labels: bool = False


LOSSES: dict[str, Loss] = {
    "minimax": Loss(minimax_discriminator_loss, minimax_generator_loss, has_labels=True),
    "non-saturating": Loss(minimax_discriminator_loss, non_saturating_generator_loss, has_labels=True),
    "least-squares": Loss(least_squares_discriminator_loss, least_squares_generator_loss, has_labels=True),
    "hinge": Loss(hinge_discriminator_loss, wasserstein_generator_loss),
    "wasserstein": Loss(wasserstein_discriminator_loss, wasserstein_generator_loss),
    "relativistic": Loss(relativistic_discriminator_loss, relativistic_generator_loss, uses_real=True),
}
