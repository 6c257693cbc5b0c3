"""What the records of a run say about its health, in numbers; and a watch that speaks up while it trains."""

from __future__ import annotations

import contextlib
import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any, NamedTuple

FEWEST = 8  # records from which anything is concluded
ACCURATE = 0.99  # D judges this share of a batch rightly, real and fake: it has nothing left to learn
FLAT = 0.02  # D gives all samples logits that differ by less
USEFUL = 0.1  # a D whose logits have once differed by more was of use, and may rest
GROWN = 10.0  # times: logits that have grown so much do not settle
HUGE = 50.0  # logits beyond it say a probability of 1 - 2e-22

Records = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class LogSigns:
    """What a log says. "At the end" is the median over its last quarter; None where it was not logged."""

    records: int
    """Lines of the log."""
    last_step: int
    """The step of the last one."""
    d_loss: float | None
    """D's loss at the end."""
    accuracy: float | None
    """The share of real and of generated samples that D judges rightly, their mean, at the end."""
    sign_real: float | None
    """r_t = mean sign D(x) over real training samples, at the end (Karras et al. 2020)."""
    gap: float | None
    """Mean logit of real samples less that of generated ones, at the end."""
    spread: float | None
    """Standard deviation of all logits of a batch, real and generated together, at the end."""
    spread_peak: float | None
    """The largest median of five records of it: a D that is flat may have been of use before."""
    size: float | None
    """Mean size of the logits at the end."""
    size_before: float | None
    """The same in the second quarter of the log."""
    g_gradient: float | None
    """Length of G's gradient at the end."""
    g_gradient_peak: float | None
    """The largest median of five records of it."""
    d_gradient: float | None
    """Length of D's gradient at the end."""
    penalty_share: float | None
    """The penalty's part of D's loss, 0 to 1, at the end; None without a penalty."""
    period: float | None
    """Steps of a swing of D's logits (of its loss, in older logs), where there is a clear one."""
    swing: float | None
    """How far they swing, as a standard deviation in the second half."""
    won_since: int | None
    """From which step on D has judged all rightly."""
    flat_since: int | None
    """From which step on D has given everything the same logit."""
    infinite_since: int | None
    """The first step with a number that is infinite or not one."""


