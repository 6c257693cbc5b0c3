"""Exercises of the chapter on training steps: reading losses, averages, statistics, and predictions."""

from __future__ import annotations

import math
from inspect import cleandoc

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ganbook.exercises.exercise import Exercise, Wrong
from ganbook.exercises.grading.trial import Trial
from ganbook.exercises.players import (
    draw,
    own_random_numbers,
    tiny_pair,
    weights,
)

# ---- reading losses


def check_probabilities(trial: Trial) -> None:
    """Go from probabilities to losses by the formulas, and back by the answer."""
    for d_real, d_fake in ((0.9, 0.3), (0.5, 0.5), (0.99, 0.02), (0.2, 0.7)):
        loss_D = -math.log(d_real) - math.log(1 - d_fake)
        loss_G = -math.log(d_fake)
        got = trial.tensor(loss_D, loss_G, shape=(2,))
        trial.differs(
            got,
            torch.tensor([d_real, d_fake], dtype=torch.float64),
            case=f"L_D = {loss_D:.4f}, L_G = {loss_G:.4f}",
            rtol=1e-3,
            known={
                "the two are exchanged: D(x) comes first": torch.tensor([d_fake, d_real]),
                "L_D was read as -log D(x) alone; it also holds -log(1 - D(G(z)))": torch.tensor(
                    [math.exp(-loss_D), d_fake]
                ),
                "half of L_D was given to each term, but they need not be equal": torch.tensor(
                    [math.exp(-loss_D / 2), d_fake]
                ),
                "L_G was read as -log(1 - D(G(z))); the non-saturating loss is -log D(G(z))": torch.tensor(
                    [math.exp(-loss_D) / (1 - (1 - d_fake)), 1 - d_fake]
                ),
                "the second number is 1 - D(G(z)), not D(G(z))": torch.tensor([d_real, 1 - d_fake]),
                "the term of the fake samples is log(1 - "
                "D(G(z))), not log D(G(z)): L_G is not "
                "one of the terms of L_D": torch.tensor([math.exp(loss_G - loss_D), d_fake]),
                "the logarithms are natural ones, to the base e": torch.tensor(
                    [10**-loss_D / (1 - 10**-loss_G), 10**-loss_G]
                ),
            },
            otherwise="put your two probabilities back into the formulas of L_D and L_G: do they give these "
            "losses?",
        )
    trial.tried("the worked example 0.9 and 0.3; a D that knows nothing; a D that is sure; a D that is wrong")


PROBABILITIES = Exercise(
    name="probabilities-from-losses",
    title="Reading two losses backwards",
    chapter="training_steps",
    kind="compute",
    difficulty=2,
    statement=cleandoc(r"""
        A log shows the two losses of a step,

        $$L_D = -\log D(x) - \log(1 - D(G(z))) , \qquad L_G = -\log D(G(z)) ,$$

        with natural logarithms. Suppose that all real samples had the same $D(x)$, that all generated ones
        had the same $D(G(z))$, and that both losses belong to the same $D$ and $G$. Then the two
        probabilities can be read off.

        Derive them, and write `probabilities(loss_D, loss_G)`, which returns the pair $(D(x),\; D(G(z)))$.
        The arguments are floats.
    """),
    starter=cleandoc("""
        def probabilities(loss_D, loss_G):
            return ...
    """),
    answer="probabilities",
    check=check_probabilities,
    hints=(
        "Begin with $L_G$: it holds one unknown only.",
        "$D(G(z)) = e^{-L_G}$. Put it into $L_D$, and solve for $\\log D(x)$.",
        "$e^{-L_D} = D(x) \\, (1 - D(G(z)))$.",
    ),
    solutions=(
        cleandoc("""
            import math


            def probabilities(loss_D, loss_G):
                d_fake = math.exp(-loss_G)
                return math.exp(-loss_D) / (1 - d_fake), d_fake
        """),
        cleandoc("""
            import numpy as np


            def probabilities(loss_D, loss_G):
                d_fake = np.exp(-loss_G)
                log_d_real = -(loss_D + np.log1p(-d_fake))
                return np.array([np.exp(log_d_real), d_fake])
        """),
    ),
    explanation=cleandoc(r"""
        $L_D = 1.386$ with $L_G = 0.693$ is a $D$ that answers 1/2 to everything. A large $L_G$ says that
        $D(G(z))$ is near 0, and then $L_D$ is nearly $-\log D(x)$. And one thing cannot be: $L_D$ and $L_G$
        both near 0. A small $L_G$ needs $D(G(z))$ near 1, where $-\log(1 - D(G(z)))$ is large. A log that
        shows it has computed one of the two with other labels.
    """),
    wrong=(
        Wrong(
            "import math\n\n\ndef probabilities(loss_D, loss_G):\n    return math.exp(-loss_D), "
            "math.exp(-loss_G)",
            "alone",
        ),
        Wrong(
            "import math\n\n\ndef probabilities(loss_D, loss_G):\n"
            "    return math.exp(-loss_D / 2), math.exp(-loss_G)",
            "half of L_D",
        ),
        Wrong(
            "import math\n\n\ndef probabilities(loss_D, loss_G):\n"
            "    d_fake = math.exp(-loss_G)\n    return d_fake, math.exp(-loss_D) / (1 - d_fake)",
            "exchanged",
        ),
        Wrong(
            "import math\n\n\ndef probabilities(loss_D, loss_G):\n"
            "    return math.exp(loss_G - loss_D), math.exp(-loss_G)",
            "not one of the terms",
        ),
        Wrong(
            "import math\n\n\ndef probabilities(loss_D, loss_G):\n"
            "    d_fake = 1 - math.exp(-loss_G)\n    return math.exp(-loss_D) / (1 - d_fake), d_fake",
            "L_G was read as",
        ),
    ),
)


