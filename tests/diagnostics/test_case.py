"""What the caller of lint_step gives: refusals in one line, and how arguments find their parameters."""

import pytest
import torch
from lint_loops import NZ, Pair

from ganbook.diagnostics import lint_step
from ganbook.errors import UserError


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
        arguments = []

        def step(noise, imgs, y, extra=7, *, flag=False):
            arguments.append((noise.shape, imgs.shape, y.shape, extra, flag))

        p.lint(step, z=p.z(), labels=torch.zeros(8))
        assert arguments[0] == ((8, NZ), (8, 1, 4, 4), (8,), 7, False)
        p.lint(lambda batch: arguments.append(batch), real=(p.real, torch.zeros(8)))
        assert arguments[-1][0] is p.real
        p.lint(lambda *all_of_it: arguments.append(len(all_of_it)), z=p.z())
        assert arguments[-1] == 2
