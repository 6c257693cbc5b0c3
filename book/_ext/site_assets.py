"""Sphinx extension for the pages' head and frame: local scripts, ways in, and what the theme leaves undone.

- `use_local_scripts`: MathJax from `_static/vendor`, where `make assets` put it.
- `offer_ways_in`: buttons to the repository, the source and Colab, if `_config.yml` names a repository.
- `name_commands`: a command is a command, not Python, so that it wraps.
- `tidy_page`: no script twice, nothing of another host.
- `finish_pages`: small repairs in the written HTML, for speed and for readers who do not see the page.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from docutils import nodes
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


COMMAND = re.compile(
    r"(?:ganbook|pip|python3?|make|git|torchrun|accelerate|jupyter\S*|[.\w/]*/bin/\w+) (?!=)"
)


def name_commands(app: Sphinx, doctree: nodes.document) -> None:
    """Give blocks of commands their language where they name none."""
    for block in doctree.findall(nodes.literal_block):
        if block.get("language", "default") == "default" and COMMAND.match(block.astext()):
            block["language"] = "sh"


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


class Repair(NamedTuple):
    """One thing that the theme leaves undone: a pattern, what it becomes, and why."""

    why: str
    pattern: str
    replacement: str
    only_if: Callable[[str], bool] = lambda body: True  # of the page's body


def has_formulas(body: str) -> bool:
    """Say whether a page has formulas."""
    return 'class="math' in body


def is_search_page(body: str) -> bool:
    """Say whether a page is the one that searches."""
    return 'id="search-results"' in body


NAME_HIDES = "a name hides what is written on the button"
IN_BODY = (
    Repair(NAME_HIDES, '<summary aria-label="Toggle hidden content">', "<summary>"),
    Repair(
        NAME_HIDES,
        r'(<button class="btn search-button-field[^>]*?) title="Search" aria-label="Search"',
        r"\1",
    ),
    Repair(
        "a button has no name",
        '<summary><span class="toctree-toggle"',
        '<summary aria-label="Show or hide the pages of this part"><span class="toctree-toggle"',
    ),
    Repair(
        "a list has children that are no list items",
        '<div role="list" class="citation-list">',
        '<div class="citation-list">',
    ),
    Repair(
        "icons say nothing that the name of their button does not say",
        r'<(i|span)( class="[^"]*\bfa-[^"]*")',
        r'<\1 aria-hidden="true"\2',
    ),
)
IN_HEAD = (
    Repair(
        "the style sheet brings the icons as a font; the script would bring them again, in 1.5 MB",
        r'\s*<script (?:defer )?src="[^"]*/fontawesome\.js[^"]*"></script>',
        "",
    ),
    Repair(
        "the theme, Sphinx and Jupyter Book each set the viewport",
        r'(<meta name="viewport"[^>]*>.*)<meta name="viewport"[^>]*>',
        r"\1",
    ),
    Repair(
        "a page without formulas needs no MathJax",
        r'\s*<script[^>]* src="[^"]*mathjax/[^"]*"></script>',
        "",
        lambda body: not has_formulas(body),
    ),
    Repair(
        "a page without formulas needs no settings of MathJax",
        r"\s*<script>window\.MathJax = .*?</script>",
        "",
        lambda body: not has_formulas(body),
    ),
    Repair(
        "only the search page needs the index",
        r'\s*<script src="[^"]*(searchtools|language_data|searchindex)\.js[^"]*"></script>',
        "",
        lambda body: not is_search_page(body),
    ),
    Repair(
        "text first: scripts wait until the page is read, in their order",
        r'<script src="(?![^"]*documentation_options)',
        '<script defer src="',
        lambda body: not is_search_page(body),
    ),
)


def finish(html: str, matched: set[Repair] | None = None) -> str:
    """Return a page's HTML with what the theme leaves undone.

    Parameters
    ----------
    html : str
        The page.
    matched : set, optional
        Takes in the repairs that found something to do.

    Examples
    --------
    >>> finish('<summary aria-label="Toggle hidden content"><p>Show code cell source</p></summary>')
    '<summary><p>Show code cell source</p></summary>'
    """
    head, end, body = html.partition("</head>")
    if not end:
        head, body = "", html
    whole_body = body
    for repair in IN_BODY:
        body = _repaired(repair, body, matched)
    for repair in IN_HEAD:
        if repair.only_if(whole_body):
            head = _repaired(repair, head, matched)
    return head + end + body


def _repaired(repair: Repair, text: str, matched: set[Repair] | None) -> str:
    """Do a repair as often as there is something to do."""
    while True:
        text, count = re.subn(repair.pattern, repair.replacement, text, flags=re.DOTALL)
        if count and matched is not None:
            matched.add(repair)
        again = count and re.search(repair.pattern, text, flags=re.DOTALL)
        if not again or repair.replacement.startswith(r"<\1"):  # the last kind matches what it has made
            return text


def finish_pages(app: Sphinx, error: Exception | None) -> None:
    """Repair the written pages; a page that is already done stays as it is.

    A repair that finds nothing to do on all the pages of a fresh build is a warning, and so the end of a
    strict one: the theme has changed, and what was to be mended may now look otherwise.
    """
    if error or app.builder.format != "html":
        return
    matched: set[Repair] = set()
    untouched = 0
    for path in Path(app.outdir).rglob("*.html"):
        if "_static" in path.relative_to(app.outdir).parts:
            continue
        text = path.read_text(encoding="utf-8")
        better = finish(text, matched)
        if better != text:
            path.write_text(better, encoding="utf-8")
        else:
            untouched += 1
    if not untouched:  # every page is new
        for repair in (*IN_BODY, *IN_HEAD):
            if repair not in matched:
                logger.warning(
                    "a repair of the pages found nothing to do (%s): is the theme another?", repair.why
                )


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("config-inited", use_local_scripts)
    app.connect("config-inited", offer_ways_in)
    app.connect("doctree-read", name_commands)
    app.connect("html-page-context", tidy_page, priority=900)  # after all who add scripts
    app.connect("build-finished", finish_pages, priority=900)
    return {
        "version": "1",
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
