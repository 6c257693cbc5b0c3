"""`ganbook exercises ...`: list, start, check, hint, solution, progress and reset."""

import json
import os
import subprocess
import sys

import pytest

from ganbook import exercises
from ganbook.cli import main
from ganbook.exercises import progress

NAME = "optimal-discriminator"
RIGHT = "def optimal_D(p, q):\n    return p / (p + q)\n"
WRONG = "def optimal_D(p, q):\n    return q / (p + q)\n"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("GANBOOK_PROGRESS", str(tmp_path / "progress.json"))


def run(capsys, *arguments):
    code = main(["exercises", *map(str, arguments)])
    said = capsys.readouterr()
    return code, said.out, said.err


def fill_in(path, source):
    """Put an answer in the place of the starter."""
    starter = exercises.get(NAME).starter.strip()
    if path.suffix == ".py":
        text = path.read_text(encoding="utf-8")
        assert starter in text
        path.write_text(text.replace(starter, source), encoding="utf-8")
    else:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        for cell in notebook["cells"]:
            text = "".join(cell["source"])
            if cell["cell_type"] == "code" and starter in text:
                cell["source"] = text.replace(starter, source).splitlines(keepends=True)
        path.write_text(json.dumps(notebook), encoding="utf-8")


def test_list_shows_chapter_kind_difficulty_and_what_is_done(capsys):
    progress.record(NAME)
    code, out, _ = run(capsys, "list")
    assert code == 0
    rows = [line for line in out.splitlines() if len(line.split()) > 5 and "*" in line.split()[3]]
    lines = {line.split()[4]: line for line in rows}
    assert set(lines) == set(exercises.names())
    for name, line in lines.items():
        exercise = exercises.get(name)
        done, chapter, kind, stars = line.split()[:4]
        assert (done == "done") == (name == NAME)
        assert (chapter, kind, len(stars)) == (exercise.chapter, exercise.kind, exercise.difficulty)
        assert line.endswith(exercise.title)
    assert f"1 of {len(lines)} done" in out
    code, out, _ = run(capsys, "list", "--chapter", "background")
    assert all(name in out for name in exercises.names("background"))
    assert NAME not in out


@pytest.mark.parametrize("options", [[], ["--script"]])
def test_start_answer_check(capsys, tmp_path, options):
    code, out, _ = run(capsys, "start", NAME, "deep/folder", *options)
    assert code == 0
    (path,) = (tmp_path / "work" / "deep" / "folder").iterdir()
    assert path.name == NAME + (".py" if options else ".ipynb")
    assert f"ganbook exercises check deep/folder/{path.name}" in out

    code, out, _ = run(capsys, "check", path)
    assert code == 1
    assert "not answered yet" in out

    fill_in(path, WRONG)
    code, out, err = run(capsys, "check", path)
    assert code == 1
    assert "share of *generated* samples" in out
    assert "Traceback" not in out + err
    assert not progress.done()

    path.write_text(path.read_text(encoding="utf-8").replace("return q /", "return p /"), encoding="utf-8")
    code, out, _ = run(capsys, "check", path)
    assert code == 0
    assert f"+ {NAME}: right" in out
    assert list(progress.done()) == [NAME]


def test_a_sheet_is_a_notebook(capsys, tmp_path):
    nbformat = pytest.importorskip("nbformat")
    run(capsys, "start", NAME)
    notebook = nbformat.read(tmp_path / "work" / f"{NAME}.ipynb", as_version=4)
    nbformat.validate(notebook)
    text = "\n".join(cell.source for cell in notebook.cells)
    exercise = exercises.get(NAME)
    for part in (exercise.statement.strip(), exercise.starter.strip(), f'exercises.check("{NAME}"'):
        assert part in text
    assert exercise.solutions[0].strip() not in text


@pytest.mark.parametrize("options", [[], ["--script"]])
def test_work_is_never_overwritten(capsys, tmp_path, options):
    run(capsys, "start", NAME, *options)
    (path,) = (tmp_path / "work").iterdir()
    path.write_text("my work", encoding="utf-8")
    code, out, err = run(capsys, "start", NAME, *options)
    assert code == 2
    assert out == ""
    assert len(err.splitlines()) == 1
    assert "there already" in err
    assert f"ganbook exercises check {path.name}" in err
    assert path.read_text(encoding="utf-8") == "my work"
    assert list((tmp_path / "work").iterdir()) == [path]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["start", "optimal-discriminater"], "did you mean 'optimal-discriminator'"),
        (["hint", "stable-bec"], "did you mean 'stable-bce'"),
        (["hint", NAME, "--level", "9"], "hints 1 to"),
        (["solution", "no-such-thing"], "unknown exercise 'no-such-thing'"),
        (["list", "--chapter", "minmax"], "did you mean 'minimax'"),
        (["check", "nothing.py"], "nothing.py: there is no such file"),
        (["check", "."], "there is no such file"),
        (["check", "text.txt"], "it takes a script (.py) or a notebook (.ipynb)"),
        (["check", "broken.ipynb"], "it is not a notebook"),
        (["check", "list.ipynb"], "it is not a notebook"),
        (["check", "other.py"], "there is no exercise in it"),
        (["check", "latin.py"], "UTF-8"),
        (["check", "misspelt.py"], "did you mean 'optimal-discriminator'"),
        (["start", NAME, "text.txt"], "DIR takes a folder"),
    ],
)
def test_bad_input_gets_one_line_and_exit_code_2(capsys, tmp_path, arguments, says):
    files = {
        "text.txt": b"x", "broken.ipynb": b"{", "list.ipynb": b"[]", "other.py": b"print(1)\n",
        "latin.py": b"# \xff\n", "misspelt.py": b'exercises.check("optimal-discriminatr", 1)\n',
    }  # fmt: skip
    for name, content in files.items():
        (tmp_path / "work" / name).write_bytes(content)
    code, out, err = run(capsys, *arguments)
    assert code == 2
    assert out == ""
    assert len(err.splitlines()) == 1
    assert says in err


