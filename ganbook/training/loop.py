"""The loop around a game: order of the data, clock, signals, records, sample grids, checkpoints."""

from __future__ import annotations

import dataclasses
import json
import math
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ganbook.data import BatchOrder, Dataset
from ganbook.errors import CheckpointError, DivergedError
from ganbook.support.checks import Count, Positive, checked
from ganbook.support.files import write_text
from ganbook.support.locks import holding
from ganbook.training import checkpoint, parts
from ganbook.training.config import TrainConfig, changes_between, refuse_changes
from ganbook.training.folder import DIVERGED, check_out, checkpoint_path, samples_path
from ganbook.training.game import Game, Results
from ganbook.training.log import Bar, History, RunLog, Speed, read_log, write_log
from ganbook.training.processes import Processes
from ganbook.training.symptoms import Watch

PARTS_0_1 = ("generator", "discriminator", "ema", "generator_optimizer", "discriminator_optimizer", "latents")


class Loop:
    """Trains a game, and saves and restores whatever it names.

    Parameters
    ----------
    game : Game
        What is trained.
    out : str or Path, optional
        The run folder. With it, `fit` writes metrics, sample grids and checkpoints there.
    info : dict, optional
        What else a checkpoint is to remember (the command line keeps its recipe there).

    Raises
    ------
    UserError
        If the folder holds another run, or the game holds a network or an optimiser that it does not name
        among its parts.
    """

    def __init__(self, game: Game, out: str | Path | None = None, info: dict[str, Any] | None = None) -> None:
        self.game, self.config, self.data = game, game.config, game.data
        self.engine, self.processes = game.engine, game.processes
        self.out = None if out is None else Path(out)
        self.info = dict(info or {})
        if self.out is not None and self.processes.is_main:
            check_out(self.out)
        self.order = BatchOrder(len(self.data), self.config.batch_size, self.config.seed)
        self.step = 0  # steps done
        self.seconds = 0.0  # time spent in fit
        self.records: list[dict[str, Any]] = []
        self.watch = Watch()  # looks at each record, and says once what is going wrong
        self.interrupted = False
        # Losses that were not looked at yet: those since the last line of the log. A caller who steps by hand
        # may never look.
        losses_a_line = self.config.log_every * (game.batches_a_step + 1)
        self._recent: deque[tuple[int, str, Tensor]] = deque(maxlen=losses_a_line)
        self._results: Results | None = None
        self._run_log: RunLog | None = None
        self._log_goes_on = False  # whether metrics.jsonl holds lines that will be logged again
        if self.config.tensorboard and self.out is not None:
            self._log_to()  # complain now, not at the first record, if TensorBoard is missing
        if self.processes.rank:  # other dropout masks than process 0's
            torch.manual_seed(self.config.seed + 1_000_003 * self.processes.rank)

    # ------------------------------------------------------------------------------------- the loop

    def train_step(self) -> Any:
        """Do one step of the game, and return what it showed."""
        if self._results is None:
            self.check()
        k = self.game.batches_a_step
        numbers = range(k * self.step, k * (self.step + 1))
        batches = [self.processes.share(self.order.batch(number)) for number in numbers]
        self._results = self.game.step(self.step, batches)
        self.step += 1
        self._recent.extend((self.step, name, loss) for name, loss in self._results.losses)
        return self._results

    def check(self) -> None:
        """Refuse a game, or a loop, that holds what a checkpoint would leave out; done before the first step.

        Raises
        ------
        UserError
            If there is a network, an optimiser or another thing with a state that `parts()` does not name.
        """
        self.game.check()
        parts.check_parts(self, self.game.parts(), rebuilt=("game",))

    @checked
    def fit(
        self, steps: Count | None = None, seconds: Positive | None = None, *, progress: bool = True
    ) -> History:
        """Train for a number of further steps, or for a time.

        Ctrl-C (SIGINT), SIGTERM and a closed terminal (SIGHUP) end the run after the step at hand; what was
        done is kept.

        Parameters
        ----------
        steps : int, optional
            Further steps (generator updates). Default, if `seconds` is not given either: `config.steps`.
        seconds : float, optional
            Stop after this time; with `steps` too, at whichever comes first.
        progress : bool
            Show a progress bar on stderr; and say there, once, what the records show to go wrong
            ("D has won since step 1,200"), which is in `watch.alarms` in any case.

        Returns
        -------
        History
            All records of the run so far.

        Raises
        ------
        UserError
            If `steps` or `seconds` is not positive, or another process is training in the run folder.
        DivergedError
            If a loss is infinite or not a number; the last checkpoint stays.
        OSError
            If the run folder cannot be written; the last checkpoint stays.
        """
        if steps is None and seconds is None:
            steps = self.config.steps
        self.check()
        with alone_in(self.out, self.processes):
            return self._fit(steps, seconds, progress)

    def _fit(self, steps: int | None, seconds: float | None, progress: bool) -> History:
        """Train, in a folder that no other process writes into."""
        first, before, started = self.step, self.seconds, time.perf_counter()
        speed = Speed(self.config.batch_size, self.step)
        self.interrupted = False
        if self.out is not None and self.processes.is_main:
            (self.out / DIVERGED).unlink(missing_ok=True)
        alone, main = self.processes.size == 1, self.processes.is_main
        if self._log_goes_on:
            self.processes.any(False)  # all have read the old log before process 0 cuts it
            if main:
                assert self.out is not None
                write_log(self.out, self.records)
            self._log_goes_on = False
        if self.out is not None and self.step == 0:
            self._save_samples()  # the grid before any training, to compare with
            self._save_checkpoint()  # from here on the run can be resumed, whatever happens
        with _stop_requested(patient=not alone) as stop, Bar(steps, seconds, progress and main) as bar:
            while steps is None or self.step - first < steps:
                # Several processes have to agree when to stop; asking at each step would cost too much.
                if alone or self.step % self.config.log_every == 0:
                    late = seconds is not None and time.perf_counter() - started >= seconds
                    late = late and self.step > first  # however slow the machine
                    self.interrupted = self.processes.any(stop.is_set())
                    if self.interrupted or self.processes.any(late):
                        break
                self.train_step()
                self.seconds = before + time.perf_counter() - started
                if self.step % self.config.log_every == 0 or self.step == 1:
                    record = self._log(speed)
                    bar.show(self.step - first, self.seconds - before, record)
                    for alarm in self.watch(record):
                        bar.say(alarm.line)
                self._save_if_due()
            self.seconds = before + time.perf_counter() - started
            bar.show(self.step - first, self.seconds - before, None)
        self._check_recent()
        if self.step > first:
            self._save_the_rest()
        if self._run_log is not None:
            self._run_log.flush()
        return History(self.records)

    def _save_if_due(self) -> None:
        if self.out is None:
            return
        if self.step % self.config.sample_every == 0:
            self._save_samples()
        if self.step % self.config.checkpoint_every == 0:
            self._save_checkpoint()

    def _save_the_rest(self) -> None:
        """Save at the end what was not due just now."""
        if self.out is None:
            return
        if self.step % self.config.sample_every:
            self._save_samples()
        if self.step % self.config.checkpoint_every:
            self._save_checkpoint()

    def _check_recent(self) -> None:
        """Stop the run if a loss since the last look was infinite or not a number; say which and when."""
        if not self._recent:
            return
        values = self.processes.mean(torch.stack([loss for _, _, loss in self._recent])).tolist()
        for (step, name, _), value in zip(self._recent, values, strict=True):
            if not math.isfinite(value):
                self._note_divergence(step, f"{name} is {value}")
                kept = "" if self.out is None else f"; the checkpoints in {self.out} are from before"
                raise DivergedError(f"{name} is {value} at step {step}: training was stopped{kept}")
        self._recent.clear()

    def _note_divergence(self, step: int, what: str) -> None:
        """Leave word in the run folder, for who looks at it later; gone when the run goes on."""
        if self.out is not None and self.processes.is_main:
            write_text(self.out / DIVERGED, json.dumps({"step": step, "what": what}) + "\n")

    def _log(self, speed: Speed) -> dict[str, Any]:
        """Note what this step showed. The only place where the host waits for the device."""
        self._check_recent()
        assert self._results is not None
        scalars = self._results.scalars()
        values = self.processes.mean(torch.stack(list(scalars.values()))).tolist()
        record = {
            "step": self.step,
            "epoch": self.step * self.game.batches_a_step * self.config.batch_size / len(self.data),
            **dict(zip(scalars, values, strict=True)),
            "images_per_second": speed(self.step),
            "memory_mib": self.engine.memory(),
            "seconds": self.seconds,
        }
        self.records.append(record)
        if self.out is not None and self.processes.is_main:
            self._log_to().write(record)
        return record

    def _log_to(self) -> RunLog:
        if self._run_log is None:
            assert self.out is not None
            self._run_log = RunLog(self.out, self.config.tensorboard)
        return self._run_log

    def _save_samples(self) -> None:
        assert self.out is not None
        if not self.processes.is_main:
            return
        path = samples_path(self.out, self.step)
        path.parent.mkdir(parents=True, exist_ok=True)
        grid = self.game.save_samples(path)
        if grid is not None:
            self._log_to().add_grid(grid, self.step)

    # ------------------------------------------------------------------------------- save and restore

    def _save_checkpoint(self) -> None:
        assert self.out is not None
        for name, part in self.game.parts().items():
            if isinstance(part, nn.Module) and not all(bool(p.isfinite().all()) for p in part.parameters()):
                self._note_divergence(self.step, f"the {name}'s weights are infinite or not a number")
                raise DivergedError(
                    f"the {name}'s weights are infinite or not a number at step {self.step}: training was "
                    f"stopped; the checkpoints in {self.out} are from before"
                )
        self._check_recent()
        self.save(checkpoint_path(self.out, self.step))
        if self.processes.is_main:
            checkpoint.prune(self.out, self.config.keep_last)

    def save(self, path: str | Path) -> None:
        """Write a checkpoint: all that is needed to go on as if nothing had happened.

        Where several processes train, all of them have to call it; process 0 writes.

        Parameters
        ----------
        path : str or Path
            Its folder; written under another name and renamed when it is whole.

        Raises
        ------
        OSError
            If it cannot be written; what was there before is unharmed.
        """
        self.check()
        own = self.game.parts()
        random = {name: part.get_state() for name, part in own.items() if isinstance(part, torch.Generator)}
        random |= self.engine.random_states()
        if self.processes.is_main:
            others = {n: part for n, part in own.items() if not isinstance(part, torch.Generator)}
            tensors = {name: parts.tensors_of(part) for name, part in others.items()}
            numbers = {name: parts.numbers_of(part, name) for name, part in others.items()}
            checkpoint.save(Path(path), {**tensors, "rng": random}, self._state(list(own), numbers))
        self.processes.any(False)  # nobody goes on, or loads it, before it is there

    def _state(self, names: list[str], numbers: dict[str, Any]) -> dict[str, Any]:
        """Return what a checkpoint holds beside tensors, as JSON."""
        return {
            "step": self.step,
            "seconds": self.seconds,
            "game": self.game.name,
            "parts": names,
            "numbers": {name: value for name, value in numbers.items() if value},
            "config": dataclasses.asdict(self.config),
            "model": self.game.spec(),
            "data": {
                "kind": self.data.kind,
                "spec": self.data.spec,
                "num_samples": len(self.data),
                "shape": self.data.shape,
                "class_names": self.data.class_names if getattr(self.game, "num_classes", 0) else (),
            },
            "info": self.info,
            # A run folder has its log in metrics.jsonl; a checkpoint by itself carries it along.
            "num_records": len(self.records),
            "records": self.records if self.out is None else None,
        }

    def restore(self, path: str | Path, override: bool = False) -> None:
        """Put a freshly built game where a checkpoint left it, to the last bit, and go on from there.

        Parameters
        ----------
        path : str or Path
            A checkpoint; or a run folder, of which the newest checkpoint that verifies is taken, and in which
            `fit` then goes on.
        override : bool
            Go on although settings differ that change the course of training. It is noted in the checkpoints
            (`info["overridden"]`).

        Raises
        ------
        CheckpointError
            If nothing verifies, the game or its data do not fit, or a setting was changed that may not be.
        """
        folder, run = checkpoint.locate(path)
        state = checkpoint.load_state(folder)
        game = state.get("game", "gan")  # version 0.1 knew one game
        if game != self.game.name:
            raise CheckpointError(
                f"checkpoint {folder}: it is of the game {game!r}, this is {self.game.name!r}"
            )
        check_data(folder, state, self.data)
        changes = check_settings(folder, state, self.config, override)
        self._restore_parts(folder, state, keep_settings=bool(changes))
        self.info = state["info"] | self.info
        if changes:
            earlier = self.info.get("overridden", [])
            self.info["overridden"] = [*earlier, f"from step {state['step']}: {'; '.join(changes)}"]
        self.step, self.seconds, self._results = state["step"], state["seconds"], None
        if Path(path) == run:
            self.out = run
        if state["records"] is not None:
            self.records = state["records"]
        elif run is not None:
            self.records = read_log(run, state["step"], state["num_records"])
            self._log_goes_on = self.out is not None  # cut back to here when training does, not before

    def _restore_parts(self, folder: Path, state: dict[str, Any], keep_settings: bool) -> None:
        """Put every part back; with `keep_settings` optimisers keep the settings they were built with."""
        self.check()
        own, saved = self.game.parts(), state.get("parts", PARTS_0_1)
        missing, unknown = sorted(set(own) - set(saved)), sorted(set(saved) - set(own))
        if missing or unknown:
            lacks = f"it lacks {', '.join(missing)}" if missing else ""
            holds = f"it holds {', '.join(unknown)}, which this game does not name" if unknown else ""
            words = "; ".join(text for text in (lacks, holds) if text)
            raise CheckpointError(f"checkpoint {folder}: it is of another game ({words})")
        rng, numbers = checkpoint.load_tensors(folder, "rng"), state.get("numbers", {})
        for name, part in own.items():
            drawn = isinstance(part, torch.Generator)
            tensors = {"state": rng[name]} if drawn else checkpoint.load_tensors(folder, name)
            settings = () if keep_settings and isinstance(part, Optimizer) else numbers.get(name, ())
            try:
                parts.restore(part, name, tensors, settings)
            except CheckpointError as error:
                raise CheckpointError(f"checkpoint {folder}: {error}") from error
        self.engine.restore_random(rng)


