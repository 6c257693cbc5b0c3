"""Sphinx extension: the list of references with the labels of the text, and each address once."""

from __future__ import annotations

from typing import Any

from pybtex.database import Entry
from pybtex.plugin import register_plugin
from pybtex.richtext import Text
from pybtex.style.formatting.plain import Style
from pybtex.style.labels import BaseLabelStyle
from pybtex.style.template import field, first_of, href, join, optional, sentence
from sphinx.application import Sphinx


class AuthorYear(BaseLabelStyle):
    """Labels as the text cites: "Radford et al., 2016", "Arjovsky and Bottou, 2017"; twins get a letter."""

    def format_labels(self, sorted_entries: list[Entry]) -> list[str]:
        """Return the label of each entry."""
        labels = [label_of(entry) for entry in sorted_entries]
        again = {label: iter("abcdefgh") for label in labels if labels.count(label) > 1}
        return [label + next(again[label]) if label in again else label for label in labels]


def label_of(entry: Entry) -> str:
    """Return authors and year in short."""
    people = entry.persons.get("author") or entry.persons.get("editor") or []
    surnames = (" ".join((*person.prelast_names, *person.last_names)) for person in people)
    names = [str(Text.from_latex(surname)) for surname in surnames]
    who = names[0] if names else entry.key
    if len(names) == 2:
        who += f" and {names[1]}"
    elif len(names) > 2:
        who += " et al."
    return f"{who}, {entry.fields.get('year', 'no year')}"


class OneAddress(Style):
    """Pybtex's plain style, with one address an entry: arXiv's, a DOI, or the page."""

    default_label_style = AuthorYear

    def format_web_refs(self, e: Entry) -> Any:
        """Return the one address; where it is arXiv's, its name stands for it."""
        return sentence[
            first_of[
                optional[self.format_eprint(e)],
                optional[self.format_doi(e)],
                optional[self.format_url(e)],
                "",
            ]
        ]

    def format_url(self, e: Entry) -> Any:
        """Return the page's address as a link without a word before it."""
        url = field("url", raw=True)
        return href(url)[join[url]]

    def get_misc_template(self, e: Entry) -> Any:
        """Return an entry whose only venue is arXiv without that word twice."""
        if e.fields.get("howpublished", "").startswith("arXiv:") and "eprint" in e.fields:
            e.fields.pop("howpublished")
        return super().get_misc_template(e)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    register_plugin("pybtex.style.formatting", "one-address", OneAddress)
    app.setup_extension("sphinxcontrib.bibtex")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
