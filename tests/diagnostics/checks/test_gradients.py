"""By whose loss a player moves: seeded mistakes."""

import pytest
from lint_loops import BCE, Mistakes, check_mistake, mse, not_detached_and_not_cleared, ones, zeros
from torch import nn
from torch.nn import functional as F

MISTAKES = Mistakes()


# --- order


@MISTAKES.seeded("order")
def cleared_between_backward_and_step(p):
    def step(real):
        (F.softplus(-p.D(real)).mean() + F.softplus(p.D(p.G(p.z()).detach())).mean()).backward()
        p.opt_D.zero_grad()
        p.opt_D.step()
        p.opt_G.zero_grad()
        F.softplus(-p.D(p.G(p.z()))).mean().backward()
        p.opt_G.step()

    return step


@MISTAKES.seeded("order")
def step_before_backward(p):
    def step(real):
        p.opt_D.zero_grad()
        (F.softplus(-p.D(real)).mean() + F.softplus(p.D(p.G(p.z()).detach())).mean()).backward()
        p.opt_D.step()
        p.opt_G.zero_grad()
        loss = F.softplus(-p.D(p.G(p.z()))).mean()
        p.opt_G.step()
        loss.backward()

    return step


@MISTAKES.seeded("order")
def generator_loss_from_before_the_discriminator_moved(p):
    def step(real):
        fake = p.G(p.z())
        loss_d = mse(p.D(real), 1.0) + mse(p.D(fake.detach()), 0.0)
        loss_g = mse(p.D(fake), 1.0)
        p.opt_D.zero_grad()
        loss_d.backward()
        p.opt_D.step()
        p.opt_G.zero_grad()
        loss_g.backward()
        p.opt_G.step()

    return step


# --- gradients cleared


@MISTAKES.seeded("gradients cleared")
def nobody_clears_anything(p):
    def step(real):
        (F.softplus(-p.D(real)).mean() + F.softplus(p.D(p.G(p.z()).detach())).mean()).backward()
        p.opt_D.step()
        F.softplus(-p.D(p.G(p.z()))).mean().backward()
        p.opt_G.step()

    return step


@MISTAKES.seeded("gradients cleared")
def generator_gradients_pile_up(p):
    def step(real):
        p.opt_D.zero_grad()
        (mse(p.D(real), 1.0) + mse(p.D(p.G(p.z()).detach()), 0.0)).backward()
        p.opt_D.step()
        for w in p.D.parameters():
            w.requires_grad_(False)
        mse(p.D(p.G(p.z())), 1.0).backward()
        p.opt_G.step()
        for w in p.D.parameters():
            w.requires_grad_(True)

    return step


# --- one loss


@MISTAKES.seeded("one loss")
def total_loss_then_both_optimisers(p):
    def step(real):
        fake = p.G(p.z())
        out_real, out_fake = p.D(real), p.D(fake)
        loss_d = BCE(out_real, ones(out_real)) + BCE(out_fake, zeros(out_fake))
        total = BCE(out_fake, ones(out_fake)) + 0.5 * loss_d
        p.opt_D.zero_grad()
        p.opt_G.zero_grad()
        total.backward()
        p.opt_D.step()
        p.opt_G.step()

    return step


# --- fake detached


@MISTAKES.seeded("fake detached", "warning")
def not_detached_but_cleared(p):
    def step(real):
        p.opt_D.zero_grad()
        (F.softplus(-p.D(real)) + F.softplus(p.D(p.G(p.z())))).mean().backward()
        p.opt_D.step()
        p.opt_G.zero_grad()
        F.softplus(-p.D(p.G(p.z()))).mean().backward()
        p.opt_G.step()

    return step


@MISTAKES.seeded("fake detached", "warning")
def not_detached_in_two_backward_passes(p):
    criterion = nn.BCEWithLogitsLoss()

    def step(data):
        p.D.zero_grad()
        out = p.D(data)
        criterion(out, ones(out)).backward()
        fake = p.G(p.z())
        out = p.D(fake)
        criterion(out, zeros(out)).backward(retain_graph=True)
        p.opt_D.step()
        p.G.zero_grad()
        out = p.D(p.G(p.z()))
        criterion(out, ones(out)).backward()
        p.opt_G.step()

    return step


MISTAKES.seeded("fake detached")(not_detached_and_not_cleared)


@MISTAKES.seeded("fake detached")
def shared_fake_whose_graph_is_freed(p):
    def step(real):
        fake = p.G(p.z())
        p.opt_D.zero_grad()
        (F.relu(1 - p.D(real)).mean() + F.relu(1 + p.D(fake)).mean()).backward()
        p.opt_D.step()
        p.opt_G.zero_grad()
        (-p.D(fake).mean()).backward()
        p.opt_G.step()

    return step


# --- discriminator frozen


@MISTAKES.seeded("discriminator frozen")
def gradients_of_the_generators_loss_stay_in_d(p):
    def step(real):
        fake = p.G(p.z())
        (F.softplus(-p.D(real)).mean() + F.softplus(p.D(fake.detach())).mean()).backward()
        p.opt_D.step()
        p.opt_D.zero_grad()
        p.opt_G.zero_grad()
        F.softplus(-p.D(fake)).mean().backward()
        p.opt_G.step()

    return step


@MISTAKES.seeded("discriminator frozen")
def both_losses_backward_then_both_step(p):
    def step(real):
        fake = p.G(p.z())
        loss_d = mse(p.D(real), 1.0) + mse(p.D(fake.detach()), 0.0)
        loss_g = mse(p.D(fake), 1.0)
        p.opt_D.zero_grad()
        p.opt_G.zero_grad()
        loss_d.backward()
        loss_g.backward()
        p.opt_D.step()
        p.opt_G.step()

    return step


@MISTAKES.seeded("discriminator frozen")
def zero_grad_forgotten_before_d(p):
    bce = nn.BCEWithLogitsLoss()

    def step(real):
        out_r, out_f = p.D(real), p.D(p.G(p.z()).detach())
        (bce(out_r, ones(out_r)) + bce(out_f, zeros(out_f))).backward()
        p.opt_D.step()
        p.opt_G.zero_grad()
        out = p.D(p.G(p.z()))
        bce(out, ones(out)).backward()
        p.opt_G.step()

    return step


@pytest.mark.parametrize(("build", "name", "severity"), MISTAKES)
def test_seeded_mistakes(build, name, severity):
    check_mistake(build, name, severity)
