"""Exercises on precision and recall, density and coverage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ganbook import metrics
from ganbook.exercises.evaluation_common import LETTER, ring, rows, settle
from ganbook.exercises.exercise import Exercise, Wrong

if TYPE_CHECKING:
    from ganbook.exercises.grading.trial import Trial

# ------------------------------------------------------------------- precision and recall, predicted


def _check_dropped(trial: Trial) -> None:
    letter = trial.choice("ABCD")
    real = ring(1000, 10, seed=0)
    whole, half = (metrics.precision_recall(real, ring(1000, modes, seed=1)) for modes in (10, 5))
    halved = [0.35 < now / before < 0.65 for now, before in zip(half, whole, strict=True)]
    settle(
        trial,
        letter,
        {"A": halved == [True, False], "B": halved == [False, True], "C": all(halved), "D": not any(halved)},
        f"all ten clumps: precision {whole.precision:.2f}, recall {whole.recall:.2f}; "
        f"five of them: precision {half.precision:.2f}, recall {half.recall:.2f}",
        {
            "A": "You exchanged the two. Precision asks of each *generated* sample whether it is "
            "near a real one. Those that are not drawn are not asked.",
            "C": "Nothing that is drawn has become worse, and precision looks only at what is drawn.",
            "D": "One of the two asks every *real* sample whether something generated is near. "
            "Half of them are now alone.",
        },
    )


DROPPED = Exercise(
    name="dropped-modes",
    title="Half of the modes are gone",
    chapter="evaluation",
    kind="predict",
    difficulty=1,
    statement=r"""The real data are ten equal clumps on a circle. One generator draws all ten perfectly.
Another draws only five of them, each as perfectly. Each gives 1,000 samples, as many as there are real
ones. How do precision and recall (with $k = 3$) of the second compare with those of the first? Commit
yourself: put the letter into `answer`.""",
    starter=LETTER,
    answer="answer",
    check=_check_dropped,
    hints=(
        "Draw the ten clumps, and the balls around real samples. Which generated sample is outside them?",
        "Now draw the balls around the generated samples. Which real samples are outside?",
    ),
    solutions=('answer = "B"\n', 'answer = "b"\n'),
    explanation="""Each sample of the poorer generator lies where real ones are, so precision stays. The
real samples of the five clumps that are never drawn lie in no ball around a generated one: recall falls to
about the share of the clumps that are left.""",
    wrong=(
        Wrong('answer = "A"\n', "You exchanged the two"),
        Wrong('answer = "C"\n', "precision looks only at what is drawn"),
        Wrong('answer = "D"\n', "Half of them are now alone"),
    ),
    choices=(
        "Precision falls to about a half, recall stays.",
        "Precision stays, recall falls to about a half.",
        "Both fall to about a half.",
        "Both stay.",
    ),
)


def _check_narrow(trial: Trial) -> None:
    letter = trial.choice("ABCD")
    rng = torch.Generator().manual_seed(0)
    real, same, narrow = torch.randn(3, 1000, 2, generator=rng)
    whole, less = (metrics.precision_recall(real, fake) for fake in (same, 0.3 * narrow))
    precise, poor = less.precision > whole.precision, less.recall < 0.7 * whole.recall
    settle(
        trial,
        letter,
        {
            "A": precise and poor,
            "B": not precise and less.recall > whole.recall,
            "C": precise and not poor,
            "D": not precise and poor,
        },
        f"as wide as the data: precision {whole.precision:.3f}, recall {whole.recall:.2f}; "
        f"less than a third as wide: precision {less.precision:.3f}, recall {less.recall:.2f}",
        {
            "B": "The other way round: which samples of the honest generator lie outside the "
            "real balls, those in the middle or those at the rim? The narrow one draws fewer of "
            "these.",
            "C": "A share of the *real* samples is asked whether something generated is near. "
            "Those at the rim now have nobody.",
            "D": "Nothing is drawn where there is no real sample: the middle of the cloud is "
            "where real samples are densest.",
        },
    )


NARROW = Exercise(
    name="narrow-generator",
    title="A generator that plays it safe",
    chapter="evaluation",
    kind="predict",
    difficulty=2,
    statement=r"""Real samples come from a Gaussian in the plane with standard deviation 1. One generator
