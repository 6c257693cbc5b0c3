"""What the tests of the data share: no data anywhere, a cache of their own, and folders of images."""

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def _no_data_anywhere(monkeypatch, tmp_path):
    monkeypatch.delenv("GANBOOK_DATA", raising=False)
    monkeypatch.delenv("GANBOOK_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def photos(tmp_path):
    """A folder of 2 x 5 colour images of 16 x 16 pixels in two classes, each image of one colour."""
    root = tmp_path / "my photos"
    for number, name in enumerate(["cats", "dogs"]):
        (root / name).mkdir(parents=True)
        for i in range(5):
            Image.new("RGB", (16, 16), (100 * number, 10 * i, 7)).save(root / name / f"{i}.png")
    return root


@pytest.fixture
def write_noise():
    """Write an image of noise that is a pure function of its number."""

    def write(path, number, size=(16, 16), **options):
        path.parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(number)
        Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).save(path, **options)
        return path

    return write
