"""Bootstrap intervals: coverage, the shift, named tuples."""

import numpy as np
import pytest
import torch

from ganbook.metrics import Interval, bootstrap, frechet_distance, inception_score, precision_recall


def normal(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def mean(x):
    return float(x.mean())


def test_intervals_cover_the_truth():
    intervals = [bootstrap(mean, normal(i, 50, 1), level=0.9, seed=i) for i in range(300)]
    covered = np.mean([low <= 0 <= high for low, high, *_ in intervals])
    assert 0.83 < covered < 0.95
    widths = np.mean([high - low for low, high, *_ in intervals])
    assert widths == pytest.approx(2 * 1.645 / 50**0.5, rel=0.1)


def test_plain_percentiles_where_there_is_no_bias():
    x = normal(0, 400, 1)
    low, high, estimate, bias = bootstrap(mean, x)
    assert estimate == x.mean().item()
    assert abs(bias) < 0.15 * (high - low)
    assert low < estimate < high


def test_frechet_is_shifted_back():
    x, y = normal(0, 200, 10), normal(1, 200, 10)
    low, high, estimate, bias = bootstrap(frechet_distance, x, y, num=60)
    assert estimate == frechet_distance(x, y)
    assert bias > 0.5 * estimate  # the plain percentiles would lie above the estimate
    assert low + bias > estimate
    assert low < estimate < high


def test_frechet_interval_covers_other_samples():
    scores = [frechet_distance(normal(2 * i, 300, 4), normal(2 * i + 1, 300, 4) + 0.5) for i in range(60)]
    low, high, *_ = bootstrap(frechet_distance, normal(1000, 300, 4), normal(1001, 300, 4) + 0.5)
    assert np.quantile(scores, 0.95) - np.quantile(scores, 0.05) == pytest.approx(high - low, rel=0.5)


def test_named_tuples_give_an_interval_a_field():
    x, y = normal(0, 100, 3), normal(1, 80, 3) * 0.7
    result = bootstrap(precision_recall, x, y, num=20)
    assert isinstance(result.precision, Interval)
    assert result.recall.estimate == precision_recall(x, y).recall
    alone = bootstrap(lambda real, fake: precision_recall(real, fake).recall, x, y, num=20)
    assert alone == result.recall


def test_other_metrics_numpy_and_level():
    p = normal(0, 100, 5).softmax(1).numpy()
    wide = bootstrap(inception_score, p, num=50, level=0.99).mean
    narrow = bootstrap(inception_score, p, num=50, level=0.5).mean
    assert wide.low < narrow.low < narrow.high < wide.high


def test_same_seed_same_digits():
    x = normal(0, 30, 2)
    assert bootstrap(mean, x, seed=3, num=10) == bootstrap(mean, x, seed=3, num=10)
    assert bootstrap(mean, x, seed=3, num=10) != bootstrap(mean, x, seed=4, num=10)
    assert bootstrap(mean, x.numpy(), num=10) == pytest.approx(bootstrap(mean, x, num=10), rel=1e-9)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((), {}, "^feature_sets: got none"),
        ((torch.zeros(1, 2),), {}, r"^feature_sets\[0\]: got shape \(1, 2\)"),
        ((torch.zeros(3, 2), [1, 2]), {}, r"^feature_sets\[1\]: got list"),
        ((torch.zeros(3, 2),), {"num": 1}, "^num=1"),
        ((torch.zeros(3, 2),), {"level": 95}, "^level=95"),
        ((torch.zeros(3, 2),), {"level": float("nan")}, "^level=nan"),
        ((torch.zeros(3, 2),), {"seed": -1}, "^seed=-1"),
        ((torch.full((3, 2), torch.nan),), {}, "^metric: got a value that is not finite"),
    ],
)
def test_bad_input(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        bootstrap(mean, *arguments, **options)
