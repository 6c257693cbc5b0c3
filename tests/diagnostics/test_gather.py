"""How the step is run: how often, on which networks, and with what it may do."""

import pytest
import torch
from lint_loops import PLAIN, Pair, quiet, wgan_clipped, with_losses
from torch.nn import functional as F


def test_a_step_on_other_networks():
    p, other = Pair(), Pair()
    report = p.lint(with_losses(other, *PLAIN["hinge"]), optimizer_d=None, optimizer_g=None)
    assert "neither of these" in report["step runs"].message


def test_a_generator_that_is_never_trained_within_the_calls():
    p = Pair()
    report = p.lint(wgan_clipped(p, every=50), max_calls=4)
    assert report["generator moves"].severity == "error"
    assert "4 calls" in report["generator moves"].evidence
    assert quiet(p.lint(wgan_clipped(p, every=5)))


def test_an_update_written_by_hand():
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


def test_interrupts_are_not_swallowed():
    p = Pair()

    def step():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        p.lint(step)
    assert torch.autograd.backward.__module__ == "torch.autograd"


def test_an_exception_is_shown_with_the_line_of_the_readers_code():
    """Not with one of PyTorch's, or of ours: the watch is between the step and every function of PyTorch."""
    p = Pair()

    def step(real):
        p.D(real)
        torch.cat([real, "a word"])  # the line that is shown

    evidence = p.lint(step)["step runs"].evidence
    assert evidence.startswith("TypeError: ")
    assert evidence.endswith(', at: torch.cat([real, "a word"])  # the line that is shown')


def test_what_is_done_to_other_networks_is_no_evidence():
    p, other = Pair(), Pair()
    report = p.lint(with_losses(other, *PLAIN["hinge"]), optimizer_d=None, optimizer_g=None)
    for check in ("optimisers", "generator moves", "turns", "order", "finite", "labels", "saturation"):
        assert report.skipped[check] == "nothing to see in this step"
