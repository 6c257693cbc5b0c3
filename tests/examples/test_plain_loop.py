"""The loop on one page: the trainer's numbers to the last bit, and a run of it as a reader starts it."""

import json
import subprocess
import sys
from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import load_file

import ganbook as gb

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
sys.path.insert(0, str(EXAMPLES))
import plain_loop  # noqa: E402


def trained(steps):
    """Train by the package what the page trains."""
    data = gb.load_dataset("digits", image_size=32)
    torch.manual_seed(plain_loop.SEED)
    G, D = gb.models.dcgan(data.shape, latent_dim=plain_loop.LATENT, width=plain_loop.WIDTH)
    config = gb.TrainConfig(
        batch_size=plain_loop.BATCH,
        generator_lr=plain_loop.LR_G,
        discriminator_lr=plain_loop.LR_D,
        betas=plain_loop.BETAS,
        ema_decay=plain_loop.DECAY,
        seed=plain_loop.SEED,
        device="cpu",
        precision="fp32",
        log_every=1,
    )
    trainer = gb.Trainer(G, D, data, config)
    return trainer, trainer.fit(steps=steps, progress=False)


def test_the_data_are_the_same():
    assert torch.equal(plain_loop.load_data(), gb.load_dataset("digits", image_size=32).images)


def test_the_trainer_computes_the_same_to_the_last_bit():
    trainer, history = trained(steps=6)
    G, D, mean, losses = plain_loop.train(6)
    assert losses == list(zip(history["discriminator_loss"], history["generator_loss"], strict=True))
    pairs = ((trainer.generator, G), (trainer.discriminator, D), (trainer.ema.module, mean))
    for theirs, ours in pairs:
        tensors = zip(theirs.state_dict().values(), ours.state_dict().values(), strict=True)
        assert all(torch.equal(a, b) for a, b in tensors)


def test_batches_are_those_of_the_package_across_epochs():
    order = gb.data.BatchOrder(num_samples=50, batch_size=32, seed=3)
    for number, indices in zip(range(7), plain_loop.batches(50, 32, 3), strict=False):
        assert torch.equal(indices, order.batch(number))


def test_it_runs_as_its_first_lines_say(tmp_path):
    command = [
        sys.executable,
        str(EXAMPLES / "plain_loop.py"),
        "--steps",
        "2",
        "--out",
        str(tmp_path / "run"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "written: " in done.stdout
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2]
    weights = load_file(tmp_path / "run" / "average.safetensors")
    assert weights.keys() == plain_loop.make_generator().state_dict().keys()
    with Image.open(tmp_path / "run" / "samples.png") as picture:
        assert (picture.size, picture.mode) == ((256, 256), "L")


def test_it_fits_on_a_page():
    """To be read in a few minutes: nothing of the package, and few lines."""
    text = (EXAMPLES / "plain_loop.py").read_text()
    assert "ganbook" not in text
    assert len(text.splitlines()) < 240
