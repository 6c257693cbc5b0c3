"""The moving average of a generator's weights, which is what samples are drawn from."""

from __future__ import annotations

import copy

import torch
from torch import nn


class EMA:
    """Exponential moving average of a module, parameters and buffers.

        average <- decay_t average + (1 - decay_t) value,   decay_t = min(decay, (1 + t) / (10 + t))

    The ramp forgets the random initial weights soon. The buffers (BatchNorm's running statistics) are
    averaged with the same decay: statistics of other weights than the averaged ones would not fit them.
    Buffers of whole numbers (BatchNorm's step counter) are copied.

    Parameters
    ----------
    module : nn.Module
        The generator that is trained.
    decay : float
        From 0 (no averaging) to just below 1.

    Notes
    -----
    Averaging in GAN training: Karras et al. (2018), Yazici et al. (2019).
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.module = copy.deepcopy(module).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Take in the weights of `module` after update number `step` (from 0)."""
        weight = 1.0 - min(self.decay, (1 + step) / (10 + step))
        averages, values = [], []
        for average, value in zip(self._tensors(self.module), self._tensors(module), strict=True):
            if average.is_floating_point():
                averages.append(average)
                values.append(value)
            else:
                average.copy_(value)
        torch._foreach_lerp_(averages, values, weight)

    @staticmethod
    def _tensors(module: nn.Module) -> list[torch.Tensor]:
        return [*(p.detach() for p in module.parameters()), *module.buffers()]
