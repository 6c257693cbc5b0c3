"""The layers of a portrait, back to front: which part, in which shape and colour, and who has it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from ganbook.data.portraits import face, hair, wear
from ganbook.data.portraits.people import People
from ganbook.data.portraits.shapes import circle

PARTS = (
    "background",
    "clothes",
    "skin",
    "hair",
    "brows",
    "eyes",
    "mouth",
    "beard",
    "glasses",
    "earrings",
    "hat",
)

Shape = Callable[
    [People, Tensor, Tensor], Tensor
]  # the people and the coordinates x, y of pixels -> distance
Color = Callable[[People], Tensor]  # -> shape (N, 3)
Who = Callable[[People], Tensor]  # -> bool, shape (N,)
Box = tuple[float, float, float, float]  # left, top, right, bottom


@dataclass(frozen=True)
class Layer:
    """Something that is painted over what is there."""

    part: str  # one of PARTS: whose mask it belongs to
    shape: Shape
    color: Color
    box: Box  # outside of it there is nothing
    who: Who | None = None  # None: everybody has it
    pen: float | str | None = None  # half the pen's thickness, or the factor that is; None: a shape is filled
    clip: Shape | None = None  # a shape that it does not leave
    opacity: float = 1.0
    soft: float = 0.0  # width of an edge that fades, in halves of the image
    frame: Literal["head", "body"] = "head"


# ------------------------------------------------------------------------------------------------- colours


def mix(color: Tensor, other: tuple[float, float, float], amount: float) -> Tensor:
    """Mix a colour, shape (N, 3), with another one."""
    return color + amount * (color.new_tensor(other) - color)


def of(name: str, dark: float = 0.0, light: float = 0.0) -> Color:
    """Return a palette's colour, mixed with a warm black or with white."""
    return lambda p: mix(mix(p.color(name), (0.18, 0.08, 0.10), dark), (1.0, 1.0, 1.0), light)


def plain(*color: float) -> Color:
    """Return one colour for everybody."""
    return lambda p: p.values.new_tensor(color).expand(len(p), 3)


def lips(tone: tuple[float, float, float] = (0.0, 0.0, 0.0), amount: float = 0.0) -> Color:
    """Return a red that goes with the skin, mixed with another tone."""
    return lambda p: mix(mix(p.color("skin"), (0.74, 0.16, 0.22), 0.62), tone, amount)


def blush(p: People) -> Tensor:
    """Return the colour of cheeks."""
    return mix(p.color("skin"), (0.90, 0.25, 0.30), 0.5)


# ---------------------------------------------------------------------------------------------- who has it


def has(name: str, *values: str) -> Who:
    """Return who has one of these values of a choice."""
    return lambda p: p.has(name, *values)


def old(p: People) -> Tensor:
    """Return who has wrinkles."""
    return (p.age > 0.75).flatten()


def bare_bun(p: People) -> Tensor:
    """Return who has a bun and no hat on it."""
    return p.has("hair", "bun") & p.has("hat", "none")


def halo(p: People, x: Tensor, y: Tensor) -> Tensor:
    """Return a disc behind the person."""
    return circle(x, y - 0.05, 0.80)


WHITE, INK = plain(0.99, 0.985, 0.97), plain(0.16, 0.13, 0.14)
COMBED = has("hair", "bun", "ponytail")
SHINING = has("hair", "short", "quiff", "bob", "long", "bun", "ponytail")
OPEN, CLOSED = has("mouth_open", "open"), has("mouth_open", "closed")
FACE = (-0.75, -0.80, 0.75, 0.90)
CROWN = (-0.90, -1.00, 0.90, 0.25)
BODY = (-0.95, 0.55, 0.95, 5.00)
EYES = (-0.60, -0.40, 0.60, 0.36)
MOUTH = (-0.45, 0.08, 0.45, 0.60)
EYE_LINES, FRAMES = (-0.65, -0.50, 0.65, 0.40), (-0.80, -0.50, 0.80, 0.50)
_HAT = hair.below_hat


