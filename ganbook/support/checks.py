"""What an argument may be, said once: beside the parameter, in its annotation.

    @checked
    def ring(modes: Annotated[int, Whole(1)] = 8, radius: Positive = 1.0) -> Mixture: ...

`checked` holds a function's arguments against their annotations before it runs, `check_fields` does it for a
dataclass, and `Whole(1, n).check("k", k)` for a range that is known only inside. The line that a user reads,
the reference pages, the command line's parser and the tests are all made from the same constraint.
"""

from __future__ import annotations

import builtins
import functools
import inspect
import math
import numbers
import reprlib
import types
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, ParamSpec, TypeVar, Union, get_args, get_origin

from ganbook.errors import UserError, unknown

P = ParamSpec("P")
T = TypeVar("T")


class Constraint:
    """What a value may be. `takes` says it in words, `fits` decides, `check` raises."""

    @property
    def takes(self) -> str:
        """What it takes, in words that follow "it must be"."""
        raise NotImplementedError

    def fits(self, value: Any) -> bool:
        """Say whether a value is one of those that it takes."""
        raise NotImplementedError

    def examples(self) -> tuple[list[Any], list[Any]]:
        """Return values that fit and values that do not, at the edges of the range: for the tests."""
        raise NotImplementedError

    def check(self, name: str, value: Any, where: str = "") -> Any:
        """Return the value if it fits.

        Parameters
        ----------
        name : str
            Of the argument.
        value : object
            What it got.
        where : str
            What the line begins with, such as "mlp: ".

        Raises
        ------
        UserError
            If it does not; the line names the argument, what it got and what it takes.
        """
        if not self.fits(value):
            raise UserError(f"{where}{name}={shown(value)}: it must be {self.takes}")
        return value


def shown(value: object) -> str:
    """Write a value in one short line, whatever it is.

    Examples
    --------
    >>> shown(0), shown("a" * 100)
    ('0', "'aaaaaaaaaaaaaaaaaaaaaaaaaaa...aaaaaaaaaaaaaaaaaaaaaaaaaaaa'")
    """
    short = reprlib.Repr()
    short.maxstring = short.maxother = 60
    short.maxlist = short.maxtuple = short.maxdict = short.maxset = 6
    return " ".join(short.repr(value).split())


@dataclass(frozen=True)
class Whole(Constraint):
    """A whole number from `least` to `most`, both included; `why` says where `most` comes from.

    Examples
    --------
    >>> Whole(1).takes, Whole(0, 9, "a whole number of pixels").takes
    ('a whole number, at least 1', 'a whole number of pixels from 0 to 9')
    """

    least: int
    most: int | None = None
    what: str = "a whole number"
    why: str = ""

    @property
    def takes(self) -> str:
        """The range, in words."""
        if self.most is None:
            return f"{self.what}, at least {self.least}{self.why}"
        most = f"2^{self.most.bit_length()} - 1" if self.most > 2**20 else str(self.most)
        return f"{self.what} from {self.least} to {most}{self.why}"

    def fits(self, value: Any) -> bool:
        """Say whether it is a whole number (NumPy's too, but no truth value) in the range."""
        whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
        return whole and self.least <= value and (self.most is None or value <= self.most)

    def examples(self) -> tuple[list[Any], list[Any]]:
        """Return the ends of the range; and what lies beyond them, or is no whole number."""
        wrong = [self.least - 1, self.least + 0.5, float(self.least), True, str(self.least), math.nan, None]
        if self.most is None:
            return [self.least, self.least + 1], wrong
        return [self.least, self.most], [*wrong, self.most + 1]


FLOAT32_MAX = 3.4e38  # what is larger becomes infinite where it is computed with


