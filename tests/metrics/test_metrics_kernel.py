"""Kernel distance: exact small cases, unbiasedness, subsets."""

import numpy as np
import pytest
import torch

from ganbook.metrics import kernel_distance, mmd2_unbiased, polynomial_kernel


def normal(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_kernel_by_hand():
    x, y = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, -1.0], [0.0, 2.0]])
    assert polynomial_kernel(x, y).tolist() == [[1.5**3, 3.0**3]]  # (1/2 + 1)^3, (4/2 + 1)^3
    assert polynomial_kernel(x, y, degree=2, gamma=1.0, coef=0.0).tolist() == [[1.0, 16.0]]


def test_mmd_by_hand():
    # d = 1: k(a, b) = (ab + 1)^3. x = {0, 1}: k_xx = k(0, 1) = 1. y = {1, 2}: k_yy = k(1, 2) = 27.
    # k_xy: k(0, 1) = k(0, 2) = 1, k(1, 1) = 8, k(1, 2) = 27: mean 37/4. 1 + 27 - 37/2 = 9.5.
    x, y = torch.tensor([[0.0], [1.0]]), torch.tensor([[1.0], [2.0]])
    assert mmd2_unbiased(x, y) == 9.5
    assert kernel_distance(x, y, subsets=3, subset_size=2) == (9.5, 0.0)


def test_mmd_with_unequal_sizes_against_loops():
    x, y = normal(0, 5, 3), normal(1, 8, 3) + 1

    def k(a, b):
        return float((a @ b / 3 + 1) ** 3)

    k_xx = np.mean([k(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j])
    k_yy = np.mean([k(a, b) for i, a in enumerate(y) for j, b in enumerate(y) if i != j])
    k_xy = np.mean([k(a, b) for a in x for b in y])
    assert mmd2_unbiased(x, y) == pytest.approx(k_xx + k_yy - 2 * k_xy, rel=1e-12)


def test_mmd_in_parts_equals_mmd_in_one():
    x, y = normal(0, 1900, 4), normal(1, 1500, 4) + 0.5  # more rows than a part
    k_xx, k_yy = polynomial_kernel(x, x), polynomial_kernel(y, y)
    expected = (k_xx.sum() - k_xx.trace()) / (1900 * 1899) + (k_yy.sum() - k_yy.trace()) / (1500 * 1499)
    expected -= 2 * polynomial_kernel(x, y).mean()
    assert mmd2_unbiased(x, y) == pytest.approx(expected.item(), rel=1e-10)


def test_unbiased():
    same = np.array([mmd2_unbiased(normal(2 * i, 20, 3), normal(2 * i + 1, 20, 3)) for i in range(400)])
    assert abs(same.mean()) < 3 * same.std() / len(same) ** 0.5
    assert (same < 0).mean() > 0.2  # so it must be able to go below zero
    # Different distributions: the average at 20 samples is the value at many.
    shifted = np.array(
        [mmd2_unbiased(normal(2 * i, 20, 3), normal(2 * i + 1, 20, 3) + 0.5) for i in range(400)]
    )
    large = np.array(
        [mmd2_unbiased(normal(2 * i, 500, 3), normal(2 * i + 1, 500, 3) + 0.5) for i in range(1000, 1030)]
    )
    error = (shifted.var() / len(shifted) + large.var() / len(large)) ** 0.5
    assert abs(shifted.mean() - large.mean()) < 3 * error


def test_subsets_average_to_the_whole_set():
    x, y = normal(0, 300, 4), normal(1, 200, 4) + 0.3
    mean, std = kernel_distance(x, y, subsets=300, subset_size=100)
    assert std > 0
    assert abs(mean - mmd2_unbiased(x, y)) < 4 * std / 300**0.5


def test_same_seed_same_digits():
    x, y = normal(0, 100, 4), normal(1, 100, 4)
    first = kernel_distance(x, y, subsets=5, subset_size=50, seed=1)
    assert kernel_distance(x, y, subsets=5, subset_size=50, seed=1) == first
    assert kernel_distance(x, y, subsets=5, subset_size=50, seed=2) != first


def test_whole_set_as_subset():
    x, y = normal(0, 60, 4), normal(1, 60, 4) + 1
    mean, std = kernel_distance(x, y, subsets=4, subset_size=60)
    assert mean == pytest.approx(mmd2_unbiased(x, y), rel=1e-10)
    assert std == pytest.approx(0, abs=1e-12)


def test_rotation_but_not_shift():
    x, y = normal(0, 50, 4), normal(1, 50, 4) + 1
    q = torch.linalg.qr(normal(2, 4, 4))[0]
    assert mmd2_unbiased(x @ q, y @ q) == pytest.approx(mmd2_unbiased(x, y), rel=1e-10)
    assert mmd2_unbiased(x + 3, y + 3) != pytest.approx(mmd2_unbiased(x, y), rel=1e-2)
