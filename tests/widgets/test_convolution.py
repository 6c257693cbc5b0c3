"""A kernel over a picture: its page, and what is refused. (What it computes: convolution.test.mjs.)"""

import json

import pytest
import torch

from ganbook.errors import UserError
from ganbook.widgets import Convolution, convolution

ALT = "A bright line from corner to corner."


@pytest.mark.parametrize(
    "picture",
    [
        torch.eye(8),
        torch.eye(8)[None],
        255 * torch.eye(8, dtype=torch.uint8),
    ],
)
def test_the_page_holds_the_picture_from_black_to_white(picture, read):
    figure = convolution(picture, ALT)
    assert isinstance(figure, Convolution)
    page = read(figure._repr_html_())
    assert json.loads(page.scripts[0]) == {"picture": torch.eye(8).tolist(), "alt": ALT}


def test_controls_have_names_and_the_values_of_the_start(read):
    nasty = "</script><b>\"'&"
    figure = convolution(torch.eye(8), nasty + ALT, caption=nasty, start=(3, 1, 0))
    page = read(figure._repr_html_())
    assert not page.open
    assert not page.all("b")
    assert [a["value"] for a in page.all("input")] == ["3", "1", "0", "0"]
    assert [(a["min"], a["max"]) for a in page.all("input")][:3] == [("1", "5"), ("1", "3"), ("0", "2")]
    (view,) = [a for a in page.all("div") if a.get("role") == "img"]
    assert view["aria-label"] == nasty + ALT
    assert repr(figure) == "<Convolution: over a picture of 8 x 8>"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"picture": torch.eye(4)}, r"picture: its shape is \(4, 4\); it takes \(n, n\) with n from 5 to 12"),
        ({"picture": torch.eye(13)}, "n from 5 to 12"),
        ({"picture": torch.zeros(8, 6)}, r"its shape is \(8, 6\)"),
        ({"picture": torch.zeros(3, 8, 8)}, r"its shape is \(3, 8, 8\)"),
        ({"picture": 2 * torch.eye(8)}, "its floats must be from 0 to 1"),
        ({"picture": torch.full((8, 8), torch.nan)}, "its floats must be from 0 to 1"),
        ({"start": (4, 2)}, r"start=\(4, 2\): it must be three numbers"),
        ({"start": (6, 2, 1)}, r"start=6: it must be a whole number from 1 to 5 \(kernel k\)"),
        ({"start": (4, 0, 1)}, r"start=0: .* \(stride s\)"),
        ({"start": (4, 2, 1.5)}, r"start=1.5: .* \(padding p\)"),
        ({"alt": "A line."}, "at least 20 characters"),
    ],
)
def test_what_is_refused(wrong, message):
    with pytest.raises(UserError, match=message):
        convolution(**({"picture": torch.eye(8), "alt": ALT} | wrong))


def test_in_a_browser_it_computes(in_browser):
    first, second, hidden = in_browser(convolution(torch.eye(8), ALT)._repr_html_(), "browser_convolution.js")
    assert not hidden
    assert first == [16 + 64, "8 × 8 to 4 × 4"]
    assert second == [256 + 64, "8 × 8 to 16 × 16"]
