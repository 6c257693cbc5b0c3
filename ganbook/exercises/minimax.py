"""Exercises of the chapter on the minimax objective. More are in `minimax_games.py` and `_dirac.py`."""

from __future__ import annotations

import math
from inspect import cleandoc

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from ganbook.exercises.exercise import Exercise, Wrong
from ganbook.exercises.grading.trial import Trial
from ganbook.exercises.minimax_dirac import DIRAC
from ganbook.exercises.minimax_games import (
    F_DIVERGENCE,
    FIXED,
    MIN_MAX,
    NEARER,
    TWO_DENSITIES,
    UNEQUAL,
    WASSERSTEIN,
    numbers,
    vector,
)

# ---- three losses


def check_three_losses(trial: Trial) -> None:
    """Try the chapter's pair of probabilities, a D that knows nothing, and two more."""
    log = math.log
    for real, fake in ((0.9, 0.3), (0.5, 0.5), (0.6, 0.6), (0.99, 0.02)):
        case = f"D_real = {real}, D_fake = {fake}"
        got = trial.as_tensor(trial.call(real, fake), (3,), case=case)
        loss = -log(real) - log(1 - fake)
        trial.differs(
            got[0], loss, case=f"{case}, loss of D",
            known={
                "this is the loss on real samples alone. A D that says 1 to everything would make it 0":
                    -log(real),
                "this is V itself. D wants V large, and an optimiser makes its loss small": -loss,
                "this is half of D's loss: the mean of two terms, where the definition has their sum":
                    loss / 2,
                "this is in bits: the logarithm of the chapter is the natural one": loss / log(2),
                "the fake term rewards a large D(G(z)), as if generated samples were real":
                    -log(real) - log(fake),
                "real and fake are exchanged: this D is asked to call generated samples real": -log(1 - real)
                - log(fake),
            },
            otherwise="the first number is not the loss that D descends",
        )  # fmt: skip
        trial.differs(
            got[1], log(1 - fake), case=f"{case}, minimax loss of G",
            known={
                "the minimax loss of G has the wrong sign. G descends the very term of V in which it "
                "appears; "
                "D is the one that descends its negative": -log(1 - fake),
                "the minimax loss of G looks at the real sample, which G cannot change": -loss,
                "the second and third number are exchanged, or both are the non-saturating loss": -log(fake),
                "log(D(G(z))) is what G would maximise in the non-saturating form; the minimax loss is made "
                "of "
                "1 - D(G(z))": log(fake),
            },
            otherwise="the second number is not the part of V that G can change",
        )  # fmt: skip
        trial.differs(
            got[2], -log(fake), case=f"{case}, non-saturating loss of G",
            known={
                "the non-saturating loss has the wrong sign: descending it would make D(G(z)) small":
                    log(fake),
                "the third number is the minimax loss again. The non-saturating one asks how real the sample "
                "looks, "
                "not how false": log(1 - fake),
                "the third number is built from 1 - D(G(z)): descending it would make D(G(z)) small":
                    -log(1 - fake),
            },
            otherwise="the third number is not the non-saturating loss",
        )  # fmt: skip
    trial.tried("D(x) = 0.9 and D(G(z)) = 0.3, a D that knows nothing, and two more")


THREE_LOSSES = Exercise(
    name="three-losses",
    title="One real sample, one generated sample, three losses",
    chapter="minimax",
    kind="compute",
    difficulty=1,
    statement=cleandoc(r"""
        There is one real sample $x$ and one generated sample $G(z)$. Write `three_losses(D_real, D_fake)`. It
        gets two numbers strictly between 0 and 1: the probabilities $D(x)$ and $D(G(z))$. It returns three
        numbers:

        1. the loss $L_D$ that $D$ descends;
        2. the minimax loss that $G$ descends: the part of $V(D, G)$ that $G$ can change;
        3. the non-saturating loss that $G$ descends instead.
    """),
    starter=cleandoc("""
        def three_losses(D_real, D_fake):
            loss_D = ...
            minimax_loss_G = ...
            non_saturating_loss_G = ...
            return loss_D, minimax_loss_G, non_saturating_loss_G
    """),
    answer="three_losses",
    check=check_three_losses,
    hints=(
        "Write down $V(D, G)$ for one sample each: the expectations are gone. Who wants it large?",
        r"$L_D = -V$ has two terms. In which of them does $G(z)$ appear?",
        r"$L_D = -\log D(x) - \log(1 - D(G(z)))$; the second loss is one of its terms with the other sign, "
        r"and the "
        r"third replaces $\log(1 - D(G(z)))$ by $-\log D(G(z))$.",
    ),
    solutions=(
        cleandoc("""
            import math


            def three_losses(D_real, D_fake):
                loss_D = -math.log(D_real) - math.log(1 - D_fake)
                minimax_loss_G = math.log(1 - D_fake)
                non_saturating_loss_G = -math.log(D_fake)
                return loss_D, minimax_loss_G, non_saturating_loss_G
        """),
        cleandoc("""
            import torch
            from ganbook import losses


            def three_losses(D_real, D_fake):
                real = torch.tensor([D_real], dtype=torch.float64).logit()
                fake = torch.tensor([D_fake], dtype=torch.float64).logit()
                return (
                    losses.minimax_discriminator_loss(real, fake),
                    losses.minimax_generator_loss(real, fake),
                    losses.non_saturating_generator_loss(real, fake),
                )
        """),
        cleandoc("""
            import numpy as np


            def three_losses(D_real, D_fake):
                value = np.log(D_real) + np.log1p(-D_fake)
                return np.array([-value, np.log1p(-D_fake), -np.log(D_fake)])
        """),
    ),
    explanation=cleandoc(r"""
        $D$ is paid for both kinds: forget one of its terms, and the best $D$ is a constant. $G$ can change
        only the term with $z$ in it, so its minimax loss is $\log(1 - D(G(z)))$, at most 0. The
        non-saturating loss $-\log D(G(z))$ is at least 0 and wants the same, a large $D(G(z))$, but with
        another slope.
    """),
    wrong=(
        Wrong(
            "from math import log\ndef three_losses(a, b):\n    return -log(a), log(1 - b), -log(b)",
            "this is the loss on real samples alone",
        ),
        Wrong(
            "from math import log\ndef three_losses(a, b):\n    return log(a) + log(1 - b), log(1 - b), "
            "-log(b)",
            "this is V itself",
        ),
        Wrong(
            "from math import log\ndef three_losses(a, b):\n    return -log(a) - log(b), log(1 - b), -log(b)",
            "rewards a large D(G(z))",
        ),
        Wrong(
            "from math import log\ndef three_losses(a, b):\n    return -log(a) - log(1 - b), -log(1 - b), "
            "-log(b)",
            "minimax loss of G has the wrong sign",
        ),
        Wrong(
            "from math import log\ndef three_losses(a, b):\n    return -log(a) - log(1 - b), log(1 - b), "
            "log(b)",
            "non-saturating loss has the wrong sign",
        ),
        Wrong(
            "from math import log\ndef three_losses(a, b):\n    return -log(a) - log(1 - b), -log(b), log(1 "
            "- b)",
            "the second and third number are exchanged",
        ),
    ),
)  # fmt: skip

