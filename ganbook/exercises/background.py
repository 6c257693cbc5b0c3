"""Exercises of the chapter on the background: generative models, what each kind costs and gets wrong."""

from __future__ import annotations

import itertools
import math
from inspect import cleandoc

import torch
from torch import Tensor
from torch.nn.functional import softplus

from ganbook.exercises.exercise import Exercise, Wrong
from ganbook.exercises.grading.trial import Trial
from ganbook.metrics import mode_coverage


def numbers(*values: float) -> Tensor:
    """Return a float64 vector."""
    return torch.tensor(values, dtype=torch.float64)


def listed(values: Tensor) -> str:
    """Return a vector as one would write it down."""
    return "[" + ", ".join(f"{value:g}" for value in values.tolist()) + "]"


# ---- multiply-adds of one pass


def check_multiply_adds(trial: Trial) -> None:
    """Ask about the chapter's generator and smaller networks."""
    for widths in ([3, 5, 2], [2, 128, 128, 128, 2], [100, 64], [7, 1, 1, 4]):
        pairs = list(itertools.pairwise(widths))
        weights = sum(a * b for a, b in pairs)
        trial.differs(
            trial.number(widths), weights, case=f"widths = {widths}", rtol=0, atol=1e-9,
            known={
                "this counts the weights with their biases. Adding a bias is no multiplication": weights
                + sum(widths[1:]),
                "this counts multiplications and additions apart. One multiply-add is both": 2 * weights,
                "this adds up the units. Between two layers each unit of the one meets each of the other":
                    sum(widths),
                "this multiplies all widths with each other; the layers come one after the other, so their "
                "costs add up":
                    math.prod(widths),
                "the first layer is missing": weights - pairs[0][0] * pairs[0][1],
                "the last layer is missing": weights - pairs[-1][0] * pairs[-1][1],
                "this squares each width, as if all layers were as wide as their input":
                    sum(a * a for a, _ in pairs),
            },
            otherwise="this is not the number of multiply-adds of one sample's pass",
        )  # fmt: skip
    trial.tried("four networks, among them the chapter's generator, [2, 128, 128, 128, 2]")


MULTIPLY_ADDS = Exercise(
    name="multiply-adds",
    title="What one forward pass costs",
    chapter="background",
    kind="compute",
    difficulty=1,
    statement=cleandoc(r"""
        A fully connected network takes `widths[0]` numbers through hidden layers of `widths[1]`, `widths[2]`,
        ... units to `widths[-1]` numbers. Write `multiply_adds(widths)`, which gets such a list of two or
        more whole numbers and returns how many multiply-adds (one multiplication with its addition) the
        products with the weights cost in one forward pass of **one** sample. Biases and activations do not
        count.
    """),
    starter=cleandoc("""
        def multiply_adds(widths):
            return ...
    """),
    answer="multiply_adds",
    check=check_multiply_adds,
    hints=(
        "Take a single layer from 3 to 5 units. How many weights has it, and how often is each used for one "
        "sample?",
        "Each weight is used once: a layer from $a$ to $b$ units costs $ab$. The layers add up.",
    ),
    solutions=(
        cleandoc("""
            def multiply_adds(widths):
                return sum(a * b for a, b in zip(widths, widths[1:]))
        """),
        cleandoc("""
            def multiply_adds(widths):
                total = 0
                for i in range(1, len(widths)):
                    total += widths[i - 1] * widths[i]
                return total
        """),
        cleandoc("""
            import numpy as np


            def multiply_adds(widths):
                return np.dot(widths[:-1], widths[1:])
        """),
    ),
    explanation=cleandoc(r"""
        $\sum_i w_i w_{i+1}$: in a fully connected layer each weight is used once for each sample. The
        chapter's generator, 2-128-128-128-2, costs $2 \cdot 128 + 128^2 + 128^2 + 128 \cdot 2 = 33{,}280$,
        the number that the chapter counts.
    """),
    wrong=(
        Wrong(
            "def multiply_adds(w):\n    return sum(a * b + b for a, b in zip(w, w[1:]))",
            "counts the weights with their biases",
        ),
        Wrong(
            "def multiply_adds(w):\n    return 2 * sum(a * b for a, b in zip(w, w[1:]))",
            "counts multiplications and additions apart",
        ),
        Wrong("def multiply_adds(w):\n    return sum(w)", "adds up the units"),
        Wrong("import math\ndef multiply_adds(w):\n    return math.prod(w)", "multiplies all widths"),
    ),
)  # fmt: skip

