"""What a game consists of, as named tensors: how each kind of part is saved, and put back bit for bit."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ganbook.errors import CheckpointError, UserError
from ganbook.training.ema import EMA


@runtime_checkable
class Stateful(Protocol):
    """Whatever says its state and takes it back: networks, optimisers, schedules, one's own."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state, by name."""

    def load_state_dict(self, state_dict: dict[str, Any], /) -> Any:
        """Take a state back."""


HOW_IT_RUNS = ("fused", "foreach", "capturable", "differentiable")  # an optimiser's settings of this machine

Part = Stateful | EMA | torch.Generator


def tensors_of(part: Part) -> dict[str, Tensor]:
    """Return all tensors that a part consists of, by name.

    A network's parameters and buffers; an optimiser's moments and counters ("3.exp_avg"); an average's
    weights; a random number generator's state; of anything else the tensors of its `state_dict`.
    """
    if isinstance(part, torch.Generator):
        return {"state": part.get_state()}
    if isinstance(part, Optimizer):
        state = part.state_dict()["state"]
        return {f"{i}.{key}": value for i, entry in state.items() for key, value in entry.items()}
    return {key: value for key, value in _state(part).items() if isinstance(value, Tensor)}


def numbers_of(part: Part, name: str) -> Any:
    """Return what else a part consists of, for JSON: an optimiser's settings, a schedule's counters.

    Raises
    ------
    UserError
        If its state is neither tensors nor JSON.
    """
    if isinstance(part, torch.Generator | nn.Module | EMA):
        return {}
    if isinstance(part, Optimizer):
        kinds = (bool, int, float, tuple, type(None))
        return [
            {k: v for k, v in group.items() if isinstance(v, kinds) and k not in HOW_IT_RUNS}
            for group in part.param_groups
        ]
    numbers = {key: value for key, value in _state(part).items() if not isinstance(value, Tensor)}
    try:
        json.dumps(numbers)
    except (TypeError, ValueError) as error:
        raise UserError(
            f"parts: the state_dict of {name!r} holds what is neither a tensor nor JSON ({error})"
        ) from error
    return numbers


def _state(part: Any) -> dict[str, Any]:
    module = part.module if isinstance(part, EMA) else part
    state: dict[str, Any] = module.state_dict()
    return state


def restore(part: Part, name: str, tensors: Mapping[str, Tensor], numbers: Any) -> None:
    """Put back what `tensors_of` and `numbers_of` took.

    Raises
    ------
    CheckpointError
        If it does not fit: the part is of another build.
    """
    if isinstance(part, torch.Generator):
        if tensors["state"].shape != part.get_state().shape:
            raise CheckpointError(
                f"it was trained on another kind of device than {part.device.type} (its random state "
                f"{name!r} does not fit); name that one with device"
            )
        part.set_state(tensors["state"])
    elif isinstance(part, Optimizer):
        restore_optimizer(part, tensors, name)
        for group, settings in zip(part.param_groups, numbers, strict=False):
            group.update({k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()})
    else:
        target: Any = part.module if isinstance(part, EMA) else part
        try:
            target.load_state_dict({**tensors, **(numbers or {})})
        except (RuntimeError, KeyError, ValueError) as error:
            raise CheckpointError(
                f"its {name} is of another build ({' '.join(str(error).split())})"
            ) from error


def restore_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor], name: str = "optimiser") -> None:
    """Put an optimiser's moments and counters back.

    Raises
    ------
    CheckpointError
        If the moments do not fit the parameters.
    """
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for key, value in tensors.items():
        number, entry = key.split(".", 1)
        if int(number) >= len(parameters):
            raise CheckpointError(f"its {name} has a state {key} that belongs to no parameter of this model")
        parameter = parameters[int(number)]
        if value.ndim == 0:
            restored = value.to(parameter.device)
        elif value.shape == parameter.shape:
            # The moments must lie in memory as the parameter does: a fused kernel walks over both at once.
            restored = torch.empty_like(parameter, requires_grad=False).copy_(value)
        else:
            raise CheckpointError(
                f"its {name} has a state {key} of shape {tuple(value.shape)}, "
                f"its parameter {tuple(parameter.shape)}"
            )
        optimizer.state[parameter][entry] = restored


# ------------------------------------------------------------------------------------ what was not named


def _inside(name: str, thing: Any, depth: int = 3) -> Iterator[tuple[str, Any]]:
    """Yield a thing and, of lists and dictionaries, what is in it, with names as in Python."""
    yield name, thing
    if depth == 0:
        return
    if isinstance(thing, Mapping):
        for key, value in thing.items():
            yield from _inside(f"{name}[{key!r}]", value, depth - 1)
    elif isinstance(thing, list | tuple):
        for number, value in enumerate(thing):
            yield from _inside(f"{name}[{number}]", value, depth - 1)


def _has_state(thing: Any) -> bool:
    if isinstance(thing, nn.Module):  # a loss module, say, has none
        return any(True for _ in (*thing.parameters(), *thing.buffers()))
    return isinstance(thing, torch.Generator | EMA) or (
        not isinstance(thing, type) and isinstance(thing, Stateful)
    )


def check_parts(holder: object, parts: Mapping[str, Part], rebuilt: tuple[str, ...] = ()) -> None:
    """Refuse a game that holds what a checkpoint would silently leave out.

    Parameters
    ----------
    holder : object
        The game (or the loop): its attributes are looked at, and what is in its lists and dictionaries.
    parts : mapping
        What it names.
    rebuilt : tuple of str
        Attributes that need not be saved, as whoever builds the game builds them the same again.

    Raises
    ------
    UserError
        If a network, an optimiser, an average, a random number generator or another thing with a state is
        among its attributes and not among its parts; or a part is nothing that can be saved.
    """
    for name, part in parts.items():
        if not isinstance(part, Stateful | EMA | torch.Generator):
            raise UserError(
                f"parts: {name!r} is a {type(part).__name__}; it takes networks, optimisers, averages, "
                "torch.Generators and what has state_dict and load_state_dict"
            )
        if name == "rng" or not name.isidentifier():
            raise UserError(f"parts: {name!r} cannot be the name of a part; it takes a plain word, not 'rng'")
    covered: set[int] = set()
    for part in parts.values():
        covered.add(id(part))
        module = part.module if isinstance(part, EMA) else part
        if isinstance(module, nn.Module):
            covered |= {id(inner) for inner in module.modules()}
    for attribute, value in vars(holder).items():
        if attribute in rebuilt:
            continue
        for name, thing in _inside(attribute, value):
            if _has_state(thing) and id(thing) not in covered:
                raise UserError(
                    f"{type(holder).__name__}.{name}: it is a {type(thing).__name__}, and parts() does not "
                    "name it, so a checkpoint would leave it out; name it there"
                )
