"""Make the moving figure of the front page: `python tools/landing_figure.py`.

Trains the recipe `mlp-ring` and writes `book/_assets/landing.html`: the points of the generator and the
discriminator's answers at some of the steps, a slider, a button, and a page of JavaScript that draws them.
No library, no other file. It plays once when the page opens, unless the reader asked for less motion.
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

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "book" / "_assets" / "landing.html"

RECIPE, SEED = "mlp-ring", 3
STEPS = [*range(0, 100, 20), *range(100, 500, 50), *range(500, 1000, 100), *range(1000, 3001, 250)]
MILLISECONDS = 260  # between two of them, while it plays
POINTS, CELLS, HALF_WIDTH = 240, 28, 1.6  # points drawn, cells of the grid a side, plane shown: [-1.6, 1.6]^2

STYLE = """
.gan-live { max-width: 24rem; margin: 0 auto; }
.gan-live canvas { display: block; width: 100%; height: auto; aspect-ratio: 1; border-radius: .4rem;
  border: 1px solid var(--pst-color-border); }
.gan-live-controls { display: flex; align-items: center; gap: .6rem; margin-top: .4rem; }
.gan-live-controls button { min-width: 4.5rem; min-height: 2.25rem; font: inherit; color: inherit;
  background: transparent; border: 1px solid currentColor; border-radius: .3rem; cursor: pointer; }
