"""Bootstrap intervals for any metric of feature sets."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ganbook.errors import UserError
from ganbook.metrics._checks import Features, generator
from ganbook.support.checks import AnySeed, Real, Whole, checked


class Interval(NamedTuple):
    """An estimate between its bounds; `bias` is the mean of the replicates minus the estimate."""

    low: float
    high: float
    estimate: float
    bias: float


@checked
def bootstrap(
    metric: Callable[..., Any],
    *feature_sets: Features,
    num: Annotated[int, Whole(2)] = 200,
    level: Annotated[float, Real(above=0, below=1)] = 0.95,
    seed: AnySeed = 0,
) -> Any:
    """Return a bootstrap interval for `metric(*feature_sets)`: what other samples of that size might score.

    Each of `num` replicates draws N rows with replacement from every set of N rows, and computes the metric
    on them: t*_1, ..., t*_num around the estimate t. With bias b = mean(t*) - t and quantiles Q,

        low = Q_{(1 - level) / 2}(t*) - b,   high = Q_{(1 + level) / 2}(t*) - b

    Why b: drawing with replacement repeats rows, and some metrics take that for structure. FID, itself too
    high at finite N, rises again; neighbour radii shrink, so precision, recall and coverage fall. The plain
    percentiles then often miss even the estimate. Shifting them back to it keeps their width, which is what
    the bootstrap is good for, and `bias` shows by how much. Where b is near zero this is the plain percentile
    interval. The shift is not a correction of the metric's own bias at finite N, and can push a bound out of
    the metric's range (a precision over 1).

    The interval answers "other samples from the same generator and the same extractor", not "another training
    run", which usually varies more.

    Parameters
    ----------
    metric : callable
        Takes the sets, returns a number or a named tuple of numbers.
    *feature_sets : Tensor or ndarray
        One or more, rows are samples; each is resampled on its own.
    num : int
        Number of replicates, at least 2; each costs as much as the metric.
    level : float
        Confidence, between 0 and 1.
    seed : int
        Of the draws.

    Returns
    -------
    Interval or named tuple of Interval
        `(low, high, estimate, bias)`; for a metric that returns a named tuple, the same named tuple, of
        intervals.

    Raises
    ------
    UserError
        If there is no set, a set has fewer than two rows, or a number is out of range.

    Notes
    -----
    Source: Efron and Tibshirani (1993), "An introduction to the bootstrap", chapters 10 (bias) and 13
    (percentile intervals).

    Examples
    --------
    >>> bootstrap(precision_recall, real, fake).recall.low  # doctest: +SKIP
    0.61
    """
    if not feature_sets:
        raise UserError("feature_sets: got none; it takes at least one set of features")
    for i, features in enumerate(feature_sets):
        if not isinstance(features, Tensor | np.ndarray) or features.ndim < 1 or len(features) < 2:
            got = f"shape {tuple(features.shape)}" if hasattr(features, "shape") else type(features).__name__
            raise UserError(f"feature_sets[{i}]: got {got}; it takes at least 2 rows of a tensor or an array")
    rng = generator(seed)
    estimate = metric(*feature_sets)
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message=".*have an exact copy", category=UserWarning
        )  # resampling makes them
        replicates = [metric(*(_resample(x, rng) for x in feature_sets)) for _ in range(num)]
    if isinstance(estimate, tuple):
        intervals = [
            _interval(t, list(draws), level)
            for t, draws in zip(estimate, zip(*replicates, strict=True), strict=True)
        ]
        return type(estimate)(*intervals) if hasattr(estimate, "_fields") else tuple(intervals)
    return _interval(estimate, replicates, level)


def _resample(features: Features, rng: torch.Generator) -> Features:
    rows = torch.randint(len(features), (len(features),), generator=rng)
    return features[rows.to(features.device)] if isinstance(features, Tensor) else features[rows.numpy()]


def _interval(estimate: float, replicates: list[float], level: float) -> Interval:
    draws = np.asarray([float(value) for value in replicates])
    bias = draws.mean() - float(estimate)
    if not math.isfinite(bias):
        raise UserError("metric: got a value that is not finite; the bootstrap takes finite numbers")
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2]) - bias
    return Interval(float(low), float(high), float(estimate), float(bias))
