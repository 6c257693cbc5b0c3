"""A range beside a parameter is held: at its edges, beyond them, and for values of other kinds."""

import dataclasses
import importlib
import inspect
import math
import pkgutil
from typing import Annotated, Any

import numpy as np
import pytest

import ganbook
from ganbook import models
from ganbook.errors import UserError
from ganbook.support.checks import (
    AnyOf,
    Count,
    Each,
    Flag,
    OneOf,
    Positive,
    Real,
    Seed,
    Whole,
    check_fields,
    checked,
    constraint_in,
    constraints_of,
    shown,
)

KINDS = [
    Whole(1), Whole(0, 7), Whole(0, 2**32 - 1), Real(), Real(above=0), Real(least=0),
    Real(least=0, below=1), Real(least=0, most=1), Real(above=0, below=1), Real(most=3),
    Each(2, Real(least=0, below=1), "two numbers"),
    Flag(), AnyOf((1, 3), "1 or 3"), OneOf("loss", ["hinge", "minimax"]),
]  # fmt: skip


@pytest.mark.parametrize("constraint", KINDS, ids=lambda c: c.takes)
def test_examples_lie_on_both_sides(constraint):
    right, wrong = constraint.examples()
    assert right
    assert wrong
    for value in right:
        assert constraint.check("x", value) is value
    for value in wrong:
        with pytest.raises(UserError) as error:
            constraint.check("x", value)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("constraint", "words"),
    [
        (Whole(1), "a whole number, at least 1"),
        (Whole(2, 9, why=", the samples of the smaller set"),
         "a whole number from 2 to 9, the samples of the smaller set"),
        (Whole(0, 2**32 - 1), "a whole number from 0 to 2^32 - 1"),
        (Whole(1, what="a whole number of pixels"), "a whole number of pixels, at least 1"),
        (Real(), "a number"),
        (Real(above=0), "a number above 0"),
        (Real(least=0), "a number, at least 0"),
        (Real(least=0, below=1), "a number from 0 to below 1"),
        (Real(least=0, most=1), "a number from 0 to 1"),
        (Real(above=0, below=1), "a number above 0 and below 1"),
        (Real(above=0, most=1), "a number above 0 to 1"),
        (Real(most=3), "a number, at most 3"),
        (Real(below=3), "a number below 3"),
        (Each(2, Real(least=0, below=1), "two numbers"), "two numbers from 0 to below 1"),
    ],
)  # fmt: skip
def test_the_range_in_words(constraint, words):
    assert constraint.takes == words


def test_numbers_of_numpy_are_numbers():
    assert Whole(1).fits(np.int64(3))
    assert Real(above=0).fits(np.float32(0.5))
    assert not Whole(1).fits(np.bool_(True))
    assert not Real().fits(np.float64("nan"))


def test_none_is_allowed_where_the_annotation_says_so():
    @checked
    def f(a: Count, b: Seed | None = None, *, c: Positive = 1.0) -> tuple[Any, ...]:
        return a, b, c

    assert f(1) == (1, None, 1.0)
    assert f(1, None, c=2) == (1, None, 2)
    with pytest.raises(UserError, match=r"^a=None: it must be a whole number, at least 1$"):
        f(None)
    with pytest.raises(UserError, match=r"^b=-1: it must be a whole number from 0 to 2\^32 - 1$"):
        f(1, -1)
    with pytest.raises(UserError, match=r"^c=nan: it must be a number above 0$"):
        f(1, c=math.nan)
    with pytest.raises(TypeError, match="f\\(\\) got an unexpected keyword argument 'd'"):
        f(1, d=2)
    assert inspect.signature(f).parameters["a"].annotation is Count


def test_fields_of_a_dataclass():
    @dataclasses.dataclass
    class Settings:
        size: Count = 1
        rate: Positive | None = None
        name: str = ""

        def __post_init__(self) -> None:
            check_fields(self)

    Settings(2, 0.1)
    with pytest.raises(UserError, match=r"^size=0: it must be"):
        Settings(0)
    with pytest.raises(UserError, match=r"^rate='fast': it must be a number above 0$"):
        Settings(rate="fast")


def test_a_constraint_is_found_wherever_it_stands():
    inner = Whole(0)
    assert constraint_in(Annotated[int, "about", inner]) == (inner, False)
    assert constraint_in(Annotated[int, inner] | None) == (inner, True)
    assert constraint_in(int | None) == (None, False)


def test_values_are_shown_in_one_short_line():
    for value in ("a\nb", "x" * 1000, list(range(1000)), np.zeros((100, 100)), {"a": 1}):
        assert "\n" not in shown(value)
        assert len(shown(value)) < 100


# ------------------------------------------------------------- all functions and settings of the package


def checked_things() -> dict[str, Any]:
    """Return every checked function and every dataclass with constraints, by name."""
    things: dict[str, Any] = {}
    for about in pkgutil.walk_packages(ganbook.__path__, "ganbook."):
        if about.name.endswith("__main__"):
            continue
        module = importlib.import_module(about.name)
        for name, thing in list(vars(module).items()):
            if getattr(thing, "__module__", "") != about.name:
                continue
            members = vars(thing).items() if inspect.isclass(thing) else ()
            for owner, value in [(name, thing), *((f"{name}.{key}", v) for key, v in members)]:
                if inspect.isfunction(value) and hasattr(value, "__wrapped__"):
                    things[f"{about.name}.{owner}"] = value
            if dataclasses.is_dataclass(thing) and constraints_of(thing):
                things[f"{about.name}.{name}"] = thing
    return {name: thing for name, thing in things.items() if constraints_of(thing)}


THINGS = checked_things()
PARAMETERS = [
    (name, parameter) for name, thing in sorted(THINGS.items()) for parameter in constraints_of(thing)
]
OTHER_ARGUMENTS = {"ganbook.data.request.Request": {"split": "train"}}


def test_there_is_much_to_check():
    assert len(PARAMETERS) > 80
    assert set(models.FAMILIES) <= {name.rpartition(".")[2] for name in THINGS}


@pytest.mark.parametrize(("name", "parameter"), PARAMETERS)
def test_a_wrong_value_is_refused_in_one_line_before_anything_else(name, parameter):
    thing = THINGS[name]
    constraint, optional = constraints_of(thing)[parameter]
    _, wrong = constraint.examples()
    rest = dict(OTHER_ARGUMENTS.get(name, {}))
    family = name.rpartition(".")[2]
    if family in models.FAMILIES:  # they bind the shape first
        rest["shape"] = (1, 32, 32)
    for value in wrong:
        if value is None and optional:
            continue
        with pytest.raises(UserError) as error:
            thing(**{**rest, parameter: value})
        text = str(error.value)
        assert "\n" not in text
        kind = getattr(constraint, "kind", parameter)
        assert parameter in text or kind in text
        assert constraint.takes in text or "Known: " in text
