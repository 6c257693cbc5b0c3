"""Values are told in words, whatever they do."""

import numpy as np
import torch

from ganbook.exercises.grading.values import show


def test_show_takes_anything():
    class Rude:
        def __repr__():
            raise RuntimeError

    assert show([Rude()]) == "[<Rude instance>]"
    assert show(Rude()) == "<Rude>"
    assert show(object()) == "<object>"
    assert "0x" not in show([object()])
    assert len(show("a" * 10_000)) < 100
    assert len(show(torch.zeros(100, 100))) < 100
    assert show(np.array([1.5, 2.0])) == "[1.5, 2]"
