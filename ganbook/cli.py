"""The `ganbook` command. Exit code 0 on success, 2 on bad usage or input with one clear line on stderr.

One command has a third answer: `ganbook exercises check` exits with 1 if the answer is not right yet.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import sys
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import ganbook
from ganbook.errors import ProcessError, UserError

# torch and all that needs it is imported inside the commands, so that --help and mistakes answer at once.
if TYPE_CHECKING:
    from torch import nn

    from ganbook.data import Dataset
    from ganbook.recipes import Recipe
    from ganbook.training import Trainer
    from ganbook.training.engine import Processes

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
    train.add_argument(
        "--override", action="store_true", help="with --resume: go on although settings have changed"
    )

    sample = commands.add_parser(
        "sample", help="draw samples from a run", description="Draw samples from a run."
    )
    sample.set_defaults(run=sample_command)
    sample.add_argument("folder", metavar="RUN", type=Path, help="a run folder, or a checkpoint in it")
    sample.add_argument("--num", metavar="N", type=_whole(1), default=64, help="how many (default: 64)")
    sample.add_argument("--seed", metavar="N", type=_whole(0), default=0, help="seed (default: 0)")
    sample.add_argument(
        "--label", metavar="CLASS", help="for a conditional run: one class, by number or name (default: all)"
    )
    sample.add_argument(
        "--out", metavar="PNG", type=Path, help="the picture (default: RUN/grid-NUM-SEED.png)"
    )

    evaluate = commands.add_parser(
        "evaluate",
        help="score runs: FID, KID, precision and recall, ...",
        description="Score runs of one data set: samples of the averaged generator against real samples.",
    )
    evaluate.set_defaults(run=evaluate_command)
    evaluate.add_argument(
        "folders", metavar="RUN", nargs="+", type=Path, help="a run folder, or a checkpoint in it"
    )
    evaluate.add_argument(
        "--metrics", metavar="NAMES",
        help="of fid, kid, is, pr, dc, modes, memorisation, with commas between "
        "(default: fid,kid,is,pr; for points with known modes: modes)",
    )  # fmt: skip
    evaluate.add_argument(
        "--num", metavar="N", type=_whole(1), default=10_000, help="samples of each run (default: 10000)"
    )
    evaluate.add_argument("--seed", metavar="N", type=_whole(0), default=0, help="seed (default: 0)")
    evaluate.add_argument("--json", action="store_true", help="print JSON instead of a table")
    evaluate.add_argument(
        "--data-dir", metavar="DIR", help="folder of the data (default: as in training, or $GANBOOK_DATA)"
    )
    evaluate.add_argument(
        "--extractor", metavar="NAME", default="auto",
        help="auto, classifier (trained on the data's labels) or inception (default: auto)",
    )  # fmt: skip

    recipes = commands.add_parser("recipes", help="list the recipes", description="List the recipes.")
    recipes.set_defaults(run=recipes_command)

    datasets = commands.add_parser(
        "datasets", help="list the data sets, and where they are", description="List the data sets."
    )
    datasets.set_defaults(run=datasets_command)
    datasets.add_argument("--data-dir", metavar="DIR", help="folder to look into (default: $GANBOOK_DATA)")

    exercises = commands.add_parser(
        "exercises", help="exercises that answer back", description="Exercises that answer back."
    )
    _add_exercise_commands(exercises.add_subparsers(dest="action", metavar="ACTION", required=True))
    return parser


def _add_exercise_commands(actions: Any) -> None:
    def add(name: str, run: Callable[[argparse.Namespace], Any], about: str, more: str = "") -> Any:
        made = actions.add_parser(name, help=about, description=f"{about[0].upper()}{about[1:]}. {more}")
        made.set_defaults(run=run)
        return made

    listing = add("list", exercises_list, "list the exercises: chapter, kind, difficulty, done or not")
    listing.add_argument("--chapter", metavar="NAME", help="one chapter only")
    start = add(
        "start", exercises_start, "write a notebook or a script to work in; a file that is there stays"
    )
    start.add_argument("name", metavar="NAME", help="a name from `ganbook exercises list`")
    start.add_argument(
        "folder", metavar="DIR", nargs="?", type=Path, default=Path(), help="where to (default: here)"
    )
    start.add_argument("--script", action="store_true", help="a Python script in place of a notebook")
    check = add(
        "check", exercises_check, "run and grade a file, without a network",
        "Exit code 0: right; 1: not right yet, or not answered; 2: the file cannot be graded at all.",
    )  # fmt: skip
    check.add_argument(
        "file", metavar="FILE", type=Path, help="a script or a notebook with an exercise in it"
    )
    check.add_argument(
        "--seconds", metavar="S", type=_positive, default=120.0, help="how long it may run (default: 120)"
    )
    hint = add("hint", exercises_hint, "show a hint")
    hint.add_argument("name", metavar="NAME", help="a name from `ganbook exercises list`")
    hint.add_argument("--level", metavar="N", type=_whole(1), default=1, help="1 is a nudge (default)")
    solution = add("solution", exercises_solution, "show a solution, and why it is so")
    solution.add_argument("name", metavar="NAME", help="a name from `ganbook exercises list`")
    add("progress", exercises_progress, "show what is done, and where that is kept")
    reset = add("reset", exercises_reset, "forget all progress (your files stay)")
    reset.add_argument("--yes", action="store_true", help="do not ask")


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
    from ganbook.training.engine import Processes

    if args.override and not args.resume:
        raise UserError("--override: it goes with --resume")
    changes = _changes(args)
    device = args.device or str(changes.get("train.device", changes.get("device", "auto")))
    with Processes(device) as processes:
        begin = _resume if args.resume else _start
        trainer, recipe, out = begin(args, changes, processes)
        total = None if args.seconds else trainer.config.steps
        again = f"ganbook train --resume --out {shlex.quote(str(out))}"
        again += f" --seconds {args.seconds:g}" if args.seconds else ""
        if total is not None and total <= trainer.step:
            if processes.is_main and not (out / "summary.json").exists():  # killed just before its end
                write_summary(trainer, recipe, out)
                return report(trainer, out, again)
            raise UserError(
                f"{out}: it has done {trainer.step:,} of {total:,} steps; name a larger --steps to go on"
            )
        if processes.is_main:
            many = f", in {processes.size} processes" if processes.size > 1 else ""
            print(
                f"Recipe {recipe.name}: {trainer.data!r}\nTraining on {trainer.engine.device.type} in "
                f"{trainer.engine.precision}{many}; the run is {out}",
                flush=True,
            )
        try:
            trainer.fit(steps=None if total is None else total - trainer.step, seconds=args.seconds)
        except OSError as error:
            raise UserError(
                f"{out}: it cannot be written ({error.strerror or error}); what was saved before is kept. "
                f"Make room, then: {again}"
            ) from error
        if processes.is_main:
            write_summary(trainer, recipe, out)
            report(trainer, out, again)


def _start(
    args: argparse.Namespace, changes: dict[str, Any], processes: Processes
) -> tuple[Trainer, Recipe, Path]:
    from ganbook import recipes
    from ganbook.data import find
    from ganbook.training.trainer import check_out

    recipe = recipes.load(args.recipe or recipes.DEFAULT).replace(changes)
    recipe = recipe.replace({"data.name": find(recipe.data["name"]).name})  # to be found again from anywhere
    out = processes.from_main(args.out or _new_run(recipe))
    if processes.is_main:
        check_out(out)
    trainer = recipe.trainer(_load_data(recipe, processes), out)
    _write_recipe(trainer, recipe, out)
    return trainer, recipe, out


def _load_data(recipe: Recipe, processes: Processes) -> Dataset:
    from ganbook.data import load_dataset

    with processes.main_first():  # it downloads or decodes; the others find the result
        return load_dataset(**recipe.data)


def _write_recipe(trainer: Trainer, recipe: Recipe, out: Path) -> None:
    from ganbook import recipes
    from ganbook.training.checkpoint import write_file

    if not trainer.processes.is_main:
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_file(out / "recipe.toml", recipe.dumps(recipes.made_with(trainer)))
    except OSError as error:
        raise UserError(
            f"--out {out}: it cannot be written ({error.strerror}); name another folder"
        ) from error


def _resume(
    args: argparse.Namespace, changes: dict[str, Any], processes: Processes
) -> tuple[Trainer, Recipe, Path]:
    from ganbook import recipes
    from ganbook.training import Trainer, checkpoint

    out = args.out or processes.from_main(_newest_run())
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
    data = _load_data(recipe, processes)
    if checkpoint.found(out):
        trainer = Trainer.load(out, data=data, config=recipe.config(), override=args.override)
    else:  # it was killed before its very first checkpoint, so there is nothing to lose
        (out / "metrics.jsonl").unlink(missing_ok=True)
        trainer = recipe.trainer(data, None)
        trainer.out = out
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
    print(f"  more:     ganbook sample {shlex.quote(str(out))} --num 100 --seed 1")
    if not trainer.interrupted:
        print(f"  go on:    {again}" + ("" if "--seconds" in again else f" --steps {2 * trainer.step}"))


def sample_command(args: argparse.Namespace) -> None:
    """`ganbook sample`."""
    from ganbook.data.datasets import KINDS, kind_of
    from ganbook.training import load_generator, sample_generator
    from ganbook.training.sampling import class_columns

    if args.out is not None and args.out.suffix.lower() != ".png":
        raise UserError(f"--out {args.out}: it takes a file name that ends in .png")
    generator, state = load_generator(args.folder)
    label = None if args.label is None else _label(args.label, generator, state)
    samples = sample_generator(generator, generator.latent_dim, args.num, args.seed, labels=label)  # type: ignore[arg-type]
    out = args.out or args.folder / f"grid-{args.num}-{args.seed}.png"
    try:
        by_class = class_columns(getattr(generator, "num_classes", 0)) if label is None else None
        kind = KINDS[kind_of(samples.shape[1:])]
        kind.save_samples(samples, out, columns=by_class)
    except OSError as error:
        raise UserError(f"--out {out}: it cannot be written ({error.strerror or error})") from error
    print(f"{args.num} samples of step {state['step']:,} (seed {args.seed}): {out}")


def _label(text: str, generator: nn.Module, state: dict[str, Any]) -> int:
    """Return the class that --label names, by its number or its name."""
    num_classes = getattr(generator, "num_classes", 0)
    if not num_classes:
        raise UserError(f"--label {text}: this run is not conditional; it makes samples without labels")
    names = list(state["data"].get("class_names", []))
    if text in names:
        return names.index(text)
    if text.isdecimal() and int(text) < num_classes:
        return int(text)
    known = f", or one of {', '.join(names)}" if names else ""
    raise UserError(f"--label {text}: it takes a number from 0 to {num_classes - 1}{known}")


def evaluate_command(args: argparse.Namespace) -> None:
    """`ganbook evaluate`."""
    from ganbook.evaluation import evaluate

    metrics = None
    if args.metrics is not None:
        metrics = [name.strip() for name in args.metrics.split(",") if name.strip()]
        if not metrics:
            raise UserError(f"--metrics {args.metrics!r}: it takes names with commas between, such as fid,pr")
    with contextlib.redirect_stdout(sys.stderr):  # notices must not come between the lines of JSON
        evaluation = evaluate(
            args.folders, metrics, num=args.num, seed=args.seed, data_dir=args.data_dir,
            extractor=args.extractor,
        )  # fmt: skip
    print(json.dumps(evaluation.to_json(), indent=1) if args.json else evaluation)


def recipes_command(args: argparse.Namespace) -> None:
    """`ganbook recipes`."""
    from ganbook import recipes

    measured = recipes.measured()
    for name in recipes.names():
        recipe = recipes.load(name)
        config = recipe.config()
        print(f"{name:12}  {recipe.about}")
        print(
            f"{'':12}  {recipe.data['name']}, {recipe.model['family']}, {config.loss} loss, "
            f"{config.steps:,} steps of {config.batch_size}"
        )
        if name in measured:
            found = measured[name]
            wanted = ("FID", "modes", "high-quality")
            scores = "; ".join(f"{k} = {v:.3g}" for k, v in found["scores"].items() if k.startswith(wanted))
            length = f"the first {found['steps']:,} steps " if found["limited"] else ""
            cores = found["machine"]["cores"]
            print(f"{'':12}  measured on {cores} cores: {length}{found['seconds']} s, {scores}")


def datasets_command(args: argparse.Namespace) -> None:
    """`ganbook datasets`."""
    from ganbook.data import SOURCES, whereabouts
    from ganbook.data.sources import cache
    from ganbook.support.files import cache_dir, short_path

    if args.data_dir is not None and not Path(args.data_dir).expanduser().is_dir():
        raise UserError(f"--data-dir {args.data_dir}: there is no such folder")
    for name, source in SOURCES.items():
        shape = "x".join(str(n) for n in source.shape)
        print(
            f"{name:13}  {whereabouts(name, args.data_dir):19}  {source.size:16}  {shape:7}  {source.about}"
        )
    print(
        f"{'folder:PATH':13}  {'your own':19}  {'any':16}  {'any':7}  any folder of images; sub-folders are "
        "classes, or train and test"
    )
    sizes = [size for _, size in cache.entries()]
    print(
        f"\nDecoded images are kept in {short_path(cache_dir())} ({len(sizes)} sets, "
        f"{sum(sizes) / 2**20:,.0f} MiB); it may be deleted at any time."
    )


def exercises_list(args: argparse.Namespace) -> None:
    """`ganbook exercises list`."""
    from ganbook import exercises

    done = exercises.progress.done()
    chosen = [exercises.get(name) for name in exercises.names(args.chapter)]
    for exercise in chosen:
        print(
            f"{'done' if exercise.name in done else '-':4}  {exercise.chapter:14}  {exercise.kind:7}  "
            f"{'*' * exercise.difficulty:3}  {exercise.name:30}  {exercise.title}"
        )
    num = sum(exercise.name in done for exercise in chosen)
    print(f"\n{num} of {len(chosen)} done. * takes a few minutes, *** a new thought.")
    print("To begin: ganbook exercises start NAME")


def exercises_start(args: argparse.Namespace) -> None:
    """`ganbook exercises start`."""
    from ganbook import exercises
    from ganbook.exercises import sheets

    path = sheets.start(exercises.get(args.name), args.folder, args.script)
    print(f"wrote {path}\nto have it graded: {_command('check', path)}")


def exercises_check(args: argparse.Namespace) -> int:
    """`ganbook exercises check`."""
    from ganbook.exercises import progress
    from ganbook.exercises.grading import files

    graded = files.grade_file(args.file, args.seconds)
    for result in graded.results:
        print(result)
        problem = progress.record(result.name) if result else ""
        if problem:
            print(f"  note: {problem}")
    if graded.problem:
        print(f"x {args.file}: {graded.problem}")
    return int(bool(graded.problem) or not all(graded.results))


def exercises_hint(args: argparse.Namespace) -> None:
    """`ganbook exercises hint`."""
    from ganbook import exercises

    print(exercises.hint(args.name, args.level))


def exercises_solution(args: argparse.Namespace) -> None:
    """`ganbook exercises solution`."""
    from ganbook import exercises

    print(exercises.solution(args.name))


def exercises_progress(args: argparse.Namespace) -> None:
    """`ganbook exercises progress`."""
    from ganbook import exercises
    from ganbook.support.files import short_path

    done = exercises.progress.done()
    for chapter in exercises.CHAPTERS:
        names = exercises.names(chapter)
        right = [name for name in names if name in done]
        print(f"{chapter:14}  {len(right):2} of {len(names):2}  {', '.join(right)}")
    print(f"\nkept in {short_path(exercises.progress.path())}; to forget it: ganbook exercises reset")


def exercises_reset(args: argparse.Namespace) -> None:
    """`ganbook exercises reset`."""
    from ganbook.exercises import progress

    if not args.yes:
        if not sys.stdin.isatty():
            raise UserError("reset: forget all progress? To say so: ganbook exercises reset --yes")
        if input("Forget all progress? Your files stay. [y/N] ").strip().lower() not in ("y", "yes"):
            print("nothing was changed")
            return
    print(f"forgot the progress of {progress.reset()} exercises")


# -------------------------------------------------------------------------------------------- helpers


def _command(action: str, path: Path) -> str:
    return shlex.join(["ganbook", "exercises", action, str(path)])


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
    from ganbook.data import find

    data = find(recipe.data["name"]).short_name
    stem = recipe.name if data in recipe.name else f"{recipe.name}-{data}"
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
        The exit code: 0, or 2 for bad usage or bad input, or 130 after Ctrl-C outside training; and 1 where
        `ganbook exercises check` found an answer that is not right yet.
    """
    args = build_parser().parse_args(argv)
    try:
        return int(args.run(args) or 0)
    except UserError as error:
        # Of several processes only one complains; but all may tell that another has died.
        if os.environ.get("RANK", "0") == "0" or isinstance(error, ProcessError):
            print(f"ganbook {args.command}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `ganbook recipes | head`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"ganbook {args.command}: {where}{error.strerror or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"ganbook {args.command}: interrupted", file=sys.stderr)
        return 130
