"""What happens to an answer: it is run safely, looked at, and met with a result.

The answer runs in the thread that asks, so that it sees the state that its author sees. A second thread
watches the clock and, when the time is up, raises an exception in the first one
(`PyThreadState_SetAsyncExc`): that stops a loop written in Python on every platform, also in a notebook's
main thread. What cannot be stopped so is one single call that stays inside compiled code
(`sum(range(10**12))`, `time.sleep(1000)`, a product of huge matrices): it runs to its end, unless the reader
interrupts or restarts the kernel. `ganbook exercises check` runs the answer in a process of its own, and ends
that.
"""

from __future__ import annotations

import contextlib
import copy
import ctypes
import dis
import html
import io
import linecache
import math
import numbers
import random
import re
import reprlib
import sys
import sysconfig
import threading
import time
import traceback
import types
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, NoReturn, cast

import numpy as np
import torch
from torch import Tensor, nn

from ganbook.exercises.exercise import Exercise

CALL_SECONDS = 10.0  # of the answer's own time, all calls of one check together
CHECK_SECONDS = 60.0  # of the whole check
SLICE = 0.05  # seconds in which the clock counts
MOST_VALUES = 5_000_000  # a longer output is not looked at
MOST_PRINTED = 2000  # characters that are kept of what the answer prints

State = Literal["right", "wrong", "unanswered"]


class Failure(Exception):
    """The answer is not right: `message` names the misconception, `case` is the smallest that shows it."""

    def __init__(self, message: str, case: str = "", got: str = "") -> None:
        super().__init__(message)
        self.message, self.case, self.got = message, case, got


class Unanswered(Exception):
    """The place of the answer still holds `...`."""


class _TimeUp(BaseException):
    """Raised in the answer's thread by the clock. Not an `Exception`: `except Exception` lets it pass."""


class _TimeUpAgain(_TimeUp):
    """Raised if the first was swallowed by an `except:`; strikes again in the lines that swallowed it.

    The interpreter makes the exception in the answer's thread, so a trace function can be set there, which
    raises at the next line that runs: outside the `try` block that has just caught.
    """

    def __init__(self) -> None:
        super().__init__()
        frame: types.FrameType | None = sys._getframe(1)
        while frame is not None:
            if _is_theirs(frame.f_code.co_filename):
                frame.f_trace = _strike
            frame = frame.f_back
        sys.settrace(_strike)


def _strike(frame: types.FrameType, event: str, _: Any) -> Any:
    if not _is_theirs(frame.f_code.co_filename):
        return None
    if event == "line":
        raise _TimeUp
    return _strike


# ---- results


