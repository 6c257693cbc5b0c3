"""Moving figures: every frame is what was drawn, the HTML stands alone, and in a browser it moves."""

import base64
import html
import io
import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from ganbook.errors import UserError
from ganbook.widgets import frames, two_sliders

ALT = "A square wanders over a field of noise."
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def pictures(num=4, shape=(20, 30)):
    """Draw noise that stands still, and on it a square that moves."""
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    drawn = []
    for i in range(num):
        picture = noise.copy()
        picture[5:10, 5 * i : 5 * i + 5] = (200, 30, 10 * i)
        drawn.append(Image.fromarray(picture))
    return drawn


def decode(address):
    kind, data = re.fullmatch(r"data:image/(webp|png);base64,(.*)", address).groups()
    assert kind
    return Image.open(io.BytesIO(base64.b64decode(data)))


def shown(figure, index):
    """Return what a reader sees at `index`, as an array."""
    picture = decode(figure.picture).convert("RGBA")
    if figure.changes[index]:
        picture.alpha_composite(decode(figure.changes[index]).convert("RGBA"))
    return np.asarray(picture.convert("RGB"))


class Page(HTMLParser):
    """The tags of a piece of HTML with their attributes, and the text of its scripts."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.scripts, self.open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("img", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)

    def all(self, name):
        return [attrs for tag, attrs in self.tags if tag == name]


@pytest.mark.parametrize("start", [0, 2, -1])
def test_each_frame_is_what_was_drawn_whichever_comes_first(start):
    drawn = pictures()
    figure = frames(drawn, ["a", "b", "c", "d"], ALT, start=start, shades=None)
    for i, picture in enumerate(drawn):
        np.testing.assert_array_equal(shown(figure, i), np.asarray(picture))
    assert figure.changes[start] == ""
    assert len(figure) == 4


def test_what_stands_still_costs_nothing():
    drawn = pictures(shape=(100, 100))
    figure = frames(drawn, "abcd", ALT)
    assert all(len(change) < len(figure.picture) / 10 for change in figure.changes)
    assert frames([drawn[0]] * 3, "abc", ALT).changes == ("", "", "")


def test_a_change_has_a_rim_so_that_scaling_shows_no_ghosts():
    black, dot = Image.new("RGB", (21, 21)), Image.new("RGB", (21, 21))
    dot.putpixel((10, 10), (255, 255, 255))
    change = decode(frames([black, dot], "ab", ALT).changes[1])
    opaque = np.asarray(change.convert("RGBA"))[..., 3] == 255
    assert opaque[8:13, 8:13].all()
    assert opaque.sum() == 25


def test_fewer_shades_are_near_and_keep_black_and_white():
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).convert("RGB")
    rounded = shown(frames([ramp], ["ramp"], ALT, shades=16), 0).astype(int)
    assert np.abs(rounded - np.asarray(ramp)).max() <= 9  # half of 255 / 15, rounded up
    assert len(np.unique(rounded)) == 16
    assert {0, 255} <= set(rounded.flat)


def test_matplotlib_figures_are_drawn_on_white_and_closed():
    from matplotlib import pyplot

    def draw(i):
        figure = pyplot.figure(figsize=(3, 2))
        figure.set_facecolor("black")
        figure.add_artist(pyplot.Line2D([0, 1], [i / 3, 1], color="red"))
        return figure

    before = pyplot.get_fignums()
    figure = frames(draw, range(3), ALT, dpi=50)
    assert pyplot.get_fignums() == before
    assert figure.size == (300, 200)  # whatever the resolution
    assert decode(figure.picture).size == (150, 100)
    assert (shown(figure, 1)[-1, 0] == 255).all()
    assert (shown(figure, 0) != shown(figure, 1)).any()


def test_the_html_stands_alone_and_has_names_and_roles():
    figure = frames(pictures(), ["one", "two", "three", "four"], ALT, slider="Step", start=1)
    page = Page(figure._repr_html_())
    assert not page.open
    assert "//" not in re.sub(
        r"data:image/[^\"]*", "", re.sub(r"^ *//.*$", "", figure._repr_html_(), flags=re.M)
    )
    assert page.tags[0][1]["role"] == "group"
    assert page.tags[0][1]["aria-label"] == "Moving figure: Step"
    image, change = page.all("img")
    assert image["alt"] == ALT + " Shown: two."
    assert change["alt"] == ""
    assert "hidden" in change
    (slider,) = page.all("input")
    assert (slider["type"], slider["min"], slider["max"], slider["value"]) == ("range", "0", "3", "1")
    assert all(button["type"] == "button" for button in page.all("button"))
    (text,) = page.all("output")
    assert text["aria-live"] == "polite"
    (controls,) = [a for a in page.all("div") if "gb-frames-controls" in a["class"]]
    assert "hidden" in controls  # without JavaScript there is nothing to press
    assert json.loads(page.scripts[0])["labels"] == ["one", "two", "three", "four"]


def test_texts_cannot_break_out():
    nasty = "</script><script>alert(1)</script>\"'<b>&"
    figure = frames(pictures(1), [nasty], nasty + ALT, caption=nasty, slider=nasty)
    page = Page(figure._repr_html_())
    assert not page.open
    assert len(page.all("script")) == 2
    assert not page.all("b")
    assert json.loads(page.scripts[0])["labels"] == [nasty]
    assert page.all("img")[0]["alt"].startswith(nasty)


def test_what_a_notebook_stores_is_short_and_the_same_every_time():
    figure = frames(pictures(), "abcd", ALT * 9, slider="Step")
    assert repr(figure) == f"<Frames: 4, 'Step', alt='{(ALT * 9)[:59].rstrip()}…'>"
    assert figure._repr_html_() == frames(pictures(), "abcd", ALT * 9, slider="Step")._repr_html_()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"labels": []}, "labels: got none"),
        ({"labels": "abc"}, "got 3 for 4 frames"),
        ({"alt": "A figure."}, "at least 20 characters"),
        ({"start": 4}, "it must be from -4 to 3"),
        ({"seconds": 0}, "seconds=0"),
        ({"shades": 1}, "shades=1"),
        ({"figures": [*pictures(3), Image.new("RGB", (9, 9))]}, "sizes .*one size"),
        ({"figures": ["a", "b", "c", "d"]}, "got a str"),
    ],
)
def test_what_is_refused(wrong, message):
    with pytest.raises(UserError, match=message):
        frames(**({"figures": pictures(), "labels": "abcd", "alt": ALT} | wrong))


def test_importing_it_is_light():
    code = (
        "import sys, ganbook.widgets; print([m for m in ('matplotlib', 'PIL', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


SCRIPT = """
const seen = [], root = document.querySelector(".gb-frames"), find = (s) => root.querySelector(s);
const note = () => seen.push([find("output").textContent, find("input").value, find("img + img").hidden,
  find(".gb-play").textContent, find("input").getAttribute("aria-valuetext"), find("img").alt]);
