import itertools
import math

import pytest
import torch

from ganbook.data import glyphs as G
from ganbook.data.drawn import block_seed, join
from ganbook.data.glyphs import Factors, glyphs, load_glyphs, render, sample_factors, stream, strokes
from ganbook.data.glyphs.pen import SEGMENTS, pen
from ganbook.errors import UserError

KNOWN = {
    "labels": [2, 1, 0],
    "thickness": [3.2230532435735966, 2.1857691040368623, 1.8107399834638238],
    "pixels": [
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 4, 0, 0, 0, 0, 0],
        [0, 0, 98, 255, 255, 251, 0, 0, 0, 0],
        [0, 0, 72, 88, 0, 255, 61, 0, 0, 0],
        [0, 0, 0, 0, 0, 71, 240, 0, 0, 0],
        [0, 0, 0, 218, 255, 255, 1, 0, 9, 0],
        [0, 0, 131, 255, 134, 176, 255, 255, 209, 0],
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ],
}


def same(a: Factors, b: Factors) -> bool:
    return all(torch.equal(getattr(a, name), getattr(b, name)) for name in G.FACTOR_NAMES)


def moments(images):
    """Ink, centre of mass (x, y) and second moments (xx, xy, yy) of grey images, in pixels."""
    x = images[:, 0].double()
    place = torch.arange(x.shape[-1], dtype=torch.float64) + 0.5
    ink = x.sum((1, 2))
    cx, cy = (x * place).sum((1, 2)) / ink, (x * place[:, None]).sum((1, 2)) / ink
    dx, dy = place - cx.view(-1, 1, 1), place[:, None] - cy.view(-1, 1, 1)
    second = [(x * a * b).sum((1, 2)) / ink for a, b in ((dx, dx), (dx, dy), (dy, dy))]
    return ink, (cx, cy), second


# ------------------------------------------------------------------------------------------- the sequence


def test_image_i_depends_on_seed_and_i_only():
    images, factors = glyphs(2100, seed=3)  # three blocks
    again, factors_again = glyphs(2100, seed=3)
    assert torch.equal(images, again)
    assert same(factors, factors_again)
    for start, n in ((0, 1), (0, 7), (1, 300), (1000, 60), (1023, 1), (1024, 5), (2047, 53)):
        part, part_factors = glyphs(n, seed=3, start=start)
        assert torch.equal(part, images[start : start + n]), (start, n)
        assert same(part_factors, factors[start : start + n])
    other, _ = glyphs(100, seed=4)
    assert not torch.equal(other, images[:100])
    assert len({bytes(i.numpy()) for i in images}) == 2100  # no image comes twice


def test_global_random_state_is_neither_used_nor_changed():
    torch.manual_seed(0)
    a, _ = glyphs(10, seed=0)
    torch.manual_seed(1)
    state = torch.random.get_rng_state()
    b, _ = glyphs(10, seed=0)
    assert torch.equal(a, b)
    assert torch.equal(state, torch.random.get_rng_state())


def test_number_of_threads_is_left_as_it_was():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        glyphs(300, seed=0)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(("batch_size", "start"), [(100, 0), (300, 1000), (1500, 5)])
def test_stream_is_the_same_sequence_without_end(batch_size, start):
    batches = list(itertools.islice(stream(batch_size, seed=2, image_size=8, start=start), 3))
    images, factors = glyphs(3 * batch_size, seed=2, image_size=8, start=start)
    assert torch.equal(torch.cat([b[0] for b in batches]), images)
    assert same(join(*(b[1] for b in batches)), factors)


def test_known_image():
    """The same on every machine: a drawing of image 0 as it was when this test was written."""
    images, factors = glyphs(3, seed=0)
    assert factors.label.tolist() == KNOWN["labels"]
    assert factors.thickness.tolist() == pytest.approx(KNOWN["thickness"], abs=1e-9)
    rows = images[0, 0, ::3, ::3].int()
    assert (rows - torch.tensor(KNOWN["pixels"])).abs().max() <= 1


def test_seeds_do_not_run_together():
    seeds = {block_seed(seed, block) for seed in range(50) for block in range(50)}
    assert len(seeds) == 2500
    assert all(0 <= s < 2**63 for s in seeds)
    far, _ = glyphs(2, seed=2**70, start=10**12)
    assert far.shape == (2, 1, 28, 28)


# ---------------------------------------------------------------------------------------------- pictures


