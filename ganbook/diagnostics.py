"""Look at a training step for the mistakes that GANs are usually trained with.

`lint_step` runs a step a few times on the reader's own networks, watches it from outside, puts everything
back as it was, and says what it saw. The step may be written in any style: what counts is what it does.
"""

from __future__ import annotations

import html
import inspect
import textwrap
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ganbook._watch import (
    FAKE,
    MODE_LAYERS,
    PLAYERS,
    REAL,
    UNCLEAR,
    Backward,
    D,
    G,
    Saved,
    Step,
    Watch,
    tensors_in,
)
from ganbook.errors import UserError

SEVERITIES = ("error", "warning", "note")

CHECKS: dict[str, str] = {
    "step runs": "it ends without an exception",
    "shapes": "samples, logits and labels fit, nothing is broadcast",
    "optimisers": "each holds the parameters of exactly one player, all of them",
    "discriminator moves": "every step of its optimiser changes it",
    "generator moves": "every step of its optimiser changes it",
    "turns": "each player moves in its own turn only",
    "order": "gradients are there when an optimiser steps",
    "gradients cleared": "no gradient is used in two steps",
    "one loss": "the players do not descend one common loss",
    "fake detached": "D's loss sends no gradient into G",
    "discriminator frozen": "G's loss leaves no gradient behind in D",
    "both terms": "D's loss looks at real and at generated samples",
    "condition": "D is given the same kinds of arguments with both",
    "labels": "D's turn pulls real and generated samples apart",
    "generator's goal": "G's turn pulls against D's, and raises D(G(z))",
    "min and max": "D minimises a loss, and does not minimise V",
    "idle term": "every term of G's loss depends on G",
    "saturation": "G's gradient is strong where D is sure",
    "logits and loss": "one sigmoid between D's last layer and the logarithm",
    "modes": "both players train in train mode",
    "batch norm": "eps is small",
    "data range": "real samples fill the range that G can reach",
    "finite": "losses and gradients are finite",
    "EMA": "the average follows G, buffers included",
    "sampling": "samples are drawn in eval mode, without a graph",
}
"""The checks by name, and what holds where they pass."""


@dataclass(frozen=True)
class Finding:
    """Something that a check found.

    `name` is the check's (a key of `CHECKS`); `severity` is "error" (training goes wrong), "warning" (it may,
    or time is wasted) or "note" (worth knowing); `message` says what it means, why it matters and what the
    right version is; `evidence` is what was seen.
    """

    name: str
    severity: str
    message: str
    evidence: str


@dataclass(frozen=True)
class Report:
    """What `lint_step` found. Printed, it is text; as the last line of a notebook cell, a table.

    `findings` come with the errors first; `passed` names the checks that found nothing; `skipped` those that
    could not be made, with the reason.
    """

    findings: tuple[Finding, ...]
    passed: tuple[str, ...]
    skipped: dict[str, str]

    @property
    def ok(self) -> bool:
        """Whether there is no error. There may be warnings and notes."""
        return not self.errors

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings of severity "error"."""
        return tuple(f for f in self.findings if f.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings of severity "warning"."""
        return tuple(f for f in self.findings if f.severity == "warning")

    def __contains__(self, name: str) -> bool:
        return any(f.name == name for f in self.findings)

    def __getitem__(self, name: str) -> Finding:
        """Return the most severe finding of a check.

        Raises
        ------
        KeyError
            If the check found nothing.
        """
        for found in self.findings:
            if found.name == name:
                return found
        raise KeyError(name)

    def _summary(self) -> str:
        counts = [(sum(f.severity == s for f in self.findings), s) for s in SEVERITIES]
        found = ", ".join(f"{n} {s}{'s' if n > 1 else ''}" for n, s in counts if n) or "nothing found"
        skipped = f", {len(self.skipped)} not made" if self.skipped else ""
        return f"lint_step: {found}; {len(self.passed)} checks passed{skipped}"

    def __str__(self) -> str:
        lines = [self._summary()]
        for f in self.findings:
            lines.append("")
            lines.append(f"{f.severity.upper()}: {f.name}")
            for text in (f.message, f"Seen: {f.evidence}"):
                lines += textwrap.wrap(text, 78, initial_indent="  ", subsequent_indent="  ")
        if self.skipped:
            lines.append("")
            reasons: dict[str, list[str]] = {}
            for name, reason in self.skipped.items():
                reasons.setdefault(reason, []).append(name)
            for reason, names in reasons.items():
                lines += textwrap.wrap(f"not made: {', '.join(names)} ({reason})", 78, subsequent_indent="  ")
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = [
            f"<tr><td style='{_CELL}'><strong>{f.severity}</strong></td>"
            f"<td style='{_CELL}'>{html.escape(f.name)}</td>"
            f"<td style='{_CELL}'>{html.escape(f.message)}<br>"
            f"<em>Seen: {html.escape(f.evidence)}</em></td></tr>"
            for f in self.findings
        ]
        head = "".join(f"<th style='{_CELL}'>{name}</th>" for name in ("severity", "check", "what and why"))
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>" if rows else ""
        passed = f"<p>Passed: {html.escape(', '.join(self.passed))}.</p>" if self.passed else ""
        skipped = "".join(f"<li>{html.escape(n)}: {html.escape(r)}</li>" for n, r in self.skipped.items())
        skipped = f"<p>Not made:</p><ul>{skipped}</ul>" if skipped else ""
        return f"<div><p><strong>{html.escape(self._summary())}</strong></p>{table}{passed}{skipped}</div>"


_CELL = "text-align: left; vertical-align: top; white-space: normal"

ABOUT_GRADIENTS = ("order", "gradients cleared", "one loss", "fake detached", "discriminator frozen")
ABOUT_GOALS = ("both terms", "labels", "generator's goal", "min and max", "idle term", "saturation")

# What D is made to say on (real, generated) samples while its loss is probed. Equal values first: where D
# cannot tell, the sign of dL/dD(x) shows where the loss wants each kind to go, whatever its form.
LOGITS = ((-0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))
PROBABILITIES = ((0.25, 0.25), (0.75, 0.75), (0.25, 0.75))

REAL_NAMES = {"real", "x", "images", "image", "imgs", "img", "real_imgs", "real_images", "real_cpu", "data",
              "batch", "samples", "real_samples", "inputs", "x_real", "real_batch", "real_data"}  # fmt: skip
LATENT_NAMES = {"z", "noise", "latent", "latents", "latent_vectors", "zs"}
LABEL_NAMES = {"labels", "label", "y", "classes", "targets", "c"}


