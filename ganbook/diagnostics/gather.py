"""Run a reader's step, watch it, and put everything back: from the case to the evidence."""

from __future__ import annotations

import os
import traceback
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ganbook.diagnostics.case import Case
from ganbook.diagnostics.evidence import MODE_LAYERS, AverageRecord, Evidence, Probes, SamplingRecord
from ganbook.diagnostics.saved import Saved
from ganbook.diagnostics.tensors import named_tensors, tensors_in
from ganbook.diagnostics.trace import DOUBLE_SIGMOID, FAKE, PLAYERS, REAL, Trace
from ganbook.diagnostics.watch import Watch

# What D is made to say on (real, generated) samples while its loss is probed. Equal values first: where D
# cannot tell, the sign of dL/dD(x) shows where the loss wants each kind to go, whatever its form.
LOGITS = ((-0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))
PROBABILITIES = ((0.25, 0.25), (0.75, 0.75), (0.25, 0.75))

# Where the code is that is not the reader's: torch (and torchvision and their like beside it), and this room.
NOT_THE_READERS = (str(Path(torch.__file__).parent), f"{Path(__file__).parent}{os.sep}")


def gather(case: Case) -> Evidence:
    """Run the step as it is, then with numbers in place of D's output, then draw samples.

    Parameters
    ----------
    case : Case
        What the reader gave. Networks, optimisers and random states are afterwards what they were.

    Returns
    -------
    Evidence
        An exception of the step is a part of it.
    """
    others = [*case.keep, *([case.ema] if isinstance(case.ema, dict) else [])]
    saved = Saved([*case.networks.values(), *case.average_modules], case.optimizers.values(), others)
    watch = _watch(case, saved)
    average_before, generator_before = _average_tensors(case), _copies(named_tensors(case.generator))
    try:
        problem, calls = _run(case, watch, least=2)
        trace = watch.trace
        if problem is None and not trace.called:
            trace.steps, trace.backwards = [], []  # they are of other networks
        changed = _changed(watch, saved)
        frozen = frozenset(who for who in PLAYERS if not _wants_gradients(case.networks[who]))
        average = None
        if case.ema is not None and problem is None:
            average = _look_at_average(case, average_before, generator_before)
        saved.restore()
        probes = _probe(case, trace, saved) if problem is None else None
        saved.restore()
        sampling = _draw_samples(case) if case.sample is not None else None
    finally:
        saved.restore()
    return Evidence(
        case, watch.gradients.parameters, trace, problem, calls, changed, frozen,
        probes, average, sampling,
    )  # fmt: skip


def _watch(case: Case, saved: Saved, values: dict[int, float] | None = None) -> Watch:
    return Watch(
        case.generator, case.discriminator, saved.optimizers, case.real_batch, values, saved.add_optimizer
    )


def _run(case: Case, watch: Watch, least: int) -> tuple[str | None, int]:
    """Call the step until both players have had their turn; return what went wrong, and the calls."""
    with watch:
        for call in range(1, case.max_calls + 1):
            for turn, function in case.turns:
                watch.gradients.turn = turn
                try:
                    function()
                except Exception as error:  # noqa: BLE001 - the reader's code: it may raise whatever it likes
                    return describe(error), call
            stepped = watch.trace.stepped
            if call >= least and (case.expected <= stepped or (not watch.trace.steps and call >= 2)):
                return None, call
    return None, case.max_calls


def describe(error: Exception) -> str:
    """Return an exception's text, and the line of the reader's code that raised it."""
    calls = traceback.extract_tb(error.__traceback__)
    frames = [frame for frame in calls if not frame.filename.startswith(NOT_THE_READERS)]
    where = f", at: {frames[-1].line}" if frames and frames[-1].line else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())}{where}"


def _changed(watch: Watch, saved: Saved) -> frozenset[str]:
    """Return the players that were changed, by an optimiser or without (nothing is put back yet)."""
    moved = {who for step in watch.trace.steps for who in step.moved}
    other = {who for who in PLAYERS if any(map(saved.has_changed, watch.gradients.parameters[who]))}
    return frozenset(moved | other)


def _wants_gradients(network: nn.Module) -> bool:
    return any(p.requires_grad for p in network.parameters())


# -------------------------------------------------------------------------- numbers for D's output


def _probe(case: Case, trace: Trace, saved: Saved) -> Probes | None:
    """Run the step with numbers in place of D's output; None where that says nothing."""
    traces = []
    for real, fake in PROBABILITIES if _has_probabilities(trace) else LOGITS:
        watch = _watch(case, saved, {REAL: real, FAKE: fake})
        problem, _ = _run(case, watch, least=1)
        if problem is not None:
            return None
        traces.append(watch.trace)
        saved.restore()
    return Probes(*traces) if trace.steps or not case.whole else None


def _has_probabilities(trace: Trace) -> bool:
    """Say whether D's outputs are probabilities."""
    calls = trace.discriminator_calls
    if not calls:
        return False
    ends = {c.last for c in calls if c.graph}
    within = all(c.low >= 0 and c.high <= 1 for c in calls)
    plain_bce = any(u.function == "binary_cross_entropy" and not u.sigmoids for u in trace.loss_uses)
    return within and (ends <= {"Sigmoid", DOUBLE_SIGMOID} or plain_bce)


# -------------------------------------------------------------------------- average and samples


def _copies(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: x.detach().clone() for name, x in tensors.items()}


def _average_tensors(case: Case) -> dict[str, Tensor]:
    """Return copies of the EMA's tensors, by their names in the generator."""
    if isinstance(case.ema, dict):
        return _copies({name: x for name, x in case.ema.items() if isinstance(x, Tensor)})
    return _copies(named_tensors(case.average_modules[-1])) if case.average_modules else {}


def _look_at_average(
    case: Case, average_before: dict[str, Tensor], generator_before: dict[str, Tensor]
) -> AverageRecord:
    """Look at the moving average and the generator (which have not been put back yet)."""
    generator = named_tensors(case.generator)
    modules = case.average_modules[-1:]
    return AverageRecord(
        average_before=average_before,
        average_after=_average_tensors(case),
        generator_before=generator_before,
        generator_after=_copies(generator),
        parameters=frozenset(name for name, _ in case.generator.named_parameters()),
        shared=any(
            a.data_ptr() == b.data_ptr()
            for module in modules
            for a, b in zip(module.parameters(), generator.values(), strict=False)
        ),
        training=any(_in_train_mode(module) for module in modules),
    )


def _in_train_mode(module: nn.Module) -> bool:
    """Say whether a layer is in train mode that does something else there."""
    return any(isinstance(m, MODE_LAYERS) and m.training for m in module.modules())


def _draw_samples(case: Case) -> SamplingRecord:
    """Draw samples as the reader does."""
    was_training = case.generator.training
    in_train_mode: list[bool] = []
    with_graph: list[bool] = []

    def look(module: nn.Module, args: Any, output: Any) -> None:
        in_train_mode.append(_in_train_mode(module))
        with_graph.append(any(x.requires_grad for x in tensors_in(output)))

    networks = [case.generator, *case.average_modules[-1:]]
    handles = [network.register_forward_hook(look) for network in networks]
    exception = None
    try:
        case.sample()
    except Exception as error:  # noqa: BLE001 - the reader's code, as above
        exception = describe(error)
    finally:
        for handle in handles:
            handle.remove()
    return SamplingRecord(
        exception=exception,
        passes=len(in_train_mode),
        in_train_mode=any(in_train_mode),
        with_graph=any(with_graph),
        leaves_in_eval_mode=was_training and not case.generator.training,
    )
