"""Exercises on the kernel distance (KID) and the Inception Score."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ganbook import metrics
from ganbook.exercises.evaluation_common import number_or_nan, rows, settle
from ganbook.exercises.exercise import Exercise, Wrong

if TYPE_CHECKING:
    from ganbook.exercises.grading.trial import Trial

# -------------------------------------------------------------------------------------------- KID


def _check_kid_sign(trial: Trial) -> None:
    letter = trial.choice("ABCD")
    rng = torch.Generator().manual_seed(0)
    values = torch.tensor([metrics.mmd2_unbiased(*torch.randn(2, 50, 4, generator=rng)) for _ in range(200)])
    above, below = bool((values > 0).any()), bool((values < 0).any())
    centred = abs(values.mean().item()) < values.std().item() / 5
    settle(
        trial,
        letter,
        {
            "A": not below and above,
            "B": not above and not below,
            "C": above and below and centred,
            "D": below and not above,
        },
        f"of 200 pairs {int((values < 0).sum())} have a KID below 0; the mean is {values.mean():+.3f}, "
        f"from {values.min():+.2f} to {values.max():+.2f}",
        {
            "A": "That would be FID. KID leaves the pairs i = j out, and without them nothing "
            "keeps the estimate above 0.",
            "B": "0 is what KID is on average. Each pair of sets has its own luck.",
            "D": "The cross term is subtracted, but its mean is that of the other two terms: "
            "none of them wins on average.",
        },
    )


KID_SIGN = Exercise(
    name="kid-below-zero",
    title="The sign of KID",
    chapter="evaluation",
    kind="predict",
    difficulty=1,
    statement=r"""Draw two sets of 50 samples of *one and the same* distribution ($d = 4$) and compute the
unbiased KID of the two; do so with 200 pairs. What do the 200 values look like? Commit yourself: put the
letter into `answer`.""",
    starter="answer = ...  # a letter\n",
    answer="answer",
    check=_check_kid_sign,
    hints=(
        "What does *unbiased* mean, if the true distance is 0?",
        "An average of 0 over values that are not all 0: which signs must they have?",
    ),
    solutions=('answer = "C"\n', 'answer = "c"\n'),
    explanation="""Unbiased means right on average, and the right value is 0; so about half of the estimates