# fmt: off
LAYERS = (
    Layer("background", halo, of("background", light=0.45), (-0.90, -0.85, 0.90, 0.95),
          has("backdrop", "disc"), frame="body"),
    # behind the head
    Layer("hair", hair.bob_behind, of("hair", dark=0.12), (-0.95, -1.0, 0.95, 0.6), has("hair", "bob"),
          clip=_HAT),
    Layer("hair", hair.long_behind, of("hair", dark=0.12), (-1.0, -1.0, 1.0, 1.1), has("hair", "long"),
          clip=_HAT),
    Layer("hair", hair.curls_behind, of("hair", dark=0.05), (-1.1, -1.3, 1.1, 0.9), has("hair", "curly"),
          clip=_HAT),
    Layer("hair", hair.bun_behind, of("hair", dark=0.08), (-0.5, -1.1, 0.5, -0.35), bare_bun),
    Layer("hair", hair.tail_behind, of("hair", dark=0.10), (-1.0, -0.5, 1.0, 0.55), has("hair", "ponytail")),
    # the body
    Layer("clothes", wear.hood_behind, of("clothes", dark=0.40), (-0.5, 0.45, 0.5, 1.0),
          has("clothes", "hoodie"), frame="body"),
    Layer("skin", wear.neck, of("skin", dark=0.20), (-0.35, 0.3, 0.35, 1.0), frame="body"),
    Layer("clothes", wear.shoulders, of("clothes"), BODY, frame="body"),
    Layer("clothes", wear.stripes, of("clothes", light=0.45), BODY, has("stripes", "yes"), frame="body"),
    Layer("skin", wear.crew_neck, of("skin", dark=0.20), (-0.3, 0.5, 0.3, 0.9), has("clothes", "tee"),
          frame="body"),
    Layer("skin", wear.v_neck, of("skin", dark=0.20), (-0.35, 0.5, 0.35, 1.1), has("clothes", "v-neck"),
          frame="body"),
    Layer("clothes", wear.collar, of("clothes", light=0.55), (-0.6, 0.5, 0.6, 1.2),
          has("clothes", "collar"), frame="body"),
    Layer("clothes", wear.hood, of("clothes", dark=0.22), (-0.55, 0.45, 0.55, 1.1),
          has("clothes", "hoodie"), frame="body"),
    Layer("clothes", wear.strings, of("clothes", light=0.7), (-0.2, 0.75, 0.2, 1.2),
          has("clothes", "hoodie"), pen=0.016, frame="body"),
    # the face
    Layer("skin", face.ears, of("skin"), (-0.8, -0.2, 0.8, 0.3)),
    Layer("skin", face.inner_ears, of("skin", dark=0.20), (-0.8, -0.2, 0.8, 0.3)),
    Layer("skin", face.head, of("skin"), FACE),
    Layer("skin", face.face_shadow, of("skin", dark=0.20), FACE, clip=face.head, opacity=0.38, soft=0.10),
    Layer("skin", face.cheeks, blush, (-0.60, -0.05, 0.60, 0.40), clip=face.head, opacity=0.33, soft=0.10),
    Layer("skin", face.freckles, of("skin", dark=0.42), (-0.6, -0.1, 0.6, 0.35), has("freckles", "yes"),
          opacity=0.85),
    Layer("skin", face.wrinkles, of("skin", dark=0.20), (-0.4, -0.5, 0.4, 0.45), old, pen=0.010, opacity=0.8),
    Layer("beard", face.full_beard, of("hair", dark=0.08), FACE, has("beard", "full")),
    Layer("beard", face.goatee, of("hair", dark=0.08), (-0.4, 0.0, 0.4, 0.8), has("beard", "goatee")),
    Layer("beard", face.moustache, of("hair", dark=0.08), (-0.4, 0.0, 0.4, 0.5), has("beard", "moustache")),
    Layer("eyes", face.eyes, WHITE, EYES),
    Layer("eyes", face.irises, of("iris"), EYES, clip=face.eyes),
    Layer("eyes", face.pupils, INK, EYES, clip=face.eyes),
    Layer("eyes", face.glints, WHITE, EYES, clip=face.eyes),
    Layer("eyes", face.lids, of("hair", dark=0.75), EYE_LINES, pen=0.015),
    Layer("skin", face.nose_light, of("skin", dark=0.09), (-0.35, -0.05, 0.35, 0.3), opacity=0.6, soft=0.03),
    Layer("skin", face.nose, of("skin", dark=0.38), (-0.35, -0.1, 0.35, 0.35), pen=0.015),
    Layer("mouth", face.mouth, lips(), MOUTH, CLOSED, pen=0.026),
    Layer("mouth", face.open_mouth, lips((0.18, 0.08, 0.10), 0.45), MOUTH, OPEN),
    Layer("mouth", face.tongue, lips((0.96, 0.46, 0.48), 0.7), MOUTH, OPEN, clip=face.open_mouth),
    Layer("mouth", face.teeth, WHITE, MOUTH, OPEN, clip=face.open_mouth),
    Layer("brows", face.brows, of("hair", dark=0.35), (-0.7, -0.75, 0.7, 0.3), pen="brow_width"),
    # on the head
    Layer("hair", hair.buzz, of("hair"), CROWN, has("hair", "buzz"), clip=_HAT, opacity=0.88),
    Layer("hair", hair.short, of("hair"), CROWN, has("hair", "short"), clip=_HAT),
    Layer("hair", hair.quiff, of("hair"), CROWN, has("hair", "quiff"), clip=_HAT),
    Layer("hair", hair.fringe, of("hair"), (-0.95, -1.0, 0.95, 0.6), has("hair", "bob"), clip=_HAT),
    Layer("hair", hair.parted, of("hair"), (-0.9, -1.0, 0.9, 0.75), has("hair", "long"), clip=_HAT),
    Layer("hair", hair.curls, of("hair", dark=0.05), CROWN, has("hair", "curly"), clip=_HAT),
    Layer("hair", hair.combed_back, of("hair"), CROWN, COMBED, clip=_HAT),
    Layer("hair", hair.sheen, of("hair", light=0.55), (-0.5, -0.7, 0.5, -0.3), SHINING, pen=0.022,
          clip=_HAT, opacity=0.35, soft=0.03),
    Layer("glasses", wear.glasses, of("frame"), FRAMES, has("glasses", "round", "square"), pen=0.023),
    Layer("earrings", wear.left_earring, of("metal"), (-0.8, 0.0, -0.2, 0.4),
          has("left_earring", "stud", "hoop")),
    Layer("earrings", wear.right_earring, of("metal"), (0.2, 0.0, 0.8, 0.4),
          has("right_earring", "stud", "hoop")),
    Layer("hat", wear.pompom, of("hat", light=0.6), (-0.25, -1.1, 0.25, -0.4), has("hat", "beanie")),
    Layer("hat", wear.beanie, of("hat"), (-0.9, -1.0, 0.9, -0.1), has("hat", "beanie")),
    Layer("hat", wear.cuff, of("hat", light=0.25), (-0.9, -0.5, 0.9, -0.1), has("hat", "beanie")),
    Layer("hat", wear.cap, of("hat"), (-0.9, -1.0, 0.9, -0.1), has("hat", "cap")),
    Layer("hat", wear.visor, of("hat", dark=0.25), (-1.0, -0.5, 1.0, 0.0), has("hat", "cap")),
    Layer("hat", wear.sun_hat, of("hat"), (-0.9, -1.0, 0.9, -0.1), has("hat", "sun hat")),
    Layer("hat", wear.ribbon, of("hat", dark=0.45), (-0.9, -0.7, 0.9, -0.1), has("hat", "sun hat")),
    Layer("hat", wear.brim, of("hat", light=0.12), (-1.1, -0.6, 1.1, 0.0), has("hat", "sun hat")),
)
# fmt: on