# ---- the moving average


def _with_statistics(seed: int, batches: int) -> nn.Sequential:
    """Return a small generator whose BatchNorm has seen some batches."""
    rng = torch.Generator().manual_seed(seed)
    with own_random_numbers(seed):
        network = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
    with torch.no_grad():
        for _ in range(batches):
            network(3 * torch.randn(8, 2, generator=rng) + 1)
    return network


def check_moving_average(trial: Trial) -> None:
    """Look at weights, running statistics and the counter of batches, one by one."""
    decay = 0.75
    average, model = _with_statistics(1, 2), _with_statistics(2, 5)
    old = {name: value.clone() for name, value in average.state_dict().items()}
    new = {name: value.clone() for name, value in model.state_dict().items()}
    case = "two networks Linear, BatchNorm1d, Linear; decay = 0.75"
    trial.call(average, model, decay, mutable=True)
    if any(not torch.equal(value, new[name]) for name, value in model.state_dict().items()):
        trial.fail("the trained network was changed; only the average should move", case)
    now = {name: value.clone() for name, value in average.state_dict().items()}
    if all(torch.equal(now[name], old[name]) for name in old):
        trial.fail(
            "the average did not move. Change it in place; a new network that is returned is not looked at",
            case,
        )
    for kind, holds in (("parameter", False), ("buffer", True)):
        for name, value in now.items():
            if ("running" in name) is not holds or "num_batches" in name:
                continue
            a, b = old[name].double(), new[name].double()
            known = {
                f"the {kind} {name} was forgotten: it is still what it was": a,
                f"the {kind} {name} was copied, not averaged": b,
                f"the weights are exchanged in {name}: with decay = 0.75 three quarters should stay": (
                    1 - decay
                )
                * a
                + decay * b,
                f"the average of {name} grows with every update: the two weights must add up to 1": a
                + (1 - decay) * b,
            }
            if kind == "buffer":
                known = {
                    "the buffers were forgotten. BatchNorm's running mean and variance belong to the "
                    "weights that were averaged; with others the average network draws wrong samples in "
                    "eval mode": a,
                } | known
            trial.differs(
                value.double(),
                decay * a + (1 - decay) * b,
                case=f"{case}; looked at {name}",
                known=known,
                otherwise=f"the {kind} {name} is not decay * average + (1 - decay) * value",
            )
    if average.state_dict()["1.num_batches_tracked"] != 5:
        trial.fail(
            "BatchNorm's counter of batches, a whole number, should be copied: an average of whole numbers "
            "is rounded to something else",
            case=f"{case}; the counters were 2 and 5",
            got=average.state_dict()["1.num_batches_tracked"],
        )
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            tensor += 1
    if any(not torch.equal(value, now[name]) for name, value in average.state_dict().items()):
        trial.fail(
            "the average now shares memory with the trained network: when that one moves on, the average "
            "moves along",
            case,
        )
    if any(p.grad_fn is not None for p in average.parameters()):
        trial.fail("the average carries a graph: every update makes it longer, until memory ends", case)
    trial.tried("weights, running statistics and the counter; then the trained network moved on")


