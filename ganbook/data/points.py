"""Points in the plane from distributions that are known: their modes, their density, how to sample them.

What a GAN learns of images can only be guessed at. Here the truth is known, so it can be measured: how many
modes were found, how many samples are good, how far the densities are apart.

Two families are enough. A `Mixture` is a weighted sum of round Gaussians (`ring`, `grid`, `gaussian`, and
your own by `mixture`). A `Curves` is a pen line with Gaussian noise around it (`swiss_roll`, `two_moons`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from ganbook.errors import UserError
from ganbook.support.checks import AnySeed, Count, Positive, checked

CHUNK = 1 << 16  # numbers in a (points x components) table: few enough to stay in a CPU's cache


class Distribution(Protocol):
    """What a known distribution of points in the plane can do."""

    @property
    def modes(self) -> Tensor:
        """The modes' centres, float64, shape (K, 2); K is 0 where there are none."""

    @property
    def mode_names(self) -> tuple[str, ...]:
        """A name for each label that `sample` returns."""

    def sample(self, n: int, seed: int) -> tuple[Tensor, Tensor]:
        """Draw points (float32, shape (n, 2)) and their modes' numbers (int64, shape (n,))."""

    def log_density(self, x: Tensor) -> Tensor:
        """Return log p(x) for points x of shape (N, 2): float64, shape (N,)."""

    def density(self, x: Tensor) -> Tensor:
        """Return p(x) for points x of shape (N, 2): float64, shape (N,)."""


@dataclass(frozen=True, eq=False, init=False)
class Mixture:
    """A mixture of K round Gaussians.

        p(x) = sum_k w_k N(x; mu_k, sigma_k^2 I)

    Parameters
    ----------
    means : Tensor or nested sequence
        The modes' centres mu, shape (K, 2); kept as float64.
    sigma : float, Tensor or sequence
        Standard deviation along each axis, > 0: one for all or shape (K,); kept with shape (K,).
    weights : Tensor or sequence, optional
        Shape (K,), >= 0 and not all 0; kept divided by their sum. Default: all equal.

    Raises
    ------
    UserError
        If a shape does not fit, or a number is out of its range.

    Examples
    --------
    >>> two = Mixture([[-1.0, 0.0], [1.0, 0.0]], sigma=0.5, weights=[3, 1])
    >>> points, labels = two.sample(1000, seed=0)
    >>> points.shape, two.weights.tolist()
    (torch.Size([1000, 2]), [0.75, 0.25])
    """

    means: Tensor
    sigma: Tensor
    weights: Tensor

    def __init__(self, means: Any, sigma: Any, weights: Any = None) -> None:
        mu = _numbers("means", means, "numbers of shape (K, 2)")
        if mu.ndim != 2 or mu.shape[1] != 2 or len(mu) == 0:
            raise UserError(f"means: got shape {tuple(mu.shape)}; it takes (K, 2) with K at least 1")
        std = _numbers("sigma", sigma, "one number or K of them")
        if std.shape not in ((), (len(mu),)):
            raise UserError(f"sigma: got shape {tuple(std.shape)}; it takes one number or ({len(mu)},)")
        if not (std > 0).all():
            raise UserError(f"sigma={std.tolist()}: it must be greater than 0")
        w = torch.ones(len(mu)).double() if weights is None else _numbers("weights", weights, "K numbers")
        if w.shape != (len(mu),):
            raise UserError(f"weights: got shape {tuple(w.shape)}; it takes ({len(mu)},), one for each mean")
        if not (w >= 0).all() or w.sum() == 0:
            raise UserError(f"weights={w.tolist()}: they must be at least 0, and not all of them 0")
        object.__setattr__(self, "means", mu)
        object.__setattr__(self, "sigma", std.expand(len(mu)).clone())
        object.__setattr__(self, "weights", w / w.sum())

    @property
    def modes(self) -> Tensor:
        """The modes' centres, float64, shape (K, 2)."""
        return self.means

    @property
    def mode_names(self) -> tuple[str, ...]:
        """The modes' centres as text: "(0, 1)"."""
        return tuple(f"({x + 0.0:.3g}, {y + 0.0:.3g})" for x, y in self.means.round(decimals=6).tolist())

    @checked
    def sample(self, n: Count, seed: AnySeed) -> tuple[Tensor, Tensor]:
        """Draw points: first a mode by the weights, then a point of its Gaussian.

        Parameters
        ----------
        n : int
            How many, at least 1.
        seed : int
            Of the lot; the same seed gives the same points.

        Returns
        -------
        points : Tensor
            float32, shape (n, 2).
        labels : Tensor
            int64, shape (n,): each point's mode, a row of `modes`.

        Raises
        ------
        UserError
            If `n` or `seed` is not a whole number or is out of its range.
        """
        rng = torch.Generator().manual_seed(seed)
        # A mode's share of the unit interval is its weight.
        uniform = torch.rand(n, generator=rng, dtype=torch.float64)
        labels = torch.searchsorted(self.weights.cumsum(0), uniform, right=True)
        labels = labels.clamp_(max=int(self.weights.nonzero().max()))  # the shares' sum may round below 1
        noise = torch.randn(n, 2, generator=rng, dtype=torch.float64)
        points = self.means[labels] + self.sigma[labels].unsqueeze(1) * noise
        return points.float(), labels

    def log_density(self, x: Tensor) -> Tensor:
        """Return log p(x), computed in float64 on the CPU.

        Parameters
        ----------
        x : Tensor
            Points, shape (N, 2), on any device.

        Returns
        -------
        Tensor
            float64, shape (N,).

        Raises
        ------
        UserError
            If `x` has another shape.
        """
        return _log_mixture(x, self.means, self.sigma, self.weights)

    def density(self, x: Tensor) -> Tensor:
        """Return p(x) for points of shape (N, 2): float64, shape (N,)."""
        return self.log_density(x).exp()


