"""Exercises on the Dirac-GAN: the smallest game in which one can watch two players miss each other."""

from __future__ import annotations

import math
from inspect import cleandoc

import torch
from torch import Tensor

from ganbook.exercises.exercise import Exercise, Wrong
from ganbook.exercises.grading.trial import Trial

GAME = cleandoc(r"""
    In the Dirac-GAN the data are the point 0, the generator makes the sample $\theta$, and $D$ has the logit
    $\psi x$, so $V(\psi, \theta) = \log \sigma(0) + \log(1 - \sigma(\psi\theta))$.
""")


def sigmoid(t: float) -> float:
    """Return 1 / (1 + e^-t)."""
    return 1 / (1 + math.exp(-t))


def pair(theta: float, psi: float) -> Tensor:
    """Return both weights as one float64 vector."""
    return torch.tensor([theta, psi], dtype=torch.float64)


# ---- a step of both


def check_step(trial: Trial) -> None:
    """Several places and step sizes."""
    for theta, psi, h in ((1.0, 0.5, 0.3), (1.0, 0.0, 0.3), (-2.0, 0.7, 0.1), (0.4, -1.5, 1.0)):
        case = f"theta = {theta:g}, psi = {psi:g}, h = {h:g}"
        got = trial.as_tensor(trial.call(theta, psi, h), (2,), case=case)
        D = sigmoid(psi * theta)
        want = pair(theta + h * psi * D, psi - h * theta * D)
        new_psi, new_theta = psi - h * theta * D, theta + h * psi * D
        trial.differs(
            got, want, case=case,
            known={
                "here G answers to the D of *after* its step: that is in turn, not at once":
                    pair(theta + h * new_psi * sigmoid(new_psi * theta), new_psi),
                "here D answers to the G of *after* its step: that is in turn, not at once":
                    pair(new_theta, psi - h * new_theta * sigmoid(psi * new_theta)),
                "D descends V here, and so learns to call the generated sample real. D ascends V":
                    pair(new_theta, psi + h * theta * D),
                "G ascends V here, and so moves to where D finds it out more easily. G descends V":
                    pair(theta - h * psi * D, new_psi),
                "both go the wrong way along V: with min and max exchanged the field turns round":
                    pair(theta - h * psi * D, psi + h * theta * D),
                "psi and theta are exchanged: theta comes first": pair(new_psi, new_theta),
                "the factor sigma(psi theta) is missing. It is 1/2 near the equilibrium, not 1":
                    pair(theta + h * psi, psi - h * theta),
                "these are the changes, not the new weights": pair(h * psi * D, -h * theta * D),
                "G uses the slope of the non-saturating loss, which is another function than V":
                    pair(theta + h * psi * (1 - D), new_psi),
            },
            otherwise="this is not one step of both along the gradients of V",
        )  # fmt: skip
    trial.tried("four places of the plane, with steps from 0.1 to 1")