MOVING_AVERAGE = Exercise(
    name="moving-average",
    title="A moving average, buffers included",
    chapter="training_steps",
    kind="code",
    difficulty=2,
    statement=cleandoc(r"""
        Samples are drawn from a moving average (EMA) of $G$. After each step

        $$\text{average} \leftarrow \text{decay} \cdot \text{average} + (1 - \text{decay}) \cdot \text{value}
        .$$

        Write `update_average(average, model, decay)`. `average` and `model` are two networks (`nn.Module`)
        of the same architecture, with BatchNorm. Change `average` in place; nothing is returned.

        - All parameters are averaged, and so are all buffers of a floating point dtype.
        - Buffers of whole numbers (BatchNorm's `num_batches_tracked`) are copied from `model`.
        - `model` does not change, and the two share no memory afterwards.
    """),
    starter=cleandoc("""
        def update_average(average, model, decay):
            return ...
    """),
    answer="update_average",
    check=check_moving_average,
    hints=(
        "`parameters()` does not list BatchNorm's running mean and variance. What does?",
        "`average.buffers()` and `model.buffers()`, or for everything at once `state_dict()`, whose tensors "
        "are the network's own: changing them in place changes the network.",
        "Under `torch.no_grad()`, for each pair: `a.copy_(decay * a + (1 - decay) * b)` if "
        "`a.is_floating_point()`, else `a.copy_(b)`.",
    ),
    solutions=(
        cleandoc("""
            import torch


            @torch.no_grad()
            def update_average(average, model, decay):
                values = model.state_dict()
                for name, a in average.state_dict().items():
                    if a.is_floating_point():
                        a.mul_(decay).add_(values[name], alpha=1 - decay)
                    else:
                        a.copy_(values[name])
        """),
        cleandoc("""
            import torch


            def update_average(average, model, decay):
                with torch.no_grad():
                    for a, b in zip(average.parameters(), model.parameters()):
                        a.copy_(decay * a + (1 - decay) * b)
                    for a, b in zip(average.buffers(), model.buffers()):
                        if a.is_floating_point():
                            a.lerp_(b, 1 - decay)
                        else:
                            a.copy_(b)
        """),
        cleandoc("""
            import torch


            def update_average(average, model, decay):
                mixed = {}
                values = model.state_dict()
                for name, a in average.state_dict().items():
                    b = values[name]
                    mixed[name] = decay * a + (1 - decay) * b if torch.is_floating_point(a) else b.clone()
                average.load_state_dict(mixed)
        """),
    ),
    explanation=cleandoc(r"""
        Running statistics describe what the layer before them gives out, so they belong to its weights. An
        average of the weights with the statistics of the very first step (forgotten buffers) normalises
        with numbers that fit no network at all, and its samples are worse than those of $G$ itself.
        `parameters()` not listing them is why this is so often met.
    """),
    wrong=(
        Wrong(
            cleandoc("""
                import torch


                @torch.no_grad()
                def update_average(average, model, decay):
                    for a, b in zip(average.parameters(), model.parameters()):
                        a.mul_(decay).add_(b, alpha=1 - decay)
            """),
            "the buffers were forgotten",
        ),
        Wrong(
            cleandoc("""
                import torch


                @torch.no_grad()
                def update_average(average, model, decay):
                    for a, b in zip(average.state_dict().values(), model.state_dict().values()):
                        if a.is_floating_point():
                            a.mul_(1 - decay).add_(b, alpha=decay)
                        else:
                            a.copy_(b)
            """),
            "weights are exchanged",
        ),
        Wrong(
            cleandoc("""
                import torch


                @torch.no_grad()
                def update_average(average, model, decay):
                    for a, b in zip(average.parameters(), model.parameters()):
                        a.mul_(decay).add_(b, alpha=1 - decay)
                    for a, b in zip(average.buffers(), model.buffers()):
                        a.copy_(b)
            """),
            "copied, not averaged",
        ),
        Wrong(
            cleandoc("""
                import torch


                @torch.no_grad()
                def update_average(average, model, decay):
                    for a, b in zip(average.state_dict().values(), model.state_dict().values()):
                        a.copy_(decay * a + (1 - decay) * b)
            """),
            "counter of batches",
        ),
        Wrong(
            cleandoc("""
                import copy
                import torch


                def update_average(average, model, decay):
                    new = copy.deepcopy(average)
                    with torch.no_grad():
                        for a, b in zip(new.parameters(), model.parameters()):
                            a.mul_(decay).add_(b, alpha=1 - decay)
                    return new
            """),
            "did not move",
        ),
    ),
)


# ---- running statistics


def _running(batches: list[Tensor], momentum: float, unbiased: bool = True, start: float = 1.0) -> Tensor:
    mean, var = 0.0, start
    for batch in batches:
        mean = (1 - momentum) * mean + momentum * batch.mean().item()
        var = (1 - momentum) * var + momentum * batch.var(correction=int(unbiased)).item()
    return torch.tensor([mean, var], dtype=torch.float64)