def read_signs(records: Records) -> LogSigns | None:
    """Return what a log says; None if it has too few lines to say anything.

    Parameters
    ----------
    records : sequence of mapping
        As in metrics.jsonl; keys may be missing, as in the logs of earlier versions.

    Returns
    -------
    LogSigns or None
        None with fewer than 8 records, unless one of them is infinite.
    """
    infinite = next((int(r["step"]) for r in records if not _is_finite(r)), None)
    if len(records) < FEWEST and infinite is None:
        return None
    end, before = _quarter(records, 3), _quarter(records, 1)
    series = [_finite(v) for v in column(records, "fake_logit") or column(records, "discriminator_loss")]
    period, swing = swings(series[len(series) // 2 :])
    step = records[-1]["step"] / max(len(records) - 1, 1)  # between two records
    real = [r["d_accuracy_real"] for r in end if _finite(r.get("d_accuracy_real")) is not None]
    return LogSigns(
        records=len(records), last_step=int(records[-1]["step"]),
        d_loss=_median(end, lambda r: r["discriminator_loss"]), accuracy=_median(end, accuracy),
        sign_real=2 * fmean(real) - 1 if real else None, gap=_median(end, gap), spread=_median(end, spread),
        spread_peak=_peak(records, spread),
        size=_median(end, size), size_before=_median(before, size),
        g_gradient=_median(end, lambda r: r["generator_grad_norm"]),
        g_gradient_peak=_peak(records, lambda r: r["generator_grad_norm"]),
        d_gradient=_median(end, lambda r: r["discriminator_grad_norm"]),
        penalty_share=_median(end, penalty_share),
        period=None if period is None else period * step, swing=swing,
        won_since=since(records, has_won), flat_since=since(records, is_flat), infinite_since=infinite,
    )  # fmt: skip


# ------------------------------------------------------------------------------------- of one record


def accuracy(record: Mapping[str, Any]) -> float:
    """Return the share of a batch that D judged rightly: real and generated samples count alike."""
    return float((record["d_accuracy_real"] + record["d_accuracy_fake"]) / 2)


def gap(record: Mapping[str, Any]) -> float:
    """Return by how much the mean logit of real samples is above that of generated ones."""
    return float(record["real_logit"] - record["fake_logit"])


def spread(record: Mapping[str, Any]) -> float:
    """Return the standard deviation of all logits of a step, real and generated together."""
    within = (record["real_logit_std"] ** 2 + record["fake_logit_std"] ** 2) / 2
    return math.sqrt(within + gap(record) ** 2 / 4)


def size(record: Mapping[str, Any]) -> float:
    """Return how large the logits of a step are, about their common middle."""
    return max(abs(record["real_logit"]), abs(record["fake_logit"])) + spread(record)


def penalty_share(record: Mapping[str, Any]) -> float:
    """Return which part of D's loss is the penalty, by size."""
    penalty = abs(record["penalty"])
    rest = abs(record["discriminator_loss"] - record["penalty"])
    return float(penalty / (penalty + rest)) if penalty + rest else 0.0


def has_won(record: Mapping[str, Any]) -> bool:
    """Say whether D judged every sample of a step rightly, and surely, where the log says how surely."""
    return accuracy(record) >= ACCURATE and gap(record) > 4.0 if "real_logit" in record else (
        accuracy(record) >= ACCURATE and record["discriminator_loss"] < 0.1)  # fmt: skip


def is_flat(record: Mapping[str, Any]) -> bool:
    """Say whether D gave all samples of a step the same logit."""
    return spread(record) < FLAT


# ------------------------------------------------------------------------------------- of many records


def since(records: Records, holds: Callable[[Mapping[str, Any]], bool]) -> int | None:
    """Return the step from which on something has held until the end, but for one record in twenty.

    None where it does not hold at the end, for fewer than 8 records, or is not in the log.
    """
    answers = []
    for record in records:
        try:
            answers.append(bool(holds(record)))
        except (KeyError, TypeError, OverflowError):
            answers.append(False)
    first, wrong = None, 0
    for back, answer in enumerate(reversed(answers), start=1):
        wrong += not answer
        if wrong > max(1, back // 20) or (back <= 2 and not answer):
            break
        if answer:
            first = back
    return None if first is None or first < FEWEST else int(records[-first]["step"])


def swings(series: Sequence[float | None]) -> tuple[float | None, float | None]:
    """Return the period of a series, in records, where it swings clearly; and its standard deviation.

    Clearly: the autocorrelation falls below -0.2 and comes back above 0.3.
    """
    values = [v for v in series if v is not None]
    if len(values) < 16:
        return None, None
    middle = fmean(values)
    x = [v - middle for v in values]
    variance = fmean(v * v for v in x)
    if variance <= 1e-12:
        return None, 0.0
    fallen, best = False, None
    for lag in range(1, len(x) // 2):
        r = sum(a * b for a, b in zip(x, x[lag:], strict=False)) / (len(x) - lag) / variance
        fallen = fallen or r < -0.2
        if fallen and r > 0.3 and (best is None or r > best[1]):
            best = (lag, r)
        elif best is not None and r < best[1]:
            break
    return (None if best is None else float(best[0])), math.sqrt(variance)


def column(records: Records, key: str) -> list[float]:
    """Return the finite values of a key, those that there are."""
    return [v for v in (_finite(r.get(key)) for r in records) if v is not None]


def _finite(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _is_finite(record: Mapping[str, Any]) -> bool:
    return all(math.isfinite(v) for v in record.values() if isinstance(v, float))


def _quarter(records: Records, number: int) -> Records:
    n = len(records)
    return records[number * n // 4 : (number + 1) * n // 4] or records[-1:]


def _values(records: Records, of: Callable[[Mapping[str, Any]], float]) -> list[float]:
    values = []
    for record in records:
        with contextlib.suppress(KeyError, TypeError, OverflowError):
            values.append(_finite(of(record)))
    return [value for value in values if value is not None]


def _median(records: Records, of: Callable[[Mapping[str, Any]], float]) -> float | None:
    values = _values(records, of)
    return median(values) if values else None


def _peak(records: Records, of: Callable[[Mapping[str, Any]], float]) -> float | None:
    """Return the largest median of five records in a row."""
    values = _values(records, of)
    return max((median(values[i : i + 5]) for i in range(len(values) - 4)), default=None)


# ------------------------------------------------------------------------------------- while it trains


class Alarm(NamedTuple):
    """A disorder that the log shows: its name, since which step, and the line that says so."""

    name: str
    step: int
    line: str


class Watch:
    """Looks at each record as it is logged, and speaks up once a disorder.

    It knows what records alone can show: that D has won, that it is blind, that the logits grow without end.
    `ganbook doctor` looks at the samples too.

    Parameters
    ----------
    records : int
        How many of the last records it looks at.

    Examples
    --------
    >>> watch = Watch()
    >>> won = {"discriminator_loss": 1e-6, "d_accuracy_real": 1.0, "d_accuracy_fake": 1.0}
    >>> [alarm.line for step in range(0, 400, 10) for alarm in watch({"step": step, **won})]
    ['D has won since step 0: it judges all samples rightly, and G learns little']
    """

    def __init__(self, records: int = 20) -> None:
        self.alarms: dict[str, Alarm] = {}
        """What it has said, by name."""
        self._last: deque[Mapping[str, Any]] = deque(maxlen=records)
        self._first_size: float | None = None
        self._most_spread = 0.0

    def __call__(self, record: Mapping[str, Any]) -> list[Alarm]:
        """Look at a record; return what is new."""
        self._last.append(record)
        self._most_spread = max([self._most_spread, *_values([record], spread)])
        if len(self._last) < (self._last.maxlen or 0):
            return []
        if self._first_size is None:
            self._first_size = _median(list(self._last), size)
        new = [alarm for alarm in self._look(list(self._last)) if alarm.name not in self.alarms]
        self.alarms.update({alarm.name: alarm for alarm in new})
        return new

    def _look(self, records: Records) -> list[Alarm]:
        found = []
        first, step = int(records[0]["step"]), int(records[-1]["step"])
        if won := since(records, has_won) == first:
            line = f"D has won since step {first:,}: it judges all samples rightly, and G learns little"
            found.append(Alarm("d-has-won", first, line))
        if since(records, is_flat) == first and self._most_spread < USEFUL:
            line = f"D is blind since step {first:,}: it gives every sample the same logit, and always has"
            found.append(Alarm("d-is-blind", first, line))
        now = _median(records[len(records) // 2 :], size)
        if now is not None and now > max(HUGE, GROWN * (self._first_size or 0.0)) and not won:
            line = f"training diverges at step {step:,}: the logits' size is {now:,.0f}, and it grows"
            found.append(Alarm("divergence", step, line))
        return found