draws from the same Gaussian. Another draws around the same centre, but with standard deviation 0.3 (so do
generators whose latents are "truncated"). With 1,000 samples each: how do precision and recall ($k = 3$) of
the second compare with those of the first? Commit yourself: put the letter into `answer`.""",
    starter=LETTER,
    answer="answer",
    check=_check_narrow,
    hints=(
        "Even an honest generator has a precision a little below 1. Where are its samples that fall outside?",
        "Which real samples have no generated one nearby, if all of these keep to the middle?",
    ),
    solutions=('answer = "A"\n', 'answer = "a."\n'),
    explanation="""Real samples are dense in the middle and sparse at the rim. A generator that keeps to the
middle is always near a real sample: precision rises, even above that of a perfect generator. The real
samples at the rim are not reached: recall falls. Precision can be bought with diversity, so it is never to
be reported alone.""",
    wrong=(
        Wrong('answer = "B"\n', "The other way round"),
        Wrong('answer = "C"\n', "Those at the rim now have nobody"),
        Wrong('answer = "D"\n', "where real samples are densest"),
    ),
    choices=(
        "Precision is a little higher, recall is much lower.",
        "Precision is much lower, recall is a little higher.",
        "Precision is a little higher, recall is about the same.",
        "Both are much lower.",
    ),
)


def _check_one_image(trial: Trial) -> None:
    letter = trial.choice("ABCD")
    real, modes = ring(1000, 10, seed=0), ring(5000, 10, seed=1, sigma=0.0).unique(dim=0)
    fake = modes.repeat(100, 1)
    # Bayes' rule gives the true p(y|x): ten equal clumps with standard deviation 0.3.
    p_yx = (-torch.cdist(fake.double(), modes.double()).square() / (2 * 0.3**2)).softmax(dim=1)
    score = metrics.inception_score(p_yx, splits=1).mean
    precision, recall = metrics.precision_recall(real, fake)
    clear, near, spread = score > 9, precision > 0.9, recall > 0.5
    settle(
        trial,
        letter,
        {
            "A": not clear and near and not spread,
            "B": clear and not near and not spread,
            "C": clear and near and not spread,
            "D": clear and near and spread,
        },
        f"Inception Score {score:.2f} of at most 10, precision {precision:.2f}, recall {recall:.2f}",
        {
            "A": "The Inception Score counts classes, not pictures: each single one is clear, "
            "and all ten classes come up equally often. That is all that it asks.",
            "B": "Each picture lies in the middle of a clump of real ones. Precision asks no more than that.",
            "D": "Recall draws a ball around each generated sample, to its k-th nearest neighbour among the "
            "*generated* ones. How far away is that if each picture is there a hundred times?",
        },
    )


ONE_IMAGE = Exercise(
    name="one-image-a-class",
    title="One picture for each class",
    chapter="evaluation",
    kind="predict",
    difficulty=2,
    statement=r"""The real data are ten classes, ten equal clumps of points in the plane. A generator draws
each class equally often, but always the *same* sample of it, the typical one in the middle of the clump:
1,000 samples, of which only ten are different. A classifier gives the true $p(y \mid x)$. What do the
Inception Score, precision and recall ($k = 3$) say? Commit yourself: put the letter into `answer`.""",
    starter=LETTER,
    answer="answer",
    check=_check_one_image,
    hints=(
        "Take the scores one by one. Which of them would notice if each sample were replaced by "
        "another of its class?",
        "How large are the balls around the generated samples, if the nearest neighbours are "
        "equal to the sample?",
    ),
    solutions=('answer = "C"\n', 'answer = "C)"\n'),
    explanation="""The Inception Score is at its maximum, 10, and precision is 1: each picture is clear,
