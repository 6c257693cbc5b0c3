"""The checks catch mutants of the solutions: what `python tests/exercises/mutants.py` found, and a sample."""

import importlib.util
import json
import random
import sys
from pathlib import Path

import pytest

from ganbook import exercises


def load():
    path = Path(__file__).with_name("mutants.py")
    spec = importlib.util.spec_from_file_location("exercise_mutants", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


mutants = load()
ALL = [exercises.get(name) for name in exercises.names()]


def report():
    return json.loads(mutants.REPORT.read_text(encoding="utf-8"))["exercises"]


def test_at_least_95_of_100_mutants_are_caught():
    found = report()
    assert set(found) == {exercise.name for exercise in ALL}
    assert mutants.share(found.values()) >= mutants.LEAST
    for name, entry in found.items():
        assert entry["caught"] >= 2, name
        assert mutants.share([entry]) >= 0.8, name
        assert len(entry["survivors"]) == entry["survives"]


def test_the_report_is_about_the_solutions_as_they_are():
    found = report()
    old = [e.name for e in ALL if found[e.name]["fingerprint"] != mutants.fingerprint(e)]
    assert not old, "python tests/exercises/mutants.py"


def test_equivalent_mutants_are_still_mutants_and_still_right():
    by_change = {(m.exercise, m.change): m for exercise in ALL for m in mutants.mutants_of(exercise)}
    for key, reason in mutants.EQUIVALENT.items():
        assert key in by_change, key
        assert len(reason) > 20
        assert mutants.verdict(exercises.get(key[0]), by_change[key]) == "survives", key


@pytest.mark.parametrize("exercise", ALL, ids=lambda e: e.name)
def test_a_sample_of_mutants_is_caught(exercise):
    chosen = [m for m in mutants.mutants_of(exercise) if (m.exercise, m.change) not in mutants.EQUIVALENT]
    survivors = set(report()[exercise.name]["survivors"])
    for mutant in random.Random(exercise.name).sample(chosen, min(3, len(chosen))):
        if f"solution {mutant.solution + 1}: {mutant.change}" not in survivors:
            assert mutants.verdict(exercise, mutant) in ("caught", "stillborn"), mutant.change


def test_the_mutants_are_what_they_should_be():
    source = (
        "def f(real, fake, D):\n"
        "    D.zero_grad()\n"
        "    with torch.no_grad():\n"
        "        x = -G(z).detach() * 2\n"
        "    y = torch.ones_like(x).mean(dim=1)\n"
        "    return bce(D(x), y)"
    )
    found = "\n".join(mutants.change(source, m) for m in mutants.mutate(source))
    wanted = ["zeros_like", "-G(z) * 2", "G(z).detach() * 2", "-> pass", "sum(dim=1)", "mean(dim=2)"]
    wanted += ["* 3", "/ 2", "bce(y, D(x))"]
    assert not [part for part in wanted if part not in found]
