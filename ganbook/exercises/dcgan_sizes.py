"""Exercises of the chapter on DCGAN: sizes, weights, receptive fields, and a pair that does not fit."""

from __future__ import annotations

import math
from inspect import cleandoc

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganbook.exercises.exercise import Exercise, Wrong
from ganbook.exercises.grading.trial import Trial
from ganbook.exercises.players import own_random_numbers

# ---- sizes


def check_conv_size(trial: Trial) -> None:
    """Try cases that tell the formula's parts apart, then a grid of real layers."""
    for n, k, s, p in ((5, 2, 2, 0), (7, 3, 1, 0), (8, 3, 1, 2), (28, 4, 2, 1), (7, 3, 2, 1)):
        room = n + 2 * p - k
        out = room // s + 1
        known = {
            "one too few: the first position of the kernel counts too, also when no stride fits "
            "any more": room // s,
            "the size is not a whole number: positions at which the kernel would stick out do not count": room
            / s
            + 1,
            "rounded up: the last position would stick out of the picture": math.ceil(room / s) + 1,
            "the padding is added on one side only; it is added on both": (n + p - k) // s + 1,
            "the padding was taken away, as in a transposed convolution": (n - 2 * p - k) // s + 1,
            "the stride has no effect": n + 2 * p - k + 1,
            "this is the size of a transposed convolution's output": (n - 1) * s - 2 * p + k,
            "n divided by the stride, whatever the kernel is": n // s,
            "the padding has no effect": (n - k) // s + 1,
        }
        case = f"n = {n}, kernel = {k}, stride = {s}, padding = {p}"
        trial.differs(
            trial.number(n, k, s, p), out, case=case, known=known, rtol=0, otherwise="this is not the size"
        )
    for n in (4, 9, 32):
        for k, s, p in ((1, 1, 0), (3, 2, 0), (3, 2, 1), (4, 2, 1), (5, 3, 2), (4, 4, 0)):
            out = F.conv1d(torch.zeros(1, 1, n + 1), torch.zeros(1, 1, k), stride=s, padding=p).shape[-1]
            case = f"n = {n + 1}, kernel = {k}, stride = {s}, padding = {p}"
            trial.differs(
                trial.number(n + 1, k, s, p), out, case=case, rtol=0, otherwise="this is not the size"
            )
    trial.tried("23 convolutions, 18 of them against PyTorch's own")


CONV_SIZE = Exercise(
    name="conv-size",
    title="How large is a convolution's output?",
    chapter="dcgan",
    kind="compute",
    difficulty=1,
    statement=cleandoc(r"""
        A convolution slides a kernel of `kernel` pixels over a row of `n` pixels, to which `padding` zeros
        have been added at *both* ends. It moves by `stride` pixels at a time, and stops before the kernel
        would stick out.

        Derive how many outputs there are, and write `conv_size(n, kernel, stride, padding)`. All are whole
        numbers, and the kernel fits at least once. (For images this holds for height and width, each by
        itself.)
    """),
    starter=cleandoc("""
        def conv_size(n, kernel, stride, padding):
            return ...
    """),
    answer="conv_size",
    check=check_conv_size,
    hints=(
        "With stride 1 and no padding, where can the kernel's left end stand?",
        "The left end stands at $0, s, 2s, \\dots$ and at most at $n + 2p - k$. How many such places are "
        "there?",
        "The whole part of $(n + 2p - k) / s$, and the place 0 itself.",
    ),
    solutions=(
        cleandoc("""
            def conv_size(n, kernel, stride, padding):
                return (n + 2 * padding - kernel) // stride + 1
        """),
        cleandoc("""
            def conv_size(n, kernel, stride, padding):
                return len(range(0, n + 2 * padding - kernel + 1, stride))
        """),
    ),
    explanation=cleandoc(r"""
        $\lfloor (n + 2p - k)/s \rfloor + 1$. The discriminator of this book's DCGAN uses $k = 4$, $s = 2$,
        $p = 1$, which halves every even size exactly: $\lfloor (n - 2)/2 \rfloor + 1 = n/2$. With $k = 3$
        it halves too, but a 7 becomes a 4, and the way back does not lead to 7 again without help.
    """),
    wrong=(
        Wrong(
            "def conv_size(n, kernel, stride, padding):\n    return (n + 2 * padding - kernel) // stride",
            "too few",
        ),
        Wrong(
            "def conv_size(n, kernel, stride, padding):\n    return (n + 2 * padding - kernel) / stride + 1",
            "not a whole number",
        ),
        Wrong(
            "def conv_size(n, kernel, stride, padding):\n    return (n + padding - kernel) // stride + 1",
            "one side only",
        ),
        Wrong(
            "def conv_size(n, kernel, stride, padding):\n    return (n - 1) * stride - 2 * padding + kernel",
            "transposed convolution's output",
        ),
        Wrong("def conv_size(n, kernel, stride, padding):\n    return n // stride", "whatever the kernel is"),
    ),
)


