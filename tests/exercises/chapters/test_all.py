"""What every exercise promises, whichever chapter it belongs to."""

import ast
import re
import subprocess
import sys
from inspect import cleandoc
from unittest.mock import MagicMock

import numpy as np
import pytest
import torch

from ganbook import exercises
from ganbook.exercises import chapters
from ganbook.exercises.grading.trial import grade

ALL = [exercises.get(name) for name in exercises.names()]
BY_NAME = pytest.mark.parametrize("exercise", ALL, ids=lambda e: e.name)
CRASH = ("it raised", "cannot be looked at", "could not be called", "had not ended")


def answer_of(exercise, source):
    namespace = {"__name__": "sheet"}
    exec(compile(source, f"<{exercise.name}>", "exec"), namespace)
    return namespace[exercise.answer]


def flat(text):
    return " ".join(text.split())


def functions():
    """Exercises whose answer is a function, with the answer of the first solution."""
    for exercise in ALL:
        answer = answer_of(exercise, exercise.solutions[0])
        if callable(answer) and not isinstance(answer, type):
            yield pytest.param(exercise, answer, id=exercise.name)


def test_there_are_enough_of_every_kind_and_in_every_chapter():
    assert len(ALL) >= 40
    kinds = {kind: [e for e in ALL if e.kind == kind] for kind in ("compute", "code", "predict", "repair")}
    assert all(len(of_kind) >= 4 for of_kind in kinds.values())
    for chapter in exercises.CHAPTERS:
        of_chapter = [exercises.get(name) for name in exercises.names(chapter)]
        assert len(of_chapter) >= 6
        assert {e.difficulty for e in of_chapter} >= {1, 2}
        assert all(e.chapter == chapter for e in of_chapter)
    assert sum(e.difficulty == 3 for e in ALL) >= 5


def test_names_are_unique_and_difficulty_rises():
    names = [name for chapter in exercises.CHAPTERS for name in chapters.names(chapter)]
    assert len(names) == len(set(names))
    assert names == exercises.names()
    for chapter in exercises.CHAPTERS:
        difficulties = [exercises.get(name).difficulty for name in chapters.names(chapter)]
        assert difficulties == sorted(difficulties), chapter


@BY_NAME
def test_it_is_complete(exercise):
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", exercise.name)
    assert exercise.kind in ("compute", "code", "predict", "repair")
    assert exercise.difficulty in (1, 2, 3)
    assert 3 <= len(exercise.title) <= 80
    assert f"`{exercise.answer}" in exercise.statement, "the statement names what is wanted"
    assert len(exercise.hints) >= 2
    assert len(set(exercise.hints)) == len(exercise.hints)
    assert len(exercise.explanation) > 40
    assert len(exercise.solutions) >= 2
    assert len(exercise.wrong) >= 3
    assert (len(exercise.choices) >= 3) == (exercise.kind == "predict")
    for text in (exercise.statement, exercise.explanation, *exercise.hints, *exercise.choices):
        assert text.replace("\\$", "").count("$") % 2 == 0, text
        assert text == cleandoc(text).strip(), text


@BY_NAME
def test_every_solution_passes_in_at_least_two_styles(exercise):
    for source in exercise.solutions:
        result = grade(exercise, answer_of(exercise, source))
        assert result, result
        assert result.tried, "a result says what was tried"
        assert not result.message
    trees = {ast.dump(ast.parse(source)) for source in exercise.solutions}
    assert len(trees) == len(exercise.solutions)


@BY_NAME
def test_every_known_wrong_answer_gets_its_own_message(exercise):
    messages = []
    for wrong in exercise.wrong:
        result = grade(exercise, answer_of(exercise, wrong.source))
        assert result.state == "wrong", f"passes: {wrong.source}"
        assert flat(wrong.because) in flat(result.message), f"{wrong.source}\n{result}"
        assert "Traceback" not in repr(result)
        messages.append(flat(result.message))
    assert len(set(messages)) == len(messages), "each misconception has a message of its own"


@BY_NAME
def test_the_starter_runs_and_is_not_answered_yet(exercise):
    result = grade(exercise, answer_of(exercise, exercise.starter))
    if exercise.kind == "repair":
        assert result.state == "wrong"
        assert result.message
        assert not result.message.startswith(CRASH)
    else:
        assert result.state == "unanswered"