# ---- the best discriminator


def check_optimal(trial: Trial) -> None:
    """Densities at 1 to 3 places, also where one of them is 0, and above 1."""
    for p, q in TWO_DENSITIES:
        case = f"p = {vector(p)}, q = {vector(q)}"
        got = trial.tensor(p, q, shape=p.shape)
        trial.differs(
            got, p / (p + q), case=case,
            known={
                "this is the share of *generated* samples at each place. D(x) is the probability that x is "
                "real":
                    q / (p + q),
                "this is the ratio of the densities, which can be any positive number; D must be a "
                "probability": p / q,
                "this is the logit of the best D, not its probability": (p / q).log(),
                "this D decides for the more frequent kind. It is right most often, but where it is wrong "
                "its loss is "
                "infinite: being honest about doubt is what the logarithm pays for": (p > q).double(),
                "a D of 1/2 everywhere is the best only where both densities are equal":
                    torch.full_like(p, 0.5),
                "this looks at the density of the real samples alone. Where no sample lies the two densities "
                "are both "
                "small, and D still has to say which is the smaller": p,
            },
            otherwise="this is not where p log D + q log(1 - D) is largest",
        )  # fmt: skip
    trial.tried("densities at one and at three places, also with one of them 0")


OPTIMAL = Exercise(
    name="optimal-discriminator",
    title="The best discriminator",
    chapter="minimax",
    kind="code",
    difficulty=1,
    statement=cleandoc(r"""
        Somebody tells you both densities. Write `optimal_D(p, q)`: `p` holds $p_\text{data}(x)$ at $K$ places
        and `q` holds $p_g(x)$ at the same places, both of shape `(K,)`, nowhere both 0. It returns, of shape
        `(K,)`, the probabilities $D^*(x)$ with which $V(D, G)$ is as large as it can be.
    """),
    starter=cleandoc("""
        def optimal_D(p, q):
            return ...
    """),
    answer="optimal_D",
    check=check_optimal,
    hints=(
        "Count, as in the picture at the beginning of the chapter: of the samples that turn up at this "
        "place, which "
        "share is real?",
        r"At each place by itself, find the $y$ between 0 and 1 that makes $p \log y + q \log (1 - y)$ "
        r"largest.",
        r"Set the derivative $p / y - q / (1 - y)$ to 0 and solve for $y$.",
    ),
    solutions=(
        "def optimal_D(p, q):\n    return p / (p + q)",
        "import torch\n\n\ndef optimal_D(p, q):\n    return torch.sigmoid(p.log() - q.log())",
        cleandoc("""
            def optimal_D(p, q):
                return [float(a) / float(a + b) for a, b in zip(p, q)]
        """),
        cleandoc("""
            import numpy as np


            def optimal_D(p, q):
                return np.divide(p, np.add(p, q))
        """),
    ),
    explanation=cleandoc(r"""
        $p/y - q/(1-y) = 0$ gives $y = p/(p+q)$, and the second derivative is negative, so this is the
        maximum: the share of real samples at each place. Only the ratio of the densities matters, so $D^*$
        may be sure of itself in places where hardly a sample lies.
    """),
    wrong=(
        Wrong("def optimal_D(p, q):\n    return q / (p + q)", "share of *generated* samples"),
        Wrong("def optimal_D(p, q):\n    return p / q", "ratio of the densities"),
        Wrong("def optimal_D(p, q):\n    return (p > q) * 1.0", "decides for the more frequent kind"),
        Wrong("def optimal_D(p, q):\n    return (p / q).log()", "the logit of the best D"),
        Wrong("def optimal_D(p, q):\n    return 0 * p + 0.5", "a D of 1/2 everywhere"),
    ),
)

