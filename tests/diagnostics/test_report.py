"""The report as text and as a table."""

import html.parser

import pytest
from lint_loops import Pair, not_detached_and_not_cleared
from torch import nn

from ganbook.diagnostics import CHECKS, Finding, Report


class TestReport:
    def report(self):
        p = Pair()
        p.D.append(nn.Sigmoid())
        return p.lint(not_detached_and_not_cleared(p))

    def test_text(self):
        report = self.report()
        text = str(report)
        assert repr(report) == text
        assert text.startswith("lint_step: ")
        assert all(len(line) <= 80 for line in text.splitlines())
        assert text.index("ERROR: fake detached") < text.index("\nnot made: EMA")
        for finding in report.findings:
            assert finding.name in text

    def test_html_is_well_formed_and_escaped(self):
        report = self.report()
        page = report._repr_html_()
        opened = []

        class Parser(html.parser.HTMLParser):
            def handle_starttag(self, tag, attrs):
                if tag != "br":
                    opened.append(tag)

            def handle_endtag(self, tag):
                assert opened.pop() == tag

        Parser().feed(page)
        assert opened == []
        nasty = Report((type(report.findings[0])("shapes", "error", "a < b", "<script>"),), (), {})
        assert "<script>" not in nasty._repr_html_()

    def test_every_check_is_accounted_for_once(self):
        report = self.report()
        names = {f.name for f in report.findings}
        assert names | set(report.passed) | set(report.skipped) == set(CHECKS)
        assert not names & set(report.passed)
        assert not set(report.passed) & set(report.skipped)
        assert not report.ok
        with pytest.raises(KeyError):
            report["EMA"]


def test_what_a_finding_says_beyond_its_evidence_is_shown_and_kept():
    plain = Finding("a", "error", "m", "e")
    more = Finding("b", "error", "m", "e", "likely", "a test", ("first", "second"), "page.html#b")
    report = Report((plain, more), (), {"c": "no log"}, "doctor")
    text, shown = str(report), report._repr_html_()
    for part in ("ERROR: b (likely)", "To confirm: a test", "1. first", "2. second", "Read: page.html#b"):
        assert part in text
    for part in ("<strong>error</strong> (likely)", "To confirm: a test", "2. second"):
        assert part in shown
    assert "ERROR: a\n" in text
    content = report.to_json()
    assert content["findings"][1]["advice"] == ("first", "second")
    assert content["not_made"] == {"c": "no log"}
    assert not content["ok"]