def check_running_statistics(trial: Trial) -> None:
    """Try one small batch, then several."""
    rng = torch.Generator().manual_seed(7)
    cases = [
        ("one batch [2, 4], momentum = 0.25", [torch.tensor([2.0, 4.0])], 0.25),
        (
            "batches [2, 4], [0, 6, 0], momentum = 0.25",
            [torch.tensor([2.0, 4.0]), torch.tensor([0.0, 6.0, 0.0])],
            0.25,
        ),
        ("four batches of 8, momentum = 0.1", [3 * torch.randn(8, generator=rng) + 1 for _ in range(4)], 0.1),
    ]
    for case, batches, momentum in cases:
        everything = torch.cat(batches)
        right, last = _running(batches, momentum), batches[-1]
        sample = _running(batches, momentum, unbiased=False)
        deviation = right.clone()
        deviation[1] = (1 - momentum) ** len(batches)
        for i, batch in enumerate(batches):
            deviation[1] += momentum * (1 - momentum) ** (len(batches) - 1 - i) * batch.std().item()
        trial.differs(
            trial.tensor(batches, momentum, shape=(2,)),
            right,
            case=case,
            known={
                "the weights are exchanged: in PyTorch `momentum` is the "
                "weight of the NEW batch (0.1 by default), and not, as in "
                "optimisers, of the old value": _running(batches, 1 - momentum),
                "the batch's variance was divided by n. For the running variance PyTorch divides by "
                "n - 1": sample,
                "the running variance begins at 1, not at 0": _running(batches, momentum, start=0.0),
                "these are the mean and variance of all values together, without momentum": torch.stack(
                    [everything.mean(), everything.var()]
                ),
                "these are the statistics of the last batch alone": torch.stack([last.mean(), last.var()]),
                "the second number is made of standard deviations, where variances are wanted": deviation,
            },
            otherwise="these are not the running mean and variance after the last batch",
        )
    trial.tried("one batch of two numbers; two batches of unequal size; four batches")


RUNNING_STATISTICS = Exercise(
    name="running-statistics",
    title="What BatchNorm remembers",
    chapter="training_steps",
    kind="code",
    difficulty=2,
    statement=cleandoc(r"""
        In training mode BatchNorm normalises with the batch's own mean and variance, and keeps running ones
        for eval mode:

        $$r \leftarrow (1 - \text{momentum}) \, r + \text{momentum} \cdot b ,$$

        where $b$ is the batch's mean, or the batch's variance with $n - 1$ in the denominator. The running
        mean begins at 0, the running variance at 1.

        Write `running_statistics(batches, momentum)` for a single feature. `batches` is a list of tensors
        (or arrays), each of shape `(n,)` with $n \ge 2$, not all of the same $n$. Return the running mean
        and the running variance after the last batch, as a pair of numbers.
    """),
    starter=cleandoc("""
        def running_statistics(batches, momentum):
            return ...
    """),
    answer="running_statistics",
    check=check_running_statistics,
    hints=(
        "Two variables, and one loop over the batches.",
        "By hand for one batch $[2, 4]$ and momentum 0.25: mean 3 and variance 2, so the running mean "
        "becomes $0.75 \\cdot 0 + 0.25 \\cdot 3$. And the running variance?",
        "`torch.var` divides by $n - 1$ by default; `numpy.var` divides by $n$ unless it is told `ddof=1`.",
    ),
    solutions=(
        cleandoc("""
            def running_statistics(batches, momentum):
                mean, var = 0.0, 1.0
                for batch in batches:
                    mean = (1 - momentum) * mean + momentum * batch.mean()
                    squares = ((batch - batch.mean()) ** 2).sum()
                    var = (1 - momentum) * var + momentum * squares / (len(batch) - 1)
                return mean, var
        """),
        cleandoc("""
            import torch


            def running_statistics(batches, momentum):
                layer = torch.nn.BatchNorm1d(1, momentum=momentum)
                for batch in batches:
                    layer(batch[:, None])
                return layer.running_mean.item(), layer.running_var.item()
        """),
        cleandoc("""
            import numpy as np


            def running_statistics(batches, momentum):
                r = np.array([0.0, 1.0])
                for batch in batches:
                    batch = np.asarray(batch)
                    r = r + momentum * (np.array([batch.mean(), batch.var(ddof=1)]) - r)
                return r
        """),
    ),
    explanation=cleandoc(r"""
        PyTorch's momentum is the weight of the new batch, the opposite of Adam's $\beta$ and of
        TensorFlow's BatchNorm momentum (0.99 there is 0.01 here). It is also not BatchNorm's second
        argument, which is eps: `nn.BatchNorm2d(64, 0.8)` adds 0.8 to every variance. The biased variance
        normalises the batch, the unbiased one is remembered.
    """),
    wrong=(
        Wrong(
            cleandoc("""
                def running_statistics(batches, momentum):
                    mean, var = 0.0, 1.0
                    for batch in batches:
                        mean = momentum * mean + (1 - momentum) * batch.mean()
                        var = momentum * var + (1 - momentum) * batch.var()
                    return mean, var
            """),
            "weight of the NEW batch",
        ),
        Wrong(
            cleandoc("""
                def running_statistics(batches, momentum):
                    mean, var = 0.0, 1.0
                    for batch in batches:
                        mean = (1 - momentum) * mean + momentum * batch.mean()
                        var = (1 - momentum) * var + momentum * ((batch - batch.mean()) ** 2).mean()
                    return mean, var
            """),
            "divided by n.",
        ),
        Wrong(
            cleandoc("""
                def running_statistics(batches, momentum):
                    mean, var = 0.0, 0.0
                    for batch in batches:
                        mean = (1 - momentum) * mean + momentum * batch.mean()
                        var = (1 - momentum) * var + momentum * batch.var()
                    return mean, var
            """),
            "begins at 1",
        ),
        Wrong(
            cleandoc("""
                import torch


                def running_statistics(batches, momentum):
                    everything = torch.cat(batches)
                    return everything.mean(), everything.var()
            """),
            "all values together",
        ),
    ),
)


