"""`ganbook doctor` as its users meet it: on tiny runs, damaged ones, and folders that are none."""

import json
import shutil
from pathlib import Path

import pytest
import torch

import ganbook as gb
from ganbook.cli import main
from ganbook.diagnostics.doctor import gather
from ganbook.diagnostics.doctor.confirm import TESTS
from ganbook.errors import DivergedError
from ganbook.runs import Run

STORED = Path(__file__).parent.parent / "stored" / "version_0_1"


def train(out, steps=120, model=None, data=None, **settings):
    """Train a small pair on the ring."""
    torch.manual_seed(0)
    data = data or gb.load_dataset("ring", limit=600)
    generator, discriminator = gb.models.mlp(data.shape, **{"latent_dim": 2, "hidden": 8, **(model or {})})
    config = gb.TrainConfig(**{
        "batch_size": 16, "steps": steps, "log_every": 5, "checkpoint_every": 100, "sample_every": 1000,
        "device": "cpu", **settings,
    })  # fmt: skip
    trainer = gb.Trainer(generator, discriminator, data, config, out)
    trainer.fit(progress=False)
    return trainer


@pytest.fixture(scope="module")
def won(tmp_path_factory):
    """Return a run whose discriminator has won: the generator hardly moves."""
    out = tmp_path_factory.mktemp("runs") / "won"
    train(out, 200, {"hidden": 32}, generator_lr=1e-8, discriminator_lr=2e-2)
    return out


@pytest.fixture
def copied(won, tmp_path):
    """Return a copy of that run, to be damaged."""
    return Path(shutil.copytree(won, tmp_path / "run"))


def call(capsys, *arguments):
    """Run the command; return its exit code, and what it printed."""
    capsys.readouterr()
    code = main(["doctor", *map(str, arguments)])
    return code, capsys.readouterr()


def test_a_disorder_is_exit_code_1_and_everything_is_said(won, capsys):
    code, printed = call(capsys, won)
    assert code == 1
    assert printed.out.startswith("doctor: 1 error")
    for text in ("ERROR: d-has-won (sure)", "Seen: since step", "To confirm: ", "1. ", "#d-has-won"):
        assert text in printed.out


def test_json_is_nothing_but_json(won, capsys):
    code, printed = call(capsys, won, "--json")
    report = json.loads(printed.out)
    assert code == 1
    assert report["ok"] is False
    (finding,) = report["findings"]
    assert finding["name"] == "d-has-won"
    assert len(finding["advice"]) > 2
    names = {finding["name"], *report["passed"], *report["not_made"]}
    assert set(gb.diagnostics.DISORDERS) <= names


def test_the_confirming_test_says_what_it_found(won, capsys):
    before = sorted((p, p.stat().st_mtime_ns) for p in won.rglob("*"))
    state = torch.get_rng_state()
    _, printed = call(capsys, won, "--confirm")
    assert "Test: confirmed: G's gradient" in " ".join(printed.out.split())
    assert torch.equal(torch.get_rng_state(), state)
    assert sorted((p, p.stat().st_mtime_ns) for p in won.rglob("*")) == before


def test_every_test_runs(won):
    from ganbook.diagnostics.doctor.confirm import set_up
    from ganbook.diagnostics.doctor.subject import open_subject

    bench = set_up(open_subject(won), None, None, None)
    for test in set(TESTS.values()):
        answer = test(bench, lambda: None)
        assert answer.confirmed in (True, False)
        assert any(c.isdigit() for c in answer.numbers)


def test_a_run_a_folder_and_a_checkpoint_are_looked_at_alike(won):
    by_name = gb.diagnostics.doctor(won)
    assert str(gb.diagnostics.doctor(Run.open(won))) == str(by_name)
    assert "d-has-won" in gb.diagnostics.doctor(won / "checkpoints" / "step-00000200")


@pytest.mark.parametrize("name", ["ring", "digits"])
def test_runs_of_version_0_1_are_too_young_to_judge_and_said_to_be(name, tmp_path, capsys):
    shutil.copytree(STORED / name, tmp_path / name)
    code, printed = call(capsys, tmp_path / name)
    assert code == 0
    text = " ".join(printed.out.split())
    assert "the run has done 6 steps; before 100 nothing can be concluded" in text
    assert "the log has 4 records" in text


