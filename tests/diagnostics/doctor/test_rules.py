"""Each check of the doctor: on evidence that has the disorder, and near it on evidence that has not."""

import dataclasses
import json

import pytest
from sick_evidence import BAD, ELSEWHERE, GOOD, HEALTHY, changed, snapshots

from ganbook.diagnostics import DISORDERS
from ganbook.diagnostics.doctor.evidence import CopySigns, Evidence, ModeSigns
from ganbook.diagnostics.doctor.rules import DOCTOR_CHECKS
from ganbook.diagnostics.verdict import judge

STILL = snapshots(BAD, BAD)
WIDE = dataclasses.replace(GOOD, told_apart=0.9)
WON = {"won_since": 100, "accuracy": 1.0, "gap": 20.0, "spread": 10.0, "d_loss": 1e-6}
FLAT = {"gap": 0.0, "spread": 0.001}
SICK = {
    "it stopped": ("divergence", changed(diverged={"step": 7, "what": "generator_loss is nan"})),
    "infinite log": ("divergence", changed(log={"infinite_since": 30})),
    "infinite samples": ("divergence", changed(snapshots=snapshots(GOOD, None))),
    "huge logits": ("divergence", changed(log={"spread": 400.0}, snapshots=STILL)),
    "huge loss, old log": ("divergence", changed(log={"spread": None, "d_loss": 1e4}, snapshots=STILL)),
    "eval mode": ("batchnorm", changed(modes=ModeSigns(shift=0.1, spread_ratio=0.2))),
    "bad average": ("batchnorm", changed(snapshots=snapshots(GOOD, GOOD, average=BAD))),
    "copies": ("g-memorises", changed(copies=CopySigns(share=0.95, high=0.6, distance_ratio=0.3))),
    "held out": ("d-memorises", changed(critic={"auc_held_out": 0.95, "memory": 0.8})),
    "won": ("d-has-won", changed(log=WON, critic={"auc": 1.0, "real": 9.0, "fake": -9.0}, snapshots=STILL)),
    "won, no checkpoint": ("d-has-won", changed(log=WON, snapshots=(), critic=None)),
    "penalty strong": (
        "penalty-scale",
        changed(log=FLAT, critic={"spread": 0.001}, snapshots=STILL, settings={"r1": 1000.0}),
    ),
    "penalty weak": (
        "penalty-scale",
        changed(critic={"slope": 20.0}, snapshots=STILL, settings={"gradient_penalty": 1e-5}),
    ),
    "flat": ("d-is-blind", changed(log=FLAT, critic={"spread": 0.001}, snapshots=STILL)),
    "wrong way round": ("d-is-blind", changed(log={"gap": -5.0}, critic={"auc": 0.0}, snapshots=STILL)),
    "jumps": ("rotating-collapse", changed(snapshots=snapshots(BAD, ELSEWHERE))),
    "moves": ("rotating-collapse", changed(snapshots=snapshots(BAD, BAD, move=0.9))),
    "goes round": ("oscillation", changed(log={"period": 80.0}, snapshots=snapshots(WIDE, WIDE, move=0.9))),
    "one mode": ("collapse", changed(snapshots=STILL)),
    "copies in the data": ("data", changed(data={"duplicates": 0.5})),
    "one class": ("data", changed(data={"classes_met": 1})),
    "constant channel": ("data", changed(data={"constant_channels": 1})),
    "beside the data": (
        "no-improvement",
        changed(snapshots=snapshots(*2 * [dataclasses.replace(GOOD, off=0.3, told_apart=1.0)])),
    ),
}
FAIR = {
    "healthy": HEALTHY,
    "D rests at the end": changed(log={**FLAT, "flat_since": 500}, critic={"spread": 0.001}),
    "D is right, samples are good": changed(log=WON, critic={"auc": 1.0}),
    "a strong penalty that works": changed(log=FLAT, settings={"r1": 1000.0}),
    "large logits, good samples": changed(log={"spread": 400.0}),
    "samples move a little": changed(snapshots=snapshots(WIDE, WIDE, move=0.05)),
    "images are never near": changed(
        data={"dims": 64}, snapshots=snapshots(*2 * [dataclasses.replace(GOOD, off=0.6, told_apart=1.0)])
    ),
    "images: the raw generator jumps, its average is fair": changed(
        data={"dims": 64}, snapshots=snapshots(BAD, ELSEWHERE, average=GOOD, move=0.9)
    ),
    "an honest share": changed(copies=CopySigns(share=0.62, high=0.6, distance_ratio=0.97)),
    "modes alike": changed(modes=ModeSigns(shift=0.05, spread_ratio=1.02)),
}


def examine(evidence):
    return judge("doctor", DOCTOR_CHECKS, evidence)


@pytest.mark.parametrize("name", SICK)
def test_the_disorder_is_the_only_finding(name):
    disorder, evidence = SICK[name]
    report = examine(evidence)
    assert [finding.name for finding in report.findings] == [disorder]
    (finding,) = report.findings
    assert finding.severity == DISORDERS[disorder].severity
    assert finding.sure in ("sure", "likely", "possible")
    assert finding.advice
    assert finding.confirm
    assert any(c.isdigit() for c in finding.evidence)


@pytest.mark.parametrize("name", FAIR)
def test_what_only_looks_like_it_is_no_finding(name):
    assert not examine(FAIR[name]).findings


def test_every_check_has_a_sick_case_and_a_disorder_and_a_place_in_the_book():
    names = [check.name for check in DOCTOR_CHECKS]
    assert set(names) == set(DISORDERS) == {disorder for disorder, _ in SICK.values()}
    for name in names:
        (first, *_) = (f for _, e in SICK.values() for f in examine(e).findings if f.name == name)
        wanted = f"when_it_goes_wrong.html#{name}" if DISORDERS[name].anchor else ""
        assert first.page == wanted


def test_without_evidence_nothing_is_passed_but_what_was_seen():
    bare = Evidence(missing={"log": "no log", "samples": "no checkpoint"})
    report = examine(bare)
    assert not report.findings
    assert not report.passed
    assert report.skipped["divergence"] == "no log"
    assert report.skipped["collapse"] == "no checkpoint"


@pytest.mark.parametrize("evidence", [*FAIR.values(), *(e for _, e in SICK.values())])
def test_evidence_is_judged_alike_after_a_way_through_json(evidence):
    again = Evidence.from_json(json.loads(json.dumps(evidence.to_json())))
    assert [f.name for f in examine(again).findings] == [f.name for f in examine(evidence).findings]