note();
find("input").value = 3; find("input").dispatchEvent(new Event("input")); note();
find(".gb-next").click(); note();
find(".gb-back").click(); note();
find(".gb-play").click(); note();
setTimeout(() => { note(); find(".gb-play").click(); note();
  document.body.innerHTML = ""; document.body.textContent = JSON.stringify(seen); }, 1500);
"""


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
def test_in_a_browser_it_moves(tmp_path):
    figure = frames(pictures(), ["one", "two", "three", "four"], ALT, start=1, seconds=0.2)
    page = tmp_path / "page.html"
    page.write_text(f"<!doctype html><body>{figure._repr_html_()}<script>{SCRIPT}</script>", encoding="utf-8")
    done = subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
         "--virtual-time-budget=3000", "--dump-dom", page.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    body = re.search(r"<body>(.*?)</body>", done.stdout, flags=re.DOTALL).group(1)
    seen = json.loads(html.unescape(body))
    shown = [(text, value, hidden, play) for text, value, hidden, play, _, _ in seen]
    assert shown == [
        ("two", "1", True, "Play"),
        ("four", "3", False, "Play"),  # the slider
        ("four", "3", False, "Play"),  # there is none after the last
        ("three", "2", False, "Play"),
        ("three", "2", False, "Pause"),  # playing ...
        ("four", "3", False, "Play"),  # ... and it stops at the end
        ("one", "0", False, "Pause"),  # from the end, Play starts over
    ]
    assert all(valuetext == text for text, _, _, _, valuetext, _ in seen)
    assert all(alt == f"{ALT} Shown: {text}." for text, *_, alt in seen)


# ------------------------------------------------------------------------------------------- two sliders


def square(i, j):
    """Draw noise that stands still, and on it a square at row i and column j."""
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    picture[5 * i : 5 * i + 5, 5 * j : 5 * j + 5] = (200, 30, 90)
    return Image.fromarray(picture)


def pair(**changes):
    options = {"labels": ("abc", ["one", "two"]), "alt": ALT, "sliders": ("Row", "Column"), "shades": None}
    return two_sliders(square, **(options | changes))


@pytest.mark.parametrize("start", [(0, 0), (2, 1), (-1, -2)])
def test_each_pair_of_positions_shows_what_was_drawn(start):
    figure = pair(start=start)
    assert len(figure) == 6
    for i in range(3):
        for j in range(2):
            np.testing.assert_array_equal(shown(figure, 2 * i + j), np.asarray(square(i, j)))
    assert figure.changes[2 * (start[0] % 3) + start[1] % 2] == ""


def test_two_sliders_stand_alone_with_names_and_values():
    nasty = "</script><b>\"'&"
    figure = pair(labels=("abc", [nasty, "two"]), sliders=("Row", nasty), alt=nasty + ALT, start=(1, 0))
    text = figure._repr_html_()
    page = Page(text)
    assert not page.open
    assert not page.all("b")
    assert "//" not in re.sub(r"data:image/[^\"]*", "", text)
    assert page.tags[0][1]["role"] == "group"
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
        ({"alt": "A figure."}, "at least 20 characters"),
        ({"start": (0, 2)}, "for the slider 'Column' it must be from -2 to 1"),
        ({"shades": 1}, "shades=1"),
    ],
)
def test_what_two_sliders_refuse(wrong, message):
    with pytest.raises(UserError, match=message):
        pair(**wrong)


SCRIPT_TWO = """
const seen = [], root = document.querySelector(".gb-frames");
const [first, second] = root.querySelectorAll("input"), [image, change] = root.querySelectorAll("img");
const note = () => seen.push([root.querySelector("output").textContent, change.hidden,
  [first, second].map((s) => s.getAttribute("aria-valuetext")), image.alt]);
note();
second.value = 0; second.dispatchEvent(new Event("input")); note();
first.value = 2; first.dispatchEvent(new Event("input")); note();
const hidden = root.querySelector(".gb-frames-controls").hidden;
document.body.innerHTML = ""; document.body.textContent = JSON.stringify([seen, hidden]);
"""


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
def test_in_a_browser_two_sliders_choose(tmp_path):
    page = tmp_path / "page.html"
    text = pair(start=(1, 1))._repr_html_()
    page.write_text(f"<!doctype html><body>{text}<script>{SCRIPT_TWO}</script>", encoding="utf-8")
    done = subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
         "--dump-dom", page.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    body = re.search(r"<body>(.*?)</body>", done.stdout, flags=re.DOTALL).group(1)
    seen, hidden = json.loads(html.unescape(body))
    assert not hidden
    assert [line[:3] for line in seen] == [
        ["b; two", True, ["b", "two"]],
        ["b; one", False, ["b", "one"]],
        ["c; one", False, ["c", "one"]],
    ]
    assert all(alt == f"{ALT} Shown: {text}." for text, _, _, alt in seen)
