"""Sphinx extension: the API reference, and links between the functions and the chapters that use them.

`api` is a directive that documents a module: its docstring, a table of its public names, then each of them.
Nothing is listed by hand: a public name that is added to the package is on its page at the next build.

The code cells of the notebooks are searched for names of the package (`gb.losses.hinge`, `from ganbook import
...`). Each chapter ends with links to what it uses, and each entry of the reference links to the chapters.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode, nested_parse_with_titles

from ganbook.support.checks import constraints_of

PACKAGE = "ganbook"


def public_names(module_name: str) -> list[str]:
    """Return the public functions and classes of a module: those in `__all__`, or those defined in it."""
    module = importlib.import_module(module_name)
    names = getattr(module, "__all__", None) or [
        name for name, value in vars(module).items() if getattr(value, "__module__", None) == module_name
    ]
    return [
        name
        for name in names
        if not name.startswith("_")
        and (inspect.isclass(getattr(module, name)) or inspect.isfunction(getattr(module, name)))
    ]


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
    """`.. api:: ganbook.losses`: document a module. Names given as the content are left out."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return what autodoc makes of the module and of each public name."""
        module_name = self.arguments[0]
        module = importlib.import_module(module_name)
        names = [name for name in public_names(module_name) if name not in list(self.content)]
        lines = [f".. automodule:: {module_name}", "   :no-members:", ""]
        if len(names) > 1:
            lines += [f".. currentmodule:: {module_name}", "", ".. autosummary::", "   :nosignatures:", ""]
            lines += [*(f"   {name}" for name in names), ""]
        for name in names:
            value = getattr(module, name)
            kind = "autofunction" if inspect.isfunction(value) else "autoclass"
            if inspect.isclass(value) and issubclass(value, BaseException):
                kind = "autoexception"
            lines += [f".. {kind}:: {module_name}.{name}"]
            lines += ["   :members:"] * (kind == "autoclass") + [""]
        documented = api_entries(self.env)
        documented.update({f"{module_name}.{name}": self.env.docname for name in names})
        node = nodes.section()
        node.document = self.state.document
        nested_parse_with_titles(self.state, StringList(lines, module_name), node)
        return node.children


def api_entries(env: BuildEnvironment) -> dict[str, str]:
    """Return the page of each documented name."""
    if not hasattr(env, "api_entries"):
        env.api_entries = {}  # type: ignore[attr-defined]
    entries: dict[str, str] = env.api_entries  # type: ignore[attr-defined]
    return entries


def forget_page(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """Drop what an older version of a page documented."""
    entries = api_entries(env)
    for name in [name for name, page in entries.items() if page == docname]:
        del entries[name]


def merge_pages(app: Sphinx, env: BuildEnvironment, docnames: Iterable[str], other: BuildEnvironment) -> None:
    """Take over what another reading process found."""
    api_entries(env).update(api_entries(other))


# ------------------------------------------------------------------------------- docstrings


STAR = re.compile(r"(?<![\w`*\\])\*(?=[a-z_]+\b(?!\*))(?=[a-z_]+[.,)])")  # "*data.shape)", not "*word*"

REFERENCE = re.compile(r"^\.\. (\[\d+\] .*(?:\n +.*)*)", flags=re.MULTILINE)


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


def flat_item(reference: re.Match[str]) -> str:
    """Return ".. [1] text over lines" as an item of a list."""
    return "- " + " ".join(line.strip() for line in reference[1].splitlines())


def as_rest(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Make a docstring's text safe for reST.

    Indented blocks (formulas, tables) are shown as they stand, for reST would join their lines; `*shape` is
    not the beginning of an emphasis; and the numbers of references are plain, for docstrings share a page.
    """
    lines[:] = [STAR.sub(r"\\*", line) if ">>>" not in line else line for line in lines]
    lines[:] = [re.sub(r"\[(\d+)\]_", r"[\1]", line) for line in lines]
    lines[:] = REFERENCE.sub(flat_item, "\n".join(lines)).split("\n")
    kept: list[str] = []
    in_sections = False
    for i, line in enumerate(lines):
        in_sections = in_sections or bool(i and re.fullmatch(r"-{3,}", line.strip()) and lines[i - 1].strip())
        previous = next((text for text in reversed(kept) if text.strip()), "")
        begins = line.startswith("    ") and bool(kept) and not kept[-1].strip() and previous[:1].strip()
        listed = re.match(r"[-*] |\d+\. |\.\. |>>>", previous)
        if begins and not in_sections and not listed and not previous.endswith("::"):
            kept += ["::", ""]
        kept.append(line)
    lines[:] = kept


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


# ------------------------------------------------------------------------- chapters and functions


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


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    for extension in ("sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon"):
        app.setup_extension(extension)
    app.add_directive("api", Api)
    app.add_directive("command-help", CommandHelp)
    app.connect("autodoc-process-docstring", with_ranges, priority=90)
    app.connect("autodoc-process-docstring", as_rest, priority=100)  # before napoleon
    app.connect("autodoc-skip-member", skip_member)
    app.connect("env-purge-doc", forget_page)
    app.connect("env-merge-info", merge_pages)
    app.connect("env-updated", find_uses)
    app.connect("missing-reference", resolve)
    app.connect("doctree-resolved", add_links)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True, "env_version": 1}
