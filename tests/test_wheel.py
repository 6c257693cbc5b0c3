"""The wheel: complete, nothing more than the package, and at work where there is no repository."""

import email
import importlib.util
import json
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.metadata import Metadata
from packaging.requirements import Requirement

import ganbook

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "ganbook"


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


bare_env = load(ROOT / "tools" / "bare_env.py")
colab = load(ROOT / "tools" / "colab.py")
first_cell = load(ROOT / "tools" / "first_cell.py")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    pytest.importorskip("hatchling", reason="wheels are built with hatchling")
    return bare_env.build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def files(wheel):
    return set(zipfile.ZipFile(wheel).namelist())


@pytest.fixture(scope="module")
def metadata(wheel, files):
    (name,) = (name for name in files if name.endswith("dist-info/METADATA"))
    return zipfile.ZipFile(wheel).read(name)


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory):
    """Install the wheel where everything else is there but the repository is not."""
    python = bare_env.borrow(tmp_path_factory.mktemp("env") / "env")
    bare_env.install(python, wheel)
    return python


def run(python, folder, *command):
    return subprocess.run(
        [python, *command],
        cwd=folder,
        env=bare_env.clean(OMP_NUM_THREADS="1"),
        capture_output=True,
        text=True,
        check=False,
    )


def test_all_files_of_the_package_are_in_it(files):
    ours = {
        path.relative_to(ROOT).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    }
    assert {name for name in files if ".dist-info/" not in name} == ours
    for wanted in (
        "ganbook/py.typed",
        "ganbook/recipes/dcgan.toml",
        "ganbook/recipes/measured.json",
        "ganbook/widgets/static/frames.css",
        "ganbook/widgets/static/frames.js",
    ):
        assert wanted in ours
    assert any(name.startswith("ganbook/recorded/") and name.endswith(".json") for name in ours)
    assert "ganbook/exercises/chapters/minimax/optimal-discriminator.md" in ours


def test_nothing_of_the_book_or_the_tests_is_in_it(files):
    assert {name.partition("/")[0] for name in files if ".dist-info/" not in name} == {"ganbook"}
    assert not [name for name in files if name.endswith((".ipynb", ".png"))]
    texts = {name for name in files if name.endswith(".md")}  # of the exercises, and no page of the book
    assert all(name.startswith("ganbook/exercises/chapters/") for name in texts)


def test_the_licence_is_in_it(files):
    assert any(name.endswith("LICENSE") for name in files)


def test_the_metadata_is_valid_and_says_what_pyproject_says(metadata):
    found = Metadata.from_email(metadata, validate=True)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (found.name, str(found.version)) == ("ganbook", ganbook.__version__)
    assert str(found.requires_python) == project["requires-python"]
    assert found.description_content_type == "text/markdown"
    assert found.description.startswith("# GAN Book")
    needed = {Requirement(line).name for line in project["dependencies"]}
    assert {r.name for r in found.requires_dist if r.marker is None} == needed
    assert email.message_from_bytes(metadata)["License-Expression"] == "MIT"


def test_nothing_that_it_needs_is_missing(python, tmp_path):
    done = run(python, tmp_path, "-m", "pip", "check")
    ours = [line for line in done.stdout.splitlines() if line.startswith("ganbook ")]
    assert ours == []


def test_the_package_comes_from_the_wheel(python, tmp_path):
    done = run(python, tmp_path, "-c", "import ganbook; print(ganbook.__file__, ganbook.__version__)")
    where, version = done.stdout.rsplit(maxsplit=1)
    assert "site-packages" in where
    assert not where.startswith(str(ROOT))
    assert version == ganbook.__version__


def test_the_command_trains(python, tmp_path):
    command = Path(python).with_name("ganbook" + (".exe" if sys.platform == "win32" else ""))
    done = run(command, tmp_path, "train", "--steps", "2", "--out", "run", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "summary.json").is_file()


def test_recipes_records_and_exercises_are_found(python, tmp_path):
    done = run(python, tmp_path, "-m", "ganbook", "recipes")
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in ganbook.recipes.names())
    done = run(
        python, tmp_path, "-c", "from ganbook import recorded as r; [r.load(n) for n in r.names()]; print(1)"
    )
    assert done.stdout.strip() == "1", done.stderr
    done = run(python, tmp_path, "-m", "ganbook", "exercises", "list")
    assert done.returncode == 0, done.stderr
    from ganbook import exercises

    name = exercises.names()[0]
    assert name in done.stdout
    done = run(python, tmp_path, "-m", "ganbook", "exercises", "start", name, str(tmp_path / "mine"))
    assert done.returncode == 0, done.stderr
    assert [path for path in (tmp_path / "mine").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("stored", "on_colab", "repository", "wrong"),
    [
        ("2\n", True, False, None),
        ("3\n", False, False, "Cell outputs differ"),
        ("2\n", False, True, "AssertionError"),
    ],
    ids=["right", "output-changed", "not-from-the-wheel"],
)
def test_notebooks_are_compared_where_only_the_wheel_is(
    stored, on_colab, repository, wrong, python, wheel, tmp_path
):
    """`make colab` is the only check of the stored outputs, so it must see a changed one."""
    output = {"output_type": "stream", "name": "stdout", "text": [stored]}
    cell = {
        "cell_type": "code",
        "execution_count": 2,
        "id": "sum",
        "metadata": {},
        "source": ["print(1 + 1)"],
    }
    notebook = {"cells": [first_cell.cell(), {**cell, "outputs": [output]}], "metadata": {}}
    path = tmp_path / "tiny.ipynb"
    path.write_text(json.dumps({**notebook, "nbformat": 4, "nbformat_minor": 5}), encoding="utf-8")
    said = colab.run(path, Path(sys.executable) if repository else python, wheel.parent, colab=on_colab)
    assert said is None if wrong is None else wrong in said, said