# ---- predictions


def _judge_choice(trial: Trial, right: str, because: dict[str, str], outcome: str) -> None:
    letter = trial.choice("ABCD")
    trial.tried(outcome)
    if letter != right:
        trial.fail(because[letter], case=outcome)


def check_scaled_loss(trial: Trial) -> None:
    """Let D learn for 20 steps, with each optimiser and each factor."""
    trial.choice("ABCD")
    real, z = draw(seed=11)
    way = {}
    for name in ("SGD", "Adam"):
        for factor in (1.0, 0.001):
            G, D = tiny_pair(seed=10)
            start = weights(D)
            optimizer = (
                torch.optim.SGD(D.parameters(), lr=0.01)
                if name == "SGD"
                else torch.optim.Adam(D.parameters(), lr=2e-4, betas=(0.5, 0.999))
            )
            fake = G(z).detach()
            for _ in range(20):
                loss = factor * (softplus(-D(real)).mean() + softplus(D(fake)).mean())
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            way[name, factor] = (weights(D) - start).norm().item()
    ratios = {name: way[name, 0.001] / way[name, 1.0] for name in ("SGD", "Adam")}
    far = {name: ratio > 0.5 for name, ratio in ratios.items()}
    right = {(True, True): "A", (False, True): "B", (True, False): "C", (False, False): "D"}[
        far["SGD"], far["Adam"]
    ]
    _judge_choice(
        trial,
        right,
        {
            "A": "plain gradient descent takes the learning rate times the gradient: a thousandth of the "
            "gradient is a thousandth of the step",
            "B": "neither optimiser does this",
            "C": "it is the other way round: ask which of the two divides by the size of the gradients",
            "D": "Adam divides the mean of the gradients by the root of their mean square, and a common "
            "factor cancels",
        },
        f"run: D's way with the factor, over that without: SGD {ratios['SGD']:.3f}, Adam "
        f"{ratios['Adam']:.3f}",
    )


