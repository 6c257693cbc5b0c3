"""What each metric says when one thing is spoilt by a growing amount: `python -m experiments.degradation`.

The real data are glyphs, the generator is the glyphs' own renderer, and `ganbook.data.glyphs.spoil` spoils
one thing about its samples. So the truth is known: what a metric ought to notice, and what it cannot. Each
metric has its floor beside it, what pictures of random pixels get, and its ceiling, what samples get of which
nothing is spoilt. The second part holds the distribution fixed and lets the number of samples grow: FID falls
although nothing gets better, KID does not.

Three sets of other glyphs stand beside the spoilt ones: the real (training) set, the held-out set, and a set
that the classifier is trained on, so that its features know neither of the two.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm.std import tqdm

from ganbook import recorded
from ganbook.data.glyphs.spoil import TRAIN_SEED, draw, spoil
from ganbook.metrics import (
    Extractor,
    class_coverage,
    classifier,
    density_coverage,
    frechet_distance,
    inception_score,
    memorisation,
    memorisation_band,
    mmd2_unbiased,
    precision_recall,
)
from ganbook.support.files import write_text
from ganbook.support.machine import describe

RECORD = Path(recorded.__file__).with_name("degradation.json")

SETTINGS: dict[str, Any] = {
    "num": 2000,  # spoilt samples, real samples, held-out samples
    "repeats": 3,  # with other spoilt samples each
    "seed": 0,  # of the spoilt samples; repeat r of them has seed + r
    "train_seed": TRAIN_SEED,
    "held_out_seed": TRAIN_SEED + 1,
    "classifier": {"num": 10_000, "seed": TRAIN_SEED + 2, "steps": 300},
    "classifier_test": {"num": 2000, "seed": TRAIN_SEED + 3},
    "floor_seed": 0,  # of the pictures of random pixels
    "sizes": [100, 200, 500, 1000, 2000, 5000],  # of both sets, in the second part
    "size_repeats": [60, 60, 40, 20, 10, 6],
    "amounts": {
        "noise": [0, 0.05, 0.1, 0.2, 0.4],  # standard deviation, of the grey scale
        "blur": [0, 0.5, 1, 1.5, 2],  # standard deviation, pixels
        "shift": [0, 1, 2, 3, 4],  # pixels
        "contrast": [0, 0.2, 0.4, 0.6, 0.8],  # share taken away
        "dropped classes": [0, 1, 3, 5, 8],  # of ten
        "shrunk diversity": [0, 0.25, 0.5, 0.75, 1],  # share of the way to the mean
        "duplicated": [0, 1, 4, 19, 99],  # repetitions of each image, with slight variations
        "memorised": [0, 0.1, 0.25, 0.5, 1],  # share of copies of real (training) images
    },
}

# What each metric ought to say as the amount grows, or is known to say against what one would wish: "up",
# "down", or "same" (it does not notice). What is not in a line may go either way.
WORSE = {"fid": "up", "kid": "up", "is": "down", "precision": "down", "recall": "down", "density": "down",
         "coverage": "down"}  # fmt: skip
TRUTH: dict[str, dict[str, str]] = {
    "noise": WORSE,
    # A little blur, or a little less contrast, takes the extremes away and *raises* precision and density.
    "blur": WORSE,
    "shift": WORSE,
    "contrast": WORSE,
    # Each image is good: only the measures of diversity fall, and those that mix both.
    "dropped classes": {
        "fid": "up", "kid": "up", "is": "down", "precision": "same", "recall": "down", "density": "same",
        "coverage": "down", "classes": "down", "class_kl": "up",
    },
    # The Inception score, precision and density even *praise* the loss of diversity within the classes.
    "shrunk diversity": {
        "fid": "up", "kid": "up", "is": "up", "precision": "up", "recall": "down", "density": "up",
        "coverage": "down", "classes": "same",
    },
    "duplicated": {"fid": "up", "kid": "up", "precision": "same", "recall": "down", "coverage": "down"},
    # Copying the training set makes every score better; only the comparison with held-out data tells.
    "memorised": {
        "fid": "down", "kid": "down", "is": "same", "precision": "up", "recall": "up", "coverage": "up",
        "memorisation": "up", "classes": "same",
    },
}  # fmt: skip


@functools.cache
def extractor() -> Extractor:
    """Return the classifier of glyphs, trained or from the cache."""
    s, test = SETTINGS["classifier"], SETTINGS["classifier_test"]
    images, labels = draw(s["num"], s["seed"])
    return classifier(
        images, labels, held_out=draw(test["num"], test["seed"]), name="glyphs-classifier", num_classes=10,
        steps=s["steps"],
    )  # fmt: skip


@functools.cache
def features(num: int, seed: int) -> Tensor:
    """Return the features of glyphs as they are."""
    return extractor()(draw(num, seed)[0])


def measure(images: Tensor, num: int) -> dict[str, float]:
    """Return what each metric says of spoilt samples, against `num` real ones."""
    seen = extractor().extract(images)
    real, held_out = features(num, SETTINGS["train_seed"]), features(num, SETTINGS["held_out_seed"])
    fake = seen.features
    # A class counts as hit with a fifth of its share: the classifier errs, too.
    near, dense = precision_recall(real, fake), density_coverage(real, fake)
    classes = class_coverage(seen.labels, 10, min_samples=num // 50)
    band = memorisation_band(fake, real, held_out)
    return {
        "fid": frechet_distance(real, fake),
        "kid": mmd2_unbiased(real, fake),
        "is": inception_score(seen.probabilities, splits=1).mean,
        "precision": near.precision,
        "recall": near.recall,
        "density": dense.density,
        "coverage": dense.coverage,
        "memorisation": memorisation(fake, real, held_out).share,
        "memorisation_low": band.low,  # where the share lies if nothing was copied
        "memorisation_high": band.high,
        "classes": float(classes.classes_hit),
        "class_kl": classes.reverse_kl,
    }


def summary(values: Sequence[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Return mean and standard deviation of each metric over the repeats."""
    table = {key: torch.tensor([v[key] for v in values], dtype=torch.float64) for key in values[0]}
    return {
        key: {"mean": _round(v.mean().item()), "std": _round(v.std().item() if len(v) > 1 else 0.0)}
        for key, v in table.items()
    }


