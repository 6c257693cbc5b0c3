"""The command line as its users meet it: what works, and one clear line for what does not."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
import torch
from PIL import Image

from ganbook import models
from ganbook.cli import main
from ganbook.errors import UserError
from ganbook.training import Trainer

SMALL = ["mlp-digits", "--device", "cpu", "--set", "hidden=16", "--set", "latent_dim=4"]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GANBOOK_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def fails(capsys, *arguments):
    """Run a command that must fail; return its one line on stderr."""
    capsys.readouterr()
    try:
        code = main([str(a) for a in arguments])
    except SystemExit as exit:  # argparse's own way out
        code = exit.code
    error = capsys.readouterr().err
    assert code == 2
    lines = [line for line in error.split("\n") if line and "steps/s" not in line and "%|" not in line]
    assert len(lines) == 1, error
    assert lines[0].startswith("ganbook")
    return lines[0]


def test_train_sample_and_resume(tmp_path, capsys):
    assert main(["train", *SMALL, "--steps", "40", "--seed", "3"]) == 0
    out = capsys.readouterr()
    run = tmp_path / "runs" / "mlp-digits-001"
    assert f"samples:  {run.relative_to(tmp_path)}/samples/step-00000040.png" in out.out
    assert "ganbook sample runs/mlp-digits-001" in out.out
    assert "steps/s" in out.err
    assert "D loss" in out.err
    assert "G loss" in out.err

    recipe = tomllib.loads((run / "recipe.toml").read_text())
    assert recipe["train"]["seed"] == 3
    chosen = {"family": "mlp", "latent_dim": 4, "hidden": 16, "layers": 2}
    assert recipe["model"] == models.options("mlp") | chosen  # every option is written out
    assert recipe["made_with"]["device"] == "cpu"
    assert recipe["made_with"]["torch"]
    summary = json.loads((run / "summary.json").read_text())
    assert (summary["steps"], summary["interrupted"]) == (40, False)
    assert (run / summary["samples"]).is_file()
    assert (run / summary["checkpoint"]).is_dir()

    assert main(["sample", str(run), "--num", "9", "--seed", "1"]) == 0
    with Image.open(run / "grid-9-1.png") as picture:
        assert picture.size == (3 * 48 + 2 * 2, 3 * 48 + 2 * 2)

    assert main(["train", "--resume", "--steps", "60"]) == 0  # the newest run under runs/
    assert json.loads((run / "summary.json").read_text())["steps"] == 60
    steps = [json.loads(line)["step"] for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert steps == sorted(set(steps))
    assert steps[-1] == 60


def test_a_run_that_was_cut_off_goes_on_to_where_it_was_going(tmp_path, capsys, monkeypatch):
    """The command that is printed works as it stands, past the recipe's own number of steps too."""
    from ganbook.training import Trainer

    step = Trainer.train_step

    def cut(trainer):
        if trainer.step == 7:
            signal.raise_signal(signal.SIGINT)
        return step(trainer)

    monkeypatch.setattr(Trainer, "train_step", cut)
    assert main(["train", *SMALL, "--set", "train.steps=5", "--steps", "12", "--out", "run"]) == 0
    (command,) = [line for line in capsys.readouterr().out.splitlines() if "resume:" in line]
    assert main(command.split("ganbook ")[1].split()) == 0
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert (summary["steps"], summary["interrupted"]) == (12, False)

    assert main(["train", *SMALL, "--seconds", "30", "--out", "timed"]) == 0  # cut at step 7 as well
    assert "resume:   ganbook train --resume --out timed --seconds 30\n" in capsys.readouterr().out


def test_a_run_is_repeated_from_its_own_recipe():
    assert main(["train", *SMALL, "--steps", "20", "--out", "a"]) == 0
    assert main(["train", "a/recipe.toml", "--steps", "20", "--out", "b"]) == 0
    for name in ("generator", "ema", "discriminator_optimizer"):
        path = f"checkpoints/step-00000020/{name}.safetensors"
        with open(f"a/{path}", "rb") as one, open(f"b/{path}", "rb") as two:
            assert one.read() == two.read()


def test_every_new_run_gets_a_folder_of_its_own(tmp_path):
    for _ in range(2):
        assert main(["train", *SMALL, "--steps", "1"]) == 0
    assert [p.name for p in sorted((tmp_path / "runs").iterdir())] == ["mlp-digits-001", "mlp-digits-002"]


