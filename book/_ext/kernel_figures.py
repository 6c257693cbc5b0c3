"""What the book's kernels do with a figure: they draw it as SVG, and once more for a narrow screen.

`figures.py`, the Sphinx extension, starts the kernels of a build with this module. A reader's kernel does not
know of it: there a figure is what Jupyter makes of it.

A figure is drawn on a transparent ground. What must not change its colours in dark pages (pictures, and the
text that stands on them) gets an id that begins with "kept", a map of values one with "map"; clouds of many
points become pixels, for each point as a shape of its own would make the file large. Where the text would be
smaller than a reader of a phone can read, the figure is laid out again, narrower, with fewer panels a row.
"""

from __future__ import annotations

import io
import math
import pickle
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ganbook.widgets.page import is_picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHOWN_AT = 100  # CSS pixels an inch: as wide as Jupyter shows a figure
PHONE = 342  # CSS pixels that a figure has on a phone
SMALLEST = 9.2  # CSS pixels of the smallest text there
PIXELS_AN_INCH = 220  # of what becomes pixels
MANY = 300  # points of a cloud that becomes pixels
NARROW = '<metadata class="narrow">'


def install(shell: Any) -> None:
    """Let a kernel's shell show figures this way."""
    shell.display_formatter.mimebundle_formatter.for_type_by_name("matplotlib.figure", "Figure", bundle)


def bundle(figure: Figure, include: object = None, exclude: object = None) -> dict[str, str]:
    """Return what Jupyter shows of a figure: an SVG, with the narrow one in its metadata if there is one."""
    prepare(figure)
    wide = to_svg(figure)
    slim = narrow(figure)
    if slim is None:
        return {"image/svg+xml": wide}
    body = to_svg(slim).replace("<!--", "").replace("-->", "")
    return {"image/svg+xml": wide.replace("</svg>", f"{NARROW}<!--{body}--></metadata></svg>")}


def to_svg(figure: Figure) -> str:
    """Return a figure as SVG: text as shapes, nothing that differs from run to run."""
    import matplotlib

    file = io.StringIO()
    settings: Any = {"svg.fonttype": "path", "svg.hashsalt": "figure", "svg.image_inline": True}
    with matplotlib.rc_context(settings):
        figure.savefig(
            file,
            format="svg",
            dpi=PIXELS_AN_INCH,
            transparent=True,
            bbox_inches="tight",
            pad_inches=0.05,
            metadata={"Date": None},
        )
    return file.getvalue()


def prepare(figure: Figure) -> None:
    """Name what keeps its colours; make clouds of points and heaps of curves to pixels."""
    import numpy as np
    from matplotlib.collections import PathCollection
    from matplotlib.lines import Line2D

    kept = maps = 0
    for ax in figure.axes:
        pictures = [image for image in ax.images if is_picture(image)]
        for image in ax.images:
            if image not in pictures:
                maps += 1
                image.set_gid(f"map-{maps}")
            if image.get_interpolation() in ("nearest", "auto", "antialiased"):
                image.set_interpolation("none")  # the pixels as they are: small, and sharp at any size
        on_pictures = [text for text in ax.texts if any(lies_on(text, image) for image in pictures)]
        for artist in (*pictures, *on_pictures):
            kept += 1
            artist.set_gid(f"kept-{kept}")
        for points in ax.findobj(PathCollection):
            if len(np.asarray(points.get_offsets())) > MANY:
                points.set_rasterized(True)
        for line in ax.findobj(Line2D):
            if line.get_marker() not in ("None", None, "", " ") and len(np.asarray(line.get_xdata())) > MANY:
                line.set_rasterized(True)


def lies_on(text: Any, image: Any) -> bool:
    """Say whether a text begins within an image."""
    x, y = text.get_transform().transform(text.get_position())
    return bool(image.get_window_extent().contains(x, y))


def texts(figure: Figure) -> Iterator[Any]:
    """Yield the texts of a figure that show something."""
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        if text.get_visible() and text.get_text().strip():
            yield text


