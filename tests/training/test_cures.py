"""The cures in a run: exact resume of what they remember, refusals in one line, and what they do."""

import itertools
import math

import pytest
import torch

import ganbook as gb
from ganbook import losses, penalties
from ganbook.errors import CheckpointError, UserError
from ganbook.training import discriminator_step, parts
from ganbook.training.anchors import Anchors
from ganbook.training.replay import Replay, Replayed

CURES = {
    "unrolled": {"unroll_steps": 2},
    "lecam": {"lecam": 0.1},
    "lecam-bce-smooth": {"lecam": 0.1, "label_smoothing": 0.1, "loss": "minimax"},
    "replay": {"replay": 20},
    "flip": {"augment": "flip"},
    "diffaugment": {"augment": "diffaugment", "instance_noise": 0.1},
    "adaptive": {"augment": "adaptive", "augment_images": 400, "augment_target": 0.0},
    "all": {
        "augment": "adaptive", "augment_images": 400, "augment_target": 0.0, "replay": 9, "lecam": 0.1,
        "unroll_steps": 1, "discriminator_steps": 2, "r1": 0.1, "loss": "relativistic", "penalty_every": 2,
    },
}  # fmt: skip
every = pytest.mark.parametrize("cure", CURES)


def make(cure=None, family="mlp", out=None, seed=0, **settings):
    data = gb.load_dataset("digits", image_size=16 if family == "dcgan" else None, limit=100)
    torch.manual_seed(seed)
    sizes = {"mlp": {"latent_dim": 8, "hidden": 16}, "dcgan": {"latent_dim": 8, "width": 4}}[family]
    pair = gb.models.build(family, data.shape, **sizes)
    settings = {"batch_size": 8, "log_every": 1, "seed": seed} | CURES.get(cure, {}) | settings
    return gb.Trainer(*pair, data, gb.TrainConfig(device="cpu", **settings), out)


def watched(trainer, steps):
    """Return the batches that D sees in some steps, in their order."""
    seen = []
    handle = trainer.discriminator.register_forward_pre_hook(lambda _, args: seen.append(args[0].detach()))
    for _ in range(steps):
        trainer.train_step()
    handle.remove()
    return seen


def bits(trainer):
    return {
        f"{name}.{key}": value.clone()
        for name, part in trainer.game.parts().items()
        for key, value in parts.tensors_of(part).items()
    }


def assert_same_bits(a, b):
    assert a.keys() == b.keys()
    assert not [key for key in a if not torch.equal(a[key], b[key])]


@every
@pytest.mark.parametrize("family", ["mlp", "dcgan"])
def test_resuming_is_exact(cure, family, tmp_path):
    whole = make(cure, family)
    whole.fit(steps=12, progress=False)
    make(cure, family, tmp_path / "run").fit(steps=5, progress=False)
    torch.manual_seed(999)
    rest = gb.Trainer.load(tmp_path / "run")
    rest.fit(steps=7, progress=False)
    assert_same_bits(bits(whole), bits(rest))
    a, b = ([(r["discriminator_loss"], r["generator_loss"]) for r in t.records] for t in (whole, rest))
    assert a == b


@every
def test_a_cure_changes_the_run_and_keeps_its_losses_finite(cure):
    plain, other = make(), make(cure)
    plain.fit(steps=5, progress=False)
    history = other.fit(steps=5, progress=False)
    assert not all(torch.equal(a, b) for a, b in zip(
        plain.generator.parameters(), other.generator.parameters(), strict=True
    ))  # fmt: skip
    assert all(math.isfinite(record["generator_loss"]) for record in history.records)


def test_without_them_there_is_nothing_more_in_a_checkpoint():
    assert set(make().game.parts()) == {
        "generator", "discriminator", "ema", "generator_optimizer", "discriminator_optimizer", "latents"
    }  # fmt: skip
    assert set(make("all").game.parts()) - set(make().game.parts()) == {
        "anchors", "augment_strength", "replay"
    }  # fmt: skip


@every
def test_resuming_with_another_value_is_refused(cure, tmp_path):
    make(cure, out=tmp_path / "run").fit(steps=2, progress=False)
    with pytest.raises(CheckpointError, match="resuming with other settings would be another run"):
        make(out=None).restore(tmp_path / "run")


# ------------------------------------------------------------------------------------------ unrolling