# ---- what G sees


def generator_gradient(real: Tensor) -> Tensor:
    """Return G's gradient (non-saturating loss) for a tiny pair, with this real batch at hand."""
    rng = torch.Generator().manual_seed(0)
    w, v, z = (torch.randn(n, generator=rng, dtype=torch.float64) for n in (3, 3, 3))
    w.requires_grad_()
    fake_logits, real_logits = v * torch.tanh(w * z), v * real
    V = -softplus(-real_logits).mean() - softplus(fake_logits).mean()
    assert torch.isfinite(V)  # the real batch takes part in V, and not in what reaches G
    (gradient,) = torch.autograd.grad(softplus(-fake_logits).mean(), w)
    return gradient


def check_sees(trial: Trial) -> None:
    """G's gradient with two different real batches."""
    choice = trial.choice("ABCD")
    first = generator_gradient(numbers(1.0, 2.0, 3.0))
    second = generator_gradient(numbers(-50.0, 0.0, 7.0))
    difference = (first - second).abs().max().item()
    size = first.norm().item()
    came_out = f"the gradients of G differ by {difference:g}, and their length is {size:.3f}"
    trial.tried(f"G's gradient with two real batches, D held as it is: {came_out}")
    reasons = {
        "A": "the forger never sees a real note. What it knows of real samples reached it through D's "
        "weights, and these "
        "were held",
        "C": "G's gradient is not 0: it is the slope of D's answer to the generated samples. The real ones "
        "do not occur in it",
        "D": "V does change, but only in its first term, which holds no weight of G. A constant has no slope",
    }
    if choice != "B":
        trial.fail(f"{reasons[choice]}. It came out that {came_out}", case="one G, one D, two real batches")


SEES = Exercise(
    name="what-the-generator-sees",
    title="Other real samples in G's turn",
    chapter="background",
    kind="predict",
    difficulty=1,
    statement=cleandoc(r"""
        It is $G$'s turn: $D$'s weights stand still, the latents are drawn, and $G$'s gradient is computed
        (non-saturating loss). Before that, somebody replaces the batch of real samples with other, very
        different ones. What happens to $G$'s gradient in this turn? Commit yourself before it is run: put the
        letter into `answer`, such as `answer = "A"`.
    """),
    starter="answer = ...",
    answer="answer",
    choices=(
        "It changes: $G$ is pulled towards the new real samples.",
        "It stays exactly the same.",
        "It was 0 before, and stays 0: only $D$ learns from real samples.",
        r"It changes, because $V(D, G)$ changes.",
    ),
    check=check_sees,
    hints=(
        "Through which door does news of the real samples reach $G$?",
        r"Look for $x$ in $-\mathbb{E}_z[\log D(G(z))]$.",
    ),
    solutions=('answer = "B"', 'answer = "b."'),
    explanation=cleandoc(r"""
        No real sample occurs in $G$'s loss. $G$ learns about them only from what $D$ has learned, one turn
        later. So the quality of $D$ bounds what $G$ can learn.
    """),
    wrong=(
        Wrong('answer = "A"', "never sees a real note"),
        Wrong('answer = "C"', "G's gradient is not 0"),
        Wrong('answer = "D"', "A constant has no slope"),
    ),
)

# ---- mixing in noise


