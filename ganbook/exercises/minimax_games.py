"""Exercises of the chapter on the minimax objective: unequal shares, fixed players, and other distances."""

from __future__ import annotations

import math
from inspect import cleandoc

import torch
from torch import Tensor

from ganbook.exercises.exercise import Exercise, Wrong
from ganbook.exercises.grading.trial import Trial


def numbers(*values: float) -> Tensor:
    """Return a float64 vector."""
    return torch.tensor(values, dtype=torch.float64)


def vector(values: Tensor) -> str:
    """Return a vector as one would write it down."""
    return "[" + ", ".join(f"{value:g}" for value in values.tolist()) + "]"


TWO_DENSITIES = (
    (numbers(0.8), numbers(0.2)),
    (numbers(0.5, 0.1, 0.4), numbers(0.1, 0.6, 0.3)),
    (numbers(0.7, 0.3, 0.0), numbers(0.0, 0.3, 0.7)),
    (numbers(3.0, 0.01, 2.0), numbers(1.0, 0.02, 0.5)),
)

# ---- more generated than real samples


def check_unequal(trial: Trial) -> None:
    """One, nine, and a third of a generated sample for each real one."""
    for k in (1.0, 9.0, 1 / 3):
        for p, q in TWO_DENSITIES:
            case = f"p = {vector(p)}, q = {vector(q)}, k = {k:.4g}"
            trial.differs(
                trial.tensor(p, q, k, shape=p.shape), p / (p + k * q), case=case,
                known={
                    "this D does not know that there are more samples of one kind": p / (p + q),
                    "this weighs the real samples with k; it is the generated ones that come k times as "
                    "often":
                        k * p / (k * p + q),
                    "this is the share of generated samples": k * q / (p + k * q),
                    "these do not add up: what D says of real and of generated samples must add up to 1 at "
                    "each place":
                        p / (k * (p + q)),
                },
                otherwise="this is not the share of real samples among all that turn up there",
            )  # fmt: skip
    trial.tried("k = 1/3, 1 and 9 at one and at three places")


UNEQUAL = Exercise(
    name="unequal-shares",
    title="Nine generated samples for each real one",
    chapter="minimax",
    kind="compute",
    difficulty=2,
    statement=cleandoc(r"""
        $D$ is shown $k$ generated samples for each real one, and its loss is the sum over all of them: it
        makes $p_\text{data}(x) \log D(x) + k \, p_g(x) \log(1 - D(x))$ as large as it can at each $x$. Write
        `best_D(p, q, k)`, with the densities `p` of real and `q` of generated samples at some places, both of
        shape `(K,)` and nowhere both 0, and a number $k > 0$. It returns $D$'s best answers, of shape `(K,)`.
    """),
    starter=cleandoc("""
        def best_D(p, q, k):
            return ...
    """),
    answer="best_D",
    check=check_unequal,
    hints=(
        "Count again: of the samples that turn up at one place, which share is real?",
        r"Repeat the derivation of Theorem 1 with $a = p_\text{data}(x)$ and $b = k\,p_g(x)$.",
    ),
    solutions=(
        "def best_D(p, q, k):\n    return p / (p + k * q)",
        cleandoc("""
            import math

            import torch


            def best_D(p, q, k):
                return torch.sigmoid(p.log() - q.log() - math.log(k))
        """),
        "def best_D(p, q, k):\n    return [float(a / (a + k * b)) for a, b in zip(p, q)]",
    ),
    explanation=cleandoc(r"""
        $a/(a + b)$ with $b = k\,p_g(x)$. In logits it is the old answer minus $\log k$: one constant, which a
        network's last bias can learn. Where the two densities are equal, $D$ now says $1/(1 + k)$ and not
        1/2.
    """),
    wrong=(
        Wrong("def best_D(p, q, k):\n    return p / (p + q)", "does not know that there are more"),
        Wrong("def best_D(p, q, k):\n    return k * p / (k * p + q)", "weighs the real samples with k"),
        Wrong("def best_D(p, q, k):\n    return k * q / (p + k * q)", "share of generated samples"),
    ),
)  # fmt: skip

