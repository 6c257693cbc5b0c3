"""Watch a training step from outside: who is called on what, which backward pass moves whom.

What the checks judge is collected here, with PyTorch's own hooks (forward hooks, tensor hooks, the hooks of
all optimisers, a `TorchFunctionMode`) and one wrapper around `torch.autograd.backward`. So the step may be
written in any style: nothing is asked of it but that it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle
from torch.utils.weak import WeakTensorKeyDictionary

from ganbook.diagnostics.gradients import GradientWatch
from ganbook.diagnostics.tensors import (
    is_double_sigmoid,
    last_operation,
    replace_tensor,
    rows_as_bytes,
    tensors_in,
)
from ganbook.diagnostics.trace import (
    DISCRIMINATOR,
    DOUBLE_SIGMOID,
    FAKE,
    GENERATOR,
    REAL,
    UNCLEAR,
    DiscriminatorCall,
    GeneratorCall,
    LossUse,
    Trace,
)

# Functions by the names that PyTorch gives them: those of which a loss takes D's output through a logarithm,
LOGARITHMS = ("binary_cross_entropy", "binary_cross_entropy_with_logits", "softplus", "log", "log_sigmoid",
              "logsigmoid", "log_")  # fmt: skip
# those that make probabilities of it in another way than by a sigmoid,
TRANSFORMING = ("exp", "softmax", "clamp", "tanh", "clip", "square", "pow", "abs")
# and those that broadcast one argument against the other.
JOINING = ("sub", "__sub__", "__rsub__", "rsub", "add", "__add__", "__radd__", "mul", "__mul__", "__rmul__",
           "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")  # fmt: skip
UNBOUNDED_ENDS = {"Addmm", "Convolution", "Linear", "Mm", "Add", "Sub", "Mul", "Sum", "Mean", "Bmm"}

NO_MARKS: frozenset[str] = frozenset()


class Pause:
    """A context in which our own calls of PyTorch are not taken for the step's."""

    def __init__(self) -> None:
        self.on = False

    def __enter__(self) -> None:
        self.on = True

    def __exit__(self, *error: Any) -> None:
        self.on = False