@dataclass(frozen=True)
class Real(Constraint):
    """A finite number in a range: `least` and `most` belong to it, `above` and `below` do not.

    Examples
    --------
    >>> Real(above=0).takes, Real(least=0, below=1).takes, Real(least=0, most=1).takes
    ('a number above 0', 'a number from 0 to below 1', 'a number from 0 to 1')
    """

    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None
    what: str = "a number"

    @property
    def takes(self) -> str:
        """The range, in words."""
        low = f" above {self.above:g}" if self.above is not None else ""
        if self.least is not None:
            closed = self.most is not None or self.below is not None
            low = f" from {self.least:g}" if closed else f", at least {self.least:g}"
        if self.most is not None:
            return f"{self.what}{low}{' to' if low else ', at most'} {self.most:g}"
        if self.below is not None:
            joint = " to below" if self.least is not None else " and below" if low else " below"
            return f"{self.what}{low}{joint} {self.below:g}"
        return f"{self.what}{low}"

    def fits(self, value: Any) -> bool:
        """Say whether it is a number (NumPy's too, but no truth value), finite in float32, in the range."""
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            return False
        try:
            number = float(value)
        except OverflowError:  # a whole number of hundreds of digits
            return False
        return abs(number) <= FLOAT32_MAX and (
            (self.least is None or number >= self.least)
            and (self.most is None or number <= self.most)
            and (self.above is None or number > self.above)
            and (self.below is None or number < self.below)
        )

    def examples(self) -> tuple[list[Any], list[Any]]:
        """Return numbers at the ends of the range, inside; and outside, or no finite numbers."""
        low = self.least if self.least is not None else self.above
        high = self.most if self.most is not None else self.below
        right: list[Any] = [x for x in (self.least, self.most) if x is not None]
        wrong: list[Any] = [math.nan, math.inf, -math.inf, 1e39, 10**400, True, "1", None]
        wrong += [x for x in (self.above, self.below) if x is not None]
        wrong += [low - 1e-6] if low is not None else []
        wrong += [high + 1e-6] if high is not None else []
        if low is not None and high is not None:
            right.append((low + high) / 2)
        else:
            right.append(low + 1 if low is not None else high - 1 if high is not None else 0)
        return right, wrong


@dataclass(frozen=True)
class Each(Constraint):
    """A tuple or list of `length` numbers, each of which fits `item`; `what` names them ("two numbers")."""

    length: int
    item: Real
    what: str

    @property
    def takes(self) -> str:
        """How many of what, in words."""
        return f"{self.what}{self.item.takes.removeprefix(self.item.what)}"

    def fits(self, value: Any) -> bool:
        """Say whether it is a tuple or a list of so many numbers in the range."""
        return (
            isinstance(value, tuple | list)
            and len(value) == self.length
            and all(self.item.fits(part) for part in value)
        )

    def examples(self) -> tuple[list[Any], list[Any]]:
        """Return rows of right numbers; and rows too long, too short or with a wrong number."""
        right, wrong = self.item.examples()
        rows = [(value,) * self.length for value in right]
        spoilt = [(right[0],) * (self.length - 1) + (value,) for value in wrong]
        return rows, [*spoilt, (right[0],) * (self.length + 1), right[0], None]


@dataclass(frozen=True)
class Flag(Constraint):
    """True or false."""

    @property
    def takes(self) -> str:
        """What it takes, in words."""
        return "true or false"

    def fits(self, value: Any) -> bool:
        """Say whether it is a truth value; 0 and 1 are not."""
        return isinstance(value, bool)

    def examples(self) -> tuple[list[Any], list[Any]]:
        """Return both truth values; and what is often taken for one."""
        return [True, False], [0, 1, "true", None]


@dataclass(frozen=True)
class AnyOf(Constraint):
    """One of a few values, which `what` names ("1 (grey) or 3 (colour)")."""

    values: tuple[Any, ...]
    what: str

    @property
    def takes(self) -> str:
        """The values, in words."""
        return self.what

    def fits(self, value: Any) -> bool:
        """Say whether it is one of the values, and of its type: 1 is, True and 1.0 are not."""
        return any(type(value) is type(known) and value == known for known in self.values)

    def examples(self) -> tuple[list[Any], list[Any]]:
        """Return the values; and others."""
        return list(self.values), [f"{self.values[0]}x", -1, True, None]