# ---- which loss pulls


def check_pull(trial: Trial) -> None:
    """Both slopes at D(G(z)) = 0.001, by automatic differentiation."""
    choice = trial.choice("ABCD")
    logit = torch.tensor(0.001, dtype=torch.float64).logit().requires_grad_()
    (minimax,) = torch.autograd.grad(-softplus(logit), logit)
    (other,) = torch.autograd.grad(softplus(-logit), logit)
    came_out = f"the slopes are {minimax:.3f} for the minimax and {other:.3f} for the non-saturating loss"
    trial.tried(f"both losses differentiated where D(G(z)) = 0.001: {came_out}")
    reasons = {
        "A": "you took the size of D's confidence for the size of G's gradient. D's being sure is what makes "
        "log(1 - D) "
        "flat",
        "C": "both losses want the same, a larger D(G(z)), but not with the same force. They agree in one "
        "place only",
        "D": "the slope of log D with respect to D is large there, but the network sees the slope with "
        "respect to the "
        "logit: D's own slope, D (1 - D), is the other factor",
    }
    if choice != "B":
        trial.fail(f"{reasons[choice]}. It came out that {came_out}", case="D(G(z)) = 0.001")


PULL = Exercise(
    name="saturating-pull",
    title="Which loss pulls harder at the beginning?",
    chapter="minimax",
    kind="predict",
    difficulty=1,
    statement=cleandoc(r"""
        Training begins. $D$ easily recognises what $G$ makes: $D(G(z)) = 0.001$. Compare the slopes of the
        two losses of $G$ with respect to the *logit* of this sample, in absolute value. Commit yourself
        before it is run: put the letter into `answer`, such as `answer = "A"`.
    """),
    starter="answer = ...",
    answer="answer",
    choices=(
        r"The minimax loss $\log(1 - D)$ pulls about 1000 times harder: $D$ is very sure, so there is much "
        r"to gain.",
        r"The non-saturating loss $-\log D$ pulls about 1000 times harder.",
        "Both pull equally hard: they want the same.",
        r"The non-saturating loss pulls about a million times harder, because the slope of $\log D$ is "
        r"$1/D$.",
    ),
    check=check_pull,
    hints=(
        r"With $D = \sigma(l)$, differentiate both losses with respect to $l$.",
        r"$\sigma'(l) = D (1 - D)$. So the slopes are $-D$ for the one and $D - 1$ for the other. Which is "
        r"which?",
    ),
    solutions=('answer = "B"', 'answer = "b)"'),
    explanation=cleandoc(r"""
        With respect to the logit, $\log(1 - D)$ has the slope $-D = -0.001$ and $-\log D$ has the slope
        $D - 1 = -0.999$. The minimax loss saturates exactly where $G$ needs it most.
    """),
    wrong=(
        Wrong('answer = "A"', "D's being sure is what makes"),
        Wrong('answer = "C"', "They agree in one place only"),
        Wrong('answer = "D"', "with respect to the logit"),
    ),
)

# ---- supports that do not meet


def check_disjoint(trial: Trial) -> None:
    """One number."""
    trial.differs(
        trial.value(), math.log(2), case="p_data uniform on [0, 1], p_g uniform on [2, 3]",
        known={
            "this is max V at equal densities with the other sign. JSD never gets that large": math.log(4),
            "the Jensen-Shannon divergence is not 0: that would say that the two are equal": 0.0,
            "this is the largest JSD in bits; here logarithms are natural": 1.0,
            "this is the least value of max V, at *equal* densities": -math.log(4),
            "this is half of it: both Kullback-Leibler divergences are at their largest, not only one":
                math.log(2) / 2,
            "this is how far apart they are. JSD compares densities at the same place and does not see "
            "distances":
                2.0,
        },
        otherwise="this is not it. What is p/m where only p lies, with the mixture m = (p + q)/2?",
    )  # fmt: skip
    trial.tried("the value")


DISJOINT = Exercise(
    name="disjoint-jsd",
    title="Two distributions that do not meet",
    chapter="minimax",
    kind="compute",
    difficulty=1,
    statement=cleandoc(r"""
        The real samples are uniform on $[0, 1]$, the generated ones uniform on $[2, 3]$. What is their
        Jensen-Shannon divergence $\mathrm{JSD}(p_\text{data}, p_g)$, with natural logarithms? Put the number
        into `answer` (four correct digits are enough).
    """),
    starter="answer = ...",
    answer="answer",
    check=check_disjoint,
    hints=(
        "Write the mixture $m = (p + q)/2$ on $[0, 1]$, and on $[2, 3]$.",
        r"On $[0, 1]$ the fraction $p/m$ is 2 everywhere. What is $\int p \log(p/m)\,dx$ then? The other "
        r"divergence "
        "is the same by symmetry, and JSD is the mean of the two.",
    ),
    solutions=(
        "import math\n\nanswer = math.log(2)",
        "answer = 0.69315",
        "import torch\n\nanswer = torch.tensor(2.0).log()",
    ),
    explanation=cleandoc(r"""
        $p/m = 2$ wherever $p$ lies, so $\mathrm{KL}(p\,\|\,m) = \log 2$, and so is the other one. $\log 2$ is
        as large as JSD gets: it is the same for $[2, 3]$ as for $[100, 101]$. Hence a generator far away has
        nothing to descend.
    """),
    wrong=(
        Wrong("import math\nanswer = math.log(4)", "max V at equal densities with the other sign"),
        Wrong("answer = 0", "would say that the two are equal"),
        Wrong("answer = 1.0", "in bits"),
        Wrong("import math\nanswer = math.log(2) / 2", "this is half of it"),
        Wrong("answer = float('inf')", "infinite, not a finite number"),
    ),
)

