"""The built site as files: links and anchors resolve, names of other hosts are links only, weights hold."""

import importlib.util
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest


def load(name):
    """Import a tool, which is no part of a package."""
    path = Path(__file__).parent.parent.parent / "tools" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


site_weight = load("site_weight")


class Page(HTMLParser):
    """The ids of a page, its links, and what it loads."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.loads = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.ids.update(filter(None, (given.get("id"), given.get("name"))))
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        elif tag in ("script", "img", "iframe", "source", "video", "audio") and given.get("src"):
            self.loads.append(given["src"])
        elif tag == "link" and given.get("rel") in ("stylesheet", "icon", "preload", "manifest"):
            self.loads.append(given["href"])


@pytest.fixture(scope="session")
def parsed(site):
    found = {}
    for path in site.rglob("*.html"):
        name = path.relative_to(site).as_posix()
        if (
            not name.startswith("_static/") and name != "index.html"
        ):  # index.html only leads to the front page
            found[path] = Page(path.read_text(encoding="utf-8"))
    return found


def test_internal_links_and_anchors_resolve(site, parsed):
    broken = []
    for path, page in parsed.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchor = unquote(parts.fragment)
            if not target.is_file() or (anchor and target in parsed and anchor not in parsed[target].ids):
                broken.append((path.name, link))
    assert broken == []


def test_pages_load_nothing_from_another_host(parsed):
    for path, page in parsed.items():
        away = [name for name in page.loads if urlsplit(name).netloc]
        assert away == [], path.name


def test_the_theme_leaves_no_other_host_in_a_script(parsed):
    for path in parsed:
        scripts = re.findall(r"<script\b[^>]*>(.*?)</script>", path.read_text(encoding="utf-8"), re.DOTALL)
        assert not [s for s in scripts if re.search(r"https?://", s)], path.name


def test_every_page_names_itself_once(parsed):
    titles = {path: re.findall(r"<title>(.*?)</title>", path.read_text(encoding="utf-8")) for path in parsed}
    assert all(len(found) == 1 and found[0] for found in titles.values())


def test_pages_and_site_keep_their_weight(site):
    weights = site_weight.pages(site)
    heavy = {name: weight for name, weight in weights.items() if weight > site_weight.PAGE_LIMIT}
    assert heavy == {}
    assert site_weight.whole(site) < site_weight.SITE_LIMIT


def test_every_chapter_can_be_downloaded_and_is_linked_to_the_reference(site, parsed):
    sources = {notebook.stem for notebook in (site / "_sources").glob("*.ipynb")}
    chapters = [path for path in parsed if path.stem in sources and path.parent == site.resolve()]
    assert len(chapters) >= 4
    for path in chapters:
        page = parsed[path]
        assert any(link.endswith(f"_sources/{path.stem}.ipynb") for link in page.links)
        uses = [link for link in page.links if link.startswith("api/")]
        assert uses, f"{path.name} has no link to the functions that it uses"
        back = {link.partition("#")[0] for link in uses}
        for name in back - {"api.html"}:
            reference = parsed.get((site / name).resolve()) or parsed.get(site / name)
            links = reference.links
            assert any(link.partition("#")[0].endswith(path.name) for link in links), f"{name}: no way back"
