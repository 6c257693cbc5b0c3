"""Put back what a step has changed."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ganbook.diagnostics.tensors import tensors_in


class Saved:
    """All that a step may change in networks, optimisers and random numbers, to be put back.

    Parameters
    ----------
    modules : iterable of nn.Module
        Parameters, buffers, gradients, modes and `requires_grad` are saved.
    optimizers : iterable of Optimizer
        Their states and settings.
    others : iterable
        `torch.Generator`s, dictionaries of tensors, and whatever has `state_dict` and `load_state_dict`.
    """

    def __init__(
        self, modules: Iterable[nn.Module], optimizers: Iterable[Optimizer], others: Iterable[Any]
    ) -> None:
        self._modes: list[tuple[nn.Module, bool]] = []
        self._values: dict[int, tuple[Tensor, Tensor]] = {}  # by id: the tensor and a copy of its values
        self._flags: list[tuple[nn.Parameter, bool]] = []
        self._gradients: list[tuple[nn.Parameter, Tensor | None, Tensor | None]] = []  # with a copy of values
        self._optimizers: list[tuple[Optimizer, list[dict[str, Any]], dict[Any, Any]]] = []
        self._states: list[tuple[Any, Any]] = []
        for module in modules:
            self._modes += [(m, m.training) for m in module.modules()]
            for buffer in module.buffers():
                self._add(buffer)
            for parameter in module.parameters():
                self._add_parameter(parameter)
        for optimizer in optimizers:
            self.add_optimizer(optimizer)
        for thing in others:
            self._add_other(thing)
        self._random = random.getstate()
        self._random_numpy = np.random.get_state()  # noqa: NPY002 - what the reader's code may draw from
        self._random_torch = torch.get_rng_state()
        self._random_cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []

    @property
    def optimizers(self) -> list[Optimizer]:
        """The optimisers that are saved."""
        return [optimizer for optimizer, _, _ in self._optimizers]

    def add_optimizer(self, optimizer: Optimizer) -> None:
        """Save an optimiser, and the parameters that it holds."""
        groups = [{k: v for k, v in g.items() if k != "params"} for g in optimizer.param_groups]
        state = {p: {k: _copy(v) for k, v in values.items()} for p, values in optimizer.state.items()}
        self._optimizers.append((optimizer, copy.deepcopy(groups), state))
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                self._add_parameter(parameter)

    def has_changed(self, tensor: Tensor) -> bool:
        """Say whether a tensor that is saved has other values now."""
        return not torch.equal(self._values[id(tensor)][1], tensor.detach())

    @torch.no_grad()
    def restore(self) -> None:
        """Put everything back as it was."""
        for tensor, values in self._values.values():
            tensor.copy_(values)
        for parameter, requires_grad in self._flags:
            parameter.requires_grad_(requires_grad)
        for parameter, gradient, values_of_gradient in self._gradients:
            if gradient is not None and values_of_gradient is not None:
                gradient.copy_(values_of_gradient)
            parameter.grad = gradient
        for module, training in self._modes:
            module.training = training
        for optimizer, groups, state in self._optimizers:
            for group, settings in zip(optimizer.param_groups, groups, strict=True):
                group.update(copy.deepcopy(settings))
            optimizer.state.clear()
            for parameter, entries in state.items():
                optimizer.state[parameter] = {k: _copy(v) for k, v in entries.items()}
        for thing, value in self._states:
            if isinstance(thing, torch.Generator):
                thing.set_state(value)
            else:
                thing.load_state_dict(copy.deepcopy(value))
        random.setstate(self._random)
        np.random.set_state(self._random_numpy)  # noqa: NPY002
        torch.set_rng_state(self._random_torch)
        if self._random_cuda:
            torch.cuda.set_rng_state_all(self._random_cuda)

    def _add(self, tensor: Tensor) -> None:
        if id(tensor) not in self._values:
            self._values[id(tensor)] = tensor, tensor.detach().clone()

    def _add_parameter(self, parameter: nn.Parameter) -> None:
        if id(parameter) not in self._values:
            self._add(parameter)
            gradient = parameter.grad
            self._flags.append((parameter, parameter.requires_grad))
            self._gradients.append(
                (parameter, gradient, None if gradient is None else gradient.detach().clone())
            )

    def _add_other(self, thing: Any) -> None:
        if isinstance(thing, torch.Generator):
            self._states.append((thing, thing.get_state()))
        elif isinstance(thing, dict):
            for tensor in tensors_in(thing):
                self._add(tensor)
        else:
            self._states.append((thing, copy.deepcopy(thing.state_dict())))


def _copy(value: Any) -> Any:
    """Copy an entry of an optimiser's state."""
    return value.detach().clone() if isinstance(value, Tensor) else copy.copy(value)
