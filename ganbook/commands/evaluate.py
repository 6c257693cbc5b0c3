"""`ganbook evaluate`."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from pathlib import Path

from ganbook.commands.arguments import Commands, count, seed
from ganbook.errors import UserError


def add(commands: Commands) -> None:
    """Describe the command."""
    evaluate = commands.add_parser(
        "evaluate",
        help="score runs: FID, KID, precision and recall, ...",
        description="Score runs of one data set: samples of the averaged generator against real samples.",
    )
    evaluate.set_defaults(run=run)
    evaluate.add_argument(
        "folders", metavar="RUN", nargs="+", type=Path, help="a run folder, or a checkpoint in it"
    )
    evaluate.add_argument(
        "--metrics", metavar="NAMES",
        help="of fid, kid, is, pr, dc, modes, memorisation, with commas between "
        "(default: fid,kid,is,pr; for points with known modes: modes)",
    )  # fmt: skip
    evaluate.add_argument(
        "--num", metavar="N", type=count, default=10_000, help="samples of each run (default: 10000)"
    )
    evaluate.add_argument("--seed", metavar="N", type=seed, default=0, help="seed (default: 0)")
    evaluate.add_argument("--json", action="store_true", help="print JSON instead of a table")
    evaluate.add_argument(
        "--data-dir", metavar="DIR", help="folder of the data (default: as in training, or $GANBOOK_DATA)"
    )
    evaluate.add_argument(
        "--extractor", metavar="NAME", default="auto",
        help="auto, classifier (trained on the data's labels), reader (on their attributes) or inception "
        "(default: auto)",
    )  # fmt: skip


def run(args: argparse.Namespace) -> None:
    """Score the runs, and print a table or JSON."""
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
