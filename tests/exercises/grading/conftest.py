import pytest
import torch

from ganbook.exercises.exercise import Exercise


def _made_up(check, answer="f", **changes):
    settings = {
        "name": "made-up", "title": "Made up", "chapter": "minimax", "kind": "code", "difficulty": 1,
        "statement": "s", "starter": "f = ...", "hints": ("a", "b"), "solutions": ("", ""),
        "explanation": "", "wrong": (),
    }  # fmt: skip
    return Exercise(answer=answer, check=check, **settings | changes)


@pytest.fixture
def made_up():
    """Return a function that makes an exercise of a check."""
    return _made_up


@pytest.fixture
def exponential():
    """Return an exercise that asks for the exponential."""

    def check(t):
        x = torch.tensor([0.0, 1.0])
        known = {"the exponential is missing": x}
        t.differs(t.tensor(x, shape=(2,)), torch.exp(x), case="x = [0, 1]", known=known)

    return _made_up(check)
