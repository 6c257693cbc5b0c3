"""The moving average: its formula, its buffers, and that it leaves the trained module alone."""

import pytest
import torch
from torch import nn

from ganbook.training.ema import EMA


def test_the_formula_with_its_ramp():
    module = nn.Linear(1, 1, bias=False)
    nn.init.constant_(module.weight, 1.0)
    ema = EMA(module, decay=0.9)
    expected = 1.0
    for step, value in enumerate([2.0, -1.0, 4.0] * 40):
        nn.init.constant_(module.weight, value)
        ema.update(module, step)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
        assert ema.module.weight.item() == pytest.approx(expected, rel=1e-5)


def test_buffers_are_averaged_and_counters_copied():
    module = nn.BatchNorm1d(2)
    ema = EMA(module, decay=0.5)
    module.running_mean.fill_(8.0)
    module.num_batches_tracked.fill_(7)
    ema.update(module, step=100)
    assert ema.module.running_mean.tolist() == [4.0, 4.0]
    assert ema.module.num_batches_tracked.item() == 7


def test_no_averaging_is_a_copy():
    module = nn.Linear(3, 3)
    ema = EMA(module, decay=0.0)
    nn.init.normal_(module.weight)
    ema.update(module, step=0)
    assert torch.allclose(ema.module.weight, module.weight)


def test_the_average_is_apart_from_the_module():
    module = nn.Sequential(nn.Linear(2, 2), nn.Dropout())
    ema = EMA(module, decay=0.9)
    assert not ema.module.training
    assert module.training
    assert not any(p.requires_grad for p in ema.module.parameters())
    assert all(p.requires_grad for p in module.parameters())
