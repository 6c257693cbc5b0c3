"""Unrolled GANs: the generator's step looks at the discriminator after K steps of its own.

    theta_0 = theta_D
    theta_(k+1) = theta_k - eta grad L_D(theta_k, theta_G)
    theta_G <- theta_G - "Adam"(d/(d theta_G) L_G(theta_K(theta_G), theta_G))

The K steps are differentiated, too: G's gradient says how D would answer to where G moves. A generator that
puts all samples into one place sees that D will be there before it. Only G's step looks ahead; D's parameters
and buffers stay as they are.

Source: Metz et al. (2017), equations 7 to 10.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ganbook.losses import LossFunction
from ganbook.support.checks import Positive, checked
from ganbook.training.config import Steps


@checked
def unroll(
    discriminator: nn.Module,
    loss: LossFunction,
    real: Tensor,
    fake: Tensor,
    steps: Steps,
    lr: Positive,
    *condition: Tensor,
) -> dict[str, Tensor]:
    """Return theta_K: D's parameters (and copies of its buffers) after K gradient steps, with their graph.

    Parameters
    ----------
    discriminator : nn.Module
        Left as it is.
    loss : callable
        D's loss of (real_logits, fake_logits).
    real, fake : Tensor
        The batches that all K steps look at, shape (N, *shape); the graph leads back to G through `fake`.
    steps : int
        K, at least 0.
    lr : float
        eta, the size of a step, above 0: plain gradient descent.
    *condition : Tensor
        What D is given beside the samples, if anything.

    Returns
    -------
    dict
        By the names in D, as `torch.func.functional_call` takes it.

    Examples
    --------
    >>> D = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Flatten(0))  # D(x) = w x
    >>> _ = nn.init.constant_(D[0].weight, 2.0)
    >>> real, fake = torch.ones(4, 1), torch.zeros(4, 1)
    >>> def loss(r, f):  # its slope against w is E[fake] - E[real] = -1
    ...     return f.mean() - r.mean()
    >>> unroll(D, loss, real, fake, 3, 0.5)["0.weight"].item(), D[0].weight.item()  # 2 + 3 * 0.5
    (3.5, 2.0)
    """
    theta = {name: p.detach().requires_grad_() for name, p in discriminator.named_parameters()}
    buffers = {name: b.clone() for name, b in discriminator.named_buffers()}
    for _ in range(steps):
        real_logits, fake_logits = (
            functional_call(discriminator, theta | buffers, (x, *condition)).float() for x in (real, fake)
        )
        gradients = torch.autograd.grad(
            loss(real_logits, fake_logits), list(theta.values()), create_graph=True, materialize_grads=True
        )
        theta = {name: p - lr * g for (name, p), g in zip(theta.items(), gradients, strict=True)}
    return theta | buffers


class Unrolled(nn.Module):
    """D as it would be after K steps against the generator that it meets first: what G's step is given.

    Parameters
    ----------
    discriminator : nn.Module
        Its parameters and buffers are not changed.
    loss : callable
        D's loss of (real_logits, fake_logits).
    real : Tensor
        Real samples for the K steps, as D sees them.
    steps : int
        K, at least 0.
    lr : float
        Size of a step, above 0.
    """

    def __init__(
        self, discriminator: nn.Module, loss: LossFunction, real: Tensor, steps: int, lr: float
    ) -> None:
        super().__init__()
        self.discriminator = discriminator
        self.loss, self.real, self.steps, self.lr = loss, real, steps, lr
        self.theta: dict[str, Tensor] | None = None  # of K steps; unknown until the fakes are

    def forward(self, x: Tensor, *condition: Tensor) -> Tensor:
        """Map samples to the logits of D with theta_K; the first batch are the fakes of the K steps."""
        if self.theta is None:
            self.theta = unroll(self.discriminator, self.loss, self.real, x, self.steps, self.lr, *condition)
        return functional_call(self.discriminator, self.theta, (x, *condition))
