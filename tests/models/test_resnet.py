"""The residual pair of SNGAN: parameter counts, the rules of the paper, its initialisation."""

import math

import pytest
import torch
from torch import nn
from torch.nn.functional import avg_pool2d, interpolate

from ganbook import models
from ganbook.models.resnet import ClassBatchNorm2d, DiscriminatorBlock, GeneratorBlock


def count(module):
    return sum(p.numel() for p in module.parameters())


def conv(width_in, width_out, k):
    return width_in * width_out * k * k + width_out


def test_parameter_count_of_the_cifar_table():
    """Constant width w: three up-blocks; two blocks that halve, two that do not."""
    w, d, c = 6, 5, 3
    generator, discriminator = models.resnet((c, 32, 32), latent_dim=d, width=w)
    up = 2 * w + conv(w, w, 3) + 2 * w + conv(w, w, 3) + conv(w, w, 1)
    assert count(generator) == (d + 1) * 16 * w + 3 * up + 2 * w + conv(w, c, 3)
    first = conv(c, w, 3) + conv(w, w, 3) + conv(c, w, 1)
    halving = 2 * conv(w, w, 3) + conv(w, w, 1)
    assert count(discriminator) == first + halving + 2 * 2 * conv(w, w, 3) + (w + 1)


def test_parameter_count_at_28_pixels():
    w, d = 4, 5
    generator, discriminator = models.resnet((1, 28, 28), latent_dim=d, width=w)
    up = 4 * w + 2 * conv(w, w, 3) + conv(w, w, 1)
    assert count(generator) == (d + 1) * 49 * w + 2 * up + 2 * w + conv(w, 1, 3)
    first = conv(1, w, 3) + conv(w, w, 3) + conv(1, w, 1)
    assert count(discriminator) == first + 6 * conv(w, w, 3) + conv(w, w, 1) + (w + 1)


@pytest.mark.parametrize(("size", "multiples"), [(64, [16, 8, 4, 2, 1]), (128, [16, 16, 8, 4, 2, 1])])
def test_parameter_count_of_the_larger_tables(size, multiples):
    w, d = 2, 5
    generator, discriminator = models.resnet((3, size, size), latent_dim=d, width=w)
    widths = [w * m for m in multiples]
    up = [2 * a + conv(a, b, 3) + 2 * b + conv(b, b, 3) + conv(a, b, 1) for a, b in zip(widths, widths[1:])]  # noqa: B905, RUF007
    assert count(generator) == (d + 1) * 16 * widths[0] + sum(up) + 2 * w + conv(w, 3, 3)
    down = widths[::-1]
    blocks = [conv(3, w, 3) + conv(w, w, 3) + conv(3, w, 1)]
    for a, b in zip(down, down[1:]):  # noqa: B905, RUF007
        halves = len(blocks) < len(down) - 1
        blocks.append(conv(a, a, 3) + conv(a, b, 3) + (conv(a, b, 1) if halves or a != b else 0))
    assert count(discriminator) == sum(blocks) + down[-1] + 1


def test_classes_cost_a_scale_and_a_shift_a_class_and_an_embedding():
    w, classes = 4, 7
    plain_g, plain_d = models.resnet((1, 32, 32), width=w)
    generator, discriminator = models.resnet((1, 32, 32), width=w, num_classes=classes)
    assert count(generator) - count(plain_g) == 6 * 2 * w * (classes - 1)  # 3 blocks of 2 BatchNorms
    assert count(discriminator) - count(plain_d) == classes * w


def test_the_rules_of_the_paper():
    generator, discriminator = models.resnet((3, 32, 32), width=4)
    kinds = {type(layer) for layer in discriminator.modules()}
    assert not any(issubclass(kind, nn.BatchNorm2d | nn.LeakyReLU | nn.Sigmoid) for kind in kinds)
    for layer in discriminator.modules():  # spectral norm on every layer
        if isinstance(layer, nn.Conv2d | nn.Linear | nn.Embedding):
            assert nn.utils.parametrize.is_parametrized(layer, "weight")
    assert not any(nn.utils.parametrize.is_parametrized(layer) for layer in generator.modules())
    norms = [layer for layer in generator.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert len(norms) == 3 * 2 + 1
    assert isinstance(generator.image[-1], nn.Tanh)
    _, plain = models.resnet((3, 32, 32), width=4, discriminator_norm="none")
    assert not any(nn.utils.parametrize.is_parametrized(layer) for layer in plain.modules())


def test_initialisation_is_xavier_uniform():
    torch.manual_seed(0)
    generator, discriminator = models.resnet((3, 32, 32), width=32, discriminator_norm="none")
    for net in (generator, discriminator):
        for name, layer in net.named_modules():
            if not isinstance(layer, nn.Conv2d | nn.Linear):
                continue
            fan_out, fan_in = layer.weight.shape[:2]
            pixels = layer.weight[0][0].numel()
            gain = math.sqrt(2) if "conv" in name else 1.0  # the residual branches
            bound = gain * math.sqrt(6 / ((fan_in + fan_out) * pixels))
            assert layer.weight.abs().max() <= bound
            if layer.weight.numel() > 500:
                assert layer.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.1), name
            assert layer.bias.abs().max() == 0


@pytest.mark.parametrize("halve", [True, False])
def test_discriminator_block_is_its_skip_path_plus_a_branch(halve):
    """Without a branch: pool after the 1x1 convolution, as in the paper, gives what we compute before."""
    torch.manual_seed(0)
    block = DiscriminatorBlock(3, 5, halve=halve, first=False, dropout=0.0)
    with torch.no_grad():
        block.conv2.weight.zero_()
        x = torch.randn(2, 3, 8, 8)
        skip = avg_pool2d(block.skip(x), 2) if halve else block.skip(x)
        assert torch.allclose(block(x), skip, atol=1e-6)
    assert isinstance(DiscriminatorBlock(4, 4, halve=False, first=False, dropout=0.0).skip, nn.Identity)


def test_generator_block_is_its_skip_path_plus_a_branch():
    torch.manual_seed(0)
    block = GeneratorBlock(3, 5, 0)
    with torch.no_grad():
        block.conv2.weight.zero_()
        x = torch.randn(2, 3, 4, 4)
        after = block.skip(interpolate(x, scale_factor=2, mode="nearest"))  # the order in the paper
        assert torch.allclose(block(x, None), after, atol=1e-6)


def test_class_batch_norm_is_batch_norm_with_the_class_s_scale_and_shift():
    torch.manual_seed(0)
    norm, plain = ClassBatchNorm2d(3, 4), nn.BatchNorm2d(3)
    x, y = torch.randn(5, 3, 6, 6), torch.tensor([0, 3, 1, 3, 2])
    assert torch.allclose(norm(x, y), plain(x), atol=1e-6)  # scales begin at 1, shifts at 0
    with torch.no_grad():
        norm.gamma.weight.normal_()
        norm.beta.weight.normal_()
    h = plain(x)
    for i, label in enumerate(y.tolist()):
        expected = norm.gamma.weight[label][:, None, None] * h[i] + norm.beta.weight[label][:, None, None]
        assert torch.allclose(norm(x, y)[i], expected, atol=1e-5)


def test_features_are_sums_over_pixels():
    torch.manual_seed(0)
    _, discriminator = models.resnet((1, 32, 32), width=4)
    discriminator.eval()
    x = torch.randn(2, 1, 32, 32)
    maps = discriminator.blocks(x)
    assert maps.shape == (2, 4, 8, 8)
    phi = discriminator.features(x)
    assert torch.allclose(phi, maps.clamp(min=0).flatten(2).sum(2), rtol=1e-4)