STEP = Exercise(
    name="dirac-step",
    title="One step of the Dirac-GAN",
    chapter="minimax",
    kind="code",
    difficulty=2,
    statement=GAME
    + "\n\n"
    + cleandoc(r"""
        Write `step(theta, psi, h)`. Both players move **at once**, each from the old $\theta$ and $\psi$: $D$
        ascends and $G$ descends $V$, by a gradient step of size $h$. All three arguments are numbers. It
        returns the new pair `(theta, psi)`.
    """),
    starter=cleandoc("""
        def step(theta, psi, h):
            return ..., ...
    """),
    answer="step",
    check=check_step,
    hints=(
        r"Differentiate $\log(1 - \sigma(\psi\theta))$, once with respect to $\psi$ and once with respect to "
        r"$\theta$.",
        r"$\frac{d}{dl} \log(1 - \sigma(l)) = -\sigma(l)$, and $l = \psi\theta$: the chain rule leaves a "
        r"factor "
        r"$\theta$ or $\psi$.",
        r"$\partial V / \partial \psi = -\theta\,\sigma(\psi\theta)$ and $\partial V / \partial \theta = "
        r"-\psi\,\sigma(\psi\theta)$. $D$ goes up, $G$ goes down, and neither sees the other's new weight.",
    ),
    solutions=(
        cleandoc("""
            import math


            def step(theta, psi, h):
                D_fake = 1 / (1 + math.exp(-psi * theta))
                return theta + h * psi * D_fake, psi - h * theta * D_fake
        """),
        cleandoc("""
            import torch
            from torch.nn.functional import logsigmoid


            def step(theta, psi, h):
                w = torch.tensor([theta, psi], dtype=torch.float64)
                w.requires_grad_()
                V = logsigmoid(-w[0] * w[1])
                (slope,) = torch.autograd.grad(V, w)
                return w.detach() + h * slope * torch.tensor([-1.0, 1.0])
        """),
    ),
    explanation=cleandoc(r"""
        $(\theta, \psi) \to (\theta + h\,\psi\,\sigma,\; \psi - h\,\theta\,\sigma)$. The step is at a right
        angle to the radius, so it leads along the tangent, out of the circle: each player answers to where
        the other was.
    """),
    wrong=(
        Wrong(
            "import math\ns = lambda t: 1 / (1 + math.exp(-t))\ndef step(a, b, h):\n    b = b - h * a * s(a "
            "* b)\n"
            "    a = a + h * b * s(a * b)\n    return a, b",
            "here G answers to the D of *after*",
        ),
        Wrong(
            "import math\ndef step(a, b, h):\n    D = 1 / (1 + math.exp(-a * b))\n"
            "    return a + h * b * D, b + h * a * D",
            "D descends V here",
        ),
        Wrong(
            "import math\ndef step(a, b, h):\n    D = 1 / (1 + math.exp(-a * b))\n"
            "    return a - h * b * D, b - h * a * D",
            "G ascends V here",
        ),
        Wrong(
            "import math\ndef step(a, b, h):\n    D = 1 / (1 + math.exp(-a * b))\n"
            "    return a - h * b * D, b + h * a * D",
            "both go the wrong way",
        ),
        Wrong("def step(a, b, h):\n    return a + h * b, b - h * a", "the factor sigma(psi theta) is "
                                                                     "missing"),
    ),
)  # fmt: skip

# ---- how fast it grows


def check_double(trial: Trial) -> None:
    """Step sizes from 0.1 to 1."""
    for h in (0.5, 1.0, 0.2, 0.1):
        factor = math.sqrt(1 + h * h / 4)

        def steps(growth: float) -> int:
            return math.ceil(math.log(2) / math.log(growth))

        trial.differs(
            trial.number(h), steps(factor), case=f"h = {h:g}", rtol=0, atol=1e-9,
            known={
                "this is after how many steps the *square* of the distance has doubled": steps(factor**2),
                "this takes sigma = 1. Near the equilibrium the logit is near 0": steps(math.sqrt(1 + h * h)),
                "this adds h/2 of the distance to the distance in each step. The step is at a right angle to "
                "the radius, so "
                "Pythagoras says how long the new radius is": steps(1 + h / 2),
                "this is one step short: after it the distance has not quite doubled": steps(factor) - 1,
                "a number of steps is a whole number: the first after which the distance has at least "
                "doubled":
                    math.log(2) / math.log(factor),
                "this lets the distance grow by the same amount in every step. It grows by the same *factor*":
                    math.ceil(1 / (factor - 1)),
            },
            otherwise="the distance has not doubled after exactly this many steps for the first time",
        )  # fmt: skip
    trial.tried("h = 0.1, 0.2, 0.5 and 1")


