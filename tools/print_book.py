"""Print the built book into one PDF: `python tools/print_book.py book/_build/html build/gan-book.pdf`.

The pages are put one after the other into one page of a browser, in the order of `_toc.yml`, with their links
turned into links inside the document; the browser prints it, with an outline. Moving figures show one frame.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).parent))
from browser import chromium, serve

ROOT = Path(__file__).parent.parent

GATHER = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")  # runs in the browser


def order(entries: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the pages in the order of the table of contents."""
    for entry in entries:
        yield entry["file"]
        yield from order(entry.get("sections", []))


def main() -> int:
    """Print the book."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("site", type=Path)
    parser.add_argument("pdf", type=Path)
    args = parser.parse_args()
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    names = [toc["root"], *order(toc["chapters"])]
    names = [name for name in names if (args.site / f"{name}.html").is_file()]

    with serve(args.site) as base, chromium() as browser:
        tab = browser.new_page(color_scheme="light")
        tab.set_default_timeout(600_000)
        # A page with formulas as the frame, for it brings MathJax.
        frame = next(
            n for n in names if 'class="math' in (args.site / f"{n}.html").read_text(encoding="utf-8")
        )
        tab.goto(f"{base}{frame}.html")
        tab.evaluate(GATHER, names)
        args.pdf.parent.mkdir(parents=True, exist_ok=True)
        margin = {"top": "16mm", "bottom": "16mm", "left": "14mm", "right": "14mm"}
        tab.pdf(path=args.pdf, format="A4", print_background=True, margin=margin, outline=True, tagged=True)
    print(f"written: {args.pdf}, {len(names)} pages of the book, {args.pdf.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
