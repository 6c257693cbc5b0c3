"""Adversarial losses: pure functions of the discriminator's logits.

Notation: D(x) = sigmoid(logit) is the probability that the discriminator gives to "x is real". Both players
minimise, so each function is what its player's optimiser descends. With logits l,

    -log D(x)       = softplus(-l)
    -log(1 - D(x))  = softplus(+l)

which is exact also at l = +-100, where a sigmoid followed by a logarithm gives 0, infinity or no gradient.
Every loss takes `(real_logits, fake_logits)`, each of shape (N,), for both players, and returns a scalar;
so losses that look at both, such as the relativistic ones, need no special case.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor
from torch.nn.functional import softplus

LossFunction = Callable[[Any, Tensor], Tensor]  # the real logits are None where they are not looked at


def minimax_discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return -V(D, G): what the discriminator descends to maximise the value function.

    -V = -E_x[log D(x)] - E_z[log(1 - D(G(z)))]

    Source: Goodfellow et al. (2014), equation 1. At least 0; 2 log 2 where D(x) = 1/2 everywhere.
    """
    return softplus(-real_logits).mean() + softplus(fake_logits).mean()


def minimax_generator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return E_z[log(1 - D(G(z)))], the only term of V(D, G) in which the generator appears.

    Source: Goodfellow et al. (2014), equation 1. At most 0. It saturates: where the discriminator is sure
    that a sample is fake (D near 0), the gradient with respect to the logit, -D(G(z)), vanishes.
    """
    return -softplus(fake_logits).mean()


def non_saturating_generator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return -E_z[log D(G(z))].

    Source: Goodfellow et al. (2014), section 3, last paragraph: the same fixed point as the minimax loss,
    but a strong gradient, D(G(z)) - 1, where the discriminator is sure that a sample is fake. At least 0.
    """
    return softplus(-fake_logits).mean()


class Loss(NamedTuple):
    """The losses of the two players.

    `uses_real` says whether the generator's loss looks at the real logits. Where it does not, the trainer
    saves that forward pass.
    """

    discriminator: LossFunction
    generator: LossFunction
    uses_real: bool = False


LOSSES: dict[str, Loss] = {
    "minimax": Loss(minimax_discriminator_loss, minimax_generator_loss),
    "non-saturating": Loss(minimax_discriminator_loss, non_saturating_generator_loss),
}
