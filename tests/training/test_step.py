"""The two steps: who moves, who does not, and that no gradient goes where it should not."""

import copy
import inspect
import math

import pytest
import torch
from torch import nn

from ganbook import losses, penalties
from ganbook.training import discriminator_step, generator_step
from ganbook.training.step import frozen


@pytest.fixture
def players():
    torch.manual_seed(0)
    generator = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))
    discriminator = nn.Sequential(nn.Linear(2, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1), nn.Flatten(0))
    return generator, discriminator


def adam(module):
    return torch.optim.Adam(module.parameters(), lr=1e-2)


def weights(module):
    return [p.detach().clone() for p in module.parameters()]


def same(before, module):
    return all(torch.equal(a, b) for a, b in zip(before, module.parameters(), strict=True))


def d_step(generator, discriminator, optimizer, **kwargs):
    real, z = torch.randn(16, 2) + 3, torch.randn(16, 3)
    return discriminator_step(
        generator, discriminator, optimizer, losses.minimax_discriminator_loss, real, z, **kwargs
    )


def g_step(generator, discriminator, optimizer, loss=losses.non_saturating_generator_loss, **kwargs):
    real = kwargs.pop("real", None)
    return generator_step(generator, discriminator, optimizer, loss, real, torch.randn(16, 3), **kwargs)


def test_the_discriminator_step_moves_only_the_discriminator(players):
    generator, discriminator = players
    g, d = weights(generator), weights(discriminator)
    d_step(generator, discriminator, adam(discriminator))
    assert same(g, generator)
    assert not same(d, discriminator)


def test_the_fake_is_detached_in_the_discriminator_step(players):
    generator, discriminator = players
    d_step(generator, discriminator, adam(discriminator))
    assert all(p.grad is None for p in generator.parameters())


def test_the_generator_step_moves_only_the_generator(players):
    generator, discriminator = players
    g, d = weights(generator), weights(discriminator)
    g_step(generator, discriminator, adam(generator))
    assert same(d, discriminator)
    assert not same(g, generator)


def test_the_discriminator_is_frozen_in_the_generator_step(players):
    generator, discriminator = players
    g_step(generator, discriminator, adam(generator))
    assert all(p.grad is None for p in discriminator.parameters())
    assert all(p.requires_grad for p in discriminator.parameters())  # and free again afterwards


def test_steps_do_not_leak_into_each_other(players):
    """A discriminator step gives the same update whether or not generator steps ran before."""
    generator, discriminator = players
    other_g, other_d = copy.deepcopy(generator), copy.deepcopy(discriminator)
    torch.manual_seed(5)
    d_step(generator, discriminator, adam(discriminator))
    for _ in range(3):
        g_step(other_g, other_d, torch.optim.SGD(other_g.parameters(), lr=0.0))
    torch.manual_seed(5)
    d_step(other_g, other_d, adam(other_d))
    assert same(weights(discriminator), other_d)


def test_directions(players):
    """After its own step each player's loss on the same batch is smaller: signs and labels are right."""
    generator, discriminator = players
    real, z = torch.randn(64, 2) + 3, torch.randn(64, 3)
    arguments = (generator, discriminator)
    loss = losses.minimax_discriminator_loss
    optimizer = torch.optim.SGD(discriminator.parameters(), lr=0.1)
    before = discriminator_step(*arguments, optimizer, loss, real, z)
    after = discriminator_step(*arguments, optimizer, loss, real, z)
    assert after.loss < before.loss
    assert (after.real_logits - after.fake_logits).mean() > (before.real_logits - before.fake_logits).mean()

    loss = losses.non_saturating_generator_loss
    optimizer = torch.optim.SGD(generator.parameters(), lr=0.1)
    before = generator_step(*arguments, optimizer, loss, None, z)
    after = generator_step(*arguments, optimizer, loss, None, z)
    assert after.loss < before.loss
    assert after.fake_logits.mean() > before.fake_logits.mean()


def test_real_and_fake_go_through_batchnorm_separately(players):
    generator, _ = players
    seen = []
    discriminator = nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 1), nn.Flatten(0))
    discriminator[0].register_forward_hook(lambda module, args, out: seen.append(args[0].mean().item()))
    d_step(generator, discriminator, adam(discriminator))
    assert len(seen) == 2
    assert seen[0] > 2  # the real batch, centred on 3, alone
    assert seen[1] < 2


