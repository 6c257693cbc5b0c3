"""The same features through torch-fidelity and torchmetrics.

Both libraries are given float64, in which they then compute, and agree to a relative 1e-6 or much better.
Where a test gives float32, because the library then computes in float32, it says so and asks for 1e-4.
"""

import numpy as np
import pytest
import torch

from ganbook.metrics import (
    Moments,
    frechet_distance,
    inception_score,
    kernel_distance,
    mmd2_unbiased,
    precision_recall,
)

metric_fid = pytest.importorskip("torch_fidelity.metric_fid")
metric_isc = pytest.importorskip("torch_fidelity.metric_isc")
metric_kid = pytest.importorskip("torch_fidelity.metric_kid")
metric_prc = pytest.importorskip("torch_fidelity.metric_prc")
pytest.importorskip("torchmetrics")


def features(seed: int, n: int, d: int, *, relu: bool = False) -> torch.Tensor:
    rng = torch.Generator().manual_seed(seed)
    mix = torch.randn(d, d, generator=rng, dtype=torch.float64) / d**0.5
    x = torch.randn(n, d, generator=rng, dtype=torch.float64) @ mix + 0.5
    return x.relu() if relu else x  # like the features of a network: many zeros, some units never fire


SHAPES = [(200, 300, 5, False), (700, 500, 64, True), (300, 300, 1, False), (150, 140, 128, False)]


@pytest.mark.parametrize(("n", "m", "d", "relu"), SHAPES)
def test_fid_torch_fidelity(n, m, d, relu):
    x, y = features(0, n, d, relu=relu), features(1, m, d, relu=relu)
    if d == 1:  # np.cov then returns a scalar, which torch-fidelity refuses
        stats = [{"mu": s.mean(0).numpy(), "sigma": torch.cov(s.T).reshape(1, 1).numpy()} for s in (x, y)]
    else:
        stats = [metric_fid.fid_features_to_statistics(s) for s in (x, y)]
    theirs = metric_fid.fid_statistics_to_metric(*stats, verbose=False)["frechet_inception_distance"]
    assert frechet_distance(x, y) == pytest.approx(theirs, rel=1e-6)


@pytest.mark.parametrize(("n", "m", "d", "relu"), SHAPES)
def test_fid_torchmetrics(n, m, d, relu):
    from torchmetrics.image.fid import FrechetInceptionDistance

    class Identity(torch.nn.Module):
        num_features = d

        def forward(self, x):
            return x

    x, y = features(0, n, d, relu=relu), features(1, m, d, relu=relu)
    metric, ours = FrechetInceptionDistance(feature=Identity()), {True: Moments(), False: Moments()}
    for batch, real in ((x[:99], True), (x[99:], True), (y, False)):  # streamed on both sides
        metric.update(batch, real=real)
        ours[real].update(batch)
    assert frechet_distance(ours[True], ours[False]) == pytest.approx(metric.compute().item(), rel=1e-6)


def test_fid_scipy_sqrtm():
    linalg = pytest.importorskip("scipy.linalg")
    x, y = features(0, 400, 20), features(1, 500, 20)
    a, b = np.cov(x.numpy().T), np.cov(y.numpy().T)
    theirs = ((x.mean(0) - y.mean(0)) ** 2).sum().item() + np.trace(a + b - 2 * linalg.sqrtm(a @ b).real)
    assert frechet_distance(x, y) == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize(("n", "d", "relu"), [(50, 3, False), (300, 64, True), (120, 200, False)])
def test_kid_of_whole_sets(n, d, relu):
    from torchmetrics.image.kid import poly_mmd

    x, y = features(0, n, d, relu=relu), features(1, n, d, relu=relu)
    fidelity = metric_kid.kernel_mmd(x.numpy(), y.numpy())
    assert mmd2_unbiased(x, y) == pytest.approx(fidelity, rel=1e-9)
    assert mmd2_unbiased(x, y) == pytest.approx(poly_mmd(x, y).item(), rel=1e-9)
    # torchmetrics keeps the float32 of the features
    small = [s.float() for s in (x, y)]
    assert mmd2_unbiased(*small) == pytest.approx(poly_mmd(*small).item(), rel=1e-4)


