"""Images in memory: scaling, sizes, channels, and what is refused."""

import pytest
import torch

import ganbook as gb
from ganbook.data import ImageDataset, to_float, to_uint8
from ganbook.errors import UserError
from ganbook.support.pixels import fit_channels, fit_images


def test_scaling_is_exact_at_both_ends_and_undone_exactly():
    grey = torch.arange(256, dtype=torch.uint8)
    scaled = to_float(grey)
    assert scaled.dtype == torch.float32
    assert scaled.min().item() == -1.0
    assert scaled.max().item() == 1.0
    assert torch.equal(to_uint8(scaled), grey)
    assert to_uint8(torch.tensor([-3.0, 3.0])).tolist() == [0, 255]


def test_strokes_on_a_background_are_padded_not_resampled():
    images = torch.randint(0, 256, (3, 1, 28, 28), dtype=torch.uint8)
    padded = fit_images(images, 32, background=0)
    assert torch.equal(padded[..., 2:30, 2:30], images)
    assert padded.sum() == images.sum()


def test_everything_else_is_resized():
    images = torch.full((2, 3, 8, 8), 100, dtype=torch.uint8)
    assert torch.equal(fit_images(images, 32), torch.full((2, 3, 32, 32), 100, dtype=torch.uint8))
    half = torch.zeros(1, 1, 64, 64, dtype=torch.uint8)
    half[..., 32:] = 255
    small = fit_images(half, 8)
    assert small[0, 0, 0, 0] == 0
    assert small[0, 0, 0, 7] == 255
    checker = torch.zeros(1, 1, 64, 64, dtype=torch.uint8)
    checker[..., ::2] = 254
    assert abs(fit_images(checker, 16).float().mean().item() - 127) < 2  # antialiased, not picked


def test_channels():
    grey = torch.randint(0, 256, (2, 1, 4, 4), dtype=torch.uint8)
    colour = fit_channels(grey, 3)
    assert colour.shape == (2, 3, 4, 4)
    assert torch.equal(fit_channels(colour, 1), grey)


@pytest.mark.parametrize("size", [0, -4, 3.5, True, "32"])
def test_bad_image_size(size):
    with pytest.raises(UserError, match="image_size="):
        fit_images(torch.zeros(1, 1, 8, 8, dtype=torch.uint8), size)


@pytest.mark.parametrize("channels", [0, 2, 4, -1, True, 3.0])
def test_bad_channels(channels):
    with pytest.raises(UserError, match="channels="):
        fit_channels(torch.zeros(1, 1, 8, 8, dtype=torch.uint8), channels)


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (torch.zeros(2, 1, 4, 4), None, "images: got torch.float32"),
        (torch.zeros(2, 4, 4, dtype=torch.uint8), None, "it takes torch.uint8 of shape"),
        (torch.zeros(0, 1, 4, 4, dtype=torch.uint8), None, "images: got none"),
        (torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.zeros(3), "labels: got shape"),
    ],
)
def test_what_is_no_data_set(images, labels, message):
    with pytest.raises(UserError, match=message):
        ImageDataset(images, labels)


def test_a_data_set_tells_about_itself():
    images = torch.randint(0, 256, (6, 1, 8, 8), dtype=torch.uint8)
    data = ImageDataset(images, torch.tensor([0, 1, 2, 0, 1, 2]), ["a", "b", "c"], {"name": "toy"})
    assert (len(data), data.shape, data.num_classes, data.name) == (6, (1, 8, 8), 3, "toy")
    assert "6 images of (1, 8, 8), 3 classes" in repr(data)
    assert torch.equal(data[2], to_float(images[2]))
    assert torch.equal(data.batch(torch.tensor([5, 0])), to_float(images[[5, 0]]))
    figure = data.preview(6, columns=3)
    assert [ax.get_title() for ax in figure.axes] == ["a", "b", "c", "a", "b", "c"]


def test_labels_of_a_batch():
    images = torch.zeros(6, 1, 8, 8, dtype=torch.uint8)
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    data = ImageDataset(images, labels)
    batch = data.batch_labels(torch.tensor([5, 0, 1]))
    assert (batch.tolist(), batch.dtype, batch.device) == ([2, 0, 1], torch.int64, data.device)
    with pytest.raises(UserError, match="the data set 'images' has no labels"):
        ImageDataset(images).batch_labels(torch.tensor([0]))
    points = gb.load_dataset("ring", limit=100)
    assert torch.equal(points.batch_labels(torch.arange(5)), points.labels[:5])


def test_attributes():
    images = torch.zeros(2, 1, 8, 8, dtype=torch.uint8)
    data = ImageDataset(
        images, attributes=torch.tensor([[0, 1, 1], [1, 0, 0]]), attribute_names=["a", "b", "c"]
    )
    assert "3 attributes" in repr(data)
    assert data.attribute_names == ("a", "b", "c")
    with pytest.raises(UserError, match=r"attributes: got shape \(2, 2\); it takes \(2, 3\)"):
        ImageDataset(images, attributes=torch.zeros(2, 2), attribute_names=["a", "b", "c"])


def test_images_that_do_not_fit_stay_behind_and_their_batches_move(monkeypatch):
    """On the "meta" device, which every machine has."""
    from ganbook.data import images as module

    data = ImageDataset(torch.zeros(4, 1, 8, 8, dtype=torch.uint8), torch.arange(4))
    for free, where in ((511, "cpu"), (513, "meta")):
        monkeypatch.setattr(module, "free_memory", lambda device, free=free: free)
        moved = data.to("meta")
        assert moved.images.device.type == where
        assert moved.batch(torch.tensor([1, 2])).device.type == "meta"
        assert moved.batch_labels(torch.tensor([1, 2])).device.type == "meta"
        assert moved.to("meta") is moved
    assert data.device.type == data.images.device.type == data.labels.device.type == "cpu"
    assert data.to("cpu") is data


@pytest.mark.parametrize("arguments", [{"num": 0}, {"num": 2.5}, {"columns": 0}])
def test_a_preview_of_nothing(arguments):
    (key,) = arguments
    with pytest.raises(UserError, match=f"{key}="):
        ImageDataset(torch.zeros(2, 1, 4, 4, dtype=torch.uint8)).preview(**arguments)