@pytest.mark.parametrize(("size", "channels"), [(8, 1), (28, 1), (28, 3), (32, 3), (65, 1)])
def test_shapes_and_ranges(size, channels):
    images, factors = glyphs(20, seed=0, image_size=size, channels=channels)
    assert images.shape == (20, channels, size, size)
    assert images.dtype == torch.uint8
    assert images.device.type == "cpu"
    assert images.is_contiguous()
    assert len(factors) == 20
    if channels == 1:
        assert (images.amin((1, 2, 3)) == 0).all()
        if size >= 28:
            assert (images.amax((1, 2, 3)) >= 190).all()


def test_white_ink_on_black_in_a_box_of_twenty():
    images, factors = glyphs(1000, seed=1)
    assert float((images == 0).float().mean()) > 0.7
    edge = torch.cat([images[:, 0, 0], images[:, 0, -1], images[:, 0, :, 0], images[:, 0, :, -1]], 1)
    assert float(edge.float().mean()) < 0.5
    on = images[:, 0] > 127
    size = torch.maximum(on.any(2).sum(1), on.any(1).sum(1))
    assert size.min() >= 17
    assert size.max() <= 22
    _, (cx, cy), _ = moments(images)
    assert (cx - 14).abs().max() < 2
    assert (cy - 14).abs().max() < 2
    assert 0.84 <= factors.ink.min() <= factors.ink.max() <= 1
    assert (factors.background == 0).all()


def test_like_mnist_in_numbers():
    """Mean grey level 33.3, thickness 2.4 and so on are MNIST's, measured in the same way."""
    images, _ = glyphs(3000, seed=1)
    x = images[:, 0].float() / 255
    slope = (x[:, 1:, :-1] - x[:, :-1, :-1]).square() + (x[:, :-1, 1:] - x[:, :-1, :-1]).square()
    thickness = 2 * x.sum((1, 2)) / slope.sqrt().sum((1, 2))
    _, _, (_, xy, yy) = moments(images)
    assert float(x.mean() * 255) == pytest.approx(33.3, abs=1.5)
    assert float(thickness.median()) == pytest.approx(2.37, abs=0.15)
    assert float(thickness.quantile(0.05)) == pytest.approx(1.63, abs=0.2)
    assert float(thickness.quantile(0.95)) == pytest.approx(3.65, abs=0.4)
    assert float((-xy / yy).median()) == pytest.approx(0.12, abs=0.06)
    assert float((x > 0.9).float().mean()) == pytest.approx(0.088, abs=0.01)


def test_colours_contrast():
    images, factors = glyphs(500, seed=0, channels=3)
    luma = torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64)
    assert ((factors.ink_rgb - factors.background_rgb) @ luma).abs().min() >= 0.4 - 1e-9
    for rgb in (factors.ink_rgb, factors.background_rgb):
        assert rgb.min() >= 0
        assert rgb.max() <= 1
        assert (rgb.std(0) > 0.15).all()
    corner = images[:, :, 0, 0].double() / 255
    assert (corner - factors.background_rgb).abs().median() < 0.003


def test_sizes_agree():
    factors = sample_factors(50, seed=0)
    small = render(factors, 28).float()
    big = torch.nn.functional.avg_pool2d(render(factors, 112).float(), 4)
    assert (small - big).abs().mean() < 4


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_gpu_agrees_within_one_grey_level():
    factors = sample_factors(3000, seed=0)
    for channels in (1, 3):
        images = render(factors, channels=channels, device="cuda")
        assert images.device.type == "cuda"
        assert (images.cpu().int() - render(factors, channels=channels).int()).abs().max() <= 1


# ----------------------------------------------------------------------------------------------- factors


def test_labels_are_balanced_and_all_variants_occur():
    factors = sample_factors(20_000, seed=0)
    assert (torch.bincount(factors.label, minlength=10) / 20_000 - 0.1).abs().max() < 0.01
    for digit in range(10):
        of_digit = factors.variant[factors.label == digit]
        shares = torch.bincount(of_digit, minlength=len(G.VARIANT_NAMES[digit])) / len(of_digit)
        wanted = torch.tensor([v.share for v in G.VARIANTS if v.digit == digit])
        assert len(shares) == len(wanted)
        assert float(wanted.sum()) == pytest.approx(1)
        assert (shares - wanted).abs().max() < 0.04
    for digit in (1, 4, 7):
        assert len(G.VARIANT_NAMES[digit]) >= 2