# ---- from the value to the divergence


def check_value_to_jsd(trial: Trial) -> None:
    """One number."""
    right = (math.log(4) - 1) / 2
    trial.differs(
        trial.value(), right, case="max_D V(D, G) = -1",
        known={
            "this is twice the divergence: max V = -log 4 + *2* JSD": 2 * right,
            "this is below 0, which no divergence is. Check the sign of log 4": (-1 - math.log(4)) / 2,
            "this is V with the other sign. The constant, and a factor, are between V and JSD": 1.0,
            "this takes log 2 for the constant: each of the two halves contributes one -log 2":
                (math.log(2) - 1) / 2,
            "this is in bits; here logarithms are natural": right / math.log(2),
        },
        rtol=2e-3,
        otherwise="this is not it. Solve max V = -log 4 + 2 JSD for JSD",
    )  # fmt: skip
    trial.tried("the value")


VALUE_TO_JSD = Exercise(
    name="value-to-jsd",
    title="What a value of V says about G",
    chapter="minimax",
    kind="compute",
    difficulty=2,
    statement=cleandoc(r"""
        For some generator the best discriminator reaches $V(D^*, G) = -1$ (natural logarithms). How far is
        $p_g$ from $p_\text{data}$: what is $\mathrm{JSD}(p_\text{data}, p_g)$? Put the number into `answer`,
        to at least three correct digits.
    """),
    starter="answer = ...",
    answer="answer",
    check=check_value_to_jsd,
    hints=(
        "Theorem 2 of the chapter connects the two.",
        r"$-1 = -\log 4 + 2\,\mathrm{JSD}$. Solve it for JSD; it comes out between 0 and $\log 2$.",
    ),
    solutions=("import math\n\nanswer = (math.log(4) - 1) / 2", "answer = 0.19315"),
    explanation=cleandoc(r"""
        $\mathrm{JSD} = (\log 4 - 1)/2 \approx 0.193$, between 0 (equal) and $\log 2 \approx 0.693$ (no
        overlap). Mind that this takes the *best* $D$: the $V$ of a $D$ that is still learning only bounds it
        from below.
    """),
    wrong=(
        Wrong("import math\nanswer = math.log(4) - 1", "this is twice the divergence"),
        Wrong("import math\nanswer = (-1 - math.log(4)) / 2", "which no divergence is"),
        Wrong("answer = 1", "V with the other sign"),
        Wrong("import math\nanswer = (math.log(4) - 1) / 2 / math.log(2)", "this is in bits"),
    ),
)

# ---- max V of two discrete distributions


def xlogy(a: Tensor, b: Tensor) -> Tensor:
    """Return a log b, which is 0 where a is 0."""
    return torch.special.xlogy(a, b)


def not_a_number(value: object) -> bool:
    """Say whether a result is NaN."""
    try:
        return bool(torch.isnan(torch.as_tensor(value)).any())
    except (TypeError, ValueError, RuntimeError):
        return False


def check_max_value(trial: Trial) -> None:
    """Two places, three places, equal distributions, and a place where one of them is 0."""
    for p, q in (
        (numbers(0.8, 0.2), numbers(0.3, 0.7)),
        (numbers(0.5, 0.1, 0.4), numbers(0.1, 0.6, 0.3)),
        (numbers(0.25, 0.75), numbers(0.25, 0.75)),
        (numbers(0.7, 0.3, 0.0), numbers(0.0, 0.3, 0.7)),
        (numbers(1.0, 0.0), numbers(0.0, 1.0)),
    ):
        case = f"p = {vector(p)}, q = {vector(q)}"
        got = trial.call(p, q)
        if not_a_number(got):
            trial.fail(
                "it is not a number where one of the two is 0. There 0 log 0 stands in the sum; the limit of "
                "a log a is "
                "0, so such a place contributes nothing", case,
            )  # fmt: skip
        want = (xlogy(p, p / (p + q)) + xlogy(q, q / (p + q))).sum()
        jsd = (want + math.log(4)) / 2
        trial.differs(
            trial.as_number(got, case=case), want, case=case,
            known={
                "this is the Jensen-Shannon divergence, not the value": jsd,
                "the divergence is counted once, not twice": jsd - math.log(4),
                "this is -V: the loss of D, and not the value that D makes large": -want,
                "this takes the mean over the places. An expectation weighs each place with its probability, "
                "and the "
                "probabilities already add up to 1": want / len(p),
                "the generated samples are left out: V has two expectations": xlogy(p, p / (p + q)).sum(),
                "the logarithm has base 2": want / math.log(2),
                "this is V of a D that says 1/2 everywhere, whatever p and q are": -math.log(4),
                "the second term takes log D where it needs log(1 - D)":
                    (xlogy(p, p / (p + q)) + xlogy(q, p / (p + q))).sum(),
            },
            otherwise="this is not the value of V at the best D",
        )  # fmt: skip
    trial.tried("two and three places, equal distributions, and distributions with a probability of 0")


