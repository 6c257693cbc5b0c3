"""Exercises on the Fréchet distance: FID by hand and in code, its bias, what it cannot see."""

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

# ------------------------------------------------------------------------------- FID by hand, in 1-D


def _check_one_dimension(trial: Trial) -> None:
    case = "features of length 1: real N(0, 25), generated N(6, 4)"
    trial.tried(case)
    trial.differs(
        trial.value(),
        45.0,
        case=case,
        rtol=2e-3,
        known={
            "Only the means are compared here. Two clouds with one centre and different widths "
            "would score 0; the trace in the formula is there for them.": 36.0,
            "Only the widths are compared here. The means differ too, and their distance counts.": 9.0,
            "The distance of the means enters without its square.": 15.0,
            "Variances took the place of standard deviations: 25 and 4 are variances, and what is compared "
            "for two Gaussians on a line is how wide they are.": 477.0,
            "The variances were subtracted as they are. The term of the covariances is not their difference: "
            "it is 0 for equal widths, and never negative.": 57.0,
            "The root of the product is missing: the last term holds the *root* of the product of the two "
            "covariances.": -135.0,
            "The last term lost its factor 2. Test it with two equal Gaussians: their distance "
            "must be 0.": 55.0,
            "You drew a root at the end. FID is the squared Fréchet distance, as in the formula.": math.sqrt(
                45
            ),
            "The last term has the wrong sign: test it with two equal Gaussians, their distance must "
            "be 0.": 85.0,
        },
        otherwise="That is not the value of the formula. With d = 1 every matrix in it is a "
        "number: write down the squared distance of the means, then the term of the variances.",
    )


ONE_DIMENSION = Exercise(
    name="fid-one-dimension",
    title="FID on a line",
    chapter="evaluation",
    kind="compute",
    difficulty=1,
    statement=r"""The features have length $d = 1$. Those of real images have mean $\mu_r = 0$ and
**variance** $\Sigma_r = 25$, those of generated images mean $\mu_g = 6$ and variance $\Sigma_g = 4$. What is
their FID,

$$\lVert \mu_r - \mu_g \rVert^2
+ \operatorname{tr} \big( \Sigma_r + \Sigma_g - 2 (\Sigma_r \Sigma_g)^{1/2} \big) ?$$

Put the number into `answer`.""",
    starter="answer = ...  # a number, or an expression that gives it\n",
    answer="answer",
    check=_check_one_dimension,
    hints=(
        "A 1 by 1 matrix is a number, and its trace is that number.",
        r"With standard deviations $\sigma$ the trace is $\sigma_r^2 + \sigma_g^2 - 2 \sigma_r \sigma_g$. "
        "Which square is that?",
        r"$(\mu_r - \mu_g)^2 + (\sigma_r - \sigma_g)^2$ with $\sigma_r = 5$, $\sigma_g = 2$.",
    ),
    solutions=(
        "answer = 6**2 + 25 + 4 - 2 * (25 * 4) ** 0.5\n",
        "import math\n\nsigma_r, sigma_g = math.sqrt(25), math.sqrt(4)\n"
        "answer = 6**2 + (sigma_r - sigma_g) ** 2\n",
    ),
    explanation=r"""On a line the formula is $(\mu_r - \mu_g)^2 + (\sigma_r - \sigma_g)^2 = 36 + 9 = 45$: the
squared distance of two points whose coordinates are mean and standard deviation. Twice as far apart is four
times the FID.""",
    wrong=(
        Wrong("answer = 6**2\n", "Only the means are compared"),
        Wrong("answer = (5 - 2) ** 2\n", "Only the widths are compared"),
        Wrong("answer = 6**2 + (25 - 4) ** 2\n", "Variances took the place of standard deviations"),
        Wrong("answer = 6 + (5 - 2) ** 2\n", "without its square"),
        Wrong("answer = 36 + 25 + 4 - 2 * 25 * 4\n", "The root of the product is missing"),
        Wrong("answer = 45**0.5\n", "drew a root at the end"),
        Wrong("answer = 36 + 25 + 4 - (25 * 4) ** 0.5\n", "lost its factor 2"),
        Wrong("answer = 36 + 25 - 4\n", "subtracted as they are"),
        Wrong("answer = 12.0\n", "not the value of the formula"),
    ),
)

# ------------------------------------------------------------------------------------ FID of itself


def _check_itself(trial: Trial) -> None:
    letter = trial.choice("ABCD")
    rng = torch.Generator().manual_seed(0)
    x, z = torch.randn(1000, 8, generator=rng), torch.randn(1000, 8, generator=rng)
    y = x[torch.randperm(1000, generator=rng)]
    first, second = metrics.frechet_distance(x, y), metrics.frechet_distance(x, z)
    zero = [value < 1e-6 for value in (first, second)]
    settle(
        trial,
        letter,
        {"A": all(zero), "B": zero == [True, False], "C": zero == [False, True], "D": not any(zero)},
        f"FID(X, Y) = {first:.4f}, FID(X, Z) = {second:.4f}",
        {
            "A": "Two samples of one distribution are not one sample. Means and covariances of "
            "1,000 rows are estimates with some noise, and FID turns noise in either into a "
            "positive distance.",
            "C": "It is the other way round. Look at what FID keeps of a set of features: does "
            "the order of the rows matter to a mean?",
            "D": "A mean and a covariance do not depend on the order of the rows, and nothing else of the "
            "features enters.",
        },
    )