# ---- G's best answer to a D that stands still


def check_fixed(trial: Trial) -> None:
    """Logits with one largest place."""
    for logits in (numbers(0.5, 2.0, -1.0), numbers(-3.0, -1.0, -2.0, -4.0), numbers(3.0, 1.0)):
        case = f"logits = {vector(logits)}"
        got = trial.tensor(logits, shape=logits.shape)
        best = torch.zeros_like(logits)
        best[logits.argmax()] = 1
        worst = torch.zeros_like(logits)
        worst[logits.argmin()] = 1
        D = logits.sigmoid()
        known = {
            "this is where D is *smallest*, and log(1 - D) largest. G wants it small": worst,
            "this softmax puts much where D is large, and yet something elsewhere; whatever lies elsewhere "
            "would be "
            "better off at the top": logits.softmax(0),
            "this shares the samples out in proportion to D. What lies where D is smaller gains by moving": D
            / D.sum(),
            "this spreads the samples evenly, as if D said the same everywhere": torch.full_like(
                logits, 1 / len(logits)
            ),
        }
        trial.differs(got, best, case=case, known=known, otherwise=_not_best(got))
    trial.tried("a D on two, three and four places")


def _not_best(got: Tensor) -> str:
    if abs(got.sum().item() - 1) > 1e-4 or bool((got < 0).any()):
        return "these are not probabilities: they must be at least 0 and add up to 1"
    return "another distribution has a smaller E[log(1 - D(G(z)))] against this D"


FIXED = Exercise(
    name="fixed-discriminator",
    title="The best answer to a discriminator that stands still",
    chapter="minimax",
    kind="code",
    difficulty=2,
    statement=cleandoc(r"""
        Samples fall on one of $K$ places. $D$ is **fixed**: its logits there are `logits`, of shape `(K,)`,
        all different. $G$ may choose any distribution over the places. Write `best_p_g(logits)`, which
        returns the probabilities $p_g$, of shape `(K,)`, with which $\mathbb{E}_z[\log(1 - D(G(z)))]$ is as
        small as it can be.
    """),
    starter=cleandoc("""
        def best_p_g(logits):
            return ...
    """),
    answer="best_p_g",
    check=check_fixed,
    hints=(
        r"The expectation is $\sum_k p_g(k) \log(1 - D_k)$: a mean of $K$ numbers, with weights that $G$ "
        r"chooses. How "
        "small can a mean be?",
        "No mean is below the smallest of its numbers. Which place has it, and how does one reach it?",
    ),
    solutions=(
        cleandoc("""
            import torch


            def best_p_g(logits):
                return torch.eye(len(logits))[logits.argmax()]
        """),
        cleandoc("""
            def best_p_g(logits):
                values = logits.tolist()
                top = max(values)
                return [1.0 if value == top else 0.0 for value in values]
        """),
        cleandoc("""
            import numpy as np


            def best_p_g(logits):
                p = np.zeros(len(logits))
                p[np.argmax(logits)] = 1
                return p
        """),
    ),
    explanation=cleandoc(r"""
        All samples at the one place where $D$ is largest, whatever the data are. This is what "$\max_D
        \min_G$" would ask for, and the pressure behind mode collapse: a $G$ that moves too far against a $D$
        that stands still.
    """),
    wrong=(
        Wrong("def best_p_g(logits):\n    return logits.softmax(0)", "yet something elsewhere"),
        Wrong(
            "import torch\ndef best_p_g(logits):\n    return torch.eye(len(logits))[logits.argmin()]",
            "where D is *smallest*",
        ),
        Wrong(
            "def best_p_g(logits):\n    D = logits.sigmoid()\n    return D / D.sum()", "in proportion to D"
        ),
        Wrong("def best_p_g(logits):\n    return logits.sigmoid()", "these are not probabilities"),
        Wrong("def best_p_g(logits):\n    return 0 * logits + 1 / len(logits)", "spreads the samples evenly"),
    ),
)

