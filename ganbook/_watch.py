"""Watch a training step from outside: who is called on what, which backward pass moves whom.

What `ganbook.diagnostics` judges is collected here, with PyTorch's own hooks (forward hooks, tensor hooks,
the hooks of all optimisers, a `TorchFunctionMode`) and one wrapper around `torch.autograd.backward`. So the
step may be written in any style: nothing is asked of it but that it runs.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle
from torch.utils.weak import WeakTensorKeyDictionary

G, D = "generator", "discriminator"
PLAYERS = (G, D)
REAL, FAKE, UNCLEAR = 1, -1, 0
MODE_LAYERS = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd)  # differ in train and eval
# Nodes of the graph that leave values as they are, up to their sign and arrangement.
PASSING = (
    "View", "UnsafeView", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Clone", "Alias", "Slice", "Select",
    "Expand", "Permute", "Transpose", "T", "ToCopy", "Neg", "Split", "Unbind", "Index", "AsStrided",
)  # fmt: skip


@dataclass
class Backward:
    """One backward pass: whose gradients it changed, and how it pulls D's outputs."""

    turn: str | None
    moment: int
    finite: bool = True
    reached: set[str] = field(default_factory=set)
    first_user: str | None = None  # the player who stepped first with a gradient that this pass gave
    used_by: dict[str, list[int]] = field(default_factory=lambda: {G: [], D: []})  # moments of their steps
    pull: dict[int, float] = field(default_factory=lambda: {REAL: 0.0, FAKE: 0.0})  # sums of dL/dD(x)
    rows: dict[int, int] = field(default_factory=lambda: {REAL: 0, FAKE: 0, UNCLEAR: 0})


@dataclass
class Step:
    """One step of an optimiser."""

    optimizer: Optimizer
    turn: str | None
    moment: int
    holds: dict[str, int]
    backwards: dict[str, list[Backward]]
    no_gradient: set[str]  # players that it holds, whose gradients were all missing or zero
    finite: bool
    closure: bool
    moved: set[str] = field(default_factory=set)


@dataclass
class GeneratorCall:
    """One forward pass of the generator."""

    shape: tuple[int, ...]
    training: bool
    graph: bool
    judged: bool = False  # the discriminator saw the result
    last: str | None = None  # the last operation, where a graph tells
    low: float = 0.0
    high: float = 0.0


@dataclass
class DiscriminatorCall:
    """One forward pass of the discriminator."""

    kinds: Tensor  # int8, (N,): REAL, FAKE or UNCLEAR
    shape: tuple[int, ...]
    arguments: int
    training: bool
    range: dict[int, tuple[float, float, float]]  # of the input by kind: lowest, highest, standard deviation
    graph: bool = False
    last: str | None = None
    output: tuple[int, ...] | None = None
    low: float = 0.0
    high: float = 0.0


@dataclass
class LossUse:
    """D's output on its way through a logarithm, cross-entropy or softplus."""

    function: str
    sigmoids: int  # between D's last layer (included) and the function
    bounded: bool  # D ends in something that keeps its output within [0, 1]
    low: float
    high: float


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
        name = node.name().removesuffix("Backward0").removesuffix("Backward1").removesuffix("Backward")
        if name not in PASSING or not node.next_functions:
            return name
        node = node.next_functions[0][0]
    return None


def double_sigmoid(x: Tensor) -> bool:
    """Say whether x is a sigmoid of a sigmoid."""
    found, node = 0, x.grad_fn
    while node is not None:
        name = node.name().partition("Backward")[0]
        found += name == "Sigmoid"
        if name not in (*PASSING, "Sigmoid") or not node.next_functions:
            break
        node = node.next_functions[0][0]
    return found > 1


def _rows(x: Tensor) -> list[bytes]:
    """Return the rows of a batch as bytes, to recognise them by."""
    flat = x.detach().float().cpu().contiguous().reshape(len(x), -1)
    return [row.numpy().tobytes() for row in flat]


def _is_empty(gradients: Iterable[Tensor | None]) -> bool:
    return all(g is None or not bool((g != 0).any()) for g in gradients)


