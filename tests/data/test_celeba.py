"""CelebA from a small folder in the original's format that these tests write."""

import sys
import zipfile

import pytest
import torch
from PIL import Image

import ganbook as gb
from ganbook.data import whereabouts
from ganbook.data.sources import cache, celeba
from ganbook.errors import DataError

NAMES = ["5_o_Clock_Shadow", "Eyeglasses", "Male", "Smiling"]
PARTS = [0, 0, 1, 2, 0, 2, 1, 0]  # train, valid and test are mixed, as they could be


@pytest.fixture
def faces(tmp_path, monkeypatch):
    folder = tmp_path / "data" / "celeba"
    (folder / "img_align_celeba").mkdir(parents=True)
    rows, parts = [], []
    for i, part in enumerate(PARTS):
        name = f"{i + 1:06}.jpg"
        Image.new("RGB", (178, 218), (20 * i, 100, 0)).save(folder / "img_align_celeba" / name, quality=95)
        rows.append(f"{name} " + " ".join(f"{1 if i >> bit & 1 else -1:2d}" for bit in range(4)))
        parts.append(f"{name} {part}")
    (folder / "list_attr_celeba.txt").write_text(
        "\n".join([str(len(PARTS)), " ".join(NAMES) + " ", *rows, ""])
    )
    (folder / "list_eval_partition.txt").write_text("\n".join([*parts, ""]))
    monkeypatch.setattr(celeba, "NUM_IMAGES", len(PARTS))
    return tmp_path / "data"


def reds(data):
    return [round(value / 20) for value in data.images[:, 0, 5, 5].tolist()]


def test_splits_attributes_and_sizes(faces, monkeypatch):
    assert whereabouts("celeba", faces) == "here"
    train, test = gb.load_dataset("celeba", faces), gb.load_dataset("celeba", faces, split="test")
    assert (train.shape, test.shape) == ((3, 64, 64), (3, 64, 64))
    assert (reds(train), reds(test)) == ([0, 1, 4, 7], [3, 5])  # 2 and 6 are the validation split
    assert train.attribute_names == tuple(NAMES)
    assert train.attributes.tolist() == [[0, 0, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [1, 1, 1, 0]]
    assert (train.labels, train.num_classes) == (None, 0)
    assert "4 attributes" in repr(train)
    assert whereabouts("celeba", faces) == "cached"
    monkeypatch.setattr(celeba, "_attributes", None)  # the second start does not read the long list again
    again = gb.load_dataset(**train.spec)
    assert torch.equal(again.images, train.images)
    assert torch.equal(again.attributes, train.attributes)
    monkeypatch.undo()


def test_limit_size_and_channels(faces):
    data = gb.load_dataset("celeba", faces, image_size=32, channels=1, limit=2)
    assert (len(data), data.shape, data.attributes.shape) == (2, (1, 32, 32), (2, 4))


def test_torchvision_reads_the_same(faces, monkeypatch):
    from torchvision import datasets

    folder = faces / "celeba"
    for name in ("identity_CelebA.txt", "list_bbox_celeba.txt", "list_landmarks_align_celeba.txt"):
        rows = [f"{i + 1:06}.jpg 1" for i in range(len(PARTS))]
        (folder / name).write_text("\n".join([*(["8", "x"] if "list" in name else []), *rows, ""]))
    monkeypatch.setattr(datasets.CelebA, "_check_integrity", lambda self: True)
    for split in ("train", "test"):
        theirs = datasets.CelebA(root=str(faces), split=split)
        ours = gb.load_dataset("celeba", faces, split=split)
        assert torch.equal(ours.attributes.long(), theirs.attr)
        assert reds(ours) == [int(name[:6]) - 1 for name in theirs.filename]
        assert list(ours.attribute_names) == [name for name in theirs.attr_names if name]


def test_missing_and_damaged_photographs(faces, capsys):
    images = faces / "celeba" / "img_align_celeba"
    (images / "000001.jpg").unlink()
    (images / "000005.jpg").write_bytes((images / "000005.jpg").read_bytes()[:300])
    with pytest.raises(
        DataError, match=r"celeba: 2 of the 4 image files cannot be read: 000001\.jpg \(No such"
    ):
        gb.load_dataset("celeba", faces)
    data = gb.load_dataset("celeba", faces, skip_bad=True)
    assert reds(data) == [1, 7]
    assert data.attributes.tolist() == [[1, 0, 0, 0], [1, 1, 1, 0]]
    assert data.spec["skip_bad"] is True
    assert capsys.readouterr().out.startswith("Notice: celeba: 2 of the 4 image files cannot be read")


@pytest.mark.parametrize("name", ["list_attr_celeba.txt", "list_eval_partition.txt"])
@pytest.mark.parametrize("damage", ["cut", "empty", "binary", "a word less", "another name"])
def test_damaged_lists(faces, name, damage):
    path = faces / "celeba" / name
    content = path.read_bytes()
    last = content.strip().rsplit(b"\n", 1)
    spoilt = {
        "cut": content[: len(content) // 2],
        "empty": b"",
        "binary": b"\xff\xfe" + content,
        "a word less": last[0] + b"\n" + last[1].rsplit(b" ", 1)[0] + b"\n",
        "another name": content.replace(b"000008", b"000009"),
    }
    path.write_bytes(spoilt[damage])
    with pytest.raises(DataError, match=r"celeba: ") as caught:
        gb.load_dataset("celeba", faces)
    assert "\n" not in str(caught.value)
    assert cache.entries() == []
    assert path.read_bytes() == spoilt[damage]  # it is the reader's file


def test_an_archive_that_is_not_unpacked(faces):
    images = faces / "celeba" / "img_align_celeba"
    with zipfile.ZipFile(faces / "celeba" / "img_align_celeba.zip", "w") as archive:
        for path in images.iterdir():
            archive.write(path, f"img_align_celeba/{path.name}")
    images.rename(faces / "elsewhere")
    with pytest.raises(DataError, match=r"img_align_celeba\.zip is not unpacked; unpack it where it is"):
        gb.load_dataset("celeba", faces)
    assert whereabouts("celeba", faces) == "damaged"


def test_nothing_there_and_no_way_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "gdown", None)  # not installed
    with pytest.raises(DataError, match=r"celeba: not in .*, and the download failed .*gdown") as caught:
        gb.load_dataset("celeba", tmp_path)
    assert "\n" not in str(caught.value)
    assert "celeba/img_align_celeba/000001.jpg" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_download_that_google_refuses(tmp_path, monkeypatch):
    """With gdown's own error, which is derived from nothing but Exception."""
    import types

    gdown, exceptions = types.ModuleType("gdown"), types.ModuleType("gdown.exceptions")
    exceptions.FileURLRetrievalError = type("FileURLRetrievalError", (Exception,), {})

    def refuse(**kwargs):
        raise exceptions.FileURLRetrievalError("Too many users have viewed or downloaded this file")

    gdown.download, gdown.exceptions = refuse, exceptions
    monkeypatch.setitem(sys.modules, "gdown", gdown)
    monkeypatch.setitem(sys.modules, "gdown.exceptions", exceptions)
    with pytest.raises(DataError, match=r"the download failed \(Too many users have viewed"):
        gb.load_dataset("celeba", tmp_path)