def test_unrolling_leaves_d_to_its_own_step():
    """With G at rest, D goes the same way whether G would look ahead or not."""
    plain, ahead = make(generator_lr=1e-12), make("unrolled", generator_lr=1e-12)
    for trainer in (plain, ahead):
        trainer.fit(steps=4, progress=False)
    for a, b in zip(plain.discriminator.parameters(), ahead.discriminator.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-5)


# ----------------------------------------------------------------------------------------------- LeCam


def test_lecam_against_the_closed_form():
    torch.manual_seed(0)
    real, fake = torch.randn(50) + 1, 2 * torch.randn(50) - 1
    value = penalties.lecam(real, fake, torch.tensor(0.5), torch.tensor(-0.3), weight=0.7)
    # E[(D - a)^2] = Var + (mean - a)^2
    expected = real.var(correction=0) + (real.mean() + 0.3) ** 2 + fake.var(correction=0)
    expected = 0.7 * (expected + (fake.mean() - 0.5) ** 2)
    assert value.item() == pytest.approx(expected.item(), rel=1e-5)


def test_lecam_is_0_only_where_each_kind_is_where_the_other_has_been():
    a, b = torch.tensor(1.5), torch.tensor(-2.0)
    assert penalties.lecam(torch.full((4,), -2.0), torch.full((4,), 1.5), a, b).item() == 0
    anchor = torch.tensor(1.0, requires_grad=True)
    logits = torch.zeros(4, requires_grad=True)
    penalties.lecam(logits, logits, anchor, anchor).backward()
    assert anchor.grad is None
    assert torch.allclose(logits.grad, torch.full((4,), -1.0))  # 2 (0 - 1) / 4, twice


def test_the_anchors_are_moving_averages_from_0_on():
    anchors = Anchors()
    for n in range(1, 40):
        anchors.update(torch.tensor(2.0), torch.tensor(-3.0))
        assert anchors.real.item() == pytest.approx(2 * (1 - 0.99**n), rel=1e-4)
        assert anchors.fake.item() == pytest.approx(-3 * (1 - 0.99**n), rel=1e-4)


def test_the_run_descends_the_loss_with_lecam_towards_earlier_averages():
    trainer = make("lecam")
    anchors = trainer.game.parts()["anchors"]
    real_anchor = fake_anchor = 0.0
    for _ in range(5):
        d, _ = trainer.train_step()
        r, f = d.real_logits, d.fake_logits
        expected = losses.minimax_discriminator_loss(r, f)
        expected += 0.1 * ((r - fake_anchor).square().mean() + (f - real_anchor).square().mean())
        assert d.loss.item() == pytest.approx(expected.item(), rel=1e-5)
        real_anchor = 0.99 * real_anchor + 0.01 * r.mean().item()
        fake_anchor = 0.99 * fake_anchor + 0.01 * f.mean().item()
        assert anchors.real.item() == pytest.approx(real_anchor, rel=1e-4)
        assert anchors.fake.item() == pytest.approx(fake_anchor, rel=1e-4)


# ---------------------------------------------------------------------------------------------- replay


def test_the_buffer_fills_and_then_forgets_at_random():
    replay = Replay(6, (1,), torch.Generator().manual_seed(0))
    batches = [torch.full((4, 1), float(n)) for n in range(1, 60)]
    assert torch.equal(replay.mix(batches[0], 0), batches[0])  # nothing is stored yet
    seen = []
    for number, batch in enumerate(batches[1:], start=1):
        out = replay.mix(batch, number)
        assert torch.equal(out[:2], batch[:2])  # half is new
        assert (out[2:] < batch[0]).all()  # half is older
        seen += out[2:].flatten().tolist()
        stored = set(replay.samples.flatten().tolist())
        assert 0.0 not in stored or number < 2
        assert float(number + 1) in stored
    ages = [number - value for number, value in zip(
        [n + 1 for n in range(1, 59) for _ in range(2)], seen, strict=True
    )]  # fmt: skip
    assert max(ages) > 4
    assert sum(ages) / len(ages) == pytest.approx(3, abs=1)  # two of six slots a step: 3 steps on average


@pytest.mark.parametrize(("size", "num"), [(2, 4), (3, 4), (5, 4), (7, 5), (100, 6)])
def test_the_buffer_never_hands_out_what_it_does_not_hold(size, num):
    replay = Replay(size, (2,), torch.Generator().manual_seed(0))
    for number in range(12):
        out = replay.mix(torch.full((num, 2), number + 1.0), number)
        assert out.shape == (num, 2)
        assert (out > 0).all()


