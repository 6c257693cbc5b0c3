"""What happens to an answer: it is run safely, looked at, and met with a result."""

from __future__ import annotations

import contextlib
import dis
import io
import math
import numbers
import random
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor

from ganbook.exercises.exercise import Exercise
from ganbook.exercises.grading.clock import Clock, TimeUp
from ganbook.exercises.grading.result import (
    Failure,
    Result,
    State,
    Unanswered,
    first_line,
    learners_line,
    where,
)
from ganbook.exercises.grading.values import (
    call_text,
    close,
    copied,
    has_dots,
    kind_of,
    not_a,
    not_finite,
    quoted,
    same,
    show,
    stack,
    to_numpy,
    to_tensor,
)

CALL_SECONDS = 10.0  # of the answer's own time, all calls of one check together
CHECK_SECONDS = 60.0  # of the whole check
MOST_VALUES = 5_000_000  # a longer output is not looked at
MOST_PRINTED = 2000  # characters that are kept of what the answer prints


@dataclass
class Trial:
    """An answer, and the ways in which a check may look at it.

    Attributes
    ----------
    answer : object
        The raw answer: a value or a function.
    seed : int
        The seed of every call; a check may change it to see other draws.
    """

    answer: Any
    exercise: Exercise | None = None
    seconds: float = CALL_SECONDS
    seed: int = 0
    notes: list[str] = field(default_factory=list)
    _tried: list[str] = field(default_factory=list)
    _printed: _Printed | None = None
    _left: float | None = None  # seconds

    # -- what a check says

    def tried(self, text: str) -> None:
        """Note a thing that was tried, for the result."""
        if text not in self._tried:
            self._tried.append(text)

    def fail(self, message: str, case: str = "", got: object = None) -> NoReturn:
        """End the trial: the answer is not right.

        Parameters
        ----------
        message : str
            Names the misconception, and says what happened and why. Does not give the answer away.
        case : str
            The smallest case that exposes it.
        got : object, optional
            What the answer gave for it.

        Raises
        ------
        Failure
            Always.
        """
        raise Failure(message, case, "" if got is None else show(got))

    def differs(
        self,
        got: Any,
        want: Any,
        *,
        case: str,
        known: Mapping[str, Any] | None = None,
        rtol: float = 1e-4,
        atol: float = 1e-6,
        otherwise: str = "the value is not what the definition gives for this case",
    ) -> None:
        """Return if `got` is close to `want`, else fail. What was wanted is never shown.

        Parameters
        ----------
        got, want : float or Tensor
            Compared elementwise: `|got - want| <= atol + rtol |want|`.
        case : str
            The case, for the message.
        known : mapping of str to float or Tensor
            The message of a misconception, and the value that it leads to.
        rtol, atol : float
            Tolerances.
        otherwise : str
            The message if no known misconception fits.

        Raises
        ------
        Failure
            If `got` is not close to `want`.
        """
        if close(got, want, rtol, atol):
            return
        for message, value in (known or {}).items():
            if close(got, value, rtol, atol):
                self.fail(message, case, got)
        self.fail(otherwise, case, got)

    # -- what a check asks

    def call(self, *args: Any, mutable: bool = False, **kwargs: Any) -> Any:
        """Call the answer on fresh copies of the arguments, and return what it returns.

        With a limit of time, its output caught, and the random states (torch, NumPy, Python) fixed before and
        put back after. If the answer evidently wants NumPy (it raises a TypeError or an AttributeError at
        tensors), it is called again with arrays; and with tensors, if it wants those in place of floats.

        Parameters
        ----------
        *args, **kwargs
            For the answer.
        mutable : bool
            Hand over the arguments themselves, and do not mind if they change: networks and optimisers that
            the answer is meant to change.

        Raises
        ------
        Failure
            If the answer raises, takes too long, changes its arguments, or is not a function.
        Unanswered
            If it returns `...`, or runs into one.
        """
        return self.run(self.answer, *args, mutable=mutable, **kwargs)

    def run(self, function: Any, *args: Any, mutable: bool = False, **kwargs: Any) -> Any:
        """As `call`, of another function of the learner: a method, or a network that the answer returned."""
        name = self.exercise.answer if self.exercise else "the answer"
        if not callable(function):
            raise Failure(
                f"a function was expected, and you handed over {kind_of(function)}. "
                f"Hand over the function itself: its name without brackets, `{name}` and not `{name}(...)`",
                got=show(function),
            )
        try:
            return self._once(function, args, kwargs, mutable)
        except _Raised as first:
            convert = to_tensor if "must be Tensor" in first.failure.message else to_numpy
            converted = convert(args), convert(kwargs)
            if mutable or not first.wrong_kind or (converted[0] is args and converted[1] is kwargs):
                raise first.failure from None
            try:
                return self._once(function, *converted, mutable)
            except _Raised as second:
                # The one that came further is nearer to what the author meant.
                later = second if (second.line or 0) > (first.line or 0) else first
                raise later.failure from None

    def _once(self, function: Any, args: Any, kwargs: Any, mutable: bool) -> Any:
        """Call a function of the learner once, and return its value."""
        arguments = (args, kwargs) if mutable else copied((args, kwargs))
        case = call_text(args, kwargs)
        name = getattr(function, "__name__", "")
        value = self._watched(lambda: function(*arguments[0], **arguments[1]), case, name)
        if has_dots(value) or (value is None and _is_empty(function)):
            raise Unanswered
        if isinstance(value, (Tensor, np.ndarray)) and math.prod(value.shape) > MOST_VALUES:
            raise Failure(f"it returned the shape {tuple(value.shape)}, which is far too large", case)
        if not mutable and not same(arguments, (args, kwargs)):
            raise Failure(
                "it changed its arguments. "
                "Whoever called it goes on with other values than before; work on a copy, "
                "or use operations that return a new tensor (`x = x + 1`, not `x += 1` or `x.add_(1)`)",
                case,
            )
        return value

    def _watched(self, call: Callable[[], Any], case: str, name: str) -> Any:
        """Return what a call returns in the time that is left; what it raises becomes a failure."""
        printed = self._printed = self._printed or _Printed()
        clock = Clock(self.seconds if self._left is None else self._left)
        try:
            with (
                _restored_state(self.seed),
                contextlib.redirect_stdout(printed),
                contextlib.redirect_stderr(printed),
            ):
                return clock.watch(call)
        except (Failure, Unanswered):
            raise  # from a spy of the check's, called by the answer
        except TimeUp as error:
            raise Failure(
                f"it had not ended after {self.seconds:g} seconds{where(error)}. "
                "Is there a loop that never ends, or far more work than the exercise needs?",
                case,
            ) from None
        except SystemExit as error:
            raise Failure(
                f"it ended the whole program (sys.exit or quit){where(error)}. A function returns its value",
                case,
            ) from None
        except KeyboardInterrupt as error:
            raise Failure(f"it was interrupted before it ended{where(error)}", case) from None
        except BaseException as error:  # noqa: BLE001  an answer may raise anything
            raise _raised(error, case, name) from None
        finally:
            self._left = max(0.5, clock.seconds - clock.used)

    def number(self, *args: Any, **kwargs: Any) -> float:
        """Call the answer, and return the one finite real number that it must return.

        A Python or NumPy number or a tensor of one element; not a bool, not a string, not None.

        Raises
        ------
        Failure
            As `call`, and for anything else than such a number.
        """
        return self.as_number(self.call(*args, **kwargs), case=call_text(args, kwargs))

    def tensor(self, *args: Any, shape: Sequence[int] | None = None, **kwargs: Any) -> Tensor:
        """Call the answer, and return the finite real tensor that it must return: float64, without a graph.

        Parameters
        ----------
        *args, **kwargs
            For the answer.
        shape : sequence of int, optional
            The shape that it must have.

        Raises
        ------
        Failure
            As `call`, for what is no tensor, for another shape, for NaN and infinities.
        """
        return self.as_tensor(self.call(*args, **kwargs), shape=shape, case=call_text(args, kwargs))

    def value(self) -> float:
        """Return the answer, which must be one finite real number.

        Raises
        ------
        Failure
            If it is not.
        """
        if callable(self.answer) and not isinstance(self.answer, type):
            raise Failure(
                "a number was expected, and you handed over a function: call it, and hand over its value"
            )
        return self.as_number(self.answer, what="your answer")

    def choice(self, letters: str) -> str:
        """Return the letter that was chosen, in upper case.

        Parameters
        ----------
        letters : str
            The letters to choose from: "ABC".

        Raises
        ------
        Failure
            If the answer is not one of them. Case, spaces, a bracket and a full stop do not matter.
        """
        text = self.answer.strip().strip("().:").strip().upper() if isinstance(self.answer, str) else ""
        if len(text) != 1 or text not in letters.upper():
            one_of = ", ".join(f'"{letter}"' for letter in letters)
            raise Failure(f"the answer is one letter as a string, one of {one_of}", got=show(self.answer))
        return text

    def as_number(self, value: Any, *, what: str = "your function's value", case: str = "") -> float:
        """Return a value that was already obtained as a float; `what` names it in messages."""
        if isinstance(value, (bool, np.bool_)):
            self.fail(f"{what} is a bool (True or False), where a number is wanted", case, value)
        if isinstance(value, float):
            number = float.__add__(value, 0.0)  # not float(value), which a subclass may have changed
        elif isinstance(value, int):
            try:
                number = float(int.__add__(value, 0))
            except OverflowError:
                self.fail(f"{what} is too large for a floating point number", case, value)
        elif isinstance(value, (np.floating, np.integer, numbers.Rational)) or type(value) is Decimal:
            number = float(value)
        elif isinstance(value, (Tensor, np.ndarray)):
            number = self._one_element(value, what, case)
        else:
            self.fail(not_a(value, what, "a number"), case, value)
        if not math.isfinite(number):
            self.fail(f"{what} is {not_finite(number)}, not a finite number", case)
        return number

    def _one_element(self, value: Any, what: str, case: str) -> float:
        if math.prod(value.shape) != 1:
            self.fail(f"{what} has the shape {tuple(value.shape)}, where one number is wanted", case, value)
        return float(self.as_tensor(value, what=what, case=case).reshape(()))

    def as_tensor(
        self,
        value: Any,
        shape: Sequence[int] | None = None,
        *,
        what: str = "your function's value",
        case: str = "",
    ) -> Tensor:
        """Return a value that was already obtained as a float64 tensor; `what` names it in messages."""
        needed = "" if shape is None else f"; needed is {tuple(shape)}"
        if not isinstance(value, (Tensor, np.ndarray, list, tuple, int, float, np.number)) or isinstance(
            value, bool
        ):
            self.fail(not_a(value, what, "a tensor") + needed, case, value)
        try:
            if isinstance(value, (list, tuple)):
                value = stack(value)
            got_shape = tuple(value.shape) if isinstance(value, (Tensor, np.ndarray)) else ()
            if math.prod(got_shape) > MOST_VALUES:
                self.fail(f"{what} has the shape {got_shape}, which is far too large{needed}", case)
            tensor = torch.as_tensor(value).detach().cpu()
        except (TypeError, ValueError, RuntimeError) as error:
            self.fail(f"{what} cannot be read as a tensor ({first_line(error)}){needed}", case)
        if tensor.is_complex() or tensor.dtype == torch.bool:
            kind = "complex numbers" if tensor.is_complex() else "bools (True or False)"
            self.fail(f"{what} holds {kind}, where real numbers are wanted{needed}", case, tensor)
        if shape is not None and tuple(tensor.shape) != tuple(shape):
            self.fail(f"{what} has the shape {tuple(tensor.shape)}{needed}", case, tensor)
        tensor = tensor.to(torch.float64)
        if not bool(torch.isfinite(tensor).all()):
            bad = tensor[~torch.isfinite(tensor)]
            places = "" if tensor.numel() == 1 else f" in {bad.numel()} of {tensor.numel()} places"
            self.fail(f"{what} is {not_finite(float(bad[0]))}{places}", case, tensor)
        return tensor


