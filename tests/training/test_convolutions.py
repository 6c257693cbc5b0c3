"""Convolutions as matrix products: the same as the library's, to bfloat16's rounding."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from ganbook import penalties
from ganbook.models import dcgan
from ganbook.training import convolutions
from ganbook.training.convolutions import MatrixAutocast, add_patches, patches
from ganbook.training.engine import Engine

# kernel, stride, padding, pixels of the finer image: DCGAN's halving at several sizes (small ones are added
# up patch by patch, larger ones are left to the library), and kernels that cover the whole image
CASES = [(4, 2, 1, 8), (4, 2, 1, 16), (4, 2, 0, 12), (6, 3, 0, 12), (4, 1, 0, 4), (7, 1, 0, 7), (1, 1, 0, 1)]


def whole_numbers(*shape, seed=0):
    """Small whole numbers: bfloat16 holds them exactly, and sums of a few products too."""
    return torch.randint(-2, 3, shape, generator=torch.Generator().manual_seed(seed)).float()


@pytest.mark.parametrize(("kernel", "stride", "padding", "size"), CASES)
def test_patches_are_those_of_unfold(kernel, stride, padding, size):
    x = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    rows = F.unfold(x, kernel, padding=padding, stride=stride)  # (N, C * k * k, h * w)
    n, _, places = rows.shape
    rows = rows.view(n, 3, kernel * kernel, places).permute(0, 3, 2, 1).reshape(n * places, -1)
    assert torch.equal(patches(x, kernel, stride, padding), rows)


@pytest.mark.parametrize(("kernel", "stride", "padding", "size"), CASES)
def test_add_patches_is_the_adjoint_of_patches(kernel, stride, padding, size):
    """<patches(x), r> = <x, add_patches(r)> for every x and r."""
    x = whole_numbers(2, 3, size, size).double()
    rows = patches(x, kernel, stride, padding)
    h = (size + 2 * padding - kernel) // stride + 1
    r = whole_numbers(*rows.shape, seed=1).double()
    image = add_patches(r, 2, h, h, kernel, stride, padding)
    assert image.shape == x.shape
    assert (rows * r).sum() == (x * image).sum()


def both(layer, x):
    """Return output and gradients, of the library in float32 and of the matrix product."""
    results = []
    for context in (torch.autocast("cpu", enabled=False), MatrixAutocast()):
        x = x.detach().requires_grad_()
        with context:
            y = layer(x).float()
        g = whole_numbers(*y.shape, seed=2)
        gradients = torch.autograd.grad(y, [x, *layer.parameters()], g)
        results.append([y.detach(), *gradients])
    return results


@pytest.mark.parametrize(("kernel", "stride", "padding", "size"), CASES)
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("kind", [nn.Conv2d, nn.ConvTranspose2d])
def test_outputs_and_gradients_are_the_librarys(kind, bias, kernel, stride, padding, size, monkeypatch):
    monkeypatch.setattr(convolutions, "_spread", watched := Watched(convolutions._spread))
    layer = kind(3, 5, kernel, stride, padding, bias=bias)
    with torch.no_grad():
        for p in layer.parameters():
            p.copy_(whole_numbers(*p.shape, seed=3))
    coarse = (size + 2 * padding - kernel) // stride + 1
    x = whole_numbers(2, 3, *([coarse if kind is nn.ConvTranspose2d else size] * 2), seed=4)
    for ours, theirs in zip(*both(layer, x), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-2, atol=0.5)  # sums up to a few hundred, 8 bits
    assert watched.calls  # it was not simply the library itself


class Watched:
    def __init__(self, function):
        self.function, self.calls = function, 0

    def __call__(self, *args):
        self.calls += 1
        return self.function(*args)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(4, 4, 3, padding=1),
        nn.Conv2d(4, 4, 4, 2, 1, groups=2),
        nn.Conv2d(4, 4, 2, 1, dilation=2),
        nn.Conv2d(4, 4, 3, padding="same"),
        nn.Conv2d(4, 4, (2, 4), (1, 2)),
        nn.Conv2d(4, 4, 4, (2, 1)),
        nn.ConvTranspose2d(4, 4, 3, 2, 1, output_padding=1),
    ],
)
def test_other_convolutions_are_left_to_the_library(layer, monkeypatch):
    for name in ("_Convolution", "_TransposedConvolution"):
        monkeypatch.setattr(convolutions, name, None)  # would raise
    x = torch.randn(2, 4, 8, 8)
    with MatrixAutocast():
        ours = layer(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(ours, layer(x))


def test_a_size_that_leaves_pixels_over_is_left_to_the_library():
    x, layer = torch.randn(2, 4, 9, 9), nn.Conv2d(4, 4, 4, 2, 1)
    with MatrixAutocast():
        assert layer(x).shape == (2, 4, 4, 4)


def test_penalties_get_a_second_derivative_inside_it():
    torch.manual_seed(0)
    _, discriminator = dcgan((1, 16, 16), width=4, discriminator_norm="none")
    x = torch.randn(4, 1, 16, 16)
    with MatrixAutocast():
        penalty = penalties.r1(discriminator, x, x)
    penalty.backward()
    plain = penalties.r1(discriminator, x, x)
    assert penalty.item() == plain.item() > 0
    assert all(p.grad is not None for p in discriminator.parameters() if p.ndim > 1)


def test_it_can_be_entered_again_and_leaves_nothing_behind():
    context, layer, x = MatrixAutocast(), nn.Conv2d(1, 2, 4, 2, 1), torch.randn(1, 1, 8, 8)
    for _ in range(2):
        with context:
            assert layer(x).dtype == torch.bfloat16
        assert layer(x).dtype == torch.float32
        assert not torch.is_autocast_enabled("cpu")
    with pytest.raises(ZeroDivisionError), context:
        raise ZeroDivisionError
    assert not torch.is_autocast_enabled("cpu")
    assert layer(x).dtype == torch.float32


def test_the_engine_uses_it_where_there_is_a_matrix_unit_and_not_with_a_compiler(monkeypatch):
    for unit, precision, expected in ((True, "bf16", True), (False, "bf16", False), (True, "fp32", False)):
        monkeypatch.setattr("ganbook.training.engine.has_matrix_unit", lambda unit=unit: unit)
        engine = Engine("cpu", precision, convolutional=True)
        assert isinstance(engine.autocast(), MatrixAutocast) is expected
    monkeypatch.setattr("ganbook.training.engine.has_matrix_unit", lambda: True)
    monkeypatch.setattr("ganbook.training.engine.shutil.which", lambda name: "/usr/bin/c++")
    engine = Engine("cpu", "bf16", convolutional=True)
    engine.compile(nn.Linear(2, 2))
    assert not isinstance(engine.autocast(), MatrixAutocast)
