"""What the doctor's rules look at: numbers, which can be kept as JSON and judged again later."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from ganbook.training.symptoms import LogSigns


@dataclass(frozen=True)
class SampleSigns:
    """What a set of generated samples looks like beside real ones."""

    spread: float
    """Mean distance between two samples, as a part of that between two real ones; healthy near 1."""
    groups: float
    """The effective number of groups of the real samples that are met (exp of the entropy), as a part."""
    shares: tuple[float, ...]
    """Which part of the samples is in each group."""
    distance: float
    """Median distance to the nearest real sample, as multiple of that between real samples."""
    off: float
    """The same distance, as a part of the mean distance between two real samples."""
    told_apart: float
    """Share that the nearest neighbour tells rightly as real or generated; 0.5 is perfect, 1 the worst."""


@dataclass(frozen=True)
class Snapshot:
    """A checkpoint's generator, as it is trained and averaged."""

    step: int
    raw: SampleSigns | None
    """None where a sample is infinite or not a number."""
    average: SampleSigns | None
    move: float | None = None
    """By how far the mean of the raw samples has moved since the snapshot before, in real spreads."""


@dataclass(frozen=True)
class CriticSigns:
    """What the last checkpoint's discriminator says."""

    auc: float
    """Probability that a real training sample gets a higher logit than a generated one."""
    auc_held_out: float | None
    """Probability that a training sample gets a higher logit than a held-out one; 0.5 is fair."""
    memory: float | None
    """(D(train) - D(held out)) / (D(train) - D(fake)), of mean logits: 1 if held-out ones pass for fakes."""
    real: float
    fake: float
    """Mean logits."""
    spread: float
    """Standard deviation of all of them."""
    slope: float
    """Mean length of the gradient of D at real samples."""


@dataclass(frozen=True)
class CopySigns:
    """Whether generated samples are closer to the training set than to held-out samples."""

    share: float
    high: float
    """Upper end of the null band, 99.9 %."""
    distance_ratio: float


@dataclass(frozen=True)
class ModeSigns:
    """The trained generator in training mode and in eval mode."""

    shift: float
    """Distance of the two means, in standard deviations of the real samples."""
    spread_ratio: float
    """Spread in eval mode over that in training mode."""


@dataclass(frozen=True)
class DataSigns:
    """The real samples."""

    num: int
    dims: int
    """Numbers of a sample, as samples are compared: 2 for points, up to 768 for images."""
    low: float
    high: float
    constant_channels: int
    duplicates: float
    """Share of samples that are copies of another one, of those looked at."""
    classes: int
    classes_met: int


@dataclass(frozen=True)
class Evidence:
    """All that was seen of a run; what is None could not be seen, and `missing` says why."""

    settings: dict[str, Any] = field(default_factory=dict)
    """The run's TrainConfig, as far as it is known."""
    records: int = 0
    log: LogSigns | None = None
    diverged: dict[str, Any] | None = None
    """The step at which training stopped by itself, and the number that was infinite."""
    snapshots: tuple[Snapshot, ...] = ()
    """The oldest first."""
    critic: CriticSigns | None = None
    copies: CopySigns | None = None
    modes: ModeSigns | None = None
    data: DataSigns | None = None
    missing: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON, numbers to three digits, without what is None."""
        return {k: v for k, v in _rounded(dataclasses.asdict(self)).items() if v not in (None, {}, [])}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Evidence:
        """Return what `to_json` wrote."""
        kinds = {
            "log": LogSigns,
            "critic": CriticSigns,
            "copies": CopySigns,
            "modes": ModeSigns,
            "data": DataSigns,
        }
        parts = {
            key: kind(**{f.name: content[key].get(f.name) for f in dataclasses.fields(kind)})
            for key, kind in kinds.items()
            if content.get(key) is not None
        }
        snapshots = tuple(
            Snapshot(s["step"], _signs(s.get("raw")), _signs(s.get("average")), s.get("move"))
            for s in content.get("snapshots", ())
        )
        return cls(**{**content, **parts, "snapshots": snapshots})


def _signs(content: dict[str, Any] | None) -> SampleSigns | None:
    return None if content is None else SampleSigns(**{**content, "shares": tuple(content["shares"])})


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.3g}")
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list | tuple):
        return [_rounded(inner) for inner in value]
    return value
