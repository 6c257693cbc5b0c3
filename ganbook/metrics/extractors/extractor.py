"""What an extractor is: a network with a name and a digest, that turns images into features and logits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ganbook.errors import UserError

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
        UserError
            If the images are not uint8, there are none, or they are not of the extractor's size.
        """
        check_images(images, "images")
        if self.shape is not None and tuple(images.shape[1:]) != self.shape:
            raise UserError(
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
    """Raise a `UserError` unless `images` is a uint8 tensor (N, C, H, W) with C of 1 or 3 and N >= 1."""
    takes = "it takes a torch tensor of dtype uint8 (0..255), shape (N, C, H, W) with C of 1 or 3"
    if not isinstance(images, Tensor):
        raise UserError(f"{name}: got {type(images).__name__}; {takes}")
    if images.dtype != torch.uint8:
        hint = " (ganbook.data.to_uint8 rounds images from [-1, 1])" if images.is_floating_point() else ""
        raise UserError(f"{name}: got dtype {images.dtype}; {takes}{hint}")
    if images.ndim != 4 or images.shape[1] not in (1, 3) or images.numel() == 0:
        raise UserError(f"{name}: got shape {tuple(images.shape)}; {takes}, N >= 1")
