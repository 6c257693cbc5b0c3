"""All of a GAN's training on one page: data, networks, the two steps, an average, a log, samples, saving.

    python examples/plain_loop.py --steps 1000 --out plain-run

Read it from top to bottom; it takes a few minutes. `gb.Trainer` computes the same numbers to the last bit
(tests/examples/test_plain_loop.py), and adds what a long run needs: it resumes where it was cut off, runs in
bfloat16, on a GPU or in several processes, has other losses and penalties, and checks what it is given.
"""

import argparse
import json
import time
from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import save_file
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import interpolate, softplus

SEED, BATCH, LATENT, WIDTH = 0, 32, 64, 32
LR_G, LR_D, BETAS, DECAY = 2e-3, 1e-3, (0.5, 0.999), 0.999

# ------------------------------------------------------------------------------------------ the data


def load_data():
    """Return 1,437 real handwritten digits: uint8, (N, 1, 32, 32)."""
    grey = torch.from_numpy(
        load_digits().images[:-360]
    )  # 8x8 pixels, levels 0 to 16; the rest is for testing
    images = grey.mul(255 / 16).round().unsqueeze(1).float()
    images = interpolate(images, size=(32, 32), mode="bilinear", antialias=True)
    return images.round().clamp(0, 255).to(torch.uint8)


def batches(num, size, seed):
    """Yield the indices of batch after batch: each epoch in another order, batches that are always full."""
    waiting, epoch = torch.zeros(0, dtype=torch.int64), 0
    while True:
        while len(waiting) < size:
            rng = torch.Generator().manual_seed(1_000_003 * seed + epoch)
            waiting, epoch = torch.cat([waiting, torch.randperm(num, generator=rng)]), epoch + 1
        yield waiting[:size]
        waiting = waiting[size:]


def to_network(images):
    """Scale uint8 images to [-1, 1], the range of the generator's tanh."""
    return images.float().div(127.5).sub(1.0).contiguous(memory_format=torch.channels_last)


# -------------------------------------------------------------------------------------- the networks


def up(width_in, width_out, kernel=4, stride=2, padding=1):
    """Return a layer that doubles the picture."""
    conv = nn.ConvTranspose2d(width_in, width_out, kernel, stride, padding, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(width_out), nn.ReLU())


def down(width_in, width_out):
    """Return a layer that halves the picture."""
    conv = nn.Conv2d(width_in, width_out, 4, 2, 1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(width_out), nn.LeakyReLU(0.2))


def make_generator():
    """Return G: latents (N, 64) to pictures (N, 1, 32, 32)."""
    return nn.Sequential(
        nn.Unflatten(1, (LATENT, 1, 1)),
        up(LATENT, 4 * WIDTH, kernel=4, stride=1, padding=0),  # 4x4
        up(4 * WIDTH, 2 * WIDTH),  # 8x8
        up(2 * WIDTH, WIDTH),  # 16x16
        nn.ConvTranspose2d(WIDTH, 1, 4, 2, 1),  # 32x32
        nn.Tanh(),
    ).apply(first_weights)


def make_discriminator():
    """Return D: pictures (N, 1, 32, 32) to logits (N,); D(x) = sigmoid(logit) is how likely x is real."""
    return nn.Sequential(
        nn.Conv2d(1, WIDTH, 4, 2, 1),  # 16x16
        nn.LeakyReLU(0.2),
        down(WIDTH, 2 * WIDTH),  # 8x8
        down(2 * WIDTH, 4 * WIDTH),  # 4x4
        nn.Conv2d(4 * WIDTH, 1, 4, 1, 0),
        nn.Flatten(0),
    ).apply(first_weights)


def first_weights(layer):
    """Draw weights as the DCGAN paper does."""
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(layer.weight, 0.0, 0.02)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    elif isinstance(layer, nn.BatchNorm2d):
        nn.init.normal_(layer.weight, 1.0, 0.02)


# ------------------------------------------------------------------------------------- the two steps