@pytest.mark.parametrize("case", ["nowhere", "a file", "empty", "other files", "nothing in it"])
def test_nothing_to_look_at_is_one_line_and_exit_code_2(case, tmp_path, capsys):
    path = tmp_path / "x"
    if case == "a file":
        path.write_text("")
    elif case != "nowhere":
        path.mkdir()
    if case == "other files":
        (path / "notes.txt").write_text("")
    if case == "nothing in it":
        (path / "metrics.jsonl").write_text("no JSON\n")
    code, printed = call(capsys, path)
    assert code == 2
    assert not printed.out
    assert printed.err.startswith(f"ganbook doctor: {path}: ")
    assert printed.err.count("\n") == 1


def test_without_checkpoints_the_log_is_judged(copied, capsys):
    shutil.rmtree(copied / "checkpoints")
    code, printed = call(capsys, copied)
    assert code == 1
    assert "d-has-won (likely)" in printed.out
    assert "no checkpoint" in printed.out


def test_without_a_log_the_samples_are_judged(copied):
    (copied / "metrics.jsonl").unlink()
    report = gb.diagnostics.doctor(copied)
    assert "0 records" in report.skipped["d-has-won"]
    assert not report.ok  # narrow samples, then


def test_three_records_and_no_checkpoint(copied, capsys):
    shutil.rmtree(copied / "checkpoints")
    lines = (copied / "metrics.jsonl").read_text().splitlines()
    (copied / "metrics.jsonl").write_text("\n".join(lines[:3]) + "\n")
    code, printed = call(capsys, copied)
    assert code == 0
    assert "3 records" in printed.out
    assert "0 checks passed" in printed.out


def test_damaged_lines_and_checkpoints_are_named(copied):
    path = copied / "metrics.jsonl"
    lines = path.read_text().splitlines()
    path.write_bytes("\n".join([*lines[:4], '{"step": 12', *lines[5:]]).encode() + b"\n\xff\xfe\n")
    (copied / "checkpoints" / "step-00000200" / "ema.safetensors").write_bytes(b"")
    report = gb.diagnostics.doctor(copied)
    assert "d-has-won" in report
    assert "2 lines are damaged in metrics.jsonl" in report.skipped["files"]
    assert "ema.safetensors is damaged" in report.skipped["files"]


def test_networks_and_data_of_ones_own(tmp_path):
    data = gb.data.PointDataset(torch.randn(500, 2))
    train(tmp_path / "own", data=data)
    report = gb.diagnostics.doctor(tmp_path / "own")
    assert "pass data=" in report.skipped["collapse"]
    report = gb.diagnostics.doctor(tmp_path / "own", data=data)
    assert report.skipped["g-memorises"] == "there are no held-out samples"
    assert "collapse" not in report.skipped


def test_a_run_that_stopped_by_itself_says_so_until_it_goes_on(tmp_path):
    with pytest.raises(DivergedError):
        train(tmp_path / "run", steps=3000, loss="wasserstein", generator_lr=1e30, discriminator_lr=1e30)
    assert (tmp_path / "run" / "diverged.json").is_file()
    report = gb.diagnostics.doctor(tmp_path / "run")
    assert report["divergence"].sure == "sure"
    assert "stopped by itself at step" in report["divergence"].evidence


def test_conditional_images_with_batchnorm(tmp_path, monkeypatch):
    monkeypatch.setattr(gather, "EARLY", 1)
    monkeypatch.setitem(gather.NUM, "images", 100)
    data = gb.load_dataset("digits", image_size=16, limit=200)
    torch.manual_seed(0)
    pair = gb.models.dcgan(data.shape, latent_dim=8, width=4, num_classes=10)
    config = gb.TrainConfig(batch_size=16, steps=8, log_every=1, device="cpu", checkpoint_every=4)
    gb.Trainer(*pair, data, config, tmp_path / "run").fit(progress=False)
    report = gb.diagnostics.doctor(tmp_path / "run", confirm=True)
    assert not {"d-has-won", "d-is-blind", "collapse", "d-memorises"} & set(report.skipped)


def test_a_run_says_what_goes_wrong_while_it_trains(tmp_path, capsys):
    trainer = train(tmp_path / "run", 200, {"hidden": 32}, generator_lr=1e-8, discriminator_lr=2e-2)
    assert list(trainer.watch.alarms) == ["d-has-won"]
    assert "D has won" not in capsys.readouterr().err  # without a progress bar nothing is said
    trainer = gb.Trainer.load(tmp_path / "run")
    trainer.fit(steps=150)
    assert capsys.readouterr().err.count("D has won since step 20") == 1
