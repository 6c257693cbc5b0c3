"""A small network that reads attributes from images: who wears glasses, and of which colour the hair is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganbook.errors import UserError, unknown
from ganbook.metrics.extractors.extractor import Extractor, Progress, check_images
from ganbook.metrics.extractors.trained import FORMAT, fit, trained_once
from ganbook.support.checks import AnySeed, Count, checked
from ganbook.support.tensors import digest


@dataclass(frozen=True, eq=False)
class Reader:
    """A network that says of an image which value each of A attributes has."""

    extractor: Extractor
    """What the metrics use: its features, and the logits of the first attribute."""
    network: nn.Module
    """Takes uint8 images (N, C, H, W), returns (features, logits of all values of all attributes)."""
    attributes: dict[str, tuple[str, ...]]
    """The attributes, each with the names of its values."""
    accuracy: dict[str, float]
    """Of each attribute the share of held-out images that are read rightly; empty if none were held out."""
    floor: dict[str, float]
    """Of each attribute the share of its most frequent value: what one is right in who looks at nothing."""

    def read(self, images: Tensor, progress: Progress | None = None) -> Tensor:
        """Return the likeliest value of every attribute.

        Parameters
        ----------
        images : Tensor
            uint8, shape (N, C, H, W), of the size that it was trained on.
        progress : callable, optional
            Called after each chunk with its number of images.

        Returns
        -------
        Tensor
            int64, shape (N, A): indices into the names of the values.

        Raises
        ------
        UserError
            If the images are not of the reader's size.
        """
        # The extractor's way with images, but all of the logits.
        whole = Extractor(**{**vars(self.extractor), "network": self.network})
        return values_of(whole.extract(images, progress).logits, self.attributes)

    def column(self, name: str) -> int:
        """Return the place of an attribute among the columns of `read`.

        Raises
        ------
        UserError
            If there is no such attribute.
        """
        if name not in self.attributes:
            raise unknown("attribute", name, self.attributes)
        return list(self.attributes).index(name)


class _Network(nn.Module):
    """Convolutions, the first at full size, down to 8x8 pixels or fewer; then features; then logits."""

    def __init__(self, shape: Sequence[int], num_logits: int, dim: int) -> None:
        super().__init__()
        channels, *size = shape
        layers: list[nn.Module] = []
        for width in (16, 32, 64, *[64] * 8):
            stride = 2 if layers else 1
            kernel = 4 if stride == 2 else 3
            layers += [
                nn.Conv2d(channels, width, kernel, stride, 1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
            ]
            channels, size = width, [s // stride for s in size]
            if max(size) <= 8 and len(layers) >= 9:
                break
        self.body = nn.Sequential(*layers, nn.Flatten())
        self.hidden = nn.Linear(channels * size[0] * size[1], dim)
        self.heads = nn.Linear(dim, num_logits)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        x = (images.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)
        features = F.relu(self.hidden(self.body(x)))
        return features, self.heads(features)


class _FirstHead(nn.Module):
    """A reader's network without the logits of all attributes but the first."""

    def __init__(self, network: nn.Module, num_classes: int) -> None:
        super().__init__()
        self.network, self.num_classes = network, num_classes

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features, logits = self.network(images)
        return features, logits[:, : self.num_classes]


def values_of(logits: Tensor, attributes: dict[str, tuple[str, ...]]) -> Tensor:
    """Return the likeliest value of every attribute, int64 (N, A), from logits of all values, (N, sum)."""
    sizes = [len(values) for values in attributes.values()]
    return torch.stack([part.argmax(1) for part in logits.split(sizes, 1)], 1)


