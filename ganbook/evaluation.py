"""Scores of trained runs: real and generated samples through one extractor, then the metrics.

What is held against what: samples of each run's averaged generator, in eval mode, images rounded to uint8;
against samples of the data set's training split, always the same ones. The real test split is scored in the
same way. That is the yardstick: about what a perfect generator would reach.
"""

from __future__ import annotations

import hashlib
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm.std import tqdm

import ganbook
from ganbook.data import Dataset, ImageDataset, PointDataset, epoch_permutation, load_dataset, to_uint8
from ganbook.data.points import Mixture
from ganbook.data.sources.download import default_data_dir
from ganbook.errors import DataError, UserError, unknown
from ganbook.metrics import (
    Extractor,
    Score,
    bootstrap,
    class_coverage,
    classifier,
    density_coverage,
    frechet_distance,
    inception_score,
    inception_v3,
    kernel_distance,
    memorisation,
    mode_coverage,
    precision_recall,
    table,
)
from ganbook.training import load_generator, sample_generator
from ganbook.training.log import notice

CHUNK = 2_048  # samples that are held as images at a time
MIN_NUM = 100  # below this the intervals mean nothing
REPLICATES, PARTS, SUBSETS, SPLITS = 100, 10, 100, 10
STUDENT = 2.262  # 97.5 % quantile of Student's t with 9 degrees of freedom: of 10 parts, or 10 splits
CLASSIFIER_STEPS = 600  # 15 s on a slow core for 32x32 pixels, once: then it is in the cache
EXTRACTORS = ("auto", "classifier", "inception")
TEST = "(real test split)"


@dataclass(frozen=True)
class Samples:
    """What the metrics look at: N samples, real or generated."""

    features: Tensor
    """float32, (N, d); of points, the coordinates."""
    probabilities: Tensor | None = None
    """float64, (N, K): the extractor's p(y|x)."""

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, rows: slice) -> Samples:
        """Return some of the samples."""
        p = self.probabilities
        return Samples(self.features[rows], None if p is None else p[rows])


@dataclass(frozen=True)
class Judge:
    """The real side of an evaluation, the same for every run, and what turns samples into features."""

    data: Dataset
    """The training split, without any limit that a run had."""
    extractor: Extractor | None
    """None for points: their coordinates are the features."""
    real: Samples
    """Of the training split: what FID, KID, precision, ... are held against."""
    test: Samples | None
    """Of the test split; None where there is none."""
    train: Samples | None = None
    """All that the run was trained on; for memorisation only."""

    @property
    def reference(self) -> str:
        """Which real data, in words."""
        return f"{self.data.name} {'x'.join(map(str, self.data.shape))}, training split"

    @property
    def dim(self) -> int:
        """Length of a feature vector."""
        return self.real.features.shape[1]

    def score(
        self,
        metric: str,
        better: Any,
        value: float,
        low: float | None,
        high: float | None,
        *,
        counts: tuple[int, ...],
        interval: str,
        seed: int,
        **settings: Any,
    ) -> Score:
        """Return a score that knows what it was measured with."""
        name, digest = ("coordinates", "") if self.extractor is None else (
            self.extractor.name, self.extractor.digest)  # fmt: skip
        return Score(
            metric, float(value), name, digest, counts, better, low, high,
            interval if low is not None else "", settings, self.reference, seed,
        )  # fmt: skip

    def look(self, samples: Tensor, progress: Callable[[int], object] | None = None) -> Samples:
        """Return the features of samples: uint8 images (N, C, H, W), or points (N, 2)."""
        if self.extractor is None:
            if progress:
                progress(len(samples))
            return Samples(samples.float())
        extracted = self.extractor.extract(samples, progress)
        return Samples(extracted.features, extracted.probabilities)


# ------------------------------------------------------------------------------------------ the metrics