def test_thicker_is_more_ink():
    factors = sample_factors(200, seed=0)
    ink = [moments(render(factors.replace(thickness=t)))[0] for t in (1.5, 2.0, 3.0, 4.0)]
    for thin, thick in itertools.pairwise(ink):
        assert (thick > thin).float().mean() > 0.98
    # A single straight line: area = length * thickness (with round ends).
    one = factors[factors.label == 1][:1].replace(
        variant=0,
        jitter=0.0,
        slant=0.0,
        rotation=0.0,
        ink=1.0,
        pressure=0.0,
        grain=0.0,
        balance=0.0,
        scale=1.0,
    )
    area = float(moments(render(one.replace(thickness=3.0), 28))[0]) / 255
    assert area == pytest.approx(17 * 3 + math.pi * 1.5**2, rel=0.03)


@pytest.mark.parametrize("size", [28, 56])
def test_shift_moves_the_centre_of_mass(size):
    factors = sample_factors(100, seed=0).replace(scale=0.8)
    _, (x0, y0), _ = moments(render(factors.replace(shift_x=0.0, shift_y=0.0), size))
    # Whole pixels move the picture as it is; parts of a pixel are sampled anew.
    for x, y, tolerance in ((1.0, -2.0, 0.01), (0.0, 1.0, 0.01), (1.5, -0.3, 0.2)):
        _, (x1, y1), _ = moments(render(factors.replace(shift_x=x, shift_y=y), size))
        assert (x1 - x0 - x * size / 28).abs().max() < tolerance
        assert (y1 - y0 - y * size / 28).abs().max() < tolerance


def test_slant_and_rotation_by_moments():
    factors = sample_factors(400, seed=0)
    ones = factors[(factors.label == 1) & (factors.variant == 0)].replace(rotation=0.0, jitter=0.0)
    for slant in (-0.3, 0.0, 0.4):
        _, _, (_, xy, yy) = moments(render(ones.replace(slant=slant)))
        assert torch.allclose(-xy / yy, torch.tensor(slant).double(), atol=0.05)  # up is -y
    for angle in (-0.5, 0.0, 0.3):
        _, _, (_, xy, yy) = moments(render(ones.replace(slant=0.0, rotation=angle)))
        # Counter-clockwise: the top goes to the left.
        assert torch.allclose(xy / yy, torch.tensor(math.tan(angle)).double(), atol=0.05)
    _, _, (_, xy, yy) = moments(render(factors.replace(slant=0.5)))
    _, _, (_, xy0, yy0) = moments(render(factors.replace(slant=-0.5)))
    assert ((-xy / yy) > (-xy0 / yy0)).all()


def test_scale_aspect_pressure_roundness_and_ink():
    factors = sample_factors(200, seed=1).replace(slant=0.0, rotation=0.0)

    def extent(f):
        lines, _ = strokes(f)
        return (lines.flatten(1, 2).amax(1) - lines.flatten(1, 2).amin(1)).T

    wide, high = extent(factors.replace(scale=0.7))
    assert torch.allclose(torch.maximum(wide, high) + factors.thickness, torch.tensor(14.0).double())
    narrow = extent(factors.replace(aspect=0.7))
    broad = extent(factors.replace(aspect=1.1))
    assert (broad[0] / broad[1] > narrow[0] / narrow[1]).all()
    _, radius = strokes(factors.replace(pressure=0.3, thickness=2.0, grain=0.0))
    assert radius[0, 0] == pytest.approx(0.7)
    assert radius[0, -1] == pytest.approx(1.3)
    bends = []
    for roundness in (0.0, 1.0):
        lines, _ = strokes(factors.replace(roundness=roundness, balance=0.0, taper=0.0)[factors.label == 0])
        d = lines[:, 1] - lines[:, 0]
        cross = d[:, 1:, 0] * d[:, :-1, 1] - d[:, 1:, 1] * d[:, :-1, 0]
        bends.append((cross.abs() > 1e-9).sum(1))
    assert bends[0].max() <= 8  # straight but at the key points
    assert bends[1].min() >= 28
    pale = render(factors.replace(ink=0.5, background=0.25))
    assert pale.amin() == 64
    assert pale.amax() == 128


