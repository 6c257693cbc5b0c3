"""What the caller of `load_dataset` wants, and what a source brings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from torch import Tensor

from ganbook.support.checks import AnyOf, Flag, Whole, check_fields
from ganbook.support.pixels import Channels, ImageSize

Split = Literal["train", "test"]
SplitName = Annotated[Split, AnyOf(("train", "test"), "'train' or 'test'")]
Limit = Annotated[int, Whole(1, what="a whole number of samples")]
TrueOrFalse = Annotated[bool, Flag()]


@dataclass(frozen=True)
class Request:
    """What the caller of `load_dataset` wants.

    Raises
    ------
    UserError
        If a value is out of its range: all is checked before anything is loaded or fetched.
    """

    split: SplitName
    data_dir: Path | None = None
    image_size: ImageSize | None = None
    channels: Channels | None = None
    limit: Limit | None = None
    skip_bad: TrueOrFalse = False

    def __post_init__(self) -> None:
        check_fields(self)

    def options(self) -> dict[str, int]:
        """Return the wishes that were given, for the data set's `spec`."""
        wishes = {"image_size": self.image_size, "channels": self.channels, "limit": self.limit}
        return {key: value for key, value in wishes.items() if value is not None}


@dataclass(frozen=True)
class RawImages:
    """What a source delivers, before any change of size or channels."""

    images: Tensor  # uint8, (N, C, H, W)
    labels: Tensor | None  # int64, (N,)
    class_names: tuple[str, ...]
    background: int | None  # grey level of a plain background, where there is one
    attributes: Tensor | None = None  # uint8, (N, A)
    attribute_names: tuple[str, ...] = ()
    attribute_values: tuple[tuple[str, ...], ...] = ()  # of each attribute; (): all are "no" or "yes"