@dataclass(frozen=True, eq=False, init=False)
class Curves:
    """Points along curves with Gaussian noise: t uniform on [0, 1], x = c(t) + sigma * noise.

    The density has no closed form, but it is an integral that a fixed sum gives to eight digits:
    p(x) = mean over the curves of the integral of N(x; c(t), sigma^2 I) dt from 0 to 1, by Gauss's rule with
    eight points on each piece of a curve, none longer than 2 sigma.

    Parameters
    ----------
    curves : sequence of callables
        Each takes t (float64, shape (N,), in [0, 1]) to points on the curve, shape (N, 2). All are drawn
        equally often.
    sigma : float
        Standard deviation of the noise along each axis, > 0.
    names : sequence of str
        A name for each curve.
    modes : Tensor
        One centre for each curve, float64, shape (K, 2), or of shape (0, 2) where a centre means nothing.

    Raises
    ------
    UserError
        If sigma is not a number greater than 0.
    """

    curves: tuple[Callable[[Tensor], Tensor], ...]
    sigma: float
    names: tuple[str, ...]
    modes: Tensor

    @checked
    def __init__(
        self,
        curves: Sequence[Callable[[Tensor], Tensor]],
        sigma: Positive,
        names: Sequence[str],
        modes: Tensor,
    ) -> None:
        object.__setattr__(self, "curves", tuple(curves))
        object.__setattr__(self, "sigma", float(sigma))
        object.__setattr__(self, "names", tuple(names))
        object.__setattr__(self, "modes", modes)

    @property
    def mode_names(self) -> tuple[str, ...]:
        """A name for each curve, which are what the labels count."""
        return self.names

    @checked
    def sample(self, n: Count, seed: AnySeed) -> tuple[Tensor, Tensor]:
        """Draw points: first a curve, then a place on it, then the noise.

        Parameters
        ----------
        n : int
            How many, at least 1.
        seed : int
            Of the lot; the same seed gives the same points.

        Returns
        -------
        points : Tensor
            float32, shape (n, 2).
        labels : Tensor
            int64, shape (n,): the number of each point's curve.

        Raises
        ------
        UserError
            If `n` or `seed` is not a whole number or is out of its range.
        """
        rng = torch.Generator().manual_seed(seed)
        labels = torch.randint(len(self.curves), (n,), generator=rng)
        t = torch.rand(n, generator=rng, dtype=torch.float64)
        places = torch.stack([curve(t) for curve in self.curves])[labels, torch.arange(n)]
        noise = torch.randn(n, 2, generator=rng, dtype=torch.float64)
        return (places + self.sigma * noise).float(), labels

    def log_density(self, x: Tensor) -> Tensor:
        """Return log p(x), computed in float64 on the CPU.

        Parameters
        ----------
        x : Tensor
            Points, shape (N, 2), on any device.

        Returns
        -------
        Tensor
            float64, shape (N,).

        Raises
        ------
        UserError
            If `x` has another shape.
        """
        places, weights = self._quadrature()
        return _log_mixture(x, places, torch.tensor([self.sigma], dtype=torch.float64), weights)

    def density(self, x: Tensor) -> Tensor:
        """Return p(x) for points of shape (N, 2): float64, shape (N,)."""
        return self.log_density(x).exp()

    def _quadrature(self, panel: float = 2.0) -> tuple[Tensor, Tensor]:
        """Return places on the curves (P, 2) and weights (P,) that turn the integral into a sum."""
        nodes, shares = (torch.from_numpy(a) for a in np.polynomial.legendre.leggauss(8))
        places, weights = [], []
        for curve in self.curves:
            ends = curve(torch.linspace(0, 1, 2001, dtype=torch.float64))
            speed = 2000 * float((ends[1:] - ends[:-1]).norm(dim=1).max())
            panels = max(1, math.ceil(speed / (panel * self.sigma)))  # none longer than panel * sigma
            t = (torch.arange(panels).unsqueeze(1) + (nodes + 1) / 2) / panels
            places.append(curve(t.flatten()))
            weights.append((shares / 2 / panels / len(self.curves)).repeat(panels))
        return torch.cat(places), torch.cat(weights)


