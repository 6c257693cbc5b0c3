"""LeCam's anchors: where the discriminator's answers have been, as moving averages."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganbook.losses import LossFunction
from ganbook.penalties import lecam

DECAY = 0.99


class Anchors(nn.Module):
    """The moving averages of D's logits of real and of generated samples, from 0 on.

    alpha <- 0.99 alpha + 0.01 E[D]
    """

    real: Tensor
    fake: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("real", torch.zeros(()))
        self.register_buffer("fake", torch.zeros(()))

    @torch.no_grad()
    def update(self, real: Tensor, fake: Tensor) -> None:
        """Move both averages to the means of a batch's logits: two scalars."""
        self.real.lerp_(real, 1 - DECAY)
        self.fake.lerp_(fake, 1 - DECAY)

    def added_to(self, loss: LossFunction, weight: float) -> LossFunction:
        """Return D's loss with LeCam's regularisation, towards the averages as they are when it is called."""

        def regularised(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
            return loss(real_logits, fake_logits) + lecam(
                real_logits, fake_logits, self.real, self.fake, weight
            )

        return regularised
