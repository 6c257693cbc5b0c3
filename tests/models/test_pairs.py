"""What every pair of every family promises, whatever its options."""

import copy
import inspect
import json

import pytest
import safetensors.torch
import torch
from torch import nn

from ganbook import models
from ganbook.errors import UserError

# A small pair for each option that changes what a network consists of.
SMALL = {
    "mlp": ("mlp", {"hidden": 16}),
    "mlp-spectral": ("mlp", {"hidden": 16, "discriminator_norm": "spectral"}),
    "mlp-layer-dropout": ("mlp", {"hidden": 16, "discriminator_norm": "layer", "dropout": 0.3}),
    "mlp-batch": ("mlp", {"hidden": 16, "discriminator_norm": "batch"}),
    "mlp-minibatch-std": ("mlp", {"hidden": 16, "minibatch_std": True, "discriminator_hidden": 12}),
    "mlp-packing": ("mlp", {"hidden": 16, "packing": 2}),
    "dcgan": ("dcgan", {"width": 4}),
    "dcgan-minibatch-std": ("dcgan", {"width": 4, "discriminator_norm": "none", "minibatch_std": True}),
    "dcgan-packing": ("dcgan", {"width": 4, "discriminator_norm": "layer", "packing": 2}),
    "dcgan-spectral": ("dcgan", {"width": 4, "discriminator_norm": "spectral"}),
    "dcgan-layer": ("dcgan", {"width": 4, "discriminator_norm": "layer"}),
    "dcgan-none-dropout": ("dcgan", {"width": 4, "discriminator_norm": "none", "dropout": 0.3}),
    "dcgan-classes": ("dcgan", {"width": 4, "num_classes": 3}),
    "dcgan-classes-spectral": ("dcgan", {"width": 4, "num_classes": 3, "discriminator_norm": "spectral"}),
    "resnet": ("resnet", {"width": 4}),
    "resnet-none": ("resnet", {"width": 4, "discriminator_norm": "none"}),
    "resnet-classes-dropout": ("resnet", {"width": 4, "num_classes": 3, "dropout": 0.3}),
    "r3gan": ("r3gan", {"width": 4, "group_size": 4}),
    "r3gan-2-blocks": ("r3gan", {"width": 4, "group_size": 8, "blocks": 2}),
}
IMAGES = sorted(set(SMALL) - {kind for kind in SMALL if kind.startswith("mlp")})
CLASSES = [kind for kind in SMALL if "num_classes" in SMALL[kind][1]]
SPECTRAL = [kind for kind in SMALL if "spectral" in kind] + ["resnet", "resnet-classes-dropout"]
BATCH_NORM = {"mlp-batch", "dcgan", "dcgan-classes"}  # discriminators with BatchNorm
LOOK_AT_A_BATCH = {"mlp-minibatch-std", "dcgan-minibatch-std", "mlp-packing", "dcgan-packing"}
BATCH_FREE = sorted(set(SMALL) - BATCH_NORM - LOOK_AT_A_BATCH)

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm)
every = pytest.mark.parametrize("kind", sorted(SMALL))


def build(kind, shape=(1, 28, 28), seed=0):
    family, options = SMALL[kind]
    torch.manual_seed(seed)
    return models.build(family, shape, latent_dim=5, **options)


def labels_for(module, num):
    """Return the further arguments of a network: labels if it is conditional."""
    return (torch.arange(num) % module.num_classes,) if module.num_classes else ()


def forward(generator, discriminator, z):
    y = labels_for(generator, len(z))
    samples = generator(z, *y)
    return samples, discriminator(samples, *y)


def same_state(a, b):
    state, other = a.state_dict(), b.state_dict()
    return list(state) == list(other) and all(torch.equal(state[key], other[key]) for key in state)


def shake(module):
    """Move every parameter away from its initial value, so that no part of the network is at rest."""
    with torch.no_grad():
        for p in module.parameters():
            p.add_(0.1 * torch.randn_like(p))


