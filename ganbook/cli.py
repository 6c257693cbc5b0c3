"""The `ganbook` command. Exit code 0 on success, 2 on bad usage or input with one clear line on stderr."""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import ganbook
from ganbook.errors import UserError

# torch and all that needs it is imported inside the commands, so that --help and mistakes answer at once.
if TYPE_CHECKING:
    from ganbook.recipes import Recipe
    from ganbook.training import Trainer

RUNS = Path("runs")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = _Parser(prog="ganbook", description="Train and look at generative adversarial networks.")
    parser.add_argument("--version", action="version", version=f"ganbook {ganbook.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    train = commands.add_parser(
        "train",
        help="train a recipe (with no argument: embedded data, no network, a minute or two)",
        description="Train a recipe. With no argument: a DCGAN on embedded real digits, with no network.",
    )
    train.set_defaults(run=train_command)
    train.add_argument(
        "recipe", metavar="RECIPE", nargs="?", help="a name from `ganbook recipes`, or a .toml file"
    )
    train.add_argument("--dataset", metavar="NAME", help="a name from `ganbook datasets`")
    train.add_argument("--data-dir", metavar="DIR", help="folder of the data (default: $GANBOOK_DATA)")
    length = train.add_mutually_exclusive_group()
    length.add_argument("--steps", metavar="N", type=_whole(1), help="train up to step N")
    length.add_argument("--seconds", metavar="S", type=_positive, help="train for S seconds")
    train.add_argument("--out", metavar="RUN", type=Path, help="run folder (default: a new one under runs/)")
    train.add_argument("--seed", metavar="N", type=_whole(0), help="seed of weights, latents and data order")
    train.add_argument("--device", choices=["auto", "cpu", "cuda", "mps"])
    train.add_argument("--precision", choices=["auto", "fp32", "bf16"])
    train.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], dest="changes",
        help="change a key of the recipe, e.g. --set batch_size=128 --set model.width=64",
    )  # fmt: skip
    train.add_argument(
        "--resume", action="store_true", help="go on with the run in --out (default: the newest under runs/)"
    )

    sample = commands.add_parser(
        "sample", help="draw samples from a run", description="Draw samples from a run."
    )
    sample.set_defaults(run=sample_command)
    sample.add_argument("folder", metavar="RUN", type=Path, help="a run folder, or a checkpoint in it")
    sample.add_argument("--num", metavar="N", type=_whole(1), default=64, help="how many (default: 64)")
    sample.add_argument("--seed", metavar="N", type=_whole(0), default=0, help="seed (default: 0)")
    sample.add_argument(
        "--out", metavar="PNG", type=Path, help="the picture (default: RUN/grid-NUM-SEED.png)"
    )

    recipes = commands.add_parser("recipes", help="list the recipes", description="List the recipes.")
    recipes.set_defaults(run=recipes_command)

    datasets = commands.add_parser(
        "datasets", help="list the data sets, and where they are", description="List the data sets."
    )
    datasets.set_defaults(run=datasets_command)
    datasets.add_argument("--data-dir", metavar="DIR", help="folder to look into (default: $GANBOOK_DATA)")
    return parser


def _whole(least: int) -> Any:
    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {least}")
        return value

    return parse


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


# ------------------------------------------------------------------------------------------- commands


def train_command(args: argparse.Namespace) -> None:
    """`ganbook train`."""
    changes = _changes(args)
    trainer, recipe, out = _resume(args, changes) if args.resume else _start(args, changes)
    total = None if args.seconds else trainer.config.steps
    again = f"ganbook train --resume --out {out}" + (f" --seconds {args.seconds:g}" if args.seconds else "")
    if total is not None and total <= trainer.step:
        raise UserError(
            f"{out}: it has done {trainer.step:,} of {total:,} steps; name a larger --steps to go on"
        )
    print(
        f"Recipe {recipe.name}: {trainer.data!r}\nTraining on {trainer.engine.device.type} in "
        f"{trainer.engine.precision}; the run is {out}",
        flush=True,
    )
    try:
        trainer.fit(steps=None if total is None else total - trainer.step, seconds=args.seconds)
    except OSError as error:
        raise UserError(
            f"{out}: it cannot be written ({error.strerror or error}); what was saved before is kept. "
            f"Make room, then: {again}"
        ) from error
    write_summary(trainer, recipe, out)
    report(trainer, out, again)


