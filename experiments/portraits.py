"""Faces appearing: a recipe's whole run on portraits, filmed and scored: `python -m experiments.portraits`.

The same latents are drawn again and again while the recipe `portraits-64` trains. The score is the FID in the
features of a reader of attributes, and beside it how far the shares of hair styles, glasses, hats, ... are
from those of real portraits; its floor is the untrained generator's, its ceiling that of held-out portraits.
At the end a walk through the latent space is drawn, round and back to where it began.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganbook import plots, recipes, recorded
from ganbook.data import ImageDataset, load_dataset, to_uint8
from ganbook.metrics import Reader, attribute_reader, frechet_distance
from ganbook.support.files import write_text
from ganbook.support.machine import describe
from ganbook.support.pixels import data_address
from ganbook.training import Trainer

RECORD = Path(recorded.__file__).with_name("portraits.json")

SETTINGS: dict[str, Any] = {
    "recipe": "portraits-64",
    "changes": {},
    "at": [0, 100, 250, 500, 1000, 2000, 4000, 8000, 12000],  # steps that are filmed and scored
    "num": 5_000,  # generated, and real, portraits of a score
    "faces": 24,
    "columns": 8,
    "walk": {"faces": 8, "frames": 12, "seed": 1},
    "reader_steps": 1200,
    "quality": 78,  # of the pictures, which are WebP
}


def picture(images: Tensor, columns: int, quality: int) -> str:
    """Return images, uint8 of shape (N, 3, H, W), as one small picture: a `data:` address."""
    from PIL import Image

    grid = plots.image_grid(images, columns, gap=2).permute(1, 2, 0)
    return data_address(Image.fromarray(grid.numpy()), "webp", quality=quality, method=6)


def share_error(read: Tensor, truth: Tensor, reader: Reader) -> float:
    """Return how far the shares of the attributes' values are off: total variation, mean over attributes."""
    errors = []
    for i, names in enumerate(reader.attributes.values()):
        p, q = (x[:, i].bincount(minlength=len(names)) / len(x) for x in (read, truth))
        errors.append(0.5 * (p - q).abs().sum().item())
    return sum(errors) / len(errors)


def circle(latent_dim: int, faces: int, frames: int, seed: int) -> Tensor:
    """Return latents (frames, faces, d) that go round a circle on the shell, each face its own."""
    a, b = torch.randn(2, faces, latent_dim, generator=torch.Generator().manual_seed(seed))
    angles = torch.arange(frames).view(-1, 1, 1) * (2 * math.pi / frames)
    return angles.cos() * a + angles.sin() * b


@torch.no_grad()
def draw(trainer: Trainer, z: Tensor) -> Tensor:
    """Return what the averaged generator makes of latents: uint8."""
    generator = trainer.ema.module if trainer.ema is not None else trainer.generator
    return to_uint8(
        torch.cat([generator.eval()(part.to(trainer.engine.device)) for part in z.split(500)]).cpu()
    )


def run(train: ImageDataset, test: ImageDataset, settings: dict[str, Any]) -> dict[str, Any]:
    """Return the whole record."""
    assert train.attributes is not None
    assert test.attributes is not None
    start = time.perf_counter()
    names = dict(zip(train.attribute_names, train.attribute_values, strict=True))
    reader = attribute_reader(
        train.images, train.attributes, names, held_out=(test.images, test.attributes),
        name="portraits-reader", steps=settings["reader_steps"],
    )  # fmt: skip
    num, quality = settings["num"], settings["quality"]
    real, unseen = (reader.extractor(x.images[:num]) for x in (train, test))
    truth = reader.read(test.images[:num])
    trainer = recipes.load(settings["recipe"]).replace(settings["changes"]).trainer(train, None)
    frames, scores = [], []
    for step in settings["at"]:
        if step > trainer.step:
            trainer.fit(steps=step - trainer.step, progress=False)
        samples = to_uint8(trainer.sample(num))
        fid = frechet_distance(real, reader.extractor(samples))
        error = share_error(reader.read(samples), truth, reader)
        scores.append(
            {
                "step": step,
                "seconds": round(trainer.seconds),
                "fid": round(fid, 1),
                "share_error": round(error, 4),
            }
        )
        frames.append(picture(to_uint8(trainer.sample(settings["faces"])), settings["columns"], quality))
        print(f"step {step}: FID {fid:.1f}, shares off by {error:.3f}, {trainer.seconds:.0f} s", flush=True)
    walk = settings["walk"]
    path = circle(trainer.latent_dim, walk["faces"], walk["frames"], walk["seed"])
    halves = torch.randperm(len(truth), generator=torch.Generator().manual_seed(0)).chunk(2)
    return {
        "command": "python -m experiments.portraits",
        "settings": settings,
        "train": recipes.load(settings["recipe"]).train,
        "extractor": {"name": reader.extractor.name, "dim": reader.extractor.dim,
                      "digest": reader.extractor.digest, "held_out": reader.extractor.held_out},
        "accuracy": {name: round(value, 4) for name, value in reader.accuracy.items()},
        "made_with": describe(),
        "seconds": round(time.perf_counter() - start, 1),
        "scores": scores,
        "real_fid": round(frechet_distance(real, unseen), 2),
        "real_share_error": round(share_error(truth[halves[0]], truth[halves[1]], reader), 4),
        "frames": frames,
        "walk": [picture(draw(trainer, z), walk["faces"], quality) for z in path],
    }  # fmt: skip


def main() -> None:
    """Compute the record and write it."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.portraits", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--out", type=Path, default=RECORD, help="file of the record")
    options = parser.parse_args()
    recipe = recipes.load(SETTINGS["recipe"])
    train, test = (load_dataset(**recipe.data, split=split) for split in ("train", "test"))
    assert isinstance(train, ImageDataset)
    assert isinstance(test, ImageDataset)
    record = run(train, test, SETTINGS)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_text(options.out, json.dumps(record, indent=1) + "\n")
    print(f"{record['seconds']} s; written to {options.out}")


if __name__ == "__main__":
    main()
