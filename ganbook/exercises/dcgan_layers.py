"""Exercises of the chapter on DCGAN: first weights, checkerboards, convolutions as matrices, norms."""

from __future__ import annotations

import math
from inspect import cleandoc

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganbook.exercises.exercise import Exercise, Wrong
from ganbook.exercises.grading.trial import Trial
from ganbook.exercises.players import own_random_numbers

# ---- initialisation


def _to_initialise() -> nn.Module:
    """Return a network with layers inside of other modules, and all weights from 2 to 3."""
    with own_random_numbers(70):
        network = nn.ModuleDict(
            {
                "first": nn.ConvTranspose2d(16, 24, 4, bias=True),
                "inner": nn.Sequential(nn.BatchNorm2d(3000), nn.Sequential(nn.Conv2d(24, 16, 4), nn.ReLU())),
                "head": nn.Linear(12, 5),
            }
        )
        with torch.no_grad():
            for p in network.parameters():
                p.uniform_(2.0, 3.0)
    return network


def check_initialise(trial: Trial) -> None:
    """Measure mean and spread of some thousands of weights in each layer."""
    network = _to_initialise()
    shapes = [p.shape for p in network.parameters()]
    trial.call(network, mutable=True)
    if [p.shape for p in network.parameters()] != shapes:
        trial.fail("the network's parameters have other shapes than before")
    found = {
        type(layer).__name__: dict(layer.named_parameters())
        for layer in network.modules()
        if not list(layer.children())
    }
    outer, inner = found["ConvTranspose2d"]["weight"], found["Conv2d"]["weight"]
    if outer.min() >= 2 and inner.min() >= 2:
        trial.fail(
            "no convolution was initialised. Work in place: the network is not returned",
            "a network of 4 layers",
        )
    for kind, centre in (("ConvTranspose2d", 0.0), ("Conv2d", 0.0), ("BatchNorm2d", 1.0)):
        weight, bias = found[kind]["weight"].detach().double(), found[kind]["bias"].detach()
        mean, std = weight.mean().item(), weight.std().item()
        case = f"{kind} with {weight.numel():,} weights: mean {mean:.4f}, standard deviation {std:.4f}"
        if weight.min() >= 2:
            where = "; it lies inside of another module" if kind != "ConvTranspose2d" else ""
            trial.fail(f"the {kind} was left as it was{where}", case)
        if kind == "BatchNorm2d" and std == 0:
            trial.fail("BatchNorm's scale is constant; it is drawn from N(1, 0.02) too", case)
        if abs(mean - centre) > 0.1:
            trial.fail(
                "BatchNorm's scale is drawn around 0: each channel would be multiplied by nearly nothing"
                if kind == "BatchNorm2d"
                else "the weights of a convolution should be drawn around 0",
                case,
            )
        if abs(std - 0.02**0.5) < 0.02:
            trial.fail("0.02 is the standard deviation here, not the variance", case)
        if abs(std - 0.0004) < 0.0002:
            trial.fail("0.02 was squared; it is the standard deviation already", case)
        far = 5 * 0.02 / weight.numel() ** 0.5  # five standard errors of the mean
        if abs(mean - centre) > far or abs(std - 0.02) > far:
            trial.fail(
                f"the weights of the {kind} do not look like draws with a standard deviation of 0.02", case
            )
        if (weight - centre).abs().max() < 0.05:
            trial.fail(
                f"the weights of the {kind} have no tails: of so many normal draws some lie beyond 2.5 "
                f"standard deviations",
                case,
            )
        if bool((bias != 0).any()):
            trial.fail(f"the biases of the {kind} should be 0", case, bias[:3])
    if any(values.min() < 2 for values in found["Linear"].values()):
        trial.fail(
            "a Linear layer was changed, which the rule does not speak of", "a Linear layer of 12 to 5"
        )
    if torch.equal(outer.flatten()[:100], inner.flatten()[:100]):
        trial.fail("two layers got the same weights: was the generator seeded before each of them?")
    bare = nn.Sequential(nn.Conv2d(2, 3, 3, bias=False), nn.BatchNorm2d(3, affine=True))
    trial.call(bare, mutable=True)
    trial.tried(
        "a Conv2d inside of other modules, a ConvTranspose2d, a BatchNorm2d, a Linear, a Conv2d without a "
        "bias"
    )


