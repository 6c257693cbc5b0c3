"""The checks of what happens: whether the step runs, and who moves in it."""

from __future__ import annotations

from torch.optim import Optimizer

from ganbook.diagnostics.checks.exceptions import explained_by
from ganbook.diagnostics.evidence import Evidence
from ganbook.diagnostics.trace import DISCRIMINATOR, GENERATOR, OTHER, PLAYERS, OptimizerStep
from ganbook.diagnostics.verdict import Fault, Verdict, error, note, warning

OWNERS = {"optimizer_d": DISCRIMINATOR, "optimizer_g": GENERATOR}


def step_runs(evidence: Evidence) -> Verdict:
    """Look for an exception that no other check explains, and for networks that are not the step's."""
    if evidence.untouched:
        message = "The step called neither of these two networks. Pass the very objects that it uses."
        return Verdict([error(message, "no forward pass of generator or discriminator")])
    if evidence.problem is None:
        return Verdict()
    if explained_by(evidence) != "step runs":
        return Verdict(not_made=evidence.why_nothing_seen)
    message = "The step raised an exception, so little else could be checked."
    return Verdict([error(message, evidence.problem)])


# -------------------------------------------------------------------------- optimisers


def optimisers(evidence: Evidence) -> Verdict:
    """Look whose parameters each optimiser holds."""
    if evidence.untouched:
        return Verdict(not_made=evidence.why_nothing_seen)
    known = dict(evidence.case.optimizers)
    for step in evidence.trace.steps:
        if not any(step.optimizer is optimizer for optimizer in known.values()):
            known[f"{_name_of(step, evidence)}, number {len(known) + 1}"] = step.optimizer
    if not known:
        return Verdict(not_made="no optimiser was given, and none stepped")
    held_by_any: set[int] = set().union(*map(_held, known.values()))
    faults: list[Fault] = []
    for name, optimizer in known.items():
        faults += _faults_of_optimizer(evidence, name, _held(optimizer), held_by_any)
    return Verdict(faults)


def _faults_of_optimizer(evidence: Evidence, name: str, held: set[int], held_by_any: set[int]) -> list[Fault]:
    ids = {who: {id(p) for p in evidence.parameters[who]} for who in PLAYERS}
    count = {who: len(held & ids[who]) for who in PLAYERS}
    holds = " and ".join(f"{count[who]} of the {who}'s {len(ids[who])} tensors" for who in PLAYERS)
    own = OWNERS.get(name)
    if all(count.values()):
        return [_of_both_players(evidence, name, own, f"it holds {holds}")]
    if own is not None and count[own] == 0:
        other = OTHER[own]
        why = (f"It holds the {other}'s." if count[other] else
               "Was the network rebuilt or copied after the optimiser had been made?")  # fmt: skip
        message = (
            f"{name} does not hold the {own}'s parameters, so its steps do not train it. {why} It "
            f"takes {own}.parameters()."
        )
        return [error(message, f"it holds {holds}")]
    faults = []
    for who in PLAYERS:
        trainable = {id(p) for p in evidence.parameters[who] if p.requires_grad}
        missing = trainable - held
        if count[who] and missing and not missing <= held_by_any:
            message = (
                f"Part of the {who} is in no optimiser and stays as it was initialised. If "
                f"that is not meant, pass all of {who}.parameters()."
            )
            faults.append(warning(message, f"{name} holds {holds}"))
    return faults


def _of_both_players(evidence: Evidence, name: str, own: str | None, holds: str) -> Fault:
    """Return what is to be said of an optimiser that holds parameters of both."""
    steps_of_one = [s for s in evidence.trace.steps if not all(s.holds.values())]
    if own is None and all(any(s.holds[who] for s in steps_of_one) for who in PLAYERS):
        message = (
            f"{name} holds parameters of both players, who have optimisers of their own, too. That "
            "is right for a loss that both should lower (InfoGAN's has one), not for an adversarial one."
        )
        return note(message, holds)
    message = (
        f"{name} holds parameters of both players, so each of its steps moves both. Give each "
        "player an optimiser of its own."
    )
    return error(message, holds)


def _held(optimizer: Optimizer) -> set[int]:
    return {id(p) for group in optimizer.param_groups for p in group["params"]}


