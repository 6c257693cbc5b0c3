"""The checks of how networks, data and loss fit each other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import nn

from ganbook.diagnostics.checks.exceptions import explained_by
from ganbook.diagnostics.evidence import MODE_LAYERS, Evidence
from ganbook.diagnostics.trace import DISCRIMINATOR, FAKE, GENERATOR, REAL, LossUse
from ganbook.diagnostics.verdict import Fault, Verdict, error, note, warning

LOGIT_FORMS = {"binary_cross_entropy_with_logits", "softplus", "log_sigmoid", "logsigmoid"}
LARGE_EPS = 0.01
RANGES = {"Tanh": (-1.0, 1.0), "Sigmoid": (0.0, 1.0)}  # of a generator, by its last operation


def shapes(evidence: Evidence) -> Verdict:
    """Look for samples of different shapes, outputs that are broadcast, dense layers on images."""
    trace = evidence.trace
    faults = []
    if explained_by(evidence) == "shapes":
        message = (
            "Tensors do not fit. Print the shapes of G(z), of a real batch and of D's output: the "
            "first two should be equal, and labels should have the shape of the third."
        )
        faults.append(error(message, evidence.problem or ""))
    real, fake = ({c.shape[1:] for c in trace.discriminator_calls if c.is_all(kind)} for kind in (REAL, FAKE))
    if real and fake and real.isdisjoint(fake):
        message = (
            "Real and generated samples have different shapes, so D can tell them by their size "
            "alone. Make G's output the shape of the data."
        )
        faults.append(error(message, f"real {_alternatives(real)}, generated {_alternatives(fake)}"))
    if trace.broadcasts:
        message = (
            "Outputs of shape (N, 1) meet labels or outputs of shape (N,). PyTorch makes N x N "
            "numbers of them, each sample against each, and the mean means something else. Flatten "
            "D's output, or give the labels its shape."
        )
        faults.append(error(message, trace.broadcasts[0]))
    if trace.linear_on_images:
        message = (
            "A linear layer is applied to an image. It works on the last axis only, each row of "
            "pixels by itself. Flatten the image first, or use a convolution."
        )
        faults.append(warning(message, trace.linear_on_images[0]))
    return Verdict(faults, "" if trace.discriminator_calls else evidence.why_nothing_seen)


def _alternatives(things: Iterable[Any]) -> str:
    return " or ".join(str(thing) for thing in sorted(things))


def condition(evidence: Evidence) -> Verdict:
    """Look whether D is given as many tensors with real samples as with generated ones."""
    calls = evidence.trace.discriminator_calls
    real, fake = ({c.arguments for c in calls if c.is_all(kind)} for kind in (REAL, FAKE))
    if not real or not fake:
        return Verdict(not_made=evidence.why_nothing_seen)
    if not real.isdisjoint(fake):
        return Verdict()
    message = (
        "D is given something with one kind of samples that it is not given with the other "
        "(labels, say). Then it judges by what it is given, not by the samples: D(x, y) needs "
        "D(G(z, y), y)."
    )
    observation = (
        f"{_alternatives(real)} tensors with real samples, {_alternatives(fake)} with generated ones"
    )
    return Verdict([error(message, observation)])


# -------------------------------------------------------------------------- D's output and the loss


def logits_and_loss(evidence: Evidence) -> Verdict:
    """Count the sigmoids between D's last layer and the logarithm."""
    faults = []
    if explained_by(evidence) == "logits and loss":
        message = (
            "D returns logits, and BCELoss takes probabilities. Use BCEWithLogitsLoss on the logits "
            "(or one sigmoid before BCELoss)."
        )
        faults.append(error(message, evidence.problem or ""))
    uses = evidence.trace.loss_uses
    if not uses:
        why = evidence.why_nothing_seen if evidence.problem else "the loss takes no logarithm of D's output"
        return Verdict(faults, why)
    misuse = next((use for use in uses if _message_on(use)), None)
    if misuse is not None:
        if _takes_bare_logits(misuse) and faults:  # which the exception says already
            return Verdict(faults)
        observation = f"{misuse.function} on values from {misuse.low:.3g} to {misuse.high:.3g}"
        return Verdict([*faults, error(_message_on(misuse), observation)])
    if any(use.function not in LOGIT_FORMS and use.sigmoids == 1 for use in uses):
        message = (
            "The loss is computed from probabilities. Where the sigmoid rounds to 0 or 1 the "
            "logarithm is cut off and the gradient is lost; from logits (BCEWithLogitsLoss, softplus) "
            "it is not."
        )
        faults.append(note(message, f"sigmoid, then {uses[0].function}"))
    return Verdict(faults)


def _takes_bare_logits(use: LossUse) -> bool:
    return use.function not in LOGIT_FORMS and use.sigmoids == 0 and not use.bounded


def _message_on(use: LossUse) -> str:
    """Return what is wrong with how a loss is used, "" if nothing is."""
    if use.sigmoids >= 2:
        return (
            "Two sigmoids follow each other: probabilities are squeezed into 0.5 to 0.73, and D "
            "can never say no. Keep one: BCEWithLogitsLoss on logits, or one sigmoid before BCELoss."
        )
    if use.function in LOGIT_FORMS and use.sigmoids == 1:
        return (
            "A sigmoid comes before a loss that applies one itself: D's answers are squeezed into "
            "0.5 to 0.73, and D can never say no. Leave the sigmoid out."
        )
    if _takes_bare_logits(use):
        return (
            "The loss takes a logarithm of probabilities, and D returns logits, which may be any "
            "number. Use the form for logits (BCEWithLogitsLoss, softplus)."
        )
    return ""