INITIALISE = Exercise(
    name="initialise",
    title="DCGAN's first weights",
    chapter="dcgan",
    kind="code",
    difficulty=2,
    statement=cleandoc(r"""
        DCGAN draws its first weights from a normal distribution with standard deviation 0.02. Write
        `initialise(network)`, which does this in place (nothing is returned):

        - the weights of every `nn.Conv2d` and `nn.ConvTranspose2d`: mean 0, standard deviation 0.02;
        - the weights (the scale) of every `nn.BatchNorm2d`: mean 1, standard deviation 0.02;
        - the biases of all these layers, where they have one: 0;
        - other layers stay as they are.

        The layers may lie inside of other modules, at any depth.
    """),
    starter=cleandoc("""
        def initialise(network):
            return ...
    """),
    answer="initialise",
    check=check_initialise,
    hints=(
        "`network.modules()` walks through all modules, at any depth; `children()` only through the first "
        "level.",
        "`nn.init.normal_(tensor, mean, std)` and `nn.init.zeros_(tensor)` work in place.",
        "`isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d))` in one branch, `nn.BatchNorm2d` in another; "
        "and `layer.bias` is None where there is no bias.",
    ),
    solutions=(
        cleandoc("""
            from torch import nn


            def initialise(network):
                for layer in network.modules():
                    if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
                        nn.init.normal_(layer.weight, 0.0, 0.02)
                        if layer.bias is not None:
                            nn.init.zeros_(layer.bias)
                    elif isinstance(layer, nn.BatchNorm2d):
                        nn.init.normal_(layer.weight, 1.0, 0.02)
                        nn.init.zeros_(layer.bias)
        """),
        cleandoc("""
            import torch


            def initialise(network):
                centre = {"Conv2d": 0, "ConvTranspose2d": 0, "BatchNorm2d": 1}

                @torch.no_grad()
                def draw(layer):
                    kind = type(layer).__name__
                    if kind in centre:
                        layer.weight.copy_(centre[kind] + 0.02 * torch.randn(layer.weight.shape))
                        if layer.bias is not None:
                            layer.bias.zero_()

                network.apply(draw)
        """),
    ),
    explanation=cleandoc(r"""
        `nn.init.normal_` takes the standard deviation; a variance of 0.02 would be seven times as wide.
        BatchNorm's scale is drawn around 1, because it multiplies what was just normalised: around 0 it
        would silence every channel, and with it the gradient. Many programs look for "Conv" in the name of
        the class, which finds `ConvTranspose2d` too, and anything else that somebody has called so.
    """),
    wrong=(
        Wrong(
            cleandoc("""
                from torch import nn


                def initialise(network):
                    for layer in network.modules():
                        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
                            nn.init.normal_(layer.weight, 0.0, 0.02**0.5)
                            if layer.bias is not None:
                                nn.init.zeros_(layer.bias)
                        elif isinstance(layer, nn.BatchNorm2d):
                            nn.init.normal_(layer.weight, 1.0, 0.02**0.5)
                            nn.init.zeros_(layer.bias)
            """),
            "not the variance",
        ),
        Wrong(
            cleandoc("""
                from torch import nn


                def initialise(network):
                    for layer in network.modules():
                        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d)):
                            nn.init.normal_(layer.weight, 0.0, 0.02)
                            if layer.bias is not None:
                                nn.init.zeros_(layer.bias)
            """),
            "drawn around 0",
        ),
        Wrong(
            cleandoc("""
                from torch import nn


                def initialise(network):
                    for layer in network.children():
                        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
                            nn.init.normal_(layer.weight, 0.0, 0.02)
                            if layer.bias is not None:
                                nn.init.zeros_(layer.bias)
                        elif isinstance(layer, nn.BatchNorm2d):
                            nn.init.normal_(layer.weight, 1.0, 0.02)
                            nn.init.zeros_(layer.bias)
            """),
            "inside of another module",
        ),
        Wrong(
            cleandoc("""
                from torch import nn


                def initialise(network):
                    for layer in network.modules():
                        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
                            nn.init.normal_(layer.weight, 0.0, 0.02)
                            if layer.bias is not None:
                                nn.init.zeros_(layer.bias)
                        elif isinstance(layer, nn.BatchNorm2d):
                            nn.init.ones_(layer.weight)
                            nn.init.zeros_(layer.bias)
            """),
            "scale is constant",
        ),
        Wrong(
            cleandoc("""
                from torch import nn


                def initialise(network):
                    for layer in network.modules():
                        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
                            nn.init.normal_(layer.weight, 0.0, 0.02)
                            if layer.bias is not None:
                                nn.init.zeros_(layer.bias)
                        elif isinstance(layer, nn.BatchNorm2d):
                            nn.init.normal_(layer.weight, 1.0, 0.02)
                            nn.init.zeros_(layer.bias)
            """),
            "a Linear layer was changed",
        ),
    ),
)


# ---- checkerboards


