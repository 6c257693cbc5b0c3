"""Time and memory of the metrics against torch-fidelity and torchmetrics: `python -m benchmarks.metrics`.

One JSON line a measurement, each in a process of its own, so that the peak of memory is its own; then one
line a task that compares. All of it is also written to benchmarks/results/metrics.json. `extra_mib` is the
peak above what the process held before it touched features (Python, torch and the library, imported), so it
includes the features that the measurement itself must hold.
The seconds leave out making the features. `busy` is the share of the processors' time that others had during
the measurement (other processes, and what the hypervisor took away): high means that it was disturbed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ganbook.support.machine import describe

FID_SAMPLES, FID_WIDTH, FID_BATCH = 50_000, 2_048, 5_000
PR_SAMPLES, PR_WIDTH = 10_000, 128
RECORD = Path(__file__).parent / "results" / "metrics.json"
LIMITS = {"fid": {"seconds": 60, "extra_mib": 2048}, "precision-recall": {"extra_mib": 1024}}


def fid_batches(name: str) -> Iterator[Any]:
    """Yield float32 features in batches; like a network's, they are correlated and not negative."""
    import torch

    rng = torch.Generator().manual_seed({"real": 1, "fake": 2}[name])
    scale = torch.logspace(0, -2, FID_WIDTH)
    mix = torch.randn(64, FID_WIDTH, generator=torch.Generator().manual_seed(0)) / 8
    for _ in range(FID_SAMPLES // FID_BATCH):
        common = torch.randn(FID_BATCH, 64, generator=rng) @ mix
        own = torch.randn(FID_BATCH, FID_WIDTH, generator=rng)
        yield ((common + own) * scale).relu_() * (1.0 if name == "real" else 1.1)


def pr_sets() -> tuple[Any, Any]:
    import torch

    rng = torch.Generator().manual_seed(0)
    scale = torch.logspace(0, -1.5, PR_WIDTH)
    real, fake = (torch.randn(PR_SAMPLES, PR_WIDTH, generator=rng) * scale for _ in range(2))
    return real, fake * 0.9


class Clock:
    """Adds up the time spent inside `with`."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.seconds += time.perf_counter() - self._start


def fid_ganbook(clock: Clock) -> float:
    from ganbook.metrics import Moments, frechet_distance

    moments = {"real": Moments(), "fake": Moments()}
    for name in moments:
        for batch in fid_batches(name):
            with clock:
                moments[name].update(batch)
    with clock:
        return frechet_distance(moments["real"], moments["fake"])


def fid_torchmetrics(clock: Clock) -> float:
    import torch
    from torchmetrics.image.fid import FrechetInceptionDistance

    class Identity(torch.nn.Module):
        num_features = FID_WIDTH

        def forward(self, x: Any) -> Any:
            return x

    metric = FrechetInceptionDistance(feature=Identity())
    for name in ("real", "fake"):
        for batch in fid_batches(name):
            with clock:
                metric.update(batch, real=name == "real")
    with clock:
        return metric.compute().item()


def fid_torch_fidelity(clock: Clock) -> float:
    import torch
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

    statistics = []
    for name in ("real", "fake"):
        features = torch.cat(list(fid_batches(name)))  # it takes all features at once
        with clock:
            statistics.append(fid_features_to_statistics(features))
        del features
    with clock:
        return fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]


def pr_ganbook(clock: Clock) -> list[float]:
    from ganbook.metrics import precision_recall

    real, fake = pr_sets()
    with clock:
        return list(precision_recall(real, fake))


def pr_torch_fidelity(clock: Clock, save_cpu_ram: bool = False) -> list[float]:
    from torch_fidelity.metric_prc import prc_features_to_metric

    real, fake = pr_sets()
    options = {"prc_batch_size": 1024} if save_cpu_ram else {}  # its default batch is all 10,000
    with clock:
        result = prc_features_to_metric(fake, real, save_cpu_ram=save_cpu_ram, verbose=False, **options)
    return [result["precision"], result["recall"]]


MEASUREMENTS: dict[tuple[str, str], Callable[[Clock], Any]] = {
    ("fid", "ganbook"): fid_ganbook,
    ("fid", "torchmetrics"): fid_torchmetrics,
    ("fid", "torch-fidelity"): fid_torch_fidelity,
    ("precision-recall", "ganbook"): pr_ganbook,
    ("precision-recall", "torch-fidelity"): pr_torch_fidelity,
    ("precision-recall", "torch-fidelity in batches"): lambda clock: pr_torch_fidelity(clock, True),
}


def peak_mib() -> float:
    """Return the largest resident memory so far; ru_maxrss is in KiB on Linux, in bytes on macOS."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def cpu_times() -> dict[str, float] | None:
    """Return the processors' seconds so far: all, and those stolen by the hypervisor. None but on Linux."""
    try:
        fields = Path("/proc/stat").read_text(encoding="utf-8").splitlines()[0].split()[1:]
    except OSError:
        return None
    user, nice, system, idle, iowait, irq, softirq, steal = (int(f) / 100 for f in fields[:8])
    total = user + nice + system + idle + iowait + irq + softirq + steal
    return {"total": total, "idle": idle + iowait, "steal": steal}


def others(before: dict[str, float] | None, own: float) -> dict[str, float] | None:
    """Return the shares of the processors' time since `before` that others used, and that was stolen."""
    after = cpu_times()
    if before is None or after is None:
        return None
    total, idle, steal = (after[key] - before[key] for key in ("total", "idle", "steal"))
    return {"other_processes": round(max(0.0, total - idle - steal - own) / total, 3),
            "stolen": round(steal / total, 3)}  # fmt: skip


def measure(task: str, library: str) -> dict[str, Any]:
    import torch

    import ganbook.metrics  # noqa: F401  (imports belong to the base, not to the measurement)

    versions = {"python": platform.python_version(), "torch": torch.__version__}
    if library != "ganbook":
        import torch_fidelity
        import torch_fidelity.metric_fid
        import torch_fidelity.metric_prc
        import torchmetrics
        import torchmetrics.image.fid

        versions |= {"torch-fidelity": torch_fidelity.__version__, "torchmetrics": torchmetrics.__version__}
    torch.eye(64).double() @ torch.eye(64).double()  # the maths library allocates its buffers on first use
    base, clock = peak_mib(), Clock()
    before, own = cpu_times(), time.process_time()
    value = MEASUREMENTS[task, library](clock)
    busy = others(before, time.process_time() - own)
    return {
        "task": task,
        "library": library,
        "seconds": round(clock.seconds, 2),
        "peak_mib": round(peak_mib()),
        "extra_mib": round(peak_mib() - base),
        "value": value,
        "busy": busy,
        "threads": torch.get_num_threads(),
        "versions": versions,
    }


def compare(task: str, results: dict[str, dict[str, Any]]) -> dict[str, Any]:
    ours = results.pop("ganbook")
    line: dict[str, Any] = {"task": task, "limits": LIMITS[task]}
    line["within_limits"] = all(ours[key] <= limit for key, limit in LIMITS[task].items())
    for library, theirs in results.items():
        pairs = zip(
            *(v if isinstance(v, list) else [v] for v in (ours["value"], theirs["value"])), strict=True
        )
        line[library] = {
            "times_our_seconds": round(theirs["seconds"] / ours["seconds"], 2),
            "times_our_extra_memory": round(theirs["extra_mib"] / max(1, ours["extra_mib"]), 2),
            "relative_difference": max(abs(a - b) / abs(b) for a, b in pairs),
        }
    return line


def main() -> None:
    parser = argparse.ArgumentParser(description="Time and memory of the metrics; JSON lines on stdout.")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--task", choices=list(LIMITS), help="only this task")
    parser.add_argument("--out", type=Path, help="file of the record (default: RECORD, if all tasks run)")
    parser.add_argument("--measure", nargs=2, metavar=("TASK", "LIBRARY"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(*arguments.measure)))
        return
    threads = str(arguments.threads)
    environment = os.environ | {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
    environment["OPENBLAS_NUM_THREADS"] = threads
    lines = []
    for task in [arguments.task] if arguments.task else list(LIMITS):
        results = {}
        for library in (lib for t, lib in MEASUREMENTS if t == task):
            command = [sys.executable, "-m", "benchmarks.metrics", "--measure", task, library]
            done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
            print(done.stdout.strip(), flush=True)
            results[library] = json.loads(done.stdout.splitlines()[-1])
            lines.append(results[library])
        lines.append(compare(task, dict(results)))
        print(json.dumps(lines[-1]), flush=True)
    out = arguments.out or (None if arguments.task else RECORD)
    if out is None:
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    record = {"command": "python -m benchmarks.metrics", "threads": arguments.threads, "machine": describe(),
              "results": lines}  # fmt: skip
    out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
