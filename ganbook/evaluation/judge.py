"""The real side of an evaluation: real samples, and what turns samples into the features to compare."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganbook.data import Dataset, ImageDataset, epoch_permutation
from ganbook.data.sources.download import default_data_dir
from ganbook.metrics import Extractor, Score, attribute_reader, classifier, inception_v3
from ganbook.support.notices import notice
from ganbook.support.progress import progress_bar

CHUNK = 2_048  # samples that are held as images at a time
CLASSIFIER_STEPS = 600  # 15 s on a slow core for 32x32 pixels, once: then it is in the cache
READER_STEPS = 1_200  # 45 s on one core for 32x32 pixels


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


def look(
    extractor: Extractor | None, values: Tensor, progress: Callable[[int], object] | None = None
) -> Samples:
    """Return what the metrics see in samples.

    Parameters
    ----------
    extractor : Extractor, optional
        Turns uint8 images into features; None for points, whose coordinates are the features.
    values : Tensor
        As `Dataset.values` gives them: uint8 images (N, C, H, W), or points (N, 2).
    progress : callable, optional
        Called with the number of samples just looked at.
    """
    if extractor is None:
        if progress:
            progress(len(values))
        return Samples(values.float())
    extracted = extractor.extract(values, progress)
    return Samples(extracted.features, extracted.probabilities)


def look_in_chunks(extractor: Extractor | None, take: Callable[[int, int], Tensor], bar: Any) -> Samples:
    """Look at samples number 0, 1, ... until there are no more, a chunk at a time.

    Parameters
    ----------
    extractor : Extractor, optional
        As for `look`.
    take : callable
        Gives the samples number start to stop - 1.
    bar : tqdm
        Moved on by each sample.
    """
    chunks: list[Samples] = []
    while len(values := take(CHUNK * len(chunks), CHUNK * (len(chunks) + 1))):
        chunks.append(look(extractor, values, bar.update))
    probabilities = [chunk.probabilities for chunk in chunks if chunk.probabilities is not None]
    return Samples(
        torch.cat([chunk.features for chunk in chunks]), torch.cat(probabilities) if probabilities else None
    )


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


def make_judge(
    data: Dataset, test: Dataset | None, extractor: Extractor | None, num: int, progress: bool
) -> Judge:
    """Look at up to `num` real samples of the training split, and of the test split."""
    # Seed 0 whatever the seed of the samples; not the first rows, which may all be of one class.
    rows = epoch_permutation(len(data), 0, 0)[:num]
    test_rows = torch.arange(0 if test is None else min(num, len(test)))
    with progress_bar(len(rows) + len(test_rows), name="real samples", show=progress) as bar:
        real = look_in_chunks(extractor, take(data, rows), bar)
        held_out = None if test is None else look_in_chunks(extractor, take(test, test_rows), bar)
    return Judge(data, extractor, real, held_out)


def take(data: Dataset, rows: Tensor) -> Callable[[int, int], Tensor]:
    """Return what gives some of a data set's samples, for `look_in_chunks`."""
    return lambda start, stop: data.values(rows[start:stop])


# ------------------------------------------------------------------------------------------ its extractor


def choose_extractor(
    data: Dataset, test: Dataset | None, name: str, data_dir: str | Path | None, progress: bool
) -> Extractor | None:
    """Return the extractor that a name means for a data set: "auto", "classifier", "reader" or "inception".

    Raises
    ------
    UserError
        If it is Inception, whose weights cannot be had.
    """
    if data.by_coordinates:
        return None
    labelled = data.num_classes >= 2
    described = isinstance(data, ImageDataset) and data.attributes is not None
    if name == "reader" or (name == "auto" and labelled and described):
        assert isinstance(data, ImageDataset)
        return _reader(data, test, progress)
    if name == "classifier" or (name == "auto" and labelled):
        return _classifier(data, test, progress)
    folders = [folder for folder in (data_dir, default_data_dir()) if folder is not None]
    return inception_v3(folders, device="cuda" if torch.cuda.is_available() else "cpu")


def _classifier(data: Dataset, test: Dataset | None, progress: bool) -> Extractor:
    """Train a classifier on the labelled images, or take it from the cache."""
    assert data.labels is not None
    held_out = None
    if test is not None and test.labels is not None:
        held_out = (test.values(torch.arange(len(test))), test.labels)
    name = f"{data.name.rpartition('/')[2]}-classifier"
    with _training(name, CLASSIFIER_STEPS, progress) as bar:
        return classifier(
            data.values(torch.arange(len(data))), data.labels, held_out=held_out, name=name,
            num_classes=data.num_classes, steps=CLASSIFIER_STEPS, progress=bar.update,
        )  # fmt: skip


def _reader(data: ImageDataset, test: Dataset | None, progress: bool) -> Extractor:
    """Train a reader of the images' attributes, or take it from the cache; its classes are the data's."""
    values, names = _described(data)
    held_out = None
    if isinstance(test, ImageDataset) and test.attributes is not None:
        held_out = (test.images, _described(test)[0])
    name = f"{data.name.rpartition('/')[2]}-reader"
    with _training(name, READER_STEPS, progress) as bar:
        return attribute_reader(
            data.images, values, names, held_out=held_out, name=name, steps=READER_STEPS, progress=bar.update,
        ).extractor  # fmt: skip


def _described(data: ImageDataset) -> tuple[Tensor, dict[str, tuple[str, ...]]]:
    """Return what is known of each image, the class first, which is what the extractor's logits are of."""
    assert data.attributes is not None
    columns = dict(zip(data.attribute_names, data.attributes.unbind(1), strict=True))
    names = dict(zip(data.attribute_names, data.attribute_values, strict=True))
    if data.labels is not None:
        same = [name for name, column in columns.items() if torch.equal(column.long(), data.labels.long())]
        for name in same:  # the class is one of the attributes
            del columns[name], names[name]
        columns, names = {"class": data.labels, **columns}, {"class": tuple(data.class_names), **names}
    return torch.stack([column.long() for column in columns.values()], 1), names


@contextmanager
def _training(name: str, steps: int, progress: bool) -> Iterator[Any]:
    """Show the training of an extractor, and say calmly what it warns of."""
    with (
        warnings.catch_warnings(record=True) as caught,
        progress_bar(steps, name=f"training {name}", show=progress) as bar,
    ):
        yield bar
        bar.update(steps - bar.n)  # it came from the cache
    for warning in caught:
        notice(str(warning.message))