def lint_step(
    step: Callable[..., Any] | None = None,
    generator: nn.Module | None = None,
    discriminator: nn.Module | None = None,
    *,
    discriminator_turn: Callable[..., Any] | None = None,
    generator_turn: Callable[..., Any] | None = None,
    optimizer_d: Optimizer | None = None,
    optimizer_g: Optimizer | None = None,
    real: Any = None,
    z: Any = None,
    labels: Any = None,
    ema: Any = None,
    sample: Callable[[], Any] | None = None,
    keep: Iterable[Any] = (),
    max_calls: int = 10,
) -> Report:
    """Run a training step a few times, watch it, put everything back, and say what is wrong with it.

    Networks, optimisers and random states are afterwards what they were. What else the step holds (an
    iterator over the data, a counter, a log) moves on; name in `keep` what should not.

    Parameters
    ----------
    step : callable, optional
        One whole iteration: the body of a training loop, as a function. Give this, or the two turns.
    generator, discriminator : nn.Module
        The networks that the step trains. Any shapes; the discriminator's first argument are the samples.
    discriminator_turn, generator_turn : callable, optional
        The two halves of an iteration, where they are functions of their own.
    optimizer_d, optimizer_g : Optimizer, optional
        The players' optimisers. Others are noticed when they step; given ones are checked by their name.
    real : optional
        A batch of real samples (or what the loader yields). Passed to functions that take an argument called
        real, x, images, data, ..., or whose first argument has another name.
    z : optional
        Latents, for functions that take an argument called z, noise, ..., or a second one.
    labels : optional
        Classes, for functions that take an argument called labels, y, ..., or a third one.
    ema : optional
        The moving average of the generator: a module, something that has one as `.module`, or a dictionary
        from the names in `generator.state_dict()` to tensors.
    sample : callable, optional
        What draws samples to look at, to be checked too.
    keep : iterable, optional
        What to put back beside: `torch.Generator`s, and whatever has `state_dict` and `load_state_dict`.
    max_calls : int
        Call the step at most so often until both players have moved (some loops move G every fifth time).

    Returns
    -------
    Report
        With `ok`, and findings named as in `CHECKS`. An exception of the step is a finding, too.

    Raises
    ------
    UserError
        If it is not told what to run, or the step takes an argument that was not given.

    Notes
    -----
    The direction of the losses is measured with D's own output replaced by equal numbers for real and
    generated samples: then dL/dD(x) shows where the loss wants each kind to go, for cross-entropy, least
    squares, hinge, Wasserstein and relativistic losses alike, and whatever D says at this moment.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from ganbook.losses import minimax_discriminator_loss, non_saturating_generator_loss
    >>> _ = torch.manual_seed(0)
    >>> G, D = nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 1), nn.Flatten(0))
    >>> opt_G, opt_D = torch.optim.SGD(G.parameters(), 0.1), torch.optim.SGD(D.parameters(), 0.1)
    >>> def step(real, z):
    ...     loss_D = minimax_discriminator_loss(D(real), D(G(z).detach()))
    ...     opt_D.zero_grad()
    ...     loss_D.backward()
    ...     opt_D.step()
    ...     loss_G = non_saturating_generator_loss(None, D(G(z)))
    ...     opt_G.zero_grad()
    ...     loss_G.backward()
    ...     opt_D.step()  # a slip of the pen
    >>> report = lint_step(step, G, D, real=torch.randn(8, 2) + 3, z=torch.randn(8, 2))
    >>> report.ok, [finding.name for finding in report.errors][0]
    (False, 'generator moves')
    """
    case = _Case(
        step, generator, discriminator, discriminator_turn, generator_turn, optimizer_d, optimizer_g,
        real, z, labels, ema, sample, max_calls,
    )  # fmt: skip
    networks = [case.generator, case.discriminator, *case.average_modules]
    others = [*keep, *([ema] if isinstance(ema, dict) else [])]
    for thing in others:
        if not isinstance(thing, torch.Generator | dict) and not hasattr(thing, "load_state_dict"):
            raise UserError(
                f"keep: got a {type(thing).__name__}; it takes torch.Generators and what has load_state_dict"
            )
    saved = Saved(networks, case.optimizers.values(), others)
    before = case.average()
    watch = case.watch(None, saved)
    try:
        problem = case.run(watch, twice=True)
        after = case.average()
        report = _Findings(case, watch, problem)
        report.look_at_steps()
        report.look_at_networks()
        if ema is not None and problem is None:
            report.look_at_average(before, after)
        saved.restore()
        probabilities = report.probabilities()
        probes: list[Watch] = []
        for real_value, fake_value in PROBABILITIES if probabilities else LOGITS:
            if problem is not None:
                break
            probe = case.watch({REAL: real_value, FAKE: fake_value}, saved)
            if case.run(probe) is not None:
                break
            probes.append(probe)
            saved.restore()
        if len(probes) == len(LOGITS) and (watch.steps or not case.whole):
            report.look_at_directions(probes)
        saved.restore()
        if sample is not None:
            report.look_at_sampling(sample)
    finally:
        saved.restore()
    return report.report()


