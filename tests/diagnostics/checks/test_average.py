"""What samples are drawn with: the moving average, and the function that samples."""

import copy

import pytest
import torch
from lint_loops import PLAIN, Mistakes, Pair, check_mistake, equal, quiet, with_losses

from ganbook.training.ema import EMA

MISTAKES = Mistakes()


@MISTAKES.seeded("EMA")
def an_average_that_forgets_the_buffers(p):
    average = copy.deepcopy(p.G).eval()
    inner = with_losses(p, *PLAIN["hinge"])

    def step(real):
        inner(real)
        TestAverage.parameters_only(p.G, average)

    return {"step": step, "ema": average}


@MISTAKES.seeded("sampling")
def samples_in_train_mode(p):
    return {"step": with_losses(p, *PLAIN["hinge"]), "sample": torch.no_grad()(lambda: p.G(p.z(4)))}


@pytest.mark.parametrize(("build", "name", "severity"), MISTAKES)
def test_seeded_mistakes(build, name, severity):
    check_mistake(build, name, severity)


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
