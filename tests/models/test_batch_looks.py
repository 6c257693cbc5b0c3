"""Discriminators that look at a batch: minibatch standard deviation and packing, against closed forms."""

import itertools
import math

import pytest
import torch

from ganbook import models
from ganbook.errors import UserError
from ganbook.losses import LOSSES
from ganbook.models.batches import append_minibatch_std, minibatch_std, pack, unpack

PAIRS = {"mlp": ((2,), {"hidden": 8}), "dcgan": ((1, 16, 16), {"width": 4, "discriminator_norm": "none"})}
families = pytest.mark.parametrize("family", PAIRS)


def build(family, **options):
    shape, sizes = PAIRS[family]
    torch.manual_seed(0)
    discriminator = models.build(family, shape, **sizes, **options)[1]
    with torch.no_grad():  # a DCGAN begins with weights so small that no difference would show
        for p in discriminator.parameters():
            p.add_(0.2 * torch.randn_like(p))
    return discriminator.double(), lambda n: torch.randn(n, *shape, dtype=torch.float64)


# ------------------------------------------------------------------------- minibatch standard deviation


@pytest.mark.parametrize(
    ("batch", "expected"),
    [
        ([[0.0, 5.0], [2.0, 5.0]], (1 + 1e-4) / 2),  # deviations 1 and 0, and sqrt(eps) of the latter
        ([[1.0], [2.0], [3.0], [4.0]], math.sqrt(1.25)),
        ([[3.0, -1.0]] * 5, 1e-4),
    ],
)
def test_the_deviation_of_known_batches(batch, expected):
    assert minibatch_std(torch.tensor(batch)).item() == pytest.approx(expected, rel=1e-4)


def test_the_deviation_of_a_normal_batch_is_its_scale_whatever_its_place():
    torch.manual_seed(0)
    x = 5 + 0.3 * torch.randn(20_000, 3, 2, 2)
    assert minibatch_std(x).item() == pytest.approx(0.3, rel=0.01)
    assert minibatch_std(4 * x).item() == pytest.approx(1.2, rel=0.01)
    assert minibatch_std(x + 7).item() == pytest.approx(minibatch_std(x).item(), rel=1e-4)


def test_the_slope_stays_finite_where_all_samples_are_the_same():
    x = torch.ones(4, 3, requires_grad=True)
    minibatch_std(x).backward()
    assert torch.equal(x.grad, torch.zeros(4, 3))


def test_it_is_appended_as_a_number_or_as_a_map():
    for shape in ((6, 3), (6, 3, 4, 4)):
        h = torch.randn(shape)
        out = append_minibatch_std(h)
        assert torch.equal(out[:, :3], h)
        assert out.shape == (6, 4, *shape[2:])
        assert torch.equal(out[:, 3:], minibatch_std(h).expand(6, 1, *shape[2:]))


@families
def test_the_order_of_a_batch_does_not_matter_but_its_company_does(family):
    discriminator, draw = build(family, minibatch_std=True)
    x, order = draw(6), torch.tensor([3, 0, 5, 1, 4, 2])
    with torch.no_grad():
        logits = discriminator(x)
        assert torch.allclose(discriminator(x[order]), logits[order])
        assert (discriminator(torch.cat([x[:3], 3 * x[3:]]))[:3] - logits[:3]).abs().max() > 1e-3
        same = discriminator(x[:1].expand_as(x))  # a generator that repeats itself
    assert torch.allclose(same, same[0].expand(6))
    assert (same[0] - logits[0]).abs() > 1e-3


def test_it_costs_one_column_of_weights():
    def count(family, **options):
        return sum(p.numel() for p in build(family, **options)[0].parameters())

    assert count("mlp", minibatch_std=True) - count("mlp") == 8
    assert count("dcgan", minibatch_std=True) - count("dcgan") == 4 * 4  # the last kernel on one more map


def test_a_conditional_dcgan_may_have_it_too():
    shape, sizes = PAIRS["dcgan"]
    _, discriminator = models.dcgan(shape, num_classes=3, minibatch_std=True, **sizes)
    x, y = torch.randn(6, *shape), torch.arange(6) % 3
    assert discriminator(x, y).shape == (6,)
    assert discriminator.features(x).shape == (6, 8, 4, 4)


