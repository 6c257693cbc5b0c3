"""Runs that version 0.1 wrote load, are sampled, and go on as they would have."""

import json
import shutil
from pathlib import Path

import pytest
import torch

import ganbook as gb
from ganbook import recipes
from ganbook.cli import main
from ganbook.runs import Run

STORED = Path(__file__).parent.parent / "stored" / "version_0_1"
EIGHTH = {  # losses of step 8, as version 0.1 resumed; on another kind of processor the last digits differ
    "ring": (1.4331331253051758, 0.5347075462341309),
    "digits": (1.2220432758331299, 0.6851543188095093),
}


@pytest.fixture(params=EIGHTH)
def run(request, tmp_path):
    shutil.copytree(STORED / request.param, tmp_path / request.param)
    return tmp_path / request.param


def test_the_trainer_loads_every_part_and_goes_on(run):
    trainer = gb.Trainer.load(run)
    assert (trainer.step, len(trainer.records)) == (6, 4)
    # The same order of the data, latents, moments and weights as version 0.1 had, or the losses would differ.
    history = trainer.fit(steps=2, progress=False)
    assert history["discriminator_loss"][-1] == pytest.approx(EIGHTH[run.name][0], rel=1e-4)
    assert history["generator_loss"][-1] == pytest.approx(EIGHTH[run.name][1], rel=1e-4)
    lines = (run / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 4, 6, 8]
    moments = trainer.generator_optimizer.state.values()
    assert all(state["step"] == 8 for state in moments)


def test_it_is_opened_sampled_and_resumed_by_the_command(run, capsys):
    opened = Run.open(run)
    assert opened.step == 6
    assert opened.history["step"] == [1, 2, 4, 6]
    assert opened.recipe.name == {"ring": "mlp-ring", "digits": "cgan"}[run.name]
    assert torch.equal(opened.sample(5), gb.Trainer.load(run).sample(5))
    assert main(["sample", str(run), "--num", "20"]) == 0
    assert (run / "grid-20-0.png").is_file()
    assert main(["train", "--resume", "--out", str(run), "--steps", "7"]) == 0
    assert recipes.load(str(run / "recipe.toml")).config().steps == 7
    assert Run.open(run).step == 7


def test_what_it_saves_now_loads_again(run, tmp_path):
    trainer = gb.Trainer.load(run)
    trainer.save(tmp_path / "new")
    again = gb.Trainer.load(tmp_path / "new")
    for name, part in trainer.game.parts().items():
        if isinstance(part, torch.nn.Module):
            theirs = again.game.parts()[name].state_dict()
            assert all(torch.equal(value, theirs[key]) for key, value in part.state_dict().items())
