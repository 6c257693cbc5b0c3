"""How fast glyphs are drawn: 60,000 images of 28x28, as `load_dataset("glyphs")` draws them.

    python -m benchmarks.glyphs [--num 60000] [--image-size 28] [--channels 1] [--threads 2] [--device cpu]
                                [--out FILE.json]

The target is 20 seconds on two cores. One line of JSON comes out. "threads" is what torch may use: drawing
keeps to one of them (ganbook/data/glyphs.py says why).
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

import torch

from ganbook.data.glyphs import glyphs
from ganbook.support.machine import processor


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.glyphs", description=__doc__.splitlines()[0])
    parser.add_argument("--num", type=int, default=60_000)
    parser.add_argument("--image-size", type=int, default=28)
    parser.add_argument("--channels", type=int, default=1)
    parser.add_argument("--threads", type=int, default=None, help="default: what torch takes by itself")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, help="write the JSON to this file too")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    glyphs(64, 1, options.image_size, options.channels, device=options.device)  # warm up
    start = time.perf_counter()
    images, _ = glyphs(options.num, 0, options.image_size, options.channels, device=options.device)
    checksum = int(images.long().sum())  # waits for the device, too
    seconds = time.perf_counter() - start
    result = {
        "benchmark": "glyphs",
        "command": "python -m benchmarks.glyphs",
        "images": options.num,
        "shape": list(images.shape[1:]),
        "seconds": round(seconds, 2),
        "images_per_second": round(options.num / seconds),
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "processor": processor(),
        "device": str(images.device),
        "torch": torch.__version__,
        "sum": checksum,
    }
    line = json.dumps(result)
    print(line)
    if options.out is not None:
        options.out.write_text(line + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
