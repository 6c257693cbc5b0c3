"""The linter: every mistake that it claims to find, in several styles; no alarm over loops that are right."""

import copy
import html.parser
import itertools
import json
import random
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import ganbook as gb
from ganbook import losses, penalties, recipes
from ganbook.data import ImageDataset, PointDataset
from ganbook.diagnostics import CHECKS, SEVERITIES, Report, lint_step
from ganbook.errors import UserError
from ganbook.training import discriminator_step, generator_step
from ganbook.training.ema import EMA

NZ = 6  # length of the latents
LATENTS = torch.Generator().manual_seed(3)


# ---------------------------------------------------------------------- networks and data


class Pair:
    """Two small networks, their optimisers and data; every test gets a fresh one."""

    def __init__(self, kind="dense", sigmoid=False, lr=1e-2, opt=torch.optim.Adam):
        torch.manual_seed(0)
        if kind == "dense":
            self.G = nn.Sequential(
                nn.Linear(NZ, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 16), nn.Tanh(),
                nn.Unflatten(1, (1, 4, 4)),
            )  # fmt: skip
            layers = [nn.Flatten(), nn.Linear(16, 12), nn.LeakyReLU(0.2), nn.Linear(12, 1)]
        else:
            self.G = nn.Sequential(
                nn.ConvTranspose2d(NZ, 8, 4, 1, 0, bias=False), nn.BatchNorm2d(8), nn.ReLU(True),
                nn.ConvTranspose2d(8, 1, 3, 1, 1, bias=False), nn.Tanh(),
            )  # fmt: skip
            layers = [
                nn.Conv2d(1, 8, 3, 1, 1, bias=False), nn.LeakyReLU(0.2, inplace=True),
                nn.Conv2d(8, 8, 3, 1, 1, bias=False), nn.BatchNorm2d(8), nn.LeakyReLU(0.2, inplace=True),
                nn.Conv2d(8, 1, 4, 1, 0, bias=False),
            ]  # fmt: skip
        self.D = nn.Sequential(*layers, *([nn.Sigmoid()] if sigmoid else []))
        self.opt_G, self.opt_D = opt(self.G.parameters(), lr=lr), opt(self.D.parameters(), lr=lr)
        self.real = torch.rand(8, 1, 4, 4) * 2 - 1
        self.conv = kind != "dense"

    def z(self, n=8):
        return torch.randn(n, NZ, 1, 1) if self.conv else torch.randn(n, NZ)

    def lint(self, step=None, **kwargs):
        kwargs = {"optimizer_d": self.opt_D, "optimizer_g": self.opt_G, "real": self.real, **kwargs}
        return lint_step(step, self.G, self.D, **kwargs)


def names(report, *severities):
    return [f.name for f in report.findings if f.severity in (severities or SEVERITIES)]


def quiet(report):
    """No error, no warning."""
    return not names(report, "error", "warning")


# ---------------------------------------------------------------------- loops that are right


def dcgan_tutorial(p):
    """PyTorch's DCGAN tutorial in kind: two backward passes for D, BCELoss on probabilities, D not frozen."""
    criterion = nn.BCELoss()

    def step(data):
        p.D.zero_grad()
        label = torch.full((len(data),), 1.0)
        loss_real = criterion(p.D(data).view(-1), label)
        loss_real.backward()
        fake = p.G(p.z(len(data)))
        label.fill_(0.0)
        loss_fake = criterion(p.D(fake.detach()).view(-1), label)
        loss_fake.backward()
        p.opt_D.step()
        p.G.zero_grad()
        label.fill_(1.0)
        loss = criterion(p.D(fake).view(-1), label)
        loss.backward()
        p.opt_G.step()

    return step


def generator_first(p):
    """G moves first, the fake is shared, D's loss is the mean of two (as in many collections of GANs)."""
    criterion = nn.BCELoss()

    def step(imgs):
        valid, fake = torch.ones(len(imgs), 1), torch.zeros(len(imgs), 1)
        p.opt_G.zero_grad()
        gen_imgs = p.G(p.z(len(imgs)))
        g_loss = criterion(p.D(gen_imgs), valid)
        g_loss.backward()
        p.opt_G.step()
        p.opt_D.zero_grad()
        real_loss = criterion(p.D(imgs), valid)
        fake_loss = criterion(p.D(gen_imgs.detach()), fake)
        d_loss = (real_loss + fake_loss) / 2
        d_loss.backward()
        p.opt_D.step()

    return step


def concatenated(p, generated_is=0.0, noisy=True):
    """One batch of both kinds with labels, D frozen while G learns (the style of Keras)."""
    bce = nn.BCEWithLogitsLoss()

    def step(x):
        n = len(x)
        combined = torch.cat([p.G(p.z(n)).detach(), x])
        y = torch.cat([torch.full((n, 1), generated_is), torch.full((n, 1), 1 - generated_is)])
        if noisy:
            y = y + 0.05 * torch.rand_like(y)
        p.opt_D.zero_grad()
        bce(p.D(combined), y).backward()
        p.opt_D.step()
        for w in p.D.parameters():
            w.requires_grad = False
        misleading = torch.full((n, 1), 1 - generated_is)
        p.opt_G.zero_grad()
        bce(p.D(p.G(p.z(n))), misleading).backward()
        p.opt_G.step()
        for w in p.D.parameters():
            w.requires_grad = True

    return step


def wgan_clipped(p, every=3):
    """The critic moves each time and is clipped, the generator every third time, counted outside."""
    count = itertools.count(1)

    def step(real):
        p.opt_D.zero_grad()
        fake = p.G(p.z()).detach()
        loss = -torch.mean(p.D(real)) + torch.mean(p.D(fake))
        loss.backward()
        p.opt_D.step()
        for w in p.D.parameters():
            w.data.clamp_(-0.01, 0.01)
        if next(count) % every == 0:
            p.opt_G.zero_grad()
            (-p.D(p.G(p.z())).mean()).backward()
            p.opt_G.step()

    return step


