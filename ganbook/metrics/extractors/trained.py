"""A small classifier of the labelled data themselves, whose hidden layer are the features."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganbook.errors import UserError
from ganbook.metrics.extractors.extractor import Extractor, Progress, check_images
from ganbook.support.checks import AnySeed, Count, Whole, checked
from ganbook.support.files import replacing_folder, user_dir
from ganbook.support.machine import one_thread
from ganbook.support.tensors import digest, load_tensors, save_tensors

FORMAT = 1  # of the classifier and of its cache: raise it when either changes

Classes = Annotated[int, Whole(2)]


class _Classifier(nn.Module):
    """Convolutions down to 8x8 pixels or fewer, then a hidden layer (the features), then the logits."""

    def __init__(self, shape: Sequence[int], num_classes: int, dim: int) -> None:
        super().__init__()
        channels, *size = shape
        layers: list[nn.Module] = []
        width = 16
        while len(layers) < 4 or max(size) > 8:  # two convolutions at least
            stride = 2 if max(size) > 8 else 1
            layers += [nn.Conv2d(channels, width, 3, stride, 1), nn.ReLU()]
            channels, width = width, 32
            size = [(s + stride - 1) // stride for s in size]
        self.body = nn.Sequential(*layers, nn.Flatten())
        self.hidden = nn.Linear(channels * size[0] * size[1], dim)
        self.head = nn.Linear(dim, num_classes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = F.relu(self.hidden(self.body(images.float() / 127.5 - 1)))
        return features, self.head(features)


@checked
def train_classifier(
    images: Tensor,
    labels: Tensor,
    *,
    num_classes: Classes | None = None,
    dim: Count = 64,
    steps: Count = 600,
    batch_size: Count = 128,
    seed: AnySeed = 0,
    progress: Progress | None = None,
) -> nn.Module:
    """Train a small convolutional classifier on the CPU, in float32.

    Cross-entropy, AdamW with a learning rate that rises over 50 steps to 0.003 and falls to 0; each batch is
    shifted by up to one pixel. 600 batches of 128 are 15 s for 32x32 pixels on one slow core. All is computed
    in one thread, so that the weights do not depend on the number of threads: from the same arguments, the
    same torch on the same machine makes the same bits.

    Parameters
    ----------
    images : Tensor
        uint8, shape (N, C, H, W).
    labels : Tensor
        int64, 0 to K - 1, shape (N,).
    num_classes : int, optional
        K, at least 2. Default: the largest label + 1.
    dim : int
        Length of a feature vector.
    steps, batch_size : int
        Updates, and images in each.
    seed : int
        Of the weights, the order and the shifts.
    progress : callable, optional
        Called with 1 after each step.

    Returns
    -------
    nn.Module
        In eval mode; takes uint8 images, returns (features, logits).

    Raises
    ------
    UserError
        If images or labels do not fit, or a number is out of its range.
    """
    num_classes = _check_training(images, labels, num_classes)
    images, labels = images.cpu(), labels.cpu()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _Classifier(images.shape[1:], num_classes, dim)
    return fit(
        network,
        images,
        lambda logits, batch: F.cross_entropy(logits, labels[batch]),
        steps,
        batch_size,
        seed,
        progress,
    )


def fit(
    network: nn.Module,
    images: Tensor,
    loss: Callable[[Tensor, Tensor], Tensor],
    steps: int,
    batch_size: int,
    seed: int,
    progress: Progress | None,
    max_shift: int = 1,
) -> nn.Module:
    """Train as `train_classifier` says; `loss(logits, batch)` gets the numbers of the batch's images."""
    rng = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=0.01)
    order = torch.zeros(0, dtype=torch.int64)
    with one_thread(), torch.enable_grad():
        for step in range(steps):
            while len(order) < batch_size:
                order = torch.cat([order, torch.randperm(len(images), generator=rng)])
            batch, order = order[:batch_size], order[batch_size:]
            shift = torch.randint(-max_shift, max_shift + 1, (2,), generator=rng).tolist()
            optimizer.param_groups[0]["lr"] = 3e-3 * min(1, (step + 1) / 50) * (1 - step / steps)
            value = loss(network(torch.roll(images[batch], shift, dims=(2, 3)))[1], batch)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            if progress:
                progress(1)
    return network.eval().requires_grad_(False)


