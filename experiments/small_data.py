"""What helps when there are few images: `python -m experiments.small_data`.

The recipe `portraits` is trained on 300 portraits: as it is, with real images flipped, with DiffAugment, with
augmentation as strong as ADA finds it needs, and with LeCam's regularisation. The score is the FID against
portraits that no run has seen, in the features of a reader of attributes. Beside it stands what shows that D
knows its data by heart: how much larger its logits are on the training images than on others, and the mean
sign of those on training images. Floor: the generator before training. Ceilings: the 300 portraits
themselves, which is what a generator that only repeats them would score, and as many others as are scored.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganbook import recipes, recorded
from ganbook.data import ImageDataset, load_dataset, to_uint8
from ganbook.metrics import Reader, attribute_reader, frechet_distance
from ganbook.support.files import write_text
from ganbook.support.machine import describe
from ganbook.training import Trainer

RECORD = Path(recorded.__file__).with_name("small_data.json")

SETTINGS: dict[str, Any] = {
    "recipe": "portraits",
    "num_train": 300,
    "num": 5_000,  # generated portraits of a score, and held-out ones beside them
    "reader_steps": 1200,
    "at": [0, 500, 1000, 2000, 3000],  # steps at which runs are scored
    "seeds": [0, 1, 2],
    "changes": {
        "none": {},
        "flip": {"augment": "flip"},
        "diffaugment": {"augment": "diffaugment"},
        "adaptive": {"augment": "adaptive", "augment_images": 20_000},
        "LeCam": {"lecam": 0.1},
    },
}


class Judge:
    """Scores generators against the same held-out portraits each time."""

    def __init__(self, train: ImageDataset, test: ImageDataset, settings: dict[str, Any]) -> None:
        assert train.attributes is not None
        assert test.attributes is not None
        names = dict(zip(train.attribute_names, train.attribute_values, strict=True))
        self.reader: Reader = attribute_reader(
            train.images, train.attributes, names, held_out=(test.images, test.attributes),
            name="portraits-reader", steps=settings["reader_steps"],
        )  # fmt: skip
        self.num = settings["num"]
        self.real = self.reader.extractor(test.images[: self.num])

    def fid(self, images: Tensor) -> float:
        """Return the FID of images, uint8, against the held-out portraits."""
        return round(frechet_distance(self.real, self.reader.extractor(images)), 4)


@torch.no_grad()
def logits(trainer: Trainer, images: Tensor) -> Tensor:
    """Return what D says of images as they are, uint8: its logits."""
    trainer.discriminator.eval()
    batches = [2 * part.to(trainer.engine.device).float() / 255 - 1 for part in images.split(500)]
    return torch.cat([trainer.discriminator(part) for part in batches]).cpu()


def look(trainer: Trainer, judge: Judge, seen: Tensor, unseen: Tensor) -> dict[str, Any]:
    """Return the score of a run as it stands, and how well D knows its data."""
    on_seen, on_unseen = logits(trainer, seen), logits(trainer, unseen)
    return {
        "step": trainer.step,
        "seconds": round(trainer.seconds, 1),
        "fid": judge.fid(to_uint8(trainer.sample(judge.num))),
        "gap": round((on_seen.mean() - on_unseen.mean()).item(), 5),
        "sign": round(on_seen.sign().mean().item(), 3),
        "p": trainer.records[-1].get("augment_p") if trainer.records else None,
    }


def train_once(
    data: ImageDataset,
    judge: Judge,
    unseen: Tensor,
    settings: dict[str, Any],
    changes: dict[str, Any],
    seed: int,
) -> list[dict[str, Any]]:
    """Train on few portraits with some settings changed; return what was seen at each of the steps."""
    recipe = recipes.load(settings["recipe"]).replace({**changes, "seed": seed, "steps": settings["at"][-1]})
    trainer = recipe.trainer(data, None)
    seen = []
    for step in settings["at"]:
        if step > trainer.step:
            trainer.fit(steps=step - trainer.step, progress=False)
        seen.append(look(trainer, judge, data.images, unseen))
    return seen


def run(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the whole record."""
    start = time.perf_counter()
    source = recipes.load(settings["recipe"]).data
    train, test = (load_dataset(**source, split=split) for split in ("train", "test"))
    few = load_dataset(**{**source, "limit": settings["num_train"]})
    assert isinstance(train, ImageDataset)
    assert isinstance(test, ImageDataset)
    assert isinstance(few, ImageDataset)
    judge = Judge(train, test, settings)
    unseen = test.images[: settings["num_train"]]
    rows = []
    for name, changes in settings["changes"].items():
        for seed in settings["seeds"]:
            scores = train_once(few, judge, unseen, settings, changes, seed)
            rows.append({"change": name, "seed": seed, "scores": scores})
            print(name, seed, scores[-1], flush=True)
    return {
        "command": "python -m experiments.small_data",
        "settings": settings,
        "made_with": describe(),
        "seconds": round(time.perf_counter() - start, 1),
        "extractor": judge.reader.extractor.name,
        "memory_fid": judge.fid(few.images),
        "real_fid": judge.fid(train.images[-judge.num :]),
        "rows": rows,
    }


def main() -> None:
    """Compute the record and write it."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.small_data", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--out", type=Path, default=RECORD, help="file of the record")
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_text(options.out, json.dumps(run(SETTINGS), indent=1) + "\n")
    print(f"written to {options.out}")


if __name__ == "__main__":
    main()