def check_transposed_size(trial: Trial) -> None:
    """Try cases that tell the formula's parts apart, then a grid of real layers."""
    for n, k, s, p, o in (
        (4, 4, 2, 1, 0),
        (1, 7, 1, 0, 0),
        (3, 5, 1, 1, 0),
        (7, 3, 2, 1, 1),
        (5, 5, 3, 0, 2),
    ):
        out = (n - 1) * s - 2 * p + k + o
        known = {
            "one step too far: between n pixels there are n - 1 strides": n * s - 2 * p + k + o,
            "the padding is added; in a transposed convolution it takes pixels "
            "away, as the way back of one that has added them": (n - 1) * s + 2 * p + k + o,
            "the padding is taken away at one end only": (n - 1) * s - p + k + o,
            "this is the size of an ordinary convolution's output": (n + 2 * p - k) // s + 1,
            "n times the stride, whatever the kernel is": n * s,
            "the output padding is taken away; it adds rows at one end": (n - 1) * s - 2 * p + k - o,
            "the output padding has no effect": (n - 1) * s - 2 * p + k,
            "the output padding is added at both ends; it is added at one": (n - 1) * s - 2 * p + k + 2 * o,
            "one too many": (n - 1) * s - 2 * p + k + o + 1,
            "one too few": (n - 1) * s - 2 * p + k + o - 1,
            "the padding has no effect": (n - 1) * s + k + o,
        }
        case = f"n = {n}, kernel = {k}, stride = {s}, padding = {p}, output_padding = {o}"
        trial.differs(
            trial.number(n, k, s, p, o), out, case=case, known=known, rtol=0, otherwise="this is not the size"
        )
    for n in (2, 6, 9):
        for k, s, p, o in (
            (1, 1, 0, 0),
            (3, 2, 0, 1),
            (4, 2, 1, 0),
            (5, 2, 2, 1),
            (5, 3, 1, 2),
            (4, 4, 0, 3),
        ):
            x, w = torch.zeros(1, 1, n), torch.zeros(1, 1, k)
            out = F.conv_transpose1d(x, w, stride=s, padding=p, output_padding=o).shape[-1]
            case = f"n = {n}, kernel = {k}, stride = {s}, padding = {p}, output_padding = {o}"
            trial.differs(
                trial.number(n, k, s, p, o), out, case=case, rtol=0, otherwise="this is not the size"
            )
    trial.tried("23 transposed convolutions, 18 of them against PyTorch's own")