DOUBLE = Exercise(
    name="steps-to-double",
    title="How soon two players at once are twice as far away",
    chapter="minimax",
    kind="compute",
    difficulty=3,
    statement=GAME
    + "\n\n"
    + cleandoc(r"""
        Both players take gradient steps of size $h$ at once, near the equilibrium $(0, 0)$, where
        $\sigma(\psi\theta) = 1/2$ to good accuracy (take it as exact). Write `steps_to_double(h)`, for $h$
        above 0: the smallest number of steps after which the distance from the equilibrium is at least twice
        what it was.
    """),
    starter=cleandoc("""
        def steps_to_double(h):
            return ...
    """),
    answer="steps_to_double",
    check=check_double,
    hints=(
        "By which factor does one step multiply the distance? The second part of Theorem 4 says it.",
        r"$r_\text{new}^2 = r^2 (1 + h^2/4)$. After $n$ steps, $r_n = r_0\,(1 + h^2/4)^{n/2}$.",
        r"Solve $(1 + h^2/4)^{n/2} \ge 2$ for $n$ with logarithms, and round up.",
    ),
    solutions=(
        cleandoc("""
            import math


            def steps_to_double(h):
                return math.ceil(2 * math.log(2) / math.log(1 + h**2 / 4))
        """),
        cleandoc("""
            def steps_to_double(h):
                theta, psi, n = 1.0, 0.0, 0
                while theta**2 + psi**2 < 4:
                    theta, psi = theta + h * psi / 2, psi - h * theta / 2
                    n += 1
                return n
        """),
    ),
    explanation=cleandoc(r"""
        Each step multiplies $r$ by $\sqrt{1 + h^2/4}$. For $h = 0.5$ that takes 23 steps, for $h = 0.1$
        already 555, but it always comes: a smaller step only delays it, and the time $n h$ grows as $1/h$.
    """),
    wrong=(
        Wrong(
            "import math\ndef steps_to_double(h):\n    return math.ceil(math.log(2) / math.log(1 + h * h / "
            "4))",
            "*square* of the distance",
        ),
        Wrong(
            "import math\ndef steps_to_double(h):\n    return math.ceil(2 * math.log(2) / math.log(1 + h * "
            "h))",
            "this takes sigma = 1",
        ),
        Wrong(
            "import math\ndef steps_to_double(h):\n    return math.ceil(math.log(2) / math.log(1 + h / 2))",
            "this adds h/2 of the distance",
        ),
        Wrong(
            "import math\ndef steps_to_double(h):\n    return int(2 * math.log(2) / math.log(1 + h * h / 4))",
            "one step short",
        ),
    ),
)  # fmt: skip

# ---- a brake that is too weak


def run_with_r1(gamma: float, h: float, steps: int) -> float:
    """Return by which factor the distance has changed after steps of both players at once, with R1."""
    theta, psi = 0.1, 0.0
    for _ in range(steps):
        D = sigmoid(psi * theta)
        theta, psi = theta + h * psi * D, psi + h * (-theta * D - gamma * psi)
    return math.hypot(theta, psi) / 0.1


def check_weak(trial: Trial) -> None:
    """400 steps with gamma = 0.05, and with 0.3 for comparison."""
    choice = trial.choice("ABC")
    weak, strong = run_with_r1(0.05, 0.3, 400), run_with_r1(0.3, 0.3, 400)
    came_out = (
        f"after 400 steps the distance is {weak:.1f} times what it was (with gamma = 0.3 it is "
        f"{strong:.0e} times)"
    )
    trial.tried(f"run with gamma = 0.05: {came_out}")
    reasons = {
        "A": "Theorem 4 says this of the field, and so of small enough steps. These are not: a step at once "
        "leads out of "
        "the circle, and a weak brake loses against that",
        "C": "a closed curve is what steps *in turn* without R1 draw. These are at once, and two forces act: "
        "the step "
        "outwards and the brake inwards. Only by accident are they equal",
    }
    if choice != "B":
        trial.fail(
            f"{reasons[choice]}. It came out that {came_out}", case="h = 0.3, gamma = 0.05, start (0.1, 0)"
        )


