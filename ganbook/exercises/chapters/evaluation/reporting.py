"""Checks: losses that do not tell, people, intervals, and scores that compare."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ganbook import metrics
from ganbook.exercises.chapters.evaluation.common import settle
from ganbook.exercises.chapters.registry import check
from ganbook.exercises.grading.trial import Trial


@check("loss-does-not-tell")
def loss_does_not_tell(trial: Trial) -> None:
    """Train D against a G that stands still."""
    letter = trial.choice("ABCD")
    rng = torch.Generator().manual_seed(0)
    real, fake = torch.randn(5000, 1, generator=rng), 2 + torch.randn(5000, 1, generator=rng)
    w, b = torch.zeros(1, requires_grad=True), torch.zeros(1, requires_grad=True)

    def generator_loss() -> float:
        return F.softplus(-(w * fake + b)).mean().item()

    loss, fid = [generator_loss()], [metrics.frechet_distance(real, fake)]
    for _ in range(300):
        d_loss = F.softplus(-(w * real + b)).mean() + F.softplus(w * fake + b).mean()
        for parameter, gradient in zip((w, b), torch.autograd.grad(d_loss, (w, b)), strict=True):
            parameter.data -= 0.5 * gradient
    loss, fid = [*loss, generator_loss()], [*fid, metrics.frechet_distance(real, fake)]
    rises, falls, same = loss[1] > 1.5 * loss[0], loss[1] < loss[0] / 1.5, fid[0] == fid[1]
    settle(
        trial,
        letter,
        {
            "A": rises and fid[1] > fid[0],
            "B": rises and same,
            "C": not rises and not falls and same,
            "D": falls and same,
        },
        f"generator's loss {loss[0]:.2f} before and {loss[1]:.2f} after; "
        f"Fréchet distance {fid[0]:.2f} and {fid[1]:.2f}",
        {
            "A": (
                "A sample does not become worse by being looked at. "
                "G is frozen, so its samples are the same before and after, "
                "and any distance between them and the data is the same."
            ),
            "C": "G's loss is computed with D, and D has moved.",
            "D": "D learns to give generated samples a low probability. What does that do to -log D(G(z))?",
        },
    )


Z = 1.96


def _wilson_low(k: int, n: int, z: float = Z) -> float:
    p = k / n
    half = z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return (p + z**2 / (2 * n) - half) / (1 + z**2 / n)


@check("twenty-of-twenty")
def twenty_of_twenty(trial: Trial) -> None:
    """One number."""
    n = 20
    case = "20 right answers of 20"
    trial.tried(case)
    trial.differs(
        trial.value(),
        _wilson_low(n, n),
        case=case,
        rtol=2e-3,
        known={
            "Your interval has shrunk to the single point 1: "
            "that is the simple p +- z sqrt(p (1 - p) / n), "
            "which claims certainty after any number of right answers.": 1.0,
            "z enters without its square.": 1 / (1 + Z / n),
            "The last term was forgotten when the root was subtracted: with p = 1 the root is not 0.": (
                (1 + Z**2 / (2 * n)) / (1 + Z**2 / n)
            ),
            "That is with z = 1.645, the 90 % interval.": _wilson_low(n, n, 1.645),
            "That is with z = 1, which gives 68 %, not 95 %.": _wilson_low(n, n, 1.0),
            "That is the confidence, 95 %. "
            "It says how often such intervals hold the truth, and is no end of one.": 0.95,
        },
        otherwise="Put p = 1 and n = 20 into the formula: what is left under the root?",
    )


@check("enough-right-answers")
def enough_right_answers(trial: Trial) -> None:
    """From 4 to 126 pictures."""

    def fewest(n: int, enough: Any) -> float:
        return float(next((k for k in range(n + 1) if enough(k, n)), n + 1))

    def simple(k: int, n: int) -> bool:
        return k / n - Z * math.sqrt(k / n * (1 - k / n) / n) > 0.5

    for n in (100, 10, 4, 7, 20, 21, 26, 59, 126):
        trial.differs(
            trial.number(n),
            fewest(n, lambda k, n: _wilson_low(k, n) > 0.5),
            case=f"n = {n}",
            rtol=0,
            atol=1e-6,
            known={
                "That many is more than half, and that is all. "
                "Chance alone gives more than half nearly every second time.": n // 2 + 1.0,
                "That is where the *upper* end passes one half.": (
                    fewest(n, lambda k, n: 1 - _wilson_low(n - k, n) > 0.5)
                ),
                "That is with the simple interval p +- z sqrt(p (1 - p) / n), "
                "which is too narrow for small n.": fewest(n, simple),
                "One too many: with one right answer less the lower end is above one half already.": (
                    fewest(n, lambda k, n: _wilson_low(k, n) > 0.5) + 1
                ),
                "One too few: the lower end is still at or below one half there.": (
                    fewest(n, lambda k, n: _wilson_low(k, n) > 0.5) - 1
                ),
                "That is where the share itself passes 95 %. 95 % is the confidence of the interval.": (
                    float(math.ceil(0.95 * n))
                ),
                "All n. Fewer are enough.": float(n),
            },
            otherwise="The lower end of the interval does not pass one half there. Print it for each k.",
        )
    trial.tried("n = 4, 7, 10, 20, 21, 26, 59, 100 and 126")


@check("bootstrap-interval")
def bootstrap_interval(trial: Trial) -> None:
    """Hand over a score that notes which rows it is given."""
    for num, size in ((200, 12), (400, 5)):
        _check_bootstrap_once(trial, num, size)
    trial.tried(
        "200 draws of 12 rows and 400 draws of 5 rows, with a score that notes which rows it is given"
    )


def _check_bootstrap_once(trial: Trial, num: int, size: int) -> None:
    first = torch.randn(size, 1, generator=torch.Generator().manual_seed(size))
    x = torch.cat([first, 2 * first], dim=1)
    draws: list[Tensor] = []
    values: list[float] = []

    def score(rows: Any) -> Any:
        rows = torch.stack(list(rows)) if isinstance(rows, list) else torch.as_tensor(rows)
        value = rows[:, 0].double().mean().exp().item()
        if rows.shape != x.shape or not torch.equal(rows, x):  # the score of x itself is no draw
            draws.append(rows)
            values.append(value)
        return value

    case = f"x of {size} rows, num = {num}"
    got = trial.tensor(score, x, num, shape=(2,))
    _check_draws(trial, draws, x, num, got, case)
    _check_percentiles(trial, got, values, case)


def _check_draws(trial: Trial, draws: list[Tensor], x: Tensor, num: int, got: Tensor, case: str) -> None:
    """Fail unless these are `num` draws of all rows of x, with replacement."""
    if not draws:
        trial.fail("The score was never computed of rows that were drawn.", case=case, got=got)
    size = len(x)
    shapes = {tuple(draw.shape) for draw in draws}
    if shapes != {(size, 2)}:
        trial.fail(
            f"A draw has the shape {sorted(shapes - {(size, 2)})[0]}. "
            "With more or fewer rows than N the interval would be that of a set of another size.",
            case=case,
        )
    index = {tuple(row): i for i, row in enumerate(x.tolist())}
    numbers = [[index.get(tuple(row), -1) for row in draw.tolist()] for draw in draws]
    if any(-1 in rows for rows in numbers):
        trial.fail("A draw has rows that are not rows of x. Whole rows are drawn, as they are.", case=case)
    if all(len(set(rows)) == size for rows in numbers):
        trial.fail(
            "No draw has a row twice: "
            "rows were drawn without replacement, so each draw is the whole set in another order, "
            "and the interval has no width but that of rounding.",
            case=case,
            got=got,
        )
    if len({tuple(rows) for rows in numbers}) == 1:
        trial.fail("All draws are the same one. Is a seed set inside the loop?", case=case, got=got)
    if len(draws) != num:
        trial.fail(f"The score was computed for {len(draws)} draws, where num are asked for.", case=case)
    if len({row for rows in numbers for row in rows}) < size:
        trial.fail("Some row of x is in none of the draws: is the range of the row numbers right?", case=case)


def _check_percentiles(trial: Trial, got: Tensor, values: list[float], case: str) -> None:
    v, num = torch.tensor(sorted(values), dtype=torch.float64), len(values)

    def at(low: float, high: float) -> Tensor:
        return v.quantile(torch.tensor([low, high], dtype=torch.float64))

    # Between the two neighbouring values: conventions of quantiles differ in there.
    first = torch.tensor([math.floor(0.025 * (num - 1)), math.floor(0.975 * (num - 1))])
    tiny = 1e-5 * v[-1]
    if bool(((v[first] - tiny <= got) & (got <= v[first + 1] + tiny)).all()):
        return
    mean, spread = v.mean(), v.std()
    sides = torch.tensor([-1.0, 1.0])
    trial.differs(
        got,
        v[first],
        case=case,
        rtol=5e-3,
        known={
            "The two ends are exchanged.": at(0.975, 0.025),
            "Those are the smallest and the largest value: the interval would grow with num.": at(0.0, 1.0),
            "5 % were cut off at either end, which leaves 90 %.": at(0.05, 0.95),
            "25 % were cut off at either end, which leaves a half.": at(0.25, 0.75),
            "That is mean and standard deviation of the draws, as of a bell curve. "
            "The percentiles need no bell, and here there is none.": mean + 1.96 * spread * sides,
            "That is one standard deviation to either side of the mean, about 68 %.": mean + spread * sides,
            "You divided the spread of the draws by the root of num. "
            "That would be the error of the *mean of the draws*, "
            "which shrinks the longer the computer runs.": mean + 1.96 * spread / num**0.5 * sides,
        },
        otherwise="The draws are right, but the two numbers are not their 2.5 % and 97.5 % percentiles.",
    )


NOT_COMPARABLE = {
    "A": (
        "Each extractor has features of its own, with a scale of its own. "
        "One model's 4.1 and another's 6.3 are then lengths in different units."
    ),
    "B": (
        "FID is too high by about c/N. "
        "The score with 2,000 samples has five times the bias of the one with 10,000, "
        "so its 9.0 may be the better model."
    ),
    "D": (
        "The two were held against different real images. "
        "A model that copies its training images looks better against these than against the test images."
    ),
}


@check("comparable-scores")
def comparable_scores(trial: Trial) -> None:
    """Ask the package's own scores which of them compare."""
    letter = trial.choice("ABCD")

    def score(
        value: float,
        extractor: str = "mnist-classifier",
        fakes: int = 10_000,
        reference: str = "MNIST test",
        seed: int = 0,
    ) -> metrics.Score:
        counts = (fakes, 10_000)
        return metrics.Score("FID", value, extractor, "", counts, "lower", reference=reference, seed=seed)

    pairs = {
        "A": (score(4.1), score(6.3, extractor="inception-v3")),
        "B": (score(5.2), score(9.0, fakes=2_000)),
        "C": (score(4.1), score(4.8, seed=1)),
        "D": (score(4.1), score(4.6, reference="MNIST train")),
    }
    differences = {key: first.differences(second) for key, (first, second) in pairs.items()}
    outcome = "; ".join(
        f"{key}: {' and '.join(parts) or 'nothing of the kind differs'}" for key, parts in differences.items()
    )
    settle(trial, letter, {key: not parts for key, parts in differences.items()}, outcome, NOT_COMPARABLE)