# ----------------------------------------------------------------------------------- the distributions


@checked
def ring(modes: Count = 8, radius: Positive = 1.0, sigma: Positive = 0.01) -> Mixture:
    """Return equal Gaussians evenly on a circle; the defaults are the 2D-ring of PacGAN.

    Parameters
    ----------
    modes : int
        How many Gaussians, at least 1; number i lies at the angle 2 pi i / modes.
    radius : float
        Of the circle, > 0.
    sigma : float
        Standard deviation of each, > 0.

    Returns
    -------
    Mixture
        With `modes` modes.

    Raises
    ------
    UserError
        If an argument is out of its range.

    Notes
    -----
    The protocol of PacGAN [1]_, which takes its measures from VEEGAN [2]_: train on 100,000 points, then draw
    2,500 points from the generator. A point is of high quality if it is within 3 sigma of the nearest mode;
    a mode is found if at least one such point belongs to it. Of the truth itself
    1 - exp(-9/2) = 98.9 % are of high quality, not 100 %.

    References
    ----------
    .. [1] Lin, Khetan, Fanti, Oh, "PacGAN: The power of two samples in generative adversarial networks",
       NeurIPS 2018. https://arxiv.org/abs/1712.04086
    .. [2] Srivastava, Valkov, Russell, Gutmann, Sutton, "VEEGAN: Reducing Mode Collapse in GANs using
       Implicit Variational Learning", NeurIPS 2017. https://arxiv.org/abs/1705.07761
    """
    angle = torch.arange(modes, dtype=torch.float64) * (2 * math.pi / modes)
    circle = torch.stack([angle.cos(), angle.sin()], 1)
    return Mixture(radius * circle, sigma)


@checked
def grid(side: Count = 5, spacing: Positive = 2.0, sigma: Positive = 0.05) -> Mixture:
    """Return equal Gaussians on a square grid around (0, 0); the defaults are the 2D-grid of PacGAN.

    By default 25 modes on {-4, -2, 0, 2, 4}^2 with sigma 0.05 (variance 0.0025). The protocol is that of
    `ring`.

    Parameters
    ----------
    side : int
        Modes a side, at least 1.
    spacing : float
        Between neighbours, > 0.
    sigma : float
        Standard deviation of each, > 0.

    Returns
    -------
    Mixture
        With side^2 modes, x first: (-4, -4), (-4, -2), ...

    Raises
    ------
    UserError
        If an argument is out of its range.
    """
    line = (torch.arange(side, dtype=torch.float64) - (side - 1) / 2) * spacing
    return Mixture(torch.cartesian_prod(line, line).view(-1, 2), sigma)


@checked
def gaussian(mean: Sequence[float] = (0.0, 0.0), sigma: Positive = 1.0) -> Mixture:
    """Return one round Gaussian.

    Parameters
    ----------
    mean : sequence of float
        The centre (x, y).
    sigma : float
        Standard deviation along each axis, > 0.

    Returns
    -------
    Mixture
        With one mode.

    Raises
    ------
    UserError
        If an argument is out of its range.
    """
    centre = _numbers("mean", mean, "two numbers")
    if centre.shape != (2,):
        raise UserError(f"mean: got shape {tuple(centre.shape)}; it takes two numbers (x, y)")
    return Mixture(centre.unsqueeze(0), sigma)