SCALED_LOSS = Exercise(
    name="scaled-loss",
    title="A thousandth of the loss",
    chapter="training_steps",
    kind="predict",
    difficulty=1,
    statement=cleandoc(r"""
        $D$ is trained for 20 steps on the same batches, from the same weights: once with $L_D$, and once
        with $0.001 \cdot L_D$. How far do its weights move with the factor, compared to without it? We do
        this with plain gradient descent (SGD, without momentum), and with Adam. Learning rates stay as they
        are.

        Set `answer` to the letter of what you expect, then run the check: it makes the experiment.
    """),
    starter="answer = ...",
    answer="answer",
    check=check_scaled_loss,
    hints=(
        "Write down one step of each optimiser for a gradient $g$, and then for $0.001\\,g$.",
        "Adam's step is $-\\text{lr} \\cdot \\hat m / (\\sqrt{\\hat v} + \\epsilon)$, where $\\hat m$ is a "
        "mean of $g$ and $\\hat v$ one of $g^2$. What becomes of a factor in $g$?",
    ),
    solutions=('answer = "B"', 'answer = "b)"'),
    explanation=cleandoc(r"""
        SGD steps by $-\text{lr} \cdot g$: the factor goes into the step. In Adam $\hat m$ gets the factor,
        $\sqrt{\hat v}$ gets the same, and their ratio gets none (as long as the gradients stay well above
        $\epsilon = 10^{-8}$). So "give the generator's loss a larger weight" does next to nothing in a loop
        with two Adams. Who wants one player to move faster changes its learning rate or its number of
        updates.
    """),
    wrong=(
        Wrong('answer = "A"', "a thousandth of the step"),
        Wrong('answer = "C"', "the other way round"),
        Wrong('answer = "D"', "a common factor cancels"),
    ),
    choices=(
        "With both, about as far as before.",
        "With SGD about a thousandth of the way; with Adam about as far as before.",
        "With SGD about as far as before; with Adam about a thousandth of the way.",
        "With both, about a thousandth of the way.",
    ),
)


def _line_generator(alternate: bool, steps: int = 250) -> tuple[float, float]:
    """Train G(z) = m + s z against the best D of the beginning, or that of each moment."""
    z = torch.distributions.Normal(0.0, 1.0).icdf((torch.arange(128) + 0.5) / 128)
    m, s = torch.tensor(0.0, requires_grad=True), torch.tensor(1.0, requires_grad=True)
    optimizer = torch.optim.Adam([m, s], lr=0.05, betas=(0.5, 0.9), fused=True)
    seen = (0.0, 1.0)
    for _ in range(steps):
        if alternate:
            seen = (m.item(), s.item())
        x = m + s * z
        # The logit of the best D: log p_data - log p_g, for the normal densities N(2, 0.5^2) and N(m, s^2).
        logit = 0.5 * ((x - seen[0]) / seen[1]) ** 2 + math.log(abs(seen[1])) - 2 * (x - 2) ** 2 + math.log(2)
        optimizer.zero_grad()
        softplus(-logit).mean().backward()
        optimizer.step()
    return m.item(), abs(s.item())


def check_whole_phases(trial: Trial) -> None:
    """Train G against a D that stands still, and against one that answers."""
    trial.choice("ABCD")
    (m, s), (m_in_turn, s_in_turn) = _line_generator(alternate=False), _line_generator(alternate=True)
    moved = abs(m) > 0.5 or abs(s - 1) > 0.5
    fits = abs(m - 2) < 0.25 and abs(s - 0.5) < 0.25
    right = "B" if not moved else "A" if fits else "C" if s < 0.1 else "D"
    _judge_choice(
        trial,
        right,
        {
            "A": "this is what comes out when they take turns. A D that stands still does not notice that "
            "samples crowd at one place",
            "B": "D's slope at G's samples is not 0 here, and the non-saturating loss pulls hard where D is "
            "sure",
            "C": "the samples do not gather at one point",
            "D": "nothing in G's loss asks for spread: each sample goes uphill on D's logit, whatever the "
            "others do",
        },
        f"run: after whole phases mean {m:.2f}, spread {s:.2f}; in turn mean {m_in_turn:.2f}, spread "
        f"{s_in_turn:.2f}",
    )


WHOLE_PHASES = Exercise(
    name="whole-phases",
    title="First all of D, then all of G",
    chapter="training_steps",
    kind="predict",
    difficulty=2,
    statement=cleandoc(r"""
        Somebody trains in whole phases: first $D$ alone until it is as good as it can be, then $D$ is
        frozen and $G$ alone is trained until nothing moves any more.

        Take a line. The real samples are normal with mean 2 and spread (standard deviation) 0.5. The
        generator is $G(z) = m + s z$ with a standard normal $z$, and starts at $m = 0$, $s = 1$. After the
        first phase $D$ is the best discriminator, $D^* = p_\text{data} / (p_\text{data} + p_g)$ for this
        start; its logit is $\log p_\text{data}(x) - \log p_g(x)$. $G$ then goes down
        $L_G = -\mathbb{E}_z[\log D^*(G(z))]$ for a long time.

        Where does $G$ end? Set `answer` to a letter, then run the check.
    """),
    starter="answer = ...",
    answer="answer",
    check=check_whole_phases,
    hints=(
        "$L_G$ is a mean over samples, and $D^*$ does not change. What is the best place for a single "
        "sample?",
        "The logit is $-2 (x - 2)^2 + x^2/2 + \\text{const}$. Where is it largest? Do two samples with "
        "different $z$ have any reason to lie at different places?",
    ),
    solutions=('answer = "C"', 'answer = " c "'),
    explanation=cleandoc(r"""
        Against a $D$ that stands still, every $z$ should be sent to the one place where the logit is
        largest: $-4(x - 2) + x = 0$, so $x = 8/3$. This lies beyond the data's mean, on the side away from
        where $G$ used to be, and the spread goes to 0. It is mode collapse in a formula: $\min_G \max_D$
        has become $\max_D$, then $\min_G$. With turns, $D$ lowers its logit where samples crowd, and the
        crowd dissolves.
    """),
    wrong=(
        Wrong('answer = "A"', "when they take turns"),
        Wrong('answer = "B"', "pulls hard"),
        Wrong('answer = "D"', "asks for spread"),
    ),
    choices=(
        "At the data: $m$ near 2 and $s$ near 0.5.",
        "Where it started: a $D$ that is as good as it can be gives no gradient.",
        "At a single point: $s$ near 0.",
        "At the right mean with the old spread: $m$ near 2 and $s$ near 1.",
    ),
)


