"""Links between the functions of the package and the chapters that use them.

The code cells of the notebooks are searched for names of the package (`gb.losses.hinge`, `from ganbook import
...`). Each chapter ends with links to what it uses, and each entry of the reference links to the chapters.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode

from entries import PACKAGE, api_entries


def names_used(code: str) -> set[str]:
    """Return the dotted names of the package that code mentions.

    Examples
    --------
    >>> code = "import ganbook as gb; from ganbook import losses; gb.Trainer.load(losses.hinge)"
    >>> sorted(names_used(code))
    ['ganbook.Trainer.load', 'ganbook.losses', 'ganbook.losses.hinge']
    """
    tree = ast.parse(re.sub(r"^\s*[%!].*$", "", code, flags=re.MULTILINE))
    bound: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            ours = (alias for alias in node.names if alias.name.partition(".")[0] == PACKAGE)
            bound.update({alias.asname or PACKAGE: alias.name if alias.asname else PACKAGE for alias in ours})
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == PACKAGE:
            bound.update({a.asname or a.name: f"{node.module}.{a.name}" for a in node.names})
    found = {name for name in bound.values() if name != PACKAGE}
    for node in ast.walk(tree):
        chain: list[str] = []
        inner: ast.AST = node
        while isinstance(inner, ast.Attribute):
            chain.insert(0, inner.attr)
            inner = inner.value
        if chain and isinstance(inner, ast.Name) and inner.id in bound:
            found.add(".".join([bound[inner.id], *chain]))
    longer = {name.rpartition(".")[0] for name in found}
    return {name for name in found if name not in longer or name in bound.values()}


def look_up(dotted: str) -> object:
    """Return the function or class that a dotted name leads to (a method leads to its class), or None."""
    value: Any = importlib.import_module(PACKAGE)
    for part in dotted.split(".")[1:]:
        if inspect.isclass(value):
            break
        try:
            value = getattr(value, part)
        except AttributeError:
            try:
                value = importlib.import_module(f"{value.__name__}.{part}")
            except (ImportError, AttributeError):
                return None
    return value if inspect.isclass(value) or inspect.isfunction(value) else None


def code_of(path: Path) -> str:
    """Return the code of a notebook's cells, without the cells that the page does not show."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    shown = (c for c in cells if "remove-cell" not in c["metadata"].get("tags", []))
    return "\n".join("".join(c["source"]) for c in shown if c["cell_type"] == "code")


def find_uses(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Find out which chapter uses what; the reference is written anew when that changed."""
    documented: dict[int, str] = {}
    for name in sorted(api_entries(env), key=lambda name: (name.count("."), name), reverse=True):
        module, _, last = name.rpartition(".")
        documented[id(getattr(importlib.import_module(module), last))] = name
    uses: dict[str, list[str]] = {}
    for docname in sorted(env.found_docs):
        path = Path(env.doc2path(docname))
        if path.suffix == ".ipynb":
            found = {documented.get(id(look_up(name))) for name in names_used(code_of(path))}
            uses[docname] = sorted(name for name in found if name)
    changed = uses != getattr(env, "api_uses", None)
    env.api_uses = uses  # type: ignore[attr-defined]
    return sorted({*api_entries(env).values(), *uses}) if changed else []


def links(app: Sphinx, docname: str, targets: Iterable[tuple[str, str, str, bool]]) -> Iterator[nodes.Node]:
    """Yield links, with commas between them."""
    for number, (text, page, anchor, is_code) in enumerate(targets):
        if number:
            yield nodes.Text(", ")
        inner = nodes.literal(text, text) if is_code else nodes.inline(text, text)
        yield make_refnode(app.builder, docname, page, anchor, inner)


def add_links(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put the links on a chapter (at its end) and on a page of the reference (with each entry)."""
    env = app.env
    uses: dict[str, list[str]] = getattr(env, "api_uses", {})
    if uses.get(docname):
        box = nodes.container(classes=["functions-used"])
        paragraph = nodes.paragraph("", "", nodes.strong("", "Used from the package: "))
        entries = api_entries(env)
        paragraph += list(
            links(
                app,
                docname,
                (
                    (name.removeprefix(f"{PACKAGE}."), entries[name], name, True)
                    for name in uses[docname]
                    if name in entries
                ),
            )
        )
        box += paragraph
        top = next(iter(doctree.findall(nodes.section)), doctree)
        top += box
    if docname not in set(api_entries(env).values()):
        return
    for signature in doctree.findall(addnodes.desc_signature):
        name = next(iter(signature.get("ids", [])), "")
        chapters = [page for page, names in uses.items() if name in names]
        content = signature.parent.next_node(addnodes.desc_content)
        if chapters and content is not None and "used-in" not in str(content.children[-1:]):
            paragraph = nodes.paragraph("", "", nodes.strong("", "Used in: "), classes=["used-in"])
            targets = ((env.titles[page].astext(), page, "", False) for page in chapters)
            paragraph += list(links(app, docname, targets))
            content += paragraph