def mixture(means: Any, sigma: Any, weights: Any = None) -> Mixture:
    """Return your own mixture of round Gaussians.

    Parameters
    ----------
    means, sigma, weights
        As in `Mixture`.

    Returns
    -------
    Mixture
        With one mode a mean.

    Raises
    ------
    UserError
        If a shape does not fit, or a number is out of its range.

    Examples
    --------
    >>> mixture([[0, 0], [3, 0]], sigma=[0.1, 0.5], weights=[0.9, 0.1]).modes.shape
    torch.Size([2, 2])
    """
    return Mixture(means, sigma, weights)


@checked
def swiss_roll(turns: Positive = 2.25, sigma: Positive = 0.05) -> Curves:
    """Return a spiral with noise.

    The line is c(t) = s (cos a, sin a) with s = sqrt(t_0 + (1 - t_0) t) and a = 2 pi turns s. It begins at
    s = 1/3, where t_0 = 1/9, and ends at distance 1 from the centre. Every length of line gets about the same
    number of points: the square root sees to it, since a turn twice as far out is twice as long.

    Parameters
    ----------
    turns : float
        Turns from the centre to the end, of which the first third is left out; > 0. By default the line is
        that of scikit-learn's `make_swiss_roll`, made smaller.
    sigma : float
        Standard deviation of the noise along each axis, > 0.

    Returns
    -------
    Curves
        With one label (0) and no modes: `modes` has shape (0, 2), since the line has no centre that a sample
        could be near to.

    Raises
    ------
    UserError
        If an argument is out of its range.
    """
    angle = 2 * math.pi * turns
    start = (1 / 3) ** 2

    def spiral(t: Tensor) -> Tensor:
        s = (start + (1 - start) * t).sqrt()
        return s.unsqueeze(1) * torch.stack([(angle * s).cos(), (angle * s).sin()], 1)

    return Curves([spiral], sigma, ["roll"], torch.zeros(0, 2, dtype=torch.float64))


@checked
def two_moons(sigma: Positive = 0.1) -> Curves:
    """Return two half circles of radius 1 that reach into each other, with noise.

    The upper moon is (cos(pi t), sin(pi t)), the lower one (1 - cos(pi t), 1/2 - sin(pi t)), as in
    scikit-learn's `make_moons`, all moved by (-1/2, -1/4) so that the mean is (0, 0).

    Parameters
    ----------
    sigma : float
        Standard deviation of the noise along each axis, > 0.

    Returns
    -------
    Curves
        With two labels, 0 for the upper and 1 for the lower moon, and as two modes the middles of the arcs,
        (-1/2, 3/4) and (1/2, -3/4). A good sample lies near an arc, not near its middle: ask the density,
        not the distance to a mode.

    Raises
    ------
    UserError
        If `sigma` is not a number greater than 0.
    """

    def upper(t: Tensor) -> Tensor:
        return torch.stack([(math.pi * t).cos() - 0.5, (math.pi * t).sin() - 0.25], 1)

    def lower(t: Tensor) -> Tensor:
        return -upper(t)

    middles = torch.tensor([[-0.5, 0.75], [0.5, -0.75]], dtype=torch.float64)
    return Curves([upper, lower], sigma, ["upper", "lower"], middles)


# ---------------------------------------------------------------------------------------------- helpers


def _log_mixture(x: Tensor, means: Tensor, sigma: Tensor, weights: Tensor) -> Tensor:
    """Return log sum_k w_k N(x; mu_k, sigma_k^2 I) in float64; sigma has shape (K,) or (1,)."""
    x = _numbers("x", x, "points of shape (N, 2)")
    if x.ndim != 2 or x.shape[1] != 2:
        raise UserError(f"x: got shape {tuple(x.shape)}; it takes points of shape (N, 2)")
    log_factor = weights.log() - torch.log(2 * math.pi * sigma**2)
    parts = []
    for part in x.split(max(1, CHUNK // len(means))):
        squared = (part.unsqueeze(1) - means).square().sum(-1)  # differences: exact near a mode
        parts.append(torch.logsumexp(log_factor - squared / (2 * sigma**2), 1))
    return torch.cat(parts)


def _numbers(name: str, value: Any, what: str) -> Tensor:
    try:
        numbers = torch.as_tensor(value, dtype=torch.float64, device="cpu")
    except (TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"{name}={value!r}: it takes {what}") from error
    if not numbers.isfinite().all():
        raise UserError(f"{name}: got a number that is infinite or not a number; it takes {what}")
    return numbers
