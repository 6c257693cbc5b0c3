"""From NumPy docstrings, as `help()` shows them, to reST: formulas, citations, ranges, first sentences."""

from __future__ import annotations

import functools
import importlib
import inspect
import re
import unicodedata
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util import logging

from formulas import FormulaError, block_to_tex, to_tex
from ganbook.support.checks import constraints_of

logger = logging.getLogger(__name__)

BIBLIOGRAPHY = Path(__file__).parent.parent / "references.bib"
STAR = re.compile(r"(?<![\w`*\\])\*(?=[a-z_]+\b(?!\*))(?=[a-z_]+[.,)])")  # "*data.shape)", not "*word*"
REFERENCE = re.compile(r"^\.\. (\[\d+\] .*(?:\n +.*)*)", flags=re.MULTILINE)
CITATION = re.compile(
    r"(?P<first>[A-Z][\w-]+)(?:\s+and\s+(?P<second>[A-Z][\w-]+)|\s+(?P<others>et\s+al\.))?,?\s+"
    r"(?:\((?P<in>(?:19|20)\d\d)\)|(?P<plain>(?:19|20)\d\d)\b)"
)


# -------------------------------------------------------------------------------------- ranges


def ranges_of(what: str, name: str, obj: Any) -> dict[str, str]:
    """Return in words what the parameters of a function or class take, from the constraints in annotations.

    An attribute of a dataclass has its own, under its name.
    """
    if what == "attribute":
        module, _, rest = name.partition(".TrainConfig.")
        if not rest:
            return {}
        constraints = constraints_of(importlib.import_module(module).TrainConfig)
        return {rest: constraints[rest][0].takes} if rest in constraints else {}
    function = inspect.unwrap(obj.__init__ if inspect.isclass(obj) else obj)
    if not inspect.isfunction(function):
        return {}
    return {key: constraint.takes for key, (constraint, _) in constraints_of(function).items()}


