"""Who moves when, with which batches and learning rates: `python -m experiments.training_choices`.

One small GAN on the ring, one choice changed at a time, several seeds for each. The data are known, so what
comes out is counted: the share of good samples (within three sigma of a mode's centre) and the modes found.
Samples are drawn from the generator as it is, without a moving average, which would hide how it swings.

Sigma is small, so that the count can tell: with sigma 0.05 the discs of three sigma cover 38 % of the circle
on which the modes lie, so a plain circle without any modes scores 38 %, and the data themselves 98.9 %. (With
sigma 0.1 the two would be 76 % and 98.9 %.) Both are scored and recorded with the runs.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import torch
from tqdm.std import tqdm

import ganbook as gb
from ganbook import recorded
from ganbook.support.files import write_text
from ganbook.support.machine import describe

RECORD = Path(recorded.__file__).with_name("training_choices.json")

# What is varied, one at a time. `steps` counts the updates of G; D has k times as many.
STANDARD: dict[str, Any] = {
    "first": "D", "k": 1, "phase": 1, "steps": 2000, "batch_size": 128,
    "generator_lr": 1e-3, "discriminator_lr": 1e-3, "generator_loss_times": 1.0,
}  # fmt: skip
SETTINGS: dict[str, Any] = {
    "ring": {"modes": 8, "radius": 1.0, "sigma": 0.05},
    "num_data": 20_000,
    "data_seed": 0,
    "networks": {"latent_dim": 2, "hidden": 64, "layers": 2},
    "betas": [0.5, 0.999],
    "num_samples": 2500,
    "sample_seed": 1,
    "seeds": [0, 1, 2, 3, 4, 5, 6, 7],
    "standard": STANDARD,
    "changes": {
        "order": [{}, {"first": "G"}],
        "phase": [{"phase": 3}, {"phase": 10}, {"phase": 30}, {"phase": 100}, {"phase": 2000}],
        # The last line has as many updates in all as the standard.
        "k": [{"k": 2}, {"k": 5}, {"k": 5, "steps": 667}],
        "batch size": [{"batch_size": 8}, {"batch_size": 32}, {"batch_size": 512}],
        "learning rates": [
            {"generator_lr": lr, "discriminator_lr": lr} for lr in (1e-4, 3e-4, 3e-3, 1e-2, 3e-2)
        ],
        "ratio": [{"generator_lr": 1e-4}, {"discriminator_lr": 1e-4}],
        "weight": [{"generator_loss_times": 10.0}],
    },
    # Of twenty intervals of 95 % one misses by chance: a small surprise is looked at again, with fresh seeds.
    "again": {"seeds": list(range(8, 24)), "changes": [{}, {"first": "G"}]},
}


def schedule(first: str, k: int, phase: int, steps: int) -> str:
    """Return who moves when, a letter an update: phases of `k * phase` updates of D and `phase` of G.

    Examples
    --------
    >>> schedule("D", 1, 1, 3), schedule("G", 1, 1, 3), schedule("D", 2, 2, 4)
    ('DGDGDG', 'GDGDGD', 'DDDDGGDDDDGG')
    """
    turns = {"D": "D" * (k * phase), "G": "G" * phase}
    second = "G" if first == "D" else "D"
    return (turns[first] + turns[second]) * (steps // phase)


def yardsticks(settings: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Score a plain circle through the modes, which knows nothing of them, and the data themselves."""
    ring = gb.data.points.ring(**settings["ring"])
    num, seed = settings["num_data"], settings["data_seed"] + 1
    angle = 2 * math.pi * torch.rand(num, generator=torch.Generator().manual_seed(seed))
    circle = settings["ring"]["radius"] * torch.stack([angle.cos(), angle.sin()], dim=1)
    return {"floor": score(settings, circle), "ceiling": score(settings, ring.sample(num, seed)[0])}


