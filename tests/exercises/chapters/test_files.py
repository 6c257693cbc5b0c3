"""The files of the chapters: each text has its check and its place; a translation keeps to its original."""

import ast
import importlib
import pkgutil
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ganbook import exercises
from ganbook.errors import UserError
from ganbook.exercises import chapters, text
from ganbook.exercises.chapters import registry

BY_CHAPTER = pytest.mark.parametrize("chapter", exercises.CHAPTERS)
TEXTS = sorted(chapters.HERE.rglob("*.md"))
ORIGINALS = [path for path in TEXTS if "." not in path.stem]
BY_TEXT = pytest.mark.parametrize("path", ORIGINALS, ids=lambda path: path.stem)


def test_the_folders_are_the_chapters():
    folders = {path.name for path in chapters.HERE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == set(exercises.CHAPTERS)
    assert {path.parent.name for path in TEXTS} == folders


@BY_CHAPTER
def test_every_text_has_its_place_in_the_order_and_the_reverse(chapter):
    names = chapters.names(chapter)
    assert len(set(names)) == len(names)
    assert {path.stem for path in ORIGINALS if path.parent.name == chapter} == set(names)


@BY_CHAPTER
def test_every_text_has_its_check_and_the_reverse(chapter):
    chapters.import_checks(chapter)
    package = f"{chapters.__name__}.{chapter}."
    registered = {name for name, check in registry.CHECKS.items() if check.__module__.startswith(package)}
    assert registered == set(chapters.names(chapter))


def test_an_exercise_has_one_check():
    chapters.import_checks("dcgan")
    with pytest.raises(ValueError, match=r"slerp has a check already, ganbook.*dcgan\.latents\.slerp"):
        registry.check("slerp")(print)
    assert registry.CHECKS["slerp"] is not print


@BY_TEXT
def test_every_text_is_complete(path):
    parsed = text.read(path)
    assert len(parsed.hints) >= 2
    assert len(parsed.solutions) >= 2
    assert len(parsed.wrong) >= 3


@BY_TEXT
def test_a_text_is_written_as_all_others_are(path):
    """One empty line around headings and blocks, none at the end: what a diff shows is a change of words."""
    content = path.read_text(encoding="utf-8")
    assert content == content.strip() + "\n"
    assert "\n\n\n## " not in content
    assert "\t" not in content
    assert not [line for line in content.splitlines() if line != line.rstrip()]
    lines = content.splitlines()
    for section in text.sections(content):
        assert lines[section.line - 2] == lines[section.line] == ""


@BY_TEXT
def test_no_code_within_a_sentence_is_torn_over_two_lines(path):
    """In a script, as `start --script` writes it, each line begins with a #."""
    parsed = text.read(path)
    for prose in (parsed.statement, parsed.explanation, *parsed.hints, *parsed.choices):
        for paragraph in prose.split("\n\n"):
            assert not [code for code in re.findall(r"`[^`]*`", paragraph) if "\n" in code], paragraph


def test_a_mistake_names_the_file(tmp_path, monkeypatch):
    folder = tmp_path / "background"
    shutil.copytree(chapters.HERE / "background", folder)
    file = folder / "multiply-adds.md"
    file.write_text(file.read_text(encoding="utf-8").replace("## Hint", "## Clue"), encoding="utf-8")
    monkeypatch.setattr(chapters, "HERE", tmp_path)
    with pytest.raises(UserError, match=r"background.multiply-adds\.md, line \d+: unknown section 'Clue'"):
        chapters.load("background")


def test_a_list_needs_neither_pytorch_nor_a_check():
    code = (
        "import sys; from ganbook.cli import main; main(['exercises', 'list']); "
        "main(['exercises', 'hint', 'slerp']); main(['exercises', 'solution', 'slerp']); "
        "print([m for m in sys.modules if m in ('torch', 'numpy') or m.startswith('ganbook.metrics')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@BY_CHAPTER
def test_no_file_and_no_function_is_long(chapter):
    for module in pkgutil.iter_modules([str(chapters.HERE / chapter)]):
        file = Path(importlib.import_module(f"{chapters.__name__}.{chapter}.{module.name}").__file__)
        source = file.read_text(encoding="utf-8")
        assert len(source.splitlines()) <= 500, file.name
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno < 60, f"{file.name}: {node.name}"


# ---- translations


def code_of(section):
    """Return the lines of code in a section, with their fences."""
    code, inside = [], False
    for line in section.lines:
        fence = line.startswith(text.FENCE)
        if inside or fence:
            code.append(line)
        inside ^= fence
    return code


def differences(original, translation):
    """Return in what a translation does not keep to its original; [] if it has its sections and its code."""
    ours, theirs = (text.sections(path.read_text(encoding="utf-8")) for path in (original, translation))
    if [section.heading for section in ours] != [section.heading for section in theirs]:
        return ["other sections"]
    return [
        f"line {b.line}: other code in `## {b.heading}`"
        for a, b in zip(ours, theirs, strict=True)
        if code_of(a) != code_of(b)
    ]


def test_every_translation_keeps_to_its_original():
    for path in set(TEXTS) - set(ORIGINALS):
        original = path.with_name(path.stem.split(".")[0] + ".md")
        assert original in ORIGINALS, f"{path.name} translates nothing"
        text.read(path)
        assert differences(original, path) == [], path.name


ORIGINAL = chapters.path("minimax", "optimal-discriminator")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("The best discriminator", "Der beste Diskriminator", []),
        ("Set the derivative", "Setze die Ableitung", []),
        ("## Hint\n\nSet", "## Explanation\n\nSet", ["other sections"]),
        ("    return p / (p + q)", "    return q / (p + q)", ["line 33: other code in `## Solution`"]),
    ],
)
def test_what_a_translation_may_change(tmp_path, old, new, expected):
    content = ORIGINAL.read_text(encoding="utf-8")
    assert old in content
    translation = tmp_path / "optimal-discriminator.xx.md"
    translation.write_text(content.replace(old, new, 1), encoding="utf-8")
    assert differences(ORIGINAL, translation) == expected


def test_a_translation_beside_a_text_is_no_exercise(tmp_path, monkeypatch):
    shutil.copytree(chapters.HERE / "minimax", tmp_path / "minimax")
    shutil.copy(ORIGINAL, tmp_path / "minimax" / "optimal-discriminator.xx.md")
    monkeypatch.setattr(chapters, "HERE", tmp_path)
    assert [exercise.name for exercise in chapters.load("minimax")] == list(chapters.names("minimax"))