TRANSPOSED_SIZE = Exercise(
    name="transposed-size",
    title="How large is a transposed convolution's output?",
    chapter="dcgan",
    kind="compute",
    difficulty=1,
    statement=cleandoc(r"""
        A transposed convolution lays a copy of the kernel, `kernel` pixels long, for each of the `n` input
        pixels, the copies `stride` pixels apart, and adds them up where they overlap. Then `padding` pixels
        are cut off at *both* ends. At last `output_padding` further pixels are kept (or added) at one end.

        Derive how long the output is, and write
        `transposed_size(n, kernel, stride, padding, output_padding)`. All are whole numbers.
    """),
    starter=cleandoc("""
        def transposed_size(n, kernel, stride, padding, output_padding):
            return ...
    """),
    answer="transposed_size",
    check=check_transposed_size,
    hints=(
        "One input pixel without padding: how long is the output? And two?",
        "Where does the last copy of the kernel begin, and where does it end?",
        "It begins at $(n - 1) s$ and is $k$ long. Then $2p$ pixels go, and the output padding comes.",
    ),
    solutions=(
        cleandoc("""
            def transposed_size(n, kernel, stride, padding, output_padding):
                return (n - 1) * stride - 2 * padding + kernel + output_padding
        """),
        cleandoc("""
            def transposed_size(n, kernel, stride, padding, output_padding):
                end = kernel
                for _ in range(n - 1):
                    end += stride
                return end + output_padding - padding - padding
        """),
    ),
    explanation=cleandoc(r"""
        $(n - 1) s - 2p + k + o$: the convolution's formula, solved for its input. The convolution rounds
        down, so several sizes lead to the same $n$; the output padding says which of them is meant. The
        layers of this book's DCGAN: from 1 to 4 with $(k, s, p) = (4, 1, 0)$, then doubled by $(4, 2, 1)$,
        for $2(n - 1) - 2 + 4 = 2n$.
    """),
    wrong=(
        Wrong(
            "def transposed_size(n, kernel, stride, padding, output_padding):\n"
            "    return n * stride - 2 * padding + kernel + output_padding",
            "n - 1 strides",
        ),
        Wrong(
            "def transposed_size(n, kernel, stride, padding, output_padding):\n"
            "    return (n - 1) * stride + 2 * padding + kernel + output_padding",
            "the padding is added",
        ),
        Wrong(
            "def transposed_size(n, kernel, stride, padding, output_padding):\n"
            "    return (n + 2 * padding - kernel) // stride + 1 + output_padding * 0",
            "ordinary convolution's",
        ),
        Wrong(
            "def transposed_size(n, kernel, stride, padding, output_padding):\n"
            "    return (n - 1) * stride - 2 * padding + kernel",
            "output padding has no effect",
        ),
        Wrong(
            "def transposed_size(n, kernel, stride, padding, output_padding):\n"
            "    return (n - 1) * stride - padding + kernel + output_padding",
            "one end only",
        ),
    ),
)


def check_exact_doubling(trial: Trial) -> None:
    """See what the layer that the answer asks for does to 7 and 14 pixels."""
    for k in (4, 3, 2, 5, 6, 7):
        got = trial.tensor(k, shape=(2,))
        case = f"kernel = {k}"
        if bool((got != got.round()).any()):
            trial.fail("padding and output padding are whole numbers", case, got)
        p, o = (int(value) for value in got)
        if p < 0 or o < 0:
            trial.fail("neither of the two may be negative", case, got)
        if o > 1:
            trial.fail(
                "the output padding must be 0 or 1: it can only choose between sizes that the stride 2 "
                "leaves open",
                case,
                got,
            )
        sizes = [(n - 1) * 2 - 2 * p + k + o for n in (7, 14)]
        if sizes != [14, 28]:
            why = {
                1: "one pixel too many",
                2: "two pixels too many",
                -1: "one pixel is missing",
                -2: "two pixels are missing",
            }.get(sizes[0] - 14, "far from it")
            trial.fail(
                f"this layer makes {sizes[0]} of 7 pixels and {sizes[1]} of 14, not 14 and 28: {why}",
                case,
                got,
            )
    trial.tried("kernels of 2 to 7 pixels, on maps of 7 and 14")


