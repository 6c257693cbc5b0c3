"""What the reference has: the public names of each module, and on which page each of them is."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

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


def api_entries(env: BuildEnvironment) -> dict[str, str]:
    """Return the page of each documented name."""
    if not hasattr(env, "api_entries"):
        env.api_entries = {}  # type: ignore[attr-defined]
    entries: dict[str, str] = env.api_entries  # type: ignore[attr-defined]
    return entries


def api_modules(env: BuildEnvironment) -> dict[str, set[str]]:
    """Return the modules that each page documents, or documents a part of."""
    if not hasattr(env, "api_modules"):
        env.api_modules = {}  # type: ignore[attr-defined]
    modules: dict[str, set[str]] = env.api_modules  # type: ignore[attr-defined]
    return modules


def forget_page(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """Drop what an older version of a page documented."""
    api_modules(env).pop(docname, None)
    entries = api_entries(env)
    for name in [name for name, page in entries.items() if page == docname]:
        del entries[name]


def merge_pages(app: Sphinx, env: BuildEnvironment, docnames: Iterable[str], other: BuildEnvironment) -> None:
    """Take over what another reading process found."""
    api_entries(env).update(api_entries(other))
    api_modules(env).update(api_modules(other))