def with_ranges(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Write what each parameter takes behind its type: "modes : int, a whole number, at least 1"."""
    ranges = ranges_of(what, name, obj)
    if what == "attribute" and ranges:
        lines[:] = [*lines, "", f"It takes {next(iter(ranges.values()))}."]
        return
    for i, line in enumerate(lines):
        head = re.fullmatch(r"([\w, ]+) : (.+)", line)
        if head is None:
            continue
        words = {key: ranges[key] for key in head[1].split(", ") if key in ranges}
        if len(set(words.values())) == 1 and len(words) == len(head[1].split(", ")):
            lines[i] += f": {next(iter(words.values()))}"
        elif words:
            lines[i] += ": " + "; ".join(f"{key} {takes}" for key, takes in words.items())


# ----------------------------------------------------------------------------------- citations


def plain(name: str) -> str:
    """Return a name in small letters without accents."""
    name = name.translate(str.maketrans("ıøłæ", "iola"))  # letters that are no letter with an accent
    return unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()


@functools.cache
def bibliography(changed: float) -> dict[tuple[str, str, str], str]:
    """Return the keys of references.bib by first author, second author (or "et al.") and year."""
    from pybtex.database import parse_file
    from pybtex.richtext import Text

    keys = {}
    for key, entry in parse_file(str(BIBLIOGRAPHY)).entries.items():
        authors = [" ".join(person.last_names) for person in entry.persons.get("author", [])]
        names = [plain(str(Text.from_latex(author))) for author in authors]
        other = "" if len(names) < 2 else names[1] if len(names) == 2 else "et al."
        if names:
            keys[names[0], other, entry.fields.get("year", "")] = key
    return keys


def with_citation(found: re.Match[str]) -> str:
    """Return "Goodfellow et al. (2014)" as a link to the bibliography, if it is there."""
    other = plain(found["second"]) if found["second"] else "et al." if found["others"] else ""
    year = found["in"] or found["plain"]
    key = bibliography(BIBLIOGRAPHY.stat().st_mtime).get((plain(found["first"]), other, year))
    if key is None:
        if other:  # a month or a standard ("JPEG 1992") has no second author
            logger.info("not in references.bib: %s", " ".join(found[0].split()))
        return found[0]
    return f":cite:t:`{key}`"


# ------------------------------------------------------------------------------------ formulas

SYMBOL = re.compile(
    r"(?<![\w`.$:<\\/-])(?:[A-Za-z]|\d+|sigma|theta|gamma|mu|beta)"
    r"(?:_(?:[a-z0-9]+|\{[^}]+\})(?:\^\d)?|\^(?:-?\w+|\([^()]*\)))(?![\w`.]\w|[`_=(\[])"
)


def with_symbols(line: str) -> str:
    r"""Return a line of text with its indexed letters and powers typeset.

    Examples
    --------
    >>> print(with_symbols("with means m_a, near 1 - 2^-k, and `x_i`"))
    with means :math:`m_{a}`, near 1 - :math:`2^{-k}`, and `x_i`
    """
    parts = re.split(r"(``[^`]*``|`[^`]*`|\"[^\"]*\")", line)
    return "".join(part if i % 2 else SYMBOL.sub(symbol, part) for i, part in enumerate(parts))


def symbol(found: re.Match[str]) -> str:
    """Return a letter with its index or power as a formula within the text."""
    return f":math:`{to_tex(found[0])}`"


def flat_item(reference: re.Match[str]) -> str:
    """Return ".. [1] text over lines" as an item of a list."""
    return "- " + " ".join(line.strip() for line in reference[1].splitlines())


def formula(lines: list[str], where: str) -> list[str]:
    """Return an indented block of a docstring as a formula; if it is none, as it stands, with a warning."""
    try:
        tex = block_to_tex(lines)
    except FormulaError as error:
        logger.warning("%s: an indented block is no formula (%s); begin it with '::'", where, error)
        return ["::", "", *lines]
    return [".. math::", "", *(f"   {line}" for line in tex.split("\n")), ""]


def as_rest(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Make a docstring's text fit for reST.

    Indented blocks are formulas; `*shape` is not the beginning of an emphasis; the numbers of references are
    plain, for docstrings share a page; works that are in the bibliography lead there.
    """
    text = "\n".join(STAR.sub(r"\\*", line) if ">>>" not in line else line for line in lines)
    text = re.sub(r"\[(\d+)\]_", r"[\1]", text)
    text = CITATION.sub(with_citation, REFERENCE.sub(flat_item, text))
    kept: list[str] = []
    block: list[str] = []
    in_sections = False
    whole = text.split("\n")
    for i, line in enumerate([*whole, ""]):
        if block and (line.startswith("    ") or not line.strip()):
            block.append(line)
            continue
        if block:
            kept += formula([part for part in block if part.strip()], name)
            block = []
        in_sections = in_sections or bool(i and re.fullmatch(r"-{3,}", line.strip()) and whole[i - 1].strip())
        previous = next((part for part in reversed(kept) if part.strip()), "")
        begins = line.startswith("    ") and bool(kept) and not kept[-1].strip() and previous[:1].strip()
        listed = re.match(r"[-*] |\d+\. |\.\. |>>>", previous)
        if begins and not in_sections and not listed and not previous.endswith("::"):
            block.append(line)
        elif ">>>" in line or re.match(r"[\w, *]+ : |\s*\.\.", line):
            kept.append(line)
        else:
            kept.append(with_symbols(line))
    if block:
        kept += formula([part for part in block if part.strip()], name)
    lines[:] = kept
    if what in ("attribute", "property"):
        _attributes[name] = list(kept)


_attributes: dict[str, list[str]] = {}


def as_it_was(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Put an attribute's text back, after napoleon took what stands before its first colon for a type."""
    lines[:] = _attributes.pop(name, lines)


def first_sentence(docstring: str | None) -> str:
    """Return the first sentence of a docstring: up to a period before a capital letter, or its end.

    Examples
    --------
    >>> first_sentence("Return the k-th row, e.g. of x. y stays. Bad input raises.")
    'Return the k-th row, e.g. of x. y stays.'
    """
    paragraph = " ".join(inspect.cleandoc(docstring or "").partition("\n\n")[0].split())
    sentence = re.match(r".*?\.(?=\s+[A-Z]|$)", paragraph)
    return sentence[0] if sentence else paragraph
