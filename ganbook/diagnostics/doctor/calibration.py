"""How often the doctor is right: his first finding beside what came out, on the laboratory's recorded runs.

`experiments/doctor_lab.py` trained the runs and says how each was labelled; the record holds what the doctor
sees of each, so that his rules can be judged again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from ganbook import recorded
from ganbook.diagnostics.doctor.evidence import Evidence
from ganbook.diagnostics.doctor.rules import DOCTOR_CHECKS
from ganbook.diagnostics.verdict import judge
from ganbook.support.checks import OneOf, checked

RECORD = "doctor_lab"
Half = Annotated[str, OneOf("half", ("test", "tuning"))]
HEALTHY, UNCLEAR = "healthy", "unclear"


@dataclass(frozen=True)
class Confusion:
    """What was found in runs of each label."""

    rows: dict[str, dict[str, int]]
    """From the label to how often each first finding was made ("healthy": none). A run with several labels
    stands under the one that was found, or else under its first."""
    sick: int
    """How many runs had a disorder."""
    sick_right: int
    """How many of these have one of their disorders as the first finding."""
    healthy: int
    """How many runs were healthy."""
    alarms: int
    """How many of these have an error or a warning."""
    unclear: int
    """How many runs were neither healthy nor clearly sick; they are not counted above."""


def first_finding(evidence: dict[str, Any]) -> str:
    """Return the first error or warning that recorded evidence leads to; "healthy" if there is none."""
    report = judge("doctor", DOCTOR_CHECKS, Evidence.from_json(evidence))
    return next((finding.name for finding in report.findings if finding.severity != "note"), HEALTHY)


def confusion(runs: Sequence[dict[str, Any]]) -> Confusion:
    """Judge recorded runs, each a dict with `evidence` and `labels`, and count."""
    rows: dict[str, dict[str, int]] = {}
    counts = dict.fromkeys(("sick", "sick_right", HEALTHY, "alarms", UNCLEAR), 0)
    for run in runs:
        labels, found = run["labels"], first_finding(run["evidence"])
        row = rows.setdefault(found if found in labels else labels[0], {})
        row[found] = row.get(found, 0) + 1
        if labels == [UNCLEAR]:
            counts[UNCLEAR] += 1
        elif labels == [HEALTHY]:
            counts[HEALTHY] += 1
            counts["alarms"] += found != HEALTHY
        else:
            counts["sick"] += 1
            counts["sick_right"] += found in labels
    return Confusion(rows, **counts)


@checked
def calibration(half: Half = "test") -> Confusion:
    """Judge the recorded runs of one half of the laboratory.

    Parameters
    ----------
    half : {"test", "tuning"}
        The runs with the seeds that the thresholds were not set by, or with those that they were.

    Returns
    -------
    Confusion
        Judged now, by the rules as they are.

    Raises
    ------
    UserError
        If there is no such half.
    """
    record = recorded.load(RECORD)
    seeds = record["settings"]["seeds"][half]
    return confusion([run for run in unpack(record["table"]) if run["seed"] in seeds])


# ------------------------------------------------------------------ runs as a table, a third of the size


def pack(runs: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """Return runs as a table: `columns` are paths of values ("evidence/log/gap"), `rows` the values.

    Examples
    --------
    >>> pack([{"seed": 0, "evidence": {"records": 8}}, {"seed": 1}])
    {'columns': ['evidence/records', 'seed'], 'rows': [[8, 0], [None, 1]]}
    """
    flat = [dict(_leaves(run)) for run in runs]
    columns = sorted({path for run in flat for path in run})
    return {"columns": columns, "rows": [[run.get(path) for path in columns] for run in flat]}


def unpack(table: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """Return the runs of a table, as they were; but for values that are None, which are left out.

    Examples
    --------
    >>> unpack(pack([{"seed": 0, "evidence": {"snapshots": [{"step": 5}, {"step": 9}]}}]))
    [{'evidence': {'snapshots': [{'step': 5}, {'step': 9}]}, 'seed': 0}]
    """
    runs = []
    for row in table["rows"]:
        run: dict[str, Any] = {}
        for path, value in zip(table["columns"], row, strict=True):
            *parents, name = path.split("/")
            inner = run
            for parent in parents if value is not None else ():
                inner = inner.setdefault(parent, {})
            if value is not None:
                inner[name] = value
        if snapshots := run.get("evidence", {}).get("snapshots"):
            run["evidence"]["snapshots"] = [snapshots[number] for number in sorted(snapshots)]
        runs.append(run)
    return runs


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    inner: Iterable[tuple[str, Any]] = value.items() if isinstance(value, dict) else ()
    if path.endswith("/snapshots"):
        inner = ((str(number), snapshot) for number, snapshot in enumerate(value))
    elif not isinstance(value, dict):
        yield path, value
    for key, child in inner:
        yield from _leaves(child, f"{path}/{key}" if path else key)
