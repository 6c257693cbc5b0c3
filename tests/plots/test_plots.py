"""Figures: the layout of grids, and that a figure shows what it was given."""

import pytest
import torch
from PIL import Image

import ganbook as gb
from ganbook import plots
from ganbook.errors import UserError


def test_a_grid_puts_every_image_in_its_place():
    images = torch.arange(6, dtype=torch.uint8).view(6, 1, 1, 1).expand(6, 1, 2, 3).contiguous()
    grid = plots.image_grid(images, columns=4, gap=1, background=99)
    assert grid.shape == (1, 2 * 2 + 1, 4 * 3 + 3)
    for i in range(6):
        top, left = i // 4 * 3, i % 4 * 4
        assert (grid[0, top : top + 2, left : left + 3] == i).all()
    assert (grid[0, 3:, 8:] == 99).all()  # the places that are left over


@pytest.mark.parametrize("channels", [1, 3])
def test_a_saved_grid_has_the_pixels_it_was_given(tmp_path, channels):
    images = torch.randint(0, 256, (4, channels, 64, 64), dtype=torch.uint8)
    plots.save_grid(images, tmp_path / "grid.png")
    with Image.open(tmp_path / "grid.png") as picture:
        assert picture.size == (130, 130)
        pixel = picture.getpixel((66, 0))
    expected = images[1, :, 0, 0].tolist()
    assert pixel == (expected[0] if channels == 1 else tuple(expected))


def test_what_is_no_image():
    with pytest.raises(UserError, match="it takes uint8"):
        plots.image_grid(torch.zeros(2, 1, 4, 4))


def test_curves_of_a_run():
    records = [
        {"step": s, "discriminator_loss": 1.0, "generator_loss": float(s), "d_accuracy_real": 0.9,
         "d_accuracy_fake": 0.8} for s in range(1, 41)
    ]  # fmt: skip
    figure = plots.plot_history(gb.History(records), smooth=5)
    left, right = figure.axes
    smooth = {line.get_label(): line for line in left.get_lines()}["generator"]
    assert smooth.get_ydata()[0] == pytest.approx(3.0)  # the mean of 1..5, drawn at step 5
    assert smooth.get_xdata()[0] == 5
    assert right.get_ylim()[1] > 1
