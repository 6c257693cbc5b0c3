"""The kinds of data sets there are."""

from __future__ import annotations

from collections.abc import Sequence

from ganbook.data.dataset import Dataset
from ganbook.data.images import ImageDataset
from ganbook.data.point_sets import PointDataset

__all__ = ["KINDS", "Dataset", "ImageDataset", "PointDataset", "kind_of"]

KINDS: dict[str, type[ImageDataset] | type[PointDataset]] = {
    kind.kind: kind for kind in (ImageDataset, PointDataset)
}


def kind_of(shape: Sequence[int]) -> str:
    """Return the kind of samples of a shape: what a checkpoint of version 0.1, which does not say, is of."""
    return "images" if len(shape) == 3 else "points"
