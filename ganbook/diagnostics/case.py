"""The step and what belongs to it, as the reader gives them; and how the step is called."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ganbook.diagnostics.tensors import tensors_in
from ganbook.diagnostics.trace import DISCRIMINATOR, GENERATOR, PLAYERS
from ganbook.errors import UserError

# The names that parameters of a step have, in lower case.
REAL_NAMES = {"real", "x", "images", "image", "imgs", "img", "real_imgs", "real_images", "real_cpu", "data",
              "batch", "samples", "real_samples", "inputs", "x_real", "real_batch", "real_data"}  # fmt: skip
LATENT_NAMES = {"z", "noise", "latent", "latents", "latent_vectors", "zs"}
LABEL_NAMES = {"labels", "label", "y", "classes", "targets", "c"}


# The arguments that are functions of the loop, and whose turn each is.
FUNCTIONS = (("step", None), (f"{DISCRIMINATOR}_turn", DISCRIMINATOR), (f"{GENERATOR}_turn", GENERATOR))


@dataclass(eq=False)
class Case:
    """What the reader gives to `lint_step`, which says what the fields are.

    Raises
    ------
    UserError
        If something is missing, or of another kind.
    """

    generator: Any
    discriminator: Any
    step: Any = None
    discriminator_turn: Any = None
    generator_turn: Any = None
    optimizer_d: Any = None
    optimizer_g: Any = None
    real: Any = None
    z: Any = None
    labels: Any = None
    ema: Any = None
    sample: Any = None
    keep: tuple[Any, ...] = ()
    max_calls: int = 10
    turns: list[tuple[str | None, Callable[[], Any]]] = field(init=False)  # one call of the step: who, what

    def __post_init__(self) -> None:
        _check_functions(self)
        _check_players(self)
        inputs = {"real": self.real, "z": self.z, "labels": self.labels}
        functions = [(name, who, getattr(self, name)) for name, who in FUNCTIONS]
        self.turns = [(who, bind(name, f, inputs)) for name, who, f in functions if f is not None]
        _check_average(self)
        _check_keep(self)

    @property
    def whole(self) -> bool:
        """Whether the step is one whole iteration, not two turns."""
        return self.step is not None

    @property
    def expected(self) -> set[str]:
        """The players who should move."""
        return set(PLAYERS) if self.whole else {who for who, _ in self.turns if who is not None}

    @property
    def networks(self) -> dict[str, nn.Module]:
        """The players by name."""
        return {GENERATOR: self.generator, DISCRIMINATOR: self.discriminator}

    @property
    def optimizers(self) -> dict[str, Optimizer]:
        """The optimisers by the names of their arguments, without a wrapper such as Accelerate's."""
        by_name = {"optimizer_d": self.optimizer_d, "optimizer_g": self.optimizer_g}
        return {name: getattr(o, "optimizer", o) for name, o in by_name.items() if o is not None}

    @property
    def real_batch(self) -> Tensor | None:
        """The real samples in what the loader yields."""
        return next((x for x in tensors_in(self.real) if x.is_floating_point()), None)

    @property
    def average_modules(self) -> list[nn.Module]:
        """The EMA as a module, if it is one; an outer one (AveragedModel) has buffers of its own."""
        inner = getattr(self.ema, "module", None)
        return [m for m in (self.ema, inner) if isinstance(m, nn.Module)]


def _check_functions(case: Case) -> None:
    turns = (case.discriminator_turn, case.generator_turn)
    if case.whole == any(turn is not None for turn in turns):
        raise UserError("step: give one whole iteration as step=, or discriminator_turn= and generator_turn=")
    for name in (*(name for name, _ in FUNCTIONS), "sample"):
        value = getattr(case, name)
        if value is not None and not callable(value):
            raise UserError(f"{name}: got a {type(value).__name__}; it takes a function")


def _check_players(case: Case) -> None:
    for who, network in case.networks.items():
        if not isinstance(network, nn.Module):
            raise UserError(f"{who}: got a {type(network).__name__}; it takes a torch.nn.Module")
    for name, optimizer in (("optimizer_d", case.optimizer_d), ("optimizer_g", case.optimizer_g)):
        if optimizer is not None and not hasattr(optimizer, "param_groups"):
            raise UserError(f"{name}: got a {type(optimizer).__name__}; it takes an optimiser")


def _check_average(case: Case) -> None:
    if case.ema is not None and not isinstance(case.ema, dict) and not case.average_modules:
        raise UserError(
            f"ema: got a {type(case.ema).__name__}; it takes a module, something with a .module, or a dict"
        )


def _check_keep(case: Case) -> None:
    for thing in case.keep:
        if not isinstance(thing, torch.Generator | dict) and not hasattr(thing, "load_state_dict"):
            raise UserError(
                f"keep: got a {type(thing).__name__}; it takes torch.Generators and what has load_state_dict"
            )


def bind(name: str, function: Callable[..., Any], inputs: dict[str, Any]) -> Callable[[], Any]:
    """Return a function with those of the inputs that it takes.

    Parameters
    ----------
    name : str
        Of the function, for the refusal.
    function : callable
        Its parameters are matched by their names, those of other names by their order.
    inputs : dict
        "real", "z" and "labels", None where nothing was given.

    Raises
    ------
    UserError
        If there is nothing to pass for a parameter.
    """
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # some built-in callables have no signature
        return function
    by_name = _match_names(parameters, inputs)
    rest = [key for key in inputs if key not in by_name.values()]
    positional: list[Any] = []
    keywords: dict[str, Any] = {}
    for p in parameters:
        if p.kind is p.VAR_POSITIONAL:
            positional += [inputs[key] for key in rest if inputs[key] is not None]
            rest = []
        if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            continue
        key = by_name.get(p.name)
        optional = p.default is not p.empty
        if optional and (key is None or inputs[key] is None):
            continue
        if key is None and rest:
            key = rest.pop(0)
        if key is None or inputs[key] is None:
            takes = "real=, z= or labels=" if key is None else f"{key}="
            raise UserError(f"{name}: it takes an argument {p.name!r}, for which nothing was given ({takes})")
        if p.kind is p.KEYWORD_ONLY or optional:
            keywords[p.name] = inputs[key]
        else:
            positional.append(inputs[key])
    return lambda: function(*positional, **keywords)


def _match_names(parameters: list[inspect.Parameter], inputs: dict[str, Any]) -> dict[str, str]:
    """Return the input of each parameter that has one of the usual names."""
    names = {"real": REAL_NAMES, "z": LATENT_NAMES, "labels": LABEL_NAMES}
    by_name: dict[str, str] = {}
    for p in parameters:
        for key in inputs:
            if p.name.lower() in names[key] and key not in by_name.values():
                by_name[p.name] = key
    return by_name
