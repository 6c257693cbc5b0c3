"""Devices and precision: with `processes.py` the only file that knows about them."""

from __future__ import annotations

import contextlib
import ctypes
import shutil
import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ganbook.errors import UserError
from ganbook.training.processes import Processes, choose_device

PRECISIONS = ("auto", "fp32", "bf16")


def has_bf16(device: torch.device) -> bool:
    """Say whether the hardware computes in bfloat16 natively (emulated, it is slower than float32)."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # not in every torch
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    return False


def keep_freed_memory() -> None:
    """Ask the C library to keep memory that is freed, up to 1 GiB, instead of giving it back each time.

    A step frees and takes the same large blocks over and over; each time that the system hands one out anew,
    it clears it page by page, which cost up to a third of a step. Only glibc (Linux) can be asked.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(-3, 2**25)  # M_MMAP_THRESHOLD: its largest value, 32 MiB
        mallopt(-1, 2**30)  # M_TRIM_THRESHOLD


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
        self.processes = Processes(self.device.type)
        if self.device.type == "cpu":
            keep_freed_memory()
        if self.device.type == "cuda":
            self.device = self.processes.device or self.device  # each process has a GPU of its own
            torch.backends.cudnn.benchmark = True  # shapes never change: let it find the fastest kernels
        self.bf16 = use_bf16(precision, self.device, convolutional)
        self.convolutional = convolutional

    @property
    def precision(self) -> str:
        """The precision in use: "bf16" or "fp32"."""
        return "bf16" if self.bf16 else "fp32"

    def compile(self, module: nn.Module) -> None:
        """Compile a module in place (torch.compile); the names of its weights stay.

        Raises
        ------
        UserError
            If this machine cannot: without Python's or a C++ compiler's help, for example.
        """
        if self.device.type == "cpu" and not any(
            shutil.which(name) for name in ("c++", "g++", "clang++", "cl")
        ):
            raise UserError("compile=true: on a CPU it needs a C++ compiler, and there is none; leave it off")
        module.compile()

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
        self.processes.equalise(module)
        return module

    def layout(self, batch: Tensor) -> Tensor:
        """Bring a batch into the layout of the modules."""
        if self.convolutional and batch.ndim == 4:
            return batch.contiguous(memory_format=torch.channels_last)
        return batch

    def adam(
        self, parameters: Iterable[nn.Parameter], lr: float, betas: tuple[float, float]
    ) -> torch.optim.Adam:
        """Return Adam, as one fused kernel a step, on gradients averaged over the processes."""
        optimizer = torch.optim.Adam(parameters, lr=lr, betas=betas, fused=True)
        self.processes.average_gradients(optimizer)
        return optimizer

    def rng(self, seed: int) -> torch.Generator:
        """Return a random number generator of this device, seeded."""
        return torch.Generator(self.device).manual_seed(seed)

    def random_states(self) -> dict[str, Tensor]:
        """Return the states of PyTorch's global random numbers (dropout), of all processes."""
        states = {"torch": torch.get_rng_state()}
        if self.device.type == "cuda":
            states["cuda"] = torch.cuda.get_rng_state(self.device)
        return {
            f"{name}.{rank}" if rank else name: value
            for name, state in states.items()
            for rank, value in enumerate(self.processes.gather(state))
        }

    def restore_random(self, states: dict[str, Tensor]) -> None:
        """Put back what `random_states` took; a process that is new keeps its own."""
        rank = self.processes.rank
        for name, setter in (("torch", torch.set_rng_state), ("cuda", torch.cuda.set_rng_state)):
            key = f"{name}.{rank}" if rank else name
            if key in states and name in ("torch", self.device.type):
                setter(states[key])

    def memory(self) -> float | None:
        """Return the most memory that was in use so far, in MiB: the GPU's, or the process's on a CPU."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device) / 2**20
        status = Path("/proc/self/status")
        if status.is_file():  # Linux; getrusage would count what the parent process had used before the start
            lines = status.read_text(encoding="ascii", errors="replace").splitlines()
            return next((int(line.split()[1]) / 2**10 for line in lines if line.startswith("VmHWM")), None)
        try:
            import resource
        except ImportError:  # Windows has none
            return None
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (2**20 if sys.platform == "darwin" else 2**10)

    def describe(self) -> dict[str, Any]:
        """Return what a run's record says about the hardware."""
        name = torch.cuda.get_device_name() if self.device.type == "cuda" else self.device.type
        return {
            "device": self.device.type,
            "device_name": name,
            "precision": self.precision,
            "threads": torch.get_num_threads(),
            "processes": self.processes.size,
        }
