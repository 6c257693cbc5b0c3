"""A stack of frames: every frame is what was drawn, the HTML stands alone, and in a browser it moves."""

import json
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from ganbook.errors import UserError
from ganbook.widgets import Frames, frames, page

ALT = "A square wanders over a field of noise."


def pictures(num=4, shape=(20, 30)):
    """Draw noise that stands still, and on it a square that moves."""
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    drawn = []
    for i in range(num):
        picture = noise.copy()
        picture[5:10, 5 * i : 5 * i + 5] = (200, 30, 10 * i)
        drawn.append(Image.fromarray(picture))
    return drawn


@pytest.mark.parametrize("start", [0, 2, -1])
def test_each_frame_is_what_was_drawn_whichever_comes_first(start, pixels_at):
    drawn = pictures()
    figure = frames(drawn, ["a", "b", "c", "d"], ALT, start=start, shades=None)
    for i, picture in enumerate(drawn):
        np.testing.assert_array_equal(pixels_at(figure, i), np.asarray(picture))
    assert figure.stack.changes[start] == ""
    assert len(figure) == 4


def test_what_stands_still_costs_nothing():
    drawn = pictures(shape=(100, 100))
    figure = frames(drawn, "abcd", ALT)
    assert all(len(change) < len(figure.stack.picture) / 10 for change in figure.stack.changes)
    assert frames([drawn[0]] * 3, "abc", ALT).stack.changes == ("", "", "")


def test_a_change_has_a_rim_so_that_scaling_shows_no_ghosts(decode):
    black, dot = Image.new("RGB", (21, 21)), Image.new("RGB", (21, 21))
    dot.putpixel((10, 10), (255, 255, 255))
    change = decode(frames([black, dot], "ab", ALT).stack.changes[1])
    opaque = np.asarray(change.convert("RGBA"))[..., 3] == 255
    assert opaque[8:13, 8:13].all()
    assert opaque.sum() == 25


def test_fewer_shades_are_near_and_keep_black_and_white(pixels_at):
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).convert("RGB")
    rounded = pixels_at(frames([ramp], ["ramp"], ALT, shades=16), 0).astype(int)
    assert np.abs(rounded - np.asarray(ramp)).max() <= 9  # half of 255 / 15, rounded up
    assert len(np.unique(rounded)) == 16
    assert {0, 255} <= set(rounded.flat)


def test_matplotlib_figures_are_drawn_on_white_and_closed(decode, pixels_at):
    from matplotlib import pyplot

    def draw(i):
        figure = pyplot.figure(figsize=(3, 2))
        figure.set_facecolor("black")
        figure.add_artist(pyplot.Line2D([0, 1], [i / 3, 1], color="red"))
        return figure

    before = pyplot.get_fignums()
    figure = frames(draw, range(3), ALT, dpi=50)
    assert pyplot.get_fignums() == before
    assert figure.stack.size == (300, 200)  # whatever the resolution
    assert decode(figure.stack.picture).size == (150, 100)
    assert (pixels_at(figure, 1)[-1, 0] == 255).all()
    assert (pixels_at(figure, 0) != pixels_at(figure, 1)).any()


def test_the_html_has_names_and_roles(read):
    figure = frames(pictures(), ["one", "two", "three", "four"], ALT, slider="Step", start=1)
    page = read(figure._repr_html_())
    assert not page.open
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


def test_texts_cannot_break_out(read):
    nasty = "</script><script>alert(1)</script>\"'<b>&"
    figure = frames(pictures(1), [nasty], nasty + ALT, caption=nasty, slider=nasty)
    page = read(figure._repr_html_())
    assert not page.open
    assert len(page.all("script")) == 2
    assert not page.all("b")
    assert json.loads(page.scripts[0])["labels"] == [nasty]
    assert page.all("img")[0]["alt"].startswith(nasty)


def test_what_a_notebook_stores_is_short_and_the_same_every_time():
    figure = frames(pictures(), "abcd", ALT * 9, slider="Step")
    assert isinstance(figure, Frames)
    assert repr(figure) == f"<Frames: 4, 'Step', alt='{(ALT * 9)[:59].rstrip()}…'>"
    assert figure._repr_html_() == frames(pictures(), "abcd", ALT * 9, slider="Step")._repr_html_()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"labels": []}, "labels: got none"),
        ({"labels": "abc"}, "got 3 for 4 frames"),
        ({"alt": "A figure."}, "at least 20 characters"),
        ({"alt": None}, "alt=None: it must say"),
        ({"start": 4}, "start=4: it must be a whole number from -4 to 3"),
        ({"start": -5}, "start=-5: it must be a whole number from -4 to 3"),
        ({"start": 1.0}, "start=1.0: it must be a whole number"),
        ({"seconds": 0}, "seconds=0: it must be a number above 0"),
        ({"seconds": float("nan")}, "seconds=nan"),
        ({"dpi": 0}, "dpi=0: it must be a whole number, at least 1"),
        ({"shades": 1}, "shades=1: it must be a whole number from 2 to 256, or None"),
        ({"shades": 257}, "shades=257"),
        ({"figures": [*pictures(3), Image.new("RGB", (9, 9))]}, "sizes .*one size"),
        ({"figures": ["a", "b", "c", "d"]}, "got a str"),
    ],
)
def test_what_is_refused(wrong, message):
    with pytest.raises(UserError, match=message):
        frames(**({"figures": pictures(), "labels": "abcd", "alt": ALT} | wrong))


