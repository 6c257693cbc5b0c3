"""What the checks of a step look at: the reader's case, and what was seen of it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from ganbook.diagnostics.case import Case
from ganbook.diagnostics.trace import Trace

MODE_LAYERS = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd)  # differ in train and eval


@dataclass(frozen=True)
class Probes:
    """What the step did while D's output was replaced by numbers (LOGITS and PROBABILITIES in gather.py)."""

    low: Trace  # the same low number for real and generated samples
    high: Trace  # the same high number
    unequal: Trace  # low for real, high for generated samples


@dataclass(frozen=True)
class AverageRecord:
    """The moving average and the generator, before and after the step: copies of tensors by their names."""

    average_before: dict[str, Tensor]
    average_after: dict[str, Tensor]
    generator_before: dict[str, Tensor]
    generator_after: dict[str, Tensor]
    parameters: frozenset[str]  # which of the generator's names are parameters; the others are buffers
    shared: bool  # the average has the generator's own memory
    training: bool  # a layer of the average that cares about it is in train mode


@dataclass(frozen=True)
class SamplingRecord:
    """What happened while the reader's function drew samples."""

    exception: str | None
    passes: int  # forward passes of the generator or its average
    in_train_mode: bool  # a layer that cares about it was, in one of them
    with_graph: bool
    leaves_in_eval_mode: bool  # the generator, which was in train mode before


@dataclass(frozen=True)
class Evidence:
    """All that there is to judge a step by.

    Everything has been put back when a check sees it: the networks and optimisers of the case are as they
    were before the step.

    Parameters
    ----------
    case : Case
        What the reader gave.
    parameters : dict
        Those of each player.
    trace : Trace
        Of the step as it is. Where it called neither network, the steps and backward passes, which are of
        other networks, are left out.
    problem : str, optional
        The exception that ended the step, in words.
    calls : int
        Of the step as it is, up to the exception.
    changed, frozen : frozenset of str
        The players whose weights were other ones afterwards; and who had no parameter with `requires_grad`.
    probes : Probes, optional
        None where the step could not be run so, or no optimiser stepped in a whole iteration.
    average : AverageRecord, optional
        None where no average was given, or the step did not run to its end.
    sampling : SamplingRecord, optional
        None where no function was given that draws samples.
    """

    case: Case
    parameters: dict[str, list[nn.Parameter]]
    trace: Trace
    problem: str | None
    calls: int
    changed: frozenset[str]
    frozen: frozenset[str]
    probes: Probes | None
    average: AverageRecord | None
    sampling: SamplingRecord | None

    @property
    def untouched(self) -> bool:
        """Whether the step ran to its end and called neither network: then it trains others."""
        return self.problem is None and not self.trace.called

    @property
    def why_nothing_seen(self) -> str:
        """Why a check had nothing to look at."""
        return "the step did not run to its end" if self.problem else "nothing to see in this step"

    @property
    def why_no_steps(self) -> str:
        """Why finding no fault in the steps of optimisers says nothing; "" where it says something."""
        if self.problem or self.untouched:
            return self.why_nothing_seen
        return "" if self.trace.steps else "no optimiser stepped"