# ------------------------------------------------------------------------------------------- packing


def test_packs_are_joined_along_the_first_axis():
    x = torch.arange(24.0).view(4, 3, 2)
    packed = pack(x, 2)
    assert packed.shape == (2, 6, 2)
    assert torch.equal(packed[0], torch.cat([x[0], x[1]]))
    assert torch.equal(packed[1], torch.cat([x[2], x[3]]))
    assert pack(x, 1) is x
    assert unpack(torch.tensor([1.0, 2.0]), 3).tolist() == [1.0] * 3 + [2.0] * 3


@families
@pytest.mark.parametrize("m", [2, 3, 4])
def test_a_logit_is_that_of_the_pack(family, m):
    discriminator, draw = build(family, packing=m)
    x = draw(12)
    with torch.no_grad():
        logits = discriminator(x)
        assert logits.shape == (12,)
        packs = logits.view(-1, m)
        assert torch.equal(packs, packs[:, :1].expand_as(packs))  # one logit a pack
        assert packs[:, 0].unique().numel() == 12 // m
        order = torch.randperm(12 // m)  # packs stay what they are wherever they stand
        moved = discriminator(x.view(-1, m, *x.shape[1:])[order].flatten(0, 1))
        assert torch.allclose(moved, packs[order].flatten())
        alone = discriminator(x[:m])
    assert torch.allclose(alone, logits[:m])


@families
@pytest.mark.parametrize("loss", ["non-saturating", "hinge", "wasserstein", "relativistic"])
def test_the_loss_and_its_gradient_are_those_of_the_packs(family, loss):
    m = 2
    discriminator, draw = build(family, packing=m)
    real, fake = draw(8), draw(8)
    weights = list(discriminator.parameters())

    def of_packs(x):
        h = discriminator.net(x.reshape(4, m * x.shape[1], *x.shape[2:]))
        assert h.shape == (4,)
        return h

    ours = LOSSES[loss].discriminator(discriminator(real), discriminator(fake))
    theirs = LOSSES[loss].discriminator(of_packs(real), of_packs(fake))
    assert torch.allclose(ours, theirs)
    gradients, expected = (torch.autograd.grad(value, weights, allow_unused=True) for value in (ours, theirs))
    for a, b in zip(gradients, expected, strict=True):
        assert (a is None) == (b is None)
        assert a is None or torch.allclose(a, b)


def test_a_linear_discriminator_of_packs_can_only_tell_their_sums():
    """But with a hidden layer it tells two same samples from two different ones, which no D(x) can."""
    discriminator, _ = build("mlp", packing=2)
    optimizer = torch.optim.Adam(discriminator.parameters(), 1e-2)
    torch.manual_seed(0)
    for _ in range(300):  # "real": two independent signs; "fake": the same sign twice
        signs = torch.randint(2, (64, 2)).double() * 2 - 1
        real = signs.view(-1, 1).repeat(1, 2)
        fake = signs[:, :1].expand(64, 2).reshape(-1, 1).repeat(1, 2)
        loss = LOSSES["minimax"].discriminator(discriminator(real), discriminator(fake))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    # Two different signs (half of the real packs, no fake one): real. Two same ones: 1/2 : 1, so D = 1/3.
    for a, b in itertools.product((-1.0, 1.0), repeat=2):
        (logit, _) = discriminator(torch.tensor([[a, a], [b, b]], dtype=torch.float64)).tolist()
        assert logit > 2 if a != b else logit == pytest.approx(math.log(1 / 2), abs=0.4)


@families
def test_an_incomplete_pack_is_refused_in_one_line(family):
    discriminator, draw = build(family, packing=3)
    with pytest.raises(UserError, match="4 samples; with packing=3 it takes a multiple of 3") as error:
        discriminator(draw(4))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"packing": 0}, "packing=0: it must be a whole number, at least 1"),
        ({"packing": 2.0}, "packing=2.0"),
        ({"minibatch_std": 1}, "minibatch_std=1: it must be true or false"),
        ({"packing": 2, "num_classes": 3}, "packing=2: packs are for unconditional pairs"),
    ],
)
def test_options_that_do_not_fit(options, message):
    with pytest.raises(UserError, match=message):
        models.dcgan((1, 16, 16), **options)