def wgan_gp(p, k=2):
    """K steps of the critic with a gradient penalty, written by hand; then one of the generator."""

    def step(x):
        for _ in range(k):
            with torch.no_grad():
                fake = p.G(p.z())
            eps = torch.rand(len(x), 1, 1, 1)
            between = (eps * x + (1 - eps) * fake).requires_grad_(True)
            slope = torch.autograd.grad(p.D(between).sum(), between, create_graph=True)[0]
            penalty = ((slope.flatten(1).norm(dim=1) - 1) ** 2).mean()
            loss = p.D(fake).mean() - p.D(x).mean() + 10 * penalty
            p.opt_D.zero_grad()
            loss.backward()
            p.opt_D.step()
        p.opt_G.zero_grad()
        loss = -p.D(p.G(p.z())).mean()
        loss.backward()
        p.opt_G.step()

    return step


def with_losses(p, loss_d, loss_g):
    """A plain loop over any pair of losses of (real output, fake output)."""

    def step(real):
        fake = p.G(p.z())
        p.opt_D.zero_grad()
        loss_d(p.D(real), p.D(fake.detach())).backward()
        p.opt_D.step()
        p.opt_G.zero_grad()
        loss_g(p.D(real), p.D(fake)).backward()
        p.opt_G.step()

    return step


def mse(out, label):
    return F.mse_loss(out, torch.full_like(out, label))


PLAIN = {
    "lsgan": (lambda r, f: mse(r, 1) + mse(f, 0), lambda r, f: mse(f, 1)),
    "lsgan, labels -1, 1 and 0": (lambda r, f: mse(r, 1) + mse(f, -1), lambda r, f: mse(f, 0)),
    "smoothed labels": (lambda r, f: F.binary_cross_entropy_with_logits(r, torch.full_like(r, 0.9))
                        + F.binary_cross_entropy_with_logits(f, torch.full_like(f, 0.1)),
                        lambda r, f: F.softplus(-f).mean()),
    "hinge": (lambda r, f: F.relu(1 - r).mean() + F.relu(1 + f).mean(), lambda r, f: -f.mean()),
    "relativistic": (lambda r, f: F.softplus(f - r).mean(), lambda r, f: F.softplus(r - f).mean()),
    "relativistic average": (
        lambda r, f: F.softplus(-(r - f.mean())).mean() + F.softplus(f - r.mean()).mean(),
        lambda r, f: F.softplus(-(f - r.mean())).mean() + F.softplus(r - f.mean()).mean()),
    "minimax by logsigmoid": (lambda r, f: -(F.logsigmoid(r) + F.logsigmoid(-f)).mean(),
                              lambda r, f: F.logsigmoid(-f).mean()),
    "probabilities by hand": (lambda r, f: -(r.sigmoid().log() + torch.log(1 - torch.sigmoid(f))).mean(),
                              lambda r, f: -torch.log(torch.sigmoid(f)).mean()),
    "loss times ten": (lambda r, f: F.softplus(-r).mean() + F.softplus(f).mean(),
                       lambda r, f: 10 * F.softplus(-f).mean()),
}  # fmt: skip


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
        assert report["logits and loss"].severity == "note"  # BCE on probabilities: right, but see B11

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


# ---------------------------------------------------------------------- nothing is changed


def snapshot(p):
    def optimizer(o):
        return copy.deepcopy([o.state_dict()["state"], [{k: v for k, v in g.items() if k != "params"}
                                                       for g in o.param_groups]])  # fmt: skip

    return {
        "weights": [t.clone() for net in (p.G, p.D) for t in net.state_dict().values()],
        "grads": [None if w.grad is None else w.grad.clone() for net in (p.G, p.D) for w in net.parameters()],
        "flags": [w.requires_grad for net in (p.G, p.D) for w in net.parameters()],
        "modes": [m.training for net in (p.G, p.D) for m in net.modules()],
        "optimisers": [optimizer(p.opt_G), optimizer(p.opt_D)],
        "random": [torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()],  # noqa: NPY002
        "hooks": [len(net._forward_hooks) + len(net._forward_pre_hooks) for net in (p.G, p.D)],
        "backward": torch.autograd.backward,
    }


def equal(a, b):
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b, strict=True))
    return a == b


class TestNothingIsChanged:
    @pytest.mark.parametrize("trained", [0, 3])
    @pytest.mark.parametrize("build", [dcgan_tutorial, concatenated, wgan_gp])
    def test_networks_optimisers_and_random_numbers(self, build, trained):
        p = Pair("conv" if build is dcgan_tutorial else "dense", sigmoid=build is dcgan_tutorial)
        step = build(p)
        for _ in range(trained):
            step(p.real)
        p.G.eval()
        before = snapshot(p)
        p.lint(step, sample=lambda: p.G(p.z()))
        after = snapshot(p)
        for key in before:
            assert equal(before[key], after[key]), key

    def test_also_when_the_step_raises_or_breaks_everything(self):
        p = Pair()

        def step(real):
            p.D(real).mean().backward()
            p.opt_D.step()
            p.D.eval()
            for w in p.G.parameters():
                w.data.fill_(float("nan"))
                w.requires_grad_(False)
            np.random.rand()  # noqa: NPY002
            raise ZeroDivisionError("for the test")

        before = snapshot(p)
        report = p.lint(step)
        assert equal(before, snapshot(p))
        assert "ZeroDivisionError" in report["step runs"].evidence
        assert "raise ZeroDivisionError" in report["step runs"].evidence

    def test_training_goes_on_as_if_nothing_had_happened(self):
        weights = []
        for linted in (False, True):
            p = Pair()
            step = concatenated(p)
            step(p.real)
            if linted:
                p.lint(step)
            for _ in range(3):
                step(p.real)
            weights.append([w.detach().clone() for net in (p.G, p.D) for w in net.parameters()])
        assert equal(*weights)

    def test_parameters_of_a_third_network_and_what_is_kept(self):
        p = Pair()
        third = nn.Linear(2, 2)
        opt = torch.optim.SGD(third.parameters(), lr=0.1)
        scheduler = torch.optim.lr_scheduler.StepLR(p.opt_D, 1)
        inner = with_losses(p, *PLAIN["hinge"])

        def step(real):
            inner(real)
            opt.zero_grad()
            third(torch.ones(1, 2)).sum().backward()
            opt.step()
            scheduler.step()

        before = copy.deepcopy(third.state_dict()), scheduler.state_dict()
        assert quiet(p.lint(step, keep=[scheduler]))
        assert equal(before, (third.state_dict(), scheduler.state_dict()))