# ---- the Wasserstein distance of samples


def check_wasserstein(trial: Trial) -> None:
    """Two points, a shift, equal means with different widths, and an order that does not matter."""
    for x, y in (
        (numbers(0.0), numbers(3.0)),
        (numbers(0.0, 4.0), numbers(2.0, 2.0)),
        (numbers(5.0, 1.0, 3.0), numbers(2.0, 6.5, 0.0)),
        (numbers(1.0, 2.0, 3.0, 8.0), numbers(8.0, 3.0, 2.0, 1.0)),
        (numbers(-1.0, 0.0, 2.0), numbers(4.0, 5.0, 7.0)),
    ):
        case = f"x = {vector(x)}, y = {vector(y)}"
        a, b = x.sort().values, y.sort().values
        trial.differs(
            trial.number(x, y), (a - b).abs().mean(), case=case,
            known={
                "this compares the means only. Samples that have to go left and others that have to go right "
                "do not cancel: "
                "work is work": (x.mean() - y.mean()).abs(),
                "this carries the i-th sample of one to the i-th of the other. The order in a batch means "
                "nothing, and "
                "there is a cheaper plan": (x - y).abs().mean(),
                "this is the total way. Each of the N samples carries the mass 1/N": (a - b).abs().sum(),
                "this squares the ways: it is the square of W_2, not W_1": (a - b).square().mean(),
                "this is the root of the mean square way: W_2, not W_1": (a - b).square().mean().sqrt(),
                "this is the longest of the ways, not their mean": (a - b).abs().max(),
                "this has a sign: ways to the left are counted as negative work": (a - b).mean(),
                "this has a sign: ways to the right are counted as negative work": (b - a).mean(),
                "this is the mean distance of all pairs, which is not 0 for equal samples":
                    (x[:, None] - y[None]).abs().mean(),
            },
            otherwise="this is not the least work of carrying the one set of samples to the other",
        )  # fmt: skip
    trial.tried("two points, a shift, equal means with different widths, and equal samples in another order")


WASSERSTEIN = Exercise(
    name="wasserstein-samples",
    title="The Wasserstein distance of two sets of samples",
    chapter="minimax",
    kind="code",
    difficulty=2,
    statement=cleandoc(r"""
        Write `wasserstein1(x, y)`: the distance $W_1$ between two sets of $N$ samples on the line, each
        sample with the mass $1/N$. Both arguments have the shape `(N,)`, in no particular order; the result
        is one number, the least work (mass times way) of carrying the one set over to the other.
    """),
    starter=cleandoc("""
        def wasserstein1(x, y):
            return ...
    """),
    answer="wasserstein1",
    check=check_wasserstein,
    hints=(
        "Two piles of sand, one grain a sample. Which grain goes where, if no two ways are to cross?",
        "On the line the cheapest plan carries the smallest to the smallest, the second to the second, and "
        "so on.",
        "Sort both, take the absolute differences, and their mean.",
    ),
    solutions=(
        cleandoc("""
            def wasserstein1(x, y):
                return (x.sort().values - y.sort().values).abs().mean()
        """),
        cleandoc("""
            import numpy as np


            def wasserstein1(x, y):
                return np.abs(np.sort(np.asarray(x)) - np.sort(np.asarray(y))).mean()
        """),
        cleandoc("""
            def wasserstein1(x, y):
                pairs = zip(sorted(x.tolist()), sorted(y.tolist()))
                ways = [abs(a - b) for a, b in pairs]
                return sum(ways) / len(ways)
        """),
    ),
    explanation=cleandoc(r"""
        Sorted against sorted: if two ways cross, exchanging their ends makes neither longer in sum. For a set
        that is only shifted, $W_1$ is the shift, however far; JSD would be $\log 2$ from the first step on.
    """),
    wrong=(
        Wrong(
            "def wasserstein1(x, y):\n    return (x.mean() - y.mean()).abs()", "compares the means only"
        ),
        Wrong("def wasserstein1(x, y):\n    return (x - y).abs().mean()", "there is a cheaper plan"),
        Wrong(
            "def wasserstein1(x, y):\n    return (x.sort().values - y.sort().values).abs().sum()",
            "this is the total way",
        ),
        Wrong(
            "def wasserstein1(x, y):\n    return (x.sort().values - y.sort().values).square().mean()",
            "this squares the ways",
        ),
        Wrong(
            "def wasserstein1(x, y):\n    return (x.sort().values - y.sort().values).mean()",
            "ways to the left are counted as negative",
        ),
    ),
)  # fmt: skip

