"""Checks: sizes, weights and receptive fields of convolutions."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganbook.exercises.chapters.registry import check
from ganbook.exercises.grading.trial import Trial


@check("conv-size")
def conv_size(trial: Trial) -> None:
    """Try cases that tell the formula's parts apart, then a grid of real layers."""
    for n, k, s, p in ((5, 2, 2, 0), (7, 3, 1, 0), (8, 3, 1, 2), (28, 4, 2, 1), (7, 3, 2, 1)):
        room = n + 2 * p - k
        out = room // s + 1
        known = {
            "one too few: the first position of the kernel counts too, also when no stride fits any more": (
                room // s
            ),
            "the size is not a whole number: positions at which the kernel would stick out do not count": (
                room / s + 1
            ),
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


@check("transposed-size")
def transposed_size(trial: Trial) -> None:
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
            "the padding is added; "
            "in a transposed convolution it takes pixels away, as the way back of one that has added them": (
                (n - 1) * s + 2 * p + k + o
            ),
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


@check("exact-doubling")
def exact_doubling(trial: Trial) -> None:
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
                "the output padding must be 0 or 1: "
                "it can only choose between sizes that the stride 2 leaves open",
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


@check("block-parameters")
def block_parameters(trial: Trial) -> None:
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
            "the running mean and variance are counted: these are buffers, and no gradient moves them": (
                weight + 4 * c_out
            ),
            "a kernel of k x k pixels has k squared weights, not k": c_in * c_out * k + 2 * c_out,
            "there is a kernel for each pair of an input and an output channel, not for each channel": (
                (c_in + c_out) * k * k + 2 * c_out
            ),
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


@check("receptive-field")
def receptive_field(trial: Trial) -> None:
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
            "this goes through the layers from the wrong end: a stride spreads the layers after it": (
                1 + sum((k - 1) * math.prod(s for _, s in layers[i + 1 :]) for i, (k, _) in enumerate(layers))
            ),
            "the kernels were multiplied: "
            "neighbouring kernels overlap, so each layer adds k - 1 steps, not a factor": (
                math.prod(k for k, _ in layers)
            ),
            "the kernels were added up: two layers share the pixel where they meet": (
                sum(k for k, _ in layers)
            ),
            "the strides have no effect; behind a stride of 2, one step is two pixels of the input": (
                1 + sum(k - 1 for k, _ in layers)
            ),
            "each layer's own stride was applied to its own kernel; a stride spreads the layers AFTER it": (
                1 + sum((k - 1) * strides[i + 1] for i, (k, _) in enumerate(layers))
            ),
            "only the stride of the layer before counts here, but all the strides before multiply": (
                1 + sum((k - 1) * (layers[i - 1][1] if i else 1) for i, (k, _) in enumerate(layers))
            ),
            "one too few: the pixel in the middle counts too": (
                sum((k - 1) * strides[i] for i, (k, _) in enumerate(layers))
            ),
            "k steps in each layer, where k pixels are k - 1 steps apart": (
                1 + sum(k * strides[i] for i, (k, _) in enumerate(layers))
            ),
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
