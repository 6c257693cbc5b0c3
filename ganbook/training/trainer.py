"""The loop around the two steps: order of the data, averages, logs, samples, checkpoints."""

from __future__ import annotations

import dataclasses
import json
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn
from tqdm.std import tqdm

from ganbook import models
from ganbook.data import BatchOrder, Dataset, PointDataset, load_dataset
from ganbook.errors import CheckpointError, DivergedError, UserError, unknown
from ganbook.losses import LOSSES
from ganbook.training import checkpoint
from ganbook.training.ema import EMA
from ganbook.training.engine import Engine
from ganbook.training.step import StepResult, discriminator_step, generator_step


@dataclass(frozen=True)
class TrainConfig:
    """What a training run depends on, beside its networks and its data.

    Raises
    ------
    UserError
        If a value is of a wrong type or out of its range.
    """

    loss: str = "non-saturating"
    """One of `ganbook.losses.LOSSES`."""
    batch_size: int = 64
    """Samples a batch, real and fake each."""
    generator_lr: float = 2e-4
    """Adam's learning rate for the generator."""
    discriminator_lr: float = 2e-4
    """Adam's learning rate for the discriminator."""
    betas: tuple[float, float] = (0.5, 0.999)
    """Adam's two decay rates; 0.5 for the first, after Radford et al. (2016)."""
    discriminator_steps: int = 1
    """Updates of the discriminator for each of the generator: k in Algorithm 1 of the 2014 paper."""
    ema_decay: float = 0.999
    """Decay of the generator's moving average; 0 switches it off."""
    steps: int = 1000
    """Generator updates of a run that is given neither steps nor seconds."""
    seed: int = 0
    """Seed of the latents and of the data's order. (The initial weights are the caller's.)"""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    precision: str = "auto"
    """auto, fp32 or bf16."""
    log_every: int = 10
    """Steps between two lines of metrics.jsonl."""
    sample_every: int = 250
    """Steps between two sample grids."""
    checkpoint_every: int = 500
    """Steps between two checkpoints."""
    keep_last: int = 2
    """Checkpoints to keep."""

    def __post_init__(self) -> None:
        if not isinstance(self.loss, str) or self.loss not in LOSSES:
            raise unknown("loss", self.loss, LOSSES)
        for key in ("batch_size", "discriminator_steps", "steps", "log_every", "sample_every",
                    "checkpoint_every", "keep_last"):  # fmt: skip
            _check(key, getattr(self, key), int, lambda v: v >= 1, "a whole number, at least 1")
        _check("seed", self.seed, int, lambda v: 0 <= v < 2**40, "a whole number from 0 to 2^40 - 1")
        for key in ("generator_lr", "discriminator_lr"):
            _check(key, getattr(self, key), float, lambda v: 0 < v < math.inf, "a number above 0")
        _check("ema_decay", self.ema_decay, float, lambda v: 0 <= v < 1, "a number from 0 to below 1")
        betas = self.betas
        if not isinstance(betas, tuple | list) or len(betas) != 2:
            raise UserError(f"betas={betas!r}: it must be two numbers")
        for value in betas:
            _check("betas", value, float, lambda v: 0 <= v < 1, "two numbers from 0 to below 1")
        object.__setattr__(self, "betas", tuple(float(value) for value in betas))


def _check(key: str, value: Any, kind: type, fits: Callable[[Any], bool], takes: str) -> None:
    kinds = (int, float) if kind is float else (kind,)
    if isinstance(value, bool) or not isinstance(value, kinds) or not fits(value):
        raise UserError(f"{key}={value!r}: it must be {takes}")


# What may differ when a run is resumed, because it does not change the sequence of weights.
FREE_TO_CHANGE = {"steps", "device", "log_every", "sample_every", "checkpoint_every", "keep_last"}


# What a run folder consists of; a folder with any of these is taken.
RUN_FILES = ("recipe.toml", "metrics.jsonl", "samples", "checkpoints", "summary.json")