def test_lists(capsys):
    assert main(["recipes"]) == 0
    assert capsys.readouterr().out.startswith("portraits ")
    assert main(["datasets"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("digits") and "embedded" in line for line in lines)
    assert any(line.startswith("mnist") and "would be downloaded" in line for line in lines)


@pytest.mark.parametrize("command", [[], ["train"], ["sample"], ["recipes"], ["datasets"]])
def test_help(command, capsys):
    with pytest.raises(SystemExit) as exit:
        main([*command, "--help"])
    assert exit.value.code == 0
    assert "usage: ganbook" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ([], ["COMMAND"]),
        (["trian"], ["trian"]),
        (["train", "dcgn"], ["unknown recipe 'dcgn'", "did you mean 'dcgan'"]),
        (["train", "--dataset", "minst"], ["unknown data set 'minst'", "did you mean 'mnist'"]),
        (["train", "--steps", "0"], ["--steps", "'0'", "a whole number from 1 to"]),
        (["train", "--steps", "ten"], ["'ten' is not a whole number"]),
        (["train", "--seconds", "-5"], ["'-5' is not a number above 0"]),
        (["train", "--steps", "5", "--seconds", "5"], ["not allowed with"]),
        (["train", "--seed", "-1"], ["--seed"]),
        (["train", "--device", "tpu"], ["--device", "tpu"]),
        (["train", "--set", "batch_size"], ["--set batch_size", "KEY=VALUE"]),
        (["train", "--set", "bath_size=3"], ["unknown key 'bath_size'", "'train.batch_size'"]),
        (["train", "--set", "batch_size=much"], ["batch_size='much'", "whole number"]),
        (["train", "--set", "batch_size=100000"], ["batch_size=100000", "20000"]),
        (["train", "--set", "generator_lr=-1"], ["generator_lr=-1", "above 0"]),
        (["train", "--set", "image_size=8"], ["8x8 pixels do not fit", "16, 28, 32, 64 or 128"]),
        (["train", "--dataset", "mnist", "--data-dir", "nowhere"], ["nowhere does not exist"]),
        (["train", "--dataset", "glyphs", "--set", "image_size=big"], ["image_size='big'"]),
        (["train", "--dataset", "ring", "--set", "channels=[1]"], ["channels=[1]"]),
        (["train", "--set", "data.name=[1]"], ["name=[1]", "text"]),
        (["train", "--set", "family=[1]"], ["family=[1]", "text"]),
        (["train", "--set", "data_dir=3"], ["data_dir=3", "text"]),
        (["train", "--set", "loss=[1]"], ["unknown loss [1]"]),
        (["train", "--resume"], ["no run under runs"]),
        (["train", "--resume", "--out", "nothing"], ["nothing holds no run"]),
        (["sample", "nothing"], ["nothing: there is no such run"]),
        (["sample", ".", "--num", "0"], ["--num", "'0'"]),
        (["sample", "."], ["no checkpoint that can be loaded"]),
        (["sample", ".", "--out", "grid.jpg"], ["--out grid.jpg", "ends in .png"]),
        (["datasets", "--data-dir", "nowhere"], ["nowhere", "no such folder"]),
    ],
)
def test_mistakes_get_one_line(arguments, parts, capsys, tmp_path):
    error = fails(capsys, *arguments)
    for part in parts:
        assert part in error
    assert not (tmp_path / "runs").exists()  # nothing was begun


def test_another_run_is_not_overwritten(capsys, tmp_path):
    main(["train", *SMALL, "--steps", "2", "--out", "run"])
    before = {p: p.read_bytes() for p in (tmp_path / "run").rglob("*") if p.is_file()}
    error = fails(capsys, "train", *SMALL, "--steps", "2", "--out", "run")
    assert "holds another run" in error
    assert "--resume --out run" in error
    assert before == {p: p.read_bytes() for p in (tmp_path / "run").rglob("*") if p.is_file()}


def test_out_is_a_file(capsys, tmp_path):
    (tmp_path / "file").write_text("mine")
    assert "it is a file" in fails(capsys, "train", *SMALL, "--out", "file")
    assert (tmp_path / "file").read_text() == "mine"
    assert "cannot be written" in fails(capsys, "train", *SMALL, "--out", "file/run")


def test_resuming_another_run_is_refused_with_a_list(capsys):
    main(["train", *SMALL, "--steps", "2", "--out", "run"])
    again = ["train", "--resume", "--out", "run", "--steps", "4"]
    assert "batch_size 64 -> 32" in fails(capsys, *again, "--set", "batch_size=32")
    assert "seed 0 -> 1" in fails(capsys, *again, "--seed", "1")
    assert "model.hidden 16 -> 8" in fails(capsys, *again, "--set", "hidden=8")
    assert "data.name 'digits' -> 'mnist'" in fails(capsys, *again, "--dataset", "mnist")
    assert "not 'dcgan'" in fails(capsys, "train", "dcgan", *again[1:])
    assert "it has done 2 of 2 steps" in fails(capsys, "train", "--resume", "--out", "run", "--steps", "2")
    assert main(again) == 0


