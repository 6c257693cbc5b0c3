"""A score with its full name, which refuses to be compared with a score of another kind."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ganbook.errors import UserError


@dataclass(frozen=True)
class Score:
    """A number and all that it depends on beside the generator.

    Two scores compare only if metric, extractor (name and content), counts, settings and reference are the
    same. Then `a < b`, `a - b` (a float) and `table` work; else they raise a `UserError` that names what
    differs. The seed may differ: it decides which samples were drawn, not what was measured.

    Examples
    --------
    >>> score = Score("FID", 12.3, "mnist-classifier", "5f3a9c21", (10_000, 10_000), "lower")
    >>> print(score)
    FID[mnist-classifier, 10k vs 10k] = 12.3
    >>> score < Score("FID", 4.5, "mnist-classifier", "5f3a9c21", (5_000, 10_000), "lower")
    Traceback (most recent call last):
    ...
    ganbook.errors.UserError: scores of different kinds do not compare: counts 10k vs 10k and 5k vs 10k
    """

    metric: str
    """What was measured, in the field's short name: FID, KID, precision, ..."""
    value: float
    extractor: str
    """Name of the feature extractor."""
    digest: str
    """Content digest of the extractor: two classifiers of one name are not one classifier."""
    counts: tuple[int, ...]
    """Numbers of samples: generated, then the real sets that they were held against."""
    better: Literal["lower", "higher", "0.5", "1"]
    """Which way is better, or which value is best."""
    low: float | None = None
    high: float | None = None
    interval: str = ""
    """How low and high were found."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Parameters of the metric (k, splits, subsets, ...)."""
    reference: str = ""
    """Which real data the samples were held against."""
    seed: int = 0
    """Seed of the samples and of the interval's draws."""

    @property
    def name(self) -> str:
        """The name in full: the metric, the extractor, the numbers of samples."""
        return f"{self.metric}[{self.extractor}, {counts_text(self.counts)}]"

    def __str__(self) -> str:
        text = f"{self.name} = {digits(self.value)}"
        if self.low is not None and self.high is not None:
            text += f" ({digits(self.low)} to {digits(self.high)})"
        return text

    def differences(self, other: Score) -> list[str]:
        """Return what makes the two scores different kinds of number, in words; empty if nothing does."""
        differences = []
        if self.metric != other.metric:
            differences.append(f"metric {self.metric} and {other.metric}")
        if (self.extractor, self.digest) != (other.extractor, other.digest):
            mine, theirs = (
                f"{score.extractor}" + (f" ({score.digest[:8]})" if score.digest else "")
                for score in (self, other)
            )
            differences.append(f"extractor {mine} and {theirs}")
        if self.counts != other.counts:
            differences.append(f"counts {counts_text(self.counts)} and {counts_text(other.counts)}")
        for key in sorted({*self.settings, *other.settings}):
            here, there = self.settings.get(key), other.settings.get(key)
            if here != there:
                differences.append(f"setting {key} {here} and {there}")
        if self.reference != other.reference:
            differences.append(f"reference {self.reference} and {other.reference}")
        return differences

    def check_comparable(self, other: Score) -> None:
        """Raise a `UserError` that names what differs, unless the two scores compare."""
        differences = self.differences(other)
        if differences:
            raise UserError(f"scores of different kinds do not compare: {'; '.join(differences)}")

    def __sub__(self, other: Score) -> float:
        self.check_comparable(other)
        return self.value - other.value

    def __lt__(self, other: Score) -> bool:
        return self - other < 0

    def __le__(self, other: Score) -> bool:
        return self - other <= 0

    def __gt__(self, other: Score) -> bool:
        return self - other > 0

    def __ge__(self, other: Score) -> bool:
        return self - other >= 0

    def to_json(self) -> dict[str, Any]:
        """Return the score as JSON takes it, with its name; what is not finite becomes text ("inf")."""
        values = {"name": self.name, **asdict(self), "settings": dict(self.settings)}
        return {
            key: str(value) if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in values.items()
        }


def table(rows: Mapping[str, Sequence[Score]]) -> str:
    """Return a table of scores: under the full name of each, a line for each row.

    Parameters
    ----------
    rows : mapping of str to sequence of Score
        What was scored ("runs/dcgan-001"), and its scores.

    Returns
    -------
    str
        Several lines.

    Raises
    ------
    UserError
        If two rows have scores of one metric that do not compare; the line names the rows and the difference.

    Examples
    --------
    >>> rest = ("mnist-classifier", "5f3a9c21", (10_000, 10_000), "lower")
    >>> print(table({"run 1": [Score("FID", 12.3, *rest)], "run 2": [Score("FID", 4.5, *rest)]}))
    FID[mnist-classifier, 10k vs 10k], lower is better
      run 1       12.3
      run 2        4.5
    """
    blocks: dict[str, dict[str, Score]] = {}
    for row, scores in rows.items():
        for score in scores:
            block = blocks.setdefault(score.metric, {})
            for other_row, other in block.items():
                differences = other.differences(score)
                if differences:
                    raise UserError(
                        f"{score.metric} of {other_row} and of {row} do not compare: {'; '.join(differences)}"
                    )
            block[row] = score
    width = max((len(row) for row in rows), default=0)
    lines = []
    for block in blocks.values():
        first = next(iter(block.values()))
        best = f"{first.better} is better" if first.better in ("lower", "higher") else f"best {first.better}"
        lines.append(f"{first.name}, {best}")
        for row, score in block.items():
            span = ""
            if score.low is not None and score.high is not None:
                span = f"   {digits(score.low)} to {digits(score.high)}"
            lines.append(f"  {row:{width}}  {digits(score.value):>9}{span}")
    return "\n".join(lines)


def counts_text(counts: Sequence[int]) -> str:
    """Return numbers of samples as a name carries them.

    Examples
    --------
    >>> counts_text((10_000, 1_437))
    '10k vs 1,437'
    """
    texts = [f"{n // 1000}k" if n >= 1000 and n % 1000 == 0 else f"{n:,}" for n in counts]
    return " vs ".join(texts)


def digits(value: float) -> str:
    """Return a number with four significant digits, without an exponent where it can be read.

    Examples
    --------
    >>> digits(123.456), digits(0.98765), digits(10), digits(0.0000123)
    ('123.5', '0.9877', '10', '1.23e-05')
    """
    if math.isfinite(value) and abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"
