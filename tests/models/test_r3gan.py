"""The residual pair without normalisation: parameter counts, Fixup, resampling."""

import math

import pytest
import torch
from torch import nn
from torch.nn.functional import interpolate

from ganbook import models
from ganbook.models.r3gan import ResidualBlock


def count(module):
    return sum(p.numel() for p in module.parameters())


def block(w, group):
    """Weights and biases of 1x1 (w to 2w), 3x3 in groups (2w to 2w), 1x1 (2w to w, no bias)."""
    return (w * 2 * w + 2 * w) + (2 * w * group * 9 + 2 * w) + 2 * w * w


@pytest.mark.parametrize(("size", "multiples"), [(28, [4, 2, 1]), (32, [4, 4, 2, 1]), (64, [4, 4, 4, 2, 1])])
@pytest.mark.parametrize("blocks", [1, 2])
def test_parameter_count(size, multiples, blocks):
    w, d, c, group = 4, 5, 3, 8
    generator, discriminator = models.r3gan(
        (c, size, size), latent_dim=d, width=w, blocks=blocks, group_size=group
    )
    widths = [w * m for m in multiples]
    first = 7 if size == 28 else 4
    shared = blocks * sum(block(v, group) for v in widths)
    shared += sum(a * b for a, b in zip(widths, widths[1:]) if a != b)  # noqa: B905, RUF007
    basis = widths[0] * first**2
    assert count(generator) == shared + basis + d * widths[0] + (w * c + c)
    assert count(discriminator) == shared + basis + widths[0] + (c * w + w)


def test_there_is_no_normalisation_anywhere():
    for net in models.r3gan((3, 32, 32), width=8):
        names = [type(layer).__name__ for layer in net.modules()]
        assert not [name for name in names if "Norm" in name]
        assert not list(net.buffers())
        assert not any(nn.utils.parametrize.is_parametrized(layer) for layer in net.modules())


@pytest.mark.parametrize("blocks", [1, 3])
def test_at_the_start_every_residual_branch_is_zero(blocks):
    """Fixup: both networks begin as their skip paths."""
    torch.manual_seed(0)
    z, x = torch.randn(4, 64), torch.randn(4, 3, 32, 32)
    for net, inputs in zip(models.r3gan((3, 32, 32), width=8, blocks=blocks), (z, x), strict=True):
        with torch.no_grad():
            before = net(inputs)
            for i, layer in enumerate(net.net):
                if isinstance(layer, ResidualBlock):
                    net.net[i] = nn.Identity()
            assert torch.equal(net(inputs), before)
        assert before.std() > 0.05


def test_at_the_start_the_discriminator_is_linear_and_its_logits_have_the_size_of_one():
    torch.manual_seed(0)
    x, y = torch.randn(4, 3, 28, 28), torch.randn(4, 3, 28, 28)
    constant = torch.randn(32, 3, 1, 1).expand(32, 3, 28, 28)  # no detail that would be averaged away
    stds = []
    for _ in range(7):
        _, discriminator = models.r3gan((3, 28, 28), width=4, group_size=4)
        with torch.no_grad():
            assert torch.allclose(discriminator(x + y), discriminator(x) + discriminator(y), atol=1e-5)
            stds.append(discriminator(constant).std().item())
    assert 0.1 < sorted(stds)[3] < 10


@pytest.mark.parametrize("blocks", [1, 2])
def test_fixup_gain(blocks):
    """sqrt(2 / (1 + 0.2^2)) L^(-1/4) for three convolutions a branch, over the root of the fan-in."""
    torch.manual_seed(0)
    generator, _ = models.r3gan((1, 32, 32), width=32, blocks=blocks)
    layers = [layer for layer in generator.net if isinstance(layer, ResidualBlock)]
    num = 4 * blocks  # maps of 4, 8, 16 and 32 pixels
    assert len(layers) == num
    for layer in layers:
        gain = math.sqrt(2 / 1.04) * num ** (-1 / 4)
        assert layer.expand.weight.std().item() * math.sqrt(layer.expand.in_channels) == pytest.approx(
            gain, rel=0.1
        )
        assert layer.mix.weight.std().item() * math.sqrt(16 * 9) == pytest.approx(gain, rel=0.1)
        assert layer.project.weight.abs().max() == 0


def test_a_group_sees_its_own_channels_only():
    layer = ResidualBlock(4, 4, 1)
    assert layer.mix.groups == 2
    x = torch.randn(1, 8, 5, 5, requires_grad=True)
    (g,) = torch.autograd.grad(layer.mix(x)[0, :4].sum(), x)
    assert g[0, :4].abs().max() > 0
    assert g[0, 4:].abs().max() == 0


def test_resampling_is_low_pass():
    """Up: bilinear, [1, 3, 3, 1] / 4. Down: the mean of 2x2, as bilinear interpolation to half the size."""
    generator, discriminator = models.r3gan((1, 32, 32), width=8)
    (up, *_), (down, *_) = (
        [layer for layer in net.net if isinstance(layer, nn.Upsample | nn.AvgPool2d)]
        for net in (generator, discriminator)
    )
    row = torch.tensor([0.0, 0.0, 1.0, 0.0, 0.0])
    impulse = (row[:, None] * row)[None, None]
    kernel = torch.tensor([0, 0, 0, 1, 3, 3, 1, 0, 0, 0]) / 4
    assert torch.allclose(up(impulse)[0, 0], kernel[:, None] * kernel)
    x = torch.randn(1, 2, 8, 8)
    assert torch.allclose(down(x), interpolate(x, scale_factor=0.5, mode="bilinear"), atol=1e-6)
    checkerboard = (torch.arange(8)[:, None] + torch.arange(8)) % 2 * 2.0 - 1
    assert down(checkerboard[None, None]).abs().max() == 0  # the highest frequency; a stride would keep it