EXACT_DOUBLING = Exercise(
    name="exact-doubling",
    title="From 7 to 14 to 28",
    chapter="dcgan",
    kind="compute",
    difficulty=2,
    statement=cleandoc(r"""
        A generator for 28x28 pixels starts from a 7x7 map and doubles it twice. A transposed convolution
        with kernel $k$, stride 2, padding $p$ and output padding $o$ makes $2(n - 1) - 2p + k + o$ pixels
        of $n$.

        For which $p$ and $o$ does it exactly double every size? Write `doubling(kernel)`, which returns the
        pair $(p, o)$ of whole numbers, with $p \ge 0$ and $o$ either 0 or 1, for every kernel of at least 2
        pixels.
    """),
    starter=cleandoc("""
        def doubling(kernel):
            return ...
    """),
    answer="doubling",
    check=check_exact_doubling,
    hints=(
        "Set the formula equal to $2n$. Does $n$ stay in the equation?",
        "$k + o = 2p + 2$. What must $k + o$ be, for $p$ to be a whole number?",
        "An even kernel needs $o = 0$, an odd one $o = 1$. Then $p = (k + o - 2)/2$.",
    ),
    solutions=(
        "def doubling(kernel):\n    o = kernel % 2\n    return (kernel + o - 2) // 2, o",
        cleandoc("""
            def doubling(kernel):
                for o in (0, 1):
                    for p in range(kernel):
                        if 2 * (7 - 1) - 2 * p + kernel + o == 14:
                            return p, o
        """),
    ),
    explanation=cleandoc(r"""
        $2(n - 1) - 2p + k + o = 2n$ gives $k + o = 2p + 2$, whatever $n$ is. So $k = 4$ goes with $p = 1$
        and needs no output padding, while $k = 5$ needs $p = 2$ and $o = 1$, and $k = 3$ needs $p = 1$ and
        $o = 1$. With $k = 4$ and $p = 0$, 7 becomes 16 and that 34, and the images no longer fit the
        discriminator.
    """),
    wrong=(
        Wrong("def doubling(kernel):\n    return (kernel - 1) // 2, 0", "is missing"),
        Wrong("def doubling(kernel):\n    return 0, 0", "two pixels too many"),
        Wrong("def doubling(kernel):\n    return (kernel - 2) / 2, 0", "whole numbers"),
        Wrong("def doubling(kernel):\n    return kernel // 2, 2 + kernel % 2", "must be 0 or 1"),
    ),
)


# ---- parameters


def check_block_parameters(trial: Trial) -> None:
    """Count the weights of the block itself."""
    for c_in, c_out, k in ((3, 2, 4), (1, 1, 3), (64, 32, 4), (100, 512, 4)):
        block = nn.Sequential(
            nn.ConvTranspose2d(c_in, c_out, k, 2, 1, bias=False), nn.BatchNorm2d(c_out), nn.ReLU()
        )
        right = sum(p.numel() for p in block.parameters())
        weight = c_in * c_out * k * k
        known = {
            "BatchNorm's scale and shift are forgotten": weight,
            "BatchNorm has two parameters a channel, a scale and a shift": weight + c_out,
            "a bias is counted that this convolution does not have": weight + 3 * c_out,
            "the running mean and variance are counted: these are buffers, and no gradient moves them": weight
            + 4 * c_out,
            "a kernel of k x k pixels has k squared weights, not k": c_in * c_out * k + 2 * c_out,
            "there is a kernel for each pair of an input and an output channel, not for each channel": (
                c_in + c_out
            )
            * k
            * k
            + 2 * c_out,
            "one kernel for each output channel, for all input channels alike": c_out * k * k + 2 * c_out,
            "one kernel for each input channel": c_in * k * k + 2 * c_out,
            "BatchNorm normalises what comes out, so it counts output channels": weight + 2 * c_in,
        }
        case = f"in_channels = {c_in}, out_channels = {c_out}, kernel = {k}"
        trial.differs(
            trial.number(c_in, c_out, k),
            right,
            case=case,
            known=known,
            rtol=0,
            otherwise="this is not the number",
        )
    trial.tried("four blocks, against PyTorch's own")


