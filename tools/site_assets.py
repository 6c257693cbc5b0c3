"""Sphinx extension: use the scripts in `_static/vendor` where they were put; no errors in the console."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util import logging

MATHJAX = "vendor/mathjax/tex-chtml-full.js"
logger = logging.getLogger(__name__)


def use_local_scripts(app: Sphinx, config: Config) -> None:
    """Point MathJax at the copy among the static files."""
    if (Path(app.srcdir) / "_static" / MATHJAX).is_file():
        config.mathjax_path = MATHJAX
    else:
        logger.info("formulas: MathJax is not in _static/vendor, so the pages load it from its usual host")


def tidy_page(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Drop scripts that would be loaded a second time, and Thebe, which is switched off.

    Jupyter Book adds every script below `_static` to every page, so MathJax and its fonts would run twice,
    and it registers Thebe's settings twice even where there is no button for it: three errors in the
    browser's console, and the address of another host in every page. And a theme that is told no default
    mode complains of that.
    """
    context["default_mode"] = context.get("default_mode") or "auto"
    kept, seen = [], set()
    for script in context.get("script_files", []):
        name, body = str(script.filename or ""), script.attributes.get("body") or ""
        again = (name, body) in seen
        seen.add((name, body))
        fonts = "vendor/mathjax/output" in name  # MathJax loads them itself
        if not (again or fonts or "thebe" in name or "THEBE" in body):
            kept.append(script)
    context["script_files"] = kept


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("config-inited", use_local_scripts)
    app.connect("html-page-context", tidy_page, priority=900)  # after all who add scripts
    return {
        "version": "1",
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
