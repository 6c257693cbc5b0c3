"""Faces appearing: a recipe's whole run on portraits, filmed and scored: `python -m experiments.portraits`.

The same latents are drawn again and again while the recipe `portraits-64` trains. The score is the FID in the
features of a reader of attributes, and beside it how far the shares of hair styles, glasses, hats, ... are
from those of real portraits; its floor is the untrained generator's, its ceiling that of held-out portraits.
At the end a walk through the latent space is drawn, round and back to where it began.

`python -m experiments.portraits --other r3gan` trains other networks for as long as the recipe takes on the
same machine, scores them in the same way, and adds that to the record.
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

# Residual networks without normalisation, the relativistic loss, R1 and R2 (after R3GAN). One step takes
# eight or nine times as long as the recipe's on one thread (`step_seconds`), so there are as many fewer.
OTHERS: dict[str, Any] = {
    "r3gan": {
        "changes": {
            "model.family": "r3gan", "model.width": 16, "loss": "relativistic", "r1": 0.5, "r2": 0.5,
            "generator_lr": 2e-3, "discriminator_lr": 2e-3, "betas": [0.0, 0.9], "ema_decay": 0.99,
            "decay_steps": 1400, "steps": 1400,
        },
        "at": [0, 100, 250, 500, 1000, 1400],
    }
}  # fmt: skip


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


class Judge:
    """Scores generators by a reader of attributes, against the same real portraits each time."""

    def __init__(self, train: ImageDataset, test: ImageDataset, settings: dict[str, Any]) -> None:
        assert train.attributes is not None
        assert test.attributes is not None
        names = dict(zip(train.attribute_names, train.attribute_values, strict=True))
        self.reader = attribute_reader(
            train.images, train.attributes, names, held_out=(test.images, test.attributes),
            name="portraits-reader", steps=settings["reader_steps"],
        )  # fmt: skip
        self.num = settings["num"]
        self.real, self.unseen = (self.reader.extractor(x.images[: self.num]) for x in (train, test))
        self.truth = self.reader.read(test.images[: self.num])

    def score(self, trainer: Trainer) -> dict[str, Any]:
        """Return the FID of a trainer's samples, and how far the shares of their attributes are off."""
        samples = to_uint8(trainer.sample(self.num))
        fid = frechet_distance(self.real, self.reader.extractor(samples))
        error = share_error(self.reader.read(samples), self.truth, self.reader)
        print(
            f"step {trainer.step}: FID {fid:.1f}, shares off by {error:.3f}, {trainer.seconds:.0f} s",
            flush=True,
        )
        return {
            "step": trainer.step, "seconds": round(trainer.seconds), "fid": round(fid, 1),
            "share_error": round(error, 4),
        }  # fmt: skip

    def described(self) -> dict[str, Any]:
        """Return what the reader is, for the record."""
        extractor = self.reader.extractor
        return {"name": extractor.name, "dim": extractor.dim, "digest": extractor.digest,
                "held_out": extractor.held_out}  # fmt: skip


def film(
    trainer: Trainer, judge: Judge, at: list[int], settings: dict[str, Any]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Train, and return the scores and the pictures at some steps."""
    scores, frames = [], []
    for step in at:
        if step > trainer.step:
            trainer.fit(steps=step - trainer.step, progress=False)
        scores.append(judge.score(trainer))
        samples = to_uint8(trainer.sample(settings["faces"]))
        frames.append(picture(samples, settings["columns"], settings["quality"]))
    return scores, frames


def run(train: ImageDataset, test: ImageDataset, settings: dict[str, Any]) -> dict[str, Any]:
    """Return the whole record, without the other networks."""
    start = time.perf_counter()
    judge = Judge(train, test, settings)
    reader, truth = judge.reader, judge.truth
    trainer = recipes.load(settings["recipe"]).replace(settings["changes"]).trainer(train, None)
    scores, frames = film(trainer, judge, settings["at"], settings)
    walk = settings["walk"]
    path = circle(trainer.latent_dim, walk["faces"], walk["frames"], walk["seed"])
    halves = torch.randperm(len(truth), generator=torch.Generator().manual_seed(0)).chunk(2)
    return {
        "command": "python -m experiments.portraits",
        "settings": settings,
        "train": recipes.load(settings["recipe"]).train,
        "extractor": judge.described(),
        "accuracy": {name: round(value, 4) for name, value in reader.accuracy.items()},
        "made_with": describe(),
        "seconds": round(time.perf_counter() - start, 1),
        "scores": scores,
        "real_fid": round(frechet_distance(judge.real, judge.unseen), 2),
        "real_share_error": round(share_error(truth[halves[0]], truth[halves[1]], reader), 4),
        "frames": frames,
        "walk": [picture(draw(trainer, z), walk["faces"], settings["quality"]) for z in path],
    }


def seconds_a_step(trainer: Trainer, steps: int = 12) -> float:
    """Return how long a step of a trainer takes, after three that warm it up."""
    for _ in range(3):
        trainer.train_step()
    start = time.perf_counter()
    for _ in range(steps):
        trainer.train_step()
    return round((time.perf_counter() - start) / steps, 4)


def step_times(train: ImageDataset, settings: dict[str, Any], name: str) -> dict[str, float]:
    """Return the time of a step of the recipe's networks, and of others: both beside nothing else."""
    recipe = recipes.load(settings["recipe"])
    both = {settings["recipe"]: recipe, name: recipe.replace(OTHERS[name]["changes"])}
    return {key: seconds_a_step(each.trainer(train, None)) for key, each in both.items()}


def run_other(train: ImageDataset, test: ImageDataset, settings: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the record of other networks: scores, and the last picture."""
    other = OTHERS[name]
    times = step_times(train, settings, name)
    judge = Judge(train, test, settings)
    trainer = recipes.load(settings["recipe"]).replace(other["changes"]).trainer(train, None)
    scores, frames = film(trainer, judge, other["at"], settings)
    return {
        "command": f"python -m experiments.portraits --other {name}", **other,
        "step_seconds": times, "extractor": judge.described(), "made_with": describe(), "scores": scores,
        "frames": frames[-1:],
    }  # fmt: skip


def main() -> None:
    """Compute the record and write it."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.portraits", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--out", type=Path, default=RECORD, help="file of the record")
    parser.add_argument("--other", choices=OTHERS, help="train these networks, and add them")
    options = parser.parse_args()
    recipe = recipes.load(SETTINGS["recipe"])
    train, test = (load_dataset(**recipe.data, split=split) for split in ("train", "test"))
    assert isinstance(train, ImageDataset)
    assert isinstance(test, ImageDataset)
    before = json.loads(options.out.read_text()) if options.out.exists() else {}
    if options.other:
        made = {options.other: run_other(train, test, SETTINGS, options.other)}
        record = before | {"others": before.get("others", {}) | made}
    else:
        record = run(train, test, SETTINGS) | {"others": before.get("others", {})}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_text(options.out, json.dumps(record, indent=1) + "\n")
    print(f"written to {options.out}")


if __name__ == "__main__":
    main()
