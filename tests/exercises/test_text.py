"""An exercise's file: what it says, and one line for each way in which it may be written wrongly."""

import pytest

from ganbook.errors import UserError
from ganbook.exercises import text

GOOD = """---
title: Twice: a number, doubled
kind: code
difficulty: 2
answer: twice
---

## Statement

Write `twice(x)`, for example

```
twice(2)
## this is no heading
```

which is 4.

## Starter

```python
def twice(x):
    return ...
```

## Hint

Add.

## Hint

Add $x$ to itself.

It is one line.

## Solution

```python
def twice(x):
    return 2 * x
```

## Solution

```python
import math


def twice(x):
    return math.fsum([x, x])
```

## Explanation

It is $2x$.

## Wrong

because: this is the *square*: of x

```python
def twice(x):
    return x**2
```
"""
CHOICE = "## Choice\n\nIt grows.\n\n"


def test_what_a_file_says():
    parsed = text.parse(GOOD, "twice.md")
    assert (parsed.title, parsed.kind, parsed.difficulty) == ("Twice: a number, doubled", "code", 2)
    assert parsed.answer == "twice"
    assert parsed.statement.startswith("Write `twice(x)`")
    assert parsed.statement.endswith("## this is no heading\n```\n\nwhich is 4.")
    assert parsed.choices == ()
    assert parsed.starter == "def twice(x):\n    return ..."
    assert parsed.hints == ("Add.", "Add $x$ to itself.\n\nIt is one line.")
    assert parsed.solutions[1] == "import math\n\n\ndef twice(x):\n    return math.fsum([x, x])"
    assert parsed.explanation == "It is $2x$."
    (wrong,) = parsed.wrong
    assert wrong.because == "this is the *square*: of x"
    assert wrong.source == "def twice(x):\n    return x**2"


def test_a_prediction_has_choices():
    content = GOOD.replace("kind: code", "kind: predict").replace("## Starter", CHOICE + "## Starter")
    assert text.parse(content, "x.md").choices == ("It grows.",)


def test_sections_are_found_with_their_lines():
    headings = [section.heading for section in text.sections(GOOD)]
    assert headings == [
        "Statement",
        "Starter",
        "Hint",
        "Hint",
        "Solution",
        "Solution",
        "Explanation",
        "Wrong",
    ]
    lines = GOOD.splitlines()
    assert all(lines[s.line - 1] == f"## {s.heading}" for s in text.sections(GOOD))


def line_of(content, line):
    return content.splitlines().index(line) + 1


@pytest.mark.parametrize(
    ("old", "new", "at", "says"),
    [
        ("---\ntitle", "title", "title: Twice: a number, doubled", "it must begin with a line `---`"),
        ("answer: twice\n---\n", "answer: twice\n", "", "key: value"),
        ("answer: twice\n", "", "---", "the front matter lacks answer"),
        (
            "kind: code\n",
            "kind: code\nauthor: me\n",
            "author: me",
            "unknown key 'author'; known: title, kind",
        ),
        ("kind: code\n", "kind: code\nanswer: me\n", "answer: twice", "the key 'answer' is there twice"),
        (
            "kind: code\n",
            "kind code\n",
            "kind code",
            "'kind code': the front matter takes lines `key: value`",
        ),
        ("kind: code\n", "kind:\n", "kind:", "'kind:': the front matter takes lines `key: value`"),
        ("kind: code\n", "kind: riddle\n", "kind: riddle", "kind: riddle: it must be one of compute, code"),
        ("difficulty: 2", "difficulty: 4", "difficulty: 4", "difficulty: 4: it must be 1, 2 or 3"),
        ("difficulty: 2", "difficulty: hard", "difficulty: hard", "it must be 1, 2 or 3"),
        ("answer: twice", "answer: two times", "answer: two times", "it must be a name of Python"),
        ("kind: code\n", "kind: predict\n", "kind: predict", "`## Choice` goes with the kind predict"),
        ("## Starter", CHOICE + "## Starter", "kind: code", "and with no other"),
        ("## Statement\n", "Words\n\n## Statement\n", "Words", "text before the first heading"),
        ("## Explanation\n\nIt is $2x$.\n\n", "", None, "the section `## Explanation` is missing"),
        ("## Explanation", "## Reason", "## Reason", "unknown section 'Reason'; known: Statement, Choice"),
        ("## Explanation", "## Hint", "## Hint", "`## Hint` must stand before `## Solution`"),
        ("## Wrong", "## Explanation\n\nAgain.\n\n## Wrong", "## Explanation", "is there twice"),
        ("Add.\n", "", "## Hint", "`## Hint` is empty"),
        ("    return x**2\n```\n", "    return x**2\n", "```python", "this block of code does not end"),
        ("    return ...\n```\n", "    return ...\n```\n\nSo.\n", "## Starter", "takes one block ```python"),
        (
            "```python\ndef twice(x):\n    return ...",
            "```\ndef twice(x):\n    return ...",
            "## Starter",
            "takes",
        ),
        ("because: this is", "It is", "It is the *square*: of x", "`## Wrong` takes `because: WORDS`"),
        ("\n```python\ndef twice(x):\n    return x**2\n```\n", "\n", "## Wrong", "takes one block ```python"),
    ],
)
def test_every_mistake_is_told_in_one_line_that_names_file_and_line(old, new, at, says):
    assert old in GOOD
    content = GOOD.replace(old, new, 1)
    with pytest.raises(UserError) as error:
        text.parse(content, "folder/twice.md")
    message = str(error.value)
    assert len(message.splitlines()) == 1
    where, _, problem = message.partition(": ")
    assert says in problem
    file, _, line = where.partition(", line ")
    assert file == "folder/twice.md"
    lines = content.splitlines()
    assert 1 <= int(line) <= len(lines)
    if at is None:  # what is missing is missed at the end
        assert int(line) == len(lines)
    else:
        assert lines[int(line) - 1] == at


@pytest.mark.parametrize("content", ["", "\n", "---", "---\n", "# Title\n", "---\ntitle: x\n"])
def test_files_that_hardly_begin(content):
    with pytest.raises(UserError, match=r"x\.md, line \d+: "):
        text.parse(content, "x.md")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match=r"nothing\.md: there is no such file"):
        text.read(tmp_path / "nothing.md")


def test_a_file_in_the_home_folder_is_named_without_it(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "x.md").write_text("", encoding="utf-8")
    with pytest.raises(UserError, match=r"^~.x\.md, line 1: "):
        text.read(tmp_path / "x.md")