MAX_VALUE = Exercise(
    name="max-value",
    title="The value that the best discriminator reaches",
    chapter="minimax",
    kind="code",
    difficulty=2,
    statement=cleandoc(r"""
        Samples fall on one of $K$ places only: the real ones with the probabilities `p`, the generated ones
        with the probabilities `q`, both of shape `(K,)`; each adds up to 1. Write `max_V(p, q)`, which
        returns $\max_D V(D, G)$ as one number. Some probabilities may be 0, and the result must still be a
        number.
    """),
    starter=cleandoc("""
        def max_V(p, q):
            return ...
    """),
    answer="max_V",
    check=check_max_value,
    hints=(
        "Find the best $D$ first, then put it into $V$. An expectation is a sum over the places, each "
        "weighted with "
        "its probability.",
        r"$\sum_k p_k \log D_k + q_k \log(1 - D_k)$ with $D_k = p_k/(p_k + q_k)$.",
        "`torch.xlogy(a, b)` is $a \\log b$, and 0 where $a = 0$. Or skip the places where a probability is "
        "0.",
    ),
    solutions=(
        cleandoc("""
            import torch


            def max_V(p, q):
                D = p / (p + q)
                return (torch.xlogy(p, D) + torch.xlogy(q, 1 - D)).sum()
        """),
        cleandoc("""
            import math


            def max_V(p, q):
                total = 0.0
                for a, b in zip(p.tolist(), q.tolist()):
                    if a > 0:
                        total += a * math.log(a / (a + b))
                    if b > 0:
                        total += b * math.log(b / (a + b))
                return total
        """),
        cleandoc("""
            import numpy as np


            def max_V(p, q):
                p, q = p.astype(float), q.astype(float)
                m = (p + q) / 2
                kl_p = np.sum(p[p > 0] * np.log(p[p > 0] / m[p > 0]))
                kl_q = np.sum(q[q > 0] * np.log(q[q > 0] / m[q > 0]))
                return -np.log(4) + kl_p + kl_q
        """),
    ),
    explanation=cleandoc(r"""
        Put $D^* = p/(p+q)$ into $V$. Equal distributions give $-\log 4$, the least that $G$ can reach;
        distributions that do not meet give 0, the most that $V$ can be. In between it is $-\log 4 +
        2\,\mathrm{JSD}$.
    """),
    wrong=(
        Wrong(
            "def max_V(p, q):\n    return (p * (p / (p + q)).log() + q * (q / (p + q)).log()).sum()",
            "0 log 0 stands in the sum",
        ),
        Wrong(
            "import torch, math\ndef max_V(p, q):\n    m = (p + q) / 2\n"
            "    return (torch.xlogy(p, p / m) + torch.xlogy(q, q / m)).sum() / 2",
            "this is the Jensen-Shannon divergence, not the value",
        ),
        Wrong(
            "import torch, math\ndef max_V(p, q):\n    m = (p + q) / 2\n"
            "    return (torch.xlogy(p, p / m) + torch.xlogy(q, q / m)).sum() / 2 - math.log(4)",
            "counted once, not twice",
        ),
        Wrong(
            "import torch\ndef max_V(p, q):\n    return -(torch.xlogy(p, p / (p + q)) + "
            "torch.xlogy(q, q / (p + q))).sum()",
            "this is -V",
        ),
        Wrong(
            "import torch\ndef max_V(p, q):\n    return (torch.xlogy(p, p / (p + q)) + "
            "torch.xlogy(q, q / (p + q))).mean()",
            "the mean over the places",
        ),
    ),
)  # fmt: skip

# ---- slopes of the two losses


def check_slopes(trial: Trial) -> None:
    """Logits from -20 to 20, one by one."""
    for logit in (-1.0, 0.0, 2.0, -20.0, 20.0):
        case = f"logit = {logit:g}"
        got = trial.as_tensor(trial.call(logit), (2,), case=case)
        D = 1 / (1 + math.exp(-logit))
        want = numbers(-D, D - 1)
        trial.differs(
            got, want, case=case, atol=1e-7,
            known={
                "the two slopes are exchanged: the minimax loss is the one that saturates where D is near 0":
                    want.flip(0),
                "both slopes have the wrong sign: descending the loss must *raise* the logit, so the slope "
                "is "
                "negative": -want,
                "these are slopes with respect to the probability D. The network computes the logit, and "
                "dD/dl = D (1 - D) is still to be multiplied in": numbers(-1 / (1 - D), -1 / D),
                "these are the losses, not their slopes": numbers(math.log(1 - D), -math.log(D)),
                "both are the slope of the minimax loss": numbers(-D, -D),
                "both are the slope of the non-saturating loss": numbers(D - 1, D - 1),
                "this is the slope of D itself; the logarithm's slope, 1/D or 1/(1 - D), is missing":
                    numbers(-D * (1 - D), -D * (1 - D)),
            },
            otherwise="these are not the slopes with respect to the logit",
        )  # fmt: skip
    trial.tried("logits -20, -1, 0, 2 and 20")


