"""The trainer: same as the bare steps to the last bit, exact resume, honest records, early refusals."""

import json
import math
import os
import signal
import threading

import pytest
import torch
from torch import nn

import ganbook as gb
from ganbook import losses
from ganbook.errors import CheckpointError, DivergedError, UserError
from ganbook.training import checkpoint, discriminator_step, generator_step, load_generator


def make(family="mlp", out=None, seed=0, **settings):
    data = gb.load_dataset("digits", image_size=28 if family == "dcgan" else None, limit=200)
    torch.manual_seed(seed)
    sizes = {"mlp": {"latent_dim": 8, "hidden": 16}, "dcgan": {"latent_dim": 8, "width": 4}}[family]
    generator, discriminator = gb.models.build(family, data.shape, **sizes)
    config = gb.TrainConfig(**{"device": "cpu", "batch_size": 16, "log_every": 1, "seed": seed} | settings)
    return gb.Trainer(generator, discriminator, data, config, out)


def bits(trainer):
    """Everything that training changes, by name."""
    parts = {
        "generator": trainer.generator.state_dict(),
        "discriminator": trainer.discriminator.state_dict(),
        "ema": trainer.ema.module.state_dict(),
        "optimizer_g": checkpoint.optimizer_tensors(trainer.generator_optimizer),
        "optimizer_d": checkpoint.optimizer_tensors(trainer.discriminator_optimizer),
        "rng": {"latents": trainer.rng.get_state()},
    }
    return {f"{part}.{key}": value.clone() for part, group in parts.items() for key, value in group.items()}


def assert_same_bits(a, b):
    assert a.keys() == b.keys()
    assert not [key for key in a if not torch.equal(a[key], b[key])]


def losses_of(history):
    return [(r["step"], r["discriminator_loss"], r["generator_loss"]) for r in history.records]


def test_the_trainer_is_the_two_steps_and_nothing_else():
    trainer = make()
    history = trainer.fit(steps=20, progress=False)

    torch.manual_seed(0)
    generator, discriminator = gb.models.mlp((1, 8, 8), latent_dim=8, hidden=16)
    data = gb.load_dataset("digits", limit=200)
    opt_g = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999), fused=True)
    opt_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999), fused=True)
    rng = torch.Generator().manual_seed(0)
    order = gb.data.BatchOrder(200, 16, seed=0)
    for step in range(20):
        real = data.batch(order.batch(step))
        z = torch.randn(16, 8, generator=rng)
        loss_d = discriminator_step(
            generator, discriminator, opt_d, losses.minimax_discriminator_loss, real, z
        ).loss
        z = torch.randn(16, 8, generator=rng)
        loss_g = generator_step(generator, discriminator, opt_g, losses.non_saturating_generator_loss, z).loss
        record = history.records[step]
        assert record["discriminator_loss"] == loss_d.item()
        assert record["generator_loss"] == loss_g.item()
    for ours, theirs in ((trainer.generator, generator), (trainer.discriminator, discriminator)):
        assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))


@pytest.mark.parametrize("family", ["mlp", "dcgan"])
@pytest.mark.parametrize("settings", [{}, {"discriminator_steps": 2, "loss": "minimax", "seed": 5}])
def test_resuming_is_exact(family, settings, tmp_path):
    whole = make(family, tmp_path / "whole", **settings)
    whole.fit(steps=14, progress=False)

    first = make(family, tmp_path / "parts", **settings)
    first.fit(steps=7, progress=False)
    torch.manual_seed(999)  # whatever happened in between
    second = gb.Trainer.load(tmp_path / "parts", data=first.data)
    assert second.step == 7
    second.fit(steps=7, progress=False)

    assert_same_bits(bits(whole), bits(second))
    logs = [
        [json.loads(line) for line in (tmp_path / run / "metrics.jsonl").read_text().splitlines()]
        for run in ("whole", "parts")
    ]
    for log in logs:
        for record in log:
            del record["seconds"], record["images_per_second"]
    assert logs[0] == logs[1]
    assert [record["step"] for record in logs[0]] == list(range(1, 15))