@dataclass(frozen=True, repr=False)
class Result:
    """What a check found. It is true if the answer is right; it prints as text, and as HTML in a notebook.

    Attributes
    ----------
    name, title : str
        Of the exercise.
    state : {"right", "wrong", "unanswered"}
        What became of the answer.
    message : str
        For a wrong answer: what happened, and which misconception leads there.
    case : str
        The smallest case that exposes it; empty if there is none.
    got : str
        What the answer gave for that case; empty if there is nothing to show.
    tried : tuple of str
        What was tried, up to the first failure.
    notes : tuple of str
        What else there is to say, such as what the answer printed.
    """

    name: str
    title: str
    state: State
    message: str = ""
    case: str = ""
    got: str = ""
    tried: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.state == "right"

    def _headline(self) -> str:
        says = {"right": "right", "wrong": "not right yet", "unanswered": "not answered yet"}[self.state]
        return f"{self.name}: {says}"

    def _rows(self) -> list[tuple[str, str]]:
        rows = [
            ("why", self.message),
            ("case", self.case),
            ("your answer gave", self.got),
            ("tried", "; ".join(self.tried)),
            *(("note", note) for note in self.notes),
        ]
        if self.state == "wrong":
            rows.append(("help", f'gb.exercises.hint("{self.name}")'))
        return [(key, value) for key, value in rows if value]

    def __repr__(self) -> str:
        mark = {"right": "+", "wrong": "x", "unanswered": "-"}[self.state]
        lines = [f"{mark} {self._headline()}"]
        for key, value in self._rows():
            first, *rest = value.splitlines() or [""]
            lines += [f"  {key}: {first}", *(f"    {line}" for line in rest)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        # No colour for the text and none for the ground, so that it reads on light and dark pages alike.
        colour = {"right": "#2e9e5b", "wrong": "#d9822b", "unanswered": "#8a8f98"}[self.state]
        mark = {"right": "✓", "wrong": "✗", "unanswered": "…"}[self.state]
        rows = "".join(
            f'<div style="margin-top:.3em"><span style="opacity:.75">{html.escape(key)}:</span> '
            f'<span style="white-space:pre-wrap{mono}">{html.escape(value)}</span></div>'
            for key, value in self._rows()
            for mono in [";font-family:monospace" if key in ("case", "your answer gave", "help") else ""]
        )
        return (
            f'<div class="gb-result tex2jax_ignore mathjax_ignore" style="border-left:.3em solid {colour};'
            f'padding:.3em .8em;margin:.3em 0;color:currentColor;max-width:48em">'
            f"<strong>{mark} {html.escape(self._headline())}</strong>{rows}</div>"
        )


class Shown(str):
    """Text for a reader: prints as it is, also as the last expression of a cell."""

    def __repr__(self) -> str:
        return str(self)

    def _repr_markdown_(self) -> str:
        return str(self)


# ---- a trial


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
    _printed: _Capped | None = None
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
        if _close(got, want, rtol, atol):
            return
        for message, value in (known or {}).items():
            if _close(got, value, rtol, atol):
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
                f"a function was expected, and you handed over {_kind(function)}. Hand over the function "
                f"itself: its name without brackets, `{name}` and not `{name}(...)`",
                got=show(function),
            )
        try:
            return self._once(function, args, kwargs, mutable)
        except _Raised as first:
            convert = _to_tensor if "must be Tensor" in first.failure.message else _to_numpy
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
        given = (args, kwargs) if mutable else _fresh((args, kwargs))
        printed = self._printed or _Capped()
        self._printed = printed
        clock = _Clock(self.seconds if self._left is None else self._left)
        try:
            with (
                _kept_state(self.seed),
                contextlib.redirect_stdout(printed),
                contextlib.redirect_stderr(printed),
            ):
                value = clock.watch(lambda: function(*given[0], **given[1]))
        except _TimeUp as error:
            raise Failure(
                f"it had not ended after {self.seconds:g} seconds{where(error)}. Is there a loop that never "
                "ends, or far more work than the exercise needs?",
                case=_call_text(args, kwargs),
            ) from None
        except (Failure, Unanswered):
            raise  # from a spy of the check's, called by the answer
        except SystemExit as error:
            raise Failure(
                f"it ended the whole program (sys.exit or quit){where(error)}. A function returns its value",
                case=_call_text(args, kwargs),
            ) from None
        except KeyboardInterrupt as error:
            raise Failure(
                f"it was interrupted before it ended{where(error)}", _call_text(args, kwargs)
            ) from None
        except BaseException as error:  # noqa: BLE001  an answer may raise anything
            raise _raised(error, _call_text(args, kwargs), name=getattr(function, "__name__", "")) from None
        finally:
            self._left = max(0.5, clock.seconds - clock.used)
        if _has_dots(value) or (value is None and _is_empty(function)):
            raise Unanswered
        if isinstance(value, (Tensor, np.ndarray)) and math.prod(value.shape) > MOST_VALUES:
            shape = tuple(value.shape)
            raise Failure(f"it returned the shape {shape}, which is far too large", _call_text(args, kwargs))
        if not mutable and not _same(given, (args, kwargs)):
            raise Failure(
                "it changed its arguments. Whoever called it goes on with other values than before; work on "
                "a copy, or use operations that return a new tensor (`x = x + 1`, not `x += 1` or "
                "`x.add_(1)`)",
                case=_call_text(args, kwargs),
            )
        return value

    def number(self, *args: Any, **kwargs: Any) -> float:
        """Call the answer, and return the one finite real number that it must return.

        A Python or NumPy number or a tensor of one element; not a bool, not a string, not None.

        Raises
        ------
        Failure
            As `call`, and for anything else than such a number.
        """
        return self.as_number(self.call(*args, **kwargs), case=_call_text(args, kwargs))

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
        return self.as_tensor(self.call(*args, **kwargs), shape=shape, case=_call_text(args, kwargs))

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
            self.fail(_not_a(value, what, "a number"), case, value)
        if not math.isfinite(number):
            self.fail(f"{what} is {_special(number)}, not a finite number", case)
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
            self.fail(_not_a(value, what, "a tensor") + needed, case, value)
        try:
            if isinstance(value, (list, tuple)):
                value = _stack(value)
            found = tuple(value.shape) if isinstance(value, (Tensor, np.ndarray)) else ()
            if math.prod(found) > MOST_VALUES:
                self.fail(f"{what} has the shape {found}, which is far too large{needed}", case)
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
            where = "" if tensor.numel() == 1 else f" in {bad.numel()} of {tensor.numel()} places"
            self.fail(f"{what} is {_special(float(bad[0]))}{where}", case, tensor)
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
    if answer is None or _has_dots(answer):
        return Result(exercise.name, exercise.title, "unanswered")
    try:
        with _kept_state(0):
            _Clock(CHECK_SECONDS).watch(lambda: exercise.check(trial))
        state = "right"
    except Unanswered:
        return Result(exercise.name, exercise.title, "unanswered")
    except Failure as failure:
        message, case, got = failure.message, failure.case, failure.got
    except _TimeUp:
        message = f"the check had not ended after {CHECK_SECONDS:g} seconds: your answer makes it wait"
    except Exception as error:  # noqa: BLE001  what an odd answer returns may raise at every touch
        message = (
            f"what your answer returns cannot be looked at: {type(error).__name__}: {first_line(error)}"
            f"{where(error)}"
        )
        if not callable(answer):
            got = show(answer)
    notes = list(trial.notes)
    if trial._printed is not None and trial._printed.text():
        notes.append(f"it also printed {_quoted(trial._printed.text())}")
    return Result(exercise.name, exercise.title, state, message, case, got, tuple(trial._tried), tuple(notes))


