"""Adversarial losses: pure functions of the discriminator's logits.

Notation: D(x) = sigmoid(logit) is the probability that the discriminator gives to "x is real". Both players
minimise, so each function is what its player's optimiser descends. With logits l,

    -log D(x)       = softplus(-l)
    -log(1 - D(x))  = softplus(+l)

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
    """Return -V(D, G): what the discriminator descends to maximise the value function.

    -V = -E_x[log D(x)] - E_z[log(1 - D(G(z)))]

    Source: Goodfellow et al. (2014), equation 1. At least 0; 2 log 2 where D(x) = 1/2 everywhere.

    A `real_label` y below 1 is one-sided label smoothing (Salimans et al. 2016, section 3.4): the first term
    becomes -E_x[y log D(x) + (1 - y) log(1 - D(x))], smallest at D(x) = y, so that the discriminator is not
    rewarded for being ever more sure of real samples.
    """
    loss_real = softplus(-real_logits)
    if real_label != 1.0:
        loss_real = real_label * loss_real + (1.0 - real_label) * softplus(real_logits)
    return loss_real.mean() + softplus(fake_logits).mean()


def minimax_generator_loss(real_logits: Tensor | None, fake_logits: Tensor) -> Tensor:
    """Return E_z[log(1 - D(G(z)))], the only term of V(D, G) in which the generator appears.

    Source: Goodfellow et al. (2014), equation 1. At most 0. It saturates: where the discriminator is sure
    that a sample is fake (D near 0), the gradient with respect to the logit, -D(G(z)), vanishes.
    """
    return -softplus(fake_logits).mean()


def non_saturating_generator_loss(real_logits: Tensor | None, fake_logits: Tensor) -> Tensor:
    """Return -E_z[log D(G(z))].

    Source: Goodfellow et al. (2014), section 3, last paragraph: the same fixed point as the minimax loss,
    but a strong gradient, D(G(z)) - 1, where the discriminator is sure that a sample is fake. At least 0.
    """
    return softplus(-fake_logits).mean()


def least_squares_discriminator_loss(
    real_logits: Tensor, fake_logits: Tensor, real_label: float = 1.0
) -> Tensor:
    """Return 1/2 E_x[(D(x) - b)^2] + 1/2 E_z[D(G(z))^2], where D is the raw output, not a probability.

    Source: Mao et al. (2017), equation 9, with labels 0 for fake and b = `real_label` = 1 for real. At least
    0; smallest at D(x) = b p(x) / (p(x) + q(x)), for densities p of real and q of generated samples.
    """
    return 0.5 * (real_logits - real_label).square().mean() + 0.5 * fake_logits.square().mean()


def least_squares_generator_loss(real_logits: Tensor | None, fake_logits: Tensor) -> Tensor:
    """Return 1/2 E_z[(D(G(z)) - 1)^2].

    Source: Mao et al. (2017), equation 9. At least 0. Its gradient with respect to the logit, D(G(z)) - 1,
    grows with the distance from the label; but where the logit is above 1, it pulls back down.
    """
    return 0.5 * (fake_logits - 1.0).square().mean()


def hinge_discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return E_x[max(0, 1 - D(x))] + E_z[max(0, 1 + D(G(z)))], where D is the raw output.

    Source: Lim and Ye (2017); Miyato et al. (2018), equation 16. At least 0. Samples that are on the right
    side by a margin of 1 have no gradient.
    """
    return relu(1.0 - real_logits).mean() + relu(1.0 + fake_logits).mean()


def wasserstein_discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return E_z[D(G(z))] - E_x[D(x)], where D is the critic's raw output.

    Source: Arjovsky et al. (2017), equations 2 and 3. Minus this is a lower bound of K times the
    Wasserstein-1 distance if the critic is K-Lipschitz; so it needs weight clipping, a gradient penalty or
    spectral normalisation, without which it has no minimum.
    """
    return fake_logits.mean() - real_logits.mean()


def wasserstein_generator_loss(real_logits: Tensor | None, fake_logits: Tensor) -> Tensor:
    """Return -E_z[D(G(z))].

    Source: Arjovsky et al. (2017), equation 3; also the generator's part of the hinge loss (Miyato et al.
    2018, equation 17). Any real number; its gradient with respect to every logit is -1/N.
    """
    return -fake_logits.mean()


def relativistic_discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return E_{x,z}[softplus(D(G(z)) - D(x))]: each real sample should look more real than its fake partner.

    Source: Huang et al. (2024), equation 2 (RpGAN), after Jolicoeur-Martineau (2019). At least 0; log 2 where
    both logits are equal. Sample i of the real batch is paired with sample i of the fake batch.
    """
    return softplus(fake_logits - real_logits).mean()


def relativistic_generator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return E_{x,z}[softplus(D(x) - D(G(z)))]: each fake sample should look more real than its real partner.

    Source: Huang et al. (2024), equation 2 with the two players' terms exchanged (its non-saturating form).
    At least 0; log 2 where both logits are equal.
    """
    return softplus(real_logits - fake_logits).mean()


class Loss(NamedTuple):
    """The losses of the two players.

    `uses_real` says whether the generator's loss looks at the real logits. Where it does not, the trainer
    saves that forward pass. `has_labels` says whether the discriminator's loss compares with a label of real
    samples, `real_label`, that can be smoothed.
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
