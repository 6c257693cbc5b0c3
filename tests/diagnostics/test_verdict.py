"""A table of checks and any evidence make a report."""

import pytest

from ganbook.diagnostics import SEVERITIES, Report
from ganbook.diagnostics.verdict import Check, Verdict, error, judge, note, warning


def table(**verdicts):
    return [Check(name, "all is well", lambda evidence, name=name: evidence[name]) for name in verdicts]


def report_on(**verdicts):
    return judge("the test", table(**verdicts), verdicts)


def test_each_check_is_accounted_for_once():
    report = report_on(
        a=Verdict(),
        b=Verdict(not_made="no reason"),
        c=Verdict([warning("m", "e")]),
        d=Verdict([note("m", "e")], not_made="it found something all the same"),
    )
    assert report.passed == ("a",)
    assert report.skipped == {"b": "no reason"}
    assert [f.name for f in report.findings] == ["c", "d"]


def test_errors_come_first_then_the_order_of_the_table_then_that_of_the_check():
    report = report_on(
        late=Verdict([note("1", "e"), error("2", "e"), error("3", "e")]),
        early=Verdict([warning("4", "e"), error("5", "e")]),
    )
    assert [f.message for f in report.findings] == ["2", "3", "5", "4", "1"]
    assert [f.name for f in report.findings] == ["late", "late", "early", "early", "late"]
    assert report["late"].message == "2"


def test_the_title_begins_the_summary():
    assert str(report_on(a=Verdict())) == "the test: nothing found; 1 checks passed"
    assert "<strong>the test: " in report_on(a=Verdict([error("m", "e")]))._repr_html_()
    assert str(Report((), (), {})).startswith("report: nothing found")


@pytest.mark.parametrize(("make", "severity"), list(zip((error, warning, note), SEVERITIES, strict=True)))
def test_severities(make, severity):
    assert make("m", "e") == (severity, "m", "e", "", "", (), "")  # how sure, what confirms, advice, page