BLOCK_PARAMETERS = Exercise(
    name="block-parameters",
    title="The weights of a block",
    chapter="dcgan",
    kind="compute",
    difficulty=1,
    statement=cleandoc(r"""
        A block of a DCGAN's generator is

            nn.ConvTranspose2d(in_channels, out_channels, kernel, stride=2, padding=1, bias=False)
            nn.BatchNorm2d(out_channels)
            nn.ReLU()

        How many numbers in it are trained, that is, moved by an optimiser? Write
        `block_parameters(in_channels, out_channels, kernel)`.
    """),
    starter=cleandoc("""
        def block_parameters(in_channels, out_channels, kernel):
            return ...
    """),
    answer="block_parameters",
    check=check_block_parameters,
    hints=(
        "How many kernels are there, and how many weights has each? Does the size of the image matter?",
        "BatchNorm holds four numbers a channel. Which of them does an optimiser move?",
        "$c_\\text{in} c_\\text{out} k^2$, and a scale and a shift for each output channel.",
    ),
    solutions=(
        cleandoc("""
            def block_parameters(in_channels, out_channels, kernel):
                return in_channels * out_channels * kernel**2 + 2 * out_channels
        """),
        cleandoc("""
            def block_parameters(in_channels, out_channels, kernel):
                one_output = 2  # BatchNorm's scale and shift
                for _ in range(in_channels):
                    one_output += kernel * kernel
                return out_channels * one_output
        """),
    ),
    explanation=cleandoc(r"""
        $c_\text{in} c_\text{out} k^2 + 2 c_\text{out}$. The image's size is not in it: that is what makes a
        convolution cheap in weights. Halving the width divides the weights by four. Half of what BatchNorm
        holds are running statistics: buffers that no optimiser knows, that a checkpoint must hold
        nevertheless, and that an average must not forget.
    """),
    wrong=(
        Wrong(
            "def block_parameters(in_channels, out_channels, kernel):\n    return in_channels * "
            "out_channels * kernel**2",
            "scale and shift are forgotten",
        ),
        Wrong(
            "def block_parameters(in_channels, out_channels, kernel):\n"
            "    return in_channels * out_channels * kernel**2 + 4 * out_channels",
            "these are buffers",
        ),
        Wrong(
            "def block_parameters(in_channels, out_channels, kernel):\n"
            "    return in_channels * out_channels * kernel**2 + 3 * out_channels",
            "a bias is counted",
        ),
        Wrong(
            "def block_parameters(in_channels, out_channels, kernel):\n"
            "    return out_channels * kernel**2 + 2 * out_channels",
            "for all input channels alike",
        ),
    ),
)


# ---- receptive field


