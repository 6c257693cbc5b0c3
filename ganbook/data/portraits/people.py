"""People: factors, as the drawing of parts needs them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ganbook.data.portraits import palettes
from ganbook.data.portraits.factors import NAMES, Factors

PALETTES = {  # what is coloured by which palette, chosen by which factor, lightened by which column of `tint`
    "skin": (palettes.SKINS, "skin", 0),
    "hair": (palettes.HAIR_COLORS, "hair_color", 1),
    "clothes": (palettes.CLOTHES_COLORS, "clothes_color", 2),
    "background": (palettes.BACKGROUNDS, "background", 3),
    "hat": (palettes.HAT_COLORS, "hat_color", 4),
    "iris": (palettes.EYE_COLORS, "eye_color", None),
    "frame": (palettes.FRAMES, "glasses_color", None),
    "metal": (palettes.METALS, "earring_color", None),
}
SINGLE = tuple(
    name for name in Factors.names() if name != "tint"
)  # the factors that are one number a portrait


class People:
    """Each factor of N portraits as float32 of shape (N, 1, 1), which goes with pixels (N, h, w).

    Parameters
    ----------
    values : Tensor
        float32, shape (factors, N).
    colors : Tensor
        float32 from 0 to 1, shape (palettes, N, 3).
    """

    def __init__(self, values: Tensor, colors: Tensor) -> None:
        self.values, self.colors = values, colors

    @classmethod
    def of(cls, factors: Factors, device: torch.device) -> People:
        """Return the people that factors describe."""
        values = torch.stack([getattr(factors, name).float() for name in SINGLE])
        colors = []
        for palette, choice, tint in PALETTES.values():
            color = palettes.table(palette)[getattr(factors, choice)]
            if tint is not None:
                color = (color + factors.tint[:, tint : tint + 1].float()).clamp(0, 1)
            colors.append(color)
        return cls(values.to(device), torch.stack(colors).to(device))

    def __len__(self) -> int:
        return self.values.shape[1]

    def __getitem__(self, index: Tensor) -> People:
        """Return some of them."""
        return People(self.values[:, index], self.colors[:, index])

    def __getattr__(self, name: str) -> Any:
        """Return a factor: shape (N, 1, 1)."""
        if name not in SINGLE:
            raise AttributeError(name)
        return self.values[SINGLE.index(name)].view(-1, 1, 1)

    def color(self, name: str) -> Tensor:
        """Return a colour from a palette: shape (N, 3)."""
        return self.colors[list(PALETTES).index(name)]

    def has(self, name: str, *values: str) -> Tensor:
        """Say of each whether a choice has one of these values: bool, shape (N,)."""
        chosen = self.values[SINGLE.index(name)]
        result = torch.zeros_like(chosen, dtype=torch.bool)
        for value in values:
            result |= chosen == NAMES[name].index(value)
        return result
