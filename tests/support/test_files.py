"""Files and folders are whole or not there, whatever goes wrong on the way."""

import os

import pytest

from ganbook.support import files
from ganbook.support.files import replacing, replacing_folder, write_text


def write_half(temporary):
    temporary.write_text("half")
    raise ZeroDivisionError


def rest(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_the_old_one_or_the_new_one(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(ZeroDivisionError), replacing(path) as temporary:
        write_half(temporary)
    assert path.read_text() == "old"
    monkeypatch.setattr(os, "fsync", lambda handle: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        write_text(path, "new")
    assert path.read_text() == "old"
    monkeypatch.undo()
    write_text(path, "new")
    assert path.read_text() == "new"
    assert rest(tmp_path) == ["a.txt"]


def test_a_folder_is_the_old_one_or_the_new_one(tmp_path):
    folder = tmp_path / "it"
    with replacing_folder(folder) as temporary:
        (temporary / "a").write_text("old")
    with pytest.raises(ZeroDivisionError), replacing_folder(folder) as temporary:
        write_half(temporary / "a")
    assert (folder / "a").read_text() == "old"
    with replacing_folder(folder) as temporary:
        (temporary / "b").write_text("new")
    assert rest(folder) == ["b"]
    assert rest(tmp_path) == ["it"]


def test_who_comes_second_leaves_what_is_as_good(tmp_path):
    folder = tmp_path / "it"
    with replacing_folder(folder, is_whole=folder.exists) as temporary:
        (temporary / "a").write_text("slow")
        folder.mkdir()  # another process was faster
        (folder / "a").write_text("fast")
    assert (folder / "a").read_text() == "fast"
    assert rest(tmp_path) == ["it"]


def test_a_path_at_home_is_written_short(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert files.short_path(tmp_path / "a") == "~/a"
    assert files.short_path(tmp_path) == str(tmp_path)