WEAK = Exercise(
    name="weak-r1",
    title="A brake that is too weak?",
    chapter="minimax",
    kind="predict",
    difficulty=3,
    statement=GAME
    + "\n\n"
    + cleandoc(r"""
        R1 with weight $\gamma$ gives $\dot\psi$ the brake $-\gamma\psi$. Both players take steps of size $h =
        0.3$ **at once**, from $(\theta, \psi) = (0.1, 0)$, with $\gamma = 0.05$. What becomes of the distance
        from the equilibrium? Commit yourself before it is run: put the letter into `answer`, such as `answer
        = "A"`.
    """),
    starter="answer = ...",
    answer="answer",
    choices=(
        r"It shrinks to 0: with R1 the real parts of the eigenvalues are negative for every $\gamma > 0$.",
        "It grows: the brake is weaker than what drives the steps outwards.",
        "It stays: the players go round on a closed curve.",
    ),
    check=check_weak,
    hints=(
        "Near the equilibrium a step is a matrix. Which number of this matrix says whether areas shrink?",
        r"The matrix is $\begin{pmatrix} 1 & h/2 \\ -h/2 & 1 - h\gamma \end{pmatrix}$. Compare its "
        r"determinant with 1.",
    ),
    solutions=('answer = "B"', 'answer = " b "'),
    explanation=cleandoc(r"""
        The determinant is $1 - h\gamma + h^2/4 = 1.0075$. Its two eigenvalues are complex and of equal
        modulus, so each step makes the distance about 0.4 % longer. "Every $\gamma > 0$" holds for the field,
        whose steps are infinitely small; a step of size $h$ needs a brake that outweighs its own push.
    """),
    wrong=(
        Wrong('answer = "A"', "a weak brake loses against that"),
        Wrong('answer = "C"', "Only by accident are they equal"),
        Wrong('answer = "D"', "the answer is one letter"),
    ),
)

# ---- the weakest brake that is enough


def check_least(trial: Trial) -> None:
    """Step sizes from 0.01 to 1, and a simulation on both sides of the answer."""
    for h in (0.4, 0.1, 1.0, 0.01):
        case = f"h = {h:g}"
        trial.differs(
            trial.number(h), h / 4, case=case, rtol=1e-3, atol=1e-9,
            known={
                "this is what the field needs, whose steps are infinitely small. A step of size h pushes "
                "outwards by itself":
                    0.0,
                "this is the growth in one step, which the brake must outweigh; the brake, too, acts only "
                "for a step of "
                "size h": h * h / 4,
                "this takes sigma = 1. At the equilibrium it is 1/2": h,
                "this takes the growth of the distance and not of its square, or the brake for twice what it "
                "is": h / 8,
                "this brake is twice as strong as needed. R1 acts on psi only, but the determinant says how "
                "much *both* "
                "directions shrink together": h / 2,
                "this gamma makes the eigenvalues real. They need not be, if only their modulus is below 1":
                    1.0,
            },
            otherwise=f"for {case} this is not the boundary: a little above it the players must approach "
                      f"each other, a "
            "little below it they must part",
        )  # fmt: skip
    trial.tried("h = 0.01, 0.1, 0.4 and 1")


LEAST = Exercise(
    name="least-gamma",
    title="The weakest brake that is enough",
    chapter="minimax",
    kind="compute",
    difficulty=3,
    statement=GAME
    + "\n\n"
    + cleandoc(r"""
        R1 with weight $\gamma$ gives $\dot\psi$ the brake $-\gamma\psi$. Both players take steps of size $h$
        **at once**, near the equilibrium, where $\sigma(\psi\theta) = 1/2$. Write `least_gamma(h)`, for $0 <
        h \le 1$: the number such that for $\gamma$ a little above it the distance shrinks in the long run,
        and a little below it grows.
    """),
    starter=cleandoc("""
        def least_gamma(h):
            return ...
    """),
    answer="least_gamma",
    check=check_least,
    hints=(
        r"Write the step as a matrix on $(\theta, \psi)$. The distance shrinks in the long run if both "
        r"eigenvalues have a "
        "modulus below 1.",
        "For small $\\gamma$ the two eigenvalues are complex conjugates, so the square of their modulus is "
        "the "
        "determinant.",
        r"The matrix is $\begin{pmatrix} 1 & h/2 \\ -h/2 & 1 - h\gamma \end{pmatrix}$. Set its determinant "
        r"to 1.",
    ),
    solutions=(
        "def least_gamma(h):\n    return h / 4",
        cleandoc("""
            import numpy as np


            def least_gamma(h):
                low, high = 0.0, 0.9
                for _ in range(50):
                    gamma = (low + high) / 2
                    step = np.array([[1, h / 2], [-h / 2, 1 - h * gamma]])
                    shrinks = np.abs(np.linalg.eigvals(step)).max() < 1
                    low, high = (low, gamma) if shrinks else (gamma, high)
                return (low + high) / 2
        """),
    ),
    explanation=cleandoc(r"""
        The determinant is $1 - h\gamma + h^2/4$; it is below 1 for $\gamma > h/4$. So with steps at once the
        brake has to grow with the step. With infinitely small steps any $\gamma > 0$ is enough, as Theorem 4
        says.
    """),
    wrong=(
        Wrong("def least_gamma(h):\n    return 0.0", "this is what the field needs"),
        Wrong("def least_gamma(h):\n    return h * h / 4", "the growth in one step"),
        Wrong("def least_gamma(h):\n    return h", "this takes sigma = 1"),
        Wrong("def least_gamma(h):\n    return h / 2", "twice as strong as needed"),
    ),
)  # fmt: skip

