"""Where the losses want D's outputs to go: seeded mistakes."""

import pytest
import torch
from lint_loops import BCE, PLAIN, Mistakes, Pair, check_mistake, mse, ones, with_losses, zeros
from torch.nn import functional as F

MISTAKES = Mistakes()


# --- both terms


@MISTAKES.seeded("both terms")
def only_real_samples(p):
    return with_losses(p, lambda r, f: -torch.log(torch.sigmoid(r)).mean(), PLAIN["hinge"][1])


@MISTAKES.seeded("both terms")
def only_generated_samples(p):
    def step(real):
        p.opt_D.zero_grad()
        out = p.D(p.G(p.z()).detach())
        BCE(out, zeros(out)).backward()
        p.opt_D.step()
        p.opt_G.zero_grad()
        out = p.D(p.G(p.z()))
        BCE(out, ones(out)).backward()
        p.opt_G.step()

    return step


# --- labels


@MISTAKES.seeded("labels")
def concatenated_in_another_order_than_the_labels(p):
    def step(real):
        fake = p.G(p.z())
        out = p.D(torch.cat([real, fake.detach()]))
        target = torch.cat([torch.zeros(8, 1), torch.ones(8, 1)])
        p.opt_D.zero_grad()
        BCE(out, target).backward()
        p.opt_D.step()
        p.opt_G.zero_grad()
        out = p.D(fake)
        BCE(out, ones(out)).backward()
        p.opt_G.step()

    return step


@MISTAKES.seeded("labels")
def least_squares_with_real_zero(p):
    return with_losses(p, lambda r, f: mse(r, 0) + mse(f, 1), lambda r, f: mse(f, 1))


@MISTAKES.seeded("labels")
def critic_with_the_sign_turned(p):
    return with_losses(p, lambda r, f: r.mean() - f.mean(), lambda r, f: -f.mean())


@MISTAKES.seeded("labels")
def every_sample_is_called_real(p):
    def step(images):
        p.opt_D.zero_grad()
        both = p.D(torch.cat((images, p.G(p.z()).detach())))
        BCE(both, torch.ones(16, 1)).backward()
        p.opt_D.step()
        p.opt_G.zero_grad()
        out = p.D(p.G(p.z()))
        BCE(out, ones(out)).backward()
        p.opt_G.step()

    return step


# --- generator's goal


@MISTAKES.seeded("generator's goal")
def generator_labels_its_fakes_as_fakes(p):
    return with_losses(p, PLAIN["smoothed labels"][0], lambda r, f: BCE(f, zeros(f)))


@MISTAKES.seeded("generator's goal")
def generator_of_least_squares_with_label_zero(p):
    return with_losses(p, PLAIN["lsgan"][0], lambda r, f: mse(f, 0))


@MISTAKES.seeded("generator's goal")
def hinge_generator_without_its_minus(p):
    return with_losses(p, PLAIN["hinge"][0], lambda r, f: f.mean())


# --- min and max


@MISTAKES.seeded("min and max")
def both_players_on_the_wrong_side_of_v(p):
    def value(real, fake):
        return (torch.log(torch.sigmoid(p.D(real))) + torch.log(1 - torch.sigmoid(p.D(fake)))).mean()

    def step(real):
        fake = p.G(p.z())
        p.opt_D.zero_grad()
        value(real, fake.detach()).backward()
        p.opt_D.step()
        p.opt_G.zero_grad()
        (-value(real, fake)).backward()
        p.opt_G.step()

    return step


@MISTAKES.seeded("min and max")
def cross_entropy_with_a_minus(p):
    return with_losses(p, lambda r, f: -BCE(r, ones(r)) - BCE(f, zeros(f)), lambda r, f: BCE(f, zeros(f)))


# --- idle term


@MISTAKES.seeded("idle term", "warning")
def generator_loss_with_a_term_of_real_samples(p):
    return with_losses(
        p, PLAIN["hinge"][0], lambda r, f: F.softplus(-f).mean() - torch.log(1 - torch.sigmoid(r)).mean()
    )


@MISTAKES.seeded("idle term", "warning")
def generator_minimises_the_whole_value(p):
    v = PLAIN["minimax by logsigmoid"][0]
    return with_losses(p, v, lambda r, f: -v(r, f))


# --- saturation


@MISTAKES.seeded("saturation", "note")
def minimax_loss_for_g(p):
    return with_losses(p, *PLAIN["minimax by logsigmoid"])


@MISTAKES.seeded("saturation", "note")
def minimax_loss_with_the_other_convention(p):
    return with_losses(p, lambda r, f: BCE(r, zeros(r)) + BCE(f, ones(f)), lambda r, f: -BCE(f, ones(f)))


@pytest.mark.parametrize(("build", "name", "severity"), MISTAKES)
def test_seeded_mistakes(build, name, severity):
    check_mistake(build, name, severity)


def test_labels_in_one_turn_alone():
    p = Pair()

    def swapped(real, z):
        p.opt_D.zero_grad()
        (F.softplus(p.D(real)).mean() + F.softplus(-p.D(p.G(z).detach())).mean()).backward()
        p.opt_D.step()

    def to_be_caught(z):
        p.opt_G.zero_grad()
        F.softplus(p.D(p.G(z))).mean().backward()
        p.opt_G.step()

    assert p.lint(discriminator_turn=swapped, z=p.z())["labels"].severity == "error"
    assert p.lint(generator_turn=to_be_caught, z=p.z())["generator's goal"].severity == "error"
