"""What a run folder consists of: the names of its files, and how one is chosen."""

from __future__ import annotations

from pathlib import Path

from ganbook.errors import UserError

RECIPE, METRICS, SUMMARY = "recipe.toml", "metrics.jsonl", "summary.json"
SAMPLES, CHECKPOINTS = "samples", "checkpoints"
RUN_FILES = (RECIPE, METRICS, SAMPLES, CHECKPOINTS, SUMMARY)  # a folder with any of these is taken
DIVERGED = "diverged.json"  # at which step a number became infinite, and which; gone when the run goes on
RUNS = Path("runs")  # where new runs go


def step_name(step: int) -> str:
    """Return the name of what belongs to a step: "step-00000500"."""
    return f"step-{step:08d}"


def samples_path(run: Path, step: int) -> Path:
    """Return where the samples of a step are drawn: RUN/samples/step-00000500.png."""
    return run / SAMPLES / f"{step_name(step)}.png"


def checkpoint_path(run: Path, step: int) -> Path:
    """Return the checkpoint of a step: RUN/checkpoints/step-00000500."""
    return run / CHECKPOINTS / step_name(step)


def check_out(out: Path) -> Path:
    """Return a run folder in which nothing would be overwritten.

    Raises
    ------
    UserError
        If it is a file, or holds a run already.
    """
    if out.exists() and not out.is_dir():
        raise UserError(f"out={str(out)!r}: it is a file; name a folder")
    for name in RUN_FILES:
        if (out / name).exists():
            raise UserError(
                f"out={str(out)!r}: it holds another run ({name}); name another folder, or go on with that "
                f"run: ganbook train --resume --out {out}"
            )
    return out


def new_run(stem: str) -> Path:
    """Return a run folder under runs/ that is not there yet: runs/STEM-001, -002, ..."""
    numbers = [int(path.name.rpartition("-")[2]) for path in RUNS.glob(f"{stem}-[0-9][0-9][0-9]")]
    return RUNS / f"{stem}-{max(numbers, default=0) + 1:03d}"


def newest_run() -> Path:
    """Return the run under runs/ that was worked on last.

    Raises
    ------
    UserError
        If there is none.
    """
    recipes = sorted(RUNS.glob(f"*/{RECIPE}"), key=lambda path: path.parent.stat().st_mtime)
    if not recipes:
        raise UserError(f"--resume: there is no run under {RUNS}/; name its folder with --out")
    return recipes[-1].parent