def _fid(judge: Judge, fake: Samples, seed: int) -> list[Score]:
    real = judge.real.features
    num = REPLICATES if judge.dim <= 512 else 10  # with Inception's 2,048 features each takes many seconds
    found = bootstrap(frechet_distance, real, fake.features, num=num, seed=seed)
    return [
        judge.score("FID", "lower", found.estimate, max(0.0, found.low), found.high, seed=seed,
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
    names = (("precision", 0.0, 1.0), ("recall", 0.0, 1.0))
    return _with_parts(lambda x, y: precision_recall(x, y, k), names, judge, fake, seed, k=k)


def _dc(judge: Judge, fake: Samples, seed: int) -> list[Score]:
    k = 5
    names = (("density", 0.0, math.inf), ("coverage", 0.0, 1.0))
    return _with_parts(lambda x, y: density_coverage(x, y, k), names, judge, fake, seed, k=k)


def _with_parts(
    metric: Callable[[Tensor, Tensor], tuple[float, float]],
    names: Sequence[tuple[str, float, float]],
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
    spread = torch.tensor([metric(*part) for part in zip(*parts, strict=True)], dtype=torch.float64).std(0)
    scores = []
    for (name, least, most), value, std in zip(names, values, spread.tolist(), strict=True):
        half = STUDENT * std / math.sqrt(PARTS)
        scores.append(
            judge.score(name, "higher", value, max(least, value - half), min(most, value + half), seed=seed,
                        counts=(len(fake), len(real)), **settings,
                        interval=f"± {STUDENT} standard errors from {PARTS} disjoint parts")
        )  # fmt: skip
    return scores


def _modes(judge: Judge, fake: Samples, seed: int) -> list[Score]:
    """Score the modes of points: a bootstrap draws the points anew."""
    truth = _mixture(judge.data)
    assert truth is not None

    def measure(points: Tensor) -> tuple[float, ...]:
        found = mode_coverage(points, truth.means, truth.sigma, weights=truth.weights)
        return found.modes_hit, found.high_quality_share, found.reverse_kl

    names = (("modes", "higher", len(truth.means)), ("high-quality share", "higher", 1),
             ("reverse KL", "lower", math.inf))  # fmt: skip
    return _bootstrapped(
        measure, names, judge, fake.features.double(), seed, modes=len(truth.means), sigmas=3
    )


def _classes(judge: Judge, fake: Samples, seed: int) -> list[Score]:
    """Score the classes that the classifier sees in generated images, against the training split's labels."""
    assert fake.probabilities is not None
    assert judge.data.labels is not None
    num_classes = fake.probabilities.shape[1]
    target = judge.data.labels.bincount(minlength=num_classes)

    least = max(1, len(fake) // (5 * num_classes))  # a fifth of a class's share: the classifier errs, too

    def measure(labels: Tensor) -> tuple[float, ...]:
        found = class_coverage(labels, num_classes, target, min_samples=least)
        return found.classes_hit, found.reverse_kl

    names = (("classes", "higher", num_classes), ("reverse KL", "lower", math.inf))
    labels = fake.probabilities.argmax(dim=1)
    return _bootstrapped(measure, names, judge, labels, seed, classes=num_classes, least=least)


def _bootstrapped(
    measure: Callable[[Tensor], tuple[float, ...]],
    names: Sequence[tuple[str, str, float]],
    judge: Judge,
    values: Tensor,
    seed: int,
    **settings: Any,
) -> list[Score]:
    found = measure(values)
    bounds: list[tuple[float | None, float | None]] = [(None, None)] * len(found)
    # Where next to no sample is of use, some draws would have none, and no KL.
    if all(map(math.isfinite, found)) and (len(found) == 2 or found[1] * len(values) >= 30):
        intervals = bootstrap(measure, values, num=REPLICATES, seed=seed)
        bounds = [
            (max(0.0, i.low), min(most, i.high)) for i, (*_, most) in zip(intervals, names, strict=True)
        ]
        # A count of modes: the plain percentiles, for a shift would make fractions of it.
        bounds[0] = (
            round(intervals[0].low + intervals[0].bias),
            round(intervals[0].high + intervals[0].bias),
        )
    return [
        judge.score(name, better, value, low, high, counts=(len(values),), seed=seed, **settings,
                    interval=f"bootstrap, {REPLICATES} draws")
        for (name, better, _), value, (low, high) in zip(names, found, bounds, strict=True)
    ]  # fmt: skip


def _memorisation(judge: Judge, fake: Samples, seed: int) -> list[Score]:
    """Compare the distances to the run's training data with those to the second half of the test split."""
    assert judge.train is not None
    assert judge.test is not None
    train, held_out = judge.train.features, judge.test[len(judge.test) // 2 :].features
    found = memorisation(fake.features, train, held_out, seed=seed)
    parts = [memorisation(y, train, held_out, seed=seed) for y in fake.features.tensor_split(PARTS)]
    spread = torch.tensor(parts, dtype=torch.float64).std(0).tolist()
    names = (("memorisation share", "0.5", 1.0), ("distance ratio", "1", math.inf))
    scores = []
    for (name, best, most), value, std in zip(names, found, spread, strict=True):
        half = STUDENT * std / math.sqrt(PARTS)
        scores.append(
            judge.score(name, best, value, max(0.0, value - half), min(most, value + half), seed=seed,
                        counts=(len(fake), len(train), len(held_out)),
                        interval=f"± {STUDENT} standard errors from {PARTS} parts of the generated samples")
        )  # fmt: skip
    return scores


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


def _measure(name: str, judge: Judge) -> Measure:
    return _classes if name == "modes" and judge.extractor is not None else METRICS[name]


def _mixture(data: Dataset) -> Mixture | None:
    truth = data.distribution if isinstance(data, PointDataset) else None
    return truth if isinstance(truth, Mixture) else None


# --------------------------------------------------------------------------------------------- the runs


@dataclass(frozen=True)
class Evaluation:
    """Scores of runs on one data set. `str()` is the table that the command line prints."""

    judge: Judge
    num: int
    """Samples of each run."""
    seed: int
    steps: dict[str, int]
    """The training step of each run's newest checkpoint."""
    scores: dict[str, list[Score]]
    """Of each run; and of the real test split, where it has as many samples as were generated."""
    yardstick: dict[str, list[Score]] = field(default_factory=dict)
    """The same for as many samples as the test split has, where these are fewer."""

    def __str__(self) -> str:
        judge, lines = self.judge, []
        lines.append(f"Reference: {judge.reference}, {len(judge.real):,} of its {len(judge.data):,} samples")
        if judge.extractor is not None:
            e = judge.extractor
            known = f", right on {e.accuracy:.1%} of {e.held_out:,} held-out images" if e.held_out else ""
            lines.append(f"Extractor: {e.name}, {e.dim:,} features{known} (digest {e.digest[:8]})")
        kind = "points" if judge.extractor is None else "images rounded to uint8"
        lines.append(
            f"Generated: {self.num:,} {kind} a run, averaged (EMA) generator in eval mode, seed {self.seed}"
        )
        lines += [f"  {run}: step {step:,}" for run, step in self.steps.items()]
        lines += ["", table(self.scores)]
        if self.yardstick:
            lines += ["", "With as many samples as the test split has:", table(self.yardstick)]
        how: dict[str, list[str]] = {}
        for score in (s for scores in self.scores.values() for s in scores if s.interval):
            names = how.setdefault(score.interval, [])
            if score.metric not in names:
                names.append(score.metric)
        lines += ["", "Intervals (95 %):"]
        lines += [f"  {', '.join(names)}: {interval}" for interval, names in how.items()]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON takes it."""
        e = self.judge.extractor
        return {
            "ganbook": ganbook.__version__,
            "torch": torch.__version__,
            "threads": torch.get_num_threads(),
            "num": self.num,
            "seed": self.seed,
            "reference": {"data": self.judge.reference, "num": len(self.judge.real)},
            "extractor": {"name": "coordinates", "dim": self.judge.dim} if e is None else {
                "name": e.name, "dim": e.dim, "digest": e.digest, "accuracy": e.accuracy,
                "held_out": e.held_out, "settings": e.settings,
            },
            "steps": self.steps,
            "scores": {run: [s.to_json() for s in scores] for run, scores in self.scores.items()},
            "yardstick": {run: [s.to_json() for s in scores] for run, scores in self.yardstick.items()},
        }  # fmt: skip


def evaluate(
    runs: Sequence[str | Path],
    metrics: Sequence[str] | None = None,
    *,
    num: int = 10_000,
    seed: int = 0,
    data_dir: str | Path | None = None,
    extractor: str = "auto",
    progress: bool = True,
) -> Evaluation:
    """Score trained runs; what can be wrong is checked before the first long computation.

    Parameters
    ----------
    runs : sequence of str or Path
        Run folders, or checkpoints in them, of one data set.
    metrics : sequence of str, optional
        From `METRICS`. Default: fid, kid, is and pr; for points with known modes: modes.
    num : int
        Samples of each run, at least 100, and more than features for FID. The reference has as many, or all
        of the training split.
    seed : int
        Of the generated samples and the intervals' draws. (The reference and the classifier have seed 0.)
    data_dir : str or Path, optional
        Where the data set's files are. Default: where the run had them, or GANBOOK_DATA.
    extractor : {"auto", "classifier", "inception"}
        "auto" trains a classifier on the data where they have labels, else takes Inception. Points need none.
    progress : bool
        Show progress bars on stderr.

    Returns
    -------
    Evaluation
        With a table (`str`), and `to_json`.

    Raises
    ------
    UserError
        If there is no such run, metric or extractor, the runs are of different data, a metric does not apply
        to the data, or there are too few samples.
    DataError
        If the data set cannot be had.
    """
    names = check_metrics(metrics)
    if isinstance(num, bool) or not isinstance(num, int) or num < MIN_NUM:
        raise UserError(f"num={num!r}: it takes a whole number of samples, at least {MIN_NUM}")
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise UserError(f"seed={seed!r}: it takes a whole number from 0 to 2^32 - 1")
    if extractor not in EXTRACTORS:
        raise unknown("extractor", extractor, EXTRACTORS)
    if not runs:
        raise UserError("runs: got none; it takes at least one run folder")
    loaded = {str(run): load_generator(run) for run in runs}
    specs = {run: _spec(run, state, data_dir) for run, (_, state) in loaded.items()}
    _check_one_data_set(specs)
    (first, spec), *_ = specs.items()
    data = load_dataset(**_whole(spec, "train"))
    if not names:
        names = _default_metrics(data)
    _check_applies(names, data, extractor)
    test = _test_split(spec)
    if "memorisation" in names:
        _check_held_out(specs, test)

    network = _extractor(data, test, extractor, data_dir, progress)
    _check_enough(names, data, network, num)
    judge = _judge(data, test, network, num, progress)
    fakes = {
        run: _generated(judge, run, generator, num, seed, progress) for run, (generator, _) in loaded.items()
    }
    scores: dict[str, list[Score]] = {run: [] for run in fakes}
    yardstick: dict[str, list[Score]] = {}
    with _bar(len(names) * len(fakes), "scores", progress) as bar:
        for name in names:
            judges = dict.fromkeys(fakes, judge)
            if name == "memorisation":
                judges = _with_train(judge, specs, progress)
            real = _real_fakes(judge, name, num)
            for run, fake in fakes.items():
                scores[run] += _scored(name, judges[run], fake, seed, run)
                if real is not None and len(real) < num:
                    yardstick.setdefault(run, []).extend(
                        _scored(name, judges[run], fake[: len(real)], seed, run)
                    )
                bar.update()
            if real is not None:
                rows = scores if len(real) == num else yardstick
                rows.setdefault(TEST, []).extend(_scored(name, judges[first], real, seed, TEST))
    for rows in (scores, yardstick):
        try:
            table(rows)
        except ValueError as error:  # such as memorisation of training sets of different sizes
            raise UserError(f"{error}; evaluate them one at a time") from error
    steps = {run: int(state["step"]) for run, (_, state) in loaded.items()}
    return Evaluation(judge, num, seed, steps, scores, yardstick)


def check_metrics(metrics: Sequence[str] | None) -> list[str]:
    """Return the metrics without repetition; an empty list for none.

    Raises
    ------
    UserError
        If a name is unknown; the line suggests the nearest one.
    """
    names = list(dict.fromkeys(metrics or []))
    for name in names:
        if name not in METRICS:
            raise unknown("metric", name, METRICS)
    return names


def rounded(samples: Tensor, name: str = "samples") -> Tensor:
    """Return generated images as the uint8 images that anyone would look at, for an extractor.

    Parameters
    ----------
    samples : Tensor
        Floating-point, in [-1, 1], shape (N, C, H, W).
    name : str
        What they are, for the message.

    Returns
    -------
    Tensor
        uint8, shape (N, C, H, W).

    Raises
    ------
    UserError
        If the samples are not floating-point numbers, not finite, or outside [-1, 1].
    """
    if not samples.is_floating_point():
        raise UserError(f"{name}: got dtype {samples.dtype}; it takes floating-point images in [-1, 1]")
    if not samples.isfinite().all():
        raise UserError(f"{name}: got values that are NaN or infinite; it takes images in [-1, 1]")
    low, high = samples.min().item(), samples.max().item()
    if low < -1.001 or high > 1.001:  # bfloat16 rounds
        raise UserError(f"{name}: got values from {low:.4g} to {high:.4g}; it takes images in [-1, 1]")
    return to_uint8(samples)


def _spec(run: str, state: Mapping[str, Any], data_dir: str | Path | None) -> dict[str, Any]:
    """Return what `load_dataset` needs to load a run's data."""
    spec = dict(state["data"]["spec"])
    if "name" not in spec:
        raise UserError(f"{run}: its data are not from load_dataset, so they cannot be loaded again")
    if data_dir is not None:
        if not Path(data_dir).expanduser().is_dir():
            raise UserError(f"--data-dir {data_dir}: there is no such folder")
        spec["data_dir"] = str(data_dir)
    return spec


def _whole(spec: Mapping[str, Any], split: str) -> dict[str, Any]:
    """Return the spec of a whole split."""
    return {key: value for key, value in spec.items() if key != "limit"} | {"split": split}


def _check_one_data_set(specs: Mapping[str, Mapping[str, Any]]) -> None:
    def what(spec: Mapping[str, Any]) -> str:
        rest = [f"{key} {spec[key]}" for key in ("image_size", "channels") if key in spec]
        return " ".join([str(spec["name"]), *rest])

    (first, spec), *others = specs.items()
    for run, other in others:
        if what(other) != what(spec):
            raise UserError(
                f"{first} is a run on {what(spec)}, {run} on {what(other)}: extractor and reference differ, "
                "so the scores do not compare; evaluate them one at a time"
            )


def _default_metrics(data: Dataset) -> list[str]:
    if isinstance(data, ImageDataset):
        return ["fid", "kid", "is", "pr"]
    return ["modes"] if _mixture(data) is not None else ["fid", "kid", "pr"]


def _check_applies(names: Sequence[str], data: Dataset, extractor: str) -> None:
    """Refuse metrics and extractors that the data have no use for."""
    if isinstance(data, PointDataset):
        if extractor != "auto":
            raise UserError(
                f"extractor {extractor!r}: {data.name} has points, whose coordinates are the features; "
                "leave it out"
            )
        if "is" in names:
            raise UserError(
                f"is: {data.name} has points, and it takes a classifier of images; use modes or pr"
            )
        if "modes" in names and _mixture(data) is None:
            raise UserError(f"modes: {data.name} is no mixture with known modes; use fid, kid or pr")
        return
    labelled = data.num_classes >= 2
    if extractor == "classifier" and not labelled:
        raise UserError(
            f"extractor 'classifier': {data.name} has no labels to train one on; use --extractor inception"
        )
    if "modes" in names and (extractor == "inception" or not labelled):
        raise UserError(
            f"modes: the classes of {data.name} take a classifier trained on its labels; "
            + ("leave --extractor inception out" if labelled else "there are none, use pr or dc")
        )


def _check_held_out(specs: Mapping[str, Mapping[str, Any]], test: Dataset | None) -> None:
    """Refuse memorisation where there are no real samples that a run has not seen."""
    for run, spec in specs.items():
        if spec.get("split", "train") != "train":
            raise UserError(f"memorisation: {run} was trained on the test split, so nothing is held out")
    if test is None:
        name = next(iter(specs.values()))["name"]
        raise UserError(f"memorisation: {name} has no test split to compare with; leave it out")


def _test_split(spec: Mapping[str, Any]) -> Dataset | None:
    try:
        return load_dataset(**_whole(spec, "test"))
    except DataError:
        if str(spec["name"]).startswith("folder:"):  # a folder of images may well have no test split
            return None
        raise


def _extractor(
    data: Dataset, test: Dataset | None, name: str, data_dir: str | Path | None, progress: bool
) -> Extractor | None:
    if not isinstance(data, ImageDataset):
        return None
    if name == "classifier" or (name == "auto" and data.num_classes >= 2):
        return _classifier(data, test, progress)
    return _inception(data_dir)


def _judge(
    data: Dataset, test: Dataset | None, extractor: Extractor | None, num: int, progress: bool
) -> Judge:
    """Look at the real samples."""
    judge = Judge(data, extractor, Samples(torch.zeros(0, 1)), None)
    # Seed 0 whatever the seed of the samples; not the first rows, which may all be of one class.
    rows = epoch_permutation(len(data), 0, 0)[:num]
    test_rows = torch.arange(0 if test is None else min(num, len(test)))
    with _bar(len(rows) + len(test_rows), "real samples", progress) as bar:
        real = _look_in_chunks(judge, _take(data, rows), bar)
        seen = None if test is None else _look_in_chunks(judge, _take(test, test_rows), bar)
    return Judge(data, extractor, real, seen)


def _take(data: Dataset, rows: Tensor) -> Callable[[int, int], Tensor]:
    return lambda start, stop: data.values(rows[start:stop])


def _look_in_chunks(judge: Judge, take: Callable[[int, int], Tensor], bar: Any) -> Samples:
    """Look at samples number 0, 1, ... until there are no more, a chunk at a time."""
    parts: list[Samples] = []
    while len(values := take(CHUNK * len(parts), CHUNK * (len(parts) + 1))):
        parts.append(judge.look(values, bar.update))
    probabilities = [p.probabilities for p in parts if p.probabilities is not None]
    return Samples(
        torch.cat([p.features for p in parts]), torch.cat(probabilities) if probabilities else None
    )


def _classifier(data: ImageDataset, test: Dataset | None, progress: bool) -> Extractor:
    assert data.labels is not None
    held_out = None
    if isinstance(test, ImageDataset) and test.labels is not None:
        held_out = (test.images, test.labels)
    name = f"{data.name.rpartition('/')[2]}-classifier"
    with (
        warnings.catch_warnings(record=True) as caught,
        _bar(CLASSIFIER_STEPS, f"training {name}", progress) as bar,
    ):
        made = classifier(
            data.images, data.labels, held_out=held_out, name=name, num_classes=data.num_classes,
            steps=CLASSIFIER_STEPS, progress=bar.update,
        )  # fmt: skip
        bar.update(CLASSIFIER_STEPS - bar.n)  # it came from the cache
    for warning in caught:
        notice(str(warning.message))
    return made


def _inception(data_dir: str | Path | None) -> Extractor:
    folders = [folder for folder in (data_dir, default_data_dir()) if folder is not None]
    try:
        return inception_v3(folders, device="cuda" if torch.cuda.is_available() else "cpu")
    except ValueError as error:
        raise UserError(str(error)) from error


def _check_enough(names: Sequence[str], data: Dataset, extractor: Extractor | None, num: int) -> None:
    """Refuse too few samples before any of them is looked at."""
    if len(data) < MIN_NUM:
        raise UserError(f"{data.name}: it has {len(data)} training samples; scores take at least {MIN_NUM}")
    dim, who = (extractor.dim, f"{extractor.name}'s") if extractor else (data.shape[0], "its")
    if "fid" in names and num <= dim:
        raise UserError(f"num={num:,}: FID with {who} {dim:,} features takes at least {dim + 1:,} samples")
    if "fid" in names and len(data) <= dim:
        raise UserError(
            f"fid: {data.name} has {len(data):,} training samples; with {who} {dim:,} features it takes at "
            f"least {dim + 1:,}; use kid"
        )


def _generated(judge: Judge, run: str, generator: nn.Module, num: int, seed: int, progress: bool) -> Samples:
    """Draw samples from a run and look at them, a chunk at a time."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    generator.to(device)
    with _bar(num, f"{run}: samples", progress) as bar:
        return _look_in_chunks(judge, _draw(judge, run, generator, num, seed, device), bar)


def _draw(
    judge: Judge, run: str, generator: nn.Module, num: int, seed: int, device: str
) -> Callable[[int, int], Tensor]:
    """Return what draws samples number start to stop; the first chunk is what `ganbook sample` would show."""
    latent_dim: int = generator.latent_dim  # type: ignore[assignment]
    num_classes: int = getattr(generator, "num_classes", 0)

    def take(start: int, stop: int) -> Tensor:
        count = min(stop, num) - start
        if count <= 0:
            return torch.zeros(0)
        labels = torch.arange(start, start + count) % num_classes if num_classes else None
        samples = sample_generator(generator, latent_dim, count, _chunk_seed(seed, start), device, labels)
        if tuple(samples.shape[1:]) != judge.data.shape:
            raise UserError(
                f"{run}: its samples have shape {tuple(samples.shape[1:])}, the data {judge.data.shape}"
            )
        if judge.extractor is not None:
            return rounded(samples, f"{run}: its samples")
        if not samples.isfinite().all():
            raise UserError(f"{run}: its samples have values that are NaN or infinite")
        return samples

    return take


def _chunk_seed(seed: int, start: int) -> int:
    """Return the seed of the chunk that starts at a sample; torch's generator heeds the low 32 bits only."""
    if start == 0:
        return seed
    return int.from_bytes(hashlib.sha256(f"{seed}/{start}".encode()).digest()[:4], "big")


def _with_train(judge: Judge, specs: Mapping[str, Mapping[str, Any]], progress: bool) -> dict[str, Judge]:
    """Return, for each run, the judge with all that the run was trained on: its own limit heeded."""
    seen: dict[int | None, Judge] = {}
    for run, spec in specs.items():
        limit = spec.get("limit")
        if limit not in seen:
            data = load_dataset(**spec)
            with _bar(len(data), f"{run}: training samples", progress) as bar:
                train = _look_in_chunks(judge, _take(data, torch.arange(len(data))), bar)
            seen[limit] = Judge(judge.data, judge.extractor, judge.real, judge.test, train)
    return {run: seen[spec.get("limit")] for run, spec in specs.items()}


def _real_fakes(judge: Judge, name: str, num: int) -> Samples | None:
    """Return the test samples that are scored as if they were generated, where there are enough."""
    if judge.test is None:
        return None
    found = judge.test[: len(judge.test) // 2] if name == "memorisation" else judge.test
    least = max(MIN_NUM, judge.dim + 1 if name == "fid" else 0)
    return found[:num] if len(found) >= least else None


def _scored(name: str, judge: Judge, fake: Samples, seed: int, row: str) -> list[Score]:
    try:
        return _measure(name, judge)(judge, fake, seed)
    except ValueError as error:  # such as features that are all equal, of a generator that died
        raise UserError(f"{row}: {name} cannot be computed ({error})") from error


def _bar(total: int, name: str, show: bool) -> Any:
    form = "{desc}: {percentage:3.0f}%|{bar:24}| {n_fmt}/{total_fmt} [{elapsed}]"
    return tqdm(
        total=total, desc=name, disable=not show, bar_format=form, dynamic_ncols=True, mininterval=0.2
    )
