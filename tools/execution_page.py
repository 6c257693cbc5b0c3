"""Make `book/execution.md` from what `make weigh` recorded: `python tools/execution_page.py`.

The table of the notebooks is made anew at every build; the weights and times come from
`book/_assets/site.json`, and a test holds the page to that file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
RECORD, PAGE = ROOT / "book" / "_assets" / "site.json", ROOT / "book" / "execution.md"

HEAD = """\
<!-- Made by `python tools/execution_page.py` from book/_assets/site.json; do not edit. -->
# Execution, weight and offline reading

## Every notebook, run for this build

These pages show what the cells computed when the book was built. A notebook that fails stops the build.

```{nb-exec-table}
```

## Reading offline

The pages ask no other host for anything: formulas, figures, search and icons come from the folder they lie
in. The tests load every page with all other hosts out of reach.

- **From a folder.** Open `index.html` in a browser. Text, formulas, figures that move, search and the theme
  switch work without a server; the tests read pages this way in Chromium. Other browsers may keep files apart
  from each other more strictly, so that a page forgets the chosen theme.
- **From a server of your own.** `make serve`, or `python -m http.server` in that folder: everything works.
- **On paper.** The download button of each page has an entry for printing; figures that move print the frame
  that is shown.
"""


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def page(found: dict[str, Any]) -> str:
    """Return the page's text."""
    views = found["first_views"]
    rows = [
        [
            f"`{name}`",
            f"{found['pages'][name] / 1e6:.2f}",
            *(f"{views[name][key]:.2f}" for key in ("first_paint", "typeset")),
        ]
        for name in views
    ]
    others = [weight for name, weight in found["pages"].items() if name not in views]
    return (
        f"{HEAD}\n## Weight and speed\n\n"
        f"The whole site weighs {found['whole'] / 1e6:.1f} MB. The table has the front page and the pages\n"
        f"with cells; the heaviest of the other {len(others)} weighs {max(others) / 1e6:.2f} MB. A page's\n"
        "weight is its own HTML and pictures; scripts, styles and fonts are shared. First view: seconds\n"
        "until a browser with an empty cache shows the first text, and until all formulas are set, from a\n"
        "local server, median of three.\n\n"
        f"{table(['page', 'MB', 'first text, s', 'formulas set, s'], rows)}\n"
        f"Measured on {found['date']} ({found['processor']}) by\n\n```sh\n{found['command']}\n```\n"
    )


if __name__ == "__main__":
    PAGE.write_text(page(json.loads(RECORD.read_text(encoding="utf-8"))), encoding="utf-8")
    print(f"written: {PAGE.relative_to(ROOT)}")