@checked
def classifier(
    images: Tensor,
    labels: Tensor,
    *,
    held_out: tuple[Tensor, Tensor] | None = None,
    name: str = "classifier",
    num_classes: Classes | None = None,
    dim: Count = 64,
    steps: Count = 600,
    batch_size: Count = 128,
    seed: AnySeed = 0,
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> Extractor:
    """Return a classifier of labelled images as a feature extractor; trained once, then kept in a cache.

    The cache is keyed by content: images, labels, settings and the version of torch. It holds safetensors
    and JSON; an entry is renamed into place whole, and one whose checksum fails is trained anew. Whether it
    came from the cache changes no bit.

    Parameters
    ----------
    images, labels, num_classes, dim, steps, batch_size, seed, progress
        As in `train_classifier`.
    held_out : (images, labels), optional
        Data that it is not trained on, of which `accuracy` is reported.
    name : str
        Name of the extractor: "mnist-classifier".
    cache : str or Path, optional
        Folder of the cache. Default: `cache_dir()`.

    Returns
    -------
    Extractor
        With `dim` features: the activations of the layer before the last, after the ReLU.

    Raises
    ------
    UserError
        If images or labels do not fit, or a number is out of its range.

    Examples
    --------
    >>> import ganbook as gb
    >>> train, test = (gb.load_dataset("digits", split=split) for split in ("train", "test"))
    >>> extractor = classifier(  # doctest: +SKIP
    ...     train.images, train.labels, held_out=(test.images, test.labels), name="digits-classifier"
    ... )
    >>> extractor(test.images).shape  # doctest: +SKIP
    torch.Size([360, 64])
    """
    num_classes = _check_training(images, labels, num_classes)
    settings = {"format": FORMAT, "dim": dim, "steps": steps, "batch_size": batch_size, "seed": seed,
                "num_classes": num_classes, "torch": torch.__version__}  # fmt: skip
    network = _Classifier(images.shape[1:], num_classes, dim)
    weights = trained_once(
        network, (images, labels), settings, cache,
        lambda: train_classifier(
            images, labels, num_classes=num_classes, dim=dim, steps=steps, batch_size=batch_size, seed=seed,
            progress=progress,
        ),
    )  # fmt: skip
    extractor = Extractor(
        name=name,
        network=network,
        dim=dim,
        num_classes=num_classes,
        digest=digest(weights),
        shape=tuple(images.shape[1:]),
        chunk=500,
        settings=settings,
    )
    if held_out is None:
        return extractor
    check_images(held_out[0], "held_out images")
    _check_labels(held_out[1], len(held_out[0]), num_classes, "held_out labels")
    right = extractor.extract(held_out[0]).labels == held_out[1].cpu()
    accuracy = right.double().mean().item()
    return Extractor(**{**vars(extractor), "accuracy": accuracy, "held_out": len(right)})


def cache_dir() -> Path:
    """Return the classifiers' folder: ~/.cache/ganbook/classifiers (XDG_CACHE_HOME is heeded)."""
    return user_dir() / "classifiers"


def _check_training(images: Tensor, labels: Tensor, num_classes: int | None) -> int:
    """Check what a classifier is trained on, and return its number of classes."""
    check_images(images, "images")
    _check_labels(labels, len(images), num_classes, "labels")
    num_classes = num_classes or int(labels.max()) + 1
    if num_classes < 2:
        raise UserError("labels: got one class; a classifier takes at least 2")
    return num_classes


def _check_labels(labels: Any, num: int, num_classes: int | None, name: str) -> None:
    takes = f"it takes a torch tensor of dtype int64, shape ({num},), one label an image"
    if not isinstance(labels, Tensor):
        raise UserError(f"{name}: got {type(labels).__name__}; {takes}")
    if labels.dtype != torch.int64 or labels.shape != (num,):
        raise UserError(f"{name}: got dtype {labels.dtype} of shape {tuple(labels.shape)}; {takes}")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or (num_classes is not None and high >= num_classes):
        top = "K - 1" if num_classes is None else num_classes - 1
        raise UserError(f"{name}: got values from {low} to {high}; it takes 0 to {top}")


# ------------------------------------------------------------------------------------------- its cache


def trained_once(
    network: nn.Module,
    data: Sequence[Tensor],
    settings: dict[str, Any],
    cache: str | Path | None,
    train: Callable[[], nn.Module],
) -> dict[str, Tensor]:
    """Give a network the weights that the cache holds for these data and settings, else those of `train()`.

    Returns
    -------
    dict
        The weights; the network has them, in eval mode.
    """
    folder = Path(cache) if cache is not None else cache_dir()
    entry = folder / _key(data, settings)
    weights = _load(entry)
    if weights is None:
        weights = {key: value.contiguous() for key, value in train().state_dict().items()}
        try:
            _save(entry, weights, settings)
        except OSError as error:
            warnings.warn(
                f"the classifier could not be kept in {folder} ({error.strerror or error}), so it will be "
                "trained again next time",
                stacklevel=3,
            )
    network.load_state_dict(weights)
    network.eval().requires_grad_(False)
    return weights


def _key(data: Sequence[Tensor], settings: dict[str, Any]) -> str:
    """Return a name for what a classifier is made from: settings, images and labels."""
    content = hashlib.sha256(json.dumps([settings, list(data[0].shape)], sort_keys=True).encode())
    for values in data:
        content.update(values.detach().cpu().contiguous().numpy().data)
    return content.hexdigest()[:32]


def _load(entry: Path) -> dict[str, Tensor] | None:
    """Return the weights of a cache entry, or None if it is missing or damaged."""
    try:
        about = json.loads((entry / "about.json").read_text(encoding="utf-8"))
        weights = load_tensors(entry / "weights.safetensors")
    except (OSError, ValueError):
        return None
    whole = isinstance(about, dict) and about.get("digest") == digest(weights)
    return weights if whole else None


def _save(entry: Path, weights: dict[str, Tensor], settings: dict[str, Any]) -> None:
    """Write a cache entry, whole or not at all; one that is there and whole stays."""
    entry.parent.mkdir(parents=True, exist_ok=True)
    about = {"digest": digest(weights), "settings": settings}
    with replacing_folder(entry, is_whole=lambda: _load(entry) is not None) as folder:
        save_tensors(folder / "weights.safetensors", weights)
        (folder / "about.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