SLOPES = Exercise(
    name="generator-slopes",
    title="How hard each loss pulls at the logit",
    chapter="minimax",
    kind="compute",
    difficulty=2,
    statement=cleandoc(r"""
        Let $l$ be the logit of one generated sample, so that $D(G(z)) = \sigma(l)$. Derive the slope of both
        losses of $G$ with respect to $l$, and write `slopes(logit)`, which gets the number $l$ and returns
        two numbers: $\frac{d}{dl} \log(1 - \sigma(l))$ and $\frac{d}{dl}\big({-\log \sigma(l)}\big)$.
    """),
    starter=cleandoc("""
        def slopes(logit):
            return ..., ...
    """),
    answer="slopes",
    check=check_slopes,
    hints=(
        "The chain rule: first the slope of the logarithm with respect to $D$, then that of $D$ with respect "
        "to $l$.",
        r"$\sigma'(l) = \sigma(l)\,(1 - \sigma(l))$, and one of its two factors cancels.",
        r"The first is $-\frac{1}{1-D} \cdot D(1-D)$. Do the same with $-\log D$.",
    ),
    solutions=(
        cleandoc("""
            import math


            def slopes(logit):
                D = 1 / (1 + math.exp(-logit))
                return -D, D - 1
        """),
        cleandoc("""
            import torch
            from torch.nn.functional import softplus


            def slopes(logit):
                l = torch.tensor(logit, dtype=torch.float64, requires_grad=True)
                (minimax,) = torch.autograd.grad(-softplus(l), l)
                (other,) = torch.autograd.grad(softplus(-l), l)
                return minimax, other
        """).replace("l = torch", "t = torch").replace("softplus(l), l", "softplus(t), t").replace(
            "softplus(-l), l", "softplus(-t), t"
        ),
        cleandoc("""
            import numpy as np


            def slopes(logit):
                return np.array([-1.0, 1.0]) / (1 + np.exp(-logit)) - [0, 1]
        """),
    ),
    explanation=cleandoc(r"""
        $-D$ and $D - 1$. Both are negative, so descending either raises the logit. They add up to $-1$: where
        the one is strong the other is weak, and at $D = 1/2$ they are equal.
    """),
    wrong=(
        Wrong(
            "import math\ndef slopes(l):\n    D = 1 / (1 + math.exp(-l))\n    return D - 1, -D",
            "the two slopes are exchanged",
        ),
        Wrong(
            "import math\ndef slopes(l):\n    D = 1 / (1 + math.exp(-l))\n    return D, 1 - D",
            "both slopes have the wrong sign",
        ),
        Wrong(
            "import math\ndef slopes(l):\n    D = 1 / (1 + math.exp(-l))\n    return -1 / (1 - D), -1 / D",
            "slopes with respect to the probability D",
        ),
        Wrong(
            "import math\ndef slopes(l):\n    D = 1 / (1 + math.exp(-l))\n    return -D, -D",
            "both are the slope of the minimax loss",
        ),
    ),
)  # fmt: skip

# ---- BCE from logits


def check_bce(trial: Trial) -> None:
    """Ordinary logits, then logits of +-100 on the wrong side, and the slope there by a difference."""
    for logits, labels in (
        (numbers(1.0), numbers(1.0)),
        (numbers(2.0, -1.0, 0.5), numbers(1.0, 1.0, 0.0)),
        (numbers(0.3, -2.0).reshape(2, 1), numbers(0.0, 0.0).reshape(2, 1)),
    ):
        case = f"logits = {logits.flatten().tolist()}, labels = {labels.flatten().tolist()}"
        terms = binary_cross_entropy_with_logits(logits, labels, reduction="none")
        turned = binary_cross_entropy_with_logits(logits, 1 - labels)
        twice = binary_cross_entropy_with_logits(logits.sigmoid(), labels)
        only_real = (labels * softplus(-logits)).mean()
        trial.differs(
            trial.number(logits, labels), terms.mean(), case=case,
            known={
                "the labels are the wrong way round: 1 means real, and -log D is the loss of a real sample":
                    turned,
                "this is the sum over the batch, so it grows with the size of the batch; the loss is the "
                "mean":
                    terms.sum(),
                "the sign is wrong: a loss is smaller for better answers, and here it is at least 0":
                    -terms.mean(),
                "the sigmoid is taken twice: this is right for logits that already are probabilities": twice,
                "samples with label 0 do not count here. What keeps D from saying 1 to everything?":
                    only_real,
                "this is in bits: the logarithm here is the natural one": terms.mean() / math.log(2),
            },
            otherwise="this is not the mean of -log D over real and -log(1 - D) over generated samples",
        )  # fmt: skip
    for sign, label in ((-1.0, 1.0), (1.0, 0.0)):
        low, high = (torch.tensor([sign * size], dtype=torch.float32) for size in (100.0, 104.0))
        labels = torch.tensor([label])
        case = f"logits = [{sign * 100:g}], labels = [{label:g}], in 32 bits"
        values = []
        for logits in (low, high):
            value = trial.call(logits, labels)
            raw = torch.as_tensor(value, dtype=torch.float64)
            if not bool(torch.isfinite(raw).all()):
                trial.fail(
                    "a surely wrong D gives a loss that is no finite number. The sigmoid of such a logit is "
                    "exactly 0 or 1 "
                    "in 32 bits, and its logarithm is infinite. Compute from the logit, without the "
                    "probability",
                    case, float(raw.flatten()[0]) if raw.numel() else None,
                )  # fmt: skip
            values.append(trial.as_number(value, case=case))
        if abs(values[1] - values[0]) < 1e-3:
            trial.fail(
                "the loss does not change any more from a logit of 100 to one of 104: it is cut off. So its "
                "slope is 0, "
                "and a D that is entirely wrong learns nothing. Cutting off hides the trouble; computing "
                "from the logit "
                "removes it", case, values[0],
            )  # fmt: skip
        trial.differs(
            numbers(*values), numbers(100.0, 104.0), case=case, rtol=1e-3,
            otherwise="the loss of a surely wrong D must grow with the logit, with slope 1",
        )  # fmt: skip
    trial.tried("batches of 1 to 3, and logits of 100 and -100 with the wrong label")


