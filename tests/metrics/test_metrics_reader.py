"""A reader of attributes: it learns what can be seen, says how well, and comes out of the cache unchanged."""

import pytest
import torch

from ganbook.errors import UserError
from ganbook.metrics import attribute_reader
from ganbook.metrics.extractors import reader as module

ATTRIBUTES = {"side": ("left", "right", "none"), "dark": ("no", "yes"), "noise": ("a", "b")}
FEW = {"steps": 80, "batch_size": 32, "dim": 16}


def pictures(num: int, seed: int, size: int = 16, channels: int = 3):
    """Return images with a bright bar at a side or none, on a dark or light ground; and a coin unseen."""
    rng = torch.Generator().manual_seed(seed)
    side, dark, coin = (torch.randint(k, (num,), generator=rng) for k in (3, 2, 2))
    images = 90.0 - 60 * dark.view(-1, 1, 1, 1) + 10 * torch.randn(num, channels, size, size, generator=rng)
    images[side == 0, ..., : size // 4] += 120
    images[side == 1, ..., -(size // 4) :] += 120
    return images.clamp(0, 255).to(torch.uint8), torch.stack([side, dark, coin], 1)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize(("size", "channels"), [(16, 3), (28, 1), (33, 3)])
def test_it_reads_what_can_be_seen_and_says_how_well(size, channels):
    images, values = pictures(600, 0, size, channels)
    held_out = pictures(200, 1, size, channels)
    reader = attribute_reader(images, values, ATTRIBUTES, held_out=held_out, name="bars", **FEW)
    assert list(reader.accuracy) == list(reader.floor) == list(ATTRIBUTES)
    assert min(reader.accuracy["side"], reader.accuracy["dark"]) > 0.95
    assert reader.accuracy["noise"] < 0.7  # nothing to see: no better than its floor, about a half
    assert reader.floor["side"] == pytest.approx(values[:, 0].bincount().max().item() / 600)
    read = reader.read(held_out[0])
    assert read.dtype == torch.int64
    assert read.shape == (200, 3)
    for name, share in reader.accuracy.items():
        column = reader.column(name)
        assert share == pytest.approx((read[:, column] == held_out[1][:, column]).double().mean().item())


def test_the_extractor_has_the_features_and_the_first_attribute():
    images, values = pictures(300, 0)
    reader = attribute_reader(images, values, ATTRIBUTES, held_out=pictures(100, 1), name="bars", **FEW)
    seen = reader.extractor.extract(images[:50])
    assert seen.features.shape == (50, 16)
    assert seen.features.min() >= 0  # after the ReLU
    assert seen.logits.shape == (50, 3)
    assert torch.equal(seen.labels, reader.read(images[:50])[:, 0])
    assert reader.extractor.name == "bars"
    assert reader.extractor.accuracy == reader.accuracy["side"]
    assert reader.extractor.held_out == 100


def test_the_same_again_comes_from_the_cache_and_anything_else_is_trained_anew(monkeypatch, tmp_path):
    images, values = pictures(200, 0)
    calls = []
    first = attribute_reader(images, values, ATTRIBUTES, progress=calls.append, **FEW)
    assert sum(calls) == FEW["steps"]
    again = attribute_reader(images, values, ATTRIBUTES, progress=calls.append, **FEW)
    assert sum(calls) == FEW["steps"]  # not trained again
    assert again.extractor.digest == first.extractor.digest
    assert torch.equal(again.read(images), first.read(images))
    other = attribute_reader(images, values, ATTRIBUTES, **{**FEW, "seed": 1})
    assert other.extractor.digest != first.extractor.digest
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.warns(UserWarning, match="could not be kept"):
        anew = attribute_reader(images, values, ATTRIBUTES, **FEW)
    assert anew.extractor.digest == first.extractor.digest  # the same bits, wherever they come from


def test_it_leaves_the_global_random_state_alone():
    images, values = pictures(100, 0)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    attribute_reader(images, values, ATTRIBUTES, **{**FEW, "steps": 2})
    assert torch.equal(torch.get_rng_state(), before)


def test_the_loss_is_the_sum_over_attributes():
    """A network that says nothing is at the sum of log K."""
    logits = torch.zeros(4, 7)
    values = module.values_of(logits, ATTRIBUTES)
    assert values.shape == (4, 3)
    logits[0, 2] = logits[0, 3] = logits[0, 6] = 1.0
    assert module.values_of(logits, ATTRIBUTES)[0].tolist() == [2, 0, 1]


IMAGES, VALUES = pictures(20, 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((IMAGES.float(), VALUES, ATTRIBUTES), "images"),
        ((IMAGES, VALUES.float(), ATTRIBUTES), r"values: got torch.float32 of shape \(20, 3\)"),
        ((IMAGES, VALUES[:, :2], ATTRIBUTES), r"values: got torch.int64 of shape \(20, 2\); .* \(20, 3\)"),
        ((IMAGES, VALUES + 1, ATTRIBUTES), "values from 1 to 3 of the attribute 'side'; it takes 0 to 2"),
        ((IMAGES, VALUES, {}), "attributes: it takes a dict"),
    ],
)
def test_what_does_not_fit_is_one_line(arguments, message):
    with pytest.raises(UserError, match=message):
        attribute_reader(*arguments, **FEW)


def test_images_of_another_size_and_unknown_attributes_are_refused():
    reader = attribute_reader(IMAGES, VALUES, ATTRIBUTES, **{**FEW, "steps": 1})
    with pytest.raises(UserError, match="images"):
        reader.read(IMAGES[..., :8, :8])
    with pytest.raises(UserError, match="unknown attribute 'drak'; did you mean 'dark'"):
        reader.column("drak")
