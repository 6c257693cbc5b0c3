"""How samples are compared: by groups of the real ones, spreads, nearest neighbours and ranks."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ganbook.diagnostics.doctor.evidence import SampleSigns

GROUPS = 10  # into which real samples without known modes are divided
SMALL_IMAGE = 16  # pixels: larger images are compared as if they were so small


def features(samples: Tensor) -> Tensor:
    """Return samples as rows of numbers: coordinates, or the pixels of a small image. float32, (N, d)."""
    if samples.ndim == 4 and samples.shape[-1] > SMALL_IMAGE:
        samples = nn.functional.adaptive_avg_pool2d(samples, SMALL_IMAGE)
    return samples.flatten(1).float()


@dataclass(frozen=True)
class Yardstick:
    """Real samples, their groups and their distances: what generated ones are held against."""

    real: Tensor
    centres: Tensor
    reach: float | None
    """How far from its centre a sample may be to count for a group; None: any distance."""
    real_shares: Tensor
    real_spread: float
    real_distance: float

    @classmethod
    def of(cls, real: Tensor, modes: Tensor | None = None) -> Yardstick:
        """Make one of real features (N, d), with the modes' centres where they are known.

        Without them, the real samples are divided into ten groups by k-means (as Richardson and Weiss 2018
        do).
        """
        reach = None
        if modes is not None and len(modes) > 1:
            centres = modes.float()
            apart = torch.cdist(centres, centres)
            reach = 0.3 * float(apart[apart > 0].min())
        else:
            centres = k_means(real, GROUPS)
        shares = _shares(real, centres, reach)
        nearest = torch.cdist(real, real).fill_diagonal_(float("inf")).min(dim=1).values
        return cls(real, centres, reach, shares, spread(real), max(float(nearest.median()), 1e-6))

    def look(self, fake: Tensor) -> SampleSigns | None:
        """Compare generated features (M, d); None if one is infinite or not a number."""
        if not fake.isfinite().all():
            return None
        shares = _shares(fake, self.centres, self.reach)
        distance = float(torch.cdist(fake, self.real).min(dim=1).values.median())
        even = effective(shares) / effective(self.real_shares) if shares.sum() > 0.05 else 0.0
        return SampleSigns(
            spread(fake) / self.real_spread, even, tuple(round(s, 2) for s in shares.tolist()),
            distance / self.real_distance, distance / self.real_spread,
            told_apart(self.real[:500], fake[:500]),
        )  # fmt: skip


def k_means(x: Tensor, groups: int, rounds: int = 15) -> Tensor:
    """Return the centres of groups, (groups, d): Lloyd's rounds from starts that are far apart."""
    rng = torch.Generator().manual_seed(0)
    centres = x[:1]
    for _ in range(1, min(groups, len(x))):
        weights = torch.cdist(x, centres).min(dim=1).values.square() + 1e-12
        centres = torch.cat([centres, x[torch.multinomial(weights, 1, generator=rng)]])
    for _ in range(rounds):
        owner = torch.cdist(x, centres).argmin(dim=1)
        members = nn.functional.one_hot(owner, len(centres)).float()
        sums, counts = members.T @ x, members.sum(dim=0).unsqueeze(1)
        centres = torch.where(counts > 0, sums / counts.clamp(min=1), centres)
    return centres


def _shares(x: Tensor, centres: Tensor, reach: float | None) -> Tensor:
    distance, owner = torch.cdist(x, centres).min(dim=1)
    if reach is not None:
        owner = owner[distance < reach]
    return torch.bincount(owner, minlength=len(centres)).double() / len(x)


def effective(shares: Tensor) -> float:
    """Return the effective number of groups: exp of the entropy of the shares."""
    p = shares / shares.sum().clamp(min=1e-12)
    return float(torch.exp(-torch.special.xlogy(p, p).sum()))


def moved(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Return which part of the samples would have to change its group to make `a` of `b`: 0 to 1."""
    total_a, total_b = max(sum(a), 1e-9), max(sum(b), 1e-9)
    return 0.5 * sum(abs(x / total_a - y / total_b) for x, y in zip(a, b, strict=True))


def spread(x: Tensor) -> float:
    """Return the mean distance between two samples, (N, d)."""
    x = x[:1000]
    return float(torch.cdist(x, x).sum() / max(len(x) * (len(x) - 1), 1))


def told_apart(real: Tensor, fake: Tensor) -> float:
    """Return the accuracy of the nearest neighbour as a test of two samples (Lopez-Paz and Oquab 2017)."""
    n = min(len(real), len(fake))
    both = torch.cat([real[:n], fake[:n]])
    nearest = torch.cdist(both, both).fill_diagonal_(float("inf")).argmin(dim=1)
    is_real = torch.arange(2 * n) < n
    return float((is_real[nearest] == is_real).double().mean())


def auc(high: Tensor, low: Tensor) -> float:
    """Return the probability that a number of `high` is above one of `low`; ties count half."""
    ordered = low.double().sort().values
    high = high.double()
    below, upto = torch.searchsorted(ordered, high), torch.searchsorted(ordered, high, right=True)
    return float((below + upto).double().mean() / (2 * len(low)))
