"""Sphinx extension: the API reference, made of the package's docstrings.

`api` is a directive that documents a module, or some of its names. `api-table` lists the public names of a
module with their first sentences, wherever their pages are. Nothing public is left out: a name without a page
is a warning, and so the end of a strict build.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import inspect
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode, nested_parse_with_titles

import docstrings
import kernel_figures
import signatures
import uses
from entries import api_entries, api_modules, forget_page, merge_pages, public_names

logger = logging.getLogger(__name__)


class CommandHelp(SphinxDirective):
    """`.. command-help::`: what `ganbook --help` and `ganbook COMMAND --help` print."""

    def run(self) -> list[nodes.Node]:
        """Return a section for each command."""
        from ganbook.cli import build_parser

        def walk(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
            yield parser
            for action in parser._actions:
                if isinstance(action, argparse._SubParsersAction):
                    for inner in action.choices.values():
                        yield from walk(inner)

        found: list[nodes.Node] = []
        for parser in walk(build_parser()):
            text = parser.format_help().rstrip()
            section = nodes.section(ids=[nodes.make_id(parser.prog)])
            section += nodes.title("", parser.prog)
            section += nodes.literal_block(text, text, language="none")
            found.append(section)
        return found


class Api(SphinxDirective):
    """`.. api:: ganbook.losses`: document a module, or only the names that are given as the content.

    With names the module's docstring is left out.
    """

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return what autodoc makes of the module and of each public name."""
        module_name = self.arguments[0]
        module = importlib.import_module(module_name)
        public = public_names(module_name)
        chosen = [name for line in self.content for name in line.split()]
        unknown = [name for name in chosen if name not in public]
        if unknown:
            raise self.error(f"{module_name} has no public {', '.join(unknown)}")
        names = chosen or public
        lines = [] if chosen else [f".. automodule:: {module_name}", "   :no-members:", ""]
        if len(names) > 2 and not chosen:
            lines += [f".. api-table:: {module_name}", ""]
        for name in names:
            value = getattr(module, name)
            kind = "autofunction" if inspect.isfunction(value) else "autoclass"
            if inspect.isclass(value) and issubclass(value, BaseException):
                kind = "autoexception"
            lines += [f".. {kind}:: {module_name}.{name}"]
            lines += ["   :members:"] * (kind == "autoclass") + [""]
        api_entries(self.env).update({f"{module_name}.{name}": self.env.docname for name in names})
        api_modules(self.env).setdefault(self.env.docname, set()).add(module_name)
        node = nodes.section()
        node.document = self.state.document
        nested_parse_with_titles(self.state, StringList(lines, module_name), node)
        return node.children


class ApiTable(SphinxDirective):
    """`.. api-table:: ganbook.metrics`: the public names of modules (or those given as the content)."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return a table: a name, which leads to its entry, and its first sentence."""
        module_name = self.arguments[0]
        module = importlib.import_module(module_name)
        chosen = [name for line in self.content for name in line.split()]
        lines = [".. list-table::", "   :class: autosummary", "   :widths: auto", ""]
        for name in chosen or public_names(module_name):
            about = docstrings.first_sentence(getattr(module, name).__doc__)
            lines += [
                f"   * - :py:obj:`{name} <{module_name}.{name}>`",
                f"     - {docstrings.STAR.sub('*', about)}",
            ]
        node = nodes.section()
        node.document = self.state.document
        nested_parse_with_titles(self.state, StringList(lines, module_name), node)
        return node.children


class PackageFigure(SphinxDirective):
    """`.. package-figure:: ganbook.plots.plot_loss hinge`: what a function of the package draws."""

    required_arguments = 1
    optional_arguments = 8
    has_content = True
    option_spec = {"alt": directives.unchanged_required}  # noqa: RUF012, docutils wants a dictionary

    def run(self) -> list[nodes.Node]:
        """Return a figure; the content is its caption."""
        module, _, function = self.arguments[0].rpartition(".")
        figure = getattr(importlib.import_module(module), function)(*self.arguments[1:])
        text = kernel_figures.bundle(figure)["image/svg+xml"]
        folder = Path(self.env.app.doctreedir).parent / "figures"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"drawn-{hashlib.sha256(text.encode()).hexdigest()[:16]}.svg"
        path.write_text(text, encoding="utf-8")
        image = nodes.image(uri="/" + os.path.relpath(path, self.env.app.srcdir), alt=self.options["alt"])
        whole = nodes.figure("", image)
        caption = nodes.caption(" ".join(self.content))
        children, messages = self.state.inline_text(" ".join(self.content), self.lineno)
        caption += children
        whole += caption
        return [whole, *messages]


def check_complete(app: Sphinx, env: BuildEnvironment) -> None:
    """Warn of public names of documented modules that are on no page."""

    def value(module_name: str, name: str) -> int:
        return id(getattr(importlib.import_module(module_name), name))

    documented = {value(*name.rsplit(".", 1)) for name in api_entries(env)}  # one thing may have two names
    for module_name in sorted(set().union(*api_modules(env).values())):
        for name in public_names(module_name):
            if value(module_name, name) not in documented:
                logger.warning("the reference has no entry for %s.%s", module_name, name)


def skip_member(app: Sphinx, what: str, name: str, obj: Any, skip: bool, options: object) -> bool | None:
    """Leave out what only repeats the name: the fields of a named tuple."""
    return True if (getattr(obj, "__doc__", None) or "").startswith("Alias for field number") else None


def resolve(
    app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref, contnode: nodes.Element
) -> nodes.Node | None:
    """Find a name of a docstring wherever it is documented; what is not ours stays plain text."""
    if node.get("refdomain") != "py" or not node.get("refdoc", "").startswith("api"):
        return None
    target = node["reftarget"].removeprefix("gb.")
    found = [
        (name, entry)
        for name, entry in env.domaindata["py"]["objects"].items()
        if name == target or name.endswith(f".{target}")
    ]
    pages = {(entry.docname, entry.node_id) for _, entry in found}
    if len(pages) == 1:
        (docname, node_id) = pages.pop()
        return make_refnode(app.builder, node["refdoc"], docname, node_id, contnode, target)
    return contnode


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    for extension in ("sphinx.ext.autodoc", "sphinx.ext.napoleon"):
        app.setup_extension(extension)
    app.add_directive("api", Api)
    app.add_directive("api-table", ApiTable)
    app.add_directive("command-help", CommandHelp)
    app.add_directive("package-figure", PackageFigure)
    app.connect("autodoc-process-docstring", docstrings.with_ranges, priority=90)
    app.connect("autodoc-process-docstring", docstrings.as_rest, priority=100)  # before napoleon
    app.connect("autodoc-process-docstring", docstrings.as_it_was, priority=900)  # after it
    app.connect("autodoc-process-signature", signatures.with_types)
    app.connect("autodoc-skip-member", skip_member)
    app.connect("object-description-transform", signatures.add_source)
    app.connect("html-page-context", signatures.list_parameters)
    app.connect("env-purge-doc", forget_page)
    app.connect("env-merge-info", merge_pages)
    app.connect("env-updated", uses.find_uses)
    app.connect("env-check-consistency", check_complete)
    app.connect("missing-reference", resolve)
    app.connect("doctree-resolved", uses.add_links)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True, "env_version": 2}
