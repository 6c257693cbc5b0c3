"""The game of the book: a generator against a discriminator, by the two functions of `step.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial, reduce
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ganbook import penalties
from ganbook.data import Dataset
from ganbook.errors import UserError
from ganbook.losses import LOSSES
from ganbook.support.notices import notice
from ganbook.training.anchors import Anchors
from ganbook.training.augment import NUM_RANDOM, AdaptiveStrength, diffaugment, flip
from ganbook.training.config import TrainConfig, learning_rate_factor
from ganbook.training.ema import EMA
from ganbook.training.game import Game, Results
from ganbook.training.parts import Part
from ganbook.training.replay import Replay, Replayed
from ganbook.training.sampling import class_columns, sample_generator
from ganbook.training.step import Augment, Penalty, StepResult, discriminator_step, generator_step
from ganbook.training.unrolled import Unrolled

# What lets one sample's logit depend on others, and the option of a model that decides it.
MIXING = {
    "BatchNorm": "discriminator_norm",
    "minibatch standard deviation": "minibatch_std",
    "packing": "packing",
}


class GANResults(NamedTuple):
    """What the last updates of a step have shown."""

    discriminator: StepResult
    generator: StepResult


class GAN(Game):
    """A generator against a discriminator, with a moving average of the generator.

    Parameters
    ----------
    generator : nn.Module
        Maps latents (N, latent_dim) to samples (N, *data.shape); it has the attribute `latent_dim`.
    discriminator : nn.Module
        Maps samples to logits (N,).
    data : Dataset
        What to learn from.
    config : TrainConfig
        Settings.

    Raises
    ------
    UserError
        If the networks do not fit the data or each other.
    """

    name = "gan"

    def __init__(
        self, generator: nn.Module, discriminator: nn.Module, data: Dataset, config: TrainConfig
    ) -> None:
        latent_dim = getattr(generator, "latent_dim", None)
        if not isinstance(latent_dim, int):
            raise UserError("generator: it needs an attribute latent_dim, the length of its latent vector z")
        self.latent_dim = latent_dim
        self.num_classes = _num_classes(generator, discriminator, data)
        self.packing = getattr(discriminator, "packing", 1)
        super().__init__(data, config, _is_convolutional(discriminator))
        self.batches_a_step = config.discriminator_steps
        self.loss = LOSSES[config.loss]
        if config.label_smoothing:
            smoothed = partial(self.loss.discriminator, real_label=1.0 - config.label_smoothing)
            self.loss = self.loss._replace(discriminator=smoothed)
        self.generator = self.engine.prepare(generator)
        self.discriminator = self.engine.prepare(discriminator)
        self._check_shapes()
        self._check_settings()
        self._states = self._build_states()
        self._penalties = self._choose_penalties()
        self.ema = EMA(self.generator, config.ema_decay)
        if config.compile:
            self.engine.compile(self.generator)
            if not self._penalties and not config.unroll_steps:  # compiled code has no second derivatives
                self.engine.compile(self.discriminator)
        self.generator_optimizer = self.engine.adam(generator.parameters(), config.generator_lr, config.betas)
        self.discriminator_optimizer = self.engine.adam(
            discriminator.parameters(), config.discriminator_lr, config.betas
        )
        self.last: GANResults | None = None

    def step(self, step: int, batches: Sequence[Tensor]) -> Results:
        """Do one step: an update of D for each batch, one of G, one of the moving average."""
        for network in (self.generator, self.discriminator):
            if not network.training:
                network.train()
        config, autocast = self.config, self.engine.autocast
        self._set_learning_rates(step)
        augment = self._choose_augment(step)
        losses = []
        for number, indices in enumerate(batches, start=step * len(batches)):
            real = self._real(indices)
            labels = self.data.batch_labels(indices) if self.num_classes else None
            result_d = discriminator_step(
                self._g_for_d(number), self.discriminator, self.discriminator_optimizer,
                self.loss.discriminator, real, self._latents(), labels, self._penalty(number), augment,
                autocast(),
            )  # fmt: skip
            if config.weight_clip:
                penalties.clip_weights(self.discriminator, config.weight_clip)
            self._note(result_d, number)
            losses.append(("discriminator_loss", result_d.loss))
        result_g = generator_step(
            self.generator, self._d_for_g(real, augment), self.generator_optimizer, self.loss.generator,
            real if self.loss.uses_real else None, self._latents(), labels, None, augment, autocast(),
        )  # fmt: skip
        losses.append(("generator_loss", result_g.loss))
        self.ema.update(self.generator, step)
        self.last = GANResults(result_d, result_g)
        return Results(losses, partial(self._scalars, self.last))

    def parts(self) -> dict[str, Part]:
        """Return both networks, the average, both optimisers, the random numbers, and what cures remember."""
        return {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "ema": self.ema,
            "generator_optimizer": self.generator_optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
            "latents": self.rng,
            **self._states,
        }

    def sample(self, num: int, seed: int = 0, labels: Tensor | int | None = None) -> Tensor:
        """Draw samples from the averaged generator, in eval mode (`sample_generator`)."""
        return sample_generator(self.ema.module, self.latent_dim, num, seed, self.engine.device, labels)

    def spec(self) -> dict[str, Any] | None:
        """Return how `ganbook.models` built the networks; None if it did not."""
        spec: dict[str, Any] | None = getattr(self.generator, "spec", None)
        return spec

    def columns(self) -> int | None:
        """Show the classes as columns, where there are some."""
        return class_columns(self.num_classes)

    # ------------------------------------------------------------------------------ what a step is made of

    def _scalars(self, results: GANResults) -> Mapping[str, Tensor]:
        """Return what this step's batches showed."""
        d, g = results
        assert d.real_logits is not None
        return {
            "discriminator_loss": d.loss,
            "generator_loss": g.loss,
            **({"penalty": d.loss.new_zeros(()) if d.extra is None else d.extra} if self._penalties else {}),
            **({"augment_p": self._strength.p.clone()} if self._strength is not None else {}),
            "d_accuracy_real": (d.real_logits > 0).float().mean(),
            "d_accuracy_fake": (d.fake_logits < 0).float().mean(),
            "real_logit": d.real_logits.mean(),
            "fake_logit": d.fake_logits.mean(),
            "real_logit_std": d.real_logits.std(unbiased=False),
            "fake_logit_std": d.fake_logits.std(unbiased=False),
            "discriminator_grad_norm": gradient_norm(self.discriminator),
            "generator_grad_norm": gradient_norm(self.generator),
        }

    # What is random is drawn for the whole batch in every process, and each takes its share: so that a run
    # has the same samples however many processes train it, and one random state to save.

    def _latents(self) -> Tensor:
        shape = (self.config.batch_size, self.latent_dim)
        return self.processes.share(torch.randn(shape, generator=self.rng, device=self.engine.device))

    def _noise(self, step: int) -> float:
        """Return the standard deviation of the instance noise at a step."""
        config = self.config
        if config.instance_noise_steps == 0:
            return config.instance_noise
        return config.instance_noise * max(0.0, 1.0 - step / config.instance_noise_steps)

    def _uniform(self, *shape: int) -> Tensor:
        whole = (self.config.batch_size, *shape)
        return self.processes.share(torch.rand(whole, generator=self.rng, device=self.engine.device))

    def _real(self, indices: Tensor) -> Tensor:
        """Return real samples, some of them flipped if `augment` says so."""
        real = self.engine.layout(self.data.batch(indices))
        return flip(real, self._uniform()) if self.config.augment == "flip" else real

    def _choose_augment(self, step: int) -> Augment | None:
        """Return what is done to all that D sees at a step, real or generated; None for nothing."""
        chosen: list[Augment] = []
        if self.config.augment in ("diffaugment", "adaptive"):
            chosen.append(self._diffaugment)
        if noise := self._noise(step):
            chosen.append(partial(self._add_noise, noise))
        return (lambda x: reduce(lambda x, change: change(x), chosen, x)) if chosen else None

    def _diffaugment(self, x: Tensor) -> Tensor:
        p = 1.0 if self._strength is None else self._strength.p
        return self.engine.layout(diffaugment(x, self._uniform(NUM_RANDOM), p))

    def _add_noise(self, std: float, x: Tensor) -> Tensor:
        """Add instance noise (Sonderby et al. 2017; Arjovsky and Bottou 2017)."""
        shape = (self.config.batch_size, *x.shape[1:])
        noise = torch.randn(shape, generator=self.rng, device=self.engine.device)
        return x + std * self.processes.share(noise)

    # -------------------------------------------------------------------------- cures that wrap a player

    def _build_states(self) -> dict[str, nn.Module]:
        """Build what cures remember from step to step, by its name in a checkpoint; only of those in use."""
        config, built = self.config, dict[str, nn.Module]()
        self._anchors = self._strength = self._replay = None
        if config.lecam:
            self._anchors = built["anchors"] = Anchors()
            self.loss = self.loss._replace(
                discriminator=self._anchors.added_to(self.loss.discriminator, config.lecam)
            )
        if config.augment == "adaptive":
            self._strength = built["augment_strength"] = AdaptiveStrength(
                config.augment_target, config.augment_images, config.batch_size
            )
        if config.replay:
            self._replay = built["replay"] = Replay(config.replay, self.data.shape, self.rng)
        return {name: module.to(self.engine.device) for name, module in built.items()}

    def _g_for_d(self, number: int) -> nn.Module:
        """Return the G that D's update `number` looks at: as it is, or half of it as it was (`replay`)."""
        return self.generator if self._replay is None else Replayed(self.generator, self._replay, number)

    def _d_for_g(self, real: Tensor, augment: Augment | None) -> nn.Module:
        """Return the D that G's step looks at: as it is, or as it will be (`unroll_steps`)."""
        config = self.config
        if config.unroll_steps == 0:
            return self.discriminator
        seen = real if augment is None else augment(real)
        loss = self.loss.discriminator
        return Unrolled(self.discriminator, loss, seen, config.unroll_steps, config.unroll_lr)

    def _note(self, result: StepResult, number: int) -> None:
        """Let the cures that remember something look at D's update `number`."""
        assert result.real_logits is not None
        mean = self.processes.mean
        if self._anchors is not None:
            self._anchors.update(mean(result.real_logits.mean()), mean(result.fake_logits.mean()))
        if self._strength is not None:
            self._strength.update(mean(result.real_logits.sign().mean()), number)

    def _choose_penalties(self) -> list[Penalty]:
        config, every = self.config, self.config.penalty_every
        chosen: list[Penalty] = []
        if config.r1:
            chosen.append(partial(penalties.r1, gamma=config.r1 * every))
        if config.r2:
            chosen.append(partial(penalties.r2, gamma=config.r2 * every))
        if config.gradient_penalty:
            chosen.append(self._wgan_gp)
        mixes = _what_mixes_samples(self.discriminator)
        if chosen and mixes:
            notice(
                f"this discriminator has {mixes}, which mixes the samples of a batch; a gradient penalty is "
                f"meant for one that looks at each sample by itself (option {MIXING[mixes]} of the model)"
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

    def _set_learning_rates(self, step: int) -> None:
        factor = learning_rate_factor(self.config, step)
        for optimizer, lr in (
            (self.generator_optimizer, self.config.generator_lr),
            (self.discriminator_optimizer, self.config.discriminator_lr),
        ):
            for group in optimizer.param_groups:
                group["lr"] = lr * factor

    # --------------------------------------------------------------------------------- before the first step

    def _check_settings(self) -> None:
        """Refuse settings that do not fit the data, the networks or the processes."""
        config, processes = self.config, self.processes.size
        if config.augment != "none" and len(self.data.shape) != 3:
            raise UserError(
                f"augment={config.augment!r}: it is for images, (C, H, W); these data have {self.data.shape}"
            )
        if config.batch_size // processes % self.packing:
            raise UserError(
                f"batch_size={config.batch_size}: the discriminator judges packs of {self.packing} samples, "
                f"so it must be a multiple of {self.packing * processes}"
            )
        if config.replay and self.num_classes:
            raise UserError(
                f"replay={config.replay}: old samples have no classes; it is for unconditional pairs"
            )
        if config.replay and processes > 1:
            raise UserError(f"replay={config.replay}: old samples are kept by one process; {processes} train")
        if 0 < config.replay < config.batch_size // 2:
            raise UserError(
                f"replay={config.replay}: half of each batch comes from there, so it must be at least "
                f"{config.batch_size // 2}"
            )

    def _check_shapes(self) -> None:
        """Run one tiny batch through both networks, without changing them or any random state."""
        state = {id(m): m.training for net in (self.generator, self.discriminator) for m in net.modules()}
        num = 2 * self.packing
        z = torch.zeros(num, self.latent_dim, device=self.engine.device)
        labels = torch.zeros(num, dtype=torch.int64, device=self.engine.device)
        condition = (labels,) if self.num_classes else ()
        try:
            with torch.no_grad():
                fake = self.generator.eval()(z, *condition)
                shape = tuple(fake.shape[1:])
                if shape != self.data.shape:
                    raise UserError(
                        f"generator: it makes samples of shape {shape}, the data have {self.data.shape}"
                    )
                try:
                    real = self.data.batch(torch.zeros(num, dtype=torch.int64))
                    logits = self.discriminator.eval()(real, *condition)
                except RuntimeError as error:
                    raise UserError(
                        f"discriminator: it cannot take samples of shape {self.data.shape} ({error})"
                    ) from error
            if logits.shape != (num,):
                raise UserError(
                    f"discriminator: for {num} samples it returns shape {tuple(logits.shape)}; "
                    f"it must return one logit a sample, shape ({num},)"
                )
        finally:
            for net in (self.generator, self.discriminator):
                for module in net.modules():
                    module.training = state[id(module)]


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


def gradient_norm(module: nn.Module) -> Tensor:
    """Return the length of the gradient that the last step left in a module's parameters: a scalar."""
    gradients = [p.grad for p in module.parameters() if p.grad is not None]
    if not gradients:
        return next(module.parameters()).new_zeros(())
    return torch.stack(torch._foreach_norm(gradients)).norm()


def _what_mixes_samples(discriminator: nn.Module) -> str:
    """Return what lets D's answer to one sample depend on others (a key of `MIXING`); "" if nothing does."""
    modules = list(discriminator.modules())
    if any(isinstance(module, _BatchNorm) for module in modules):
        return "BatchNorm"
    if any(getattr(module, "mixes_samples", False) for module in modules):
        return "minibatch standard deviation"
    return "packing" if getattr(discriminator, "packing", 1) > 1 else ""


def _is_convolutional(module: nn.Module) -> bool:
    return any(isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) for layer in module.modules())
