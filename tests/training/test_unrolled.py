"""Unrolled steps: against closed forms, and that nothing of D moves."""

import copy
import math

import pytest
import torch
from torch import nn
from torch.nn.functional import sigmoid

import ganbook as gb
from ganbook import losses
from ganbook.training import generator_step
from ganbook.training.unrolled import Unrolled, unroll


class Point(nn.Module):
    """Dirac-GAN's generator: it makes theta, whatever z is."""

    def __init__(self, theta):
        super().__init__()
        self.theta = nn.Parameter(torch.tensor([[theta]], dtype=torch.float64))

    def forward(self, z):
        return self.theta.expand(len(z), 1)


class Line(nn.Module):
    """Dirac-GAN's discriminator: D(x) = psi x."""

    def __init__(self, psi):
        super().__init__()
        self.psi = nn.Parameter(torch.tensor(psi, dtype=torch.float64))

    def forward(self, x):
        return self.psi * x.squeeze(1)


REAL, Z = torch.zeros(4, 1, dtype=torch.float64), torch.zeros(4, 1)


@pytest.mark.parametrize("steps", [0, 1, 2, 5])
def test_dirac_wgan_against_the_closed_form(steps):
    """L_D = psi theta, so psi_K = psi - K eta theta; L_G = -psi_K theta has the slope 2 K eta theta - psi."""
    theta, psi, eta = 0.7, 0.3, 0.1
    G, D = Point(theta), Line(psi)
    W = losses.LOSSES["wasserstein"]
    looks = Unrolled(D, W.discriminator, REAL, steps, eta)
    optimizer = torch.optim.SGD(G.parameters(), lr=1.0)
    result = generator_step(G, looks, optimizer, W.generator, None, Z)
    assert result.fake_logits[0].item() == pytest.approx((psi - steps * eta * theta) * theta, rel=1e-6)
    assert G.theta.item() == pytest.approx(theta - (2 * steps * eta * theta - psi), rel=1e-6)
    assert D.psi.item() == psi
    assert D.psi.grad is None
    assert D.psi.requires_grad


def test_one_step_of_the_minimax_loss_against_the_closed_form():
    """psi' = psi - eta s(psi theta) theta with s the sigmoid: real samples at 0 have no slope against psi."""
    theta, psi, eta = 0.7, 0.3, 0.5
    theta_ = torch.tensor(theta, dtype=torch.float64, requires_grad=True)
    psi_ = psi - eta * sigmoid(psi * theta_) * theta_
    loss = torch.nn.functional.softplus(-psi_ * theta_)
    (slope,) = torch.autograd.grad(loss, theta_)
    G, D = Point(theta), Line(psi)
    loss_of = losses.LOSSES["non-saturating"]
    optimizer = torch.optim.SGD(G.parameters(), lr=1.0)
    looks = Unrolled(D, loss_of.discriminator, REAL, 1, eta)
    generator_step(G, looks, optimizer, loss_of.generator, None, Z)
    assert G.theta.item() == pytest.approx(theta - slope.item(), rel=1e-6)


def test_looking_ahead_turns_the_circle_of_dirac_wgan_into_a_spiral():
    """Without it the simultaneous game circles outward; K steps pull theta to 0 by 2 K eta theta."""
    W = losses.LOSSES["wasserstein"]

    def distance(steps):
        G, D = Point(1.0), Line(1.0)
        opt_g, opt_d = (torch.optim.SGD(net.parameters(), lr=0.1) for net in (G, D))
        for _ in range(100):
            before = copy.deepcopy(G)
            looks = Unrolled(D, W.discriminator, REAL, steps, 0.5)
            generator_step(G, looks, opt_g, W.generator, None, Z)
            loss = W.discriminator(D(REAL), D(before(Z).detach()))
            opt_d.zero_grad()
            loss.backward()
            opt_d.step()
        return math.hypot(G.theta.item(), D.psi.item())

    assert distance(0) == pytest.approx(math.sqrt(2) * 1.01**50, rel=1e-6)
    assert distance(1) < 0.1 * math.sqrt(2)


def pair(family, **options):
    torch.manual_seed(0)
    shape, sizes = ((2,), {"hidden": 8}) if family == "mlp" else ((1, 16, 16), {"width": 4})
    return (*gb.models.build(family, shape, latent_dim=4, **sizes, **options), torch.randn(6, *shape))


@pytest.mark.parametrize(
    ("family", "options"),
    [
        ("mlp", {}),
        ("mlp", {"discriminator_norm": "spectral"}),
        ("mlp", {"packing": 2, "minibatch_std": True}),
        ("dcgan", {}),
        ("dcgan", {"discriminator_norm": "spectral"}),
        ("resnet", {}),
    ],
)
def test_the_parameters_and_buffers_of_d_are_untouched(family, options):
    generator, discriminator, real = pair(family, **options)
    before = {key: value.clone() for key, value in discriminator.state_dict().items()}
    first = {key: value.clone() for key, value in generator.named_parameters()}
    loss = losses.LOSSES["non-saturating"]
    looks = Unrolled(discriminator, loss.discriminator, real, 3, 0.1)
    optimizer = torch.optim.SGD(generator.parameters(), lr=0.1)
    generator_step(generator, looks, optimizer, loss.generator, None, torch.randn(6, 4))
    assert discriminator.state_dict().keys() == before.keys()
    assert all(torch.equal(before[key], value) for key, value in discriminator.state_dict().items())
    assert all(p.grad is None and p.requires_grad for p in discriminator.parameters())
    assert any(not torch.equal(first[key], p) for key, p in generator.named_parameters())


@pytest.mark.parametrize("loss", ["non-saturating", "hinge", "relativistic"])
def test_no_step_is_the_plain_step(loss):
    results = []
    for plain in (True, False):
        generator, discriminator, real = pair("mlp")
        L = losses.LOSSES[loss]
        looks = discriminator if plain else Unrolled(discriminator, L.discriminator, real, 0, 0.1)
        optimizer = torch.optim.Adam(generator.parameters(), lr=1e-2)
        z = torch.randn(6, 4, generator=torch.Generator().manual_seed(1))
        result = generator_step(generator, looks, optimizer, L.generator, real if L.uses_real else None, z)
        results.append([result.loss, *(p.detach() for p in generator.parameters())])
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_the_steps_are_those_of_gradient_descent():
    _, discriminator, real = pair("mlp")
    fake = torch.randn(6, 2)
    loss = losses.minimax_discriminator_loss
    ahead = unroll(discriminator, loss, real, fake, 4, 0.2)
    by_hand = copy.deepcopy(discriminator)
    optimizer = torch.optim.SGD(by_hand.parameters(), lr=0.2)
    for _ in range(4):
        optimizer.zero_grad()
        loss(by_hand(real), by_hand(fake)).backward()
        optimizer.step()
    for name, p in by_hand.named_parameters():
        assert torch.allclose(ahead[name], p, atol=1e-6)


def test_a_conditional_discriminator_gets_the_classes_in_all_steps():
    torch.manual_seed(0)
    generator, discriminator = gb.models.dcgan((1, 16, 16), latent_dim=4, width=4, num_classes=3)
    L = losses.LOSSES["non-saturating"]
    looks = Unrolled(discriminator, L.discriminator, torch.randn(6, 1, 16, 16), 2, 0.1)
    optimizer = torch.optim.Adam(generator.parameters(), lr=1e-2)
    y = torch.arange(6) % 3
    result = generator_step(generator, looks, optimizer, L.generator, None, torch.randn(6, 4), y)
    assert math.isfinite(result.loss.item())