# ---- the clock


class _Clock:
    """Raises `_TimeUp` in the calling thread when the time is up, again and again until it is heeded."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.used = 0.0
        self._counted = 0.0
        self._trace = sys.gettrace()  # of a debugger, or of a measurement of coverage
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._thread_id = threading.get_ident()

    def watch(self, function: Callable[[], Any]) -> Any:
        """Call the function; raise `_TimeUp` if it does not end in time."""
        watcher = threading.Thread(target=self._wait, daemon=True, name="ganbook exercise clock")
        started = time.monotonic()
        watcher.start()
        try:
            return function()
        finally:
            self._stop()
            self.used = min(time.monotonic() - started, self._counted + SLICE)

    def _wait(self) -> None:
        # In slices, so that only time counts in which this process runs: a laptop may have slept.
        kind: type[_TimeUp] = _TimeUp
        while not self._ended.wait(min(SLICE, self.seconds)):
            self._counted += SLICE
            if self._counted < self.seconds:
                continue
            with self._lock:
                if not self._ended.is_set():
                    _raise_in(self._thread_id, kind)
            kind = _TimeUpAgain

    def _stop(self) -> None:
        late = False
        while True:  # the exception may still strike in here
            try:
                self._ended.set()
                with self._lock:
                    _raise_in(self._thread_id, None)  # take back one that has not struck yet
                if sys.gettrace() is _strike:
                    sys.settrace(self._trace)
                break
            except _TimeUp:
                late = True
        if late:
            raise _TimeUp


def _raise_in(thread_id: int, kind: type[BaseException] | None) -> None:
    """Ask the interpreter to raise `kind` in a thread at its next step of bytecode; None takes it back."""
    what = ctypes.py_object(kind) if kind is not None else None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread_id), what)


# ---- what surrounds a call


@contextlib.contextmanager
def _kept_state(seed: int) -> Generator[None]:
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


class _Capped(io.TextIOBase):
    """Takes what the answer prints; keeps the beginning only, so that a loop that prints fills no memory."""

    def __init__(self) -> None:
        self._kept = ""
        self._more = False

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        room = MOST_PRINTED - len(self._kept)
        self._kept += text[:room]
        self._more = self._more or len(text) > room
        return len(text)

    def text(self) -> str:
        return self._kept.strip() + (" ..." if self._more else "")


def _fresh(value: Any) -> Any:
    """Copy arguments deeply; tensors that carry a graph become leaves."""
    memo: dict[int, Any] = {}
    for tensor in _tensors(value):
        if not tensor.is_leaf:
            memo[id(tensor)] = tensor.detach().clone().requires_grad_(True)
    return copy.deepcopy(value, memo)


def _tensors(value: Any) -> Generator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _tensors(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _tensors(part)


def _to_numpy(value: Any) -> Any:
    """Turn tensors into arrays; return the same object if there are none."""
    if isinstance(value, Tensor):
        return value if value.requires_grad else value.numpy(force=True).copy()
    if isinstance(value, (list, tuple)):
        parts = [_to_numpy(part) for part in value]
        return value if all(a is b for a, b in zip(parts, value, strict=True)) else type(value)(parts)
    if isinstance(value, dict):
        made = {key: _to_numpy(part) for key, part in value.items()}
        return value if all(made[key] is value[key] for key in value) else made
    return value


def _to_tensor(value: Any) -> Any:
    """Turn floats into tensors; return the same object if there are none."""
    if type(value) is float:
        return torch.tensor(value, dtype=torch.float64)
    if isinstance(value, tuple):
        return tuple(map(_to_tensor, value)) if any(type(part) is float for part in value) else value
    if isinstance(value, dict):
        made = {key: _to_tensor(part) for key, part in value.items()}
        return value if all(made[key] is value[key] for key in value) else made
    return value


def _same(a: Any, b: Any) -> bool:
    """Whether the copies that the answer had are still like the originals; unknown things count as same."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return (
            a.shape == b.shape
            and a.dtype == b.dtype
            and bool(torch.allclose(a, b, rtol=0, atol=0, equal_nan=True))
        )
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()
    if isinstance(a, nn.Module) and isinstance(
        b, nn.Module
    ):  # not the buffers: BatchNorm's move in every forward
        pairs = zip(a.parameters(), b.parameters(), strict=False)
        return all(_same(x.detach(), y.detach()) and x.requires_grad == y.requires_grad for x, y in pairs)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, (bool, int, float, complex, str, bytes, set, frozenset)):
        return type(a) is type(b) and (a == b or a != a)
    return True