@dataclass(frozen=True)
class OneOf(Constraint):
    """One of some names; `kind` says of what ("loss"). An unknown one gets the nearest as a suggestion."""

    kind: str
    names: tuple[str, ...]

    def __init__(self, kind: str, names: Iterable[str]) -> None:
        object.__setattr__(self, "kind", kind)
        object.__setattr__(self, "names", tuple(names))

    @property
    def takes(self) -> str:
        """The names, in words."""
        return f"one of {', '.join(self.names)}"

    def fits(self, value: Any) -> bool:
        """Say whether it is one of the names."""
        return isinstance(value, str) and value in self.names

    def examples(self) -> tuple[list[Any], list[Any]]:
        """Return the names; and a slip of the finger."""
        return list(self.names), [f"{self.names[0]}x", "", 0, None]

    def check(self, name: str, value: Any, where: str = "") -> Any:
        """Return the value if it is one of the names.

        Raises
        ------
        UserError
            If it is not; the line suggests the nearest name.
        """
        if not self.fits(value):
            raise UserError(f"{where}{unknown(self.kind, value, self.names)}")
        return value


Count = Annotated[int, Whole(1)]
Seed = Annotated[int, Whole(0, 2**32 - 1)]  # torch's CPU generator heeds the low 32 bits only
AnySeed = Annotated[int, Whole(0, 2**63 - 1)]  # where there is only one seed to tell apart
Positive = Annotated[float, Real(above=0)]
NotNegative = Annotated[float, Real(least=0)]
TrueOrFalse = Annotated[bool, Flag()]


class _Names(dict[str, Any]):
    """What the names in an annotation mean; those that only a type checker knows mean anything."""

    def __init__(self, known: dict[str, Any]) -> None:
        super().__init__(known)

    def __missing__(self, name: str) -> Any:
        return getattr(builtins, name, Any)


def _meaning(annotation: Any, names: dict[str, Any]) -> Any:
    return eval(annotation, {}, _Names(names)) if isinstance(annotation, str) else annotation


def constraint_in(annotation: Any) -> tuple[Constraint | None, bool]:
    """Return the constraint in an annotation, if there is one, and whether None is allowed beside it."""
    if get_origin(annotation) is Annotated:
        for extra in annotation.__metadata__:
            if isinstance(extra, Constraint):
                return extra, False
    if get_origin(annotation) in (Union, types.UnionType):
        parts = get_args(annotation)
        for part in parts:
            constraint, _ = constraint_in(part)
            if constraint is not None:
                return constraint, type(None) in parts
    return None, False


@functools.cache
def constraints_of(thing: Callable[..., Any]) -> dict[str, tuple[Constraint, bool]]:
    """Return the constraints of a function's parameters, or of a dataclass's fields, by name.

    Parameters
    ----------
    thing : callable
        A function or a dataclass.

    Returns
    -------
    dict
        From the name to the constraint, and whether None is allowed beside it.

    Examples
    --------
    >>> def f(n: Count, seed: Seed | None = None, other: str = ""): ...
    >>> {name: (c.takes, optional) for name, (c, optional) in constraints_of(f).items()}
    {'n': ('a whole number, at least 1', False), 'seed': ('a whole number from 0 to 2^32 - 1', True)}
    """
    if isinstance(thing, type):
        import sys

        annotations, names = thing.__annotations__, vars(sys.modules[thing.__module__])
    else:
        function: Any = inspect.unwrap(thing)
        annotations, names = function.__annotations__, function.__globals__
    meant = {name: constraint_in(_meaning(text, names)) for name, text in annotations.items()}
    return {name: (c, optional) for name, (c, optional) in meant.items() if c is not None}


def check_values(thing: Callable[..., Any], values: dict[str, Any], where: str = "") -> None:
    """Hold values against the constraints of a function's parameters or a dataclass's fields.

    Raises
    ------
    UserError
        For the first that does not fit.
    """
    constraints = constraints_of(thing)
    for name, value in values.items():
        if name in constraints:
            constraint, optional = constraints[name]
            if not (optional and value is None):
                constraint.check(name, value, where)


def check_fields(record: Any) -> None:
    """Hold a dataclass's fields against their constraints, as its `__post_init__` does first.

    Raises
    ------
    UserError
        For the first field that does not fit.
    """
    kind: Callable[..., Any] = type(record)
    check_values(kind, {name: getattr(record, name) for name in constraints_of(kind)})


def checked(function: Callable[P, T]) -> Callable[P, T]:
    """Check the arguments that have a constraint in their annotation, whenever the function is called."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            given = signature.bind_partial(*args, **kwargs).arguments
        except TypeError:  # a wrong name, or too many: Python's own words name the function
            return function(*args, **kwargs)
        check_values(function, given)
        return function(*args, **kwargs)

    return call
