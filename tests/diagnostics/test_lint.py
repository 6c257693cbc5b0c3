"""No alarm over loops that are right, whatever their style."""

import random

import numpy as np
import pytest
import torch
from lint_loops import (
    PLAIN,
    Pair,
    concatenated,
    dcgan_tutorial,
    generator_first,
    mse,
    quiet,
    wgan_clipped,
    wgan_gp,
    with_losses,
)
from torch import nn
from torch.nn import functional as F

import ganbook as gb
from ganbook import losses, penalties, recipes
from ganbook.data import ImageDataset, PointDataset
from ganbook.diagnostics import lint_step
from ganbook.training import discriminator_step, generator_step

# ---------------------------------------------------------------------- families of GANs


class Heads(nn.Module):
    """A discriminator that returns a score, classes and a code."""

    def __init__(self, body):
        super().__init__()
        self.body, self.classes, self.code = body, nn.Linear(16, 3), nn.Linear(16, 2)

    def forward(self, x):
        return self.body(x), self.classes(x.flatten(1)), self.code(x.flatten(1))


def with_classes(p):
    """An auxiliary classifier beside the score."""
    p.D = Heads(p.D)
    p.opt_D = torch.optim.Adam(p.D.parameters())
    aux, adversarial = nn.CrossEntropyLoss(), nn.BCEWithLogitsLoss()
    y = torch.arange(8) % 3

    def step(real):
        fake = p.G(p.z())
        p.opt_G.zero_grad()
        score, classes, _ = p.D(fake)
        (0.5 * (adversarial(score, torch.ones_like(score)) + aux(classes, y))).backward()
        p.opt_G.step()
        p.opt_D.zero_grad()
        loss = 0.0
        for x, label in ((real, 1.0), (fake.detach(), 0.0)):
            score, classes, _ = p.D(x)
            loss = loss + (adversarial(score, torch.full_like(score, label)) + aux(classes, y)) / 2
        (loss / 2).backward()
        p.opt_D.step()

    return step


def with_a_code_that_both_maximise(p):
    """A third optimiser holds both players and lowers the error of a recovered code, as in InfoGAN."""
    p.D = Heads(p.D)
    p.opt_D = torch.optim.Adam(p.D.parameters())
    opt_info = torch.optim.Adam([*p.G.parameters(), *p.D.parameters()])
    inner = with_losses(p, lambda r, f: mse(r[0], 1) + mse(f[0], 0), lambda r, f: mse(f[0], 1))

    def step(real):
        inner(real)
        z = p.z()
        opt_info.zero_grad()
        F.mse_loss(p.D(p.G(z))[2], z[:, :2]).backward()
        opt_info.step()

    return step


def judged_with_its_input(p):
    """Image to image: D sees the input's channels and the output's in one tensor."""
    p.G = nn.Sequential(
        nn.Conv2d(1, 4, 3, 1, 1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 1, 3, 1, 1), nn.Tanh()
    )
    p.D = nn.Sequential(nn.Conv2d(2, 4, 3, 1, 1), nn.LeakyReLU(0.2), nn.Conv2d(4, 1, 3))
    p.opt_G, p.opt_D = torch.optim.Adam(p.G.parameters()), torch.optim.Adam(p.D.parameters())

    def step(real):
        grey, target = real, -real
        fake = p.G(grey)
        for w in p.D.parameters():
            w.requires_grad_(True)
        p.opt_D.zero_grad()
        out_fake = p.D(torch.cat((grey, fake), 1).detach())
        out_real = p.D(torch.cat((grey, target), 1))
        ((mse(out_fake, 0.0) + mse(out_real, 1.0)) * 0.5).backward()
        p.opt_D.step()
        for w in p.D.parameters():
            w.requires_grad_(False)
        p.opt_G.zero_grad()
        (mse(p.D(torch.cat((grey, fake), 1)), 1.0) + 100 * F.l1_loss(fake, target)).backward()
        p.opt_G.step()

    return step