@BY_NAME
def test_a_result_depends_on_the_answer_alone(exercise):
    for source in (exercise.solutions[0], exercise.wrong[0].source):
        found = []
        for seed in (1, 2):
            torch.manual_seed(seed)
            np.random.seed(seed)  # noqa: NPY002
            before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
            found.append(repr(grade(exercise, answer_of(exercise, source))))
            assert torch.equal(torch.get_rng_state(), before[0])
            assert np.array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002
        assert found[0] == found[1]


@BY_NAME
def test_the_solution_is_not_given_away(exercise):
    """Messages of wrong answers do not hold the solution's last line."""
    last = flat(exercise.solutions[0].strip().splitlines()[-1])
    if exercise.kind in ("compute", "code") and len(last) > 25:
        for wrong in exercise.wrong:
            assert last not in flat(grade(exercise, answer_of(exercise, wrong.source)).message)


def recast(value, dtype):
    if isinstance(value, torch.Tensor) and value.is_floating_point():
        return value.to(dtype)
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return value.astype(str(dtype).removeprefix("torch."))
    if type(value) in (tuple, list):
        return type(value)(recast(part, dtype) for part in value)
    return value


@pytest.mark.parametrize(("exercise", "answer"), list(functions()))
def test_float32_and_float64_answers_pass(exercise, answer):
    for dtype in (torch.float32, torch.float64):
        result = grade(exercise, lambda *a, dtype=dtype, **k: recast(answer(*a, **k), dtype))
        assert result, result


def _loop(*args, **kwargs):
    while True:
        pass


def _exits(*args, **kwargs):
    sys.exit(3)


def _raises(*args, **kwargs):
    raise ArithmeticError("on purpose")


def _recursive(*args, **kwargs):
    return _recursive(*args, **kwargs)


def _yields(*args, **kwargs):
    yield 1.0


class _Liar:
    """Says yes to everything."""

    def __eq__(self, other):
        return True

    __hash__ = None

    def __float__(self):
        return 0.5

    def __getattr__(self, name):
        raise RuntimeError("no attribute of mine is what it seems")


MISBEHAVED = {
    "raises": _raises,
    "exits": _exits,
    "recurs": _recursive,
    "yields": _yields,
    "returns text": lambda *a, **k: "0.5",
    "returns a huge tensor": lambda *a, **k: torch.zeros(1).expand(10**9),
    "returns the wrong shape": lambda *a, **k: torch.zeros(3, 1, 7),
    "returns nan": lambda *a, **k: float("nan"),
    "returns a mock": lambda *a, **k: MagicMock(),
    "returns a liar": lambda *a, **k: _Liar(),
    "is a mock": MagicMock(),
    "is a liar": _Liar(),
    "is text": "no letter",
    "is a list": [1, 2],
    "is a class": _Liar,
    "takes nothing": lambda: 1.0,
}


@BY_NAME
def test_answers_that_misbehave_get_a_clear_result(exercise):
    for how, answer in MISBEHAVED.items():
        result = grade(exercise, answer)
        assert result.state == "wrong", how
        assert result.message, how
        assert "Traceback" not in repr(result), how
        assert " at 0x" not in repr(result), how
        assert len(repr(result)) < 5000, how
        assert result._repr_html_().count("<div") == result._repr_html_().count("</div>"), how


@pytest.mark.parametrize(("exercise", "answer"), list(functions()))
def test_a_loop_without_end_is_stopped(exercise, answer):
    result = grade(exercise, _loop, seconds=0.2)
    assert result.state == "wrong"
    assert "loop that never ends" in result.message


@pytest.mark.parametrize(("exercise", "answer"), list(functions()))
def test_printing_is_noted_and_no_fault(exercise, answer, capsys):
    def chatty(*args, **kwargs):
        print("<b>here</b> I am")
        return answer(*args, **kwargs)

    result = grade(exercise, chatty)
    assert result, result
    assert "here" in repr(result)
    assert "<b>" not in result._repr_html_()
    assert capsys.readouterr().out == ""


def test_starters_and_solutions_are_formatted_for_the_page(tmp_path):
    """80 columns, as all code of the book; ruff says which."""
    from ganbook.exercises.sheets import code

    for exercise in ALL:
        (tmp_path / f"{exercise.name}-cell.py").write_text(code(exercise) + "\n", encoding="utf-8")
        (tmp_path / f"{exercise.name}-solution.py").write_text(
            exercise.solutions[0].strip() + "\n", encoding="utf-8"
        )
    options = ["--isolated", "--line-length", "80", "--no-cache", str(tmp_path)]
    command = [sys.executable, "-m", "ruff"]
    done = subprocess.run([*command, "format", "--diff", *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    done = subprocess.run(
        [*command, "check", "--select", "E5,F", "--ignore", "F821", *options], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
