"""What was seen while a step ran: records of forward passes, backward passes and steps of optimisers."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor
from torch.optim import Optimizer

GENERATOR, DISCRIMINATOR = "generator", "discriminator"
PLAYERS = (GENERATOR, DISCRIMINATOR)
OTHER = {GENERATOR: DISCRIMINATOR, DISCRIMINATOR: GENERATOR}
REAL, FAKE, UNCLEAR = 1, -1, 0
DOUBLE_SIGMOID = "Sigmoid of Sigmoid"


@dataclass
class Backward:
    """One backward pass: whose gradients it changed, and how it pulls D's outputs.

    Moments number the backward passes and the steps of optimisers together, in the order in which they came.
    """

    turn: str | None  # the player whose function ran, None within a whole iteration
    moment: int
    finite: bool = True
    reached: set[str] = field(default_factory=set)
    first_user: str | None = None  # the player who stepped first with a gradient that this pass gave
    used_by: dict[str, list[int]] = field(default_factory=lambda: {who: [] for who in PLAYERS})  # moments
    pull: dict[int, float] = field(default_factory=lambda: {REAL: 0.0, FAKE: 0.0})  # sums of dL/dD(x)
    rows: dict[int, int] = field(default_factory=lambda: {REAL: 0, FAKE: 0, UNCLEAR: 0})

    @property
    def moved_both(self) -> bool:
        """Whether optimisers of both players have used its gradients."""
        return all(self.used_by.values())


@dataclass
class OptimizerStep:
    """One step of an optimiser."""

    optimizer: Optimizer
    turn: str | None
    moment: int
    closure: bool
    holds: dict[str, int] = field(default_factory=dict)  # tensors of each player
    backwards: dict[str, list[Backward]] = field(default_factory=dict)  # which gave the gradients
    no_gradient: set[str] = field(default_factory=set)  # players that it holds, gradients missing or zero
    finite: bool = True
    rates: set[float] = field(default_factory=set)  # its learning rates
    moved: set[str] = field(default_factory=set)


@dataclass
class GeneratorCall:
    """One forward pass of the generator."""

    shape: tuple[int, ...]
    training: bool
    graph: bool
    last: str | None  # the last operation, where a graph tells
    judged: bool = False  # the discriminator saw the result


@dataclass
class DiscriminatorCall:
    """One forward pass of the discriminator."""

    kinds: Tensor  # int8, (N,): REAL, FAKE or UNCLEAR
    shape: tuple[int, ...]
    arguments: int
    training: bool
    range: dict[int, tuple[float, float]]  # of the input by kind: lowest, highest
    graph: bool = False
    last: str | None = None  # the last operation, or DOUBLE_SIGMOID
    low: float = 0.0  # of the output
    high: float = 0.0

    def is_all(self, kind: int) -> bool:
        """Say whether all rows are of a kind."""
        return bool((self.kinds == kind).all())

    @property
    def is_mixed(self) -> bool:
        """Whether there are real and generated rows."""
        return bool((self.kinds == REAL).any() & (self.kinds == FAKE).any())


@dataclass
class LossUse:
    """D's output on its way through a logarithm, cross-entropy or softplus."""

    function: str
    sigmoids: int  # between D's last layer (included) and the function
    bounded: bool  # D ends in something that keeps its output within [0, 1]
    low: float
    high: float


@dataclass
class Trace:
    """All that was seen, in the order in which it happened."""

    generator_calls: list[GeneratorCall] = field(default_factory=list)
    discriminator_calls: list[DiscriminatorCall] = field(default_factory=list)
    loss_uses: list[LossUse] = field(default_factory=list)
    broadcasts: list[str] = field(default_factory=list)  # operations of (N, 1) with (N,)
    linear_on_images: list[str] = field(default_factory=list)  # the shapes of the inputs
    backwards: list[Backward] = field(default_factory=list)
    steps: list[OptimizerStep] = field(default_factory=list)

    @property
    def called(self) -> bool:
        """Whether one of the two networks was called."""
        return bool(self.generator_calls or self.discriminator_calls)

    @property
    def stepped(self) -> set[str]:
        """The players of whom an optimiser that stepped holds something."""
        return {who for step in self.steps for who in PLAYERS if step.holds[who]}

    def previous_step(self, step: OptimizerStep) -> int:
        """Return the moment of the step before of the same optimiser, 0 if there was none."""
        moments = [s.moment for s in self.steps if s.optimizer is step.optimizer]
        return max((moment for moment in moments if moment < step.moment), default=0)

    @property
    def used_backwards(self) -> list[Backward]:
        """The backward passes with whose gradients an optimiser stepped."""
        return [b for b in self.backwards if any(b.used_by.values())]

    def leaks(self) -> dict[int, str]:
        """Return the backward passes (by moment) that moved both players, and whose loss each was."""
        owners = {}
        for b in self.backwards:
            if not b.moved_both:
                continue
            first, second = sorted((min(b.used_by[who]), who) for who in PLAYERS)
            between = any(first[0] < other.moment < second[0] for other in self.backwards)
            if b.turn is not None:
                owners[b.moment] = b.turn
            elif between:
                owners[b.moment] = first[1]
            else:  # both stepped in one go: a loss without real samples is G's
                owners[b.moment] = DISCRIMINATOR if b.rows[REAL] else GENERATOR
        return owners

    def own_backwards(self, who: str) -> list[Backward]:
        """Return the backward passes of a player's own loss."""
        leaks = self.leaks()
        own = [b for b in self.backwards if b.used_by[who] and leaks.get(b.moment, who) == who]
        return own or [b for b in self.backwards if b.turn == who]
