"""The pages hold the exercises as their one source has them."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

from ganbook import exercises

ROOT = Path(__file__).parent.parent.parent
PATHS = [ROOT / "book" / f"{chapter}.ipynb" for chapter in exercises.CHAPTERS]


def tool():
    spec = importlib.util.spec_from_file_location("exercise_pages", ROOT / "tools" / "exercise_pages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


pages = tool()


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", PATHS, ids=lambda p: p.stem)
def test_page_and_source_agree(path):
    notebook = read(path)
    assert pages.with_exercises(notebook, path.stem) == notebook, (
        f"out of date; python tools/exercise_pages.py book/{path.name}"
    )


@pytest.mark.parametrize("path", PATHS, ids=lambda p: p.stem)
def test_a_change_of_either_is_noticed(path):
    made = pages.with_exercises(read(path), path.stem)
    ours = [i for i, cell in enumerate(made["cells"]) if pages.TAG in cell["metadata"].get("tags", [])]
    assert len(ours) == 2 + 3 * len(exercises.names(path.stem))
    for i in ours:
        changed = json.loads(json.dumps(made))
        changed["cells"][i]["source"] = [*changed["cells"][i]["source"], " "]
        assert pages.with_exercises(changed, path.stem) != changed
    others = [cell for i, cell in enumerate(made["cells"]) if i not in ours]
    assert others == [c for c in read(path)["cells"] if pages.TAG not in c["metadata"].get("tags", [])]


def minimal():
    cell = {"cell_type": "markdown", "id": "a", "metadata": {}, "source": ["# Text\n"]}
    return {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


@pytest.mark.parametrize("chapter", exercises.CHAPTERS)
def test_cells_are_sound(chapter):
    made = pages.with_exercises(minimal(), chapter)
    assert pages.with_exercises(made, chapter) == made, "running it twice changes nothing"
    ids = [cell["id"] for cell in made["cells"]]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) for name in ids)
    code = [cell for cell in made["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    for cell in code[1:]:
        (output,) = cell["outputs"]
        text = "".join(output["data"]["text/plain"])
        assert text.startswith(("- ", "x ")), text
        name = re.search(r'check\("([^"]+)"', "".join(cell["source"]))[1]
        assert (exercises.get(name).kind == "repair") == text.startswith("x ")
        assert "nbval-ignore-output" in cell["metadata"]["tags"]
        assert all(len(line) <= 80 for line in "".join(cell["source"]).splitlines())


@pytest.mark.parametrize("chapter", exercises.CHAPTERS)
def test_drop_downs_open_everywhere(chapter):
    """Empty lines between tags and Markdown, or formulas and code inside are not typeset."""
    for cell in pages.section(chapter):
        text = "".join(cell["source"])
        if "<details>" not in text:
            continue
        assert text.count("<details>") == text.count("</details>")
        for body in re.findall(r"<details>(.*?)</details>", text, flags=re.DOTALL):
            assert re.match(r"\n<summary>[^<\n]+</summary>\n\n", body)
            assert body.endswith("\n\n")
            assert body.count("```") % 2 == 0


def test_it_is_a_notebook_that_runs():
    """The cells of one chapter, one after the other, give what is stored with them."""
    made = pages.with_exercises(minimal(), "background")
    namespace = {}
    for cell in made["cells"]:
        if cell["cell_type"] == "code":
            *body, last = "".join(cell["source"]).rstrip().split("\n")
            if cell["outputs"]:
                exec("\n".join(body), namespace)
                value = eval(last, namespace)
                assert repr(value) == "".join(cell["outputs"][0]["data"]["text/plain"])
            else:
                exec("".join(cell["source"]), namespace)
