"""The `ganbook` command: its parser, and what an error becomes.

Exit code 0 on success, 2 on bad usage or input with one clear line on stderr. Two commands have a third
answer: `ganbook exercises check` exits with 1 if the answer is not right yet, `ganbook doctor` if it found a
disorder.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence

import ganbook
from ganbook.commands import doctor, evaluate, exercises, listings, sample, train
from ganbook.commands.arguments import Parser
from ganbook.errors import ProcessError, UserError
from ganbook.support.machine import is_main_process

# torch and all that needs it is imported inside the commands, so that --help and mistakes answer at once.


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = Parser(prog="ganbook", description="Train and look at generative adversarial networks.")
    parser.add_argument("--version", action="version", version=f"ganbook {ganbook.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in (train, sample, evaluate, doctor, listings, exercises):
        command.add(commands)
    return parser


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
        `ganbook exercises check` found an answer that is not right yet, or `ganbook doctor` a disorder.
    """
    args = build_parser().parse_args(argv)
    try:
        return int(args.run(args) or 0)
    except UserError as error:
        # Of several processes only one complains; but all may tell that another has died.
        if is_main_process() or isinstance(error, ProcessError):
            print(f"ganbook {args.command}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `ganbook recipes | head`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"ganbook {args.command}: {where}{error.strerror or error}", file=sys.stderr)
        return 2
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        print(
            f"ganbook {args.command}: out of memory{how_much(error)}; reduce the networks (width, hidden), "
            "batch_size, image_size or the number of samples",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:
        print(f"ganbook {args.command}: interrupted", file=sys.stderr)
        return 130


def is_out_of_memory(error: MemoryError | RuntimeError) -> bool:
    """Say whether an error is Python's, NumPy's or PyTorch's way to say that memory is short."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return "can't allocate memory" in str(error) or "out of memory" in str(error)


def how_much(error: MemoryError | RuntimeError) -> str:
    """Return how much was asked for, in words, if the error says so.

    Examples
    --------
    >>> how_much(RuntimeError("can't allocate memory: you tried to allocate 1717986918400 bytes."))
    ' (it asked for 1,600 GiB)'
    >>> how_much(RuntimeError("CUDA out of memory. Tried to allocate 4.00 GiB."))
    ' (it asked for 4.00 GiB)'
    """
    if found := re.search(r"allocate (\d+) bytes", str(error)):
        return f" (it asked for {int(found[1]) / 2**30:,.0f} GiB)"
    found = re.search(r"allocate ([\d.]+ [KMGTP]iB)", str(error))
    return f" (it asked for {found[1]})" if found else ""