typical, and near real ones. The balls around equal samples have radius 0, so they hold no real sample and
recall is 0. Collapse
within the classes escapes the first two; only recall notices.""",
    wrong=(
        Wrong('answer = "A"\n', "counts classes, not pictures"),
        Wrong('answer = "B"\n', "Precision asks no more than that"),
        Wrong('answer = "D"\n', "Recall draws a ball around each generated sample"),
    ),
    choices=(
        "Inception Score near 1, precision near 1, recall near 0.",
        "Inception Score near 10, precision near 0, recall near 0.",
        "Inception Score near 10, precision near 1, recall near 0.",
        "Inception Score near 10, precision near 1, recall near 1.",
    ),
)


def _check_outlier(trial: Trial) -> None:
    letter = trial.choice("ABCD")
    rng = torch.Generator().manual_seed(0)
    crowd = torch.randn(200, 2, generator=rng)
    real = torch.cat([crowd, torch.tensor([[20.0, 0.0]])])
    fake = torch.tensor([10.0, 0.0]) + torch.randn(200, 2, generator=rng)
    precision = metrics.precision_recall(real, fake, k=3).precision
    without = metrics.precision_recall(crowd, fake, k=3).precision
    density = metrics.density_coverage(real, fake, k=3).density
    third = 0.2 < density < 0.5
    settle(
        trial,
        letter,
        {
            "A": precision < 0.1 and density < 0.1,
            "B": precision > 0.9 and third,
            "C": precision > 0.9 and density > 0.8,
            "D": precision < 0.1 and third,
        },
        f"precision {precision:.2f} (without the outlier {without:.2f}), density {density:.2f}",
        {
            "A": "How large is the ball around the outlier? It reaches to the third nearest "
            "other real sample, and these are all in the crowd.",
            "C": "Density counts *how many* balls each generated sample is in, and divides by k. "
            "There is one ball, not k.",
            "D": "If density sees a ball around the samples, so does precision: both use the same balls.",
        },
    )


OUTLIER = Exercise(
    name="one-outlier",
    title="One outlier among the real samples",
    chapter="evaluation",
    kind="predict",
    difficulty=3,
    statement=r"""Of 201 real samples in the plane, 200 lie in a round crowd at $(0, 0)$ with standard
deviation 1, and one, an outlier, at $(20, 0)$. A bad generator draws 200 samples around $(10, 0)$,
half-way, where no real sample is. With $k = 3$: what are **precision**, the share of generated samples
inside the real balls, and **density**, the number of real balls that a generated sample is in, averaged
over generated samples and divided by $k$ (about 1 for a perfect generator)? Commit yourself: put the letter
into `answer`.""",
    starter=LETTER,
    answer="answer",
    check=_check_outlier,
    hints=(
        "Draw the ball around the outlier. How far is its third nearest other real sample?",
        "Its radius is about 18. Which generated samples are inside? And in how many balls is each of them?",
    ),
    solutions=('answer = "B"\n', 'answer = "b"\n'),
    explanation=r"""The outlier's ball has a radius of about 18 and holds all generated samples: precision 1