def discriminator_step(G, D, opt_D, real, z):
    """Descend -log D(x) - log(1 - D(G(z))), written with logits: D learns to tell real from fake."""
    with torch.no_grad():  # this step sends nothing back to G
        fake = G(z)
    loss = softplus(-D(real)).mean() + softplus(D(fake)).mean()
    opt_D.zero_grad()
    loss.backward()
    opt_D.step()
    return loss.detach()


def generator_step(G, D, opt_G, z):
    """Descend -log D(G(z)): G learns to make its pictures pass for real."""
    D.requires_grad_(False)  # D only judges: the gradient passes through it and stops at G
    loss = softplus(-D(G(z))).mean()
    opt_G.zero_grad()
    loss.backward()
    opt_G.step()
    D.requires_grad_(True)
    return loss.detach()


@torch.no_grad()
def average(mean, G, step):
    """Move the average of G's weights, and of BatchNorm's statistics, a little towards G."""
    weight = 1.0 - min(DECAY, (1 + step) / (10 + step))  # at first it forgets sooner
    here, there = mean.state_dict().values(), G.state_dict().values()
    for old, new in zip(here, there, strict=True):
        old.lerp_(new, weight) if old.is_floating_point() else old.copy_(new)


# ------------------------------------------------------------------------------------------ the loop


def train(steps, log=None):
    """Train for some steps; return G, D, the average of G, and all losses."""
    data = load_data()
    torch.manual_seed(SEED)
    G = make_generator().to(memory_format=torch.channels_last)
    D = make_discriminator().to(memory_format=torch.channels_last)
    mean = make_generator().to(memory_format=torch.channels_last)
    mean.load_state_dict(G.state_dict())
    opt_G = torch.optim.Adam(G.parameters(), lr=LR_G, betas=BETAS, fused=True)
    opt_D = torch.optim.Adam(D.parameters(), lr=LR_D, betas=BETAS, fused=True)
    rng = torch.Generator().manual_seed(SEED)
    order, losses = batches(len(data), BATCH, SEED), []
    for step in range(steps):
        real = to_network(data[next(order)])
        loss_D = discriminator_step(G, D, opt_D, real, torch.randn(BATCH, LATENT, generator=rng))
        loss_G = generator_step(G, D, opt_G, torch.randn(BATCH, LATENT, generator=rng))
        average(mean, G, step)
        losses.append((loss_D.item(), loss_G.item()))
        if log is not None:
            log(step + 1, *losses[-1])
    return G, D, mean.eval(), losses


def save_picture(mean, path):
    """Write 64 samples of the average as a picture of 8 rows."""
    with torch.no_grad():
        images = mean(torch.randn(64, LATENT, generator=torch.Generator().manual_seed(0)))
    grid = images.contiguous().view(8, 8, 32, 32).transpose(1, 2).reshape(256, 256)
    Image.fromarray(grid.add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8).numpy()).save(path)


def main():
    """Train, print a line now and then, and save what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=Path("plain-run"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    with (options.out / "metrics.jsonl").open("w", encoding="utf-8") as file:

        def log(step, loss_D, loss_G):
            seconds = round(time.perf_counter() - started, 1)
            record = {
                "step": step,
                "discriminator_loss": loss_D,
                "generator_loss": loss_G,
                "seconds": seconds,
            }
            file.write(json.dumps(record) + "\n")
            if step % 50 == 0:
                print(
                    f"step {step:5}, {seconds:6.1f} s: D loss {loss_D:.3f}, G loss {loss_G:.3f}", flush=True
                )

        G, D, mean, _ = train(options.steps, log)
    for name, network in (("generator", G), ("discriminator", D), ("average", mean)):
        weights = {key: value.contiguous() for key, value in network.state_dict().items()}
        save_file(weights, options.out / f"{name}.safetensors")
    save_picture(mean, options.out / "samples.png")
    print(f"written: {options.out}/samples.png, and the weights of both players and of the average")


if __name__ == "__main__":
    main()
