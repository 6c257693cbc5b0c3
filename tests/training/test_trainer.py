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
from ganbook.training import discriminator_step, generator_step, load_generator, parts


def make(family="mlp", out=None, seed=0, **settings):
    data = gb.load_dataset("digits", image_size=28 if family == "dcgan" else None, limit=200)
    torch.manual_seed(seed)
    sizes = {"mlp": {"latent_dim": 8, "hidden": 16}, "dcgan": {"latent_dim": 8, "width": 4}}[family]
    generator, discriminator = gb.models.build(family, data.shape, **sizes)
    config = gb.TrainConfig(**{"device": "cpu", "batch_size": 16, "log_every": 1, "seed": seed} | settings)
    return gb.Trainer(generator, discriminator, data, config, out)


def bits(trainer):
    """Everything that training changes, by name."""
    state = {
        "generator": trainer.generator.state_dict(),
        "discriminator": trainer.discriminator.state_dict(),
        "ema": trainer.ema.module.state_dict(),
        "optimizer_g": parts.tensors_of(trainer.generator_optimizer),
        "optimizer_d": parts.tensors_of(trainer.discriminator_optimizer),
        "rng": {"latents": trainer.rng.get_state()},
    }
    return {f"{part}.{key}": value.clone() for part, group in state.items() for key, value in group.items()}


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
        loss_g = generator_step(
            generator, discriminator, opt_g, losses.non_saturating_generator_loss, None, z
        ).loss
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
            del record["seconds"], record["images_per_second"], record["memory_mib"]
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
        ({"betas": (0.5, 1.0)}, r"betas=\(0.5, 1.0\): it must be two numbers from 0 to below 1"),
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


# ------------------------------------------------------------------ options of the configuration


@pytest.mark.parametrize("k", [1, 2])
def test_losses_are_kept_for_one_line_of_the_log_and_no_longer(k):
    trainer = make(log_every=5, discriminator_steps=k)
    for _ in range(20):  # by hand: nobody looks at them
        trainer.train_step()
    assert [step for step, _, _ in trainer._recent] == [step for step in range(16, 21) for _ in range(k + 1)]


@pytest.mark.parametrize("log_every", [5, 6000])  # 6000: more losses than a fixed bound would think of
def test_a_bad_loss_at_the_first_step_of_a_line_of_the_log_is_found(log_every):
    trainer = make(log_every=log_every, discriminator_steps=1)
    trainer.step = log_every  # as after a line of the log
    nan, fine = torch.tensor(math.nan), torch.tensor(1.0)
    for step in range(log_every + 1, 2 * log_every + 1):
        first = step == log_every + 1
        trainer._recent.append((step, "discriminator_loss", nan if first else fine))
        trainer._recent.append((step, "generator_loss", fine))
    with pytest.raises(DivergedError, match=f"discriminator_loss is nan at step {log_every + 1}: "):
        trainer._check_recent()


def test_a_bad_loss_is_reported_with_its_own_step_although_it_is_looked_at_later():
    trainer = make(log_every=10)
    trainer.fit(steps=3, progress=False)
    trainer._recent.clear()
    plain = trainer.loss.discriminator
    calls = []

    def spoilt(real_logits, fake_logits):
        calls.append(1)
        return plain(real_logits, fake_logits) * (math.nan if len(calls) == 3 else 1.0)

    trainer.loss = trainer.loss._replace(discriminator=spoilt)
    with pytest.raises(DivergedError, match="discriminator_loss is nan at step 6: "):
        trainer.fit(steps=20, progress=False)
    assert trainer.step == 10


def test_gradient_norms_in_the_log_are_those_of_the_step():
    trainer = make()
    record = trainer.fit(steps=1, progress=False).records[0]
    for name in ("generator", "discriminator"):
        squares = [p.grad.square().sum() for p in getattr(trainer, name).parameters()]
        assert record[f"{name}_grad_norm"] == pytest.approx(sum(squares).sqrt().item(), rel=1e-5)
    assert record["memory_mib"] > 50


@pytest.mark.parametrize(
    ("settings", "factors"),
    [
        ({"warmup_steps": 4}, [0.25, 0.5, 0.75, 1, 1, 1]),
        ({"schedule": "linear", "decay_steps": 4}, [1, 0.75, 0.5, 0.25, 0, 0]),
        ({"schedule": "cosine", "decay_steps": 2}, [1, 0.5, 0, 0, 0, 0]),
    ],
)
def test_schedules_reach_both_optimisers(settings, factors):
    trainer = make(generator_lr=1e-3, discriminator_lr=3e-3, **settings)
    for factor in factors:
        trainer.train_step()
        assert trainer.generator_optimizer.param_groups[0]["lr"] == pytest.approx(1e-3 * factor, abs=1e-12)
        assert trainer.discriminator_optimizer.param_groups[0]["lr"] == pytest.approx(
            3e-3 * factor, abs=1e-12
        )


