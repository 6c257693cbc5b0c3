"""Memorisation: copies, fresh samples, unequal sizes."""

import numpy as np
import pytest
import torch

from ganbook.metrics import memorisation, memorisation_band


def normal(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(("n", "m"), [(300, 300), (3000, 200), (200, 3000)])
def test_fresh_samples_score_a_half(n, m):
    shares = [
        memorisation(normal(3 * i, 100, 4), normal(3 * i + 1, n, 4), normal(3 * i + 2, m, 4))
        for i in range(40)
    ]
    mean = np.mean(shares, axis=0)
    error = np.std(shares, axis=0) / 40**0.5
    assert abs(mean[0] - 0.5) < 4 * error[0] + 0.01
    assert abs(mean[1] - 1) < 4 * error[1] + 0.01


@pytest.mark.parametrize(("n", "m"), [(300, 300), (3000, 200), (200, 3000)])
def test_copies_score_one(n, m):
    train, held_out = normal(0, n, 4) + 50, normal(1, m, 4) + 50
    share, ratio = memorisation(train[:150], train, held_out)
    assert share == 1  # also where the training set is much larger than the held-out set
    assert ratio == 0 if n <= m else ratio < 1
    assert memorisation(held_out[:150], train, held_out).share == 0


def test_noisy_copies_and_partial_copying():
    train, held_out, fresh = normal(0, 400, 6), normal(1, 400, 6), normal(2, 200, 6)
    copies = train[:200] + 0.05 * normal(3, 200, 6)
    assert memorisation(copies, train, held_out).share == 1
    share, ratio = memorisation(torch.cat([copies, fresh]), train, held_out)
    assert share == pytest.approx(0.75, abs=0.08)
    assert ratio < 0.7


def test_by_hand():
    fake = torch.tensor([[0.0], [10.0], [20.0]])
    train, held_out = torch.tensor([[1.0], [13.0]]), torch.tensor([[-2.0], [12.0]])
    # nearest: 1 against 2, 3 against 2, 7 against 8
    share, ratio = memorisation(fake, train, held_out)
    assert share == pytest.approx(2 / 3)
    assert ratio == pytest.approx(11 / 12)


def test_ties_count_half():
    data = normal(0, 100, 3)
    assert memorisation(normal(1, 50, 3), data, data.flip(0)) == pytest.approx((0.5, 1))
    assert memorisation(data[:40], data, data.flip(0)) == (0.5, 1)
    assert memorisation(data[:40], normal(1, 100, 3), data).distance_ratio == float("inf")


def test_chunks_and_seed():
    fake, train, held_out = normal(0, 50, 3), normal(1, 500, 3), normal(2, 80, 3)
    result = memorisation(fake, train, held_out, seed=1)
    assert memorisation(fake, train, held_out, seed=1, chunk=7) == pytest.approx(result, rel=1e-9)
    other = memorisation(fake, train, held_out, seed=2)
    assert other.share == result.share
    assert other.distance_ratio != result.distance_ratio


CROWDS = {
    "spread out": lambda i: normal(3 * i, 200, 4),
    "at five places": lambda i: normal(3 * i, 5, 4).repeat(40, 1) + 1e-3 * normal(3 * i + 7777, 200, 4),
}


@pytest.mark.parametrize("crowd", CROWDS)
@pytest.mark.parametrize(("n", "m"), [(300, 300), (900, 200)])
def test_nineteen_of_twenty_honest_shares_lie_in_the_band(crowd, n, m):
    inside, widths = 0, []
    for i in range(200):
        fake, train, held_out = CROWDS[crowd](i), normal(3 * i + 1, n, 4), normal(3 * i + 2, m, 4)
        low, high = memorisation_band(fake, train, held_out)
        assert low < 0.5 < high
        inside += low <= memorisation(fake, train, held_out).share <= high
        widths.append(high - low)
    assert 180 <= inside <= 199  # 190 are expected
    assert (np.mean(widths) > 0.7) == (crowd == "at five places")  # few samples' luck is counted many times


def test_copies_are_outside_the_band():
    train, held_out, fresh = normal(0, 400, 6), normal(1, 400, 6), normal(2, 200, 6)
    half = torch.cat([train[:100], fresh[:100]])
    for fake in (train[:200], half):
        assert memorisation(fake, train, held_out).share > memorisation_band(fake, train, held_out).high


def test_the_band_is_the_spread_over_all_divisions():
    """By hand: three fakes, five real samples, two of them called training samples in each of ten ways."""
    from itertools import combinations

    fake, real = torch.tensor([[0.1], [0.2], [3.1]]), torch.tensor([[0.0], [1.0], [2.0], [3.0], [4.0]])
    nearest = [0, 0, 3]
    shares = [sum(j in chosen for j in nearest) / 3 for chosen in combinations(range(5), 2)]
    z = 0.6744897501960817  # half of a normal distribution lies within
    low, high = memorisation_band(fake, real[:2], real[2:], level=0.5)
    for bound, sign in ((low, -1), (high, 1)):
        c = np.mean(shares) + sign * z * np.std(shares)
        assert bound == pytest.approx(c * 3 / (c * 3 + (1 - c) * 2), rel=1e-6)


def test_bad_levels():
    sets = normal(0, 20, 2), normal(1, 20, 2), normal(2, 20, 2)
    with pytest.raises(ValueError, match="level=1"):
        memorisation_band(*sets, level=1)
    wide, narrow = (memorisation_band(*sets, level=level) for level in (0.99, 0.5))
    assert wide.low < narrow.low < 0.5 < narrow.high < wide.high
