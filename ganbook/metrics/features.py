"""Feature extractors: what turns images into the rows that the metrics compare.

Which extractor a score was taken with decides its value; so each has a name and a digest of its content, and
a `Score` carries both. Two kinds are here: a small classifier trained on the labelled data themselves (good
for small grey images, which Inception has never seen), and Inception v3 as FID was defined with.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import socket
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import safetensors
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from ganbook.metrics._checks import check_whole

FORMAT = 1  # of the classifier and of its cache: raise it when either changes
Progress = Callable[[int], object]  # called with the number of steps or images just done


class Extracted(NamedTuple):
    """What an extractor makes of N images."""

    features: Tensor  # float32, (N, d): activations of the layer before the last
    logits: Tensor  # float32, (N, K): of the extractor's classes

    @property
    def probabilities(self) -> Tensor:
        """p(y|x), float64, shape (N, K): for the Inception score."""
        return self.logits.double().softmax(dim=1)

    @property
    def labels(self) -> Tensor:
        """The likeliest class of each image, int64, shape (N,): for the coverage of classes."""
        return self.logits.argmax(dim=1)


@dataclass(frozen=True, eq=False)
class Extractor:
    """A network that turns uint8 images into features and logits.

    The same images in the same order give the same digits again. Another number of threads or another
    machine may add up in another order and change the last digits.
    """

    name: str
    """Part of every score's name."""
    network: nn.Module
    """Takes uint8 images (N, C, H, W), returns (features, logits)."""
    dim: int
    """Length d of a feature vector."""
    num_classes: int
    """Number K of logits."""
    digest: str
    """SHA-256 of the weights: what a score compares by."""
    shape: tuple[int, ...] | None
    """(C, H, W) of the images that it takes; None: any size, grey or colour."""
    chunk: int
    """Images at a time."""
    settings: dict[str, Any] = field(default_factory=dict)
    """How it was made."""
    accuracy: float | None = None
    """Share of held-out images that it classifies rightly, where that is known."""
    held_out: int = 0
    """Number of those images."""

    def extract(self, images: Tensor, progress: Progress | None = None) -> Extracted:
        """Return features and logits of images, computed a chunk at a time in eval mode without gradients.

        Parameters
        ----------
        images : Tensor
            uint8, shape (N, C, H, W), N >= 1.
        progress : callable, optional
            Called after each chunk with its number of images.

        Returns
        -------
        Extracted
            `(features, logits)`, float32 on the CPU.

        Raises
        ------
        ValueError
            If the images are not uint8, there are none, or they are not of the extractor's size.
        """
        check_images(images, "images")
        if self.shape is not None and tuple(images.shape[1:]) != self.shape:
            raise ValueError(
                f"images: got shape {tuple(images.shape)}; the {self.name} takes (N, C, H, W) with "
                f"(C, H, W) = {self.shape}"
            )
        device = next(self.network.parameters()).device
        self.network.eval()
        features, logits = [], []
        with torch.no_grad():
            for part in images.split(self.chunk):
                f, y = self.network(part.to(device))
                features.append(f.float().cpu())
                logits.append(y.float().cpu())
                if progress:
                    progress(len(part))
        return Extracted(torch.cat(features), torch.cat(logits))

    def __call__(self, images: Tensor) -> Tensor:
        """Return the features of uint8 images (N, C, H, W): float32, shape (N, d)."""
        return self.extract(images).features


def check_images(images: Any, name: str) -> None:
    """Raise a `ValueError` unless `images` is a uint8 tensor (N, C, H, W) with C of 1 or 3 and N >= 1."""
    takes = "it takes a torch tensor of dtype uint8 (0..255), shape (N, C, H, W) with C of 1 or 3"
    if not isinstance(images, Tensor):
        raise ValueError(f"{name}: got {type(images).__name__}; {takes}")
    if images.dtype != torch.uint8:
        hint = " (ganbook.data.to_uint8 rounds images from [-1, 1])" if images.is_floating_point() else ""
        raise ValueError(f"{name}: got dtype {images.dtype}; {takes}{hint}")
    if images.ndim != 4 or images.shape[1] not in (1, 3) or images.numel() == 0:
        raise ValueError(f"{name}: got shape {tuple(images.shape)}; {takes}, N >= 1")


# ------------------------------------------------------------------ a classifier of the data themselves


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