# ---- a broken loop


def in_turn(theta: float, psi: float, h: float, gamma: float, steps: int) -> tuple[float, float]:
    """Return (theta, psi) after steps in turn, D first, with R1."""
    for _ in range(steps):
        psi = psi - h * (theta * sigmoid(psi * theta) + gamma * psi)
        theta = theta + h * psi * sigmoid(psi * theta)
    return theta, psi


def check_repair(trial: Trial) -> None:
    """One step without R1, one with R1, G's part of it, then many."""
    theta, psi, h = 1.0, 0.5, 0.3
    D = sigmoid(psi * theta)

    def one(gamma: float) -> Tensor:
        case = f"theta = {theta:g}, psi = {psi:g}, h = {h:g}, gamma = {gamma:g}, steps = 1"
        return trial.as_tensor(trial.call(theta, psi, h, gamma, 1), (2,), case=case)

    start = f"theta = {theta:g}, psi = {psi:g}, h = {h:g}"
    without, new_psi = one(0.0), psi - h * theta * D
    trial.differs(
        without[1], new_psi, case=f"{start}, gamma = 0, psi after one step",
        known={
            "D climbs its own loss: its logit on the generated sample rises. A player descends its loss":
                psi + h * theta * D,
            "D answers to the new theta. D moves first here": psi - h * (theta + h * psi * D)
            * sigmoid(psi * (theta + h * psi * D)),
            "D has not moved": psi,
        },
        otherwise="D's step without R1 is wrong",
    )  # fmt: skip
    braked = psi - h * (theta * D + 1.0 * psi)
    trial.differs(
        one(1.0)[1], braked, case=f"{start}, gamma = 1, psi after one step",
        known={
            "the brake looks at theta. R1 is gamma/2 times the squared slope of the logit psi x with respect "
            "to x, and that "
            "slope is psi": psi - h * (theta * D + theta),
            "R1 accelerates D instead of braking it: D's loss has *plus* the penalty, so a step makes the "
            "slope smaller":
                psi - h * (theta * D - psi),
            "the brake is half as strong as gamma/2 psi^2 says: differentiate the square":
                psi - h * (theta * D + psi / 2),
            "the brake is twice as strong as gamma/2 psi^2 says": psi - h * (theta * D + 2 * psi),
            "gamma has no effect": psi - h * theta * D,
        },
        otherwise="D's step with R1 is wrong",
    )  # fmt: skip
    trial.differs(
        without[0], theta + h * new_psi * sigmoid(new_psi * theta), case=f"{start}, gamma = 0, theta after "
                                                                         f"one step",
        known={
            "G answers to the D of before its step. In turn means that G sees the new one":
                theta + h * psi * D,
            "G's slope takes psi after D's step, but D's answer to the sample from before it: sigma(psi "
            "theta) has "
            "changed too": theta + h * new_psi * D,
            "G's slope takes D's answer after its step, but psi from before it": theta
            + h * psi * sigmoid(new_psi * theta),
            "G climbs: it moves to where D gives it a smaller logit":
                theta - h * new_psi * sigmoid(new_psi * theta),
            "G has not moved": theta,
        },
        otherwise="G's step is wrong",
    )  # fmt: skip
    for gamma, steps in ((0.3, 2), (0.3, 120), (0.0, 50), (0.3, 0)):
        case = f"theta = 1, psi = 0, h = 0.3, gamma = {gamma:g}, steps = {steps}"
        got = trial.as_tensor(trial.call(1.0, 0.0, 0.3, gamma, steps), (2,), case=case)
        want = torch.tensor(in_turn(1.0, 0.0, 0.3, gamma, steps), dtype=torch.float64)
        trial.differs(
            got, want, case=case, atol=1e-5,
            otherwise="a single step is right, but not so many of them: is every step taken, and from where "
                      "the last ended?",
        )  # fmt: skip
    trial.tried("one step without R1, one with it, and up to 120 steps")