def test_random_layers_resume_exactly_too(tmp_path):
    def build(out):
        torch.manual_seed(0)
        data = gb.load_dataset("digits", limit=64)
        generator, _ = gb.models.mlp(data.shape, latent_dim=4, hidden=8)
        discriminator = nn.Sequential(
            nn.Flatten(), nn.Linear(64, 8), nn.Dropout(0.5), nn.Linear(8, 1), nn.Flatten(0)
        )
        return gb.Trainer(generator, discriminator, data, gb.TrainConfig(device="cpu", batch_size=8), out)

    whole = build(None)
    whole.fit(steps=6, progress=False)
    half = build(tmp_path / "run")
    half.fit(steps=3, progress=False)
    fresh = build(None)
    resumed = gb.Trainer.load(
        tmp_path / "run", generator=fresh.generator, discriminator=fresh.discriminator, data=half.data
    )
    resumed.fit(steps=3, progress=False)
    assert_same_bits(bits(whole), bits(resumed))


def test_a_killed_run_is_taken_up_at_its_last_checkpoint(tmp_path):
    """Lines logged after the checkpoint, and a torn one, are cut off and logged again: no gap, no double."""
    trainer = make(out=tmp_path / "run", checkpoint_every=5)
    trainer.fit(steps=5, progress=False)
    with (tmp_path / "run" / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({**trainer.records[-1], "step": 6}) + "\n" + '{"step": 7, "discr')
    resumed = gb.Trainer.load(tmp_path / "run", data=trainer.data)
    resumed.fit(steps=5, progress=False)
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == list(range(1, 11))


def test_save_and_load_by_hand(tmp_path):
    trainer = make()
    history = trainer.fit(steps=3, progress=False)
    trainer.save(tmp_path / "mine")
    again = gb.Trainer.load(tmp_path / "mine")  # rebuilds the networks and loads the data by itself
    assert_same_bits(bits(trainer), bits(again))
    assert again.records == history.records
    assert torch.equal(trainer.sample(5), again.sample(5))
    generator, state = load_generator(tmp_path / "mine")
    assert state["step"] == 3
    assert not generator.training


def test_samples_come_from_the_average_in_eval_mode_and_disturb_nothing():
    trainer = make("dcgan")
    trainer.fit(steps=3, progress=False)
    before, state = bits(trainer), torch.get_rng_state()
    images = trainer.sample(70, seed=4)
    assert images.shape == (70, 1, 28, 28)
    assert images.dtype == torch.float32
    assert images.abs().max() <= 1
    assert torch.equal(images[:10], trainer.sample(70, seed=4)[:10])
    assert not torch.equal(images, trainer.sample(70, seed=5))
    # In eval mode a sample does not depend on the others of its batch.
    torch.testing.assert_close(images[:3], trainer.sample(3, seed=4), rtol=0, atol=1e-5)
    assert_same_bits(before, bits(trainer))
    assert torch.equal(state, torch.get_rng_state())


def test_a_run_folder(tmp_path):
    trainer = make("dcgan", tmp_path / "run", sample_every=2, checkpoint_every=2, keep_last=2)
    trainer.fit(steps=5, progress=False)
    run = tmp_path / "run"
    steps = [f"step-{n:08d}" for n in (0, 2, 4, 5)]
    assert sorted(p.name for p in (run / "samples").iterdir()) == [f"{s}.png" for s in steps]
    assert sorted(p.name for p in (run / "checkpoints").iterdir()) == steps[-2:]
    record = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    assert record["step"] == 5
    assert record["epoch"] == 5 * 16 / 200
    assert 0 <= record["d_accuracy_real"] <= 1
    assert record["images_per_second"] > 0


