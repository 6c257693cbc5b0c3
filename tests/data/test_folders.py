"""`folder:PATH`: which files are read, in which order, as which classes, and what is said of bad ones."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import ganbook as gb
from ganbook.data import find
from ganbook.errors import DataError, UserError


def load(root, **options):
    return gb.load_dataset(f"folder:{root}", **options)


def colours(data):
    """The colour of each image, where each is of one colour."""
    assert (data.images == data.images[..., :1, :1]).all()
    return [tuple(p) for p in data.images[..., 0, 0].tolist()]


def test_a_folder_with_classes(photos):
    data = load(photos)
    assert (len(data), data.shape, data.class_names) == (10, (3, 16, 16), ("cats", "dogs"))
    assert data.labels.tolist() == [0, 1] * 5  # the classes take turns
    assert colours(data) == [(100 * k, 10 * i, 7) for i in range(5) for k in range(2)]
    assert "10 images of (3, 16, 16), 2 classes" in repr(data)
    assert data[0].min() >= -1
    titles = [ax.get_title() for ax in data.preview(4).axes]
    assert titles == ["cats", "dogs", "cats", "dogs"]
    again = load(photos)
    assert torch.equal(again.images, data.images)
    assert load(photos, limit=3).labels.tolist() == [0, 1, 0]


def test_the_spec_finds_the_folder_from_anywhere(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = load("my photos", image_size=8, channels=1, limit=4)
    monkeypatch.chdir("/")
    again = gb.load_dataset(**data.spec)
    assert torch.equal(again.images, data.images)
    assert again.spec == data.spec
    assert again.shape == (1, 8, 8)


def test_the_home_folder(photos, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    data = load("~/my photos")
    assert data.name == "folder:" + os.path.join("~", "my photos")
    assert len(gb.load_dataset(**data.spec)) == 10


def test_sub_folders_train_and_test_are_the_splits(photos, tmp_path, write_noise):
    split = tmp_path / "split"
    shutil.copytree(photos, split / "train")
    write_noise(split / "val" / "dogs" / "1.png", 1)
    write_noise(split / "val" / "birds" / "1.png", 2)
    write_noise(split / "unlabelled" / "1.png", 3)  # beside the splits nothing is read
    train, test = load(split), load(split, split="test")
    assert (len(train), len(test)) == (10, 2)
    assert train.class_names == test.class_names == ("birds", "cats", "dogs")  # the same numbers in both
    assert train.labels.tolist()[:2] == [1, 2]
    assert test.labels.tolist() == [0, 2]
    write_noise(split / "test" / "cats" / "1.png", 4)
    assert len(load(split, split="test")) == 1  # test goes before val


def test_without_a_test_folder_all_images_are_for_training(photos):
    with pytest.raises(
        DataError, match="it has no test split; put its images into two sub-folders"
    ) as caught:
        load(photos, split="test")
    assert "\n" not in str(caught.value)
    assert load(photos, split="test", fallback="digits").name == "digits"


def test_images_beside_the_sub_folders_mean_no_classes(photos, write_noise, capsys):
    write_noise(photos / "cover.png", 1)
    data = load(photos)
    assert (len(data), data.labels, data.num_classes) == (11, None, 0)
    assert "no classes, as 1 of the images lie outside its sub-folders" in capsys.readouterr().out


def test_a_flat_folder_is_read_by_name(tmp_path, write_noise, capsys):
    for name in ["b.png", "a.JPG", "c.Png"]:
        write_noise(tmp_path / "flat" / name, ord(name[0]))
    data = load(tmp_path / "flat")
    assert (len(data), data.num_classes) == (3, 0)
    assert capsys.readouterr().out == ""
    first = torch.from_numpy(np.array(Image.open(tmp_path / "flat" / "b.png")))
    assert torch.equal(data.images[1], first.permute(2, 0, 1))
    with pytest.raises(UserError, match="has no labels"):
        data.batch_labels(torch.tensor([0]))


def test_names_with_spaces_other_letters_and_deep_folders(tmp_path, write_noise):
    names = ["Große Katzen/eine Katze.png", "猫/子猫 1.png", "猫/もっと/深い/子猫 2.png", "Кошки/a.b.c.png"]
    for number, name in enumerate(names):
        write_noise(tmp_path / "x" / name, number)
    data = load(tmp_path / "x")
    assert data.class_names == ("Große Katzen", "Кошки", "猫")
    assert data.labels.tolist() == [0, 1, 2, 2]


@pytest.mark.skipif(os.name == "nt", reason="such names do not exist there")
def test_names_that_are_no_text_are_shown_all_the_same(tmp_path, write_noise):
    root = tmp_path / "x"
    write_noise(root / "ok.png", 0)
    try:
        Path(os.fsdecode(os.fsencode(root) + b"/\xff\nbad.png")).write_bytes(b"")
    except OSError:
        pytest.skip("this file system takes no such name")
    with pytest.raises(DataError, match=r"\?\?bad\.png \(empty, 0 bytes\)") as caught:
        load(root)
    assert str(caught.value).isprintable()
    assert len(load(root, skip_bad=True)) == 1


def test_hidden_files_and_other_files_are_passed_over(photos, write_noise):
    write_noise(photos / ".thumbnails" / "1.png", 1)
    write_noise(photos / "__MACOSX" / "cats" / "1.png", 2)
    (photos / "cats" / "._0.png").write_bytes(b"Mac OS X")
    (photos / "cats" / "notes.txt").write_text("mine")
    (photos / "readme.md").write_text("mine")
    (photos / "empty").mkdir()
    assert len(load(photos)) == 10
    assert load(photos).class_names == ("cats", "dogs")


def test_links(photos, tmp_path, write_noise):
    """Loops end, a link to a file or to a folder elsewhere counts, and no folder is read twice."""
    write_noise(tmp_path / "elsewhere" / "birds" / "1.png", 1)
    try:
        (photos / "a loop").symlink_to(photos)
    except OSError:
        pytest.skip("no links here")
    (photos / "cats" / "loop").symlink_to(photos / "dogs")
    (photos / "dogs" / "loop").symlink_to("..")
    (photos / "dogs" / "itself").symlink_to("itself")
    (photos / "birds").symlink_to(tmp_path / "elsewhere" / "birds")
    (photos / "dogs" / "bird.png").symlink_to(tmp_path / "elsewhere" / "birds" / "1.png")
    data = load(photos)
    assert data.class_names == ("birds", "cats", "dogs")
    assert data.labels.bincount().tolist() == [1, 5, 6]


def test_many_links_to_one_another_end(tmp_path, write_noise):
    root = tmp_path / "x"
    for i in range(12):
        write_noise(root / f"{i:02}" / "1.png", i)
    for i in range(12):
        for j in range(12):
            (root / f"{i:02}" / f"to {j}").symlink_to(root / f"{j:02}")
    assert len(load(root)) == 12


def test_one_size_is_kept_and_others_are_cut_to_64(tmp_path, photos, write_noise, capsys):
    assert load(photos).shape == (3, 16, 16)
    assert capsys.readouterr().out == ""
    write_noise(photos / "cats" / "wide.png", 1, size=(16, 20))
    assert load(photos).shape == (3, 64, 64)
    assert (
        "each is cropped to its centre and resized to 64x64 (image_size chooses)" in capsys.readouterr().out
    )
    assert load(photos, image_size=8).shape == (3, 8, 8)
    assert capsys.readouterr().out == ""
    write_noise(tmp_path / "large" / "1.png", 1, size=(200, 200))
    assert load(tmp_path / "large").shape == (3, 64, 64)


def test_grey_images_have_one_channel_however_they_are_stored(tmp_path, photos):
    root = tmp_path / "grey"
    root.mkdir()
    Image.new("L", (9, 9), 50).save(root / "1.png")
    Image.new("RGB", (9, 9), (60, 60, 60)).save(root / "2.png")
    assert colours(load(root)) == [(50,), (60,)]
    assert colours(load(root, channels=3)) == [(50,) * 3, (60,) * 3]
    assert load(photos, channels=1).shape == (1, 16, 16)
    Image.new("RGB", (9, 9), (60, 60, 61)).save(root / "3.png")
    assert colours(load(root)) == [(50,) * 3, (60,) * 3, (60, 60, 61)]


# ------------------------------------------------------------------------------------------- bad input


@pytest.fixture
def spoilt(photos):
    """A class more, of damaged files only, beside ten good ones."""
    bad = photos / "spoilt"
    bad.mkdir()
    good = (photos / "cats" / "0.png").read_bytes()
    (bad / "a zero.png").write_bytes(b"")
    (bad / "b page.jpg").write_text("<html>404 Not Found</html>")
    (bad / "c cut.png").write_bytes(good[:-30])
    (bad / "d nowhere.png").symlink_to("gone.png")
    os.mkfifo(bad / "e pipe.png")  # whoever opens it waits for ever
    return photos


@pytest.mark.skipif(os.name == "nt", reason="pipes and links")
def test_bad_files_are_counted_and_named_with_the_way_out(spoilt):
    for _ in range(2):  # also when the cache knows them
        with pytest.raises(DataError) as caught:
            load(spoilt)
        line = str(caught.value)
        assert line.startswith(f"folder:{spoilt}: 5 of the 15 image files cannot be read: ")
        assert "a zero.png (empty, 0 bytes)" in line
        assert "b page.jpg (text, not an image: '<html>404 Not Found<')" in line
        assert "c cut.png (" in line
        assert "and 2 more" in line
        assert "skip_bad=True" in line
        assert "--set data.skip_bad=true" in line
        assert "\n" not in line


@pytest.mark.skipif(os.name == "nt", reason="pipes and links")
def test_skip_bad(spoilt, capsys):
    data = load(spoilt, skip_bad=True)
    assert len(data) == len(data.labels) == 10
    assert data.labels.tolist() == [0, 1] * 5
    assert colours(data) == [(100 * k, 10 * i, 7) for i in range(5) for k in range(2)]
    notice = capsys.readouterr().out
    assert notice.startswith(f"Notice: folder:{spoilt}: 5 of the 15 image files cannot be read: ")
    assert notice.count("\n") == 1
    assert torch.equal(gb.load_dataset(**data.spec).images, data.images)


def test_a_repaired_file_comes_back(photos, monkeypatch):
    """Also if neither its size nor its time has changed, as after a change of permissions."""
    from ganbook.data.sources import cache

    real = cache.decode

    def refuse(path, *args):
        if path.name == "3.png":
            raise cache.BadImage("Permission denied")
        return real(path, *args)

    monkeypatch.setattr(cache, "decode", refuse)
    with pytest.raises(DataError, match=r"2 of the 10 .* cats/3\.png \(Permission denied\), dogs/3\.png"):
        load(photos)
    assert len(load(photos, skip_bad=True)) == 8
    monkeypatch.setattr(cache, "decode", real)
    assert len(load(photos)) == 10
    assert len(load(photos)) == 10


def test_nothing_but_bad_files(tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "a.png").write_bytes(b"")
    for skip in (False, True):
        with pytest.raises(DataError, match=r"none of the one image file can be read: a\.png \(empty"):
            load(tmp_path / "x", skip_bad=skip)


def test_a_folder_that_cannot_be_listed_is_named(photos, monkeypatch):
    real = os.scandir

    def refuse(path):
        if str(path).endswith("dogs"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataError, match=r"1 of the 6 image files cannot be read: dogs/ \(folder: Permission"):
        load(photos)
    assert len(load(photos, skip_bad=True)) == 5


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("folder:", "it takes the path of a folder, as in folder:~/photos"),
        ("folder: ", "it takes the path of a folder"),
        ("folder:~nobody-of-this-name/x", "home"),
        ("folders:x", "unknown data set 'folders:x'"),
        ("folder", r"unknown data set 'folder'.* folder:PATH"),
        (3, "unknown data set 3"),
        (None, "unknown data set None"),
    ],
)
def test_names_that_are_none(name, message):
    for door in (gb.load_dataset, find):
        with pytest.raises(UserError, match=message):
            door(name)


def test_names():
    assert find("mnist").name == find("mnist").short_name == "mnist"
    assert find("folder:/a/x y").name == "folder:/a/x y"
    assert find("folder:x y").name.endswith("/x y")  # with its whole path: found again from anywhere
    assert find("folder:/a/b/My photos (2)/").short_name == "folder-My-photos-2"
    assert find("folder:猫").short_name == "folder-images"


def test_what_is_no_folder_of_images(tmp_path):
    def says(path, message):
        with pytest.raises(DataError, match=message) as caught:
            load(path)
        assert "\n" not in str(caught.value)

    says(tmp_path / "nowhere", "there is no such folder")
    (tmp_path / "x").mkdir()
    says(tmp_path / "x", "the folder .* is empty")
    (tmp_path / "x" / "a.txt").write_text("mine")
    (tmp_path / "x" / "b.txt").write_text("mine")
    (tmp_path / "x" / "README").write_text("mine")
    says(tmp_path / "x", r"no images in .*, only other files \(2 \.txt, 1 without a suffix\)")
    (tmp_path / "x" / "photos.zip").write_bytes(b"PK")
    says(tmp_path / "x", "unpack the archive first")
    says(tmp_path / "x" / "photos.zip", "it is a file, not a folder; unpack it and name the folder")
    says(tmp_path / "x" / "a.txt", "it is a file, not a folder$")
    assert load(tmp_path / "x", fallback="digits").name == "digits"


@pytest.mark.parametrize(
    "options", [{"image_size": 0}, {"limit": -1}, {"split": "valid"}, {"channels": 2}, {"skip_bad": "yes"}]
)
def test_bad_options_are_found_before_the_folder_is_looked_at(options):
    (key,) = options
    with pytest.raises(UserError, match=f"{key}="):
        load("nowhere", **options)
