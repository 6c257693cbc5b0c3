"""Properties that hold for random shapes and values."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ganbook.metrics import (
    Moments,
    class_coverage,
    density_coverage,
    frechet_distance,
    frechet_distance_from_moments,
    inception_score,
    kernel_distance,
    memorisation,
    mmd2_unbiased,
    mode_coverage,
    precision_recall,
)

few = settings(max_examples=40, deadline=None)
seeds = st.integers(0, 2**31)


@st.composite
def two_sets(draw):
    """Two float32 or float64 matrices of one width, N > d, random scales and offsets."""
    rng = np.random.default_rng(draw(seeds))
    d = draw(st.integers(1, 12))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    matrices = []
    for _ in range(2):
        n = draw(st.integers(max(d + 1, 8), 40))
        scale, offset = 10 ** rng.uniform(-2, 2), rng.normal() * 10 ** rng.uniform(-1, 2)
        matrices.append((rng.normal(size=(n, d)) * scale + offset).astype(dtype))
    return matrices


@few
@given(two_sets())
def test_frechet(sets):
    x, y = sets
    distance = frechet_distance(x, y)
    size = np.trace(np.atleast_2d(np.cov(x.T.astype(float)))) + np.trace(
        np.atleast_2d(np.cov(y.T.astype(float)))
    )
    gap = float(((x.mean(0, dtype=float) - y.mean(0, dtype=float)) ** 2).sum())
    rounding = 1e-11 * (size + gap)
    assert gap - rounding <= distance <= gap + size + rounding
    assert frechet_distance(y, x) == pytest.approx(distance, rel=1e-10, abs=rounding)
    assert frechet_distance(x, x) <= rounding


@few
@given(two_sets(), seeds)
def test_moments_in_any_split(sets, seed):
    x, y = sets
    cuts = np.sort(np.random.default_rng(seed).integers(0, len(x) + 1, 3))
    moments = Moments()
    for part in np.split(x, cuts):
        if len(part):
            moments.merge(Moments().update(part))
    exact = x.astype(np.float64)
    np.testing.assert_allclose(moments.mean.numpy(), exact.mean(0), rtol=1e-10, atol=1e-12)
    scale = exact.var(0).max()
    np.testing.assert_allclose(
        moments.cov.numpy(), np.atleast_2d(np.cov(exact.T)), rtol=1e-9, atol=1e-10 * scale
    )
    whole = frechet_distance_from_moments(
        *(v for m in (moments, Moments().update(y)) for v in (m.mean, m.cov))
    )
    assert whole == pytest.approx(frechet_distance(x, y), rel=1e-8, abs=1e-8 * scale)


@few
@given(two_sets())
def test_neighbours(sets):
    real, fake = sets
    for k in (1, 3):
        precision, recall = precision_recall(real, fake, k)
        density, coverage = density_coverage(real, fake, k)
        assert 0 <= precision <= 1
        assert 0 <= recall <= 1
        assert 0 <= coverage <= 1
        assert 0 <= density <= len(real) / k
        assert precision_recall(fake, real, k) == (recall, precision)
        assert (density > 0) == (coverage > 0)
        assert precision * k >= density * k / len(real) - 1e-12  # an open ball lies in the closed one
    assert precision_recall(real, real) == (1, 1)


@few
@given(two_sets())
def test_kernel(sets):
    x, y = sets
    whole = mmd2_unbiased(x, y)
    rounding = 1e-13 * (1 + max(float(np.square(s, dtype=float).sum(1).max()) for s in sets)) ** 3
    assert math.isfinite(whole)
    assert mmd2_unbiased(y, x) == pytest.approx(whole, rel=1e-9, abs=rounding)
    mean, std = kernel_distance(x, y, subsets=3, subset_size=4)
    assert math.isfinite(mean)
    assert std >= 0


@few
@given(seeds, st.integers(2, 12), st.integers(2, 60), st.floats(0, 30))
def test_inception_score_is_between_1_and_k(seed, num_classes, n, sharpness):
    logits = np.random.default_rng(seed).normal(size=(n, num_classes)) * sharpness
    p = torch.from_numpy(logits).softmax(1)
    mean, std = inception_score(p, splits=max(1, n // 10))
    assert 1 - 1e-12 <= mean <= num_classes + 1e-9
    assert std >= 0


@few
@given(seeds, st.integers(1, 50), st.integers(1, 8), st.integers(1, 4))
def test_coverage(seed, n, num_modes, d):
    rng = np.random.default_rng(seed)
    modes, points = rng.normal(size=(num_modes, d)), rng.normal(size=(n, d))
    hit, share, kl, counts = mode_coverage(points, modes, 0.3)
    assert hit == sum(c > 0 for c in counts) <= num_modes
    assert share == sum(counts) / n
    assert (kl == math.inf) if hit == 0 else (0 <= kl <= math.log(num_modes) + 1e-12)
    labels = rng.integers(0, num_modes, n)
    result = class_coverage(labels, num_modes, target=np.bincount(labels, minlength=num_modes))
    assert result.reverse_kl == pytest.approx(0, abs=1e-12)
    assert result.classes_hit == len(set(labels.tolist()))


@few
@given(two_sets(), seeds)
def test_memorisation(sets, seed):
    train, held_out = sets
    fake = np.random.default_rng(seed).normal(size=(10, train.shape[1]))
    share, ratio = memorisation(fake, train, held_out)
    assert 0 <= share <= 1
    assert ratio >= 0
    assert memorisation(fake, held_out, train).share == pytest.approx(1 - share, abs=1e-9)
    assert memorisation(train[:4], train, held_out).share == 1
