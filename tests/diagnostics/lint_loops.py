"""What the tests of the linter share: small networks, loops that are right, and how a mistake is seeded."""

import itertools

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from ganbook.diagnostics import SEVERITIES, lint_step

NZ = 6  # length of the latents


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


# ---------------------------------------------------------------------- mistakes

BCE = F.binary_cross_entropy_with_logits


def ones(out):
    return torch.ones_like(out)


def zeros(out):
    return torch.zeros_like(out)


class Mistakes(list):
    """Functions of a Pair that return a step (or arguments of lint_step), and the finding that is due."""

    def seeded(self, name, severity="error"):
        """Register a mistake, and the finding that it must get."""

        def register(build):
            self.append(pytest.param(build, name, severity, id=f"{name}: {build.__name__}"))
            return build

        return register


def check_mistake(build, name, severity):
    p = Pair()
    case = build(p)
    report = p.lint(**case) if isinstance(case, dict) else p.lint(case)
    assert name in report, report
    assert report[name].severity == severity, report
    assert report.ok == (not report.errors)
    assert len(report[name].message) > 30
    assert report[name].evidence
    others = [f for f in names(report, "error") if f != name]  # a report that cries everywhere helps nobody
    assert len(others) <= (2 if severity == "error" else 0), report


def not_detached_and_not_cleared(p):
    def step(real):
        p.opt_G.zero_grad()
        p.opt_D.zero_grad()
        (F.softplus(-p.D(real)) + F.softplus(p.D(p.G(p.z())))).mean().backward()
        p.opt_D.step()
        F.softplus(-p.D(p.G(p.z()))).mean().backward()
        p.opt_G.step()

    return step


# ---------------------------------------------------------------------- comparing


def equal(a, b):
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b, strict=True))
    return a == b