# ---------------------------------------------------------------------- seeded mistakes


BCE = F.binary_cross_entropy_with_logits


def ones(out):
    return torch.ones_like(out)


def zeros(out):
    return torch.zeros_like(out)


def seeded(name, severity="error"):
    """Register a mistake: a function of a Pair that returns a step, and the finding that it must get."""

    def register(build):
        SEEDED.append(pytest.param(build, name, severity, id=f"{name}: {build.__name__}"))
        return build

    return register


SEEDED: list = []


# --- B1


@seeded("min and max")
def both_players_on_the_wrong_side_of_v(p):
    def value(real, fake):
        return (torch.log(torch.sigmoid(p.D(real))) + torch.log(1 - torch.sigmoid(p.D(fake)))).mean()

    def step(real):
        fake = p.G(p.z())
        p.opt_D.zero_grad()
        value(real, fake.detach()).backward()
        p.opt_D.step()
        p.opt_G.zero_grad()
        (-value(real, fake)).backward()
        p.opt_G.step()

    return step


@seeded("min and max")
def cross_entropy_with_a_minus(p):
    return with_losses(p, lambda r, f: -BCE(r, ones(r)) - BCE(f, zeros(f)), lambda r, f: BCE(f, zeros(f)))


# --- B2


class Conditional(nn.Module):
    def __init__(self, body):
        super().__init__()
        self.body, self.embed = body, nn.Embedding(3, 1)

    def forward(self, x, y=None):
        return self.body(x) + (0 if y is None else self.embed(y))


@seeded("condition")
def labels_with_real_samples_only(p):
    p.D = Conditional(p.D)
    p.opt_D = torch.optim.Adam(p.D.parameters())
    y = torch.arange(8) % 3

    def step(real):
        p.opt_D.zero_grad()
        (F.softplus(-p.D(real, y)).mean() + F.softplus(p.D(p.G(p.z()).detach())).mean()).backward()
        p.opt_D.step()
        p.opt_G.zero_grad()
        F.softplus(-p.D(p.G(p.z()))).mean().backward()
        p.opt_G.step()

    return step


@seeded("condition")
def the_class_as_a_keyword_on_one_side(p):
    p.D = Conditional(p.D)
    p.opt_D = torch.optim.Adam(p.D.parameters())

    def step(real):
        y = torch.randint(3, (8,))
        real_out, fake_out = p.D(real, y=y), p.D(p.G(p.z()).detach(), y=None)
        p.opt_D.zero_grad()
        (BCE(real_out, ones(real_out)) + BCE(fake_out, zeros(fake_out))).backward()
        p.opt_D.step()
        out = p.D(p.G(p.z()))
        p.opt_G.zero_grad()
        BCE(out, ones(out)).backward()
        p.opt_G.step()

    return step


# --- B4


@seeded("idle term", "warning")
def generator_loss_with_a_term_of_real_samples(p):
    return with_losses(
        p, PLAIN["hinge"][0], lambda r, f: F.softplus(-f).mean() - torch.log(1 - torch.sigmoid(r)).mean()
    )


@seeded("idle term", "warning")
def generator_minimises_the_whole_value(p):
    v = PLAIN["minimax by logsigmoid"][0]
    return with_losses(p, v, lambda r, f: -v(r, f))


# --- B5


@seeded("one loss")
def total_loss_then_both_optimisers(p):
    def step(real):
        fake = p.G(p.z())
        out_real, out_fake = p.D(real), p.D(fake)
        loss_d = BCE(out_real, ones(out_real)) + BCE(out_fake, zeros(out_fake))
        total = BCE(out_fake, ones(out_fake)) + 0.5 * loss_d
        p.opt_D.zero_grad()
        p.opt_G.zero_grad()
        total.backward()
        p.opt_D.step()
        p.opt_G.step()

    return step


@seeded("optimisers")
def one_optimiser_for_both(p):
    p.opt_D = p.opt_G = torch.optim.Adam([*p.G.parameters(), *p.D.parameters()])
    return with_losses(p, *PLAIN["hinge"])


# --- B6


@seeded("labels")
def concatenated_in_another_order_than_the_labels(p):
    def step(real):
        fake = p.G(p.z())
        out = p.D(torch.cat([real, fake.detach()]))
        target = torch.cat([torch.zeros(8, 1), torch.ones(8, 1)])
        p.opt_D.zero_grad()
        BCE(out, target).backward()
        p.opt_D.step()
        p.opt_G.zero_grad()
        out = p.D(fake)
        BCE(out, ones(out)).backward()
        p.opt_G.step()

    return step


@seeded("labels")
def least_squares_with_real_zero(p):
    return with_losses(p, lambda r, f: mse(r, 0) + mse(f, 1), lambda r, f: mse(f, 1))


@seeded("labels")
def critic_with_the_sign_turned(p):
    return with_losses(p, lambda r, f: r.mean() - f.mean(), lambda r, f: -f.mean())


