"""Hair: what of it is behind the head, and what lies on it. Shapes, as in face.py."""

from __future__ import annotations

import torch
from torch import Tensor

from ganbook.data.portraits.face import head, skull
from ganbook.data.portraits.people import People
from ganbook.data.portraits.shapes import arc, both, box, circle, either, ellipse

# ------------------------------------------------------------------------------- hair behind the head


def below_hat(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return where hair is seen: everywhere, or below the hat."""
    return torch.where(p.hat > 0, -0.30 - y, -1.0)


def bob_behind(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return what of a bob is behind the head."""
    width = p.face_width + 0.09 * p.volume
    return either(skull(p, x, y, 0.07), box(x, y - 0.12, width, 0.36, 0.16))


def long_behind(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return what of long hair is behind the head: down to the shoulders."""
    width = p.face_width + 0.10 * p.volume + 0.05 * y.clamp(min=0)
    return either(skull(p, x, y, 0.06), box(x, y - 0.36, width, 0.62, 0.25))


def curls_behind(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return a cloud: an ellipse whose edge goes in and out twenty times."""
    v = y + 0.20
    waves = 0.022 * torch.cos(20 * torch.atan2(v, x))
    rx, ry = p.face_width + 0.17 * p.volume, p.face_height + 0.03 + 0.10 * p.volume
    return ellipse(x, v, rx, ry) - waves


def bun_behind(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return a bun on top of the head."""
    return circle(x - 0.1 * p.parting, y + 0.73, 0.16 + 0.03 * p.volume)


def tail_behind(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return a ponytail, on the side away from the parting."""
    side = torch.where(p.parting < 0, 1.0, -1.0)
    u, v = x * side - p.face_width - 0.13, y - 0.02
    return ellipse(u + 0.35 * v * v, v, 0.10 + 0.03 * p.volume, 0.40)


# --------------------------------------------------------------------------------- hair over the face


def _beside(p: People, x: Tensor, y: Tensor, down: float) -> Tensor:
    """Return what is outside of the face, and a little of its edge, down to a height: hair at the temples."""
    return both(-head(p, x, y) - 0.03, y - down)


def buzz(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return hair that is cut very short."""
    line = -0.32 + 0.10 * (x / p.face_width) ** 2
    return both(skull(p, x, y, 0.02), either(y - line, _beside(p, x, y, -0.06)))


def short(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return hair that is combed to both sides of the parting."""
    u = x - 0.22 * p.parting
    line = -0.40 + 0.9 * u * u
    below = (y - line) / (1 + (1.8 * u) ** 2).sqrt()
    return both(skull(p, x, y, 0.05 + 0.02 * p.volume), either(below, _beside(p, x, y, 0.0)))


def quiff(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return hair that stands up, in waves."""
    lean = 0.12 * p.parting
    top = ellipse(x - lean, y + 0.50, 0.45, 0.20 + 0.07 * p.volume) - 0.02 * torch.cos(24 * (x - lean))
    line = -0.37 + 0.25 * x * x + 0.018 * torch.cos(22 * x)
    sides = both(skull(p, x, y, 0.03), either(y - line, _beside(p, x, y, 0.0)))
    return either(sides, both(top, y - line))


def fringe(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return a bob: a straight fringe and strands to the chin."""
    line = -0.24 - 0.15 * x * x
    side = p.face_width - 0.04
    strands = both(side - x.abs(), box(x, y - 0.10, p.face_width + 0.09 * p.volume, 0.36, 0.12))
    cap = both(skull(p, x, y, 0.07), y - line)
    return either(cap, strands)


def parted(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return long hair that falls from the parting along both cheeks."""
    u = (x - 0.12 * p.parting).abs()
    line = -0.45 + 0.12 * u + 1.55 * u * u
    return both(skull(p, x, y, 0.06), (y - line) / (1 + (0.12 + 3.1 * u) ** 2).sqrt())


def curls(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return the edge of curls on the forehead."""
    line = -0.33 + 0.30 * (x / p.face_width) ** 2 + 0.02 * torch.cos(30 * x)
    return both(skull(p, x, y, 0.05), either(y - line, _beside(p, x, y, 0.1)))


def combed_back(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return hair that is combed back."""
    line = -0.40 + 0.42 * (x / p.face_width) ** 2
    return both(skull(p, x, y, 0.035), either(y - line, _beside(p, x, y, -0.1)))


def sheen(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return where the light lies on the hair."""
    x = x - 0.18 * p.light
    return arc(x, y + 0.50, 0.17, -0.04)
