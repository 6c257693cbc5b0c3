"""Two sliders: each pair of positions shows what was drawn, and in a browser they choose."""

import json

import numpy as np
import pytest
from PIL import Image

from ganbook.errors import UserError
from ganbook.widgets import TwoSliders, two_sliders

ALT = "A square wanders over a field of noise."


def square(i, j):
    """Draw noise that stands still, and on it a square at row i and column j."""
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    picture[5 * i : 5 * i + 5, 5 * j : 5 * j + 5] = (200, 30, 90)
    return Image.fromarray(picture)


def pair(**changes):
    options = {"labels": ("abc", ["one", "two"]), "alt": ALT, "sliders": ("Row", "Column"), "shades": None}
    return two_sliders(square, **(options | changes))


@pytest.mark.parametrize("start", [(0, 0), (2, 1), (-1, -2)])
def test_each_pair_of_positions_shows_what_was_drawn(start, pixels_at):
    figure = pair(start=start)
    assert isinstance(figure, TwoSliders)
    assert len(figure) == 6
    for i in range(3):
        for j in range(2):
            np.testing.assert_array_equal(pixels_at(figure, 2 * i + j), np.asarray(square(i, j)))
    assert figure.stack.changes[2 * (start[0] % 3) + start[1] % 2] == ""


def test_they_have_names_and_values_that_cannot_break_out(read):
    nasty = "</script><b>\"'&"
    figure = pair(labels=("abc", [nasty, "two"]), sliders=("Row", nasty), alt=nasty + ALT, start=(1, 0))
    page = read(figure._repr_html_())
    assert not page.open
    assert not page.all("b")
    assert page.tags[0][1]["role"] == "group"
    assert page.tags[0][1]["aria-label"] == f"Figure with two sliders: Row, {nasty}"
    first, second = page.all("input")
    assert (first["type"], first["min"], first["max"], first["value"]) == ("range", "0", "2", "1")
    assert (second["max"], second["value"]) == ("1", "0")
    assert page.all("img")[0]["alt"] == f"{nasty}{ALT} Shown: b; {nasty}."
    assert json.loads(page.scripts[0])["labels"] == [["a", "b", "c"], [nasty, "two"]]
    (controls,) = [a for a in page.all("div") if "gb-frames-controls" in a["class"]]
    assert "hidden" in controls
    assert repr(pair()) == f"<TwoSliders: 3 x 2, 'Row' and 'Column', alt={ALT!r}>"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"labels": ("abc", "")}, "labels: got none for the slider 'Column'"),
        ({"labels": ["abc"]}, r"labels=\['abc'\]: it must be two"),
        ({"sliders": ("Row",)}, "sliders=.*: it must be two, one for each slider"),
        ({"start": 1}, "start=1: it must be two"),
        ({"alt": "A figure."}, "at least 20 characters"),
        ({"start": (0, 2)}, r"start\[1\]=2: it must be a whole number from -2 to 1 \(slider 'Column'\)"),
        ({"start": (-4, 0)}, r"start\[0\]=-4: it must be a whole number from -3 to 2 \(slider 'Row'\)"),
        ({"dpi": 0.5}, "dpi=0.5"),
        ({"shades": 1}, "shades=1"),
    ],
)
def test_what_is_refused(wrong, message):
    with pytest.raises(UserError, match=message):
        pair(**wrong)


def test_in_a_browser_they_choose(in_browser):
    seen, hidden = in_browser(pair(start=(1, 1))._repr_html_(), "browser_two_sliders.js")
    assert not hidden
    assert [line[:3] for line in seen] == [
        ["b; two", True, ["b", "two"]],
        ["b; one", False, ["b", "one"]],
        ["c; one", False, ["c", "one"]],
    ]
    assert all(alt == f"{ALT} Shown: {text}." for text, _, _, alt in seen)
