"""The laboratory of the doctor: one short run from beginning to end, and how outcomes are labelled."""

import json

import pytest

from experiments import doctor_lab

OUTCOME = {
    "found": 1.0, "near": 0.9, "groups": 1.0, "spread": 1.0, "travel": 0.02, "d_auc": 0.6, "d_gap": 0.3,
    "d_std": 0.5, "d_std_last": 0.5, "d_slope": 1.0, "d_held": 0.5, "copies": 0.0, "off_last": 0.01,
    "off_in_training": 0.01, "a_spread_last": 1.0, "a_groups_last": 1.0, "a_distance_last": 1.2,
}  # fmt: skip
BAD = {"found": 0.1, "near": 0.1, "groups": 0.2, "spread": 0.1}


def run_with(case="a case", data="ring", settings=None, **outcome):
    evidence = {"settings": settings or {}, "snapshots": [{"raw": {"shares": [0.2] * 5}}]}
    return {"case": case, "data": data, "evidence": evidence, "outcome": {**OUTCOME, **outcome}}


@pytest.mark.parametrize(
    ("labels", "run"),
    [
        (["healthy"], run_with()),
        (["unclear"], run_with(found=0.7)),
        (["divergence"], run_with(**BAD, d_std_last=400.0)),
        (["d-has-won"], run_with(**BAD, d_auc=1.0, d_gap=20.0)),
        (["d-is-blind"], run_with(**BAD, d_std=0.001)),
        (["penalty-scale"], run_with(**BAD, d_std=0.001, settings={"r1": 1000.0})),
        (["penalty-scale"], run_with(**BAD, d_slope=30.0, settings={"gradient_penalty": 1e-5})),
        (["collapse"], run_with(**BAD)),
        (["rotating-collapse"], run_with(**BAD, travel=0.9)),
        (["oscillation"], run_with(found=0.5, groups=0.8, travel=0.9)),
        (["d-memorises"], run_with(d_held=0.9)),
        (["g-memorises", "d-memorises"], run_with(d_held=0.9, copies=0.8)),
        (["batchnorm"], run_with("frozen BatchNorm", "digits16", a_spread_last=0.2, off_in_training=0.5)),
        (["healthy"], run_with("frozen BatchNorm", "digits16")),
    ],
)
def test_the_outcome_decides(labels, run):
    assert doctor_lab.label(run) == labels


def test_a_short_run_is_made_measured_and_kept_as_json(tmp_path):
    case = {"name": "short", "data": ["ring5"], "steps": 120}
    run = json.loads(json.dumps(doctor_lab.make_run(case, "ring5", 0, tmp_path / "run")))
    assert set(OUTCOME) <= set(run["outcome"])
    assert len(run["evidence"]["snapshots"]) == 2
    assert doctor_lab.label(run)


def test_every_run_has_a_name_of_its_own():
    keys = [(case["name"], data, seed) for case, data, seed in doctor_lab.runs_to_make()]
    assert len(keys) == len(set(keys)) >= 200