def score(settings: dict[str, Any], points: torch.Tensor) -> dict[str, float]:
    """Return the share of good points and the number of modes that have any."""
    ring = gb.data.points.ring(**settings["ring"])
    found = gb.metrics.mode_coverage(points, ring.modes, settings["ring"]["sigma"])
    return {"good": round(found.high_quality_share, 4), "modes": found.modes_hit}


def play(settings: dict[str, Any], choice: dict[str, Any], seed: int) -> dict[str, float]:
    """Train one pair; return the share of good samples and the number of modes found."""
    ring = gb.data.points.ring(**settings["ring"])
    data, _ = ring.sample(settings["num_data"], settings["data_seed"])
    torch.manual_seed(seed)
    networks = settings["networks"]
    G, D = gb.models.mlp((2,), **networks)
    betas = tuple(settings["betas"])
    opt_G = torch.optim.Adam(G.parameters(), lr=choice["generator_lr"], betas=betas, fused=True)
    opt_D = torch.optim.Adam(D.parameters(), lr=choice["discriminator_lr"], betas=betas, fused=True)
    losses = gb.losses.LOSSES["non-saturating"]
    rng = torch.Generator().manual_seed(seed)
    num, times = choice["batch_size"], choice["generator_loss_times"]
    for player in schedule(choice["first"], choice["k"], choice["phase"], choice["steps"]):
        z = torch.randn(num, networks["latent_dim"], generator=rng)
        if player == "D":
            real = data[torch.randint(len(data), (num,), generator=rng)]
            gb.training.discriminator_step(G, D, opt_D, losses.discriminator, real, z)
        else:
            gb.training.generator_step(
                G, D, opt_G, lambda real, fake: times * losses.generator(real, fake), None, z
            )
    z = torch.randn(
        settings["num_samples"],
        networks["latent_dim"],
        generator=torch.Generator().manual_seed(settings["sample_seed"]),
    )
    with torch.no_grad():
        return score(settings, G(z))


def row(settings: dict[str, Any], change: dict[str, Any], seeds: list[int]) -> dict[str, Any]:
    """Train a pair with each seed; return what came out."""
    found = [play(settings, {**settings["standard"], **change}, seed) for seed in seeds]
    return {
        "change": change,
        "good": [values["good"] for values in found],
        "modes": [values["modes"] for values in found],
    }


def run(settings: dict[str, Any], progress: bool = True) -> dict[str, Any]:
    """Return the whole record."""
    torch.set_num_threads(1)  # for networks this small, more threads cost time
    start = time.perf_counter()
    cases = [(group, change) for group, changes in settings["changes"].items() for change in changes]
    again = settings["again"]
    rows = [
        {"group": group, **row(settings, change, settings["seeds"])}
        for group, change in tqdm(cases, disable=not progress)
    ]
    return {
        "command": "python -m experiments.training_choices",
        "settings": settings,
        "made_with": describe(),
        **yardsticks(settings),
        "rows": rows,
        "again": [row(settings, change, again["seeds"]) for change in again["changes"]],
        "seconds": round(time.perf_counter() - start, 1),
    }


def main() -> None:
    """Compute the record and write it."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.training_choices", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--out", type=Path, default=RECORD, help="file of the record")
    parser.add_argument("--seeds", type=int, nargs="+", default=SETTINGS["seeds"], help="seeds of the runs")
    options = parser.parse_args()
    record = run({**SETTINGS, "seeds": options.seeds})
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_text(options.out, json.dumps(record, indent=1) + "\n")
    for name in ("floor", "ceiling"):
        print(f"{name:15} {record[name]['good']:.1%} good, modes {record[name]['modes']}")
    for line in [*record["rows"], *record["again"]]:
        label = ", ".join(
            f"{key} {value:g}" if value != "G" else "G first" for key, value in line["change"].items()
        )
        good = torch.tensor(line["good"])
        print(f"{line.get('group', 'again'):15} {label or 'standard':44} {good.mean():6.1%} good "
              f"({good.min():.1%} to {good.max():.1%}), modes {line['modes']}")  # fmt: skip
    print(f"{record['seconds']} s; written to {options.out}")


if __name__ == "__main__":
    main()
