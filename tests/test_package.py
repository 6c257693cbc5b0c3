"""The package as a whole: light to import, one version, one list of requirements, arrows one way."""

import ast
import graphlib
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

import ganbook as gb

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_import_is_light_and_starts_no_work():
    code = "import sys, ganbook; print(sorted(m for m in sys.modules if '.' not in m))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = ast.literal_eval(done.stdout)
    for heavy in ("torch", "torchvision", "matplotlib", "sklearn", "PIL", "numpy"):
        assert heavy not in loaded
    assert done.stderr == ""


def test_training_needs_neither_torchvision_nor_matplotlib():
    """Both cost seconds at import; only MNIST's loader and the figures need them."""
    code = (
        "import sys, ganbook as gb; data = gb.load_dataset('digits', limit=64); "
        "g, d = gb.models.mlp(data.shape, hidden=8); "
        "gb.Trainer(g, d, data, gb.TrainConfig(batch_size=8)).fit(steps=1, progress=False); "
        "print([m for m in ('torchvision', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", gb.__all__)
def test_every_public_name_is_there(name):
    assert getattr(gb, name) is not None
    assert name in dir(gb)


def test_a_wrong_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="trainer"):
        gb.trainer  # noqa: B018


def test_the_version_stands_in_one_place():
    assert importlib.metadata.version("ganbook") == gb.__version__
    assert "version" not in PYPROJECT["project"]


def requirements(lines):
    """Split "name[extra]>=1,<2" into the name and the set of bounds."""
    found = {}
    for line in lines:
        name, bounds = re.fullmatch(r"([A-Za-z0-9_-]+)\s*(.*)", line).groups()
        found[name] = {bound.strip() for bound in bounds.split(",")}
    return found


def test_lower_bounds_only():
    extras = PYPROJECT["project"]["optional-dependencies"]
    for line in [*PYPROJECT["project"]["dependencies"], *extras["test"], *extras["metrics"]]:
        assert re.fullmatch(r"[A-Za-z0-9_-]+>=[0-9.]+", line), line


def test_environment_yml_matches_pyproject():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    conda = [entry for entry in environment["dependencies"] if isinstance(entry, str)]
    assert f"python{PYPROJECT['project']['requires-python']}" in conda
    (pip,) = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    ours = requirements(line for line in pip if not line.startswith("-e"))
    extras = PYPROJECT["project"]["optional-dependencies"]
    wanted = requirements([*PYPROJECT["project"]["dependencies"], *(x for e in extras.values() for x in e)])
    assert ours == wanted
    assert "-e ." in pip


# The floors of the house, the ground first. What stands on a floor may use the floors below it, and nothing
# on its own floor or above: so there can be no circle. (Imports inside functions and for types count too.)
FLOORS = (
    {"errors"},
    {"support"},
    {"losses", "penalties", "metrics", "recorded"},
    {"plots", "widgets"},
    {"data", "models"},
    {"training"},
    {"recipes"},
    {"runs"},
    {"evaluation", "diagnostics"},
    {"exercises"},
    {"commands"},
    {"cli"},
    {"__main__", "__init__"},
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def imports_of(path):
    """Yield every module of ours that a file imports, wherever in the file: "ganbook.data.order"."""
    known = {module_name(file) for file in FILES}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "ganbook":
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in known else node.module
        elif isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.split(".")[0] == "ganbook")


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 2 else parts)


def room_of(module):
    return [*module.split("."), "__init__"][1]


FILES = sorted((ROOT / "ganbook").rglob("*.py"))


def test_every_room_stands_on_a_floor():
    rooms = {room_of(module_name(file)) for file in FILES}
    assert rooms == set(FLOOR)
    assert sum(len(rooms) for rooms in FLOORS) == len(FLOOR)  # on one only


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT / "ganbook")))
def test_arrows_between_rooms_point_down(path):
    here = room_of(module_name(path))
    rooms = {room_of(module) for module in imports_of(path)} - {here, "__init__"}  # the version is anyone's
    up = {room for room in rooms if FLOOR[room] >= FLOOR[here]}
    assert not up, f"{path.name} of {here} imports {up}, which do not stand on a floor below"


def test_no_circle_of_files():
    """Also within a room: no file is needed by what it needs."""
    graph = {module_name(file): set(imports_of(file)) - {module_name(file)} for file in FILES}
    try:
        tuple(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError as error:
        raise AssertionError(f"a circle: {' -> '.join(error.args[1])}") from error


LONGEST_FILE, LONGEST_FUNCTION = 520, 60  # lines; of a function without its signature and docstring


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT / "ganbook")))
def test_files_and_functions_are_of_a_size(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST_FILE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
            assert node.end_lineno - body[0].lineno < LONGEST_FUNCTION, node.name


def test_nothing_public_is_undocumented():
    """Every public function and class has a docstring; their examples run in tests/test_docstrings.py."""
    undocumented = []
    for file in (ROOT / "ganbook").rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        inner = {
            id(node)
            for outer in ast.walk(tree)
            if isinstance(outer, ast.FunctionDef) or (getattr(outer, "name", None) or "").startswith("_")
            for node in ast.walk(outer)
            if node is not outer
        }
        for node in ast.walk(tree):
            public = isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
            if any(
                getattr(decorator, "id", "") == "overload"
                for decorator in getattr(node, "decorator_list", ())
            ):
                continue
            if public and id(node) not in inner and not ast.get_docstring(node):
                undocumented.append(f"{file.name}:{node.name}")
    assert not undocumented
