"""Who moves: seeded mistakes, and turns that are functions of their own."""

import copy

import pytest
import torch
from lint_loops import NZ, PLAIN, Mistakes, Pair, check_mistake, ones, quiet, with_losses
from torch import nn
from torch.nn import functional as F

MISTAKES = Mistakes()


# --- step runs


@MISTAKES.seeded("step runs")
def a_slip(p):
    def step(real):
        return p.D(real) + undefined  # noqa: F821

    return step


# --- optimisers


@MISTAKES.seeded("optimisers")
def one_optimiser_for_both(p):
    p.opt_D = p.opt_G = torch.optim.Adam([*p.G.parameters(), *p.D.parameters()])
    return with_losses(p, *PLAIN["hinge"])


@MISTAKES.seeded("optimisers")
def the_wrong_parameters_in_the_optimiser(p):
    p.opt_G = torch.optim.Adam(p.D.parameters())
    return with_losses(p, *PLAIN["relativistic"])


@MISTAKES.seeded("optimisers")
def the_network_was_made_again_after_its_optimiser(p):
    p.G = copy.deepcopy(p.G)
    return with_losses(p, *PLAIN["lsgan"])


# --- moves


@MISTAKES.seeded("generator moves")
def generator_phase_steps_the_discriminator(p):
    def step(real):
        p.opt_D.zero_grad()
        (F.softplus(-p.D(real)).mean() + F.softplus(p.D(p.G(p.z()).detach())).mean()).backward()
        p.opt_D.step()
        p.opt_D.zero_grad()
        F.softplus(-p.D(p.G(p.z()))).mean().backward()
        p.opt_D.step()

    return step


@MISTAKES.seeded("generator moves")
def fake_detached_in_the_generator_turn(p):
    def step(real):
        fake = p.G(p.z()).detach()
        p.opt_D.zero_grad()
        (F.relu(1 - p.D(real)).mean() + F.relu(1 + p.D(fake)).mean()).backward()
        p.opt_D.step()
        p.opt_G.zero_grad()
        (-p.D(fake).mean()).backward()
        p.opt_G.step()

    return step


@MISTAKES.seeded("discriminator moves")
def frozen_and_never_freed(p):
    for w in p.D.parameters():
        w.requires_grad_(False)

    def step(real):
        fake = p.G(p.z())
        p.opt_G.zero_grad()
        F.softplus(-p.D(fake)).mean().backward()
        p.opt_G.step()
        p.opt_D.step()

    return step


# --- finite


@MISTAKES.seeded("finite")
def a_logarithm_of_zero(p):
    p.D.append(nn.Sigmoid())
    with torch.no_grad():
        p.D[-2].bias.fill_(200.0)
    return with_losses(
        p, lambda r, f: -(r.log() + (1 - f).log()).mean(), lambda r, f: F.binary_cross_entropy(f, ones(f))
    )


@MISTAKES.seeded("finite")
def a_square_root_at_zero(p):
    def penalty(r):
        return (r - r).pow(2).sum().sqrt()  # its gradient at 0 is infinite times 0

    return with_losses(p, lambda r, f: PLAIN["hinge"][0](r, f) + penalty(r), PLAIN["hinge"][1])


# --- turns


def turns_of_a_right_loop(p):
    def d_turn(real, z):
        p.opt_D.zero_grad()
        (F.softplus(-p.D(real)).mean() + F.softplus(p.D(p.G(z).detach())).mean()).backward()
        p.opt_D.step()

    def g_turn(z):
        p.opt_G.zero_grad()
        F.softplus(-p.D(p.G(z))).mean().backward()
        p.opt_G.step()

    return d_turn, g_turn


@MISTAKES.seeded("turns")
def the_discriminator_steps_in_the_generators_turn(p):
    d_turn, g_turn = turns_of_a_right_loop(p)

    def both(z):
        g_turn(z)
        p.opt_D.step()

    return {"discriminator_turn": d_turn, "generator_turn": both, "z": p.z()}