def check_overlap(trial: Trial) -> None:
    """Count by laying the kernels, and by PyTorch with ones."""
    for n, k, s in ((3, 3, 2), (3, 4, 2), (1, 4, 2), (4, 5, 3), (3, 2, 3), (6, 3, 1)):
        right = F.conv_transpose1d(torch.ones(1, 1, n), torch.ones(1, 1, k), stride=s).flatten()
        case = f"n = {n}, kernel = {k}, stride = {s}"
        got = trial.tensor(n, k, s)
        if got.shape != right.shape:
            known: dict[tuple[int, ...], str] = {
                (
                    n * s,
                ): "one number for each output pixel is wanted, and the copies stick out at the end: there "
                "are more than n times the stride",
                (n,): "one number for each *output* pixel is wanted, not for each input pixel",
                (max(0, (n - k) // s + 1),): "this is as long as the output of an ordinary convolution",
                (
                    n * s + k,
                ): "the output is as long as from the beginning of the first copy to the end of the last: n "
                "- 1 strides, and a kernel",
            }
            trial.fail(known.get(tuple(got.shape), "this is not as long as the output"), case, got)
        trial.differs(
            got,
            right,
            case=case,
            known={
                "the copies are laid one pixel apart, whatever the stride is": F.pad(
                    F.conv_transpose1d(torch.ones(1, 1, n), torch.ones(1, 1, k)).flatten(),
                    (0, (n - 1) * (s - 1)),
                ),
                "every output pixel is counted alike, but at "
                "both ends there are fewer copies": torch.full_like(right, right.max().item()),
                "the numbers are shares; counts are wanted": right / right.max(),
                "one too many everywhere": right + 1,
                "one too few everywhere": right - 1,
            },
            otherwise="this is not how many copies of the kernel cover each output pixel",
        )
    trial.tried("six transposed convolutions, with kernels that the stride divides and with others")


OVERLAP = Exercise(
    name="checkerboard-overlap",
    title="Where checkerboards come from",
    chapter="dcgan",
    kind="code",
    difficulty=2,
    statement=cleandoc(r"""
        A transposed convolution lays a copy of the kernel for each input pixel, the copies `stride` pixels
        apart. Some output pixels are covered by more copies than others.

        Write `overlap(n, kernel, stride)` for one axis with `n` input pixels and without padding: a list
        (or tensor) with one whole number for each output pixel, the number of copies that cover it. Its
        length is $(n - 1) \cdot \text{stride} + \text{kernel}$.
    """),
    starter=cleandoc("""
        def overlap(n, kernel, stride):
            return ...
    """),
    answer="overlap",
    check=check_overlap,
    hints=(
        "Draw it for 3 input pixels, a kernel of 3 and a stride of 2.",
        "Start with zeros. Which output pixels does the copy of input pixel $i$ cover?",
        "From `i * stride` to `i * stride + kernel - 1`: add 1 to each of them.",
    ),
    solutions=(
        cleandoc("""
            def overlap(n, kernel, stride):
                counts = [0] * ((n - 1) * stride + kernel)
                for i in range(n):
                    for j in range(kernel):
                        counts[i * stride + j] += 1
                return counts
        """),
        cleandoc("""
            import torch


            def overlap(n, kernel, stride):
                ones = torch.ones
                return torch.nn.functional.conv_transpose1d(ones(1, 1, n), ones(1, 1, kernel),
                stride=stride)[0, 0]
        """),
        cleandoc("""
            import numpy as np


            def overlap(n, kernel, stride):
                pixel = np.arange((n - 1) * stride + kernel)[:, None]
                start = np.arange(n)[None, :] * stride
                return ((start <= pixel) & (pixel < start + kernel)).sum(axis=1)
        """),
    ),
    explanation=cleandoc(r"""
        Away from the ends, kernel 3 with stride 2 covers 1, 2, 1, 2, ... times, and kernel 4 with stride 2
        always twice: the cover is even exactly where the stride divides the kernel. In two dimensions 1, 2
        becomes 1, 2, 4: a checkerboard, which the weights would have to learn away. Hence a kernel of 4, as
        in this book's DCGAN, or enlarging first and an ordinary convolution after it.
    """),
    wrong=(
        Wrong(
            cleandoc("""
                def overlap(n, kernel, stride):
                    counts = [0] * (n * stride)
                    for i in range(n):
                        for j in range(kernel):
                            if i * stride + j < len(counts):
                                counts[i * stride + j] += 1
                    return counts
            """),
            "stick out at the end",
        ),
        Wrong(
            cleandoc("""
                def overlap(n, kernel, stride):
                    counts = [0] * ((n - 1) * stride + kernel)
                    for i in range(n):
                        for j in range(kernel):
                            counts[i + j] += 1
                    return counts
            """),
            "one pixel apart",
        ),
        Wrong(
            "def overlap(n, kernel, stride):\n    return [-(-kernel // stride)] * ((n - 1) * stride + "
            "kernel)",
            "counted alike",
        ),
        Wrong("def overlap(n, kernel, stride):\n    return [kernel] * n", "not for each input pixel"),
    ),
)


def check_checkerboard_at_start(trial: Trial) -> None:
    """Enlarge a constant map in three ways with random weights, and look at the inside."""
    trial.choice("ABCD")
    with own_random_numbers(80):
        x = torch.ones(1, 1, 8, 8)
        ways = {
            "transposed, kernel 3": nn.ConvTranspose2d(1, 1, 3, 2, 1, output_padding=1),
            "transposed, kernel 4": nn.ConvTranspose2d(1, 1, 4, 2, 1),
            "enlarged, then a convolution": nn.Sequential(
                nn.Upsample(scale_factor=2), nn.Conv2d(1, 1, 3, 1, 1)
            ),
        }
        inside = {name: layer(x)[0, 0, 4:-4, 4:-4].detach() for name, layer in ways.items()}
    pattern = {name: (values.max() - values.min()).item() > 1e-4 for name, values in inside.items()}
    right = {
        (True, False, False): "A",
        (True, True, False): "B",
        (True, True, True): "C",
        (False, False, False): "D",
    }[tuple(pattern.values())]
    seen = "; ".join(
        f"{name}: {len(values.unique().round(decimals=4).unique())}" for name, values in inside.items()
    )
    letter = trial.choice("ABCD")
    outcome = f"run: how many different values lie inside: {seen}"
    trial.tried(outcome)
    if letter != right:
        trial.fail(
            {
                "A": "kernel 4 covers every pixel equally often, but not by the same weights: pixels at "
                "even and at odd places are made by different quarters of the kernel",
                "B": "not these",
                "C": "each pixel of the enlarged constant map has the same neighbours and the same kernel",
                "D": "the overlap is uneven with kernel 3, and random weights do not make up for it",
            }[letter],
            case=outcome,
        )


CHECKERBOARD = Exercise(
    name="checkerboard-at-start",
    title="A constant map, enlarged",
    chapter="dcgan",
    kind="predict",
    difficulty=3,
    statement=cleandoc(r"""
        A constant map of 8x8 pixels is doubled to 16x16 by three layers with **random** weights, as they
        are before training:

        1. a transposed convolution with kernel 3, stride 2 (padding 1, output padding 1);
        2. a transposed convolution with kernel 4, stride 2 (padding 1);
        3. enlarging by repeating each pixel, then an ordinary convolution with kernel 3 (padding 1).

        Look at the inside only, away from the border. In which outputs is there a regular pattern, where a
        constant would be right? Set `answer` to a letter, then run the check.
    """),
    starter="answer = ...",
    answer="answer",
    check=check_checkerboard_at_start,
    hints=(
        "How often a pixel is covered is one question. By which of the kernel's weights is another one.",
        "With kernel 4 and stride 2, along one axis: which two of the four weights make an output pixel at "
        "an even place, and which two at an odd one?",
    ),
    solutions=('answer = "B"', 'answer = " b"'),
    explanation=cleandoc(r"""
        With kernel 4 every pixel is covered by $2 \times 2$ copies, but pixels at even and odd places get
        different weights, $w_1 + w_3$ or $w_0 + w_2$ along an axis: four different values in two
        dimensions. An even overlap makes a constant possible, it does not make it so. (With kernel 3, a
        constant needs the weights to balance uneven counts.) Only the third way is right from the first
        step, whatever the weights are.
    """),
    wrong=(
        Wrong('answer = "A"', "not by the same weights"),
        Wrong('answer = "C"', "same neighbours"),
        Wrong('answer = "D"', "the overlap is uneven"),
    ),
    choices=(
        "In the first only: there the stride does not divide the kernel.",
        "In the first and the second.",
        "In all three.",
        "In none: a constant goes in, a constant comes out.",
    ),
)


# ---- convolutions as matrices


def check_convolution_matrix(trial: Trial) -> None:
    """Build C from the convolutions of unit vectors, and compare."""
    for k, n, s in ((2, 3, 1), (3, 6, 2), (4, 8, 2), (1, 4, 3), (3, 5, 1)):
        w = torch.tensor([1.0, 2.0, 4.0, 7.0])[:k]
        eye = torch.eye(n)[:, None]  # each unit vector is a batch of one
        right = F.conv1d(eye, w.view(1, 1, -1), stride=s)[:, 0].T
        case = f"w = {[int(x) for x in w]}, n = {n}, stride = {s}"
        got = trial.tensor(w, n, s)
        if tuple(got.shape) == tuple(right.T.shape) and right.shape[0] != right.shape[1]:
            trial.fail(
                "this is the matrix of the transposed convolution; rows should belong to outputs", case, got
            )
        if got.shape != right.shape:
            what = {
                n: "a row for each input pixel: near the end the kernel would stick out, or come in again "
                "at the front",
                n - k + 1: "a row for each place of a kernel with stride 1; with this stride there are "
                "fewer outputs",
            }.get(
                got.shape[0] if got.dim() == 2 else -1,
                "one row for each output, and one column for each input",
            )
            trial.fail(f"{what}. The shape is {tuple(got.shape)}", case, got)
        flipped = F.conv1d(eye, w.flip(0).view(1, 1, -1), stride=s)[:, 0].T
        unit_steps = F.conv1d(eye, w.view(1, 1, -1))[:, 0].T[: len(right)]
        known = {
            "the kernel is turned round. What deep learning calls a convolution does not turn it: "
            "w[0] meets the first pixel": flipped
        }
        if not torch.equal(unit_steps, right):
            known["the rows move by one pixel, whatever the stride is"] = unit_steps
        trial.differs(got, right, case=case, known=known, otherwise="this matrix does something else")
    trial.tried("five kernels, against PyTorch's conv1d")


CONVOLUTION_MATRIX = Exercise(
    name="convolution-matrix",
    title="What is transposed in a transposed convolution?",
    chapter="dcgan",
    kind="code",
    difficulty=3,
    statement=cleandoc(r"""
        A convolution of a row of pixels is linear, so it is a matrix: $y = C x$, with

        $$y_i = \sum_{j=0}^{k-1} w_j \, x_{i s + j} ,$$

        kernel $w$, stride $s$ and no padding. The transposed convolution with the same kernel and stride is
        $y \mapsto C^\top y$, which is all that its name says.

        Write `convolution_matrix(w, n, stride)`, which returns $C$. `w` is a tensor (or array) of shape
        `(k,)`, `n` the number of pixels of $x$. $C$ has one row for each output and `n` columns.
    """),
    starter=cleandoc("""
        def convolution_matrix(w, n, stride):
            return ...
    """),
    answer="convolution_matrix",
    check=check_convolution_matrix,
    hints=(
        "Write down the first row for $k = 2$, $n = 4$, and then the second one for stride 1 and for stride "
        "2.",
        "Row $i$ holds the kernel, beginning at column $i s$, and zeros elsewhere. How many rows fit?",
        "`(n - k) // stride + 1` rows of zeros; then `C[i, i * stride : i * stride + k] = w`.",
    ),
    solutions=(
        cleandoc("""
            import torch


            def convolution_matrix(w, n, stride):
                k = len(w)
                C = torch.zeros((n - k) // stride + 1, n)
                for i in range(len(C)):
                    C[i, i * stride : i * stride + k] = w
                return C
        """),
        cleandoc("""
            import torch


            def convolution_matrix(w, n, stride):
                units = torch.eye(n, dtype=w.dtype)[:, None]
                return torch.nn.functional.conv1d(units, w[None, None], stride=stride)[:, 0].T
        """),
        cleandoc("""
            def convolution_matrix(w, n, stride):
                k = len(w)
                rows = []
                for start in range(0, n - k + 1, stride):
                    rows.append([float(w[c - start]) if 0 <= c - start < k else 0.0 for c in range(n)])
                return rows
        """),
    ),
    explanation=cleandoc(r"""
        Column $c$ of $C$ tells which outputs the pixel $c$ has an influence on; read as a row of $C^\top$,
        it tells which inputs of the transposed convolution make the pixel $c$. So a transposed convolution
        is no inverse: $C^\top C x \ne x$. It is also exactly what backpropagation through a convolution
        does, so a framework that can train convolutions has it already.
    """),
    wrong=(
        Wrong(
            cleandoc("""
                import torch


                def convolution_matrix(w, n, stride):
                    k = len(w)
                    C = torch.zeros((n - k) // stride + 1, n)
                    for i in range(len(C)):
                        C[i, i * stride : i * stride + k] = w.flip(0)
                    return C
            """),
            "turned round",
        ),
        Wrong(
            cleandoc("""
                import torch


                def convolution_matrix(w, n, stride):
                    k = len(w)
                    C = torch.zeros((n - k) // stride + 1, n)
                    for i in range(len(C)):
                        C[i, i : i + k] = w
                    return C
            """),
            "move by one pixel",
        ),
        Wrong(
            cleandoc("""
                import torch


                def convolution_matrix(w, n, stride):
                    k = len(w)
                    C = torch.zeros((n - k) // stride + 1, n)
                    for i in range(len(C)):
                        C[i, i * stride : i * stride + k] = w
                    return C.T
            """),
            "rows should belong to outputs",
        ),
        Wrong(
            cleandoc("""
                import torch


                def convolution_matrix(w, n, stride):
                    C = torch.zeros(n, n)
                    for i in range(n):
                        for j in range(len(w)):
                            C[i, (i * stride + j) % n] += w[j]
                    return C
            """),
            "a row for each input pixel",
        ),
    ),
)


# ---- BatchNorm


def check_bias_before_norm(trial: Trial) -> None:
    """Change the bias, look at the output, and at the bias's gradient."""
    letter = trial.choice("ABCD")
    with own_random_numbers(100):
        conv, norm = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)
        x = torch.randn(16, 1, 8, 8)
        before = norm(conv(x))
        with torch.no_grad():
            conv.get_parameter("bias").add_(5.0)
        after = norm(conv(x))
    shift = (after - before).mean().item()
    gap = (after - before).abs().max().item()
    right = "B" if gap < 1e-3 else "A" if abs(shift - 5) < 1 else "C" if abs(shift) < 1 else "D"
    outcome = f"run: largest change of the output {gap:.1e}"
    trial.tried(outcome)
    if letter != right:
        trial.fail(
            {
                "A": "it would, without the BatchNorm behind it: what does that take away from each channel?",
                "B": "not this",
                "C": "adding the same number to all values of a channel does not change their spread",
                "D": "BatchNorm takes away the mean of the batch it sees, not one that it remembers, in "
                "training mode",
            }[letter],
            case=outcome,
        )


BIAS_BEFORE_NORM = Exercise(
    name="bias-before-norm",
    title="A bias before BatchNorm",
    chapter="dcgan",
    kind="predict",
    difficulty=1,
    statement=cleandoc(r"""
        A `Conv2d` with a bias is followed by a `BatchNorm2d`, in training mode. You add 5 to each of the
        convolution's biases, and pass the same batch through both layers once more. What happens to the
        output of the BatchNorm?

        Set `answer` to a letter, then run the check.
    """),
    starter="answer = ...",
    answer="answer",
    check=check_bias_before_norm,
    hints=(
        "What does the number 5 do to the mean of a channel, and to its variance?",
        "BatchNorm computes $(x - \\text{mean})/\\sqrt{\\text{variance} + \\epsilon}$ for each channel, "
        "over the batch and all pixels.",
    ),
    solutions=('answer = "B"', 'answer = "b"'),
    explanation=cleandoc(r"""
        The bias goes into the mean of its channel, and the mean is taken away. So it has no effect, and no
        gradient either; BatchNorm's own shift does the bias's work. This is why the convolutions of a DCGAN
        that stand before a BatchNorm have `bias=False`, and the last one, which does not, has a bias.
    """),
    wrong=(
        Wrong('answer = "A"', "without the BatchNorm behind it"),
        Wrong('answer = "C"', "does not change their spread"),
        Wrong('answer = "D"', "not one that it remembers"),
    ),
    choices=(
        "It grows by 5.",
        "Nothing, but for rounding.",
        "It is squeezed: the larger numbers are divided by a larger spread.",
        "It grows for some batches, until the running mean has caught up.",
    ),
)


def check_batchnorm_batches(trial: Trial) -> None:
    """Train the same D on the two kinds of batches, and count right answers."""
    letter = trial.choice("ABCD")
    right_answers = {}
    for together in (False, True):
        with own_random_numbers(110):
            D = nn.Sequential(nn.BatchNorm1d(1), nn.Linear(1, 1), nn.Flatten(0))
            optimizer = torch.optim.Adam(D.parameters(), lr=0.1, fused=True)
            for _ in range(60):
                real, fake = torch.randn(64, 1), torch.randn(64, 1) + 4
                if together:
                    on_real, on_fake = D(torch.cat([real, fake])).chunk(2)
                else:
                    on_real, on_fake = D(real), D(fake)
                loss = F.softplus(-on_real).mean() + F.softplus(on_fake).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        right_answers[together] = 0.5 * ((on_real > 0).float().mean() + (on_fake < 0).float().mean()).item()
    tells = {together: share > 0.8 for together, share in right_answers.items()}
    right = {(True, True): "A", (False, True): "B", (True, False): "C", (False, False): "D"}[
        tells[False], tells[True]
    ]
    outcome = f"run: right answers in batches of their own {right_answers[False]:.2f}, together "
    f"{right_answers[True]:.2f}"
    trial.tried(outcome)
    if letter != right:
        trial.fail(
            {
                "A": "in a batch of its own, each kind is moved to the mean 0 before anything else looks at "
                "it",
                "B": "not this",
                "C": "together, the batch has one mean, between both kinds, and taking it away leaves them "
                "apart",
                "D": "one of the two ways keeps the difference: which mean is taken away from which samples?",
            }[letter],
            case=outcome,
        )


BATCHNORM_BATCHES = Exercise(
    name="batchnorm-at-the-input",
    title="What a BatchNorm at D's input hides",
    chapter="dcgan",
    kind="predict",
    difficulty=3,
    statement=cleandoc(r"""
        Real samples are normal with mean 0 and spread 1, generated ones have mean 4 and spread 1. Anybody
        could tell them apart. The discriminator **begins** with a BatchNorm, then a linear layer gives the
        logit:

            D = nn.Sequential(nn.BatchNorm1d(1), nn.Linear(1, 1), nn.Flatten(0))

        It is trained in two ways, in training mode: with `D(real)` and `D(fake)`, each a batch of its own;
        and with `D(torch.cat([real, fake]))`, both in one batch. How many of its answers on training
        batches are right at the end, with batches of their own, and together? Set `answer` to a letter,
        then run the check.
    """),
    starter="answer = ...",
    answer="answer",
    check=check_batchnorm_batches,
    hints=(
        "What are the mean and the spread of each kind behind the BatchNorm, if it is alone in its batch?",
        "And if both are in one batch: which single number is taken away from all of them?",
    ),
    solutions=('answer = "B"', 'answer = "B)"'),
    explanation=cleandoc(r"""
        In a batch of its own each kind has mean 0 and spread 1 behind the BatchNorm: the one thing in which
        they differ is taken away, and $D$ guesses. Together the mean is 2, and they come out at $-0.9$ and
        $0.9$. That is one reason for DCGAN's rule of no BatchNorm at $D$'s input. Further inside, where a
        shift of the input has long become many different features, it does less harm, but the question
        which samples share a batch stays: mixing real and fake makes each logit depend on how many of each
        kind there are.
    """),
    wrong=(
        Wrong('answer = "A"', "in a batch of its own"),
        Wrong('answer = "C"', "leaves them apart"),
        Wrong('answer = "D"', "one of the two ways"),
    ),
    choices=(
        "Nearly all, in both ways.",
        "About half with batches of their own; nearly all together.",
        "Nearly all with batches of their own; about half together.",
        "About half, in both ways.",
    ),
)


# ---- spectral norm


def _power_iteration(W: Tensor, u: Tensor, steps: int) -> tuple[float, Tensor, Tensor]:
    v = u
    for _ in range(steps):
        v = F.normalize(W.T @ u, dim=0)
        u = F.normalize(W @ v, dim=0)
    return (u @ W @ v).item(), u, v


def check_spectral_norm(trial: Trial) -> None:
    """Try few steps, many steps, and a kernel."""
    rng = torch.Generator().manual_seed(140)
    square = torch.tensor([[3.0, 0.0], [0.0, 1.0]])
    oblong = torch.tensor([[1.0, 2.0], [0.0, 1.0], [2.0, -1.0]])
    cases: list[tuple[str, Tensor, Tensor, int]] = [
        ("W = [[1, 2], [0, 1], [2, -1]], u = (1, 1, 0), 1 step", oblong, torch.tensor([1.0, 1.0, 0.0]), 1),
        ("W = [[3, 0], [0, 1]], u = (1, 2), 1 step", square, torch.tensor([1.0, 2.0]), 1),
        ("W = [[3, 0], [0, 1]], u = (1, 2), 2 steps", square, torch.tensor([1.0, 2.0]), 2),
        (
            "W = [[0, -5], [1, 0]], u = (1, 1), 60 steps",
            torch.tensor([[0.0, -5.0], [1.0, 0.0]]),
            torch.ones(2),
            60,
        ),
        (
            "a random 4 x 6 matrix, 3 steps",
            torch.randn(4, 6, generator=rng),
            torch.randn(4, generator=rng),
            3,
        ),
        (
            "a kernel of shape (3, 2, 2, 2), 60 steps",
            torch.randn(3, 2, 2, 2, generator=rng),
            torch.ones(3),
            60,
        ),
    ]
    for case, weight, u, steps in cases:
        W, start = weight.flatten(1).double(), u.double()
        right, _, last_v = _power_iteration(W, start, steps)
        known: dict[str, float] = {
            "this is the Frobenius norm, the root of the sum of all squares: it bounds the "
            "spectral norm, but is not it": W.norm().item(),
            "this is the largest entry": W.abs().max().item(),
            "this is the square: a singular value is the root of an eigenvalue of W^T W": right**2,
            "this is the nuclear norm, the sum of the singular values": torch.linalg.svdvals(W).sum().item(),
            "one step too many": _power_iteration(W, start, steps + 1)[0],
            "this is the product before the "
            "last update of u: u^T W v is "
            "taken with the u and the v of "
            "the last step": (_power_iteration(W, start, steps - 1)[1] @ W @ last_v).item()
            if steps > 1
            else math.nan,
            "u begins with another length than 1, and was not normalised before the product": (
                start @ W @ last_v
            ).item(),
        }
        if steps > 1:
            known["one step too few"] = _power_iteration(W, start, steps - 1)[0]
        exact = torch.linalg.svdvals(W)[0].item()
        if abs(exact - right) > 1e-3 * exact:
            known[
                "this is the exact largest singular value; what power iteration gives after these steps is "
                "wanted"
            ] = exact
        trial.differs(
            trial.number(weight, u, steps),
            right,
            case=case,
            known={message: value for message, value in known.items() if not math.isnan(value)},
            rtol=1e-3,
            otherwise="this is not u^T W v after these steps",
        )
    trial.tried(
        "few steps, many steps, oblong matrices, one with complex eigenvalues, and a convolution's kernel"
    )


SPECTRAL_NORM = Exercise(
    name="spectral-norm",
    title="The spectral norm by power iteration",
    chapter="dcgan",
    kind="code",
    difficulty=3,
    statement=cleandoc(r"""
        Spectral normalisation (Miyato et al., 2018) divides each weight matrix of $D$ by its largest
        singular value $\sigma(W)$, the most by which $W$ can stretch a vector. It is found by power
        iteration. One step is

        $$v \leftarrow \frac{W^\top u}{\|W^\top u\|} , \qquad u \leftarrow \frac{W v}{\|W v\|} ,$$

        and after the last step $\sigma(W) \approx u^\top W v$.

        Write `spectral_norm(W, u, steps)`, which makes `steps` steps (at least 1) from the given `u` and
        returns $u^\top W v$, a number. `W` is a tensor (or array) of shape `(m, n)` and `u` of shape
        `(m,)`. `W` may also be a convolution's kernel, of shape `(m, c, k, k)`: this counts as a matrix
        with one row for each of the `m` output channels.
    """),
    starter=cleandoc("""
        def spectral_norm(W, u, steps):
            return ...
    """),
    answer="spectral_norm",
    check=check_spectral_norm,
    hints=(
        "$W^\\top u$ has $n$ entries, $W v$ has $m$.",
        "First make a matrix of whatever comes in: `W.reshape(len(W), -1)`. Then a loop with two lines.",
        "`v = W.T @ u; v = v / v.norm(); u = W @ v; u = u / u.norm()`, and after the loop `u @ W @ v`.",
    ),
    solutions=(
        cleandoc("""
            from torch.nn.functional import normalize


            def spectral_norm(W, u, steps):
                W = W.flatten(1)
                for _ in range(steps):
                    v = normalize(W.T @ u, dim=0)
                    u = normalize(W @ v, dim=0)
                return u @ W @ v
        """),
        cleandoc("""
            import numpy as np


            def spectral_norm(W, u, steps):
                W = np.asarray(W).reshape(len(W), -1)
                u = np.asarray(u)
                for _ in range(steps):
                    v = u @ W / np.linalg.norm(u @ W)
                    u = W @ v / np.linalg.norm(W @ v)
                return np.sum(u * (W @ v))
        """),
    ),
    explanation=cleandoc(r"""
        Every step multiplies by $W^\top W$ and normalises: the part along the largest singular vector grows
        fastest. After the last step $u^\top W v = \|W v\|$. Weights move little from one training step to
        the next, so one iteration a step is enough, if $u$ is kept: as a buffer, which a checkpoint must
        hold. Eigenvalues do not do: the rotation $\begin{pmatrix} 0 & -5 \\ 1 & 0 \end{pmatrix}$ has none
        that are real.
    """),
    wrong=(
        Wrong("def spectral_norm(W, u, steps):\n    return W.flatten(1).norm()", "Frobenius"),
        Wrong("def spectral_norm(W, u, steps):\n    return W.abs().max()", "largest entry"),
        Wrong(
            "import torch\n\n\ndef spectral_norm(W, u, steps):\n    return "
            "torch.linalg.svdvals(W.flatten(1))[0]",
            "exact largest singular value",
        ),
        Wrong(
            cleandoc("""
                from torch.nn.functional import normalize


                def spectral_norm(W, u, steps):
                    for _ in range(steps):
                        v = normalize(W.flatten(1).T @ u, dim=0)
                        u = normalize(W.flatten(1) @ v, dim=0)
                    return (W.flatten(1) @ v).square().sum()
            """),
            "this is the square",
        ),
        Wrong(
            cleandoc("""
                from torch.nn.functional import normalize


                def spectral_norm(W, u, steps):
                    W = W.flatten(1)
                    for _ in range(steps + 1):
                        v = normalize(W.T @ u, dim=0)
                        u = normalize(W @ v, dim=0)
                    return u @ W @ v
            """),
            "one step too many",
        ),
    ),
)
