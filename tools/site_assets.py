"""Sphinx extension: use the scripts in `_static/vendor` where they were put, else their usual hosts."""

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


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("config-inited", use_local_scripts)
    return {
        "version": "1",
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