@checked
def attribute_reader(
    images: Tensor,
    values: Tensor,
    attributes: dict[str, tuple[str, ...]],
    *,
    held_out: tuple[Tensor, Tensor] | None = None,
    name: str = "reader",
    dim: Count = 128,
    steps: Count = 1200,
    batch_size: Count = 64,
    seed: AnySeed = 0,
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> Reader:
    """Return a network that reads attributes from images; trained once, then kept in a cache.

    It is trained as `train_classifier` says, on the sum of the cross-entropies of all attributes; but batches
    are not shifted: small parts, such as a smile of two pixels, are read the worse for it.

    Parameters
    ----------
    images : Tensor
        uint8, shape (N, C, H, W).
    values : Tensor
        Whole numbers, shape (N, A): of each attribute the index of its value.
    attributes : dict
        The A attributes, each with the names of its values.
    held_out : (images, values), optional
        Data that it is not trained on, of which `accuracy` is reported.
    name : str
        Name of the extractor: "portraits-reader".
    dim : int
        Length of a feature vector.
    steps, batch_size : int
        Updates, and images in each.
    seed : int
        Of the weights, the order and the shifts.
    cache : str or Path, optional
        Folder of the cache, as in `classifier`.
    progress : callable, optional
        Called with 1 after each step.

    Returns
    -------
    Reader
        What reads.

    Raises
    ------
    UserError
        If images, values or attributes do not fit, or a number is out of its range.

    Examples
    --------
    >>> import ganbook as gb
    >>> data = gb.load_dataset("portraits", image_size=32)  # doctest: +SKIP
    >>> names = dict(zip(data.attribute_names, data.attribute_values))  # doctest: +SKIP
    >>> reader = attribute_reader(data.images, data.attributes, names)  # doctest: +SKIP
    >>> reader.read(data.images[:5])[:, reader.column("glasses")].shape  # doctest: +SKIP
    torch.Size([5])
    """
    check_images(images, "images")
    targets = _check_values(values, len(images), attributes, "values")
    sizes = [len(names) for names in attributes.values()]
    settings: dict[str, Any] = {
        "format": FORMAT, "kind": "reader", "sizes": sizes, "dim": dim, "steps": steps,
        "batch_size": batch_size, "seed": seed, "torch": torch.__version__,
    }  # fmt: skip

    def loss(logits: Tensor, batch: Tensor) -> Tensor:
        parts = zip(logits.split(sizes, 1), targets[batch].unbind(1), strict=True)
        return torch.stack([F.cross_entropy(part, target) for part, target in parts]).sum()

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _Network(images.shape[1:], sum(sizes), dim).to(memory_format=torch.channels_last)
    weights = trained_once(
        network, (images, targets), settings, cache,
        lambda: fit(network, images.cpu(), loss, steps, batch_size, seed, progress, max_shift=0),
    )  # fmt: skip
    extractor = Extractor(
        name=name, network=_FirstHead(network, sizes[0]).eval(), dim=dim, num_classes=sizes[0],
        digest=digest(weights), shape=tuple(images.shape[1:]), chunk=500, settings=settings,
    )  # fmt: skip
    floor = {n: _most_frequent(column) for n, column in zip(attributes, targets.unbind(1), strict=True)}
    reader = Reader(extractor, network, dict(attributes), {}, floor)
    if held_out is None:
        return reader
    check_images(held_out[0], "held_out images")
    truth = _check_values(held_out[1], len(held_out[0]), attributes, "held_out values")
    right = (reader.read(held_out[0]) == truth).double().mean(0).tolist()
    known = {"accuracy": right[0], "held_out": len(truth)}
    return Reader(
        Extractor(**{**vars(extractor), **known}), network, dict(attributes),
        dict(zip(attributes, right, strict=True)), floor,
    )  # fmt: skip


def _most_frequent(column: Tensor) -> float:
    return column.bincount().max().item() / len(column)


def _check_values(values: Any, num: int, attributes: dict[str, Sequence[str]] | Any, name: str) -> Tensor:
    """Return the values as int64, shape (N, A)."""
    if not isinstance(attributes, dict) or not attributes:
        raise UserError("attributes: it takes a dict of names, each with the names of its values")
    takes = (
        f"it takes a tensor of whole numbers, shape ({num}, {len(attributes)}), a column for each attribute"
    )
    if not isinstance(values, Tensor) or values.is_floating_point() or values.shape != (num, len(attributes)):
        got = (
            f"{values.dtype} of shape {tuple(values.shape)}"
            if isinstance(values, Tensor)
            else type(values).__name__
        )
        raise UserError(f"{name}: got {got}; {takes}")
    targets = values.cpu().long()
    for column, (attribute, names) in zip(targets.unbind(1), attributes.items(), strict=True):
        if column.min() < 0 or column.max() >= len(names):
            raise UserError(
                f"{name}: got values from {int(column.min())} to {int(column.max())} of the attribute "
                f"{attribute!r}; it takes 0 to {len(names) - 1}"
            )
    return targets
