"""Run `ganbook train` again and again, kill it with SIGKILL each time, and let it finish at last.

Usage: python kill_harness.py RUN SEED KILLS MODE [OPTION ...]

MODE "moments" kills at a random moment, at the latest some steps on from where the attempt began (so that the
run cannot end before the last kill, however fast the machine); "saving" kills at a random one of the calls by
which files are written, renamed and deleted, half of the time just before it and half just after. The process
is imported once and forked for each attempt, so that an attempt costs a fraction of a second. Prints a JSON
line.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import torch

torch.set_num_threads(1)  # a forked process must not wait for the threads of its parent

import ganbook  # noqa: E402
from ganbook import cli, plots  # noqa: E402
from ganbook.support import files, tensors  # noqa: E402
from ganbook.training import checkpoint  # noqa: E402


def attempt(run: Path, options: list[str]) -> None:
    """Train, as a user would who has seen the run die."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 1)
    os.dup2(devnull, 2)
    if (run / "recipe.toml").exists():
        code = cli.main(["train", "--resume", "--out", str(run)])
    else:
        code = cli.main(["train", "mlp-digits", "--out", str(run), *options])
    os._exit(code)


def booby_trap(countdown: int, after: bool) -> None:
    """Kill this process at a certain one of the calls that change files."""
    left = [countdown]

    def wrap(owner: object, name: str) -> None:
        real = getattr(owner, name)

        def wrapped(*args, **kwargs):
            left[0] -= 1
            now = left[0] == 0
            if now and not after:
                os.kill(os.getpid(), signal.SIGKILL)
            result = real(*args, **kwargs)
            if now:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        setattr(owner, name, wrapped)

    for owner, name in (
        (tensors, "save_file"),
        (files, "sync"),
        (checkpoint, "_sha256"),
        (files.shutil, "rmtree"),
        (Path, "write_text"),
        (Path, "rename"),
        (Path, "replace"),
        (Path, "mkdir"),
        (os, "fsync"),
        (plots, "save_grid"),
    ):
        wrap(owner, name)


def newest(run: Path) -> str:
    """Return the name of the newest checkpoint."""
    return max((path.name for path in (run / "checkpoints").glob("step-*")), default="")


def wait(run: Path, moment: float, checkpoints: int) -> None:
    """Wait for a time, or until the attempt has made some checkpoints, whichever comes first."""
    seen, left, end = newest(run), checkpoints, time.monotonic() + moment
    while time.monotonic() < end and left > 0:
        time.sleep(0.002)
        now = newest(run)
        if now != seen:
            seen, left = now, left - 1
    time.sleep(moment / 200)  # not always just after the renaming


def main() -> None:
    """Kill KILLS times, then let the run end."""
    run, seed, kills, mode = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    ganbook.load_dataset("digits").preview(1)  # imports what an attempt needs, once ...
    torch.optim.Adam(torch.nn.Linear(1, 1).parameters())  # ... which for an optimiser takes seconds
    rng = random.Random(seed)
    killed = 0
    while not (run / "summary.json").exists():
        countdown, after, moment = rng.randint(1, 45), rng.random() < 0.5, rng.uniform(0.0, 0.6)
        checkpoints = rng.randint(1, 3)
        child = os.fork()
        if child == 0:
            if mode == "saving" and killed < kills:
                booby_trap(countdown, after)
            attempt(run, sys.argv[5:])
        if mode == "moments" and killed < kills:
            wait(run, moment, checkpoints)
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            killed += 1
        elif os.WEXITSTATUS(status) != 0:
            sys.exit(f"attempt ended with exit code {os.WEXITSTATUS(status)} after {killed} kills")
    print(json.dumps({"killed": killed, "left": [p.name for p in (run / "checkpoints").glob(".*")]}))


if __name__ == "__main__":
    main()