@seeded("labels")
def every_sample_is_called_real(p):
    def step(images):
        p.opt_D.zero_grad()
        both = p.D(torch.cat((images, p.G(p.z()).detach())))
        BCE(both, torch.ones(16, 1)).backward()
        p.opt_D.step()
        p.opt_G.zero_grad()
        out = p.D(p.G(p.z()))
        BCE(out, ones(out)).backward()
        p.opt_G.step()

    return step


@seeded("generator's goal")
def generator_labels_its_fakes_as_fakes(p):
    return with_losses(p, PLAIN["smoothed labels"][0], lambda r, f: BCE(f, zeros(f)))


@seeded("generator's goal")
def generator_of_least_squares_with_label_zero(p):
    return with_losses(p, PLAIN["lsgan"][0], lambda r, f: mse(f, 0))


@seeded("generator's goal")
def hinge_generator_without_its_minus(p):
    return with_losses(p, PLAIN["hinge"][0], lambda r, f: f.mean())


# --- B7


@seeded("generator moves")
def generator_phase_steps_the_discriminator(p):
    def step(real):
        p.opt_D.zero_grad()
        (F.softplus(-p.D(real)).mean() + F.softplus(p.D(p.G(p.z()).detach())).mean()).backward()
        p.opt_D.step()
        p.opt_D.zero_grad()
        F.softplus(-p.D(p.G(p.z()))).mean().backward()
        p.opt_D.step()

    return step


@seeded("optimisers")
def the_wrong_parameters_in_the_optimiser(p):
    p.opt_G = torch.optim.Adam(p.D.parameters())
    return with_losses(p, *PLAIN["relativistic"])


@seeded("optimisers")
def the_network_was_made_again_after_its_optimiser(p):
    p.G = copy.deepcopy(p.G)
    return with_losses(p, *PLAIN["lsgan"])


@seeded("generator moves")
def fake_detached_in_the_generator_turn(p):
    def step(real):
        fake = p.G(p.z()).detach()
        p.opt_D.zero_grad()
        (F.relu(1 - p.D(real)).mean() + F.relu(1 + p.D(fake)).mean()).backward()
        p.opt_D.step()
        p.opt_G.zero_grad()
        (-p.D(fake).mean()).backward()
        p.opt_G.step()

    return step


@seeded("discriminator moves")
def frozen_and_never_freed(p):
    for w in p.D.parameters():
        w.requires_grad_(False)

    def step(real):
        fake = p.G(p.z())
        p.opt_G.zero_grad()
        F.softplus(-p.D(fake)).mean().backward()
        p.opt_G.step()
        p.opt_D.step()

    return step


# --- B8 and B9


@seeded("discriminator frozen")
def gradients_of_the_generators_loss_stay_in_d(p):
    def step(real):
        fake = p.G(p.z())
        (F.softplus(-p.D(real)).mean() + F.softplus(p.D(fake.detach())).mean()).backward()
        p.opt_D.step()
        p.opt_D.zero_grad()
        p.opt_G.zero_grad()
        F.softplus(-p.D(fake)).mean().backward()
        p.opt_G.step()

    return step


@seeded("discriminator frozen")
def both_losses_backward_then_both_step(p):
    def step(real):
        fake = p.G(p.z())
        loss_d = mse(p.D(real), 1.0) + mse(p.D(fake.detach()), 0.0)
        loss_g = mse(p.D(fake), 1.0)
        p.opt_D.zero_grad()
        p.opt_G.zero_grad()
        loss_d.backward()
        loss_g.backward()
        p.opt_D.step()
        p.opt_G.step()

    return step


@seeded("discriminator frozen")
def zero_grad_forgotten_before_d(p):
    bce = nn.BCEWithLogitsLoss()

    def step(real):
        out_r, out_f = p.D(real), p.D(p.G(p.z()).detach())
        (bce(out_r, ones(out_r)) + bce(out_f, zeros(out_f))).backward()
        p.opt_D.step()
        p.opt_G.zero_grad()
        out = p.D(p.G(p.z()))
        bce(out, ones(out)).backward()
        p.opt_G.step()

    return step


@seeded("fake detached", "warning")
def not_detached_but_cleared(p):
    def step(real):
        p.opt_D.zero_grad()
        (F.softplus(-p.D(real)) + F.softplus(p.D(p.G(p.z())))).mean().backward()
        p.opt_D.step()
        p.opt_G.zero_grad()
        F.softplus(-p.D(p.G(p.z()))).mean().backward()
        p.opt_G.step()

    return step


@seeded("fake detached", "warning")
def not_detached_in_two_backward_passes(p):
    criterion = nn.BCEWithLogitsLoss()

    def step(data):
        p.D.zero_grad()
        out = p.D(data)
        criterion(out, ones(out)).backward()
        fake = p.G(p.z())
        out = p.D(fake)
        criterion(out, zeros(out)).backward(retain_graph=True)
        p.opt_D.step()
        p.G.zero_grad()
        out = p.D(p.G(p.z()))
        criterion(out, ones(out)).backward()
        p.opt_G.step()

    return step


@seeded("fake detached")
def not_detached_and_not_cleared(p):
    def step(real):
        p.opt_G.zero_grad()
        p.opt_D.zero_grad()
        (F.softplus(-p.D(real)) + F.softplus(p.D(p.G(p.z())))).mean().backward()
        p.opt_D.step()
        F.softplus(-p.D(p.G(p.z()))).mean().backward()
        p.opt_G.step()

    return step


@seeded("fake detached")
def shared_fake_whose_graph_is_freed(p):
    def step(real):
        fake = p.G(p.z())
        p.opt_D.zero_grad()
        (F.relu(1 - p.D(real)).mean() + F.relu(1 + p.D(fake)).mean()).backward()
        p.opt_D.step()
        p.opt_G.zero_grad()
        (-p.D(fake).mean()).backward()
        p.opt_G.step()

    return step