class History:
    """What was logged: one record (a dict) for each logged step, as in metrics.jsonl.

    Examples
    --------
    >>> history = History([{"step": 1, "generator_loss": 0.7}, {"step": 2, "generator_loss": 0.6}])
    >>> history["generator_loss"]
    [0.7, 0.6]
    """

    def __init__(self, records: list[dict[str, Any]]) -> None:
        self.records = records

    def __getitem__(self, key: str) -> list[Any]:
        return [record[key] for record in self.records]

    def __len__(self) -> int:
        return len(self.records)

    def __repr__(self) -> str:
        if not self.records:
            return "<History: nothing logged>"
        last = self.records[-1]
        return (
            f"<History: {len(self)} records up to step {last['step']:,}, D loss "
            f"{last['discriminator_loss']:.3f}, G loss {last['generator_loss']:.3f}>"
        )


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
        self.out = None if out is None else check_out(Path(out))
        self.info = dict(info or {})
        latent_dim = getattr(generator, "latent_dim", None)
        if not isinstance(latent_dim, int):
            raise UserError("generator: it needs an attribute latent_dim, the length of its latent vector z")
        self.latent_dim = latent_dim
        self.loss = LOSSES[self.config.loss]

        self.engine = Engine(self.config.device, self.config.precision, _is_convolutional(discriminator))
        self.generator = self.engine.prepare(generator)
        self.discriminator = self.engine.prepare(discriminator)
        self.data = data.to(self.engine.device)
        self._check_shapes()

        self.order = BatchOrder(len(data), self.config.batch_size, self.config.seed)
        self.rng = self.engine.rng(self.config.seed)  # draws the latents
        self.ema = EMA(self.generator, self.config.ema_decay)
        betas = self.config.betas
        self.generator_optimizer = self.engine.adam(generator.parameters(), self.config.generator_lr, betas)
        self.discriminator_optimizer = self.engine.adam(
            discriminator.parameters(), self.config.discriminator_lr, betas
        )
        self.step = 0  # generator updates done
        self.seconds = 0.0  # time spent in fit
        self.records: list[dict[str, Any]] = []
        self.interrupted = False

    # ------------------------------------------------------------------------------------- the loop

    def train_step(self) -> tuple[StepResult, StepResult]:
        """Do one step: `discriminator_steps` updates of D, one of G, one of the moving average.

        Returns
        -------
        discriminator_result, generator_result : StepResult
            Losses and logits, still on the device.
        """
        self.generator.train()
        self.discriminator.train()
        k = self.config.discriminator_steps
        for number in range(k * self.step, k * (self.step + 1)):
            real = self.engine.layout(self.data.batch(self.order.batch(number)))
            result_d = discriminator_step(
                self.generator, self.discriminator, self.discriminator_optimizer, self.loss.discriminator,
                real, self._latents(len(real)), autocast=self.engine.autocast(),
            )  # fmt: skip
        result_g = generator_step(
            self.generator, self.discriminator, self.generator_optimizer, self.loss.generator,
            self._latents(len(real)), real if self.loss.uses_real else None, autocast=self.engine.autocast(),
        )  # fmt: skip
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
            _check("steps", steps, int, lambda v: v >= 1, "a whole number, at least 1")
        if seconds is not None:
            _check("seconds", seconds, float, lambda v: 0 < v < math.inf, "a number above 0")

        first, before, started = self.step, self.seconds, time.perf_counter()
        speed = _Speed(self.config.batch_size, self.step)
        self.interrupted = False
        if self.out is not None and self.step == 0:
            self._save_samples()  # the grid before any training, to compare with
            self._save_checkpoint()  # from here on the run can be resumed, whatever happens
        with _stop_requested() as stop, _Bar(steps, seconds, progress) as bar:
            while not stop.is_set():
                elapsed = time.perf_counter() - started
                done = self.step - first
                if (steps is not None and done >= steps) or (seconds is not None and elapsed >= seconds):
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
            self.interrupted = stop.is_set()
            bar.show(self.step - first, self.seconds - before, None)
        if self.out is not None and self.step > first:
            self._save_samples()
            self._save_checkpoint()
        return History(self.records)

    def _latents(self, num: int) -> Tensor:
        return torch.randn(num, self.latent_dim, generator=self.rng, device=self.engine.device)

    def _log(self, result_d: StepResult, result_g: StepResult, speed: _Speed) -> dict[str, Any]:
        """Note what this step's batch showed. The only place where the host waits for the device."""
        losses = {"discriminator_loss": result_d.loss.item(), "generator_loss": result_g.loss.item()}
        for name, value in losses.items():
            if not math.isfinite(value):
                kept = "" if self.out is None else f"; the checkpoints in {self.out} are from before"
                raise DivergedError(f"{name} is {value} at step {self.step}: training was stopped{kept}")
        assert result_d.real_logits is not None
        record = {
            "step": self.step,
            "epoch": self.step * self.config.discriminator_steps * self.config.batch_size / len(self.data),
            **losses,
            "d_accuracy_real": (result_d.real_logits > 0).float().mean().item(),
            "d_accuracy_fake": (result_d.fake_logits < 0).float().mean().item(),
            "images_per_second": speed(self.step),
            "seconds": self.seconds,
        }
        self.records.append(record)
        if self.out is not None:
            self.out.mkdir(parents=True, exist_ok=True)
            with (self.out / "metrics.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
        return record

    def _check_shapes(self) -> None:
        """Run one tiny batch through both networks, without changing them or any random state."""
        state = {id(m): m.training for net in (self.generator, self.discriminator) for m in net.modules()}
        z = torch.zeros(2, self.latent_dim, device=self.engine.device)
        try:
            with torch.no_grad():
                fake = self.generator.eval()(z)
                shape = tuple(fake.shape[1:])
                if shape != self.data.shape:
                    raise UserError(
                        f"generator: it makes samples of shape {shape}, the data have {self.data.shape}"
                    )
                try:
                    logits = self.discriminator.eval()(self.data.batch(torch.zeros(2, dtype=torch.int64)))
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

    def sample(self, num: int = 64, seed: int = 0) -> Tensor:
        """Draw samples from the averaged generator, in eval mode.

        Parameters
        ----------
        num : int
            How many.
        seed : int
            Seed of the latents; training is not disturbed.

        Returns
        -------
        Tensor
            float32 on the CPU, shape (num, *data.shape); images in [-1, 1].
        """
        return sample_generator(self.ema.module, self.latent_dim, num, seed, self.engine.device)

    def _save_samples(self) -> None:
        from ganbook import plots

        assert self.out is not None
        folder = self.out / "samples"
        folder.mkdir(parents=True, exist_ok=True)
        points = self.data.points[:1000].cpu() if isinstance(self.data, PointDataset) else None
        samples = self.sample(64 if points is None else 1000)
        plots.save_samples(samples, folder / f"step-{self.step:08d}.png", points)

    # ------------------------------------------------------------------------------- save and load

    def _save_checkpoint(self) -> None:
        assert self.out is not None
        for name, module in (("generator", self.generator), ("discriminator", self.discriminator)):
            if not all(bool(p.isfinite().all()) for p in module.parameters()):
                raise DivergedError(
                    f"the {name}'s weights are infinite or not a number at step {self.step}: training was "
                    f"stopped; the checkpoints in {self.out} are from before"
                )
        self.save(self.out / "checkpoints" / f"step-{self.step:08d}")
        checkpoint.prune(self.out, self.config.keep_last)

    def save(self, path: str | Path) -> None:
        """Write a checkpoint: all that `load` needs to go on as if nothing had happened.

        Parameters
        ----------
        path : str or Path
            Its folder; written under another name and renamed when it is whole.

        Raises
        ------
        OSError
            If it cannot be written; what was there before is unharmed.
        """
        rng = {"latents": self.rng.get_state(), "torch": torch.get_rng_state()}
        if self.engine.device.type == "cuda":
            rng["cuda"] = torch.cuda.get_rng_state()
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
            "data": {"spec": self.data.spec, "num_samples": len(self.data), "shape": self.data.shape},
            "info": self.info,
            # A run folder has its log in metrics.jsonl; a checkpoint by itself carries it along.
            "num_records": len(self.records),
            "records": self.records if self.out is None else None,
        }
        checkpoint.save(Path(path), tensors, state)

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        generator: nn.Module | None = None,
        discriminator: nn.Module | None = None,
        data: Dataset | None = None,
        config: TrainConfig | None = None,
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
                print(f"Notice: {line}")
        elif not path.is_dir():
            raise CheckpointError(f"{path}: there is no such run or checkpoint")
        state = checkpoint.load_state(folder)

        saved = TrainConfig(**state["config"])
        if config is None:
            config = saved
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
        torch.set_rng_state(rng["torch"])
        if trainer.engine.device.type == "cuda" and "cuda" in rng:
            torch.cuda.set_rng_state(rng["cuda"])
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
            trainer.records = _cut_log(folder.parent.parent, state["step"], state["num_records"])
        return trainer


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