@pytest.mark.parametrize(
    ("kind", "size"),
    [(kind, size) for kind in IMAGES for size in (16, 28, 32)]
    + [(kind, size) for kind in ("dcgan-classes", "resnet", "resnet-classes-dropout", "r3gan")
       for size in (64, 128)],
)  # fmt: skip
def test_shapes_at_every_size(kind, size):
    channels = {16: 1, 28: 1, 32: 3, 64: 2, 128: 4}[size]
    generator, discriminator = build(kind, (channels, size, size))
    with torch.no_grad():
        images, logits = forward(generator, discriminator, torch.randn(2, 5))
    assert images.shape == (2, channels, size, size)
    assert images.abs().max() <= 1
    assert logits.shape == (2,)


@every
def test_a_batch_of_one_keeps_its_form(kind):
    generator, discriminator = (net.eval() for net in build(kind))
    num = discriminator.packing
    images, logits = forward(generator, discriminator, torch.randn(num, 5))
    assert (images.shape, logits.shape) == ((num, 1, 28, 28), (num,))


@every
def test_the_same_seed_gives_the_same_weights_and_the_spec_rebuilds_them(kind):
    pair = build(kind)
    torch.manual_seed(0)
    again = models.build(**json.loads(json.dumps(pair[0].spec)))
    for net, other in zip(pair, again, strict=True):
        assert net.spec == other.spec
        assert same_state(net, other)
    assert not same_state(pair[0], build(kind, seed=1)[0])


@every
def test_every_parameter_gets_a_finite_gradient_also_through_a_gradient_penalty(kind):
    generator, discriminator = build(kind)
    shake(generator), shake(discriminator)
    z = torch.randn(6, 5)
    y = labels_for(generator, 6)
    images = generator(z, *y)
    x = images.detach().requires_grad_()
    (g,) = torch.autograd.grad(discriminator(x, *y).sum(), x, create_graph=True)
    r1 = g.square().sum((1, 2, 3)).mean()
    assert r1 > 0
    r1.backward(retain_graph=True)
    weights = [p for name, p in discriminator.named_parameters() if "bias" not in name]
    assert any(p.grad is not None and p.grad.abs().max() > 0 for p in weights)
    discriminator(images, *y).sum().backward()
    for net in (generator, discriminator):
        for name, p in net.named_parameters():
            assert p.grad is not None, name
            assert torch.isfinite(p.grad).all(), name


@pytest.mark.parametrize("kind", ["resnet", "r3gan", "dcgan-layer", "mlp-spectral"])
def test_the_gradient_of_a_penalty_is_the_slope_that_finite_differences_see(kind):
    _, discriminator = build(kind)
    shake(discriminator)
    discriminator.double().eval()  # eval: the power iteration would move between two calls
    x = torch.rand(3, 1, 28, 28, dtype=torch.float64) - 0.5
    weight = max(discriminator.parameters(), key=torch.numel)

    def penalty():
        inputs = x.clone().requires_grad_()
        (g,) = torch.autograd.grad(discriminator(inputs).sum(), inputs, create_graph=True)
        return g.square().sum()

    (slopes,) = torch.autograd.grad(penalty(), weight)
    direction = torch.randn_like(weight)
    values = []
    for step in (1e-6, -1e-6):
        with torch.no_grad():
            weight.add_(step * direction)
        values.append(penalty().item())
        with torch.no_grad():
            weight.sub_(step * direction)
    assert (values[0] - values[1]) / 2e-6 == pytest.approx((slopes * direction).sum().item(), rel=1e-4)


@every
def test_a_deep_copy_computes_the_same_and_goes_its_own_way(kind):
    for net in build(kind):
        net.eval()
        twin = copy.deepcopy(net)
        inputs = torch.randn(4, 5) if hasattr(net, "latent_dim") else torch.rand(4, 1, 28, 28)
        y = labels_for(net, 4)
        with torch.no_grad():
            before = net(inputs, *y)
            assert torch.equal(twin(inputs, *y), before)
            shake(twin)
            assert not torch.equal(twin(inputs, *y), before)
            assert torch.equal(net(inputs, *y), before)


