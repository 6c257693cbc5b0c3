"""The main job from Python: started, taken up again, refused in one line."""

import json

import pytest
import torch

import ganbook as gb
from ganbook import recipes
from ganbook.errors import UserError
from ganbook.training import checkpoint

FEW = {"steps": 3, "limit": 64, "batch_size": 8, "model.hidden": 8, "log_every": 1, "device": "cpu"}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def weights(experiment):
    return torch.cat([p.flatten() for p in experiment.trainer.generator.parameters()]).detach()


def test_start_and_resume_are_one_run(tmp_path, capsys):
    ready = []
    first = recipes.start(
        "mlp-digits",
        tmp_path / "a",
        changes=FEW,
        progress=False,
        announce=lambda e: ready.append(e.trainer.step),
    )
    assert ready == [0]
    assert (first.trainer.step, first.out) == (3, tmp_path / "a")
    assert recipes.load(str(tmp_path / "a" / "recipe.toml")).config() == first.recipe.config()
    second = recipes.resume(tmp_path / "a", changes={"steps": 6}, progress=False)
    assert second.trainer.step == 6
    whole = recipes.start("mlp-digits", tmp_path / "b", changes=FEW | {"steps": 6}, progress=False)
    assert torch.equal(weights(second), weights(whole))
    summary = json.loads((tmp_path / "a" / "summary.json").read_text())
    assert summary == json.loads(json.dumps(second.summary()))
    assert (tmp_path / "a" / summary["samples"]).is_file()
    assert checkpoint.verify(tmp_path / "a" / summary["checkpoint"]) is None
    assert capsys.readouterr().out == ""  # printing is the command's


def test_new_runs_get_a_folder_of_their_own_and_the_newest_is_resumed():
    for number in (1, 2):
        experiment = recipes.start("mlp-digits", changes=FEW, progress=False)
        assert str(experiment.out) == f"runs/mlp-digits-00{number}"
    assert str(recipes.resume(changes={"steps": 4}, progress=False).out) == "runs/mlp-digits-002"


def test_a_recipe_of_ones_own_and_a_time_limit(tmp_path):
    train = {"batch_size": 8, "device": "cpu"}
    recipe = recipes.Recipe("mine", "", {"name": "ring", "limit": 100}, {"family": "mlp", "hidden": 8}, train)
    experiment = recipes.start(recipe, tmp_path / "a", seconds=0.2, progress=False)
    assert experiment.trainer.step >= 1
    assert experiment.command_to_resume(0.2).endswith("--seconds 0.2")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"recipe": "dcgna"}, "unknown recipe 'dcgna'; did you mean 'dcgan'"),
        ({"changes": {"batch": 3}}, "unknown key 'batch'"),
        ({"changes": {"data.name": "minst"}}, "unknown data set 'minst'"),
        ({"seconds": 0}, "seconds=0: it must be a number above 0"),
        ({"out": "taken"}, "it holds another run"),
    ],
)
def test_what_cannot_be_started(arguments, message, tmp_path):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "recipe.toml").write_text("x")
    with pytest.raises(UserError, match=message):
        recipes.start(**{"recipe": "mlp-digits", "progress": False, **arguments})


def test_what_cannot_be_resumed(tmp_path):
    with pytest.raises(UserError, match="there is no run under runs/"):
        recipes.resume()
    with pytest.raises(UserError, match=r"holds no run \(no recipe.toml\)"):
        recipes.resume(tmp_path)
    recipes.start("mlp-digits", tmp_path / "a", changes=FEW, progress=False)
    for arguments, message in (
        ({}, "it has done 3 of 3 steps; name a larger --steps"),
        ({"recipe": "dcgan"}, "is a run of the recipe 'mlp-digits', not 'dcgan'"),
        ({"changes": {"limit": 32, "steps": 9}}, r"another run \(data.limit 64 -> 32\)"),
        ({"changes": {"batch_size": 4, "steps": 9}}, r"batch_size 8 -> 4.*--override"),
    ):
        with pytest.raises(UserError, match=message):
            recipes.resume(tmp_path / "a", progress=False, **arguments)
    changes = {"batch_size": 4, "steps": 5}
    forced = recipes.resume(tmp_path / "a", changes=changes, override=True, progress=False)
    assert forced.trainer.step == 5
    assert "batch_size 8 -> 4" in gb.Trainer.load(tmp_path / "a").info["overridden"][0]
