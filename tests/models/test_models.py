"""Model families: shapes, parameter counts, initialisation, ranges, and what they refuse."""

import pytest
import torch
from torch import nn

from ganbook import models
from ganbook.errors import UserError


def count(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("shape", [(1, 28, 28), (1, 8, 8), (3, 32, 32), (2,)])
def test_mlp_shapes(shape):
    generator, discriminator = models.mlp(shape, latent_dim=10, hidden=16)
    samples = generator(torch.randn(5, 10))
    assert samples.shape == (5, *shape)
    assert discriminator(samples).shape == (5,)


def test_mlp_parameter_count_of_the_classic_pair():
    generator, discriminator = models.mlp((1, 28, 28))
    assert count(generator) == (100 + 1) * 256 + (256 + 1) * 256 + (256 + 1) * 784
    assert count(discriminator) == (784 + 1) * 256 + (256 + 1) * 256 + (256 + 1)


def test_images_are_bounded_and_points_are_not():
    for shape, bounded in (((1, 8, 8), True), ((2,), False)):
        generator, _ = models.mlp(shape, latent_dim=4, hidden=8)
        with torch.no_grad():
            extreme = generator(1e4 * torch.ones(1, 4)).abs().max().item()
        assert (extreme <= 1) is bounded


@pytest.mark.parametrize("size", [28, 32, 64, 128])
@pytest.mark.parametrize("channels", [1, 3])
def test_dcgan_shapes(size, channels):
    generator, discriminator = models.dcgan((channels, size, size), latent_dim=7, width=4)
    images = generator(torch.randn(2, 7))
    assert images.shape == (2, channels, size, size)
    assert images.abs().max() <= 1
    assert discriminator(images).shape == (2,)


def test_dcgan_parameter_count():
    generator, discriminator = models.dcgan((1, 32, 32), latent_dim=64, width=32)
    #           weights: in * out * k * k                 BatchNorm    output bias
    g = 16 * (64 * 128 + 128 * 64 + 64 * 32 + 32 * 1) + 2 * (128 + 64 + 32) + 1
    d = 16 * (1 * 32 + 32 * 64 + 64 * 128 + 128 * 1) + 32 + 2 * (64 + 128) + 1
    assert (count(generator), count(discriminator)) == (g, d)


def test_dcgan_follows_the_rules_of_the_paper():
    generator, discriminator = models.dcgan((3, 64, 64), latent_dim=100, width=16)
    for net in (generator, discriminator):
        kinds = [type(layer) for layer in net.net]
        assert not any(issubclass(k, nn.Linear | nn.MaxPool2d | nn.AvgPool2d | nn.Upsample) for k in kinds)
    g, d = list(generator.net), list(discriminator.net)
    assert isinstance(g[-1], nn.Tanh)
    assert isinstance(g[-2], nn.ConvTranspose2d)  # no BatchNorm at the generator's output
    assert isinstance(d[1], nn.LeakyReLU)  # none after the discriminator's first convolution
    assert all(layer.negative_slope == 0.2 for layer in d if isinstance(layer, nn.LeakyReLU))
    assert not any(isinstance(layer, nn.Sigmoid) for layer in d)  # logits


def test_dcgan_initialisation():
    torch.manual_seed(0)
    generator, discriminator = models.dcgan((1, 32, 32), width=64)
    for net in (generator, discriminator):
        weights = torch.cat(
            [m.weight.flatten() for m in net.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
        )
        assert weights.mean().abs() < 1e-3
        assert weights.std().item() == pytest.approx(0.02, rel=0.02)
        scales = torch.cat([m.weight for m in net.modules() if isinstance(m, nn.BatchNorm2d)])
        assert scales.mean().item() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("family", sorted(models.FAMILIES))
def test_a_pair_remembers_how_to_build_it_again(family):
    torch.manual_seed(0)
    generator, discriminator = models.FAMILIES[family]((1, 28, 28), latent_dim=5)
    torch.manual_seed(0)
    again, _ = models.build(**generator.spec)
    assert generator.spec == discriminator.spec == again.spec
    assert all(torch.equal(a, b) for a, b in zip(generator.parameters(), again.parameters(), strict=True))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: models.dcgan((1, 8, 8)), "images of 8x8 pixels do not fit; it takes 28, 32, 64 or 128"),
        (lambda: models.dcgan((1, 32, 28)), "images of 32x28 pixels do not fit"),
        (lambda: models.dcgan((2,)), r"dcgan: shape=\(2,\)"),
        (lambda: models.dcgan((1, 32, 32), width=0), "width=0"),
        (lambda: models.mlp((1, 28, 28), latent_dim=-1), "latent_dim=-1"),
        (lambda: models.mlp((28, 28)), r"mlp: shape=\(28, 28\)"),
        (lambda: models.build("dcgna", (1, 32, 32)), "unknown model family 'dcgna'; did you mean 'dcgan'"),
        (lambda: models.build("mlp", (1, 8, 8), hiden=3), "'hiden'; did you mean 'hidden'"),
    ],
)
def test_bad_arguments(build, message):
    with pytest.raises(UserError, match=message):
        build()