def test_a_run_can_be_resumed_from_its_very_beginning(tmp_path):
    """Killed before the first regular checkpoint: the one of step 0 is there."""
    trainer = make(out=tmp_path / "run")
    step, trainer.train_step = trainer.train_step, lambda: (_ for _ in ()).throw(RuntimeError("killed"))
    with pytest.raises(RuntimeError, match="killed"):
        trainer.fit(steps=3, progress=False)
    trainer.train_step = step
    resumed = gb.Trainer.load(tmp_path / "run", data=trainer.data)
    resumed.fit(steps=3, progress=False)
    whole = make()
    whole.fit(steps=3, progress=False)
    assert_same_bits(bits(whole), bits(resumed))


def test_a_folder_that_holds_a_run_is_not_written_to(tmp_path):
    make(out=tmp_path / "run").fit(steps=1, progress=False)
    with pytest.raises(UserError, match="it holds another run"):
        make(out=tmp_path / "run")


def test_a_damaged_checkpoint_is_passed_over(tmp_path, capsys):
    trainer = make(out=tmp_path / "run", checkpoint_every=2)
    trainer.fit(steps=4, progress=False)
    (tmp_path / "run" / "checkpoints" / "step-00000004" / "ema.safetensors").write_bytes(b"x")
    resumed = gb.Trainer.load(tmp_path / "run", data=trainer.data)
    assert resumed.step == 2
    assert "step-00000004 passed over: ema.safetensors is damaged" in capsys.readouterr().out
    resumed.fit(steps=2, progress=False)
    assert_same_bits(bits(trainer), bits(resumed))


def test_resuming_under_other_settings_is_refused_with_a_list(tmp_path):
    trainer = make(out=tmp_path / "run")
    trainer.fit(steps=1, progress=False)
    config = gb.TrainConfig(device="cpu", batch_size=32, log_every=7, loss="minimax")
    with pytest.raises(CheckpointError, match="loss 'non-saturating' -> 'minimax'; batch_size 16 -> 32"):
        gb.Trainer.load(tmp_path / "run", data=trainer.data, config=config)
    config = gb.TrainConfig(device="cpu", batch_size=16, log_every=7, keep_last=9)  # these are free
    assert gb.Trainer.load(tmp_path / "run", data=trainer.data, config=config).config.log_every == 7


def test_other_networks_or_data_are_refused(tmp_path):
    trainer = make(out=tmp_path / "run")
    trainer.fit(steps=1, progress=False)
    generator, discriminator = gb.models.mlp((1, 8, 8), latent_dim=8, hidden=17)
    with pytest.raises(CheckpointError, match="its generator is of another build"):
        gb.Trainer.load(tmp_path / "run", generator=generator, discriminator=discriminator, data=trainer.data)
    with pytest.raises(CheckpointError, match="it was trained on 200 samples"):
        gb.Trainer.load(tmp_path / "run", data=gb.load_dataset("digits", limit=100))


def test_a_diverged_run_stops_by_name_and_keeps_the_last_good_checkpoint(tmp_path):
    trainer = make(out=tmp_path / "run", checkpoint_every=2)
    trainer.fit(steps=2, progress=False)
    with torch.no_grad():
        next(trainer.discriminator.parameters()).fill_(math.nan)
    with pytest.raises(DivergedError, match="discriminator_loss is nan at step 3"):
        trainer.fit(steps=5, progress=False)
    assert gb.Trainer.load(tmp_path / "run", data=trainer.data).step == 2


def test_infinite_weights_are_not_saved(tmp_path):
    trainer = make(out=tmp_path / "run", log_every=100, checkpoint_every=3)
    trainer.fit(steps=2, progress=False)
    with torch.no_grad():
        next(trainer.discriminator.parameters()).fill_(math.inf)
    with pytest.raises(DivergedError, match="weights are infinite or not a number at step 3"):
        trainer.fit(steps=5, progress=False)
    assert gb.Trainer.load(tmp_path / "run", data=trainer.data).step == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_after_the_step_and_keeps_it(number, tmp_path):
    trainer = make(out=tmp_path / "run")
    handler = signal.getsignal(number)
    step, calls = trainer.train_step, []

    def interrupted_step():
        calls.append(1)
        if len(calls) == 3:
            os.kill(os.getpid(), number)
        return step()

    trainer.train_step = interrupted_step
    history = trainer.fit(steps=100, progress=False)
    assert trainer.interrupted
    assert trainer.step == len(history) == 3
    assert signal.getsignal(number) is handler
    assert gb.Trainer.load(tmp_path / "run", data=trainer.data).step == 3


