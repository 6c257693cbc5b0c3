"""The notebooks as files: run once, top to bottom; outputs stored where something is printed."""

import ast
import functools
import json
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent.parent
BOOK = ROOT / "book"
NOTEBOOKS = sorted(BOOK.glob("*.ipynb"))
PAGES = [
    p for p in sorted(BOOK.rglob("*.md")) if not p.relative_to(BOOK).parts[0].startswith("_")
] + NOTEBOOKS


def document(path):
    """Return a page's name as the table of contents has it."""
    return path.relative_to(BOOK).with_suffix("").as_posix()


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


# What a chapter may promise about its time, in seconds; and what nobody may exceed.
PROMISES = {
    "half a minute": 30,
    "about a minute": 60,
    "a minute": 60,
    "a little over a minute": 75,
    "a minute and a half": 90,
    "one and a half minutes": 90,
    "one to two minutes": 90,
    "almost two minutes": 115,
    "two minutes": 120,
}
BUDGET_SECONDS = 120
BUDGET_BYTES = 200_000


def promised(path):
    """Return the seconds that a chapter's opening promises."""
    opening = " ".join(text_of(path)[:1200].split())
    found = re.search(r"\*\*It takes\*\* (?:about |up to )?(.+?) to run on two processor cores", opening)
    assert found, f"{path.name}: the opening must say '**It takes** ... to run on two processor cores'"
    assert found[1] in PROMISES, f"{path.name}: 'It takes {found[1]}'; known are {', '.join(PROMISES)}"
    return PROMISES[found[1]]


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
        assert len(raw) < BUDGET_BYTES

    def test_what_a_cell_printed_is_stored_in_one_piece(self, path):
        for cell in cells(path, "code"):
            streams = [out["name"] for out in cell["outputs"] if out["output_type"] == "stream"]
            assert len(streams) == len(set(streams)), source(cell)

    def test_every_figure_has_alt_text_and_a_caption(self, path):
        for cell in cells(path, "code"):
            shown = "".join(str(out.get("data", {}).get("text/plain", "")) for out in cell["outputs"])
            if any(kind in shown for kind in ("<Figure", "<Frames", "<Quiz", "<TwoSliders")):
                settings = cell["metadata"].get("mystnb", {})
                if "<Figure" in shown:  # moving figures and quizzes carry a text of their own
                    assert len(settings.get("image", {}).get("alt", "")) > 20, source(cell)
                assert settings.get("figure", {}).get("caption"), source(cell)
                assert settings["figure"].get("name"), source(cell)

    def test_it_opens_with_what_the_reader_will_be_able_to_do(self, path):
        opening = text_of(path)[:900].replace("\n", " ")
        for promise in ("After this chapter you can", "You need", "It takes"):
            assert promise in opening

    def test_it_keeps_to_its_time_and_says_what_it_takes(self, path):
        """`tools/store_outputs.py` notes how long the run took whose outputs are stored."""
        notebook = json.loads(path.read_text(encoding="utf-8"))
        taken = notebook["metadata"].get("ganbook", {}).get("seconds")
        assert taken, "no time stored: python tools/store_outputs.py book/" + path.name
        assert taken <= BUDGET_SECONDS
        assert promised(path) / 3 <= taken <= 1.6 * promised(path), (
            f"it took {taken} s when its outputs were stored, and promises {promised(path)} s"
        )

    def test_it_closes_with_a_short_summary_and_places_to_read_on(self, path):
        text = text_of(path)
        summary = re.search(r"^## Summary\n(.*?)(?=^## )", text, flags=re.DOTALL | re.MULTILINE)
        assert summary, "no summary"
        assert 1 <= len(re.findall(r"^- ", summary[1], flags=re.MULTILINE)) <= 5
        assert re.search(r"^## Where to read on$", text, flags=re.MULTILINE)

    def test_cells_that_are_not_compared_are_checked_as_properties(self, path):
        """Where outputs differ from machine to machine, something must be asserted instead."""
        code = cells(path, "code")
        ignored = [c for c in code if "nbval-ignore-output" in c["metadata"].get("tags", [])]
        if ignored:
            assert any("assert " in source(c) for c in code)


@pytest.mark.parametrize("path", PAGES, ids=document)
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


def glossary():
    """Return the terms of the glossary."""
    block = re.search(r"```\{glossary\}\n(.*?)^```", text_of(BOOK / "glossary.md"), re.DOTALL | re.MULTILINE)
    return re.findall(r"^(\S.*)$", block[1], flags=re.MULTILINE)