ITSELF = Exercise(
    name="fid-of-itself",
    title="FID of a set with itself",
    chapter="evaluation",
    kind="predict",
    difficulty=1,
    statement=r"""X are the features of 1,000 images, shape (1000, 8). Y holds the same rows in a random
order. Z are the features of 1,000 *other* images of the very same distribution. Commit yourself before it
is run: what are FID(X, Y) and FID(X, Z), up to rounding? Put the letter into `answer`, for example `answer
= "A"`.""",
    starter="answer = ...  # a letter\n",
    answer="answer",
    check=_check_itself,
    hints=(
        "Which numbers of a set of features enter the formula of FID?",
        "Means and covariances only. Are those of Y the ones of X? Are those of Z?",
    ),
    solutions=('answer = "B"\n', 'answer = "b"\n'),
    explanation="""FID compares means and covariances, which do not depend on the order of the rows: FID(X,
Y) is 0. Z has other estimates of the same mean and covariance, so FID(X, Z) is above 0, at every finite
number of samples. That is the bias of FID.""",
    wrong=(
        Wrong('answer = "A"\n', "Two samples of one distribution are not one sample"),
        Wrong('answer = "C"\n', "the other way round"),
        Wrong('answer = "D"\n', "do not depend on the order of the rows"),
    ),
    choices=(
        "Both are 0.",
        "FID(X, Y) is 0, FID(X, Z) is above 0.",
        "FID(X, Y) is above 0, FID(X, Z) is 0.",
        "Both are above 0.",
    ),
)

# ------------------------------------------------------------------------------------ diagonal FID


def _check_diagonal(trial: Trial) -> None:
    cases = (
        ([0.0], [4.0], [1.0], [4.0]),
        ([0.0], [1.0], [0.0], [9.0]),
        ([0.0, 0.0], [1.0, 1.0], [3.0, 4.0], [1.0, 1.0]),
        ([0.0, 1.0], [4.0, 0.0], [3.0, -1.0], [1.0, 0.25]),
        ([1.0, 2.0, -1.0], [0.5, 2.0, 3.0], [1.5, -2.0, 0.5], [3.0, 0.1, 2.0]),
    )
    for case in cases:
        mean_a, var_a, mean_b, var_b = (torch.tensor(values) for values in case)
        means, root = (mean_a - mean_b).square().sum(), (var_a * var_b).sqrt()
        widths = (var_a.sqrt() - var_b.sqrt()).square().sum()
        trial.differs(
            trial.number(mean_a, var_a, mean_b, var_b),
            means + widths,
            case=f"mean_a = {rows(mean_a)}, var_a = {rows(var_a)}, "
            f"mean_b = {rows(mean_b)}, var_b = {rows(var_b)}",
            known={
                "The variances are treated as standard deviations: you squared their difference. On a "
                "diagonal covariance the root of a product of matrices is a root of each entry.": means
                + (var_a - var_b).square().sum(),
                "The variances do not count in your distance: it is that of the means alone.": means,
                "The means do not count in your distance.": widths,
                "The norm of the difference of the means is not squared.": means.sqrt() + widths,
                "You take the mean over the features where the formula has a sum (a squared norm, a "
                "trace).": (means + widths) / len(mean_a),
                "That is the root of the distance. FID is the squared Fréchet distance, as the formula "
                "has it.": (means + widths).sqrt(),
                "The product of the variances has lost its root.": means
                + (var_a + var_b - 2 * var_a * var_b).sum(),
                "The last term has lost its factor 2: the distance of a Gaussian to itself must be 0.": means
                + (var_a + var_b - root).sum(),
                "The last term is added where it is subtracted: the distance of a Gaussian to itself must "
                "be 0.": means + (var_a + var_b + 2 * root).sum(),
            },
            otherwise="The distance is wrong for these two Gaussians. Work it out by hand, term by term.",
        )
    trial.tried(f"{len(cases)} pairs of Gaussians with 1 to 3 features, equal and unequal, one variance of 0")


