"""Exercises on judging and reporting: losses, people, intervals, names of scores."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ganbook import metrics
from ganbook.exercises.evaluation_common import LETTER, settle
from ganbook.exercises.exercise import Exercise, Wrong

if TYPE_CHECKING:
    from ganbook.exercises.grading.trial import Trial

Z = 1.96

# -------------------------------------------------------------------------------- the loss does not tell


def _check_loss(trial: Trial) -> None:
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
        f"generator's loss {loss[0]:.2f} before and {loss[1]:.2f} after; Fréchet distance "
        f"{fid[0]:.2f} and {fid[1]:.2f}",
        {
            "A": "A sample does not become worse by being looked at. G is frozen, so its samples "
            "are the same before and after, and any distance between them and the data is the "
            "same.",
            "C": "G's loss is computed with D, and D has moved.",
            "D": "D learns to give generated samples a low probability. What does that do to -log D(G(z))?",
        },
    )


LOSS = Exercise(
    name="loss-does-not-tell",
    title="A frozen generator and its loss",
    chapter="evaluation",
    kind="predict",
    difficulty=1,
    statement=r"""The data are $\mathcal{N}(0, 1)$, and a generator G, frozen, gives $\mathcal{N}(2, 1)$. A
discriminator starts with $D(x) = 1/2$ everywhere and is trained for 300 steps, while G stays as it is.
Before and after we note the generator's loss $-\mathbb{E} \log D(G(z))$ and the Fréchet distance of its
samples to the data. What happens to the two? Commit yourself: put the letter into `answer`.""",
    starter=LETTER,
    answer="answer",
    check=_check_loss,
    hints=(
        "Which of the two numbers has D in its formula?",
        "The samples of G are the same before and after. The probabilities that D gives them are not.",
    ),
    solutions=('answer = "B"\n', 'answer = "(b)"\n'),
    explanation=r"""Not one sample changed, and the loss went from $\log 2$ to several times that. The
generator's loss measures G against the D of the moment. In training both move, so a falling loss may mean a
better G or a worse D, and a rising one the contrary.""",
    wrong=(
        Wrong('answer = "A"\n', "does not become worse by being looked at"),
        Wrong('answer = "C"\n', "G's loss is computed with D"),
        Wrong('answer = "D"\n', "a low probability. What does that do"),
    ),
    choices=(
        "Both rise.",
        "The loss rises, the distance stays the same.",
        "Both stay the same, since G is frozen.",
        "The loss falls, the distance stays the same.",
    ),
)

# ------------------------------------------------------------------------------------------- people


def _wilson_low(k: int, n: int, z: float = Z) -> float:
    p = k / n
    half = z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return (p + z**2 / (2 * n) - half) / (1 + z**2 / n)


def _check_all_right(trial: Trial) -> None:
    n = 20
    case = "20 right answers of 20"
    trial.tried(case)
    trial.differs(
        trial.value(),
        _wilson_low(n, n),
        case=case,
        rtol=2e-3,
        known={
            "Your interval has shrunk to the single point 1: that is the simple p +- z sqrt(p (1 "
            "- p) / n), which claims certainty after any number of right answers.": 1.0,
            "z enters without its square.": 1 / (1 + Z / n),
            "The last term was forgotten when the root was subtracted: with p = 1 the root is not 0.": (
                1 + Z**2 / (2 * n)
            )
            / (1 + Z**2 / n),
            "That is with z = 1.645, the 90 % interval.": _wilson_low(n, n, 1.645),
            "That is with z = 1, which gives 68 %, not 95 %.": _wilson_low(n, n, 1.0),
            "That is the confidence, 95 %. It says how often such intervals hold the truth, and is no end of "
            "one.": 0.95,
        },
        otherwise="Put p = 1 and n = 20 into the formula: what is left under the root?",
    )


ALL_RIGHT = Exercise(
    name="twenty-of-twenty",
    title="Twenty right answers of twenty",
    chapter="evaluation",
    kind="compute",
    difficulty=1,
    statement=r"""In "real or generated?" somebody was right 20 times of 20. What is the **lower** end of