.gan-live-controls label { display: flex; flex: 1; align-items: center; gap: .5rem; margin: 0; }
.gan-live-controls input { flex: 1; min-width: 5rem; height: 2.25rem; margin: 0; accent-color: #0072b2; }
.gan-live :focus-visible { outline: 3px solid currentColor; outline-offset: 2px; }
.gan-live p { margin: .3rem 0 0; font-size: .9rem; line-height: 1.4; font-variant-numeric: tabular-nums; }
.gan-live .key { display: inline-block; width: .7em; height: .7em; border-radius: 50%; }
.gan-live .key.real { border: 2px solid #0072b2; }
.gan-live .key.made { background: #d55e00; }
.gan-live .key.says { background: rgba(0, 114, 178, .35); border-radius: 0; }
@media print { .gan-live-controls { display: none; } }
"""

SCRIPT = """
(() => {
  const root = document.currentScript.closest(".gan-live");
  const data = JSON.parse(root.querySelector("script[type='application/json']").textContent);
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const real = bytes(data.real), points = data.points.map(bytes), answers = data.answers.map(bytes);
  const canvas = root.querySelector("canvas"), pen = canvas.getContext("2d"), size = canvas.width;
  const slider = root.querySelector("input"), play = root.querySelector("button");
  const text = root.querySelector("output"), last = data.steps.length - 1, cells = data.cells;
  const scratch = Object.assign(document.createElement("canvas"), { width: cells, height: cells });
  const x = (v) => v / 255 * size, y = (v) => size - x(v);
  let now = 0, began = null, from = 0;

  function draw(at) {  // `at` may lie between two frames: points and answers are then mixed
    const i = Math.min(Math.max(Math.floor(at), 0), last), j = Math.min(i + 1, last), t = at - i;
    const mix = (a, k) => a[i][k] * (1 - t) + a[j][k] * t;
    const ground = scratch.getContext("2d"), image = ground.createImageData(cells, cells);
    for (let k = 0; k < cells * cells; k++) {
      const column = k % cells, row = cells - 1 - Math.floor(k / cells);
      image.data.set([0, 114, 178, 0.45 * mix(answers, k)], 4 * (row * cells + column));
    }
    ground.putImageData(image, 0, 0);
    pen.clearRect(0, 0, size, size);
    pen.imageSmoothingEnabled = true;
    pen.drawImage(scratch, 0, 0, size, size);
    pen.strokeStyle = "#0072b2";
    pen.lineWidth = size / 400;
    for (let k = 0; k < real.length; k += 2) {
      pen.beginPath();
      pen.arc(x(real[k]), y(real[k + 1]), size / 30, 0, 7);
      pen.stroke();
    }
    pen.fillStyle = "#d55e00";
    for (let k = 0; k < points[i].length; k += 2) {
      pen.beginPath();
      pen.arc(x(mix(points, k)), y(mix(points, k + 1)), size / 130, 0, 7);
      pen.fill();
    }
  }
  function say(index) {
    const words = `step ${data.steps[index].toLocaleString("en")}: ${data.modes[index]} of 8 groups found`;
    slider.value = index;
    slider.setAttribute("aria-valuetext", words);
    text.textContent = words;
  }
  function show(index) {
    now = Math.min(Math.max(index, 0), last);
    draw(now);
    say(now);
  }
  function stop() {
    began = null;
    play.textContent = now === last ? "Again" : "Play";
  }
  function tick(time) {
    if (began === null) return;
    now = Math.min(from + Math.max(time - began, 0) / data.milliseconds, last);
    draw(now);
    say(Math.floor(now));
    now < last ? requestAnimationFrame(tick) : stop();
  }
  function start() {
    from = now = now >= last ? 0 : now;
    began = performance.now();
    play.textContent = "Pause";
    requestAnimationFrame(tick);
  }
  play.addEventListener("click", () => {
    if (began === null) return start();
    show(Math.round(now));
    stop();
  });
  slider.addEventListener("input", () => { show(Number(slider.value)); stop(); });
  slider.max = last;
  root.querySelector(".gan-live-controls").hidden = false;
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) { show(last); stop(); }
  else { show(0); start(); }
})();
"""

ALT = (
    "Points in the plane. Blue rings: real samples, in eight tight groups on a circle. Orange dots: what the "
    "generator makes. They begin in one heap and end in the eight groups."
)


def to_bytes(values: np.ndarray, low: float, high: float) -> str:
    """Return numbers as base64 of one byte each, 0 for `low` and 255 for `high`."""
    scaled = np.clip((values - low) / (high - low), 0, 1)
    return base64.b64encode(np.round(255 * scaled).astype(np.uint8).tobytes()).decode()


def record() -> dict[str, Any]:
    """Train, and return what is drawn at each of `STEPS`."""
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    recipe = gb.recipes.load(RECIPE)
    data = gb.load_dataset(**recipe.data)
    options = {key: value for key, value in recipe.model.items() if key != "family"}
    networks = gb.models.mlp(data.shape, **options)
    trainer = gb.Trainer(*networks, data, gb.TrainConfig(**{**recipe.train, "seed": SEED, "device": "cpu"}))
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
        "recipe": RECIPE,
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
    return "\n".join(
        (
            "<!-- Made by `python tools/landing_figure.py`; do not edit. -->",
            '<div class="gan-live" role="group" aria-label="Moving figure: a GAN learns a ring">',
            f"<style>{STYLE}</style>",
            f'<canvas width="640" height="640" role="img" aria-label="{ALT}"></canvas>',
            '<div class="gan-live-controls" hidden><button type="button">Play</button>',
            f'<label>Step <input type="range" min="0" max="{len(STEPS) - 1}" value="0" autocomplete="off">',
            "</label></div>",
            '<p><output aria-live="off"></output></p>',
            '<p><span class="key real"></span> real <span class="key made"></span> generated',
            '<span class="key says"></span> where the discriminator says "real"</p>',
            "<noscript><p>Without JavaScript this figure stays empty.</p></noscript>",
            f'<script type="application/json">{json.dumps(data)}</script>',
            f"<script>{SCRIPT}</script>",
            "</div>\n",
        )
    )


def stored() -> dict[str, Any]:
    """Return the data of the page as it lies there."""
    text = PAGE.read_text(encoding="utf-8")
    data: dict[str, Any] = json.loads(re.findall(r'application/json">(.*?)</script>', text)[0])
    return data


if __name__ == "__main__":
    import sys

    PAGE.write_text(page(stored() if "--keep" in sys.argv else record()), encoding="utf-8")
    print(f"written: {PAGE.relative_to(ROOT)}, {PAGE.stat().st_size / 1024:.0f} KiB")
