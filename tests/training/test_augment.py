"""Augmentation: known shifts and colours, the gradient, and the probability that follows D."""

import pytest
import torch

from ganbook.training.augment import (
    NUM_RANDOM,
    AdaptiveStrength,
    colour,
    cutout,
    diffaugment,
    flip,
    translate,
)


def images(num=6, channels=3, size=16):
    torch.manual_seed(0)
    return torch.rand(num, channels, size, size) * 2 - 1


def uniform(num=6):
    return torch.rand(num, NUM_RANDOM, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("size", [(5, 7), (8, 8)])
def test_translation_by_known_shifts(size):
    x = torch.randn(4, 2, *size)
    down, right = torch.tensor([0, 2, -1, 9]), torch.tensor([0, -3, 1, 0])
    out = translate(x, down, right)
    assert torch.equal(out[0], x[0])
    assert torch.equal(out[1][:, 2:, :-3], x[1][:, :-2, 3:])
    assert torch.equal(out[2][:, :-1, 1:], x[2][:, 1:, :-1])
    for i, kept in ((1, (size[0] - 2) * (size[1] - 3)), (2, (size[0] - 1) * (size[1] - 1)), (3, 0)):
        assert int((out[i] != 0).sum()) == 2 * kept  # all else is 0


def test_a_cut_is_half_as_high_and_half_as_wide():
    x = torch.ones(3, 2, 8, 6)
    out = cutout(x, torch.tensor([0, 6, -2]), torch.tensor([0, 1, 4]))
    assert torch.equal(out[0, 0] == 0, torch.arange(8)[:, None].lt(4) & torch.arange(6).lt(3))
    assert [int((image == 0).sum()) for image in out[:, 1]] == [4 * 3, 2 * 3, 2 * 2]
    assert torch.equal(out[:, 0], out[:, 1])


def test_colours_are_moved_and_scaled_as_said():
    x, same = images(), torch.ones(6)
    b = torch.linspace(-0.5, 0.5, 6)
    assert torch.allclose(colour(x, b, same, same), x + b.view(-1, 1, 1, 1), atol=1e-6)
    grey = colour(x, 0 * same, 0 * same, same)
    assert torch.allclose(grey, x.mean(1, keepdim=True).expand_as(x), atol=1e-6)
    flat = colour(x, 0 * same, same, 0 * same)
    assert torch.allclose(flat, x.mean((1, 2, 3), keepdim=True).expand_as(x), atol=1e-6)
    twice = colour(x, 0 * same, 2 * same, 1.5 * same)
    assert torch.allclose(twice.mean((1, 2, 3)), x.mean((1, 2, 3)), atol=1e-6)
    assert torch.allclose(twice.std(1), 3 * x.std(1), atol=1e-5)  # channels about their mean: 2 * 1.5
    assert torch.allclose(colour(x, 0 * same, same, same), x, atol=1e-6)


def test_flipping_twice_is_nothing_and_half_are_flipped():
    x = images(200, 1, 4)
    u = torch.rand(200)
    out = flip(x, u)
    assert torch.equal(flip(out, u), x)
    changed = (out != x).flatten(1).any(1)
    assert torch.equal(changed, u < 0.5)
    assert torch.equal(out[changed], x[changed].flip(3))


def test_probability_0_is_the_identity_to_the_bit():
    x = images()
    assert torch.equal(diffaugment(x, uniform(), 0.0), x)
    assert torch.equal(diffaugment(x, uniform(), torch.zeros(())), x)


def test_probability_1_changes_all_and_one_between_changes_that_share():
    x, u = images(600, 1, 8), uniform(600)
    assert not torch.isclose(diffaugment(x, u), x).flatten(1).all(1).any()
    changed = (diffaugment(x, u, 0.2) != x).flatten(1).any(1).float().mean()
    # Each of three with 0.2; a shift by nothing (2 of 3 x 3 x ... are) or the like leaves some as they are.
    assert 0.40 < changed < 1 - 0.8**3 + 0.06


def test_the_numbers_at_the_ends_stay_in_their_ranges():
    x = torch.ones(2, 1, 16, 16)
    for value, shift in ((0.0, -2), (0.99999, 2)):
        u = torch.full((2, NUM_RANDOM), 1.0)  # gates of 1 are closed
        u[:, 3:5], u[:, 8] = value, 0.0
        down = right = torch.tensor([shift, shift])
        assert torch.equal(diffaugment(x, u, 0.5), translate(x, down, right))
    u = torch.full((1, NUM_RANDOM), 1.0)
    u[:, 5:7], u[:, 9] = 0.0, 0.0
    assert int((diffaugment(x[:1], u, 0.5) == 0).sum()) == 4 * 4  # 8 x 8 around the first pixel
    u[:, 5:7] = 0.5
    assert int((diffaugment(x[:1], u, 0.5) == 0).sum()) == 8 * 8


def test_the_gradient_passes_and_is_that_of_finite_differences():
    x = images(4, 3, 8).double().requires_grad_()
    u = uniform(4).double()
    assert torch.autograd.gradcheck(lambda x: diffaugment(x, u), (x,))
    (slope,) = torch.autograd.grad(diffaugment(x, u).sum(), x)
    assert (slope != 0).flatten(1).any(1).all()


def test_grey_images_and_odd_sizes_are_taken_too():
    assert diffaugment(images(6, 1, 7), uniform()).shape == (6, 1, 7, 7)
    assert torch.isfinite(diffaugment(images(6, 1, 28), uniform())).all()


def test_the_probability_rises_and_falls_as_said():
    strength = AdaptiveStrength(target=0.6, images=1000, batch_size=25)  # 0.1 at every fourth batch
    seen = []
    for number, sign in enumerate([1.0] * 12 + [0.5] * 8 + [0.0] * 20):
        strength.update(torch.tensor(sign), number)
        seen.append(round(strength.p.item(), 4))
    assert seen[:12] == [0, 0, 0, 0.1, 0.1, 0.1, 0.1, 0.2, 0.2, 0.2, 0.2, 0.3]
    assert seen[15::4] == [0.2, 0.1, 0, 0, 0, 0, 0]  # never below 0


def test_it_is_the_mean_of_four_batches_that_counts():
    strength = AdaptiveStrength(target=0.5, images=100, batch_size=5)
    for number, sign in enumerate([1.0, 1.0, 1.0, -0.9]):  # mean 0.525
        strength.update(torch.tensor(sign), number)
    assert strength.p.item() == pytest.approx(0.2)
    for number in range(4, 4 + 4 * 10):
        strength.update(torch.tensor(1.0), number)
    assert strength.p.item() == 1.0  # never above 1
