"""What people wear: earrings, glasses, hats, clothes (in the frame of the body). Shapes, as in face.py."""

from __future__ import annotations

import torch
from torch import Tensor

from ganbook.data.portraits.face import eye_frame, features, skull
from ganbook.data.portraits.people import People
from ganbook.data.portraits.shapes import arc, both, box, circle, either, ellipse, segment


def earring(p: People, x: Tensor, y: Tensor, side: float, factor: str) -> Tensor:
    """Return the distance from one ear's stud, or from the middle line of its hoop."""
    u = (x + 0.03 * p.turn) * side - p.face_width - 0.025
    kind = getattr(p, factor)
    return torch.where(kind == 1, circle(u, y - 0.165, 0.045), circle(u, y - 0.225, 0.075).abs() - 0.022)


def left_earring(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return the left ear's earring."""
    return earring(p, x, y, -1.0, "left_earring")


def right_earring(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return the right ear's earring."""
    return earring(p, x, y, 1.0, "right_earring")


def glasses(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return the distance from the line of the frame: two rims, the bridge, the temples."""
    u, _, v = eye_frame(p, x, y - 0.01)
    half = p.eye_distance - 0.035
    rim = torch.where(p.glasses == 1, circle(u, v, half), box(u, v, half, 0.80 * half, 0.05)).abs()
    bridge = arc(features(p, x), v + 0.01, 0.035, -0.02)
    outer = p.eye_distance + half
    temple = segment(x.abs(), v, outer, -0.03, p.face_width + 0.02, -0.05)
    return either(rim, bridge, torch.where(x.abs() > outer, temple, 1.0))


# ------------------------------------------------------------------------------------------------- hats


def beanie(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return a knitted hat."""
    return both(skull(p, x, y, 0.10), y + 0.27)


def pompom(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return the ball on top of a knitted hat."""
    v = y + p.face_height + 0.19
    return circle(x, v, 0.11) - 0.012 * torch.cos(12 * torch.atan2(v, x))


def cuff(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return the rolled edge of a knitted hat."""
    return box(x, y + 0.30, p.face_width + 0.075, 0.085, 0.06)


def cap(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return a cap."""
    return both(skull(p, x, y, 0.075), y + 0.29)


def visor(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return the shade of a cap, to one side."""
    side = torch.where(p.parting < 0, -1.0, 1.0)
    u = x * side - 0.20
    return both(ellipse(u, y + 0.25 - 0.10 * u, 0.56, 0.10), y + 0.215 - 0.10 * u)


def sun_hat(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return the crown of a sun hat."""
    return both(skull(p, x, y, 0.09), y + 0.32)


def ribbon(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return the ribbon around it."""
    return both(skull(p, x, y, 0.09), y + 0.32, -0.46 - y)


def brim(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return its brim."""
    return ellipse(x, y + 0.32 - 0.12 * x * x, p.face_width + 0.36, 0.085)


# ---------------------------------------------------------------------------------------------- the body


def neck(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return the neck."""
    return box(x - 0.02 * p.turn, y - 0.66, 0.17 + 0.04 * (p.face_width - 0.47), 0.26, 0.08)


def shoulders(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return the shoulders, which are all of the body that is seen."""
    return ellipse(x, (y - 1.20).clamp(max=0), 0.80, 0.50)  # straight down from where it is widest


def stripes(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return stripes across the shoulders."""
    return both(shoulders(p, x, y), (((y - 0.70 + 0.16 * x * x) / 0.22) % 1.0 - 0.5).abs() * 0.22 - 0.055)


def crew_neck(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return the round hole of a T-shirt."""
    return ellipse(x, y - 0.70, 0.20, 0.11)


def v_neck(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return a pointed hole."""
    return both(x.abs() * 0.86 + (y - 0.97) * 0.5, -(y - 0.60))


def collar(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return both wings of a collar."""
    u = x.abs()
    inner, outer = 0.015 + 0.04 * (y - 0.7) - u, 0.8 * (u - 0.30) + 0.5 * (y - 0.72)
    return both(inner, outer, y - 0.80 - 0.45 * u, 0.62 - y)


def hood_behind(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return the inside of a hood, behind the neck."""
    return ellipse(x, y - 0.72, 0.36, 0.19)


def hood(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return a hood that lies on the shoulders."""
    return both(ellipse(x, y - 0.76, 0.42, 0.20), -ellipse(x, y - 0.68, 0.19, 0.13))


def strings(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return the pen's lines of a hood's two strings."""
    return segment(x.abs(), y, 0.11, 0.88, 0.115, 1.1)