BCE = Exercise(
    name="stable-bce",
    title="Binary cross-entropy from logits",
    chapter="minimax",
    kind="code",
    difficulty=2,
    statement=cleandoc(r"""
        Write `bce(logits, labels)`: the mean over the batch of $-\log D$ for samples with label 1 (real) and
        $-\log(1 - D)$ for samples with label 0 (generated), where $D = \sigma(l)$. Both arguments have the
        same shape, labels are 0.0 or 1.0, and the result is one number. It must also be right for logits of
        $\pm 100$ in 32-bit numbers. Do not call one of PyTorch's binary cross-entropies.
    """),
    starter=cleandoc("""
        def bce(logits, labels):
            return ...
    """),
    answer="bce",
    check=check_bce,
    hints=(
        r"$-\log \sigma(l) = \log(1 + e^{-l})$. What is $-\log(1 - \sigma(l))$?",
        r"$\log(1 + e^t)$ has a name, softplus, and `torch.nn.functional.softplus` computes it without "
        r"overflow.",
        "Real samples contribute `softplus(-logits)`, generated ones `softplus(logits)`; the labels choose, "
        "and the mean "
        "comes last.",
    ),
    solutions=(
        cleandoc("""
            from torch.nn.functional import softplus


            def bce(logits, labels):
                real, fake = softplus(-logits), softplus(logits)
                return (labels * real + (1 - labels) * fake).mean()
        """),
        cleandoc("""
            import numpy as np


            def bce(logits, labels):
                logits, labels = np.asarray(logits), np.asarray(labels)
                signed = np.where(labels == 1, -logits, logits)
                return np.logaddexp(0, signed).mean()
        """),
        cleandoc("""
            import math


            def bce(logits, labels):
                total, n = 0.0, 0
                for l, y in zip(logits.flatten().tolist(), labels.flatten().tolist()):
                    total += max(l, 0) - l * y + math.log1p(math.exp(-abs(l)))
                    n += 1
                return total / n
        """),
    ),
    explanation=cleandoc(r"""
        $-\log \sigma(l) = \log(1 + e^{-l})$, and softplus computes that without ever forming a probability:
        for $l = -100$ it is 100, with slope $-1$. By way of $\sigma(-100)$, which is 0 in 32 bits, it would
        be infinite; cut off, it would have slope 0.
    """),
    wrong=(
        Wrong(
            "def bce(l, y):\n    D = l.sigmoid()\n    return -(y * D.log() + (1 - y) * (1 - D).log()).mean()",
            "gives a loss that is no finite number",
        ),
        Wrong(
            "def bce(l, y):\n    D = l.sigmoid().clamp(1e-7, 1 - 1e-7)\n"
            "    return -(y * D.log() + (1 - y) * (1 - D).log()).mean()",
            "it is cut off",
        ),
        Wrong(
            "from torch.nn.functional import softplus\ndef bce(l, y):\n"
            "    return (y * softplus(l) + (1 - y) * softplus(-l)).mean()",
            "the labels are the wrong way round",
        ),
        Wrong(
            "from torch.nn.functional import softplus\ndef bce(l, y):\n"
            "    return (y * softplus(-l) + (1 - y) * softplus(l)).sum()",
            "this is the sum over the batch",
        ),
        Wrong(
            "from torch.nn.functional import softplus\ndef bce(l, y):\n    l = l.sigmoid()\n"
            "    return (y * softplus(-l) + (1 - y) * softplus(l)).mean()",
            "the sigmoid is taken twice",
        ),
        Wrong(
            "from torch.nn.functional import softplus\ndef bce(l, y):\n    return (y * softplus(-l)).mean()",
            "samples with label 0 do not count",
        ),
    ),
)  # fmt: skip

# ---- a broken loss