Wilson's 95 % interval for the share of right answers,

$$\frac{p + \frac{z^2}{2n} \;-\; z \sqrt{\frac{p (1 - p)}{n} + \frac{z^2}{4 n^2}}}{1 + \frac{z^2}{n}}, \qquad
p = k/n, \quad z = 1.96 ?$$

Put it into `answer`, to three digits or better.""",
    starter="answer = ...  # a share from 0 to 1\n",
    answer="answer",
    check=_check_all_right,
    hints=(
        r"With $p = 1$ the first term under the root is 0, and the second is a square.",
        r"The numerator is $1 + \frac{z^2}{2n} - \frac{z^2}{2n}$.",
    ),
    solutions=(
        "n, z = 20, 1.96\nanswer = 1 / (1 + z**2 / n)\n",
        """import math

z, n = 1.96, 20
half = z * math.sqrt(z**2 / (4 * n**2))  # p (1 - p) = 0
answer = (1 + z**2 / (2 * n) - half) / (1 + z**2 / n)
""",
    ),
    explanation=r"""$1 / (1 + z^2/n) = n / (n + z^2) = 20 / 23.84 \approx 0.839$. After twenty right answers
a true share of 0.85 is quite possible. The simple interval $p \pm z \sqrt{p (1 - p) / n}$ would say "1 to
1".""",
    wrong=(
        Wrong("answer = 1.0\n", "shrunk to the single point 1"),
        Wrong("answer = 1 / (1 + 1.96 / 20)\n", "without its square"),
        Wrong("answer = (1 + 1.96**2 / 40) / (1 + 1.96**2 / 20)\n", "The last term was forgotten"),
        Wrong("answer = 1 / (1 + 1.645**2 / 20)\n", "the 90 % interval"),
        Wrong("answer = 0.95\n", "That is the confidence"),
    ),
)


def _check_enough(trial: Trial) -> None:
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
                "That many is more than half, and that is all. Chance alone gives more than half "
                "nearly every second time.": n // 2 + 1.0,
                "That is where the *upper* end passes one half.": fewest(
                    n, lambda k, n: 1 - _wilson_low(n - k, n) > 0.5
                ),
                "That is with the simple interval p +- z sqrt(p (1 - p) / n), which is too "
                "narrow for small n.": fewest(n, simple),
                "One too many: with one right answer less the lower end is above one half already.": fewest(
                    n, lambda k, n: _wilson_low(k, n) > 0.5
                )
                + 1,
                "One too few: the lower end is still at or below one half there.": fewest(
                    n, lambda k, n: _wilson_low(k, n) > 0.5
                )
                - 1,
                "That is where the share itself passes 95 %. 95 % is the confidence of the interval.": float(
                    math.ceil(0.95 * n)
                ),
                "All n. Fewer are enough.": float(n),
            },
            otherwise="The lower end of the interval does not pass one half there. Print it for each k.",
        )
    trial.tried("n = 4, 7, 10, 20, 21, 26, 59, 100 and 126")


_ENOUGH = """import math


def low(k, n, z=1.96):
    p = k / n
    half = z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return (p + z**2 / (2 * n) - half) / (1 + z**2 / n)


def enough_right(n):
    k = 0
    while {not_yet}:
        k += 1
    return k
"""