for a generator that draws nothing like the data. Each of them is in this one ball only, so density is
$1/k$, a third. Density (Naeem and others, 2020) was made for this case: one outlier has one vote.""",
    wrong=(
        Wrong('answer = "A"\n', "How large is the ball around the outlier?"),
        Wrong('answer = "C"\n', "There is one ball, not k"),
        Wrong('answer = "D"\n', "both use the same balls"),
    ),
    choices=(
        "Precision near 0, density near 0.",
        "Precision near 1, density about one third.",
        "Precision near 1, density near 1.",
        "Precision near 0, density about one third.",
    ),
)

# ----------------------------------------------------------------------- precision and recall, coded


def _share(points: Tensor, centres: Tensor, radii: Tensor, *, closed: bool = True) -> Tensor:
    distances = torch.cdist(points, centres)
    inside = distances <= radii if closed else distances < radii
    return inside.any(1).double().mean()


def _radii(x: Tensor, k: int) -> Tensor:
    """Return the distance to the k-th nearest in the set, where the nearest of all is the point itself."""
    return torch.cdist(x, x).sort(1).values[:, min(k, len(x)) - 1]


_PR_CASES = (  # real, fake, k
    ([[1.0], [3.0], [5.0], [6.0]], [[2.0], [3.0], [4.0], [9.0], [12.0]], 1),
    ([[0.0], [4.0], [9.0]], [[1.0], [2.0], [30.0]], 1),
    ([[0.0], [1.0], [2.0], [10.0]], [[-3.0], [5.0], [19.0], [21.0], [2.0]], 2),
    ([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [6.0, 6.0]], [[0.0, 5.0], [3.0, 3.0], [9.0, 9.0]], 1),
)


def _check_precision_recall(trial: Trial) -> None:
    for real_, fake_, k in _PR_CASES:
        real, fake = torch.tensor(real_), torch.tensor(fake_)
        _check_precision_recall_once(
            trial, real, fake, k, f"real = {rows(real)}, fake = {rows(fake)}, k = {k}"
        )
    rng = torch.Generator().manual_seed(0)
    for n, m, k, width in ((60, 40, 3, 0.8), (12, 9, 2, 1.0), (20, 30, 1, 1.2)):
        real, fake = torch.randn(n, 3, generator=rng), width * torch.randn(m, 3, generator=rng)
        case = f"{n} real and {m} generated random points, k = {k}"
        _check_precision_recall_once(trial, real, fake, k, case)
    trial.tried("three to five points, a distance of just the radius, and up to 60 random points, k = 1 to 3")


def _check_precision_recall_once(trial: Trial, real_: Tensor, fake_: Tensor, k: int, case: str) -> None:
    real, fake = real_.double(), fake_.double()
    r_real, r_fake = _radii(real, k + 1), _radii(fake, k + 1)

    def pair(a: Tensor, b: Tensor) -> Tensor:
        return torch.stack([a, b])

    precision, recall = _share(fake, real, r_real), _share(real, fake, r_fake)
    distances = torch.cdist(fake, real)
    trial.differs(
        trial.tensor(real_, fake_, k, shape=(2,)),
        pair(precision, recall),
        case=case,
        atol=1e-4,
        known={
            "The two are exchanged: precision is the share of *generated* samples, recall that of real "
            "ones.": pair(recall, precision),
            "Each sample was counted as its own neighbour: its nearest neighbour in its own set "
            "is itself, at distance 0, and the k-th of the others comes one later.": pair(
                _share(fake, real, _radii(real, k)), _share(real, fake, _radii(fake, k))
            ),
            "Your balls reach one neighbour too far.": pair(
                _share(fake, real, _radii(real, k + 2)), _share(real, fake, _radii(fake, k + 2))
            ),
            "A sample at exactly the radius was left outside. The balls are closed: at most the radius is "
            "inside.": pair(
                _share(fake, real, r_real, closed=False), _share(real, fake, r_fake, closed=False)
            ),
            "A sample has to lie in *some* ball, not in all of them.": pair(
                (distances <= r_real).all(1).double().mean(), (r_fake >= distances.T).all(1).double().mean()
            ),
            "The ball of the asking sample was used: precision asks whether a generated sample "
            "is inside a ball around a real one, with the real one's radius.": pair(
                (distances <= r_fake[:, None]).any(1).double().mean(),
                (distances <= r_real).any(0).double().mean(),
            ),
            "Both shares are of generated samples. Recall is a share of the real ones.": pair(
                precision, (distances <= r_fake[:, None]).any(1).double().mean()
            ),
            "Both shares use the balls around real samples. For recall they are drawn around the generated "
            "ones.": pair(precision, (distances <= r_real).any(0).double().mean()),
            "Both numbers are your precision.": pair(precision, precision),
            "You count the samples outside the balls.": pair(1 - precision, 1 - recall),
            "Those are pairs of a sample and a ball, not samples: one that lies in two balls "
            "counts once.": pair(
                (distances <= r_real).double().mean(), (r_fake >= distances.T).double().mean()
            ),
        },
        otherwise="Draw the case on paper, with the balls, and count. Precision first, then recall.",
    )


_PR = """import torch