# ---- words


def show(value: Any) -> str:
    """Return a short text of any value, whatever its own `repr` does."""
    if isinstance(value, str):
        return _quoted(value)
    try:
        if isinstance(value, np.ndarray):
            value = torch.as_tensor(value)
        if isinstance(value, Tensor):
            return _show_tensor(value.detach().cpu())
        if isinstance(value, (float, np.floating)) and not isinstance(value, bool):
            return f"{float(value):.6g}"
        if not isinstance(value, (bool, int, complex, list, tuple, dict, set, frozenset, range, type(None))):
            return f"<{type(value).__name__}>"
        text = re.sub(r" at 0x[0-9a-fA-F]+| id='\d+'", "", reprlib.repr(value))
    except Exception as error:  # noqa: BLE001  a repr may raise anything
        return f"<{type(value).__name__} whose repr raises {type(error).__name__}>"
    return text if len(text) <= 200 else text[:200] + " ..."


def _show_tensor(tensor: Tensor) -> str:
    def number(x: float) -> str:
        return f"{x:.6g}" if isinstance(x, float) else str(x)

    def nested(values: Any) -> str:
        return number(values) if not isinstance(values, list) else "[" + ", ".join(map(nested, values)) + "]"

    if tensor.numel() > 12:
        first = ", ".join(number(x) for x in tensor.flatten()[:4].tolist())
        return f"{first}, ... (shape {tuple(tensor.shape)})"
    text = nested(tensor.tolist())
    return text if tensor.numel() else f"{text} (shape {tuple(tensor.shape)})"


