"""The built site in a real browser, served from this machine, with every other host out of reach.

`make site` sets GANBOOK_SITE to the folder of the pages and runs these tests; without it they are skipped.
With GANBOOK_BROWSER=required (as in .ci/run) a missing browser is a failure, otherwise a skip that says so.
"""

import contextlib
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from browser import chromium, serve  # noqa: E402

SITE = Path(os.environ["GANBOOK_SITE"]).absolute() if os.environ.get("GANBOOK_SITE") else None
REQUIRED = os.environ.get("GANBOOK_BROWSER") == "required"
PATIENCE = 120_000  # milliseconds: a busy machine is slow, not wrong


def pages():
    """Return the addresses of all pages, from the site's root; index.html only leads to the front page."""
    if SITE is None:
        return []
    found = sorted(SITE.rglob("*.html"))
    names = [path.relative_to(SITE).as_posix() for path in found]
    return [name for name in names if not name.startswith("_static/") and name != "index.html"]


def pytest_collection_modifyitems(items):
    if SITE is not None:
        return
    here = Path(__file__).parent
    for item in items:
        if here in Path(item.path).parents and "site" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.skip(reason="the built site is looked at by: make site"))


def pytest_generate_tests(metafunc):
    if "address" in metafunc.fixturenames:
        metafunc.parametrize("address", pages())


@pytest.fixture(scope="session")
def site():
    """Return the folder of the built pages."""
    assert SITE is not None
    assert (SITE / "index.html").is_file(), f"GANBOOK_SITE: there are no pages in {SITE}; first: make book"
    return SITE


@pytest.fixture(scope="session")
def base(site):
    """Serve the pages, and return their address."""

    with serve(site) as address:
        yield address


@pytest.fixture(scope="session")
def browser():
    """Start this machine's Chromium, or the one that playwright installed."""
    if not REQUIRED:
        pytest.importorskip("playwright.sync_api")
    with contextlib.ExitStack() as stack:
        try:
            started = stack.enter_context(chromium())
        except FileNotFoundError as error:
            pytest.fail(f"NOT RUN: {error}") if REQUIRED else pytest.skip(f"NOT RUN: {error}")
        yield started


class Visit:
    """A tab, and what went wrong in it."""

    def __init__(self, context, base):
        self.base, self.outside, self.complaints, self.failed = base, [], [], []
        context.set_default_timeout(PATIENCE)
        context.route("**/*", self._sort_out)
        self.tab = context.new_page()
        self.tab.on("console", self._listen)
        self.tab.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.tab.on("response", lambda r: self.failed.append(r.url) if r.status >= 400 else None)

    def _sort_out(self, route):
        if route.request.url.startswith((self.base, "data:", "blob:")):
            route.continue_()
        else:
            self.outside.append(route.request.url)
            route.abort()

    def _listen(self, message):
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")

    def open(self, address):
        """Open a page and wait until its formulas are typeset."""
        self.tab.goto(self.base + address)
        self.tab.evaluate("() => window.MathJax?.startup?.promise")
        return self.tab


@pytest.fixture
def visit(browser, base):
    """Return a function that opens a tab: `visit(width=390, color_scheme="dark")`."""
    contexts = []

    def new(width=1300, height=800, **options):
        contexts.append(browser.new_context(viewport={"width": width, "height": height}, **options))
        return Visit(contexts[-1], base)

    yield new
    for context in contexts:
        context.close()
