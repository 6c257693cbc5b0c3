"""The main job, from beginning to end: a recipe becomes a run. `ganbook train` only parses and prints."""

from __future__ import annotations

import contextlib
import json
import platform
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

import ganbook
from ganbook.data import Dataset, find, load_dataset
from ganbook.errors import UserError
from ganbook.recipes.recipe import DEFAULT, Recipe, load
from ganbook.support.checks import Positive, checked
from ganbook.support.files import write_text
from ganbook.support.machine import processor
from ganbook.training import Trainer, checkpoint
from ganbook.training.folder import (
    CHECKPOINTS,
    METRICS,
    RECIPE,
    SUMMARY,
    check_out,
    checkpoint_path,
    new_run,
    newest_run,
    samples_path,
)
from ganbook.training.loop import alone_in
from ganbook.training.processes import Processes

MOVED = ("data_dir",)  # files may have moved; what was learned from may not have changed


@dataclass(frozen=True)
class Experiment:
    """A run, and what it is a run of."""

    recipe: Recipe
    trainer: Trainer
    out: Path
    """The run folder."""

    def summary(self) -> dict[str, Any]:
        """Return the short record of the run, which is its summary.json at the end."""
        trainer = self.trainer
        images = trainer.step * trainer.config.batch_size
        return {
            "recipe": self.recipe.name,
            "data": repr(trainer.data),
            "steps": trainer.step,
            "seconds": round(trainer.seconds, 2),
            "images_per_second": round(images / max(trainer.seconds, 1e-9), 1),
            "interrupted": trainer.interrupted,
            "last": trainer.records[-1] if trainer.records else {},
            "samples": str(samples_path(self.out, trainer.step).relative_to(self.out)),
            "checkpoint": str(checkpoint_path(self.out, trainer.step).relative_to(self.out)),
            "made_with": made_with(trainer),
        }

    def command_to_resume(self, seconds: float | None = None) -> str:
        """Return the command that goes on with this run."""
        again = f"ganbook train --resume --out {shlex.quote(str(self.out))}"
        return again + (f" --seconds {seconds:g}" if seconds else "")


Announce = Callable[[Experiment], object]


@checked
def start(
    recipe: str | Recipe = DEFAULT,
    out: str | Path | None = None,
    *,
    changes: Mapping[str, Any] | None = None,
    seconds: Positive | None = None,
    progress: bool = True,
    announce: Announce | None = None,
) -> Experiment:
    """Train a recipe, in a new run folder.

    Parameters
    ----------
    recipe : str or Recipe
        A name from `names()`, the path of a TOML file, or a recipe.
    out : str or Path, optional
        The run folder. Default: a new one under runs/.
    changes : mapping, optional
        Keys of the recipe to change, as for `Recipe.replace`: {"batch_size": 32, "model.width": 64}.
    seconds : float, optional
        Train for this time instead of the recipe's steps.
    progress : bool
        Show a progress bar on stderr.
    announce : callable, optional
        Called with the experiment when all is ready, just before the first step; in process 0 only.

    Returns
    -------
    Experiment
        The run, trained and saved, with its trainer.

    Raises
    ------
    UserError
        If the recipe, a change or the folder does not fit, or the folder cannot be written.

    Examples
    --------
    >>> experiment = start("mlp-ring", "runs/mine", changes={"steps": 500})  # doctest: +SKIP
    >>> experiment.trainer.sample(4).shape  # doctest: +SKIP
    torch.Size([4, 2])
    """
    chosen = (load(recipe) if isinstance(recipe, str) else recipe).replace(dict(changes or {}))
    source = find(chosen.data["name"])
    chosen = chosen.replace({"data.name": source.name})  # the run is to be found again from anywhere
    with Processes(chosen.config().device) as processes:
        stem = chosen.name if source.short_name in chosen.name else f"{chosen.name}-{source.short_name}"
        folder = processes.from_main(Path(out) if out is not None else new_run(stem))
        if processes.is_main:
            check_out(folder)
        with _alone_in(folder, processes):
            if processes.is_main:
                check_out(folder)  # once more: another process may have been faster
            trainer = chosen.trainer(_load_data(chosen, processes), folder)
            return _train(Experiment(chosen, trainer, folder), seconds, progress, announce)


@checked
def resume(
    out: str | Path | None = None,
    *,
    recipe: str | None = None,
    changes: Mapping[str, Any] | None = None,
    seconds: Positive | None = None,
    override: bool = False,
    progress: bool = True,
    announce: Announce | None = None,
) -> Experiment:
    """Go on with a run, from its newest checkpoint that verifies, as if nothing had happened.

    Parameters
    ----------
    out : str or Path, optional
        The run folder. Default: the one under runs/ that was worked on last.
    recipe : str, optional
        The name of the recipe that it is a run of, to be sure.
    changes : mapping, optional
        Keys to change, as for `start`: only such as do not make another run of it ("steps", "log_every").
    seconds : float, optional
        Train for this time instead of up to the recipe's steps.
    override : bool
        Go on although settings have changed that make another run of it; it is noted in the checkpoints.
    progress, announce
        As for `start`.

    Returns
    -------
    Experiment
        The run, trained further and saved.

    Raises
    ------
    UserError
        If there is no such run, it is one of another recipe or with other settings, it is done already, or
        the folder cannot be written.
    """
    changes = dict(changes or {})
    with Processes(str(changes.get("train.device", changes.get("device", "auto")))) as processes:
        folder = processes.from_main(Path(out) if out is not None else newest_run())
        if not (folder / RECIPE).is_file():
            raise UserError(f"--resume: {folder} holds no run (no {RECIPE}); name its folder with --out")
        with _alone_in(folder, processes):
            return _resume(folder, recipe, changes, seconds, override, progress, announce, processes)


