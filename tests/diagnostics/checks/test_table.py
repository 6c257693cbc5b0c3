"""The table of checks agrees with its functions, the seeded mistakes, the report and the book."""

import importlib.util
import json
import re
from pathlib import Path

import pytest
from lint_loops import PLAIN, Pair, not_detached_and_not_cleared, with_losses

from ganbook.diagnostics import CHECKS, SEVERITIES
from ganbook.diagnostics.checks import STEP_CHECKS
from ganbook.diagnostics.checks.exceptions import explained_by
from ganbook.diagnostics.evidence import Evidence
from ganbook.diagnostics.trace import GENERATOR, Backward, Trace

HERE = Path(__file__).parent
ROOT = HERE.parent.parent.parent


def mistakes():
    """Return the names of the checks for which a mistake is seeded, by the file of the test."""
    names = {}
    for path in HERE.glob("test_*.py"):
        if path != Path(__file__):
            spec = importlib.util.spec_from_file_location(path.stem, path)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            names[path.stem] = {case.values[1] for case in module.MISTAKES}
    return names


def test_every_check_has_a_seeded_mistake():
    """In the test of the file that the check stands in, so the tests mirror the checks."""
    by_file = {}
    for check in STEP_CHECKS:
        file = check.function.__module__.rpartition(".")[2]
        by_file.setdefault(f"test_{file}", set()).add(check.name)
    assert mistakes() == by_file


def test_names_lines_and_order_come_from_the_table():
    assert list(CHECKS.items()) == [(check.name, check.holds) for check in STEP_CHECKS]
    assert len(CHECKS) == len(STEP_CHECKS)


@pytest.mark.parametrize("check", STEP_CHECKS, ids=lambda check: check.name)
def test_a_check_is_a_documented_function_of_its_name(check):
    assert check.function.__name__ == check.name.lower().replace("'", "").replace(" ", "_")
    assert check.function.__doc__
    assert "\n" not in check.holds
    assert not check.holds.endswith(".")


@pytest.mark.parametrize("build", [lambda p: with_losses(p, *PLAIN["hinge"]), not_detached_and_not_cleared])
def test_the_report_follows_the_table(build):
    p = Pair()
    report = p.lint(build(p))
    order = list(CHECKS)
    places = [(SEVERITIES.index(f.severity), order.index(f.name)) for f in report.findings]
    assert places == sorted(places)
    for names in (report.passed, report.skipped):
        assert list(names) == [name for name in order if name in names]


@pytest.mark.parametrize(
    ("problem", "name"),
    [
        ("all elements of input should be between 0 and 1", "logits and loss"),
        ("modified by an inplace operation", "order"),
        ("Trying to backward through the graph a second time", "fake detached"),
        ("mat1 and mat2 shapes cannot be multiplied", "shapes"),
        ("division by zero", "step runs"),
        (None, None),
    ],
)
def test_an_exception_is_explained_by_a_check_of_the_table(problem, name):
    trace = Trace(backwards=[Backward(None, 1, reached={GENERATOR})])
    evidence = Evidence(None, {}, trace, problem, 1, frozenset(), frozenset(), None, None, None)
    assert explained_by(evidence) == name
    assert name is None or name in CHECKS


def test_the_chapter_on_mistakes_names_checks_that_exist():
    """The closing table of "Twenty-two mistakes": one row a mistake, and findings by their names."""
    chapter = json.loads((ROOT / "book" / "mistakes.ipynb").read_text(encoding="utf-8"))
    text = "\n".join("".join(cell["source"]) for cell in chapter["cells"] if cell["cell_type"] == "markdown")
    assert re.findall(r"^### (\d+)\. ", text, re.MULTILINE) == [str(n) for n in range(1, 23)]
    rows = re.findall(r"^\| (\d+) \|.*\|([^|]*)\|$", text, re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 23))
    named = {name for _, found in rows for name in re.findall(r"`([^`]+)`", found)}
    assert named <= set(CHECKS)
    assert set(CHECKS) - named == {"order"}  # which the sentence below the table adds
    assert "found as `order`" in text
