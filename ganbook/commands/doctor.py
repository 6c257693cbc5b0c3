"""`ganbook doctor`."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from pathlib import Path

from ganbook.commands.arguments import Commands


def add(commands: Commands) -> None:
    """Describe the command."""
    doctor = commands.add_parser(
        "doctor",
        help="say what a run suffers from, with evidence and advice",
        description="Examine a run: its log, its last checkpoints, samples of them beside the data. "
        "Says what is wrong, with the numbers that show it, what would confirm it, and what to do.",
        epilog="Exit code: 0 where no disorder was found (there may be warnings), 1 where one was, 2 where "
        "there is nothing to look at.",
    )
    doctor.set_defaults(run=run)
    doctor.add_argument("folder", metavar="RUN", type=Path, help="a run folder, or a checkpoint in it")
    doctor.add_argument(
        "--confirm", action="store_true", help="make the confirming test of what was found (some seconds)"
    )
    doctor.add_argument("--json", action="store_true", help="print JSON instead of text")
    doctor.add_argument(
        "--data-dir", metavar="DIR", help="folder of the data (default: as in training, or $GANBOOK_DATA)"
    )


def run(args: argparse.Namespace) -> int:
    """Examine the run, and print the report; 1 if a disorder was found."""
    from ganbook.diagnostics import doctor

    with contextlib.redirect_stdout(sys.stderr):  # notices must not come between the lines of JSON
        report = doctor(args.folder, data_dir=args.data_dir, confirm=args.confirm, progress=True)
    print(json.dumps(report.to_json(), indent=1) if args.json else report)
    return 0 if report.ok else 1
