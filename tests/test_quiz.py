"""The quiz: right answers in the page, Wilson's interval, and refusals."""

import base64
import io
import json
import re

import numpy as np
import pytest
import torch
from PIL import Image

from ganbook.errors import UserError
from ganbook.quiz import real_or_fake, wilson_interval


def images(num, level, channels=1):
    return torch.full((num, channels, 6, 6), level, dtype=torch.uint8)


def stored(quiz):
    return json.loads(re.search(r'application/json">(.*?)</script>', quiz._repr_html_(), re.DOTALL)[1])


@pytest.mark.parametrize("channels", [1, 3])
def test_every_picture_has_its_own_answer(channels):
    quiz = real_or_fake(images(10, 200, channels), images(10, 50, channels), num=12)
    data = stored(quiz)
    assert len(data["pictures"]) == len(data["real"]) == len(quiz) == 12
    assert sum(data["real"]) == 6
    for address, real in zip(data["pictures"], data["real"], strict=True):
        kind, _, text = address.partition(",")
        assert kind == "data:image/png;base64"
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))
        assert (pixels == (200 if real else 50)).all()


def test_the_order_is_mixed_and_depends_on_the_seed_alone():
    orders = [real_or_fake(images(20, 1), images(20, 2), num=40, seed=seed).real for seed in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]
    assert sum(a != b for a, b in zip(orders[0], orders[0][1:], strict=False)) > 5


def test_it_can_be_used_without_a_mouse_and_asks_nobody():
    page = real_or_fake(images(2, 1), images(2, 2), num=2, label="a < b")._repr_html_()
    assert page.count('<button type="button"') == 3
    assert 'aria-live="polite"' in page
    assert 'aria-label="a &lt; b"' in page
    assert not re.search(r"(src|href)=.?.?https?:", page)


def test_wilson_interval():
    # Roots of (p - q)^2 = z^2 q (1 - q) / n in q.
    for right, num in ((0, 5), (3, 10), (14, 20), (50, 50)):
        p = right / num
        for q in wilson_interval(right, num):
            assert (p - q) ** 2 == pytest.approx(1.959964**2 * q * (1 - q) / num, abs=1e-9)
    assert wilson_interval(0, 5)[0] == 0.0
    assert wilson_interval(5, 5)[1] == 1.0


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: real_or_fake(images(5, 1), images(5, 1), num=7), "num=7: it must be an even number"),
        (lambda: real_or_fake(images(2, 1), images(5, 1), num=10), "real: got 2 images; 5 are needed"),
        (lambda: real_or_fake(images(5, 1), images(5, 1).float(), num=2), "fake: got torch.float32"),
        (lambda: wilson_interval(3, 2), "right=3, num=2"),
        (lambda: wilson_interval(0, 0), "num=0"),
    ],
)
def test_bad_input_is_named(call, says):
    with pytest.raises(UserError, match=says):
        call()