def check_data(folder: Path, state: dict[str, Any], data: Dataset) -> None:
    """Refuse other data than those that a checkpoint was trained on, as far as their number and shape tell.

    Raises
    ------
    CheckpointError
        If they differ.
    """
    num, shape = state["data"]["num_samples"], tuple(state["data"]["shape"])
    if len(data) != num or data.shape != shape:
        raise CheckpointError(
            f"checkpoint {folder}: it was trained on {num} samples of shape {shape}; these data have "
            f"{len(data)} of {data.shape}"
        )


def check_settings(folder: Path, state: dict[str, Any], config: TrainConfig, override: bool) -> list[str]:
    """Return the settings that differ from a checkpoint's and change the course of training.

    Raises
    ------
    CheckpointError
        If there are any, and `override` is not set.
    """
    changes = changes_between(type(config)(**state["config"]), config)
    if changes and not override:
        refuse_changes(folder, changes)
    return changes


@contextmanager
def alone_in(out: Path | None, processes: Processes) -> Iterator[None]:
    """Work in a run folder, if there is one, while no other run does.

    Raises
    ------
    UserError
        If another one does: which process, on which machine and since when.
    """
    if out is None or not processes.is_main:
        yield
    else:
        with holding(out, "training"):
            yield


@contextmanager
def _stop_requested(patient: bool) -> Iterator[threading.Event]:
    """Turn the first Ctrl-C, SIGTERM or SIGHUP into a flag that the loop reads between two steps.

    A second Ctrl-C interrupts at once, as usual; unless `patient`: a launcher of several processes sends a
    SIGTERM after the terminal's Ctrl-C, which must not cut off the saving (it has SIGKILL if it must).
    Outside the main thread signals are left alone.
    """
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    signals = [signal.SIGINT, signal.SIGTERM]
    hangup = getattr(signal, "SIGHUP", None)  # Windows has none
    if hangup is not None and signal.getsignal(hangup) != signal.SIG_IGN:  # `nohup` asks to go on
        signals.append(hangup)
    before = {number: signal.getsignal(number) for number in signals}

    def request(number: int, frame: FrameType | None) -> None:
        stop.set()
        for name, handler in before.items() if not patient else ():
            signal.signal(name, handler)

    for number in signals:
        signal.signal(number, request)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