def _cut_log(run: Path, step: int, num_records: int) -> list[dict[str, Any]]:
    """Cut metrics.jsonl back to a checkpoint; later lines will be logged again."""
    path = run / "metrics.jsonl"
    records = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            record = json.loads(line)
        except ValueError:
            break
        if record["step"] > step:
            break
        records.append(record)
    if len(records) != num_records:
        print(f"Notice: {path} holds {len(records)} of the {num_records} lines up to step {step}")
    if path.exists():
        checkpoint.write_file(path, "".join(json.dumps(record) + "\n" for record in records))
    return records


def refuse_changes(folder: Path, saved: TrainConfig, wanted: TrainConfig) -> None:
    """Refuse to resume under settings that change the course of training.

    Raises
    ------
    CheckpointError
        With a list of what changed.
    """
    changes = [
        f"{key} {getattr(saved, key)!r} -> {getattr(wanted, key)!r}"
        for key in (field.name for field in dataclasses.fields(TrainConfig))
        if key not in FREE_TO_CHANGE and getattr(saved, key) != getattr(wanted, key)
    ]
    if changes:
        raise CheckpointError(
            f"checkpoint {folder}: resuming with other settings would be another run "
            f"({'; '.join(changes)}); leave them as they were, or start a new run"
        )


def sample_generator(
    generator: nn.Module, latent_dim: int, num: int, seed: int, device: torch.device | str = "cpu"
) -> Tensor:
    """Draw samples from a generator in eval mode, in chunks; its mode is restored afterwards.

    Parameters
    ----------
    generator : nn.Module
        Maps latents (N, latent_dim) to samples.
    latent_dim : int
        Length of z.
    num : int
        How many, at least 1.
    seed : int
        Seed of the latents; drawn on the CPU, so that they are the same on every device.
    device : torch.device or str
        Where the generator is.

    Returns
    -------
    Tensor
        float32 on the CPU, shape (num, *shape).

    Raises
    ------
    UserError
        If `num` is not a positive whole number, or `seed` is negative.
    """
    _check("num", num, int, lambda v: v >= 1, "a whole number, at least 1")
    _check("seed", seed, int, lambda v: 0 <= v < 2**63, "a whole number, at least 0")
    rng = torch.Generator().manual_seed(seed)
    # Always in whole blocks, so that sample number i is the same however many are asked for.
    blocks = [torch.randn(512, latent_dim, generator=rng) for _ in range(0, num, 512)]
    z = torch.cat(blocks)[:num]
    was_training = generator.training
    generator.eval()
    with torch.no_grad():
        samples = [generator(part.to(device)).float().cpu().contiguous() for part in z.split(512)]
    generator.train(was_training)
    return torch.cat(samples)


