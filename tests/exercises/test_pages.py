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


def placed(name):
    """Return the cell by which an author puts an exercise into the text."""
    metadata = {"tags": ["exercise"]}
    return {"cell_type": "markdown", "id": f"ex-{name}-task", "metadata": metadata, "source": []}


def test_an_exercise_stays_in_the_text_where_it_was_put():
    first, second = exercises.names("background")[:2]
    text = minimal()["cells"][0]
    stub = placed(second)
    notebook = minimal() | {"cells": [text, stub, text | {"id": "b"}]}
    made = pages.with_exercises(notebook, "background")
    ids = [cell["id"] for cell in made["cells"]]
    assert ids[:5] == ["a", f"ex-{second}-task", f"ex-{second}-code", f"ex-{second}-help", "b"]
    assert ids.count(f"ex-{second}-task") == 1
    assert ids[7] == f"ex-{first}-task"
    assert pages.with_exercises(made, "background") == made
    code = [cell for cell in made["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))


def test_an_exercise_of_another_chapter_does_not_stay():
    text = minimal()["cells"][0]
    made = pages.with_exercises(minimal() | {"cells": [placed("slerp"), text]}, "background")
    assert "ex-slerp-task" not in [cell["id"] for cell in made["cells"]]


@pytest.mark.parametrize("path", PATHS, ids=lambda p: p.stem)
def test_an_exercise_in_the_text_finds_the_package(path):
    """Its cell calls `gb.exercises.check`, so the chapter must have imported the package before."""
    cells = read(path)["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    first = next(i for i, cell in enumerate(code) if pages.TAG in cell["metadata"].get("tags", []))
    assert any("import ganbook as gb" in "".join(cell["source"]) for cell in code[: first + 1])


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