# ---- grading


def grade(exercise: Exercise, answer: Any, seconds: float = CALL_SECONDS) -> Result:
    """Check an answer and say what was found; nothing is recorded, and nothing that the answer does gets out.

    Parameters
    ----------
    exercise : Exercise
        Which exercise it answers.
    answer : object
        The value or the function.
    seconds : float
        The answer's own time, all calls together.

    Returns
    -------
    Result
        Always; an answer's errors become a part of it.
    """
    trial = Trial(answer, exercise, seconds)
    state: State = "wrong"
    message = case = got = ""
    if answer is None or has_dots(answer):
        return Result(exercise.name, exercise.title, "unanswered")
    try:
        with _restored_state(0):
            Clock(CHECK_SECONDS).watch(lambda: exercise.check(trial))
        state = "right"
    except Unanswered:
        return Result(exercise.name, exercise.title, "unanswered")
    except Failure as failure:
        message, case, got = failure.message, failure.case, failure.got
    except TimeUp:
        message = f"the check had not ended after {CHECK_SECONDS:g} seconds: your answer makes it wait"
    except Exception as error:  # noqa: BLE001  what an odd answer returns may raise at every touch
        problem = f"{type(error).__name__}: {first_line(error)}{where(error)}"
        message = f"what your answer returns cannot be looked at: {problem}"
        if not callable(answer):
            got = show(answer)
    notes = list(trial.notes)
    if trial._printed is not None and trial._printed.text():
        notes.append(f"it also printed {quoted(trial._printed.text())}")
    return Result(exercise.name, exercise.title, state, message, case, got, tuple(trial._tried), tuple(notes))