def test_damaged_checkpoints_are_named(capsys, tmp_path):
    main(["train", *SMALL, "--steps", "2", "--out", "run"])

    def damage(step):
        path = tmp_path / "run" / "checkpoints" / f"step-{step:08d}" / "ema.safetensors"
        path.write_bytes(path.read_bytes()[:-10])

    damage(2)  # the one before it is used, and that is said
    assert main(["sample", "run"]) == 0
    out = capsys.readouterr().out
    assert "step-00000002 passed over: ema.safetensors is damaged" in out
    assert "samples of step 0" in out
    damage(0)
    for command in (["sample", "run"], ["train", "--resume", "--out", "run", "--steps", "4"]):
        assert "ema.safetensors is damaged" in fails(capsys, *command)


def test_the_picture_cannot_be_written(capsys):
    main(["train", *SMALL, "--steps", "2", "--out", "run"])
    assert "--out nowhere/x.png: it cannot be written" in fails(
        capsys, "sample", "run", "--out", "nowhere/x.png"
    )


def test_a_full_disk_ends_in_one_line_and_keeps_what_there_was(capsys, monkeypatch, tmp_path):
    from ganbook.support import tensors

    real = tensors.save_file
    main(["train", *SMALL, "--steps", "2", "--out", "run"])

    def full(tensors, path):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(tensors, "save_file", full)
    error = fails(capsys, "train", "--resume", "--out", "run", "--steps", "4")
    assert "No space left on device" in error
    assert "ganbook train --resume --out run" in error
    monkeypatch.setattr(tensors, "save_file", real)
    assert main(["train", "--resume", "--out", "run", "--steps", "4"]) == 0


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_no_permission(capsys, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    assert "cannot be written" in fails(capsys, "train", *SMALL, "--out", "locked/run")


def test_a_folder_on_a_read_only_place(capsys):
    if not os.path.isdir("/proc"):
        pytest.skip("no /proc here")
    assert "cannot be written" in fails(capsys, "train", *SMALL, "--out", "/proc/ganbook-run")


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_keeps_what_was_done_and_says_how_to_resume(number, tmp_path):
    command = [sys.executable, "-m", "ganbook", "train", *SMALL, "--steps", "1000000", "--out", "run"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    log = tmp_path / "run" / "metrics.jsonl"
    deadline = time.monotonic() + 120
    while not (log.exists() and log.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    out, error = process.communicate(timeout=60)
    assert process.returncode == 0, error
    assert "Stopped after" in out
    assert "resume:   ganbook train --resume --out run\n" in out
    assert tomllib.loads((tmp_path / "run" / "recipe.toml").read_text())["train"]["steps"] == 1_000_000
    assert "Traceback" not in error
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["interrupted"] is True
    assert main(["train", "--resume", "--out", "run", "--steps", str(summary["steps"] + 3)]) == 0


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        ("hidden=1_000_000_000_000", "hidden=1000000000000: it must be a whole number from 1 to 65536"),
        ("latent_dim=70_000", "latent_dim=70000"),
        ("layers=100_000", "layers=100000: it must be a whole number from 1 to 100"),
        ("weight_clip=1e308", "weight_clip=1e+308"),
        (f"instance_noise={'9' * 400}", "instance_noise="),
        ("batch_size=100_000_000_000", "batch_size=100000000000: it must be from 1 to the number of samples"),
    ],
)
def test_absurd_settings_get_one_line(change, answer, capsys):
    assert answer in fails(capsys, "train", *SMALL, "--out", "run", "--set", change, "--set", "log_every=1")


def test_a_whole_number_where_a_fraction_is_wanted_is_one(capsys):
    assert main(["train", *SMALL, "--steps", "2", "--set", f"gradient_penalty={'9' * 25}"]) == 0


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99999999999 bytes."),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 93.13 GiB."),
    ],
)
def test_too_little_memory_is_said_in_one_line(error, capsys, monkeypatch):
    def refuse(*_, **__):
        raise error

    monkeypatch.setattr("ganbook.recipes.start", refuse)
    said = fails(capsys, "train", *SMALL)
    assert said.startswith("ganbook train: out of memory")
    assert ("93" in said) == (type(error) is not MemoryError)
    monkeypatch.setattr(
        "ganbook.recipes.start", lambda *_, **__: (_ for _ in ()).throw(RuntimeError("a bug"))
    )
    with pytest.raises(RuntimeError, match="a bug"):
        main(["train", *SMALL])


