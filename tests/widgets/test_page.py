"""One piece of HTML with its style, data and script: it asks for nothing, and nothing in it ends it early."""

import json
import re

import pytest
import torch
from PIL import Image

import ganbook as gb
from ganbook.widgets.page import STATIC, self_contained

ALT = "A square that is the same in every frame."
SQUARE = Image.new("RGB", (8, 8))
IMAGES = torch.zeros(2, 1, 8, 8, dtype=torch.uint8)
FIGURES = {
    "frames": gb.widgets.frames([SQUARE] * 2, "ab", ALT),
    "two_sliders": gb.widgets.two_sliders(lambda i, j: SQUARE, ("ab", "cd"), ALT),
    "convolution": gb.widgets.convolution(torch.eye(8), ALT),
    "quiz": gb.quiz.real_or_fake(IMAGES, IMAGES, num=2),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_asks_for_nothing(name, read):
    text = FIGURES[name]._repr_html_()
    without_comments = re.sub(r"^ *//.*$", "", text, flags=re.MULTILINE)
    assert "//" not in re.sub(r"data:image/[^\"]*", "", without_comments)
    assert "@import" not in text
    assert "url(" not in text
    page = read(text)
    assert not page.open
    assert all(image["src"].startswith("data:") for image in page.all("img") if "src" in image)
    assert not page.all("link")
    assert not [script for script in page.all("script") if "src" in script]


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_carries_its_files(name, read):
    page = read(FIGURES[name]._repr_html_())
    styles = {"quiz": ["quiz.css"], "convolution": ["frames.css", "convolution.css"]}.get(
        name, ["frames.css"]
    )
    assert page.styles == ["\n" + "".join((STATIC / style).read_text(encoding="utf-8") for style in styles)]
    assert page.scripts[1:] == ["\n" + (STATIC / f"{name}.js").read_text(encoding="utf-8")]


def test_every_file_is_used_by_a_figure():
    carried = {"frames.css", "quiz.css", "convolution.css", *(f"{name}.js" for name in FIGURES)}
    assert {path.name for path in STATIC.iterdir()} == carried


def test_nothing_ends_its_element_early(read, tmp_path):
    (tmp_path / "a.css").write_text('p::before { content: "</style></STYLE>"; }', encoding="utf-8")
    (tmp_path / "a.js").write_text(
        'const ends = ["</script>", "</SCRIPT >", "<script", "<!--"];', encoding="utf-8"
    )
    data = {"text": "</script><!--<script>", "<b>": 1}
    text = self_contained("<div>", "<p>body</p>", data, "a.css", "a.js", folder=tmp_path)
    page = read(text)
    assert not page.open
    assert [tag for tag, _ in page.tags] == ["div", "style", "p", "script", "script"]
    assert page.styles == ['\np::before { content: "<\\/style><\\/STYLE>"; }']
    stored, script = page.scripts
    assert json.loads(stored) == data
    assert script == '\nconst ends = ["\\x3C/script>", "\\x3C/SCRIPT >", "\\x3Cscript", "\\x3C!--"];'
