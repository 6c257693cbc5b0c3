"""Exercises on the modes of toy data, and on copies of training data."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ganbook.exercises.evaluation_common import number_or_nan, ring, rows
from ganbook.exercises.exercise import Exercise, Wrong

if TYPE_CHECKING:
    from ganbook.exercises.grading.trial import Trial

# ----------------------------------------------------------------------------------- modes of a ring


def _check_modes(trial: Trial) -> None:
    cases = (
        (
            [[0.0, 0.0], [10.0, 0.0], [20.0, 5.0]],
            1.0,
            [[0.0, 0.5], [1.5, 0.0], [10.0, 1.75], [12.5, 0.0], [20.0, 1.0]],
        ),
        ([[0.0, 0.0], [10.0, 0.0]], 1.0, [[3.0, 0.0], [9.0, 0.0], [10.0, 0.5]]),
        (
            [[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]],
            0.5,
            [[0.5, 0.5], [4.0, 0.875], [4.0, 1.0], [1.0, 0.0], [2.0, 2.0], [0.0, 2.0]],
        ),
        ([[0.0, 0.0], [2.0, 0.0]], 2.0, [[0.5, 0.0], [0.0, 1.0], [0.0, 9.0]]),
        ([[0.0, 0.0], [10.0, 0.0], [30.0, 0.0]], 1.0, [[0.0, 1.0], [11.0, 0.0], [30.0, 2.0]]),
        ([[0.0, 0.0], [1.0, 0.0]], 0.1, [[0.5, 0.5], [0.5, 1.0]]),
    )
    for modes_, sigma, points_ in cases:
        points, modes = torch.tensor(points_), torch.tensor(modes_)
        case = f"points = {rows(points)}, modes = {rows(modes)}, sigma = {sigma:g}"
        _check_modes_once(trial, points, modes, sigma, case)
    whole = ring(2000, 10, seed=3, sigma=0.0).unique(dim=0)
    points = ring(500, 7, seed=4, sigma=0.25)
    _check_modes_once(trial, points, whole, 0.1, "500 points around 7 of the 10 modes of a ring, sigma = 0.1")
    trial.tried(
        "two to five points and two or three modes, a distance of just 3 sigma, no good point at "
        "all, and 500 points on a ring"
    )


def _check_modes_once(trial: Trial, points_: Tensor, modes_: Tensor, sigma: float, case: str) -> None:
    points, modes = points_.double(), modes_.double()
    distance, owner = torch.cdist(points, modes, compute_mode="donot_use_mm_for_euclid_dist").min(1)

    def pair(good: Tensor, counted: Tensor | None = None) -> Tensor:
        hit = owner[good if counted is None else counted].unique().numel()
        return torch.tensor([float(hit), good.double().mean().item()])

    good = distance < 3 * sigma
    everyone = torch.ones_like(good)
    hit, share = pair(good).tolist()
    within = (torch.cdist(points, modes) < 3 * sigma).any(0).sum().item()
    trial.differs(
        trial.tensor(points_, modes_, sigma, shape=(2,)),
        torch.tensor([hit, share]),
        case=case,
        known={
            "A mode counts as hit here if *any* point has it as its nearest mode, however far "
            "away. Only points of high quality count.": pair(good, everyone),
            "A point at exactly 3 sigma counted as good. It has to be nearer than that.": pair(
                distance <= 3 * sigma
            ),
            "The radius is one sigma; the protocol takes three.": pair(distance < sigma),
            "The radius is two sigma; the protocol takes three.": pair(distance < 2 * sigma),
            "The distance is held against 3 sigma squared, or its square against 3 sigma: compare like with "
            "like.": pair(distance < 3 * sigma**2),
            "The squared distance is held against 3 sigma: compare like with like.": pair(
                distance**2 < 3 * sigma
            ),
            "You count the points that are *not* good.": pair(distance >= 3 * sigma, good),
            "The two are exchanged: the number of modes comes first.": torch.tensor([share, hit]),
            "The share is one of the modes. High quality is a share of the points.": torch.tensor(
                [hit, hit / len(modes)]
            ),
            "The second number is a count. It is to be a share of all points.": torch.tensor(
                [hit, share * len(points)]
            ),
            "The first number is a share. It is to be a count of modes.": torch.tensor(
                [hit / len(modes), share]
            ),
            "A point belongs to one mode only, the nearest. Where modes are near each other, you "
            "let a point hit several.": torch.tensor([float(within), share]),
        },
        otherwise="Mark the points of the case on paper: which mode is nearest, and how many sigmas away?",
    )


_MODES = """import torch


