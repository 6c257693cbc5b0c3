"""What an entry of the reference says of the code: types of its parameters, its source, where that lies."""

from __future__ import annotations

import ast
import functools
import html
import importlib
import inspect
import re
import textwrap
import typing
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.typing import stringify_annotation

ROOT = Path(__file__).parent.parent.parent

# A signature of several lines, as Sphinx writes it.
DEFINITIONS = re.compile(r"<dl>\s*((?:<dd>(?:(?!</?d[dl]>).)*</dd>\s*)+)</dl>", re.DOTALL)


@functools.cache
def names_for_types(module_name: str) -> dict[str, Any]:
    """Return the names that annotations of a module may use: its own, and what it imports for types only."""
    module = importlib.import_module(module_name)
    names = dict(vars(module))
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for statement in node.body:
                exec(ast.unparse(statement), names)
    return names


def type_text(annotation: Any, module_name: str) -> str:
    """Return an annotation in short: without modules, and without the range that stands beside a type."""
    if isinstance(annotation, typing.ForwardRef):  # of a named tuple's fields
        annotation = annotation.__forward_arg__
    if isinstance(annotation, str):
        annotation = eval(annotation, names_for_types(module_name))
    bare = typing.get_type_hints(type("_", (), {"__annotations__": {"x": annotation}}))["x"]
    text = stringify_annotation(bare, "fully-qualified-except-typing")
    text = re.sub(r"\b(?:[A-Za-z_]\w*\.)+(?=[A-Za-z_])", "", text)
    return text.replace("ndarray[tuple[Any, ...], dtype[Any]]", "ndarray")


def signature_of(obj: Any) -> tuple[str, str] | None:
    """Return parameters and result of a function or class with types, as Python writes them."""
    function = inspect.unwrap(obj)
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return None
    module = getattr(function, "__module__", "") or ""
    if not module.startswith("ganbook"):
        return None
    if getattr(obj, "_is_protocol", False):
        return "", ""
    written = []
    bare_star = False
    for parameter in signature.parameters.values():
        if parameter.name == "self":
            continue
        if parameter.kind is parameter.VAR_POSITIONAL:
            bare_star = True
        if parameter.kind is parameter.KEYWORD_ONLY and not bare_star:
            written.append("*")
            bare_star = True
        stars = "*" * (
            (parameter.kind is parameter.VAR_POSITIONAL) + 2 * (parameter.kind is parameter.VAR_KEYWORD)
        )
        text = stars + parameter.name
        if parameter.annotation is not parameter.empty:
            text += f": {type_text(parameter.annotation, module)}"
        if parameter.default is not parameter.empty:
            typed = parameter.annotation is not parameter.empty
            text += (" = " if typed else "=") + default_text(parameter.default)
        written.append(text)
    result = ""
    if not inspect.isclass(obj) and signature.return_annotation is not signature.empty:
        result = type_text(signature.return_annotation, module)
    return f"({', '.join(written)})", result


def default_text(value: Any) -> str:
    """Return a default as it would be written."""
    if inspect.isfunction(value) or inspect.isclass(value):
        return str(value.__name__)
    return "..." if "<" in repr(value) else repr(value)


def with_types(
    app: Sphinx, what: str, name: str, obj: Any, options: object, signature: str, result: str
) -> tuple[str, str] | None:
    """Give autodoc our signatures; those of exceptions stay as they are."""
    if what not in ("function", "method", "class") or not signature:
        return None
    return signature_of(obj)


# -------------------------------------------------------------------------------------- source


def look_up(module: str, fullname: str) -> Any:
    """Return what an entry documents, as it is defined: a property's function, a wrapped function."""
    value: Any = importlib.import_module(module)
    for part in fullname.split("."):
        value = inspect.getattr_static(value, part, None)
    value = getattr(value, "fget", value)
    value = getattr(value, "func", value) if isinstance(value, functools.cached_property) else value
    value = getattr(value, "__func__", value)
    return inspect.unwrap(value) if callable(value) else None


def without_docstring(source: str) -> str:
    """Return the source of a function without its docstring, which the entry shows already."""
    source = textwrap.dedent(source)
    lines = source.split("\n")
    function = ast.parse(source).body[0]
    body = getattr(function, "body", [])
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant) and len(body) > 1:
        del lines[body[0].lineno - 1 : body[0].end_lineno]
    return "\n".join(lines).rstrip()


def is_stub(function: Any) -> bool:
    """Say whether a function has a docstring and nothing else, as those of a protocol."""
    body = getattr(ast.parse(textwrap.dedent(inspect.getsource(function))).body[0], "body", [])
    return all(isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant) for part in body)


def source_address(app: Sphinx, path: str, first: int, last: int) -> str:
    """Return the address of lines in the repository, or nothing if `_config.yml` names no repository."""
    options = app.config.html_theme_options
    url = (options.get("repository_url") or "").rstrip("/")
    return f"{url}/blob/{options.get('repository_branch') or 'main'}/{path}#L{first}-L{last}" if url else ""


def add_source(app: Sphinx, domain: str, kind: str, content: addnodes.desc_content) -> None:
    """Put the source at the end of a function's entry, folded; of a class, where it lies.

    Attributes get the type of their annotation.
    """
    if domain != "py":
        return
    signature = content.parent[0]
    module, fullname = signature.get("module") or "", signature.get("fullname") or ""
    if not module.startswith("ganbook"):
        return
    if kind == "attribute":
        _add_type(signature, module, fullname)
        return
    value = look_up(module, fullname)
    if value is None or app.builder.format != "html":
        return
    try:
        lines, first = inspect.getsourcelines(value)
        path = Path(inspect.getsourcefile(value) or "").relative_to(ROOT).as_posix()
    except (TypeError, OSError, ValueError):  # made by a dataclass or a named tuple
        return
    last = first + len(lines) - 1
    where = f"{path}, lines {first} to {last}"
    address = source_address(app, path, first, last)
    link = f'<a class="source-link" href="{html.escape(address)}">{where}</a>' if address else where
    code = ""
    if kind in ("function", "method") and not is_stub(value):
        builder: Any = app.builder
        code = builder.highlighter.highlight_block(without_docstring("".join(lines)), "python")
    if code:
        body = f'<details class="source"><summary>Source</summary><p>{link}</p>{code}</details>'
    elif inspect.isclass(value):
        body = f'<p class="source">Source: {link}</p>'
    else:
        return
    content += nodes.raw("", body, format="html")


def list_parameters(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Make a list of the parameters of a long signature: Sphinx makes definitions without terms of them."""
    if "body" in context:
        context["body"] = DEFINITIONS.sub(
            lambda found: '<ul class="sig-params">' + found[1].replace("dd>", "li>") + "</ul>",
            context["body"],
        )


def _add_type(signature: nodes.Element, module: str, fullname: str) -> None:
    owner, _, name = fullname.rpartition(".")
    cls = getattr(importlib.import_module(module), owner, None)
    for ancestor in getattr(cls, "__mro__", ()):
        annotation = vars(ancestor).get("__annotations__", {}).get(name)
        if annotation is not None:
            text = f": {type_text(annotation, ancestor.__module__)}"
            signature += addnodes.desc_annotation(text, "", nodes.Text(text))
            return
