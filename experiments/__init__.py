"""Experiments that chapters show: `python -m experiments.NAME` computes one again and records it as JSON."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

import torch

import ganbook


def machine() -> dict[str, Any]:
    """Return the versions and the hardware that a record was made with."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        processor = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        processor = platform.processor() or platform.machine()
    return {
        "ganbook": ganbook.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": platform.system(),
        "processor": processor,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
    }