class _Case:
    """The step, and how to call it."""

    def __init__(
        self,
        step: Callable[..., Any] | None,
        generator: nn.Module | None,
        discriminator: nn.Module | None,
        discriminator_turn: Callable[..., Any] | None,
        generator_turn: Callable[..., Any] | None,
        optimizer_d: Optimizer | None,
        optimizer_g: Optimizer | None,
        real: Any,
        z: Any,
        labels: Any,
        ema: Any,
        sample: Callable[[], Any] | None,
        max_calls: int,
    ) -> None:
        turns = [(D, discriminator_turn), (G, generator_turn)]
        if (step is None) == all(turn is None for _, turn in turns):
            raise UserError(
                "step: give one whole iteration as step=, or discriminator_turn= and generator_turn="
            )
        for name, value in [
            ("step", step),
            *((f"{who}_turn", turn) for who, turn in turns),
            ("sample", sample),
        ]:
            if value is not None and not callable(value):
                raise UserError(f"{name}: got a {type(value).__name__}; it takes a function")
        for name, network in ((G, generator), (D, discriminator)):
            if not isinstance(network, nn.Module):
                raise UserError(f"{name}: got a {type(network).__name__}; it takes a torch.nn.Module")
        for name, optimizer in (("optimizer_d", optimizer_d), ("optimizer_g", optimizer_g)):
            if optimizer is not None and not hasattr(optimizer, "param_groups"):
                raise UserError(f"{name}: got a {type(optimizer).__name__}; it takes an optimiser")
        if isinstance(max_calls, bool) or not isinstance(max_calls, int) or max_calls < 1:
            raise UserError(f"max_calls={max_calls!r}: it must be a whole number, at least 1")
        assert generator is not None
        assert discriminator is not None
        self.generator, self.discriminator = generator, discriminator
        self.networks = {G: generator, D: discriminator}
        self.given = {"real": real, "z": z, "labels": labels}
        self.real = next((x for x in tensors_in(real) if x.is_floating_point()), None)
        self.ema, self.sample, self.max_calls = ema, sample, max_calls
        self.whole = step is not None
        named = {"optimizer_d": optimizer_d, "optimizer_g": optimizer_g}
        self.optimizers = {k: _inner(v) for k, v in named.items() if v is not None}
        self.turns: list[tuple[str | None, Callable[[], Any]]] = []
        if step is not None:
            self.turns.append((None, self._bind("step", step)))
        else:
            self.turns += [(who, self._bind(f"{who}_turn", f)) for who, f in turns if f is not None]
        self.expected = set(PLAYERS) if self.whole else {who for who, _ in self.turns if who is not None}
        self.modes = {who: net.training for who, net in self.networks.items()}
        self.trainable = {who: {id(p) for p in net.parameters() if p.requires_grad} for who, net in
                          self.networks.items()}  # fmt: skip
        self.calls = 0
        if ema is not None and not isinstance(ema, dict | nn.Module) and self.average_modules == []:
            raise UserError(
                f"ema: got a {type(ema).__name__}; it takes a module, something with a .module, or a dict"
            )

    @property
    def average_modules(self) -> list[nn.Module]:
        """The EMA as a module, if it is one; an outer one (AveragedModel) has buffers of its own."""
        inner = getattr(self.ema, "module", None)
        return [m for m in (self.ema, inner) if isinstance(m, nn.Module)]

    def average(self) -> dict[str, Tensor]:
        """Return copies of the EMA's tensors, by their names in the generator."""
        if isinstance(self.ema, dict):
            return {k: v.detach().clone() for k, v in self.ema.items() if isinstance(v, Tensor)}
        if not self.average_modules:
            return {}
        return {k: v.detach().clone() for k, v in _named_tensors(self.average_modules[-1])}

    def watch(self, values: dict[int, float] | None, saved: Saved) -> Watch:
        optimizers = list(self.optimizers.values())
        optimizers += [o for o, *_ in saved.optimizers if not any(o is known for known in optimizers)]
        return Watch(
            self.generator, self.discriminator, optimizers, self.real, values, saved.add_optimizer
        )  # fmt: skip

    def run(self, watch: Watch, twice: bool = False) -> str | None:
        """Call the step until both players have had their turn; return what went wrong, if something did."""
        least = 2 if twice else 1
        with watch:
            for call in range(1, self.max_calls + 1):
                for turn, function in self.turns:
                    watch.turn = turn
                    try:
                        function()
                    except Exception as error:  # noqa: BLE001 - the reader's code: it may raise whatever it likes
                        return _describe(error)
                if twice:
                    self.calls = call
                stepped = {who for s in watch.steps for who in PLAYERS if s.holds[who]}
                if call >= least and (self.expected <= stepped or (not watch.steps and call >= 2)):
                    return None
        return None

    def _bind(self, name: str, function: Callable[..., Any]) -> Callable[[], Any]:
        """Return the function with those of real, z and labels that it takes."""
        try:
            parameters = list(inspect.signature(function).parameters.values())
        except (TypeError, ValueError):  # some built-in callables have no signature
            return function
        rest = list(self.given)
        positional, keywords = [], {}
        by_name = {}
        for p in parameters:
            for given, names in (("real", REAL_NAMES), ("z", LATENT_NAMES), ("labels", LABEL_NAMES)):
                if p.name.lower() in names and given in rest:
                    by_name[p.name] = given
                    rest.remove(given)
        for p in parameters:
            if p.kind is p.VAR_POSITIONAL:
                positional += [self.given[key] for key in rest if self.given[key] is not None]
                rest = []
                continue
            if p.kind is p.VAR_KEYWORD:
                continue
            key: str | None = by_name.get(p.name)
            optional = p.default is not p.empty
            if optional and (key is None or self.given[key] is None):
                continue
            if key is None and rest:
                key = rest.pop(0)
            if key is None or self.given[key] is None:
                takes = "real=, z= or labels=" if key is None else f"{key}="
                raise UserError(
                    f"{name}: it takes an argument {p.name!r}, for which nothing was given ({takes})"
                )
            if p.kind is p.KEYWORD_ONLY or optional:
                keywords[p.name] = self.given[key]
            else:
                positional.append(self.given[key])
        return lambda: function(*positional, **keywords)


def _inner(optimizer: Any) -> Optimizer:
    """Return the optimiser inside a wrapper such as Accelerate's."""
    return getattr(optimizer, "optimizer", optimizer)


def _named_tensors(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from module.named_parameters()
    yield from module.named_buffers()


def _describe(error: Exception) -> str:
    """Return an exception's text, and the line of the reader's code that raised it."""
    torch_home = str(Path(torch.__file__).parent)
    ours = (str(Path(__file__)), str(Path(__file__).with_name("_watch.py")))
    frames = [
        f for f in traceback.extract_tb(error.__traceback__)
        if not f.filename.startswith(torch_home) and f.filename not in ours
    ]  # fmt: skip
    where = f", at: {frames[-1].line}" if frames and frames[-1].line else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())}{where}"


def _name_of(step: Step, case: _Case) -> str:
    for name, optimizer in case.optimizers.items():
        if optimizer is step.optimizer:
            return name
    return f"an optimiser ({type(step.optimizer).__name__})"


