"""What is examined: a run's folder, its log as far as it can be read, its checkpoints, its data."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganbook import models
from ganbook.data import Dataset, epoch_permutation, load_dataset
from ganbook.errors import CheckpointError, UserError
from ganbook.models import Discriminator, Generator
from ganbook.runs import Run
from ganbook.training import checkpoint
from ganbook.training.folder import CHECKPOINTS, DIVERGED, METRICS, RECIPE, RUN_FILES


@dataclass
class Subject:
    """A run, as far as it can be read."""

    name: str
    records: list[dict[str, Any]] = field(default_factory=list)
    checkpoints: list[tuple[Path, dict[str, Any]]] = field(default_factory=list)
    """Those that verify, with their JSON, the oldest first."""
    settings: dict[str, Any] = field(default_factory=dict)
    diverged: dict[str, Any] | None = None
    notes: list[str] = field(default_factory=list)
    """What was passed over: damaged lines, damaged checkpoints."""

    @property
    def state(self) -> dict[str, Any] | None:
        """The last checkpoint's JSON."""
        return self.checkpoints[-1][1] if self.checkpoints else None


def open_subject(run: Run | str | Path) -> Subject:
    """Read what there is of a run.

    Parameters
    ----------
    run : Run, str or Path
        A run, its folder, or a checkpoint (then that one and those before it are looked at).

    Raises
    ------
    UserError
        If it is no run, or there is nothing to look at: no record and no checkpoint.
    """
    path = Path(run.path if isinstance(run, Run) else run)
    if not path.is_dir():
        raise UserError(f"{path}: there is no such run or checkpoint")
    subject = Subject(str(path))
    alone = (path / checkpoint.MANIFEST).is_file() or (path / checkpoint.STATE).is_file()
    folder = path
    if alone:
        inside = path.absolute().parent
        folder = inside.parent if inside.name == CHECKPOINTS else path
    elif not any((path / name).exists() for name in RUN_FILES):
        raise UserError(f"{path}: it is no run (it has none of {', '.join(RUN_FILES)})")
    _read_checkpoints(
        subject, [path] if folder == path and alone else checkpoint.in_run(folder), path if alone else None
    )
    _read_records(subject, folder / METRICS)
    _read_settings(subject, folder)
    if not subject.records and not subject.checkpoints:
        reasons = "; ".join(subject.notes)
        raise UserError(
            f"{path}: there is nothing to look at, no record and no checkpoint"
            + (f" ({reasons})" if reasons else "")
        )
    return subject


def _read_checkpoints(subject: Subject, folders: list[Path], last: Path | None) -> None:
    for folder in folders:
        try:
            state = checkpoint.load_state(folder)
        except CheckpointError as error:
            subject.notes.append(str(error).replace(str(folder), folder.name))
            continue
        if state.get("game", "gan") != "gan":
            subject.notes.append(
                f"{folder.name}: it is of the game {state['game']!r}, the doctor knows 'gan'"
            )
            continue
        subject.checkpoints.append((folder, state))
    subject.checkpoints.sort(key=lambda found: found[1]["step"])
    if last is not None:
        top = next((s["step"] for f, s in subject.checkpoints if f.absolute() == last.absolute()), 0)
        subject.checkpoints = [found for found in subject.checkpoints if found[1]["step"] <= top]


def _read_records(subject: Subject, path: Path) -> None:
    state = subject.state
    if state is not None and state["records"] is not None:
        subject.records = list(state["records"])
        return
    damaged = []
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    except OSError as error:
        subject.notes.append(f"{path.name} cannot be read ({error.strerror})")
        return
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if isinstance(record, dict) and isinstance(record.get("step"), int):
            subject.records.append(record)
        else:
            damaged.append(number)
    if damaged:
        which = f"line {damaged[0]} is" if len(damaged) == 1 else f"{len(damaged)} lines are"
        subject.notes.append(f"{which} damaged in {path.name}, and left out")


def _read_settings(subject: Subject, folder: Path) -> None:
    if subject.state is not None:
        subject.settings = dict(subject.state["config"])
    elif (folder / RECIPE).is_file():
        try:
            content = tomllib.loads((folder / RECIPE).read_text(encoding="utf-8"))
            subject.settings = dict(content.get("train", {}))
        except (OSError, ValueError):
            subject.notes.append(f"{RECIPE} cannot be read")
    try:
        subject.diverged = json.loads((folder / DIVERGED).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        subject.diverged = None


# ------------------------------------------------------------------------------------ networks and data


def networks(state: dict[str, Any]) -> tuple[Generator, Discriminator]:
    """Build the networks of a checkpoint, on the CPU, with whatever weights.

    Raises
    ------
    CheckpointError
        If they are not from `ganbook.models`, or of a version that cannot be built.
    """
    if state["model"] is None:
        raise CheckpointError("its networks are not from ganbook.models, so they cannot be rebuilt")
    try:
        with torch.random.fork_rng(devices=[]):
            return models.build(**state["model"])
    except (UserError, TypeError) as error:
        raise CheckpointError(f"its networks cannot be rebuilt ({error})") from error


def load_weights(network: torch.nn.Module, folder: Path, name: str) -> None:
    """Load one network's weights from a checkpoint.

    Raises
    ------
    CheckpointError
        If they cannot be read, or do not fit.
    """
    try:
        network.load_state_dict(checkpoint.load_tensors(folder, name))
    except RuntimeError as error:
        raise CheckpointError(f"{folder.name}: the weights of {name} do not fit ({error})") from error


@dataclass(frozen=True)
class Real:
    """Real samples: those that the run learned from, and others of the same kind."""

    data: Dataset
    rows: Tensor
    held_out: Dataset | None

    def train(self) -> Tensor:
        """Return real training samples, float32, (N, *shape)."""
        return self.data.batch(self.rows).float()

    def labels(self) -> Tensor | None:
        """Return their classes, where there are some."""
        return self.data.batch_labels(self.rows) if getattr(self.data, "num_classes", 0) else None

    def held(self) -> tuple[Tensor, Tensor | None] | None:
        """Return held-out samples and their classes."""
        if self.held_out is None:
            return None
        rows = epoch_permutation(len(self.held_out), 0, 0)[: len(self.rows)]
        labels = self.held_out.batch_labels(rows) if getattr(self.held_out, "num_classes", 0) else None
        return self.held_out.batch(rows).float(), labels


def load_real(
    subject: Subject,
    data: Dataset | None,
    held_out: Dataset | None,
    num: int,
    data_dir: str | Path | None = None,
) -> Real:
    """Load up to `num` real samples.

    Raises
    ------
    UserError
        If the data cannot be had.
    """
    spec = dict(subject.state["data"]["spec"]) if subject.state else {}
    if data is None:
        if data_dir is not None:
            spec["data_dir"] = str(data_dir)
        if "name" not in spec:
            raise UserError("its data are not from load_dataset; pass data=")
        try:
            data = load_dataset(**spec)
        except (OSError, TypeError) as error:
            raise UserError(f"the data cannot be loaded ({error})") from error
        if held_out is None:
            rest = {key: value for key, value in spec.items() if key not in ("limit", "split")}
            try:
                held_out = (
                    load_dataset(**rest, split="test") if spec.get("split", "train") == "train" else None
                )
            except (UserError, OSError):
                held_out = None
    shape = tuple(subject.state["data"]["shape"]) if subject.state else data.shape
    if data.shape != shape:
        raise UserError(f"the run learned from samples of shape {shape}, these data have {data.shape}")
    return Real(data, epoch_permutation(len(data), 0, 0)[:num], held_out)
