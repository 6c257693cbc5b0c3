"""Follow gradients from the backward pass that gives them to the step of an optimiser that uses them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch.utils.hooks import RemovableHandle

from ganbook.diagnostics.tensors import all_zero, tensors_in
from ganbook.diagnostics.trace import PLAYERS, Backward, OptimizerStep, Trace


class GradientWatch:
    """Notes backward passes and steps of optimisers in a trace, from `start` to `stop`.

    Parameters
    ----------
    parameters : dict
        The players' parameters.
    optimizers : sequence of Optimizer
        Those that are known; others are noticed when they step.
    trace : Trace
        Where the records go.
    pause : context manager
        Within it, what PyTorch is asked to do does not count as the step's doing.
    on_optimizer : callable, optional
        Called with an optimiser that was not known, before its first step.
    """

    def __init__(
        self,
        parameters: dict[str, list[nn.Parameter]],
        optimizers: Sequence[Optimizer],
        trace: Trace,
        pause: AbstractContextManager[None],
        on_optimizer: Callable[[Optimizer], None] | None,
    ) -> None:
        self.parameters = parameters
        self.optimizers = list(optimizers)
        self.trace = trace
        self.pause = pause
        self.on_optimizer = on_optimizer
        self.turn: str | None = None  # whose function runs, to be set from outside
        self.running: Backward | None = None  # None within `torch.autograd.grad`, too (penalties)
        self._moment = 0
        self._in_gradient: dict[str, list[Backward]] = {who: [] for who in PLAYERS}
        self._weights_at_begin: list[dict[str, list[Tensor]]] = []
        self._handles: list[RemovableHandle] = []

    def start(self) -> None:
        """Put the hooks in their places."""
        self._handles = [
            register_optimizer_step_pre_hook(self._optimizer_begins),
            register_optimizer_step_post_hook(self._optimizer_ends),
        ]
        self._original_backward = torch.autograd.backward
        torch.autograd.backward = self._backward  # Tensor.backward looks it up there

    def stop(self) -> None:
        """Take the hooks away."""
        torch.autograd.backward = self._original_backward
        for handle in self._handles:
            handle.remove()

    def _held(self, who: str) -> list[nn.Parameter]:
        """Return the parameters of a player that an optimiser holds (all, where none is known)."""
        held = {id(p) for o in self.optimizers for group in o.param_groups for p in group["params"]}
        return [p for p in self.parameters[who] if id(p) in held] or self.parameters[who]

    def _backward(self, tensors: Any, *args: Any, **kwargs: Any) -> None:
        with self.pause:
            for who in PLAYERS:
                if all_zero(p.grad for p in self._held(who)):
                    self._in_gradient[who] = []
            gradients = {who: [_copy(p.grad) for p in self.parameters[who]] for who in PLAYERS}
            self._moment += 1
            record = Backward(self.turn, self._moment)
            record.finite = all(bool(x.detach().isfinite().all()) for x in tensors_in(tensors))
            self.running = record
        try:
            self._original_backward(tensors, *args, **kwargs)
        finally:
            self.running = None
            with self.pause:
                for who in PLAYERS:
                    pairs = zip(gradients[who], self.parameters[who], strict=True)
                    if any(_has_changed(old, p.grad) for old, p in pairs):
                        record.reached.add(who)
                        self._in_gradient[who].append(record)
                self.trace.backwards.append(record)

    def _optimizer_begins(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        with self.pause:
            if not any(optimizer is known for known in self.optimizers):
                self.optimizers.append(optimizer)
                if self.on_optimizer is not None:
                    self.on_optimizer(optimizer)
            self._moment += 1
            closure = len(args) > 1 or kwargs.get("closure") is not None
            step = OptimizerStep(optimizer, self.turn, self._moment, closure)
            step.rates = {float(group["lr"]) for group in optimizer.param_groups if "lr" in group}
            held = {id(p) for group in optimizer.param_groups for p in group["params"]}
            for who in PLAYERS:
                own = [p for p in self.parameters[who] if id(p) in held]
                step.holds[who] = len(own)
                if own and all_zero(p.grad for p in own):
                    step.no_gradient.add(who)
                elif own:
                    step.backwards[who] = list(self._in_gradient[who])
                step.finite &= all(p.grad is None or bool(p.grad.isfinite().all()) for p in own)
            self._weights_at_begin.append(
                {who: [p.detach().clone() for p in self.parameters[who]] for who in PLAYERS}
            )
            self.trace.steps.append(step)

    def _optimizer_ends(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        with self.pause:
            step, weights = self.trace.steps[-1], self._weights_at_begin.pop()
            for who in PLAYERS:
                pairs = zip(weights[who], self.parameters[who], strict=True)
                if any(not torch.equal(old, p.detach()) for old, p in pairs):
                    step.moved.add(who)
            if step.closure:  # its backward passes ran inside of the step
                step.backwards |= {who: list(self._in_gradient[who]) for who in PLAYERS if step.holds[who]}
                step.no_gradient = set()
            if all(step.holds.values()):
                return  # an optimiser of both players: nobody's turn
            for who, records in step.backwards.items():
                for record in records:
                    record.first_user = record.first_user or who
                    record.used_by[who].append(step.moment)


def _copy(gradient: Tensor | None) -> Tensor | None:
    return None if gradient is None else gradient.detach().clone()


def _has_changed(old: Tensor | None, new: Tensor | None) -> bool:
    """Say whether a gradient has changed; one that was not there before counts from its first number on."""
    if new is None:
        return False
    if old is None:
        return bool((new != 0).any())
    return not torch.equal(old, new)
