"""The citations of the pages: one label in the text and in the list, one address an entry."""

import importlib.util
import re
from pathlib import Path

import pytest

pytest.importorskip("sphinxcontrib.bibtex", reason="comes with the extra `book`")

from pybtex.database import parse_file
from pybtex.style.formatting.unsrt import Style

BOOK = Path(__file__).parent.parent.parent / "book"


@pytest.fixture(scope="module")
def citations():
    spec = importlib.util.spec_from_file_location("citations", BOOK / "_ext" / "citations.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.setup(None)
    return module


@pytest.fixture(scope="module")
def entries():
    return parse_file(BOOK / "references.bib").entries


def formatted(citations, entries):
    return {entry.key: entry for entry in citations.ListStyle().format_entries(entries.values())}


def test_labels_are_what_a_text_says(citations, entries):
    labels = {key: entry.label for key, entry in formatted(citations, entries).items()}
    assert labels["goodfellow2014generative"] == "Goodfellow et al., 2014"
    assert labels["arjovsky2017towards"] == "Arjovsky and Bottou, 2017"
    assert labels["schmidhuber1992learning"] == "Schmidhuber, 1992"
    assert labels["vandenoord2016wavenet"].startswith("van den Oord et al., 2016")
    assert labels["yazici2019unusual"] == "Yazıcı et al., 2019"  # an accent, not LaTeX


def test_labels_are_unique_and_letters_stand_only_where_they_are_needed(citations, entries):
    labels = [entry.label for entry in formatted(citations, entries).values()]
    assert len(set(labels)) == len(labels)
    lettered = [label for label in labels if re.search(r"\d[a-z]$", label)]
    assert lettered
    for label in lettered:
        assert sum(other[:-1] == label[:-1] for other in lettered) > 1
        assert label[:-1] not in labels


def test_an_entry_names_one_address(citations, entries):
    for key, entry in formatted(citations, entries).items():
        text = entry.text.render_as("text")
        addresses = re.findall(r"https?://|doi:|arXiv:", text)
        fields = entries[key].fields
        expected = any(name in fields for name in ("doi", "eprint", "url"))
        assert len(addresses) == expected, text


def test_without_the_styles_an_address_stood_there_twice(entries):
    """What the style is for."""
    plain = {entry.key: entry.text.render_as("text") for entry in Style().format_entries(entries.values())}
    assert plain["mirza2014conditional"].count("1411.1784") > 1
