"""Memorisation: copies, fresh samples, unequal sizes."""

import numpy as np
import pytest
import torch

from ganbook.metrics import memorisation


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