def test_the_penalty_is_added_and_sees_the_batches(players):
    generator, discriminator = players
    seen = []

    def penalty(d, real, fake):
        seen.append((real.shape, fake.shape, fake.requires_grad, torch.is_autocast_enabled("cpu")))
        return torch.tensor(100.0)

    optimizer = torch.optim.SGD(discriminator.parameters(), lr=0.0)
    torch.manual_seed(1)
    plain = d_step(generator, discriminator, optimizer)
    torch.manual_seed(1)
    autocast = torch.autocast("cpu", dtype=torch.bfloat16, enabled=False)
    punished = d_step(generator, discriminator, optimizer, penalty=penalty, autocast=autocast)
    assert punished.loss.item() == pytest.approx(plain.loss.item() + 100)
    assert seen == [((16, 2), (16, 2), True, False)]  # leaves, at which it can take D's gradient


def test_losses_and_logits_are_in_full_precision_under_autocast(players):
    generator, discriminator = players
    autocast = torch.autocast("cpu", dtype=torch.bfloat16)
    result = d_step(generator, discriminator, adam(discriminator), autocast=autocast)
    assert result.real_logits.dtype == result.fake_logits.dtype == result.loss.dtype == torch.float32
    result = g_step(generator, discriminator, adam(generator), autocast=autocast)
    assert result.fake_logits.dtype == torch.float32
    assert all(p.grad.isfinite().all() for p in generator.parameters())


def test_a_loss_that_compares_with_real_samples_gets_them(players):
    generator, discriminator = players

    def relativistic(real_logits, fake_logits):
        return torch.nn.functional.softplus(real_logits - fake_logits).mean()

    result = g_step(generator, discriminator, adam(generator), relativistic, real=torch.randn(16, 2))
    assert result.real_logits.shape == (16,)
    assert g_step(generator, discriminator, adam(generator)).real_logits is None


def test_frozen_keeps_what_was_frozen_before_also_after_an_error():
    layer = nn.Linear(2, 2)
    layer.bias.requires_grad_(False)

    def fail():
        with frozen(layer):
            assert not layer.weight.requires_grad
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert layer.weight.requires_grad
    assert not layer.bias.requires_grad


@pytest.mark.parametrize("name", sorted(losses.LOSSES))
def test_a_generator_learns_the_mean_of_a_gaussian(name):
    """The smallest game that can be won: after training, G(z) has the mean of the data, (2, -1)."""
    torch.manual_seed(0)
    generator = nn.Linear(2, 2)
    discriminator = nn.Sequential(nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1), nn.Flatten(0))
    opt_g = torch.optim.Adam(generator.parameters(), lr=1e-2, betas=(0.5, 0.999))
    opt_d = torch.optim.Adam(discriminator.parameters(), lr=1e-2, betas=(0.5, 0.999))
    mean = torch.tensor([2.0, -1.0])
    trace = []
    for _ in range(600):
        real, z = mean + 0.5 * torch.randn(128, 2), torch.randn(128, 2)
        pair = losses.LOSSES[name]
        discriminator_step(generator, discriminator, opt_d, pair.discriminator, real, z)
        generator_step(generator, discriminator, opt_g, pair.generator, real if pair.uses_real else None, z)
        trace.append(generator.bias.detach().clone())
    average = torch.stack(trace[300:]).mean(0)
    assert (average - mean).norm() < 0.35


def test_both_steps_take_their_arguments_in_the_same_order():
    orders = [list(inspect.signature(step).parameters) for step in (discriminator_step, generator_step)]
    terms = ("penalty", "reconstruction")
    same = [[name if name not in terms else "further term" for name in order] for order in orders]
    assert same[0] == same[1]


class Conditioned(nn.Module):
    """Takes any condition: here a vector a sample, put beside the input."""

    def __init__(self, size_in, size_out, condition):
        super().__init__()
        self.net = nn.Linear(size_in + condition, size_out)
        self.seen = []

    def forward(self, x, condition):
        self.seen.append(condition)
        out = self.net(torch.cat([x, condition], 1))
        return out if out.shape[1] > 1 else out.flatten()


