"""Networks, optimisers and random numbers are afterwards what they were."""

import copy
import random

import numpy as np
import pytest
import torch
from lint_loops import PLAIN, Pair, concatenated, dcgan_tutorial, equal, quiet, wgan_gp, with_losses
from torch import nn


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