DIAGONAL = Exercise(
    name="fid-diagonal",
    title="FID of diagonal covariances",
    chapter="evaluation",
    kind="code",
    difficulty=2,
    statement=r"""If the features are uncorrelated, both covariances are diagonal, and only their diagonals,
the **variances**, are needed. Write `fid_diagonal(mean_a, var_a, mean_b, var_b)`: four tensors of shape
`(d,)`, variances at least 0. It returns one number, the FID

$$\lVert \mu_a - \mu_b \rVert^2
+ \operatorname{tr} \big( \Sigma_a + \Sigma_b - 2 (\Sigma_a \Sigma_b)^{1/2} \big)$$

of the Gaussians with these means and with $\Sigma_a$, $\Sigma_b$ diagonal.""",
    starter="def fid_diagonal(mean_a, var_a, mean_b, var_b):\n    return ...\n",
    answer="fid_diagonal",
    check=_check_diagonal,
    hints=(
        "What is the product of two diagonal matrices, and what is the root of a diagonal one?",
        "Both are taken entry by entry along the diagonal; the trace adds the entries up.",
        "The trace is the sum of `var_a + var_b - 2 * (var_a * var_b) ** 0.5`.",
    ),
    solutions=(
        """def fid_diagonal(mean_a, var_a, mean_b, var_b):
    mean = ((mean_a - mean_b) ** 2).sum()
    trace = (var_a + var_b - 2 * (var_a * var_b) ** 0.5).sum()
    return mean + trace
""",
        """import math


def fid_diagonal(mean_a, var_a, mean_b, var_b):
    total = 0.0
    for m_a, v_a, m_b, v_b in zip(mean_a, var_a, mean_b, var_b):
        total += (m_a - m_b) ** 2 + (math.sqrt(v_a) - math.sqrt(v_b)) ** 2
    return total
""",
        """import numpy as np


def fid_diagonal(mean_a, var_a, mean_b, var_b):
    a = np.concatenate([mean_a, np.sqrt(var_a)])
    b = np.concatenate([mean_b, np.sqrt(var_b)])
    return np.linalg.norm(a - b) ** 2
""",
    ),
    explanation=r"""Each feature contributes $(\mu_a - \mu_b)^2 + (\sigma_a - \sigma_b)^2$, and the features
add up. So with diagonal covariances FID is a squared Euclidean distance, between the points (means,
standard deviations). The same holds for any two covariances that share their eigenvectors (that commute).""",
    wrong=(
        Wrong(
            """def fid_diagonal(mean_a, var_a, mean_b, var_b):
    return ((mean_a - mean_b) ** 2).sum() + ((var_a - var_b) ** 2).sum()
""",
            "treated as standard deviations",
        ),
        Wrong(
            """def fid_diagonal(mean_a, var_a, mean_b, var_b):
    return ((mean_a - mean_b) ** 2).sum()
""",
            "variances do not count",
        ),
        Wrong(
            """def fid_diagonal(mean_a, var_a, mean_b, var_b):
    return ((mean_a - mean_b) ** 2).mean() + ((var_a**0.5 - var_b**0.5) ** 2).mean()
""",
            "mean over the features",
        ),
        Wrong(
            """def fid_diagonal(mean_a, var_a, mean_b, var_b):
    return (((mean_a - mean_b) ** 2).sum() + ((var_a**0.5 - var_b**0.5) ** 2).sum()) ** 0.5
""",
            "the root of the distance",
        ),
        Wrong(
            """def fid_diagonal(mean_a, var_a, mean_b, var_b):
    return ((mean_a - mean_b) ** 2).sum() ** 0.5 + ((var_a**0.5 - var_b**0.5) ** 2).sum()
""",
            "is not squared",
        ),
        Wrong(
            """def fid_diagonal(mean_a, var_a, mean_b, var_b):
    return ((mean_a - mean_b) ** 2).sum() + (var_a + var_b - 2 * var_a * var_b).sum()
""",
            "has lost its root",
        ),
        Wrong(
            """def fid_diagonal(mean_a, var_a, mean_b, var_b):
    return ((mean_a - mean_b) ** 2).sum() + (var_a + var_b - (var_a * var_b) ** 0.5).sum()
""",
            "lost its factor 2",
        ),
    ),
)

# ------------------------------------------------------------------------------- FID and its bias


def _check_bias(trial: Trial) -> None:
    letter = trial.choice("ABCD")
    rng = torch.Generator().manual_seed(0)
    fid = {}
    for num in (200, 3200):
        pairs = (torch.randn(2, num, 8, generator=rng) for _ in range(20))
        fid[num] = sum(metrics.frechet_distance(x, y) for x, y in pairs) / 20
    ratio = fid[200] / fid[3200]
    settle(
        trial,
        letter,
        {"A": fid[200] < 1e-6, "B": 3 < ratio < 6, "C": 11 < ratio < 23, "D": ratio < 2},
        f"mean FID of 20 pairs: {fid[200]:.3f} with 200 samples each, {fid[3200]:.3f} with 3,200, "
        f"which is {ratio:.1f} times less",
        {
            "A": "The true distance is 0, but FID is computed from estimated means and "
            "covariances. Their errors do not cancel: they enter squared, and squares are "
            "positive.",
            "B": "You took FID for something that falls as a standard error does, with the root "
            "of N. It is a *squared* distance: errors of that size enter squared.",
            "D": "The noise in means and covariances does get smaller with more samples, and FID with it.",
        },
    )