# ---- nearer is no better


def check_nearer(trial: Trial) -> None:
    """JSD and W1 of two narrow bumps, 6 and 3 apart."""
    choice = trial.choice("ABCD")
    grid = torch.linspace(-10, 20, 30001, dtype=torch.float64)

    def density(mean: float) -> Tensor:
        return torch.exp(-((grid - mean) ** 2) / (2 * 0.3**2)) / (0.3 * math.sqrt(2 * math.pi))

    found = {}
    p = density(0.0)
    for shift in (6.0, 3.0):
        q = density(shift)
        m = (p + q) / 2
        jsd = torch.trapezoid(torch.xlogy(p, p / m) + torch.xlogy(q, q / m), grid).item() / 2
        w1 = torch.trapezoid(((p - q).cumsum(0) * (grid[1] - grid[0])).abs(), grid).item()
        found[shift] = jsd, w1
    came_out = (
        f"from 6 to 3, JSD goes from {found[6.0][0]:.4f} to {found[3.0][0]:.4f} and W_1 from "
        f"{found[6.0][1]:.1f} to "
        f"{found[3.0][1]:.1f}"
    )
    trial.tried(f"both distances computed from the densities: {came_out}")
    reasons = {
        "A": "you expect any distance to see that things come nearer. One of the two compares densities at "
        "the same place "
        "only, and there is no such place here",
        "C": "it is the other way round: which of the two carries mass over a way?",
        "D": "one of the two does carry mass over a way, and a shorter way is less work even where nothing "
        "overlaps",
    }
    if choice != "B":
        trial.fail(
            f"{reasons[choice]}. It came out that {came_out}", case="bumps of width 0.3 at 0 and at 6, then 3"
        )


NEARER = Exercise(
    name="nearer-is-no-better",
    title="Half as far away",
    chapter="minimax",
    kind="predict",
    difficulty=2,
    statement=cleandoc(r"""
        The real samples are a narrow bump at 0 (standard deviation 0.3), the generated ones an equal bump at
        6. Then $G$ improves, and its bump comes to 3. Which of the two distances notice? Commit yourself
        before it is run: put the letter into `answer`, such as `answer = "A"`.
    """),
    starter="answer = ...",
    answer="answer",
    choices=(
        r"Both $\mathrm{JSD}$ and $W_1$ become about half as large.",
        r"$W_1$ becomes half as large, $\mathrm{JSD}$ stays at $\log 2$ to three digits.",
        r"$\mathrm{JSD}$ becomes half as large, $W_1$ stays as it is.",
        "Both stay as they are: there is no overlap before or after.",
    ),
    check=check_nearer,
    hints=(
        "Ask of each: does it compare the densities at the same place, or does it compare places?",
        "At a distance of 3 the bumps are ten standard deviations apart. What is $p/m$ where $p$ lies?",
    ),
    solutions=('answer = "B"', 'answer = "(b)"'),
    explanation=cleandoc(r"""
        $W_1$ of two equal bumps is their shift: 6, then 3. JSD is $\log 2$ as long as they do not overlap, so
        it has no slope for $G$ to follow. This is the reason for the Wasserstein GAN.
    """),
    wrong=(
        Wrong('answer = "A"', "you expect any distance"),
        Wrong('answer = "C"', "the other way round"),
        Wrong('answer = "D"', "a shorter way is less work"),
    ),
)

