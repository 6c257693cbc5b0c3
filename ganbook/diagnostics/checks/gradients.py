"""The checks of gradients: by whose loss a player moves, and whether they are there and cleared in time."""

from __future__ import annotations

from ganbook.diagnostics.checks.exceptions import explained_by
from ganbook.diagnostics.checks.mechanics import generator_moves
from ganbook.diagnostics.evidence import Evidence
from ganbook.diagnostics.trace import DISCRIMINATOR, GENERATOR, PLAYERS, OptimizerStep, Trace
from ganbook.diagnostics.verdict import Fault, Verdict, error, note, warning


def order(evidence: Evidence) -> Verdict:
    """Look for optimisers that step without the gradients that they could have had."""
    faults = []
    if explained_by(evidence) == "order":
        message = (
            "A backward pass needs weights that an optimiser has changed since the forward pass: a "
            "loss was computed before the other player's step and used after it. Compute D(G(z)) for "
            "G's loss after D has moved."
        )
        faults.append(error(message, evidence.problem or ""))
    for step in evidence.trace.steps:
        for who in step.no_gradient - ({DISCRIMINATOR} if step.holds[GENERATOR] else set()):
            why = _where_gradients_went(evidence.trace, step, who)
            if why:
                message = f"The {who}'s optimiser steps without gradients. {why}"
                observation = f"all gradients of the {who} were missing or zero at the step"
                return Verdict([*faults, error(message, observation)])
    return Verdict(faults, evidence.why_no_steps)


def _where_gradients_went(trace: Trace, step: OptimizerStep, who: str) -> str:
    """Return why a player has no gradients at a step; "" where it never gets any."""
    since = trace.previous_step(step)
    backwards = [b for b in trace.backwards if who in b.reached]
    if any(since < b.moment < step.moment for b in backwards):
        return (
            "Its gradients were cleared between backward() and step(): zero_grad() belongs before backward()."
        )
    later = [b for b in backwards if b.moment > step.moment and b.first_user in (None, who)]
    if later and since == 0:
        return "It steps before backward() has run. The order is zero_grad(), backward(), step()."
    return ""


def gradients_cleared(evidence: Evidence) -> Verdict:
    """Look for gradients with which an optimiser steps twice."""
    reused = [(who, b) for b in evidence.trace.backwards for who in PLAYERS if len(b.used_by[who]) > 1]
    if not reused:
        return Verdict(not_made=evidence.why_no_steps)
    who = reused[0][0]
    message = (
        f"Gradients of the {who} are used twice: they are never cleared, so each step adds all "
        f"former gradients. Call zero_grad() before each backward pass of the {who}'s turn."
    )
    return Verdict([error(message, f"{len(reused)} backward passes went into more than one step")])


# -------------------------------------------------------------------------- one loss or two


def one_loss(evidence: Evidence) -> Verdict:
    """Look whether every backward pass moves both players."""
    if not _all_shared(evidence) or _one_optimiser_for_both(evidence):
        return Verdict(not_made=evidence.why_no_steps)
    message = (
        "One backward pass moves both players: they descend the same loss. What one gains the "
        "other gains too, so they cooperate, and nobody judges the samples. Give each player a "
        "loss of its own and a backward pass of its own."
    )
    count = len(evidence.trace.used_backwards)
    return Verdict([error(message, f"the gradients of {count} of {count} backward passes moved G and D")])


def fake_detached(evidence: Evidence) -> Verdict:
    """Look for gradients of D's loss in G."""
    faults: list[Fault] = []
    if explained_by(evidence) == "fake detached":
        message = (
            "D's loss went back through G and freed the graph that G's loss needs. D should learn "
            "from G(z).detach(); the fake itself is then still whole for G's turn."
        )
        faults.append(error(message, evidence.problem or ""))
    if _leaks_from(evidence, DISCRIMINATOR):
        message = (
            "D's loss also moves G: its gradient went through the fake into G's parameters, and "
            "G's optimiser used it. It pulls D(G(z)) down, against G's own loss. Train D on "
            "G(z).detach(), and clear G's gradients before G's backward pass."
        )
        faults.append(error(message, "gradients of D's loss were still in G when G's optimiser stepped"))
    # Where G does not move, its gradients are the smaller problem, and may be there for that very reason.
    if not faults and _reaches(evidence, DISCRIMINATOR, GENERATOR) and not generator_moves(evidence).faults:
        message = (
            "D's loss sends gradients into G. G's optimiser does not use them (they are "
            "cleared in time), so this is waste, not harm: the whole backward pass through G "
            "for nothing. Train D on G(z).detach(), or make the fake under torch.no_grad()."
        )
        observation = "after D's backward pass G had gradients; they were cleared before G's step"
        faults.append(warning(message, observation))
    return Verdict(faults, evidence.why_no_steps)


def discriminator_frozen(evidence: Evidence) -> Verdict:
    """Look for gradients of G's loss in D."""
    if _leaks_from(evidence, GENERATOR):
        message = (
            "G's loss also moves D: it left gradients in D, and D's optimiser used them, so D "
            "learns that fakes are real. Clear D's gradients before D's backward pass, or freeze "
            "D (requires_grad_(False)) during G's turn."
        )
        return Verdict([error(message, "gradients of G's loss were still in D when D's optimiser stepped")])
    if _reaches(evidence, GENERATOR, DISCRIMINATOR):
        message = (
            "G's loss leaves gradients in D. They are cleared before D's next step, so this "
            "is waste, not harm. Freezing D during G's turn saves the time; forgetting "
            "zero_grad() would make it a mistake."
        )
        return Verdict([note(message, "after G's backward pass D had gradients; D's step did not use them")])
    return Verdict(not_made=evidence.why_no_steps)


def _all_shared(evidence: Evidence) -> bool:
    """Say whether each backward pass that is used has moved both players."""
    used = evidence.trace.used_backwards
    return bool(used) and all(b.moved_both for b in used)


def _one_optimiser_for_both(evidence: Evidence) -> bool:
    """Say whether an optimiser of both players stepped: then whose gradients it used is no question."""
    return any(all(step.holds.values()) for step in evidence.trace.steps)


def _leaks_from(evidence: Evidence, who: str) -> bool:
    """Say whether a player's own loss has moved the other, too."""
    if _all_shared(evidence) or _one_optimiser_for_both(evidence):
        return False
    return who in evidence.trace.leaks().values()


def _reaches(evidence: Evidence, who: str, other: str) -> bool:
    """Say whether a player's own loss leaves gradients in the other, who does not use them."""
    if _all_shared(evidence) or _one_optimiser_for_both(evidence):
        return False
    own = [b for b in evidence.trace.used_backwards if (b.turn or b.first_user) == who]
    return any(other in b.reached and not b.moved_both for b in own)
