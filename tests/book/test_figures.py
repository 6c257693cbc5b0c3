"""Figures of the pages: drawn as SVG, for wide and narrow screens, with text that can be read."""

import re
from types import SimpleNamespace

import figures
import kernel_figures
import pytest
import torch
from matplotlib.figure import Figure

from ganbook import plots


def panels(rows, columns, size=(8, 3), **options):
    figure = Figure(figsize=size, layout="constrained")
    for i, ax in enumerate(figure.subplots(rows, columns, squeeze=False, **options).flat):
        ax.plot([0, 1, 2], [i, 1, 0])
        ax.set(xlabel="x", ylabel="y", title=f"panel {i}")
    return figure


def drawing(figure):
    return figures.read(kernel_figures.to_svg(figure))


def test_a_figure_is_the_same_text_each_time_it_is_drawn():
    first, second = (kernel_figures.bundle(panels(1, 2))["image/svg+xml"] for _ in range(2))
    assert first == second


def test_the_ground_is_transparent_and_the_size_is_jupyters():
    drawn = drawing(panels(1, 2))
    assert drawn.width == pytest.approx(800, abs=15)
    assert drawn.height == pytest.approx(300, abs=15)
    fills = {element.get("style", "") for element in drawn.root.iter() if element.get("id") == "patch_1"}
    assert "#ffffff" not in str(fills)


def test_the_smallest_text_says_how_wide_a_figure_must_be():
    figure = panels(1, 1, size=(5, 3))
    figure.axes[0].set_title("small", fontsize=7)
    drawn = drawing(figure)
    assert min(figures.font_sizes(drawn.root)) == pytest.approx(7)
    units = float(drawn.root.get("viewBox").split()[2])
    assert 7 * drawn.readable / units == pytest.approx(figures.SMALLEST)


def test_sizes_of_text_that_is_text():
    svg = '<svg viewBox="0 0 100 50" font-size="16" xmlns="http://www.w3.org/2000/svg">'
    svg += '<g font-size="8"><text x="1" y="2">a</text></g><text>b</text></svg>'
    drawn = figures.read(svg)
    assert (drawn.width, drawn.height) == (100, 50)
    assert sorted(figures.font_sizes(drawn.root)) == [8, 16]


@pytest.mark.parametrize(
    ("rows", "columns", "new"), [(1, 2, (2, 1)), (1, 3, (3, 1)), (1, 4, (2, 2)), (2, 4, (4, 2))]
)
def test_panels_are_stacked_on_a_narrow_screen(rows, columns, new):
    figure = panels(rows, columns, size=(2.2 * columns if columns > 3 else 9, 3 * rows))
    slim = kernel_figures.narrow(figure)
    places = [ax.get_subplotspec() for ax in slim.axes]
    assert places[0].get_gridspec().get_geometry() == new
    assert [ax.get_title() for ax in slim.axes] == [f"panel {i}" for i in range(rows * columns)]
    smallest = min(text.get_fontsize() for text in kernel_figures.texts(slim))
    shown = smallest / 72 * kernel_figures.PHONE / slim.get_figwidth()
    assert shown >= 9
    assert figure.get_figwidth() > slim.get_figwidth()
    assert len(figure.axes[0].get_gridspec()._row_height_ratios or [1] * rows) == rows  # as it was


def test_what_can_be_read_as_it_is_stays():
    assert kernel_figures.narrow(panels(1, 1, size=(3.5, 3))) is None
    assert kernel_figures.narrow(plots.show_images(torch.zeros(4, 1, 8, 8, dtype=torch.uint8))) is None


def test_what_cannot_be_laid_out_scrolls():
    free = Figure(figsize=(9, 3))
    free.add_axes((0.1, 0.1, 0.8, 0.8)).set_title("free")
    assert kernel_figures.narrow(free) is None
    assert drawing(free).readable > kernel_figures.PHONE


def test_shared_axes_get_their_numbers_and_names_back():
    figure = panels(1, 2, sharey=True)
    figure.axes[1].set_ylabel("")
    slim = kernel_figures.narrow(figure)
    assert slim.axes[1].get_ylabel() == "y"
    slim.draw_without_rendering()
    assert any(label.get_visible() and label.get_text() for label in slim.axes[1].get_yticklabels())


def test_a_legend_is_not_wider_than_its_figure():
    figure = panels(1, 2)
    handles = figure.axes[0].get_lines() * 3
    names = ["a rather long name", "another rather long name", "one more rather long name"]
    figure.legend(handles, names, ncols=3, loc="outside upper center")
    slim = kernel_figures.narrow(figure)
    slim.draw_without_rendering()
    assert slim.legends[0].get_window_extent().width <= slim.bbox.width
    assert [text.get_text() for text in slim.legends[0].get_texts()] == names


def test_clouds_become_pixels_and_pictures_are_named():
    figure = Figure(layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    left.scatter(*torch.randn(2, 2000).numpy(), s=2)
    middle.imshow(torch.rand(8, 8), cmap="gray")
    middle.text(3, 3, "on it")
    middle.text(30, 30, "beside it")
    right.imshow(torch.rand(8, 8), cmap="Blues")
    kernel_figures.prepare(figure)
    svg = kernel_figures.to_svg(figure)
    assert svg.count("<use") < 300
    assert re.search(r'<image[^>]*id="kept-1"', svg, flags=re.DOTALL)
    assert re.search(r'<image[^>]*id="map-1"', svg, flags=re.DOTALL)
    assert [text.get_gid() for text in middle.texts] == ["kept-2", None]
    assert figures.has_pictures(figures.read(svg).root)
    assert not figures.has_pictures(drawing(panels(1, 1)).root)


def test_the_narrow_figure_travels_in_the_wide_ones_metadata():
    svg = kernel_figures.bundle(panels(1, 2))["image/svg+xml"]
    both = figures.variants(svg)
    wide, slim = figures.read(both["wide"]), figures.read(both["narrow"])
    assert slim.width < wide.width
    assert slim.height > wide.height
    assert list(figures.variants(kernel_figures.to_svg(panels(1, 1)))) == ["wide"]


def test_a_shell_shows_figures_this_way():
    asked = {}
    formatter = SimpleNamespace(for_type_by_name=lambda *names: asked.update({names[:2]: names[2]}))
    kernel_figures.install(SimpleNamespace(display_formatter=SimpleNamespace(mimebundle_formatter=formatter)))
    assert asked == {("matplotlib.figure", "Figure"): kernel_figures.bundle}


@pytest.mark.parametrize("name", ["minimax", "hinge", "relativistic"])
def test_a_loss_is_drawn_on_both(name):
    both = figures.variants(kernel_figures.bundle(plots.plot_loss(name))["image/svg+xml"])
    assert figures.read(both["narrow"]).readable <= kernel_figures.PHONE + 4
