"""Questions about tensors that watching, saving and judging have in common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from torch import Tensor, nn

# Nodes of the graph that leave values as they are, up to their sign and arrangement.
PASSING = (
    "View", "UnsafeView", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Clone", "Alias", "Slice", "Select",
    "Expand", "Permute", "Transpose", "T", "ToCopy", "Neg", "Split", "Unbind", "Index", "AsStrided",
)  # fmt: skip


def tensors_in(*things: Any) -> Iterator[Tensor]:
    """Yield the tensors in arguments, looking into lists, tuples and dictionaries."""
    for thing in things:
        if isinstance(thing, Tensor):
            yield thing
        elif isinstance(thing, list | tuple):
            yield from tensors_in(*thing)
        elif isinstance(thing, dict):
            yield from tensors_in(*thing.values())


def last_operation(x: Tensor) -> str | None:
    """Return the operation that made the values of x ("Sigmoid", "Addmm"), None without a graph."""
    node: Any = x.grad_fn
    while node is not None:
        name = _operation(node)
        if name not in PASSING or not node.next_functions:
            return name
        node = node.next_functions[0][0]
    return None


def is_double_sigmoid(x: Tensor) -> bool:
    """Say whether x is a sigmoid of a sigmoid."""
    sigmoids, node = 0, x.grad_fn
    while node is not None:
        name = _operation(node)
        sigmoids += name == "Sigmoid"
        if name not in (*PASSING, "Sigmoid") or not node.next_functions:
            break
        node = node.next_functions[0][0]
    return sigmoids > 1


def _operation(node: Any) -> str:
    """Return the name of a node of the graph, without what PyTorch appends to it."""
    return node.name().partition("Backward")[0]


def rows_as_bytes(x: Tensor) -> list[bytes]:
    """Return the rows of a batch as bytes, to recognise them by."""
    flat = x.detach().float().cpu().contiguous().reshape(len(x), -1)
    return [row.numpy().tobytes() for row in flat]


def all_zero(gradients: Iterable[Tensor | None]) -> bool:
    """Say whether all gradients are missing or zero."""
    return all(g is None or not bool((g != 0).any()) for g in gradients)


def named_tensors(module: nn.Module) -> dict[str, Tensor]:
    """Return a module's parameters and then its buffers, by their names."""
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def replace_tensor(output: Any, old: Tensor, new: Tensor) -> Any:
    """Return a network's output with one of its tensors exchanged, whatever it comes in."""
    if output is old:
        return new
    if isinstance(output, dict):
        return {key: replace_tensor(value, old, new) for key, value in output.items()}
    if isinstance(output, tuple) and hasattr(output, "_fields"):
        return type(output)(*(replace_tensor(value, old, new) for value in output))
    if isinstance(output, list | tuple):
        return type(output)(replace_tensor(value, old, new) for value in output)
    return output