def test_the_installed_command_is_there():
    assert shutil.which("ganbook", path=os.path.dirname(sys.executable))


def test_points_are_trained_on_and_drawn_too(tmp_path):
    small = ["--device", "cpu", "--set", "hidden=16", "--set", "data.limit=2000", "--steps", "20"]
    assert main(["train", "mlp-ring", *small, "--out", "run"]) == 0
    with Image.open(tmp_path / "run" / "samples" / "step-00000020.png") as picture:
        assert picture.size == (500, 500)
    assert main(["sample", "run", "--num", "50"]) == 0
    assert main(["train", "--resume", "--out", "run", "--steps", "25"]) == 0


def test_a_run_killed_before_its_first_checkpoint_begins_again(tmp_path, capsys):
    assert main(["train", *SMALL, "--steps", "4", "--out", "whole"]) == 0
    assert main(["train", *SMALL, "--steps", "4", "--out", "killed"]) == 0
    shutil.rmtree("killed/checkpoints")  # only recipe.toml had been written, and the first samples
    os.remove("killed/summary.json")
    os.remove("killed/metrics.jsonl")
    assert main(["train", "--resume", "--out", "killed"]) == 0
    losses = [
        [json.loads(line)["generator_loss"] for line in Path(run, "metrics.jsonl").read_text().splitlines()]
        for run in ("whole", "killed")
    ]
    assert losses[0] == losses[1]


def files_of(folder):
    """All that is in a folder: contents, and when they were changed."""
    return {
        path: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in Path(folder).rglob("*")
        if path.is_file()
    }


def test_a_run_whose_checkpoints_are_gone_is_refused_and_its_log_stays(capsys):
    assert main(["train", *SMALL, "--steps", "4", "--out", "run"]) == 0
    os.rename("run/checkpoints", "elsewhere")
    before = files_of("run")
    again = ("train", "--resume", "--out", "run", "--steps", "6")
    assert "run: its checkpoints are gone, but it has trained" in fails(capsys, *again)
    os.remove("run/summary.json")
    assert "nothing was changed. Put run/checkpoints back" in fails(capsys, *again)
    os.symlink("unmounted", "run/checkpoints")
    assert "a link to unmounted, which is not there" in fails(capsys, *again)
    os.remove("run/checkpoints")
    assert files_of("run") == {k: v for k, v in before.items() if k.name != "summary.json"}
    os.rename("elsewhere", "run/checkpoints")
    assert main(list(again)) == 0


def test_a_refused_resume_changes_nothing(capsys):
    assert main(["train", *SMALL, "--steps", "4", "--out", "run"]) == 0
    before = files_of("run")
    for finished in (True, False):
        if not finished:  # as if it had been killed just before its end
            os.remove("run/summary.json")
            before = files_of("run")
        for steps in ("2", "3"):
            error = fails(capsys, "train", "--resume", "--out", "run", "--steps", steps)
            assert f"it has done 4 of {steps} steps" in error
        fails(capsys, "train", "--resume", "--out", "run", "--steps", "9", "--set", "hidden=3")
        fails(capsys, "train", "--resume", "--out", "run", "--steps", "9", "--set", "generator_lr=1.0")
        assert files_of("run") == before
    assert main(["train", "--resume", "--out", "run"]) == 0  # its end is written now


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_of_two_that_train_in_one_folder_the_second_is_refused(tmp_path, capsys):
    command = [sys.executable, "-m", "ganbook", "train", *SMALL, "--steps", "1000000", "--out", "run"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while not (tmp_path / "run" / "metrics.jsonl").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        recipe = (tmp_path / "run" / "recipe.toml").read_bytes()
        busy = f"another process is training there (process {process.pid} on "
        assert busy in fails(capsys, "train", "--resume", "--out", "run", "--steps", "9")
        assert "it holds another run" in fails(capsys, "train", *SMALL, "--seed", "7", "--out", "run")
        trainer = Trainer.load("run")
        with pytest.raises(UserError, match=r"run: another process is training there"):
            trainer.fit(steps=1, progress=False)
        assert (tmp_path / "run" / "recipe.toml").read_bytes() == recipe
    finally:
        process.kill()
        process.wait()
    assert main(["train", "--resume", "--out", "run", "--seconds", "0.01"]) == 0  # nothing stale is left
    steps = [json.loads(line)["step"] for line in Path("run/metrics.jsonl").read_text().splitlines()]
    assert steps == sorted(set(steps))
    assert not Path("run/.lock").exists()


@pytest.mark.parametrize(
    "damage", [b"\xff\xfe\n", b"{}\n", b"[]\n", b"3\n", b'{"step": "x"}\n', b"[" * 10_000]
)
def test_a_damaged_log_ends_at_the_damage_with_a_notice(damage, capsys):
    assert main(["train", *SMALL, "--steps", "4", "--set", "log_every=1", "--out", "run"]) == 0
    log = Path("run/metrics.jsonl")
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join([*lines[:2], damage, *lines[2:]]))
    capsys.readouterr()
    assert main(["train", "--resume", "--out", "run", "--steps", "6"]) == 0
    assert "run/metrics.jsonl, line 3: it is damaged" in capsys.readouterr().out
    assert [json.loads(line)["step"] for line in log.read_text().splitlines()] == [1, 2, 5, 6]