def test_strokes_stay_joined():
    factors = sample_factors(500, seed=0)
    lines, radius = strokes(factors)
    assert lines.shape == (500, 2, SEGMENTS, 2)
    assert radius.shape == (500, SEGMENTS)
    assert radius.min() > 0
    row = pen().first[factors.label] + factors.variant
    jumps = (lines[:, 0, 1:] - lines[:, 1, :-1]).norm(dim=-1) > 1e-9
    for i in range(500):
        assert int(jumps[i].sum()) <= len(G.VARIANTS[row[i]].strokes) - 1
    name = [(v.digit, v.name) for v in G.VARIANTS]
    corner = row == name.index((7, "corner"))  # one bend, no gap
    assert not jumps[corner].any()


def test_factors_can_be_sliced_and_replaced():
    factors = sample_factors(10, seed=0)
    assert len(factors[2:5]) == 3
    assert torch.equal(factors[factors.label >= 0].label, factors.label)
    assert torch.equal(render(factors[[3, 1]]), render(factors)[[3, 1]])
    changed = factors.replace(thickness=3, slant=torch.linspace(0, 1, 10))
    assert (changed.thickness == 3).all()
    assert (factors.thickness != 3).all()
    assert changed.slant.dtype == torch.float64


# ---------------------------------------------------------------------------------------------- data set


def test_load_glyphs():
    images, labels, factors = load_glyphs("train", num=300)
    assert images.shape == (300, 1, 28, 28)
    assert labels.dtype == torch.int64
    assert torch.equal(labels, factors.label)
    assert torch.equal(images[:50], load_glyphs("train", num=50)[0])
    test, _, _ = load_glyphs("test", image_size=32, channels=3, num=20)
    assert test.shape == (20, 3, 32, 32)
    assert not torch.equal(load_glyphs("test", num=50)[1], labels[:50])
    assert {name: size for name, (size, _) in G.SPLITS.items()} == {"train": 60_000, "test": 10_000}


def test_classes_can_be_told_apart():
    train, labels, _ = load_glyphs("train", num=4000)
    test, truth, _ = load_glyphs("test", num=1000)
    x, z = (i.flatten(1).double() / 255 for i in (train, test))
    x, z = torch.nn.functional.pad(x, (0, 1), value=1), torch.nn.functional.pad(z, (0, 1), value=1)
    target = torch.nn.functional.one_hot(labels).double()
    weights = torch.linalg.solve(x.T @ x + 10 * torch.eye(x.shape[1]), x.T @ target)  # ridge regression
    assert float(((z @ weights).argmax(1) == truth).float().mean()) > 0.75
    means = torch.stack([x[labels == digit].mean(0) for digit in range(10)])
    assert float((torch.cdist(z, means).argmin(1) == truth).float().mean()) > 0.6


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: glyphs(0, 0), "n=0"),
        (lambda: glyphs(1.5, 0), "n=1.5"),
        (lambda: glyphs(True, 0), "n=True"),
        (lambda: glyphs(1, -1), "seed=-1"),
        (lambda: glyphs(1, "a"), "seed='a'"),
        (lambda: glyphs(1, 0, start=-1), "start=-1"),
        (lambda: glyphs(1, 0, image_size=7), "image_size=7"),
        (lambda: glyphs(1, 0, image_size=28.0), "image_size=28.0"),
        (lambda: glyphs(1, 0, channels=2), "channels=2"),
        (lambda: glyphs(1, 0, device="gpu"), "device='gpu'"),
        (lambda: stream(0, 0), "batch_size=0"),
        (lambda: stream(1, 0, channels=4), "channels=4"),
        (lambda: load_glyphs("validation"), "split='validation'"),
        (lambda: load_glyphs("train", num=0), "num=0"),
        (lambda: load_glyphs("train", image_size=0, num=1), "image_size=0"),
        (lambda: sample_factors(3, 0).replace(colour=1.0), "'colour'"),
        (lambda: sample_factors(3, 0).replace(slant=torch.zeros(2)), "'slant'"),
        (lambda: sample_factors(3, 0).replace(label=10), "'label'"),
        (lambda: sample_factors(3, 0).replace(variant=9), "'variant'"),
        (lambda: sample_factors(3, 0).replace(label=1, variant=3), "3 ways of writing a 1"),
        (lambda: sample_factors(3, 0).replace(thickness=0), "'thickness'"),
        (lambda: sample_factors(3, 0).replace(slant=math.nan), "'slant'"),
        (lambda: sample_factors(3, 0).replace(slant="steep"), "'slant'"),
    ],
)
def test_bad_input_gets_one_line(call, word):
    with pytest.raises(UserError) as error:
        call()
    assert word in str(error.value)
    assert "\n" not in str(error.value)
