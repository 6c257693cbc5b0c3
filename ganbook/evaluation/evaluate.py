"""`evaluate`: what is asked for is checked first, then looked at, then scored."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import torch
from torch import Tensor

from ganbook.data import Dataset, load_dataset
from ganbook.errors import NoSplitError, UserError, unknown
from ganbook.evaluation.judge import Judge, Samples, choose_extractor, look_in_chunks, make_judge, take
from ganbook.evaluation.measures import METRICS, measure, mixture_of
from ganbook.evaluation.report import Evaluation
from ganbook.metrics import Extractor, Score, table
from ganbook.runs import Run
from ganbook.support.checks import OneOf, Seed, Whole, checked
from ganbook.support.progress import progress_bar

MIN_NUM = 100  # below this the intervals mean nothing
EXTRACTORS = ("auto", "classifier", "reader", "inception")
TEST = "(real test split)"

NumSamples = Annotated[int, Whole(MIN_NUM, what="a whole number of samples")]
ExtractorName = Annotated[str, OneOf("extractor", EXTRACTORS)]


@checked
def evaluate(
    runs: Sequence[str | Path],
    metrics: Sequence[str] | None = None,
    *,
    num: NumSamples = 10_000,
    seed: Seed = 0,
    data_dir: str | Path | None = None,
    extractor: ExtractorName = "auto",
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
    extractor : {"auto", "classifier", "reader", "inception"}
        "auto" trains a classifier on the data where they have labels (a reader of all attributes, if they
        have attributes too), else takes Inception. Points need none.
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
    if not runs:
        raise UserError("runs: got none; it takes at least one run folder")
    opened = {str(run): Run.open(run) for run in runs}
    specs = {name: _spec(name, run, data_dir) for name, run in opened.items()}
    _check_one_data_set(specs)
    spec = next(iter(specs.values()))
    data = load_dataset(**_whole(spec, "train"))
    if not names:
        names = _default_metrics(data)
    _check_applies(names, data, extractor)
    test = _test_split(spec)
    if "memorisation" in names:
        _check_held_out(specs, test)

    network = choose_extractor(data, test, extractor, data_dir, progress)
    _check_enough(names, data, network, num)
    judge = make_judge(data, test, network, num, progress)
    fakes = {name: _generated(judge, name, run, num, seed, progress) for name, run in opened.items()}
    judges = {name: dict.fromkeys(fakes, judge) for name in names}
    if "memorisation" in names:
        judges["memorisation"] = _with_train(judge, specs, progress)
    scores, yardstick, missing = _score_all(judges, fakes, num, seed, progress)
    steps = {name: run.step for name, run in opened.items()}
    return Evaluation(judge, num, seed, steps, scores, yardstick, missing)


Rows = dict[str, list[Score]]


def _score_all(
    judges: Mapping[str, Mapping[str, Judge]],
    fakes: Mapping[str, Samples],
    num: int,
    seed: int,
    progress: bool,
) -> tuple[Rows, Rows, list[str]]:
    """Score every run by every metric, and the real test split in the same way.

    Parameters
    ----------
    judges : mapping
        For each metric and run the real side.
    fakes : mapping
        For each run its samples.

    Returns
    -------
    scores, yardstick : dict
        Of `num` samples; and, where the test split has fewer, of as many as it has.
    missing : list of str
        Which scores of which run cannot be computed, and why: of a generator that draws one picture, say.

    Raises
    ------
    UserError
        If no score of any run can be computed.
    """
    scores: Rows = {run: [] for run in fakes}
    yardstick: Rows = {}
    missing: list[str] = []

    def add(rows: Rows, name: str, judge: Judge, samples: Samples, row: str) -> None:
        again = rows is yardstick and row != TEST  # fewer of the samples that were scored already
        try:
            rows.setdefault(row, []).extend(measure(name, judge, samples, seed, row, quiet=again))
        except UserError as error:
            missing.extend([] if again else [str(error)])

    with progress_bar(len(judges) * len(fakes), name="scores", show=progress) as bar:
        for name, by_run in judges.items():
            judge = next(iter(by_run.values()))
            real = _real_fakes(judge, name, num)
            for run, fake in fakes.items():
                add(scores, name, by_run[run], fake, run)
                if real is not None and len(real) < num:
                    add(yardstick, name, by_run[run], fake[: len(real)], run)
                bar.update()
            if real is not None:
                add(scores if len(real) == num else yardstick, name, judge, real, TEST)
    if not any(scores[run] for run in fakes):
        raise UserError("; ".join(missing))
    for rows in (scores, yardstick):
        try:
            table(rows)
        except UserError as error:  # such as memorisation of training sets of different sizes
            raise UserError(f"{error}; evaluate them one at a time") from error
    return scores, yardstick, missing


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


# ------------------------------------------------------------------------------- which data, which runs


def _spec(name: str, run: Run, data_dir: str | Path | None) -> dict[str, Any]:
    """Return what `load_dataset` needs to load a run's data."""
    spec = run.data_spec
    if "name" not in spec:
        raise UserError(f"{name}: its data are not from load_dataset, so they cannot be loaded again")
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
    if not data.by_coordinates:
        return ["fid", "kid", "is", "pr"]
    return ["modes"] if mixture_of(data) is not None else ["fid", "kid", "pr"]


