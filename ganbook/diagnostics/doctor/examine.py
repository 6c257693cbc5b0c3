"""`doctor(run)`: the examination from beginning to end."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ganbook.data import Dataset
from ganbook.diagnostics.doctor.confirm import confirm_findings
from ganbook.diagnostics.doctor.gather import gather
from ganbook.diagnostics.doctor.rules import DOCTOR_CHECKS
from ganbook.diagnostics.doctor.subject import open_subject
from ganbook.diagnostics.report import Report
from ganbook.diagnostics.verdict import judge
from ganbook.runs import Run


def doctor(
    run: Run | str | Path,
    *,
    data: Dataset | None = None,
    held_out: Dataset | None = None,
    data_dir: str | Path | None = None,
    confirm: bool = False,
    progress: bool = False,
) -> Report:
    """Say what a run suffers from, by its log, its last checkpoints, and samples of them beside the data.

    Nothing is written, and no random state is touched. What cannot be looked at is named in the report, with
    the reason: a run with a short or damaged log, without checkpoints, or with networks of one's own still
    gets the checks that are left.

    Parameters
    ----------
    run : Run, str or Path
        A run, its folder, or a checkpoint.
    data, held_out : Dataset, optional
        What the run learned from, and other samples of the same kind. Default: `load_dataset` loads them
        again, where they came from there; held-out ones are the test split.
    data_dir : str or Path, optional
        Where the data's files are now.
    confirm : bool
        Make the confirming test of each finding that has one; it takes some seconds, and its result stands in
        the finding's evidence.
    progress : bool
        Show the confirming tests' progress on stderr.

    Returns
    -------
    Report
        With the title "doctor". Disorders are errors; memorisation and what is odd about the data are
        warnings. A finding says how sure it is, what would confirm it, what to do, and where the book tells
        of it. Where one disorder explains another, only the first is reported.

    Raises
    ------
    UserError
        If it is no run, or there is nothing to look at: no record and no checkpoint.

    Examples
    --------
    >>> import ganbook as gb
    >>> report = gb.diagnostics.doctor("runs/mlp-ring-001")  # doctest: +SKIP
    >>> report.ok, [finding.name for finding in report.findings]  # doctest: +SKIP
    (False, ['rotating-collapse'])
    """
    subject = open_subject(run)
    evidence = gather(subject, data, held_out, data_dir)
    report = judge("doctor", DOCTOR_CHECKS, evidence)
    if subject.notes:
        report = dataclasses.replace(report, skipped=report.skipped | {"files": "; ".join(subject.notes)})
    return confirm_findings(report, subject, data, held_out, data_dir, progress) if confirm else report
