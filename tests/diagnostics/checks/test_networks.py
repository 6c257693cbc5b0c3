"""How networks, data and loss fit: seeded mistakes."""

import warnings

import pytest
import torch
from lint_loops import (
    BCE,
    PLAIN,
    Mistakes,
    check_mistake,
    concatenated,
    dcgan_tutorial,
    ones,
    with_losses,
    zeros,
)
from torch import nn
from torch.nn import functional as F

from ganbook import losses
from ganbook.models.batches import MinibatchStd

MISTAKES = Mistakes()


# --- shapes


@MISTAKES.seeded("shapes")
def images_of_another_size(p):
    p.G.append(nn.Upsample(scale_factor=2))
    return with_losses(p, *PLAIN["hinge"])


@MISTAKES.seeded("shapes")
def images_of_another_size_that_nobody_minds(p):
    p.G.append(nn.Upsample(scale_factor=2))
    p.D = nn.Sequential(nn.Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 1))
    p.opt_D = torch.optim.Adam(p.D.parameters())
    return with_losses(p, *PLAIN["hinge"])


@MISTAKES.seeded("shapes")
def labels_of_another_shape_are_broadcast(p):
    mean = nn.MSELoss()
    label = torch.full((8,), 1.0)
    warnings.simplefilter("ignore", UserWarning)  # PyTorch's own, which is easily overlooked
    return with_losses(p, lambda r, f: mean(r, label) + mean(f, 0 * label), lambda r, f: mean(f, label))


@MISTAKES.seeded("shapes")
def a_relativistic_loss_of_all_pairs_by_accident(p):
    return with_losses(
        p, lambda r, f: F.softplus(f - r.squeeze(1)).mean(), lambda r, f: F.softplus(r - f.squeeze(1)).mean()
    )


@MISTAKES.seeded("shapes", "warning")
def a_dense_layer_on_the_last_axis(p):
    p.D = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1))
    p.opt_D = torch.optim.Adam(p.D.parameters())
    return with_losses(p, *PLAIN["hinge"])


# --- condition


class Conditional(nn.Module):
    def __init__(self, body):
        super().__init__()
        self.body, self.embed = body, nn.Embedding(3, 1)

    def forward(self, x, y=None):
        return self.body(x) + (0 if y is None else self.embed(y))


@MISTAKES.seeded("condition")
def labels_with_real_samples_only(p):
    p.D = Conditional(p.D)
    p.opt_D = torch.optim.Adam(p.D.parameters())
    y = torch.arange(8) % 3

    def step(real):
        p.opt_D.zero_grad()
        (F.softplus(-p.D(real, y)).mean() + F.softplus(p.D(p.G(p.z()).detach())).mean()).backward()
        p.opt_D.step()
        p.opt_G.zero_grad()
        F.softplus(-p.D(p.G(p.z()))).mean().backward()
        p.opt_G.step()

    return step


@MISTAKES.seeded("condition")
def the_class_as_a_keyword_on_one_side(p):
    p.D = Conditional(p.D)
    p.opt_D = torch.optim.Adam(p.D.parameters())

    def step(real):
        y = torch.randint(3, (8,))
        real_out, fake_out = p.D(real, y=y), p.D(p.G(p.z()).detach(), y=None)
        p.opt_D.zero_grad()
        (BCE(real_out, ones(real_out)) + BCE(fake_out, zeros(fake_out))).backward()
        p.opt_D.step()
        out = p.D(p.G(p.z()))
        p.opt_G.zero_grad()
        BCE(out, ones(out)).backward()
        p.opt_G.step()

    return step


# --- logits and loss


@MISTAKES.seeded("logits and loss")
def sigmoid_and_the_loss_for_logits(p):
    p.D.append(nn.Sigmoid())
    bce = nn.BCEWithLogitsLoss()
    return with_losses(p, lambda r, f: bce(r, ones(r)) + bce(f, zeros(f)), lambda r, f: bce(f, ones(f)))


@MISTAKES.seeded("logits and loss")
def softplus_of_probabilities(p):
    return with_losses(
        p,
        lambda r, f: losses.minimax_discriminator_loss(r.sigmoid(), f.sigmoid()),
        lambda r, f: losses.non_saturating_generator_loss(None, f.sigmoid()),
    )