# ---- f-divergences


def check_f(trial: Trial) -> None:
    """Three functions f on two and three places."""
    functions = {
        "f(u) = (u - 1)^2": lambda u: (u - 1) ** 2,
        "f(u) = |u - 1| / 2": lambda u: abs(u - 1) / 2,
        "f(u) = u^2 - u": lambda u: u * u - u,
    }
    for name, f in functions.items():
        for p, q in (
            (numbers(0.8, 0.2), numbers(0.4, 0.6)),
            (numbers(0.5, 0.1, 0.4), numbers(0.1, 0.6, 0.3)),
            (numbers(0.0, 1.0), numbers(0.5, 0.5)),
        ):
            case = f"{name}, p = {vector(p)}, q = {vector(q)}"
            known = {
                "the weights are those of p: the definition has q in front of f": (p * f(p / q)).sum(),
                "this takes the mean over the places; the weights q already add up to 1": (
                    q * f(p / q)
                ).mean(),
                "the weight q in front of f is missing": f(p / q).sum(),
                "this is f of the difference of the probabilities; f takes their ratio": (q * f(p - q)).sum(),
            }
            if bool((p > 0).all()):
                known |= {
                    "the ratio is turned round: f takes p/q": (q * f(q / p)).sum(),
                    "P and Q are exchanged: this is the divergence of Q from P": (p * f(q / p)).sum(),
                }
            trial.differs(
                trial.number(f, p, q), (q * f(p / q)).sum(), case=case, known=known,
                otherwise="this is not the sum of q f(p/q) over the places",
            )  # fmt: skip
    trial.tried("three functions f, on two and three places, also with a p of 0")


F_DIVERGENCE = Exercise(
    name="f-divergence",
    title="A whole family of divergences",
    chapter="minimax",
    kind="code",
    difficulty=3,
    statement=cleandoc(r"""
        Samples fall on one of $K$ places, with probabilities `p` under $P$ and `q` under $Q$, both of shape
        `(K,)`; all `q` are above 0. Write `f_divergence(f, p, q)`: the f-divergence
        $D_f(P \,\|\, Q) = \int q \, f(p/q) \, dx$ in its form for places. `f` is a function of a number or a
        tensor; the result is one number.
    """),
    starter=cleandoc("""
        def f_divergence(f, p, q):
            return ...
    """),
    answer="f_divergence",
    check=check_f,
    hints=(
        "The integral over $x$ becomes a sum over the places.",
        "At each place: how often it turns up under $Q$, times $f$ of the ratio there.",
    ),
    solutions=(
        "def f_divergence(f, p, q):\n    return (q * f(p / q)).sum()",
        "def f_divergence(f, p, q):\n    return sum(b * f(a / b) for a, b in zip(p, q))",
        cleandoc("""
            import numpy as np


            def f_divergence(f, p, q):
                return np.dot(np.asarray(q), f(np.asarray(p) / np.asarray(q)))
        """),
    ),
    explanation=cleandoc(r"""
        $\sum_k q_k f(p_k/q_k)$: an expectation under $Q$. All that it needs to know of $P$ and $Q$ is their
        ratio, and that is what a discriminator learns. With $f(u) = u \log u - (u+1) \log(u+1)$ it is the
        value of the GAN.
    """),
    wrong=(
        Wrong("def f_divergence(f, p, q):\n    return (p * f(p / q)).sum()", "the weights are those of p"),
        Wrong("def f_divergence(f, p, q):\n    return (p * f(q / p)).sum()", "P and Q are exchanged"),
        Wrong("def f_divergence(f, p, q):\n    return (q * f(q / p)).sum()", "the ratio is turned round"),
        Wrong("def f_divergence(f, p, q):\n    return (q * f(p / q)).mean()", "the mean over the places"),
        Wrong(
            "def f_divergence(f, p, q):\n    return f(p / q).sum()", "the weight q in front of f is missing"
        ),
    ),
)