def check_noisy(trial: Trial) -> None:
    """Almost no noise, half, almost only noise; vectors and a matrix."""
    for x0, eps, level in (
        (numbers(2.0), numbers(-1.0), 0.64),
        (numbers(1.0, -3.0), numbers(0.5, 2.0), 0.36),
        (numbers(1.0, 0.0, 2.0, 5.0).reshape(2, 2), numbers(1.0, 1.0, 1.0, 1.0).reshape(2, 2), 0.99),
        (numbers(4.0), numbers(3.0), 0.0),
        (numbers(4.0), numbers(3.0), 1.0),
    ):
        case = f"x_0 = {x0.tolist()}, eps = {eps.tolist()}, alpha_bar = {level:g}"
        a, b = math.sqrt(level), math.sqrt(1 - level)
        trial.differs(
            trial.tensor(x0, eps, level, shape=x0.shape), a * x0 + b * eps, case=case,
            known={
                "this takes alpha_bar and 1 - alpha_bar without their roots: the weights would add up, but "
                "the *variances* "
                "should": level * x0 + (1 - level) * eps,
                "the roles are exchanged: alpha_bar near 1 means almost no noise": b * x0 + a * eps,
                "this removes noise; the formula mixes it in": a * x0 - b * eps,
                "the sample is not made smaller, so with each step the whole would grow": x0 + b * eps,
                "this takes 1 - sqrt(alpha_bar) where the root of 1 - alpha_bar is wanted":
                    a * x0 + (1 - a) * eps,
                "the noise is not made smaller": a * x0 + eps,
            },
            otherwise="this is not the mixture of sample and noise of the formula",
        )  # fmt: skip
    trial.tried("alpha_bar = 0, 0.36, 0.64, 0.99 and 1, on vectors and a matrix")


NOISY = Exercise(
    name="noisy-sample",
    title="A sample with noise mixed in",
    chapter="background",
    kind="code",
    difficulty=1,
    statement=cleandoc(r"""
        A diffusion model learns from samples with noise mixed in. Write `noisy(x_0, eps, alpha_bar)`, which
        returns $x_t$ of the chapter's formula: `x_0` are samples and `eps` standard normal noise, of any one
        shape; `alpha_bar` is a number in $[0, 1]$, which is $\bar\alpha_t$. Chosen so that samples of
        variance 1 keep variance 1.
    """),
    starter=cleandoc("""
        def noisy(x_0, eps, alpha_bar):
            return ...
    """),
    answer="noisy",
    check=check_noisy,
    hints=(
        "Two weights, one for the sample and one for the noise. Which is near 1 when $\\bar\\alpha_t$ is?",
        "If $x_0$ and $\\epsilon$ both have variance 1 and are independent, $a x_0 + b \\epsilon$ has the "
        "variance "
        "$a^2 + b^2$.",
    ),
    solutions=(
        cleandoc("""
            def noisy(x_0, eps, alpha_bar):
                return alpha_bar**0.5 * x_0 + (1 - alpha_bar) ** 0.5 * eps
        """),
        cleandoc("""
            import numpy as np


            def noisy(x_0, eps, alpha_bar):
                angle = np.arccos(np.sqrt(alpha_bar))
                return np.cos(angle) * np.asarray(x_0) + np.sin(angle) * np.asarray(eps)
        """),
    ),
    explanation=cleandoc(r"""
        $x_t = \sqrt{\bar\alpha_t}\,x_0 + \sqrt{1 - \bar\alpha_t}\,\epsilon$. Variances of independent things
        add, so the squares of the weights must add up to 1, and not the weights.
    """),
    wrong=(
        Wrong("def noisy(x, e, a):\n    return a * x + (1 - a) * e", "without their roots"),
        Wrong("def noisy(x, e, a):\n    return (1 - a) ** 0.5 * x + a**0.5 * e", "the roles are exchanged"),
        Wrong("def noisy(x, e, a):\n    return a**0.5 * x - (1 - a) ** 0.5 * e", "this removes noise"),
        Wrong("def noisy(x, e, a):\n    return x + (1 - a) ** 0.5 * e", "the sample is not made smaller"),
    ),
)

# ---- the density of an implicit model


