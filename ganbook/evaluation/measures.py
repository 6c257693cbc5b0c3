"""The metrics by their names on the command line: each with its interval, and which way is better."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from ganbook.data import Dataset
from ganbook.data.points import Mixture
from ganbook.errors import UserError
from ganbook.evaluation.judge import Judge, Samples
from ganbook.metrics import (
    Score,
    bootstrap,
    class_coverage,
    density_coverage,
    frechet_distance,
    inception_score,
    kernel_distance,
    memorisation,
    memorisation_band,
    mode_coverage,
    precision_recall,
)
from ganbook.support.notices import notice

REPLICATES, PARTS, SUBSETS, SPLITS = 100, 10, 100, 10
STUDENT = 2.262  # 97.5 % quantile of Student's t with 9 degrees of freedom: of 10 parts, or 10 splits


class Quantity(NamedTuple):
    """One number of a metric that has several."""

    name: str
    better: Literal["lower", "higher", "0.5", "1"]
    least: float = 0.0
    most: float = math.inf
    counted: bool = False
    """Whether it counts something, so that fractions of it mean nothing."""


def _fid(judge: Judge, fake: Samples, seed: int) -> list[Score]:
    real = judge.real.features
    num = REPLICATES if judge.dim <= 512 else 10  # with Inception's 2,048 features each takes many seconds
    interval = bootstrap(frechet_distance, real, fake.features, num=num, seed=seed)
    return [
        judge.score("FID", "lower", interval.estimate, max(0.0, interval.low), interval.high, seed=seed,
                    counts=(len(fake), len(real)), interval=f"bootstrap, {num} draws")
    ]  # fmt: skip


def _kid(judge: Judge, fake: Samples, seed: int) -> list[Score]:
    real = judge.real.features
    size = min(1000, len(fake) // 2, len(real) // 2)  # at most half, or the subsets would be much the same
    mean, std = kernel_distance(real, fake.features, subsets=SUBSETS, subset_size=size, seed=seed)
    return [
        judge.score("KID", "lower", mean, mean - 1.96 * std, mean + 1.96 * std, seed=seed,
                    counts=(len(fake), len(real)), subsets=SUBSETS, subset_size=size,
                    interval=f"mean ± 1.96 standard deviations of {SUBSETS} subsets of {size:,}")
    ]  # fmt: skip


def _is(judge: Judge, fake: Samples, seed: int) -> list[Score]:
    assert fake.probabilities is not None
    mean, std = inception_score(fake.probabilities, SPLITS, shuffle_seed=seed)
    half = STUDENT * std / math.sqrt(SPLITS - 1)
    return [
        judge.score("IS", "higher", mean, max(1.0, mean - half), mean + half, seed=seed,
                    counts=(len(fake),), splits=SPLITS,
                    interval=f"mean of {SPLITS} splits ± {STUDENT} standard errors")
    ]  # fmt: skip


def _pr(judge: Judge, fake: Samples, seed: int) -> list[Score]:
    k = 3
    quantities = (Quantity("precision", "higher", most=1.0), Quantity("recall", "higher", most=1.0))
    return _with_parts(lambda x, y: precision_recall(x, y, k), quantities, judge, fake, seed, k=k)


def _dc(judge: Judge, fake: Samples, seed: int) -> list[Score]:
    k = 5
    quantities = (Quantity("density", "higher"), Quantity("coverage", "higher", most=1.0))
    return _with_parts(lambda x, y: density_coverage(x, y, k), quantities, judge, fake, seed, k=k)


def _with_parts(
    metric: Callable[[Tensor, Tensor], tuple[float, ...]],
    quantities: Sequence[Quantity],
    judge: Judge,
    fake: Samples,
    seed: int,
    **settings: Any,
) -> list[Score]:
    """Compute a metric on all samples, and on ten disjoint parts, whose spread / sqrt(10) is its error.

    (Not by bootstrap: repeated rows upset neighbours, and a hundred rounds would take minutes.)
    """
    real, rng = judge.real.features, torch.Generator().manual_seed(seed)
    values = metric(real, fake.features)
    parts = [x[torch.randperm(len(x), generator=rng)].tensor_split(PARTS) for x in (real, fake.features)]
    interval = f"± {STUDENT} standard errors from {PARTS} disjoint parts"
    return _by_spread(
        judge, quantities, values, [metric(*part) for part in zip(*parts, strict=True)], seed=seed,
        counts=(len(fake), len(real)), interval=interval, **settings,
    )  # fmt: skip


def _by_spread(
    judge: Judge,
    quantities: Sequence[Quantity],
    values: Sequence[float],
    parts: Sequence[Sequence[float]],
    **about: Any,
) -> list[Score]:
    """Return scores whose intervals come from the spread of the values of ten parts."""
    spread = torch.tensor([list(part) for part in parts], dtype=torch.float64).std(0)
    scores = []
    for quantity, value, std in zip(quantities, values, spread.tolist(), strict=True):
        half = STUDENT * std / math.sqrt(PARTS)
        low, high = max(quantity.least, value - half), min(quantity.most, value + half)
        scores.append(judge.score(quantity.name, quantity.better, value, low, high, **about))
    return scores


def _modes(judge: Judge, fake: Samples, seed: int) -> list[Score]:
    """Score which modes there are: of points those of their mixture, of images the classes."""
    return _classes(judge, fake, seed) if judge.extractor is not None else _modes_of_points(judge, fake, seed)


def _modes_of_points(judge: Judge, fake: Samples, seed: int) -> list[Score]:
    truth = mixture_of(judge.data)
    assert truth is not None

    def measure(points: Tensor) -> tuple[float, ...]:
        coverage = mode_coverage(points, truth.means, truth.sigma, weights=truth.weights)
        return coverage.modes_hit, coverage.high_quality_share, coverage.reverse_kl

    quantities = (
        Quantity("modes", "higher", most=len(truth.means), counted=True),
        Quantity("high-quality share", "higher", most=1),
        Quantity("reverse KL", "lower"),
    )
    points = fake.features.double()
    values = measure(points)
    _, share, _ = values
    # Where next to no sample is of use, some draws would have none, and no KL.
    resample = share * len(points) >= 30
    return _bootstrapped(
        measure, quantities, values, resample, judge, points, seed, modes=len(truth.means), sigmas=3
    )


def _classes(judge: Judge, fake: Samples, seed: int) -> list[Score]:
    """Score the classes that the classifier sees in generated images, against the training split's labels."""
    assert fake.probabilities is not None
    assert judge.data.labels is not None
    num_classes = fake.probabilities.shape[1]
    target = judge.data.labels.bincount(minlength=num_classes)
    least = max(1, len(fake) // (5 * num_classes))  # a fifth of a class's share: the classifier errs, too

    def measure(labels: Tensor) -> tuple[float, ...]:
        coverage = class_coverage(labels, num_classes, target, min_samples=least)
        return coverage.classes_hit, coverage.reverse_kl

    quantities = (
        Quantity("classes", "higher", most=num_classes, counted=True), Quantity("reverse KL", "lower")
    )  # fmt: skip
    labels = fake.probabilities.argmax(dim=1)
    return _bootstrapped(
        measure, quantities, measure(labels), True, judge, labels, seed, classes=num_classes, least=least
    )


def _bootstrapped(
    measure: Callable[[Tensor], tuple[float, ...]],
    quantities: Sequence[Quantity],
    values: Sequence[float],
    resample: bool,
    judge: Judge,
    samples: Tensor,
    seed: int,
    **settings: Any,
) -> list[Score]:
    """Return scores with bootstrap intervals; without, where the samples are not to be drawn anew."""
    bounds: list[tuple[float | None, float | None]] = [(None, None)] * len(values)
    if resample and all(map(math.isfinite, values)):
        intervals = bootstrap(measure, samples, num=REPLICATES, seed=seed)
        bounds = [
            # Of a count the plain percentiles, for a shift would make fractions of it.
            (round(interval.low + interval.bias), round(interval.high + interval.bias))
            if quantity.counted
            else (max(quantity.least, interval.low), min(quantity.most, interval.high))
            for quantity, interval in zip(quantities, intervals, strict=True)
        ]
    return [
        judge.score(quantity.name, quantity.better, value, low, high, counts=(len(samples),), seed=seed,
                    **settings, interval=f"bootstrap, {REPLICATES} draws")
        for quantity, value, (low, high) in zip(quantities, values, bounds, strict=True)
    ]  # fmt: skip


def _memorisation(judge: Judge, fake: Samples, seed: int) -> list[Score]:
    """Compare the distances to the run's training data with those to the second half of the test split.

    The share's interval is as wide as the band in which it lies if nothing was copied: it holds 0.5 exactly
    where that band holds the share. (Parts of the fakes would not do: they all meet the same real samples.)
    """
    assert judge.train is not None
    assert judge.test is not None
    train, held_out = judge.train.features, judge.test[len(judge.test) // 2 :].features
    counts = (len(fake), len(train), len(held_out))
    share, ratio = memorisation(fake.features, train, held_out, seed=seed)
    band = memorisation_band(fake.features, train, held_out)
    low, high = max(0.0, share - (band.high - 0.5)), min(1.0, share + (0.5 - band.low))
    parts = fake.features.tensor_split(PARTS)
    ratios = [(memorisation(part, train, held_out, seed=seed).distance_ratio,) for part in parts]
    of_parts = f"± {STUDENT} standard errors from {PARTS} parts of the generated samples"
    return [
        judge.score("memorisation share", "0.5", share, low, high, seed=seed, counts=counts,
                    interval="± what exchanging training and held-out samples at random would change"),
        *_by_spread(judge, (Quantity("distance ratio", "1"),), (ratio,), ratios, seed=seed, counts=counts,
                    interval=of_parts),
    ]  # fmt: skip


Measure = Callable[[Judge, Samples, int], list[Score]]

METRICS: dict[str, Measure] = {
    "fid": _fid,
    "kid": _kid,
    "is": _is,
    "pr": _pr,
    "dc": _dc,
    "modes": _modes,
    "memorisation": _memorisation,
}


def mixture_of(data: Dataset) -> Mixture | None:
    """Return the mixture that the data come from, where they come from one."""
    return data.truth if isinstance(data.truth, Mixture) else None


def measure(
    name: str, judge: Judge, fake: Samples, seed: int, row: str, *, quiet: bool = False
) -> list[Score]:
    """Compute the scores of one metric.

    Parameters
    ----------
    name : str
        A key of `METRICS`.
    judge : Judge
        The real side.
    fake : Samples
        What is scored.
    seed : int
        Of the intervals' draws.
    row : str
        Whose samples they are, for the message.
    quiet : bool
        Print no notices.

    Returns
    -------
    list of Score
        The scores. What a metric warns of (copies in a set, say) becomes a notice.

    Raises
    ------
    UserError
        If it cannot be computed: of a generator that died, say, all features are equal.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            scores = METRICS[name](judge, fake, seed)
        except UserError as error:
            raise UserError(f"{row}: {name} cannot be computed ({error})") from error
    first: dict[str, str] = {}  # of each set: the metric also looks at parts of it
    for warning in caught:
        first.setdefault(str(warning.message).split(":")[0], str(warning.message))
    for message in () if quiet else first.values():
        notice(f"{row}: {name}: {message}")
    return scores