@pytest.mark.parametrize("options", [{"degree": 2}, {"gamma": 0.3}, {"coef": 0.0}])
def test_kid_with_another_kernel(options):
    from torchmetrics.image.kid import poly_mmd

    x, y = features(0, 60, 7), features(1, 60, 7)
    assert mmd2_unbiased(x, y, **options) == pytest.approx(poly_mmd(x, y, **options).item(), rel=1e-9)
    theirs = metric_kid.kernel_mmd(
        x.numpy(),
        y.numpy(),
        **{f"kid_kernel_poly_{'coef0' if k == 'coef' else k}": v for k, v in options.items()},
    )
    assert mmd2_unbiased(x, y, **options) == pytest.approx(theirs, rel=1e-9)


def test_kid_over_subsets():
    # The whole set as the only subset: no draw is left, all agree to rounding.
    x, y = features(0, 80, 16), features(1, 80, 16)
    theirs = metric_kid.kid_features_to_metric(x, y, kid_subsets=3, kid_subset_size=80, verbose=False)
    mean, std = kernel_distance(x, y, subsets=3, subset_size=80)
    assert mean == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-9)
    # Real subsets: other draws, so means agree within their spread, and the spreads with each other.
    x, y = features(0, 500, 16), features(1, 400, 16)
    theirs = metric_kid.kid_features_to_metric(x, y, kid_subsets=200, kid_subset_size=100, verbose=False)
    mean, std = kernel_distance(x, y, subsets=200, subset_size=100)
    assert abs(mean - theirs["kernel_inception_distance_mean"]) < 5 * std / 200**0.5
    assert std == pytest.approx(theirs["kernel_inception_distance_std"], rel=0.3)


@pytest.mark.parametrize(
    ("n", "num_classes", "splits"), [(100, 10, 10), (1003, 7, 10), (64, 1000, 1), (50, 2, 25)]
)
def test_inception_score_torch_fidelity(n, num_classes, splits):
    logits = 3 * features(0, n, num_classes)
    theirs = metric_isc.isc_features_to_metric(logits, splits=splits, shuffle=False)
    mean, std = inception_score(logits.softmax(1), splits=splits)
    assert mean == pytest.approx(theirs["inception_score_mean"], rel=1e-9)
    assert std == pytest.approx(theirs["inception_score_std"], rel=1e-6, abs=1e-12)
    # Probabilities that a float32 softmax gave
    assert inception_score(logits.float().softmax(1), splits=splits).mean == pytest.approx(mean, rel=1e-4)


def test_inception_score_torchmetrics(monkeypatch):
    from torchmetrics.image.inception import InceptionScore

    logits = 3 * features(0, 200, 10)
    metric = InceptionScore(feature=torch.nn.Identity(), splits=10)
    metric.update(logits)
    monkeypatch.setattr(torch, "randperm", lambda n, **kwargs: torch.arange(n))  # it always shuffles
    mean, std = metric.compute()
    ours = inception_score(logits.softmax(1), splits=10)
    assert ours.mean == pytest.approx(mean.item(), rel=1e-9)
    # It divides by splits - 1, where torch-fidelity, the original code and we divide by splits.
    assert ours.std == pytest.approx(std.item() * (9 / 10) ** 0.5, rel=1e-9)


@pytest.mark.parametrize(("n", "m", "d", "k"), [(100, 100, 2, 3), (90, 200, 32, 1), (201, 77, 128, 10)])
@pytest.mark.parametrize("save_cpu_ram", [False, True])
def test_precision_recall_torch_fidelity(n, m, d, k, save_cpu_ram):
    real, fake = features(0, n, d), 0.8 * features(0, n + m, d)[n:]
    theirs = metric_prc.prc_features_to_metric(
        fake, real, prc_neighborhood=k, save_cpu_ram=save_cpu_ram, prc_batch_size=64, verbose=False
    )
    # Its means are float32 means of zeros and ones, hence 1e-6.
    assert precision_recall(real, fake, k) == pytest.approx((theirs["precision"], theirs["recall"]), rel=1e-6)
