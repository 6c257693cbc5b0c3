"""Inception v3, with the weights that FID was defined with."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from ganbook.errors import UserError
from ganbook.metrics.extractors.extractor import Extractor
from ganbook.support.files import short_path

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
    UserError
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
        raise UserError(
            "inception: it needs torch-fidelity, which is not installed; pip install 'ganbook[metrics]'"
        ) from error
    path = _inception_weights([Path(folder).expanduser() for folder in folders], timeout)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if not digest.startswith(INCEPTION_SHA256):
        raise UserError(
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
        where = ", ".join(dict.fromkeys(short_path(folder) for folder in tried))
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise UserError(
            f"inception: its weights are not in {where}, and the download failed ({reason}). Put "
            f"{INCEPTION_FILE} there, or use the data's own classifier"
        ) from error
    finally:
        socket.setdefaulttimeout(before)
    return cache / INCEPTION_FILE
