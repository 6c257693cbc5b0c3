"""The classic fully connected GAN on MNIST, 50 epochs: `python -m experiments.mlp_mnist --data-dir DIR`.

MNIST is not part of the package, so the outcome is recorded: samples of the same latents before training and
after 1, 5, 15 and 50 epochs, each with a FID. The first of these is the score's floor, a generator that knows
nothing; the ceiling is that of the real test images. The settings are those of the recipe `mlp-mnist`.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganbook import TrainConfig, Trainer, load_dataset, models, plots, recorded
from ganbook.data import ImageDataset, to_uint8
from ganbook.metrics import classifier, frechet_distance
from ganbook.support.files import write_text
from ganbook.support.machine import describe

RECORD = Path(recorded.__file__).with_name("mlp_mnist.json")

SETTINGS: dict[str, Any] = {
    "classifier_steps": 600,
    "num": 5_000,  # generated and real images of a score
    "model": {"latent_dim": 100, "hidden": 256},
    "train": {"batch_size": 100, "seed": 0, "log_every": 50},
    "at": [0, 600, 3_000, 9_000, 30_000],  # steps; an epoch has 600
    "columns": 12,  # samples kept at each of them, of the same latents
}


def picture(samples: Tensor, columns: int) -> str:
    """Return samples, uint8 of shape (N, 1, H, W), as a grey PNG with 16 levels, in base64."""
    from PIL import Image

    grid = plots.image_grid(samples, columns, gap=1)[0] // 16 * 17
    file = io.BytesIO()
    Image.fromarray(grid.numpy()).quantize(16).save(file, format="PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def run(train: ImageDataset, test: ImageDataset, settings: dict[str, Any]) -> dict[str, Any]:
    """Return the whole record."""
    assert train.labels is not None
    assert test.labels is not None
    start = time.perf_counter()
    judge = classifier(
        train.images, train.labels, held_out=(test.images, test.labels), name="mnist-classifier",
        steps=settings["classifier_steps"],
    )  # fmt: skip
    num = settings["num"]
    real = judge(train.images[:num])
    torch.manual_seed(settings["train"]["seed"])
    G, D = models.mlp(train.shape, **settings["model"])
    trainer = Trainer(G, D, train, TrainConfig(**settings["train"]))
    scores, samples = [], []
    for step in settings["at"]:
        if step > trainer.step:
            trainer.fit(steps=step - trainer.step)
        fid = round(frechet_distance(judge(to_uint8(trainer.sample(num))), real), 2)
        scores.append({"step": step, "epoch": step * trainer.config.batch_size / len(train), "fid": fid})
        samples.append(to_uint8(trainer.sample(settings["columns"])))
        print(f"step {step}: FID {fid}, {time.perf_counter() - start:.0f} s", flush=True)
    return {
        "command": "python -m experiments.mlp_mnist",
        "arguments": "--data-dir DIR",
        "settings": settings,
        "extractor": {"name": judge.name, "dim": judge.dim, "digest": judge.digest,
                      "accuracy": judge.accuracy, "held_out": judge.held_out},
        "made_with": describe(),
        "seconds": round(time.perf_counter() - start, 1),
        "scores": scores,
        "real_fid": round(frechet_distance(judge(test.images[:num]), real), 2),
        "samples": picture(torch.cat(samples), settings["columns"]),
    }  # fmt: skip


def main() -> None:
    """Compute the record and write it."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.mlp_mnist", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--data-dir", type=Path, help="folder with MNIST (default: as for load_dataset)")
    parser.add_argument("--out", type=Path, default=RECORD, help="file of the record")
    options = parser.parse_args()
    train, test = (load_dataset("mnist", options.data_dir, split=split) for split in ("train", "test"))
    record = run(train, test, SETTINGS)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_text(options.out, json.dumps(record, indent=1) + "\n")
    print(f"{record['seconds']} s; written to {options.out}")


if __name__ == "__main__":
    main()
