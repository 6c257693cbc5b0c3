"""The loop around the two steps: order of the data, averages, logs, samples, checkpoints."""

from __future__ import annotations

import dataclasses
import math
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ganbook import models, penalties
from ganbook.data import BatchOrder, Dataset, PointDataset, load_dataset
from ganbook.errors import CheckpointError, DivergedError, UserError
from ganbook.losses import LOSSES
from ganbook.training import checkpoint
from ganbook.training.config import (
    TrainConfig,
    changes_between,
    check_value,
    learning_rate_factor,
    refuse_changes,
)
from ganbook.training.ema import EMA
from ganbook.training.engine import Engine
from ganbook.training.log import Bar, History, RunLog, Speed, notice, read_log, write_log
from ganbook.training.sampling import class_columns, load_generator, sample_generator
from ganbook.training.step import Penalty, StepResult, discriminator_step, generator_step


class Trainer:
    """Trains a generator against a discriminator, by the functions of `ganbook.training.step`.

    Parameters
    ----------
    generator : nn.Module
        Maps latents (N, latent_dim) to samples (N, *data.shape); it has the attribute `latent_dim`.
    discriminator : nn.Module
        Maps samples to logits (N,).
    data : ImageDataset or PointDataset
        What to learn from.
    config : TrainConfig, optional
        Settings; the defaults train a small DCGAN well.
    out : str or Path, optional
        The run folder. With it, `fit` writes metrics, sample grids and checkpoints there.
    info : dict, optional
        What else a checkpoint is to remember (the command line keeps its recipe there).

    Raises
    ------
    UserError
        If the networks do not fit the data or each other; found before the first step.

    Examples
    --------
    >>> import ganbook as gb
    >>> data = gb.load_dataset("digits")
    >>> generator, discriminator = gb.models.mlp(data.shape, latent_dim=16, hidden=32)
    >>> trainer = gb.Trainer(generator, discriminator, data, gb.TrainConfig(device="cpu"))
    >>> history = trainer.fit(steps=2, progress=False)
    >>> trainer.sample(4).shape
    torch.Size([4, 1, 8, 8])
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        data: Dataset,
        config: TrainConfig | None = None,
        out: str | Path | None = None,
        info: dict[str, Any] | None = None,
    ) -> None:
        self.config = config or TrainConfig()
        self.out = None if out is None else Path(out)
        self.info = dict(info or {})
        latent_dim = getattr(generator, "latent_dim", None)
        if not isinstance(latent_dim, int):
            raise UserError("generator: it needs an attribute latent_dim, the length of its latent vector z")
        self.latent_dim = latent_dim
        self.num_classes = _num_classes(generator, discriminator, data)
        self.loss = LOSSES[self.config.loss]
        if self.config.label_smoothing:
            smoothed = partial(self.loss.discriminator, real_label=1.0 - self.config.label_smoothing)
            self.loss = self.loss._replace(discriminator=smoothed)

        self.engine = Engine(self.config.device, self.config.precision, _is_convolutional(discriminator))
        self.processes = self.engine.processes
        if self.out is not None and self.processes.is_main:
            check_out(self.out)
        if self.config.batch_size % self.processes.size:
            raise UserError(
                f"batch_size={self.config.batch_size}: {self.processes.size} processes share each batch, "
                f"so it must be a multiple of {self.processes.size}"
            )
        self.generator = self.engine.prepare(generator)
        self.discriminator = self.engine.prepare(discriminator)
        self.data = data.to(self.engine.device)
        self._check_shapes()
        self._penalties = self._choose_penalties()

        self.order = BatchOrder(len(data), self.config.batch_size, self.config.seed)
        self.rng = self.engine.rng(self.config.seed)  # draws the latents
        self.ema = EMA(self.generator, self.config.ema_decay)
        if self.config.compile:
            self.engine.compile(self.generator)
            if not self._penalties:  # compiled code has no second derivatives
                self.engine.compile(self.discriminator)
        betas = self.config.betas
        self.generator_optimizer = self.engine.adam(generator.parameters(), self.config.generator_lr, betas)
        self.discriminator_optimizer = self.engine.adam(
            discriminator.parameters(), self.config.discriminator_lr, betas
        )
        self.step = 0  # generator updates done
        self.seconds = 0.0  # time spent in fit
        self.records: list[dict[str, Any]] = []
        self.interrupted = False
        # Losses that were not looked at yet: those since the last line of the log. A caller who steps by hand
        # may never look.
        losses_a_line = self.config.log_every * (self.config.discriminator_steps + 1)
        self._recent: deque[tuple[int, str, Tensor]] = deque(maxlen=losses_a_line)
        self._run_log: RunLog | None = None
        if self.config.tensorboard and self.out is not None:
            self._log_to()  # complain now, not at the first record, if TensorBoard is missing
        if self.processes.rank:  # other dropout masks than process 0's
            torch.manual_seed(self.config.seed + 1_000_003 * self.processes.rank)

    # ------------------------------------------------------------------------------------- the loop

    def train_step(self) -> tuple[StepResult, StepResult]:
        """Do one step: `discriminator_steps` updates of D, one of G, one of the moving average.

        Returns
        -------
        discriminator_result, generator_result : StepResult
            Losses and logits, still on the device.
        """
        for network in (self.generator, self.discriminator):
            if not network.training:
                network.train()
        config, autocast = self.config, self.engine.autocast
        self._set_learning_rates()
        augment = self._augment if self._noise() else None
        k = config.discriminator_steps
        for number in range(k * self.step, k * (self.step + 1)):
            indices = self.processes.share(self.order.batch(number))
            real = self.engine.layout(self.data.batch(indices))
            labels = self.data.batch_labels(indices) if self.num_classes else None
            result_d = discriminator_step(
                self.generator, self.discriminator, self.discriminator_optimizer, self.loss.discriminator,
                real, self._latents(), labels, self._penalty(number), augment, autocast(),
            )  # fmt: skip
            if config.weight_clip:
                penalties.clip_weights(self.discriminator, config.weight_clip)
            self._recent.append((self.step + 1, "discriminator_loss", result_d.loss))
        result_g = generator_step(
            self.generator, self.discriminator, self.generator_optimizer, self.loss.generator,
            self._latents(), real if self.loss.uses_real else None, labels, augment, autocast(),
        )  # fmt: skip
        self._recent.append((self.step + 1, "generator_loss", result_g.loss))
        self.ema.update(self.generator, self.step)
        self.step += 1
        return result_d, result_g

    def fit(
        self, steps: int | None = None, seconds: float | None = None, *, progress: bool = True
    ) -> History:
        """Train for a number of further steps, or for a time.

        Ctrl-C (SIGINT) and SIGTERM end the run after the step at hand; what was done is kept.

        Parameters
        ----------
        steps : int, optional
            Further generator updates. Default, if `seconds` is not given either: `config.steps`.
        seconds : float, optional
            Stop after this time; with `steps` too, at whichever comes first.
        progress : bool
            Show a progress bar on stderr.

        Returns
        -------
        History
            All records of the run so far.

        Raises
        ------
        UserError
            If `steps` or `seconds` is not positive.
        DivergedError
            If a loss is infinite or not a number; the last checkpoint stays.
        OSError
            If the run folder cannot be written; the last checkpoint stays.
        """
        if steps is None and seconds is None:
            steps = self.config.steps
        if steps is not None:
            check_value("steps", steps, int, lambda v: v >= 1, "a whole number, at least 1")
        if seconds is not None:
            check_value("seconds", seconds, float, lambda v: 0 < v < math.inf, "a number above 0")

        first, before, started = self.step, self.seconds, time.perf_counter()
        speed = Speed(self.config.batch_size, self.step)
        self.interrupted = False
        alone, main = self.processes.size == 1, self.processes.is_main
        if self.out is not None and self.step == 0:
            self._save_samples()  # the grid before any training, to compare with
            self._save_checkpoint()  # from here on the run can be resumed, whatever happens
        with _stop_requested(patient=not alone) as stop, Bar(steps, seconds, progress and main) as bar:
            while True:
                if steps is not None and self.step - first >= steps:
                    break
                # Several processes have to agree when to stop; asking at each step would cost too much.
                if alone or self.step % self.config.log_every == 0:
                    late = seconds is not None and time.perf_counter() - started >= seconds
                    self.interrupted = self.processes.any(stop.is_set())
                    if self.interrupted or self.processes.any(late):
                        break
                results = self.train_step()
                self.seconds = before + time.perf_counter() - started
                if self.step % self.config.log_every == 0 or self.step == 1:
                    record = self._log(*results, speed)
                    bar.show(self.step - first, self.seconds - before, record)
                if self.out is not None and self.step % self.config.sample_every == 0:
                    self._save_samples()
                if self.out is not None and self.step % self.config.checkpoint_every == 0:
                    self._save_checkpoint()
            bar.show(self.step - first, self.seconds - before, None)
        self._check_recent()
        if self.out is not None and self.step > first:
            if self.step % self.config.sample_every:
                self._save_samples()
            if self.step % self.config.checkpoint_every:
                self._save_checkpoint()
        if self._run_log is not None:
            self._run_log.flush()
        return History(self.records)

    # What is random is drawn for the whole batch in every process, and each takes its share: so that a run
    # has the same samples however many processes train it, and one random state to save.

    def _latents(self) -> Tensor:
        z = torch.randn(
            self.config.batch_size, self.latent_dim, generator=self.rng, device=self.engine.device
        )
        return self.processes.share(z)

    def _noise(self) -> float:
        """Return the standard deviation of the instance noise at this step."""
        config = self.config
        if config.instance_noise_steps == 0:
            return config.instance_noise
        return config.instance_noise * max(0.0, 1.0 - self.step / config.instance_noise_steps)

    def _augment(self, x: Tensor) -> Tensor:
        """Add instance noise (Sonderby et al. 2017; Arjovsky and Bottou 2017)."""
        shape = (self.config.batch_size, *x.shape[1:])
        noise = torch.randn(shape, generator=self.rng, device=self.engine.device)
        return x + self._noise() * self.processes.share(noise)

    def _choose_penalties(self) -> list[Penalty]:
        config, every = self.config, self.config.penalty_every
        chosen: list[Penalty] = []
        if config.r1:
            chosen.append(partial(penalties.r1, gamma=config.r1 * every))
        if config.r2:
            chosen.append(partial(penalties.r2, gamma=config.r2 * every))
        if config.gradient_penalty:
            chosen.append(self._wgan_gp)
        if chosen and any(isinstance(module, _BatchNorm) for module in self.discriminator.modules()):
            notice(
                "this discriminator has BatchNorm, which mixes the samples of a batch; a gradient penalty is "
                "meant for one that looks at each sample by itself (option discriminator_norm of the model)"
            )
        return chosen

    def _wgan_gp(self, discriminator: penalties.Discriminator, real: Tensor, fake: Tensor) -> Tensor:
        eps = torch.rand(self.config.batch_size, generator=self.rng, device=self.engine.device)
        weight = self.config.gradient_penalty * self.config.penalty_every
        return penalties.wgan_gp(discriminator, real, fake, weight, self.processes.share(eps))

    def _penalty(self, number: int) -> Penalty | None:
        """Return what is added to the loss of the discriminator's update `number` (from 0)."""
        if not self._penalties or number % self.config.penalty_every:
            return None
        return lambda d, real, fake: torch.stack([p(d, real, fake) for p in self._penalties]).sum()

    def _set_learning_rates(self) -> None:
        config = self.config
        if config.schedule == "constant" and self.step >= config.warmup_steps:
            return
        factor = learning_rate_factor(config, self.step)
        for optimizer, lr in (
            (self.generator_optimizer, config.generator_lr),
            (self.discriminator_optimizer, config.discriminator_lr),
        ):
            for group in optimizer.param_groups:
                group["lr"] = lr * factor

    def _check_recent(self) -> None:
        """Stop the run if a loss since the last look was infinite or not a number; say which and when."""
        if not self._recent:
            return
        values = self.processes.mean(torch.stack([loss for _, _, loss in self._recent])).tolist()
        for (step, name, _), value in zip(self._recent, values, strict=True):
            if not math.isfinite(value):
                kept = "" if self.out is None else f"; the checkpoints in {self.out} are from before"
                raise DivergedError(f"{name} is {value} at step {step}: training was stopped{kept}")
        self._recent.clear()

    def _log(self, result_d: StepResult, result_g: StepResult, speed: Speed) -> dict[str, Any]:
        """Note what this step's batch showed. The only place where the host waits for the device."""
        self._check_recent()
        assert result_d.real_logits is not None
        nothing = result_d.loss.new_zeros(())
        seen = torch.stack([
            result_d.loss,
            result_g.loss,
            nothing if result_d.penalty is None else result_d.penalty,
            (result_d.real_logits > 0).float().mean(),
            (result_d.fake_logits < 0).float().mean(),
        ])  # fmt: skip
        loss_d, loss_g, penalty, accuracy_real, accuracy_fake = self.processes.mean(seen).tolist()
        record = {
            "step": self.step,
            "epoch": self.step * self.config.discriminator_steps * self.config.batch_size / len(self.data),
            "discriminator_loss": loss_d,
            "generator_loss": loss_g,
            **({"penalty": penalty} if self._penalties else {}),
            "d_accuracy_real": accuracy_real,
            "d_accuracy_fake": accuracy_fake,
            "discriminator_grad_norm": _gradient_norm(self.discriminator),
            "generator_grad_norm": _gradient_norm(self.generator),
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

    def _check_shapes(self) -> None:
        """Run one tiny batch through both networks, without changing them or any random state."""
        state = {id(m): m.training for net in (self.generator, self.discriminator) for m in net.modules()}
        z = torch.zeros(2, self.latent_dim, device=self.engine.device)
        labels = torch.zeros(2, dtype=torch.int64, device=self.engine.device)
        given = (labels,) if self.num_classes else ()
        try:
            with torch.no_grad():
                fake = self.generator.eval()(z, *given)
                shape = tuple(fake.shape[1:])
                if shape != self.data.shape:
                    raise UserError(
                        f"generator: it makes samples of shape {shape}, the data have {self.data.shape}"
                    )
                try:
                    real = self.data.batch(torch.zeros(2, dtype=torch.int64))
                    logits = self.discriminator.eval()(real, *given)
                except RuntimeError as error:
                    raise UserError(
                        f"discriminator: it cannot take samples of shape {self.data.shape} ({error})"
                    ) from error
            if logits.shape != (2,):
                raise UserError(
                    f"discriminator: for 2 samples it returns shape {tuple(logits.shape)}; "
                    "it must return one logit a sample, shape (2,)"
                )
        finally:
            for net in (self.generator, self.discriminator):
                for module in net.modules():
                    module.training = state[id(module)]

    # ----------------------------------------------------------------------------------- samples

    def sample(self, num: int = 64, seed: int = 0, labels: Tensor | int | None = None) -> Tensor:
        """Draw samples from the averaged generator, in eval mode.

        Parameters
        ----------
        num : int
            How many.
        seed : int
            Seed of the latents; training is not disturbed.
        labels : Tensor or int, optional
            Classes for a conditional generator: int64, shape (num,), or one for all. Default: 0, 1, 2, ...
            over and over.

        Returns
        -------
        Tensor
            float32 on the CPU, shape (num, *data.shape); images in [-1, 1].
        """
        return sample_generator(self.ema.module, self.latent_dim, num, seed, self.engine.device, labels)

    def _save_samples(self) -> None:
        assert self.out is not None
        if not self.processes.is_main:
            return
        folder = self.out / "samples"
        folder.mkdir(parents=True, exist_ok=True)
        points = self.data.points[:1000].cpu() if isinstance(self.data, PointDataset) else None
        columns = class_columns(self.num_classes)
        samples = self.sample(8 * (columns or 8) if points is None else 1000)
        grid = self.data.save_samples(samples, folder / f"step-{self.step:08d}.png", points, columns)
        if grid is not None:
            self._log_to().add_grid(grid, self.step)

    # ------------------------------------------------------------------------------- save and load

    def _save_checkpoint(self) -> None:
        assert self.out is not None
        for name, module in (("generator", self.generator), ("discriminator", self.discriminator)):
            if not all(bool(p.isfinite().all()) for p in module.parameters()):
                raise DivergedError(
                    f"the {name}'s weights are infinite or not a number at step {self.step}: training was "
                    f"stopped; the checkpoints in {self.out} are from before"
                )
        self._check_recent()
        self.save(self.out / "checkpoints" / f"step-{self.step:08d}")
        if self.processes.is_main:
            checkpoint.prune(self.out, self.config.keep_last)

    def save(self, path: str | Path) -> None:
        """Write a checkpoint: all that `load` needs to go on as if nothing had happened.

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
        rng = {"latents": self.rng.get_state(), **self.engine.random_states()}
        if self.processes.is_main:
            self._write_checkpoint(Path(path), rng)
        self.processes.any(False)  # nobody goes on, or loads it, before it is there

    def _write_checkpoint(self, path: Path, rng: dict[str, Tensor]) -> None:
        tensors = {
            "generator": self.generator.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "ema": self.ema.module.state_dict(),
            "generator_optimizer": checkpoint.optimizer_tensors(self.generator_optimizer),
            "discriminator_optimizer": checkpoint.optimizer_tensors(self.discriminator_optimizer),
            "rng": rng,
        }
        state = {
            "step": self.step,
            "seconds": self.seconds,
            "config": dataclasses.asdict(self.config),
            "model": getattr(self.generator, "spec", None),
            "data": {
                "spec": self.data.spec,
                "num_samples": len(self.data),
                "shape": self.data.shape,
                "class_names": getattr(self.data, "class_names", ()) if self.num_classes else (),
            },
            "info": self.info,
            # A run folder has its log in metrics.jsonl; a checkpoint by itself carries it along.
            "num_records": len(self.records),
            "records": self.records if self.out is None else None,
        }
        checkpoint.save(path, tensors, state)

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        generator: nn.Module | None = None,
        discriminator: nn.Module | None = None,
        data: Dataset | None = None,
        config: TrainConfig | None = None,
        override: bool = False,
    ) -> Trainer:
        """Load a checkpoint, or the newest one of a run folder that verifies, and go on from there exactly.

        Parameters
        ----------
        path : str or Path
            A checkpoint, or a run folder with `checkpoints/` in it.
        generator, discriminator : nn.Module, optional
            Networks of the same build; needed where they are not from `ganbook.models`.
        data : ImageDataset or PointDataset, optional
            The data; needed where they are not from `load_dataset`.
        config : TrainConfig, optional
            Settings to go on with; only those that do not change the course of training may differ.
        override : bool
            Go on with other settings nevertheless. It is noted in the checkpoints (`info["overridden"]`).

        Raises
        ------
        CheckpointError
            If nothing verifies, the networks or data do not fit, or a setting was changed that may not be.
        """
        path = Path(path)
        folder, out = path, None
        if (path / "checkpoints").is_dir():
            folder, passed_over = checkpoint.newest(path)
            out = path
            for line in passed_over:
                notice(line)
        elif not path.is_dir():
            raise CheckpointError(f"{path}: there is no such run or checkpoint")
        state = checkpoint.load_state(folder)

        saved = TrainConfig(**state["config"])
        if config is None:
            config = saved
        if override:
            changes = changes_between(saved, config)
            if changes:
                earlier = state["info"].get("overridden", [])
                state["info"]["overridden"] = [*earlier, f"from step {state['step']}: {'; '.join(changes)}"]
        else:
            refuse_changes(folder, saved, config)
        if generator is None or discriminator is None:
            if state["model"] is None:
                raise CheckpointError(
                    f"checkpoint {folder}: its networks are not from ganbook.models; "
                    "pass generator= and discriminator= of the same build"
                )
            generator, discriminator = models.build(**state["model"])
        if data is None:
            if "name" not in state["data"]["spec"]:
                raise CheckpointError(f"checkpoint {folder}: its data are not from load_dataset; pass data=")
            data = load_dataset(**state["data"]["spec"])
        if len(data) != state["data"]["num_samples"] or list(data.shape) != list(state["data"]["shape"]):
            raise CheckpointError(
                f"checkpoint {folder}: it was trained on {state['data']['num_samples']} samples of shape "
                f"{tuple(state['data']['shape'])}; these data have {len(data)} of {data.shape}"
            )

        trainer = cls(generator, discriminator, data, config, info=state["info"])
        trainer.out = out
        for name, module in (
            ("generator", trainer.generator),
            ("discriminator", trainer.discriminator),
            ("ema", trainer.ema.module),
        ):
            try:
                module.load_state_dict(checkpoint.load_tensors(folder, name))
            except RuntimeError as error:
                raise CheckpointError(
                    f"checkpoint {folder}: its {name} is of another build ({' '.join(str(error).split())})"
                ) from error
        for name, optimizer in (
            ("generator_optimizer", trainer.generator_optimizer),
            ("discriminator_optimizer", trainer.discriminator_optimizer),
        ):
            checkpoint.load_optimizer(optimizer, checkpoint.load_tensors(folder, name))
        rng = checkpoint.load_tensors(folder, "rng")
        trainer.engine.restore_random(rng)
        if rng["latents"].shape != trainer.rng.get_state().shape:
            raise CheckpointError(
                f"checkpoint {folder}: it was trained on another kind of device than "
                f"{trainer.engine.device.type}; name that one with device"
            )
        trainer.rng.set_state(rng["latents"])
        trainer.step, trainer.seconds = state["step"], state["seconds"]
        if state["records"] is not None:
            trainer.records = state["records"]
        else:
            trainer.records = read_log(folder.parent.parent, state["step"], state["num_records"])
            trainer.processes.any(False)  # all have read the old log before process 0 cuts it
            if trainer.processes.is_main:
                write_log(folder.parent.parent, trainer.records)
        return trainer


# What a run folder consists of; a folder with any of these is taken.
RUN_FILES = ("recipe.toml", "metrics.jsonl", "samples", "checkpoints", "summary.json")


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


def _num_classes(generator: nn.Module, discriminator: nn.Module, data: Dataset) -> int:
    """Return the classes of a conditional pair (0 for others), checked against each other and the data."""
    classes = getattr(generator, "num_classes", 0)
    if classes != getattr(discriminator, "num_classes", 0):
        theirs = getattr(discriminator, "num_classes", 0)
        raise UserError(f"discriminator: num_classes={theirs}; the generator has {classes}")
    have = getattr(data, "num_classes", 0)
    if classes and classes != have:
        raise UserError(f"generator: num_classes={classes}; the data have {have or 'no'} classes")
    return classes


def _gradient_norm(module: nn.Module) -> float:
    """Return the length of the gradient that the last step left in a module's parameters."""
    gradients = [p.grad for p in module.parameters() if p.grad is not None]
    return torch.stack(torch._foreach_norm(gradients)).norm().item() if gradients else 0.0


def _is_convolutional(module: nn.Module) -> bool:
    return any(isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) for layer in module.modules())


@contextmanager
def _stop_requested(patient: bool) -> Iterator[threading.Event]:
    """Turn the first Ctrl-C or SIGTERM into a flag that the loop reads between two steps.

    A second Ctrl-C interrupts at once, as usual; unless `patient`: a launcher of several processes sends a
    SIGTERM after the terminal's Ctrl-C, which must not cut off the saving (it has SIGKILL if it must).
    Outside the main thread signals are left alone.
    """
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    signals = (signal.SIGINT, signal.SIGTERM)
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


__all__ = ["History", "TrainConfig", "Trainer", "load_generator", "sample_generator"]
