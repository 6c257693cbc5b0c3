"""The figures' scripts at work, in Node, on pages that the package writes: the *.test.mjs beside this file.

Without Node the tests are skipped, and say so; with GANBOOK_NODE=required (as in .ci/run) that is a failure.
"""

import itertools
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import binomtest

import ganbook as gb
from ganbook.widgets.quiz import Quiz

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
SUITES = sorted(HERE.glob("*.test.mjs"))
OLDEST = 20  # of Node
ALT = "A square wanders over a field of noise."
PICTURE = torch.rand(8, 8, generator=torch.Generator().manual_seed(0)).mul(100).round() / 100


def node_or_skip(path, required):
    """Return the path of Node; where there is none that is new enough, skip the test, or fail it."""
    version = "v0"
    if path is not None:
        version = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
    if int(version[1:].partition(".")[0]) >= OLDEST:
        return path
    missing = f"NOT RUN: there is no Node {OLDEST} or newer here"
    return pytest.fail(missing) if required else pytest.skip(missing)


def square(i, j=0):
    """Draw noise that stands still, and on it a square at row i and column j."""
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    picture[5 * i : 5 * i + 5, 5 * j : 5 * j + 5] = (200, 30, 90)
    return Image.fromarray(picture)


def wilson(num):
    """Return a quiz of `num` pictures and, for each number of right answers, SciPy's 95 % interval."""
    intervals = [list(binomtest(right, num).proportion_ci(0.95, method="wilson")) for right in range(num + 1)]
    quiz = Quiz(["data:,"] * num, [number % 2 == 0 for number in range(num)], "Real or generated?")
    return {"num": num, "html": quiz._repr_html_(), "intervals": intervals}


def convolutions(picture):
    """Return what PyTorch makes of a picture, as greys from 0 to 255, for every setting of the figure."""
    x, found = picture.float()[None, None], []
    for k, s, p in itertools.product(range(1, 6), range(1, 4), range(3)):
        ones = torch.ones(1, 1, k, k)
        for kind, made in (
            ("plain", torch.conv2d(x, ones / k**2, stride=s, padding=p)),
            ("transposed", torch.conv_transpose2d(x, ones, stride=s, padding=p)),
        ):
            grey = (255 * made / made.max()).flatten().tolist()
            found.append({"kind": kind, "k": k, "s": s, "p": p, "grey": grey})
    return found


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Write the pages that the scripts are tried on."""
    folder = tmp_path_factory.mktemp("pages")
    words = ["one", "two", "three", "four"]
    real = torch.arange(4 * 36, dtype=torch.uint8).reshape(4, 1, 6, 6)
    texts = {
        "frames.html": gb.widgets.frames(square, words, ALT, start=1, seconds=0.5)._repr_html_(),
        "slow.html": gb.widgets.frames(square, words, ALT, seconds=2)._repr_html_(),
        "nasty.html": gb.widgets.frames(square, ["</script><b>\"'&", "two"], ALT)._repr_html_(),
        "two_sliders.html": gb.widgets.two_sliders(
            square, ("abc", words[:2]), ALT, start=(1, 1)
        )._repr_html_(),
        "quiz.html": gb.quiz.real_or_fake(real, 255 - real, 8)._repr_html_(),
        "convolution.html": gb.widgets.convolution(PICTURE, ALT)._repr_html_(),
        "convolution.json": json.dumps(convolutions(PICTURE)),
        "wilson.json": json.dumps([wilson(num) for num in range(1, 41)]),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("suite", SUITES, ids=lambda path: path.name.partition(".")[0])
def test_in_node(suite, pages):
    node = node_or_skip(shutil.which("node"), required=os.environ.get("GANBOOK_NODE") == "required")
    command = [node, "--test", "--test-reporter=tap", suite]
    environment = {**os.environ, "GANBOOK_PAGES": str(pages)}
    done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = dict(re.findall(r"^# (\w+) (\d+)$", done.stdout, flags=re.MULTILINE))
    written = len(re.findall(r"^test\(", suite.read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert int(counts["pass"]) == written >= 4


def test_there_are_suites_for_all_scripts():
    scripts = [*(ROOT / "ganbook" / "widgets" / "static").glob("*.js"), ROOT / "tools" / "landing_figure.js"]
    assert {f"{path.stem}.test.mjs" for path in scripts} == {path.name for path in SUITES}


def test_where_node_is_missing_the_tests_say_so_or_fail():
    with pytest.raises(pytest.skip.Exception, match="NOT RUN"):
        node_or_skip(None, required=False)
    with pytest.raises(pytest.fail.Exception, match="NOT RUN"):
        node_or_skip(None, required=True)
