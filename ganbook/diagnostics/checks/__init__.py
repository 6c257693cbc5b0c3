"""The checks of a step: one function each, in one table. The report follows its order."""

from __future__ import annotations

from ganbook.diagnostics.checks import average, goals, gradients, mechanics, networks
from ganbook.diagnostics.evidence import Evidence
from ganbook.diagnostics.verdict import Check

STEP_CHECKS: tuple[Check[Evidence], ...] = (
    Check("step runs", "it ends without an exception", mechanics.step_runs),
    Check("shapes", "samples, logits and labels fit, nothing is broadcast", networks.shapes),
    Check("optimisers", "each holds the parameters of exactly one player, all of them", mechanics.optimisers),
    Check("discriminator moves", "every step of its optimiser changes it", mechanics.discriminator_moves),
    Check("generator moves", "every step of its optimiser changes it", mechanics.generator_moves),
    Check("turns", "each player moves in its own turn only", mechanics.turns),
    Check("order", "gradients are there when an optimiser steps", gradients.order),
    Check("gradients cleared", "no gradient is used in two steps", gradients.gradients_cleared),
    Check("one loss", "the players do not descend one common loss", gradients.one_loss),
    Check("fake detached", "D's loss sends no gradient into G", gradients.fake_detached),
    Check("discriminator frozen", "G's loss leaves no gradient behind in D", gradients.discriminator_frozen),
    Check("both terms", "D's loss looks at real and at generated samples", goals.both_terms),
    Check("condition", "D is given the same kinds of arguments with both", networks.condition),
    Check("labels", "D's turn pulls real and generated samples apart", goals.labels),
    Check("generator's goal", "G's turn pulls against D's, and raises D(G(z))", goals.generators_goal),
    Check("min and max", "D minimises a loss, and does not minimise V", goals.min_and_max),
    Check("idle term", "every term of G's loss depends on G", goals.idle_term),
    Check("saturation", "G's gradient is strong where D is sure", goals.saturation),
    Check(
        "logits and loss", "one sigmoid between D's last layer and the logarithm", networks.logits_and_loss
    ),
    Check("modes", "both players train in train mode", networks.modes),
    Check("batch norm", "eps is small", networks.batch_norm),
    Check("data range", "real samples fill the range that G can reach", networks.data_range),
    Check("finite", "losses and gradients are finite", mechanics.finite),
    Check("EMA", "the average follows G, buffers included", average.ema),
    Check("sampling", "samples are drawn in eval mode, without a graph", average.sampling),
)

CHECKS: dict[str, str] = {check.name: check.holds for check in STEP_CHECKS}
"""The checks by name, and what holds where they pass."""
