"""Spoilt glyphs: each kind spoils what it names and nothing else, and the amount 0 spoils nothing."""

import math

import pytest
import torch

from ganbook.data.glyphs.spoil import KINDS, TRAIN_SEED, draw, spoil
from ganbook.errors import UserError

IMAGES, LABELS = draw(60, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_spoilt_at_0(kind):
    images, labels = spoil(kind, 0, 60, 0)
    assert torch.equal(labels, LABELS)
    assert torch.equal(images, IMAGES)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_draws_the_same_images(kind):
    images, labels = spoil(kind, 0.5, 40, 3)
    again, _ = spoil(kind, 0.5, 40, 3)
    assert torch.equal(images, again)
    assert images.shape == (40, 1, 28, 28)
    assert images.dtype == torch.uint8
    assert labels.shape == (40,)
    assert not torch.equal(images, spoil(kind, 0.5, 40, 4)[0])


def test_noise():
    difference = spoil("noise", 0.1, 60, 0)[0].double() - IMAGES.double()
    inner = (IMAGES > 80) & (IMAGES < 175)  # no clipping there
    assert difference[inner].std().item() == pytest.approx(25.5, rel=0.1)
    assert abs(difference[inner].mean().item()) < 2


def test_blur():
    for amount in (0.5, 2):
        blurred = spoil("blur", amount, 60, 0)[0].double()
        assert blurred.mean().item() == pytest.approx(
            IMAGES.double().mean().item(), rel=0.02
        )  # no ink is lost
        assert blurred.std() < IMAGES.double().std()


def test_shift():
    moved = spoil("shift", 3, 60, 0)[0]
    assert torch.equal(moved[..., 3:], IMAGES[..., :-3])
    assert (moved[..., :3] == 0).all()


def test_contrast():
    assert (spoil("contrast", 0.5, 60, 0)[0].double() - IMAGES.double() / 2).abs().max() <= 0.5
    assert (spoil("contrast", 1, 60, 0)[0] == 0).all()


@pytest.mark.parametrize("amount", [1, 5, 9])
def test_dropped_classes(amount):
    images, labels = spoil("dropped classes", amount, 500, 0)
    assert sorted(set(labels.tolist())) == list(range(10 - amount))
    assert len(images) == 500
    kept = LABELS.lt(10 - amount)  # of the first sixty, those that are kept are still the same
    assert torch.equal(images[: int(kept.sum())], IMAGES[kept])


def test_shrunk_diversity():
    def spread(amount):
        images, labels = spoil("shrunk diversity", amount, 300, 0)
        return torch.stack([images[labels == c].double().std(0).mean() for c in range(10)]).mean()

    spreads = [spread(amount) for amount in (0, 0.5, 1)]
    assert spreads[0] > 1.2 * spreads[1] > 0
    assert spreads[2] == 0
    images, labels = spoil("shrunk diversity", 1, 300, 0)
    assert len(images.flatten(1).unique(dim=0)) == len(labels.unique()) == 10


def test_duplicated():
    images, labels = spoil("duplicated", 4, 100, 0)
    assert len(images.flatten(1).unique(dim=0)) == 100  # slight variations of 20, no exact copies
    assert torch.equal(labels[:20], labels[80:])
    assert torch.equal(images[:20], IMAGES[:20])

    def apart(a, b):
        return (a.double() - b.double()).abs().mean().item()

    assert 0 < apart(images[:20], images[80:]) < 0.2 * apart(images[:20], images[80:].roll(1, 0))


def test_memorised():
    train, train_labels = draw(100, TRAIN_SEED)
    images, labels = spoil("memorised", 0.3, 100, 0)
    assert torch.equal(images[:30], train[:30])
    assert torch.equal(labels[:30], train_labels[:30])
    assert torch.equal(images[30:60], IMAGES[30:])
    assert torch.equal(spoil("memorised", 1, 100, 5)[0], train)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nois", 1, 5, 0), "unknown kind 'nois'; did you mean 'noise'"),
        (("noise", -0.1, 5, 0), "amount=-0.1: noise takes a number from 0 to 1"),
        (("noise", math.nan, 5, 0), "amount=nan"),
        (("duplicated", math.inf, 5, 0), "amount=inf"),
        (("dropped classes", 10, 5, 0), "amount=10: dropped classes takes a number from 0 to 9"),
        (("blur", 1, 0, 0), "n=0"),
        (("blur", 1, 5, -1), "seed=-1"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(UserError, match=message):
        spoil(*arguments)