def check_no_grad_sampling(trial: Trial) -> None:
    """Sample in training mode, and look at what is no longer the same."""
    trial.choice("ABCD")
    with own_random_numbers(5):
        G = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))
        for _ in range(50):
            G(torch.randn(32, 2))
        z = torch.randn(4, 2)
        parameters = weights(G)
        before = G.eval()(z)
        G.train()
        with torch.no_grad():
            for _ in range(100):
                G(0.5 * torch.randn(32, 2))
        after = G.eval()(z)
    moved = not torch.equal(weights(G), parameters)
    graded = any(p.grad is not None for p in G.parameters())
    changed = (after - before).abs().max().item()
    right = "B" if moved else "D" if graded else "C" if changed > 0 else "A"
    _judge_choice(
        trial,
        right,
        {
            "A": "`no_grad` stops the recording of gradients. BatchNorm's running statistics are no "
            "parameters, and no gradient moves them: every forward in training mode does",
            "B": "parameters move when an optimiser steps, and there was none",
            "C": "nothing has changed",
            "D": "no gradient was computed: there was no `backward`, and under `no_grad` nothing to go back "
            "through",
        },
        f"run: parameters moved: {moved}; gradients: {graded}; the same z in eval mode: changed by up to "
        f"{changed:.2f}",
    )


NO_GRAD_SAMPLING = Exercise(
    name="no-grad-sampling",
    title="Just looking",
    chapter="training_steps",
    kind="predict",
    difficulty=2,
    statement=cleandoc(r"""
        A generator with BatchNorm has been trained, and is in training mode. To have a look, somebody draws
        100 batches:

            with torch.no_grad():
                for _ in range(100):
                    images = G(0.5 * torch.randn(32, 2))    # half the usual spread: safer samples

        After this, what has changed in `G`? Set `answer` to a letter, then run the check.
    """),
    starter="answer = ...",
    answer="answer",
    check=check_no_grad_sampling,
    hints=(
        "Three things are kept in a network: parameters, their gradients, and buffers. Who changes each of "
        "them?",
        "BatchNorm updates its running mean and variance in every forward pass in training mode.",
    ),
    solutions=('answer = "C"', 'answer = "(c)"'),
    explanation=cleandoc(r"""
        `no_grad` and `eval` have nothing to do with each other. `no_grad` records no graph; `eval` makes
        BatchNorm use its running statistics, and leave them alone (and switches dropout off). Looking needs
        both. Here the running statistics have become those of latents of half the spread, and every later
        sample in eval mode is normalised with them.
    """),
    wrong=(
        Wrong('answer = "A"', "stops the recording"),
        Wrong('answer = "B"', "when an optimiser steps"),
        Wrong('answer = "D"', "no gradient was computed"),
    ),
    choices=(
        "Nothing: under `no_grad` a network cannot change.",
        "Its parameters, a little.",
        "Its running statistics: the same `z` gives other samples in eval mode than before.",
        "The gradients that are stored in its parameters.",
    ),
)


