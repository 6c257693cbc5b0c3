"""What a check is: a function from evidence to a verdict, with a name and a line that says what holds.

`judge` makes a report of an ordered table of checks. It knows nothing of training steps, so whatever evidence
there is can be judged in this way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from ganbook.diagnostics.report import SEVERITIES, Finding, Report

E = TypeVar("E")


class Fault(NamedTuple):
    """A finding that has no name yet: `judge` gives it that of its check."""

    severity: str
    message: str
    evidence: str
    sure: str = ""
    confirm: str = ""
    advice: tuple[str, ...] = ()
    page: str = ""


def error(message: str, evidence: str) -> Fault:
    """Return a fault with which training goes wrong."""
    return Fault("error", message, evidence)


def warning(message: str, evidence: str) -> Fault:
    """Return a fault with which training may go wrong, or time is wasted."""
    return Fault("warning", message, evidence)


def note(message: str, evidence: str) -> Fault:
    """Return what is worth knowing, and no fault."""
    return Fault("note", message, evidence)


@dataclass(frozen=True)
class Verdict:
    """What a check says: `Verdict()` that it passes.

    Parameters
    ----------
    faults : sequence of Fault
        What it found, in the order in which a reader should see it.
    not_made : str
        Why finding nothing does not mean that it passes ("no ema was given"); "" where it does mean that.
    """

    faults: Sequence[Fault] = ()
    not_made: str = ""

    @property
    def passed(self) -> bool:
        """Whether the check was made and found nothing."""
        return not self.faults and not self.not_made


@dataclass(frozen=True)
class Check(Generic[E]):
    """A check as it stands in its table.

    Parameters
    ----------
    name : str
        As in the report.
    holds : str
        What holds where it passes, in one line.
    function : callable
        From the evidence to a `Verdict`. It changes nothing, so that checks may ask each other.
    """

    name: str
    holds: str
    function: Callable[[E], Verdict]


def judge(title: str, checks: Sequence[Check[E]], evidence: E) -> Report:
    """Make all checks of a table, in its order.

    Parameters
    ----------
    title : str
        Who reports.
    checks : sequence of Check
        The table. Within a severity, the findings come in its order.
    evidence : object
        What the checks look at.

    Returns
    -------
    Report
        In which each check is accounted for once: by its findings, as passed, or as skipped.
    """
    verdicts = {check.name: check.function(evidence) for check in checks}
    findings = [Finding(name, *fault) for name, verdict in verdicts.items() for fault in verdict.faults]
    return Report(
        findings=tuple(sorted(findings, key=lambda f: SEVERITIES.index(f.severity))),
        passed=tuple(name for name, verdict in verdicts.items() if verdict.passed),
        skipped={name: v.not_made for name, v in verdicts.items() if v.not_made and not v.faults},
        title=title,
    )
