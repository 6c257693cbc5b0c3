"""Rules of the DCGAN paper taken away one at a time: `python -m experiments.dcgan_ablation`.

One small pair on glyphs, with every rule that `ganbook.models.dcgan` follows; three others that each break
one rule: no BatchNorm in either network, ReLU instead of LeakyReLU in the discriminator, PyTorch's default
initial weights instead of N(0, 0.02); and one that breaks the first and the last of these together. All are
trained for the same number of steps from the same seeds, and scored as they go. A seed is that of the initial
weights, of the latents and of the data's order; the reference images and the classifier whose features FID
compares are the same for all.

Each run is kept in a folder of its own until all are there, so that the work can be done in pieces
(`--most 2`) and a run that was interrupted costs itself only.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ganbook import TrainConfig, Trainer, load_dataset, models, recorded
from ganbook.data import ImageDataset, to_uint8
from ganbook.metrics import Extractor, class_coverage, classifier, frechet_distance
from ganbook.models.dcgan import DCGANDiscriminator, DCGANGenerator
from ganbook.support.files import write_text
from ganbook.support.machine import describe

RECORD = Path(recorded.__file__).with_name("dcgan_ablation.json")
PARTS = Path("runs") / "dcgan_ablation"

SETTINGS: dict[str, Any] = {
    "data": {"name": "glyphs", "image_size": 32, "limit": 20_000},
    "test": 5_000,  # images that the classifier's accuracy is measured on
    "classifier_steps": 400,
    "num": 5_000,  # generated, and real, images of each score
    "model": {"latent_dim": 32, "width": 16},
    "train": {"batch_size": 64, "generator_lr": 1e-3, "discriminator_lr": 5e-4, "ema_decay": 0.99},
    "steps": [100, 200, 300, 400],  # at which a run is scored; the last one ends it
    "seeds": [0, 1, 2],
    "variants": ["all rules", "no BatchNorm", "ReLU in D", "PyTorch's weights", "neither"],
}

# ------------------------------------------------------------------------------------------ the variants


def replace_layers(net: nn.Sequential, replacement: Callable[[nn.Module], nn.Module]) -> None:
    """Replace each layer by what a function makes of it."""
    for i, layer in enumerate(net):
        net[i] = replacement(layer)


def without_batchnorm(generator: DCGANGenerator, discriminator: DCGANDiscriminator) -> None:
    """Take BatchNorm out of both networks; convolutions that had no bias because of it get one (of zeros)."""
    for network in (generator, discriminator):
        convolutions = (nn.Conv2d, nn.ConvTranspose2d)
        for layer in (layer for layer in network.net if isinstance(layer, convolutions)):
            if layer.bias is None:
                layer.bias = nn.Parameter(torch.zeros(layer.out_channels))
        replace_layers(network.net, lambda x: nn.Identity() if isinstance(x, nn.BatchNorm2d) else x)


def relu_in_discriminator(generator: DCGANGenerator, discriminator: DCGANDiscriminator) -> None:
    """Give the discriminator ReLU instead of LeakyReLU(0.2)."""
    replace_layers(discriminator.net, lambda x: nn.ReLU(inplace=True) if isinstance(x, nn.LeakyReLU) else x)


def default_weights(generator: DCGANGenerator, discriminator: DCGANDiscriminator) -> None:
    """Draw all weights anew, as PyTorch does where nobody says otherwise."""
    for network in (generator, discriminator):
        for layer in network.net:
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.BatchNorm2d):
                layer.reset_parameters()


def neither(generator: DCGANGenerator, discriminator: DCGANDiscriminator) -> None:
    """Take BatchNorm out and draw PyTorch's weights."""
    without_batchnorm(generator, discriminator)
    default_weights(generator, discriminator)


VARIANTS: dict[str, Callable[[DCGANGenerator, DCGANDiscriminator], None]] = {
    "all rules": lambda generator, discriminator: None,
    "no BatchNorm": without_batchnorm,
    "ReLU in D": relu_in_discriminator,
    "PyTorch's weights": default_weights,
    "neither": neither,
}


def build(
    variant: str, seed: int, shape: tuple[int, ...], settings: dict[str, Any]
) -> tuple[nn.Module, nn.Module]:
    """Return the pair of a variant; the same seed gives all but the last the same convolutions."""
    torch.manual_seed(seed)
    generator, discriminator = models.dcgan(shape, **settings["model"])
    VARIANTS[variant](generator, discriminator)
    return generator, discriminator


# ------------------------------------------------------------------------------------------------ a run


@functools.lru_cache(maxsize=1)
def real_side(frozen: str) -> tuple[ImageDataset, Extractor, Tensor]:
    """Return the data, the classifier, and the features of the reference images, for settings as JSON."""
    settings = json.loads(frozen)
    data = load_dataset(**settings["data"])
    test = load_dataset(**{**settings["data"], "limit": settings["test"]}, split="test")
    assert isinstance(data, ImageDataset)
    assert isinstance(test, ImageDataset)
    assert data.labels is not None
    assert test.labels is not None
    judge = classifier(
        data.images, data.labels, held_out=(test.images, test.labels),
        name=f"{data.name}-classifier", steps=settings["classifier_steps"],
    )  # fmt: skip
    return data, judge, judge(data.images[: settings["num"]])