def test_both_networks_are_given_the_condition_whatever_it_is():
    torch.manual_seed(0)
    generator, discriminator = Conditioned(3, 2, 4), Conditioned(2, 1, 4)
    real, z, condition = torch.randn(16, 2), torch.randn(16, 3), torch.randn(16, 4)
    loss = losses.LOSSES["relativistic"]
    discriminator_step(generator, discriminator, adam(discriminator), loss.discriminator, real, z, condition)
    generator_step(generator, discriminator, adam(generator), loss.generator, real, z, condition)
    assert [len(net.seen) for net in (generator, discriminator)] == [2, 4]
    assert all(seen is condition for net in (generator, discriminator) for seen in net.seen)


def test_a_patch_discriminator_is_averaged_over_all_of_its_answers():
    torch.manual_seed(0)
    generator = nn.Sequential(nn.Linear(3, 64), nn.Unflatten(1, (1, 8, 8)))
    discriminator = nn.Sequential(nn.Conv2d(1, 1, 4, 2, 1), nn.Flatten(1, 2))
    real, z = torch.randn(6, 1, 8, 8), torch.randn(6, 3)
    loss = losses.LOSSES["non-saturating"]
    optimizer = torch.optim.SGD(discriminator.parameters(), lr=0.0)
    result = discriminator_step(
        generator, discriminator, optimizer, loss.discriminator, real, z, penalty=penalties.r1
    )
    assert result.real_logits.shape == result.fake_logits.shape == (6, 4, 4)
    plain = loss.discriminator(discriminator(real), discriminator(generator(z)))
    assert result.loss.item() == pytest.approx((plain + result.extra).item())
    result = generator_step(generator, discriminator, adam(generator), loss.generator, None, z)
    assert result.fake_logits.shape == (6, 4, 4)


def test_a_reconstruction_is_added_to_the_generators_loss_and_leads_it(players):
    """With a discriminator that says the same to all, only the reconstruction pulls."""
    generator, discriminator = players
    for p in discriminator.parameters():
        nn.init.zeros_(p)
    z, target = torch.randn(16, 3), torch.full((16, 2), 2.0)
    optimizer = torch.optim.SGD(generator.parameters(), lr=0.2)

    def distance(fake):
        return (fake - target).square().mean()

    results = [
        generator_step(
            generator, discriminator, optimizer, losses.non_saturating_generator_loss, None, z,
            reconstruction=distance,
        )
        for _ in range(100)
    ]  # fmt: skip
    assert results[0].loss.item() == pytest.approx(math.log(2) + results[0].extra.item())
    assert results[-1].extra < 0.05 * results[0].extra
    assert all(p.grad is None for p in discriminator.parameters())


# -------------------------------------------------------------- penalties use the logits of the step


def calls_of(discriminator):
    calls = []
    discriminator.register_forward_hook(lambda module, args, out: calls.append(len(args[0])))
    return calls


@pytest.mark.parametrize("penalty", [penalties.r1, penalties.r2])
def test_a_penalty_at_the_batches_does_not_run_the_discriminator_again(players, penalty):
    generator, discriminator = players
    again = copy.deepcopy(discriminator)
    calls = calls_of(discriminator)
    torch.manual_seed(3)
    reused = d_step(generator, discriminator, adam(discriminator), penalty=penalty)
    assert len(calls) == 2  # real and fake
    torch.manual_seed(3)

    def from_scratch(d, real, fake):  # as if the step had kept its answers to itself
        return penalty(again, real.detach(), fake.detach())

    calls = calls_of(again)
    anew = d_step(generator, again, adam(again), penalty=from_scratch)
    assert len(calls) == 3
    assert reused.extra.item() == pytest.approx(anew.extra.item(), rel=1e-5)
    for a, b in zip(discriminator.parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_logits_in_bfloat16_are_not_reused(players):
    """A gradient of a gradient would be mostly noise: D runs again, in float32."""
    generator, discriminator = players
    calls, types = calls_of(discriminator), []
    discriminator[0].register_forward_hook(lambda module, args, out: types.append(out.dtype))
    autocast = torch.autocast("cpu", dtype=torch.bfloat16)
    d_step(generator, discriminator, adam(discriminator), penalty=penalties.r1, autocast=autocast)
    assert len(calls) == 3
    assert types == [torch.bfloat16, torch.bfloat16, torch.float32]


def test_wgan_gp_asks_at_points_of_its_own(players):
    generator, discriminator = players
    calls = calls_of(discriminator)
    d_step(generator, discriminator, adam(discriminator), penalty=penalties.wgan_gp)
    assert len(calls) == 3