@seeded("gradients cleared")
def nobody_clears_anything(p):
    def step(real):
        (F.softplus(-p.D(real)).mean() + F.softplus(p.D(p.G(p.z()).detach())).mean()).backward()
        p.opt_D.step()
        F.softplus(-p.D(p.G(p.z()))).mean().backward()
        p.opt_G.step()

    return step


@seeded("gradients cleared")
def generator_gradients_pile_up(p):
    def step(real):
        p.opt_D.zero_grad()
        (mse(p.D(real), 1.0) + mse(p.D(p.G(p.z()).detach()), 0.0)).backward()
        p.opt_D.step()
        for w in p.D.parameters():
            w.requires_grad_(False)
        mse(p.D(p.G(p.z())), 1.0).backward()
        p.opt_G.step()
        for w in p.D.parameters():
            w.requires_grad_(True)

    return step


# --- order


@seeded("order")
def cleared_between_backward_and_step(p):
    def step(real):
        (F.softplus(-p.D(real)).mean() + F.softplus(p.D(p.G(p.z()).detach())).mean()).backward()
        p.opt_D.zero_grad()
        p.opt_D.step()
        p.opt_G.zero_grad()
        F.softplus(-p.D(p.G(p.z()))).mean().backward()
        p.opt_G.step()

    return step


@seeded("order")
def step_before_backward(p):
    def step(real):
        p.opt_D.zero_grad()
        (F.softplus(-p.D(real)).mean() + F.softplus(p.D(p.G(p.z()).detach())).mean()).backward()
        p.opt_D.step()
        p.opt_G.zero_grad()
        loss = F.softplus(-p.D(p.G(p.z()))).mean()
        p.opt_G.step()
        loss.backward()

    return step


@seeded("order")
def generator_loss_from_before_the_discriminator_moved(p):
    def step(real):
        fake = p.G(p.z())
        loss_d = mse(p.D(real), 1.0) + mse(p.D(fake.detach()), 0.0)
        loss_g = mse(p.D(fake), 1.0)
        p.opt_D.zero_grad()
        loss_d.backward()
        p.opt_D.step()
        p.opt_G.zero_grad()
        loss_g.backward()
        p.opt_G.step()

    return step


# --- B10


@seeded("both terms")
def only_real_samples(p):
    return with_losses(p, lambda r, f: -torch.log(torch.sigmoid(r)).mean(), PLAIN["hinge"][1])


@seeded("both terms")
def only_generated_samples(p):
    def step(real):
        p.opt_D.zero_grad()
        out = p.D(p.G(p.z()).detach())
        BCE(out, zeros(out)).backward()
        p.opt_D.step()
        p.opt_G.zero_grad()
        out = p.D(p.G(p.z()))
        BCE(out, ones(out)).backward()
        p.opt_G.step()

    return step


# --- B11


@seeded("logits and loss")
def sigmoid_and_the_loss_for_logits(p):
    p.D.append(nn.Sigmoid())
    bce = nn.BCEWithLogitsLoss()
    return with_losses(p, lambda r, f: bce(r, ones(r)) + bce(f, zeros(f)), lambda r, f: bce(f, ones(f)))


@seeded("logits and loss")
def softplus_of_probabilities(p):
    return with_losses(
        p,
        lambda r, f: losses.minimax_discriminator_loss(r.sigmoid(), f.sigmoid()),
        lambda r, f: losses.non_saturating_generator_loss(None, f.sigmoid()),
    )


@seeded("logits and loss")
def logits_into_bceloss(p):
    with torch.no_grad():
        p.D[-1].bias.fill_(2.0)
    bce = nn.BCELoss()
    return with_losses(p, lambda r, f: bce(r, ones(r)) + bce(f, zeros(f)), lambda r, f: bce(f, ones(f)))


@seeded("logits and loss")
def logits_that_happen_to_lie_between_0_and_1(p):
    with torch.no_grad():
        p.D[-1].weight.mul_(0.01)
        p.D[-1].bias.fill_(0.5)
    bce = nn.BCELoss()
    return with_losses(p, lambda r, f: bce(r, ones(r)) + bce(f, zeros(f)), lambda r, f: bce(f, ones(f)))


@seeded("logits and loss")
def two_sigmoids_in_the_network(p):
    p.D.extend([nn.Sigmoid(), nn.Sigmoid()])
    bce = nn.BCELoss()
    return with_losses(p, lambda r, f: bce(r, ones(r)) + bce(f, zeros(f)), lambda r, f: bce(f, ones(f)))


@seeded("logits and loss")
def one_sigmoid_in_the_network_and_one_in_the_loop(p):
    p.D.append(nn.Sigmoid())
    return with_losses(
        p,
        lambda r, f: -(torch.sigmoid(r).log() + (1 - torch.sigmoid(f)).log()).mean(),
        lambda r, f: -torch.sigmoid(f).log().mean(),
    )


# --- B12


@seeded("shapes")
def images_of_another_size(p):
    p.G.append(nn.Upsample(scale_factor=2))
    return with_losses(p, *PLAIN["hinge"])


@seeded("shapes")
def images_of_another_size_that_nobody_minds(p):
    p.G.append(nn.Upsample(scale_factor=2))
    p.D = nn.Sequential(nn.Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 1))
    p.opt_D = torch.optim.Adam(p.D.parameters())
    return with_losses(p, *PLAIN["hinge"])


@seeded("shapes")
def labels_of_another_shape_are_broadcast(p):
    mean = nn.MSELoss()
    label = torch.full((8,), 1.0)
    warnings.simplefilter("ignore", UserWarning)  # PyTorch's own, which is easily overlooked
    return with_losses(p, lambda r, f: mean(r, label) + mean(f, 0 * label), lambda r, f: mean(f, label))