class _Mode(TorchFunctionMode):
    """Sees every call of a torch function that the step makes."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self.watch = watch

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self.watch.busy:
            return func(*args, **kwargs)
        self.watch.before(func, args, kwargs)
        out = func(*args, **kwargs)
        self.watch.after(func, args, kwargs, out)
        return out


class Watch:
    """Collects what a step does while it runs inside `with watch:`.

    Parameters
    ----------
    generator, discriminator : nn.Module
        The players.
    optimizers : sequence of Optimizer
        Those that are known; others are noticed when they step.
    real : Tensor, optional
        The real batch, by which D's inputs are recognised.
    values : dict, optional
        What D is made to say on REAL and FAKE rows, in place of its own output; gradients pass as before.
    on_optimizer : callable, optional
        Called with an optimiser that was not known, before its first step.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        optimizers: Iterable[Optimizer] = (),
        real: Tensor | None = None,
        values: dict[int, float] | None = None,
        on_optimizer: Callable[[Optimizer], None] | None = None,
    ) -> None:
        self.networks = {G: generator, D: discriminator}
        self.parameters = {who: list(net.parameters()) for who, net in self.networks.items()}
        self.ids = {who: {id(p) for p in params} for who, params in self.parameters.items()}
        self.start = {who: [p.detach().clone() for p in params] for who, params in self.parameters.items()}
        self.start_all = self.start[G] + [b.detach().clone() for b in generator.buffers()]
        self.optimizers = list(optimizers)
        self.values = values
        self.on_optimizer = on_optimizer
        self.turn: str | None = None
        self.moment = 0
        self.busy = False
        self.backwards: list[Backward] = []
        self.steps: list[Step] = []
        self.generator_calls: list[GeneratorCall] = []
        self.discriminator_calls: list[DiscriminatorCall] = []
        self.loss_uses: list[LossUse] = []
        self.broadcasts: list[str] = []
        self.linear_on_images: list[str] = []
        self._tags: Any = WeakTensorKeyDictionary()
        self._fake_rows: dict[bytes, int] = {}
        self._real_rows: set[bytes] = set()
        if real is not None:
            self._tags[real] = frozenset({"real"})
            if real.is_floating_point() and real.ndim > 1:
                self._real_rows = set(_rows(real))
        self._in_gradient: dict[str, list[Backward]] = {G: [], D: []}
        self._current: Backward | None = None
        self._pending: list[DiscriminatorCall] = []
        self._before_step: list[dict[str, list[Tensor]]] = []
        self._handles: list[RemovableHandle] = []

    # ---------------------------------------------------------------------------- on and off

    def __enter__(self) -> Watch:
        generator, discriminator = self.networks[G], self.networks[D]
        self._handles = [
            generator.register_forward_hook(self._generator_called),
            discriminator.register_forward_pre_hook(self._discriminator_asked, with_kwargs=True),
            discriminator.register_forward_hook(self._discriminator_called),
            register_optimizer_step_pre_hook(self._optimizer_begins),
            register_optimizer_step_post_hook(self._optimizer_ends),
        ]
        self._original_backward = torch.autograd.backward
        torch.autograd.backward = self._backward  # Tensor.backward looks it up there
        self._mode = _Mode(self)
        self._mode.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._mode.__exit__(*error)
        torch.autograd.backward = self._original_backward
        for handle in self._handles:
            handle.remove()

    # ---------------------------------------------------------------------------- forward passes

    def _generator_called(self, module: nn.Module, args: Any, output: Any) -> None:
        fake = next(tensors_in(output), None)
        if fake is None or fake.ndim < 2:
            return
        self.busy = True
        number = len(self.generator_calls)
        call = GeneratorCall(tuple(fake.shape), module.training, fake.requires_grad)
        call.last = last_operation(fake)
        call.low, call.high = fake.detach().amin().item(), fake.detach().amax().item()
        self.generator_calls.append(call)
        self._fake_rows.update(dict.fromkeys(_rows(fake), number))
        self._tags[fake] = frozenset({f"fake {number}"})
        self.busy = False

    def _discriminator_asked(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        given = list(tensors_in(args, kwargs))
        if not given or given[0].ndim < 1:
            return
        self.busy = True
        x = given[0]
        kinds = self._kinds(x)
        spread = {}
        for kind in (REAL, FAKE):
            part = x.detach()[kinds.to(x.device) == kind].float()
            if part.numel() > 1:
                spread[kind] = (part.amin().item(), part.amax().item(), part.std().item())
        call = DiscriminatorCall(kinds, tuple(x.shape), len(given), module.training, spread)
        self._pending.append(call)
        self.busy = False

    def _kinds(self, x: Tensor) -> Tensor:
        """Say of each row whether it is real or generated: by its values, else by where it came from."""
        rows = _rows(x)
        tags = self._tags.get(x, frozenset())
        sources = {int(tag.split()[1]) for tag in tags if tag.startswith("fake")}
        sources |= {self._fake_rows[row] for row in rows if row in self._fake_rows}
        for number in sources:
            self.generator_calls[number].judged = True
        found = [FAKE if r in self._fake_rows else REAL if r in self._real_rows else UNCLEAR for r in rows]
        if any(found):
            rest = REAL if FAKE in found else FAKE if sources else REAL
        elif sources:  # a mixture of both of one shape is a penalty's; of another, a fake with its condition
            same = any(self.generator_calls[n].shape[1:] == tuple(x.shape[1:]) for n in sources)
            rest = UNCLEAR if "real" in tags and same else FAKE
        else:
            rest = REAL
        return torch.tensor([kind or rest for kind in found], dtype=torch.int8)

    def _discriminator_called(self, module: nn.Module, args: Any, output: Any) -> Any:
        if not self._pending:
            return None
        self.busy = True
        call = self._pending.pop()
        out = next(tensors_in(output), None)
        try:
            if out is None or not out.is_floating_point() or out.ndim < 1 or len(out) != len(call.kinds):
                return None
            call.graph, call.output = out.requires_grad, tuple(out.shape)
            call.last = last_operation(out)
            if double_sigmoid(out):
                call.last = "Sigmoid of Sigmoid"
            call.low, call.high = out.detach().amin().item(), out.detach().amax().item()
            self.discriminator_calls.append(call)
            if call.output == call.shape or (out.ndim > 1 and out.shape[1] != 1):
                return None  # a picture, features or classes: not a score of each sample (or a map of scores)
            result = out
            if self.values is not None:
                said = out.detach().clone()
                for kind, value in self.values.items():
                    said[call.kinds.to(out.device) == kind] = value
                result = out - out.detach() + said  # other values, the same gradients
            self._tags[result] = frozenset({"output", *({"sigmoid"} if call.last == "Sigmoid" else ())})
            if result.requires_grad:
                result.register_hook(lambda gradient: self._pulled(call, gradient))
            if result is out:
                return None
            return _replace(output, out, result)
        finally:
            self.busy = False

    def _pulled(self, call: DiscriminatorCall, gradient: Tensor) -> None:
        """Note dL/dD(x), row by row; `_current` is None within `torch.autograd.grad` (penalties)."""
        if self._current is None:
            return
        rows = gradient.detach().float().flatten(1).sum(1) if gradient.ndim > 1 else gradient.detach().float()
        for kind in (REAL, FAKE):
            chosen = call.kinds.to(rows.device) == kind
            self._current.pull[kind] += rows[chosen].sum().item()
            self._current.rows[kind] += int(chosen.sum())
        self._current.rows[UNCLEAR] += int((call.kinds == UNCLEAR).sum())

    # ---------------------------------------------------------------------------- torch functions

    def before(self, func: Any, args: Any, kwargs: Any) -> None:
        """Look at the losses before they run: they may refuse what they get."""
        name = getattr(func, "__name__", "")
        if name not in ("binary_cross_entropy", "binary_cross_entropy_with_logits", "softplus", "log",
                        "log_sigmoid", "logsigmoid", "log_"):  # fmt: skip
            return
        x = next(tensors_in(args, kwargs), None)
        tags = self._tags.get(x, frozenset()) if x is not None else frozenset()
        if x is None or "output" not in tags or not x.numel():
            return
        self.busy = True
        ends = {call.last for call in self.discriminator_calls if call.graph}
        sigmoids = sum(tag in tags for tag in ("sigmoid", "sigmoid again"))
        if "Sigmoid of Sigmoid" in ends:
            sigmoids = 2 + sigmoids
        values = x.detach().float()
        linear = {"Addmm", "Convolution", "Linear", "Mm", "Add", "Sub", "Mul", "Sum", "Mean", "Bmm"}
        bounded = "transformed" in tags or not ends <= linear
        self.loss_uses.append(LossUse(name, sigmoids, bounded, values.amin().item(), values.amax().item()))
        self.busy = False

    def after(self, func: Any, args: Any, kwargs: Any, out: Any) -> None:
        """Carry the marks of the arguments over to the results; look for shapes that do not fit."""
        given = list(tensors_in(args, kwargs))
        if not given:
            return
        name = getattr(func, "__name__", "")
        if name == "linear" and given[0].ndim == 4 and given[0].shape[1] in (1, 3) and given[0].shape[2] > 1:
            self.linear_on_images.append(f"input {tuple(given[0].shape)}")
        marks = [self._tags.get(x, frozenset()) for x in given]
        tags = frozenset().union(*marks)
        if not tags:
            return
        if "output" in tags:
            if len(given) > 1 and "output" in marks[0] | marks[1]:
                self._look_for_broadcast(name, given[0], given[1])
            if name in ("sigmoid", "sigmoid_"):
                tags |= {"sigmoid again" if "sigmoid" in tags else "sigmoid"}
            elif name in ("exp", "softmax", "clamp", "tanh", "clip", "square", "pow", "abs"):
                tags |= {"transformed"}
        made = list(tensors_in(out))
        if name == "__setitem__":
            made.append(given[0])
        for x in made:
            if not isinstance(x, nn.Parameter):
                self._tags[x] = self._tags.get(x, frozenset()) | tags

    def _look_for_broadcast(self, name: str, a: Tensor, b: Tensor) -> None:
        """Notice (N, 1) against (N,), which makes N x N numbers of N."""
        joined = ("sub", "__sub__", "__rsub__", "rsub", "add", "__add__", "__radd__", "mul", "__mul__",
                  "__rmul__", "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")  # fmt: skip
        for x, y in ((a, b), (b, a)):
            if name in joined and x.ndim == 2 and x.shape[1] == 1 and y.ndim == 1 and len(y) == len(x) > 1:
                self.broadcasts.append(f"{name} of shapes {tuple(a.shape)} and {tuple(b.shape)}")

    # ---------------------------------------------------------------------------- backward and step

    def _held(self, who: str) -> list[nn.Parameter]:
        """Return the parameters of a player that an optimiser holds (all, where none is known)."""
        held = {id(p) for o in self.optimizers for group in o.param_groups for p in group["params"]}
        return [p for p in self.parameters[who] if id(p) in held] or self.parameters[who]

    def _backward(self, tensors: Any, *args: Any, **kwargs: Any) -> None:
        self.busy = True
        before = {}
        for who in PLAYERS:
            if _is_empty(p.grad for p in self._held(who)):
                self._in_gradient[who] = []
            before[who] = [None if p.grad is None else p.grad.detach().clone() for p in self.parameters[who]]
        self.moment += 1
        record = Backward(self.turn, self.moment)
        record.finite = all(bool(x.detach().isfinite().all()) for x in tensors_in(tensors))
        self._current = record
        self.busy = False
        try:
            self._original_backward(tensors, *args, **kwargs)
        finally:
            self._current = None
            self.busy = True
            for who in PLAYERS:
                for p, old in zip(self.parameters[who], before[who], strict=True):
                    new = p.grad
                    if new is None or (old is None and not bool((new != 0).any())):
                        continue
                    if old is None or not torch.equal(old, new):
                        record.reached.add(who)
                if who in record.reached:
                    self._in_gradient[who].append(record)
            self.backwards.append(record)
            self.busy = False

    def _optimizer_begins(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        self.busy = True
        if not any(optimizer is known for known in self.optimizers):
            self.optimizers.append(optimizer)
            if self.on_optimizer is not None:
                self.on_optimizer(optimizer)
        held = {id(p) for group in optimizer.param_groups for p in group["params"]}
        closure = len(args) > 1 or kwargs.get("closure") is not None
        self.moment += 1
        holds, backwards, no_gradient, finite = {}, {}, set(), True
        for who in PLAYERS:
            mine = [p for p in self.parameters[who] if id(p) in held]
            holds[who] = len(mine)
            if not mine:
                continue
            if _is_empty(p.grad for p in mine):
                no_gradient.add(who)
            else:
                backwards[who] = list(self._in_gradient[who])
            finite = finite and all(p.grad is None or bool(p.grad.isfinite().all()) for p in mine)
        step = Step(optimizer, self.turn, self.moment, holds, backwards, no_gradient, finite, closure)
        self._before_step.append({who: [p.detach().clone() for p in self.parameters[who]] for who in PLAYERS})
        self.steps.append(step)
        self.busy = False

    def _optimizer_ends(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        self.busy = True
        step, before = self.steps[-1], self._before_step.pop()
        for who in PLAYERS:
            if any(
                not torch.equal(old, p.detach())
                for old, p in zip(before[who], self.parameters[who], strict=True)
            ):
                step.moved.add(who)
        if step.closure:  # its backward passes ran inside of the step
            for who in PLAYERS:
                if step.holds[who]:
                    step.backwards[who] = list(self._in_gradient[who])
            step.no_gradient = set()
        for who, records in step.backwards.items():
            if all(step.holds.values()):
                break  # an optimiser of both players: nobody's turn
            for record in records:
                record.first_user = record.first_user or who
                record.used_by[who].append(step.moment)
        self.busy = False


def _replace(output: Any, old: Tensor, new: Tensor) -> Any:
    """Return D's output with its first tensor exchanged, whatever it comes in."""
    if output is old:
        return new
    if isinstance(output, dict):
        return {key: _replace(value, old, new) for key, value in output.items()}
    if isinstance(output, tuple) and hasattr(output, "_fields"):
        return type(output)(*(_replace(value, old, new) for value in output))
    if isinstance(output, list | tuple):
        return type(output)(_replace(value, old, new) for value in output)
    return output


class Saved:
    """All that a step may change in networks, optimisers and random numbers, to be put back.

    Parameters
    ----------
    modules : iterable of nn.Module
        Parameters, buffers, gradients, modes and `requires_grad` are kept.
    optimizers : iterable of Optimizer
        Their states and settings.
    others : iterable
        `torch.Generator`s, dictionaries of tensors, and whatever has `state_dict` and `load_state_dict`.
    """

    def __init__(
        self, modules: Iterable[nn.Module], optimizers: Iterable[Optimizer], others: Iterable[Any]
    ) -> None:
        self.modes: list[tuple[nn.Module, bool]] = []
        self.tensors: list[tuple[Tensor, Tensor]] = []
        self.flags: list[tuple[nn.Parameter, bool, Tensor | None, Tensor | None]] = []
        self.optimizers: list[tuple[Optimizer, list[dict[str, Any]], dict[Any, Any]]] = []
        self._seen: set[int] = set()
        for module in modules:
            self.modes += [(m, m.training) for m in module.modules()]
            for buffer in module.buffers():
                self._add(buffer)
            for parameter in module.parameters():
                self._add_parameter(parameter)
        for optimizer in optimizers:
            self.add_optimizer(optimizer)
        self.others: list[tuple[Any, Any]] = []
        for thing in others:
            if isinstance(thing, torch.Generator):
                self.others.append((thing, thing.get_state()))
            elif isinstance(thing, dict):
                for tensor in tensors_in(thing):
                    self._add(tensor)
            else:
                self.others.append((thing, copy.deepcopy(thing.state_dict())))
        numpy_state = np.random.get_state()  # noqa: NPY002 - what the reader's code may draw from
        self.random = (random.getstate(), numpy_state, torch.get_rng_state())
        self.random_cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []

    def _add(self, tensor: Tensor) -> None:
        if id(tensor) not in self._seen:
            self._seen.add(id(tensor))
            self.tensors.append((tensor, tensor.detach().clone()))

    def _add_parameter(self, parameter: nn.Parameter) -> None:
        if id(parameter) not in self._seen:
            self._add(parameter)
            grad = parameter.grad
            kept = None if grad is None else grad.detach().clone()
            self.flags.append((parameter, parameter.requires_grad, grad, kept))

    def add_optimizer(self, optimizer: Optimizer) -> None:
        """Keep an optimiser, and the parameters that it holds."""
        groups = [{k: v for k, v in g.items() if k != "params"} for g in optimizer.param_groups]
        state = {
            p: {k: v.detach().clone() if isinstance(v, Tensor) else copy.copy(v) for k, v in values.items()}
            for p, values in optimizer.state.items()
        }
        self.optimizers.append((optimizer, copy.deepcopy(groups), state))
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                self._add_parameter(parameter)

    @torch.no_grad()
    def restore(self) -> None:
        """Put everything back as it was."""
        for tensor, value in self.tensors:
            tensor.copy_(value)
        for parameter, trainable, grad, kept in self.flags:
            parameter.requires_grad_(trainable)
            if grad is not None and kept is not None:
                grad.copy_(kept)
            parameter.grad = grad
        for module, training in self.modes:
            module.training = training
        for optimizer, groups, state in self.optimizers:
            for group, settings in zip(optimizer.param_groups, groups, strict=True):
                group.update(copy.deepcopy(settings))
            optimizer.state.clear()
            for parameter, values in state.items():
                optimizer.state[parameter] = {
                    k: v.clone() if isinstance(v, Tensor) else copy.copy(v) for k, v in values.items()
                }
        for thing, value in self.others:
            if isinstance(thing, torch.Generator):
                thing.set_state(value)
            else:
                thing.load_state_dict(copy.deepcopy(value))
        random.setstate(self.random[0])
        np.random.set_state(self.random[1])  # noqa: NPY002
        torch.set_rng_state(self.random[2])
        if self.random_cuda:
            torch.cuda.set_rng_state_all(self.random_cuda)