def mode_coverage(points, modes, sigma):
    distance, owner = torch.cdist(points, modes).min(1)
    good = {good}
    return {hit}, {share}
"""
_MODES_RIGHT = {
    "good": "distance < 3 * sigma",
    "hit": "len(owner[good].unique())",
    "share": "good.double().mean()",
}

MODES = Exercise(
    name="modes-hit",
    title="How many modes of the ring?",
    chapter="evaluation",
    kind="code",
    difficulty=2,
    statement=r"""On toy data such as the ring, the modes are known. A common protocol (of the PacGAN paper)
is this. A sample belongs to its nearest mode; it is of **high quality** if it is nearer than $3 \sigma$ to
that mode; a mode is **hit** if at least one sample of high quality belongs to it. Write
`mode_coverage(points, modes, sigma)`: `points` is a float tensor of shape `(N, 2)`, `modes` of shape `(K,
2)`, `sigma` a number. Return two numbers, in this order: how many modes are hit, and the share of the `N`
points that are of high quality.""",
    starter="def mode_coverage(points, modes, sigma):\n    return ...  # two numbers\n",
    answer="mode_coverage",
    check=_check_modes,
    hints=(
        "`torch.cdist(points, modes)` has a row for each point. What are its smallest number, "
        "and where is it?",
        "`distance, owner = torch.cdist(points, modes).min(1)`; a point is good if `distance < 3 * sigma`.",
        "Count the different values of `owner` among the good points.",
    ),
    solutions=(
        _MODES.format(**_MODES_RIGHT),
        """import numpy as np


def mode_coverage(points, modes, sigma):
    points, modes = np.asarray(points, dtype=float), np.asarray(modes, dtype=float)
    distances = np.linalg.norm(points[:, None] - modes[None], axis=2)
    owner = distances.argmin(axis=1)
    good = distances.min(axis=1) < 3 * sigma
    return len(set(owner[good])), good.mean()
""",
        """import math


def mode_coverage(points, modes, sigma):
    hit, good = set(), 0
    for point in points.tolist():
        distances = [math.dist(point, mode) for mode in modes.tolist()]
        if min(distances) < 3 * sigma:
            good += 1
            hit.add(distances.index(min(distances)))
    return len(hit), good / len(points)
""",
    ),
    explanation=r"""The two numbers answer the two questions: diversity (how many modes) and fidelity (how
many samples are any good). Even true samples do not reach a share of 1: in the plane $1 - e^{-9/2} =
98.9\,\%$ lie within $3 \sigma$. One stray sample is enough to hit a mode, so the number of samples has to
be told; 2,500 is usual.""",
    wrong=(
        Wrong(_MODES.format(**_MODES_RIGHT | {"hit": "len(owner.unique())"}), "however far away"),
        Wrong(_MODES.format(**_MODES_RIGHT | {"good": "distance < sigma"}), "The radius is one sigma"),
        Wrong(
            _MODES.format(**_MODES_RIGHT | {"good": "distance <= 3 * sigma"}), "at exactly 3 sigma counted"
        ),
        Wrong(
            _MODES.format(**_MODES_RIGHT | {"share": "len(owner[good].unique()) / len(modes)"}),
            "The share is one of the modes",
        ),
        Wrong(_MODES.format(**_MODES_RIGHT | {"share": "good.sum()"}), "The second number is a count"),
        Wrong(
            """import torch