def inside(points, centres, k):
    radii = torch.cdist(centres, centres).{radius}
    return ({test}).double().mean()


def precision_recall(real, fake, k):
    return {result}
"""
_PR_RIGHT = {
    "radius": "kthvalue(k + 1).values",
    "test": "(torch.cdist(points, centres) <= radii).any(1)",
    "result": "inside(fake, real, k), inside(real, fake, k)",
}

PRECISION_RECALL = Exercise(
    name="precision-recall",
    title="Precision and recall",
    chapter="evaluation",
    kind="code",
    difficulty=3,
    statement=r"""Write `precision_recall(real, fake, k)` for two float tensors of features, of shapes `(N,
d)` and `(M, d)`, and a whole number $1 \le k < \min(N, M)$. Around each sample of a set draw a ball that
reaches to its $k$-th nearest *other* sample of the same set. A point at most that far from the sample is
inside. Return two numbers, in this order:

- precision, the share of fake samples that lie inside the ball of at least one real sample;
- recall, the share of real samples that lie inside the ball of at least one fake sample.""",
    starter="def precision_recall(real, fake, k):\n    return ...  # two numbers\n",
    answer="precision_recall",
    check=_check_precision_recall,
    hints=(
        "Write one function for the share of `points` inside the balls around `centres`, and use it twice.",
        "`torch.cdist(a, b)` is the matrix of all distances. In the matrix of a set with itself, "
        "what is the smallest number of each row?",
        "It is the 0 on the diagonal; so the radii are `torch.cdist(a, a).kthvalue(k + 1).values`.",
    ),
    solutions=(
        _PR.format(**_PR_RIGHT),
        """import numpy as np


def distances(a, b):
    return np.sqrt(((a[:, None, :] - b[None, :, :]) ** 2).sum(axis=2))


def precision_recall(real, fake, k):
    real, fake = np.asarray(real, dtype=float), np.asarray(fake, dtype=float)
    r_real = np.sort(distances(real, real), axis=1)[:, k]
    r_fake = np.sort(distances(fake, fake), axis=1)[:, k]
    between = distances(fake, real)
    precision = (between <= r_real[None, :]).any(axis=1).mean()
    recall = (between <= r_fake[:, None]).any(axis=0).mean()
    return precision, recall
""",
        """import math


def share(points, centres, k):
    radii = []
    for i, a in enumerate(centres):
        others = [math.dist(a, b) for j, b in enumerate(centres) if j != i]
        radii.append(sorted(others)[k - 1])
    count = 0
    for p in points:
        for c, r in zip(centres, radii):
            if math.dist(p, c) <= r:
                count += 1
                break
    return count / len(points)


def precision_recall(real, fake, k):
    real, fake = real.tolist(), fake.tolist()
    return [share(fake, real, k), share(real, fake, k)]
""",
    ),
    explanation="""The union of the balls stands for the region where a set lives; it is wide where samples
are sparse. Precision asks the generated samples, recall the real ones, and each looks at the *other* set's
balls. The k + 1 is there because a sample is its own nearest neighbour: with k instead, k = 1 gives balls
of radius 0.""",
    wrong=(
        Wrong(_PR.format(**_PR_RIGHT | {"radius": "kthvalue(k).values"}), "counted as its own neighbour"),
        Wrong(
            _PR.format(**_PR_RIGHT | {"result": "inside(real, fake, k), inside(fake, real, k)"}),
            "The two are exchanged",
        ),
        Wrong(
            _PR.format(**_PR_RIGHT | {"test": "(torch.cdist(points, centres) <= radii).all(1)"}),
            "in *some* ball, not in all",
        ),
        Wrong(
            _PR.format(**_PR_RIGHT | {"test": "(torch.cdist(points, centres) < radii).any(1)"}),
            "exactly the radius was left outside",
        ),
        Wrong(
            """import torch