@pytest.mark.parametrize(
    "arguments", [[], ["solve"], ["start"], ["check", "x.py", "--seconds", "soon"], ["list", "minimax"]]
)
def test_bad_usage(capsys, arguments):
    with pytest.raises(SystemExit) as stopped:
        main(["exercises", *arguments])
    assert stopped.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def check_text(capsys, tmp_path, text, *options, name="mine.py"):
    path = tmp_path / "work" / name
    path.write_text(text, encoding="utf-8")
    return run(capsys, "check", path, *options)


HEAD = "import ganbook as gb\n"
CALL = f'gb.exercises.check("{NAME}", optimal_D)\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (HEAD + "optimal_D = 1 / 0\n" + CALL, "line 2 of your code: optimal_D = 1 / 0"),
        (HEAD + "def optimal_D(:\n" + CALL, "line 2"),
        (HEAD + "import sys\nsys.exit(7)\n" + CALL, "neither checks"),
        (HEAD + "import os\nos._exit(7)\n" + CALL, "exit code 7"),
        (HEAD + "while True: pass\n" + CALL, "had not ended after 3 seconds"),
        (HEAD + "import socket\nsocket.create_connection(('::1', 9))\n" + CALL, "without a network"),
        (HEAD + f"# ganbook exercise: {NAME}\nother = 1\n", "nor defines `optimal_D`"),
    ],
    ids=["raises", "syntax", "exits", "dies", "loops", "network", "nothing"],
)
def test_files_that_misbehave(capsys, tmp_path, text, says):
    seconds = "3" if "while" in text else "60"
    code, out, err = check_text(capsys, tmp_path, text, "--seconds", seconds)
    assert code == 1
    assert says in out
    assert "Traceback" not in out + err


STUBBORN = """
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass
"""


@pytest.mark.parametrize(
    "body", ["\n    return sum(range(10**15))\n", STUBBORN], ids=["compiled", "stubborn"]
)
def test_an_answer_that_cannot_be_stopped_is_ended_with_its_process(capsys, tmp_path, body):
    """One call that stays in compiled code, and a loop that catches every exception."""
    text = HEAD + "def optimal_D(p, q):" + body + CALL
    code, out, _ = check_text(capsys, tmp_path, text, "--seconds", "8")
    assert code == 1
    assert "had not ended after 8 seconds" in out


def test_files_that_are_not_as_start_wrote_them(capsys, tmp_path):
    """No check in it, a module of an unlucky name beside it, and what only Jupyter understands."""
    (tmp_path / "work" / "random.py").write_text("raise RuntimeError('shadowed')\n", encoding="utf-8")
    (tmp_path / "work" / "helper.py").write_text(
        "def share(a, b):\n    return a / (a + b)\n", encoding="utf-8"
    )
    text = f"# ganbook exercise: {NAME}\nfrom helper import share\n\noptimal_D = share\nprint('hello')\n"
    code, out, _ = check_text(capsys, tmp_path, text)
    assert (code, "right" in out) == (0, True)
    cells = ["%matplotlib inline\n!ls\nimport ganbook as gb", "%%time\nthis is no Python", RIGHT, CALL, "gb?"]
    notebook = {
        "cells": [{"cell_type": "code", "source": cell.splitlines(keepends=True)} for cell in cells],
        "metadata": {},
    }
    code, out, _ = check_text(capsys, tmp_path, json.dumps(notebook), name="mine.ipynb")
    assert (code, "right" in out) == (0, True)


def test_several_exercises_in_one_file(capsys, tmp_path):
    text = HEAD + RIGHT + CALL + 'gb.exercises.check("value-to-jsd", 1)\n'
    code, out, _ = check_text(capsys, tmp_path, text)
    assert code == 1
    assert f"+ {NAME}: right" in out
    assert "x value-to-jsd: not right yet" in out
    assert list(progress.done()) == [NAME]


def test_hint_and_solution(capsys):
    exercise = exercises.get(NAME)
    assert exercise.hints[0] in run(capsys, "hint", NAME)[1]
    assert exercise.hints[1] in run(capsys, "hint", NAME, "--level", "2")[1]
    assert exercise.solutions[0].strip() in run(capsys, "solution", NAME)[1]


def test_progress_and_reset(capsys, tmp_path):
    progress.record(NAME)
    code, out, _ = run(capsys, "progress")
    assert code == 0
    assert NAME in out
    assert "progress.json" in out
    code, _, err = run(capsys, "reset")
    assert code == 2
    assert "--yes" in err
    assert progress.done()
    code, out, _ = run(capsys, "reset", "--yes")
    assert code == 0
    assert "1 exercise" in out
    assert not progress.done()


def test_a_damaged_progress_file_is_no_obstacle(capsys, tmp_path):
    (tmp_path / "progress.json").write_text("{", encoding="utf-8")
    code, out, err = run(capsys, "list")
    assert code == 0
    assert "0 of" in out
    assert len(err.splitlines()) == 1


def test_as_a_command_in_a_folder_of_its_own(tmp_path):
    """As a reader would: another process, an empty folder."""
    environment = os.environ | {"GANBOOK_PROGRESS": str(tmp_path / "p.json")}

    def ganbook(*arguments):
        command = [sys.executable, "-m", "ganbook", "exercises", *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path / "work")

    done = ganbook("start", NAME, "--script")
    assert done.returncode == 0
    assert done.stderr == ""
    fill_in(tmp_path / "work" / f"{NAME}.py", RIGHT)
    done = ganbook("check", f"{NAME}.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
