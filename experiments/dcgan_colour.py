"""A DCGAN on small colour photographs at 32x32 pixels: `python -m experiments.dcgan_colour --photos FOLDER`.

FOLDER holds images in train/CLASS and test/CLASS, as `ganbook.data.sources.folders` reads them; the record
was made with 12,000 photographs of CIFAR-10 (10,000 to train, 2,000 to test). The record holds the losses,
scores as training goes on, and samples of the same latents at each of these moments, but nothing of the
photographs.

The run can be done in pieces (`--most 2` scores), and goes on from its checkpoint.
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

from ganbook import TrainConfig, Trainer, load_dataset, models, plots, recorded
from ganbook.data import ImageDataset, to_uint8
from ganbook.metrics import Extractor, classifier, frechet_distance
from ganbook.support.files import write_text
from ganbook.support.machine import describe

RECORD = Path(recorded.__file__).with_name("dcgan_colour.json")
PARTS = Path("runs") / "dcgan_colour"

SETTINGS: dict[str, Any] = {
    "data": {"image_size": 32, "channels": 3},
    "classifier_steps": 1500,
    "num": 2_000,  # generated images of a score, held against all of the training split
    "model": {"latent_dim": 64, "width": 32},
    "train": {"batch_size": 64, "generator_lr": 1e-3, "discriminator_lr": 5e-4, "seed": 0, "log_every": 12},
    "score_every": 468,  # steps; 3 epochs of 10,000 images
    "scores": 4,
    "rows": 8,  # samples kept at each score, of the same latents
    "colours": 64,  # of the picture of these samples, so that the record stays small
}


def load(photos: Path) -> tuple[ImageDataset, ImageDataset]:
    """Return training and test split."""
    train, test = (load_dataset(f"folder:{photos}", split=s, **SETTINGS["data"]) for s in ("train", "test"))
    assert isinstance(train, ImageDataset)
    assert isinstance(test, ImageDataset)
    return train, test


def referee(train: ImageDataset, test: ImageDataset, settings: dict[str, Any]) -> Extractor:
    """Return a classifier of the photographs as extractor of features."""
    assert train.labels is not None
    assert test.labels is not None
    return classifier(
        train.images, train.labels, held_out=(test.images, test.labels), name="photos-classifier",
        steps=settings["classifier_steps"],
    )  # fmt: skip


def begin(train: ImageDataset, settings: dict[str, Any]) -> Trainer:
    """Return a trainer at step 0."""
    torch.manual_seed(settings["train"]["seed"])
    generator, discriminator = models.dcgan(train.shape, **settings["model"])
    return Trainer(generator, discriminator, train, TrainConfig(**settings["train"]))


def picture(rows: torch.Tensor, settings: dict[str, Any]) -> str:
    """Return samples, uint8 of shape (N, 3, H, W), as a PNG in base64, with few colours."""
    from PIL import Image

    grid = plots.image_grid(rows, settings["rows"], gap=1).permute(1, 2, 0).numpy()
    file = io.BytesIO()
    Image.fromarray(grid).quantize(settings["colours"]).save(file, format="PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def write(path: Path, content: dict[str, Any]) -> None:
    """Write JSON, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(content, indent=1) + "\n")


def go_on(photos: Path, parts: Path, settings: dict[str, Any], most: int | None = None) -> dict[str, Any]:
    """Train up to `most` further scores; return what was found since the first step."""
    start = time.perf_counter()
    train, test = load(photos)
    judge = referee(train, test, settings)
    real = judge(train.images)
    file = parts / "found.json"
    if file.is_file():
        found = json.loads(file.read_text(encoding="utf-8"))
        if found["settings"] != settings:
            raise SystemExit(f"{parts}: it holds a run with other settings; name another folder (--parts)")
        trainer = Trainer.load(parts / f"step-{found['scores'][-1]['step']}", data=train)
    else:
        found = {"settings": settings, "scores": [], "samples": [], "seconds": 0.0}
        trainer = begin(train, settings)
    todo = settings["scores"] - len(found["scores"])
    for _ in range(todo if most is None else min(todo, most)):
        trainer.fit(steps=settings["score_every"])
        fake = judge(to_uint8(trainer.sample(settings["num"])))
        fid = round(frechet_distance(fake, real), 2)
        epoch = round(trainer.step * trainer.config.batch_size / len(train), 1)
        found["scores"].append({"step": trainer.step, "epoch": epoch, "fid": fid})
        found["samples"].append(to_uint8(trainer.sample(settings["rows"])).tolist())
        found["seconds"] += time.perf_counter() - start
        start = time.perf_counter()
        trainer.save(parts / f"step-{trainer.step}")
        write(file, found)
        print(f"step {trainer.step}, epoch {epoch}: FID {fid}; {found['seconds']:.0f} s", flush=True)
    keys = ("step", "discriminator_loss", "generator_loss", "d_accuracy_real", "d_accuracy_fake")
    found["history"] = {key: [round(record[key], 3) for record in trainer.records] for key in keys}
    found["extractor"] = {"name": judge.name, "dim": judge.dim, "digest": judge.digest,
                          "accuracy": judge.accuracy, "held_out": judge.held_out}  # fmt: skip
    found["real_fid"] = round(frechet_distance(judge(test.images), real), 2)
    found["images"] = {"train": len(train), "test": len(test)}
    found["made_with"] = {**describe(), "precision": trainer.engine.describe().get("precision")}
    return found


def main() -> None:
    """Go on with the run; write the record when it is done."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.dcgan_colour", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--photos", type=Path, required=True, help="folder with train/CLASS and test/CLASS")
    parser.add_argument("--out", type=Path, default=RECORD, help="file of the record")
    parser.add_argument("--parts", type=Path, default=PARTS, help="folder that keeps the unfinished run")
    parser.add_argument("--most", type=int, help="go on for so many scores now")
    options = parser.parse_args()
    settings = SETTINGS
    found = go_on(options.photos, options.parts, settings, options.most)
    missing = settings["scores"] - len(found["scores"])
    if missing:
        print(f"{missing} scores are missing; the same command goes on")
        return
    samples = torch.tensor(found.pop("samples"), dtype=torch.uint8).flatten(0, 1)
    record = {
        "command": "python -m experiments.dcgan_colour",
        "arguments": "--photos FOLDER",
        **found,
        "seconds": round(found["seconds"], 1),
        "samples": picture(samples, settings),
    }
    write(options.out, record)
    print(f"written to {options.out}")


if __name__ == "__main__":
    main()