def _start(args: argparse.Namespace, changes: dict[str, Any]) -> tuple[Trainer, Recipe, Path]:
    from ganbook import recipes
    from ganbook.data import load_dataset
    from ganbook.training.trainer import check_out

    recipe = recipes.load(args.recipe or recipes.DEFAULT).replace(changes)
    out = args.out or _new_run(recipe)
    check_out(out)
    data = load_dataset(**recipe.data)
    trainer = recipe.trainer(data, out)
    _write_recipe(trainer, recipe, out)
    return trainer, recipe, out


def _write_recipe(trainer: Trainer, recipe: Recipe, out: Path) -> None:
    from ganbook import recipes
    from ganbook.training.checkpoint import write_file

    try:
        out.mkdir(parents=True, exist_ok=True)
        write_file(out / "recipe.toml", recipe.dumps(recipes.made_with(trainer)))
    except OSError as error:
        raise UserError(
            f"--out {out}: it cannot be written ({error.strerror}); name another folder"
        ) from error


def _resume(args: argparse.Namespace, changes: dict[str, Any]) -> tuple[Trainer, Recipe, Path]:
    from ganbook import recipes
    from ganbook.data import load_dataset
    from ganbook.training import Trainer

    out = args.out or _newest_run()
    if not (out / "recipe.toml").is_file():
        raise UserError(f"--resume: {out} holds no run (no recipe.toml); name its folder with --out")
    saved = recipes.load(str(out / "recipe.toml"))
    if args.recipe not in (None, saved.name):
        raise UserError(f"--resume: {out} is a run of the recipe {saved.name!r}, not {args.recipe!r}")
    recipe = saved.replace(changes)
    moved = {"data_dir"}  # the files may have moved; what was learned from may not have changed
    different = [
        f"{table}.{key} {old.get(key)!r} -> {new.get(key)!r}"
        for table, old, new in (("data", saved.data, recipe.data), ("model", saved.model, recipe.model))
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key) and key not in moved
    ]
    if different:
        raise UserError(
            f"--resume: with other settings it would be another run ({'; '.join(different)}); "
            "leave them as they were, or start a new run"
        )
    data = load_dataset(**recipe.data)
    trainer = Trainer.load(out, data=data, config=recipe.config())
    _write_recipe(trainer, recipe, out)
    return trainer, recipe, out


def write_summary(trainer: Trainer, recipe: Recipe, out: Path) -> None:
    """Write summary.json, the short record of a run that has ended."""
    from ganbook import recipes
    from ganbook.training.checkpoint import write_file

    last = trainer.records[-1] if trainer.records else {}
    summary = {
        "recipe": recipe.name,
        "data": repr(trainer.data),
        "steps": trainer.step,
        "seconds": round(trainer.seconds, 2),
        "images_per_second": round(trainer.step * trainer.config.batch_size / max(trainer.seconds, 1e-9), 1),
        "interrupted": trainer.interrupted,
        "last": last,
        "samples": f"samples/step-{trainer.step:08d}.png",
        "checkpoint": f"checkpoints/step-{trainer.step:08d}",
        "made_with": recipes.made_with(trainer),
    }
    write_file(out / "summary.json", json.dumps(summary, indent=1) + "\n")


