"""Penalties against their closed forms, above all on linear and quadratic discriminators."""

import math

import pytest
import torch
from torch import nn

from ganbook import penalties

SHAPES = [(2,), (1, 4, 4), (3, 2, 5), (2, 3, 2, 2)]


def linear(shape, scale=1.0):
    """D(x) = w x + b, whose gradient is w everywhere."""
    w = scale * torch.randn(math.prod(shape), generator=torch.Generator().manual_seed(0))
    return w, lambda x: x.flatten(1) @ w + 3.0


def batches(shape, num=6):
    rng = torch.Generator().manual_seed(1)
    return torch.randn(num, *shape, generator=rng), torch.randn(num, *shape, generator=rng)


@pytest.mark.parametrize("shape", SHAPES)
def test_penalties_of_a_linear_discriminator(shape):
    w, discriminator = linear(shape)
    real, fake = batches(shape)
    norm = w.norm().item()
    assert penalties.r1(discriminator, real, fake, gamma=0.7).item() == pytest.approx(
        0.35 * norm**2, rel=1e-5
    )
    assert penalties.r2(discriminator, real, fake, gamma=0.7).item() == pytest.approx(
        0.35 * norm**2, rel=1e-5
    )
    expected = 10 * (norm - 1) ** 2
    assert penalties.wgan_gp(discriminator, real, fake).item() == pytest.approx(expected, rel=1e-4)
    unit = linear(shape, 1 / norm)[1]
    assert penalties.wgan_gp(unit, real, fake).item() == pytest.approx(0, abs=1e-9)


def quadratic(x):
    """D(x) = |x|^2 / 2, whose gradient at x is x: so a penalty tells where it was taken."""
    return x.flatten(1).square().sum(1) / 2


@pytest.mark.parametrize("shape", SHAPES)
def test_r1_looks_at_real_samples_and_r2_at_fake_ones(shape):
    real, fake = batches(shape)
    for penalty, x in ((penalties.r1, real), (penalties.r2, fake)):
        expected = 0.5 * x.flatten(1).square().sum(1).mean().item()
        assert penalty(quadratic, real, fake).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_wgan_gp_interpolates_each_pair_by_its_own_eps(shape):
    real, fake = batches(shape)
    eps = torch.tensor([0.0, 1.0, 0.5, 0.25, 0.75, 0.1])
    x_hat = torch.stack([e * x + (1 - e) * y for e, x, y in zip(eps, real, fake, strict=True)])
    expected = 10 * (x_hat.flatten(1).norm(dim=1) - 1).square().mean()
    actual = penalties.wgan_gp(quadratic, real, fake, eps=eps)
    torch.testing.assert_close(actual, expected)


def test_wgan_gp_draws_one_eps_a_sample():
    """With real = 1 and fake = 0, x_hat shows eps itself: constant in a sample, different between samples."""
    seen = []

    def discriminator(x):
        seen.append(x.detach())
        return quadratic(x)

    torch.manual_seed(0)
    penalties.wgan_gp(discriminator, torch.ones(64, 2, 3), torch.zeros(64, 2, 3))
    eps = seen[0].flatten(1)
    assert torch.equal(eps.amin(1), eps.amax(1))
    assert len(eps[:, 0].unique()) == 64
    assert 0 <= eps.min() < 0.1 < 0.9 < eps.max() <= 1


@pytest.mark.parametrize("penalty", [penalties.r1, penalties.r2, penalties.wgan_gp])
def test_penalties_are_finite_where_the_gradient_is_zero(penalty):
    discriminator = nn.Sequential(nn.Flatten(), nn.Linear(4, 1), nn.Flatten(0))
    nn.init.zeros_(discriminator[1].weight)
    value = penalty(discriminator, *batches((4,)))
    value.backward()
    assert value.item() == (10.0 if penalty is penalties.wgan_gp else 0.0)
    assert discriminator[1].weight.grad.isfinite().all()


def test_descending_r1_is_descending_half_gamma_w_squared():
    discriminator = nn.Sequential(nn.Flatten(), nn.Linear(4, 1), nn.Flatten(0))
    penalties.r1(discriminator, *batches((4,)), gamma=2.0).backward()
    torch.testing.assert_close(discriminator[1].weight.grad, 2 * discriminator[1].weight.detach())


@pytest.mark.parametrize("penalty", [penalties.r1, penalties.r2, penalties.wgan_gp])
def test_penalties_are_computed_in_float32_inside_autocast(penalty):
    torch.manual_seed(0)
    discriminator = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 1), nn.Flatten(0))
    real, fake = batches((4,))
    extra = {"eps": torch.rand(6)} if penalty is penalties.wgan_gp else {}
    plain = penalty(discriminator, real, fake, **extra)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = penalty(discriminator, real, fake, **extra)
    assert inside.dtype == torch.float32
    assert torch.equal(plain, inside)
    assert penalty(discriminator, real.bfloat16(), fake.bfloat16(), **extra).dtype == torch.float32


def test_penalties_change_neither_batches_nor_their_need_of_gradients():
    real, fake = batches((4,))
    copy = real.clone()
    penalties.r1(quadratic, real, fake)
    penalties.wgan_gp(quadratic, real, fake)
    assert torch.equal(real, copy)
    assert not real.requires_grad
    assert real.grad is None


def test_gradient_of_a_deep_discriminator_by_finite_differences():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 1), nn.Flatten(0)).double()
    x = torch.randn(5, 3, dtype=torch.float64)
    h = 1e-5
    by_differences = torch.stack(
        [(net(x + h * e) - net(x - h * e)) / (2 * h) for e in torch.eye(3, dtype=torch.float64)], dim=1
    )
    gradient = penalties.input_gradient(net.float(), x)
    torch.testing.assert_close(gradient.double(), by_differences, rtol=1e-3, atol=1e-5)


def test_clipping():
    net = nn.Linear(50, 3)
    before = net.weight.detach().clone()
    penalties.clip_weights(net, 0.05)
    assert torch.equal(net.weight, before.clamp(-0.05, 0.05))
    assert net.bias.abs().max() <= 0.05
    assert net.weight.requires_grad


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda real, fake: penalties.wgan_gp(quadratic, real, fake[:3]), "fake: shape"),
        (lambda real, fake: penalties.wgan_gp(quadratic, real, fake, eps=torch.rand(6, 1)), "eps: shape"),
        (lambda real, fake: penalties.clip_weights(nn.Linear(2, 1), 0.0), "c=0.0"),
        (lambda real, fake: penalties.clip_weights(nn.Linear(2, 1), float("nan")), "c=nan"),
    ],
)
def test_bad_input_is_named(call, says):
    with pytest.raises(ValueError, match=says):
        call(*batches((4,)))