def terms_used(path):
    """Return the glossary's terms that a page links."""
    roles = re.findall(r"\{term\}`([^`]+)`", text_of(path))
    return {re.sub(r"\s+", " ", re.sub(r"^.*<(.+)>$", r"\1", role, flags=re.DOTALL)) for role in roles}


def test_every_term_that_is_linked_is_in_the_glossary_once_and_in_order():
    terms = glossary()
    assert len(terms) > 60
    assert terms == sorted(set(terms), key=str.lower)
    for path in PAGES:
        assert terms_used(path) <= set(terms), f"{path.name}: {terms_used(path) - set(terms)}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_chapter_links_its_terms_to_the_glossary(path):
    assert len(terms_used(path)) >= 3


def test_every_answer_of_the_faq_points_to_a_place_that_shows_it():
    answers = re.split(r"^## ", text_of(BOOK / "faq.md"), flags=re.MULTILINE)[1:]
    assert len(answers) > 10
    for answer in answers:
        assert re.search(r"\{(numref|ref|doc|eq)\}`", answer), answer.splitlines()[0]


@functools.cache
def labels():
    """Return all that {ref}, {numref} and {eq} may point to."""
    found = set()
    for path in PAGES:
        text = text_of(path)
        found |= set(re.findall(r"^\(([\w-]+)\)=$", text, flags=re.MULTILINE))
        found |= set(re.findall(r"^:name: ([\w-]+)$", text, flags=re.MULTILINE))
        found |= set(re.findall(r"^\$\$ \(([\w-]+)\)$", text, flags=re.MULTILINE))
        if path.suffix == ".ipynb":
            figures = [c["metadata"].get("mystnb", {}).get("figure", {}) for c in cells(path, "code")]
            found |= {figure["name"] for figure in figures if "name" in figure}
    return found


@pytest.mark.parametrize("path", PAGES, ids=document)
def test_every_cross_reference_resolves(path):
    """The strict build finds these too; this takes no minute."""
    for kind, target in re.findall(r"\{(numref|ref|eq|doc)\}`([^`]+)`", text_of(path)):
        name = re.sub(r"^.*<(.+)>$", r"\1", target, flags=re.DOTALL).strip()
        if kind == "doc":
            named = BOOK / name[1:] if name.startswith("/") else path.parent / name
            assert document(named.resolve()) in {document(page) for page in PAGES}, f"{path.name}: {target}"
        else:
            assert name in labels(), f"{path.name}: {{{kind}}}`{target}`"


def test_names_of_figures_and_equations_are_given_once():
    names = []
    for path in PAGES:
        names += re.findall(r"^:name: ([\w-]+)$", text_of(path), flags=re.MULTILINE)
        names += re.findall(r"^\$\$ \(([\w-]+)\)$", text_of(path), flags=re.MULTILINE)
        names += re.findall(r"^\(([\w-]+)\)=$", text_of(path), flags=re.MULTILINE)
        for cell in cells(path, "code") if path.suffix == ".ipynb" else []:
            name = cell["metadata"].get("mystnb", {}).get("figure", {}).get("name")
            names += [name] if name else []
    assert sorted(names) == sorted(set(names))


def toc_files(entries):
    """Return all files of a table of contents, sections included."""
    for entry in entries:
        yield entry["file"]
        yield from toc_files(entry.get("sections", []))


def test_every_page_is_in_the_table_of_contents():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    parts = toc.get("parts", [toc])
    named = {toc["root"]} | {file for part in parts for file in toc_files(part["chapters"])}
    assert named == {document(path) for path in PAGES}


def test_the_text_names_commands_and_recipes_that_exist():
    from ganbook import recipes
    from ganbook.cli import build_parser

    (commands,) = (action.choices for action in build_parser()._actions if action.dest == "command")
    for path in [*PAGES, ROOT / "README.md"]:
        text = text_of(path)
        for name in re.findall(r"ganbook train ([a-z][a-z0-9-]+)", text):
            assert name in recipes.names(), f"{path.name}: ganbook train {name}"
        for command in re.findall(r"`ganbook ([a-z]+)", text):
            assert command in commands, f"{path.name}: {command}"
        for action in re.findall(r"`ganbook exercises ([a-z]+)", text):
            assert action in {"list", "start", "check", "hint", "solution", "progress", "reset"}, (
                f"{path.name}: ganbook exercises {action}"
            )
