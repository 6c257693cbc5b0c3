"""Train on the real MNIST and judge what came out. Run by `make quality DATA=...` and by CI.

The bounds are such that the three classic mistakes do not pass: a step with a wrong sign, a fake that is
not detached, a discriminator that is not frozen. The last two do no harm to the samples as long as every
optimiser holds one player only and clears its gradients, so they are looked for where they show, in the
gradients.
"""

import os
from pathlib import Path

import pytest
import torch
from torch import nn

import ganbook as gb
from ganbook import recipes, training
from ganbook.training import gan as gan_module

pytestmark = pytest.mark.mnist
STEPS, EARLY = 1000, 330


@pytest.fixture(scope="module")
def data_dir():
    folder = os.environ.get("GANBOOK_TEST_DATA")
    if not folder:
        pytest.skip("GANBOOK_TEST_DATA does not name a folder with the real MNIST")
    return Path(folder)


@pytest.fixture(scope="module")
def judge(data_dir):
    """A small convolutional classifier of real digits, trained for one epoch; its own accuracy is checked."""
    data = gb.load_dataset("mnist", data_dir, image_size=32)
    test = gb.load_dataset("mnist", data_dir, image_size=32, split="test")
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 16, 5, 2, 2), nn.ReLU(), nn.Conv2d(16, 32, 5, 2, 2), nn.ReLU(), nn.Flatten(),
        nn.Linear(32 * 64, 64), nn.ReLU(), nn.Linear(64, 10),
    )  # fmt: skip
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3, fused=True)
    order = gb.data.BatchOrder(len(data), 128, seed=0)
    for step in range(len(data) // 128):
        indices = order.batch(step)
        loss = nn.functional.cross_entropy(net(data.batch(indices)), data.labels[indices])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        accuracy = (net(test[:5000]).argmax(1) == test.labels[:5000]).float().mean().item()
    assert accuracy > 0.95, "the judge itself is not good enough"
    return net.eval()


def verdict(judge, images):
    """Return the share of each digit among the images, and the share that the judge is confident of."""
    with torch.no_grad():
        p = judge(images).softmax(1)
    return p.argmax(1).bincount(minlength=10) / len(images), (p.max(1).values > 0.8).float().mean().item()


def good(judge, images, bound=0.5):
    """All ten digits, none above 30 %, and the judge is confident of most of the images."""
    shares, confident = verdict(judge, images)
    print("shares:", [round(s, 3) for s in shares.tolist()], "confident:", round(confident, 3))
    return bool(shares.min() >= 0.01 and shares.max() <= 0.30 and confident > bound)


def train(data_dir, steps):
    recipe = recipes.load("dcgan-mnist").replace({"data_dir": str(data_dir), "device": "cpu"})
    trainer = recipe.trainer(gb.load_dataset(**recipe.data), None)
    trainer.fit(steps=steps, progress=False)
    return trainer


def test_the_judge_would_not_pass_anything(judge, data_dir):
    real = gb.load_dataset("mnist", data_dir, image_size=32, split="test")
    assert good(judge, real[:1000])
    assert not good(judge, torch.rand(1000, 1, 32, 32) * 2 - 1)  # noise
    assert not good(judge, real[:1].expand(1000, -1, -1, -1))  # one digit for ever
    blurred = nn.functional.avg_pool2d(real[:1000], 9, 1, 4, count_include_pad=False)
    assert not good(judge, blurred)


@pytest.fixture(scope="module")
def trained(data_dir):
    """The real run: its trainer, and samples from early on."""
    trainer = train(data_dir, EARLY)
    early = trainer.sample(1000)
    trainer.fit(steps=STEPS - EARLY, progress=False)
    return trainer, early


def test_a_minute_or_two_of_dcgan_draws_all_ten_digits(judge, trained):
    trainer, _ = trained
    assert good(judge, trainer.sample(1000))
    assert not good(judge, trainer.sample(1).expand(1000, -1, -1, -1))


def test_no_gradient_crosses_over_in_the_real_run(data_dir, monkeypatch):
    """Watch the trainer's own steps: fake detached, D frozen, each player moves in its turn only."""
    turns = []

    def watch(name, mover, other):
        step = getattr(training, f"{name}_step")

        def watched(generator, discriminator, *args, **kwargs):
            players = {"generator": generator, "discriminator": discriminator}
            for player in players.values():
                player.zero_grad()
            before = {key: [p.clone() for p in m.parameters()] for key, m in players.items()}
            result = step(generator, discriminator, *args, **kwargs)
            moved = {
                key: not all(torch.equal(a, b) for a, b in zip(before[key], m.parameters(), strict=True))
                for key, m in players.items()
            }
            assert moved[mover], f"the {mover} did not move in its own turn"
            assert not moved[other], f"the {other} moved in the {mover}'s turn"
            leaked = any(p.grad is not None for p in players[other].parameters())
            assert not leaked, f"the {mover}'s turn left gradients in the {other}"
            turns.append(name)
            return result

        monkeypatch.setattr(gan_module, f"{name}_step", watched)

    watch("discriminator", "discriminator", "generator")
    watch("generator", "generator", "discriminator")
    train(data_dir, steps=3)
    assert turns == ["discriminator", "generator"] * 3


def test_steps_that_are_broken_do_not_pass(judge, trained, data_dir, monkeypatch):
    """The harmful forms of the three mistakes, against the real run at the same length."""
    assert good(judge, trained[1], bound=0.3)
    real_d, real_g = training.discriminator_step, training.generator_step

    def wrong_sign(generator, discriminator, optimizer, loss, *rest):
        return real_g(generator, discriminator, optimizer, lambda r, f: -loss(r, f), *rest)

    def cooperating(generator, discriminator, optimizer, loss, real, z, *rest):
        """Not detached, and the gradient is used: G also descends D's loss."""
        result = real_d(generator, discriminator, optimizer, loss, real, z, *rest)
        rate = optimizer.param_groups[0]["lr"]
        fake_loss = loss(result.real_logits, discriminator(generator(z)))
        gradients = torch.autograd.grad(fake_loss, list(generator.parameters()))
        with torch.no_grad():
            for p, g in zip(generator.parameters(), gradients, strict=True):
                p -= 10 * rate * g.sign()
        return result

    def unfrozen(generator, discriminator, optimizer, loss, real, z, *rest):
        """Not frozen, and the gradient is used: D is taught as well that fakes are real."""
        fake_loss = loss(None, discriminator(generator(z).detach()))
        gradients = torch.autograd.grad(fake_loss, list(discriminator.parameters()))
        with torch.no_grad():
            for p, g in zip(discriminator.parameters(), gradients, strict=True):
                p -= 2 * optimizer.param_groups[0]["lr"] * g.sign()
        return real_g(generator, discriminator, optimizer, loss, real, z, *rest)

    for name, broken in (
        ("generator_step", wrong_sign),
        ("discriminator_step", cooperating),
        ("generator_step", unfrozen),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(gan_module, name, broken)
            images = train(data_dir, EARLY).sample(1000)
        print(broken.__name__)
        assert not good(judge, images, bound=0.3), broken.__name__