def check_density(trial: Trial) -> None:
    """Stretched, shrunk, shifted and reflected."""

    def p_z(z: Tensor) -> Tensor:
        return torch.exp(-z.square() / 2) / math.sqrt(2 * math.pi)

    for x, a, b in (
        (numbers(0.5), 2.0, 0.3),
        (numbers(-1.0, 0.0, 2.5), 0.5, 0.0),
        (numbers(1.0, 4.0), -2.0, 3.0),
        (numbers(0.3), 1.0, -0.4),
    ):
        z = (x - b) / a
        trial.differs(
            trial.tensor(x, a, b, shape=x.shape), p_z(z) / abs(a), case=f"x = {listed(x)}, a = {a:g}, b = "
                                                                        f"{b:g}",
            known={
                "this is the density of the latent, not of the sample: where G stretches, the same mass lies "
                "on more room, and "
                "the density falls": p_z(z),
                "a density is never below 0: the slope of the inverse counts by its absolute value":
                    p_z(z) / a,
                "this multiplies by the slope of G. It is the slope of the inverse that counts":
                    p_z(z) * abs(a),
                "G is applied where its inverse is wanted: which z leads to this x?": p_z(a * x + b) / abs(a),
                "this inverts the two operations in the wrong order: b was added last, so it is taken away "
                "first":
                    p_z(x / a - b) / abs(a),
                "this lacks the factor that makes the normal density integrate to 1":
                    torch.exp(-z.square() / 2) / abs(a),
                "b is taken away with the wrong sign": p_z((x + b) / a) / abs(a),
            },
            otherwise="this is not the density of G(z)",
        )  # fmt: skip
    trial.tried("a = 2, 0.5, -2 and 1, with different shifts")


DENSITY = Exercise(
    name="density-of-samples",
    title="The density behind a machine that draws",
    chapter="background",
    kind="compute",
    difficulty=2,
    statement=cleandoc(r"""
        The generator $G(z) = a z + b$, with $a \ne 0$, gets a standard normal latent $z$ (one number). Write
        `p_g(x, a, b)`, which returns the density of $G(z)$ at the places `x`, a tensor of shape `(N,)`; `a`
        and `b` are numbers, and $a$ may be negative. Use the rule for the change of variables, not a
        ready-made distribution.
    """),
    starter=cleandoc("""
        def p_g(x, a, b):
            return ...
    """),
    answer="p_g",
    check=check_density,
    hints=(
        "Solve $x = a z + b$ for $z$. What is the slope of this inverse?",
        r"$p_g(x) = p_z(G^{-1}(x)) \, |\mathrm{d}G^{-1}/\mathrm{d}x|$, with the standard normal density "
        r"$p_z(z) = e^{-z^2/2}/\sqrt{2\pi}$.",
        r"$G^{-1}(x) = (x - b)/a$, whose slope is $1/a$. Mind its sign.",
    ),
    solutions=(
        cleandoc("""
            import math

            import torch


            def p_g(x, a, b):
                z = (x - b) / a
                p_z = torch.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
                return p_z / abs(a)
        """),
        cleandoc("""
            import numpy as np


            def p_g(x, a, b):
                z = (np.asarray(x) - b) / a
                return np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi * a**2)
        """),
        cleandoc("""
            from statistics import NormalDist


            def p_g(x, a, b):
                return [NormalDist(b, abs(a)).pdf(float(value)) for value in x]
        """),
    ),
    explanation=cleandoc(r"""
        $p_g(x) = p_z\big((x - b)/a\big) / |a|$: a normal density with mean $b$ and standard deviation $|a|$.
        For a line this is easy; for a network from 100 numbers to a million pixels there is no inverse, and
        so no density.
    """),
    wrong=(
        Wrong(
            "import torch, math\ndef p_g(x, a, b):\n    z = (x - b) / a\n"
            "    return torch.exp(-z * z / 2) / math.sqrt(2 * math.pi)",
            "density of the latent",
        ),
        Wrong(
            "import torch, math\ndef p_g(x, a, b):\n    z = (x - b) / a\n"
            "    return torch.exp(-z * z / 2) / math.sqrt(2 * math.pi) / a",
            "a density is never below 0",
        ),
        Wrong(
            "import torch, math\ndef p_g(x, a, b):\n    z = (x - b) / a\n"
            "    return torch.exp(-z * z / 2) / math.sqrt(2 * math.pi) * abs(a)",
            "multiplies by the slope of G",
        ),
        Wrong(
            "import torch, math\ndef p_g(x, a, b):\n    z = a * x + b\n"
            "    return torch.exp(-z * z / 2) / math.sqrt(2 * math.pi) / abs(a)",
            "G is applied where its inverse is wanted",
        ),
    ),
)  # fmt: skip

# ---- the VAE's second term


