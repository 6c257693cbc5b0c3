"""What a run says: its records (metrics.jsonl, TensorBoard), its progress bar and its notices."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from torch import Tensor

from ganbook.errors import UserError
from ganbook.support.files import write_text
from ganbook.support.notices import notice
from ganbook.support.progress import progress_bar
from ganbook.training.folder import METRICS


class History:
    """What was logged: one record (a dict) for each logged step, as in metrics.jsonl.

    Examples
    --------
    >>> history = History([{"step": 1, "generator_loss": 0.7}, {"step": 2, "generator_loss": 0.6}])
    >>> history["generator_loss"]
    [0.7, 0.6]
    """

    def __init__(self, records: list[dict[str, Any]]) -> None:
        self.records = list(records)  # those of now: a later `fit` adds to the run's, not to this history

    def __getitem__(self, key: str) -> list[Any]:
        return [record[key] for record in self.records]

    def __len__(self) -> int:
        return len(self.records)

    def __repr__(self) -> str:
        if not self.records:
            return "<History: nothing logged>"
        last = self.records[-1]
        return f"<History: {len(self)} records up to step {last['step']:,}, {losses_in(last)}>"


def losses_in(record: dict[str, Any]) -> str:
    """Return the losses of a record in words: "D loss 0.693, G loss 1.204"."""
    short = {"discriminator": "D", "generator": "G"}
    names = [key.removesuffix("_loss") for key in record if key.endswith("_loss")]
    return ", ".join(f"{short.get(name, name)} loss {record[f'{name}_loss']:.3f}" for name in names)


def read_log(run: Path, step: int, num_records: int) -> list[dict[str, Any]]:
    """Read metrics.jsonl up to a checkpoint; what follows will be logged again.

    It ends at the first line that is no record, with a notice that names it.
    """
    path = run / METRICS
    records: list[dict[str, Any]] = []
    for number, line in enumerate(path.read_bytes().splitlines() if path.exists() else [], start=1):
        record = _record(line)
        if record is None:
            if len(records) < num_records:  # else it is behind the checkpoint: the last words of a killed run
                notice(f"{path}, line {number}: it is damaged; what stands below is not read")
            break
        if record["step"] > step:
            break
        records.append(record)
    if len(records) != num_records:
        notice(f"{path} holds {len(records)} of the {num_records} lines up to step {step}")
    return records


def _record(line: bytes) -> dict[str, Any] | None:
    """Return a line of the log; None if it is none."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):  # what is no UTF-8 is a ValueError, too
        return None
    step = record.get("step") if isinstance(record, dict) else None
    return record if isinstance(step, int) and not isinstance(step, bool) else None


def write_log(run: Path, records: list[dict[str, Any]]) -> None:
    """Cut metrics.jsonl back to these records."""
    path = run / METRICS
    if path.exists():
        write_text(path, "".join(json.dumps(record) + "\n" for record in records))


class RunLog:
    """Writes a run's records to metrics.jsonl and, if wanted, to TensorBoard.

    Parameters
    ----------
    run : Path
        The run folder.
    tensorboard : bool
        Whether to write for TensorBoard too, into `tensorboard/`.

    Raises
    ------
    UserError
        If TensorBoard is wanted and not installed.
    """

    def __init__(self, run: Path, tensorboard: bool) -> None:
        self.run = run
        self._writer: Any = None
        self._open: Any = None
        if tensorboard:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError as error:
                raise UserError(
                    "tensorboard=true: TensorBoard is not installed; pip install tensorboard"
                ) from error
            self._open = SummaryWriter

    def _board(self, step: int) -> Any:
        if self._writer is None:  # what a killed run wrote from this step on is to be dropped
            self._writer = self._open(str(self.run / "tensorboard"), purge_step=step)
        return self._writer

    def write(self, record: dict[str, Any]) -> None:
        """Write one record."""
        self.run.mkdir(parents=True, exist_ok=True)
        with (self.run / METRICS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        if self._open is not None:
            for key, value in record.items():
                if key != "step" and value is not None:
                    self._board(record["step"]).add_scalar(key, value, record["step"])

    def add_grid(self, grid: Tensor, step: int) -> None:
        """Write a picture, uint8 of shape (C, H, W), for TensorBoard."""
        if self._open is not None:
            self._board(step).add_image("samples", grid, step)

    def flush(self) -> None:
        """Bring everything to the disk."""
        if self._writer is not None:
            self._writer.flush()


class Speed:
    """Images a second since it was last asked."""

    def __init__(self, batch_size: int, step: int) -> None:
        self.batch_size, self.step, self.time = batch_size, step, time.perf_counter()

    def __call__(self, step: int) -> float:
        """Return the rate since the last call."""
        now = time.perf_counter()
        rate = (step - self.step) * self.batch_size / max(now - self.time, 1e-9)
        self.step, self.time = step, now
        return rate


class Bar:
    """The progress bar: of steps, or of seconds where only a time was given; with rate and losses."""

    def __init__(self, steps: int | None, seconds: float | None, show: bool) -> None:
        self.by_step = steps is not None
        self.total: float = steps if steps is not None else round(seconds or 0.0, 1)
        unit = "steps" if self.by_step else "s"
        self.bar = progress_bar(self.total, unit=unit, show=show, note=True)

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def say(self, line: str) -> None:
        """Print a line on stderr, above the bar; nothing where there is no bar."""
        if not self.bar.disable:
            self.bar.write(line, file=sys.stderr)

    def show(self, steps: int, seconds: float, record: dict[str, Any] | None) -> None:
        """Show how far the run is; without a record, only refresh."""
        if record is not None:
            rate = steps / max(seconds, 1e-9)
            self.bar.set_postfix_str(f"{rate:.1f} steps/s, {losses_in(record)}", refresh=False)
        reached = steps if self.by_step else min(round(seconds, 1), self.total)
        self.bar.update(reached - (self.bar.n or 0))
        if record is None:
            self.bar.refresh()
