import itertools

import pytest
import torch

from ganbook.data import load_dataset
from ganbook.data.drawn import join
from ganbook.data.portraits import (
    ATTRIBUTES,
    LAYERS,
    NAMES,
    PARTS,
    RANGES,
    SHARES,
    Factors,
    attributes,
    drawing,
    load_portraits,
    masks,
    portraits,
    sample_factors,
    stream,
)
from ganbook.data.portraits.attributes import STEPS
from ganbook.data.portraits.factors import AGES, MOODS
from ganbook.errors import UserError


def anything(n: int, seed: int) -> Factors:
    """People whose factors are drawn from all that is admissible, much wider than the usual laws."""
    usual, rng = sample_factors(n, seed), torch.Generator().manual_seed(seed)
    changes = {}
    for name, (low, high) in RANGES.items():
        u = torch.rand(getattr(usual, name).shape, generator=rng, dtype=torch.float64)
        changes[name] = (u * (high + 1)).long() if name in NAMES else low + (high - low) * u
    return usual.replace(**changes)


def same(a: Factors, b: Factors) -> bool:
    return all(torch.equal(getattr(a, name), getattr(b, name)) for name in Factors.names())


# ---------------------------------------------------------------------------------------------- the sequence


def test_portrait_i_depends_on_seed_and_i_only():
    factors = sample_factors(2100, seed=3)  # three blocks
    for start, n in ((0, 1), (1, 300), (1000, 60), (1023, 1), (1024, 5), (2047, 53)):
        assert same(sample_factors(n, seed=3, start=start), factors[start : start + n])
    images = portraits(factors[:130], image_size=24)
    for rows in (slice(0, 1), slice(7, 9), slice(60, 130)):
        assert torch.equal(portraits(factors[rows], image_size=24), images[rows])
    assert len({bytes(i.numpy()) for i in images}) == 130
    assert not same(sample_factors(100, seed=4), factors[:100])


def test_whom_one_is_drawn_with_changes_no_bit_whatever_the_factors():
    """A layer is painted in the window that its box needs for all who have it."""
    people = anything(300, seed=0)
    images, parts = portraits(people, image_size=48), masks(people, image_size=48)
    for i in range(0, 300, 3):
        assert torch.equal(portraits(people[i : i + 1], image_size=48)[0], images[i]), i
        assert torch.equal(masks(people[i : i + 1], image_size=48)[0], parts[i]), i


def test_nothing_is_outside_of_a_layers_box(monkeypatch):
    people = join(anything(300, seed=1), sample_factors(300, seed=1))
    images = portraits(people, image_size=32)
    monkeypatch.setattr(drawing, "_window", lambda people, layer, size: (slice(0, size), slice(0, size)))
    assert torch.equal(portraits(people, image_size=32), images)


def test_global_random_state_is_neither_used_nor_changed():
    torch.manual_seed(0)
    a = portraits(sample_factors(3, seed=0), 16)
    torch.manual_seed(1)
    state = torch.random.get_rng_state()
    assert torch.equal(portraits(sample_factors(3, seed=0), 16), a)
    assert torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize(("batch_size", "start"), [(40, 0), (70, 1000)])
def test_stream_is_the_same_sequence_without_end(batch_size, start):
    batches = list(itertools.islice(stream(batch_size, seed=2, image_size=8, start=start), 3))
    factors = sample_factors(3 * batch_size, seed=2, start=start)
    assert torch.equal(torch.cat([images for images, _ in batches]), portraits(factors, 8))
    assert same(join(*(f for _, f in batches)), factors)


KNOWN_PORTRAIT = [
    [
        [248, 248, 238, 248, 248],
        [244, 235, 255, 254, 244],
        [241, 174, 255, 236, 241],
        [238, 247, 226, 250, 238],
        [234, 234, 213, 234, 234],
    ],
    [
        [212, 212, 139, 212, 212],
        [208, 117, 236, 229, 208],
        [205, 150, 236, 213, 205],
        [202, 227, 151, 230, 202],
        [198, 198, 193, 198, 198],
    ],
    [
        [224, 224, 171, 224, 224],
        [220, 155, 214, 211, 220],
        [217, 117, 214, 195, 217],
        [214, 206, 145, 209, 214],
        [210, 210, 176, 210, 210],
    ],
]  # every sixth pixel


def test_known_portrait():
    """The same on every machine, up to a grey level: a drawing as it was when this test was written."""
    image = portraits(sample_factors(1, seed=0), image_size=32)[0]
    seen = image[:, 4::6, 4::6].int()
    assert (seen - torch.tensor(KNOWN_PORTRAIT)).abs().max() <= 1