class _Mode(TorchFunctionMode):
    """Sees every call of a torch function that the step makes."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self.watch = watch

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self.watch.pause.on:
            return func(*args, **kwargs)
        self.watch.look_at_loss(func, args, kwargs)
        out = func(*args, **kwargs)
        self.watch.look_at_result(func, args, kwargs, out)
        return out


class Watch:
    """Collects what a step does while it runs inside `with watch:`, in `watch.trace`.

    Tensors carry marks, which the results of functions take over: "real", "fake 3" (of the generator's call
    number 3), "output" (of D), "sigmoid", "sigmoid again", "transformed".

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
        self.networks = {GENERATOR: generator, DISCRIMINATOR: discriminator}
        self.trace = Trace()
        self.pause = Pause()
        parameters = {who: list(network.parameters()) for who, network in self.networks.items()}
        self.gradients = GradientWatch(parameters, list(optimizers), self.trace, self.pause, on_optimizer)
        self._values = values
        self._marks: Any = WeakTensorKeyDictionary()
        self._fake_rows: dict[bytes, int] = {}  # and the number of the generator's call that made them
        self._real_rows: set[bytes] = set()
        if real is not None:
            self._marks[real] = frozenset({"real"})
            if real.is_floating_point() and real.ndim > 1:
                self._real_rows = set(rows_as_bytes(real))
        self._pending: list[DiscriminatorCall] = []
        self._handles: list[RemovableHandle] = []

    def __enter__(self) -> Watch:
        generator, discriminator = self.networks[GENERATOR], self.networks[DISCRIMINATOR]
        self._handles = [
            generator.register_forward_hook(self._generator_called),
            discriminator.register_forward_pre_hook(self._discriminator_asked, with_kwargs=True),
            discriminator.register_forward_hook(self._discriminator_called),
        ]
        self.gradients.start()
        self._mode = _Mode(self)
        self._mode.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._mode.__exit__(*error)
        self.gradients.stop()
        for handle in self._handles:
            handle.remove()

    def _marks_of(self, x: Tensor) -> frozenset[str]:
        return self._marks.get(x, NO_MARKS)

    # ----------------------------------------------------------------------- forward passes

    def _generator_called(self, module: nn.Module, args: Any, output: Any) -> None:
        fake = next(tensors_in(output), None)
        if fake is None or fake.ndim < 2:
            return
        with self.pause:
            number = len(self.trace.generator_calls)
            call = GeneratorCall(tuple(fake.shape), module.training, fake.requires_grad, last_operation(fake))
            self.trace.generator_calls.append(call)
            self._fake_rows.update(dict.fromkeys(rows_as_bytes(fake), number))
            self._marks[fake] = frozenset({f"fake {number}"})

    def _discriminator_asked(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        inputs = list(tensors_in(args, kwargs))
        if not inputs or inputs[0].ndim < 1:
            return
        with self.pause:
            x = inputs[0]
            kinds = self._kinds(x)
            ranges = {}
            for kind in (REAL, FAKE):
                part = x.detach()[kinds.to(x.device) == kind].float()
                if part.numel() > 1:
                    ranges[kind] = (part.amin().item(), part.amax().item())
            call = DiscriminatorCall(kinds, tuple(x.shape), len(inputs), module.training, ranges)
            self._pending.append(call)

    def _kinds(self, x: Tensor) -> Tensor:
        """Say of each row whether it is real or generated: by its values, else by where it came from."""
        rows = rows_as_bytes(x)
        marks = self._marks_of(x)
        calls = self.trace.generator_calls
        sources = {int(mark.split()[1]) for mark in marks if mark.startswith("fake")}
        sources |= {self._fake_rows[row] for row in rows if row in self._fake_rows}
        for number in sources:
            calls[number].judged = True
        kinds = [FAKE if r in self._fake_rows else REAL if r in self._real_rows else UNCLEAR for r in rows]
        if any(kinds):
            rest = REAL if FAKE in kinds else FAKE if sources else REAL
        elif sources:  # a mixture of both of one shape is a penalty's; of another, a fake with its condition
            same_shape = any(calls[n].shape[1:] == tuple(x.shape[1:]) for n in sources)
            rest = UNCLEAR if "real" in marks and same_shape else FAKE
        else:
            rest = REAL
        return torch.tensor([kind or rest for kind in kinds], dtype=torch.int8)

    def _discriminator_called(self, module: nn.Module, args: Any, output: Any) -> Any:
        if not self._pending:
            return None
        with self.pause:
            call = self._pending.pop()
            out = next(tensors_in(output), None)
            if out is None or not out.is_floating_point() or out.ndim < 1 or len(out) != len(call.kinds):
                return None
            call.graph = out.requires_grad
            call.last = DOUBLE_SIGMOID if is_double_sigmoid(out) else last_operation(out)
            call.low, call.high = out.detach().amin().item(), out.detach().amax().item()
            self.trace.discriminator_calls.append(call)
            if tuple(out.shape) == call.shape or (out.ndim > 1 and out.shape[1] != 1):
                return None  # a picture, features or classes: not a score of each sample (or a map of scores)
            result = out if self._values is None else self._with_values(out, call.kinds, self._values)
            self._marks[result] = frozenset({"output", *({"sigmoid"} if call.last == "Sigmoid" else ())})
            if result.requires_grad:
                result.register_hook(lambda gradient: self._note_pull(call, gradient))
            return None if result is out else replace_tensor(output, out, result)

    def _with_values(self, out: Tensor, kinds: Tensor, values: dict[int, float]) -> Tensor:
        """Return D's output with other values, and the same gradients."""
        chosen = out.detach().clone()
        for kind, value in values.items():
            chosen[kinds.to(out.device) == kind] = value
        return out - out.detach() + chosen

    def _note_pull(self, call: DiscriminatorCall, gradient: Tensor) -> None:
        """Add dL/dD(x), row by row, to the backward pass that runs."""
        record = self.gradients.running
        if record is None:
            return
        rows = gradient.detach().float().flatten(1).sum(1) if gradient.ndim > 1 else gradient.detach().float()
        for kind in (REAL, FAKE):
            chosen = call.kinds.to(rows.device) == kind
            record.pull[kind] += rows[chosen].sum().item()
            record.rows[kind] += int(chosen.sum())
        record.rows[UNCLEAR] += int((call.kinds == UNCLEAR).sum())

    # ----------------------------------------------------------------------- torch functions

    def look_at_loss(self, func: Any, args: Any, kwargs: Any) -> None:
        """Look at the losses before they run: they may refuse what they get."""
        name = getattr(func, "__name__", "")
        if name not in LOGARITHMS:
            return
        x = next(tensors_in(args, kwargs), None)
        if x is None or "output" not in self._marks_of(x) or not x.numel():
            return
        with self.pause:
            marks = self._marks_of(x)
            ends = {call.last for call in self.trace.discriminator_calls if call.graph}
            sigmoids = sum(mark in marks for mark in ("sigmoid", "sigmoid again"))
            sigmoids += 2 * (DOUBLE_SIGMOID in ends)
            bounded = "transformed" in marks or not ends <= UNBOUNDED_ENDS
            values = x.detach().float()
            use = LossUse(name, sigmoids, bounded, values.amin().item(), values.amax().item())
            self.trace.loss_uses.append(use)

    def look_at_result(self, func: Any, args: Any, kwargs: Any, out: Any) -> None:
        """Carry the marks of the arguments over to the results; look for shapes that do not fit."""
        inputs = list(tensors_in(args, kwargs))
        if not inputs:
            return
        name = getattr(func, "__name__", "")
        shape = tuple(inputs[0].shape)
        if name == "linear" and len(shape) == 4 and shape[1] in (1, 3) and shape[2] > 1:
            self.trace.linear_on_images.append(f"input {shape}")
        marks_of_each = [self._marks_of(x) for x in inputs]
        marks = NO_MARKS.union(*marks_of_each)
        if not marks:
            return
        if "output" in marks:
            if len(inputs) > 1 and "output" in marks_of_each[0] | marks_of_each[1]:
                self._look_for_broadcast(name, inputs[0], inputs[1])
            if name in ("sigmoid", "sigmoid_"):
                marks |= {"sigmoid again" if "sigmoid" in marks else "sigmoid"}
            elif name in TRANSFORMING:
                marks |= {"transformed"}
        results = list(tensors_in(out))
        if name == "__setitem__":
            results.append(inputs[0])
        for x in results:
            if not isinstance(x, nn.Parameter):
                self._marks[x] = self._marks_of(x) | marks

    def _look_for_broadcast(self, name: str, a: Tensor, b: Tensor) -> None:
        """Notice (N, 1) against (N,), which makes N x N numbers of N."""
        for x, y in ((a, b), (b, a)):
            if name in JOINING and x.ndim == 2 and x.shape[1] == 1 and y.ndim == 1 and len(y) == len(x) > 1:
                self.trace.broadcasts.append(f"{name} of shapes {tuple(a.shape)} and {tuple(b.shape)}")
