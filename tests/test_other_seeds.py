"""The tool that runs chapters with other seeds: it moves seeds and nothing else, and sees what breaks."""

import importlib.util
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parent.parent


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tool = load(ROOT / "tools" / "other_seeds.py")


@pytest.mark.parametrize(
    ("before", "after", "number"),
    [
        ("torch.manual_seed(0)", "torch.manual_seed(1000 + 0)", 1),
        ("rng = np.random.default_rng(3)", "rng = np.random.default_rng(1000 + 3)", 1),
        ("f(0, seed=7)", "f(0, seed=1000 + 7)", 1),
        ("seed = 0", "seed = 1000 + 0", 1),
        ("seeds = (0, 1)", "seeds = (1000 + 0, 1000 + 1)", 2),
        (
            "def f(a, n=1, seed=2, *, seeds=[4]): ...",
            "def f(a, n=1, seed=1000 + 2, *, seeds=[1000 + 4]): ...",
            2,
        ),
        ("[f(seed) for seed in range(3)]", "[f(seed) for seed in range(1000, 1000 + 3)]", 1),
        ("for seed in range(1, 3): f(seed)", "for seed in range(1000 + 1, 1000 + 3): f(seed)", 2),
        (
            "for k, seed in product(ks, (0, 1)): ...",
            "for k, seed in product(ks, (1000 + 0, 1000 + 1)): ...",
            2,
        ),
        ("gb.data.BatchOrder(10, 2, 5)", "gb.data.BatchOrder(10, 2, 1000 + 5)", 1),
        ("gb.TrainConfig(\n    ema_decay=0.9,\n)", "gb.TrainConfig(\n    seed=1000, ema_decay=0.9,\n)", 1),
        ("gb.TrainConfig(steps=2, seed=3)", "gb.TrainConfig(steps=2, seed=1000 + 3)", 1),
        ("print('η'); f(seed=1); f(\n  seed=2)", "print('η'); f(seed=1000 + 1); f(\n  seed=1000 + 2)", 2),
        ("%matplotlib inline\nf(seed=1)", "%matplotlib inline\nf(seed=1000 + 1)", 1),
    ],
)
def test_seeds_are_moved(before, after, number):
    assert tool.with_other_seeds(before, 1000) == (after, number)


@pytest.mark.parametrize(
    "source",
    [
        "print('manual_seed(0)')  # seed=0",
        "torch.manual_seed(seed)",
        "truth.sample(128, seed=i)",
        "spoil.draw(seed=spoil.TRAIN_SEED)",
        "f(steps=0)",
        "gb.TrainConfig(device='cpu', **options)",
        "for k, seed in zip((0, 1), seeds): ...",
        "shuffled(seed=None, seeds=True)",
        "record['seed'] = 0",
    ],
)
def test_nothing_else_is_moved(source):
    assert tool.with_other_seeds(source, 1000) == (source, 0)


def test_own_functions_are_given_other_seeds_by_place():
    texts = ["def play(schedule, seed, lr=1): ...", "play('DG' * 2, 0, 5)", "other('DG', 0)"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in texts])
    assert tool.change(notebook, 1000) == 1
    assert [cell.source for cell in notebook.cells] == [texts[0], "play('DG' * 2, 1000 + 0, 5)", texts[2]]


def test_exercises_and_fixed_cells_are_left_alone():
    cells = [nbformat.v4.new_code_cell("f(seed=0)", metadata={"tags": tags}) for tags in ([], ["exercise"])]
    cells.append(nbformat.v4.new_code_cell("f(seed=0)", metadata={"tags": ["fixed-seed", "hide-cell"]}))
    notebook = nbformat.v4.new_notebook(cells=[*cells, nbformat.v4.new_markdown_cell("`f(seed=0)`")])
    assert tool.change(notebook, 1000) == 1
    assert [c.source for c in notebook.cells] == ["f(seed=1000 + 0)", "f(seed=0)", "f(seed=0)", "`f(seed=0)`"]


def test_every_cell_that_breaks_is_named_with_its_line(tmp_path, monkeypatch, capsys):
    cells = [
        ("def f(seed):\n    assert seed < 2000, 'at most 1999'\n\n\nseed = 0", []),
        ("x = 1\nassert (\n    seed == 0\n)", []),
        ("f(seed)", []),
        ("f(seed=0)", ["fixed-seed"]),
        ("x = undefined", []),
        ("1 / 0", ["raises-exception"]),
    ]
    code = [nbformat.v4.new_code_cell(text, metadata={"tags": tags}) for text, tags in cells]
    path = tmp_path / "tiny.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=code), path)
    stored = path.read_bytes()
    monkeypatch.setattr("sys.argv", ["other_seeds.py", str(path), "--seeds", "1", "2"])
    assert tool.main() == 1
    progress, _, table = capsys.readouterr().out.partition("\n\n")
    assert progress.splitlines()[1].startswith("2/2 tiny.ipynb, seed 2: ")
    _, *rows = [line.split(maxsplit=3) for line in table.splitlines()]
    undefined = "[5] x = undefined  # NameError: name 'undefined' is not defined"
    assert [" ".join(row) for row in rows] == [
        "tiny.ipynb 1 1 [2] seed == 0  # AssertionError",
        undefined,
        "tiny.ipynb 2 1 [2] seed == 0  # AssertionError",
        "[3] assert seed < 2000, 'at most 1999'",
        undefined,
    ]
    assert path.read_bytes() == stored


def test_a_notebook_that_holds_and_one_without_seeds_break_nothing(tmp_path, monkeypatch, capsys):
    paths = [tmp_path / "holds.ipynb", tmp_path / "none.ipynb"]
    for path, text in zip(paths, ["seed = 0\nassert seed >= 0", "assert False"], strict=True):
        nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text)]), path)
    monkeypatch.setattr("sys.argv", ["other_seeds.py", *map(str, paths), "--seeds", "1"])
    assert tool.main() == 0
    table = capsys.readouterr().out
    assert "none\n" in table
    assert "not run: no seed" in table


def test_an_unknown_notebook_gets_one_line(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["other_seeds.py", "book/minmax.ipynb"])
    assert tool.main() == 2
    assert capsys.readouterr().err == "there is no notebook book/minmax.ipynb\n"
