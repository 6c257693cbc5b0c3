"""`ganbook sample`."""

from __future__ import annotations

import argparse
from pathlib import Path

from ganbook.commands.arguments import Commands, few, seed


def add(commands: Commands) -> None:
    """Describe the command."""
    sample = commands.add_parser(
        "sample", help="draw samples from a run", description="Draw samples from a run."
    )
    sample.set_defaults(run=run)
    sample.add_argument("folder", metavar="RUN", type=Path, help="a run folder, or a checkpoint in it")
    sample.add_argument("--num", metavar="N", type=few, default=64, help="how many (default: 64)")
    sample.add_argument("--seed", metavar="N", type=seed, default=0, help="seed (default: 0)")
    sample.add_argument(
        "--label", metavar="CLASS", help="for a conditional run: one class, by number or name (default: all)"
    )
    sample.add_argument(
        "--out",
        metavar="PNG",
        type=Path,
        help="the picture (default: grid-NUM-SEED.png in the run folder, with the step if one was named)",
    )


def run(args: argparse.Namespace) -> None:
    """Draw samples, and say where they are."""
    from ganbook.errors import UserError
    from ganbook.runs import Run

    if args.out is not None and args.out.suffix.lower() != ".png":  # said before anything is loaded
        raise UserError(f"--out {args.out}: it takes a file name that ends in .png")
    opened = Run.open(args.folder)
    label = None if args.label is None else opened.label(args.label)
    path = opened.save_samples(args.out, args.num, args.seed, label)
    print(f"{args.num} samples of step {opened.step:,} (seed {args.seed}): {path}")
