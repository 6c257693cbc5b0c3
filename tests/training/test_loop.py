"""The loop saves and restores whatever a game names, to the last bit; what it does not name is an error."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import nn

import ganbook as gb
from ganbook.errors import CheckpointError, UserError
from ganbook.training import Game, Loop, Results, checkpoint
from ganbook.training.ema import EMA
from ganbook.training.parts import numbers_of, tensors_of

sys.path.insert(0, str(Path(__file__).parent))
from toy_game import WithEncoder, make


def bits(loop):
    """Return all that a game consists of, as it would be saved; and the global random numbers."""
    own = loop.game.parts()
    tensors = {f"{n}.{key}": value.clone() for n, p in own.items() for key, value in tensors_of(p).items()}
    return tensors | {"torch": torch.get_rng_state()}, {n: numbers_of(p, n) for n, p in own.items()}


def assert_same(a, b):
    assert a[0].keys() == b[0].keys()
    assert not [key for key in a[0] if not torch.equal(a[0][key], b[0][key])]
    assert a[1] == b[1]


def test_a_game_of_three_networks_resumes_exactly(tmp_path):
    torch.manual_seed(1)
    whole = make(tmp_path / "whole")
    whole.fit(steps=9, progress=False)
    expected = bits(whole)

    torch.manual_seed(1)
    first = make(tmp_path / "parts")
    first.fit(steps=5, progress=False)
    torch.manual_seed(999)  # whatever happened in between
    second = make(seed=0)
    second.restore(tmp_path / "parts")
    assert second.step == 5
    second.fit(steps=4, progress=False)
    assert_same(bits(second), expected)
    assert [r["encoder_loss"] for r in second.records] == [r["encoder_loss"] for r in whole.records]
    assert sorted(p.name for p in (tmp_path / "parts" / "samples").iterdir())[-1] == "step-00000009.png"
    # The schedule has halved the encoder's rate three times, and it came back with it.
    assert second.game.optimizers["encoder"].param_groups[0]["lr"] == 1e-3 / 8


def test_a_game_killed_at_any_moment_ends_as_if_undisturbed(tmp_path):
    """As a process of its own, with SIGKILL five times, each time a little after a new checkpoint."""
    script = [sys.executable, str(Path(__file__).parent / "toy_game.py")]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    endings = []
    for kill in range(5):
        process = subprocess.Popen([*script, str(tmp_path / "run"), "160"], env=environment)
        seen = checkpoint.in_run(tmp_path / "run")[:1]
        while checkpoint.in_run(tmp_path / "run")[:1] == seen and process.poll() is None:
            time.sleep(0.002)
        time.sleep(0.007 * kill)  # just after it, and somewhere before the next one
        process.kill()
        endings.append(process.wait())
    # A fast machine may have done all steps before the last kill.
    assert endings[0] == -signal.SIGKILL
    assert set(endings) <= {-signal.SIGKILL, 0}
    for name in ("run", "whole"):
        subprocess.run([*script, str(tmp_path / name), "160"], check=True, env=environment, timeout=300)
    loops = [make() for _ in range(2)]
    for loop, name in zip(loops, ("whole", "run"), strict=True):
        loop.restore(tmp_path / name)
    assert loops[0].step == loops[1].step == 160
    whole, killed = (bits(loop) for loop in loops)
    assert_same(whole, killed)
    logs = []
    for name in ("whole", "run"):
        lines = [json.loads(x) for x in (tmp_path / name / "metrics.jsonl").read_text().splitlines()]
        logs.append([(r["step"], r["encoder_loss"]) for r in lines])
    assert logs[0] == logs[1]


class Forgetful(WithEncoder):
    """Holds more than it names."""

    def __init__(self, data, config, thing):
        super().__init__(data, config)
        self.things = thing

    def parts(self):
        return {name: part for name, part in super().parts().items() if name != "encoder"}


@pytest.mark.parametrize(
    ("thing", "name"),
    [
        (nn.Linear(2, 2), "things: it is a Linear"),
        ([1, nn.Linear(2, 2)], r"things\[1\]: it is a Linear"),
        ({"a": (nn.BatchNorm1d(2, affine=False),)}, r"things\['a'\]\[0\]: it is a BatchNorm1d"),
        (torch.optim.SGD(nn.Linear(2, 2).parameters(), 0.1), "things: it is a SGD"),
        (torch.Generator(), "things: it is a Generator"),
        (EMA(nn.Linear(2, 2), 0.9), "things: it is a EMA"),
        (None, "encoder: it is a Sequential"),
    ],
    ids=["network", "list", "nested", "optimiser", "random", "average", "encoder"],
)
def test_what_a_game_holds_and_does_not_name_is_an_error_before_the_first_step(tmp_path, thing, name):
    data = gb.load_dataset("digits", limit=100)
    game = Forgetful(data, gb.TrainConfig(batch_size=8, device="cpu"), thing)
    if thing is not None:
        game.parts = lambda: WithEncoder.parts(game)
    loop = Loop(game, tmp_path / "run")
    for start in (
        lambda: loop.fit(steps=1, progress=False),
        loop.train_step,
        lambda: loop.save(tmp_path / "x"),
    ):
        with pytest.raises(UserError, match=rf"^Forgetful\.{name}, and parts\(\) does not name it"):
            start()
    assert loop.step == 0
    assert not (tmp_path / "run").exists()


def test_what_has_no_state_need_not_be_named():
    loop = make()
    loop.game.things = [nn.ReLU(), nn.BCEWithLogitsLoss(), nn.Linear, loop.game.generator.net[0], 3, "x"]
    loop.fit(steps=1, progress=False)


def test_a_subclass_of_the_trainer_with_a_network_of_its_own_is_told():
    """It used to be saved silently without it."""

    class WithCritic(gb.Trainer):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.critic = nn.Linear(2, 1)

    data = gb.load_dataset("ring", limit=64)
    config = gb.TrainConfig(batch_size=8, device="cpu")
    trainer = WithCritic(*gb.models.mlp(data.shape, hidden=8), data, config)
    with pytest.raises(
        UserError, match=r"^WithCritic\.critic: it is a Linear, and parts\(\) does not name it"
    ):
        trainer.fit(steps=1, progress=False)


def test_parts_that_cannot_be_saved_are_told_by_name(tmp_path):
    loop = make()
    own = loop.game.parts()
    for extra, message in (
        ({"table": [1, 2]}, "parts: 'table' is a list; it takes networks, optimisers"),
        ({"rng": loop.game.coin}, "parts: 'rng' cannot be the name of a part"),
        ({"../x": loop.game.encoder}, "parts: '../x' cannot be the name of a part"),
    ):
        loop.game.parts = lambda extra=extra: own | extra
        with pytest.raises(UserError, match=message):
            loop.fit(steps=1, progress=False)

    class Odd:
        def state_dict(self):
            return {"when": object()}

        def load_state_dict(self, state):
            pass

    loop.game.parts = lambda: own | {"odd": Odd()}
    with pytest.raises(UserError, match="the state_dict of 'odd' holds what is neither a tensor nor JSON"):
        loop.save(tmp_path / "x")


def test_a_checkpoint_of_another_game_is_refused(tmp_path):
    loop = make(tmp_path / "run")
    loop.fit(steps=1, progress=False)
    data = loop.data
    trainer = gb.Trainer(*gb.models.mlp(data.shape, hidden=8), data, loop.config)
    with pytest.raises(CheckpointError, match="it is of the game 'with-encoder', this is 'gan'"):
        trainer.restore(tmp_path / "run")
    other = make()
    own = other.game.parts()
    other.game.parts = lambda: own | {"second": EMA(nn.Linear(1, 1), 0.9)}
    with pytest.raises(CheckpointError, match=r"it is of another game \(it lacks second\)"):
        other.restore(tmp_path / "run")
    del own["encoder"]
    other.game.rebuilt = ("perceptual", "encoder")
    other.game.parts = lambda: own
    with pytest.raises(CheckpointError, match=r"it holds encoder, which this game does not name"):
        other.restore(tmp_path / "run")


def test_a_small_game_is_enough(tmp_path):
    """No networks from `ganbook.models`, no labels, points: a game of one tensor."""

    class Mean(Game):
        name = "mean"

        def __init__(self, data, config):
            super().__init__(data, config)
            self.where = nn.Module()
            self.where.register_buffer("mean", torch.zeros(2))

        def step(self, step, batches):
            loss = (self.data.batch(batches[0]) - self.where.mean).square().mean()
            self.where.mean += 0.1 * (self.data.batch(batches[0]).mean(0) - self.where.mean)
            return Results([("loss", loss)], lambda: {"loss": loss})

        def parts(self):
            return {"where": self.where, "latents": self.rng}

        def sample(self, num, seed=0):
            return self.where.mean.expand(num, 2)

    data = gb.load_dataset("two-moons", limit=100)
    loop = Loop(Mean(data, gb.TrainConfig(batch_size=20, device="cpu", log_every=5)), tmp_path / "run")
    history = loop.fit(steps=20, progress=False)
    assert history["loss"][-1] < history["loss"][0]
    again = Loop(Mean(data, loop.config))
    again.restore(tmp_path / "run")
    assert torch.equal(again.game.where.mean, loop.game.where.mean)


def test_an_earlier_history_does_not_grow():
    loop = make()
    first = loop.fit(steps=2, progress=False)
    second = loop.fit(steps=3, progress=False)
    assert (len(first), len(second)) == (2, 5)
    assert "encoder loss" in repr(second)
