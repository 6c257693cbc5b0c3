"""The quiz: right answers in the page, an order that the seed fixes, and refusals."""

import json

import numpy as np
import pytest
import torch

from ganbook.errors import UserError
from ganbook.widgets.quiz import real_or_fake


def images(num, level, channels=1):
    return torch.full((num, channels, 6, 6), level, dtype=torch.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_every_picture_has_its_own_answer(channels, read, decode):
    quiz = real_or_fake(images(10, 200, channels), images(10, 50, channels), num=12)
    data = json.loads(read(quiz._repr_html_()).scripts[0])
    assert len(data["pictures"]) == len(data["real"]) == len(quiz) == 12
    assert sum(data["real"]) == 6
    for address, real in zip(data["pictures"], data["real"], strict=True):
        assert address.startswith("data:image/png;base64,")
        pixels = np.asarray(decode(address))
        assert (pixels == (200 if real else 50)).all()
        assert pixels.shape == ((6, 6) if channels == 1 else (6, 6, 3))


def test_the_order_is_mixed_and_depends_on_the_seed_alone():
    orders = [real_or_fake(images(20, 1), images(20, 2), num=40, seed=seed).real for seed in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]
    assert sum(a != b for a, b in zip(orders[0], orders[0][1:], strict=False)) > 5


def test_it_can_be_used_without_a_mouse(read):
    page = read(real_or_fake(images(2, 1), images(2, 2), num=2, label="a < b")._repr_html_())
    assert not page.open
    assert [button["type"] for button in page.all("button")] == ["button"] * 3
    assert [text["aria-live"] for text in page.all("output")] == ["polite"]
    assert page.tags[0][1]["role"] == "group"
    assert page.tags[0][1]["aria-label"] == "a < b"
    (buttons,) = [a for a in page.all("div") if a["class"] == "gb-quiz-buttons"]
    assert "hidden" in buttons  # without JavaScript there is nothing to press


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (
            lambda: real_or_fake(images(5, 1), images(5, 1), num=7),
            "num=7: it must be an even number, at least 2",
        ),
        (
            lambda: real_or_fake(images(5, 1), images(5, 1), num=0),
            "num=0: it must be an even number, at least 2",
        ),
        (lambda: real_or_fake(images(5, 1), images(5, 1), num=True), "num=True: it must be an even number"),
        (lambda: real_or_fake(images(5, 1), images(5, 1), num=2, seed=-1), "seed=-1: it must be"),
        (lambda: real_or_fake(images(2, 1), images(5, 1), num=10), "real: got 2 images; 5 are needed"),
        (lambda: real_or_fake(images(5, 1), images(5, 1).float(), num=2), "fake: got torch.float32"),
        (lambda: real_or_fake(images(5, 1, 2), images(5, 1), num=2), "real: got torch.uint8 of shape"),
        (lambda: real_or_fake("digits", images(5, 1), num=2), "real: got a str"),
        (lambda: real_or_fake(images(5, 1), images(5, 1, 3), num=2), "fake: got images of shape"),
    ],
)
def test_bad_input_is_named(call, says):
    with pytest.raises(UserError, match=says):
        call()
