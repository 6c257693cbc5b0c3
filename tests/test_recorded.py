"""Recorded experiments: each names its script, which is there and has these settings."""

import importlib
from pathlib import Path

import pytest

from ganbook import recorded
from ganbook.errors import UserError

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("name", recorded.names())
def test_every_record_comes_from_a_script_with_the_same_settings(name):
    record = recorded.load(name)
    assert record["command"] == f"python -m experiments.{name}"
    assert (ROOT / "experiments" / f"{name}.py").is_file()
    assert record["settings"] == importlib.import_module(f"experiments.{name}").SETTINGS
    assert record["seconds"] > 0
    assert {"ganbook", "torch", "python", "processor"} <= record["made_with"].keys()


def test_an_unknown_record_is_refused():
    with pytest.raises(
        UserError, match="unknown recorded experiment 'degradatoin'; did you mean 'degradation'"
    ):
        recorded.load("degradatoin")
