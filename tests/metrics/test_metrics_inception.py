"""Inception score: bounds, splits, order."""

import math

import pytest
import torch

from ganbook.metrics import inception_score


def softmax(seed: int, n: int, num_classes: int) -> torch.Tensor:
    rng = torch.Generator().manual_seed(seed)
    return (3 * torch.randn(n, num_classes, generator=rng, dtype=torch.float64)).softmax(1)


def test_both_bounds_are_attained():
    sure = torch.eye(10).repeat(20, 1)  # certain, and all classes in each split
    mean, std = inception_score(sure, splits=10)
    assert mean == pytest.approx(10, rel=1e-12)
    assert std == pytest.approx(0, abs=1e-12)
    assert inception_score(torch.full((40, 4), 0.25), splits=2).mean == pytest.approx(1, rel=1e-12)
    assert inception_score(torch.eye(10)[[3] * 40], splits=2).mean == pytest.approx(1, rel=1e-12)


def test_by_hand():
    # p(y) = (1/2, 1/2); KL of each row = log 2 + 0.9 log 0.9 + 0.1 log 0.1
    p = torch.tensor([[0.9, 0.1], [0.1, 0.9]], dtype=torch.float64)
    expected = math.exp(math.log(2) + 0.9 * math.log(0.9) + 0.1 * math.log(0.1))
    assert inception_score(p, splits=1).mean == pytest.approx(expected, rel=1e-12)


def test_splits_are_consecutive_rows_and_cover_all():
    p = softmax(0, 25, 5)
    mean, std = inception_score(p, splits=3)
    parts = torch.tensor([inception_score(part, splits=1).mean for part in (p[:8], p[8:16], p[16:])])
    assert mean == pytest.approx(parts.double().mean().item(), rel=1e-6)
    assert std == pytest.approx(parts.double().std(correction=0).item(), rel=1e-5)


def test_order_matters_unless_shuffled():
    by_class = torch.eye(10).repeat_interleave(50, dim=0)
    assert inception_score(by_class, splits=10).mean == pytest.approx(1)
    shuffled = inception_score(by_class, splits=10, shuffle_seed=0)
    assert shuffled.mean > 8
    assert inception_score(by_class, splits=10, shuffle_seed=0) == shuffled


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (torch.randn(20, 3), "softmax"),
        (torch.full((20, 3), 0.2), "rows summing to 1"),
        (torch.tensor([[1.5, -0.5]] * 20), "smallest value of -0.5"),
        (torch.ones(20, 1), "K >= 2"),
        (torch.ones(20, 3, dtype=torch.long), "dtype"),
        (torch.full((20, 3), torch.nan), "NaN"),
        (torch.full((1, 2), 0.5), "got 1 samples"),
        (torch.zeros(0, 2), "got 0 samples"),
    ],
)
def test_bad_probabilities(bad, message):
    with pytest.raises(ValueError, match=f"^probabilities: .*{message}"):
        inception_score(bad, splits=1)


@pytest.mark.parametrize("splits", [0, -1, 11, 2.5, True, "10"])
def test_bad_splits(splits):
    with pytest.raises(ValueError, match=r"^splits="):
        inception_score(softmax(0, 20, 3), splits=splits)
