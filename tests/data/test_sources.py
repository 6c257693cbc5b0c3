"""The door to the data: embedded digits, MNIST from files that these tests write, and what goes wrong."""

import gzip
import io
import struct
import urllib.error

import numpy as np
import pytest
import torch

import ganbook as gb
from ganbook.data import sources, whereabouts
from ganbook.errors import DataError, UserError


@pytest.fixture(autouse=True)
def _no_data_anywhere(monkeypatch, tmp_path):
    monkeypatch.delenv("GANBOOK_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr("urllib.request.urlopen", refuse)


@pytest.fixture
def mnist_dir(tmp_path, monkeypatch):
    """A folder of a small MNIST in the original's format; the expected sizes are shrunk with it."""
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    rng = np.random.default_rng(0)
    sizes = {}
    for split, stem, num in (("train", "train", 50), ("test", "t10k", 20)):
        images = struct.pack(">4i", 0x803, num, 28, 28) + rng.integers(0, 256, num * 784, np.uint8).tobytes()
        labels = struct.pack(">2i", 0x801, num) + (np.arange(num, dtype=np.uint8) % 10).tobytes()
        names = (f"{stem}-images-idx3-ubyte", f"{stem}-labels-idx1-ubyte")
        sizes[split] = {names[0]: len(images), names[1]: len(labels)}
        (raw / names[0]).write_bytes(images)
        (raw / names[1]).write_bytes(labels)
    monkeypatch.setattr(sources, "MNIST_FILES", sizes)
    return tmp_path / "data"


def test_digits_are_real_and_always_there(no_network):
    train, test = gb.load_dataset("digits"), gb.load_dataset("digits", split="test")
    assert (len(train), len(test)) == (1437, 360)
    assert train.shape == (1, 8, 8)
    assert train.num_classes == 10
    assert int(train.images.max()) == 255
    assert not any(torch.equal(test.images[0], image) for image in train.images)
    # They can be told apart: the nearest class mean is right for most of the test split.
    means = torch.stack([train.images[train.labels == c].float().mean(0) for c in range(10)])
    nearest = torch.cdist(test.images.float().flatten(1), means.flatten(1)).argmin(1)
    assert (nearest == test.labels).float().mean() > 0.8


def test_size_channels_and_limit():
    data = gb.load_dataset("digits", image_size=32, channels=3, limit=10)
    assert data.shape == (3, 32, 32)
    assert len(data) == len(data.labels) == 10
    assert gb.load_dataset(**data.spec).images.equal(data.images)  # the spec loads the same again


def test_mnist_from_files(mnist_dir, no_network, monkeypatch):
    data = gb.load_dataset("mnist", mnist_dir, image_size=32)
    assert (len(data), data.shape) == (50, (1, 32, 32))
    raw = (mnist_dir / "MNIST" / "raw" / "train-images-idx3-ubyte").read_bytes()[16:]
    expected = torch.frombuffer(bytearray(raw), dtype=torch.uint8).view(50, 1, 28, 28)
    assert torch.equal(data.images[..., 2:30, 2:30], expected)
    assert len(gb.load_dataset("mnist", mnist_dir, split="test")) == 20
    monkeypatch.setenv("GANBOOK_DATA", str(mnist_dir))
    assert len(gb.load_dataset("mnist")) == 50
    assert whereabouts("mnist") == "here"


def test_a_truncated_file_is_named_with_both_sizes(mnist_dir, no_network):
    path = mnist_dir / "MNIST" / "raw" / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte has 39,116 bytes, the original has 39,216"):
        gb.load_dataset("mnist", mnist_dir)
    assert whereabouts("mnist", mnist_dir) == "damaged"
    assert path.exists()  # it is the reader's file: nothing is deleted


def test_right_size_and_wrong_content_is_one_line_too(mnist_dir, no_network):
    path = mnist_dir / "MNIST" / "raw" / "train-images-idx3-ubyte"
    path.write_bytes(b"\0" * path.stat().st_size)
    with pytest.raises(DataError, match="cannot be read") as caught:
        gb.load_dataset("mnist", mnist_dir)
    assert "\n" not in str(caught.value)


def test_no_files_and_no_network(tmp_path, no_network):
    with pytest.raises(DataError, match=r"download failed \(.*no route to host.*GANBOOK_DATA") as caught:
        gb.load_dataset("mnist", tmp_path)
    assert "\n" not in str(caught.value)


def test_a_download_that_delivers_rubbish(tmp_path, monkeypatch):
    class Response(io.BytesIO):
        url, headers, length = None, {}, None

    monkeypatch.setattr("urllib.request.urlopen", lambda *a, **k: Response(gzip.compress(b"not MNIST")))
    with pytest.raises(DataError, match="download failed"):
        gb.load_dataset("mnist", tmp_path)


def test_the_fallback_says_what_it_does(tmp_path, no_network, capsys):
    data = gb.load_dataset("mnist", fallback="digits", image_size=28)
    assert data.name == "digits"
    assert data.shape == (1, 28, 28)
    notice = capsys.readouterr().out
    assert notice.startswith("Notice: using the data set 'digits' instead of 'mnist'")
    assert "no route to host" in notice


def test_a_missing_folder_is_not_created(tmp_path):
    with pytest.raises(DataError, match="nowhere does not exist"):
        gb.load_dataset("mnist", tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "minst"}, "unknown data set 'minst'; did you mean 'mnist'"),
        ({"name": "digits", "fallback": "digit"}, "unknown data set 'digit'; did you mean 'digits'"),
        ({"name": "digits", "split": "valid"}, "split='valid'"),
        ({"name": "digits", "limit": -1}, "limit=-1"),
        ({"name": "digits", "limit": 0}, "limit=0"),
        ({"name": "digits", "image_size": 0}, "image_size=0"),
        ({"name": "digits", "channels": 2}, "channels=2"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(UserError, match=message):
        gb.load_dataset(**arguments)


def test_points_and_glyphs_come_through_the_same_door():
    ring = gb.load_dataset("ring", limit=500)
    assert ring.shape == (2,)
    assert ring.num_classes == 8
    assert ring.distribution.modes.shape == (8, 2)
    assert gb.load_dataset(**ring.spec).points.equal(ring.points)
    assert not gb.load_dataset("ring", split="test", limit=500).points.equal(ring.points)
    with pytest.raises(UserError, match=r"image_size=28: the data set 'ring' has points, not images"):
        gb.load_dataset("ring", image_size=28)

    glyphs = gb.load_dataset("glyphs", limit=50)
    assert glyphs.shape == (1, 28, 28)
    assert glyphs.num_classes == 10
    padded = gb.load_dataset("glyphs", limit=50, image_size=32)
    assert torch.equal(padded.images[..., 2:30, 2:30], glyphs.images)
    assert gb.load_dataset("glyphs", limit=5, image_size=64, channels=3).shape == (3, 64, 64)
    assert gb.load_dataset(**padded.spec).images.equal(padded.images)
