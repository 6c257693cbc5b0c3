"""What a set of checks answers with: findings, what passed, and what could not be looked at."""

from __future__ import annotations

import dataclasses
import html
import textwrap
from dataclasses import dataclass
from typing import Any

SEVERITIES = ("error", "warning", "note")

_WIDTH = 78
_CELL = "text-align: left; vertical-align: top; white-space: normal"


@dataclass(frozen=True)
class Finding:
    """Something that a check found.

    `name` is the check's (a key of `CHECKS`); `severity` is "error" (training goes wrong), "warning" (it may,
    or time is wasted) or "note" (worth knowing); `message` says what it means, why it matters and what the
    right version is; `evidence` is what was seen. A check may also say how `sure` it is ("sure", "likely",
    "possible"), what would `confirm` it, what to do (`advice`, the most useful first), and on which `page`
    of the book more is said.
    """

    name: str
    severity: str
    message: str
    evidence: str
    sure: str = ""
    confirm: str = ""
    advice: tuple[str, ...] = ()
    page: str = ""


@dataclass(frozen=True)
class Report:
    """What a set of checks found. Printed, it is text; as the last line of a notebook cell, a table.

    `findings` come with the errors first; `passed` names the checks that found nothing; `skipped` those that
    could not be made, with the reason; `title` says who reports ("lint_step").
    """

    findings: tuple[Finding, ...]
    passed: tuple[str, ...]
    skipped: dict[str, str]
    title: str = "report"

    @property
    def ok(self) -> bool:
        """Whether there is no error. There may be warnings and notes."""
        return not self.errors

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings of severity "error"."""
        return tuple(f for f in self.findings if f.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings of severity "warning"."""
        return tuple(f for f in self.findings if f.severity == "warning")

    def __contains__(self, name: str) -> bool:
        return any(f.name == name for f in self.findings)

    def __getitem__(self, name: str) -> Finding:
        """Return the most severe finding of a check.

        Raises
        ------
        KeyError
            If the check found nothing.
        """
        for finding in self.findings:
            if finding.name == name:
                return finding
        raise KeyError(name)

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON."""
        return {
            "title": self.title,
            "ok": self.ok,
            "findings": [dataclasses.asdict(finding) for finding in self.findings],
            "passed": list(self.passed),
            "not_made": dict(self.skipped),
        }

    def _summary(self) -> str:
        counts = [(sum(f.severity == s for f in self.findings), s) for s in SEVERITIES]
        findings = ", ".join(f"{n} {s}{'s' if n > 1 else ''}" for n, s in counts if n) or "nothing found"
        skipped = f", {len(self.skipped)} not made" if self.skipped else ""
        return f"{self.title}: {findings}; {len(self.passed)} checks passed{skipped}"

    def __str__(self) -> str:
        lines = [self._summary()]
        for f in self.findings:
            lines += ["", f"{f.severity.upper()}: {f.name}" + (f" ({f.sure})" if f.sure else "")]
            for text in (f.message, f"Seen: {f.evidence}"):
                lines += textwrap.wrap(text, _WIDTH, initial_indent="  ", subsequent_indent="  ")
            for text in _more(f):
                lines += textwrap.wrap(text, _WIDTH, initial_indent="  ", subsequent_indent="    ")
        if self.skipped:
            lines.append("")
            names_by_reason: dict[str, list[str]] = {}
            for name, reason in self.skipped.items():
                names_by_reason.setdefault(reason, []).append(name)
            for reason, names in names_by_reason.items():
                text = f"not made: {', '.join(names)} ({reason})"
                lines += textwrap.wrap(text, _WIDTH, subsequent_indent="  ")
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = [
            f"<tr><td style='{_CELL}'><strong>{f.severity}</strong>{f' ({f.sure})' if f.sure else ''}</td>"
            f"<td style='{_CELL}'>{html.escape(f.name)}</td>"
            f"<td style='{_CELL}'>{html.escape(f.message)}<br>"
            f"<em>Seen: {html.escape(f.evidence)}</em>"
            f"{''.join(f'<br>{html.escape(text)}' for text in _more(f))}</td></tr>"
            for f in self.findings
        ]
        head = "".join(f"<th style='{_CELL}'>{name}</th>" for name in ("severity", "check", "what and why"))
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>" if rows else ""
        passed = f"<p>Passed: {html.escape(', '.join(self.passed))}.</p>" if self.passed else ""
        skipped = "".join(f"<li>{html.escape(n)}: {html.escape(r)}</li>" for n, r in self.skipped.items())
        skipped = f"<p>Not made:</p><ul>{skipped}</ul>" if skipped else ""
        return f"<div><p><strong>{html.escape(self._summary())}</strong></p>{table}{passed}{skipped}</div>"


def _more(finding: Finding) -> list[str]:
    """Return the lines below a finding: the confirming test, the advice in its order, the page."""
    lines = [f"To confirm: {finding.confirm}"] if finding.confirm else []
    lines += [f"{number}. {text}" for number, text in enumerate(finding.advice, start=1)]
    return lines + ([f"Read: {finding.page}"] if finding.page else [])