def test_training_in_a_thread_leaves_signals_alone():
    trainer, done = make(), []
    thread = threading.Thread(target=lambda: done.append(trainer.fit(steps=2, progress=False)))
    thread.start()
    thread.join()
    assert len(done[0]) == 2


def test_a_time_limit_ends_the_run():
    trainer = make()
    trainer.fit(seconds=0.2, progress=False)
    assert trainer.step >= 1
    assert 0.2 <= trainer.seconds < 5


def test_history_reads_like_a_table():
    history = make().fit(steps=3, progress=False)
    assert history["step"] == [1, 2, 3]
    assert len(history["generator_loss"]) == len(history) == 3
    assert "up to step 3" in repr(history)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss": "hinged"}, "unknown loss 'hinged'"),
        ({"batch_size": 0}, "batch_size=0: it must be a whole number, at least 1"),
        ({"batch_size": 2.5}, "batch_size=2.5"),
        ({"generator_lr": -1e-4}, "generator_lr=-0.0001: it must be a number above 0"),
        ({"discriminator_lr": math.nan}, "discriminator_lr=nan"),
        ({"betas": (0.5,)}, "betas="),
        ({"betas": (0.5, 1.0)}, "betas=1.0"),
        ({"ema_decay": 1.0}, "ema_decay=1.0"),
        ({"seed": -1}, "seed=-1"),
        ({"device": "tpu"}, "device='tpu': it must be one of auto, cpu"),
        ({"precision": "fp16"}, "precision='fp16': it must be one of auto, fp32, bf16"),
        ({"batch_size": 201}, "batch_size=201: it must be from 1 to the number of samples, 200"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(UserError, match=message):
        make(**settings)


def test_networks_that_do_not_fit_are_found_before_the_first_step():
    data = gb.load_dataset("digits", limit=64)
    generator, discriminator = gb.models.mlp(data.shape, latent_dim=4, hidden=8)
    other_g, other_d = gb.models.mlp((3, 32, 32), latent_dim=4, hidden=8)
    config = gb.TrainConfig(device="cpu", batch_size=8)
    with pytest.raises(UserError, match=r"generator: it makes samples of shape \(3, 32, 32\), the data"):
        gb.Trainer(other_g, discriminator, data, config)
    with pytest.raises(UserError, match=r"discriminator: it cannot take samples of shape \(1, 8, 8\)"):
        gb.Trainer(generator, other_d, data, config)
    two_columns = nn.Sequential(nn.Flatten(), nn.Linear(64, 1))
    with pytest.raises(UserError, match=r"returns shape \(2, 1\); it must return one logit a sample"):
        gb.Trainer(generator, two_columns, data, config)
    with pytest.raises(UserError, match="latent_dim"):
        gb.Trainer(nn.Linear(4, 64), discriminator, data, config)


@pytest.mark.parametrize("arguments", [{"steps": 0}, {"steps": 1.5}, {"seconds": -1}, {"seconds": math.nan}])
def test_bad_lengths(arguments):
    with pytest.raises(UserError, match="it must be"):
        make().fit(**arguments)


def test_bf16_trains_and_keeps_weights_in_float32():
    trainer = make("dcgan", precision="bf16")
    history = trainer.fit(steps=3, progress=False)
    assert trainer.engine.precision == "bf16"
    assert all(p.dtype == torch.float32 for p in trainer.generator.parameters())
    assert all(math.isfinite(v) for v in history["generator_loss"])
    reference = make("dcgan", precision="fp32").fit(steps=1, progress=False)
    assert history["discriminator_loss"][0] == pytest.approx(reference["discriminator_loss"][0], rel=0.02)