def check_kl(trial: Trial) -> None:
    """Equal, shifted, narrower and wider Gaussians."""
    for m, s in ((1.0, 0.5), (0.0, 1.0), (-2.0, 1.0), (0.5, 3.0), (0.0, 0.1)):
        kl = (m * m + s * s - 1) / 2 - math.log(s)
        trial.differs(
            trial.number(m, s), kl, case=f"m = {m:g}, s = {s:g}",
            known={
                "the logarithm has the wrong sign: a narrow q(z | x), with small s, costs much":
                    (m * m + s * s - 1) / 2 + math.log(s),
                "s is the standard deviation; the formula needs the variance, its square": (m * m + s - 1) / 2
                - math.log(s) / 2,
                "this is the other direction, KL(N(0, 1) || q)":
                    math.log(s) + (1 + m * m) / (2 * s * s) - 0.5,
                "the 1 is missing: for m = 0 and s = 1 both are equal, and the divergence must be 0":
                    (m * m + s * s) / 2 - math.log(s),
                "the logarithm is missing: with it gone, s = 0 would be the best": (m * m + s * s - 1) / 2,
                "this has the wrong sign: a divergence is at least 0": -kl,
                "this is twice the divergence": 2 * kl,
                "this is half of the divergence": kl / 2,
                "the mean does not count here, as if q always lay around 0": (s * s - 1) / 2 - math.log(s),
            },
            otherwise="this is not KL(N(m, s^2) || N(0, 1))",
        )  # fmt: skip
    trial.tried("equal, shifted, narrower and wider Gaussians")


KL = Exercise(
    name="kl-of-a-code",
    title="What a code costs a VAE",
    chapter="background",
    kind="compute",
    difficulty=2,
    statement=cleandoc(r"""
        The encoder of a VAE guesses the latent of a sample as a Gaussian $q(z \mid x) = \mathcal{N}(m, s^2)$.
        Write `kl(m, s)`, which gets two numbers, the mean $m$ and the *standard deviation* $s > 0$, and
        returns the second term of the VAE's bound, $\mathrm{KL}\big(\mathcal{N}(m, s^2) \,\big\|\,
        \mathcal{N}(0, 1)\big)$.
    """),
    starter=cleandoc("""
        def kl(m, s):
            return ...
    """),
    answer="kl",
    check=check_kl,
    hints=(
        r"$\mathrm{KL}(q \,\|\, p) = \mathbb{E}_{z \sim q}[\log q(z) - \log p(z)]$. Write down both "
        r"logarithms.",
        r"Under $q$, $\mathbb{E}[(z - m)^2] = s^2$ and $\mathbb{E}[z^2] = m^2 + s^2$.",
        "The result must be 0 at $m = 0$, $s = 1$, and nowhere else. The chapter's code of the VAE holds it, "
        "too, in a line "
        "of its loss.",
    ),
    solutions=(
        cleandoc("""
            import math


            def kl(m, s):
                return (m**2 + s**2 - 1) / 2 - math.log(s)
        """),
        cleandoc("""
            import torch
            from torch.distributions import Normal, kl_divergence


            def kl(m, s):
                q = Normal(torch.tensor(m).double(), torch.tensor(s).double())
                return kl_divergence(q, Normal(torch.zeros_like(q.loc), 1.0))
        """),
        cleandoc("""
            import numpy as np


            def kl(m, s):
                z = np.linspace(m - 12 * s, m + 12 * s, 20001)
                log_q = -(((z - m) / s) ** 2) / 2 - np.log(s)
                q = np.exp(log_q) / np.sqrt(2 * np.pi)
                return np.sum(q * (log_q + z**2 / 2)) * (z[1] - z[0])
        """),
    ),
    explanation=cleandoc(r"""
        $\mathbb{E}_q[\log q] = -\tfrac12 - \log s$ and $\mathbb{E}_q[\log p] = -\tfrac12(m^2 + s^2)$, up to
        the same constant. The difference is $\tfrac12(m^2 + s^2 - 1) - \log s$: 0 for a code that says
        nothing, and large for one that names the place of a sample exactly ($s \to 0$).
    """),
    wrong=(
        Wrong(
            "import math\ndef kl(m, s):\n    return (m * m + s * s - 1) / 2 + math.log(s)",
            "the logarithm has the wrong sign",
        ),
        Wrong(
            "import math\ndef kl(m, s):\n    return (m * m + s - 1) / 2 - math.log(s) / 2",
            "s is the standard deviation",
        ),
        Wrong(
            "import math\ndef kl(m, s):\n    return math.log(s) + (1 + m * m) / (2 * s * s) - 0.5",
            "the other direction",
        ),
        Wrong("def kl(m, s):\n    return (m * m + s * s - 1) / 2", "the logarithm is missing"),
    ),
)  # fmt: skip

