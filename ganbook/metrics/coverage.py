"""Coverage of known modes: the components of a mixture of points, or the classes of labelled images."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ganbook.errors import UserError
from ganbook.metrics._checks import (
    Features,
    check_floats,
    check_rows,
    check_same_width,
    float64,
    to_numbers,
)
from ganbook.support.checks import Count, Positive, checked


class ModeCoverage(NamedTuple):
    """How many modes were hit, how many samples are good, and how evenly they are spread."""

    modes_hit: int
    high_quality_share: float
    reverse_kl: float
    counts: tuple[int, ...]


class ClassCoverage(NamedTuple):
    """How many classes were hit, and how evenly."""

    classes_hit: int
    reverse_kl: float
    counts: tuple[int, ...]


@checked
def mode_coverage(
    points: Features,
    modes: Features,
    sigma: float | Features,
    *,
    weights: Any = None,
    num_sigmas: Positive = 3.0,
    min_samples: Count = 1,
) -> ModeCoverage:
    """Return modes hit, share of high-quality samples and reverse KL, for points of a known mixture.

    The convention is PacGAN's, which follows VEEGAN:

    - a sample belongs to its nearest mode, by the distance in units of that mode's sigma;
    - it is of high quality if that distance is less than `num_sigmas` = 3;
    - a mode is hit if at least `min_samples` = 1 high-quality sample belongs to it;
    - q_k is the share of the *high-quality* samples in mode k, p_k its true weight.

    The reverse KL, in nats, is

        KL(q || p) = sum_k q_k log(q_k / p_k)

    It is finite with modes missing: log(K / K') if K' of K equal modes are hit evenly; infinity (the worst)
    if no sample is of high quality. More modes hit and a higher share are better; a lower KL is better, in
    [0, -log min p]. Samples of the true mixture do not reach a share of 1: in two dimensions 1 - exp(-3^2 /
    2) = 98.9 % lie within 3 sigma. Known bias: more samples hit more modes; the KL of N true samples is about
    (K - 1) / (2 N) instead of 0. VEEGAN uses N = 2,500.

    Parameters
    ----------
    points : Tensor or ndarray
        Generated samples, shape (N, d), N >= 1.
    modes : Tensor or ndarray
        The components' means, shape (K, d).
    sigma : float, Tensor or ndarray
        Standard deviation of the (isotropic) components: one number, or one a mode, shape (K,).
    weights : sequence of float, optional
        The true p_k, or numbers proportional to them, shape (K,). Default: equal.
    num_sigmas : float
        Radius of high quality, in sigmas.
    min_samples : int
        High-quality samples that a mode needs to count as hit.

    Returns
    -------
    ModeCoverage
        `(modes_hit, high_quality_share, reverse_kl, counts)`, counts of high-quality samples a mode.

    Raises
    ------
    UserError
        If shapes do not fit, or values are not finite, not floating-point or out of range. Equal points are
        not an error here: a generator that gives one point hits one mode.

    Notes
    -----
    Sources: Srivastava et al. (2017), "VEEGAN", section 5; Lin et al. (2018), "PacGAN", section on synthetic
    data, and the authors' code (`MetricLogger`).

    Examples
    --------
    >>> points = torch.tensor([[0.0, 0.1], [0.1, 0.0], [5.0, 5.0]])
    >>> mode_coverage(points, modes=torch.tensor([[0.0, 0.0], [1.0, 0.0]]), sigma=0.1).counts
    (2, 0)
    """
    check_rows(points, "points", at_least=1)
    check_rows(modes, "modes", at_least=1)
    check_same_width(points=points, modes=modes)
    y = float64(points)
    mu = float64(modes).to(y.device)
    scale = _check_sigma(sigma, len(mu)).to(y.device)
    p = _check_weights(weights, "weights", len(mu))

    # Differences, not a matrix product: exact also for tight modes far from the origin.
    distances = torch.cdist(y, mu, compute_mode="donot_use_mm_for_euclid_dist") / scale
    nearest, owner = distances.min(dim=1)
    counts = torch.bincount(owner[nearest < num_sigmas].cpu(), minlength=len(mu))
    return ModeCoverage(
        modes_hit=int((counts >= min_samples).sum()),
        high_quality_share=int(counts.sum()) / len(y),
        reverse_kl=_reverse_kl(counts, p),
        counts=tuple(counts.tolist()),
    )


@checked
def class_coverage(
    predicted_labels: Any, num_classes: Count, target: Any = None, *, min_samples: Count = 1
) -> ClassCoverage:
    """Return classes hit and reverse KL, for the labels that a classifier gave to generated images.

        KL(q || p) = sum_k q_k log(q_k / p_k)

    in nats, for the share q_k of images with label k, against the true share p_k. In [0, -log min p], 0 is
    best; more classes hit is better. Known bias: a classifier that errs hits classes that are not there
    (raise `min_samples`), and the KL of N true samples is about (K - 1) / (2 N) instead of 0.

    Parameters
    ----------
    predicted_labels : Tensor, ndarray or sequence of int
        Labels from 0 to K - 1, shape (N,), N >= 1.
    num_classes : int
        Number of classes, K.
    target : sequence of float, optional
        The true p_k, or numbers proportional to them (counts), shape (K,). Default: equal.
    min_samples : int
        Images that a class needs to count as hit.

    Returns
    -------
    ClassCoverage
        `(classes_hit, reverse_kl, counts)`. The KL is infinity if a class of target 0 is hit.

    Raises
    ------
    UserError
        If labels are not whole numbers from 0 to K - 1, or the target does not fit.

    Notes
    -----
    Source: the stacked-MNIST protocol (1,000 classes) of Metz et al. (2017), "Unrolled generative adversarial
    networks", as used by VEEGAN and PacGAN.

    Examples
    --------
    >>> class_coverage([0, 0, 1], num_classes=3)[0]
    2
    """
    labels = to_numbers(predicted_labels, "predicted_labels", "whole numbers, shape (N,)")
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise UserError(f"predicted_labels: got dtype {labels.dtype}; it takes whole numbers, shape (N,)")
    if labels.ndim != 1 or len(labels) == 0:
        raise UserError(f"predicted_labels: got shape {tuple(labels.shape)}; it takes shape (N,), N >= 1")
    labels = labels.long()
    if labels.min() < 0 or labels.max() >= num_classes:
        raise UserError(
            f"predicted_labels: got {labels.min()} to {labels.max()}; it takes 0 to {num_classes - 1}"
        )
    counts = torch.bincount(labels, minlength=num_classes)
    p = _check_weights(target, "target", num_classes)
    return ClassCoverage(int((counts >= min_samples).sum()), _reverse_kl(counts, p), tuple(counts.tolist()))


def _reverse_kl(counts: Tensor, p: Tensor) -> float:
    """Return KL(q || p) with q = counts / sum, where 0 log 0 = 0; infinity for no counts at all."""
    if counts.sum() == 0:
        return float("inf")
    q = counts.double() / counts.sum()
    kl = torch.special.xlogy(q, q) - torch.special.xlogy(q, p)
    return max(0.0, kl.sum().item())


def _check_sigma(sigma: float | Features, num_modes: int) -> Tensor:
    if isinstance(sigma, Tensor | np.ndarray):
        check_floats(sigma, "sigma", "(K,)")
    takes = f"a positive number, or one a mode, shape ({num_modes},)"
    scale = to_numbers(sigma, "sigma", takes).double()
    if scale.shape not in ((), (num_modes,)) or not (torch.isfinite(scale) & (scale > 0)).all():
        raise UserError(f"sigma: got {sigma!r}; it takes {takes}")
    return scale


def _check_weights(weights: Any, name: str, num_modes: int) -> Tensor:
    if weights is None:
        return torch.full((num_modes,), 1 / num_modes, dtype=torch.float64)
    takes = f"{num_modes} numbers of at least 0, not all 0"
    p = to_numbers(weights, name, takes).double()
    if p.shape != (num_modes,) or not torch.isfinite(p).all() or p.min() < 0 or p.sum() <= 0:
        raise UserError(f"{name}: got {weights!r}; it takes {takes}")
    return p / p.sum()
