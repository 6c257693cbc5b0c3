"""The built site in a real browser, served from this machine, with every other host out of reach.

`make site` sets GANBOOK_SITE to the folder of the pages and runs these tests; without it they are skipped.
With GANBOOK_BROWSER=required (as in .ci/run) a missing browser is a failure, otherwise a skip that says so.
"""

import functools
import http.server
import os
import shutil
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SITE = Path(os.environ["GANBOOK_SITE"]).absolute() if os.environ.get("GANBOOK_SITE") else None
REQUIRED = os.environ.get("GANBOOK_BROWSER") == "required"
PATIENCE = 120_000  # milliseconds: a busy machine is slow, not wrong
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


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

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=site))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def browser():
    """Start this machine's Chromium, or the one that playwright installed."""
    api = pytest.importorskip("playwright.sync_api") if not REQUIRED else __import__("playwright.sync_api")
    api = getattr(api, "sync_api", api)
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    with api.sync_playwright() as playwright:
        if path is None and not Path(playwright.chromium.executable_path).exists():
            missing = "NOT RUN: there is no Chromium (apt install chromium, or: playwright install chromium)"
            pytest.fail(missing) if REQUIRED else pytest.skip(missing)
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


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
