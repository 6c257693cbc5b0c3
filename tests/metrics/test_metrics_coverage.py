"""Coverage of mixture components and of classes."""

import math

import numpy as np
import pytest
import torch

from ganbook.metrics import class_coverage, mode_coverage

GRID = torch.cartesian_prod(torch.arange(-4.0, 5, 2), torch.arange(-4.0, 5, 2))  # 25 modes
SIGMA = 0.05


def sample(n: int, modes: torch.Tensor, seed: int = 0) -> torch.Tensor:
    rng = torch.Generator().manual_seed(seed)
    owner = torch.randint(len(modes), (n,), generator=rng)
    return modes[owner] + SIGMA * torch.randn(n, 2, generator=rng)


def test_the_true_mixture():
    hit, share, kl, counts = mode_coverage(sample(20_000, GRID), GRID, SIGMA)
    assert hit == 25
    assert share == pytest.approx(1 - math.exp(-4.5), abs=0.003)  # 98.9 %, not 100 %
    assert kl == pytest.approx(24 / (2 * 20_000), rel=0.7)
    assert sum(counts) == round(share * 20_000)


def test_missing_modes():
    hit, share, kl, counts = mode_coverage(GRID[:10].repeat(3, 1), GRID, SIGMA)
    assert (hit, share) == (10, 1)
    assert kl == pytest.approx(math.log(25 / 10), rel=1e-12)
    assert counts == (3,) * 10 + (0,) * 15


def test_by_hand():
    modes = torch.tensor([[0.0], [10.0]])
    points = torch.tensor([[0.0], [2.9], [-2.9], [12.0], [3.0], [5.0], [100.0]])  # 3.0 is not *less* than 3
    result = mode_coverage(points, modes, 1.0, weights=[1, 3])
    assert result.counts == (3, 1)
    assert result.high_quality_share == 4 / 7
    expected = 0.75 * math.log(0.75 / 0.25) + 0.25 * math.log(0.25 / 0.75)
    assert result.reverse_kl == pytest.approx(expected, rel=1e-12)
    assert mode_coverage(points, modes, 1.0, min_samples=2).modes_hit == 1
    assert mode_coverage(points, modes, 1.0, num_sigmas=20).counts == (5, 1)


def test_sigma_of_each_mode():
    modes = torch.tensor([[0.0], [10.0]])
    # 6 is nearer to 10, but 1.2 sigmas from 0 and 4 sigmas from 10.
    result = mode_coverage(torch.tensor([[6.0]]), modes, np.array([5.0, 1.0]))
    assert result.counts == (1, 0)


def test_exact_far_from_the_origin():
    far = GRID.double() + 1e6
    points = far.repeat(4, 1) + 2.9e-4
    assert mode_coverage(points, far, 1e-3 / 2).high_quality_share == 1
    assert mode_coverage(points, far, 1e-4).high_quality_share == 0


def test_no_good_sample_is_the_worst():
    result = mode_coverage(torch.full((10, 2), 99.0), GRID, SIGMA)
    assert (result.modes_hit, result.high_quality_share, result.reverse_kl) == (0, 0, math.inf)


def test_one_point_is_enough():
    result = mode_coverage(GRID[:1], GRID, SIGMA)
    assert (result.modes_hit, result.high_quality_share) == (1, 1)
    assert result.reverse_kl == pytest.approx(math.log(25))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"points": torch.zeros(0, 2)}, "^points: got 0 samples"),
        ({"points": torch.full((3, 2), torch.inf)}, "^points: got values that are NaN or infinite"),
        ({"points": torch.ones(3, 2, dtype=torch.long)}, "^points: got dtype torch.int64"),
        ({"points": torch.ones(3, 4)}, "^modes: got d=2 .* d=4"),
        ({"modes": torch.zeros(0, 2)}, "^modes: got 0"),
        ({"sigma": 0.0}, "^sigma: got 0.0"),
        ({"sigma": float("nan")}, "^sigma: got nan"),
        ({"sigma": torch.ones(3)}, r"^sigma: got .* \(25,\)"),
        ({"sigma": "wide"}, "^sigma: got 'wide'"),
        ({"weights": [1, 2]}, r"^weights: got \[1, 2\]; it takes 25 numbers"),
        ({"weights": [-1.0] * 25}, "^weights: got"),
        ({"weights": [0] * 25}, "^weights: got"),
        ({"num_sigmas": 0}, "^num_sigmas=0"),
        ({"min_samples": 0}, "^min_samples=0"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        mode_coverage(**{"points": sample(10, GRID), "modes": GRID, "sigma": SIGMA, **arguments})


def test_classes():
    labels = [0, 0, 1, 2, 2, 2]
    for form in (labels, torch.tensor(labels), np.array(labels, dtype=np.uint8)):
        result = class_coverage(form, 4)
        assert (result.classes_hit, result.counts) == (3, (2, 1, 3, 0))
    q = np.array([2, 1, 3]) / 6
    assert result.reverse_kl == pytest.approx((q * np.log(q / 0.25)).sum(), rel=1e-12)
    assert class_coverage(labels, 4, target=[2, 1, 3, 0]).reverse_kl == pytest.approx(0, abs=1e-15)
    assert class_coverage(labels, 4, target=[1, 1, 0, 1]).reverse_kl == math.inf
    assert class_coverage(labels, 4, min_samples=2).classes_hit == 2


@pytest.mark.parametrize(
    ("labels", "num_classes", "target", "message"),
    [
        ([], 3, None, "^predicted_labels: got"),
        ([0.0, 1.0], 3, None, "^predicted_labels: got dtype torch.float32"),
        ([0, 3], 3, None, "^predicted_labels: got 0 to 3; it takes 0 to 2"),
        ([-1, 0], 3, None, "^predicted_labels: got -1"),
        ([[0, 1]], 3, None, "^predicted_labels: got shape"),
        (["cat"], 3, None, "^predicted_labels: got"),
        (torch.tensor([], dtype=torch.long), 3, None, r"^predicted_labels: got shape \(0,\)"),
        ([0, 1], 0, None, "^num_classes=0"),
        ([0, 1], 3, [0.5, 0.5], "^target: got"),
    ],
)
def test_bad_classes(labels, num_classes, target, message):
    with pytest.raises(ValueError, match=message):
        class_coverage(labels, num_classes, target)