def report(trainer: Trainer, out: Path, again: str) -> None:
    """Say what was done, where the samples are, and how to see more."""
    rate = trainer.step * trainer.config.batch_size / max(trainer.seconds, 1e-9)
    done = f"{trainer.step:,} steps in {trainer.seconds:.0f} s ({rate:,.0f} images/s)"
    if trainer.interrupted:
        print(f"Stopped after {done}. Everything so far is kept.")
        print(f"  resume:   {again}")
    else:
        print(f"Done: {done}.")
    grid = out / "samples" / f"step-{trainer.step:08d}.png"
    print(f"  samples:  {grid}  (before training: step-00000000.png)")
    print(f"  more:     ganbook sample {out} --num 100 --seed 1")
    if not trainer.interrupted:
        print(f"  go on:    {again}" + ("" if "--seconds" in again else f" --steps {2 * trainer.step}"))


def sample_command(args: argparse.Namespace) -> None:
    """`ganbook sample`."""
    from ganbook import plots
    from ganbook.training import load_generator, sample_generator

    if args.out is not None and args.out.suffix.lower() != ".png":
        raise UserError(f"--out {args.out}: it takes a file name that ends in .png")
    generator, state = load_generator(args.folder)
    samples = sample_generator(generator, generator.latent_dim, args.num, args.seed)  # type: ignore[arg-type]
    out = args.out or args.folder / f"grid-{args.num}-{args.seed}.png"
    try:
        plots.save_samples(samples, out)
    except OSError as error:
        raise UserError(f"--out {out}: it cannot be written ({error.strerror or error})") from error
    print(f"{args.num} samples of step {state['step']:,} (seed {args.seed}): {out}")


def recipes_command(args: argparse.Namespace) -> None:
    """`ganbook recipes`."""
    from ganbook import recipes

    for name in recipes.names():
        recipe = recipes.load(name)
        config = recipe.config()
        print(f"{name:12}  {recipe.about}")
        print(
            f"{'':12}  {recipe.data['name']}, {recipe.model['family']}, {config.loss} loss, "
            f"{config.steps:,} steps of {config.batch_size}"
        )


def datasets_command(args: argparse.Namespace) -> None:
    """`ganbook datasets`."""
    from ganbook.data import SOURCES, whereabouts

    if args.data_dir is not None and not Path(args.data_dir).expanduser().is_dir():
        raise UserError(f"--data-dir {args.data_dir}: there is no such folder")
    for name, source in SOURCES.items():
        shape = "x".join(str(n) for n in source.shape)
        print(
            f"{name:12}  {whereabouts(name, args.data_dir):19}  {source.size:16}  {shape:7}  {source.about}"
        )


# -------------------------------------------------------------------------------------------- helpers


def _changes(args: argparse.Namespace) -> dict[str, Any]:
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


def _new_run(recipe: Recipe) -> Path:
    """Name a run folder that is not there yet: runs/dcgan-digits-001, -002, ..."""
    stem = f"{recipe.name}-{recipe.data['name']}" if recipe.data["name"] not in recipe.name else recipe.name
    numbers = [int(path.name.rpartition("-")[2]) for path in RUNS.glob(f"{stem}-[0-9][0-9][0-9]")]
    return RUNS / f"{stem}-{max(numbers, default=0) + 1:03d}"


def _newest_run() -> Path:
    """Find the run under runs/ that was worked on last."""
    found = sorted(RUNS.glob("*/recipe.toml"), key=lambda path: path.parent.stat().st_mtime)
    if not found:
        raise UserError(f"--resume: there is no run under {RUNS}/; name its folder with --out")
    return found[-1].parent


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; default those of the process.

    Returns
    -------
    int
        The exit code: 0, or 2 for bad usage or bad input, or 130 after Ctrl-C outside training.
    """
    args = build_parser().parse_args(argv)
    try:
        args.run(args)
    except UserError as error:
        print(f"ganbook {args.command}: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"ganbook {args.command}: {where}{error.strerror or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"ganbook {args.command}: interrupted", file=sys.stderr)
        return 130
    return 0