# ---- one perfect note


def check_note(trial: Trial) -> None:
    """2,500 copies of one mode's centre, scored as in the chapter."""
    choice = trial.choice("ABCD")
    angles = torch.arange(8) * (2 * math.pi / 8)
    modes = torch.stack([angles.cos(), angles.sin()], 1).double()
    found = mode_coverage(modes[:1].repeat(2500, 1), modes, 0.1)
    came_out = (
        f"modes = {found.modes_hit} of 8, good = {found.high_quality_share:.0%}, uneven = "
        f"{found.reverse_kl:.2f}"
    )
    trial.tried(f"2,500 copies of one centre, scored as in the chapter: {came_out}")
    reasons = {
        "A": "you took the quality of each sample for the quality of the distribution. Every single sample "
        "is perfect here",
        "B": "you expect every score to notice. But the share of good samples looks at the samples one by "
        "one, and each of "
        "them is perfect",
        "D": "the reverse KL divergence compares the shares of the modes. All samples in one of eight modes "
        "is not even",
    }
    if choice != "C":
        trial.fail(
            f"{reasons[choice]}. It came out that {came_out}", case="every z goes to the centre of one mode"
        )


NOTE = Exercise(
    name="one-perfect-note",
    title="One perfect note, for ever",
    chapter="background",
    kind="predict",
    difficulty=2,
    statement=cleandoc(r"""
        The data are eight equally frequent modes on a ring, as in the chapter. A generator sends *every*
        latent to the exact centre of one of them. What do the chapter's scores say: *modes* (how many of the
        eight have a good sample), *good* (the share of samples of high quality) and *uneven* (the reverse
        Kullback-Leibler divergence of the shares of the modes, 0 is best)? Commit yourself before it is run:
        put the letter into `answer`, such as `answer = "A"`.
    """),
    starter="answer = ...",
    answer="answer",
    choices=(
        "modes 8, good 100 %, uneven 0: every sample is perfect.",
        "modes 1, good 12.5 %, uneven above 2: all three are poor.",
        "modes 1, good 100 %, uneven above 2: one of the three is taken in.",
        "modes 1, good 100 %, uneven 0: two of the three are taken in.",
    ),
    check=check_note,
    hints=(
        "For each score ask: does it look at samples one by one, or at all of them together?",
        r"A sample is good if it lies near its nearest mode. And $\sum_k q_k \log (q_k/p_k)$ with all $q$ in "
        r"one of eight "
        r"modes is $\log 8$.",
    ),
    solutions=('answer = "C"', 'answer = "c)"'),
    explanation=cleandoc(r"""
        modes 1, good 100 %, uneven $\log 8 \approx 2.08$. A share of good samples says nothing about what is
        missing: a machine that prints one flawless note for ever has failed as a generative model, and this
        number does not see it.
    """),
    wrong=(
        Wrong('answer = "A"', "quality of each sample for the quality of the distribution"),
        Wrong('answer = "B"', "you expect every score to notice"),
        Wrong('answer = "D"', "compares the shares of the modes"),
    ),
)

# ---- a broken draw


