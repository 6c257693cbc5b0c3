"""Make the faces of the front page, and the README's picture: `python tools/faces_figure.py`.

Both are made of the recorded run on portraits (`python -m experiments.portraits`): `book/_assets/faces.html`
plays it once when the page opens, and `book/_static/preview.png` shows four of its moments side by side.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image

import ganbook as gb
from ganbook.support.pixels import from_data_address

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "book" / "_assets" / "faces.html"
PREVIEW = ROOT / "book" / "_static" / "preview.png"

COLUMNS, ROWS = 5, 3  # of the record's faces, for a narrow figure
SHOWN_AT = (100, 500, 2000, 12000)  # steps of the preview
ALT = (
    "Fifteen small pictures. Before training they are grey. Step by step they become coloured blurs, then "
    "heads with hair, then drawn portraits of different people, some with glasses or a beard, many smiling."
)


def part(picture: Image.Image, columns: int, rows: int) -> Image.Image:
    """Return the first faces of a grid of 64 x 64 pixels with gaps of 2."""
    return picture.crop((0, 0, 66 * columns - 2, 66 * rows - 2))


def page(record: dict[str, Any]) -> str:
    """Return the figure as HTML."""
    labels = [f"step {score['step']:,}" for score in record["scores"]]
    figure = gb.widgets.frames(
        [part(from_data_address(frame), COLUMNS, ROWS) for frame in record["frames"]], labels, ALT,
        slider="Step", seconds=0.7, quality=75, play=True, start=-1,
    )  # fmt: skip
    return figure._repr_html_() + "\n"


def preview(record: dict[str, Any]) -> Image.Image:
    """Return four moments of the run side by side."""
    steps = [score["step"] for score in record["scores"]]
    parts = [part(from_data_address(record["frames"][steps.index(step)]), 4, 3) for step in SHOWN_AT]
    gap = 24
    whole = Image.new("RGB", (len(parts) * (parts[0].width + gap) - gap, parts[0].height), "white")
    for i, picture in enumerate(parts):
        whole.paste(picture, (i * (picture.width + gap), 0))
    return whole


def main() -> None:
    """Write both."""
    record = gb.recorded.load("portraits")
    PAGE.write_text(page(record), encoding="utf-8")
    preview(record).save(PREVIEW, optimize=True)
    print(
        f"{PAGE.relative_to(ROOT)}: {PAGE.stat().st_size:,} bytes; {PREVIEW.name}: {PREVIEW.stat().st_size:,}"
    )


if __name__ == "__main__":
    main()
