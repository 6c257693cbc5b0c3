"""Sphinx extension: what `ganbook doctor` may find, and how often it is right, as tables.

`doctor-findings` is made of the doctor's own table of checks, `doctor-confusion` of the recorded laboratory,
which is judged by the rules as they are now. So neither can say what the package does not.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

WHERE = "doctor"  # what messages of docutils name as the source


class Lines(SphinxDirective):
    """A directive that writes lines of reStructuredText, which are parsed in its place."""

    def lines(self) -> list[str]:
        """Return the lines."""
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        """Parse the lines."""
        node = nodes.container()
        node.document = self.state.document
        self.state.nested_parse(StringList(self.lines(), WHERE), self.content_offset, node)
        return node.children


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """Return a table, of cells of one line each."""
    lines = [".. list-table::", "   :header-rows: 1", "   :widths: auto", ""]
    for row in [head, *rows]:
        lines += [f"   {'*' if number == 0 else ' '} - {cell}" for number, cell in enumerate(row)]
    return lines


class Findings(Lines):
    """`.. doctor-findings::`: each check in its order, what it finds, what confirms it, what to do first."""

    def lines(self) -> list[str]:
        """Return the table."""
        from ganbook.diagnostics import DISORDERS
        from ganbook.diagnostics.doctor.rules import DOCTOR_CHECKS

        rows = []
        for check in DOCTOR_CHECKS:
            about = DISORDERS[check.name]
            rows.append([f"``{check.name}``", about.severity, about.message, about.confirm, about.advice[0]])
        return table(
            ["finding", "severity", "what it means", "what would confirm it", "what to do first"], rows
        )


class ConfusionMatrix(Lines):
    """`.. doctor-confusion::`: the first findings beside what came out, in the runs that were held out."""

    def lines(self) -> list[str]:
        """Return a sentence with the counts, and the matrix."""
        from ganbook.diagnostics.doctor import calibration

        found = calibration("test")
        right = (
            f"Of {found.sick} sick runs {found.sick_right} ({found.sick_right / found.sick:.0%}) get one of "
            f"their disorders as the first finding; of {found.healthy} healthy ones {found.alarms} "
            f"({found.alarms / found.healthy:.0%}) get an alarm. {found.unclear} runs are neither, and not "
            "counted."
        )
        columns = sorted({name for row in found.rows.values() for name in row})
        rows = [
            [f"``{name}``", *(str(row.get(column, "")) for column in columns)]
            for name, row in sorted(found.rows.items())
        ]
        return [right, "", *table(["came out / found", *(f"``{name}``" for name in columns)], rows)]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("doctor-findings", Findings)
    app.add_directive("doctor-confusion", ConfusionMatrix)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
