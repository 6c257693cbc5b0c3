"""A laboratory of healthy and sick runs that calibrates `ganbook doctor`: `python -m experiments.doctor_lab`.

Each case is a small recipe with one setting changed, trained with several seeds. What a run suffers from is
not read off its setting: some settings that ought to fail heal, and some that ought to work do not. It is
decided by what came out (`outcome`), measured at ten checkpoints of the run, of which the doctor sees two,
and with other measures than his where there are any: the known modes' samples, recall, D's answers
(`label`). A run between two disorders has both labels, and either is right; one that is neither healthy nor
clearly sick is "unclear" and not counted.

The thresholds of the doctor's rules were set by the tuning seeds alone. The record holds what the doctor
sees of each run, in numbers, so that the rules can be judged again without training:

    python -m experiments.doctor_lab            # trains what is missing in runs/doctor-lab.jsonl, writes
    the record python -m experiments.doctor_lab --judge    # judges the record again, and prints the
    confusion matrix

An interrupted laboratory goes on where it was. Ten runs take about a minute on one free core.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor
from tqdm.std import tqdm

from ganbook import metrics, recipes, recorded
from ganbook.data import Dataset, load_dataset, points
from ganbook.data.point_sets import PointDataset
from ganbook.diagnostics.doctor import measure
from ganbook.diagnostics.doctor.calibration import confusion, first_finding, pack, unpack
from ganbook.diagnostics.doctor.gather import draw, gather, logits, slope
from ganbook.diagnostics.doctor.subject import Subject, load_weights, networks, open_subject
from ganbook.errors import DivergedError
from ganbook.support.files import write_text
from ganbook.support.machine import describe

RECORD = Path(recorded.__file__).with_name("doctor_lab.json")
LINES = Path("runs/doctor-lab.jsonl")

POINTS = {
    "loss": "non-saturating", "batch_size": 128, "generator_lr": 2e-3, "discriminator_lr": 2e-3, "steps": 600,
    "log_every": 10, "model": {"family": "mlp", "latent_dim": 2, "layers": 2},
}  # fmt: skip
DIGITS = {
    **POINTS, "batch_size": 64, "generator_lr": 1e-3, "discriminator_lr": 1e-3, "steps": 800,
    "model": {"family": "mlp", "latent_dim": 32, "layers": 2},
}  # fmt: skip
SMALL_IMAGES = {
    **POINTS, "batch_size": 32, "steps": 240, "discriminator_lr": 1e-3, "ema_decay": 0.98,
    "model": {"family": "dcgan", "latent_dim": 32, "width": 12},
}  # fmt: skip
RINGS = ["ring", "ring5", "grid3"]
FEW = {"batch_size": 16, "steps": 1200}
CASES: list[dict[str, Any]] = [
    # Meant to be healthy.
    {"name": "plain", "data": [*RINGS, "gaussian", "two-moons"]},
    {"name": "hinge, R1", "data": RINGS, "loss": "hinge", "r1": 0.1},
    {"name": "relativistic, R1, R2", "data": RINGS, "loss": "relativistic", "r1": 0.1, "r2": 0.1},
    {"name": "WGAN-GP", "data": RINGS, "loss": "wasserstein", "gradient_penalty": 0.1,
    "discriminator_steps": 3}, {"name": "R1", "data": ["ring5", "swiss-roll", "far2"], "r1": 0.3},
    {"name": "least squares, R1", "data": ["ring5"], "loss": "least-squares", "r1": 0.1},
    {"name": "minimax, R1", "data": ["grid3"], "loss": "minimax", "r1": 0.1},
    {"name": "spectral, hinge", "data": ["far2", "digits"], "loss": "hinge", "model.discriminator_norm":
    "spectral"}, {"name": "plain", "data": ["digits", "digits16", "glyphs16"]},
    {"name": "R1", "data": ["digits"], "r1": 1.0},
    {"name": "relativistic, R1, R2", "data": ["digits"], "loss": "relativistic", "r1": 0.5, "r2": 0.5},
    # Meant to be sick.
    {"name": "tiny D", "data": [*RINGS, "digits"], "model.discriminator_hidden": 2},
    {"name": "D hardly learns", "data": ["ring", "grid3"], "discriminator_lr": 1e-7},
    {"name": "much noise", "data": ["ring5", "grid3"], "instance_noise": 10.0},
    {"name": "minimax, strong D", "data": ["ring", "ring5", "digits"], "loss": "minimax",
     "discriminator_steps": 3, "discriminator_lr": 5e-3, "generator_lr": 1e-5},
    {"name": "G hardly learns", "data": ["ring5", "grid3", "digits"], "generator_lr": 1e-7},
    {"name": "G ten times as fast", "data": ["ring", "ring5", "two-moons"], "discriminator_lr": 2e-4},
    {"name": "momentum, fast", "data": [*RINGS, "gaussian"], "betas": [0.9, 0.999], "generator_lr": 5e-3,
     "discriminator_lr": 5e-3},
    {"name": "momentum", "data": ["gaussian", "two-moons"], "betas": [0.9, 0.999], "generator_lr": 1e-3,
     "discriminator_lr": 1e-3},
    {"name": "momentum, hinge", "data": ["gaussian"], "betas": [0.9, 0.999], "loss": "hinge"},
    {"name": "far apart", "data": ["far2", "far3"], "generator_lr": 1e-3, "discriminator_lr": 1e-3},
    {"name": "G a hundred times as fast", "data": ["digits"], "generator_lr": 5e-2, "discriminator_lr": 5e-4},
    {"name": "rates of 1", "data": [*RINGS, "digits"], "generator_lr": 1.0, "discriminator_lr": 1.0,
    "steps": 300}, {"name": "unbounded critic", "data": ["ring5", "grid3"], "loss": "wasserstein",
    "generator_lr": 1e-2,
     "discriminator_lr": 1e-2},
    {"name": "R1 of 1000", "data": ["ring", "grid3", "two-moons"], "r1": 1000.0},
    {"name": "GP of 1e-5", "data": ["ring5", "grid3"], "loss": "wasserstein", "gradient_penalty": 1e-5},
    {"name": "50 images", "data": ["digits:50"], **FEW},
    {"name": "20 images", "data": ["digits:20"], **FEW},
    {"name": "100 images, R1", "data": ["digits:100"], **FEW, "r1": 0.1},
    {"name": "frozen BatchNorm", "data": ["digits16", "glyphs16"]},
]  # fmt: skip
SETTINGS: dict[str, Any] = {
    "seeds": {"tuning": [0], "test": [1, 2]},
    "hidden": [64, 48, 96],  # of seed 0, 1, ...: networks of several sizes
    "points": POINTS,
    "digits": DIGITS,
    "small images": SMALL_IMAGES,
    "cases": CASES,
    "checkpoints": 10,  # a run; the doctor sees the seventh and the last
}

MIXTURES = {
    "ring": lambda: points.ring(sigma=0.05),
    "ring5": lambda: points.ring(5, 2.0, 0.1),
    "grid3": lambda: points.grid(3, 1.5, 0.1),
    "far2": lambda: points.Mixture([[-8.0, 0.0], [8.0, 0.0]], sigma=0.5),
    "far3": lambda: points.ring(3, 8.0, 0.5),
}


# ------------------------------------------------------------------------------------------------ a run


def load(name: str) -> tuple[dict[str, Any], Dataset, Dataset]:
    """Return the data of a case: what `load_dataset` would need, the training set, and a held-out one."""
    if name in MIXTURES:
        train, test = (PointDataset.draw(MIXTURES[name](), n, seed) for seed, n in ((0, 10_000), (1, 2_000)))
        return {"name": "ring"}, train, test
    name, _, limit = name.partition(":")
    spec: dict[str, Any] = {"name": name.removesuffix("16")}
    if name.endswith("16"):
        spec["image_size"] = 16
    other = spec | {"split": "test"} | ({"limit": 1000} if spec["name"] == "glyphs" else {})
    test = load_dataset(**other)
    if limit or spec["name"] == "glyphs":
        spec["limit"] = int(limit or 3000)
    return spec, load_dataset(**spec), test


def recipe_of(case: dict[str, Any], data: str, spec: dict[str, Any], seed: int) -> recipes.Recipe:
    """Return the recipe of a run."""
    base = SMALL_IMAGES if data.endswith("16") else DIGITS if data.startswith("digits") else POINTS
    train = {k: v for k, v in (base | case).items() if k not in ("name", "data", "model") and "." not in k}
    options = {k.partition(".")[2]: v for k, v in case.items() if k.startswith("model.")}
    model = dict(base["model"]) | options  # type: ignore[call-overload]
    if model["family"] == "mlp":
        hidden = SETTINGS["hidden"][seed % len(SETTINGS["hidden"])]
        model["hidden"] = 2 * hidden if data.startswith("digits") else hidden
    every = train["steps"] // SETTINGS["checkpoints"]
    train |= {
        "seed": seed, "device": "cpu", "checkpoint_every": every, "sample_every": train["steps"],
        "keep_last": 99
    }  # fmt: skip
    return recipes.Recipe(case["name"], case["name"], spec, model, train)


def train_run(case: dict[str, Any], data_name: str, seed: int, out: Path) -> tuple[Dataset, Dataset]:
    """Train a run into a folder; return its data and the held-out ones."""
    spec, data, held_out = load(data_name)
    recipe = recipe_of(case, data_name, spec, seed)
    trainer = recipe.trainer(data, out)
    if case["name"] == "frozen BatchNorm":
        for module in trainer.generator.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = 0.0
    with contextlib.suppress(DivergedError):  # the folder says so
        trainer.fit(progress=False)
    if trainer.interrupted:  # it caught the signal; half a run is no run
        raise KeyboardInterrupt
    return data, held_out


# --------------------------------------------------------------------------------------- what came out


def outcome(subject: Subject, data: Dataset, held_out: Dataset) -> dict[str, Any]:
    """Measure a run by the second half of its checkpoints: medians, where not said otherwise.

    Of the generator as it is trained, and (`a_`) of its moving average.
    """
    real, other = (x.batch(torch.arange(min(len(x), 700))).float() for x in (data, held_out))
    assert subject.state is not None
    generator, discriminator = networks(subject.state)
    truth = getattr(data, "truth", None)
    yardstick = measure.Yardstick.of(measure.features(real), None if truth is None else truth.modes)
    rows: list[dict[str, float]] = []
    before: Tensor | None = None
    batch = subject.state["config"]["batch_size"]
    for folder, _ in subject.checkpoints[-SETTINGS["checkpoints"] // 2 :]:
        fake, average = (draw(generator, folder, name, 700) for name in ("generator", "ema"))
        load_weights(discriminator, folder, "discriminator")
        if not fake.isfinite().all():
            return {"infinite": True}
        on_real, on_fake = (logits(discriminator, x, None, batch) for x in (real, fake))
        centre = measure.features(fake).mean(dim=0)
        rows.append({
            **found_and_near(fake, real, other, truth), **beside(yardstick, fake),
            **{f"a_{key}": value for key, value in beside(yardstick, average).items()},
            "travel": 0.0 if before is None else float((centre - before).norm()) / yardstick.real_spread,
            "d_auc": measure.auc(on_real, on_fake), "d_gap": float(on_real.mean() - on_fake.mean()),
            "d_std": float(torch.cat([on_real, on_fake]).std()), "d_slope": slope(discriminator, real[:200],
            None),
        })  # fmt: skip
        before = centre
    result: dict[str, Any] = {key: median(row[key] for row in rows) for key in rows[0]}
    result["travel"] = median(row["travel"] for row in rows[1:])
    last = ("found", "off", "d_std", "a_spread", "a_groups", "a_distance")
    result |= {f"{key}_last": rows[-1][key] for key in last}
    result["d_held"] = measure.auc(on_real, logits(discriminator, other, None, batch))
    to_train, to_held = (
        torch.cdist(measure.features(average), measure.features(x)).min(dim=1).values for x in (real, other)
    )
    result["copies"] = float((to_train < 0.5 * to_held).double().mean())
    trained = in_training_mode(generator, subject.checkpoints[-1][0])
    result["off_in_training"] = beside(yardstick, trained)["off"]
    return {key: float(f"{value:.3g}") for key, value in result.items()}


def beside(yardstick: measure.Yardstick, fake: Tensor) -> dict[str, float]:
    """Return how samples lie beside the real ones."""
    signs = yardstick.look(measure.features(fake))
    assert signs is not None
    return {
        "spread": signs.spread,
        "groups": signs.groups,
        "off": signs.off,
        "told": signs.told_apart,
        "distance": signs.distance,
    }


def found_and_near(fake: Tensor, real: Tensor, other: Tensor, truth: Any) -> dict[str, float]:
    """Return which part of the data is found, and which part of the samples is near the data.

    Of a mixture: the modes that get a quarter of their share, and the samples within six sigma. Of other
    data: recall and precision, as parts of those of held-out samples.
    """
    if isinstance(truth, points.Mixture) and len(truth.modes) > 1:
        hit = metrics.mode_coverage(fake, truth.modes, truth.sigma.mean().item(), num_sigmas=6.0)
        enough = sum(count >= 0.25 * len(fake) / len(truth.modes) for count in hit.counts)
        return {"found": enough / len(truth.modes), "near": hit.high_quality_share}
    x, y, z = (measure.features(samples) for samples in (real, fake, other))
    if y.std(dim=0).max() < 1e-6:
        return {"found": 0.0, "near": 0.0}
    n = min(len(x), len(y), len(z), 500)
    best = metrics.precision_recall(x[:n], z[:n], k=min(5, n - 1))
    here = metrics.precision_recall(x[:n], y[:n], k=min(5, n - 1))
    return {
        "found": min(1.0, here.recall / max(best.recall, 0.05)),
        "near": min(1.0, here.precision / max(best.precision, 0.05)),
    }


def in_training_mode(generator: Any, folder: Path) -> Tensor:
    """Return samples of the generator in training mode."""
    load_weights(generator, folder, "generator")
    z = torch.randn(1024, generator.latent_dim, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        fake = torch.cat([generator.train()(part) for part in z.split(64)])
    generator.eval()
    return fake


def label(run: dict[str, Any]) -> list[str]:
    """Return what a run suffers from, by its outcome.

    ["healthy"], ["unclear"], or its disorders, each of which is a right first finding.
    """
    o = run["outcome"]
    if o.get("infinite") or run["evidence"].get("diverged"):
        return ["divergence"]
    if run["data"].startswith(
        ("digits", "glyphs")
    ):  # by the average: the raw generator of images is never still
        bad = o["a_groups_last"] < 0.6 or o["a_spread_last"] < 0.6 or o["a_distance_last"] > 2.0
        good = o["a_groups_last"] > 0.8 and o["a_spread_last"] > 0.75 and o["a_distance_last"] < 1.8
    else:
        bad = o["found"] < 0.6 or o["near"] < 0.4
        good = o["found"] >= 0.8 and o["near"] >= 0.5 and o["travel"] < 0.2
    won = o["d_auc"] >= 0.995 and o["d_gap"] > 4
    wrong = (
        o["d_auc"] < 0.5 and o["d_gap"] < 0 and o["d_std"] > 1
    )  # D calls samples real, and G runs away from it
    if bad and (o["d_std_last"] > (1000 if won else 50) or (o["spread"] > 10 and not wrong)):
        return ["divergence"]
    elsewhere = abs(o["off_in_training"] / max(o["off_last"], 1e-6) - 1) > 0.1  # the samples of training mode
    if run["case"] == "frozen BatchNorm" and bad and elsewhere:
        return ["batchnorm"]  # before `won`: D is asked about samples of eval mode, which it never met
    memory = [
        name
        for name, there in (("g-memorises", o["copies"] > 0.5), ("d-memorises", o["d_held"] > 0.75))
        if there
    ]
    if memory:
        return memory
    if bad:
        return sick(o, run, won, wrong)
    return ["healthy"] if good else ["unclear"]


def sick(o: dict[str, float], run: dict[str, Any], won: bool, wrong: bool) -> list[str]:
    """Return the disorders of a run whose samples are bad."""
    settings = run["evidence"].get("settings", {})
    if won:
        return ["d-has-won"]
    if settings.get("gradient_penalty") and o["d_slope"] > 3:
        return ["penalty-scale"]
    if o["d_std"] < 0.02 or wrong:
        penalised = any(settings.get(key) for key in ("r1", "r2", "gradient_penalty"))
        return ["penalty-scale"] if penalised else ["d-is-blind"]
    unseen = (
        ["d-is-blind"] if o["d_auc"] < 0.65 and o["d_std"] < 0.1 else []
    )  # it hardly sees, or lags behind
    if o["travel"] < 0.04:
        return [*unseen, "collapse"]
    k = len(run["evidence"]["snapshots"][-1]["raw"]["shares"])
    variety = (o["groups"] * k - 1) / (k - 1)  # 0: one group
    narrow = variety < 0.4 or o["spread"] < 0.5
    wide = variety > 0.25 and o["spread"] > 0.45
    moving = ["rotating-collapse"] * narrow + ["oscillation"] * wide
    return [*unseen, *moving, *(["collapse"] if o["travel"] < 0.12 else [])]


# ------------------------------------------------------------------------------------------- the laboratory


def make_run(case: dict[str, Any], data_name: str, seed: int, folder: Path) -> dict[str, Any]:
    """Train a run, look at it as the doctor does, and measure what came out."""
    started = time.process_time()
    data, held_out = train_run(case, data_name, seed, folder)
    subject = open_subject(folder)
    measured = outcome(subject, data, held_out)
    every = subject.checkpoints
    subject.checkpoints = [every[-4], every[-1]] if len(every) > 4 else every[-1:]
    evidence = gather(subject, data, held_out).to_json()
    keys = ("loss", "r1", "r2", "gradient_penalty", "steps")
    evidence["settings"] = {
        key: value for key, value in evidence["settings"].items() if key in keys and value
    }
    return {
        "case": case["name"], "data": data_name, "seed": seed, "outcome": measured, "evidence": evidence,
        "seconds": round(time.process_time() - started, 1),
    }  # fmt: skip


def runs_to_make() -> list[tuple[dict[str, Any], str, int]]:
    """Return all runs: one seed after the other, so that the first third has every case."""
    seeds = [seed for group in SETTINGS["seeds"].values() for seed in group]
    return [(case, data, seed) for seed in seeds for case in CASES for data in case["data"]]


def fill(path: Path, part: tuple[int, int] = (0, 1), progress: bool = True) -> list[dict[str, Any]]:
    """Make the runs that are not among the lines of a file, adding each as it is made; return all."""
    torch.set_num_threads(1)  # for networks this small, more threads cost time
    path.parent.mkdir(parents=True, exist_ok=True)
    there = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    known = {(run["case"], run["data"], run["seed"]): run for run in there}
    for case, data, seed in tqdm(runs_to_make()[part[0] :: part[1]], disable=not progress):
        if (case["name"], data, seed) not in known:
            with tempfile.TemporaryDirectory() as folder:
                run = make_run(case, data, seed, Path(folder) / "run")
            known[case["name"], data, seed] = run
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(run) + "\n")
    wanted = [(case["name"], data, seed) for case, data, seed in runs_to_make()]
    return [known[key] for key in wanted if key in known]


def show(runs: list[dict[str, Any]]) -> None:
    """Print both halves' matrices, and the runs that were judged wrongly."""
    for half, seeds in SETTINGS["seeds"].items():
        chosen = [run for run in runs if run["seed"] in seeds]
        result = confusion(chosen)
        print(
            f"\n{half}: {result.sick_right} of {result.sick} sick runs judged rightly, {result.alarms} "
            f"alarms in {result.healthy} healthy ones; {result.unclear} unclear"
        )
        for row, found in sorted(result.rows.items()):
            print(f"  {row:18} {found}")
        for run in chosen:
            first = first_finding(run["evidence"])
            if first not in run["labels"] and run["labels"] != ["unclear"]:
                print(f"  {run['case']} on {run['data']}, seed {run['seed']}: {run['labels']}, found {first}")


