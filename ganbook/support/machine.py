"""What this machine is, and how much of it is ours."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def is_main_process() -> bool:
    """Say whether this is process 0 of those that a launcher started, or the only one."""
    return os.environ.get("RANK", "0") == "0"


def processor() -> str:
    """Return the processor's name, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def num_cpus() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch's operations in this thread for the length of a `with` block.

    By itself torch divides many small operations among its threads, which then wait for one another thousands
    of times a second: on a machine that does other work too (two cores, four processes) drawing the glyphs
    took 96 s where one thread takes 8 s. And sums in one thread do not depend on the number of threads.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def describe() -> dict[str, Any]:
    """Return what a record says of the machine and the software: versions, processor, memory."""
    import torch

    import ganbook

    record: dict[str, Any] = {
        "ganbook": ganbook.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": platform.system(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
    }
    if hasattr(os, "sysconf"):
        record["memory_gib"] = round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    return record
