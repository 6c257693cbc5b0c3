"""Convolutions as matrix products, for a CPU whose matrix unit outruns its convolutions.

A convolution is a matrix product: write the patch under each output pixel into a row, and every row times
the kernel is one pixel of the output ("im2col"; Chellapilla, Puri and Simard, 2006). Its adjoint, the
transposed convolution, multiplies first and then adds the overlapping patches up. On processors with a
bfloat16 matrix unit (Intel's AMX) a large product reaches several times the rate of the library's strided
convolutions, most of all in the gradient of the weights; `python -m benchmarks.training` shows what that is
worth. Only the engine uses this file, and only there: models stay plain `nn.Conv2d`.

Images are (N, C, H, W) in the channels_last layout, so that a pixel's channels lie side by side in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

SMALL = 16  # pixels of the coarser image up to which adding up patches beats the library


def patches(x: Tensor, kernel: int, stride: int, padding: int) -> Tensor:
    """Return the patches under a convolution's output pixels as rows: (N * h * w, kernel * kernel * C).

    Within a row, a patch's pixels come row by row, each with its channels.
    """
    n, c, height, width = x.shape
    x = x.permute(0, 2, 3, 1)
    if padding:
        height, width = height + 2 * padding, width + 2 * padding
        padded = x.new_zeros(n, height, width, c)
        padded[:, padding:-padding, padding:-padding] = x
        x = padded
    x = x.contiguous()
    h, w = (height - kernel) // stride + 1, (width - kernel) // stride + 1
    line = width * c
    view = x.as_strided(
        (n, h, w, kernel, kernel, c), (height * line, stride * line, stride * c, line, c, 1)
    )  # a patch overlaps its neighbours, so the rows are a copy
    return view.reshape(n * h * w, kernel * kernel * c)


def add_patches(rows: Tensor, n: int, h: int, w: int, kernel: int, stride: int, padding: int) -> Tensor:
    """Add patches up where they overlap, the adjoint of `patches`: to an image (N, C, H, W).

    The kernel must be a multiple of the stride: then a patch is a few tiles of stride x stride pixels, and
    the patches are added tile by tile.
    """
    tiles, c = kernel // stride, rows.shape[1] // kernel**2
    rows = rows.view(n, h, w, tiles, stride, tiles, stride * c)
    if h == w == 1 and not padding:  # one patch: nothing overlaps
        return rows.view(n, kernel, kernel, c).permute(0, 3, 1, 2)
    image = rows.new_zeros(n, h + tiles - 1, stride, w + tiles - 1, stride * c)
    for i in range(tiles):
        for j in range(tiles):
            image[:, i : i + h, :, j : j + w] += rows[:, :, :, i, :, j].transpose(2, 3)
    height, width = (h + tiles - 1) * stride, (w + tiles - 1) * stride
    image = image.view(n, height, width, c)[:, padding : height - padding, padding : width - padding]
    return image.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)


def _rows(image: Tensor) -> Tensor:
    """Return the pixels as rows (N * H * W, C): a view, in the channels_last layout."""
    return image.permute(0, 2, 3, 1).reshape(-1, image.shape[1])


def _matrix(weight: Tensor) -> Tensor:
    """Return a kernel (A, B, k, k) as a matrix (A, k * k * B) in bfloat16."""
    return weight.permute(0, 2, 3, 1).reshape(len(weight), -1).bfloat16()


def _kernel(matrix: Tensor, weight: Tensor) -> Tensor:
    """Return a matrix as a kernel of the weight's shape and type."""
    a, b, k, _ = weight.shape
    return matrix.to(weight.dtype).view(a, k, k, b).permute(0, 3, 1, 2)


def _spread(y: Tensor, matrix: Tensor, kernel: int, stride: int, padding: int) -> Tensor:
    """Transposed convolution: (N, A, h, w) to (N, B, H, W), with a kernel as `_matrix` makes it."""
    n, a, h, w = y.shape
    if h * w <= SMALL:
        return add_patches(_rows(y) @ matrix, n, h, w, kernel, stride, padding)
    weight = matrix.view(a, kernel, kernel, -1).permute(0, 3, 1, 2)
    return F.conv_transpose2d(y, weight, None, stride, padding)