def train_classifier(
    images: Tensor,
    labels: Tensor,
    *,
    num_classes: int | None = None,
    dim: int = 64,
    steps: int = 600,
    batch_size: int = 128,
    seed: int = 0,
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
    ValueError
        If images or labels do not fit, or a number is out of its range.
    """
    num_classes = _check_training(images, labels, num_classes, dim, steps, batch_size, seed)
    images, labels = images.cpu(), labels.cpu()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _Classifier(images.shape[1:], num_classes, dim)
    rng = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=0.01)
    order = torch.zeros(0, dtype=torch.int64)
    with _one_thread(), torch.enable_grad():
        for step in range(steps):
            while len(order) < batch_size:
                order = torch.cat([order, torch.randperm(len(images), generator=rng)])
            batch, order = order[:batch_size], order[batch_size:]
            shift = torch.randint(-1, 2, (2,), generator=rng).tolist()
            optimizer.param_groups[0]["lr"] = 3e-3 * min(1, (step + 1) / 50) * (1 - step / steps)
            logits = network(torch.roll(images[batch], shift, dims=(2, 3)))[1]
            loss = F.cross_entropy(logits, labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if progress:
                progress(1)
    return network.eval().requires_grad_(False)


def classifier(
    images: Tensor,
    labels: Tensor,
    *,
    held_out: tuple[Tensor, Tensor] | None = None,
    name: str = "classifier",
    num_classes: int | None = None,
    dim: int = 64,
    steps: int = 600,
    batch_size: int = 128,
    seed: int = 0,
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
    ValueError
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
    num_classes = _check_training(images, labels, num_classes, dim, steps, batch_size, seed)
    settings = {"format": FORMAT, "dim": dim, "steps": steps, "batch_size": batch_size, "seed": seed,
                "num_classes": num_classes, "torch": torch.__version__}  # fmt: skip
    folder = Path(cache) if cache is not None else cache_dir()
    entry = folder / _key(images, labels, settings)
    network: nn.Module = _Classifier(images.shape[1:], num_classes, dim)
    weights = _load(entry)
    if weights is None:
        network = train_classifier(
            images, labels, num_classes=num_classes, dim=dim, steps=steps, batch_size=batch_size, seed=seed,
            progress=progress,
        )  # fmt: skip
        weights = {key: value.contiguous() for key, value in network.state_dict().items()}
        try:
            _save(entry, weights, settings)
        except OSError as error:
            warnings.warn(
                f"the classifier could not be kept in {folder} ({error.strerror or error}), so it will be "
                "trained again next time",
                stacklevel=2,
            )
    else:
        network.load_state_dict(weights)
    extractor = Extractor(
        name=name,
        network=network.eval().requires_grad_(False),
        dim=dim,
        num_classes=num_classes,
        digest=_digest(weights),
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
    base = os.environ.get("XDG_CACHE_HOME", "").strip()
    return (Path(base) if base else Path.home() / ".cache") / "ganbook" / "classifiers"


def _check_training(
    images: Tensor, labels: Tensor, num_classes: int | None, dim: int, steps: int, batch_size: int, seed: int
) -> int:
    """Check what a classifier is trained on, and return its number of classes."""
    check_images(images, "images")
    for name, value in (("dim", dim), ("steps", steps), ("batch_size", batch_size)):
        check_whole(value, name, low=1)
    check_whole(seed, "seed", low=0)
    if num_classes is not None:
        check_whole(num_classes, "num_classes", low=2)
    _check_labels(labels, len(images), num_classes, "labels")
    num_classes = num_classes or int(labels.max()) + 1
    if num_classes < 2:
        raise ValueError("labels: got one class; a classifier takes at least 2")
    return num_classes


def _check_labels(labels: Any, num: int, num_classes: int | None, name: str) -> None:
    takes = f"it takes a torch tensor of dtype int64, shape ({num},), one label an image"
    if not isinstance(labels, Tensor):
        raise ValueError(f"{name}: got {type(labels).__name__}; {takes}")
    if labels.dtype != torch.int64 or labels.shape != (num,):
        raise ValueError(f"{name}: got dtype {labels.dtype} of shape {tuple(labels.shape)}; {takes}")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or (num_classes is not None and high >= num_classes):
        top = "K - 1" if num_classes is None else num_classes - 1
        raise ValueError(f"{name}: got values from {low} to {high}; it takes 0 to {top}")


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


# ------------------------------------------------------------------------------------------- its cache


def _key(images: Tensor, labels: Tensor, settings: dict[str, Any]) -> str:
    """Return a name for what a classifier is made from: settings, images and labels."""
    content = hashlib.sha256(json.dumps([settings, list(images.shape)], sort_keys=True).encode())
    for values in (images, labels):
        content.update(values.detach().cpu().contiguous().numpy().data)
    return content.hexdigest()[:32]


def _digest(weights: dict[str, Tensor]) -> str:
    content = hashlib.sha256()
    for name in sorted(weights):
        content.update(name.encode())
        content.update(weights[name].detach().cpu().contiguous().numpy().tobytes())
    return content.hexdigest()[:16]


def _load(entry: Path) -> dict[str, Tensor] | None:
    """Return the weights of a cache entry, or None if it is missing or damaged."""
    try:
        about = json.loads((entry / "about.json").read_text(encoding="utf-8"))
        weights = load_file(entry / "weights.safetensors")
    except (OSError, ValueError, safetensors.SafetensorError):
        return None
    whole = isinstance(about, dict) and about.get("digest") == _digest(weights)
    return weights if whole else None


def _save(entry: Path, weights: dict[str, Tensor], settings: dict[str, Any]) -> None:
    """Write a cache entry under another name and rename it, so that it is whole or not there."""
    entry.parent.mkdir(parents=True, exist_ok=True)
    temporary = entry.with_name(f".{entry.name}.{secrets.token_hex(4)}.tmp")
    try:
        temporary.mkdir()
        try:
            save_file(weights, temporary / "weights.safetensors")
        except safetensors.SafetensorError as error:  # it reports a full disk so
            raise OSError(str(error)) from error
        about = {"digest": _digest(weights), "settings": settings}
        (temporary / "about.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        if entry.exists() and _load(entry) is None:  # damaged
            broken = temporary.with_suffix(".old")
            entry.rename(broken)
            shutil.rmtree(broken, ignore_errors=True)
        try:
            temporary.rename(entry)
        except OSError:
            if _load(entry) is None:  # else another process was faster, and its entry is as good
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


# ---------------------------------------------------------------------- Inception, through torch-fidelity

INCEPTION_FILE = "weights-inception-2015-12-05-6726825d.pth"
INCEPTION_URL = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{INCEPTION_FILE}"
INCEPTION_SHA256 = "6726825d"  # the first digits, as in the file's name


class _Inception(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features, logits = self.network(images.expand(-1, 3, -1, -1))
        return features, logits


def inception_v3(
    folders: Sequence[str | Path] = (), *, device: str | torch.device = "cpu", timeout: float = 10.0
) -> Extractor:
    """Return Inception v3 with the weights that FID was defined with, through torch-fidelity.

    2,048 features (pool3) and 1,008 logits (without the bias, as in the original Inception score). Grey
    images are repeated to three channels; torch-fidelity resizes to 299x299 as the original did.

    Parameters
    ----------
    folders : sequence of str or Path
        Where to look for the file of weights (`INCEPTION_FILE`), before torch's own cache; then it is
        downloaded into that cache.
    device : str or torch.device
        Where it runs.
    timeout : float
        Seconds to wait for an answer when downloading.

    Returns
    -------
    Extractor
        Named "inception".

    Raises
    ------
    ValueError
        If torch-fidelity is not installed, or the weights are damaged, or are nowhere and cannot be
        downloaded. The line says what to do.

    Notes
    -----
    Source: Szegedy, Vanhoucke, Ioffe, Shlens & Wojna, "Rethinking the Inception architecture for computer
    vision", CVPR 2016, as ported by Obukhov et al., torch-fidelity.
    """
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    except ImportError as error:
        raise ValueError(
            "inception: it needs torch-fidelity, which is not installed; pip install 'ganbook[metrics]'"
        ) from error
    path = _inception_weights([Path(folder).expanduser() for folder in folders], timeout)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if not digest.startswith(INCEPTION_SHA256):
        raise ValueError(
            f"inception: {path} is damaged (its SHA-256 begins {digest[:8]}, the original's "
            f"{INCEPTION_SHA256}); delete it so that it is fetched again"
        )
    # torch-fidelity unpickles freely; this refuses a file that holds anything but tensors.
    torch.load(path, weights_only=True, mmap=True)
    network = FeatureExtractorInceptionV3(
        "inception-v3-compat", ["2048", "logits_unbiased"], feature_extractor_weights_path=str(path)
    )
    return Extractor(
        name="inception",
        network=_Inception(network).to(device).eval(),
        dim=2048,
        num_classes=1008,
        digest=digest[:16],
        shape=None,
        chunk=50,
        settings={"file": INCEPTION_FILE, "features": "2048", "logits": "logits_unbiased"},
    )


def _inception_weights(folders: Sequence[Path], timeout: float) -> Path:
    """Find the file of weights, or download it."""
    cache = Path(torch.hub.get_dir()) / "checkpoints"
    tried = [*folders, cache]
    for folder in tried:
        if (folder / INCEPTION_FILE).is_file():
            return folder / INCEPTION_FILE
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(timeout)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(
            INCEPTION_URL, str(cache / INCEPTION_FILE), hash_prefix=INCEPTION_SHA256, progress=False
        )
    except (OSError, RuntimeError) as error:
        where = ", ".join(dict.fromkeys(_short(folder) for folder in tried))
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise ValueError(
            f"inception: its weights are not in {where}, and the download failed ({reason}). Put "
            f"{INCEPTION_FILE} there, or use the data's own classifier"
        ) from error
    finally:
        socket.setdefaulttimeout(before)
    return cache / INCEPTION_FILE


def _short(path: Path) -> str:
    """Write a path with ~ for the home folder, as it may end up on a page that others read."""
    home = str(Path.home())
    return "~" + str(path)[len(home) :] if str(path).startswith(home + os.sep) else str(path)