def mode_coverage(points, modes, sigma):
    near = torch.cdist(points, modes) < 3 * sigma
    return near.any(0).sum(), near.any(1).double().mean()
""",
            "you let a point hit several",
        ),
        Wrong(
            _MODES.format(**_MODES_RIGHT | {"good": "distance**2 < 3 * sigma"}),
            "The squared distance is held",
        ),
    ),
)


def _check_reverse_kl(trial: Trial) -> None:
    cases = (
        ([2.0, 2.0], [0.5, 0.5]),
        ([3.0, 1.0], [0.5, 0.5]),
        ([1.0, 3.0], [0.75, 0.25]),
        ([1.0, 2.0, 5.0], [0.25, 0.25, 0.5]),
        ([5.0, 0.0], [0.5, 0.5]),
        ([4.0, 0.0, 2.0, 0.0], [0.5, 0.125, 0.25, 0.125]),
    )
    for counts_, p_ in cases:
        counts, p_t = torch.tensor(counts_), torch.tensor(p_)
        n, p = counts.double(), p_t.double()
        q = n / n.sum()
        case = f"counts = {rows(counts)}, p = {rows(p_t)}"

        def kl(a: Tensor, b: Tensor) -> Tensor:
            return (torch.special.xlogy(a, a) - torch.special.xlogy(a, b)).sum()

        mixed = (p + q) / 2
        trial.differs(
            number_or_nan(
                trial,
                trial.call(counts, p_t),
                "The result is NaN. A mode that is never hit has q = 0, and 0 times the "
                "logarithm of 0 is NaN on a computer. In the sum 0 log 0 counts as 0.",
                case,
            ),
            kl(q, p),
            case=case,
            known={
                "That is KL(p || q), the forward one: with a mode missing it would be infinite.": kl(p, q),
                "Logarithms to base 2. The definition has natural ones (nats).": kl(q, p) / math.log(2),
                "The counts are not divided by their sum: q has to sum to 1.": kl(n, p),
                "The sum over modes became a mean.": kl(q, p) / len(q),
                "The sign is turned round: a KL divergence is never negative.": -kl(q, p),
                "That is the entropy of q: the true weights p do not count in it.": -kl(
                    q, torch.ones_like(q)
                ),
                "p is taken as equal for all modes: use the p that is given.": kl(
                    q, torch.ones_like(q) / len(q)
                ),
                "That is the Jensen-Shannon divergence.": (kl(p, mixed) + kl(q, mixed)) / 2,
                "The logarithms are not weighted by q, but by p.": -kl(p, q),
            },
            otherwise="Work the case out by hand: first q, then one term for each mode.",
        )
    trial.tried("two to four modes: hit evenly, unevenly, by unequal true weights, and some never hit")


_KL = """def reverse_kl(counts, p):
    q = counts / counts.sum()
    hit = q > 0
    return {result}
"""

REVERSE_KL = Exercise(
    name="reverse-kl-of-modes",
    title="Are the modes hit evenly?",
    chapter="evaluation",
    kind="code",
    difficulty=2,
    statement=r"""A generator hit mode $k$ with `counts[k]` samples; the true weights of the modes are
$p_k$, all above 0. The **reverse KL** says how unevenly: with $q_k$ the share of the samples in mode $k$,

$$\mathrm{KL}(q \,\|\, p) = \sum_k q_k \log \frac{q_k}{p_k}$$

in nats (natural logarithm), where a mode with $q_k = 0$ contributes 0. Write `reverse_kl(counts, p)` for
two float tensors of shape `(K,)`; not all counts are 0, and `p` sums to 1. It returns one number.""",
    starter="def reverse_kl(counts, p):\n    return ...\n",
    answer="reverse_kl",
    check=_check_reverse_kl,
    hints=(
        "First turn the counts into shares that sum to 1.",
        "Sum only over the modes with $q_k > 0$: `q[q > 0]` picks them.",
        "`(q * (q / p).log())` over the modes that are hit, summed.",
    ),
    solutions=(
        _KL.format(result="(q[hit] * (q[hit] / p[hit]).log()).sum()"),
        """import math


