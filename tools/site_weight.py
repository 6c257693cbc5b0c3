"""Weigh the built site: `python tools/site_weight.py book/_build/html`; `--record` keeps what was found.

A page weighs its HTML and the pictures it shows; scripts, styles and fonts are shared by all pages. The first
view is what a browser reports (first contentful paint, and the end of typesetting), from a local server, with
nothing kept from before. `--record` writes `book/_assets/site.json`, from which `tools/execution_page.py`
makes the page.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import sys
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import unquote

sys.path.insert(0, str(Path(__file__).parent))
from browser import chromium, serve

from ganbook.support.machine import processor

ROOT = Path(__file__).parent.parent
RECORD = ROOT / "book" / "_assets" / "site.json"
PAGE_LIMIT, SITE_LIMIT, VIEW_LIMIT = 1_500_000, 60_000_000, 2.0  # bytes, bytes, seconds
ROUNDS = 3


def pages(site: Path) -> dict[str, int]:
    """Return the weight of each page's own HTML and pictures, in bytes."""
    weights = {}
    for path in sorted(site.rglob("*.html")):
        name = path.relative_to(site).as_posix()
        if name.startswith("_static/"):
            continue
        text = path.read_text(encoding="utf-8")
        pictures = {
            (path.parent / unquote(source)).resolve()
            for tag in re.findall(r"<img\b[^>]*>", text)
            if "only-dark" not in tag  # a page loads a figure's light picture or its dark one
            for source in re.findall(r'\bsrc="([^":]+)"', tag)
        }
        weights[name] = path.stat().st_size + sum(p.stat().st_size for p in pictures if p.is_file())
    return weights


def whole(site: Path) -> int:
    """Return the weight of all files, in bytes."""
    return sum(path.stat().st_size for path in site.rglob("*") if path.is_file())


def first_views(site: Path, names: list[str]) -> dict[str, dict[str, float]]:
    """Return for each page the median seconds to its first paint and to its last formula."""
    views: dict[str, dict[str, float]] = {}
    with serve(site) as base, chromium() as browser:
        for name in names:
            paints, ready = [], []
            for _ in range(ROUNDS):
                context = browser.new_context(viewport={"width": 1300, "height": 800})
                context.set_default_timeout(120_000)
                tab = context.new_page()
                tab.goto(base + name)
                tab.evaluate("() => window.MathJax?.startup?.promise")
                ready.append(tab.evaluate("() => performance.now() / 1000"))
                paints.append(
                    tab.evaluate(
                        "() => performance.getEntriesByName('first-contentful-paint')[0].startTime / 1000"
                    )
                )
                context.close()
            views[name] = {
                "first_paint": round(statistics.median(paints), 2),
                "typeset": round(statistics.median(ready), 2),
            }
    return views


def main() -> int:
    """Print the weights; with --record also measure the first views and keep all of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("site", type=Path)
    parser.add_argument("--record", action="store_true")
    args = parser.parse_args()
    weights = pages(args.site)
    total = whole(args.site)
    for name, weight in sorted(weights.items(), key=lambda item: -item[1]):
        print(f"{weight / 1e6:6.2f} MB  {name}")
    print(f"{total / 1e6:6.2f} MB  the whole site")
    if args.record:
        shown = [name for name in weights if (args.site / "_sources" / name).with_suffix(".ipynb").is_file()]
        shown.insert(0, "intro.html")
        record: dict[str, Any] = {
            "command": "python tools/site_weight.py book/_build/html --record",
            "date": date.today().isoformat(),
            "processor": f"{processor()}, {os.cpu_count()} cores",
            "pages": weights,
            "whole": total,
            "first_views": first_views(args.site, shown),
        }
        RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        print(f"written: {RECORD.relative_to(ROOT)}")
    return int(max(weights.values()) > PAGE_LIMIT or total > SITE_LIMIT)


if __name__ == "__main__":
    sys.exit(main())
