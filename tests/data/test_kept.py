"""Drawn images that are kept: opened again as they were; drawn again where the file is damaged."""

import pytest
import torch

import ganbook as gb
from ganbook.data.sources import kept as module
from ganbook.data.sources.kept import kept

SHAPE = (6, 3, 8, 8)
PACKAGE = "ganbook.data.portraits"


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(module, "LEAST", 100)


class Artist:
    """Draws noise, another each time, and counts."""

    def __init__(self):
        self.times = 0

    def __call__(self):
        self.times += 1
        rng = torch.Generator().manual_seed(self.times)
        return torch.randint(256, SHAPE, generator=rng, dtype=torch.uint8)


def file_of(tmp_path):
    (path,) = (tmp_path / "cache").rglob("portraits-*.u8")
    return path


def test_what_was_drawn_is_opened_and_changes_stay_out_of_the_file():
    draw = Artist()
    first = kept(PACKAGE, (0,), SHAPE, draw)
    for _ in range(2):
        again = kept(PACKAGE, (0,), SHAPE, draw)
        assert torch.equal(first, again)
        assert again.dtype == torch.uint8
        again.zero_()
    assert draw.times == 1


def test_other_settings_code_or_torch_are_other_images(monkeypatch, tmp_path):
    draw = Artist()
    kept(PACKAGE, (0,), SHAPE, draw)
    kept(PACKAGE, (1,), SHAPE, draw)
    assert draw.times == 2
    sources = module._sources(PACKAGE)
    assert {"drawing.py", "palettes.py", "drawn.py"} <= {path.name for path in sources}
    changed = tmp_path / "drawing.py"
    changed.write_text("# another hand\n")
    monkeypatch.setattr(module, "_sources", lambda package: [*sources[1:], changed])
    kept(PACKAGE, (0,), SHAPE, draw)
    monkeypatch.setattr(torch, "__version__", "99.0")
    kept(PACKAGE, (0,), SHAPE, draw)
    assert draw.times == 4


@pytest.mark.parametrize("damage", ["flipped bit", "cut", "longer", "empty", "checksum"])
def test_a_damaged_file_is_drawn_again(damage, tmp_path):
    draw = Artist()
    kept(PACKAGE, (0,), SHAPE, draw)
    path = file_of(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(
        {
            "flipped bit": whole[:50] + bytes([whole[50] ^ 1]) + whole[51:],
            "cut": whole[:-5],
            "longer": whole + b"x",
            "empty": b"",
            "checksum": whole[:-1] + bytes([whole[-1] ^ 1]),
        }[damage]
    )
    second = kept(PACKAGE, (0,), SHAPE, draw)
    assert draw.times == 2
    assert torch.equal(kept(PACKAGE, (0,), SHAPE, draw), second)
    assert draw.times == 2


def test_few_are_not_kept_and_a_cache_that_cannot_be_written_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(module, "LEAST", 10_000)
    kept(PACKAGE, (0,), SHAPE, Artist())
    assert not (tmp_path / "cache").exists()
    monkeypatch.setattr(module, "LEAST", 100)
    (tmp_path / "file").touch()
    monkeypatch.setenv("GANBOOK_CACHE", str(tmp_path / "file"))
    draw = Artist()
    assert torch.equal(kept(PACKAGE, (0,), SHAPE, draw), Artist()())
    assert "portraits are drawn at each start again. GANBOOK_CACHE names" in capsys.readouterr().out


def test_the_data_set_is_the_same_drawn_and_kept(tmp_path):
    first, second = (gb.load_dataset("portraits", image_size=16, limit=40) for _ in range(2))
    assert file_of(tmp_path).stat().st_size == 40 * 3 * 16 * 16 + 4
    assert torch.equal(first.images, second.images)
    assert torch.equal(first.attributes, second.attributes)
    assert torch.equal(first.images, gb.data.portraits.load_portraits("train", image_size=16, num=40)[0])
    other = gb.load_dataset("portraits", image_size=16, limit=40, split="test")
    assert not torch.equal(first.images, other.images)