def energy_of_an_autoencoder(p):
    """D returns a picture, and its error is the score."""
    p.D = nn.Sequential(
        nn.Flatten(), nn.Linear(16, 4), nn.ReLU(), nn.Linear(4, 16), nn.Unflatten(1, (1, 4, 4))
    )
    p.opt_D = torch.optim.Adam(p.D.parameters())

    def step(real):
        fake = p.G(p.z())
        p.opt_G.zero_grad()
        F.mse_loss(p.D(fake), fake.detach()).backward()
        p.opt_G.step()
        p.opt_D.zero_grad()
        error = F.mse_loss(p.D(fake.detach()), fake.detach())
        (F.mse_loss(p.D(real), real) + F.relu(1.0 - error)).backward()
        p.opt_D.step()

    return step


def two_classes(p):
    """D as a classifier with two outputs."""
    p.D.append(nn.Linear(1, 2))
    p.opt_D = torch.optim.Adam(p.D.parameters())
    loss, one, nil = nn.CrossEntropyLoss(), torch.ones(8, dtype=torch.long), torch.zeros(8, dtype=torch.long)
    return with_losses(p, lambda r, f: loss(r, one) + loss(f, nil), lambda r, f: loss(f, one))


def old_fakes_come_back(p):
    """D learns from a store of fakes, through numpy."""
    store = []
    loss_d, loss_g = PLAIN["lsgan"]

    def step(images):
        fake = p.G(p.z())
        p.opt_G.zero_grad()
        loss_g(None, p.D(fake)).backward()
        p.opt_G.step()
        store.extend(fake.detach().numpy())
        shown = torch.from_numpy(np.stack(random.sample(store, 8)))
        p.opt_D.zero_grad()
        loss_d(p.D(images), p.D(shown)).backward()
        p.opt_D.step()

    return step


def summed_and_written_for_apis_of_old(p):
    """Sums instead of means, Variables, .data and in-place clearing."""
    bce = nn.BCEWithLogitsLoss(reduction="sum")

    def step(X):
        X = torch.autograd.Variable(X)
        for w in p.D.parameters():
            if w.grad is not None:
                w.grad.data.zero_()
        fake = torch.autograd.Variable(p.G(p.z()).data)
        real_y, fake_y = p.D(X), p.D(fake)
        loss = (bce(real_y, torch.ones(8, 1)) + bce(fake_y, torch.zeros(8, 1))) / 2
        loss.backward()
        nn.utils.clip_grad_norm_(p.D.parameters(), 1.0)
        p.opt_D.step()
        for w in p.G.parameters():
            if w.grad is not None:
                w.grad.data.zero_()
        bce(p.D(p.G(p.z())), torch.ones(8, 1)).backward()
        p.opt_G.step()

    return step


FAMILIES = [
    with_classes, with_a_code_that_both_maximise, judged_with_its_input, energy_of_an_autoencoder,
    two_classes, old_fakes_come_back, summed_and_written_for_apis_of_old,
]  # fmt: skip