def score(trainer: Trainer, settings: dict[str, Any]) -> dict[str, float]:
    """Return FID, and how many of the classes come up, of samples at this step."""
    _, judge, real = real_side(json.dumps(settings))
    seen = judge.extract(to_uint8(trainer.sample(settings["num"])))
    least = max(1, settings["num"] // (5 * judge.num_classes))  # a fifth of a class's share
    hit = class_coverage(seen.labels, judge.num_classes, min_samples=least).classes_hit
    return {"step": trainer.step, "fid": round(frechet_distance(real, seen.features), 2), "classes": hit}


def run(variant: str, seed: int, settings: dict[str, Any]) -> dict[str, Any]:
    """Train one variant from one seed; return its scores, its losses at the end, and the seconds it took."""
    start = time.perf_counter()
    data, _, _ = real_side(json.dumps(settings))
    generator, discriminator = build(variant, seed, data.shape, settings)
    trainer = Trainer(generator, discriminator, data, TrainConfig(**settings["train"], seed=seed))
    scores = []
    for step in settings["steps"]:
        history = trainer.fit(steps=step - trainer.step)
        scores.append(score(trainer, settings))
    late = history.records[-10:]

    def mean(key: str) -> float:
        return round(sum(record[key] for record in late) / len(late), 3)

    return {
        "variant": variant,
        "seed": seed,
        "scores": scores,
        "late": {key: mean(key) for key in (
            "discriminator_loss", "generator_loss", "d_accuracy_real", "d_accuracy_fake")},
        "training_seconds": round(trainer.seconds, 1),
        "seconds": round(time.perf_counter() - start, 1),
        "made_with": {**describe(), "precision": trainer.engine.describe().get("precision")},
    }  # fmt: skip


# ------------------------------------------------------------------------------------------- the record


def part(folder: Path, variant: str, seed: int, settings: dict[str, Any]) -> Path:
    """Return the file of one run; other settings get other files."""
    key = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]
    return folder / f"{key}-{settings['variants'].index(variant)}-{seed}.json"


def write(path: Path, content: dict[str, Any]) -> None:
    """Write JSON, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(content, indent=1) + "\n")


def merge(runs: list[dict[str, Any]], settings: dict[str, Any]) -> dict[str, Any]:
    """Return the whole record of all runs."""
    _, judge, real = real_side(json.dumps(settings))
    test = load_dataset(**{**settings["data"], "limit": settings["num"]}, split="test")
    assert isinstance(test, ImageDataset)
    generator, discriminator = build("all rules", settings["seeds"][0], test.shape, settings)
    knows_nothing = Trainer(generator, discriminator, test, TrainConfig(**settings["train"]))
    return {
        "command": "python -m experiments.dcgan_ablation",
        "settings": settings,
        "extractor": {"name": judge.name, "dim": judge.dim, "digest": judge.digest,
                      "accuracy": judge.accuracy, "held_out": judge.held_out},
        "real_fid": round(frechet_distance(real, judge(test.images)), 2),  # what a perfect generator gets
        "floor_fid": score(knows_nothing, settings)["fid"],  # what an untrained generator gets
        "made_with": runs[-1]["made_with"],
        "seconds": round(sum(line["seconds"] for line in runs), 1),
        "runs": [{key: value for key, value in line.items() if key != "made_with"} for line in runs],
    }  # fmt: skip


def main() -> None:
    """Do the runs that are missing; write the record when none is."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.dcgan_ablation", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--out", type=Path, default=RECORD, help="file of the record")
    parser.add_argument("--parts", type=Path, default=PARTS, help="folder that keeps single runs")
    parser.add_argument("--most", type=int, help="do at most so many runs now")
    options = parser.parse_args()
    settings = SETTINGS
    todo = [(variant, seed) for seed in settings["seeds"] for variant in settings["variants"]]
    missing = [case for case in todo if not part(options.parts, *case, settings).is_file()]
    for variant, seed in missing[: options.most]:
        line = run(variant, seed, settings)
        write(part(options.parts, variant, seed, settings), line)
        fids = ", ".join(f"{s['fid']:.1f}" for s in line["scores"])
        print(f"{variant}, seed {seed}: FID {fids}; {line['seconds']} s", flush=True)
    if options.most is not None and options.most < len(missing):
        print(f"{len(missing) - options.most} runs are missing; the same command goes on")
        return
    runs = [
        json.loads(part(options.parts, *case, settings).read_text(encoding="utf-8"))
        for case in sorted(todo, key=lambda case: (settings["variants"].index(case[0]), case[1]))
    ]
    write(options.out, merge(runs, settings))
    print(f"written to {options.out}")


if __name__ == "__main__":
    main()