class _Convolution(torch.autograd.Function):
    """conv2d: y = patches(x) W^T."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
        n, _, height, width = x.shape
        kernel = weight.shape[-1]
        rows, matrix = patches(x, kernel, stride, padding), _matrix(weight)
        h, w = ((size + 2 * padding - kernel) // stride + 1 for size in (height, width))
        ctx.save_for_backward(rows if ctx.needs_input_grad[1] else None, matrix, weight)
        ctx.stride, ctx.padding = stride, padding
        return (rows @ matrix.t()).view(n, h, w, -1).permute(0, 3, 1, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        rows, matrix, weight = ctx.saved_tensors
        grad_x = grad_weight = None
        if ctx.needs_input_grad[0]:
            grad_x = _spread(grad, matrix, weight.shape[-1], ctx.stride, ctx.padding)
        if ctx.needs_input_grad[1]:
            grad_weight = _kernel(_rows(grad).t() @ rows, weight)
        return grad_x, grad_weight, None, None


class _TransposedConvolution(torch.autograd.Function):
    """conv_transpose2d: the patches x W, added up."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
        matrix = _matrix(weight)
        ctx.save_for_backward(x, matrix, weight)
        ctx.stride, ctx.padding = stride, padding
        return _spread(x, matrix, weight.shape[-1], stride, padding)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, matrix, weight = ctx.saved_tensors
        rows = patches(grad, weight.shape[-1], ctx.stride, ctx.padding)
        grad_x = grad_weight = None
        if ctx.needs_input_grad[0]:
            n, a, h, w = x.shape
            grad_x = (rows @ matrix.t()).view(n, h, w, a).permute(0, 3, 1, 2)
        if ctx.needs_input_grad[1]:
            grad_weight = _kernel(_rows(x).t() @ rows, weight)
        return grad_x, grad_weight, None, None


def _one(value: Any) -> int | None:
    """Return the one number of a setting that may be given for each axis; None where they differ."""
    values = {value} if isinstance(value, int | str) else set(value)
    (first, *rest) = values
    return None if rest or isinstance(first, str) else first


def _fits(x: Tensor, weight: Tensor, stride: int | None, padding: int | None, fine: tuple[int, ...]) -> bool:
    """Say whether a convolution is of the kind that a matrix product does faster.

    That is: a kernel that covers the whole finer image (`fine`, height and width) at once, or one that moves
    on by half its size, as DCGAN's do. Others overlap more, and the patches would cost more than they win.
    """
    kernel = weight.shape[-1]
    if stride is None or padding is None or weight.shape[-2] != kernel or x.ndim != 4:
        return False
    whole = fine == (kernel, kernel) and stride == 1 and padding == 0
    half = kernel == 2 * stride > 2 and all((n + 2 * padding) % stride == 0 for n in fine)
    return whole or half


class MatrixAutocast(TorchFunctionMode):
    """Autocast to bfloat16 on a CPU, with the convolutions as matrix products where they fit.

    A context manager, to be entered any number of times. Penalties, which switch autocast off, get the
    library's own convolutions: a gradient of a gradient does not pass through these.
    """

    def __init__(self) -> None:
        super().__init__()
        self.autocast = torch.autocast("cpu", dtype=torch.bfloat16)

    def __enter__(self) -> MatrixAutocast:
        self.autocast.__enter__()
        super().__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self.autocast.__exit__(*error)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in _CONVOLUTIONS and not kwargs and torch.is_autocast_enabled("cpu"):
            result = _CONVOLUTIONS[func](*args)
            if result is not None:
                return result
        return func(*args, **kwargs)


def _conv2d(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1,
) -> Tensor | None:  # fmt: skip
    """Do what F.conv2d does, or return None where that should do it itself."""
    s, p = _one(stride), _one(padding)
    if groups != 1 or _one(dilation) != 1 or not _fits(x, weight, s, p, tuple(x.shape[2:])):
        return None
    y = _Convolution.apply(x.bfloat16(), weight, s, p)
    return y if bias is None else y + bias.bfloat16().view(-1, 1, 1)


def _conv_transpose2d(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
    output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
) -> Tensor | None:  # fmt: skip
    """Do what F.conv_transpose2d does, or return None where that should do it itself."""
    s, p, kernel = _one(stride), _one(padding), weight.shape[-1]
    if groups != 1 or _one(dilation) != 1 or _one(output_padding) != 0 or s is None or p is None:
        return None
    fine = tuple((size - 1) * s - 2 * p + kernel for size in x.shape[2:])
    if not _fits(x, weight, s, p, fine):
        return None
    y = _TransposedConvolution.apply(x.bfloat16(), weight, s, p)
    return y if bias is None else y + bias.bfloat16().view(-1, 1, 1)


_CONVOLUTIONS: dict[Any, Callable[..., Tensor | None]] = {
    torch.conv2d: _conv2d,
    torch.conv_transpose2d: _conv_transpose2d,
}