# ---------------------------------------------------------------------------------------------- pictures


@pytest.mark.parametrize(("size", "channels"), [(8, 3), (32, 1), (32, 3), (65, 3), (128, 3)])
def test_shapes(size, channels):
    images = portraits(sample_factors(5, seed=0), size, channels)
    assert images.shape == (5, channels, size, size)
    assert images.dtype == torch.uint8
    assert images.is_contiguous()


def test_a_small_picture_is_a_large_one_seen_from_afar():
    """Edges are antialiased: averages over 4 x 4 pixels of a large picture are the small one."""
    people = sample_factors(40, seed=5)
    large = torch.nn.functional.avg_pool2d(portraits(people, 256).float(), 4)
    difference = (large - portraits(people, 64).float()).abs()
    assert difference.mean() < 1.5
    assert difference.flatten(1).quantile(0.99, dim=1).max() < 40


def test_masks_say_which_part_each_pixel_shows():
    people = sample_factors(60, seed=2)
    parts = masks(people, image_size=40)
    assert parts.shape == (60, len(PARTS), 40, 40)
    assert (parts.int().sum(1) - 255).abs().max() <= len(PARTS) // 2
    area = dict(zip(PARTS, (parts > 127).flatten(2).sum(2).T, strict=True))
    for part, factor in (
        ("beard", "beard"),
        ("hat", "hat"),
        ("glasses", "glasses"),
        ("earrings", "left_earring"),
    ):
        assert torch.equal(parts[:, PARTS.index(part)].flatten(1).any(1), getattr(people, factor) > 0), part
    assert (area["skin"] > 100).all()
    assert (area["eyes"] > 0).all()
    assert (area["background"] > 200).all()
    hair = parts[:, PARTS.index("hair")].flatten(1).any(1)
    assert torch.equal(hair[people.hat == 0], people.hair[people.hat == 0] > 0)


def test_where_only_a_part_differs_only_its_pixels_do():
    people = sample_factors(50, seed=3).replace(glasses="none", hat="none", left_earring=0, right_earring=0)
    without, with_glasses = portraits(people), portraits(people.replace(glasses="round"))
    changed = (without.int() - with_glasses.int()).abs().amax(1)
    frame = masks(people.replace(glasses="round"))[:, PARTS.index("glasses")]
    assert changed[frame == 0].max() <= 1
    assert (changed > 30).flatten(1).any(1).all()


@pytest.mark.parametrize(
    "name", [name for name in Factors.names() if name not in ("glasses_color", "hat_color", "earring_color")]
)
def test_every_factor_can_be_seen(name):
    people = sample_factors(12, seed=6).replace(mouth_open=0, hat="none", hair="long")
    if name in ("hat", "hair"):
        people = sample_factors(12, seed=6).replace(hat="none")
    low, high = RANGES[name]
    seen = portraits(people.replace(**{name: low}), 64) != portraits(people.replace(**{name: high}), 64)
    assert seen.flatten(1).any(1).all()


@pytest.mark.parametrize(
    ("name", "worn"),
    [("glasses_color", {"glasses": "square"}), ("hat_color", {"hat": "beanie"}),
     ("earring_color", {"left_earring": "hoop"})],
)  # fmt: skip
def test_the_colour_of_what_is_worn_can_be_seen_where_it_is_worn(name, worn):
    people = sample_factors(12, seed=6).replace(glasses=0, hat=0, left_earring=0, right_earring=0)
    bare = portraits(people.replace(**{name: 0})) != portraits(people.replace(**{name: 1}))
    assert not bare.any()
    people = people.replace(**worn)
    seen = portraits(people.replace(**{name: 0})) != portraits(people.replace(**{name: 1}))
    assert seen.flatten(1).any(1).all()


def test_layers_name_parts_and_all_parts_have_layers():
    assert {layer.part for layer in LAYERS} == set(PARTS)


# -------------------------------------------------------------------------------------------- the laws


def test_laws():
    factors = sample_factors(20_000, seed=0)
    for name, (low, high) in RANGES.items():
        values = getattr(factors, name)
        assert values.isfinite().all()
        assert low <= values.min() <= values.max() <= high, name
    for name in set(SHARES) - {"earrings", "beard"}:  # children have no beards
        share = getattr(factors, name).bincount(minlength=len(NAMES[name])) / len(factors)
        assert (share - torch.tensor(SHARES[name])).abs().max() < 0.012, name
    assert torch.equal(factors.left_earring, factors.right_earring)
    assert (factors.beard[factors.age < 0.25] == 0).all()