def _name_of(step: OptimizerStep, evidence: Evidence) -> str:
    for name, optimizer in evidence.case.optimizers.items():
        if optimizer is step.optimizer:
            return name
    return f"an optimiser ({type(step.optimizer).__name__})"


# -------------------------------------------------------------------------- who moves, and when


def discriminator_moves(evidence: Evidence) -> Verdict:
    """Look for steps of D's optimiser that leave D as it is."""
    return _moves(evidence, DISCRIMINATOR)


def generator_moves(evidence: Evidence) -> Verdict:
    """Look for steps of G's optimiser that leave G as it is."""
    return _moves(evidence, GENERATOR)


def _moves(evidence: Evidence, who: str) -> Verdict:
    if who not in evidence.case.expected:
        return Verdict(not_made=f"no {who}_turn was given")
    steps = [s for s in evidence.trace.steps if s.holds[who]]
    idle_steps = [s for s in steps if who not in s.moved]
    calls = f"{evidence.calls} call{'s' if evidence.calls > 1 else ''}"
    if idle_steps:
        severity, why = _why_still(evidence, who, idle_steps)
        message = f"A step of the {who}'s optimiser changes nothing. {why}"
        share = f"{len(idle_steps)} of {len(steps)} steps in {calls}"
        return Verdict([Fault(severity, message, share)])
    if evidence.problem or evidence.untouched:
        return Verdict(not_made=evidence.why_nothing_seen)
    if not steps and who not in evidence.changed:
        message = (
            f"The {who} never moves: no optimiser that holds its parameters takes a step. Look "
            "which optimiser steps in its turn, and what that one holds."
        )
        names = ", ".join(_name_of(s, evidence) for s in evidence.trace.steps) or "none"
        return Verdict([error(message, f"{calls}; steps of optimisers: {names}")])
    return Verdict()


def _why_still(evidence: Evidence, who: str, idle_steps: list[OptimizerStep]) -> tuple[str, str]:
    """Return how severe it is that a player does not move, and the reason in words."""
    if who in evidence.frozen:
        return "error", "Its parameters are frozen (requires_grad is False). Free them before its turn."
    if {rate for step in idle_steps for rate in step.rates} == {0.0}:
        return "error", "The learning rate is 0."
    if all(_is_flat(evidence, step) for step in idle_steps):
        return "warning", (
            "Its loss is flat here: the gradient is exactly 0, as where a hinge is satisfied "
            "or a sigmoid has rounded to 0 or 1. If that lasts, it has stopped learning."
        )
    return "error", (
        "It had no gradient. Is its loss connected to it (no detach, no no_grad on the "
        "way), and is backward() called between zero_grad() and step()?"
    )


def _is_flat(evidence: Evidence, step: OptimizerStep) -> bool:
    """Say whether a loss did look at D's outputs before this step, with no pull on them."""
    since = evidence.trace.previous_step(step)
    backwards = [b for b in evidence.trace.backwards if since < b.moment < step.moment]
    return any(
        any(b.rows.values()) and not any(b.used_by.values()) and not any(b.pull.values()) for b in backwards
    )


def turns(evidence: Evidence) -> Verdict:
    """Look for players who move in the other's turn."""
    for step in evidence.trace.steps:
        if step.turn is not None and OTHER[step.turn] in step.moved:
            other = OTHER[step.turn]
            message = (
                f"The {other} moves in the {step.turn}'s turn. Only the {step.turn}'s optimiser should "
                "step there."
            )
            return Verdict([error(message, f"{_name_of(step, evidence)} steps, and the {other} has changed")])
    return Verdict(not_made=evidence.why_no_steps)


def finite(evidence: Evidence) -> Verdict:
    """Look for losses and gradients that are infinite or not numbers."""
    if evidence.problem is None and not evidence.trace.steps:
        return Verdict(not_made=evidence.why_no_steps)
    losses = [b for b in evidence.trace.backwards if not b.finite]
    steps = [s for s in evidence.trace.steps if not s.finite]
    if not losses and not steps:
        return Verdict(not_made=evidence.why_no_steps)
    what = "A loss" if losses else "A gradient"
    message = (
        f"{what} is infinite or not a number, and every weight that it reaches will "
        "be too. Compute losses from logits (softplus, BCEWithLogitsLoss), lower the learning "
        "rate, and look at the data."
    )
    return Verdict(
        [error(message, f"{len(losses)} losses and the gradients of {len(steps)} steps are not finite")]
    )
