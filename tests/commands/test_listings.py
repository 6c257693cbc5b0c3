"""`ganbook datasets`, and `--dataset folder:PATH`."""

import pytest
from PIL import Image

from ganbook.cli import main
from ganbook.data import SOURCES
from ganbook.data.sources import celeba


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("GANBOOK_DATA", "GANBOOK_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def listing(capsys, *arguments):
    assert main(["datasets", *arguments]) == 0
    lines = capsys.readouterr().out.splitlines()
    return {line.split()[0]: line for line in lines if line}


def test_every_name_is_listed_with_size_shape_source_and_place(capsys):
    lines = listing(capsys)
    for name, source in SOURCES.items():
        assert source.size in lines[name]
        assert "x".join(map(str, source.shape)) in lines[name]
        assert lines[name].endswith(source.about)
        embedded = getattr(source, "find", None) is None
        assert ("embedded" if embedded else "would be downloaded") in lines[name]
    assert "folder:PATH" in lines
    assert "CC BY 4.0" in lines["digits"]
    assert "(0 sets, 0 MiB)" in lines["Decoded"]


def test_what_is_here_cached_and_damaged(capsys, tmp_path, monkeypatch):
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / "train-images-idx3-ubyte").write_bytes(b"half")
    cifar = tmp_path / "data" / "cifar-10-batches-py"
    cifar.mkdir()
    for number in range(1, 6):
        (cifar / f"data_batch_{number}").write_bytes(b"here")
    faces = tmp_path / "data" / "celeba"
    (faces / "img_align_celeba").mkdir(parents=True)
    Image.new("RGB", (178, 218)).save(faces / "img_align_celeba" / "000001.jpg")
    (faces / "list_attr_celeba.txt").write_text("1\nSmiling\n000001.jpg 1\n")
    (faces / "list_eval_partition.txt").write_text("000001.jpg 0\n")
    lines = listing(capsys, "--data-dir", "data")
    assert "  damaged  " in lines["mnist"]
    assert "  here  " in lines["cifar10"]
    assert "  here  " in lines["celeba"]
    from ganbook.data import load_dataset

    monkeypatch.setattr(celeba, "NUM_IMAGES", 1)
    load_dataset("celeba", "data")
    lines = listing(capsys, "--data-dir", "data")
    assert "  cached  " in lines["celeba"]
    assert "(1 sets, 0 MiB)" in lines["Decoded"]