def _call_text(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    parts = [_argument(value) for value in args] + [
        f"{key}={_argument(value)}" for key, value in kwargs.items()
    ]
    return f"called with ({', '.join(parts)})"


def _argument(value: Any) -> str:
    if isinstance(value, nn.Module):
        return f"a {type(value).__name__}"
    if isinstance(value, torch.optim.Optimizer):
        return f"an optimiser ({type(value).__name__})"
    if isinstance(value, (types.FunctionType, types.MethodType, types.BuiltinFunctionType)):
        return f"a function ({value.__name__})"
    if isinstance(value, torch.Generator):
        return "a torch.Generator"
    return show(value)


def _kind(value: Any) -> str:
    kinds: list[tuple[Any, str]] = [
        (type(None), "None"), (bool, "a bool"), ((int, float, np.number), "a number"), (str, "a string"),
        (Tensor, "a tensor"), (np.ndarray, "an array"), ((list, tuple), f"a {type(value).__name__}"),
        (types.GeneratorType, "a generator"), (types.CoroutineType, "a coroutine"),
    ]  # fmt: skip
    for kind, name in kinds:
        if isinstance(value, kind):
            return name
    if callable(value):
        return "a function"
    return f"an object of the type {type(value).__name__}"


def _not_a(value: Any, what: str, wanted: str) -> str:
    if value is None:
        return f"{what} is None, where {wanted} is wanted. Is the `return` missing?"
    if isinstance(value, types.GeneratorType):
        return (
            f"{what} is a generator (from `yield`, or from `for` in round brackets), where {wanted} is wanted"
        )
    if isinstance(value, types.CoroutineType):
        value.close()
        return f"{what} is a coroutine (from `async def`), where {wanted} is wanted"
    return f"{what} is {_kind(value)}, where {wanted} is wanted"


def _special(number: float) -> str:
    return "nan (not a number)" if math.isnan(number) else "infinite" if number > 0 else "minus infinity"


def _quoted(text: str) -> str:
    short = " ".join(text.split())
    return f'"{short}"' if len(short) <= 80 else f'"{short[:77]}..."'


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, cut if it is long, whatever the error does."""
    try:
        lines = str(error).strip().splitlines()
    except Exception:  # noqa: BLE001  even str() of an error may raise
        return "(no text)"
    text = lines[0] if lines else "(no text)"
    return text if len(text) <= 200 else text[:197] + "..."


# ---- where in the learner's code


_LIBRARIES = (
    *{str(Path(sysconfig.get_path(key))) for key in ("stdlib", "platstdlib", "purelib", "platlib")},
    str(Path(__file__).parent.parent),
    "<frozen",
)


def _is_theirs(file: str) -> bool:
    """Say whether code is the learner's own: in no library, and not in this package."""
    return not file.startswith(_LIBRARIES)


def _line(error: BaseException) -> tuple[int, str] | None:
    """Return the number and the text of the last line of the learner's own code in a traceback."""
    found = None
    for frame, number in traceback.walk_tb(error.__traceback__):
        file = frame.f_code.co_filename
        if _is_theirs(file):
            found = (number, linecache.getline(file, number).strip())
    return found


def where(error: BaseException) -> str:
    """Return " (line 3 of your code: ...)" for an error that passed through the learner's code, else ""."""
    line = _line(error)
    if line is None:
        return ""
    return f" (line {line[0]} of your code{': ' + line[1] if line[1] else ''})"


class _Raised(Exception):
    """The answer raised; not a `Failure` until it is clear that NumPy arrays would not have helped."""

    def __init__(self, failure: Failure, wrong_kind: bool, line: int | None) -> None:
        super().__init__(failure.message)
        self.failure, self.wrong_kind, self.line = failure, wrong_kind, line


def _raised(error: BaseException, case: str, name: str) -> Exception:
    text = first_line(error)
    if isinstance(error, TypeError) and "ellipsis" in text.lower():
        return Unanswered()
    line = _line(error)
    if line is None and isinstance(error, TypeError):
        message = f"{name or 'your answer'} could not be called as the exercise says: {text}"
    elif isinstance(error, RecursionError):
        message = f"it called itself without end{where(error)}: RecursionError"
    else:
        message = f"it raised {type(error).__name__}: {text}{where(error)}"
    wrong_kind = isinstance(error, (TypeError, AttributeError))
    return _Raised(Failure(message, case), wrong_kind, line[0] if line else None)


# ---- values


def _has_dots(value: Any) -> bool:
    """Whether a value is `...`, or a tuple or list with one in it."""
    return value is Ellipsis or (
        type(value) in (tuple, list) and any(part is Ellipsis for part in value[:100])
    )


def _is_empty(function: Any) -> bool:
    """Whether a function's body does nothing: `...`, `pass`, or a docstring alone."""
    code = getattr(function, "__code__", None)
    if code is None:
        return False
    names = {"RESUME", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST", "NOP"}
    constants = set(map(type, code.co_consts[:1])) - {type(None)} if code.co_consts else set()
    other = [constant for constant in code.co_consts[len(constants) :] if constant is not None]
    return all(step.opname in names for step in dis.get_instructions(code)) and not other


def _stack(values: Sequence[Any]) -> Any:
    """Turn a (nested) list of numbers, arrays and tensors into one tensor."""
    if any(isinstance(value, (Tensor, np.ndarray, list, tuple)) for value in values):
        return torch.stack(
            [torch.as_tensor(_stack(v) if isinstance(v, (list, tuple)) else v).detach() for v in values]
        )
    return torch.as_tensor(values)


def _close(got: Any, want: Any, rtol: float, atol: float) -> bool:
    a = torch.as_tensor(cast("Any", got), dtype=torch.float64).detach()
    b = torch.as_tensor(cast("Any", want), dtype=torch.float64).detach()
    if a.shape != b.shape and not a.numel() == b.numel() == 1:
        return False
    return bool(((a.reshape(b.shape) - b).abs() <= atol + rtol * b.abs()).all())
