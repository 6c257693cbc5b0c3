"""Checks: modes that are held, and clumps that go round."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ganbook.exercises.chapters.cases import listed, settle
from ganbook.exercises.chapters.registry import check
from ganbook.exercises.grading.trial import Trial


@check("share-held")
def share_held(trial: Trial) -> None:
    """All modes, a half, a fifth and a hundredth of them."""
    for modes, held in ((8, 8), (2, 1), (10, 2), (100, 1), (25, 21)):
        loss = math.log(1 + modes / held)
        trial.differs(
            trial.number(loss),
            held / modes,
            case=f"loss_G = {loss:.4f}",
            known={
                "this is D(G(z)), which is m / (m + K) and not m / K": math.exp(-loss),
                "this is K/m, upside down": modes / held,
                "this is the share that is missing": 1 - held / modes,
                "the logarithm is natural, so e is to be raised to the power of the loss and not 10": (
                    1 / (10**loss - 1)
                ),
                "the 1 is added and not subtracted: L = log(1 + K/m) gives K/m = e^L - 1": (
                    1 / (math.exp(loss) + 1)
                ),
                "the 1 of log(1 + K/m) was left out, or put on the wrong side": 1 / loss,
            },
            otherwise="put your share back into log(1 + K/m): does it give this loss?",
        )
    trial.tried("losses from log 2 (all modes are held) to log 101 (one of a hundred)")


def _kind(hits: Tensor, at_once: float, ever: float) -> str:
    """Return the kind by the rule, of numbers that may have been counted in another way."""
    if at_once > hits.shape[1] / 2:
        return "none"
    return "rotating" if ever > 2 * at_once else "standing"


RUNS: tuple[
    tuple[list[list[int]], int], ...
] = (  # the modes that are hit, snapshot by snapshot, and how many there are
    ([[0], [1], [2], [3]], 4),
    ([[2], [2], [2], [2]], 4),
    ([[0, 1, 2], [0, 1, 3], [1, 2, 3], [0, 2, 3]], 4),
    ([[0], [1], [2], [0, 1, 2, 3]], 4),
    ([[0, 1], [0, 1], [0, 1], [2]], 6),
    ([[], [], []], 4),
    ([[0], [1], [0], [1]], 4),
    ([[0, 1], [2, 3], [4, 5], []], 8),
    ([[0, 1], [0, 1]], 4),
    ([[0, 1, 2], [0, 1, 2]], 8),
)


@check("standing-or-rotating")
def standing_or_rotating(trial: Trial) -> None:
    """Try runs of two to four snapshots, also at both borders, and one that hits nothing."""
    cases, said = [], []
    for run, modes in RUNS:
        hits = torch.zeros(len(run), modes, dtype=torch.bool)
        for row, places in zip(hits, run, strict=True):
            row[places] = True
        got = trial.call(hits)
        if not isinstance(got, str) or got not in ("none", "rotating", "standing"):
            trial.fail('the answer is one of the words "none", "rotating" and "standing"', _case(hits), got)
        cases.append(hits)
        said.append(got)
    right = [_kind(hits, _at_once(hits), _ever(hits)) for hits in cases]
    for hits, got, wanted in zip(cases, said, right, strict=True):
        if got == wanted:
            continue
        for reason, words in _misconceptions(cases, right).items():
            if words == said:
                trial.fail(reason, _case(hits), got)
        trial.fail(
            f"here m = {_at_once(hits):g}, u = {_ever(hits):g} and K = {hits.shape[1]}; "
            "both comparisons are strict, and the one with K/2 comes first",
            _case(hits),
            got,
        )
    trial.tried("two to four snapshots of four to eight modes, also at both borders, and with no hit at all")


def _case(hits: Tensor) -> str:
    return f"hits = {listed(hits.int())}"


def _at_once(hits: Tensor) -> float:
    return hits.double().sum(1).mean().item()


def _ever(hits: Tensor) -> float:
    return float(hits.any(0).sum())


def _misconceptions(cases: list[Tensor], right: list[str]) -> dict[str, list[str]]:
    """Return what one would say of all cases, for each misconception."""
    swapped = {"rotating": "standing", "standing": "rotating", "none": "none"}
    return {
        "the two words are exchanged: few modes at once and many over time is rotating": (
            [swapped[word] for word in right]
        ),
        "a run that visits many modes, one at a time, is judged here as if nothing had collapsed: "
        "K/2 is to be compared with m and not with u": [
            "none" if _ever(hits) > hits.shape[1] / 2 else _kind(hits, _at_once(hits), _ever(hits))
            for hits in cases
        ],
        "the last snapshot alone does not say how many modes are hit on average": [
            _kind(hits, float(hits[-1].sum()), _ever(hits)) for hits in cases
        ],
        "a mode counts for u if *any* snapshot hits it; here it has to be hit in *every* snapshot": [
            _kind(hits, _at_once(hits), float(hits.all(0).sum())) for hits in cases
        ],
    }


@check("worse-average")
def worse_average(trial: Trial) -> None:
    """Average the three runs' weights, and measure."""
    letter = trial.choice("ABCD")
    modes = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    runs = {
        "A": torch.tensor([[0.9, 0.0], [1.1, 0.0]]),
        "B": modes,
        "C": torch.tensor([[0.9, 0.0], [0.9, 0.0]]),
    }

    def distance(place: Tensor) -> float:
        return (modes - place).norm(dim=1).min().item()

    before = {name: distance(run[-1]) for name, run in runs.items()}
    after = {name: distance(run.mean(0)) for name, run in runs.items()}
    (right,) = [name for name in runs if after[name] > before[name] + 1e-6]
    names = {"A": "swinging", "B": "rotating", "C": "resting"}
    outcome = "; ".join(f"{names[n]}: {before[n]:.1f} before, {after[n]:.1f} after averaging" for n in runs)
    reasons = {
        "A": "the two places lie on both sides of a mode, so their mean is at the mode itself",
        "C": "the mean of a place with itself is where it was: nothing changes",
        "D": "not all of them: one gets better, and one stays as it is",
    }
    settle(trial, letter, right, reasons, outcome)
