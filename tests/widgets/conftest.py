"""What the tests of the figures share: a reader of their HTML and of their pictures, and a browser."""

import base64
import html
import io
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Page(HTMLParser):
    """The tags of a piece of HTML with their attributes, and the text of its scripts and styles."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.scripts, self.styles, self.open = [], [], [], []
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
        if self.open and self.open[-1] == "style":
            self.styles.append(data)

    def all(self, name):
        return [attrs for tag, attrs in self.tags if tag == name]


def decode_address(address):
    kind, data = re.fullmatch(r"data:image/(webp|png);base64,(.*)", address).groups()
    assert kind
    return Image.open(io.BytesIO(base64.b64decode(data)))


@pytest.fixture(scope="session")
def read():
    """Return what reads HTML: `read(text).all("img")`."""
    return Page


@pytest.fixture(scope="session")
def decode():
    """Return what turns a `data:` address into a picture."""
    return decode_address


@pytest.fixture(scope="session")
def pixels_at():
    """Return what gives the pixels that a reader sees at an index: `pixels_at(figure, 2)`."""

    def see(figure, index):
        picture = decode_address(figure.stack.picture).convert("RGBA")
        if figure.stack.changes[index]:
            picture.alpha_composite(decode_address(figure.stack.changes[index]).convert("RGBA"))
        return np.asarray(picture.convert("RGB"))

    return see


@pytest.fixture
def in_browser(tmp_path):
    """Return what opens HTML in a browser, runs a script of this folder there, and gives what it left."""
    if BROWSER is None:
        pytest.skip("no Chromium on this machine")

    def visit(text, script):
        page = tmp_path / "page.html"
        code = (Path(__file__).parent / script).read_text(encoding="utf-8")
        page.write_text(f"<!doctype html><body>{text}<script>{code}</script>", encoding="utf-8")
        flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
        command = [BROWSER, *flags, "--virtual-time-budget=3000", "--dump-dom", page.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        body = re.search(r"<body>(.*?)</body>", done.stdout, flags=re.DOTALL).group(1)
        return json.loads(html.unescape(body))

    return visit