def _round(value: float) -> float:
    return float(f"{value:.6g}")


def row(kind: str, amount: float, num: int, seed: int, repeats: int) -> dict[str, Any]:
    """Return a line of the table: what each metric says of a kind and an amount; a checksum of the images."""
    found, sums = [], hashlib.sha256()
    for repeat in range(repeats):
        images = spoil(kind, amount, num, seed + repeat)[0]
        sums.update(images.numpy().tobytes())
        found.append(measure(images, num))
    return {"kind": kind, "amount": amount, "images": sums.hexdigest()[:16], **summary(found)}


def floor(num: int, seed: int, repeats: int) -> dict[str, dict[str, float]]:
    """Return what each metric says of pictures of random pixels: a generator that knows nothing."""
    rng = torch.Generator().manual_seed(seed)
    shape = (num, 1, 28, 28)
    return summary([
        measure(torch.randint(0, 256, shape, generator=rng, dtype=torch.uint8), num) for _ in range(repeats)
    ])  # fmt: skip


def size_row(size: int, seed: int, repeats: int) -> dict[str, Any]:
    """Return FID and KID of two sets of one distribution, both with `size` samples."""
    found = []
    for repeat in range(repeats):
        x, y = (extractor()(draw(size, 10_000 + 2 * (1000 * seed + repeat) + side)[0]) for side in (0, 1))
        found.append({"fid": frechet_distance(x, y), "kid": mmd2_unbiased(x, y)})
    return {"size": size, "repeats": repeats, **summary(found)}


def run(settings: dict[str, Any], progress: bool = True) -> dict[str, Any]:
    """Return the whole record."""
    start = time.perf_counter()
    num, seed = settings["num"], settings["seed"]
    cases = [(kind, amount) for kind, amounts in settings["amounts"].items() for amount in amounts]
    unspoilt = row(cases[0][0], 0, num, seed, settings["repeats"])  # the same for every kind
    with tqdm(total=len(cases) + len(settings["sizes"]), disable=not progress) as bar:
        rows = []
        for kind, amount in cases:
            line = {**unspoilt, "kind": kind}
            rows.append(row(kind, amount, num, seed, settings["repeats"]) if amount else line)
            bar.update()
        sizes = []
        for size, repeats in zip(settings["sizes"], settings["size_repeats"], strict=True):
            sizes.append(size_row(size, seed, repeats))
            bar.update()
    judge = extractor()
    return {
        "command": "python -m experiments.degradation",
        "settings": settings,
        "extractor": {"name": judge.name, "dim": judge.dim, "digest": judge.digest,
                      "accuracy": judge.accuracy, "held_out": judge.held_out},
        "made_with": describe(),
        "floor": floor(num, settings["floor_seed"], settings["repeats"]),
        "seconds": round(time.perf_counter() - start, 1),
        "rows": rows,
        "sizes": sizes,
    }  # fmt: skip


def main() -> None:
    """Compute the record and write it."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.degradation", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--out", type=Path, default=RECORD, help="file of the record")
    parser.add_argument("--num", type=int, default=SETTINGS["num"], help="samples of each set")
    parser.add_argument("--seed", type=int, default=SETTINGS["seed"], help="seed of the spoilt samples")
    options = parser.parse_args()
    record = run({**SETTINGS, "num": options.num, "seed": options.seed})
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_text(options.out, json.dumps(record, indent=1) + "\n")
    names = list(record["rows"][0])[3:]
    print(f"{'':24}" + "".join(f"{name:>13}" for name in names))
    for line in record["rows"]:
        label = f"{line['kind']} {line['amount']:g}"
        print(f"{label:24}" + "".join(f"{line[name]['mean']:13.4g}" for name in names))
    for line in record["sizes"]:
        texts = [f"{key} {line[key]['mean']:.4g} ± {line[key]['std']:.2g}" for key in ("fid", "kid")]
        print(f"{line['size']:>6} samples of the same distribution: {', '.join(texts)}")
    print(f"{record['seconds']} s; written to {options.out}")


if __name__ == "__main__":
    main()
