"""The factors: everything that makes a portrait, drawn by lot from known laws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ganbook.data import drawn
from ganbook.data.drawn import BLOCK, NumImages, Sequence, Start
from ganbook.data.portraits import palettes
from ganbook.errors import UserError, unknown
from ganbook.support.checks import Real, checked

NAMES: dict[str, tuple[str, ...]] = {  # what the values of a factor that is a choice are called
    "skin": tuple(palettes.SKINS),
    "hair": ("bald", "buzz", "short", "quiff", "bob", "long", "curly", "bun", "ponytail"),
    "hair_color": tuple(palettes.HAIR_COLORS),
    "eye_color": tuple(palettes.EYE_COLORS),
    "nose": ("button", "long", "wide"),
    "mouth_open": ("closed", "open"),
    "beard": ("none", "moustache", "goatee", "full"),
    "glasses": ("none", "round", "square"),
    "glasses_color": tuple(palettes.FRAMES),
    "left_earring": ("none", "stud", "hoop"),
    "right_earring": ("none", "stud", "hoop"),
    "earring_color": tuple(palettes.METALS),
    "hat": ("none", "beanie", "cap", "sun hat"),
    "hat_color": tuple(palettes.HAT_COLORS),
    "freckles": ("no", "yes"),
    "clothes": ("tee", "v-neck", "collar", "hoodie"),
    "stripes": ("no", "yes"),
    "clothes_color": tuple(palettes.CLOTHES_COLORS),
    "background": tuple(palettes.BACKGROUNDS),
    "backdrop": ("plain", "disc"),
}

SHARES: dict[
    str, tuple[float, ...]
] = {  # how often each is drawn; factors that are not here: all equally often
    "hair": (0.08, 0.10, 0.14, 0.12, 0.12, 0.16, 0.12, 0.08, 0.08),
    "hair_color": (0.20, 0.17, 0.17, 0.15, 0.11, 0.09, 0.06, 0.05),
    "eye_color": (0.34, 0.20, 0.18, 0.14, 0.14),
    "mouth_open": (0.65, 0.35),
    "beard": (0.76, 0.06, 0.07, 0.11),
    "glasses": (0.66, 0.17, 0.17),
    "earrings": (0.76, 0.14, 0.10),  # of both ears: they always match
    "hat": (0.92, 0.03, 0.03, 0.02),
    "freckles": (0.85, 0.15),
    "stripes": (0.75, 0.25),
    "backdrop": (0.7, 0.3),
}


RANGES: dict[str, tuple[float, float]] = {
    **{name: (0, len(values) - 1) for name, values in NAMES.items()},
    "age": (0.0, 1.0),
    "face_width": (0.38, 0.56),
    "face_height": (0.42, 0.66),
    "jaw": (0.0, 0.5),
    "squareness": (0.0, 0.6),
    "volume": (0.0, 2.0),
    "parting": (-1.0, 1.0),
    "eye_size": (0.04, 0.13),
    "eye_distance": (0.15, 0.27),
    "eye_height": (-0.12, 0.12),
    "openness": (0.1, 1.2),
    "gaze_x": (-1.0, 1.0),
    "gaze_y": (-1.0, 1.0),
    "brow_raise": (-0.06, 0.10),
    "brow_tilt": (-0.08, 0.08),
    "brow_width": (0.005, 0.06),
    "nose_size": (0.5, 1.6),
    "smile": (-1.0, 1.0),
    "mouth_width": (0.08, 0.24),
    "tilt": (-0.5, 0.5),
    "turn": (-1.0, 1.0),
    "shift_x": (-0.5, 0.5),
    "shift_y": (-0.5, 0.5),
    "scale": (0.5, 2.0),
    "light": (-1.0, 1.0),
    "tint": (-0.3, 0.3),
}

# Share, least and most of each part of a number that is drawn from parts with gaps, so that none is in doubt.
MOODS = ((0.15, -1.0, -0.45), (0.25, -0.12, 0.12), (0.60, 0.45, 1.0))  # a frown, neutral, a smile
AGES = ((0.22, 0.0, 0.18), (0.56, 0.35, 0.65), (0.22, 0.82, 1.0))  # a child, an adult, old


@dataclass(frozen=True)
class Factors(drawn.Factors):
    """Everything that makes N portraits. Lengths are in halves of the image; tensors lie on the CPU.

    A choice (int64) is an index into `NAMES[factor]`; left and right are as the viewer sees them.

    Examples
    --------
    The same people, with round glasses:

    >>> from ganbook.data.portraits import portraits
    >>> people = sample_factors(4, seed=0)
    >>> with_glasses = people.replace(glasses="round")
    >>> (portraits(people) != portraits(with_glasses)).any()
    tensor(True)
    """

    skin: Tensor  # a choice
    age: Tensor  # from 0 (a child) to 1 (old): size of eyes and nose, place of the face's parts, wrinkles
    face_width: Tensor  # half of it
    face_height: Tensor  # half of it
    jaw: Tensor  # by what part the chin is narrower than the temples
    squareness: Tensor  # of the face: 0 is an ellipse
    hair: Tensor  # a choice
    hair_color: Tensor  # a choice
    volume: Tensor  # of the hair, 1 is usual
    parting: Tensor  # where the hair is parted, from -1 (left) to 1 (right)
    eye_size: Tensor  # half the height of an open eye
    eye_distance: Tensor  # half the distance between the eyes' centres
    eye_height: Tensor  # how far the eyes lie below the face's centre
    openness: Tensor  # of the eyes, 1 is wide open
    gaze_x: Tensor  # where the eyes look, from -1 (left) to 1 (right)
    gaze_y: Tensor  # the same, from -1 (up) to 1 (down)
    eye_color: Tensor  # a choice
    brow_raise: Tensor  # how far the brows are raised above their usual place
    brow_tilt: Tensor  # how far the inner ends are lower than the outer: above 0 angry, below 0 worried
    brow_width: Tensor  # half their thickness
    nose: Tensor  # a choice
    nose_size: Tensor  # 1 is usual
    smile: Tensor  # from -1 (a frown) to 1 (a smile)
    mouth_open: Tensor  # a choice
    mouth_width: Tensor  # half of it
    beard: Tensor  # a choice
    glasses: Tensor  # a choice
    glasses_color: Tensor  # a choice
    left_earring: Tensor  # a choice
    right_earring: Tensor  # a choice; the same as the left one, unless it is replaced
    earring_color: Tensor  # a choice
    hat: Tensor  # a choice
    hat_color: Tensor  # a choice
    freckles: Tensor  # a choice
    clothes: Tensor  # a choice
    stripes: Tensor  # a choice
    clothes_color: Tensor  # a choice
    background: Tensor  # a choice
    backdrop: Tensor  # a choice
    tilt: Tensor  # of the head, in radians, to the right
    turn: Tensor  # of the head, from -1 (to the left) to 1 (to the right)
    shift_x: Tensor  # of the person, to the right
    shift_y: Tensor  # of the person, downwards
    scale: Tensor  # of the person, 1 is usual
    light: Tensor  # where it comes from, from -1 (left) to 1 (right)
    tint: Tensor  # (N, 5): how much lighter skin, hair, clothes, background, hat are than in their palettes

    ranges = RANGES
    choices = NAMES


SHARE = Real(least=0, most=1)
COLUMNS = (
    64  # uniform numbers a portrait; more than are used, so that a new factor leaves the others as they are
)


class _Draws:
    """The random numbers of one block of portraits: every draw takes the next column of a table."""

    def __init__(self, seed: int, block: int, shares: Mapping[str, Tensor]) -> None:
        rng = drawn.block_generator(seed, block)
        uniform = torch.rand(BLOCK, COLUMNS, generator=rng, dtype=torch.float64)
        self.columns = iter(uniform.unbind(1))
        self.shares = shares

    def flat(self, low: float, high: float) -> Tensor:
        return low + (high - low) * next(self.columns)

    def bell(self, mean: float, std: float) -> Tensor:
        """Draw from a normal law without its tails."""
        return mean + std * torch.special.ndtri(next(self.columns).clamp(0.01, 0.99))

    def choice(self, name: str) -> Tensor:
        return (next(self.columns).unsqueeze(1) >= self.shares[name].cumsum(0)[:-1]).sum(1)

    def steps(self, parts: tuple[tuple[float, float, float], ...]) -> Tensor:
        """Draw from a law that is flat in each of a few parts: (share, low, high)."""
        u, value, below = next(self.columns), torch.zeros(BLOCK, dtype=torch.float64), 0.0
        for share, low, high in parts:
            value = torch.where(u >= below, low + (high - low) * (u - below) / share, value)
            below += share
        return value


def _sample_block(seed: int, block: int, shares: Mapping[str, Tensor]) -> Factors:
    """Draw the factors of the images block * BLOCK, ..., block * BLOCK + BLOCK - 1."""
    draws = _Draws(seed, block, shares)
    flat, bell, choice = draws.flat, draws.bell, draws.choice
    age = draws.steps(AGES)
    child, old = (1 - age / 0.25).clamp(min=0), ((age - 0.7) / 0.3).clamp(min=0)
    earrings = choice("earrings")
    return Factors(
        skin=choice("skin"),
        age=age,
        face_width=bell(0.475, 0.022) + 0.01 * child,
        face_height=bell(0.57, 0.022) - 0.05 * child,
        jaw=flat(0.10, 0.32) - 0.08 * child,
        squareness=flat(0.0, 0.4),
        hair=choice("hair"),
        hair_color=choice("hair_color"),
        volume=bell(1.0, 0.15),
        parting=flat(-1.0, 1.0),
        eye_size=bell(0.092, 0.008) + 0.012 * child - 0.008 * old,
        eye_distance=bell(0.205, 0.012),
        eye_height=bell(-0.02, 0.015) + 0.05 * child,
        openness=flat(0.78, 1.0),
        gaze_x=flat(-1.0, 1.0),
        gaze_y=flat(-0.7, 0.7),
        eye_color=choice("eye_color"),
        brow_raise=bell(0.012, 0.016),
        brow_tilt=bell(-0.005, 0.014),
        brow_width=flat(0.017, 0.030),
        nose=choice("nose"),
        nose_size=bell(1.0, 0.10) - 0.20 * child + 0.10 * old,
        smile=draws.steps(MOODS),
        mouth_open=choice("mouth_open"),
        mouth_width=bell(0.165, 0.018),
        beard=choice("beard") * (age > 0.25),
        glasses=choice("glasses"),
        glasses_color=choice("glasses_color"),
        left_earring=earrings,
        right_earring=earrings,
        earring_color=choice("earring_color"),
        hat=choice("hat"),
        hat_color=choice("hat_color"),
        freckles=choice("freckles"),
        clothes=choice("clothes"),
        stripes=choice("stripes"),
        clothes_color=choice("clothes_color"),
        background=choice("background"),
        backdrop=choice("backdrop"),
        tilt=bell(0.0, 0.06),
        turn=bell(0.0, 0.35),
        shift_x=bell(0.0, 0.02),
        shift_y=bell(0.02, 0.02),
        scale=bell(1.12, 0.03),
        light=flat(-1.0, 1.0),
        tint=torch.stack([bell(0.0, 0.02) for _ in range(5)], 1),
    )


@checked
def sample_factors(
    n: NumImages, seed: Sequence, start: Start = 0, shares: Mapping[str, Mapping[str, float]] | None = None
) -> Factors:
    """Draw the factors of the portraits number start, ..., start + n - 1.

    Portrait number i is a pure function of (seed, i) and the shares; neither `n` nor `start` changes it, and
    other shares of one factor leave all other factors as they are.

    Parameters
    ----------
    n : int
        How many portraits, at least 1.
    seed : int
        Which endless sequence of portraits, at least 0.
    start : int
        Number of the first portrait, at least 0.
    shares : mapping, optional
        How often the values of a choice are drawn, {"hat": {"beanie": 0.05}}; the values that are not named
        share the rest as they do in `SHARES`. The shares of "earrings" are those of both ears.

    Returns
    -------
    Factors
        Of n portraits.

    Raises
    ------
    UserError
        If an argument is not a whole number or too small, or shares name no choice or do not add up to 1.

    Examples
    --------
    >>> rare = sample_factors(10_000, seed=0, shares={"hat": {"none": 0.95}})
    >>> round((rare.hat > 0).double().mean().item(), 2)
    0.05
    """
    table = all_shares(shares or {})
    return drawn.from_blocks(lambda block: _sample_block(seed, block, table), n, start)


def all_shares(changes: Mapping[str, Mapping[str, float]]) -> dict[str, Tensor]:
    """Return the shares of every choice: float64, adding up to 1.

    Raises
    ------
    UserError
        If a factor or a value is unknown, or the shares do not add up to 1.
    """
    names = {name: values for name, values in NAMES.items() if not name.endswith("_earring")}
    names["earrings"] = NAMES["left_earring"]
    table = {}
    for name, values in names.items():
        usual = torch.tensor(SHARES.get(name, [1.0] * len(values)), dtype=torch.float64)
        table[name] = usual / usual.sum()
    for name, wanted in changes.items():
        if name not in table:
            raise unknown("choice", name, table)
        share, named = table[name].clone(), torch.zeros(len(names[name]), dtype=torch.bool)
        for value, part in wanted.items():
            if value not in names[name]:
                raise unknown(name, value, names[name])
            SHARE.check(f"shares[{name!r}][{value!r}]", part)
            index = names[name].index(value)
            share[index], named[index] = part, True
        rest, left = float(share[~named].sum()), 1 - float(share[named].sum())
        if left < -1e-9 or (left > 1e-9 and rest == 0):
            raise UserError(
                f"shares[{name!r}]={dict(wanted)}: they add up to {1 - left:g}; they must be 1 in all"
            )
        share[~named] *= max(left, 0.0) / rest if rest else 0.0
        table[name] = share
    return table
