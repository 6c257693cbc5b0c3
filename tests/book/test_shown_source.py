"""Where a chapter shows the package's source, it is the source."""

import ast
import importlib.util
import inspect
import json
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
NOTEBOOKS = sorted((ROOT / "book").glob("*.ipynb"))


def load():
    spec = importlib.util.spec_from_file_location("shown_source", ROOT / "tools" / "shown_source.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tool = load()


def texts(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_chapter_shows_the_source_as_it_is(path):
    for text in texts(path):
        assert tool.renewed(text) == text, f"python tools/shown_source.py book/{path.name}"
        assert text.count("<!-- source:") == len(tool.SHOWN.findall(text)), "a comment without its block"


def test_what_is_shown_is_the_function_without_its_docstring():
    texts_with = [t for t in texts(ROOT / "book" / "training_steps.ipynb") if tool.SHOWN.search(t)]
    text = texts_with[0]
    names = tool.SHOWN.search(text)[2].split()
    assert names == ["ganbook.training.step.discriminator_step", "ganbook.training.step.generator_step"]
    for name in names:
        shown = ast.parse(tool.source(name)).body[0]
        (real,) = ast.parse(textwrap.dedent(inspect.getsource(tool.find(name)))).body
        assert ast.get_docstring(real)
        real.body = real.body[1:]
        assert ast.dump(shown) == ast.dump(real)


def test_a_change_of_the_source_is_noticed():
    block = "<!-- source: ganbook.training.step.generator_step -->\n\n```python\nold\n```\n\nafter"
    new = tool.renewed(block)
    assert "def generator_step(" in new
    assert new.endswith("```\n\nafter")
    assert max(map(len, new.splitlines())) <= tool.WIDTH
    assert tool.renewed(new) == new


def test_a_long_comment_goes_above_its_line():
    line = "    fake = G(z)  # " + 70 * "x"
    assert tool.comment_above(line) == "    # " + 70 * "x" + "\n    fake = G(z)"
    assert tool.comment_above("    fake = G(z)  # short") == "    fake = G(z)  # short"
