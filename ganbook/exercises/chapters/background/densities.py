"""Checks: densities, likelihoods, and the noise in a VAE and in a diffusion model."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ganbook.exercises.chapters.cases import listed, numbers
from ganbook.exercises.chapters.registry import check
from ganbook.exercises.grading.trial import Trial


@check("noisy-sample")
def noisy_sample(trial: Trial) -> None:
    """Almost no noise, half, almost only noise; vectors and a matrix."""
    for x0, eps, level in (
        (numbers(2.0), numbers(-1.0), 0.64),
        (numbers(1.0, -3.0), numbers(0.5, 2.0), 0.36),
        (numbers(1.0, 0.0, 2.0, 5.0).reshape(2, 2), numbers(1.0, 1.0, 1.0, 1.0).reshape(2, 2), 0.99),
        (numbers(4.0), numbers(3.0), 0.0),
        (numbers(4.0), numbers(3.0), 1.0),
    ):
        case = f"x_0 = {x0.tolist()}, eps = {eps.tolist()}, alpha_bar = {level:g}"
        a, b = math.sqrt(level), math.sqrt(1 - level)
        trial.differs(
            trial.tensor(x0, eps, level, shape=x0.shape),
            a * x0 + b * eps,
            case=case,
            known={
                "this takes alpha_bar and 1 - alpha_bar without their roots: "
                "the weights would add up, but the *variances* should": level * x0 + (1 - level) * eps,
                "the roles are exchanged: alpha_bar near 1 means almost no noise": b * x0 + a * eps,
                "this removes noise; the formula mixes it in": a * x0 - b * eps,
                "the sample is not made smaller, so with each step the whole would grow": x0 + b * eps,
                "this takes 1 - sqrt(alpha_bar) where the root of 1 - alpha_bar is wanted": (
                    a * x0 + (1 - a) * eps
                ),
                "the noise is not made smaller": a * x0 + eps,
            },
            otherwise="this is not the mixture of sample and noise of the formula",
        )
    trial.tried("alpha_bar = 0, 0.36, 0.64, 0.99 and 1, on vectors and a matrix")


@check("density-of-samples")
def density_of_samples(trial: Trial) -> None:
    """Stretched, shrunk, shifted and reflected."""

    def p_z(z: Tensor) -> Tensor:
        return torch.exp(-z.square() / 2) / math.sqrt(2 * math.pi)

    for x, a, b in (
        (numbers(0.5), 2.0, 0.3),
        (numbers(-1.0, 0.0, 2.5), 0.5, 0.0),
        (numbers(1.0, 4.0), -2.0, 3.0),
        (numbers(0.3), 1.0, -0.4),
    ):
        z = (x - b) / a
        trial.differs(
            trial.tensor(x, a, b, shape=x.shape),
            p_z(z) / abs(a),
            case=f"x = {listed(x)}, a = {a:g}, b = {b:g}",
            known={
                "this is the density of the latent, not of the sample: "
                "where G stretches, the same mass lies on more room, and the density falls": p_z(z),
                "a density is never below 0: the slope of the inverse counts by its absolute value": (
                    p_z(z) / a
                ),
                "this multiplies by the slope of G. It is the slope of the inverse that counts": (
                    p_z(z) * abs(a)
                ),
                "G is applied where its inverse is wanted: which z leads to this x?": p_z(a * x + b) / abs(a),
                "this inverts the two operations in the wrong order: "
                "b was added last, so it is taken away first": p_z(x / a - b) / abs(a),
                "this lacks the factor that makes the normal density integrate to 1": (
                    torch.exp(-z.square() / 2) / abs(a)
                ),
                "b is taken away with the wrong sign": p_z((x + b) / a) / abs(a),
            },
            otherwise="this is not the density of G(z)",
        )
    trial.tried("a = 2, 0.5, -2 and 1, with different shifts")


@check("kl-of-a-code")
def kl_of_a_code(trial: Trial) -> None:
    """Equal, shifted, narrower and wider Gaussians."""
    for m, s in ((1.0, 0.5), (0.0, 1.0), (-2.0, 1.0), (0.5, 3.0), (0.0, 0.1)):
        kl = (m * m + s * s - 1) / 2 - math.log(s)
        trial.differs(
            trial.number(m, s),
            kl,
            case=f"m = {m:g}, s = {s:g}",
            known={
                "the logarithm has the wrong sign: a narrow q(z | x), with small s, costs much": (
                    (m * m + s * s - 1) / 2 + math.log(s)
                ),
                "s is the standard deviation; the formula needs the variance, its square": (
                    (m * m + s - 1) / 2 - math.log(s) / 2
                ),
                "this is the other direction, KL(N(0, 1) || q)": (
                    math.log(s) + (1 + m * m) / (2 * s * s) - 0.5
                ),
                "the 1 is missing: for m = 0 and s = 1 both are equal, and the divergence must be 0": (
                    (m * m + s * s) / 2 - math.log(s)
                ),
                "the logarithm is missing: with it gone, s = 0 would be the best": (m * m + s * s - 1) / 2,
                "this has the wrong sign: a divergence is at least 0": -kl,
                "this is twice the divergence": 2 * kl,
                "this is half of the divergence": kl / 2,
                "the mean does not count here, as if q always lay around 0": (s * s - 1) / 2 - math.log(s),
            },
            otherwise="this is not KL(N(m, s^2) || N(0, 1))",
        )
    trial.tried("equal, shifted, narrower and wider Gaussians")


@check("repair-latent-draw")
def repair_latent_draw(trial: Trial) -> None:
    """Means and widths that tell the faults apart, by the moments of many draws; then gradients."""
    for seed, (mean, log_s) in enumerate(((3.0, -1.0), (-1.0, 0.5))):
        trial.seed = seed
        _check_moments(trial, mean, log_s)
    _check_gradients(trial)
    trial.tried("mean, spread and shape of 4,000 draws, and the gradients with respect to m and log_s")


def _check_moments(trial: Trial, mean: float, log_s: float) -> None:
    num = 4000
    m = torch.full((num, 2), mean, dtype=torch.float64)
    m[:, 1] = 0.0
    s = math.exp(log_s)
    case = f"{num} rows with m = [{mean:g}, 0] and log_s = [{log_s:g}, {log_s:g}]"
    z = trial.tensor(m, torch.full((num, 2), log_s, dtype=torch.float64), shape=(num, 2))
    error = z - m
    if error.std(0).max() < 1e-3 * s:
        trial.fail(
            "all rows get the same noise. Each sample, and each number of its latent, needs its own", case
        )
    if (error[:, 0] - error[:, 1]).abs().max() < 1e-6:
        trial.fail("both numbers of a latent get the same noise. Each number needs its own", case)
    spread = error.std(0).mean().item()
    if abs(spread / s - 1) > 0.06:
        got = f"a standard deviation of about {spread:.2f}"
        for message, value in {
            "the spread is the logarithm of s, which is what the encoder returns, and not s itself": (
                abs(log_s)
            ),
            "the spread is the variance, where a draw needs the standard deviation": s * s,
            "the spread is the root of s, as if `log_s` were the logarithm of the variance": math.sqrt(s),
            "the noise is uniform between 0 and 1; the latents of a VAE are Gaussian": s / math.sqrt(12),
            "the noise is not scaled with s at all": 1.0,
        }.items():
            if abs(spread / value - 1) < 0.04:
                trial.fail(message, case, got)
        trial.fail("the spread of the draws is not s", case, got)
    if error.mean(0).abs().max() > 0.06 * s:
        trial.fail("the draws do not lie around m", case, error.mean(0))
    if abs((error / s).pow(4).mean().item() - 3) > 0.6:
        trial.fail("the noise has the right spread, but it is not Gaussian", case)


def _check_gradients(trial: Trial) -> None:
    m, log_s = (torch.zeros(5, 2, dtype=torch.float64, requires_grad=True) for _ in range(2))
    case = "z.sum().backward() with m = 0 and log_s = 0"
    z = trial.call(m, log_s, mutable=True)
    if not isinstance(z, Tensor):
        trial.fail("the gradient must flow through the draw, so it has to be a tensor of PyTorch's", case, z)
    to_m, to_log_s = (
        torch.autograd.grad(z.sum(), (m, log_s), allow_unused=True) if z.requires_grad else (None, None)
    )
    if to_m is None:
        trial.fail("no gradient reaches m: the encoder would never learn where to put a sample", case)
    if to_log_s is None:
        trial.fail("no gradient reaches log_s: the encoder would never learn how sure it may be", case)
    trial.differs(to_m, torch.ones_like(m), case=case, otherwise="the slope of z with respect to m is not 1")
    trial.differs(
        to_log_s, z.detach(), case=case, otherwise="the slope of z with respect to log_s is not s eps"
    )


@check("likelihood-and-samples")
def likelihood_and_samples(trial: Trial) -> None:
    """One number."""
    right = math.log(100)
    trial.differs(
        trial.value(),
        right,
        case="p_mix = 0.01 p_g + 0.99 u",
        rtol=2e-3,
        known={
            "this has the wrong sign: asked is by how much it *falls*, a number above 0": -right,
            "this weighs with the share of noise. "
            "A likelihood is large if *some* part of the mixture explains the sample": -math.log(0.99),
            "this is the factor between the densities; the log-likelihood is its logarithm": 100.0,
            "this is a share, not a difference of logarithms": 0.99,
            "this has base 10: the logarithm here is the natural one": 2.0,
            "this has base 2: the logarithm here is the natural one": math.log2(100),
        },
        otherwise="this is not the bound. What is p_mix(x) at least, whatever u(x) is?",
    )
    trial.tried("the value")


@check("larger-step")
def larger_step(trial: Trial) -> None:
    """Small and large steps, the last one, and no step at all."""
    for x_t, eps, a_t, a_s in (
        (numbers(2.0), numbers(-1.0), 0.36, 0.64),
        (numbers(1.0, -3.0), numbers(0.5, 2.0), 0.04, 0.81),
        (numbers(1.0, 0.0, 2.0, 5.0).reshape(2, 2), numbers(1.0, -1.0, 1.0, 0.0).reshape(2, 2), 0.25, 1.0),
        (numbers(4.0), numbers(3.0), 0.5, 0.5),
    ):
        case = f"x_t = {x_t.tolist()}, eps = {eps.tolist()}, a_t = {a_t:g}, a_s = {a_s:g}"
        x_0 = (x_t - math.sqrt(1 - a_t) * eps) / math.sqrt(a_t)
        trial.differs(
            trial.tensor(x_t, eps, a_t, a_s, shape=x_t.shape),
            math.sqrt(a_s) * x_0 + math.sqrt(1 - a_s) * eps,
            case=case,
            known={
                "that is the guess at the clean sample. It still has to get the noise of the time s": x_0,
                "there is as much noise as before, though s is nearer to the data than t": (
                    math.sqrt(a_s) * x_0 + math.sqrt(1 - a_t) * eps
                ),
                "this takes a_t and a_s without their roots": (
                    a_s * (x_t - (1 - a_t) * eps) / a_t + (1 - a_s) * eps
                ),
                "the two times are exchanged: the noise of t is taken out, and that of s is put in": (
                    math.sqrt(a_t) * (x_t - math.sqrt(1 - a_s) * eps) / math.sqrt(a_s)
                    + math.sqrt(1 - a_t) * eps
                ),
                "no noise is mixed in again: at the time s there still is some": math.sqrt(a_s) * x_0,
                "the guess is not divided by the root of a_t, by which the sample was made smaller": (
                    math.sqrt(a_s) * (x_t - math.sqrt(1 - a_t) * eps) + math.sqrt(1 - a_s) * eps
                ),
                "the noise is added to x_t where it has to be taken out": (
                    math.sqrt(a_s) * (x_t + math.sqrt(1 - a_t) * eps) / math.sqrt(a_t)
                    + math.sqrt(1 - a_s) * eps
                ),
            },
            otherwise="this is not the guess at x_0 with the noise of the time s",
        )
    trial.tried("four steps, among them one to alpha_bar = 1 and one that leads nowhere")
