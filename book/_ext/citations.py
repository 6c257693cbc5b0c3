"""Sphinx extension for citations: what stands in the text is what stands in the list of references.

`[Karras et al., 2020a]` in a text leads to the entry that begins with `[Karras et al., 2020a]`, and an entry
names one address: the DOI if there is one, else arXiv's number, else a URL. (By itself, sphinxcontrib-bibtex
would write "author, year" in the text and pybtex "KLA+20" in the list.)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from pybtex.database import Entry
from pybtex.plugin import register_plugin
from pybtex.richtext import Text
from pybtex.style.formatting.unsrt import Style as Unsorted
from pybtex.style.labels import BaseLabelStyle
from pybtex.style.template import Node, first_of, href, optional, sentence
from sphinx.application import Sphinx
from sphinxcontrib.bibtex.plugin import register_plugin as register_reference_style
from sphinxcontrib.bibtex.style.referencing import PersonStyle
from sphinxcontrib.bibtex.style.referencing.author_year import AuthorYearReferenceStyle
from sphinxcontrib.bibtex.style.referencing.basic_author_year import (
    BasicAuthorYearParentheticalReferenceStyle,
    BasicAuthorYearTextualReferenceStyle,
)
from sphinxcontrib.bibtex.style.template import entry_label, join, join2, node, post_text, pre_text, reference

NAME = "book"
ARXIV = "https://arxiv.org/abs/"


def names(entry: Entry) -> str:
    """Return the authors as a text names them: one, both, or the first "et al."."""
    people = entry.persons.get("author") or entry.persons.get("editor") or []
    last = [" ".join(str(part) for part in (*p.rich_prelast_names, *p.rich_last_names)) for p in people]
    if not last:
        return entry.key
    return " and ".join(last) if len(last) <= 2 else f"{last[0]} et al."


class LabelStyle(BaseLabelStyle):
    """Labels such as "Karras et al., 2020a"; the letter only where two entries would have the same."""

    def format_labels(self, sorted_entries: Iterable[Entry]) -> Iterator[str]:
        """Yield a label for each entry."""
        labels = [f"{names(entry)}, {entry.fields.get('year', 'n.d.')}" for entry in sorted_entries]
        count, before = Counter(labels), Counter[str]()
        for label in labels:
            yield label + (chr(ord("a") + before[label]) if count[label] > 1 else "")
            before[label] += 1


class ListStyle(Unsorted):
    """Entries by author, year and title, each with one address."""

    default_sorting_style = "author_year_title"
    default_label_style = NAME

    def format_web_refs(self, e: Entry) -> Node:
        """Return a DOI, or arXiv's number, or a URL."""
        return sentence[
            first_of[
                optional[self.format_doi(e)], optional[self.format_eprint(e)], optional[self.format_url(e)]
            ]
        ]

    def format_url(self, e: Entry) -> Node:
        """Return a URL as a link; one of arXiv's as its number."""
        url = e.fields.get("url", "")
        if url.startswith(ARXIV):
            return href(url)["arXiv:" + url.removeprefix(ARXIV)]
        return super().format_url(e)


@node
def year_of_label(children: list[Any], data: dict[str, Any]) -> Text:
    """Insert the year of an entry's label, with its letter."""
    assert not children
    return Text(data["formatted_entry"].label.rsplit(", ", 1)[-1])


class Parenthetical(BasicAuthorYearParentheticalReferenceStyle):
    """[Karras et al., 2020a]."""

    def inner(self, role_name: str) -> Node:
        """Return what stands within the brackets."""
        return join2(sep1=self.pre_text_sep, sep2=self.post_text_sep)[
            pre_text, reference[entry_label], post_text
        ]


class Textual(BasicAuthorYearTextualReferenceStyle):
    """Karras et al. [2020a]."""

    def inner(self, role_name: str) -> Node:
        """Return the names, and the year in brackets."""
        return join(sep=self.text_reference_sep)[
            self.person.author_or_editor_or_title(full="s" in role_name),
            join[
                self.bracket.left,
                join2(sep1=self.pre_text_sep, sep2=self.post_text_sep)[
                    pre_text, reference[year_of_label], post_text
                ],
                self.bracket.right,
            ],
        ]


class TextStyle(AuthorYearReferenceStyle):
    """Author and year, with the labels of the list."""

    def __post_init__(self) -> None:
        """Put the two styles of this file before those that they take the place of."""
        shared: dict[str, Any] = {
            "person": PersonStyle(other=" et al."),
            "pre_text_sep": self.pre_text_sep,
            "post_text_sep": self.post_text_sep,
        }
        super().__post_init__()
        ours = (
            Parenthetical(bracket=self.bracket_parenthetical, **shared),
            Textual(bracket=self.bracket_textual, text_reference_sep=self.text_reference_sep, **shared),
        )
        for style in ours:
            for role in style.role_names():
                self.role_style[role] = style


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the styles."""
    register_plugin("pybtex.style.labels", NAME, LabelStyle)
    register_plugin("pybtex.style.formatting", NAME, ListStyle)
    register_reference_style("sphinxcontrib.bibtex.style.referencing", NAME, TextStyle)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