BROKEN = cleandoc("""
    import math


    def sigmoid(t):
        return 1 / (1 + math.exp(-t))


    def train(theta, psi, h, gamma, steps):
        for _ in range(steps):
            D_fake = sigmoid(psi * theta)
            slope_D = theta * D_fake + gamma * theta  # of -V plus R1
            slope_G = -psi * D_fake  # of V
            psi = psi + h * slope_D
            theta = theta - h * slope_G
        return theta, psi
""")
MENDED = cleandoc("""
    import math


    def sigmoid(t):
        return 1 / (1 + math.exp(-t))


    def train(theta, psi, h, gamma, steps):
        for _ in range(steps):
            slope_D = theta * sigmoid(psi * theta) + gamma * psi
            psi = psi - h * slope_D
            slope_G = -psi * sigmoid(psi * theta)
            theta = theta - h * slope_G
        return theta, psi
""")
AT_ONCE = MENDED.replace("        slope_G = -psi * sigmoid(psi * theta)\n", "").replace(
    "        psi = psi", "        slope_G = -psi * sigmoid(psi * theta)\n        psi = psi"
)

REPAIR = Exercise(
    name="repair-dirac",
    title="A Dirac-GAN that never settles",
    chapter="minimax",
    kind="repair",
    difficulty=2,
    statement=GAME
    + "\n\n"
    + cleandoc(r"""
        `train(theta, psi, h, gamma, steps)` should take `steps` steps **in turn**: first $D$ descends $-V$
        plus R1, $\frac{\gamma}{2}\psi^2$, then $G$ descends $V$ against the new $D$. It should return the
        last pair `(theta, psi)`. With $\gamma = 0.3$ the players ought to meet. They do not: there are three
        faults.
    """),
    starter=BROKEN,
    answer="train",
    check=check_repair,
    hints=(
        "Take one step by hand from $\\theta = 1$, $\\psi = 0.5$ with $\\gamma = 0$, and compare. Should "
        "$\\psi$ become "
        "larger or smaller?",
        r"Then with $\gamma = 1$. What is the derivative of $\frac{\gamma}{2}\psi^2$ with respect to $\psi$?",
        "At last the order: which $\\psi$ does $G$ see, and when was `D_fake` computed?",
    ),
    solutions=(
        MENDED,
        cleandoc("""
            import torch
            from ganbook import losses


            def train(theta, psi, h, gamma, steps):
                theta = torch.tensor([theta], dtype=torch.float64)
                psi = torch.tensor([psi], dtype=torch.float64)
                for _ in range(steps):
                    psi.requires_grad_()
                    loss = losses.minimax_discriminator_loss(psi * 0, psi * theta)
                    loss = loss + gamma / 2 * psi.square().sum()
                    psi = (psi - h * torch.autograd.grad(loss, psi)[0]).detach()
                    theta.requires_grad_()
                    loss = losses.minimax_generator_loss(None, psi * theta)
                    theta = (theta - h * torch.autograd.grad(loss, theta)[0]).detach()
                return theta.item(), psi.item()
        """),
    ),
    explanation=cleandoc(r"""
        $D$ added its slope where it has to subtract it; the brake held $\theta$, which $D$ does not own; and
        both slopes were computed before either player moved, which is "at once". The signs of a GAN are easy
        to get wrong, and the loop runs all the same.
    """),
    wrong=(
        Wrong(MENDED.replace("psi - h * slope_D", "psi + h * slope_D"), "D climbs its own loss"),
        Wrong(MENDED.replace("+ gamma * psi", "+ gamma * theta"), "the brake looks at theta"),
        Wrong(MENDED.replace("+ gamma * psi", "- gamma * psi"), "R1 accelerates D"),
        Wrong(AT_ONCE, "G answers to the D of before its step"),
        Wrong(MENDED.replace("theta - h * slope_G", "theta + h * slope_G"), "G climbs"),
    ),
)  # fmt: skip

DIRAC = (STEP, REPAIR, WEAK, DOUBLE, LEAST)