# ---- what surrounds a call


@contextlib.contextmanager
def _restored_state(seed: int) -> Generator[None]:
    """Seed the random states and put them back afterwards, with what else an answer may change."""
    torch_state, python_state = torch.get_rng_state(), random.getstate()
    numpy_state = np.random.get_state()  # noqa: NPY002  answers may draw from it
    gradients, dtype = torch.is_grad_enabled(), torch.get_default_dtype()
    torch.default_generator.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    random.seed(seed)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with torch.enable_grad():
                yield
    finally:
        torch.set_grad_enabled(gradients)
        torch.set_default_dtype(dtype)
        torch.set_rng_state(torch_state)
        np.random.set_state(numpy_state)  # noqa: NPY002
        random.setstate(python_state)


class _Printed(io.TextIOBase):
    """Takes what the answer prints; keeps the beginning only, so that a loop that prints fills no memory."""

    def __init__(self) -> None:
        self._beginning = ""
        self._more = False

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        room = MOST_PRINTED - len(self._beginning)
        self._beginning += text[:room]
        self._more = self._more or len(text) > room
        return len(text)

    def text(self) -> str:
        return self._beginning.strip() + (" ..." if self._more else "")


class _Raised(Exception):
    """The answer raised; not a `Failure` until it is clear that NumPy arrays would not have helped."""

    def __init__(self, failure: Failure, wrong_kind: bool, line: int | None) -> None:
        super().__init__(failure.message)
        self.failure, self.wrong_kind, self.line = failure, wrong_kind, line


def _raised(error: BaseException, case: str, name: str) -> Exception:
    text = first_line(error)
    if isinstance(error, TypeError) and "ellipsis" in text.lower():
        return Unanswered()
    line = learners_line(error)
    if line is None and isinstance(error, TypeError):
        message = f"{name or 'your answer'} could not be called as the exercise says: {text}"
    elif isinstance(error, RecursionError):
        message = f"it called itself without end{where(error)}: RecursionError"
    else:
        message = f"it raised {type(error).__name__}: {text}{where(error)}"
    wrong_kind = isinstance(error, (TypeError, AttributeError))
    return _Raised(Failure(message, case), wrong_kind, line[0] if line else None)


def _is_empty(function: Any) -> bool:
    """Say whether a function's body does nothing: `...`, `pass`, or a docstring alone."""
    code = getattr(function, "__code__", None)
    if code is None:
        return False
    names = {"RESUME", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST", "NOP"}
    constants = set(map(type, code.co_consts[:1])) - {type(None)} if code.co_consts else set()
    other = [constant for constant in code.co_consts[len(constants) :] if constant is not None]
    return all(step.opname in names for step in dis.get_instructions(code)) and not other