@every
def test_the_state_survives_a_file(kind, tmp_path):
    generator, discriminator = build(kind)
    forward(generator, discriminator, torch.randn(8, 5))  # moves running statistics and singular vectors
    others = build(kind, seed=1)
    for net, other in zip((generator, discriminator), others, strict=True):
        path = tmp_path / "net.safetensors"
        safetensors.torch.save_file({k: v.contiguous() for k, v in net.state_dict().items()}, path)
        other.load_state_dict(safetensors.torch.load_file(path))
        assert same_state(net, other)
        inputs = torch.randn(4, 5) if hasattr(net, "latent_dim") else torch.rand(4, 1, 28, 28)
        y = labels_for(net, 4)
        with torch.no_grad():  # in training mode: the power iteration goes on from the same vectors
            torch.manual_seed(0)
            expected = net(inputs, *y)
            torch.manual_seed(0)
            assert torch.equal(other(inputs, *y), expected)
        assert same_state(net, other)


@every
def test_bf16_and_channels_last_compute_the_same_function(kind):
    generator, discriminator = (net.eval() for net in build(kind))
    shake(generator), shake(discriminator)
    z = torch.randn(16, 5)
    with torch.no_grad():
        images, logits = forward(generator, discriminator, z)
        for net in (generator, discriminator):
            net.to(memory_format=torch.channels_last)
        y = labels_for(generator, 16)
        assert torch.allclose(generator(z, *y), images, atol=1e-4)
        x = images.contiguous(memory_format=torch.channels_last)
        assert torch.allclose(discriminator(x, *y), logits, rtol=1e-4, atol=1e-4 * logits.abs().max().item())
        with torch.autocast("cpu", torch.bfloat16):
            low_images = generator(z, *y).float()
            low_logits = discriminator(x, *y).float()
    # bf16 has 8 bits: 0.4 % an operation; a few layers deep that is a few per cent of the spread.
    assert (low_images - images).square().mean().sqrt() < 0.05 * max(images.std().item(), 0.1)
    assert (low_logits - logits).square().mean().sqrt() < 0.05 * logits.square().mean().sqrt()


@pytest.mark.parametrize("kind", BATCH_FREE)
def test_without_batch_norm_a_logit_does_not_depend_on_the_rest_of_the_batch(kind):
    _, discriminator = build(kind)
    shake(discriminator)
    discriminator.eval()  # no dropout; spectral norms at rest
    for layer in discriminator.modules():
        if isinstance(layer, NORMS):
            layer.train()  # what a normalisation does in training is what matters here
    x = torch.randn(6, 1, 28, 28)
    y = labels_for(discriminator, 6)
    with torch.no_grad():
        together = discriminator(x, *y)
        alone = torch.cat([discriminator(x[i : i + 1], *(v[i : i + 1] for v in y)) for i in range(6)])
    assert torch.allclose(together, alone, rtol=1e-4, atol=1e-5 * together.abs().max().item())


def test_only_those_pairs_have_batch_norm():
    for kind in SMALL:
        _, discriminator = build(kind)
        has = any(isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d) for layer in discriminator.modules())
        assert has is (kind in BATCH_NORM)


# ------------------------------------------------------------------------------ spectral normalisation


@pytest.mark.parametrize("kind", SPECTRAL)
def test_spectral_norms_are_one_after_enough_steps(kind):
    _, discriminator = build(kind)
    shake(discriminator)  # far from the singular vectors that were found at the start
    layers = [m for m in discriminator.modules() if isinstance(m, nn.Conv2d | nn.Linear | nn.Embedding)]
    assert len(layers) >= 3
    with torch.no_grad():
        for layer in layers:
            for _ in range(200):
                len(layer.train().weight)  # each look at it is a power iteration, as in a forward pass
            singular = torch.linalg.svdvals(layer.eval().weight.flatten(1))
            assert singular[0].item() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("kind", SPECTRAL)