def load_generator(run: str | Path) -> tuple[nn.Module, dict[str, Any]]:
    """Load the averaged generator of a run (or of one checkpoint), for sampling on the CPU.

    Parameters
    ----------
    run : str or Path
        A run folder, or a checkpoint.

    Returns
    -------
    generator : nn.Module
        In eval mode, with its `latent_dim`.
    state : dict
        The checkpoint's JSON.

    Raises
    ------
    CheckpointError
        If nothing there verifies, or the generator is not from `ganbook.models`.
    """
    path = Path(run)
    if not path.is_dir():
        raise CheckpointError(f"{path}: there is no such run")
    folder = path
    if not (path / checkpoint.MANIFEST).is_file():
        folder, passed_over = checkpoint.newest(path)
        for line in passed_over:
            print(f"Notice: {line}")
    state = checkpoint.load_state(folder)
    if state["model"] is None:
        raise CheckpointError(f"{path}: its networks are not from ganbook.models, so they cannot be rebuilt")
    with torch.random.fork_rng(devices=[]):
        generator, _ = models.build(**state["model"])
    generator.load_state_dict(checkpoint.load_tensors(folder, "ema"))
    return generator.eval(), state


def _is_convolutional(module: nn.Module) -> bool:
    return any(isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) for layer in module.modules())


class _Speed:
    """Images a second since it was last asked."""

    def __init__(self, batch_size: int, step: int) -> None:
        self.batch_size, self.step, self.time = batch_size, step, time.perf_counter()

    def __call__(self, step: int) -> float:
        now = time.perf_counter()
        rate = (step - self.step) * self.batch_size / max(now - self.time, 1e-9)
        self.step, self.time = step, now
        return rate


class _Bar:
    """The progress bar: of steps, or of seconds where only a time was given; with rate and both losses."""

    def __init__(self, steps: int | None, seconds: float | None, show: bool) -> None:
        self.by_step = steps is not None
        self.total: float = steps if steps is not None else round(seconds or 0.0, 1)
        form = "{percentage:3.0f}%|{bar:24}| " + ("{n}/{total} steps" if self.by_step else "{n}/{total} s")
        self.bar = tqdm(
            total=self.total,
            disable=not show,
            bar_format=form + " [{elapsed}{postfix}]",
            dynamic_ncols=True,
            mininterval=0.2,
        )

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def show(self, steps: int, seconds: float, record: dict[str, Any] | None) -> None:
        if record is not None:
            self.bar.set_postfix_str(
                f"{steps / max(seconds, 1e-9):.1f} steps/s, D loss {record['discriminator_loss']:.3f}, "
                f"G loss {record['generator_loss']:.3f}",
                refresh=False,
            )
        reached = steps if self.by_step else min(round(seconds, 1), self.total)
        self.bar.update(reached - (self.bar.n or 0))
        if record is None:
            self.bar.refresh()


@contextmanager
def _stop_requested() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C or SIGTERM into a flag that the loop reads between two steps.

    A second Ctrl-C interrupts at once, as usual. Outside the main thread signals are left alone.
    """
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    signals = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in signals}

    def request(number: int, frame: FrameType | None) -> None:
        stop.set()
        for name, handler in before.items():
            signal.signal(name, handler)

    for number in signals:
        signal.signal(number, request)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


__all__ = ["History", "TrainConfig", "Trainer", "load_generator", "sample_generator"]
