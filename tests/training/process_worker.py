"""Train small pairs in this process or in one of several, and let process 0 write what came out.

Usage: python process_worker.py OUT [die]      (RANK, WORLD_SIZE, ... from the environment)
"""

import os
import signal
import sys

import torch

torch.set_num_threads(1)

from safetensors.torch import save_file  # noqa: E402

import ganbook as gb  # noqa: E402

SETTINGS = {
    "plain": {},
    "k2": {"discriminator_steps": 2, "loss": "hinge"},
    "r1": {"r1": 0.5, "r2": 0.1, "loss": "relativistic"},
    "wgan-gp": {"gradient_penalty": 10.0, "loss": "wasserstein", "penalty_every": 2},
    "noise": {"instance_noise": 0.3, "schedule": "linear", "decay_steps": 20, "loss": "least-squares"},
    "lecam": {"lecam": 0.3, "augment": "flip"},
    "adaptive": {"augment": "adaptive", "augment_target": -0.9, "augment_images": 200},
}


def train(name: str, steps: int = 12, out: str | None = None) -> gb.Trainer:
    """Train one pair: without BatchNorm, so that a batch may be shared."""
    data = gb.load_dataset("digits", limit=200)
    torch.manual_seed(7)
    generator, discriminator = gb.models.mlp(data.shape, latent_dim=8, hidden=16)
    config = gb.TrainConfig(device="cpu", batch_size=24, log_every=4, generator_lr=1e-3, **SETTINGS[name])
    trainer = gb.Trainer(generator, discriminator, data, config, out)
    trainer.fit(steps=steps, progress=False)
    return trainer


def main() -> None:
    """Train every setting, or die on purpose."""
    if sys.argv[2:] == ["die"]:
        trainer = train("plain", steps=3)
        if trainer.processes.rank == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        try:
            trainer.fit(steps=1000, progress=False)
        except gb.UserError as error:
            sys.exit(str(error))
    weights = {}
    for name in SETTINGS:
        trainer = train(name)
        for part in ("generator", "discriminator"):
            for key, value in getattr(trainer, part).state_dict().items():
                weights[f"{name}.{part}.{key}"] = value
        last = torch.tensor([trainer.records[-1][k] for k in ("discriminator_loss", "generator_loss")])
        weights[f"{name}.losses"] = last
    trainer = train("plain", steps=6, out=sys.argv[1] + ".run")  # resumed below, and by all processes
    trainer = gb.Trainer.load(sys.argv[1] + ".run", data=trainer.data)
    trainer.fit(steps=6, progress=False)
    for key, value in trainer.generator.state_dict().items():
        weights[f"resumed.{key}"] = value
    with open(f"{sys.argv[1]}.rank{trainer.processes.rank}", "w") as file:
        file.write(f"{trainer.processes.size}")
    if trainer.processes.is_main:
        save_file(weights, sys.argv[1])


if __name__ == "__main__":
    main()
