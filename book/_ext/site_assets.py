"""Sphinx extension for the pages' head and frame: local scripts, ways in, and what the theme leaves undone.

- `use_local_scripts`: MathJax from `_static/vendor`, where `make assets` put it.
- `offer_ways_in`: buttons to the repository, the source and Colab, if `_config.yml` names a repository.
- `tidy_page`: no script twice, nothing of another host.
- `finish_pages`: small repairs in the written HTML, for speed and for readers who do not see the page.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util import logging

MATHJAX = "vendor/mathjax/tex-chtml-full.js"
COLAB = "https://colab.research.google.com"
logger = logging.getLogger(__name__)


def use_local_scripts(app: Sphinx, config: Config) -> None:
    """Point MathJax at the copy among the static files."""
    if (Path(app.srcdir) / "_static" / MATHJAX).is_file():
        config.mathjax_path = MATHJAX
    else:
        logger.info("formulas: MathJax is not in _static/vendor, so the pages load it from its usual host")


def offer_ways_in(app: Sphinx, config: Config) -> None:
    """Show the buttons that need the repository's address, if there is one: no button leads nowhere."""
    options = config.html_theme_options
    known = bool(options.get("repository_url"))
    options["use_repository_button"] = options["use_source_button"] = known
    # Colab opens notebooks from GitHub only.
    on_github = known and options["repository_url"].startswith("https://github.com/")
    options["launch_buttons"] = {**options.get("launch_buttons", {}), "colab_url": COLAB if on_github else ""}
    if not known:
        logger.info("ways in: _config.yml names no repository, so there are no buttons to it and to Colab")


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
    context["css_files"] = [css for css in context.get("css_files", []) if "thebe" not in str(css.filename)]


def finish(html: str) -> str:
    """Return a page's HTML with what the theme leaves undone.

    Examples
    --------
    >>> finish('<summary aria-label="Toggle hidden content"><p>Show code cell source</p></summary>')
    '<summary><p>Show code cell source</p></summary>'
    """
    # Names that hide what is written on the button ("Show code cell source", "Search Ctrl+K").
    html = html.replace('<summary aria-label="Toggle hidden content">', "<summary>")
    html = re.sub(
        r'(<button class="btn search-button-field[^>]*?) title="Search" aria-label="Search"', r"\1", html
    )
    html = html.replace(
        '<summary><span class="toctree-toggle"',
        '<summary aria-label="Show or hide the pages of this part"><span class="toctree-toggle"',
    )
    # A list whose children are no list items.
    html = html.replace('<div role="list" class="citation-list">', '<div class="citation-list">')
    # Icons say nothing that the name of their button does not say.
    html = re.sub(r'<(i|span)( class="[^"]*\bfa-[^"]*")', r'<\1 aria-hidden="true"\2', html)
    # The style sheet brings the icons as a font; the script would bring them again, in 1.5 MB.
    html = re.sub(r'\s*<script defer src="[^"]*/fontawesome\.js[^"]*"></script>', "", html)
    # The theme, Sphinx and Jupyter Book each set the viewport.
    head, found, body = html.partition("</head>")
    viewports = re.findall(r'<meta name="viewport"[^>]*>', head)
    for extra in viewports[1:]:
        before, _, after = head.rpartition(extra)
        head = before + after
    # A page without formulas needs no MathJax.
    if 'class="math' not in body:
        head = re.sub(r'\s*<script[^>]* src="[^"]*mathjax/[^"]*"></script>', "", head)
        head = re.sub(r"\s*<script>window\.MathJax = .*?</script>", "", head)
    # Text first: scripts wait until the page is read, in their order. Only the search page needs the index.
    if 'id="search-results"' not in body:
        head = re.sub(
            r'\s*<script src="[^"]*(searchtools|language_data|searchindex)\.js[^"]*"></script>', "", head
        )
        head = re.sub(r'<script src="(?![^"]*documentation_options)', '<script defer src="', head)
    return head + found + body


def finish_pages(app: Sphinx, error: Exception | None) -> None:
    """Repair the written pages; a page that is already done stays as it is."""
    if error or app.builder.format != "html":
        return
    for path in Path(app.outdir).rglob("*.html"):
        if "_static" in path.relative_to(app.outdir).parts:
            continue
        text = path.read_text(encoding="utf-8")
        better = finish(text)
        if better != text:
            path.write_text(better, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("config-inited", use_local_scripts)
    app.connect("config-inited", offer_ways_in)
    app.connect("html-page-context", tidy_page, priority=900)  # after all who add scripts
    app.connect("build-finished", finish_pages, priority=900)
    return {
        "version": "1",
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