class _Findings:
    """The judgement of what was watched."""

    def __init__(self, case: _Case, watch: Watch, problem: str | None) -> None:
        self.case, self.watch, self.problem = case, watch, problem
        self.findings: list[Finding] = []
        self.skipped: dict[str, str] = {}
        self.made: set[str] = set()

    def add(self, name: str, severity: str, message: str, evidence: str) -> None:
        assert name in CHECKS
        self.findings.append(Finding(name, severity, message, evidence))

    def report(self) -> Report:
        order = {name: i for i, name in enumerate(CHECKS)}
        found = sorted(self.findings, key=lambda f: (SEVERITIES.index(f.severity), order[f.name]))
        names = {f.name for f in found}
        why = "the step did not run to its end" if self.problem else "nothing to see in this step"
        reasons = {"EMA": "no ema was given", "sampling": "no sample was given"}
        if self.case.ema is not None:
            reasons.pop("EMA")
        if self.case.sample is not None:
            reasons.pop("sampling")
        reasons |= self.skipped
        skipped = {n: reasons.get(n, why) for n in CHECKS if n not in names and n not in self.made}
        return Report(tuple(found), tuple(n for n in CHECKS if n in self.made and n not in names), skipped)

    # ----------------------------------------------------------------------------- what happened

    def look_at_steps(self) -> None:
        """Who moved, when, and by whose gradient."""
        watch = self.watch
        self.made.add("step runs")
        self._what_it_raised()
        if not watch.discriminator_calls and not watch.generator_calls and self.problem is None:
            self.add(
                "step runs",
                "error",
                "The step called neither of these two networks. Pass the very objects that it uses.",
                "no forward pass of generator or discriminator",
            )
            return
        self._optimizers()
        if watch.steps or self.problem is None:
            self._moves()
        if self.problem is None and not watch.steps:
            for name in (*ABOUT_GRADIENTS, *ABOUT_GOALS):
                self.skipped[name] = "no optimiser stepped"
            return
        if self.problem is None:
            self.made |= {"turns", "finite", *ABOUT_GRADIENTS}
        self._order()
        self._gradients()
        self._finite()

    def _what_it_raised(self) -> None:
        text = self.problem
        if text is None:
            return
        reached_g = any(G in b.reached for b in self.watch.backwards)
        if "between 0 and 1" in text:
            self.add(
                "logits and loss",
                "error",
                "D returns logits, and BCELoss takes probabilities. Use BCEWithLogitsLoss on the logits "
                "(or one sigmoid before BCELoss).",
                text,
            )
        elif "inplace operation" in text:
            self.add(
                "order",
                "error",
                "A backward pass needs weights that an optimiser has changed since the forward pass: a "
                "loss was computed before the other player's step and used after it. Compute D(G(z)) for "
                "G's loss after D has moved.",
                text,
            )
        elif "second time" in text and reached_g:
            self.add(
                "fake detached",
                "error",
                "D's loss went back through G and freed the graph that G's loss needs. D should learn "
                "from G(z).detach(); the fake itself is then still whole for G's turn.",
                text,
            )
        elif any(key in text for key in ("shape", "size", "dimension", "channels", "Target", "broadcast")):
            self.add(
                "shapes",
                "error",
                "Tensors do not fit. Print the shapes of G(z), of a real batch and of D's output: the "
                "first two should be equal, and labels should have the shape of the third.",
                text,
            )
        else:
            self.add(
                "step runs",
                "error",
                "The step raised an exception, so little else could be checked.",
                text,
            )
        if "step runs" not in {f.name for f in self.findings}:
            self.made.discard("step runs")

    def _optimizers(self) -> None:
        case, watch = self.case, self.watch
        known = dict(case.optimizers)
        for step in watch.steps:
            if not any(step.optimizer is optimizer for optimizer in known.values()):
                known[f"{_name_of(step, case)}, number {len(known) + 1}"] = step.optimizer
        if not known:
            self.skipped["optimisers"] = "no optimiser was given, and none stepped"
            return
        self.made.add("optimisers")
        for name, optimizer in known.items():
            held = {id(p) for group in optimizer.param_groups for p in group["params"]}
            count = {who: len(held & watch.ids[who]) for who in PLAYERS}
            seen = " and ".join(
                f"{count[who]} of the {who}'s {len(watch.ids[who])} tensors" for who in PLAYERS
            )
            own = {"optimizer_d": D, "optimizer_g": G}.get(name)
            if all(count.values()) and own is None and all(
                any(s.holds[who] and not all(s.holds.values()) for s in watch.steps) for who in PLAYERS
            ):  # fmt: skip
                self.add(
                    "optimisers",
                    "note",
                    f"{name} holds parameters of both players, who have optimisers of their own, too. That "
                    "is right for a loss that both should lower (InfoGAN's has one), not for an "
                    "adversarial one.",
                    f"it holds {seen}",
                )
            elif all(count.values()):
                self.add(
                    "optimisers",
                    "error",
                    f"{name} holds parameters of both players, so each of its steps moves both. Give each "
                    "player an optimiser of its own.",
                    f"it holds {seen}",
                )
            elif own is not None and count[own] == 0:
                other = G if own == D else D
                why = (f"It holds the {other}'s." if count[other] else
                       "Was the network rebuilt or copied after the optimiser had been made?")  # fmt: skip
                self.add(
                    "optimisers",
                    "error",
                    f"{name} does not hold the {own}'s parameters, so its steps do not train it. {why} It "
                    f"takes {own}.parameters().",
                    f"it holds {seen}",
                )
            else:
                for who in PLAYERS:
                    missing = case.trainable[who] - held
                    elsewhere = {id(p) for o in known.values() for g in o.param_groups for p in g["params"]}
                    if count[who] and missing and not missing <= elsewhere:
                        self.add(
                            "optimisers",
                            "warning",
                            f"Part of the {who} is in no optimiser and stays as it was initialised. If "
                            f"that is not meant, pass all of {who}.parameters().",
                            f"{name} holds {seen}",
                        )

    def _moves(self) -> None:
        case, watch = self.case, self.watch
        changed = self._changed()
        for who in PLAYERS:
            name = f"{who} moves"
            if who not in case.expected:
                self.skipped[name] = f"no {who}_turn was given"
                continue
            steps = [s for s in watch.steps if s.holds[who]]
            if self.problem is None:
                self.made.add(name)
            still = [s for s in steps if who not in s.moved]
            calls = f"{case.calls} call{'s' if case.calls > 1 else ''}"
            if self.problem is None and not steps and who not in changed:
                self.add(
                    name,
                    "error",
                    f"The {who} never moves: no optimiser that holds its parameters takes a step. Look "
                    "which optimiser steps in its turn, and what that one holds.",
                    f"{calls}; steps of optimisers: "
                    + (", ".join(_name_of(s, case) for s in watch.steps) or "none"),
                )
            elif still:
                frozen = not any(p.requires_grad for p in case.networks[who].parameters())
                rates = {g["lr"] for s in still for g in s.optimizer.param_groups if "lr" in g}
                severity = "error"
                if frozen:
                    why = "Its parameters are frozen (requires_grad is False). Free them before its turn."
                elif rates == {0.0}:
                    why = "The learning rate is 0."
                elif all(self._flat(s, who) for s in still):
                    severity = "warning"
                    why = (
                        "Its loss is flat here: the gradient is exactly 0, as where a hinge is satisfied "
                        "or a sigmoid has rounded to 0 or 1. If that lasts, it has stopped learning."
                    )
                else:
                    why = (
                        "It had no gradient. Is its loss connected to it (no detach, no no_grad on the "
                        "way), and is backward() called between zero_grad() and step()?"
                    )
                self.add(
                    name,
                    severity,
                    f"A step of the {who}'s optimiser changes nothing. {why}",
                    f"{len(still)} of {len(steps)} steps in {calls}",
                )
        for step in watch.steps:
            if step.turn is None:
                continue
            other = G if step.turn == D else D
            if other in step.moved:
                self.add(
                    "turns",
                    "error",
                    f"The {other} moves in the {step.turn}'s turn. Only the {step.turn}'s optimiser should "
                    "step there.",
                    f"{_name_of(step, case)} steps, and the {other} has changed",
                )
                break

    def _flat(self, step: Step, who: str) -> bool:
        """Say whether a loss did look at D's outputs before this step, with no pull on them."""
        mine = [s.moment for s in self.watch.steps if s.optimizer is step.optimizer]
        last = max((moment for moment in mine if moment < step.moment), default=0)
        seen = [b for b in self.watch.backwards if last < b.moment < step.moment and any(b.rows.values())]
        seen = [b for b in seen if not any(b.used_by.values())]
        return any(not any(b.pull.values()) for b in seen)

    def _changed(self) -> set[str]:
        """Return the players that were changed, by an optimiser or without (nothing is put back yet)."""
        changed = {who for step in self.watch.steps for who in step.moved}
        for who in PLAYERS:
            start = self.watch.start[who]
            now = [p.detach() for p in self.watch.parameters[who]]
            if any(not torch.equal(a, b) for a, b in zip(start, now, strict=True)):
                changed.add(who)
        return changed

    def _order(self) -> None:
        watch = self.watch
        for step in watch.steps:
            for who in step.no_gradient - ({D} if step.holds[G] else set()):
                mine = [
                    s.moment for s in watch.steps if s.optimizer is step.optimizer and s.moment < step.moment
                ]
                since = max(mine, default=0)
                past = [b for b in watch.backwards if since < b.moment < step.moment and who in b.reached]
                later = [b for b in watch.backwards if b.moment > step.moment and who in b.reached
                         and b.first_user in (None, who)]  # fmt: skip
                if past:
                    why = (
                        "Its gradients were cleared between backward() and step(): zero_grad() belongs "
                        "before backward()."
                    )
                elif later and since == 0:
                    why = "It steps before backward() has run. The order is zero_grad(), backward(), step()."
                else:
                    continue
                self.add(
                    "order",
                    "error",
                    f"The {who}'s optimiser steps without gradients. {why}",
                    f"all gradients of the {who} were missing or zero at the step",
                )
                return

    def _gradients(self) -> None:
        """Follow each backward pass to the steps that used its gradients."""
        watch = self.watch
        shared = [b for b in watch.backwards if all(b.used_by[who] for who in PLAYERS)]
        used = [b for b in watch.backwards if any(b.used_by.values())]
        leaks = leaked(watch)
        both_hold = any(all(s.holds.values()) for s in watch.steps)
        if shared and len(shared) == len(used) and not both_hold:
            self.add(
                "one loss",
                "error",
                "One backward pass moves both players: they descend the same loss. What one gains the "
                "other gains too, so they cooperate, and nobody judges the samples. Give each player a "
                "loss of its own and a backward pass of its own.",
                f"the gradients of {len(shared)} of {len(used)} backward passes moved G and D",
            )
        elif not both_hold:
            if any(owner == D for owner in leaks.values()):
                self.add(
                    "fake detached",
                    "error",
                    "D's loss also moves G: its gradient went through the fake into G's parameters, and "
                    "G's optimiser used it. It pulls D(G(z)) down, against G's own loss. Train D on "
                    "G(z).detach(), and clear G's gradients before G's backward pass.",
                    "gradients of D's loss were still in G when G's optimiser stepped",
                )
            if any(owner == G for owner in leaks.values()):
                self.add(
                    "discriminator frozen",
                    "error",
                    "G's loss also moves D: it left gradients in D, and D's optimiser used them, so D "
                    "learns that fakes are real. Clear D's gradients before D's backward pass, or freeze "
                    "D (requires_grad_(False)) during G's turn.",
                    "gradients of G's loss were still in D when D's optimiser stepped",
                )
            reported = {f.name for f in self.findings}
            for b in used:
                owner = b.turn or b.first_user
                if b in shared:
                    continue
                if owner == D and G in b.reached and not reported & {"fake detached", "generator moves"}:
                    reported.add("fake detached")
                    self.add(
                        "fake detached",
                        "warning",
                        "D's loss sends gradients into G. G's optimiser does not use them (they are "
                        "cleared in time), so this is waste, not harm: the whole backward pass through G "
                        "for nothing. Train D on G(z).detach(), or make the fake under torch.no_grad().",
                        "after D's backward pass G had gradients; they were cleared before G's step",
                    )
                if owner == G and D in b.reached and "discriminator frozen" not in reported:
                    reported.add("discriminator frozen")
                    self.add(
                        "discriminator frozen",
                        "note",
                        "G's loss leaves gradients in D. They are cleared before D's next step, so this "
                        "is waste, not harm. Freezing D during G's turn saves the time; forgetting "
                        "zero_grad() would make it a mistake.",
                        "after G's backward pass D had gradients; D's step did not use them",
                    )
        again = [(who, b) for b in watch.backwards for who in PLAYERS if len(b.used_by[who]) > 1]
        if again:
            who = again[0][0]
            self.add(
                "gradients cleared",
                "error",
                f"Gradients of the {who} are used twice: they are never cleared, so each step adds all "
                f"former gradients. Call zero_grad() before each backward pass of the {who}'s turn.",
                f"{len(again)} backward passes went into more than one step",
            )

    def _finite(self) -> None:
        bad = [b for b in self.watch.backwards if not b.finite]
        steps = [s for s in self.watch.steps if not s.finite]
        if bad or steps:
            what = "a loss" if bad else "a gradient"
            self.add(
                "finite",
                "error",
                f"{what.capitalize()} is infinite or not a number, and every weight that it reaches will "
                "be too. Compute losses from logits (softplus, BCEWithLogitsLoss), lower the learning "
                "rate, and look at the data.",
                f"{len(bad)} losses and the gradients of {len(steps)} steps are not finite",
            )

    # ----------------------------------------------------------------------------- networks and data

    def probabilities(self) -> bool:
        """Say whether D's outputs are probabilities."""
        calls = [c for c in self.watch.discriminator_calls if c.output is not None]
        if not calls:
            return False
        ends = {c.last for c in calls if c.graph}
        inside = all(c.low >= 0 and c.high <= 1 for c in calls)
        plain_bce = any(u.function == "binary_cross_entropy" and not u.sigmoids for u in self.watch.loss_uses)
        return inside and (ends <= {"Sigmoid", "Sigmoid of Sigmoid"} or plain_bce)

    def look_at_networks(self) -> None:
        """Shapes, modes, ranges, and whether D's output suits the loss."""
        self._shapes()
        self._logits_and_loss()
        self._modes()
        self._batch_norm()
        self._data_range()
        self._condition()

    def _shapes(self) -> None:
        watch = self.watch
        calls = watch.discriminator_calls
        if calls and "shapes" not in {f.name for f in self.findings}:
            self.made.add("shapes")
        real = {c.shape[1:] for c in calls if bool((c.kinds == REAL).all())}
        fake = {c.shape[1:] for c in calls if bool((c.kinds == FAKE).all())}
        if real and fake and real.isdisjoint(fake):
            self.add(
                "shapes",
                "error",
                "Real and generated samples have different shapes, so D can tell them by their size "
                "alone. Make G's output the shape of the data.",
                f"real {_list(real)}, generated {_list(fake)}",
            )
        if watch.broadcasts:
            self.add(
                "shapes",
                "error",
                "Outputs of shape (N, 1) meet labels or outputs of shape (N,). PyTorch makes N x N "
                "numbers of them, each sample against each, and the mean means something else. Flatten "
                "D's output, or give the labels its shape.",
                watch.broadcasts[0],
            )
        if watch.linear_on_images:
            self.add(
                "shapes",
                "warning",
                "A linear layer is applied to an image. It works on the last axis only, each row of "
                "pixels by itself. Flatten the image first, or use a convolution.",
                watch.linear_on_images[0],
            )

    def _logits_and_loss(self) -> None:
        name = "logits and loss"
        uses = self.watch.loss_uses
        if not uses:
            if self.problem is None:
                self.skipped[name] = "the loss takes no logarithm of D's output"
            return
        self.made.add(name)
        logit_forms = {"binary_cross_entropy_with_logits", "softplus", "log_sigmoid", "logsigmoid"}
        for use in uses:
            seen = f"{use.function} on values from {use.low:.3g} to {use.high:.3g}"
            if use.sigmoids >= 2:
                self.add(
                    name,
                    "error",
                    "Two sigmoids follow each other: probabilities are squeezed into 0.5 to 0.73, and D "
                    "can never say no. Keep one: BCEWithLogitsLoss on logits, or one sigmoid before "
                    "BCELoss.",
                    seen,
                )
                return
            if use.function in logit_forms and use.sigmoids == 1:
                self.add(
                    name,
                    "error",
                    "A sigmoid comes before a loss that applies one itself: D's answers are squeezed into "
                    "0.5 to 0.73, and D can never say no. Leave the sigmoid out.",
                    seen,
                )
                return
            if use.function not in logit_forms and use.sigmoids == 0 and not use.bounded:
                if any(f.name == name for f in self.findings):
                    return
                self.add(
                    name,
                    "error",
                    "The loss takes a logarithm of probabilities, and D returns logits, which may be any "
                    "number. Use the form for logits (BCEWithLogitsLoss, softplus).",
                    seen,
                )
                return
        if any(use.function not in logit_forms and use.sigmoids == 1 for use in uses):
            self.add(
                name,
                "note",
                "The loss is computed from probabilities. Where the sigmoid rounds to 0 or 1 the "
                "logarithm is cut off and the gradient is lost; from logits (BCEWithLogitsLoss, softplus) "
                "it is not.",
                f"sigmoid, then {uses[0].function}",
            )

    def _modes(self) -> None:
        watch, case = self.watch, self.case
        if not watch.generator_calls and not watch.discriminator_calls:
            return
        self.made.add("modes")
        for who, calls in ((G, [c for c in watch.generator_calls if c.graph or c.judged]),
                           (D, watch.discriminator_calls)):  # fmt: skip
            layers = sorted(
                {type(m).__name__ for m in case.networks[who].modules() if isinstance(m, MODE_LAYERS)}
            )
            resting = [c for c in calls if not c.training]
            if layers and resting:
                start = (
                    ""
                    if case.modes[who]
                    else " It was in eval mode when the step began: did sampling leave it?"
                )
                self.add(
                    "modes",
                    "warning",
                    f"The {who} trains in eval mode, where {' and '.join(layers)} do something else: "
                    f"BatchNorm uses and keeps old statistics, dropout is off. Call {who}.train() at the "
                    f"start of the step.{start}",
                    f"{len(resting)} of {len(calls)} forward passes in eval mode",
                )
        mixed = [
            c for c in watch.discriminator_calls if bool((c.kinds == REAL).any() & (c.kinds == FAKE).any())
        ]
        norms = [m for m in case.discriminator.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
        if mixed and norms and any(c.training for c in mixed):
            self.add(
                "modes",
                "note",
                "Real and generated samples go through D's BatchNorm in one batch: each is normalised "
                "with statistics of both, and in G's turn with those of fakes alone. Two calls keep them "
                "apart.",
                f"{len(mixed)} calls of D on mixed batches",
            )

    def _batch_norm(self) -> None:
        self.made.add("batch norm")
        for who, network in self.case.networks.items():
            wide = sorted({m.eps for m in network.modules()
                           if isinstance(m, nn.modules.batchnorm._NormBase) and m.eps > 0.01})  # fmt: skip
            if wide:
                self.add(
                    "batch norm",
                    "warning",
                    f"A BatchNorm of the {who} has a large eps. The second argument of BatchNorm2d is eps, "
                    "not momentum: it is added to the variance, so weak channels are not normalised. "
                    f"Write momentum={wide[0]:g} if that was meant (PyTorch counts it from the other side: "
                    "0.2 there is 0.8 in Keras).",
                    f"eps={', '.join(f'{eps:g}' for eps in wide)}",
                )

    def _data_range(self) -> None:
        watch = self.watch
        ends = {c.last for c in watch.generator_calls if c.graph and c.judged} - {None}
        bounds = {"Tanh": (-1.0, 1.0), "Sigmoid": (0.0, 1.0)}.get(next(iter(ends), "") or "")
        real = [c.range[REAL] for c in watch.discriminator_calls if REAL in c.range]
        fake = [c.range[FAKE] for c in watch.discriminator_calls if FAKE in c.range]
        if len(ends) != 1 or bounds is None:
            self.skipped["data range"] = "G does not end in tanh or sigmoid, so its range is not known"
            return
        if not real or not fake:
            return
        low, high = bounds
        if min(f[0] for f in fake) < low - 1e-3 or max(f[1] for f in fake) > high + 1e-3:
            self.skipped["data range"] = "noise or augmentation widens what D sees"
            return
        self.made.add("data range")
        least, most = min(r[0] for r in real), max(r[1] for r in real)
        seen = f"real samples from {least:.3g} to {most:.3g}, G's range {low:g} to {high:g}"
        scale = "x / 127.5 - 1 for bytes" if low < 0 else "x / 255 for bytes"
        if least < low - 0.05 or most > high + 0.05:
            self.add(
                "data range",
                "error",
                "Real samples lie outside of what G can make, so D tells them by their values alone. They "
                f"are not normalised, or twice. Once is right: {scale}.",
                seen,
            )
        elif most - least < 0.25 * (high - low):
            self.add(
                "data range",
                "error",
                "Real samples fill only a sliver of G's range, as after normalising twice. Once is right: "
                f"{scale}.",
                seen,
            )
        elif low < 0 and least > -0.05:
            self.add(
                "data range",
                "warning",
                "Real samples have no negative values, but G ends in tanh, which reaches -1 to 1. Scale "
                f"them ({scale}), or end G in a sigmoid.",
                seen,
            )

    def _condition(self) -> None:
        calls = self.watch.discriminator_calls
        counts = {
            kind: {c.arguments for c in calls if bool((c.kinds == kind).all())} for kind in (REAL, FAKE)
        }
        if not counts[REAL] or not counts[FAKE]:
            return
        self.made.add("condition")
        if counts[REAL].isdisjoint(counts[FAKE]):
            self.add(
                "condition",
                "error",
                "D is given something with one kind of samples that it is not given with the other "
                "(labels, say). Then it judges by what it is given, not by the samples: D(x, y) needs "
                "D(G(z, y), y).",
                f"{_list(counts[REAL])} tensors with real samples, {_list(counts[FAKE])} with generated ones",
            )

    # ----------------------------------------------------------------------------- directions

    def look_at_directions(self, probes: Sequence[Watch]) -> None:
        """Where the losses want D's outputs to go, with D's outputs replaced by numbers that we choose."""
        own = [{who: _own(watch, who, self.case) for who in PLAYERS} for watch in probes]
        low, high, unequal = own
        d_real, d_fake = ([_pull(p[D], kind) for p in (low, high)] for kind in (REAL, FAKE))
        g_fake = [_pull(p[G], FAKE) for p in (low, high)]
        rows = {kind: sum(b.rows[kind] for b in low[D]) for kind in (REAL, FAKE, UNCLEAR)}
        unclear = rows[UNCLEAR] > 0 and (rows[REAL] == 0 or rows[FAKE] == 0)
        up = None  # does D's loss want real samples to have the larger output?
        if D in self.case.expected and low[D] and not unclear and sum(rows.values()):
            up = self._discriminators_goal(d_real, d_fake, rows, g_fake)
        elif D in self.case.expected:
            for name in ("both terms", "labels", "min and max"):
                self.skipped[name] = "it could not be seen which of D's outputs are for real samples"
        if G not in self.case.expected or not low[G] or not any(b.rows[FAKE] for b in low[G]):
            for name in ("generator's goal", "saturation", "idle term"):
                self.skipped[name] = "G's loss was not seen to look at D(G(z))"
            return
        self._generators_goal(up, d_fake, g_fake, low, high, unequal)

    def _discriminators_goal(
        self, d_real: list[float], d_fake: list[float], rows: dict[int, int], g_fake: list[float]
    ) -> bool | None:
        self.made |= {"both terms", "labels", "min and max"}
        pulls = (
            f"dL/dD(x), summed, where D says the same to all: {d_real[0]:+.2g} on real and "
            f"{d_fake[0]:+.2g} on generated samples (descent goes against the sign)"
        )
        none = [kind for kind, pull in ((REAL, d_real), (FAKE, d_fake)) if not rows[kind] or not any(pull)]
        if none:
            missing, words = ("real", "D(x)") if none[0] == REAL else ("generated", "D(G(z))")
            self.add(
                "both terms",
                "error",
                f"D's loss has no term for {missing} samples, so D learns one answer for everything. It "
                "needs both: -log D(x) - log(1 - D(G(z))), or their like.",
                f"no gradient reaches {words}; " + pulls,
            )
            return None
        apart = [r - f for r, f in zip(d_real, d_fake, strict=True)]
        size = sum(abs(v) for v in (*d_real, *d_fake))
        if abs(sum(apart)) < 0.05 * size:
            self.add(
                "labels",
                "error",
                "D's loss pulls real and generated samples the same way: they have the same label, and "
                "there is nothing to tell apart. Real samples get 1, generated ones 0.",
                pulls,
            )
            return None
        up = sum(apart) < 0  # descent raises D on real samples
        margin = 0.05 * size
        concave = d_real[1] < d_real[0] - margin and d_fake[1] < d_fake[0] - margin
        if concave:
            self.add(
                "min and max",
                "error",
                "Minimum and maximum are exchanged: D descends V instead of ascending it. Its loss has no "
                "lower bound, and the surer D is, the harder it pulls. D's loss is -V, which is binary "
                "cross-entropy with 1 for real and 0 for generated samples.",
                f"dL/dD falls where D's output rises (from {d_real[0]:+.2g} to {d_real[1]:+.2g} on real "
                "samples): the loss is concave",
            )
            return up
        with_d = any(g < 0 for g in g_fake) and not _opposed(g_fake, d_fake)
        if not up and with_d:
            self.add(
                "labels",
                "error",
                "Real and generated are exchanged in D's loss: D learns to call fakes real, and G, who "
                "raises D(G(z)), is helped by it. Give real samples 1 and generated ones 0; where both "
                "are concatenated, the labels must come in the same order.",
                pulls,
            )
        elif not up and G not in self.case.expected:
            self.add(
                "labels",
                "error",
                "D's loss lowers D on real samples and raises it on generated ones. With 1 for real, as "
                "usual, the labels are exchanged.",
                pulls,
            )
        elif not up:
            self.add(
                "labels",
                "note",
                "Here D says how likely a sample is generated: 1 for fakes, 0 for real. G's loss fits "
                "that, so the game is right; only read D's outputs the other way round.",
                pulls,
            )
        return up

    def _generators_goal(
        self,
        up: bool | None,
        d_fake: list[float],
        g_fake: list[float],
        low: dict[str, list[Backward]],
        high: dict[str, list[Backward]],
        unequal: dict[str, list[Backward]],
    ) -> None:
        self.made |= {"generator's goal", "saturation", "idle term"}
        names = {f.name for f in self.findings}
        pulls = f"dL_G/dD(G(z)), summed: {g_fake[0]:+.2g} and {g_fake[1]:+.2g}"
        if D in self.case.expected and any(d_fake):
            against = _opposed(g_fake, d_fake)
        else:
            against = any(g < 0 for g in g_fake)
        if not any(g_fake):
            self.skipped["generator's goal"] = "G's loss does not pull on D(G(z))"
            self.made.discard("generator's goal")
        elif not against and not names & {"labels", "min and max", "one loss"}:
            self.add(
                "generator's goal",
                "error",
                "G's loss pulls D(G(z)) the same way as D's loss does: G learns to be recognised. In G's "
                "turn fakes get the label of real samples: G minimises -log D(G(z)).",
                f"{pulls}; in D's turn {d_fake[0]:+.2g} and {d_fake[1]:+.2g}",
            )
        margin = 0.05 * sum(abs(g) for g in g_fake)
        sure, unsure = reversed(g_fake) if up is False else g_fake  # where D says "generated", and "real"
        if against and abs(unsure) > abs(sure) + margin:
            self.add(
                "saturation",
                "note",
                "G's loss saturates: its gradient is weakest where D is surest that a sample is fake, as "
                "it is early in training. -log D(G(z)) (the non-saturating loss) has the same goal and "
                "pulls hardest there.",
                pulls,
            )
        idle = any(b.rows[REAL] for b in low[G])
        if idle and any(_pull(p[G], REAL) for p in (low, high)):
            alone, with_other = _pull(high[G], FAKE), _pull(unequal[G], FAKE)
            if abs(alone - with_other) <= 1e-4 * max(abs(alone), 1e-12):
                self.add(
                    "idle term",
                    "warning",
                    "G's loss has a term of D(x), real samples, that changes nothing for G: it has no "
                    "gradient with respect to G, and costs a pass through D. Leave it out. (A "
                    "relativistic loss does need D(x): there both outputs stand in one term.)",
                    "other values of D(x) leave the gradient on D(G(z)) as it was",
                )

    # ----------------------------------------------------------------------------- average and samples

    def look_at_average(self, before: dict[str, Tensor], after: dict[str, Tensor]) -> None:
        """Whether the moving average followed the generator (which has not been put back yet)."""
        case, watch = self.case, self.watch
        self.made.add("EMA")
        live = dict(_named_tensors(case.generator))
        learned = {name for name, p in case.generator.named_parameters()}
        modules = case.average_modules
        if modules and any(
            a.data_ptr() == b.data_ptr()
            for a, b in zip(modules[-1].parameters(), live.values(), strict=False)
        ):
            self.add(
                "EMA",
                "error",
                "The average is the generator itself: both share their tensors. Make it a deep copy "
                "(copy.deepcopy(generator)).",
                "the same memory",
            )
            return
        start = dict(zip([n for n, _ in _named_tensors(case.generator)], watch.start_all, strict=True))
        moved = [
            n for n in live if live[n].is_floating_point() and not torch.equal(start[n], live[n].detach())
        ]
        missing = [n for n in moved if n not in after]
        still = [n for n in moved if n in after and torch.equal(before[n], after[n])]
        for kind, names in (("parameters", [n for n in moved if n in learned]),
                            ("buffers", [n for n in moved if n not in learned])):  # fmt: skip
            lost = [n for n in names if n in missing or n in still]
            if not lost:
                continue
            some = ", ".join(lost[:3]) + ", ..." * (len(lost) > 3)
            share = f"{len(lost)} of {len(names)} {kind} that G changed ({some})"
            if kind == "buffers":
                text = (
                    "The average forgets the buffers: BatchNorm's running statistics stay those of the "
                    "first step, and the averaged weights are used with statistics that do not fit them. "
                    "Average or copy generator.buffers() too."
                )
            elif len(lost) == len(names):
                text = (
                    "The average does not move with the generator. Update it after each step of G (if "
                    "your loop does that elsewhere, put the line into the step)."
                )
            else:
                text = "The average leaves out part of the generator, which stays as it was initialised."
            self.add(
                "EMA",
                "error",
                text,
                f"unchanged or missing: {share}",
            )
        pairs = [n for n in moved if n in learned and n in after and n not in still]
        toward = sum(
            float(((after[n] - before[n]) * (live[n].detach() - before[n]).to(before[n])).sum())
            for n in pairs
        )
        if pairs and toward <= 0:
            self.add(
                "EMA",
                "error",
                "The average moves away from the generator. It is average <- decay * average + (1 - "
                "decay) * value.",
                "its step points away from G's weights",
            )
        layers = [m for m in modules[-1].modules() if isinstance(m, MODE_LAYERS)] if modules else []
        if layers and any(m.training for m in layers):
            self.add(
                "EMA",
                "warning",
                "The average is in train mode. It never trains: call .eval() on it once, or sampling will "
                "use and change batch statistics.",
                "its BatchNorm or dropout layers have training=True",
            )

    def look_at_sampling(self, sample: Callable[[], Any]) -> None:
        """Draw samples as the reader does."""
        case = self.case
        seen: list[tuple[bool, bool]] = []
        nets = [case.generator, *case.average_modules[-1:]]
        before = {id(net): net.training for net in nets}

        def note(module: nn.Module, args: Any, output: Any) -> None:
            layers = any(isinstance(m, MODE_LAYERS) and m.training for m in module.modules())
            seen.append((layers, any(x.requires_grad for x in tensors_in(output))))

        handles = [net.register_forward_hook(note) for net in nets]
        try:
            sample()
        except Exception as error:  # noqa: BLE001 - the reader's code, as above
            self.add(
                "sampling",
                "error",
                "Sampling raised an exception.",
                _describe(error),
            )
            return
        finally:
            for handle in handles:
                handle.remove()
        if not seen:
            self.skipped["sampling"] = "it called neither the generator nor its average"
            return
        self.made.add("sampling")
        if any(training for training, _ in seen):
            self.add(
                "sampling",
                "error",
                "Samples are drawn in train mode: BatchNorm uses the statistics of this batch, so each "
                "sample depends on its neighbours, and sampling changes the running statistics. Call "
                ".eval() first and .train() afterwards.",
                "training=True during the forward pass",
            )
        if any(graph for _, graph in seen):
            self.add(
                "sampling",
                "note",
                "Samples carry a graph, which costs memory. Use torch.no_grad().",
                "requires_grad=True on the samples",
            )
        changed = [net for net in nets if net.training != before[id(net)]]
        if case.generator in changed and not case.generator.training:
            self.add(
                "sampling",
                "warning",
                "Sampling leaves the generator in eval mode, in which it then trains. Call .train() "
                "afterwards.",
                "training=True before, False after",
            )


def _opposed(g_fake: Sequence[float], d_fake: Sequence[float]) -> bool:
    """Say whether G's and D's losses pull D(G(z)) apart at one value at least."""
    return any(g * d < 0 for g, d in zip(g_fake, d_fake, strict=True))


def _pull(records: Iterable[Backward], kind: int) -> float:
    return sum(b.pull[kind] for b in records)


def leaked(watch: Watch) -> dict[int, str]:
    """Return the backward passes (by moment) that moved both players, and whose loss each was."""
    owners = {}
    for b in watch.backwards:
        if not all(b.used_by[who] for who in PLAYERS):
            continue
        first, second = sorted((min(b.used_by[who]), who) for who in PLAYERS)
        between = any(first[0] < other.moment < second[0] for other in watch.backwards)
        if b.turn is not None:
            owners[b.moment] = b.turn
        elif between:
            owners[b.moment] = first[1]
        else:  # both stepped in one go: a loss without real samples is G's
            owners[b.moment] = D if b.rows[REAL] else G
    return owners


def _own(watch: Watch, who: str, case: _Case) -> list[Backward]:
    """Return the backward passes of a player's own loss."""
    leaks = leaked(watch)
    found = [b for b in watch.backwards if b.used_by[who] and leaks.get(b.moment, who) == who]
    if not found and not case.whole:
        found = [b for b in watch.backwards if b.turn == who]
    return found


def _list(things: Iterable[Any]) -> str:
    return " or ".join(str(thing) for thing in sorted(things))