def _short_run(fault: str, steps: int = 30) -> tuple[float, float, float, float]:
    """Train the tiny pair; return the two losses as logged, and the means of D(x) and D(G(z)), at the end."""
    G, D = tiny_pair(seed=20)
    opt_G = torch.optim.Adam(
        G.parameters(), lr=0.0 if fault == "D has won" else 0.02, betas=(0.5, 0.999), fused=True
    )
    opt_D = torch.optim.Adam(D.parameters(), lr=0.05, betas=(0.5, 0.999), fused=True)
    sign_D = -1.0 if fault == "labels of D" else 1.0
    sign_G = -1.0 if fault == "labels of G" else 1.0
    rng = torch.Generator().manual_seed(21)
    for _ in range(steps):
        real = 0.5 * torch.randn(32, 2, generator=rng) + 2
        z = torch.randn(32, 2, generator=rng)
        fake = G(z)
        if fault == "perfect":
            fake = 0.5 * z + 2 + 0 * fake  # G(z) is distributed like the data
        on_real, on_fake = D(real), D(fake.detach())
        loss_D = softplus(-sign_D * on_real).mean() + softplus(sign_D * on_fake).mean()
        opt_D.zero_grad()
        loss_D.backward()
        opt_D.step()
        loss_G = softplus(-sign_G * D(fake)).mean()
        opt_G.zero_grad()
        loss_G.backward()
        opt_G.step()
    return (loss_D.item(), loss_G.item(), on_real.sigmoid().mean().item(), on_fake.sigmoid().mean().item())


def check_both_fall(trial: Trial) -> None:
    """Make four runs, one for each explanation, and see which one looks like the log."""
    trial.choice("ABCD")
    causes = {"A": "perfect", "B": "labels of D", "C": "D has won", "D": "labels of G"}
    ends = {letter: _short_run(cause) for letter, cause in causes.items()}
    (right,) = [
        letter
        for letter, (loss_D, loss_G, d_real, d_fake) in ends.items()
        if loss_D < 0.2 and loss_G < 0.2 and d_real < 0.2 and d_fake > 0.8
    ]
    letter = trial.choice("ABCD")
    loss_D, loss_G, d_real, d_fake = ends[letter]
    _judge_choice(
        trial,
        right,
        {
            "A": "against a perfect G the best D says 1/2: L_D would be 2 log 2 = 1.39, as the run shows",
            "B": "the labels of D's loss do not explain it",
            "C": "when D has won, D(G(z)) is near 0, and L_G = -log D(G(z)) is large: no loss of G falls "
            "then",
            "D": "with G's label exchanged both losses do fall, but D is right then: D(x) near 1 and "
            "D(G(z)) near 0. The log says the opposite",
        },
        f"run with {letter}: L_D {loss_D:.2f}, L_G {loss_G:.2f}, mean of D(x) {d_real:.2f}, of D(G(z)) "
        f"{d_fake:.2f}",
    )


BOTH_FALL = Exercise(
    name="both-losses-fall",
    title="Both losses fall",
    chapter="training_steps",
    kind="predict",
    difficulty=3,
    statement=cleandoc(r"""
        A log, with the losses as the program computed them, and with the means of $D(x)$ on real and of
        $D(G(z))$ on generated samples ($D$ is the sigmoid of the logit):

        | step | loss of $D$ | loss of $G$ | $D(x)$ | $D(G(z))$ |
        |---|---|---|---|---|
        | 1 | 1.5 | 0.8 | 0.5 | 0.4 |
        | 10 | 0.5 | 0.3 | 0.1 | 0.7 |
        | 30 | 0.0 | 0.0 | 0.0 | 1.0 |

        The samples look like nothing at all. What has happened? Set `answer` to a letter. The check trains
        a tiny pair in each of the four ways and compares.
    """),
    starter="answer = ...",
    answer="answer",
    check=check_both_fall,
    hints=(
        "Compute $L_D$ and $L_G$ from the last row's probabilities, with the formulas of the chapter. Which "
        "of the two does not agree with the log?",
        "In a game in which one's gain is the other's loss, can both losses go to 0? Who must have stopped "
        "playing against the other?",
    ),
    solutions=('answer = "B"', 'answer = "B."'),
    explanation=cleandoc(r"""
        With $D(x)$ near 0 and $D(G(z))$ near 1 the right $L_D$ would be huge. The log says 0, so the
        program's $L_D$ rewards exactly this: its labels are exchanged. $G$ goes to where $D$'s logit is
        large, and $D$ makes it large there: they help each other away from the data. Two losses that both
        fall to 0 are a sign of cooperation, never of success.
    """),
    wrong=(
        Wrong('answer = "A"', "against a perfect G"),
        Wrong('answer = "C"', "when D has won"),
        Wrong('answer = "D"', "D is right then"),
    ),
    choices=(
        "Training has succeeded: $G$ has become perfect.",
        "In the loss of $D$ the labels of real and fake are exchanged; the loss of $G$ is right.",
        "$D$ has won: it tells all samples apart, and $G$ gets no gradient.",
        "In the loss of $G$ the label is exchanged; the loss of $D$ is right.",
    ),
)