def _check_applies(names: Sequence[str], data: Dataset, extractor: str) -> None:
    """Refuse metrics and extractors that the data have no use for."""
    if data.by_coordinates:
        if extractor != "auto":
            raise UserError(
                f"extractor {extractor!r}: {data.name} has points, whose coordinates are the features; "
                "leave it out"
            )
        if "is" in names:
            raise UserError(
                f"is: {data.name} has points, and it takes a classifier of images; use modes or pr"
            )
        if "modes" in names and mixture_of(data) is None:
            raise UserError(f"modes: {data.name} is no mixture with known modes; use fid, kid or pr")
        return
    labelled = data.num_classes >= 2
    if extractor == "classifier" and not labelled:
        raise UserError(
            f"extractor 'classifier': {data.name} has no labels to train one on; use --extractor inception"
        )
    if extractor == "reader" and getattr(data, "attributes", None) is None:
        raise UserError(
            f"extractor 'reader': {data.name} has no attributes to train one on; use --extractor auto"
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
    except NoSplitError:  # a folder of images may well have no test split
        return None


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


# ----------------------------------------------------------------------------------------------- the samples


def _generated(judge: Judge, name: str, run: Run, num: int, seed: int, progress: bool) -> Samples:
    """Draw samples from a run and look at them, a chunk at a time."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with progress_bar(num, name=f"{name}: samples", show=progress) as bar:
        return look_in_chunks(judge.extractor, _draw(judge, name, run, num, seed, device), bar)


def _draw(
    judge: Judge, name: str, run: Run, num: int, seed: int, device: str
) -> Callable[[int, int], Tensor]:
    """Return what draws samples number start to stop; the first chunk is what `ganbook sample` would show."""

    def take(start: int, stop: int) -> Tensor:
        count = min(stop, num) - start
        if count <= 0:
            return torch.zeros(0)
        labels = torch.arange(start, start + count) % run.num_classes if run.num_classes else None
        samples = run.sample(count, _chunk_seed(seed, start), labels, device)
        if tuple(samples.shape[1:]) != judge.data.shape:
            raise UserError(
                f"{name}: its samples have shape {tuple(samples.shape[1:])}, the data {judge.data.shape}"
            )
        return judge.data.to_values(samples, f"{name}: its samples")

    return take


def _chunk_seed(seed: int, start: int) -> int:
    """Return the seed of the chunk that starts at a sample; torch's generator heeds the low 32 bits only."""
    if start == 0:
        return seed
    return int.from_bytes(hashlib.sha256(f"{seed}/{start}".encode()).digest()[:4], "big")


def _with_train(judge: Judge, specs: Mapping[str, Mapping[str, Any]], progress: bool) -> dict[str, Judge]:
    """Return, for each run, the judge with all that the run was trained on: its own limit heeded."""
    by_limit: dict[int | None, Judge] = {}
    for name, spec in specs.items():
        limit = spec.get("limit")
        if limit not in by_limit:
            data = load_dataset(**spec)
            with progress_bar(len(data), name=f"{name}: training samples", show=progress) as bar:
                train = look_in_chunks(judge.extractor, take(data, torch.arange(len(data))), bar)
            by_limit[limit] = Judge(judge.data, judge.extractor, judge.real, judge.test, train)
    return {name: by_limit[spec.get("limit")] for name, spec in specs.items()}


def _real_fakes(judge: Judge, name: str, num: int) -> Samples | None:
    """Return the test samples that are scored as if they were generated, where there are enough."""
    if judge.test is None:
        return None
    real = judge.test[: len(judge.test) // 2] if name == "memorisation" else judge.test
    least = max(MIN_NUM, judge.dim + 1 if name == "fid" else 0)
    return real[:num] if len(real) >= least else None