def _resume(
    folder: Path,
    recipe: str | None,
    changes: dict[str, Any],
    seconds: float | None,
    override: bool,
    progress: bool,
    announce: Announce | None,
    processes: Processes,
) -> Experiment:
    """Go on with a run in a folder that no other process writes into."""
    saved = load(str(folder / RECIPE))
    if recipe not in (None, saved.name):
        raise UserError(f"--resume: {folder} is a run of the recipe {saved.name!r}, not {recipe!r}")
    chosen = saved.replace(changes)
    _refuse_another_run(saved, chosen)
    if checkpoint.in_run(folder):
        data = _load_data(chosen, processes)
        trainer = Trainer.load(folder, data=data, config=chosen.config(), override=override)
    else:  # it was killed before its very first checkpoint, so there is nothing to lose; or is there?
        _refuse_lost_checkpoints(folder)
        trainer = chosen.trainer(_load_data(chosen, processes), None)
        trainer.out = folder
    experiment = Experiment(chosen, trainer, folder)
    total = trainer.config.steps
    if seconds is None and total <= trainer.step:
        killed_before_its_end = not (folder / SUMMARY).exists() and total == saved.config().steps
        if processes.is_main and killed_before_its_end:
            _write_recipe(experiment)
            _write_summary(experiment)
            return experiment
        raise UserError(
            f"{folder}: it has done {trainer.step:,} of {total:,} steps; name a larger --steps to go on"
        )
    return _train(experiment, seconds, progress, announce)


def _refuse_lost_checkpoints(folder: Path) -> None:
    """Refuse a run that has been further than its very first checkpoint, and has none any more.

    Raises
    ------
    UserError
        Naming what shows it. Nothing is changed.
    """
    place = folder / CHECKPOINTS
    log = folder / METRICS
    if place.is_symlink() and not place.exists():
        raise UserError(
            f"{folder}: its {CHECKPOINTS} is a link to {place.readlink()}, which is not there (is a disk not "
            "mounted?); nothing was changed"
        )
    if (log.exists() and log.stat().st_size) or (folder / SUMMARY).exists():
        raise UserError(
            f"{folder}: its checkpoints are gone, but it has trained (see {METRICS}); nothing was changed. "
            f"Put {place} back, or start a new run in another folder"
        )


def made_with(trainer: Trainer) -> dict[str, Any]:
    """Return the versions and the hardware of a run, for its recipe.toml."""
    return {
        "ganbook": ganbook.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": processor(),
        **trainer.engine.describe(),
    }


def _train(
    experiment: Experiment, seconds: float | None, progress: bool, announce: Announce | None
) -> Experiment:
    trainer = experiment.trainer
    if trainer.processes.is_main:
        _write_recipe(experiment)
        if announce is not None:
            announce(experiment)
    with _writing(experiment.out, experiment.command_to_resume(seconds)):
        trainer.fit(
            steps=None if seconds else trainer.config.steps - trainer.step, seconds=seconds, progress=progress
        )
        if trainer.processes.is_main:
            _write_summary(experiment)
    return experiment


@contextlib.contextmanager
def _writing(out: Path, again: str) -> Iterator[None]:
    """Say in one line what it means that a run folder cannot be written, and what to do then."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{out}: it cannot be written ({error.strerror or error}); what was saved before is kept. "
            f"Make room, then: {again}"
        ) from error


@contextlib.contextmanager
def _alone_in(folder: Path, processes: Processes) -> Iterator[None]:
    """Hold the run folder from before the first look to the end; a folder that cannot be made is told."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(alone_in(folder, processes))
        except OSError as error:
            raise UserError(
                f"--out {folder}: it cannot be written ({error.strerror}); name another folder"
            ) from error
        yield


def _load_data(recipe: Recipe, processes: Processes) -> Dataset:
    with processes.main_first():  # it downloads or decodes; the others find the result
        return load_dataset(**recipe.data)


def _refuse_another_run(saved: Recipe, chosen: Recipe) -> None:
    """Refuse to resume with other data or other networks."""
    tables = (("data", saved.data, chosen.data), ("model", saved.model, chosen.model))
    different = [
        f"{table}.{key} {old.get(key)!r} -> {new.get(key)!r}"
        for table, old, new in tables
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key) and key not in MOVED
    ]
    if different:
        raise UserError(
            f"--resume: with other settings it would be another run ({'; '.join(different)}); "
            "leave them as they were, or start a new run"
        )


def _write_recipe(experiment: Experiment) -> None:
    out = experiment.out
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_text(out / RECIPE, experiment.recipe.dumps(made_with(experiment.trainer)))
    except OSError as error:
        raise UserError(
            f"--out {out}: it cannot be written ({error.strerror}); name another folder"
        ) from error


def _write_summary(experiment: Experiment) -> None:
    write_text(experiment.out / SUMMARY, json.dumps(experiment.summary(), indent=1) + "\n")
