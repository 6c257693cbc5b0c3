"""Devices, precision and processes: the only file that knows about them.

Several processes (`torchrun`, `accelerate launch`, `notebook_launcher`) train as one: each takes its share of
every batch, and the gradients are averaged in one all-reduce just before an optimiser moves. The two steps
need not know. (PyTorch's DistributedDataParallel would refuse the second pass through D's BatchNorm and the
double backward of a gradient penalty.) Hugging Face's Accelerate finds out who and where the processes are.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ganbook.errors import ProcessError, UserError
from ganbook.training.convolutions import MatrixAutocast

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


def _cpu_has(instructions: str) -> bool:
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # not in every torch
    return bool(capabilities.get(instructions))


def has_bf16(device: torch.device) -> bool:
    """Say whether the hardware computes in bfloat16 natively (emulated, it is slower than float32)."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        return _cpu_has("avx512_bf16") or has_matrix_unit()
    return False


def has_matrix_unit() -> bool:
    """Say whether the CPU multiplies matrices in bfloat16 much faster than it does anything else (AMX)."""
    return _cpu_has("amx_bf16")


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


class Processes:
    """The processes that train together: one, or those that a launcher started.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda", "mps"}
        What they compute on; "cpu" keeps them off the GPUs that are there.

    Raises
    ------
    ProcessError
        In any method, if another process of the run has died or does not answer.
    """

    def __init__(self, device: str = "auto") -> None:
        self.size, self.rank = int(os.environ.get("WORLD_SIZE", "1")), 0
        self.device: torch.device | None = None  # the launcher's choice, if there is one
        if self.size > 1:
            from accelerate import PartialState

            # Without cpu=True, Accelerate takes processes on a machine that has no GPU for one each.
            cpu = choose_device(device).type != "cuda"
            with _alive():
                state = PartialState(cpu=cpu, timeout=timedelta(minutes=30))
            self.rank, self.device = state.process_index, torch.device(state.device)

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Part from the others in good order; after an error just go, so that they notice."""
        if self.size > 1 and kind is None:
            with _alive():
                torch.distributed.barrier()
                torch.distributed.destroy_process_group()

    @property
    def is_main(self) -> bool:
        """Whether this is process 0, the only one that writes and prints."""
        return self.rank == 0

    def share(self, batch: Tensor) -> Tensor:
        """Return this process's part of a whole batch: an equal slice of its first axis."""
        size = len(batch) // self.size
        return batch[self.rank * size : (self.rank + 1) * size]

    def mean(self, values: Tensor) -> Tensor:
        """Return the average of a tensor over the processes."""
        if self.size == 1:
            return values
        with _alive():
            total = values.detach().clone()
            torch.distributed.all_reduce(total)
        return total / self.size

    def any(self, flag: bool) -> bool:
        """Say whether the flag is set in any process. A meeting point: all have to call it."""
        if self.size == 1:
            return flag
        return bool(self.mean(torch.tensor(float(flag), device=self.device)) > 0)

    def from_main(self, thing: Any) -> Any:
        """Return what process 0 passed, in all of them."""
        if self.size == 1:
            return thing
        from accelerate.utils import broadcast_object_list

        with _alive():
            return broadcast_object_list([thing])[0]

    def gather(self, value: Tensor) -> list[Tensor]:
        """Return the values of all processes, in their order; they are of one shape, on the CPU."""
        if self.size == 1:
            return [value]
        from accelerate.utils import gather

        with _alive():
            return list(gather(value.unsqueeze(0).to(self.device)).cpu())

    @contextlib.contextmanager
    def main_first(self) -> Iterator[None]:
        """Let process 0 run a block alone, then the others: it downloads or decodes, they read the result."""
        if self.is_main:
            try:
                yield
            finally:
                self.any(False)
        else:
            self.any(False)
            yield

    @torch.no_grad()
    def equalise(self, module: nn.Module) -> None:
        """Give a module process 0's parameters and buffers in all processes."""
        if self.size > 1:
            with _alive():
                for tensor in [*module.parameters(), *module.buffers()]:
                    plain = tensor.detach().contiguous()
                    torch.distributed.broadcast(plain, src=0)
                    tensor.copy_(plain)

    def average_gradients(self, optimizer: torch.optim.Optimizer) -> None:
        """Make an optimiser average its gradients over the processes before each of its steps."""

        def average(optimizer: torch.optim.Optimizer, *_: Any) -> None:
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            gradients = [p.grad for p in parameters if p.grad is not None]
            flat = torch.cat([g.reshape(-1) for g in gradients])  # one message, not one a layer
            with _alive():
                torch.distributed.all_reduce(flat)
            parts = (flat / self.size).split([g.numel() for g in gradients])
            torch._foreach_copy_(gradients, [p.view_as(g) for p, g in zip(parts, gradients, strict=True)])

        if self.size > 1:
            optimizer.register_step_pre_hook(average)


@contextlib.contextmanager
def _alive() -> Iterator[None]:
    """Say in one line what a failed exchange means."""
    try:
        yield
    except (RuntimeError, ConnectionError) as error:
        # Gloo begins with the place in its source, in brackets, and ends with advice; the middle says it.
        reason = re.sub(r"^\[[^]]*\] *", "", (str(error).strip().splitlines() or [""])[0]).partition(". ")[0]
        raise ProcessError(
            f"another process of this run has died or does not answer ({reason}); look above for what it "
            "said. The checkpoints so far are kept"
        ) from error


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
        self.matrices = self.bf16 and self.device.type == "cpu" and has_matrix_unit()

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
        self.matrices = False  # the compiler has kernels of its own

    def autocast(self) -> AbstractContextManager[object]:
        """Return the context in which the networks run."""
        if not self.bf16:
            return contextlib.nullcontext()
        if self.matrices:
            return MatrixAutocast()
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
        found = {}
        for name, state in states.items():
            for rank, value in enumerate(self.processes.gather(state)):
                found[f"{name}.{rank}" if rank else name] = value
        return found

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
