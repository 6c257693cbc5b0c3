"""A run is opened once, by its folder or a checkpoint in it, with one set of words for what can be wrong."""

import shutil

import pytest
import torch

import ganbook as gb
from ganbook.cli import main
from ganbook.errors import CheckpointError, UserError
from ganbook.evaluation import evaluate
from ganbook.runs import Run
from ganbook.training import load_generator

FEW = {"steps": 4, "limit": 64, "batch_size": 8, "log_every": 1, "checkpoint_every": 2, "device": "cpu"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run of the command, with checkpoints of steps 2 and 4."""
    out = tmp_path_factory.mktemp("runs") / "mine"
    gb.recipes.start("mlp-digits", out, changes={**FEW, "model.hidden": 8}, progress=False)
    return out


@pytest.fixture
def run(made, tmp_path):
    shutil.copytree(made, tmp_path / "mine")
    return tmp_path / "mine"


def test_what_a_run_knows(run):
    opened = Run.open(run)
    assert (opened.path, opened.folder, opened.step) == (run, run, 4)
    assert opened.recipe.name == "mlp-digits"
    assert opened.recipe.config().batch_size == 8
    assert opened.history["step"] == [1, 2, 3, 4]
    assert [path.name for path in opened.checkpoints] == ["step-00000004", "step-00000002"]
    assert opened.data_spec == {"name": "digits", "split": "train", "limit": 64}
    assert opened.generator() is opened.generator()
    assert not opened.generator().training
    assert torch.equal(opened.sample(3, seed=2), gb.Trainer.load(run).sample(3, seed=2))


def test_a_checkpoint_in_it_is_seen_from_there(run):
    early = Run.open(run / "checkpoints" / "step-00000002")
    assert (early.step, early.folder) == (2, run)
    assert early.history["step"] == [1, 2]
    assert len(early.checkpoints) == 2
    assert not torch.equal(early.sample(3), Run.open(run).sample(3))


def test_the_log_of_a_run_is_not_cut_by_looking_at_an_early_checkpoint(run):
    before = (run / "metrics.jsonl").read_text()
    assert gb.Trainer.load(run / "checkpoints" / "step-00000002").step == 2
    assert (run / "metrics.jsonl").read_text() == before


def test_samples_never_go_into_a_checkpoint(run, capsys):
    """They did, and the next clean-up deleted them with it."""
    folder = run / "checkpoints" / "step-00000004"
    before = sorted(path.name for path in folder.iterdir())
    assert main(["sample", str(folder), "--num", "9"]) == 0
    assert str(run / "grid-9-0-step-00000004.png") in capsys.readouterr().out
    assert (run / "grid-9-0-step-00000004.png").is_file()
    assert sorted(path.name for path in folder.iterdir()) == before
    assert Run.open(run).save_samples(num=9, seed=1) == run / "grid-9-1.png"


def test_a_checkpoint_that_stands_by_itself(run, tmp_path):
    trainer = gb.Trainer.load(run)
    trainer.out = None
    trainer.save(tmp_path / "kept")
    alone = Run.open(tmp_path / "kept")
    assert alone.folder is None
    assert alone.history["step"] == [1, 2, 3, 4]
    assert alone.checkpoints == [tmp_path / "kept"]
    assert alone.save_samples(num=4) == tmp_path / "grid-4-0-kept.png"
    with pytest.raises(UserError, match=r"it has no recipe\.toml"):
        _ = alone.recipe


DOORS = {
    "Run.open": Run.open,
    "Trainer.load": gb.Trainer.load,
    "load_generator": load_generator,
    "evaluate": lambda path: evaluate([path], ["fid"], progress=False),
}


@pytest.mark.parametrize("door", DOORS)
def test_what_can_be_wrong_is_said_in_the_same_words_at_every_door(door, run, tmp_path, capsys):
    def words(path):
        with pytest.raises(CheckpointError) as error:
            DOORS[door](path)
        return str(error.value)

    assert words(tmp_path / "nothing") == f"{tmp_path / 'nothing'}: there is no such run or checkpoint"
    (tmp_path / "file").write_text("x")
    assert words(tmp_path / "file") == f"{tmp_path / 'file'}: there is no such run or checkpoint"
    (tmp_path / "empty").mkdir()
    assert words(tmp_path / "empty") == f"{tmp_path / 'empty'}: it holds no checkpoint that can be loaded"
    checkpoints = sorted((run / "checkpoints").iterdir())
    (checkpoints[1] / "manifest.json").unlink()
    whole = f"checkpoint {checkpoints[1]}: manifest.json is missing"
    assert words(checkpoints[1]) == whole
    (checkpoints[0] / "ema.safetensors").write_bytes(b"x")
    assert words(run) == (
        f"{run}: it holds no checkpoint that can be loaded; "
        "checkpoint step-00000004 passed over: manifest.json is missing; "
        "checkpoint step-00000002 passed over: ema.safetensors is damaged (its checksum does not match)"
    )


def test_a_damaged_newest_checkpoint_is_passed_over_with_a_notice(run, capsys):
    (run / "checkpoints" / "step-00000004" / "ema.safetensors").write_bytes(b"x")
    assert Run.open(run).step == 2
    assert (
        "Notice: checkpoint step-00000004 passed over: ema.safetensors is damaged" in capsys.readouterr().out
    )


def test_bad_arguments(run, tmp_path):
    opened = Run.open(run)
    for arguments, message in (
        ({"num": 0}, "num=0: it must be a whole number, at least 1"),
        ({"seed": -1}, "seed=-1"),
        ({"out": tmp_path / "x.jpg"}, "it takes a file name that ends in .png"),
        ({"out": tmp_path / "nowhere" / "x.png"}, "it cannot be written"),
        ({"labels": 3}, "labels: this generator is not conditional"),
    ):
        with pytest.raises(UserError, match=message):
            opened.save_samples(**arguments)
    with pytest.raises(UserError, match="this run is not conditional"):
        opened.label("3")
