"""The experiment on few images, in a tiny setting: its rows, and that only the setting named differs."""

import math
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))  # experiments/ is no part of the package
from experiments import small_data  # noqa: E402
from ganbook import recipes  # noqa: E402

TINY = {
    **small_data.SETTINGS,
    "num_train": 150,
    "num": 200,
    "reader_steps": 3,
    "at": [0, 4],
    "seeds": [0],
}


@pytest.mark.parametrize("name", small_data.SETTINGS["changes"])
def test_each_change_is_a_recipe(name):
    recipe = recipes.load(small_data.SETTINGS["recipe"])
    changed = recipe.replace(small_data.SETTINGS["changes"][name])
    differs = {key for key, value in vars(changed.config()).items() if value != getattr(recipe.config(), key)}
    assert differs == set(small_data.SETTINGS["changes"][name])


def test_a_tiny_record(monkeypatch):
    load = small_data.load_dataset

    def few(**options):  # the reader of this test looks at few portraits, too
        return load(**{"limit": 300, **options})

    monkeypatch.setattr(small_data, "load_dataset", few)
    record = small_data.run(TINY)
    assert [row["change"] for row in record["rows"]] == list(TINY["changes"])
    for row in record["rows"]:
        assert [score["step"] for score in row["scores"]] == [0, 4]
        for score in row["scores"]:
            assert math.isfinite(score["fid"])
            assert -1 <= score["sign"] <= 1
        assert (row["scores"][-1]["p"] is not None) == (row["change"] == "adaptive")
    first = [row["scores"][0]["fid"] for row in record["rows"]]
    assert len(set(first)) == 1  # the same networks before training
    last = [row["scores"][-1]["gap"] for row in record["rows"]]
    assert len(set(last)) == len(last)
    assert 0 < record["real_fid"] < min(first)