BIAS = Exercise(
    name="fid-bias",
    title="Sixteen times as many samples",
    chapter="evaluation",
    kind="predict",
    difficulty=2,
    statement=r"""Draw two sets of $N$ samples of *one and the same* Gaussian with $d = 8$ features, and
compute their FID; do so with 20 pairs and average. First with $N = 200$, then with $N = 3200$, which is 16
times as many. What happens to the average FID? Commit yourself: put the letter into `answer`.""",
    starter="answer = ...  # a letter\n",
    answer="answer",
    check=_check_bias,
    hints=(
        r"The error of an estimated mean is about $\sigma / \sqrt{N}$. How does it enter FID?",
        "Look at the table of the chapter (the same distribution twice): from 500 to 5,000 samples FID falls "
        "from 5.0 to 0.5.",
    ),
    solutions=('answer = "C"\n', 'answer = " c)"\n'),
    explanation=r"""The estimated means are off by about $\sigma / \sqrt{N}$, and FID squares that: the bias
is about $c / N$, with a $c$ that depends on the distributions and grows with $d$. So FIDs compare only at
equal numbers of samples.""",
    wrong=(
        Wrong('answer = "A"\n', "do not cancel"),
        Wrong('answer = "B"\n', "falls as a standard error does"),
        Wrong('answer = "D"\n', "does get smaller"),
    ),
    choices=(
        "It is 0 both times, up to rounding.",
        "It falls to about a quarter.",
        "It falls to about a sixteenth.",
        "It stays about the same, well above 0.",
    ),
)


def _check_sample_size(trial: Trial) -> None:
    case = "FID(1,000) = 25 and FID(5,000) = 13, wanted FID(N) - FID_inf = 0.5"
    trial.tried(case)
    trial.differs(
        trial.value(),
        30_000.0,
        case=case,
        rtol=5e-4,
        known={
            "That is c itself, the excess times N; the excess at N samples is c / N.": 15_000.0,
            "You multiplied c by 0.5; from c / N = 0.5 follows another N.": 7_500.0,
            "You let FID fall with the root of N. The law given is c / N.": (12 / 0.5) ** 2
            * (1 / math.sqrt(1000) - 1 / math.sqrt(5000)) ** -2,
            "You took FID_inf for 0, so that all of FID(1,000) = 25 was excess. A real generator "
            "has a FID above 0 at any N; two equations give both unknowns.": 50_000.0,
            "You took FID_inf for 0, so that all of FID(5,000) = 13 was excess. Two equations give both "
            "unknowns.": 130_000.0,
            "A straight line in N: with it FID would become negative soon. The law given is a "
            "straight line in 1/N.": 1000 + 24.5 / 0.003,
            "You asked for FID(N) = 0.5. What is to be 0.5 is the excess over FID_inf.": 1000 + 24.5 / 0.012,
        },
        otherwise="Two unknowns, FID_inf and c, and two equations: subtract one from the other.",
    )


SAMPLE_SIZE = Exercise(
    name="fid-sample-size",
    title="How many samples for FID?",
    chapter="evaluation",
    kind="compute",
    difficulty=2,
    statement=r"""A generator was scored with two numbers of samples (and as many real images): FID(1,000) =
25.0 and FID(5,000) = 13.0. Assume the law $\text{FID}(N) = \text{FID}_\infty + c / N$. What is the smallest
number of samples $N$ with which the excess $\text{FID}(N) - \text{FID}_\infty$ is at most 0.5? Put it into
`answer`.""",
    starter="answer = ...  # a number of samples\n",
    answer="answer",
    check=_check_sample_size,
    hints=(
        r"Write the law down for both $N$. What is the difference of the two equations?",
        r"$25 - 13 = c \, (1/1000 - 1/5000)$.",
        r"$c = 12 / 0.0008 = 15000$, and the excess is $c / N$.",
    ),
    solutions=(
        "c = (25 - 13) / (1 / 1000 - 1 / 5000)\nanswer = c / 0.5\n",
        "import numpy as np\n\nfid_inf, c = np.linalg.solve([[1, 1 / 1000], [1, 1 / 5000]], [25, 13])\n"
        "answer = round(c / 0.5)\n",
    ),
    explanation=r"""$c = 12 / 0.0008 = 15000$ and $\text{FID}_\infty = 13 - 3 = 10$: of the FID with 1,000
samples more than half was bias. The excess is 0.5 at $N = 30000$. This is why 10,000 to 50,000 samples are
usual, and why the number has to stand next to the score.""",
    wrong=(
        Wrong("answer = (25 - 13) / (1 / 1000 - 1 / 5000)\n", "That is c itself"),
        Wrong("answer = 15000 * 0.5\n", "multiplied c by 0.5"),
        Wrong("answer = 25 * 1000 / 0.5\n", "so that all of FID(1,000) = 25 was excess"),
        Wrong("answer = 13 * 5000 / 0.5\n", "so that all of FID(5,000) = 13 was excess"),
        Wrong("c = 12 / (1000**-0.5 - 5000**-0.5)\nanswer = (c / 0.5) ** 2\n", "fall with the root of N"),
        Wrong("answer = 1000 + (25 - 0.5) / ((25 - 13) / 4000)\n", "A straight line in N"),
    ),
)