def test_a_run_killed_while_its_only_checkpoint_gave_way_is_not_begun_again(tmp_path, capsys):
    assert main(["train", *SMALL, "--steps", "4", "--out", "run", "--set", "keep_last=1"]) == 0
    os.rename("run/checkpoints/step-00000004", "run/checkpoints/.step-00000004.123.old")
    before = Path("run/metrics.jsonl").read_text()
    assert main(["train", "--resume", "--out", "run", "--steps", "6"]) == 0
    assert Path("run/metrics.jsonl").read_text().startswith(before)  # with its times: not run a second time
    assert json.loads(Path("run/summary.json").read_text())["steps"] == 6
    assert (tmp_path / "run" / "checkpoints" / "step-00000006").is_dir()


def test_a_run_killed_between_its_last_checkpoint_and_its_summary_is_done(tmp_path, capsys):
    assert main(["train", *SMALL, "--steps", "4", "--out", "run"]) == 0
    os.remove("run/summary.json")
    assert main(["train", "--resume", "--out", "run"]) == 0
    assert json.loads(Path("run/summary.json").read_text())["steps"] == 4
    assert main(["train", "--resume", "--out", "run"]) == 2  # now there is nothing left to do


def test_other_settings_are_refused_unless_overridden(tmp_path, capsys):
    assert main(["train", *SMALL, "--steps", "4", "--out", "run"]) == 0
    again = ["train", "--resume", "--out", "run", "--steps", "6", "--set", "generator_lr=1e-5"]
    assert main(again) == 2
    assert "generator_lr 0.0002 -> 1e-05" in capsys.readouterr().err
    assert main([*again, "--override"]) == 0
    assert main(["train", "--override", "--out", "other"]) == 2
    assert "--override: it goes with --resume" in capsys.readouterr().err


def test_a_conditional_run_is_sampled_by_class(tmp_path, capsys):
    small = [
        "--set",
        "data.name=digits",
        "--set",
        "data.limit=64",
        "--set",
        "width=4",
        "--set",
        "batch_size=8",
    ]
    small += ["--set", "generator_lr=0.05"]  # so that a few steps show
    assert main(["train", "cgan", *small, "--device", "cpu", "--steps", "10", "--out", "run"]) == 0
    for label in ("3", "0"):
        assert main(["sample", "run", "--num", "4", "--label", label, "--out", f"{label}.png"]) == 0
    with Image.open("3.png") as three, Image.open("0.png") as zero:
        assert three.tobytes() != zero.tobytes()
    for label in ("10", "-1", "three"):
        assert main(["sample", "run", f"--label={label}"]) == 2
        assert "it takes a number from 0 to 9, or one of 0, 1," in capsys.readouterr().err


def test_a_folder_named_from_here_is_found_from_elsewhere(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("GANBOOK_CACHE", str(tmp_path / "cache"))
    (tmp_path / "my photos").mkdir()
    for number in range(8):
        Image.new("RGB", (64, 64), (number, 0, 0)).save(tmp_path / "my photos" / f"{number}.png")
    small = ["--set", "batch_size=4", "--set", "width=4", "--device", "cpu"]
    assert main(["train", "dcgan-64", "--dataset", "folder:my photos", *small, "--steps", "1"]) == 0
    assert (tmp_path / "runs" / "dcgan-64-folder-my-photos-001").is_dir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    run = "../runs/dcgan-64-folder-my-photos-001"
    assert main(["train", "--resume", "--out", run, "--steps", "2"]) == 0


def test_a_reader_who_goes_away_is_no_error():
    command = f"{sys.executable} -m ganbook recipes | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert done.stdout.startswith("portraits ")
    assert done.stderr == ""


def test_the_list_of_recipes_says_what_was_measured(capsys):
    assert main(["recipes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("portraits ")
    assert sum("measured on 2 cores: " in line for line in lines) == len(lines) // 3
