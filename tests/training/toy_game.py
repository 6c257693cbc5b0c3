"""A game with three networks, as a reader might write one: a generator, a discriminator, and an encoder.

Usage, as a process of its own: python toy_game.py RUN STEPS
"""

import shutil
import sys
from pathlib import Path

import torch
from torch import nn

import ganbook as gb
from ganbook.losses import minimax_discriminator_loss, non_saturating_generator_loss
from ganbook.training import Game, Loop, Results, checkpoint, discriminator_step, generator_step
from ganbook.training.ema import EMA


class WithEncoder(Game):
    """G against D; beside them E learns to find the latent of a generated sample again."""

    name = "with-encoder"

    def __init__(self, data, config):
        super().__init__(data, config)
        torch.manual_seed(config.seed)
        generator, discriminator = gb.models.mlp(data.shape, latent_dim=4, hidden=16, dropout=0.2)
        encoder = nn.Sequential(
            nn.Flatten(), nn.Linear(64, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 4)
        )
        self.generator, self.discriminator, self.encoder = (
            self.engine.prepare(network) for network in (generator, discriminator, encoder)
        )
        self.average = EMA(self.encoder, 0.9)
        self.optimizers = {
            name: self.engine.adam(getattr(self, name).parameters(), 1e-3, (0.5, 0.999))
            for name in ("generator", "discriminator", "encoder")
        }
        self.schedule = torch.optim.lr_scheduler.StepLR(self.optimizers["encoder"], 3, 0.5)
        self.coin = torch.Generator().manual_seed(7)  # random numbers of its own
        self.perceptual = nn.Linear(64, 2)  # never trained: built anew by whoever builds the game
        nn.init.ones_(self.perceptual.weight)

    rebuilt = ("perceptual",)

    def step(self, step, batches):
        for network in (self.generator, self.discriminator, self.encoder):
            network.train()
        real = self.data.batch(batches[0])
        z = torch.randn(len(real), 4, generator=self.rng)
        d = discriminator_step(
            self.generator, self.discriminator, self.optimizers["discriminator"], minimax_discriminator_loss,
            real, z,
        )  # fmt: skip
        g = generator_step(
            self.generator, self.discriminator, self.optimizers["generator"], non_saturating_generator_loss,
            None, z, reconstruction=lambda fake: 0.1 * (self.encoder(fake) - z).square().mean(),
        )  # fmt: skip
        with torch.no_grad():
            fake = self.generator(z) + 0.1 * torch.rand(len(z), 1, 8, 8, generator=self.coin)
        loss_e = (self.encoder(fake) - z).square().mean()
        self.optimizers["encoder"].zero_grad()
        loss_e.backward()
        self.optimizers["encoder"].step()
        self.schedule.step()
        self.average.update(self.encoder, step)
        losses = {"discriminator_loss": d.loss, "generator_loss": g.loss, "encoder_loss": loss_e.detach()}
        return Results(list(losses.items()), lambda: losses)

    def parts(self):
        networks = {name: getattr(self, name) for name in ("generator", "discriminator", "encoder")}
        optimizers = {f"{name}_optimizer": optimizer for name, optimizer in self.optimizers.items()}
        return {
            **networks, **optimizers, "average": self.average, "schedule": self.schedule, "latents": self.rng,
            "coin": self.coin,
        }  # fmt: skip

    def sample(self, num, seed=0):
        z = torch.randn(num, 4, generator=torch.Generator().manual_seed(seed))
        self.generator.eval()
        with torch.no_grad():
            return self.generator(z)


def make(out=None, seed=0, **settings):
    """Return a loop around the game."""
    data = gb.load_dataset("digits", limit=100)
    settings = {
        "batch_size": 8,
        "device": "cpu",
        "log_every": 1,
        "checkpoint_every": 2,
        "seed": seed,
    } | settings
    return Loop(WithEncoder(data, gb.TrainConfig(**settings)), out)


if __name__ == "__main__":
    run, steps = Path(sys.argv[1]), int(sys.argv[2])
    if not checkpoint.in_run(run):  # killed before its very first checkpoint: there is nothing to lose
        shutil.rmtree(run, ignore_errors=True)
        loop = make(run)
    else:
        loop = make()
        loop.restore(run)
    if loop.step < steps:  # killed after its last step: there is nothing left to do
        loop.fit(steps=steps - loop.step, progress=False)