def _check_infinity(trial: Trial) -> None:
    cases = (
        ([2000.0, 1000.0], [8.0, 12.0]),
        ([1000.0, 500.0, 2000.0], [16.0, 30.0, 12.5]),
        ([4000.0, 500.0, 1000.0, 250.0], [6.1, 11.2, 8.9, 20.0]),
    )
    for sizes_, fids_ in cases:
        sizes, fids = torch.tensor(sizes_), torch.tensor(fids_)
        ends = torch.stack([sizes.argmin(), sizes.argmax()])
        trial.differs(
            trial.number(sizes, fids),
            _line(1 / sizes, fids)[0],
            case=f"sizes = {rows(sizes)}, fids = {rows(fids)}",
            rtol=1e-3,
            known={
                "That is the FID at the largest N. Some of the bias is still in it.": fids[sizes.argmax()],
                "That is the last of the FIDs given.": fids[-1],
                "You fitted a straight line in N. Extended to large N it goes to minus infinity; "
                "what you got is its value at N = 0, and N = 0 is the wrong end.": _line(sizes, fids)[0],
                "You fitted a straight line in the root of 1/N. The bias of FID goes with 1/N.": _line(
                    sizes**-0.5, fids
                )[0],
                "That is the slope of the line, c. Wanted is where the line meets 1/N = 0.": _line(
                    1 / sizes, fids
                )[1],
                "That is the mean of the FIDs. It has the mean of their biases in it.": fids.mean(),
                "That is the line through the largest and the smallest N only. With more points "
                "than two, all are to be fitted, by least squares.": _line(1 / sizes[ends], fids[ends])[0],
                "That is the line through the first and the last point only. With more points than two, all "
                "are to be fitted, by least squares.": _line(1 / sizes[[0, -1]], fids[[0, -1]])[0],
            },
            otherwise="That is not where the least-squares line in 1/N meets 1/N = 0.",
        )
    trial.tried("two points, three points, and four points out of order")