fall below it. A slightly negative KID is no error of the program. It says: as near as this many samples can
tell.""",
    wrong=(
        Wrong('answer = "A"\n', "That would be FID"),
        Wrong('answer = "B"\n', "Each pair of sets has its own luck"),
        Wrong('answer = "D"\n', "none of them wins on average"),
    ),
    choices=(
        "All are above 0, and small.",
        "All are 0, up to rounding.",
        "Some are above, some below 0, and their average is near 0.",
        "All are below 0.",
    ),
)


def _check_kid(trial: Trial) -> None:
    rng = torch.Generator().manual_seed(0)
    cases = (
        ([[1.0], [2.0]], [[0.0], [3.0]]),
        ([[1.0], [2.0]], [[1.0], [2.0]]),
        ([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [[0.0, 0.0], [2.0, -1.0]]),
        ([[1.0, 2.0, -1.0], [0.5, 1.0, 1.0]], [[0.0, 1.0, 1.0], [1.0, 0.0, -2.0], [1.0, 1.0, 2.0]]),
    )
    for x_, y_ in cases:
        x, y = torch.tensor(x_), torch.tensor(y_)
        _check_kid_once(trial, x, y, f"x = {rows(x)}, y = {rows(y)}")
    x, y = torch.randn(30, 4, generator=rng), torch.randn(20, 4, generator=rng)
    _check_kid_once(trial, x, 1 + y, "30 against 20 random features of length 4")
    trial.tried(
        "four pairs of 2 or 3 points with 1 to 3 features, equal sets too, and 30 against 20 random ones"
    )


def _check_kid_once(trial: Trial, x_: Tensor, y_: Tensor, case: str) -> None:
    x, y = x_.double(), y_.double()
    m, n, d = len(x), len(y), x.shape[1]

    def means(a: Tensor, b: Tensor, gamma: float = 1 / d, coef: float = 1.0, degree: int = 3) -> list[Tensor]:
        """Return means over i != j, and over all pairs, of the kernel matrix."""
        k = (gamma * (a @ b.T) + coef) ** degree
        off = (k.sum() - k.diagonal().sum()) / (k.numel() - min(k.shape))
        return [off, k.mean(), (k.sum() - k.diagonal().sum()) / k.numel()]

    def mmd2(gamma: float = 1 / d, coef: float = 1.0, degree: int = 3) -> Tensor:
        xx, yy, xy = (means(a, b, gamma, coef, degree) for a, b in ((x, x), (y, y), (x, y)))
        return xx[0] + yy[0] - 2 * xy[1]

    xx, yy, xy = means(x, x), means(y, y), means(x, y)
    want = mmd2()
    trial.differs(
        trial.number(x_, y_),
        want,
        case=case,
        rtol=1e-3,
        atol=1e-4,
        known={
            "The pairs of a sample with itself (i = j) are in your means. They are large and "
            "always there, so the estimate comes out too high: this one is biased, and never "
            "negative.": xx[1] + yy[1] - 2 * xy[1],
            "You left the pairs i = j out of the sums, and still divide by all pairs: the number "
            "of pairs that are left is smaller.": xx[2] + yy[2] - 2 * xy[1],
            "You left out the pairs i = j of x with y too. Those are two different samples that "
            "happen to have the same number: they belong in.": xx[0] + yy[0] - 2 * xy[0],
            "The cross term has lost its factor 2.": xx[0] + yy[0] - xy[1],
            "The cross term is added where it is subtracted.": xx[0] + yy[0] + 2 * xy[1],
            "The cross term is missing: x and y are never compared.": xx[0] + yy[0],
            "The kernel has no division by d: the dot product of long features would swamp the 1.": mmd2(
                gamma=1.0
            ),
            "The kernel has no + 1: pure cubes see only the third moments.": mmd2(coef=0.0),
            "The kernel is squared where it is cubed: with the square, KID would not see third "
            "moments.": mmd2(degree=2),
            "The kernel has no power: that compares the means only.": mmd2(degree=1),
            "Negative values were cut off at 0. An estimate that may not be negative is too high on "
            "average.": want.clamp(min=0),
            "The sign is not that of the formula: it was dropped, or turned round. More alike is "
            "lower, and values below 0 belong to an estimate that is right on average.": -want,
            "Your divisor of the pairs of x is that of y, or the other way round: x has m samples, y has "
            "n.": xx[0] * m * (m - 1) / (n * (n - 1)) + yy[0] * n * (n - 1) / (m * (m - 1)) - 2 * xy[1],
        },
        otherwise="The estimate is wrong for this case. Write down the kernel matrices of the "
        "case by hand, and the three means.",
    )


KID = Exercise(
    name="kid",
    title="KID without bias",
    chapter="evaluation",
    kind="code",
    difficulty=3,
    statement=r"""Write `kid(x, y)` for two float tensors of features, of shapes `(m, d)` and `(n, d)`, both
$m, n \ge 2$ and not always equal. With the kernel $k(a, b) = (a \cdot b / d + 1)^3$ it returns one number,
the unbiased estimate

$$\underset{i \ne j}{\text{mean}}\; k(x_i, x_j) + \underset{i \ne j}{\text{mean}}\; k(y_i, y_j)
- 2 \, \underset{i, j}{\text{mean}}\; k(x_i, y_j) ,$$

over all pairs (no random subsets).""",
    starter="def kid(x, y):\n    return ...\n",
    answer="kid",
    check=_check_kid,
    hints=(
        "The matrix of all dot products is `x @ y.T`; the kernel is then taken entry by entry.",
        "How many pairs with i != j are there among m samples? Take the diagonal out of the sum "
        "*and* out of the count.",
        "The first mean is `(k.sum() - k.trace()) / (m * (m - 1))` with `k = (x @ x.T / d + 1) "
        "** 3`. The last one keeps all pairs.",
    ),
    solutions=(
        """def kid(x, y):
    m, n, d = len(x), len(y), x.shape[1]
    k_xx = (x @ x.T / d + 1) ** 3
    k_yy = (y @ y.T / d + 1) ** 3
    k_xy = (x @ y.T / d + 1) ** 3
    mean_xx = (k_xx.sum() - k_xx.trace()) / (m * (m - 1))
    mean_yy = (k_yy.sum() - k_yy.trace()) / (n * (n - 1))
    return mean_xx + mean_yy - 2 * k_xy.mean()
""",
        """import numpy as np