@seeded("shapes")
def a_relativistic_loss_of_all_pairs_by_accident(p):
    return with_losses(
        p, lambda r, f: F.softplus(f - r.squeeze(1)).mean(), lambda r, f: F.softplus(r - f.squeeze(1)).mean()
    )


@seeded("shapes", "warning")
def a_dense_layer_on_the_last_axis(p):
    p.D = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1))
    p.opt_D = torch.optim.Adam(p.D.parameters())
    return with_losses(p, *PLAIN["hinge"])


# --- B13


@seeded("data range")
def normalised_twice_from_bytes(p):
    p.real = (p.real + 1) * 127.5

    def once_more(x):
        return x / 127.5 - 1

    inner = with_losses(p, *PLAIN["hinge"])
    return lambda x: inner(once_more(once_more(x)))


@seeded("data range")
def normalised_twice_from_zero_to_one(p):
    inner = with_losses(p, *PLAIN["lsgan"])
    return lambda x: inner((x - 0.5) / 0.5)  # the loader has done it already


@seeded("data range")
def not_normalised(p):
    inner = with_losses(p, *PLAIN["relativistic"])
    return lambda x: inner((x + 1) * 127.5)


@seeded("data range", "warning")
def from_zero_to_one_and_tanh(p):
    inner = dcgan_tutorial(p)
    p.D.append(nn.Sigmoid())
    return lambda data: inner((data + 1) / 2)


# --- B21


@seeded("modes", "warning")
def left_in_eval_mode_by_sampling(p):
    p.G.eval()
    return with_losses(p, *PLAIN["hinge"])


@seeded("modes", "warning")
def eval_in_the_loop(p):
    p.D.insert(3, nn.Dropout(0.3))
    inner = concatenated(p)

    def step(real):
        p.D.eval()
        inner(real)

    return step


@seeded("batch norm", "warning")
def eps_for_momentum(p):
    p.G[1] = nn.BatchNorm1d(12, 0.8)
    p.opt_G = torch.optim.Adam(p.G.parameters())
    return with_losses(p, *PLAIN["hinge"])


@seeded("batch norm", "warning")
def eps_for_momentum_in_d(p):
    p.D.insert(2, nn.BatchNorm1d(12, 0.1))
    p.opt_D = torch.optim.Adam(p.D.parameters())
    return concatenated(p)


# --- other


@seeded("finite")
def a_logarithm_of_zero(p):
    p.D.append(nn.Sigmoid())
    with torch.no_grad():
        p.D[-2].bias.fill_(200.0)
    return with_losses(
        p, lambda r, f: -(r.log() + (1 - f).log()).mean(), lambda r, f: F.binary_cross_entropy(f, ones(f))
    )


@seeded("finite")
def a_square_root_at_zero(p):
    def penalty(r):
        return (r - r).pow(2).sum().sqrt()  # its gradient at 0 is infinite times 0

    return with_losses(p, lambda r, f: PLAIN["hinge"][0](r, f) + penalty(r), PLAIN["hinge"][1])


@seeded("saturation", "note")
def minimax_loss_for_g(p):
    return with_losses(p, *PLAIN["minimax by logsigmoid"])


@seeded("saturation", "note")
def minimax_loss_with_the_other_convention(p):
    return with_losses(p, lambda r, f: BCE(r, zeros(r)) + BCE(f, ones(f)), lambda r, f: -BCE(f, ones(f)))


@seeded("step runs")
def a_slip(p):
    def step(real):
        return p.D(real) + undefined  # noqa: F821

    return step


@pytest.mark.parametrize(("build", "name", "severity"), SEEDED)
def test_seeded_mistakes(build, name, severity):
    p = Pair()
    report = p.lint(build(p))
    assert name in report, report
    assert report[name].severity == severity, report
    assert report.ok == (not report.errors)
    assert len(report[name].message) > 30
    assert report[name].evidence
    others = [f for f in names(report, "error") if f != name]  # a report that cries everywhere helps nobody
    assert len(others) <= (2 if severity == "error" else 0), report


def test_a_loss_that_is_flat_is_a_warning():
    p = Pair(opt=torch.optim.SGD)
    with torch.no_grad():
        p.D[1].weight.copy_(torch.ones(12, 16))
        p.D[3].weight.fill_(100.0)
    p.real = torch.full_like(p.real, 1.0)
    p.G = nn.Sequential(nn.Linear(NZ, 16), nn.Tanh(), nn.Unflatten(1, (1, 4, 4)))
    with torch.no_grad():
        p.G[0].bias.fill_(-2.0)
    p.opt_G = torch.optim.SGD(p.G.parameters(), 0.1)
    report = p.lint(with_losses(p, PLAIN["hinge"][0], PLAIN["lsgan"][1]))
    assert report["discriminator moves"].severity == "warning", report
    assert "flat" in report["discriminator moves"].message