@MISTAKES.seeded("turns")
def the_generator_steps_in_the_discriminators_turn(p):
    d_turn, g_turn = turns_of_a_right_loop(p)

    def both(real, z):
        d_turn(real, z)
        g_turn(z)

    return {"discriminator_turn": both, "generator_turn": g_turn, "z": p.z()}


@pytest.mark.parametrize(("build", "name", "severity"), MISTAKES)
def test_seeded_mistakes(build, name, severity):
    check_mistake(build, name, severity)


def test_a_loss_that_is_flat_is_a_warning():
    p = Pair(opt=torch.optim.SGD)
    with torch.no_grad():
        p.D[1].weight.copy_(torch.ones(12, 16))
        p.D[3].weight.fill_(100.0)
    p.real = torch.full_like(p.real, 1.0)
    p.G = nn.Sequential(nn.Linear(NZ, 16), nn.Tanh(), nn.Unflatten(1, (1, 4, 4)))
    with torch.no_grad():
        p.G[0].bias.fill_(-2.0)
    p.opt_G = torch.optim.SGD(p.G.parameters(), 0.1)
    report = p.lint(with_losses(p, PLAIN["hinge"][0], PLAIN["lsgan"][1]))
    assert report["discriminator moves"].severity == "warning", report
    assert "flat" in report["discriminator moves"].message


class TestTurns:
    def lint(self, d_turn, g_turn, p, **kwargs):
        return p.lint(discriminator_turn=d_turn, generator_turn=g_turn, z=p.z(), **kwargs)

    def test_right_ones_pass_alone_and_together(self):
        p = Pair()
        d_turn, g_turn = turns_of_a_right_loop(p)
        assert quiet(self.lint(d_turn, g_turn, p))
        only_d, only_g = self.lint(d_turn, None, p), self.lint(None, g_turn, p)
        assert quiet(only_d)
        assert quiet(only_g)
        assert "labels" in only_d.passed
        assert "generator's goal" in only_g.passed
        assert "generator moves" in only_d.skipped

    def test_d_that_moves_in_gs_turn_does_so_by_gs_loss(self):
        p = Pair()
        report = p.lint(**the_discriminator_steps_in_the_generators_turn(p))
        assert report["turns"].severity == "error"
        assert report["discriminator frozen"].severity == "error"


class TestWhyAPlayerStandsStill:
    def test_frozen(self):
        p = Pair()
        assert "Free them" in p.lint(frozen_and_never_freed(p))["discriminator moves"].message

    def test_a_learning_rate_of_zero(self):
        p = Pair(lr=0.0)
        report = p.lint(with_losses(p, *PLAIN["hinge"]))
        assert "learning rate is 0" in report["generator moves"].message
        assert report["generator moves"].evidence == "2 of 2 steps in 2 calls"

    def test_a_warm_up_that_begins_at_zero(self):
        """What counts is the rate at the step, not the one that the scheduler has set since."""
        p = Pair()
        warm_up = torch.optim.lr_scheduler.LambdaLR(p.opt_G, lambda t: t / 10)
        inner = with_losses(p, *PLAIN["hinge"])

        def step(real):
            inner(real)
            warm_up.step()

        report = p.lint(step, keep=[warm_up])
        assert "learning rate is 0" in report["generator moves"].message
        assert report["generator moves"].evidence == "1 of 2 steps in 2 calls"

    def test_calls_are_counted_up_to_the_exception(self):
        p = Pair()
        inner = fake_detached_in_the_generator_turn(p)

        def step(real):
            inner(real)
            raise ZeroDivisionError("for the test")

        assert p.lint(step)["generator moves"].evidence == "1 of 1 steps in 1 call"


def test_a_turn_that_was_not_given_is_the_reason_whatever_happens():
    p = Pair()
    report = p.lint(discriminator_turn=lambda: 1 / 0)
    assert report.skipped["generator moves"] == "no generator_turn was given"
    assert report.skipped["discriminator moves"] == "the step did not run to its end"