def test_d_sees_old_samples_and_g_does_not():
    trainer = make("replay")
    seen = watched(trainer, 6)
    fakes_of_d, fakes_of_g = seen[1::3], seen[2::3]
    kept = torch.cat([fakes_of_d[0][4:]])  # of the first batch: stored, as nothing came out
    assert not any((fakes_of_d[0][:4, None] == x[None]).flatten(2).all(2).any() for x in fakes_of_d[1:])
    again = [(x[4:, None] == kept[None]).flatten(2).all(2).any(1) for x in fakes_of_d[1:]]
    assert again[0].all()  # the second batch's old half can only come from the first
    assert not any((x[:, None] == kept[None]).flatten(2).all(2).any() for x in fakes_of_g)


def test_a_replayed_generator_is_a_generator_of_the_plain_step():
    torch.manual_seed(0)
    generator, discriminator = gb.models.mlp((2,), latent_dim=3, hidden=8)
    replay = Replay(8, (2,), torch.Generator().manual_seed(0))
    optimizer = torch.optim.Adam(discriminator.parameters())
    loss = losses.minimax_discriminator_loss
    for number in range(4):
        result = discriminator_step(
            Replayed(generator, replay, number), discriminator, optimizer, loss, torch.randn(6, 2),
            torch.randn(6, 3),
        )  # fmt: skip
        assert result.fake_logits.shape == (6,)
    assert all(p.grad is None for p in generator.parameters())
    assert (replay.samples != 0).all()


# ------------------------------------------------------------------------------------------- augmentation


def test_flipping_touches_real_images_only():
    trainer = make("flip")
    seen = watched(trainer, 1)
    real = trainer.data.batch(trainer.order.batch(0))
    same = (seen[0] == real).flatten(1).all(1)
    mirrored = (seen[0] == real.flip(3)).flatten(1).all(1)
    assert (same | mirrored).all()
    assert same.any()
    assert (~same).any()


def test_the_probability_is_in_the_log_and_follows_d():
    sure = make("adaptive", discriminator_lr=1e-2, augment_target=-0.99)
    history = sure.fit(steps=40, progress=False)
    p = [record["augment_p"] for record in history.records]
    assert p[:3] == [0, 0, 0]
    assert p[3] == pytest.approx(4 * 8 / 400)
    assert max(p) > 0.3
    assert all(abs(b - a) < 0.081 for a, b in itertools.pairwise(p))
    unsure = make("adaptive", augment_target=1.0).fit(steps=8, progress=False)
    assert all(record["augment_p"] == 0 for record in unsure.records)
    assert "augment_p" not in make("diffaugment").fit(steps=1, progress=False).records[0]


def test_at_probability_0_d_sees_images_as_they_are():
    trainer = make("adaptive", augment_target=1.0)
    seen = watched(trainer, 1)
    assert torch.equal(seen[0], trainer.data.batch(trainer.order.batch(0)))


# -------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("augment", ["flip", "diffaugment", "adaptive"])
def test_augmentation_is_for_images(augment):
    data = gb.load_dataset("ring", limit=64)
    pair = gb.models.mlp(data.shape, latent_dim=2, hidden=8)
    with pytest.raises(UserError, match=f"augment='{augment}': it is for images") as error:
        gb.Trainer(*pair, data, gb.TrainConfig(batch_size=8, device="cpu", augment=augment))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"augment": "difaugment"}, "did you mean 'diffaugment'"),
        ({"augment_target": 1.1}, "augment_target=1.1: it must be a number from -1 to 1"),
        ({"augment_images": 0}, "augment_images=0"),
        ({"lecam": -0.1}, "lecam=-0.1: it must be a number, at least 0"),
        ({"replay": -1}, "replay=-1: it must be a whole number, at least 0"),
        ({"unroll_steps": -1}, "unroll_steps=-1"),
        ({"unroll_lr": 0}, "unroll_lr=0: it must be a number above 0"),
    ],
)
def test_settings_out_of_range(settings, says):
    with pytest.raises(UserError, match=says):
        gb.TrainConfig(**settings)


def test_a_buffer_below_half_a_batch_or_with_classes_is_refused():
    with pytest.raises(UserError, match=r"replay=3: half of each batch .* so it must be at least 4"):
        make(replay=3)
    make(replay=4)
    data = gb.load_dataset("digits", image_size=16, limit=100)
    pair = gb.models.dcgan(data.shape, width=4, num_classes=10)
    with pytest.raises(UserError, match="replay=8: old samples have no classes"):
        gb.Trainer(*pair, data, gb.TrainConfig(batch_size=8, device="cpu", replay=8))