def narrow(figure: Figure) -> Figure | None:
    """Return the figure laid out for a phone; None if it can be read there as it is, or cannot be laid out.

    It is made as wide as lets its smallest text be read; its panels stand in as few columns as let none of
    them be much narrower than it was.
    """
    sizes = [text.get_fontsize() for text in texts(figure)]
    if not sizes:
        return None
    width, height = figure.get_size_inches()
    needed = PHONE / SHOWN_AT * min(sizes) / 72 * SHOWN_AT / SMALLEST  # inches that PHONE pixels may show
    if width <= needed:
        return None
    try:
        copy = pickle.loads(pickle.dumps(figure))
    except (pickle.PicklingError, AttributeError, TypeError):
        return None
    grid = panels(copy)
    if grid is None:
        return None
    rows, columns, axes = grid
    stacked = max(1, min(columns, math.floor(needed / (0.8 * width / columns))))
    while len(axes) % stacked:
        stacked -= 1  # no empty place
    if columns == 1 and needed < 0.7 * width:
        return None
    if stacked < columns:
        rearrange(copy, axes, stacked)
        copy.get_layout_engine().set(h_pad=0.1, hspace=0.04)
    new_rows = math.ceil(len(axes) / stacked)
    panel = height / rows
    square = [ax for ax in axes if ax.get_aspect() != "auto"]
    if square:  # such panels keep their shape
        panel *= (needed / stacked) / (width / columns)
    copy.set_size_inches(needed, panel * new_rows)
    for legend in (*copy.legends, *(ax.get_legend() for ax in copy.axes)):
        narrow_legend(copy, legend)
    return copy


def narrow_legend(figure: Figure, legend: Any) -> None:
    """Give a legend that is wider than its figure fewer columns."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    while legend is not None and legend._ncols > 1:
        figure.draw_without_rendering()
        if legend.get_window_extent().width <= 0.98 * figure.bbox.width:
            return
        title = legend.get_title().get_text()
        legend.set_ncols(
            legend._ncols - 1
        )  # matplotlib heeds it where a legend's box is made, so make it again
        legend._init_legend_box(legend.legend_handles, [text.get_text() for text in legend.get_texts()])
        legend._set_loc(legend._get_loc())
        legend.set_title(title)


def panels(figure: Figure) -> tuple[int, int, list[Axes]] | None:
    """Return rows, columns and panels of a figure whose panels fill one grid, each a cell; else None."""
    axes = figure.axes
    if not axes or figure.get_layout_engine() is None:
        return None
    places = [place for place in (ax.get_subplotspec() for ax in axes) if place is not None]
    if len(places) < len(axes):
        return None
    grids = {id(place.get_gridspec()): place.get_gridspec() for place in places}
    if len(grids) != 1:
        return None
    rows, columns = next(iter(grids.values())).get_geometry()
    if any(place.num1 != place.num2 for place in places) or len(axes) != rows * columns:
        return None
    return rows, columns, axes


def rearrange(figure: Figure, axes: list[Axes], columns: int) -> None:
    """Put the panels into fewer columns, in reading order; each has its own numbers at its axes."""
    from matplotlib.gridspec import GridSpec

    shown = [ax for ax in axes if ax.axison or ax.images or ax.lines or ax.collections]
    for ax in axes:
        if ax not in shown:
            ax.remove()
    grid = GridSpec(math.ceil(len(shown) / columns), columns, figure=figure)
    for i, ax in enumerate(shown):
        ax.set_subplotspec(grid[i // columns, i % columns])
        if ax.axison and i % columns == 0:
            ax.tick_params(labelleft=True)
            if not ax.get_ylabel() and ax.get_shared_y_axes().joined(ax, shown[0]):
                ax.set_ylabel(shown[0].get_ylabel(), fontsize=shown[0].yaxis.label.get_fontsize())
        if (ax.axison and not ax.get_shared_x_axes().joined(ax, shown[0])) or ax is shown[-1]:
            ax.tick_params(labelbottom=True)
