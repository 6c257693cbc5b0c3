"""What we learn from: one door, `load_dataset`, to every data set of the book."""

from ganbook.data.catalogue import SOURCES, Source, find, whereabouts
from ganbook.data.datasets import Dataset, ImageDataset, PointDataset
from ganbook.data.load import load_dataset
from ganbook.data.order import BatchOrder, epoch_permutation
from ganbook.support.pixels import to_float, to_uint8

__all__ = [
    "SOURCES",
    "BatchOrder",
    "Dataset",
    "ImageDataset",
    "PointDataset",
    "Source",
    "epoch_permutation",
    "find",
    "load_dataset",
    "to_float",
    "to_uint8",
    "whereabouts",
]
