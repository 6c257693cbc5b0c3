"""Make the moving figure of the front page: `python tools/landing_figure.py`.

Trains a small pair on the ring and writes `book/_assets/landing.html`: the points of the generator and the
discriminator's answers at some of the steps, a slider, a button, and the script that draws them; script and
style lie beside this file. No library, no other file. It plays once when the page opens, unless the reader
asked for less motion. `--keep` takes the data that the page has already: after a change of the script, the
style or the words.
"""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch

import ganbook as gb
from ganbook.widgets.page import self_contained

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "book" / "_assets" / "landing.html"

DATA, SEED = "ring", 3
# The recipe `mlp-ring` trains longer, for better samples; here a thousand steps must show the whole way.
NETWORKS: dict[str, Any] = {"latent_dim": 2, "hidden": 128, "layers": 3}
TRAIN: dict[str, Any] = {"batch_size": 256}
STEPS = [*range(0, 100, 20), *range(100, 500, 50), *range(500, 1001, 100)]
MILLISECONDS = 260  # between two of them, while it plays
POINTS, CELLS, HALF_WIDTH = 240, 28, 1.6  # points drawn, cells of the grid a side, plane shown: [-1.6, 1.6]^2

ALT = (
    "Points in the plane. Blue rings: real samples, in eight tight groups on a circle. Orange dots: what the "
    "generator makes. They begin in one heap and end in the eight groups. The ground is blue where the "
    "discriminator says real and orange where it says generated: at first a slope, at the end orange but for "
    "the ring."
)


def to_bytes(values: np.ndarray, low: float, high: float) -> str:
    """Return numbers as bytes in base64, 0 for `low` and 255 for `high`: points there are not drawn."""
    scaled = np.clip((values - low) / (high - low), 0, 1)
    return base64.b64encode(np.round(255 * scaled).astype(np.uint8).tobytes()).decode()


def record() -> dict[str, Any]:
    """Train, and return what is drawn at each of `STEPS`."""
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    data = gb.load_dataset(DATA)
    networks = gb.models.mlp(data.shape, **NETWORKS)
    trainer = gb.Trainer(*networks, data, gb.TrainConfig(**TRAIN, seed=SEED, device="cpu"))
    ring = gb.data.points.ring()
    ticks = (torch.arange(CELLS) + 0.5) / CELLS * 2 * HALF_WIDTH - HALF_WIDTH
    grid = torch.stack(torch.meshgrid(ticks, ticks, indexing="xy"), dim=-1).reshape(-1, 2)
    points, answers, modes = [], [], []
    for step in STEPS:
        trainer.fit(steps=step - trainer.step, progress=False) if step > trainer.step else None
        points.append(to_bytes(trainer.sample(POINTS).numpy(), -HALF_WIDTH, HALF_WIDTH))
        with torch.no_grad():
            answers.append(to_bytes(torch.sigmoid(trainer.discriminator(grid)).numpy(), 0, 1))
        found = gb.metrics.mode_coverage(trainer.sample(2500), ring.modes, ring.sigma)
        modes.append(found.modes_hit)
    real = to_bytes(ring.sample(POINTS, seed=SEED)[0].numpy(), -HALF_WIDTH, HALF_WIDTH)
    return {
        "data": DATA,
        "seed": SEED,
        "steps": STEPS,
        "modes": modes,
        "real": real,
        "points": points,
        "answers": answers,
        "cells": CELLS,
        "milliseconds": MILLISECONDS,
    }


def page(data: dict[str, Any]) -> str:
    """Return the figure as HTML."""
    opening = '<div class="gan-live" role="group" aria-label="Moving figure: a GAN learns a ring">\n'
    body = "\n".join(
        (
            "",
            f'<canvas width="640" height="640" role="img" aria-label="{ALT}"></canvas>',
            '<div class="gan-live-controls" hidden><button type="button">Play</button>',
            f'<label>Step <input type="range" min="0" max="{len(STEPS) - 1}" value="0" autocomplete="off">',
            "</label></div>",
            '<p><output aria-live="off"></output></p>',
            '<p><span class="key real"></span> real, <span class="key made"></span> generated ',
            "samples; where the discriminator says ",
            '<span class="key says-real"></span> real, <span class="key says-made"></span> generated; ',
            "without colour where it cannot tell</p>",
            "<noscript><p>Without JavaScript this figure stays empty.</p></noscript>",
            "",
        )
    )
    style, script = "landing_figure.css", "landing_figure.js"
    whole = self_contained(opening, body, data, style, script, folder=Path(__file__).parent)
    return f"<!-- Made by `python tools/landing_figure.py`; do not edit. -->\n{whole}\n"


def stored() -> dict[str, Any]:
    """Return the data of the page as it lies there."""
    text = PAGE.read_text(encoding="utf-8")
    data: dict[str, Any] = json.loads(re.findall(r'application/json">(.*?)</script>', text)[0])
    kept = [i for i, step in enumerate(data["steps"]) if step in STEPS]
    for key in ("steps", "modes", "points", "answers"):
        data[key] = [data[key][i] for i in kept]
    return data


if __name__ == "__main__":
    import sys

    PAGE.write_text(page(stored() if "--keep" in sys.argv else record()), encoding="utf-8")
    print(f"written: {PAGE.relative_to(ROOT)}, {PAGE.stat().st_size / 1024:.0f} KiB")