def test_importing_it_is_light():
    code = (
        "import sys, ganbook as gb; gb.widgets.frames, gb.widgets.two_sliders, gb.quiz.real_or_fake; "
        "assert gb.widgets.quiz is gb.quiz; "
        "print([m for m in ('matplotlib', 'PIL', 'torch', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_in_a_browser_it_moves(in_browser):
    figure = frames(pictures(), ["one", "two", "three", "four"], ALT, start=1, seconds=0.2)
    seen = in_browser(figure._repr_html_(), "browser_frames.js")
    assert [(text, value, hidden, play) for text, value, hidden, play, _, _ in seen] == [
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


def ink(colour="0.5", size=(3, 2)):
    figure = Figure(figsize=size)
    ax = figure.add_axes((0.1, 0.1, 0.8, 0.8))
    ax.set_title("a title", fontsize=8)
    ax.plot([0, 1], [0, 1], color=colour)
    return figure


def test_drawings_are_sharp_on_dense_screens_unless_they_would_be_heavy(monkeypatch, decode):
    sharp = frames([ink("red"), ink("blue")], "ab", ALT).stack
    assert decode(sharp.picture).width == 2 * sharp.size[0]
    monkeypatch.setattr(page, "HEAVY", sharp.weight - 1)
    light = frames([ink("red"), ink("blue")], "ab", ALT).stack
    assert decode(light.picture).width == 1.3 * light.size[0]
    assert light.size == sharp.size
    assert decode(frames([ink("red"), ink("blue")], "ab", ALT, dpi=200).stack.picture).width == 600
    squares = [Image.new("RGB", (40, 30), level) for level in ("red", "blue")]
    assert decode(frames(squares, "ab", ALT).stack.picture).size == (40, 30)


def test_drawings_say_how_wide_they_must_be_and_pictures_do_not():
    drawn = frames([ink("red"), ink("blue")], "ab", ALT)
    assert drawn.stack.readable == round(72 * 3 * page.SMALLEST_TEXT / 8)
    html = drawn._repr_html_()
    assert f"min-width:{drawn.stack.readable}px" in html
    assert "data-ink" in html.partition(">")[0]
    pictures = frames([Image.new("L", (40, 30), level) for level in (0, 255)], "ab", ALT)._repr_html_()
    assert "data-ink" not in pictures.partition(">")[0]
    assert "min-width:" not in pictures.partition('class="gb-frames-controls"')[0].partition("</style>")[2]


def test_pictures_within_drawings_are_kept_as_they_are():
    def both(level):
        figure = Figure(figsize=(4, 2))
        figure.add_axes((0, 0, 0.5, 1)).imshow([[level, 1]], cmap="gray", vmin=0, vmax=1, aspect="auto")
        figure.add_axes((0.5, 0, 0.5, 1)).imshow([[level, 1]], cmap="Blues", vmin=0, vmax=1, aspect="auto")
        return figure

    shown = frames([both(0), both(0.5)], "ab", ALT)
    assert shown.stack.kept == (
        "polygon(evenodd,0 0,0.00% 0.00%,50.00% 0.00%,50.00% 100.00%,0.00% 100.00%,0.00% 0.00%,0 0)"
    )
    assert shown._repr_html_().count('class="gb-frames-kept"') == 1
    assert 'class="gb-frames-kept"' not in frames([ink()], "a", ALT)._repr_html_()


def test_pictures_in_many_colours_may_be_compressed_with_loss(pixels_at):
    noise = np.random.default_rng(0).normal(128, 12, (64, 96, 3)).clip(0, 150)
    waves = [Image.fromarray((noise + 40 * i).astype(np.uint8)) for i in range(3)]
    options = {"labels": "abc", "alt": ALT, "start": 1}
    exact, light = frames(waves, shades=None, **options), frames(waves, quality=80, **options)
    assert light.stack.weight < exact.stack.weight
    for i, wave in enumerate(waves):
        error = pixels_at(light, i).astype(int) - np.asarray(wave)
        assert 0 < np.abs(error).mean() < 12  # with loss, but the same picture
    with pytest.raises(UserError, match="quality=0: it must be a whole number from 1 to 100, or None"):
        frames(waves, quality=0, **options)
