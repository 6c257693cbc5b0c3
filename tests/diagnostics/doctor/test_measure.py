"""How samples are compared: closed forms."""

import torch

from ganbook.diagnostics.doctor import measure
from ganbook.diagnostics.doctor.measure import Yardstick

RNG = torch.Generator().manual_seed(0)
MODES = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0], [4.0, 4.0]])


def cloud(*modes, n=800):
    which = torch.tensor(modes)[torch.arange(n) % len(modes)]
    return MODES[which] + 0.1 * torch.randn(n, 2, generator=RNG)


def test_real_samples_are_like_real_samples():
    signs = Yardstick.of(cloud(0, 1, 2, 3), MODES).look(cloud(0, 1, 2, 3))
    assert abs(signs.spread - 1) < 0.05
    assert signs.groups > 0.99
    assert 0.4 < signs.told_apart < 0.6
    assert signs.off < 0.02


def test_two_of_four_modes_are_half_the_groups_known_or_not():
    for modes in (MODES, None):
        signs = Yardstick.of(cloud(0, 1, 2, 3), modes).look(cloud(0, 1))
        assert 0.4 < signs.groups < 0.6


def test_a_point_has_no_spread_and_infinite_samples_no_signs():
    yardstick = Yardstick.of(cloud(0, 1, 2, 3), MODES)
    signs = yardstick.look(MODES[:1].repeat(100, 1))
    assert signs.spread < 0.01
    assert abs(signs.groups - 0.25) < 0.01
    assert signs.told_apart == 1.0
    assert yardstick.look(torch.full((10, 2), float("nan"))) is None


def test_auc_counts_pairs_and_ties_half():
    assert measure.auc(torch.tensor([2.0, 3.0]), torch.tensor([0.0, 1.0])) == 1.0
    assert measure.auc(torch.tensor([0.0]), torch.tensor([1.0, 2.0])) == 0.0
    assert measure.auc(torch.tensor([1.0]), torch.tensor([1.0, 0.0])) == 0.75


def test_moved_is_the_share_that_changed():
    assert measure.moved((0.5, 0.5), (0.5, 0.5)) == 0.0
    assert measure.moved((1.0, 0.0), (0.0, 0.2)) == 1.0


def test_large_images_are_compared_as_small_ones():
    assert measure.features(torch.zeros(3, 3, 64, 64)).shape == (3, 3 * 16 * 16)
    assert measure.features(torch.zeros(3, 1, 8, 8)).shape == (3, 64)
