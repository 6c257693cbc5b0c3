"""How fast glyphs are drawn: 60,000 images of 28x28, as `load_dataset("glyphs")` draws them.

    python -m benchmarks.glyphs [--num 60000] [--image-size 28] [--channels 1] [--threads 2] [--device cpu]

The target is 20 seconds on two cores. One line of JSON comes out. "threads" is what torch may use: drawing
keeps to one of them (ganbook/data/glyphs.py says why).
"""

from __future__ import annotations

import argparse
import json
import os
import time

import torch

from ganbook.data.glyphs import glyphs


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.glyphs", description=__doc__.splitlines()[0])
    parser.add_argument("--num", type=int, default=60_000)
    parser.add_argument("--image-size", type=int, default=28)
    parser.add_argument("--channels", type=int, default=1)
    parser.add_argument("--threads", type=int, default=None, help="default: what torch takes by itself")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    glyphs(64, 1, options.image_size, options.channels, device=options.device)  # warm up
    start = time.perf_counter()
    images, _ = glyphs(options.num, 0, options.image_size, options.channels, device=options.device)
    checksum = int(images.long().sum())  # waits for the device, too
    seconds = time.perf_counter() - start
    print(
        json.dumps(
            {
                "benchmark": "glyphs",
                "images": options.num,
                "shape": list(images.shape[1:]),
                "seconds": round(seconds, 2),
                "images_per_second": round(options.num / seconds),
                "threads": torch.get_num_threads(),
                "cores": os.cpu_count(),
                "device": str(images.device),
                "torch": torch.__version__,
                "sum": checksum,
            }
        )
    )


if __name__ == "__main__":
    main()