def test_at_a_learning_rate_of_0_nothing_moves():
    trainer = make(schedule="linear", decay_steps=3)
    trainer.fit(steps=3, progress=False)
    before = {k: v.clone() for k, v in trainer.generator.state_dict().items()}
    trainer.fit(steps=3, progress=False)
    assert all(torch.equal(v, before[k]) for k, v in trainer.generator.state_dict().items())


def test_penalties_are_added_every_nth_time_and_n_times_as_strong():
    seen = {}
    for every in (1, 3):
        trainer = make(r1=0.5, penalty_every=every)
        for _ in range(4):
            result, _ = trainer.train_step()
            seen.setdefault(every, []).append(None if result.extra is None else result.extra.item())
    assert seen[3][0] == pytest.approx(3 * seen[1][0])  # the weights are still the same at the first step
    assert seen[3][1:3] == [None, None]
    assert seen[3][3] is not None


def test_weights_are_clipped_after_each_update():
    trainer = make(loss="wasserstein", weight_clip=0.01, discriminator_steps=3)
    trainer.fit(steps=3, progress=False)
    largest = [p.abs().max().item() for p in trainer.discriminator.parameters()]
    assert max(largest) == pytest.approx(0.01)


def test_instance_noise_is_on_all_that_d_sees_and_fades():
    trainer = make(instance_noise=0.5, instance_noise_steps=4)
    seen = []
    trainer.discriminator.register_forward_pre_hook(lambda module, args: seen.append(args[0].detach()))
    for step in range(6):
        seen.clear()
        trainer.train_step()
        real = trainer.data.batch(trainer.order.batch(step))
        noise = (seen[0] - real).std().item()
        assert noise == pytest.approx(0.5 * max(0.0, 1 - step / 4), rel=0.1)
        assert len(seen) == 3  # real and fake for D, fake for G
        if step in (0, 5):  # at first the noise takes some pixels out of [-1, 1]; in the end it is gone
            assert [(x.abs() > 1).any().item() for x in seen] == [step == 0] * 3


def test_label_smoothing_reaches_the_loss_of_the_discriminator_only():
    plain, smooth = make().train_step(), make(label_smoothing=0.2).train_step()
    real, fake = plain[0].real_logits, plain[0].fake_logits
    expected = losses.minimax_discriminator_loss(real, fake, real_label=0.8)
    torch.testing.assert_close(smooth[0].loss, expected)


@pytest.mark.parametrize("loss", sorted(losses.LOSSES))
def test_every_loss_trains_and_resumes(loss, tmp_path):
    whole = make(loss=loss, r1=0.1, instance_noise=0.1)
    whole.fit(steps=6, progress=False)
    parts = make(loss=loss, r1=0.1, instance_noise=0.1)
    parts.fit(steps=3, progress=False)
    parts.save(tmp_path / "half")
    resumed = gb.Trainer.load(tmp_path / "half", data=parts.data)
    resumed.fit(steps=3, progress=False)
    assert_same_bits(bits(whole), bits(resumed))


def test_overriding_a_refusal_is_noted(tmp_path):
    trainer = make(out=tmp_path / "run")
    trainer.fit(steps=3, progress=False)
    config = gb.TrainConfig(device="cpu", batch_size=16, log_every=1, generator_lr=1e-5)
    with pytest.raises(CheckpointError, match=r"generator_lr 0.0002 -> 1e-05.*--override"):
        gb.Trainer.load(tmp_path / "run", data=trainer.data, config=config)
    resumed = gb.Trainer.load(tmp_path / "run", data=trainer.data, config=config, override=True)
    assert resumed.generator_optimizer.param_groups[0]["lr"] == 1e-5
    resumed.fit(steps=1, progress=False)
    again = gb.Trainer.load(tmp_path / "run", data=trainer.data)
    assert again.info["overridden"] == ["from step 3: generator_lr 0.0002 -> 1e-05"]


def test_tensorboard_gets_the_scalars_and_the_grids(tmp_path):
    event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    trainer = make(out=tmp_path / "run", tensorboard=True, sample_every=4)
    trainer.fit(steps=4, progress=False)
    board = event_accumulator.EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    board.Reload()
    events = board.Scalars("generator_loss")
    assert [e.step for e in events] == [1, 2, 3, 4]
    assert [e.value for e in events] == pytest.approx([r["generator_loss"] for r in trainer.records])
    assert [e.step for e in board.Images("samples")] == [0, 4]


def test_conditional_pairs_get_the_labels_of_the_real_batch(tmp_path):
    data = gb.load_dataset("digits", image_size=28, limit=100)
    torch.manual_seed(0)
    pair = gb.models.dcgan(data.shape, latent_dim=8, width=4, num_classes=10)
    trainer = gb.Trainer(*pair, data, gb.TrainConfig(device="cpu", batch_size=16, precision="fp32"))
    seen = {"D": [], "G": []}
    for name, module in zip("GD", pair, strict=True):
        module.register_forward_pre_hook(lambda module, args, name=name: seen[name].append(args[1]))
    trainer.train_step()
    wanted = data.labels[trainer.order.batch(0)]
    assert len(seen["D"]) == 3  # real and fake for D, fake for G
    assert len(seen["G"]) == 2
    assert all(torch.equal(labels, wanted) for name in "DG" for labels in seen[name])

    trainer.save(tmp_path / "checkpoint")
    generator, _ = load_generator(tmp_path / "checkpoint")
    by_class = gb.training.sample_generator(generator, 8, 20, 0)
    assert torch.equal(by_class, trainer.sample(20, labels=torch.arange(20) % 10))
    assert not torch.equal(trainer.sample(1, labels=3), trainer.sample(1, labels=4))
    for wrong in (10, -1, torch.zeros(3, dtype=torch.int64), 0.5):
        with pytest.raises(UserError, match=r"labels="):
            trainer.sample(20, labels=wrong)


