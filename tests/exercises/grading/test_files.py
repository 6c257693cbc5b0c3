"""A reader's file: what is read of it, and what comes of it. The command: tests/test_cli_exercises.py."""

import json

import pytest

from ganbook.errors import UserError
from ganbook.exercises import get, sheets
from ganbook.exercises.grading import files

NAME = "value-to-jsd"


def notebook(*cells, **metadata):
    return json.dumps(
        {
            "cells": [{"cell_type": "code", "source": cell.splitlines(keepends=True)} for cell in cells],
            "metadata": metadata,
        }
    )


def test_a_script_is_one_part_and_its_first_line_names_the_exercise(tmp_path):
    path = sheets.start(get(NAME), tmp_path, script=True)
    ((name, source),), marked = files.read(path)
    assert name == path.name
    assert source == path.read_text(encoding="utf-8")
    assert marked == NAME


def test_a_notebook_is_read_cell_by_cell_without_what_only_jupyter_understands(tmp_path):
    path = tmp_path / "mine.ipynb"
    cells = ("%matplotlib inline\n!ls\nx = 1", "%%bash\nls", "x?\nx = 2")
    path.write_text(notebook(*cells, ganbook={"exercise": NAME}), encoding="utf-8")
    code, marked = files.read(path)
    assert code == [("cell 1", "\n\nx = 1"), ("cell 2", ""), ("cell 3", "\nx = 2")]
    assert marked == NAME


@pytest.mark.parametrize("metadata", [{}, {"ganbook": {}}, {"ganbook": {"exercise": 3}}])
def test_a_notebook_of_the_readers_own_names_no_exercise(tmp_path, metadata):
    path = tmp_path / "mine.ipynb"
    path.write_text(notebook("x = 1", **metadata), encoding="utf-8")
    assert files.read(path)[1] == ""


def test_of_several_checks_the_last_counts_and_nothing_is_recorded(tmp_path, progress_file):
    path = tmp_path / "mine.py"
    call = f'gb.exercises.check("{NAME}", {{}})\n'
    path.write_text(
        "import ganbook as gb\n" + call.format(1) + call.format(0.19315) + "1 / 0\n", encoding="utf-8"
    )
    graded = files.grade_file(path)
    assert [(result.name, result.state) for result in graded.results] == [(NAME, "right")]
    assert "ZeroDivisionError" in graded.problem
    assert "line 4 of your code: 1 / 0" in graded.problem
    assert not progress_file.exists()


def test_a_file_without_an_exercise_is_told_in_whole_sentences(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("x = 1\n", encoding="utf-8")
    with pytest.raises(UserError) as error:
        files.grade_file(path)
    assert str(error.value) == (
        f"{path}: there is no exercise in it. "
        "`ganbook exercises start NAME` writes a file to work in; "
        'one of your own needs a line gb.exercises.check("NAME", answer)'
    )
