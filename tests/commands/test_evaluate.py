"""`ganbook evaluate` as its users meet it."""

import hashlib
import json
import os
import re
import subprocess
import sys

import pytest

from ganbook.cli import main
from ganbook.evaluation import METRICS, judge, measures

SMALL = ["mlp-digits", "--device", "cpu", "--set", "hidden=16", "--set", "latent_dim=4", "--steps", "20"]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, tmp_path_factory, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GANBOOK_DATA", raising=False)
    # One cache for all tests of this file: the classifier is trained once.
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "evaluate-cache"))
    monkeypatch.setattr(judge, "CLASSIFIER_STEPS", 30)
    monkeypatch.setattr(measures, "REPLICATES", 5)


def call(capsys, *arguments):
    capsys.readouterr()
    assert main(["evaluate", *map(str, arguments)]) == 0
    return capsys.readouterr()


def fails(capsys, *arguments):
    """Run a command that must fail; return its one line on stderr."""
    capsys.readouterr()
    try:
        code = main(["evaluate", *map(str, arguments)])
    except SystemExit as exit:  # argparse's own way out
        code = exit.code
    out = capsys.readouterr()
    assert (code, out.out) == (2, "")
    lines = [line for line in re.split(r"[\r\n]", out.err) if line and "%|" not in line]
    assert len(lines) == 1, out.err
    assert lines[0].startswith("ganbook evaluate: ")
    return lines[0]


def test_a_run_is_scored_twice_with_the_same_digits(capsys):
    main(["train", *SMALL, "--out", "run"])
    out = call(capsys, "run", "--num", "360")
    for name in ("FID", "KID", "precision", "recall"):
        assert f"{name}[digits-classifier, 360 vs 360]" in out.out
    assert "IS[digits-classifier, 360]" in out.out
    assert "(real test split)" in out.out
    assert "run: step 20" in out.out
    for stage in ("training digits-classifier", "real samples", "run: samples", "scores"):
        assert f"{stage}: 100%" in out.err  # the progress bars
    assert call(capsys, "run", "--num", "360").out == out.out
    assert call(capsys, "run", "--num", "360", "--seed", "1").out != out.out


def test_json(capsys):
    main(["train", *SMALL, "--out", "run"])
    found = json.loads(call(capsys, "run", "--num", "200", "--metrics", "fid, pr", "--json").out)
    fid, precision, recall = found["scores"]["run"]
    assert fid["name"] == "FID[digits-classifier, 200 vs 200]"
    assert (precision["metric"], recall["metric"]) == ("precision", "recall")
    assert fid["counts"] == [200, 200]
    assert fid["low"] <= fid["value"] <= fid["high"]
    assert fid["seed"] == found["seed"] == 0
    assert precision["settings"] == {"k": 3}
    assert len(found["extractor"]["digest"]) == 16
    assert 0 < found["extractor"]["accuracy"] <= 1
    assert found["reference"] == {"data": "digits 1x8x8, training split", "num": 200}
    again = json.loads(call(capsys, "run", "--num", "200", "--metrics", "fid,pr", "--json").out)
    assert again == found  # every digit


def test_json_is_not_disturbed_by_notices(capsys, tmp_path):
    main(["train", *SMALL, "--out", "run"])
    (tmp_path / "run" / "checkpoints" / "step-00000020" / "ema.safetensors").write_bytes(b"")
    out = call(capsys, "run", "--num", "100", "--metrics", "fid", "--json")
    assert json.loads(out.out)["steps"] == {"run": 0}
    assert "passed over: ema.safetensors is damaged" in out.err


def test_several_runs_and_points(capsys):
    main(["train", *SMALL, "--out", "a"])
    main(["train", *SMALL, "--seed", "1", "--out", "b"])
    out = call(capsys, "a", "b", "--num", "100", "--metrics", "fid").out
    lines = out.splitlines()
    at = lines.index("FID[digits-classifier, 100 vs 100], lower is better")
    assert [line.split()[0] for line in lines[at + 1 : at + 4]] == ["a", "b", "(real"]
    main(["train", "mlp-ring", "--device", "cpu", "--steps", "5", "--set", "limit=1000", "--out", "ring"])
    out = call(capsys, "ring", "--num", "500").out
    for name in ("modes", "high-quality share", "reverse KL"):
        assert f"{name}[coordinates, 500]" in out
    line = fails(capsys, "a", "ring")
    assert "a is a run on digits, ring on ring" in line
    assert "do not compare" in line


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ([], ["RUN"]),
        (["nothing"], ["nothing: there is no such run"]),
        (["."], ["no checkpoint that can be loaded"]),
        (["run", "--metrics", "fdi"], ["unknown metric 'fdi'", "did you mean 'fid'"]),
        (["run", "--metrics", ","], ["--metrics ','", "fid,pr"]),
        (["run", "--num", "0"], ["--num", "'0'"]),
        (["run", "--num", "99"], ["num=99", "at least 100"]),
        (["run", "--seed", "-1"], ["--seed"]),
        (["run", "--extractor", "lenet"], ["unknown extractor 'lenet'", "auto, classifier, inception"]),
        (["run", "--data-dir", "nowhere"], ["--data-dir nowhere", "no such folder"]),
    ],
)
def test_mistakes_get_one_line(arguments, parts, capsys):
    if "run" in arguments:
        main(["train", *SMALL[:-1], "1", "--out", "run"])
    line = fails(capsys, *arguments)
    for part in parts:
        assert part in line


def test_data_that_are_gone(capsys, tmp_path):
    main(["train", *SMALL, "--out", "run"])
    for path in (tmp_path / "run" / "checkpoints").glob("step-*"):
        state = json.loads((path / "state.json").read_text())
        state["data"]["spec"] = {"name": "mnist", "split": "train", "data_dir": "gone"}
        (path / "state.json").write_text(json.dumps(state))
        sums = json.loads((path / "manifest.json").read_text())
        sums["state.json"] = hashlib.sha256((path / "state.json").read_bytes()).hexdigest()
        (path / "manifest.json").write_text(json.dumps(sums))
    assert "gone does not exist" in fails(capsys, "run")


def test_inception_without_network_ends_soon_in_one_line(tmp_path):
    """In a process of its own, with a proxy that nobody listens at."""
    pytest.importorskip("torch_fidelity")
    main(["train", *SMALL, "--out", "run"])
    dead = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    done = subprocess.run(
        [sys.executable, "-m", "ganbook", "evaluate", "run", "--extractor", "inception", "--num", "100"],
        env=os.environ | dead | {"TORCH_HOME": str(tmp_path / "torch"), "no_proxy": "", "NO_PROXY": ""},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("ganbook evaluate: inception: its weights are not in ")
    assert "Put weights-inception-2015-12-05-6726825d.pth there" in line
    assert not list((tmp_path / "torch").rglob("*.pth"))


def test_help(capsys):
    with pytest.raises(SystemExit) as exit:
        main(["evaluate", "--help"])
    assert exit.value.code == 0
    out = capsys.readouterr().out
    assert "usage: ganbook evaluate" in out
    for name in METRICS:
        assert name in out