ENOUGH = Exercise(
    name="enough-right-answers",
    title="How many right answers are enough?",
    chapter="evaluation",
    kind="code",
    difficulty=2,
    statement=r"""Somebody looks at $n$ pictures, half of them real, and says of each whether it is real. We
say that they can tell the two apart if the **lower** end of Wilson's 95 % interval ($z = 1.96$, formula in
the chapter) for their share of right answers is above one half. Write `enough_right(n)`: for a whole number
$n \ge 4$ it returns the smallest number $k$ of right answers, a whole number, that is enough.""",
    starter="def enough_right(n):\n    return ...\n",
    answer="enough_right",
    check=_check_enough,
    hints=(
        "Write a function for the lower end first, with k and n; the chapter has one for both ends.",
        "Then try k = 0, 1, 2, ... and return the first k whose lower end is above 0.5.",
    ),
    solutions=(
        _ENOUGH.format(not_yet="low(k, n) <= 0.5"),
        """import numpy as np


def enough_right(n):
    k, z2 = np.arange(n + 1), 1.96**2
    p = k / n
    low = (p + z2 / (2 * n) - np.sqrt(z2 * p * (1 - p) / n + z2**2 / (4 * n**2))) / (1 + z2 / n)
    return int(k[low > 0.5][0])
""",
        """import math


def enough_right(n):
    # The lower end is 1/2 where (p - 1/2)^2 = z^2 / (4 n): solved for k = p n.
    return math.floor(n / 2 + 1.96 * math.sqrt(n) / 2) + 1
""",
    ),
    explanation=r"""Wilson's interval holds those shares $\pi$ for which $p$ is within $z$ standard
deviations, $|p - \pi| \le z \sqrt{\pi (1 - \pi) / n}$. So one half is outside as soon as $p - \tfrac12 > z
/ (2 \sqrt{n})$: of 20 answers 15 have to be right, of 100 answers 60.""",
    wrong=(
        Wrong("def enough_right(n):\n    return n // 2 + 1\n", "That many is more than half"),
        Wrong(
            _ENOUGH.format(not_yet="1 - low(n - k, n) <= 0.5"),
            "the *upper* end passes one half",
        ),
        Wrong(
            """import math


def enough_right(n):
    for k in range(n + 1):
        p = k / n
        if p - 1.96 * math.sqrt(p * (1 - p) / n) > 0.5:
            return k
""",
            "too narrow for small n",
        ),
        Wrong(_ENOUGH.format(not_yet="low(k + 1, n) <= 0.5"), "One too few"),
        Wrong(_ENOUGH.format(not_yet="low(k, n) <= 0.5").replace("return k", "return k + 1"), "One too many"),
    ),
)

# ---------------------------------------------------------------------------------------- bootstrap


def _check_bootstrap(trial: Trial) -> None:
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
    if not draws:
        trial.fail("The score was never computed of rows that were drawn.", case=case, got=got)
    shapes = {tuple(draw.shape) for draw in draws}
    if shapes != {(size, 2)}:
        trial.fail(
            f"A draw has the shape {sorted(shapes - {(size, 2)})[0]}. With more or fewer rows than N the "
            "interval would be that of a set of another size.",
            case=case,
        )
    index = {tuple(row): i for i, row in enumerate(x.tolist())}
    number = [[index.get(tuple(row), -1) for row in draw.tolist()] for draw in draws]
    if any(-1 in rows for rows in number):
        trial.fail("A draw has rows that are not rows of x. Whole rows are drawn, as they are.", case=case)
    if all(len(set(rows)) == size for rows in number):
        trial.fail(
            "No draw has a row twice: rows were drawn without replacement, so each draw is the "
            "whole set in another order, and the interval has no width but that of rounding.",
            case=case,
            got=got,
        )
    if len({tuple(rows) for rows in number}) == 1:
        trial.fail("All draws are the same one. Is a seed set inside the loop?", case=case, got=got)
    if len(draws) != num:
        trial.fail(f"The score was computed for {len(draws)} draws, where num are asked for.", case=case)
    if len({row for rows in number for row in rows}) < size:
        trial.fail("Some row of x is in none of the draws: is the range of the row numbers right?", case=case)

    def at(low: float, high: float) -> Tensor:
        return torch.tensor(values).quantile(torch.tensor([low, high])).double()

    v = sorted(values)
    # Between the two neighbouring values: conventions of quantiles differ in there.
    i, j = math.floor(0.025 * (num - 1)), math.floor(0.975 * (num - 1))
    low, high = got.tolist()
    tiny = 1e-5 * v[-1]
    if v[i] - tiny <= low <= v[i + 1] + tiny and v[j] - tiny <= high <= v[j + 1] + tiny:
        return
    mean, spread = torch.tensor(values).mean(), torch.tensor(values).std()
    sides = torch.tensor([-1.0, 1.0])
    trial.differs(
        got,
        torch.tensor([v[i], v[j]]),
        case=case,
        rtol=5e-3,
        known={
            "The two ends are exchanged.": at(0.975, 0.025),
            "Those are the smallest and the largest value: the interval would grow with num.": at(0.0, 1.0),
            "5 % were cut off at either end, which leaves 90 %.": at(0.05, 0.95),
            "25 % were cut off at either end, which leaves a half.": at(0.25, 0.75),
            "That is mean and standard deviation of the draws, as of a bell curve. The "
            "percentiles need no bell, and here there is none.": mean + 1.96 * spread * sides,
            "That is one standard deviation to either side of the mean, about 68 %.": mean + spread * sides,
            "You divided the spread of the draws by the root of num. That would be the error of "
            "the *mean of the draws*, which shrinks the longer the computer runs.": mean
            + 1.96 * spread / num**0.5 * sides,
        },
        otherwise="The draws are right, but the two numbers are not their 2.5 % and 97.5 % percentiles.",
    )


