"""How often the doctor is right on the recorded laboratory, judged by the rules as they are."""

import pytest

from ganbook import recorded
from ganbook.diagnostics import DISORDERS
from ganbook.diagnostics.doctor import calibration
from ganbook.diagnostics.doctor.calibration import confusion, unpack
from ganbook.errors import UserError


@pytest.fixture(scope="module")
def runs():
    return unpack(recorded.load("doctor_lab")["table"])


def test_most_of_the_held_out_sick_runs_are_judged_rightly_and_few_healthy_ones_alarmed():
    found = calibration("test")
    assert found.sick >= 40
    assert found.sick_right >= 0.9 * found.sick
    assert found.healthy >= 20
    assert found.alarms <= 0.05 * found.healthy
    assert found.unclear <= 0.15 * (found.sick + found.healthy)


def test_the_halves_share_no_seed_and_count_every_run_once(runs):
    seeds = recorded.load("doctor_lab")["settings"]["seeds"]
    assert not set(seeds["tuning"]) & set(seeds["test"])
    halves = [calibration(half) for half in ("tuning", "test")]
    assert sum(h.sick + h.healthy + h.unclear for h in halves) == len(runs)
    assert sum(n for h in halves for row in h.rows.values() for n in row.values()) == len(runs)


def test_every_label_is_a_disorder_or_none(runs):
    for run in runs:
        assert set(run["labels"]) <= {*DISORDERS, "healthy", "unclear"}
    assert {label for run in runs for label in run["labels"]} >= set(DISORDERS) - {
        "g-memorises", "data", "no-improvement"
    }  # fmt: skip


def test_counting():
    healthy = {"records": 0, "missing": {"log": "", "samples": "no samples"}}
    sick = {**healthy, "diverged": {"step": 3, "what": "a loss is nan"}}
    runs = [
        {"evidence": healthy, "labels": ["healthy"]},
        {"evidence": sick, "labels": ["healthy"]},
        {"evidence": sick, "labels": ["collapse", "divergence"]},
        {"evidence": healthy, "labels": ["collapse"]},
        {"evidence": sick, "labels": ["unclear"]},
    ]
    found = confusion(runs)
    assert (found.sick, found.sick_right, found.healthy, found.alarms, found.unclear) == (2, 1, 2, 1, 1)
    assert found.rows["divergence"] == {"divergence": 1}
    assert found.rows["collapse"] == {"healthy": 1}


def test_an_unknown_half_is_refused():
    with pytest.raises(UserError, match="half"):
        calibration("third")
