"""Images a second from our path against the usual DataLoader, on MNIST at batches of 64.

    python -m benchmarks.loader [--data-dir DIR] [--rounds 5] [--threads 1] [--out FILE.json]

Ours is what the trainer does for each batch: its indices from `BatchOrder`, the gather from uint8 in memory,
the scaling to float32 in [-1, 1]. The other is what tutorials do: `DataLoader(MNIST, batch_size=64,
shuffle=True)` with `ToTensor` and `Normalize`, without and with two worker processes. They take turns in one
process, each for as many images; the ratio is the median of the rounds' ratios, against whichever of the two
DataLoaders was faster in the round. The target is 20. One line of JSON comes out.

All have one thread of torch, unless told otherwise: where other work keeps the cores busy, two threads wait
for each other at every small operation.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import statistics
import time
from collections.abc import Iterable
from pathlib import Path

import torch
import torchvision
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision import transforms

import ganbook as gb
from ganbook.data import BatchOrder
from ganbook.data.sources.download import default_data_dir
from ganbook.support.machine import processor

BATCH = 64


def rate(batches: Iterable[Tensor], number: int) -> float:
    """Return images a second over `number` batches, the first one (workers start for it) not counted."""
    waiting = iter(batches)
    next(waiting)
    start = time.perf_counter()
    images = sum(len(batch) for batch in itertools.islice(waiting, number))
    return images / (time.perf_counter() - start)


def ours(data: gb.ImageDataset, epoch: int) -> Iterable[Tensor]:
    order = BatchOrder(len(data), BATCH, seed=epoch)
    return (data.batch(order.batch(number)) for number in range(len(data) // BATCH))


def usual(data_dir: Path, workers: int) -> Iterable[Tensor]:
    scale = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
    dataset = torchvision.datasets.MNIST(str(data_dir), train=True, transform=scale)
    loader = DataLoader(dataset, batch_size=BATCH, shuffle=True, num_workers=workers, drop_last=True)
    return (images for images, _ in loader)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loader", description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, default=default_data_dir(), help="default: $GANBOOK_DATA")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batches", type=int, default=400, help="batches a turn (default: 400)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, help="write the JSON to this file too")
    options = parser.parse_args()
    if options.data_dir is None:
        parser.error("name the folder of MNIST with --data-dir or GANBOOK_DATA")
    torch.set_num_threads(options.threads)
    data = gb.load_dataset("mnist", options.data_dir)
    # They deliver the same images, on the same scale.
    image = usual(options.data_dir, 0)
    known = {bytes(i.numpy()) for i in data.images}
    assert all(bytes(gb.data.to_uint8(i).numpy()) in known for i in next(iter(image)))

    number = options.batches
    rate(ours(data, 0), number)  # warm up
    rounds = []
    for epoch in range(options.rounds):
        rounds.append(
            {
                "ours": rate(ours(data, epoch), number),
                "dataloader_0_workers": rate(usual(options.data_dir, 0), number),
                "dataloader_2_workers": rate(usual(options.data_dir, 2), number),
            }
        )
    ratios = [r["ours"] / max(r["dataloader_0_workers"], r["dataloader_2_workers"]) for r in rounds]
    result = {
        "benchmark": "loader",
        "command": "python -m benchmarks.loader",
        "data": repr(data),
        "batch": BATCH,
        "ratio": round(statistics.median(ratios), 1),
        "ratios": [round(ratio, 1) for ratio in ratios],
        "images_per_second": {key: round(statistics.median(r[key] for r in rounds)) for key in rounds[0]},
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "platform": platform.platform(),
        "processor": processor(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
    }
    line = json.dumps(result)
    print(line)
    if options.out is not None:
        options.out.write_text(line + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