def check_draw(trial: Trial) -> None:
    """Means and widths that tell the faults apart, by the moments of many draws; then gradients."""
    num = 4000
    for seed, (mean, log_s) in enumerate(((3.0, -1.0), (-1.0, 0.5))):
        trial.seed = seed
        m = torch.full((num, 2), mean, dtype=torch.float64)
        m[:, 1] = 0.0
        widths = torch.full((num, 2), log_s, dtype=torch.float64)
        s = math.exp(log_s)
        case = f"{num} rows with m = [{mean:g}, 0] and log_s = [{log_s:g}, {log_s:g}]"
        z = trial.tensor(m, widths, shape=(num, 2))
        error = z - m
        if error.std(0).max() < 1e-3 * s:
            trial.fail(
                "all rows get the same noise. Each sample, and each number of its latent, needs its own", case
            )
        if (error[:, 0] - error[:, 1]).abs().max() < 1e-6:
            trial.fail("both numbers of a latent get the same noise. Each number needs its own", case)
        drawn = error.std(0).mean().item()
        for wrong, message in (
            (
                abs(log_s),
                "the spread is the logarithm of s, which is what the encoder returns, and not s itself",
            ),
            (s * s, "the spread is the variance, where a draw needs the standard deviation"),
            (math.sqrt(s), "the spread is the root of s, as if `log_s` were the logarithm of the variance"),
            (s / math.sqrt(12), "the noise is uniform between 0 and 1; the latents of a VAE are Gaussian"),
            (1.0, "the noise is not scaled with s at all"),
        ):
            if abs(drawn / s - 1) > 0.06 and abs(drawn / wrong - 1) < 0.04:
                trial.fail(message, case, f"a standard deviation of about {drawn:.2f}")
        if abs(drawn / s - 1) > 0.06:
            trial.fail("the spread of the draws is not s", case, f"a standard deviation of about {drawn:.2f}")
        if error.mean(0).abs().max() > 0.06 * s:
            trial.fail("the draws do not lie around m", case, error.mean(0))
        if abs((error / s).pow(4).mean().item() - 3) > 0.6:
            trial.fail("the noise has the right spread, but it is not Gaussian", case)
    _check_draw_gradient(trial)
    trial.tried("mean, spread and shape of 4,000 draws, and the gradients with respect to m and log_s")


def _check_draw_gradient(trial: Trial) -> None:
    m, log_s = (torch.zeros(5, 2, dtype=torch.float64, requires_grad=True) for _ in range(2))
    case = "z.sum().backward() with m = 0 and log_s = 0"
    z = trial.call(m, log_s, mutable=True)
    if not isinstance(z, Tensor):
        trial.fail("the gradient must flow through the draw, so it has to be a tensor of PyTorch's", case, z)
    found = torch.autograd.grad(z.sum(), (m, log_s), allow_unused=True) if z.requires_grad else (None, None)
    if found[0] is None:
        trial.fail("no gradient reaches m: the encoder would never learn where to put a sample", case)
    if found[1] is None:
        trial.fail("no gradient reaches log_s: the encoder would never learn how sure it may be", case)
    trial.differs(
        found[0], torch.ones_like(m), case=case, otherwise="the slope of z with respect to m is not 1"
    )
    trial.differs(
        found[1], z.detach(), case=case, otherwise="the slope of z with respect to log_s is not s eps"
    )


MENDED = cleandoc("""
    import torch


    def draw(m, log_s):
        eps = torch.randn_like(m)
        return m + log_s.exp() * eps
""")

DRAW = Exercise(
    name="repair-latent-draw",
    title="A VAE that draws its latents wrongly",
    chapter="background",
    kind="repair",
    difficulty=2,
    statement=cleandoc(r"""
        The encoder of a VAE returns `m` and `log_s`, both of shape `(N, d)`: mean and *logarithm* of the
        standard deviation of each latent number. `draw(m, log_s)` should return $z = m + s\,\epsilon$ of the
        same shape, with independent standard normal $\epsilon$, such that the gradient reaches both. There
        are three faults.
    """),
    starter=cleandoc("""
        import torch


        def draw(m, log_s):
            eps = torch.randn(1)
            with torch.no_grad():
                z = m + log_s * eps
            return z
    """),
    answer="draw",
    check=check_draw,
    hints=(
        "How many different random numbers does it draw for a batch of $N$ samples with $d$ latent numbers?",
        "What does the network return: $s$, or its logarithm?",
        "Under `no_grad` nothing remembers how `z` came from `m`.",
    ),
    solutions=(
        MENDED,
        cleandoc("""
            import torch


            def draw(m, log_s):
                return torch.distributions.Normal(m, torch.exp(log_s)).rsample()
        """),
        cleandoc("""
            import numpy as np
            import torch


            def draw(m, log_s):
                eps = torch.from_numpy(np.random.standard_normal(m.shape))
                return torch.addcmul(m, torch.exp(log_s), eps.to(m.dtype))
        """),
    ),
    explanation=cleandoc(r"""
        One number for the whole batch makes all samples wander together; $\log s$ is not $s$, and may be
        negative; and `no_grad` cuts off the encoder. Writing the draw as $m + s\,\epsilon$ is the
        reparameterisation: the randomness comes from outside, so $m$ and $s$ have gradients.
    """),
    wrong=(
        Wrong(MENDED.replace("torch.randn_like(m)", "torch.randn(1)"), "all rows get the same noise"),
        Wrong(MENDED.replace("log_s.exp()", "log_s"), "the spread is the logarithm of s"),
        Wrong(MENDED.replace("return m +", "return m.detach() +"), "no gradient reaches m"),
        Wrong(MENDED.replace("log_s.exp()", "(log_s / 2).exp()"), "the spread is the root of s"),
        Wrong(
            MENDED.replace("torch.randn_like(m)", "torch.randn(m.shape[0], 1)"), "both numbers of a latent"
        ),
        Wrong(MENDED.replace("log_s.exp()", "log_s.detach().exp()"), "no gradient reaches log_s"),
    ),
)

