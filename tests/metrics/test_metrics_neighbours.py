"""Precision, recall, density, coverage: known shapes, definitions by loops, chunks, ties."""

import math
import warnings

import numpy as np
import pytest
import torch

from ganbook.metrics import density_coverage, precision_recall


def normal(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_definition(real, fake, k):
    """Return precision, recall, density, coverage from exact distances, straight from the papers."""
    x, y = np.asarray(real, dtype=np.float64), np.asarray(fake, dtype=np.float64)

    def distances(a, b):
        return np.sqrt(((a[:, None] - b[None]) ** 2).sum(-1))

    radius_x, radius_y = (np.sort(distances(s, s), axis=1)[:, k] for s in (x, y))
    d = distances(x, y)
    precision = (d <= radius_x[:, None]).any(0).mean()
    recall = (d <= radius_y[None]).any(1).mean()
    density = (d < radius_x[:, None]).sum() / (k * len(y))
    coverage = (d < radius_x[:, None]).any(1).mean()
    return precision, recall, density, coverage


@pytest.mark.parametrize(
    ("n", "m", "d", "k"), [(50, 50, 2, 3), (30, 70, 8, 1), (70, 31, 1, 5), (12, 9, 40, 8)]
)
@pytest.mark.parametrize("offset", [0.0, 1e5])
def test_against_the_definitions(n, m, d, k, offset):
    x, y = normal(n, n, d) + offset, 0.8 * normal(m, m, d) + 0.4 + offset
    expected = by_definition(x, y, k)
    assert (*precision_recall(x, y, k), *density_coverage(x, y, k)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.filterwarnings("ignore:.*exact copy")
def test_ties_on_a_lattice():
    # Points on a lattice are full of distances that equal a radius exactly: closed against open balls.
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 6, (40, 3)) / 3.0, rng.integers(1, 8, (40, 3)) / 3.0
    for k in (1, 2, 3):
        x_exact, y_exact = np.rint(3 * x), np.rint(3 * y)  # whole numbers: no rounding in the definitions
        expected = by_definition(x_exact, y_exact, k)
        assert (*precision_recall(x, y, k), *density_coverage(x, y, k)) == pytest.approx(expected, rel=1e-12)


def test_disjoint_sets_score_zero():
    x, y = normal(0, 100, 4), normal(1, 100, 4) + 1000
    assert precision_recall(x, y) == (0, 0)
    assert density_coverage(x, y) == (0, 0)


def test_identical_sets():
    x = normal(0, 200, 5)
    assert precision_recall(x, x.clone()) == (1, 1)
    assert density_coverage(x, x.flip(0)) == pytest.approx((1, 1))


def test_one_mode_of_two_is_precise_with_low_recall():
    left, right = normal(0, 500, 2), normal(1, 500, 2) + torch.tensor([50.0, 0.0])
    real = torch.cat([left, right])
    precision, recall = precision_recall(real, left[:250])
    assert precision == 1
    assert 0.4 < recall <= 0.5  # the left half, about
    assert density_coverage(real, left[:250]).coverage <= 0.5
    precision, recall = precision_recall(left[:250], real)  # and the other way round
    assert precision <= 0.75
    assert recall == 1


def test_density_and_coverage_do_not_fall_for_outliers():
    # One real outlier among fakes spread wide: its ball swallows them. Naeem et al. (2020), figure 3.
    real = torch.cat([0.1 * normal(0, 200, 2), torch.tensor([[6.0, 0.0]])])
    fake = normal(1, 200, 2) * 0.2 + torch.tensor([5.0, 0.0])
    assert precision_recall(real, fake).precision == 1
    density, coverage = density_coverage(real, fake)
    assert density < 0.25
    assert coverage < 0.01


def test_expected_values_for_one_distribution():
    n, m, k = 60, 40, 5
    scores = np.array([density_coverage(normal(2 * i, n, 3), normal(2 * i + 1, m, 3), k) for i in range(200)])
    share = math.prod((n - j) / (m + n - j) for j in range(1, k + 1))
    mean, error = scores.mean(0), scores.std(0) / len(scores) ** 0.5
    assert abs(mean[0] - 1) < 4 * error[0]
    assert abs(mean[1] - (1 - share)) < 4 * error[1]


@pytest.mark.parametrize("chunk", [1, 7, 64, 10_000])
def test_chunks_do_not_change_the_result(chunk):
    x, y = normal(0, 150, 6), normal(1, 130, 6) * 0.9
    assert precision_recall(x, y, chunk=chunk) == precision_recall(x, y, chunk=150)
    assert density_coverage(x, y, chunk=chunk) == density_coverage(x, y, chunk=150)


def test_rotation_shift_scale_and_order_do_not_matter():
    x, y = normal(0, 100, 4), normal(1, 90, 4) * 0.8
    q = torch.linalg.qr(normal(2, 4, 4))[0]
    moved = [3 * (s @ q) + 100 for s in (x.flip(0), y.roll(3, 0))]
    assert precision_recall(*moved) == pytest.approx(precision_recall(x, y))
    assert density_coverage(*moved) == pytest.approx(density_coverage(x, y))


@pytest.mark.filterwarnings("ignore:.*exact copy")
def test_repeated_rows():
    # Radius 0 where rows repeat: a closed ball still holds its centre, an open one holds nothing.
    x = torch.tensor([[0.1, 0.2]] * 5 + [[0.7, 0.4]] * 5)
    assert precision_recall(x, x, k=3) == (1, 1)
    assert density_coverage(x, x, k=3) == (0, 0)


def test_float32_and_numpy_inputs():
    x, y = normal(0, 80, 4).float(), normal(1, 80, 4).float()
    assert precision_recall(x.numpy(), y) == precision_recall(x.double(), y.double())


def test_copies_in_a_set_are_warned_of():
    real, fake = normal(0, 200, 5), normal(1, 200, 5)
    for copies, message in ((real[:100].repeat(2, 1), "100%"), (torch.cat([real[:190], real[:10]]), "10%")):
        with pytest.warns(UserWarning, match=f"real: {message} of its samples have an exact copy"):
            precision_recall(copies, fake)
        with pytest.warns(UserWarning, match=f"fake: {message} of its samples have an exact copy"):
            precision_recall(real, copies)
        with pytest.warns(UserWarning, match=f"real: {message} of its samples"):
            density_coverage(copies, fake)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        density_coverage(real, real[:100].repeat(2, 1))  # no balls around fakes
        precision_recall(torch.cat([real, real[:1]]) + 1e3, fake)  # one pair of 201 is no warning
        precision_recall(real, real.clone())  # what they share is no copy within a set


def test_recall_rises_where_fakes_are_few():
    """Twenty samples of the distribution reach almost all: they lie far apart, so their balls are large."""
    real, fake = normal(0, 500, 8), normal(1, 500, 8)
    assert precision_recall(real, fake[:20]).recall > precision_recall(real, fake).recall - 0.05
    assert density_coverage(real, fake[:20]).coverage < 0.2 < 0.8 < density_coverage(real, fake).coverage