# ---- the order of min and max


def check_min_max(trial: Trial) -> None:
    """Payoffs without a saddle point, one with it, and no square ones."""
    for rows in (
        [[1.0, 6.0, 3.0], [5.0, 2.0, 9.0]],
        [[0.0, 1.0], [1.0, 0.0]],
        [[4.0, 2.0], [3.0, 1.0]],
        [[1.0, -2.0], [-3.0, 0.5], [2.5, 7.0]],
        [[-1.0, -4.0, -2.5]],
    ):
        V = torch.tensor(rows, dtype=torch.float64)
        case = f"V = {rows}"
        trial.differs(
            trial.number(V), V.max(0).values.min(), case=case,
            known={
                "this is max-min: D commits itself first, and G answers. It is never larger than what is "
                "asked for":
                    V.min(1).values.max(),
                "here D plays the columns and G the rows: a row of V is one D": V.max(1).values.min(),
                "this lets G maximise and D minimise": V.min(0).values.max(),
                "here both make V small: D has no say": V.min(),
                "here both make V large: G has no say": V.max(),
            },
            otherwise="this is not the value that G can hold V down to",
        )  # fmt: skip
    trial.tried("five small games, also with one row and with more rows than columns")


MIN_MAX = Exercise(
    name="min-max-matrix",
    title="Who moves last",
    chapter="minimax",
    kind="compute",
    difficulty=3,
    statement=cleandoc(r"""
        Let there be finitely many discriminators and generators. `V` is a tensor of shape `(num_D, num_G)`,
        and `V[i, j]` is the value when discriminator $i$ meets generator $j$. Write `min_max(V)`, which
        returns $\min_G \max_D V$: the least value to which $G$ can hold $V$ if $D$ may answer to the $G$ that
        was chosen.
    """),
    starter=cleandoc("""
        def min_max(V):
            return ...
    """),
    answer="min_max",
    check=check_min_max,
    hints=(
        "Read from the inside: first, for each generator by itself, the best discriminator.",
        "The best answer to generator $j$ is worth the largest number in *column* $j$. Over all $j$, $G$ "
        "takes the smallest "
        "of these.",
    ),
    solutions=(
        "def min_max(V):\n    return V.max(dim=0).values.min()",
        cleandoc("""
            def min_max(V):
                columns = zip(*V.tolist())
                return min(max(column) for column in columns)
        """),
        "import numpy as np\n\n\ndef min_max(V):\n    return np.asarray(V).max(axis=0).min()",
    ),
    explanation=cleandoc(r"""
        The inner operation belongs to the player who moves last. $\min_G \max_D V \ge \max_D \min_G V$
        always, because who answers can only gain; in the game $\begin{pmatrix} 0 & 1 \\ 1 & 0 \end{pmatrix}$
        it is 1 against 0. A GAN whose $D$ stands still plays the other order, and collapses.
    """),
    wrong=(
        Wrong("def min_max(V):\n    return V.min(dim=1).values.max()", "D commits itself first"),
        Wrong("def min_max(V):\n    return V.max(dim=1).values.min()", "a row of V is one D"),
        Wrong("def min_max(V):\n    return V.min(dim=0).values.max()", "lets G maximise"),
        Wrong("def min_max(V):\n    return V.min()", "D has no say"),
        Wrong("def min_max(V):\n    return V.max()", "G has no say"),
    ),
)  # fmt: skip
