"""Losses against their closed forms, with special care where a sigmoid saturates."""

import math

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from ganbook import losses

LN2 = math.log(2)


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


def gradients(loss, real, fake):
    """Return the loss and its gradients with respect to one real and one fake logit."""
    real = torch.tensor([real], dtype=torch.float64, requires_grad=True)
    fake = torch.tensor([fake], dtype=torch.float64, requires_grad=True)
    value = loss(real, fake)
    grads = torch.autograd.grad(value, [real, fake], allow_unused=True)
    return value.item(), *(0.0 if g is None else g.item() for g in grads)


LOGITS = [-100.0, -1.5, 0.0, 0.5, 100.0]


@pytest.mark.parametrize("r", LOGITS)
@pytest.mark.parametrize("f", LOGITS)
def test_values_and_gradients_at_known_logits(r, f):
    def close(*values):
        return pytest.approx(values, rel=1e-12, abs=1e-12)

    def sigmoid(t):
        return 1 / (1 + math.exp(-t)) if t > -700 else 0.0

    assert gradients(losses.least_squares_discriminator_loss, r, f) == close(
        ((r - 1) ** 2 + f**2) / 2, r - 1, f
    )
    assert gradients(losses.least_squares_generator_loss, r, f) == close((f - 1) ** 2 / 2, 0, f - 1)
    assert gradients(losses.hinge_discriminator_loss, r, f) == close(
        max(0, 1 - r) + max(0, 1 + f), -float(r < 1), float(f > -1)
    )
    assert gradients(losses.wasserstein_discriminator_loss, r, f) == close(f - r, -1, 1)
    assert gradients(losses.wasserstein_generator_loss, r, f) == close(-f, 0, -1)
    for loss, sign in (
        (losses.relativistic_discriminator_loss, 1),
        (losses.relativistic_generator_loss, -1),
    ):
        t = sign * (f - r)
        softplus = max(t, 0) + math.log1p(math.exp(-abs(t)))
        assert gradients(loss, r, f) == close(softplus, -sign * sigmoid(t), sign * sigmoid(t))


def test_relativistic_losses_of_constant_logits_are_log_2_whatever_the_constant():
    for constant in (-100.0, 0.0, 3.0, 100.0):
        logits = torch.full((5,), constant)
        assert losses.relativistic_discriminator_loss(logits, logits).item() == pytest.approx(LN2)
        assert losses.relativistic_generator_loss(logits, logits).item() == pytest.approx(LN2)


def test_relativistic_loss_pairs_samples():
    real, fake = torch.tensor([0.0, 10.0]), torch.tensor([10.0, 0.0])
    paired = losses.relativistic_discriminator_loss(real, fake)
    assert paired.item() == pytest.approx((10.0 + 0.0) / 2, abs=1e-4)
    assert losses.relativistic_discriminator_loss(real, fake.flip(0)).item() == pytest.approx(LN2)


@pytest.mark.parametrize(
    ("loss", "best"),
    [
        # Smallest at D = y p / (p + q) as a probability (cross-entropy), as a raw output (squares).
        (losses.minimax_discriminator_loss, lambda p, q, y: math.log(y * p / (p + q - y * p))),
        (losses.least_squares_discriminator_loss, lambda p, q, y: y * p / (p + q)),
    ],
)
@pytest.mark.parametrize("label", [1.0, 0.9])
def test_optimal_discriminator_with_and_without_label_smoothing(loss, best, label):
    p, q = 0.8, 0.3
    logits = torch.linspace(-4, 4, 8001, dtype=torch.float64)
    # The loss is a mean over real plus a mean over fake samples; with densities it is their weighted sum.
    zero = torch.zeros(1, dtype=torch.float64)
    far = loss(zero, zero, real_label=label)
    values = torch.stack(
        [
            p * (loss(t, zero, real_label=label) - far) + q * (loss(zero, t, real_label=label) - far)
            for t in logits.unsqueeze(1)
        ]
    )
    assert logits[values.argmin()].item() == pytest.approx(best(p, q, label), abs=2e-3)


def test_label_smoothing_of_0_is_the_plain_loss():
    real, fake = torch.linspace(-3, 3, 7), torch.linspace(-2, 4, 7)
    for name, pair in losses.LOSSES.items():
        if pair.has_labels:
            plain = pair.discriminator(real, fake)
            assert torch.equal(pair.discriminator(real, fake, real_label=1.0), plain), name
            assert pair.discriminator(real, fake, real_label=0.9) != plain


@pytest.mark.parametrize("name", sorted(losses.LOSSES))
def test_losses_stay_finite_at_large_logits(name):
    pair = losses.LOSSES[name]
    for sign in (1.0, -1.0):
        real = torch.tensor([sign * 1000.0], requires_grad=True)
        fake = torch.tensor([-sign * 1000.0], requires_grad=True)
        for loss in (pair.discriminator, pair.generator):
            value = loss(real, fake)
            assert math.isfinite(value.item())
            (gradient,) = torch.autograd.grad(value, [fake], allow_unused=True)
            assert gradient is None or gradient.isfinite().all()


@pytest.mark.parametrize("name", sorted(losses.LOSSES))
def test_every_pair_returns_scalars_and_pulls_the_players_apart(name):
    pair = losses.LOSSES[name]
    # Within the margins of the hinge loss and between the labels of least squares.
    real = (torch.rand(16, generator=torch.Generator().manual_seed(1)) * 0.9).requires_grad_()
    fake = (torch.rand(16, generator=torch.Generator().manual_seed(2)) * 0.9 + 0.05).requires_grad_()
    loss_d = pair.discriminator(real, fake)
    assert loss_d.shape == ()
    to_real, to_fake = torch.autograd.grad(loss_d, [real, fake])
    assert (to_real < 0).all()  # descending raises the real logits ...
    assert (to_fake > 0).all()  # ... and lowers the fake ones
    (for_g,) = torch.autograd.grad(pair.generator(real if pair.uses_real else None, fake), [fake])
    assert (for_g < 0).all()  # the generator raises them
