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
        (lambda: models.dcgan((1, 8, 8)), "images of 8x8 pixels do not fit; it takes 16, 28, 32, 64 or 128"),
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


def dcgan_as_it_was(shape, latent_dim, width, size, doublings):
    """The unconditional pair of the paper, layer by layer in the order in which its weights are drawn."""
    up = [width * 2**i for i in reversed(range(doublings))]
    g = [nn.Unflatten(1, (latent_dim, 1, 1))]
    g += [nn.ConvTranspose2d(latent_dim, up[0], size, 1, 0, bias=False), nn.BatchNorm2d(up[0]), nn.ReLU()]
    for i in range(doublings - 1):
        g += [nn.ConvTranspose2d(up[i], up[i + 1], 4, 2, 1, bias=False), nn.BatchNorm2d(up[i + 1]), nn.ReLU()]
    g += [nn.ConvTranspose2d(up[-1], shape[0], 4, 2, 1), nn.Tanh()]
    g = nn.Sequential(*g)
    draw(g)
    down = up[::-1]
    d = [nn.Conv2d(shape[0], down[0], 4, 2, 1), nn.LeakyReLU(0.2)]
    for i in range(doublings - 1):
        d += [nn.Conv2d(down[i], down[i + 1], 4, 2, 1, bias=False), nn.BatchNorm2d(down[i + 1])]
        d += [nn.LeakyReLU(0.2)]
    d += [nn.Conv2d(down[-1], 1, size, 1, 0), nn.Flatten(0)]
    d = nn.Sequential(*d)
    draw(d)
    return g, d


def draw(net):
    for layer in net:
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, 0.0, 0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, 0.02)


@pytest.mark.parametrize(
    ("shape", "size", "doublings"), [((1, 28, 28), 7, 2), ((1, 32, 32), 4, 3), ((3, 64, 64), 4, 4)]
)
def test_the_unconditional_dcgan_stays_what_it_is_to_the_bit(shape, size, doublings):
    """Recorded results depend on its names, its draws and its output; options must not move them."""
    torch.manual_seed(3)
    pair = models.dcgan(shape, latent_dim=6, width=4)
    drawn = torch.rand(1)
    torch.manual_seed(3)
    plain = dcgan_as_it_was(shape, 6, 4, size, doublings)
    assert torch.equal(torch.rand(1), drawn)  # as many random numbers were used
    for net, old in zip(pair, plain, strict=True):
        state, expected = net.state_dict(), old.state_dict()
        assert list(state) == [f"net.{key}" for key in expected]
        assert all(torch.equal(state[f"net.{key}"], value) for key, value in expected.items())
    z = torch.randn(3, 6)
    images = plain[0](z)
    assert torch.equal(pair[0](z), images)
    assert torch.equal(pair[1](images.detach()), plain[1](images.detach()))


@pytest.mark.parametrize("norm", ["layer", "none", "spectral"])
def test_dcgan_parameter_count_with_another_norm(norm):
    _, discriminator = models.dcgan((1, 32, 32), width=8, discriminator_norm=norm, dropout=0.1)
    weights = 16 * (1 * 8 + 8 * 16 + 16 * 32 + 32 * 1)
    biases = 8 + 16 + 32 + 1
    scales_and_shifts = 2 * (16 + 32) if norm == "layer" else 0
    assert count(discriminator) == weights + biases + scales_and_shifts


def test_dcgan_parameter_count_with_classes():
    """The input is twice as long, [z, z * e_y]; each class has a kernel of the last convolution's size."""
    plain_g, plain_d = models.dcgan((1, 32, 32), latent_dim=6, width=8)
    generator, discriminator = models.dcgan((1, 32, 32), latent_dim=6, width=8, num_classes=10)
    assert count(generator) - count(plain_g) == 10 * 6 + 6 * 32 * 16
    assert count(discriminator) - count(plain_d) == 10 * 32 * 16


def test_dcgan_with_classes_reads_z_and_z_times_the_embedding():
    torch.manual_seed(0)
    generator, _ = models.dcgan((1, 32, 32), latent_dim=6, width=4, num_classes=3)
    generator.eval()
    z, y = torch.randn(3, 6), torch.tensor([2, 0, 1])
    expected = generator.net(torch.cat([z, z * generator.embedding.weight[y]], dim=1))
    assert torch.equal(generator(z, y), expected)


def test_dcgan_layer_norm_is_over_channels_and_pixels_of_one_sample():
    torch.manual_seed(0)
    _, discriminator = models.dcgan((1, 32, 32), width=8, discriminator_norm="layer")
    (norm, *_) = (layer for layer in discriminator.modules() if isinstance(layer, nn.GroupNorm))
    h = norm(5 + 3 * torch.randn(4, 16, 8, 8))
    assert torch.allclose(h.mean((1, 2, 3)), torch.zeros(4), atol=1e-4)
    assert torch.allclose(h.var((1, 2, 3)), torch.ones(4), atol=1e-2)


def test_mlp_parameter_count_with_norms():
    shape, hidden = (1, 8, 8), 16
    plain = (64 + 1) * hidden + (hidden + 1) * hidden + hidden + 1
    extra = {"none": 0, "spectral": 0, "layer": 2 * 2 * hidden, "batch": 2 * 2 * hidden}
    for norm, more in extra.items():
        _, discriminator = models.mlp(shape, hidden=hidden, discriminator_norm=norm, dropout=0.1)
        assert count(discriminator) == plain + more


def test_mlp_discriminator_may_be_smaller_or_larger_than_the_generator():
    generator, same = models.mlp((2,), latent_dim=3, hidden=16)
    for hidden in (1, 8, 40):
        torch.manual_seed(0)
        other_generator, other = models.mlp((2,), latent_dim=3, hidden=16, discriminator_hidden=hidden)
        assert count(other_generator) == count(generator)
        assert count(other) == (2 + 1) * hidden + (hidden + 1) * hidden + hidden + 1
        assert models.build(**other.spec)[1].net[1].out_features == hidden
    _, zero = models.mlp((2,), latent_dim=3, hidden=16, discriminator_hidden=0)
    assert count(zero) == count(same)
    with pytest.raises(UserError, match="discriminator_hidden=-1: it must be a whole number from 0 to 65536"):
        models.mlp((2,), discriminator_hidden=-1)
