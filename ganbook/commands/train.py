"""`ganbook train`."""

from __future__ import annotations

import argparse
import shlex
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganbook.commands.arguments import Commands, count, positive, seed
from ganbook.errors import UserError

if TYPE_CHECKING:
    from ganbook.recipes import Experiment


def add(commands: Commands) -> None:
    """Describe the command."""
    train = commands.add_parser(
        "train",
        help="train a recipe (with no argument: faces in about a minute, no network)",
        description="Train a recipe. With no argument: a DCGAN on drawn portraits, with no network.",
    )
    train.set_defaults(run=run)
    train.add_argument(
        "recipe", metavar="RECIPE", nargs="?", help="a name from `ganbook recipes`, or a .toml file"
    )
    train.add_argument("--dataset", metavar="NAME", help="a name from `ganbook datasets`")
    train.add_argument("--data-dir", metavar="DIR", help="folder of the data (default: $GANBOOK_DATA)")
    length = train.add_mutually_exclusive_group()
    length.add_argument("--steps", metavar="N", type=count, help="train up to step N")
    length.add_argument("--seconds", metavar="S", type=positive, help="train for S seconds")
    train.add_argument("--out", metavar="RUN", type=Path, help="run folder (default: a new one under runs/)")
    train.add_argument("--seed", metavar="N", type=seed, help="seed of weights, latents and data order")
    train.add_argument("--device", choices=["auto", "cpu", "cuda", "mps"])
    train.add_argument("--precision", choices=["auto", "fp32", "bf16"])
    train.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        dest="changes",
        help="change a key of the recipe, e.g. --set batch_size=128 --set model.width=64",
    )
    train.add_argument(
        "--resume", action="store_true", help="go on with the run in --out (default: the newest under runs/)"
    )
    train.add_argument(
        "--override", action="store_true", help="with --resume: go on although settings have changed"
    )


def run(args: argparse.Namespace) -> None:
    """Train, and say what was done."""
    from ganbook import recipes

    if args.override and not args.resume:
        raise UserError("--override: it goes with --resume")
    changes = changes_in(args)
    if args.resume:
        experiment = recipes.resume(
            args.out, recipe=args.recipe, changes=changes, seconds=args.seconds, override=args.override,
            announce=announce,
        )  # fmt: skip
    else:
        experiment = recipes.start(
            args.recipe or recipes.DEFAULT, args.out, changes=changes, seconds=args.seconds, announce=announce
        )
    if experiment.trainer.processes.is_main:
        report(experiment, args.seconds)


def announce(experiment: Experiment) -> None:
    """Say what is going to be trained, on what."""
    trainer, engine = experiment.trainer, experiment.trainer.engine
    size = trainer.processes.size
    many = f", in {size} processes" if size > 1 else ""
    print(
        f"Recipe {experiment.recipe.name}: {trainer.data!r}\nTraining on {engine.device.type} in "
        f"{engine.precision}{many}; the run is {experiment.out}",
        flush=True,
    )


def report(experiment: Experiment, seconds: float | None) -> None:
    """Say what was done, where the samples are, and how to see more."""
    trainer, out, summary = experiment.trainer, experiment.out, experiment.summary()
    again = experiment.command_to_resume(seconds)
    rate = trainer.step * trainer.config.batch_size / max(trainer.seconds, 1e-9)
    done = f"{trainer.step:,} steps in {trainer.seconds:.0f} s ({rate:,.0f} images/s)"
    if trainer.interrupted:
        print(f"Stopped after {done}. Everything so far is kept.")
        print(f"  resume:   {again}")
    else:
        print(f"Done: {done}.")
    print(f"  samples:  {out / summary['samples']}  (before training: step-00000000.png)")
    print(f"  more:     ganbook sample {shlex.quote(str(out))} --num 100 --seed 1")
    if not trainer.interrupted:
        print(f"  go on:    {again}" + ("" if seconds else f" --steps {2 * trainer.step}"))


def changes_in(args: argparse.Namespace) -> dict[str, Any]:
    """Collect what the options and --set change, as "table.key" to value."""
    changes: dict[str, Any] = {}
    for item in args.changes:
        key, equals, text = item.partition("=")
        if not equals or not key:
            raise UserError(f"--set {item}: it takes KEY=VALUE, such as batch_size=128")
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text  # a bare word is a string: loss=minimax
        changes[key.strip()] = value
    options = {
        "data.name": args.dataset,
        "data.data_dir": args.data_dir,
        "train.seed": args.seed,
        "train.device": args.device,
        "train.precision": args.precision,
        "train.steps": args.steps,  # kept in recipe.toml, so that a resumed run knows where it was going
    }
    return changes | {key: value for key, value in options.items() if value is not None}
