"""The notebooks as files: run once, top to bottom; outputs stored where something is printed."""

import ast
import json
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent.parent
BOOK = ROOT / "book"
NOTEBOOKS = sorted(BOOK.glob("*.ipynb"))
PAGES = sorted(BOOK.glob("*.md")) + NOTEBOOKS


def cells(path, kind=None):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    return [c for c in notebook["cells"] if kind in (None, c["cell_type"])]


def source(cell):
    return "".join(cell["source"])


def text_of(path):
    if path.suffix == ".md":
        return path.read_text(encoding="utf-8")
    return "\n\n".join(source(c) for c in cells(path, "markdown"))


def speaks(code):
    """Say whether a cell prints, or ends in an expression whose value Jupyter shows."""
    tree = ast.parse(re.sub(r"^[%!].*$", "", code, flags=re.MULTILINE))
    if not tree.body:
        return False
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.Lambda)]
    inside = {id(n) for f in functions for n in ast.walk(f)}
    printing = any(
        isinstance(n, ast.Call) and getattr(n.func, "id", "") == "print" and id(n) not in inside
        for n in ast.walk(tree)
    )
    return printing or (isinstance(tree.body[-1], ast.Expr) and not code.rstrip().endswith(";"))


def test_there_are_notebooks_and_speaks_can_tell():
    assert NOTEBOOKS
    assert speaks("x = 1\nprint(x)")
    assert speaks("%matplotlib inline\nx")
    assert speaks("for i in range(3):\n    print(i)")
    assert not speaks("x = 1")
    assert not speaks("def f():\n    print(1)")
    assert not speaks("x;")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
class TestNotebook:
    def test_every_speaking_cell_has_its_output_stored(self, path):
        silent = [source(c) for c in cells(path, "code") if speaks(source(c)) and not c["outputs"]]
        assert not silent, f"nothing stored, so nothing is compared: {silent}"

    def test_cells_ran_once_from_top_to_bottom(self, path):
        counts = [c["execution_count"] for c in cells(path, "code")]
        assert counts == list(range(1, len(counts) + 1))

    def test_no_errors_pictures_or_paths_of_a_machine_are_stored(self, path):
        raw = path.read_text(encoding="utf-8")
        assert '"output_type": "error"' not in raw
        assert '"image/png"' not in raw
        assert not re.search(r"/(home|root|Users|tmp|work)/", raw)
        assert len(raw) < 200_000

    def test_every_figure_has_alt_text_and_a_caption(self, path):
        for cell in cells(path, "code"):
            shown = "".join(str(out.get("data", {}).get("text/plain", "")) for out in cell["outputs"])
            if any(kind in shown for kind in ("<Figure", "<Frames", "<Quiz")):
                settings = cell["metadata"].get("mystnb", {})
                if "<Figure" in shown:  # moving figures and quizzes carry a text of their own
                    assert len(settings.get("image", {}).get("alt", "")) > 20, source(cell)
                assert settings.get("figure", {}).get("caption"), source(cell)
                assert settings["figure"].get("name"), source(cell)

    def test_it_opens_with_what_the_reader_will_be_able_to_do(self, path):
        opening = text_of(path)[:900].replace("\n", " ")
        for promise in ("After this chapter you can", "You need", "It takes"):
            assert promise in opening

    def test_cells_that_are_not_compared_are_checked_as_properties(self, path):
        """Where outputs differ from machine to machine, something must be asserted instead."""
        code = cells(path, "code")
        ignored = [c for c in code if "nbval-ignore-output" in c["metadata"].get("tags", [])]
        if ignored:
            assert any("assert " in source(c) for c in code)


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.stem)
def test_pictures_in_the_text_have_alt_text(path):
    text = text_of(path)
    for figure in re.findall(r"```\{(?:figure|image)\}.*?```", text, flags=re.DOTALL):
        assert re.search(r"^:alt: .{20,}$", figure, flags=re.MULTILINE), figure
    assert not re.findall(r"!\[\s*\]\(", text)


def test_every_citation_resolves_and_every_entry_is_cited():
    entries = re.findall(
        r"^@\w+\{([^,]+),", (BOOK / "references.bib").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(entries) == len(set(entries))
    cited = set()
    for path in PAGES:
        for keys in re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", text_of(path)):
            cited |= {key.strip() for key in keys.split(",")}
    assert cited == set(entries), {"missing": cited - set(entries), "not cited": set(entries) - cited}


def test_every_page_is_in_the_table_of_contents():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    named = {toc["root"]} | {chapter["file"] for chapter in toc["chapters"]}
    assert named == {path.stem for path in PAGES}


def test_the_text_names_commands_and_recipes_that_exist():
    from ganbook import recipes

    for path in [*PAGES, ROOT / "README.md"]:
        text = text_of(path)
        for name in re.findall(r"ganbook train ([a-z][a-z0-9-]+)", text):
            assert name in recipes.names(), f"{path.name}: ganbook train {name}"
        for command in re.findall(r"`ganbook ([a-z]+)", text):
            known = {"train", "sample", "evaluate", "recipes", "datasets"}
            assert command in known, f"{path.name}: {command}"