_BOOTSTRAP = """import torch


def bootstrap_interval(score, x, num):
    N = len(x)
    values = []
    for _ in range(num):
        i = {draw}
        values.append(float(score(x[i])))
    values = torch.tensor(values)
    return {result}
"""
_BOOTSTRAP_RIGHT = {
    "draw": "torch.randint(N, (N,))",
    "result": "values.quantile(0.025), values.quantile(0.975)",
}

BOOTSTRAP = Exercise(
    name="bootstrap-interval",
    title="An interval for any score",
    chapter="evaluation",
    kind="code",
    difficulty=3,
    statement=r"""How much would a score vary with other samples of the same size? The **bootstrap** answers
from the samples that one has: draw $N$ of the $N$ rows at random *with replacement* (some rows come twice,
some not at all), and compute the score of the drawn rows; do so `num` times. The 95 % percentile interval
reaches from the 2.5 % to the 97.5 % quantile of these `num` values.

Write `bootstrap_interval(score, x, num)`: `x` is a float tensor of shape `(N, d)`, `score` a function that
takes such rows and returns a number. Return the two ends, low and high.""",
    starter="def bootstrap_interval(score, x, num):\n    return ...  # low and high\n",
    answer="bootstrap_interval",
    check=_check_bootstrap,
    hints=(
        "A draw is N row numbers from 0 to N - 1, with repetitions; `x[i]` with such a list of "
        "numbers i gives the rows.",
        "`torch.randint(N, (N,))` draws with replacement, `torch.randperm(N)` without.",
        "Collect `score(x[i])` num times, then `values.quantile(0.025)` and `values.quantile(0.975)`.",
    ),
    solutions=(
        _BOOTSTRAP.format(**_BOOTSTRAP_RIGHT),
        """import numpy as np


def bootstrap_interval(score, x, num):
    x = np.asarray(x)
    rng = np.random.default_rng(0)
    draws = rng.integers(0, len(x), size=(num, len(x)))
    return np.percentile([score(x[i]) for i in draws], [2.5, 97.5])
""",
        """import random


def bootstrap_interval(score, x, num):
    numbers = range(len(x))
    values = sorted(float(score(x[random.choices(numbers, k=len(x))])) for _ in range(num))
    return values[int(0.025 * num)], values[int(0.975 * num)]
""",
    ),
    explanation="""The samples stand for the distribution, so drawing from them stands for drawing new
samples. It must be with replacement: without, each draw is the same set. The interval says what other
*samples* of this generator might score; another training run usually varies more. (FID rises when rows
repeat, so its percentiles lie too high; `ganbook.metrics.bootstrap` shifts them back.)""",
    wrong=(
        Wrong(
            _BOOTSTRAP.format(**_BOOTSTRAP_RIGHT | {"draw": "torch.randperm(N)"}),
            "without replacement",
        ),
        Wrong(
            _BOOTSTRAP.format(**_BOOTSTRAP_RIGHT | {"draw": "torch.randint(N, (N // 2,))"}),
            "With more or fewer rows than N",
        ),
        Wrong(
            _BOOTSTRAP.format(
                **_BOOTSTRAP_RIGHT | {"result": "values.quantile(0.05), values.quantile(0.95)"}
            ),
            "which leaves 90 %",
        ),
        Wrong(
            _BOOTSTRAP.format(**_BOOTSTRAP_RIGHT | {"result": "values.min(), values.max()"}),
            "smallest and the largest",
        ),
        Wrong(
            _BOOTSTRAP.format(
                **_BOOTSTRAP_RIGHT
                | {"result": "values.mean() - 1.96 * values.std(), values.mean() + 1.96 * values.std()"}
            ),
            "as of a bell curve",
        ),
        Wrong(
            _BOOTSTRAP.format(
                **_BOOTSTRAP_RIGHT
                | {"draw": "torch.randint(N, (N,), generator=torch.Generator().manual_seed(0))"}
            ),
            "All draws are the same one",
        ),
        Wrong(
            _BOOTSTRAP.format(
                **_BOOTSTRAP_RIGHT
                | {
                    "result": "values.mean() - 1.96 * values.std() / num**0.5, "
                    "values.mean() + 1.96 * values.std() / num**0.5"
                }
            ),
            "by the root of num",
        ),
    ),
)

