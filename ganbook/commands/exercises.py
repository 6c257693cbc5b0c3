"""`ganbook exercises ...`."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ganbook.commands.arguments import Commands, count, positive
from ganbook.errors import UserError


def add(commands: Commands) -> None:
    """Describe the command and its actions."""
    exercises = commands.add_parser(
        "exercises", help="exercises that answer back", description="Exercises that answer back."
    )
    actions = exercises.add_subparsers(dest="action", metavar="ACTION", required=True)

    def action(name: str, run: Callable[[argparse.Namespace], Any], about: str, more: str = "") -> Any:
        parser = actions.add_parser(name, help=about, description=f"{about[0].upper()}{about[1:]}. {more}")
        parser.set_defaults(run=run)
        return parser

    listing = action("list", print_list, "list the exercises: chapter, kind, difficulty, done or not")
    listing.add_argument("--chapter", metavar="NAME", help="one chapter only")
    start = action(
        "start", write_sheet, "write a notebook or a script to work in; a file that is there stays"
    )
    start.add_argument("name", metavar="NAME", help="a name from `ganbook exercises list`")
    start.add_argument(
        "folder", metavar="DIR", nargs="?", type=Path, default=Path(), help="where to (default: here)"
    )
    start.add_argument("--script", action="store_true", help="a Python script in place of a notebook")
    check = action(
        "check", grade, "run and grade a file, without a network",
        "Exit code 0: right; 1: not right yet, or not answered; 2: the file cannot be graded at all.",
    )  # fmt: skip
    check.add_argument(
        "file", metavar="FILE", type=Path, help="a script or a notebook with an exercise in it"
    )
    check.add_argument(
        "--seconds", metavar="S", type=positive, default=120.0, help="how long it may run (default: 120)"
    )
    hint = action("hint", print_hint, "show a hint")
    hint.add_argument("name", metavar="NAME", help="a name from `ganbook exercises list`")
    hint.add_argument("--level", metavar="N", type=count, default=1, help="1 is a nudge (default)")
    solution = action("solution", print_solution, "show a solution, and why it is so")
    solution.add_argument("name", metavar="NAME", help="a name from `ganbook exercises list`")
    action("progress", print_progress, "show what is done, and where that is kept")
    reset = action("reset", forget, "forget all progress (your files stay)")
    reset.add_argument("--yes", action="store_true", help="do not ask")


def print_list(args: argparse.Namespace) -> None:
    """Print the exercises: chapter, kind, difficulty, done or not."""
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


def write_sheet(args: argparse.Namespace) -> None:
    """Write a file to work in."""
    from ganbook import exercises
    from ganbook.exercises import sheets

    path = sheets.start(exercises.get(args.name), args.folder, args.script)
    print(f"wrote {path}\nto have it graded: {_command('check', path)}")


def grade(args: argparse.Namespace) -> int:
    """Run and grade a file."""
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


def print_hint(args: argparse.Namespace) -> None:
    """Print a hint."""
    from ganbook import exercises

    print(exercises.hint(args.name, args.level))


def print_solution(args: argparse.Namespace) -> None:
    """Print a solution."""
    from ganbook import exercises

    print(exercises.solution(args.name))


def print_progress(args: argparse.Namespace) -> None:
    """Print what is done."""
    from ganbook import exercises
    from ganbook.support.files import short_path

    done = exercises.progress.done()
    for chapter in exercises.CHAPTERS:
        names = exercises.names(chapter)
        right = [name for name in names if name in done]
        print(f"{chapter:14}  {len(right):2} of {len(names):2}  {', '.join(right)}")
    print(f"\nkept in {short_path(exercises.progress.path())}; to forget it: ganbook exercises reset")


def forget(args: argparse.Namespace) -> None:
    """Forget all progress."""
    from ganbook.exercises import progress

    if not args.yes:
        if not sys.stdin.isatty():
            raise UserError("reset: forget all progress? To say so: ganbook exercises reset --yes")
        if input("Forget all progress? Your files stay. [y/N] ").strip().lower() not in ("y", "yes"):
            print("nothing was changed")
            return
    print(f"forgot the progress of {progress.reset()} exercises")


def _command(action: str, path: Path) -> str:
    return shlex.join(["ganbook", "exercises", action, str(path)])