def check_receptive_field(trial: Trial) -> None:
    """Follow one output of small stacks back to the input pixels that reach it."""
    for layers in (
        [(3, 1)],
        [(3, 1), (3, 1)],
        [(5, 2), (3, 3)],
        [(4, 2), (4, 2)],
        [(4, 2), (4, 2), (4, 2), (4, 1)],
    ):
        x = torch.zeros(1, 1, 200, dtype=torch.float64, requires_grad=True)
        y: Tensor = x
        for k, s in layers:
            y = F.conv1d(y, torch.ones(1, 1, k, dtype=torch.float64), stride=s)
        (gradient,) = torch.autograd.grad(y[0, 0, y.shape[-1] // 2], x)
        right = int((gradient != 0).sum())
        strides = [1, *(math.prod(s for _, s in layers[: i + 1]) for i in range(len(layers)))]
        known = {
            "this goes through the layers from the wrong end: a stride spreads the layers after it": 1
            + sum((k - 1) * math.prod(s for _, s in layers[i + 1 :]) for i, (k, _) in enumerate(layers)),
            "the kernels were multiplied: neighbouring kernels overlap, so "
            "each layer adds k - 1 steps, not a factor": math.prod(k for k, _ in layers),
            "the kernels were added up: two layers share the pixel where they meet": sum(
                k for k, _ in layers
            ),
            "the strides have no effect; behind a stride of 2, one step is two pixels of the input": 1
            + sum(k - 1 for k, _ in layers),
            "each layer's own stride was applied to its own kernel; a stride spreads the layers AFTER it": 1
            + sum((k - 1) * strides[i + 1] for i, (k, _) in enumerate(layers)),
            "only the stride of the layer before counts here, but all the strides before multiply": 1
            + sum((k - 1) * (layers[i - 1][1] if i else 1) for i, (k, _) in enumerate(layers)),
            "one too few: the pixel in the middle counts too": sum(
                (k - 1) * strides[i] for i, (k, _) in enumerate(layers)
            ),
            "k steps in each layer, where k pixels are k - 1 steps apart": 1
            + sum(k * strides[i] for i, (k, _) in enumerate(layers)),
        }
        trial.differs(
            trial.number(layers),
            right,
            case=f"layers = {layers}",
            known=known,
            rtol=0,
            otherwise="this is not the number",
        )
    trial.tried("five stacks of convolutions, by following one output's gradient back to the input")


RECEPTIVE_FIELD = Exercise(
    name="receptive-field",
    title="How much of the picture does one number see?",
    chapter="dcgan",
    kind="compute",
    difficulty=2,
    statement=cleandoc(r"""
        `layers` lists the convolutions of a discriminator, from the image on, as pairs `(kernel, stride)`.
        The **receptive field** of a number in the last map is how many neighbouring input pixels, along one
        axis, have an influence on it (away from the border, so that padding does not matter).

        Write `receptive_field(layers)`, which returns it as a whole number.
    """),
    starter=cleandoc("""
        def receptive_field(layers):
            return ...
    """),
    answer="receptive_field",
    check=check_receptive_field,
    hints=(
        "Two layers of `(3, 1)` see 5 pixels. Draw it: why not 9, and why not 6?",
        "How many pixels of the image is one step in the second map, if the first layer has the stride 2? "
        "And in the third map?",
        "Start with a field of 1 and a step of 1. Each layer adds $(k - 1)$ steps to the field, and then "
        "multiplies the step by its stride.",
    ),
    solutions=(
        cleandoc("""
            def receptive_field(layers):
                field, step = 1, 1
                for kernel, stride in layers:
                    field += (kernel - 1) * step
                    step *= stride
                return field
        """),
        cleandoc("""
            def receptive_field(layers):
                field = 1
                for kernel, stride in reversed(layers):
                    field = (field - 1) * stride + kernel
                return field
        """),
    ),
    explanation=cleandoc(r"""
        Forwards: a layer's kernel spans $k - 1$ steps, and a step is the product of all strides before it.
        Backwards: $r \leftarrow (r - 1) s + k$. Four layers of $(4, 2)$ for 64x64 pixels see
        $1 + 3 (1 + 2 + 4 + 8) = 46$ pixels, and the last kernel of 4 sees everything: 94. A $D$ whose
        logits see only a part of the picture judges textures and not faces.
    """),
    wrong=(
        Wrong(
            "import math\n\n\ndef receptive_field(layers):\n    return math.prod(kernel for kernel, stride "
            "in layers)",
            "were multiplied",
        ),
        Wrong(
            "def receptive_field(layers):\n    return sum(kernel for kernel, stride in layers)",
            "were added up",
        ),
        Wrong(
            "def receptive_field(layers):\n    return 1 + sum(kernel - 1 for kernel, stride in layers)",
            "strides have no effect",
        ),
        Wrong(
            cleandoc("""
                def receptive_field(layers):
                    field, step = 1, 1
                    for kernel, stride in layers:
                        step *= stride
                        field += (kernel - 1) * step
                    return field
            """),
            "its own kernel",
        ),
        Wrong(
            cleandoc("""
                def receptive_field(layers):
                    field = 1
                    for kernel, stride in layers:
                        field = (field - 1) * stride + kernel
                    return field
            """),
            "from the wrong end",
        ),
    ),
)


# ---- the networks


def _scaled(network: nn.Module, factor: float) -> None:
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
                layer.weight *= factor


def check_repair_networks(trial: Trial) -> None:
    """Look at sizes and ranges of both networks."""
    for latent_dim, width in ((16, 4), (5, 8)):
        made = trial.call(latent_dim, width)
        case = f"latent_dim = {latent_dim}, width = {width}"
        if (
            not isinstance(made, (tuple, list))
            or len(made) != 2
            or not all(isinstance(x, nn.Module) for x in made)
        ):
            trial.fail("the pair (G, D) of two networks is wanted", case, made)
        G, D = made
        with own_random_numbers(130):
            z, x = torch.randn(6, latent_dim), torch.rand(6, 1, 28, 28) * 2 - 1
        shape = tuple(torch.as_tensor(trial.run(G, z)).shape)
        at = f"{case}: G(z) for z of shape {tuple(z.shape)} has the shape {shape}"
        if shape == (6, 1, 56, 56):
            trial.fail("G doubles once too often: its images are twice as large as the real ones", at)
        if shape == (6, 1, 14, 14):
            trial.fail("G doubles once too little: its images are half as large as the real ones", at)
        if shape != (6, 1, 28, 28):
            trial.fail("G's images should have the shape (N, 1, 28, 28)", at)
        logits = torch.as_tensor(trial.run(D, x))
        at = f"{case}: D(x) for x of shape {tuple(x.shape)} has the shape {tuple(logits.shape)}"
        if logits.dim() == 4:
            trial.fail(
                "D gives a number for each row of each channel, not for each picture: a linear layer looks "
                "at the last axis only, so what is behind it must have one axis beside the batch's",
                at,
            )
        if tuple(logits.shape) != (6,):
            trial.fail("D should give one logit for each picture, of shape (N,)", at)
        for network in (G, D):
            _scaled(network, 30.0)
        images = trial.as_tensor(trial.run(G, 10 * z), shape=(6, 1, 28, 28), case=case)
        at = f"{case}, after all weights were made 30 times as large: G's pixels go from {images.min():.2f} "
        f"to {images.max():.2f}"
        if images.min() >= 0:
            trial.fail(
                "G's pixels are never negative, but the real images lie in [-1, 1]: D needs to look for a "
                "negative pixel only",
                at,
            )
        if images.abs().max() > 1:
            trial.fail("G's pixels leave [-1, 1], where the real images lie", at)
        if images.min() > -0.9 or images.max() < 0.9:
            trial.fail("G's pixels cannot reach both -1 and 1, as those of the real images do", at)
        logits = trial.as_tensor(trial.run(D, 10 * x), shape=(6,), case=case)
        at = f"{case}, after all weights were made 30 times as large: D gives {logits.min():.2f} to "
        f"{logits.max():.2f}"
        if logits.min() >= 0 and logits.max() <= 1:
            trial.fail(
                "D gives probabilities. The losses of this book take logits: with a sigmoid at the end of D "
                "it would be applied twice",
                at,
            )
        if logits.abs().max() <= 1:
            trial.fail("D's output is limited to [-1, 1], but a logit may be any number", at)
        one, both = x[:1].clone().requires_grad_(True), D.eval()
        (seen,) = torch.autograd.grad(both(one).sum(), one)
        share = (seen != 0).double().mean().item()
        if share < 0.9:
            trial.fail("D does not look at the whole picture", f"{case}: it sees {share:.0%} of the pixels")
    trial.tried("two sizes of networks: shapes, ranges with small and with huge weights, what D looks at")


NETWORKS_BROKEN = cleandoc("""
    from torch import nn


    def networks(latent_dim, width):
        G = nn.Sequential(
            nn.Linear(latent_dim, 2 * width * 7 * 7),
            nn.Unflatten(1, (2 * width, 7, 7)),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(),
            nn.ConvTranspose2d(2 * width, width, 4, 2, 1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.ConvTranspose2d(width, width, 4, 2, 1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.ConvTranspose2d(width, 1, 4, 2, 1),
            nn.Sigmoid(),
        )
        D = nn.Sequential(
            nn.Conv2d(1, width, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Linear(7, 1),
            nn.Sigmoid(),
        )
        return G, D
""")


def _changed(source: str, *pairs: tuple[str, str]) -> str:
    """Return the source with each first text replaced by the second; every one must be there."""
    for old, new in pairs:
        if old not in source:
            raise ValueError(f"{old!r} does not occur")
        source = source.replace(old, new)
    return source


_ONE_DOUBLING_LESS = (
    "        nn.ConvTranspose2d(width, width, 4, 2, 1),\n        nn.BatchNorm2d(width),\n        "
    "nn.ReLU(),\n",
    "",
)
_TANH = (
    "nn.ConvTranspose2d(width, 1, 4, 2, 1),\n        nn.Sigmoid(),",
    "nn.ConvTranspose2d(width, 1, 4, 2, 1),\n        nn.Tanh(),",
)
_FLAT = (
    "        nn.Linear(7, 1),\n",
    "        nn.Flatten(),\n        nn.Linear(2 * width * 7 * 7, 1),\n        nn.Flatten(0),\n",
)
_NO_SIGMOID = ("        nn.Flatten(0),\n        nn.Sigmoid(),\n", "        nn.Flatten(0),\n")

REPAIR_NETWORKS = Exercise(
    name="repair-networks",
    title="A pair that does not fit",
    chapter="dcgan",
    kind="repair",
    difficulty=2,
    statement=cleandoc(r"""
        `networks(latent_dim, width)` should return a pair $(G, D)$ for grey images of 28x28 pixels in
        $[-1, 1]$:

        - $G$ maps latents `(N, latent_dim)` to images `(N, 1, 28, 28)` whose pixels can take all values
          between $-1$ and 1, and no others;
        - $D$ maps images `(N, 1, 28, 28)` to logits `(N,)`, any real numbers, and each logit depends on the
          whole picture.

        The code below does neither. Repair it. There are four faults, two in each network.
    """),
    starter=NETWORKS_BROKEN,
    answer="networks",
    check=check_repair_networks,
    hints=(
        "Print the shape behind every layer: `for layer in G: z = layer(z); print(z.shape)`.",
        "How many doublings lead from 7 to 28? What is the range of a sigmoid? On which axis does "
        "`nn.Linear` work?",
        "One transposed convolution less, `nn.Tanh()`; in $D$ `nn.Flatten()`, `nn.Linear(2 * width * 7 * 7, "
        "1)`, `nn.Flatten(0)`, and no sigmoid.",
    ),
    solutions=(
        _changed(NETWORKS_BROKEN, _ONE_DOUBLING_LESS, _TANH, _FLAT, _NO_SIGMOID),
        cleandoc("""
            import ganbook as gb


            def networks(latent_dim, width):
                return gb.models.dcgan((1, 28, 28), latent_dim, width)
        """),
    ),
    explanation=cleandoc(r"""
        From 7 two doublings lead to 28; a third makes 56, and a $D$ of convolutions only may not even
        complain. `nn.Linear` works on the last axis, whatever stands before it: on a map of shape
        `(N, C, 7, 7)` it turns every row of seven pixels into one number, without an error. Shapes do not
        check themselves. Two `assert` lines after building a pair save an evening.
    """),
    wrong=(
        Wrong(NETWORKS_BROKEN, "twice as large"),
        Wrong(_changed(NETWORKS_BROKEN, _ONE_DOUBLING_LESS), "for each row of each channel"),
        Wrong(_changed(NETWORKS_BROKEN, _ONE_DOUBLING_LESS, _FLAT), "never negative"),
        Wrong(_changed(NETWORKS_BROKEN, _ONE_DOUBLING_LESS, _FLAT, _TANH), "D gives probabilities"),
        Wrong(
            _changed(
                NETWORKS_BROKEN, _ONE_DOUBLING_LESS, _FLAT, _NO_SIGMOID, (_TANH[0], _TANH[0].split("\n")[0])
            ),
            "leave [-1, 1]",
        ),
    ),
)
