"""Devices and precision: the only file that knows about them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from ganbook.errors import UserError

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "fp32", "bf16")


def choose_device(name: str) -> torch.device:
    """Return the device for a name; "auto" takes CUDA, else Apple's MPS, else the CPU.

    Raises
    ------
    UserError
        If the name is unknown, or the machine has no such device.
    """
    if name not in DEVICES:
        raise UserError(f"device={name!r}: it must be one of {', '.join(DEVICES)}")
    here = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(device for device, available in here.items() if available)
    if not here[name]:
        raise UserError(f"device={name!r}: this machine has none; use auto or cpu")
    return torch.device(name)


def has_bf16(device: torch.device) -> bool:
    """Say whether the hardware computes in bfloat16 natively (emulated, it is slower than float32)."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # not in every torch
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    return False


def use_bf16(precision: str, device: torch.device, convolutional: bool) -> bool:
    """Decide whether the networks run in bfloat16.

    "auto" says yes where the hardware has it and the networks are convolutional; the matrices of a small
    fully connected pair are too small to win anything from it on a CPU. Never float16: its range is too
    small for a GAN's gradients.

    Raises
    ------
    UserError
        If the precision is unknown.
    """
    if precision not in PRECISIONS:
        raise UserError(f"precision={precision!r}: it must be one of {', '.join(PRECISIONS)}")
    if precision == "auto":
        return has_bf16(device) and (convolutional or device.type != "cpu")
    return precision == "bf16"


class Engine:
    """A device and a precision, and what follows from them.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda", "mps"}
        Where to train.
    precision : {"auto", "fp32", "bf16"}
        What the networks compute in; weights, losses and penalties stay in float32.
    convolutional : bool
        Whether the networks are convolutional (channels_last, and bf16 on a CPU, pay only there).

    Raises
    ------
    UserError
        If the device is not there, or a name is unknown.
    """

    def __init__(self, device: str, precision: str, convolutional: bool) -> None:
        self.device = choose_device(device)
        self.bf16 = use_bf16(precision, self.device, convolutional)
        self.convolutional = convolutional

    @property
    def precision(self) -> str:
        """The precision in use: "bf16" or "fp32"."""
        return "bf16" if self.bf16 else "fp32"

    def autocast(self) -> AbstractContextManager[object]:
        """Return the context in which the networks run."""
        if not self.bf16:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def prepare(self, module: nn.Module) -> nn.Module:
        """Move a module to the device; convolutions in the layout that they are fastest in."""
        module.to(self.device)
        if self.convolutional:
            module.to(memory_format=torch.channels_last)
        return module

    def layout(self, batch: Tensor) -> Tensor:
        """Bring a batch into the layout of the modules."""
        if self.convolutional and batch.ndim == 4:
            return batch.contiguous(memory_format=torch.channels_last)
        return batch

    def adam(
        self, parameters: Iterable[nn.Parameter], lr: float, betas: tuple[float, float]
    ) -> torch.optim.Adam:
        """Return Adam, as one fused kernel a step."""
        return torch.optim.Adam(parameters, lr=lr, betas=betas, fused=True)

    def rng(self, seed: int) -> torch.Generator:
        """Return a random number generator of this device, seeded."""
        return torch.Generator(self.device).manual_seed(seed)

    def describe(self) -> dict[str, Any]:
        """Return what a run's record says about the hardware."""
        name = torch.cuda.get_device_name() if self.device.type == "cuda" else self.device.type
        return {
            "device": self.device.type,
            "device_name": name,
            "precision": self.precision,
            "threads": torch.get_num_threads(),
        }