def _line(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return intercept and slope of the least-squares line."""
    x, y = x.double(), y.double()
    slope = ((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum()
    return y.mean() - slope * x.mean(), slope


INFINITY = Exercise(
    name="fid-infinity",
    title="FID with infinitely many samples",
    chapter="evaluation",
    kind="code",
    difficulty=3,
    statement=r"""FID is too high by about $c / N$ for $N$ samples. So compute it at several $N$, fit the
straight line $\text{FID} = a + c \cdot (1/N)$ by least squares, and read it off at infinitely many samples.
Write `fid_infinity(sizes, fids)`: two float tensors of shape `(n,)`, $n \ge 2$, in any order, with the
numbers of samples and the FIDs. It returns one number: the fitted FID at $1/N = 0$.""",
    starter="def fid_infinity(sizes, fids):\n    return ...\n",
    answer="fid_infinity",
    check=_check_infinity,
    hints=(
        "The line is straight in 1/N, not in N. What is 1/N for infinitely many samples?",
        "It is the intercept $a$ of the least-squares line through the points $(1/N, \\text{FID})$.",
        "`np.polyfit(x, y, 1)` returns slope and intercept, in this order.",
    ),
    solutions=(
        """import numpy as np


def fid_infinity(sizes, fids):
    c, fid_inf = np.polyfit(1 / np.asarray(sizes), np.asarray(fids), 1)
    return fid_inf
""",
        """def fid_infinity(sizes, fids):
    x, y = 1 / sizes, fids
    c = ((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum()
    return y.mean() - c * x.mean()
""",
        """import torch


def fid_infinity(sizes, fids):
    A = torch.stack([torch.ones_like(sizes), 1 / sizes], dim=1).double()
    return torch.linalg.lstsq(A, fids.double()[:, None]).solution[0]
""",
    ),
    explanation=r"""At $1/N = 0$ the bias $c / N$ is gone, so the intercept estimates FID of the
distributions themselves. This is the extrapolation of Chong and Forsyth (2020). It removes the bias, not
the noise: the FIDs that go in should come from different subsets, several for each $N$.""",
    wrong=(
        Wrong(
            "def fid_infinity(sizes, fids):\n    return fids[sizes.argmax()]\n", "the FID at the largest N"
        ),
        Wrong(
            "import numpy as np\n\n\ndef fid_infinity(sizes, fids):\n"
            "    return np.polyfit(np.asarray(sizes), np.asarray(fids), 1)[1]\n",
            "a straight line in N.",
        ),
        Wrong(
            "import numpy as np\n\n\ndef fid_infinity(sizes, fids):\n"
            "    return np.polyfit(1 / np.asarray(sizes), np.asarray(fids), 1)[0]\n",
            "the slope of the line",
        ),
        Wrong(
            "import numpy as np\n\n\ndef fid_infinity(sizes, fids):\n"
            "    return np.polyfit(np.asarray(sizes) ** -0.5, np.asarray(fids), 1)[1]\n",
            "the root of 1/N",
        ),
        Wrong("def fid_infinity(sizes, fids):\n    return fids.mean()\n", "the mean of the FIDs"),
        Wrong(
            """def fid_infinity(sizes, fids):
    i, j = sizes.argmin(), sizes.argmax()
    c = (fids[i] - fids[j]) / (1 / sizes[i] - 1 / sizes[j])
    return fids[j] - c / sizes[j]
""",
            "the largest and the smallest N only",
        ),
    ),
)

# ------------------------------------------------------------------------------------ FID in general

_CROSS = torch.tensor([[3.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
_TILTED = torch.tensor([[2.0, 2.0], [-2.0, -2.0], [1.0, -1.0], [-1.0, 1.0], [3.0, 1.0]])
_LEANING = torch.tensor([[1.0, -1.0], [-1.0, 1.0], [2.0, -3.0], [0.0, 1.0]])
_FLAT = torch.tensor([[1.0, 0.0], [2.0, 0.0], [4.0, 0.0], [9.0, 0.0]])


def _check_fid(trial: Trial) -> None:
    cases = (
        (_CROSS, _CROSS),
        (_CROSS, 2 * _CROSS + torch.tensor([1.0, 2.0])),
        (_CROSS, _CROSS + torch.tensor([1.0, 2.0])),
        (_TILTED, _LEANING),
        (_CROSS, _TILTED),
        (_FLAT, _CROSS),
        (_FLAT, _FLAT.flip(0) + torch.tensor([0.0, 3.0])),
    )
    for x, y in cases:
        _check_fid_once(trial, x, y, f"x = {rows(x)}, y = {rows(y)}")
    rng = torch.Generator().manual_seed(0)
    x, y = torch.randn(40, 5, generator=rng), torch.randn(60, 5, generator=rng)
    _check_fid_once(
        trial, x @ torch.randn(5, 5, generator=rng), y, "40 against 60 random features of length 5"
    )
    trial.tried(
        "seven pairs of up to 5 points in the plane (equal, shifted, wider, tilted, on a line), "
        "and 40 against 60 random features of length 5"
    )


def _check_fid_once(trial: Trial, x: Tensor, y: Tensor, case: str) -> None:
    got = number_or_nan(
        trial,
        trial.call(x, y),
        "The distance is NaN. A covariance can have an eigenvalue of 0, which comes out of a computer as "
        "-1e-17 or so, and that has no real root.",
        case,
    )
    x, y = x.double(), y.double()
    means = (x.mean(0) - y.mean(0)).square().sum()
    a, b = x.T.cov(), y.T.cov()
    traces = a.trace() + b.trace()
    root = torch.linalg.svdvals(_root(a) @ _root(b)).sum()
    diagonal = (a.diagonal() * b.diagonal()).clamp(min=0).sqrt().sum()
    wrong_axis = _fid_of(x.T, y.T) if len(x) == len(y) else None
    known = {
        "Only the means are compared: the covariances do not count.": means,
        "The means do not count.": traces - 2 * root,
        "The norm of the difference of the means is not squared.": means.sqrt() + traces - 2 * root,
        "The root was taken of each entry of the product. The root of a matrix M is a matrix R "
        "with R @ R = M, and that is not the matrix of the roots. (Where an entry was negative "
        "there is not even a number.)": means + traces - 2 * (a @ b).clamp(min=0).diagonal().sqrt().sum(),
        "Only the variances are compared: two clouds that are tilted differently get the distance of "
        "upright ones.": means + traces - 2 * diagonal,
        "The trace of the product of the roots is not the trace of the root of the product, unless the two "
        "covariances commute.": means + traces - 2 * (_root(a) @ _root(b)).trace(),
        "The product of the covariances has lost its root.": means + traces - 2 * (a @ b).trace(),
        "The root of the product has lost its factor 2: the distance of a set to itself must be 0.": means
        + traces
        - root,
        "The root of the product is added where it is subtracted: the distance of a set to itself must "
        "be 0.": means + traces + 2 * root,
        "Your covariances are divided by N. The statement asks for the unbiased ones, divided by "
        "N - 1.": means
        + _biased(a, x).trace()
        + _biased(b, y).trace()
        - 2 * torch.linalg.svdvals(_root(_biased(a, x)) @ _root(_biased(b, y))).sum(),
        "That is the root of the distance; the formula gives the squared one.": (means + traces - 2 * root)
        .clamp(min=0)
        .sqrt(),
    }
    if wrong_axis is not None:
        known[
            "Rows and columns are exchanged: a row of x is a sample, a column a feature, and the "
            "covariance is between features."
        ] = wrong_axis
    trial.differs(
        got,
        means + traces - 2 * root,
        case=case,
        known=known,
        rtol=1e-3,
        atol=1e-2,
        otherwise="The distance of these two sets is wrong. Compute the three parts (means, "
        "traces, trace of the root) one by one.",
    )


def _root(cov: Tensor) -> Tensor:
    """Return the symmetric root of a covariance."""
    values, vectors = torch.linalg.eigh(cov)
    return vectors * values.clamp(min=0).sqrt() @ vectors.T


def _biased(cov: Tensor, x: Tensor) -> Tensor:
    return cov * (len(x) - 1) / len(x)


def _fid_of(x: Tensor, y: Tensor) -> Tensor:
    a, b = x.T.cov(), y.T.cov()
    root = torch.linalg.svdvals(_root(a) @ _root(b)).sum()
    return (x.mean(0) - y.mean(0)).square().sum() + a.trace() + b.trace() - 2 * root


FID = Exercise(
    name="fid",
    title="FID of two sets of features",
    chapter="evaluation",
    kind="code",
    difficulty=3,
    statement=r"""Write `fid(x, y)` for two float tensors of features, of shapes `(N, d)` and `(M, d)` with
$d \ge 2$: a row is a sample. It returns one real number,

$$\lVert \mu_x - \mu_y \rVert^2
+ \operatorname{tr} \big( \Sigma_x + \Sigma_y - 2 (\Sigma_x \Sigma_y)^{1/2} \big) ,$$

with the means and the *unbiased* covariances (divided by $N - 1$ and $M - 1$) of the two sets. It must also
work where a feature is constant, so that a covariance has an eigenvalue of 0. NumPy, SciPy and torch are
all welcome; `ganbook.metrics` would be cheating.""",
    starter="def fid(x, y):\n    return ...\n",
    answer="fid",
    check=_check_fid,
    hints=(
        "`x.T.cov()` in torch, or `np.cov(x, rowvar=False)`, is the unbiased covariance.",
        r"The trace of $(\Sigma_x \Sigma_y)^{1/2}$ is the sum of the roots of the eigenvalues of "
        r"$\Sigma_x \Sigma_y$. No matrix root is needed.",
        "`torch.linalg.eigvals(cov_x @ cov_y).real` gives these eigenvalues; rounding may make a 0 slightly "
        "negative, so clip before the root.",
    ),
    solutions=(
        """import torch


def fid(x, y):
    x, y = x.double(), y.double()
    mean = (x.mean(0) - y.mean(0)).square().sum()
    cov_x, cov_y = x.T.cov(), y.T.cov()
    eigenvalues = torch.linalg.eigvals(cov_x @ cov_y).real.clamp(min=0)
    return mean + cov_x.trace() + cov_y.trace() - 2 * eigenvalues.sqrt().sum()
""",
        """import numpy as np


def fid(x, y):
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    mean = np.sum((x.mean(axis=0) - y.mean(axis=0)) ** 2)
    cov_x, cov_y = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    values, vectors = np.linalg.eigh(cov_x)
    root = vectors @ np.diag(np.sqrt(np.maximum(values, 0))) @ vectors.T
    eigenvalues = np.maximum(np.linalg.eigvalsh(root @ cov_y @ root), 0)
    return mean + np.trace(cov_x) + np.trace(cov_y) - 2 * np.sqrt(eigenvalues).sum()
""",
        """import torch


def fid(x, y):
    def centred(a):  # a set with R.T @ R = its covariance
        return (a - a.mean(0)) / (len(a) - 1) ** 0.5

    a, b = centred(x), centred(y)
    spread = (a**2).sum() + (b**2).sum() - 2 * torch.linalg.svdvals(a @ b.T).sum()
    return ((x.mean(0) - y.mean(0)) ** 2).sum() + spread
""",
        """import numpy as np
from scipy.linalg import sqrtm


def fid(x, y):
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    cov_x, cov_y = np.cov(x.T), np.cov(y.T)
    root = sqrtm(cov_x)
    middle = sqrtm(root @ cov_y @ root)
    return np.linalg.norm(x.mean(0) - y.mean(0)) ** 2 + np.trace(cov_x + cov_y - 2 * middle).real
""",
    ),
    explanation=r"""The trace of a root is the sum of the roots of the eigenvalues, so no matrix root is
needed. The product $\Sigma_x \Sigma_y$ is not symmetric, but it has the eigenvalues of the symmetric
$\Sigma_x^{1/2} \, \Sigma_y \, \Sigma_x^{1/2}$, which are real and at least 0. Rounding can make a 0
slightly negative, and the root of that is NaN: hence the clipping.""",
    wrong=(
        Wrong(
            """def fid(x, y):
    return (x.mean(0) - y.mean(0)).square().sum()
""",
            "Only the means are compared",
        ),
        Wrong(
            """import numpy as np


def fid(x, y):
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    a, b = np.cov(x.T), np.cov(y.T)
    root = np.sqrt(np.maximum(a @ b, 0))
    return ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(a + b - 2 * root)
""",
            "root was taken of each entry",
        ),
        Wrong(
            """def fid(x, y):
    a, b = x.var(0), y.var(0)
    return ((x.mean(0) - y.mean(0)) ** 2).sum() + ((a.sqrt() - b.sqrt()) ** 2).sum()
""",
            "Only the variances are compared",
        ),
        Wrong(
            """import torch


def root(cov):
    values, vectors = torch.linalg.eigh(cov)
    return vectors @ torch.diag(values.clamp(min=0).sqrt()) @ vectors.T


def fid(x, y):
    a, b = x.T.cov(), y.T.cov()
    spread = a.trace() + b.trace() - 2 * (root(a) @ root(b)).trace()
    return (x.mean(0) - y.mean(0)).square().sum() + spread
""",
            "product of the roots",
        ),
        Wrong(
            """import torch


def fid(x, y):
    a, b = x.T.cov(correction=0), y.T.cov(correction=0)
    eigenvalues = torch.linalg.eigvals(a @ b).real.clamp(min=0)
    return (x.mean(0) - y.mean(0)).square().sum() + (a + b).trace() - 2 * eigenvalues.sqrt().sum()
""",
            "divided by N.",
        ),
        Wrong(
            """def fid(x, y):
    a, b = x.T.cov(), y.T.cov()
    return (x.mean(0) - y.mean(0)).square().sum() + (a + b - 2 * a @ b).trace()
""",
            "has lost its root",
        ),
        Wrong(
            """import torch


def fid(x, y):
    a, b = x.double().T.cov(), y.double().T.cov()
    eigenvalues = torch.linalg.eigvals(a @ b).real - 1e-17
    return (x.mean(0) - y.mean(0)).square().sum() + (a + b).trace() - 2 * eigenvalues.sqrt().sum()
""",
            "The distance is NaN",
        ),
        Wrong(
            """import torch


def fid(x, y):
    a, b = x.cov(), y.cov()
    eigenvalues = torch.linalg.eigvals(a @ b).real.clamp(min=0)
    return (x.mean(1) - y.mean(1)).square().sum() + (a + b).trace() - 2 * eigenvalues.sqrt().sum()
""",
            "Rows and columns are exchanged",
        ),
    ),
)

# ---------------------------------------------------------------------------- what FID and KID compare


def _check_moments(trial: Trial) -> None:
    letter = trial.choice("ABCD")
    rng = torch.Generator().manual_seed(0)

    def standardised(x: Tensor) -> Tensor:
        return (x - x.mean(0)) / x.std(0)

    x = standardised(torch.randn(1000, 1, generator=rng))
    y = standardised(torch.empty(1000, 1).exponential_(1, generator=rng))
    fid, kid = metrics.frechet_distance(x, y), metrics.mmd2_unbiased(x, y)
    other = metrics.mmd2_unbiased(x, standardised(torch.randn(1000, 1, generator=rng)))
    zero = [fid < 1e-6, kid < 10 * abs(other)]
    settle(
        trial,
        letter,
        {"A": all(zero), "B": zero == [True, False], "C": zero == [False, True], "D": not any(zero)},
        f"FID = {fid:.4f}, KID = {kid:.2f} (and {other:.2f} for two sets of the bell curve)",
        {
            "A": "KID has a cubic kernel, so it compares third moments too, and these differ: "
            "one set leans to one side, the other does not.",
            "C": "It is the other way round. Which moments of the features enter each of the two?",
            "D": "The sets do differ, but FID does not look at their shapes: it fits a Gaussian "
            "to each, and here the two Gaussians are equal.",
        },
    )


MOMENTS = Exercise(
    name="same-mean-same-variance",
    title="Same mean, same variance, another shape",
    chapter="evaluation",
    kind="predict",
    difficulty=2,
    statement=r"""Two sets of 1,000 features of length $d = 1$. One comes from a bell curve (normal
distribution), symmetric. The other comes from an exponential distribution: a steep edge on the left, a long
tail on the right. Both are then shifted and scaled so that their means are exactly 0 and their variances
exactly 1. What do FID, and KID with the kernel $k(x, y) = (x \cdot y / d + 1)^3$, say? Commit yourself: put
the letter into `answer`.""",
    starter="answer = ...  # a letter\n",
    answer="answer",
    check=_check_moments,
    hints=(
        "Write down all that the formula of FID uses of the two sets.",
        r"Expand $(x y + 1)^3 = x^3 y^3 + 3 x^2 y^2 + 3 x y + 1$. Which averages of $x$ and of "
        r"$y$ does KID compare?",
    ),
    solutions=('answer = "B"\n', 'answer = "b"\n'),
    explanation=r"""FID fits a Gaussian to each set, and these Gaussians are equal here, so it is 0 for two
distributions that anybody can tell apart. With $d = 1$, KID is (up to its noise) the sum of the squared
differences of the first three moments, with weights 3, 3 and 1. The first two agree, the third, the lean,
differs. A third distribution that agrees in three moments would deceive KID too.""",
    wrong=(
        Wrong('answer = "A"\n', "it compares third moments too"),
        Wrong('answer = "C"\n', "the other way round"),
        Wrong('answer = "D"\n', "does not look at their shapes"),
    ),
    choices=(
        "Both are about 0.",
        "FID is 0, KID is clearly above 0.",
        "FID is clearly above 0, KID is about 0.",
        "Both are clearly above 0.",
    ),
)

EXERCISES: tuple[Exercise, ...] = (
    ONE_DIMENSION,
    ITSELF,
    DIAGONAL,
    BIAS,
    SAMPLE_SIZE,
    INFINITY,
    FID,
    MOMENTS,
)