class TestTurns:
    def lint(self, d_turn, g_turn, p, **kwargs):
        return p.lint(discriminator_turn=d_turn, generator_turn=g_turn, z=p.z(), **kwargs)

    def turns(self, p):
        def d_turn(real, z):
            p.opt_D.zero_grad()
            (F.softplus(-p.D(real)).mean() + F.softplus(p.D(p.G(z).detach())).mean()).backward()
            p.opt_D.step()

        def g_turn(z):
            p.opt_G.zero_grad()
            F.softplus(-p.D(p.G(z))).mean().backward()
            p.opt_G.step()

        return d_turn, g_turn

    def test_right_ones_pass_alone_and_together(self):
        p = Pair()
        d_turn, g_turn = self.turns(p)
        assert quiet(self.lint(d_turn, g_turn, p))
        only_d, only_g = self.lint(d_turn, None, p), self.lint(None, g_turn, p)
        assert quiet(only_d)
        assert quiet(only_g)
        assert "labels" in only_d.passed
        assert "generator's goal" in only_g.passed
        assert "generator moves" in only_d.skipped

    def test_d_moves_in_gs_turn(self):
        p = Pair()
        d_turn, g_turn = self.turns(p)

        def both(z):
            g_turn(z)
            p.opt_D.step()

        report = self.lint(d_turn, both, p)
        assert report["turns"].severity == "error"
        assert report["discriminator frozen"].severity == "error"

    def test_g_moves_in_ds_turn(self):
        p = Pair()
        d_turn, g_turn = self.turns(p)

        def both(real, z):
            d_turn(real, z)
            p.opt_G.zero_grad()
            F.softplus(-p.D(p.G(z))).mean().backward()
            p.opt_G.step()

        assert self.lint(both, g_turn, p)["turns"].severity == "error"

    def test_labels_in_one_turn_alone(self):
        p = Pair()

        def swapped(real, z):
            p.opt_D.zero_grad()
            (F.softplus(p.D(real)).mean() + F.softplus(-p.D(p.G(z).detach())).mean()).backward()
            p.opt_D.step()

        def to_be_caught(z):
            p.opt_G.zero_grad()
            F.softplus(p.D(p.G(z))).mean().backward()
            p.opt_G.step()

        assert self.lint(swapped, None, p)["labels"].severity == "error"
        assert self.lint(None, to_be_caught, p)["generator's goal"].severity == "error"


class TestAverage:
    def case(self, update, average=None, opt_d=True):
        p = Pair()
        average = copy.deepcopy(p.G).eval() if average is None else average(p)
        inner = with_losses(p, *PLAIN["hinge"])

        def step(real):
            inner(real)
            update(p.G, average)

        return p.lint(step, ema=average)

    @staticmethod
    @torch.no_grad()
    def parameters_only(G, average):
        for a, w in zip(average.parameters(), G.parameters(), strict=True):
            a.lerp_(w, 0.01)

    @staticmethod
    @torch.no_grad()
    def all_of_it(G, average):
        for name, value in G.state_dict().items():
            target = average[name] if isinstance(average, dict) else average.state_dict()[name]
            target.copy_(target * 0.99 + value * 0.01 if value.is_floating_point() else value)

    def test_complete_ones_pass(self):
        assert quiet(self.case(self.all_of_it))
        shadow = lambda p: {k: v.clone() for k, v in p.G.state_dict().items()}  # noqa: E731
        assert quiet(self.case(self.all_of_it, shadow))
        ours = self.case(lambda G, average: average.update(G, 0), lambda p: EMA(p.G, 0.9))
        assert quiet(ours)
        assert "EMA" in ours.passed

    def test_torchs_averaged_model_passes(self):
        def average(p):
            return torch.optim.swa_utils.AveragedModel(
                p.G, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9), use_buffers=True
            ).eval()

        def update(G, average):
            average.update_parameters(G)

        assert quiet(self.case(update, average))

    def test_the_average_is_put_back(self):
        p = Pair()
        average = EMA(p.G, 0.9)
        before = copy.deepcopy(average.module.state_dict())
        inner = with_losses(p, *PLAIN["hinge"])

        def step(real):
            inner(real)
            average.update(p.G, 5)

        p.lint(step, ema=average)
        assert equal(before, average.module.state_dict())

    def test_forgotten_buffers(self):
        report = self.case(self.parameters_only)
        assert "buffers" in report["EMA"].message
        assert "running_mean" in report["EMA"].evidence
        shadow = lambda p: {k: v.detach().clone() for k, v in p.G.named_parameters()}  # noqa: E731

        @torch.no_grad()
        def update(G, average):
            for name, w in G.named_parameters():
                average[name].lerp_(w, 0.01)

        assert "buffers" in self.case(update, shadow)["EMA"].message

    def test_other_faults(self):
        assert "does not move" in self.case(lambda G, average: None)["EMA"].message
        assert "generator itself" in self.case(lambda G, average: None, lambda p: p.G)["EMA"].message

        @torch.no_grad()
        def away(G, average):
            self.all_of_it(G, average)
            for a, w in zip(average.parameters(), G.parameters(), strict=True):
                a.sub_(w, alpha=0.05).mul_(1.0)

        @torch.no_grad()
        def part(G, average):
            self.all_of_it(G, average)
            average[0].weight.copy_(first)

        p = Pair()
        first = p.G[0].weight.detach().clone()
        assert "leaves out part" in self.case(part)["EMA"].message
        report = self.case(self.all_of_it, lambda p: copy.deepcopy(p.G).train())
        assert report["EMA"].severity == "warning"
        assert "train mode" in report["EMA"].message
        for w in p.G.parameters():
            w.data.fill_(1.0)
        assert self.case(away)["EMA"].severity == "error"


class TestSampling:
    def report(self, sample):
        p = Pair()
        return p.lint(with_losses(p, *PLAIN["hinge"]), sample=lambda: sample(p))

    def test_right_and_wrong(self):
        @torch.no_grad()
        def right(p):
            p.G.eval()
            p.G(p.z())
            p.G.train()

        @torch.no_grad()
        def in_train_mode(p):
            return p.G(p.z(4))

        def with_graph(p):
            p.G.eval()
            p.G(p.z())
            p.G.train()

        @torch.no_grad()
        def never_back(p):
            p.G.eval()
            return p.G(p.z())

        assert "sampling" in self.report(right).passed
        assert self.report(in_train_mode)["sampling"].severity == "error"
        assert self.report(with_graph)["sampling"].severity == "note"
        assert self.report(never_back)["sampling"].severity == "warning"
        assert "ZeroDivisionError" in self.report(lambda p: 1 / 0)["sampling"].evidence
        assert "neither" in self.report(lambda p: None).skipped["sampling"]