def test_conditional_pairs_that_do_not_fit_are_refused():
    data = gb.load_dataset("digits", image_size=28, limit=100)
    config = gb.TrainConfig(device="cpu", batch_size=16)
    three = gb.models.dcgan(data.shape, width=4, num_classes=3)
    ten = gb.models.dcgan(data.shape, width=4, num_classes=10)
    with pytest.raises(UserError, match="generator: num_classes=3; the data have 10"):
        gb.Trainer(*three, data, config)
    with pytest.raises(UserError, match="discriminator: num_classes=10; the generator has 3"):
        gb.Trainer(three[0], ten[1], data, config)
    with pytest.raises(UserError, match="the data have no classes"):
        gb.Trainer(*ten, gb.ImageDataset(data.images), config)
    with pytest.raises(UserError, match="not conditional"):
        make().sample(4, labels=1)


def test_a_penalty_with_batchnorm_is_noticed(capsys):
    make("dcgan", r1=1.0)
    assert "Notice: this discriminator has BatchNorm" in capsys.readouterr().out
    make("mlp", r1=1.0)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("options", "words"),
    [({"minibatch_std": True}, "minibatch standard deviation"), ({"packing": 2}, "packing")],
)
def test_a_penalty_on_a_discriminator_that_looks_at_a_batch_is_noticed(options, words, capsys):
    data = gb.load_dataset("ring", limit=64)
    for penalty in ("r1", "r2", "gradient_penalty"):
        pair = gb.models.mlp(data.shape, latent_dim=2, hidden=8, **options)
        gb.Trainer(*pair, data, gb.TrainConfig(batch_size=8, device="cpu", **{penalty: 1.0}))
        out = capsys.readouterr().out
        assert out.startswith(f"Notice: this discriminator has {words}, which mixes the samples")
        assert f"(option {next(iter(options))} of the model)" in out
    gb.Trainer(*pair, data, gb.TrainConfig(batch_size=8, device="cpu"))
    assert capsys.readouterr().out == ""


def test_a_batch_must_be_whole_packs():
    data = gb.load_dataset("ring", limit=64)
    pair = gb.models.mlp(data.shape, latent_dim=2, hidden=8, packing=3)
    with pytest.raises(UserError, match=r"batch_size=8: .* packs of 3 samples.* multiple of 3"):
        gb.Trainer(*pair, data, gb.TrainConfig(batch_size=8, device="cpu"))
    trainer = gb.Trainer(*pair, data, gb.TrainConfig(batch_size=9, device="cpu"))
    trainer.fit(steps=2, progress=False)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"r1": -1.0}, "r1=-1.0: it must be a number, at least 0"),
        ({"weight_clip": math.inf}, "weight_clip=inf"),
        ({"penalty_every": 0}, "penalty_every=0"),
        ({"label_smoothing": 0.5}, "label_smoothing=0.5"),
        ({"label_smoothing": 0.1, "loss": "hinge"}, "the hinge loss has no labels; these have: minimax"),
        ({"schedule": "cosin", "decay_steps": 5}, "did you mean 'cosine'"),
        ({"schedule": "linear"}, "decay_steps=0"),
        ({"schedule": "linear", "decay_steps": 5, "warmup_steps": 5}, "after warmup_steps=5"),
        ({"compile": 1}, "compile=1: it must be true or false"),
        ({"instance_noise_steps": -1}, "instance_noise_steps=-1"),
    ],
)
def test_options_out_of_range(settings, says):
    with pytest.raises(UserError, match=says):
        gb.TrainConfig(**settings)


def test_compile_without_a_compiler_is_one_line(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(UserError, match="compile=true: on a CPU it needs a C"):
        make(compile=True)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_step_never_waits_for_the_gpu():
    data = gb.load_dataset("digits", image_size=32, limit=200)
    torch.manual_seed(0)
    pair = gb.models.dcgan(data.shape, latent_dim=8, width=8, discriminator_norm="layer")
    config = gb.TrainConfig(device="cuda", batch_size=16, r1=0.1, gradient_penalty=1.0, instance_noise=0.1)
    trainer = gb.Trainer(*pair, data, config)
    trainer.train_step()
    torch.cuda.set_sync_debug_mode("error")
    try:
        trainer.train_step()
    finally:
        torch.cuda.set_sync_debug_mode("default")
