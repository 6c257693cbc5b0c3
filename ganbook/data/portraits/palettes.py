"""The colours of portraits, and what each choice is called."""

from __future__ import annotations

import torch

# fmt: off
SKINS = {
    "porcelain": (255, 226, 204), "light": (245, 205, 172), "sand": (229, 180, 138), "tan": (203, 145, 102),
    "brown": (164, 107, 69), "deep": (122, 76, 49), "dark": (88, 55, 38),
}
HAIR_COLORS = {
    "black": (36, 30, 32), "dark brown": (74, 48, 36), "brown": (112, 68, 40), "blond": (228, 188, 112),
    "ginger": (204, 98, 44), "grey": (158, 158, 164), "white": (236, 234, 230), "pink": (230, 112, 150),
}
EYE_COLORS = {
    "brown": (92, 56, 32), "dark": (44, 32, 30), "blue": (72, 124, 180), "green": (84, 138, 88),
    "hazel": (150, 110, 56),
}
CLOTHES_COLORS = {
    "navy": (52, 74, 130), "red": (196, 66, 62), "green": (66, 134, 96), "mustard": (232, 172, 64),
    "violet": (122, 86, 158), "charcoal": (66, 70, 82), "cream": (240, 232, 216), "teal": (52, 142, 152),
}
HAT_COLORS = {
    "red": (206, 74, 66), "blue": (70, 108, 172), "mustard": (226, 164, 58), "green": (84, 140, 100),
    "charcoal": (74, 74, 88), "straw": (232, 204, 142),
}
BACKGROUNDS = {
    "sky": (188, 218, 240), "peach": (252, 216, 190), "mint": (202, 232, 208), "rose": (244, 208, 220),
    "butter": (250, 238, 188), "lilac": (216, 208, 236), "stone": (222, 220, 214), "aqua": (182, 228, 228),
}
FRAMES = {
    "black": (40, 40, 46), "tortoise": (122, 74, 44), "gold": (196, 150, 62), "blue": (58, 88, 150),
}
METALS = {"gold": (238, 190, 74), "silver": (214, 220, 228), "coral": (236, 96, 84)}
# fmt: on


def table(palette: dict[str, tuple[int, int, int]]) -> torch.Tensor:
    """Return the colours of a palette: float32 from 0 to 1, shape (number of colours, 3)."""
    return torch.tensor(list(palette.values()), dtype=torch.float32) / 255
