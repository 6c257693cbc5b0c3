"""The checks of what samples are drawn with: the generator's average, and the reader's own function."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from ganbook.diagnostics.evidence import AverageRecord, Evidence
from ganbook.diagnostics.verdict import Fault, Verdict, error, note, warning


def ema(evidence: Evidence) -> Verdict:
    """Look whether the moving average followed the generator."""
    average = evidence.average
    if evidence.case.ema is None:
        return Verdict(not_made="no ema was given")
    if average is None:
        return Verdict(not_made=evidence.why_nothing_seen)
    if average.shared:
        message = (
            "The average is the generator itself: both share their tensors. Make it a deep copy "
            "(copy.deepcopy(generator))."
        )
        return Verdict([error(message, "the same memory")])
    return Verdict([*_left_behind(average), *_moving_away(average), *_in_train_mode(average)])


def _moved(average: AverageRecord) -> list[str]:
    """Return the names of what the step has changed in the generator."""
    before, after = average.generator_before, average.generator_after
    return [n for n in after if after[n].is_floating_point() and not torch.equal(before[n], after[n])]


def _has_followed(average: AverageRecord, name: str) -> bool:
    before, after = average.average_before, average.average_after
    return name in after and not torch.equal(before[name], after[name])


def _left_behind(average: AverageRecord) -> Iterator[Fault]:
    """Yield what is to be said of parameters and of buffers that moved in the generator only."""
    moved = _moved(average)
    for kind in ("parameters", "buffers"):
        names = [n for n in moved if (n in average.parameters) == (kind == "parameters")]
        lost = [n for n in names if not _has_followed(average, n)]
        if not lost:
            continue
        some = ", ".join(lost[:3]) + ", ..." * (len(lost) > 3)
        if kind == "buffers":
            message = (
                "The average forgets the buffers: BatchNorm's running statistics stay those of the "
                "first step, and the averaged weights are used with statistics that do not fit them. "
                "Average or copy generator.buffers() too."
            )
        elif len(lost) == len(names):
            message = (
                "The average does not move with the generator. Update it after each step of G (if "
                "your loop does that elsewhere, put the line into the step)."
            )
        else:
            message = "The average leaves out part of the generator, which stays as it was initialised."
        share = f"{len(lost)} of {len(names)} {kind} that G changed ({some})"
        yield error(message, f"unchanged or missing: {share}")


def _moving_away(average: AverageRecord) -> Iterator[Fault]:
    """Yield what is to be said of an average whose step does not point to the generator's weights."""
    before, after, target = average.average_before, average.average_after, average.generator_after
    names = [n for n in _moved(average) if n in average.parameters and _has_followed(average, n)]
    toward = sum(float(((after[n] - before[n]) * (target[n] - before[n]).to(before[n])).sum()) for n in names)
    if names and toward <= 0:
        message = (
            "The average moves away from the generator. It is average <- decay * average + (1 - "
            "decay) * value."
        )
        yield error(message, "its step points away from G's weights")


def _in_train_mode(average: AverageRecord) -> Iterator[Fault]:
    if average.training:
        message = (
            "The average is in train mode. It never trains: call .eval() on it once, or sampling will "
            "use and change batch statistics."
        )
        yield warning(message, "its BatchNorm or dropout layers have training=True")


def sampling(evidence: Evidence) -> Verdict:
    """Look at the modes in which the reader draws samples, and leaves the generator."""
    samples = evidence.sampling
    if samples is None:
        return Verdict(not_made="no sample was given")
    if samples.exception is not None:
        return Verdict([error("Sampling raised an exception.", samples.exception)])
    if not samples.passes:
        return Verdict(not_made="it called neither the generator nor its average")
    faults = []
    if samples.in_train_mode:
        message = (
            "Samples are drawn in train mode: BatchNorm uses the statistics of this batch, so each "
            "sample depends on its neighbours, and sampling changes the running statistics. Call "
            ".eval() first and .train() afterwards."
        )
        faults.append(error(message, "training=True during the forward pass"))
    if samples.with_graph:
        message = "Samples carry a graph, which costs memory. Use torch.no_grad()."
        faults.append(note(message, "requires_grad=True on the samples"))
    if samples.leaves_in_eval_mode:
        message = (
            "Sampling leaves the generator in eval mode, in which it then trains. Call .train() afterwards."
        )
        faults.append(warning(message, "training=True before, False after"))
    return Verdict(faults)