def check_repair_loss(trial: Trial) -> None:
    """Batches of different sizes and of large logits; each fault by itself."""
    for real, fake in (
        (numbers(2.0), numbers(-1.0)),
        (numbers(2.0, 0.5, -1.0), numbers(-1.0, 0.3, 1.0)),
        (numbers(60.0, 80.0), numbers(-60.0, 50.0)),
    ):
        case = f"real_logits = {real.tolist()}, fake_logits = {fake.tolist()}"
        got = trial.call(real, fake)
        if not bool(torch.isfinite(torch.as_tensor(got, dtype=torch.float64)).all()):
            trial.fail(
                "the loss is no finite number for a D that is surely wrong: the logarithm of a rounded "
                "probability. Losses "
                "are computed from logits", case, got,
            )  # fmt: skip
        on_real, on_fake = softplus(-real).mean(), softplus(fake).mean()
        D_real, D_fake = real.sigmoid(), fake.sigmoid()
        trial.differs(
            trial.as_number(got, case=case), on_real + on_fake, case=case,
            known={
                "the sigmoid is taken twice: `binary_cross_entropy_with_logits` has one of its own, so it "
                "takes logits":
                    softplus(-D_real).mean() + softplus(D_fake).mean(),
                "the labels are exchanged: D is trained to call generated samples real, and real ones "
                "generated":
                    softplus(real).mean() + softplus(-fake).mean(),
                "the sigmoid is taken twice, and the labels are exchanged":
                    softplus(D_real).mean() + softplus(-D_fake).mean(),
                "the generated samples are missing: with real samples alone the best D says 1 to everything":
                    on_real,
                "the real samples are missing: with generated samples alone the best D says 0 to everything":
                    on_fake,
                "generated samples are labelled real, as in G's loss": on_real + softplus(-fake).mean(),
                "this is half of -V. The two means are added": (on_real + on_fake) / 2,
                "these are sums over the batch, where the definition has means": softplus(-real).sum()
                + softplus(fake).sum(),
            },
            otherwise="this is not -V(D, G) on these batches",
        )  # fmt: skip
    trial.tried("batches of 1, 2 and 3, and logits up to 80")


MENDED_LOSS = cleandoc("""
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits as bce


    def discriminator_loss(real_logits, fake_logits):
        real = bce(real_logits, torch.ones_like(real_logits))
        fake = bce(fake_logits, torch.zeros_like(fake_logits))
        return real + fake
""")

REPAIR_LOSS = Exercise(
    name="repair-discriminator-loss",
    title="A discriminator that learns the opposite",
    chapter="minimax",
    kind="repair",
    difficulty=2,
    statement=cleandoc(r"""
        `discriminator_loss(real_logits, fake_logits)` should return $-V(D, G)$: the mean of $-\log D$ over
        the real batch plus the mean of $-\log(1 - D)$ over the generated one, with $D = \sigma(l)$. Both
        arguments are logits, of shape `(N,)`. There are two faults.
    """),
    starter=cleandoc("""
        import torch
        from torch.nn.functional import binary_cross_entropy_with_logits as bce


        def discriminator_loss(real_logits, fake_logits):
            D_real, D_fake = real_logits.sigmoid(), fake_logits.sigmoid()
            real = bce(D_real, torch.zeros_like(real_logits))
            fake = bce(D_fake, torch.ones_like(fake_logits))
            return real + fake
    """),
    answer="discriminator_loss",
    check=check_repair_loss,
    hints=(
        "Compute it by hand for one real logit of 2 and one generated logit of -1, and compare.",
        "Which label does -log D belong to? And what does `_with_logits` say about the first argument?",
    ),
    solutions=(
        MENDED_LOSS,
        cleandoc("""
            from torch.nn.functional import softplus


            def discriminator_loss(real_logits, fake_logits):
                return softplus(-real_logits).mean() + softplus(fake_logits).mean()
        """),
        cleandoc("""
            from torch.nn.functional import logsigmoid


            def discriminator_loss(real_logits, fake_logits):
                V = logsigmoid(real_logits).mean()
                V = V + logsigmoid(-fake_logits).mean()
                return -V
        """),
    ),
    explanation=cleandoc(r"""
        Label 1 goes with $-\log D$, so ones belong to the real batch. And `binary_cross_entropy_with_logits`
        applies the sigmoid itself: a second one squeezes all logits into $(0, 1)$, and the loss of a perfect
        $D$ stays at $\log(1 + e^{-1}) + \log 2 \approx 1.006$.
    """),
    wrong=(
        Wrong(
            MENDED_LOSS.replace("bce(real_logits", "bce(real_logits.sigmoid()").replace(
                "bce(fake_logits", "bce(fake_logits.sigmoid()"
            ),
            "the sigmoid is taken twice: `binary",
        ),
        Wrong(
            MENDED_LOSS.replace("ones", "@").replace("zeros", "ones").replace("@", "zeros"),
            "the labels are exchanged: D is",
        ),
        Wrong(MENDED_LOSS.replace("zeros", "ones"), "generated samples are labelled real"),
        Wrong(MENDED_LOSS.replace("return real + fake", "return real"), "the generated samples are missing"),
        Wrong(MENDED_LOSS.replace("return real + fake", "return (real + fake) / 2"), "half of -V"),
        Wrong(
            "def discriminator_loss(real, fake):\n"
            "    return -real.sigmoid().log().mean() - (1 - fake.sigmoid()).log().mean()",
            "the loss is no finite number",
        ),
    ),
)  # fmt: skip

_IN_CHAPTER_ORDER = (
    THREE_LOSSES, OPTIMAL, UNEQUAL, DISJOINT, MAX_VALUE, VALUE_TO_JSD, FIXED, PULL, SLOPES, BCE, REPAIR_LOSS,
    F_DIVERGENCE, WASSERSTEIN, NEARER, MIN_MAX, *DIRAC,
)  # fmt: skip
EXERCISES: tuple[Exercise, ...] = tuple(sorted(_IN_CHAPTER_ORDER, key=lambda exercise: exercise.difficulty))
