"""Messages stand in the code as whole sentences and clauses: none is torn where a line was full."""

import ast
import io
import itertools
import re
import tokenize
from pathlib import Path

import pytest

import ganbook.exercises

ROOM = Path(ganbook.exercises.__file__).parent
FILES = sorted(ROOM.rglob("*.py"))
BY_FILE = pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOM).as_posix())
LAYOUT = {tokenize.NL, tokenize.COMMENT}


def joined_literals(source):
    """Yield the literals that stand side by side, and so make one string."""
    run = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.STRING:
            run.append(text_of(token.string))
        elif token.type not in LAYOUT:
            if len(run) > 1:
                yield run
            run = []


def text_of(literal):
    """Return what stands between the quotation marks."""
    return re.fullmatch(r"""[a-zA-Z]*("|')(.*)\1""", literal, re.DOTALL)[2]


def is_torn(before, after):
    """Say whether two literals meet neither at the end of a clause or a tag nor before a bracket."""
    return not re.search(r"([.?!:;,]( |\\n)|[;>] ?)$", before) and not after.startswith("(")


@BY_FILE
def test_no_sentence_is_torn(path):
    runs = list(joined_literals(path.read_text(encoding="utf-8")))
    torn = [(a, b) for run in runs for a, b in itertools.pairwise(run) if is_torn(a, b)]
    assert not torn
    assert not [run for run in runs if min(map(len, run)) < 12]


@BY_FILE
def test_no_part_of_a_message_was_lost(path):
    """A literal on a line of its own that is no docstring was meant for the string above it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    owners = [
        node for node in ast.walk(tree) if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)
    ]
    docstrings = {id(node.body[0]) for node in owners if node.body}
    lone = [
        node.value for node in ast.walk(tree) if isinstance(node, ast.Expr) and id(node) not in docstrings
    ]
    lost = [
        value.lineno
        for value in lone
        if isinstance(value, ast.JoinedStr) or isinstance(getattr(value, "value", None), str)
    ]
    assert not lost


def test_the_rule_finds_a_torn_sentence():
    source = 'x = (\n    f"is there a loop that never "\n    f"ends?"\n)\n'
    ((before, after),) = joined_literals(source)
    assert is_torn(before, after)
    assert not is_torn("It is long. ", "So it has two lines")
    assert not is_torn("It is long, ", "so it has two lines")
