"""What is done is remembered, and a damaged file is no disaster."""

import json
import re
import threading

import pytest

from ganbook import exercises
from ganbook.exercises import progress

NAME = "value-to-jsd"
RIGHT = 0.19315


def test_only_right_answers_are_remembered(progress_file):
    assert not exercises.check(NAME, ...)
    assert not exercises.check(NAME, 1.0)
    assert not progress_file.exists()
    assert exercises.check(NAME, RIGHT)
    (day,) = progress.done().values()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", day)
    assert json.loads(progress_file.read_text(encoding="utf-8"))["done"] == {NAME: day}


def test_the_first_day_stays(progress_file):
    progress_file.parent.mkdir(parents=True)
    progress_file.write_text(json.dumps({"version": 1, "done": {NAME: "2020-02-20"}}), encoding="utf-8")
    assert exercises.check(NAME, RIGHT)
    progress.record("disjoint-jsd")
    assert progress.done()[NAME] == "2020-02-20"
    assert set(progress.done()) == {NAME, "disjoint-jsd"}


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"done": 3}', '{"done": {}', "\x00\xff", '{"version": 1}', "null"]
)
def test_a_damaged_file_is_told_in_a_line_and_put_aside(progress_file, text, capsys):
    progress_file.parent.mkdir(parents=True)
    progress_file.write_bytes(text.encode("latin-1"))
    assert progress.done() == {}
    (line,) = capsys.readouterr().err.splitlines()
    assert "damaged" in line
    assert progress.record(NAME) == ""
    assert set(progress.done()) == {NAME}
    aside = progress_file.with_name("progress.json.damaged")
    if text:
        assert aside.read_bytes() == text.encode("latin-1")


def test_a_folder_that_cannot_be_written_is_noted_and_no_fault(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    monkeypatch.setenv("GANBOOK_PROGRESS", str(tmp_path / "file" / "progress.json"))
    result = exercises.check(NAME, RIGHT)
    assert result
    assert "progress could not be kept" in repr(result)


def test_reset(progress_file):
    assert progress.reset() == 0
    progress.record(NAME)
    assert progress.reset() == 1
    assert progress.done() == {}
    assert not list(progress_file.parent.iterdir())


def test_several_at_once_lose_nothing(progress_file):
    """Notebooks may be open side by side."""
    wanted = [f"exercise-{i}" for i in range(12)]
    workers = [threading.Thread(target=progress.record, args=(name,)) for name in wanted]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert set(progress.done()) == set(wanted)


def test_where_it_is_kept(monkeypatch, tmp_path):
    monkeypatch.delenv("GANBOOK_PROGRESS")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert progress.path() == tmp_path / "state" / "ganbook" / "progress.json"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert progress.path() == tmp_path / ".local" / "state" / "ganbook" / "progress.json"