# ---- likelihood and samples


def check_likelihood(trial: Trial) -> None:
    """One number."""
    right = math.log(100)
    trial.differs(
        trial.value(), right, case="p_mix = 0.01 p_g + 0.99 u", rtol=2e-3,
        known={
            "this has the wrong sign: asked is by how much it *falls*, a number above 0": -right,
            "this weighs with the share of noise. A likelihood is large if *some* part of the mixture "
            "explains the sample":
                -math.log(0.99),
            "this is the factor between the densities; the log-likelihood is its logarithm": 100.0,
            "this is a share, not a difference of logarithms": 0.99,
            "this has base 10: the logarithm here is the natural one": 2.0,
            "this has base 2: the logarithm here is the natural one": math.log2(100),
        },
        otherwise="this is not the bound. What is p_mix(x) at least, whatever u(x) is?",
    )  # fmt: skip
    trial.tried("the value")


LIKELIHOOD = Exercise(
    name="likelihood-and-samples",
    title="A good likelihood, and 99 % noise",
    chapter="background",
    kind="compute",
    difficulty=3,
    statement=cleandoc(r"""
        An explicit model has the density $p_g$. Somebody spoils it: 99 of 100 samples are now pure noise with
        some density $u$, so that $p_\text{mix}(x) = 0.01\,p_g(x) + 0.99\,u(x)$. By how much can the mean
        log-likelihood on the real samples, $\mathbb{E}_{x \sim p_\text{data}}[\log p(x)]$, fall **at most**,
        whatever $u$ is? Put the number (in nats: natural logarithms) into `answer`, to at least three correct
        digits.
    """),
    starter="answer = ...",
    answer="answer",
    check=check_likelihood,
    hints=(
        "A density is never below 0. Leave out the noise's part: what is $p_\\text{mix}(x)$ at least?",
        r"$\log p_\text{mix}(x) \ge \log (0.01\,p_g(x)) = \log p_g(x) + \log 0.01$, at every $x$, and so in "
        r"the mean.",
    ),
    solutions=(
        "import math\n\nanswer = -math.log(0.01)",
        "answer = 4.605",
        "import numpy as np\n\nanswer = np.log(100)",
    ),
    explanation=cleandoc(r"""
        At most $\log 100 \approx 4.61$ nats. Log-likelihoods of images run to thousands of nats, so nobody
        would notice, though almost every sample is noise. The reverse holds too: a model that has learned
        samples by heart draws well and gives unseen data no likelihood. The two say different things.
    """),
    wrong=(
        Wrong("import math\nanswer = math.log(0.01)", "this has the wrong sign"),
        Wrong("import math\nanswer = -math.log(0.99)", "weighs with the share of noise"),
        Wrong("answer = 100", "this is the factor between the densities"),
        Wrong("answer = 2", "this has base 10"),
        Wrong("answer = float('inf')", "infinite, not a finite number"),
    ),
)

_IN_CHAPTER_ORDER = (DENSITY, SEES, LIKELIHOOD, KL, DRAW, NOISY, NOTE, MULTIPLY_ADDS)
EXERCISES: tuple[Exercise, ...] = tuple(sorted(_IN_CHAPTER_ORDER, key=lambda exercise: exercise.difficulty))