class TestReport:
    def report(self):
        p = Pair()
        p.D.append(nn.Sigmoid())
        return p.lint(not_detached_and_not_cleared(p))

    def test_text(self):
        report = self.report()
        text = str(report)
        assert repr(report) == text
        assert text.startswith("lint_step: ")
        assert all(len(line) <= 80 for line in text.splitlines())
        assert text.index("ERROR: fake detached") < text.index("\nnot made: EMA")
        for found in report.findings:
            assert found.name in text

    def test_html_is_well_formed_and_escaped(self):
        report = self.report()
        page = report._repr_html_()
        opened = []

        class Parser(html.parser.HTMLParser):
            def handle_starttag(self, tag, attrs):
                if tag != "br":
                    opened.append(tag)

            def handle_endtag(self, tag):
                assert opened.pop() == tag

        Parser().feed(page)
        assert opened == []
        nasty = Report((type(report.findings[0])("shapes", "error", "a < b", "<script>"),), (), {})
        assert "<script>" not in nasty._repr_html_()

    def test_every_check_is_accounted_for_once(self):
        report = self.report()
        found = {f.name for f in report.findings}
        assert found | set(report.passed) | set(report.skipped) == set(CHECKS)
        assert not found & set(report.passed)
        assert not set(report.passed) & set(report.skipped)
        assert not report.ok
        with pytest.raises(KeyError):
            report["EMA"]

    def test_every_check_has_a_seeded_mistake(self):
        tested = {case.values[1] for case in SEEDED} | {"turns", "EMA", "sampling"}
        assert tested == set(CHECKS)


class TestUse:
    """What the caller of lint_step may get wrong: one line that says what."""

    @pytest.mark.parametrize(
        ("kwargs", "text"),
        [
            ({}, "step: give one"),
            ({"step": print, "discriminator_turn": print}, "step: give one"),
            ({"step": 3}, "step: got a int"),
            ({"step": lambda: None, "generator": lambda z: z}, "generator: got a function"),
            ({"step": lambda: None, "optimizer_d": 0.1}, "optimizer_d: got a float"),
            ({"step": lambda x: None, "real": None}, "step: it takes an argument 'x'"),
            ({"step": lambda a, b, c, d: None}, "step: it takes an argument 'b'"),
            ({"step": lambda: None, "ema": 0.999}, "ema: got a float"),
            ({"step": lambda: None, "max_calls": 0}, "max_calls=0"),
            ({"step": lambda: None, "sample": 5}, "sample: got a int"),
            ({"step": lambda: None, "keep": [3]}, "keep: got a int"),
        ],
    )
    def test_refusals(self, kwargs, text):
        p = Pair()
        with pytest.raises(UserError, match="^" + text.replace("(", r"\(")) as caught:
            lint_step(**{"generator": p.G, "discriminator": p.D, "real": p.real, **kwargs})
        assert "\n" not in str(caught.value)

    def test_arguments_are_matched_by_their_names(self):
        p = Pair()
        seen = []

        def step(noise, imgs, y, extra=7, *, flag=False):
            seen.append((noise.shape, imgs.shape, y.shape, extra, flag))

        p.lint(step, z=p.z(), labels=torch.zeros(8))
        assert seen[0] == ((8, NZ), (8, 1, 4, 4), (8,), 7, False)
        p.lint(lambda batch: seen.append(batch), real=(p.real, torch.zeros(8)))
        assert seen[-1][0] is p.real
        p.lint(lambda *all_of_it: seen.append(len(all_of_it)), z=p.z())
        assert seen[-1] == 2

    def test_a_step_on_other_networks(self):
        p, other = Pair(), Pair()
        report = p.lint(with_losses(other, *PLAIN["hinge"]), optimizer_d=None, optimizer_g=None)
        assert "neither of these" in report["step runs"].message

    def test_a_generator_that_is_never_trained_within_the_calls(self):
        p = Pair()
        report = p.lint(wgan_clipped(p, every=50), max_calls=4)
        assert report["generator moves"].severity == "error"
        assert "4 calls" in report["generator moves"].evidence
        assert quiet(p.lint(wgan_clipped(p, every=5)))

    def test_an_update_written_by_hand(self):
        p = Pair()

        def step(real):
            for net, loss in (
                (p.D, lambda: F.softplus(-p.D(real)).mean() + F.softplus(p.D(p.G(p.z()).detach())).mean()),
                (p.G, lambda: F.softplus(-p.D(p.G(p.z()))).mean()),
            ):
                net.zero_grad()
                loss().backward()
                with torch.no_grad():
                    for w in net.parameters():
                        w -= 0.1 * w.grad

        report = p.lint(step)
        assert quiet(report)
        assert report.skipped["labels"] == "no optimiser stepped"

    def test_interrupts_are_not_swallowed(self):
        p = Pair()

        def step():
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            p.lint(step)
        assert torch.autograd.backward.__module__ == "torch.autograd"


def test_the_chapter_on_mistakes_names_checks_that_exist():
    """The closing table of "Twenty-two mistakes": one row a mistake, and findings by their names."""
    chapter = json.loads(
        (Path(__file__).parent.parent / "book" / "mistakes.ipynb").read_text(encoding="utf-8")
    )
    text = "\n".join("".join(cell["source"]) for cell in chapter["cells"] if cell["cell_type"] == "markdown")
    assert re.findall(r"^### (\d+)\. ", text, re.MULTILINE) == [str(n) for n in range(1, 23)]
    rows = re.findall(r"^\| (\d+) \|.*\|([^|]*)\|$", text, re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 23))
    named = {name for _, found in rows for name in re.findall(r"`([^`]+)`", found)}
    assert named <= set(CHECKS)
    assert set(CHECKS) - named == {"order"}  # which the sentence below the table adds
    assert "found as `order`" in text
