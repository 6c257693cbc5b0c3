"""Losses against their closed forms, with special care where a sigmoid saturates."""

import math

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from ganbook import losses


def logit_of(p):
    return torch.tensor([math.log(p / (1 - p))], dtype=torch.float64)


def test_worked_example_of_the_book():
    # D(x) = 0.9 and D(G(z)) = 0.3: both terms count, -log 0.9 alone would be 0.1054.
    value = losses.minimax_discriminator_loss(logit_of(0.9), logit_of(0.3))
    assert value.item() == pytest.approx(-math.log(0.9) - math.log(0.7))
    assert value.item() == pytest.approx(0.4620, abs=5e-5)
    assert losses.minimax_generator_loss(None, logit_of(0.3)).item() == pytest.approx(math.log(0.7))
    assert losses.non_saturating_generator_loss(None, logit_of(0.3)).item() == pytest.approx(-math.log(0.3))


def test_discriminator_loss_is_cross_entropy_with_real_1_and_fake_0():
    real, fake = torch.randn(7, generator=torch.Generator().manual_seed(0)), torch.linspace(-3, 3, 7)
    expected = binary_cross_entropy_with_logits(real, torch.ones(7)) + binary_cross_entropy_with_logits(
        fake, torch.zeros(7)
    )
    torch.testing.assert_close(losses.minimax_discriminator_loss(real, fake), expected)


def test_an_undecided_discriminator_loses_2_log_2():
    zero = torch.zeros(4)
    assert losses.minimax_discriminator_loss(zero, zero).item() == pytest.approx(2 * math.log(2))


def test_discriminator_loss_is_smallest_at_the_optimal_discriminator():
    # With densities p and q at a point, D* = p / (p + q), so the logit is log(p / q).
    p, q = 0.8, 0.3
    logits = torch.linspace(-4, 4, 8001, dtype=torch.float64)
    values = p * torch.nn.functional.softplus(-logits) + q * torch.nn.functional.softplus(logits)
    assert logits[values.argmin()].item() == pytest.approx(math.log(p / q), abs=1e-3)


@pytest.mark.parametrize("logit", [-100.0, -3.0, 0.0, 3.0, 100.0])
def test_gradients_with_respect_to_the_fake_logit(logit):
    def gradient(loss):
        fake = torch.tensor([logit], requires_grad=True)
        loss(torch.zeros(1), fake).backward()
        return fake.grad.item()

    d = 1 / (1 + math.exp(-logit))
    assert gradient(losses.minimax_discriminator_loss) == pytest.approx(d, rel=1e-5, abs=1e-30)
    assert gradient(losses.minimax_generator_loss) == pytest.approx(-d, rel=1e-5, abs=1e-30)
    assert gradient(losses.non_saturating_generator_loss) == pytest.approx(d - 1, rel=1e-5, abs=1e-30)


def test_the_logits_form_keeps_what_a_sigmoid_and_a_logarithm_lose():
    fake = torch.tensor([-200.0], requires_grad=True)
    value = losses.non_saturating_generator_loss(None, fake)
    value.backward()
    assert value.item() == 200.0
    assert fake.grad.item() == -1.0
    assert torch.log(torch.sigmoid(torch.tensor([-200.0]))).item() == -math.inf  # the form to avoid


@pytest.mark.parametrize("name", sorted(losses.LOSSES))
def test_every_pair_returns_scalars_and_pulls_the_players_apart(name):
    pair = losses.LOSSES[name]
    real = torch.randn(16, generator=torch.Generator().manual_seed(1), requires_grad=True)
    fake = torch.randn(16, generator=torch.Generator().manual_seed(2), requires_grad=True)
    loss_d = pair.discriminator(real, fake)
    assert loss_d.shape == ()
    to_real, to_fake = torch.autograd.grad(loss_d, [real, fake])
    assert (to_real < 0).all()  # descending raises the real logits ...
    assert (to_fake > 0).all()  # ... and lowers the fake ones
    (for_g,) = torch.autograd.grad(pair.generator(real if pair.uses_real else None, fake), [fake])
    assert (for_g < 0).all()  # the generator raises them