def precision_recall(real, fake, k):
    radii = torch.cdist(real, real).kthvalue(k + 1).values
    inside = torch.cdist(fake, real) <= radii
    return inside.any(1).double().mean(), inside.any(0).double().mean()
""",
            "Both shares use the balls around real samples",
        ),
        Wrong(
            """import torch


def precision_recall(real, fake, k):
    r_real = torch.cdist(real, real).kthvalue(k + 1).values
    r_fake = torch.cdist(fake, fake).kthvalue(k + 1).values
    between = torch.cdist(fake, real)
    precision = (between <= r_fake[:, None]).any(1).double().mean()
    return precision, (between <= r_real).any(0).double().mean()
""",
            "The ball of the asking sample",
        ),
    ),
)


def _check_density_coverage(trial: Trial) -> None:
    cases = (
        ([[5.0], [8.0], [10.0], [11.0]], [[3.0], [6.0], [12.0]], 2),
        ([[0.0], [1.0], [3.0], [10.0]], [[2.0], [5.0], [0.5]], 2),
        (
            [[0.0, 0.0], [0.0, 3.0], [4.0, 0.0]],
            [[0.0, 1.0], [1.0, 0.0], [4.0, 4.0], [0.5, 0.5], [9.0, 0.0]],
            1,
        ),
    )
    for real_, fake_, k in cases:
        real, fake = torch.tensor(real_), torch.tensor(fake_)
        _check_density_once(trial, real, fake, k, f"real = {rows(real)}, fake = {rows(fake)}, k = {k}")
    rng = torch.Generator().manual_seed(0)
    real, fake = torch.randn(50, 3, generator=rng), 0.7 * torch.randn(80, 3, generator=rng)
    _check_density_once(trial, real, fake, 4, "50 real and 80 generated random points, k = 4")
    trial.tried(
        "three or four real points, a distance of just the radius, k = 1 and 2, and 50 against "
        "80 random points"
    )


def _check_density_once(trial: Trial, real_: Tensor, fake_: Tensor, k: int, case: str) -> None:
    real, fake = real_.double(), fake_.double()
    distances = torch.cdist(fake, real)

    def pair(inside: Tensor) -> Tensor:
        return torch.stack([inside.double().sum() / (k * len(fake)), inside.any(0).double().mean()])

    inside = distances < _radii(real, k + 1)
    density, coverage = pair(inside)
    n, m = len(real), len(fake)
    trial.differs(
        trial.tensor(real_, fake_, k, shape=(2,)),
        pair(inside),
        case=case,
        atol=1e-4,
        known={
            "The two are exchanged: density comes first.": torch.stack([coverage, density]),
            "Each real sample was counted as its own neighbour, so the balls are too small.": pair(
                distances < _radii(real, k)
            ),
            "A sample at exactly the radius counted as inside. These balls are open: nearer than "
            "the radius, as in the statement.": pair(distances <= _radii(real, k + 1)),
            "The balls are drawn around the generated samples. Here both numbers use the balls "
            "around the real ones: that is what makes them robust.": pair(
                distances < _radii(fake, k + 1)[:, None]
            ),
            "Density is not divided by k.": torch.stack([k * density, coverage]),
            "Density is divided by the number of real samples instead of the generated ones: it "
            "is an average over generated samples.": torch.stack([density * m / n, coverage]),
            "That is precision, not density: a sample in several balls counts several times.": torch.stack(
                [inside.any(1).double().mean(), coverage]
            ),
            "Coverage is a share of the *real* samples: those that have a generated one in their "
            "ball.": torch.stack([density, inside.any(1).double().mean()]),
            "Density counts pairs, and is divided by all pairs: it should be about 1 for a perfect "
            "generator.": torch.stack([inside.double().mean(), coverage]),
        },
        otherwise="Draw the case on paper, with the balls around the real samples, and count again.",
    )


_DC = """import torch


def density_coverage(real, fake, k):
    radii = torch.cdist(real, real).kthvalue({k}).values
    inside = torch.cdist(fake, real) {less} radii
    return {result}
