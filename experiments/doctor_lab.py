"""A laboratory of runs, sick and healthy, for `ganbook doctor`: `python -m experiments.doctor_lab`."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch

from ganbook import recipes
from ganbook.data import Dataset, load_dataset
from ganbook.data.point_sets import PointDataset
from ganbook.data import points as pts
from ganbook.errors import DivergedError
from ganbook.support.files import remove, write_text

SMALL = {"family": "mlp", "latent_dim": 2, "hidden": 64, "layers": 2}
BASE: dict[str, Any] = {
    "loss": "non-saturating",
    "batch_size": 128,
    "generator_lr": 1e-3,
    "discriminator_lr": 1e-3,
    "steps": 2000,
    "log_every": 20,
    "device": "cpu",
}
DIGITS_BASE = {"steps": 3000, "generator_lr": 5e-4, "discriminator_lr": 5e-4, "batch_size": 64}
MIX = {
    "ring": lambda: pts.ring(sigma=0.05),
    "ring5": lambda: pts.ring(5, 2.0, 0.1),
    "grid3": lambda: pts.grid(3, 1.5, 0.1),
    "grid5": lambda: pts.grid(5, 1.0, 0.08),
}
WON = "d-has-won"

# name: (intended, data, train changes, model changes)
P: dict[str, tuple[str, str, dict, dict]] = {}


def add(name, kind, data, train=None, model=None):
    P[name] = (kind, data, train or {}, model or {})


for d in ("ring", "ring5", "grid3"):
    add(f"healthy {d} ns", "healthy", d)
    add(f"healthy {d} hinge r1", "healthy", d, {"loss": "hinge", "r1": 0.1})
    add(f"healthy {d} rp r1 r2", "healthy", d, {"loss": "relativistic", "r1": 0.1, "r2": 0.1})
    add(
        f"healthy {d} wgan-gp",
        "healthy",
        d,
        {
            "loss": "wasserstein",
            "gradient_penalty": 0.1,
            "discriminator_steps": 3,
            "betas": [0.5, 0.9],
            "steps": 1500,
        },
    )
    add(f"healthy {d} r1 0.5", "healthy", d, {"r1": 0.5})
    add(f"blind {d} small D", "d-is-blind", d, {"steps": 1500}, {"discriminator_hidden": 2})
    add(f"blind {d} lr", "d-is-blind", d, {"discriminator_lr": 1e-8})
    add(f"blind {d} noise", "d-is-blind", d, {"instance_noise": 10.0})
    add(
        f"won {d} minimax",
        WON,
        d,
        {
            "loss": "minimax",
            "discriminator_steps": 5,
            "discriminator_lr": 5e-3,
            "generator_lr": 1e-5,
            "steps": 1000,
        },
    )
    add(
        f"won {d} ns slow G",
        WON,
        d,
        {"generator_lr": 1e-7, "discriminator_lr": 2e-3, "discriminator_steps": 2, "steps": 1200},
    )
    add(f"rotating {d} G lr 10", "rotating-collapse", d, {"discriminator_lr": 1e-4})
    add(
        f"rotating {d} lr 5e-3 b9",
        "rotating-collapse",
        d,
        {"generator_lr": 5e-3, "discriminator_lr": 5e-3, "betas": [0.9, 0.999], "steps": 1500},
    )
    add(f"diverges {d} lr", "divergence", d, {"generator_lr": 1.0, "discriminator_lr": 1.0, "steps": 600})
    add(
        f"diverges {d} wasserstein",
        "divergence",
        d,
        {"loss": "wasserstein", "generator_lr": 5e-3, "discriminator_lr": 5e-3},
    )
    add(f"penalty {d} r1 1000", "penalty-scale", d, {"r1": 1000.0, "steps": 1500})
    add(
        f"penalty {d} gp 1e-4",
        "penalty-scale",
        d,
        {"loss": "wasserstein", "gradient_penalty": 1e-5, "steps": 1500},
    )
    add(
        f"oscillation {d}",
        "oscillation",
        d,
        {
            "loss": "wasserstein",
            "weight_clip": 0.1,
            "betas": [0.9, 0.999],
            "generator_lr": 5e-3,
            "discriminator_lr": 5e-3,
        },
    )
    add(
        f"collapse {d} both slow",
        "collapse",
        d,
        {"discriminator_lr": 2e-5, "generator_lr": 1e-3, "steps": 1000},
    )
add(
    "oscillation gauss wasserstein",
    "oscillation",
    "gaussian",
    {"loss": "wasserstein", "weight_clip": 0.1, "betas": [0.9, 0.999]},
)
add(
    "oscillation gauss ns",
    "oscillation",
    "gaussian",
    {"betas": [0.9, 0.999], "generator_lr": 3e-3, "discriminator_lr": 3e-3},
)
add("healthy gauss ns", "healthy", "gaussian")
add("healthy two-moons ns", "healthy", "two-moons")
add("healthy swiss-roll r1", "healthy", "swiss-roll", {"r1": 0.1})
add("healthy digits ns", "healthy", "digits", DIGITS_BASE)
add(
    "healthy digits hinge sn",
    "healthy",
    "digits",
    DIGITS_BASE | {"loss": "hinge"},
    {"discriminator_norm": "spectral"},
)
add("healthy digits r1", "healthy", "digits", DIGITS_BASE | {"r1": 1.0})
add("healthy digits rp", "healthy", "digits", DIGITS_BASE | {"loss": "relativistic", "r1": 0.5, "r2": 0.5})
add(
    "won digits minimax",
    WON,
    "digits",
    DIGITS_BASE | {"loss": "minimax", "discriminator_steps": 5, "generator_lr": 1e-5, "steps": 1000},
)
add("collapse digits G lr", "collapse", "digits", DIGITS_BASE | {"generator_lr": 2e-2})
add("collapse digits tiny D", "d-is-blind", "digits", DIGITS_BASE, {"discriminator_hidden": 2})
add("memory digits 50", "d-memorises", "digits:50", DIGITS_BASE | {"steps": 4000})
add("memory digits 20", "g-memorises", "digits:20", DIGITS_BASE | {"steps": 4000})
add("memory digits 100 r1", "d-memorises", "digits:100", DIGITS_BASE | {"r1": 0.1, "steps": 4000})
GL = {
    "batch_size": 32,
    "steps": 300,
    "generator_lr": 2e-3,
    "discriminator_lr": 1e-3,
    "ema_decay": 0.99,
    "log_every": 10,
}
DC = {"family": "dcgan", "latent_dim": 32, "width": 12}
add("healthy glyphs dcgan", "healthy", "glyphs16", GL, DC)
add("batchnorm glyphs", "batchnorm", "glyphs16", GL, DC)
add("batchnorm digits", "batchnorm", "digits16", GL, DC)
add("healthy digits dcgan", "healthy", "digits16", GL, DC)


def data_of(name: str) -> tuple[dict, Dataset]:
    if name in MIX:
        return {"name": "ring"}, PointDataset.draw(MIX[name](), 10_000, 0, {"mine": name})
    if name == "gaussian":
        return {"name": "gaussian"}, load_dataset("gaussian")
    if ":" in name:
        spec = {"name": "digits", "limit": int(name.split(":")[1])}
    elif name.endswith("16"):
        spec = {"name": name[:-2], "image_size": 16} | ({"limit": 4000} if "gl" in name else {})
    else:
        spec = {"name": name}
    return spec, load_dataset(**spec)


def train(name: str, seed: int, out: Path) -> float:
    intended, data_name, tr, model = P[name]
    spec, data = data_of(data_name)
    settings = BASE | tr | {"seed": seed}
    settings["checkpoint_every"] = settings["sample_every"] = settings["steps"] // 20
    settings["sample_every"] = settings["steps"]
    settings["keep_last"] = 21
    m = model if model.get("family") else SMALL | model
    if data_name.startswith("digits") and m["family"] == "mlp":
        m = m | {"latent_dim": 32, "hidden": 128}
    recipe = recipes.Recipe("lab", name, spec, m, settings)
    trainer = recipe.trainer(data, out)
    if name.startswith("batchnorm"):
        for mod in [*trainer.generator.modules()]:
            if isinstance(mod, torch.nn.BatchNorm2d):
                mod.momentum = 0.0
    out.mkdir(parents=True, exist_ok=True)
    write_text(out / "recipe.toml", recipe.dumps())
    t = time.process_time()
    try:
        trainer.fit(progress=False)
    except DivergedError as e:
        print("   diverged", e)
    remove(out / "samples")
    return time.process_time() - t


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=Path("runs/doctor-lab"))
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--match", default="")
    args = parser.parse_args()
    torch.set_num_threads(1)
    for seed in map(int, args.seeds.split(",")):
        for name in P:
            if args.match not in name:
                continue
            out = args.out / f"{name.replace(' ', '_')}_{seed}"
            if (out / "done").exists():
                continue
            remove(out)
            t = time.time()
            s = train(name, seed, out)
            (out / "done").write_text("")
            print(name, seed, f"{s:.1f}s cpu {time.time() - t:.1f}s", flush=True)


if __name__ == "__main__":
    main()