def k(a, b):
    return (np.dot(a, b) / len(a) + 1) ** 3


def kid(x, y):
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    xx = [k(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j]
    yy = [k(a, b) for i, a in enumerate(y) for j, b in enumerate(y) if i != j]
    xy = [k(a, b) for a in x for b in y]
    return np.mean(xx) + np.mean(yy) - 2 * np.mean(xy)
""",
        """import torch


def off_diagonal_mean(k):
    return k[~torch.eye(len(k), dtype=torch.bool)].mean()


def kid(x, y):
    z = torch.cat([x, y])
    k = (z @ z.T / z.shape[1] + 1).pow(3)
    m = len(x)
    return off_diagonal_mean(k[:m, :m]) + off_diagonal_mean(k[m:, m:]) - 2 * k[:m, m:].mean()
""",
    ),
    explanation=r"""$k(x_i, x_i)$ is not a comparison of two samples. With these $m$ terms in, the first
mean is too high by about $1/m$ times the excess of the diagonal, whatever the distributions: the same bias
as FID's. Without them each mean is right on average, so their sum is. In the cross term no sample meets
itself, so it keeps all its pairs.""",
    wrong=(
        Wrong(
            """def kid(x, y):
    d = x.shape[1]
    return (
        ((x @ x.T / d + 1) ** 3).mean()
        + ((y @ y.T / d + 1) ** 3).mean()
        - 2 * ((x @ y.T / d + 1) ** 3).mean()
    )
""",
            "this one is biased, and never negative",
        ),
        *(
            Wrong(
                f"""def mean(k):
    return (k.sum() - k.trace()) / {divisor}


def kid(x, y):
    d = x.shape[1]
    cross = (x @ y.T / {gamma} + {coef}) ** {degree}
    return (
        mean((x @ x.T / {gamma} + {coef}) ** {degree})
        + mean((y @ y.T / {gamma} + {coef}) ** {degree})
        - {factor} * cross.mean()
    )
""",
                because,
            )
            for divisor, gamma, coef, degree, factor, because in (
                ("(len(k) * (len(k) - 1))", "d", 1, 3, 1, "lost its factor 2"),
                ("(len(k) * (len(k) - 1))", "1", 1, 3, 2, "no division by d"),
                ("(len(k) * (len(k) - 1))", "d", 0, 3, 2, "has no + 1"),
                ("(len(k) * (len(k) - 1))", "d", 1, 2, 2, "squared where it is cubed"),
                ("len(k) ** 2", "d", 1, 3, 2, "still divide by all pairs"),
                ("(len(k) * (len(k) - 1))", "d", 1, 3, 0, "cross term is missing"),
            )
        ),
        Wrong(
            """def kid(x, y):
    m, n, d = len(x), len(y), x.shape[1]
    k_xx, k_yy, k_xy = (x @ x.T / d + 1) ** 3, (y @ y.T / d + 1) ** 3, (x @ y.T / d + 1) ** 3
    mean_xx = (k_xx.sum() - k_xx.trace()) / (m * (m - 1))
    mean_yy = (k_yy.sum() - k_yy.trace()) / (n * (n - 1))
    return max(0, mean_xx + mean_yy - 2 * k_xy.mean())
""",
            "cut off at 0",
        ),
    ),
)

# --------------------------------------------------------------------------------- Inception Score


def _check_score_bound(trial: Trial) -> None:
    case = "sure of every image; 4 of 10 digits, a quarter of the images each"
    trial.tried(case)
    trial.differs(
        trial.value(),
        4.0,
        case=case,
        rtol=2e-3,
        known={
            "That is the most that ten classes could give. Only four are drawn, so the average "
            "p(y) is not spread over ten.": 10.0,
            "That is the logarithm of the score: the exp of the formula is missing.": math.log(4),
            "That is the share of the classes, and the score is no share: it goes from 1 to the number of "
            "classes.": 0.4,
            "That is the share of the missing classes, and the score is no share.": 0.6,
            "1 is the worst score, for p(y|x) that is the same for all images. Here it differs from image to "
            "image.": 1.0,
            "That is the entropy of p(y) in bits. The formula has natural logarithms, and an exp.": 2.0,
            "You held p(y) against the uniform distribution over ten classes; the formula holds "
            "p(y|x) against p(y).": 2.5,
        },
        otherwise="Write down p(y|x) for one image, then the average p(y), then their KL divergence.",
    )


SCORE_BOUND = Exercise(
    name="inception-score-four-digits",
    title="Inception Score of four digits",
    chapter="evaluation",
    kind="compute",
    difficulty=1,
    statement=r"""A classifier knows ten digits. A generator draws only the digits 0, 1, 2 and 3, a quarter
of the images each, and so clearly that the classifier is sure of every image: $p(y \mid x)$ is 1 for one
digit and 0 for the others. What is the Inception Score,

$$\exp \big( \mathbb{E}_x \, \mathrm{KL} ( p(y \mid x) \,\|\, p(y) ) \big) ?$$

Put the number into `answer`.""",
    starter="answer = ...  # a number, or an expression that gives it\n",
    answer="answer",
    check=_check_score_bound,
    hints=(
        "What is the average $p(y)$ over all images? Ten numbers.",
        r"For one image of a 0 the sum in KL has a single term that is not 0: $1 \cdot \log (1 / p(y{=}0))$.",
        r"It is $\log (1 / \tfrac14)$ for every image, so for the average too. Then comes exp.",
    ),
    solutions=(
        "answer = 4\n",
        "import math\n\nanswer = math.exp(1 * math.log(1 / 0.25))\n",
    ),
    explanation=r"""Each image contributes $\log (1 / \tfrac14) = \log 4$, so the score is 4: the number of
classes that are drawn, if they are drawn equally often and clearly. With all ten it would be 10, the most
there is. So the score counts classes, not pictures.""",
    wrong=(
        Wrong("answer = 10\n", "the most that ten classes could give"),
        Wrong("import math\n\nanswer = math.log(4)\n", "the exp of the formula is missing"),
        Wrong("answer = 4 / 10\n", "share of the classes"),
        Wrong("answer = 1\n", "1 is the worst score"),
        Wrong("answer = 2\n", "entropy of p(y) in bits"),
    ),
)


def _check_score_unequal(trial: Trial) -> None:
    bits = 1.75
    case = "sure of every image; shares 1/2, 1/4, 1/8, 1/8"
    trial.tried(case)
    trial.differs(
        trial.value(),
        2**bits,
        case=case,
        rtol=2e-3,
        known={
            "That is the number of classes drawn. They are not drawn equally often, and the "
            "score is lower for it.": 4.0,
            "That is the number of classes the classifier knows. Six of them never come up.": 10.0,
            "That is the logarithm of the score: the exp is missing.": bits * math.log(2),
            "That is the entropy of p(y) in bits: the exp is missing, and the logarithms are natural "
            "ones.": bits,
            "You took logarithms to base 2 and then exp to base e. Any base will do, if it is the same in "
            "both.": math.exp(bits),
            "You weighted the four classes equally. An average over images counts a class as often as it is "
            "drawn.": math.exp((math.log(2) + math.log(4) + 2 * math.log(8)) / 4),
            "That is the perplexity turned over, 1 over the score: the sign of the logarithm.": 2**-bits,
        },
        otherwise="Every image of a digit with share q contributes log(1/q). Average over images, then exp.",
    )


SCORE_UNEQUAL = Exercise(
    name="inception-score-unequal",
    title="Inception Score of unequal shares",
    chapter="evaluation",
    kind="compute",
    difficulty=2,
    statement=r"""As before the classifier knows ten digits and is sure of every image. Now the generator
draws half of its images as a 0, a quarter as a 1, an eighth as a 2 and an eighth as a 3. What is the
Inception Score

$$\exp \big( \mathbb{E}_x \, \mathrm{KL} ( p(y \mid x) \,\|\, p(y) ) \big) ?$$

Put it into `answer`, to three digits or better.""",
    starter="answer = ...  # a number, or an expression that gives it\n",
    answer="answer",
    check=_check_score_unequal,
    hints=(
        r"If the classifier is sure, an image of class $y$ contributes $\log (1 / p(y))$.",
        r"Averaged over images that is $\sum_y p(y) \log (1 / p(y))$, the entropy of $p(y)$.",
        r"$\tfrac12 \log 2 + \tfrac14 \log 4 + \tfrac14 \log 8$, then exp.",
    ),
    solutions=(
        "import math\n\nshares = [1 / 2, 1 / 4, 1 / 8, 1 / 8]\n"
        "answer = math.exp(sum(q * math.log(1 / q) for q in shares))\n",
        "import numpy as np\n\nshares = np.array([1 / 2, 1 / 4, 1 / 8, 1 / 8])\n"
        "answer = 1 / np.prod(shares**shares)\n",
    ),
    explanation=r"""A sure classifier leaves only the entropy of $p(y)$: $1.75 \log 2$, and the score
$2^{1.75} \approx 3.36$. Four classes are drawn, but "effectively" 3.36: the score is a count of classes in
which a rare class counts less.""",
    wrong=(
        Wrong("answer = 4\n", "the number of classes drawn"),
        Wrong("import math\n\nanswer = 1.75 * math.log(2)\n", "the exp is missing."),
        Wrong("import math\n\nanswer = math.exp(1.75)\n", "to base 2 and then exp"),
        Wrong("answer = 1.75\n", "in bits"),
        Wrong(
            "import math\n\nanswer = math.exp(sum(math.log(n) for n in (2, 4, 8, 8)) / 4)\n",
            "weighted the four classes equally",
        ),
    ),
)


def _check_inception_score(trial: Trial) -> None:
    cases = (
        [[0.75, 0.25], [0.25, 0.75]],
        [[0.5, 0.5], [0.5, 0.5]],
        [[0.5, 0.25, 0.25], [0.125, 0.75, 0.125]],
        [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]],
        [[1.0, 0.0], [0.0, 1.0]],
        [[1.0, 0.0, 0.0], [0.0, 0.5, 0.5], [1.0, 0.0, 0.0], [0.0, 0.25, 0.75]],
    )
    for values in cases:
        p = torch.tensor(values)
        case = f"p_yx = {rows(p)}"
        _check_inception_once(trial, p, case)
    trial.tried(
        "two to four images of two or three classes: unsure, half sure, sure (with probabilities of 0)"
    )


def _entropy(p: Tensor, dim: int) -> Tensor:
    return -torch.special.xlogy(p, p).sum(dim)


def _check_inception_once(trial: Trial, p_: Tensor, case: str) -> None:
    p = p_.double()
    p_y = p.mean(0)
    spread, unsure = _entropy(p_y, 0), _entropy(p, 1)
    reverse = (torch.special.xlogy(p_y, p_y) - torch.special.xlogy(p_y, p)).sum(1).mean()
    over_images = p.mean(1, keepdim=True)
    got = number_or_nan(
        trial,
        trial.call(p_),
        "The score is NaN. A classifier can be sure: then a probability is 0, its logarithm "
        "minus infinity, and 0 times that is NaN. In the KL divergence 0 log 0 counts as 0.",
        case,
    )
    trial.differs(
        got,
        (spread - unsure.mean()).exp(),
        case=case,
        known={
            "The exp is missing: that is the average KL divergence.": spread - unsure.mean(),
            "That is exp of the entropy of p(y) alone. It rewards a spread over classes, and does not ask "
            "whether single images are clear.": spread.exp(),
            "That is exp of the average entropy of p(y|x) alone, which is high when the images are "
            "*un*clear.": unsure.mean().exp(),
            "The KL divergence is the other way round: p(y) is held against p(y|x).": reverse.exp(),
            "p(y) is averaged over the classes (dimension 1). Every row sums to 1, so that "
            "average is 1/K for every image and says nothing.": (
                torch.special.xlogy(p, p) - torch.special.xlogy(p, over_images)
            )
            .sum(1)
            .mean()
            .exp(),
            "The sum over classes became a mean over everything: KL is a *sum* over classes, averaged over "
            "images.": ((spread - unsure.mean()) / p.shape[1]).exp(),
            "The average over images became a sum.": ((spread - unsure.mean()) * len(p)).exp(),
            "exp and average are exchanged: exp comes last, of the average.": (
                (torch.special.xlogy(p, p) - torch.special.xlogy(p, p_y)).sum(1).exp().mean()
            ),
            "The sign is turned round, so that the score is below 1: that is 1 over the score.": (
                unsure.mean() - spread
            ).exp(),
            "Logarithms to base 2 and exp to base e do not fit together.": (
                (spread - unsure.mean()) / math.log(2)
            ).exp(),
        },
        otherwise="The score of this case is wrong. Compute p(y) first, then a KL for each image.",
    )


INCEPTION_SCORE = Exercise(
    name="inception-score",
    title="Inception Score from probabilities",
    chapter="evaluation",
    kind="code",
    difficulty=2,
    statement=r"""Write `inception_score(p_yx)`: `p_yx` is a float tensor of shape `(N, K)`, a row an image,
with the classifier's probabilities $p(y \mid x)$. Each row sums to 1, and probabilities of exactly 0 occur
(with $0 \log 0 = 0$). It returns one number,

$$\exp \big( \mathbb{E}_x \, \mathrm{KL} ( p(y \mid x) \,\|\, p(y) ) \big),
\qquad p(y) = \mathbb{E}_x \, p(y \mid x),$$

over all $N$ images at once (no splits).""",
    starter="def inception_score(p_yx):\n    return ...\n",
    answer="inception_score",
    check=_check_inception_score,
    hints=(
        r"$p(y)$ is an average over images: shape `(K,)`. KL is a sum over classes: one number "
        r"for each image.",
        r"$\mathrm{KL}(p \,\|\, q) = \sum_y p_y (\log p_y - \log q_y)$; average it over the "
        r"images, then take exp.",
        "`torch.xlogy(p, q)` is `p * log(q)` and gives 0 where p is 0; or skip the zeros in a loop.",
    ),
    solutions=(
        """import torch


def inception_score(p_yx):
    p_y = p_yx.mean(0)
    kl = (torch.xlogy(p_yx, p_yx) - torch.xlogy(p_yx, p_y)).sum(1)
    return kl.mean().exp()
""",
        """import math


def inception_score(p_yx):
    N, K = p_yx.shape
    p_y = [sum(float(p_yx[i, y]) for i in range(N)) / N for y in range(K)]
    total = 0.0
    for i in range(N):
        for y in range(K):
            p = float(p_yx[i, y])
            if p > 0:
                total += p * math.log(p / p_y[y])
    return math.exp(total / N)
""",
        """import numpy as np


def entropy(p):
    return -np.sum(p * np.log(np.where(p > 0, p, 1)), axis=-1)


def inception_score(p_yx):
    p_yx = np.asarray(p_yx, dtype=float)
    return np.exp(entropy(p_yx.mean(axis=0)) - entropy(p_yx).mean())
""",
    ),
    explanation=r"""The average KL divergence is the entropy of the mean minus the mean of the entropies:
$H\big(p(y)\big) - \mathbb{E}_x H\big(p(y \mid x)\big)$. The first is high when all classes are drawn, the
second is low when each image is clear. The chapter's own version gives NaN for a probability of exactly 0;
softmax in float32 does produce such zeros.""",
    wrong=(
        Wrong(
            """import torch


def inception_score(p_yx):
    return (torch.xlogy(p_yx, p_yx) - torch.xlogy(p_yx, p_yx.mean(0))).sum(1).mean()
""",
            "The exp is missing",
        ),
        Wrong(
            """def inception_score(p_yx):
    p_y = p_yx.mean(0)
    return (p_yx * (p_yx.log() - p_y.log())).sum(1).mean().exp()
""",
            "The score is NaN",
        ),
        Wrong(
            """import torch


def inception_score(p_yx):
    p_y = p_yx.mean(0)
    return (-torch.xlogy(p_y, p_y).sum()).exp()
""",
            "entropy of p(y) alone",
        ),
        Wrong(
            """import torch


def inception_score(p_yx):
    p_y = p_yx.mean(1, keepdim=True)
    return (torch.xlogy(p_yx, p_yx) - torch.xlogy(p_yx, p_y)).sum(1).mean().exp()
""",
            "averaged over the classes",
        ),
        Wrong(
            """def inception_score(p_yx):
    p_y = p_yx.mean(0)
    return (p_y * (p_y.log() - p_yx.log())).sum(1).mean().exp()
""",
            "the other way round",
        ),
        Wrong(
            """import torch


def inception_score(p_yx):
    return (torch.xlogy(p_yx, p_yx) - torch.xlogy(p_yx, p_yx.mean(0))).mean().exp()
""",
            "a *sum* over classes",
        ),
        Wrong(
            """import torch


def inception_score(p_yx):
    return (torch.xlogy(p_yx, p_yx) - torch.xlogy(p_yx, p_yx.mean(0))).sum(1).exp().mean()
""",
            "exp and average are exchanged",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (
    KID_SIGN,
    KID,
    SCORE_BOUND,
    SCORE_UNEQUAL,
    INCEPTION_SCORE,
)