"""
_DC_RIGHT = {
    "k": "k + 1",
    "less": "<",
    "result": "inside.sum() / (k * len(fake)), inside.any(0).double().mean()",
}

DENSITY_COVERAGE = Exercise(
    name="density-coverage",
    title="Density and coverage",
    chapter="evaluation",
    kind="code",
    difficulty=3,
    statement=r"""Density and coverage draw balls around the **real** samples only: each reaches to the
$k$-th nearest *other* real sample, and a point is inside if it is *nearer* than that (not at the same
distance). Write `density_coverage(real, fake, k)` for float tensors of shapes `(N, d)` and `(M, d)` and a
whole number $1 \le k < N$. Return two numbers, in this order:

- density: in how many balls is a fake sample? Average that over the $M$ fake samples, and divide by $k$;
- coverage: the share of the $N$ balls in which there is at least one fake sample.""",
    starter="def density_coverage(real, fake, k):\n    return ...  # two numbers\n",
    answer="density_coverage",
    check=_check_density_coverage,
    hints=(
        "Make a matrix of True and False: fake sample i (row) is inside the ball of real sample j (column).",
        "Density adds the whole matrix up. Coverage asks each *column* whether there is a True.",
        "`inside.sum() / (k * M)` and `inside.any(0)`, averaged. The radii are the ones of precision.",
    ),
    solutions=(
        _DC.format(**_DC_RIGHT),
        """import numpy as np


def density_coverage(real, fake, k):
    def distances(a, b):
        return np.linalg.norm(a[:, None] - b[None], axis=-1)

    real, fake = np.asarray(real, dtype=float), np.asarray(fake, dtype=float)
    radii = np.sort(distances(real, real), axis=1)[:, k]
    inside = distances(real, fake) < radii[:, None]
    return inside.sum(axis=0).mean() / k, inside.any(axis=1).mean()
""",
        """import math


def density_coverage(real, fake, k):
    real, fake = real.tolist(), fake.tolist()
    hits, covered = 0, 0
    for i, x in enumerate(real):
        others = sorted(math.dist(x, other) for j, other in enumerate(real) if j != i)
        inside = sum(math.dist(x, y) < others[k - 1] for y in fake)
        hits += inside
        covered += inside > 0
    return hits / (k * len(fake)), covered / len(real)
""",
    ),
    explanation="""Both numbers use the real samples' balls, so a generated outlier cannot buy coverage with
a large ball of its own. A perfect generator has a density of about 1, and may be above it: density is no
share. Coverage of a perfect generator is below 1, as some balls stay empty by chance.""",
    wrong=(
        Wrong(
            _DC.format(
                **_DC_RIGHT | {"result": "inside.double().sum() / len(fake), inside.any(0).double().mean()"}
            ),
            "not divided by k",
        ),
        Wrong(_DC.format(**_DC_RIGHT | {"k": "k"}), "counted as its own neighbour"),
        Wrong(_DC.format(**_DC_RIGHT | {"less": "<="}), "These balls are open"),
        Wrong(
            _DC.format(
                **_DC_RIGHT | {"result": "inside.any(1).double().mean(), inside.any(0).double().mean()"}
            ),
            "That is precision, not density",
        ),
        Wrong(
            _DC.format(
                **_DC_RIGHT
                | {"result": "inside.double().sum() / (k * len(fake)), inside.any(1).double().mean()"}
            ),
            "Coverage is a share of the *real* samples",
        ),
        Wrong(
            """import torch


def density_coverage(real, fake, k):
    radii = torch.cdist(fake, fake).kthvalue(k + 1).values
    inside = torch.cdist(fake, real) < radii[:, None]
    return inside.double().sum() / (k * len(fake)), inside.any(0).double().mean()
""",
            "drawn around the generated samples",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (
    DROPPED,
    NARROW,
    ONE_IMAGE,
    OUTLIER,
    PRECISION_RECALL,
    DENSITY_COVERAGE,
)