@MISTAKES.seeded("logits and loss")
def logits_into_bceloss(p):
    with torch.no_grad():
        p.D[-1].bias.fill_(2.0)
    bce = nn.BCELoss()
    return with_losses(p, lambda r, f: bce(r, ones(r)) + bce(f, zeros(f)), lambda r, f: bce(f, ones(f)))


@MISTAKES.seeded("logits and loss")
def logits_that_happen_to_lie_between_0_and_1(p):
    with torch.no_grad():
        p.D[-1].weight.mul_(0.01)
        p.D[-1].bias.fill_(0.5)
    bce = nn.BCELoss()
    return with_losses(p, lambda r, f: bce(r, ones(r)) + bce(f, zeros(f)), lambda r, f: bce(f, ones(f)))


@MISTAKES.seeded("logits and loss")
def two_sigmoids_in_the_network(p):
    p.D.extend([nn.Sigmoid(), nn.Sigmoid()])
    bce = nn.BCELoss()
    return with_losses(p, lambda r, f: bce(r, ones(r)) + bce(f, zeros(f)), lambda r, f: bce(f, ones(f)))


@MISTAKES.seeded("logits and loss")
def one_sigmoid_in_the_network_and_one_in_the_loop(p):
    p.D.append(nn.Sigmoid())
    return with_losses(
        p,
        lambda r, f: -(torch.sigmoid(r).log() + (1 - torch.sigmoid(f)).log()).mean(),
        lambda r, f: -torch.sigmoid(f).log().mean(),
    )


# --- modes


@MISTAKES.seeded("modes", "warning")
def left_in_eval_mode_by_sampling(p):
    p.G.eval()
    return with_losses(p, *PLAIN["hinge"])


@MISTAKES.seeded("modes", "warning")
def eval_in_the_loop(p):
    p.D.insert(3, nn.Dropout(0.3))
    inner = concatenated(p)

    def step(real):
        p.D.eval()
        inner(real)

    return step


@MISTAKES.seeded("modes", "warning")
def a_deviation_over_a_batch_of_both_kinds(p):
    p.D = nn.Sequential(nn.Flatten(), MinibatchStd(), nn.Linear(17, 12), nn.LeakyReLU(0.2), nn.Linear(12, 1))
    p.opt_D = torch.optim.Adam(p.D.parameters())
    return concatenated(p)


# --- batch norm


@MISTAKES.seeded("batch norm", "warning")
def eps_for_momentum(p):
    p.G[1] = nn.BatchNorm1d(12, 0.8)
    p.opt_G = torch.optim.Adam(p.G.parameters())
    return with_losses(p, *PLAIN["hinge"])


@MISTAKES.seeded("batch norm", "warning")
def eps_for_momentum_in_d(p):
    p.D.insert(2, nn.BatchNorm1d(12, 0.1))
    p.opt_D = torch.optim.Adam(p.D.parameters())
    return concatenated(p)


# --- data range


@MISTAKES.seeded("data range")
def normalised_twice_from_bytes(p):
    p.real = (p.real + 1) * 127.5

    def once_more(x):
        return x / 127.5 - 1

    inner = with_losses(p, *PLAIN["hinge"])
    return lambda x: inner(once_more(once_more(x)))


@MISTAKES.seeded("data range")
def normalised_twice_from_zero_to_one(p):
    inner = with_losses(p, *PLAIN["lsgan"])
    return lambda x: inner((x - 0.5) / 0.5)  # the loader has done it already


@MISTAKES.seeded("data range")
def not_normalised(p):
    inner = with_losses(p, *PLAIN["relativistic"])
    return lambda x: inner((x + 1) * 127.5)


@MISTAKES.seeded("data range", "warning")
def from_zero_to_one_and_tanh(p):
    inner = dcgan_tutorial(p)
    p.D.append(nn.Sigmoid())
    return lambda data: inner((data + 1) / 2)


@pytest.mark.parametrize(("build", "name", "severity"), MISTAKES)
def test_seeded_mistakes(build, name, severity):
    check_mistake(build, name, severity)
