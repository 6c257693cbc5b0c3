"""The face, from the ears to the beard: shapes.

A shape is a function of the people and of the coordinates (x, y) of pixels, in halves of the image, in the
frame of the head (x = y = 0 is the middle of the face) or of the body. It returns the distance from the
part's edge, or, of a part that is drawn with a pen, the distance from the pen's line.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganbook.data.portraits.people import People
from ganbook.data.portraits.shapes import Value, arc, both, box, circle, either, ellipse, segment

MOUTH = 0.31  # how far the mouth lies below the middle of the face


# ---------------------------------------------------------------------------------------------- the head


def features(p: People, x: Tensor) -> Tensor:
    """Return x as seen from the face's middle line, which moves as the head turns."""
    return x - 0.07 * p.turn


def head(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return the face: an ellipse, narrower towards the chin, more or less square."""
    v = y / p.face_height
    below = v.clamp(0, 1)
    u = x / (p.face_width * (1 - p.jaw * below * below))
    u, v = u * u, v * v
    k = (u + v - p.squareness * u.clamp(max=1) * v.clamp(max=1) + 1e-8).sqrt()
    return (k - 1) * p.face_width


def skull(p: People, x: Tensor, y: Tensor, more: Value) -> Tensor:
    """Return the head's upper part, grown by so much: what hair and hats lie on."""
    return ellipse(x, y + 0.08, p.face_width + more, p.face_height - 0.06 + more)


def ears(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return both ears, which go the other way as the head turns."""
    x = x + 0.03 * p.turn
    return ellipse(x.abs() - p.face_width, y - 0.05, 0.075, 0.115)


def inner_ears(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return what lies in the shade within the ears."""
    x = x + 0.03 * p.turn
    return ellipse(x.abs() - p.face_width - 0.012, y - 0.05, 0.036, 0.07)


def face_shadow(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return the side of the face that is turned away from the light."""
    return -head(p, x - 0.13 * p.light, y + 0.05)


def cheeks(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return the cheeks, which are redder than the rest."""
    return ellipse(features(p, x).abs() - 0.27, y - 0.17, 0.10, 0.075)


FRECKLES = ((0.20, 0.10), (0.28, 0.13), (0.35, 0.10), (0.24, 0.19), (0.32, 0.20), (0.06, 0.06), (0.15, 0.16))


def freckles(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return spots on cheeks and nose."""
    x = features(p, x)
    side = x.abs()
    y = y + 0.02 * x.sign() * p.parting  # the two cheeks differ a little
    return either(*[circle(side - a, y - b, 0.021) for a, b in FRECKLES])


def wrinkles(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return two lines beside the mouth and two on the forehead."""
    x = features(p, x)
    folds = segment(x.abs(), y, 0.13, 0.17, 0.22, 0.30)
    return either(folds, arc(x, y + 0.26, 0.16, -0.02), arc(x, y + 0.33, 0.12, -0.02))


# ------------------------------------------------------------------------------------------------- the eyes


def eye_frame(p: People, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return x from the middle of the nearer eye, the side on which it is (-1, 1), and y from its middle."""
    x = features(p, x)
    side = torch.where(x < 0, -1.0, 1.0)
    return x - side * p.eye_distance, side, y - p.eye_height


def eyes(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return the whites of both eyes, as far as they are open."""
    u, _, v = eye_frame(p, x, y)
    return ellipse(u, v, 1.15 * p.eye_size, p.eye_size * p.openness)


def _gaze(p: People, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return x and y from the middle of the nearer pupil."""
    u, _, v = eye_frame(p, x, y)
    return u - 0.32 * p.gaze_x * p.eye_size, v - 0.2 * p.gaze_y * p.eye_size


def irises(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return the coloured rings."""
    return circle(*_gaze(p, x, y), 0.66 * p.eye_size)


def pupils(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return the dark middle of the irises."""
    return circle(*_gaze(p, x, y), 0.36 * p.eye_size)


def glints(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return a reflection in each pupil."""
    u, v = _gaze(p, x, y)
    return circle(u + 0.22 * p.eye_size, v + 0.24 * p.eye_size, 0.17 * p.eye_size)


def lids(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return the pen's line along the upper lids."""
    u, _, v = eye_frame(p, x, y)
    height = p.eye_size * p.openness
    return arc(u, v + 0.15 * height, 1.2 * p.eye_size, -0.95 * height)


def brows(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return the pen's line of the brows."""
    u, side, v = eye_frame(p, x, y)
    rise = v + p.eye_size + 0.085 + p.brow_raise
    return arc(u, rise + p.brow_tilt * side * u / 0.1, 0.12, -0.035)


# ------------------------------------------------------------------------------------------- nose and mouth


def nose(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return the pen's line under a nose; of a long one, along it too."""
    x = features(p, x) - 0.03 * p.turn
    wide = 1 + 0.5 * (p.nose == 2)
    tip = arc(x, y - 0.13, 0.055 * p.nose_size * wide, 0.032)
    ridge = segment(x - 0.01, y, 0.02, 0.0, 0.05 * p.nose_size, 0.12)
    return torch.where(p.nose == 1, either(tip, ridge), tip)


def nose_light(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return the tip of the nose."""
    x = features(p, x) - 0.03 * p.turn
    wide = 1 + 0.5 * (p.nose == 2)
    return ellipse(x, y - 0.105, 0.055 * p.nose_size * wide, 0.045)


def mouth(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return the pen's line of a closed mouth, whose ends go up as it smiles."""
    bend = 0.12 * p.smile + 0.015
    return arc(features(p, x), y - MOUTH + 0.5 * bend, p.mouth_width, bend)


def _open_mouth(p: People, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the upper and the lower edge of an open mouth, and how far x is from its middle (-1 to 1)."""
    t = (features(p, x) / (0.95 * p.mouth_width)).clamp(-1, 1)
    bow = 1 - t * t
    corner = MOUTH + 0.01 - 0.045 * p.smile
    upper = corner + (0.035 * p.smile - 0.03) * bow
    lower = corner + (0.115 + 0.05 * p.smile) * bow
    return upper, lower, t


def open_mouth(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return an open mouth, between two bows."""
    upper, lower, t = _open_mouth(p, x, y)
    slope = (1 + (0.3 * t / p.mouth_width) ** 2).sqrt()
    inside = both(upper - y, (y - lower) / slope)
    return both(inside, features(p, x).abs() - p.mouth_width)


def teeth(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return the upper teeth."""
    upper, _, _ = _open_mouth(p, x, y)
    return y - upper - 0.045


def tongue(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return the tongue, at the bottom of an open mouth."""
    below = MOUTH + 0.115 + 0.02 * p.smile
    return ellipse(features(p, x), y - below, 0.085, 0.05)


def moustache(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return two halves of a moustache."""
    side = features(p, x).abs()
    u, v = side - 0.075, y - MOUTH + 0.085 + 0.02 * p.smile
    return ellipse(u, v - 0.35 * u, 0.10, 0.036)


def goatee(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return a beard on the chin, with a moustache."""
    x = features(p, x)
    chin = ellipse(x, y - p.face_height + 0.06, 0.15, 0.13)
    return either(both(chin, MOUTH + 0.075 - y), moustache(p, x + 0.07 * p.turn, y))


def full_beard(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return the lower part of the face, a little larger than it, without the cheeks."""
    bare = box(features(p, x), y + 0.12, 0.92 * p.face_width, 0.37, 0.27)
    beard = both(head(p, x / 1.04, y / 1.04) * 1.04, -bare, 0.02 - y)
    return either(beard, moustache(p, x, y))