# -------------------------------------------------------------------------- layers


def modes(evidence: Evidence) -> Verdict:
    """Look for forward passes in eval mode, and for batches of both kinds where D mixes its samples."""
    trace = evidence.trace
    if not trace.called:
        return Verdict(not_made=evidence.why_nothing_seen)
    generator_calls = [c.training for c in trace.generator_calls if c.graph or c.judged]
    discriminator_calls = [c.training for c in trace.discriminator_calls]
    faults = _in_eval_mode(evidence, GENERATOR, generator_calls)
    faults += _in_eval_mode(evidence, DISCRIMINATOR, discriminator_calls)
    mixed = [c for c in trace.discriminator_calls if c.is_mixed]
    layers = list(evidence.case.discriminator.modules())
    has_norm = any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in layers)
    if has_norm and any(c.training for c in mixed):
        message = (
            "Real and generated samples go through D's BatchNorm in one batch: each is normalised "
            "with statistics of both, and in G's turn with those of fakes alone. Two calls keep them "
            "apart."
        )
        faults.append(note(message, f"{len(mixed)} calls of D on mixed batches"))
    elif mixed and any(getattr(m, "mixes_samples", False) for m in layers):  # a minibatch standard deviation
        message = (
            "Real and generated samples go through D in one batch, and D takes a standard deviation over "
            "the batch: it is that of both kinds together and tells D nothing of either. Two calls keep "
            "them apart."
        )
        faults.append(warning(message, f"{len(mixed)} calls of D on mixed batches"))
    return Verdict(faults)


def _in_eval_mode(evidence: Evidence, who: str, training_of_calls: list[bool]) -> list[Fault]:
    """Return the warning that is due where a player with layers that care about it trains in eval mode."""
    network = evidence.case.networks[who]
    layers = sorted({type(m).__name__ for m in network.modules() if isinstance(m, MODE_LAYERS)})
    if not layers or all(training_of_calls):
        return []
    start = "" if network.training else " It was in eval mode when the step began: did sampling leave it?"
    message = (
        f"The {who} trains in eval mode, where {' and '.join(layers)} do something else: "
        f"BatchNorm uses and keeps old statistics, dropout is off. Call {who}.train() at the "
        f"start of the step.{start}"
    )
    observation = f"{training_of_calls.count(False)} of {len(training_of_calls)} forward passes in eval mode"
    return [warning(message, observation)]


def batch_norm(evidence: Evidence) -> Verdict:
    """Look for an eps that was meant as a momentum."""
    faults = []
    for who, network in evidence.case.networks.items():
        norms = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._NormBase)]
        large = sorted({m.eps for m in norms if m.eps > LARGE_EPS})
        if large:
            message = (
                f"A BatchNorm of the {who} has a large eps. The second argument of BatchNorm2d is eps, "
                "not momentum: it is added to the variance, so weak channels are not normalised. "
                f"Write momentum={large[0]:g} if that was meant (PyTorch counts it from the other side: "
                "0.2 there is 0.8 in Keras)."
            )
            faults.append(warning(message, f"eps={', '.join(f'{eps:g}' for eps in large)}"))
    return Verdict(faults)


# -------------------------------------------------------------------------- data


def data_range(evidence: Evidence) -> Verdict:
    """Hold the range of the real samples against the one that G can reach."""
    trace = evidence.trace
    ends = {c.last for c in trace.generator_calls if c.graph and c.judged} - {None}
    if len(ends) != 1 or not ends <= RANGES.keys():
        return Verdict(not_made="G does not end in tanh or sigmoid, so its range is not known")
    low, high = RANGES[ends.pop() or ""]
    real, fake = ([c.range[k] for c in trace.discriminator_calls if k in c.range] for k in (REAL, FAKE))
    if not real or not fake:
        return Verdict(not_made=evidence.why_nothing_seen)
    if min(least for least, _ in fake) < low - 1e-3 or max(most for _, most in fake) > high + 1e-3:
        return Verdict(not_made="noise or augmentation widens what D sees")
    least, most = min(least for least, _ in real), max(most for _, most in real)
    observation = f"real samples from {least:.3g} to {most:.3g}, G's range {low:g} to {high:g}"
    scale = "x / 127.5 - 1 for bytes" if low < 0 else "x / 255 for bytes"
    if least < low - 0.05 or most > high + 0.05:
        message = (
            "Real samples lie outside of what G can make, so D tells them by their values alone. They "
            f"are not normalised, or twice. Once is right: {scale}."
        )
        return Verdict([error(message, observation)])
    if most - least < 0.25 * (high - low):
        message = (
            "Real samples fill only a sliver of G's range, as after normalising twice. Once is right: "
            f"{scale}."
        )
        return Verdict([error(message, observation)])
    if low < 0 and least > -0.05:
        message = (
            "Real samples have no negative values, but G ends in tanh, which reaches -1 to 1. Scale "
            f"them ({scale}), or end G in a sigmoid."
        )
        return Verdict([warning(message, observation)])
    return Verdict()
