"""Which check explains the exception that a step has raised."""

from __future__ import annotations

from ganbook.diagnostics.evidence import Evidence
from ganbook.diagnostics.trace import GENERATOR

WORDS_ABOUT_SHAPES = ("shape", "size", "dimension", "channels", "Target", "broadcast")


def explained_by(evidence: Evidence) -> str | None:
    """Return the name of the check that has to report the exception: "step runs" where no other can.

    Returns
    -------
    str or None
        None where the step ran to its end.
    """
    problem = evidence.problem
    if problem is None:
        return None
    if "between 0 and 1" in problem:
        return "logits and loss"
    if "inplace operation" in problem:
        return "order"
    if "second time" in problem and any(GENERATOR in b.reached for b in evidence.trace.backwards):
        return "fake detached"
    if any(word in problem for word in WORDS_ABOUT_SHAPES):
        return "shapes"
    return "step runs"