class TestNoFalseAlarm:
    @pytest.mark.parametrize("kind", ["dense", "conv"])
    @pytest.mark.parametrize("build", [dcgan_tutorial, generator_first])
    def test_tutorial_loops_with_probabilities(self, build, kind):
        p = Pair(kind, sigmoid=True)
        if build is dcgan_tutorial or kind == "dense":
            report = p.lint(build(p))
        else:
            p.D.append(nn.Flatten())
            report = p.lint(build(p))
        assert report.ok, report
        assert quiet(report), report
        assert report["logits and loss"].severity == "note"  # right, but from logits it would be better

    @pytest.mark.parametrize("noisy", [True, False])
    def test_concatenated_labels(self, noisy):
        p = Pair()
        assert quiet(p.lint(concatenated(p, noisy=noisy)))

    def test_labels_the_other_way_round_in_both_turns_are_a_convention(self):
        """Some books let 1 mean "generated" throughout: that is the same game."""
        p = Pair()
        report = p.lint(concatenated(p, generated_is=1.0))
        assert quiet(report), report
        assert report["labels"].severity == "note"

    @pytest.mark.parametrize("build", [wgan_clipped, wgan_gp])
    def test_critics(self, build):
        p = Pair(opt=torch.optim.RMSprop)
        assert quiet(p.lint(build(p)))

    @pytest.mark.parametrize("name", PLAIN)
    def test_losses_of_every_kind(self, name):
        p = Pair()
        report = p.lint(with_losses(p, *PLAIN[name]))
        assert quiet(report), report
        for check in ("labels", "generator's goal", "both terms", "min and max", "fake detached"):
            assert check in report.passed

    @pytest.mark.parametrize("name", losses.LOSSES)
    def test_our_own_steps_given_as_two_turns(self, name):
        p = Pair()
        p.D.append(nn.Flatten(0))
        loss = losses.LOSSES[name]
        report = p.lint(
            discriminator_turn=lambda real, z: discriminator_step(
                p.G, p.D, p.opt_D, loss.discriminator, real, z, penalty=penalties.r1
            ),
            generator_turn=lambda z, real: generator_step(
                p.G, p.D, p.opt_G, loss.generator, real if loss.uses_real else None, z
            ),
            z=p.z(),
        )
        assert quiet(report), report
        assert "discriminator frozen" in report.passed
        assert ("saturation" in report) == (name == "minimax")

    def test_other_fine_loops(self):
        """Gradient accumulation; an optimiser with a closure; D of patches that returns more; noise."""
        p = Pair("conv")

        class Patches(nn.Module):
            def __init__(self, body):
                super().__init__()
                self.body = body

            def forward(self, x):
                features = self.body(F.pad(x, (1, 1, 1, 1)))
                return features, x.mean()

        p.D = Patches(p.D)
        p.opt_D = torch.optim.SGD(p.D.parameters(), lr=0.01)
        p.opt_G = torch.optim.SGD(p.G.parameters(), lr=0.01)

        def step(images, noise):
            p.opt_D.zero_grad(set_to_none=False)
            for part, zs in zip(images.chunk(2), noise.chunk(2), strict=True):
                part = part + 0.1 * torch.randn_like(part)
                fake = p.G(zs)
                fake = fake + 0.1 * torch.randn_like(fake)
                (F.softplus(-p.D(part)[0]).mean() + F.softplus(p.D(fake.detach())[0]).mean()).backward()
            p.opt_D.step()

            def closure():
                p.opt_G.zero_grad()
                loss = F.softplus(-p.D(p.G(noise))[0]).mean()
                loss.backward()
                return loss

            p.opt_G.step(closure)

        report = p.lint(step, z=p.z())
        assert quiet(report), report
        assert "noise" in report.skipped["data range"]

    @pytest.mark.parametrize("build", FAMILIES, ids=lambda f: f.__name__)
    def test_other_families_of_gans(self, build):
        p = Pair()
        report = p.lint(build(p))
        assert quiet(report), report

    def test_the_step_may_bring_its_own_data_and_optimisers(self):
        p = Pair()
        step = with_losses(p, *PLAIN["hinge"])
        report = lint_step(lambda: step(torch.rand(8, 1, 4, 4) * 2 - 1), p.G, p.D)
        assert quiet(report), report
        assert "labels" in report.passed

    @pytest.mark.parametrize("name", recipes.names())
    def test_every_recipe(self, name):
        recipe = recipes.load(name)
        recipe = recipe.replace({"batch_size": 6, "device": "cpu"})
        channels = recipe.data.get("channels") or (3 if "folder" in recipe.data["name"] else 1)
        size = recipe.data.get("image_size") or (8 if recipe.data["name"] == "digits" else 28)
        classes = recipe.model.get("num_classes", 0)
        if recipe.model["family"] != "mlp":
            recipe = recipe.replace({"width": 8})
        rng = torch.Generator().manual_seed(0)
        if recipe.data["name"] in ("ring", "grid"):
            data = gb.load_dataset(recipe.data["name"])
            assert isinstance(data, PointDataset)
        else:
            images = torch.randint(0, 256, (40, channels, size, size), dtype=torch.uint8, generator=rng)
            labels = torch.arange(40) % classes if classes else None
            data = ImageDataset(images, labels, tuple(map(str, range(classes))))
        trainer = recipe.trainer(data, None)
        report = lint_step(
            trainer.train_step, trainer.generator, trainer.discriminator,
            optimizer_d=trainer.discriminator_optimizer, optimizer_g=trainer.generator_optimizer,
            ema=trainer.ema, sample=lambda: trainer.sample(4), keep=[trainer.rng],
        )  # fmt: skip
        assert report.findings == (), report
        for check in ("labels", "generator's goal", "EMA", "sampling", "discriminator frozen", "condition"):
            assert check in report.passed, report
