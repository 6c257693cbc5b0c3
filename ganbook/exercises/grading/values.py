"""Values that go into an answer and come out of it: copied, converted, compared, and written in words."""

from __future__ import annotations

import copy
import math
import re
import reprlib
import types
from collections.abc import Generator, Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

# ---- copies and conversions


def copied(value: Any) -> Any:
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


def to_numpy(value: Any) -> Any:
    """Turn tensors into arrays; return the same object if there are none."""
    if isinstance(value, Tensor):
        return value if value.requires_grad else value.numpy(force=True).copy()
    if isinstance(value, (list, tuple)):
        parts = [to_numpy(part) for part in value]
        return value if all(a is b for a, b in zip(parts, value, strict=True)) else type(value)(parts)
    if isinstance(value, dict):
        converted = {key: to_numpy(part) for key, part in value.items()}
        return value if all(converted[key] is value[key] for key in value) else converted
    return value


def to_tensor(value: Any) -> Any:
    """Turn floats into tensors; return the same object if there are none."""
    if type(value) is float:
        return torch.tensor(value, dtype=torch.float64)
    if isinstance(value, tuple):
        return tuple(map(to_tensor, value)) if any(type(part) is float for part in value) else value
    if isinstance(value, dict):
        converted = {key: to_tensor(part) for key, part in value.items()}
        return value if all(converted[key] is value[key] for key in value) else converted
    return value


def same(a: Any, b: Any) -> bool:
    """Say whether two arguments are equal to the last bit; where that cannot be told they count as equal."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return (
            a.shape == b.shape
            and a.dtype == b.dtype
            and bool(torch.allclose(a, b, rtol=0, atol=0, equal_nan=True))
        )
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()
    if isinstance(a, nn.Module) and isinstance(b, nn.Module):
        # Not the buffers: BatchNorm's move in every forward.
        pairs = zip(a.parameters(), b.parameters(), strict=False)
        return all(same(x.detach(), y.detach()) and x.requires_grad == y.requires_grad for x, y in pairs)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (bool, int, float, complex, str, bytes, set, frozenset)):
        return type(a) is type(b) and (a == b or a != a)
    return True


def stack(values: Sequence[Any]) -> Any:
    """Turn a (nested) list of numbers, arrays and tensors into one tensor."""
    if any(isinstance(value, (Tensor, np.ndarray, list, tuple)) for value in values):
        return torch.stack(
            [torch.as_tensor(stack(v) if isinstance(v, (list, tuple)) else v).detach() for v in values]
        )
    return torch.as_tensor(values)


def close(got: Any, want: Any, rtol: float, atol: float) -> bool:
    """Say whether `|got - want| <= atol + rtol |want|` in every element, of shapes that fit."""
    a = torch.as_tensor(cast("Any", got), dtype=torch.float64).detach()
    b = torch.as_tensor(cast("Any", want), dtype=torch.float64).detach()
    if a.shape != b.shape and not a.numel() == b.numel() == 1:
        return False
    return bool(((a.reshape(b.shape) - b).abs() <= atol + rtol * b.abs()).all())


def has_dots(value: Any) -> bool:
    """Say whether a value is `...`, or a tuple or list with one in it."""
    return value is Ellipsis or (
        type(value) in (tuple, list) and any(part is Ellipsis for part in value[:100])
    )


# ---- words


def show(value: Any) -> str:
    """Return a short text of any value, whatever its own `repr` does."""
    if isinstance(value, str):
        return quoted(value)
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


def call_text(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    """Return a call's arguments as a case: "called with (2, x=0.5)"."""
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


def kind_of(value: Any) -> str:
    """Return what a value is, in words: "a bool", "a tensor", "a list"."""
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


def not_a(value: Any, what: str, wanted: str) -> str:
    """Return the message for a value of the wrong kind: `what` names it, `wanted` what it should be."""
    if value is None:
        return f"{what} is None, where {wanted} is wanted. Is the `return` missing?"
    if isinstance(value, types.GeneratorType):
        return (
            f"{what} is a generator (from `yield`, or from `for` in round brackets), where {wanted} is wanted"
        )
    if isinstance(value, types.CoroutineType):
        value.close()
        return f"{what} is a coroutine (from `async def`), where {wanted} is wanted"
    return f"{what} is {kind_of(value)}, where {wanted} is wanted"


def not_finite(number: float) -> str:
    """Return what a number that is not finite is called."""
    return "nan (not a number)" if math.isnan(number) else "infinite" if number > 0 else "minus infinity"


def quoted(text: str) -> str:
    """Return a text in one line, in quotation marks, cut if it is long."""
    short = " ".join(text.split())
    return f'"{short}"' if len(short) <= 80 else f'"{short[:77]}..."'