def reverse_kl(counts, p):
    total = float(sum(counts))
    kl = 0.0
    for n_k, p_k in zip(counts.tolist(), p.tolist()):
        if n_k > 0:
            kl += n_k / total * math.log(n_k / total / p_k)
    return kl
""",
        """import numpy as np


def reverse_kl(counts, p):
    q = np.asarray(counts) / np.sum(np.asarray(counts))
    safe = np.where(q > 0, q, 1.0)
    return np.sum(q * np.log(safe)) - np.sum(q * np.log(np.asarray(p)))
""",
    ),
    explanation=r"""It is called reverse because the generator's distribution comes first. That keeps it
finite when modes are missing, as they usually are: $\log (K / K')$ if $K'$ of $K$ equal modes are hit
evenly. The forward $\mathrm{KL}(p \,\|\, q)$ is infinite as soon as one is missing, and so compares
nothing.""",
    wrong=(
        Wrong(
            """def reverse_kl(counts, p):
    q = counts / counts.sum()
    return (p * (p / q).log()).sum()
""",
            "the forward one",
        ),
        Wrong(
            """def reverse_kl(counts, p):
    q = counts / counts.sum()
    return (q * (q / p).log()).sum()
""",
            "The result is NaN",
        ),
        Wrong(_KL.format(result="(q[hit] * (q[hit] / p[hit]).log2()).sum()"), "Logarithms to base 2"),
        Wrong(
            """def reverse_kl(counts, p):
    hit = counts > 0
    return (counts[hit] * (counts[hit] / p[hit]).log()).sum()
""",
            "not divided by their sum",
        ),
        Wrong(_KL.format(result="(q[hit] * (q[hit] / p[hit]).log()).sum() / len(q)"), "became a mean"),
        Wrong(_KL.format(result="-(q[hit] * q[hit].log()).sum()"), "the entropy of q"),
        Wrong(_KL.format(result="(q[hit] * (q[hit] * len(q)).log()).sum()"), "taken as equal for all modes"),
    ),
)

# --------------------------------------------------------------------------------------------- copies


def _check_share_of_copies(trial: Trial) -> None:
    case = "80 % of the generated images are nearer to the training set"
    trial.tried(case)
    trial.differs(
        trial.value(),
        0.6,
        case=case,
        rtol=5e-3,
        known={
            "That is the share that was measured. Images that are no copies are nearer to the "
            "training set too, half of the time, by chance.": 0.8,
            "That is the excess over one half. It is c/2, as of the copies half would have been counted "
            "anyway.": 0.3,
            "That is the share of images nearer to the held-out set. They are none of them "
            "copies, but they are not all that is no copy.": 0.2,
            "That is the share of images that are *no* copies.": 0.4,
            "That is the share of copies among the images nearer to the training set. The "
            "question is for the share of all images.": 0.75,
        },
        otherwise="Write the expected share as a sum of two parts: of the copies, and of the others.",
    )


SHARE_OF_COPIES = Exercise(
    name="share-of-copies",
    title="How many are copies?",
    chapter="evaluation",
    kind="compute",
    difficulty=2,
    statement=r"""For each generated image we ask: is its nearest training image nearer than its nearest
held-out image? (There are equally many of both, from one distribution.) The answer is yes for 80 % of the
images. Suppose that a share $c$ of the generated images are exact copies of training images, and that all
the others are honest new ones. What is $c$? Put the number (0.25 for a quarter) into `answer`.""",
    starter="answer = ...  # a share from 0 to 1\n",
    answer="answer",
    check=_check_share_of_copies,
    hints=(
        "How often is the answer yes for a copy, and how often for an honest new image?",
        r"$0.8 = c \cdot 1 + (1 - c) \cdot \tfrac12$.",
    ),
    solutions=(
        "answer = 2 * 0.8 - 1\n",
        "copies, honest = 1.0, 0.5  # how often each is nearer to the training set\n"
        "answer = (0.8 - honest) / (copies - honest)\n",
    ),
    explanation=r"""A copy is always nearer to the training set (its distance is 0), an honest image half of
the time. So the share is $c + (1 - c)/2 = (1 + c)/2$, and $c = 2 \cdot 0.8 - 1 = 0.6$. In the chapter,
suspect A copied half of its images, and its share was near $(1 + 0.5)/2 = 0.75$.""",
    wrong=(
        Wrong("answer = 0.8\n", "the share that was measured"),
        Wrong("answer = 0.8 - 0.5\n", "the excess over one half"),
        Wrong("answer = 1 - 0.8\n", "nearer to the held-out set"),
        Wrong("answer = 0.4\n", "are *no* copies"),
        Wrong("answer = 0.6 / 0.8\n", "among the images nearer to the training set"),
    ),
)


def _check_nearer(trial: Trial) -> None:
    cases = (
        ([[11.0], [9.0], [1.0]], [[7.0], [7.0]], [[3.0], [11.0]]),
        ([[0.0], [4.0]], [[0.0], [100.0]], [[3.0], [5.0]]),
        ([[0.0], [10.0], [7.0]], [[-1.0], [9.0], [10.0]], [[1.0], [12.0], [8.0]]),
        ([[0.0, 0.0], [3.0, 1.0]], [[3.0, 3.0], [5.0, 5.0]], [[4.0, 0.0], [5.0, 1.0]]),
    )
    for values in cases:
        fake, train, held_out = (torch.tensor(x) for x in values)
        _check_nearer_once(
            trial,
            fake,
            train,
            held_out,
            f"fake = {rows(fake)}, train = {rows(train)}, held_out = {rows(held_out)}",
        )
    rng = torch.Generator().manual_seed(0)
    train, held_out, fake = torch.randn(3, 50, 3, generator=rng)
    fake = torch.cat([fake, train[:30]])
    _check_nearer_once(trial, fake, train, held_out, "50 random points and copies of 30 training points")
    trial.tried(
        "two or three points of each kind, ties, and 50 random points with copies of 30 training points"
    )


def _check_nearer_once(trial: Trial, fake_: Tensor, train_: Tensor, held_out_: Tensor, case: str) -> None:
    fake, train, held_out = fake_.double(), train_.double(), held_out_.double()
    to_train, to_held_out = torch.cdist(fake, train), torch.cdist(fake, held_out)

    def share(a: Tensor, b: Tensor, tie: float = 0.5) -> Tensor:
        return torch.where((a - b).abs() < 1e-9, tie, (a < b).double()).mean()

    a, b = to_train.min(1).values, to_held_out.min(1).values
    trial.differs(
        trial.number(fake_, train_, held_out_),
        share(a, b),
        case=case,
        known={
            "You count the samples that are nearer to the *held-out* set.": share(b, a),
            "A tie counts as 1 here. With equal distances nothing speaks for either set.": share(a, b, 1.0),
            "A tie counts as 0 here. With equal distances nothing speaks for either set.": share(a, b, 0.0),
            "You compared mean distances to whole sets. A copy is near *one* training sample, "
            "not near all of them.": share(to_train.mean(1), to_held_out.mean(1)),
            "You compared the farthest samples of the two sets.": share(
                to_train.max(1).values, to_held_out.max(1).values
            ),
            "You compared rows of the same number. The sets are in no order: each generated "
            "sample has to look at all training samples.": share(
                (fake[: len(train)] - train[: len(fake)]).norm(dim=1),
                (fake[: len(held_out)] - held_out[: len(fake)]).norm(dim=1),
            ),
            "The distances are taken the wrong way: you asked each *training* (and held-out) "
            "sample for its nearest generated one.": share(to_train.min(0).values, to_held_out.min(0).values),
            "That is a count, not a share.": share(a, b) * len(fake),
            "That is a ratio of mean distances. Wanted is a share of the samples.": a.mean() / b.mean()
            if b.mean() > 0
            else torch.tensor(-1.0),
        },
        otherwise="Take the generated samples of the case one by one: the nearest training "
        "sample, the nearest held-out one, and which is nearer.",
    )


_NEARER = """import torch


def nearer_to_training(fake, train, held_out):
    to_train = torch.cdist(fake, train).{near}
    to_held_out = torch.cdist(fake, held_out).{near}
    return {result}
"""
_NEARER_RIGHT = {
    "near": "min(1).values",
    "result": "((to_train < to_held_out) + 0.5 * (to_train == to_held_out)).mean()",
}

NEARER = Exercise(
    name="nearer-to-training",
    title="Unmask a copier",
    chapter="evaluation",
    kind="code",
    difficulty=2,
    statement=r"""Write `nearer_to_training(fake, train, held_out)`: float tensors of features of shapes
`(N, d)`, `(n, d)` and `(n, d)`. It returns one number: the share of the `N` fake samples whose nearest
training sample is nearer than their nearest held-out sample. A sample for which both distances are equal
counts one half.""",
    starter="def nearer_to_training(fake, train, held_out):\n    return ...\n",
    answer="nearer_to_training",
    check=_check_nearer,
    hints=(
        "For each fake sample you need two numbers: the smallest distance to a training sample, "
        "and the smallest to a held-out one.",
        "`torch.cdist(fake, train).min(1).values` is the first. Compare the two, and average.",
        "A comparison of tensors gives True and False; `.double()` makes 1 and 0 of them. Add "
        "one half where the two are equal.",
    ),
    solutions=(
        _NEARER.format(**_NEARER_RIGHT),
        """import numpy as np


def nearer_to_training(fake, train, held_out):
    def nearest(points):
        return np.sqrt(((fake[:, None] - points[None]) ** 2).sum(axis=-1)).min(axis=1)

    fake, train, held_out = np.asarray(fake), np.asarray(train), np.asarray(held_out)
    return (1 + np.sign(nearest(held_out) - nearest(train)).mean()) / 2
""",
        """import math


def nearer_to_training(fake, train, held_out):
    points = 0.0
    for y in fake.tolist():
        a = min(math.dist(y, x) for x in train.tolist())
        b = min(math.dist(y, x) for x in held_out.tolist())
        points += 1.0 if a < b else 0.5 if a == b else 0.0
    return points / len(fake)
""",
    ),
    explanation="""If the generator knows nothing of the training set beyond its distribution, training and
held-out samples are alike for it, and the share is one half up to noise. Copies have distance 0 to the
training set, so each counts. FID, precision and recall cannot do this: they compare clouds, and the cloud
of the copies is perfect.""",
    wrong=(
        Wrong(
            _NEARER.format(**_NEARER_RIGHT | {"result": "(to_train < to_held_out).double().mean()"}),
            "A tie counts as 0",
        ),
        Wrong(
            _NEARER.format(**_NEARER_RIGHT | {"result": "(to_train <= to_held_out).double().mean()"}),
            "A tie counts as 1",
        ),
        Wrong(
            _NEARER.format(
                **_NEARER_RIGHT
                | {"result": "((to_train > to_held_out).double() + 0.5 * (to_train == to_held_out)).mean()"}
            ),
            "nearer to the *held-out* set",
        ),
        Wrong(_NEARER.format(**_NEARER_RIGHT | {"near": "mean(1)"}), "compared mean distances to whole sets"),
        Wrong(_NEARER.format(**_NEARER_RIGHT | {"near": "min(0).values"}), "taken the wrong way"),
        Wrong(
            _NEARER.format(**_NEARER_RIGHT | {"result": "to_train.mean() / to_held_out.mean()"}),
            "a ratio of mean",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (
    MODES,
    REVERSE_KL,
    SHARE_OF_COPIES,
    NEARER,
)
