"""Figures: grids of images, points, losses, curves of a run, scores, records."""

from ganbook.plots.curves import plot_history, plot_scores
from ganbook.plots.images import image_grid, save_grid, show_images
from ganbook.plots.losses import plot_loss
from ganbook.plots.points import save_points, show_points
from ganbook.plots.records import plot_degradation, plot_sample_sizes
from ganbook.plots.style import BLUE, GREEN, GREY, MARKERS, OKABE_ITO, VERMILLION

__all__ = [
    "BLUE",
    "GREEN",
    "GREY",
    "MARKERS",
    "OKABE_ITO",
    "VERMILLION",
    "image_grid",
    "plot_degradation",
    "plot_history",
    "plot_loss",
    "plot_sample_sizes",
    "plot_scores",
    "save_grid",
    "save_points",
    "show_images",
    "show_points",
]