def main() -> None:
    """Make what is missing, and write the record; or judge the record."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.doctor_lab", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--out", type=Path, default=RECORD, help="file of the record")
    parser.add_argument("--lines", type=Path, default=LINES, help="file of the runs as they are made")
    parser.add_argument("--judge", action="store_true", help="train nothing; judge what there is")
    parser.add_argument(
        "--part",
        type=int,
        nargs=2,
        default=(0, 1),
        metavar=("I", "N"),
        help="every N-th run from run I on only",
    )
    parser.add_argument(
        "--incomplete", action="store_true", help="make nothing; record the runs that there are"
    )
    options = parser.parse_args()
    if options.judge:
        record = json.loads(options.out.read_text(encoding="utf-8"))
        show(unpack(record["table"]))
        return
    runs = fill(options.lines, (len(runs_to_make()), 1) if options.incomplete else tuple(options.part))
    if len(runs) < len(runs_to_make()) and not options.incomplete:
        return  # others make the rest
    record = {
        "command": "python -m experiments.doctor_lab", "settings": SETTINGS, "made_with": describe(),
        "seconds": round(sum(run["seconds"] for run in runs), 1),
        "table": pack([{**run, "labels": label(run)} for run in runs]),
    }  # fmt: skip
    write_text(options.out, json.dumps(record, separators=(",", ":")) + "\n")
    show(unpack(record["table"]))


if __name__ == "__main__":
    main()
