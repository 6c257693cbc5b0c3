"""Checks: a generator and a discriminator that fit each other."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganbook.exercises.chapters.cases import own_random_numbers
from ganbook.exercises.chapters.registry import check
from ganbook.exercises.grading.trial import Trial


@check("repair-networks")
def repair_networks(trial: Trial) -> None:
    """Look at sizes and ranges of both networks."""
    for latent_dim, width in ((16, 4), (5, 8)):
        case = f"latent_dim = {latent_dim}, width = {width}"
        pair = trial.call(latent_dim, width)
        if (
            not isinstance(pair, (tuple, list))
            or len(pair) != 2
            or not all(isinstance(x, nn.Module) for x in pair)
        ):
            trial.fail("the pair (G, D) of two networks is wanted", case, pair)
        G, D = pair
        with own_random_numbers(130):
            z, x = torch.randn(6, latent_dim), torch.rand(6, 1, 28, 28) * 2 - 1
        _check_shapes(trial, G, D, z, x, case)
        for network in (G, D):
            _scale(network, 30.0)
        _check_ranges(trial, G, D, z, x, case)
        image = x[:1].clone().requires_grad_(True)
        (gradient,) = torch.autograd.grad(D.eval()(image).sum(), image)
        share = (gradient != 0).double().mean().item()
        if share < 0.9:
            trial.fail("D does not look at the whole picture", f"{case}: it sees {share:.0%} of the pixels")
    trial.tried("two sizes of networks: shapes, ranges with small and with huge weights, what D looks at")


def _scale(network: nn.Module, factor: float) -> None:
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
                layer.weight *= factor


def _check_shapes(trial: Trial, G: nn.Module, D: nn.Module, z: Tensor, x: Tensor, case: str) -> None:
    shape = tuple(torch.as_tensor(trial.run(G, z)).shape)
    at = f"{case}: G(z) for z of shape {tuple(z.shape)} has the shape {shape}"
    if shape == (6, 1, 56, 56):
        trial.fail("G doubles once too often: its images are twice as large as the real ones", at)
    if shape == (6, 1, 14, 14):
        trial.fail("G doubles once too little: its images are half as large as the real ones", at)
    if shape != (6, 1, 28, 28):
        trial.fail("G's images should have the shape (N, 1, 28, 28)", at)
    logits = torch.as_tensor(trial.run(D, x))
    at = f"{case}: D(x) for x of shape {tuple(x.shape)} has the shape {tuple(logits.shape)}"
    if logits.dim() == 4:
        trial.fail(
            "D gives a number for each row of each channel, not for each picture: "
            "a linear layer looks at the last axis only, "
            "so what is behind it must have one axis beside the batch's",
            at,
        )
    if tuple(logits.shape) != (6,):
        trial.fail("D should give one logit for each picture, of shape (N,)", at)


def _check_ranges(trial: Trial, G: nn.Module, D: nn.Module, z: Tensor, x: Tensor, case: str) -> None:
    images = trial.as_tensor(trial.run(G, 10 * z), shape=(6, 1, 28, 28), case=case)
    scaled = f"{case}, after all weights were made 30 times as large"
    at = f"{scaled}: G's pixels go from {images.min():.2f} to {images.max():.2f}"
    if images.min() >= 0:
        trial.fail(
            "G's pixels are never negative, but the real images lie in [-1, 1]: "
            "D needs to look for a negative pixel only",
            at,
        )
    if images.abs().max() > 1:
        trial.fail("G's pixels leave [-1, 1], where the real images lie", at)
    if images.min() > -0.9 or images.max() < 0.9:
        trial.fail("G's pixels cannot reach both -1 and 1, as those of the real images do", at)
    logits = trial.as_tensor(trial.run(D, 10 * x), shape=(6,), case=case)
    at = f"{scaled}: D gives {logits.min():.2f} to {logits.max():.2f}"
    if logits.min() >= 0 and logits.max() <= 1:
        trial.fail(
            "D gives probabilities. "
            "The losses of this book take logits: "
            "with a sigmoid at the end of D it would be applied twice",
            at,
        )
    if logits.abs().max() <= 1:
        trial.fail("D's output is limited to [-1, 1], but a logit may be any number", at)
