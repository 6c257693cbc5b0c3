"""Colours of dark pages: ink is light, paper dark, and what differs on white differs on black."""

import doctest
import io
import itertools
from xml.etree import ElementTree

import dark
import numpy as np
import pytest
from PIL import Image

from ganbook.plots.style import BLUE, GREEN, GREY, OKABE_ITO, VERMILLION

GROUND = (18, 18, 18)
# Colours as a reader sees them who lacks one kind of cone (Viénot, Brettel and Mollon, 1999), of linear RGB.
LACKING = {
    "nothing": np.eye(3),
    "long waves": np.array([[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]]),
    "middle waves": np.array([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]]),
}


def rgb(colour):
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


def linear(colour):
    values = np.array(colour) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def luminance(colour):
    return linear(colour) @ (0.2126, 0.7152, 0.0722)


def contrast(a, b):
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def seen(colour, lacking):
    """Return a colour in Oklab as somebody sees it who lacks a kind of cone."""
    light = np.clip(LACKING[lacking] @ linear(colour), 0, 1)
    srgb = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.array(dark.to_oklab(*(round(255 * v) for v in srgb)))


def test_examples():
    assert doctest.testmod(dark).failed == 0


@pytest.mark.parametrize("colour", [*OKABE_ITO, GREY, "#333333", "#595959"])
def test_every_ink_stands_out(colour):
    assert contrast(dark.darkened(*rgb(colour)), GROUND) >= 4.5


@pytest.mark.parametrize("tint", ["#ffffff", "#ececec", "#cfe5f5", "#fde2cf", "#eeeeff", "#dddddd"])
def test_pale_tints_become_dark_ones(tint):
    assert luminance(dark.darkened(*rgb(tint))) < 0.06


@pytest.mark.parametrize("lacking", LACKING)
def test_curves_differ_for_colour_blind_readers_on_both_grounds(lacking):
    pairs = list(itertools.combinations((BLUE, VERMILLION, GREEN, GREY), 2))
    for ground in ("light", "dark"):
        for a, b in pairs:
            first, second = (rgb(c) if ground == "light" else dark.darkened(*rgb(c)) for c in (a, b))
            apart = np.linalg.norm(seen(first, lacking) - seen(second, lacking))
            assert apart > 0.05, (a, b, ground)


def test_lightness_is_turned_in_order():
    greys = [dark.darkened(v, v, v)[0] for v in range(0, 256, 5)]
    assert greys == sorted(greys, reverse=True)
    assert greys[0] > 220
    assert dark.darkened(255, 255, 255) == GROUND


def test_a_drawing_is_darkened_but_for_its_pictures_and_their_text():
    def png(*pixels):
        file = io.BytesIO()
        Image.fromarray(np.array([pixels], dtype=np.uint8)).save(file, format="PNG")
        return dark.PNG + dark.base64.b64encode(file.getvalue()).decode()

    white = png((255, 255, 255, 255), (255, 255, 255, 0))
    root = ElementTree.fromstring(
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
        '<rect id="a" style="fill: #fff; stroke: none"/><rect id="b" fill="#0072b2"/>'
        f'<image id="c" xlink:href="{white}"/><image id="kept-1" xlink:href="{white}"/>'
        '<g id="kept-2"><path id="d" style="fill: #ffffff"/></g></svg>'
    )
    dark.darken(root)
    by = {element.get("id"): element for element in root.iter()}
    assert by["a"].get("style") == "fill: #121212; stroke: none"
    assert by["b"].get("fill") not in ("#0072b2", "#000000")
    assert by["d"].get("style") == "fill: #ffffff"
    assert by["kept-2"].get("fill") == "#000000"  # what says no colour is black there, and light elsewhere
    assert root.get("fill") == "#e8e8e8"
    assert by["kept-1"].get(dark.HREF) == white
    changed = Image.open(io.BytesIO(dark.base64.b64decode(by["c"].get(dark.HREF)[len(dark.PNG) :])))
    assert changed.getpixel((0, 0)) == (*GROUND, 255)
    assert changed.getpixel((1, 0))[3] == 0


def test_a_map_keeps_the_order_of_its_colours():
    steps = [dark.turned(*rgb(c)) for c in ("#f7fbff", "#9ecae1", "#2171b5", "#08306b")]
    light = [luminance(step) for step in steps]
    assert light == sorted(light)