# -------------------------------------------------------------------------------- which scores compare


def _check_comparable(trial: Trial) -> None:
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
    differ = {key: first.differences(second) for key, (first, second) in pairs.items()}
    settle(
        trial,
        letter,
        {key: not found for key, found in differ.items()},
        "; ".join(
            f"{key}: {' and '.join(found) or 'nothing of the kind differs'}" for key, found in differ.items()
        ),
        {
            "A": "Each extractor has features of its own, with a scale of its own. One model's "
            "4.1 and another's 6.3 are then lengths in different units.",
            "B": "FID is too high by about c/N. The score with 2,000 samples has five times the "
            "bias of the one with 10,000, so its 9.0 may be the better model.",
            "D": "The two were held against different real images. A model that copies its "
            "training images looks better against these than against the test images.",
        },
    )


COMPARABLE = Exercise(
    name="comparable-scores",
    title="Which scores compare?",
    chapter="evaluation",
    kind="predict",
    difficulty=1,
    statement=r"""Two models were scored with `ganbook.metrics`. A `Score` carries its extractor, the
numbers of generated and of real images, the real images that it was held against (here the MNIST test
images, where nothing else is said) and the seed with which the samples were drawn. In which case may one
conclude, as far as two numbers without intervals allow, that the model with the lower FID is better? Commit
yourself: put the letter into `answer`.""",
    starter=LETTER,
    answer="answer",
    check=_check_comparable,
    hints=(
        "A score measures a generator only if everything else that it depends on is the same.",
        "Three of the four pairs differ in something that moves *all* scores of one side. The "
        "fourth differs in chance only.",
    ),
    solutions=('answer = "C"\n', 'answer = "c"\n'),
    explanation="""The seed decides which samples were drawn, not what was measured, so scores with
different seeds compare (and their difference tells how much chance there is). Another extractor, another
number of samples, other real images: each moves the score by itself. A `Score` refuses such comparisons,
and says why.""",
    wrong=(
        Wrong('answer = "A"\n', "lengths in different units"),
        Wrong('answer = "B"\n', "five times the bias"),
        Wrong('answer = "D"\n', "held against different real images"),
    ),
    choices=(
        "`FID[mnist-classifier, 10k vs 10k] = 4.1` and `FID[inception-v3, 10k vs 10k] = 6.3`",
        "`FID[mnist-classifier, 10k vs 10k] = 5.2` and `FID[mnist-classifier, 2k vs 10k] = 9.0`",
        "`FID[mnist-classifier, 10k vs 10k] = 4.1` with seed 0 and `FID[mnist-classifier, 10k vs "
        "10k] = 4.8` with seed 1",
        "`FID[mnist-classifier, 10k vs 10k] = 4.1` and `FID[mnist-classifier, 10k vs 10k] = 4.6` "
        "against the training images",
    ),
)

EXERCISES: tuple[Exercise, ...] = (
    LOSS,
    ALL_RIGHT,
    ENOUGH,
    BOOTSTRAP,
    COMPARABLE,
)