def test_choices_are_drawn_independently():
    factors = sample_factors(20_000, seed=1)
    for a, b in (("hair", "glasses"), ("skin", "hair"), ("hat", "smile"), ("skin", "hair_color")):
        pair = torch.stack([getattr(factors, a).double(), getattr(factors, b).double()])
        assert torch.corrcoef(pair)[0, 1].abs() < 0.03


def test_shares_can_be_changed_and_change_nothing_else():
    usual = sample_factors(4000, seed=0)
    rare = sample_factors(4000, seed=0, shares={"hat": {"none": 0.5, "beanie": 0.45}, "skin": {"dark": 0.0}})
    share = rare.hat.bincount(minlength=4) / 4000
    assert share.tolist() == pytest.approx([0.5, 0.45, 0.03, 0.02], abs=0.03)  # the rest as before: 3 to 2
    assert not (rare.skin == NAMES["skin"].index("dark")).any()
    for name in set(Factors.names()) - {"hat", "skin"}:
        assert torch.equal(getattr(rare, name), getattr(usual, name)), name
    ears = sample_factors(2000, seed=0, shares={"earrings": {"none": 0.0}})
    assert (ears.left_earring > 0).all()


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ({"hats": {"none": 1.0}}, "hat"),
        ({"hat": {"bowler": 1.0}}, "bowler"),
        ({"hat": {"none": 1.5}}, r"shares\['hat'\]\['none'\]=1.5"),
        ({"hat": {"none": 0.9, "cap": 0.2}}, "add up to 1.1"),
        ({"mouth_open": {"open": 0.2, "closed": 0.2}}, "add up to 0.4"),
        ({"smile": {"much": 1.0}}, "smile"),
    ],
)
def test_wrong_shares(shares, words):
    with pytest.raises(UserError, match=words):
        sample_factors(10, seed=0, shares=shares)


def test_replace():
    people = sample_factors(6, seed=0)
    assert (people.replace(hat="cap").hat == NAMES["hat"].index("cap")).all()
    assert people.replace(smile=torch.linspace(-1, 1, 6)).smile[0] == -1
    assert same(people.replace(), people)
    for change, words in (
        ({"hatt": 1}, "hat"),
        ({"hat": "bowler"}, "bowler"),
        ({"hat": 7}, "from 0 to 3"),
        ({"smile": 2.0}, "out of its range"),
        ({"smile": torch.zeros(5)}, "shape"),
        ({"smile": "much"}, "a tensor or a number"),
        ({"smile": float("nan")}, "out of its range"),
    ):
        with pytest.raises(UserError, match=words):
            people.replace(**change)


# ---------------------------------------------------------------------------------------- the data set


def test_attributes_are_what_the_factors_say():
    people = sample_factors(500, seed=0)
    table = attributes(people)
    names = list(ATTRIBUTES)
    assert table.shape == (500, len(names))
    for name in names:
        column = table[:, names.index(name)].long()
        assert 0 <= column.min() <= column.max() < len(ATTRIBUTES[name])
        if name in NAMES:
            assert torch.equal(column, getattr(people, name))
    smile = table[:, names.index("smile")].long()
    assert people.smile[smile == 0].max() < people.smile[smile == 1].min()
    assert people.smile[smile == 1].max() < people.smile[smile == 2].min()
    assert (people.age[table[:, names.index("age")] == 0] < 0.25).all()


def test_moods_and_ages_leave_gaps_so_that_none_is_in_doubt():
    people = sample_factors(5000, seed=0)
    for name in ("smile", "age"):
        names, limits = STEPS[name]
        values = getattr(people, name)
        assert all(((values - limit).abs() > 0.06).all() for limit in limits)
        share = attributes(people)[:, list(ATTRIBUTES).index(name)].bincount(minlength=len(names)) / 5000
        law = torch.tensor([part[0] for part in (MOODS if name == "smile" else AGES)])
        assert (share - law).abs().max() < 0.02


def test_the_data_set():
    data = load_dataset("portraits", image_size=16, limit=30)
    images, factors = load_portraits("train", image_size=16, num=30)
    assert torch.equal(data.images, images)
    assert torch.equal(data.labels, factors.hair)
    assert data.class_names == NAMES["hair"]
    assert data.attribute_names == tuple(ATTRIBUTES)
    assert data.attribute_values == tuple(ATTRIBUTES.values())
    assert torch.equal(data.attributes, attributes(factors))
    test = load_dataset("portraits", split="test", image_size=16, limit=30, channels=1)
    assert test.shape == (1, 16, 16)
    assert not torch.equal(test.labels, data.labels)
    assert load_dataset(**data.spec).images.equal(data.images)