def test_spectral_norms_hardly_depend_on_the_scale_of_the_weights(kind):
    """Scaling a weight scales its singular value: the network stays the same."""
    _, discriminator = build(kind)
    discriminator.eval()
    x = torch.rand(4, 1, 28, 28)
    y = labels_for(discriminator, 4)
    with torch.no_grad():
        before = discriminator(x, *y)
        for name, p in discriminator.named_parameters():
            if name.endswith("original"):
                p.mul_(7.0)
        after = discriminator(x, *y)
    assert torch.allclose(before, after, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", SPECTRAL)
def test_the_power_iteration_runs_in_training_and_rests_in_eval(kind):
    _, discriminator = build(kind)
    shake(discriminator)
    x, y = torch.rand(2, 1, 28, 28), labels_for(discriminator, 2)

    def moved():
        before = {k: v.clone() for k, v in discriminator.named_buffers()}
        with torch.no_grad():
            discriminator(x, *y)
        return [k for k, v in discriminator.named_buffers() if not torch.equal(v, before[k])]

    assert moved()
    discriminator.eval()
    assert not moved()


@pytest.mark.parametrize("kind", ["mlp-spectral", "dcgan-spectral"])
def test_spectral_discriminator_is_lipschitz(kind):
    """Spectral norms of 1 and slopes of at most 1 bound the gradient.

    A 4x4 convolution of stride 2 uses each pixel 4 times: its own norm is at most sqrt(4) times that of
    its kernel as a matrix; the last one covers its input once.
    """
    _, discriminator = build(kind)
    with torch.no_grad():
        for p in discriminator.parameters():
            p.mul_(30.0)  # without the division this alone would break the bound
        for _ in range(30):
            discriminator(torch.rand(2, 1, 28, 28))
    discriminator.eval()
    x = torch.randn(8, 1, 28, 28, requires_grad=True)
    (g,) = torch.autograd.grad(discriminator(x).sum(), x)
    strided = sum(isinstance(m, nn.Conv2d) and m.stride == (2, 2) for m in discriminator.modules())
    assert g.flatten(1).norm(dim=1).max() <= 2**strided * 1.02


# ----------------------------------------------------------------------------------------------- dropout


@pytest.mark.parametrize("family", ["mlp", "dcgan", "resnet"])
def test_dropout_acts_in_training_only_and_adds_no_parameters(family):
    torch.manual_seed(0)
    sizes = {"hidden": 32} if family == "mlp" else {"width": 8}
    # No BatchNorm, whose batch statistics would differ from its running ones anyhow.
    _, plain = models.build(family, (1, 28, 28), discriminator_norm="none", **sizes)
    _, dropping = models.build(family, (1, 28, 28), discriminator_norm="none", dropout=0.5, **sizes)
    values = [p.detach() for p in plain.parameters()]
    assert [p.shape for p in dropping.parameters()] == [v.shape for v in values]
    with torch.no_grad():
        for p, v in zip(dropping.parameters(), values, strict=True):
            p.copy_(v)
        x = torch.randn(16, 1, 28, 28)
        assert torch.equal(dropping.eval()(x), plain.eval()(x))
        assert torch.equal(plain.train()(x), plain.eval()(x))
        assert not torch.equal(dropping.train()(x), dropping(x))


# ----------------------------------------------------------------------------------------------- classes


@every
def test_the_number_of_classes_is_on_both_networks(kind):
    for net in build(kind):
        assert net.num_classes == SMALL[kind][1].get("num_classes", 0)


@pytest.mark.parametrize("kind", CLASSES)
def test_projection(kind):
    """D(x, a) - D(x, b) = <e_a - e_b, phi(x)>, and D(x, a) = psi(phi(x)) + <e_a, phi(x)>."""
    _, discriminator = build(kind)
    shake(discriminator)
    discriminator.eval()
    x = torch.randn(4, 1, 28, 28)
    a, b = torch.tensor([0, 1, 2, 2]), torch.tensor([1, 2, 0, 2])
    with torch.no_grad():
        phi = discriminator.features(x)
        embedding = discriminator.embedding.weight  # as it is used: spectrally normalised where that is on
        difference = ((embedding[a] - embedding[b]) * phi.flatten(1)).sum(1)
        logits_a, logits_b = discriminator(x, a), discriminator(x, b)
        psi = discriminator.logit if kind.startswith("resnet") else discriminator.net[-2]
        unconditional = psi(phi).flatten()
    close = {"rtol": 1e-4, "atol": 1e-4 * logits_a.abs().max().item()}
    assert torch.allclose(logits_a - logits_b, difference, **close)
    assert torch.allclose(logits_a, unconditional + (embedding[a] * phi.flatten(1)).sum(1), **close)
    assert difference[:3].abs().min() > 1e-4
    assert difference[3] == 0


@pytest.mark.parametrize("kind", CLASSES)
def test_images_depend_on_the_labels_and_each_on_its_own(kind):
    generator, _ = build(kind)
    shake(generator)
    generator.eval()
    z = torch.randn(1, 5).expand(4, 5)
    with torch.no_grad():
        images = generator(z, torch.tensor([0, 1, 2, 0]))
    assert torch.allclose(images[0], images[3], atol=1e-6)
    for i, j in ((0, 1), (0, 2), (1, 2)):
        assert (images[i] - images[j]).abs().max() > 1e-3


@every
def test_labels_that_do_not_fit_are_refused_in_one_line(kind):
    for net in build(kind):
        inputs = torch.randn(4, 5) if hasattr(net, "latent_dim") else torch.rand(4, 1, 28, 28)
        good = torch.tensor([0, 1, 2, 0])
        if net.num_classes == 0:
            cases = [(good, "unconditional")]
        else:
            cases = [
                (None, "none given"),
                (good.float(), "float32 of shape"),
                (good.int(), "int32 of shape"),
                (good[:3], r"shape \(3,\)"),
                (torch.nn.functional.one_hot(good), r"shape \(4, 3\)"),
                (good + 1, "from 1 to 3; the classes go from 0 to 2"),
                (good - 1, "from -1 to 1"),
            ]
        for labels, message in cases:
            with pytest.raises(UserError, match=message) as error:
                net(inputs, labels)
            assert "\n" not in str(error.value)


# ---------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("family", sorted(models.FAMILIES))
def test_options_are_those_of_the_function_and_all_are_documented(family):
    options = models.options(family)
    assert list(options) == list(inspect.signature(models.FAMILIES[family]).parameters)[1:]
    for key in options:
        assert f"    {key} :" in models.FAMILIES[family].__doc__
    assert json.loads(json.dumps(options)) == options


@pytest.mark.parametrize(
    ("family", "options", "message"),
    [
        ("resnet", {"width": 0}, "resnet: width=0: it must be a whole number from 1 to 65536"),
        ("resnet", {"shape": (1, 33, 33)}, "resnet: images of 33x33 pixels do not fit; it takes 16, 28"),
        ("r3gan", {"shape": (1, 33, 33)}, "r3gan: images of 33x33 pixels do not fit"),
        ("r3gan", {"shape": (2,)}, r"r3gan: shape=\(2,\); it takes \(C, H, W\)"),
        ("r3gan", {"blocks": 0}, "r3gan: blocks=0"),
        ("r3gan", {"width": 4, "group_size": 3}, "group_size=3; it must divide 2 . width = 8"),
        ("r3gan", {"width": 2.0}, "r3gan: width=2.0"),
        ("dcgan", {"dropout": 1.5}, "dcgan: dropout=1.5: it must be a number from 0 to below 1"),
        ("dcgan", {"dropout": 1}, "dropout=1:"),
        ("mlp", {"dropout": -0.1}, "mlp: dropout=-0.1"),
        ("resnet", {"dropout": float("nan")}, "dropout=nan"),
        ("resnet", {"dropout": "0.5"}, "dropout='0.5'"),
        ("dcgan", {"dropout": True}, "dropout=True"),
        ("dcgan", {"num_classes": -1}, "dcgan: num_classes=-1: it must be a whole number, at least 0"),
        ("resnet", {"num_classes": 2.0}, "num_classes=2.0"),
        ("dcgan", {"num_classes": True}, "num_classes=True"),
        ("dcgan", {"discriminator_norm": "spectrl"}, "'spectrl'; did you mean 'spectral'"),
        ("resnet", {"discriminator_norm": "batch"}, "unknown .*'batch'.* Known: none, spectral"),
        ("mlp", {"discriminator_norm": None}, "unknown discriminator_norm"),
        ("mlp", {"num_classes": 3}, "unknown option of the model family 'mlp': 'num_classes'"),
        ("r3gan", {"dropout": 0.1}, "unknown option of the model family 'r3gan': 'dropout'"),
        ("resnte", {}, "unknown model family 'resnte'; did you mean 'resnet'"),
    ],
)  # fmt: skip
def test_bad_options_are_refused_in_one_line(family, options, message):
    with pytest.raises(UserError, match=message) as error:
        models.build(family, **{"shape": (1, 32, 32), **options})
    assert "\n" not in str(error.value)
