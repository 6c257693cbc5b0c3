"""Several processes that train as one.

Each takes its share of every batch, and the gradients are averaged in one all-reduce just before an optimiser
moves. The two steps need not know. (PyTorch's DistributedDataParallel would refuse the second pass through
D's BatchNorm and the double backward of a gradient penalty.) Hugging Face's Accelerate finds out who and
where the processes are: they are started by `torchrun`, `accelerate launch` or `notebook_launcher`.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, nn

from ganbook.errors import ProcessError, UserError

DEVICES = ("auto", "cpu", "cuda", "mps")


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
