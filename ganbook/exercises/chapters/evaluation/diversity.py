"""Checks: precision and recall, density and coverage."""

from __future__ import annotations

import torch
from torch import Tensor

from ganbook import metrics
from ganbook.exercises.chapters.cases import listed
from ganbook.exercises.chapters.evaluation.common import ring, settle
from ganbook.exercises.chapters.registry import check
from ganbook.exercises.grading.trial import Trial


@check("dropped-modes")
def dropped_modes(trial: Trial) -> None:
    """All ten clumps, and five of them."""
    letter = trial.choice("ABCD")
    real = ring(1000, 10, seed=0)
    whole, half = (metrics.precision_recall(real, ring(1000, modes, seed=1)) for modes in (10, 5))
    halved = [0.35 < now / before < 0.65 for now, before in zip(half, whole, strict=True)]
    settle(
        trial,
        letter,
        {"A": halved == [True, False], "B": halved == [False, True], "C": all(halved), "D": not any(halved)},
        f"all ten clumps: precision {whole.precision:.2f}, recall {whole.recall:.2f}; five of them: "
        f"precision {half.precision:.2f}, recall {half.recall:.2f}",
        {
            "A": (
                "You exchanged the two. "
                "Precision asks of each *generated* sample whether it is near a real one. "
                "Those that are not drawn are not asked."
            ),
            "C": "Nothing that is drawn has become worse, and precision looks only at what is drawn.",
            "D": (
                "One of the two asks every *real* sample whether something generated is near. "
                "Half of them are now alone."
            ),
        },
    )


@check("narrow-generator")
def narrow_generator(trial: Trial) -> None:
    """Score the data's own Gaussian, and one less than a third as wide."""
    letter = trial.choice("ABCD")
    rng = torch.Generator().manual_seed(0)
    real, same, narrow = torch.randn(3, 1000, 2, generator=rng)
    whole, less = (metrics.precision_recall(real, fake) for fake in (same, 0.3 * narrow))
    precise, poor = less.precision > whole.precision, less.recall < 0.7 * whole.recall
    settle(
        trial,
        letter,
        {
            "A": precise and poor,
            "B": not precise and less.recall > whole.recall,
            "C": precise and not poor,
            "D": not precise and poor,
        },
        f"as wide as the data: precision {whole.precision:.3f}, recall {whole.recall:.2f}; "
        f"less than a third as wide: precision {less.precision:.3f}, recall {less.recall:.2f}",
        {
            "B": (
                "The other way round: which samples of the honest generator lie outside the real balls, "
                "those in the middle or those at the rim? "
                "The narrow one draws fewer of these."
            ),
            "C": (
                "A share of the *real* samples is asked whether something generated is near. "
                "Those at the rim now have nobody."
            ),
            "D": (
                "Nothing is drawn where there is no real sample: "
                "the middle of the cloud is where real samples are densest."
            ),
        },
    )


@check("one-outlier")
def one_outlier(trial: Trial) -> None:
    """200 real samples in a crowd, one far outside, and a generator half-way."""
    letter = trial.choice("ABCD")
    rng = torch.Generator().manual_seed(0)
    crowd = torch.randn(200, 2, generator=rng)
    real = torch.cat([crowd, torch.tensor([[20.0, 0.0]])])
    fake = torch.tensor([10.0, 0.0]) + torch.randn(200, 2, generator=rng)
    precision = metrics.precision_recall(real, fake, k=3).precision
    without = metrics.precision_recall(crowd, fake, k=3).precision
    density = metrics.density_coverage(real, fake, k=3).density
    third = 0.2 < density < 0.5
    settle(
        trial,
        letter,
        {
            "A": precision < 0.1 and density < 0.1,
            "B": precision > 0.9 and third,
            "C": precision > 0.9 and density > 0.8,
            "D": precision < 0.1 and third,
        },
        f"precision {precision:.2f} (without the outlier {without:.2f}), density {density:.2f}",
        {
            "A": (
                "How large is the ball around the outlier? "
                "It reaches to the third nearest other real sample, and these are all in the crowd."
            ),
            "C": (
                "Density counts *how many* balls each generated sample is in, and divides by k. "
                "There is one ball, not k."
            ),
            "D": "If density sees a ball around the samples, so does precision: both use the same balls.",
        },
    )


def _share(points: Tensor, centres: Tensor, radii: Tensor, *, closed: bool = True) -> Tensor:
    distances = torch.cdist(points, centres)
    inside = distances <= radii if closed else distances < radii
    return inside.any(1).double().mean()


def _radii(x: Tensor, k: int) -> Tensor:
    """Return the distance to the k-th nearest in the set, where the nearest of all is the point itself."""
    return torch.cdist(x, x).sort(1).values[:, min(k, len(x)) - 1]


_PR_CASES = (  # real, fake, k
    ([[1.0], [3.0], [5.0], [6.0]], [[2.0], [3.0], [4.0], [9.0], [12.0]], 1),
    ([[0.0], [4.0], [9.0]], [[1.0], [2.0], [30.0]], 1),
    ([[0.0], [1.0], [2.0], [10.0]], [[-3.0], [5.0], [19.0], [21.0], [2.0]], 2),
    ([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [6.0, 6.0]], [[0.0, 5.0], [3.0, 3.0], [9.0, 9.0]], 1),
)


@check("precision-recall")
def precision_recall(trial: Trial) -> None:
    """Ask about a few points, some at just the radius, and up to 60 random ones."""
    for real_, fake_, k in _PR_CASES:
        real, fake = torch.tensor(real_), torch.tensor(fake_)
        _check_precision_recall_once(
            trial, real, fake, k, f"real = {listed(real)}, fake = {listed(fake)}, k = {k}"
        )
    rng = torch.Generator().manual_seed(0)
    for n, m, k, width in ((60, 40, 3, 0.8), (12, 9, 2, 1.0), (20, 30, 1, 1.2)):
        real, fake = torch.randn(n, 3, generator=rng), width * torch.randn(m, 3, generator=rng)
        case = f"{n} real and {m} generated random points, k = {k}"
        _check_precision_recall_once(trial, real, fake, k, case)
    trial.tried("three to five points, a distance of just the radius, and up to 60 random points, k = 1 to 3")


def _check_precision_recall_once(trial: Trial, real_: Tensor, fake_: Tensor, k: int, case: str) -> None:
    real, fake = real_.double(), fake_.double()
    r_real, r_fake = _radii(real, k + 1), _radii(fake, k + 1)

    def pair(a: Tensor, b: Tensor) -> Tensor:
        return torch.stack([a, b])

    precision, recall = _share(fake, real, r_real), _share(real, fake, r_fake)
    distances = torch.cdist(fake, real)
    trial.differs(
        trial.tensor(real_, fake_, k, shape=(2,)),
        pair(precision, recall),
        case=case,
        atol=1e-4,
        known={
            "The two are exchanged: "
            "precision is the share of *generated* samples, recall that of real ones.": (
                pair(recall, precision)
            ),
            "Each sample was counted as its own neighbour: its nearest neighbour in its own set is itself, "
            "at distance 0, and the k-th of the others comes one later.": (
                pair(_share(fake, real, _radii(real, k)), _share(real, fake, _radii(fake, k)))
            ),
            "Your balls reach one neighbour too far.": (
                pair(_share(fake, real, _radii(real, k + 2)), _share(real, fake, _radii(fake, k + 2)))
            ),
            "A sample at exactly the radius was left outside. "
            "The balls are closed: at most the radius is inside.": (
                pair(_share(fake, real, r_real, closed=False), _share(real, fake, r_fake, closed=False))
            ),
            "A sample has to lie in *some* ball, not in all of them.": pair(
                (distances <= r_real).all(1).double().mean(), (r_fake >= distances.T).all(1).double().mean()
            ),
            "The ball of the asking sample was used: "
            "precision asks whether a generated sample is inside a ball around a real one, "
            "with the real one's radius.": pair(
                (distances <= r_fake[:, None]).any(1).double().mean(),
                (distances <= r_real).any(0).double().mean(),
            ),
            "Both shares are of generated samples. Recall is a share of the real ones.": (
                pair(precision, (distances <= r_fake[:, None]).any(1).double().mean())
            ),
            "Both shares use the balls around real samples. "
            "For recall they are drawn around the generated ones.": (
                pair(precision, (distances <= r_real).any(0).double().mean())
            ),
            "Both numbers are your precision.": pair(precision, precision),
            "You count the samples outside the balls.": pair(1 - precision, 1 - recall),
            "Those are pairs of a sample and a ball, not samples: one that lies in two balls counts once.": (
                pair((distances <= r_real).double().mean(), (r_fake >= distances.T).double().mean())
            ),
        },
        otherwise="Draw the case on paper, with the balls, and count. Precision first, then recall.",
    )


@check("density-coverage")
def density_coverage(trial: Trial) -> None:
    """Ask about a few points, some at just the radius, and random ones."""
    cases = (
        ([[5.0], [8.0], [10.0], [11.0]], [[3.0], [6.0], [12.0]], 2),
        ([[0.0], [1.0], [3.0], [10.0]], [[2.0], [5.0], [0.5]], 2),
        (
            [[0.0, 0.0], [0.0, 3.0], [4.0, 0.0]],
            [[0.0, 1.0], [1.0, 0.0], [4.0, 4.0], [0.5, 0.5], [9.0, 0.0]],
            1,
        ),
    )
    for real_, fake_, k in cases:
        real, fake = torch.tensor(real_), torch.tensor(fake_)
        _check_density_once(trial, real, fake, k, f"real = {listed(real)}, fake = {listed(fake)}, k = {k}")
    rng = torch.Generator().manual_seed(0)
    real, fake = torch.randn(50, 3, generator=rng), 0.7 * torch.randn(80, 3, generator=rng)
    _check_density_once(trial, real, fake, 4, "50 real and 80 generated random points, k = 4")
    trial.tried(
        "three or four real points, a distance of just the radius, k = 1 and 2, "
        "and 50 against 80 random points"
    )


def _check_density_once(trial: Trial, real_: Tensor, fake_: Tensor, k: int, case: str) -> None:
    real, fake = real_.double(), fake_.double()
    distances = torch.cdist(fake, real)

    def pair(inside: Tensor) -> Tensor:
        return torch.stack([inside.double().sum() / (k * len(fake)), inside.any(0).double().mean()])

    inside = distances < _radii(real, k + 1)
    density, coverage = pair(inside)
    n, m = len(real), len(fake)
    trial.differs(
        trial.tensor(real_, fake_, k, shape=(2,)),
        pair(inside),
        case=case,
        atol=1e-4,
        known={
            "The two are exchanged: density comes first.": torch.stack([coverage, density]),
            "Each real sample was counted as its own neighbour, so the balls are too small.": (
                pair(distances < _radii(real, k))
            ),
            "A sample at exactly the radius counted as inside. "
            "These balls are open: nearer than the radius, as in the statement.": (
                pair(distances <= _radii(real, k + 1))
            ),
            "The balls are drawn around the generated samples. "
            "Here both numbers use the balls around the real ones: that is what makes them robust.": (
                pair(distances < _radii(fake, k + 1)[:, None])
            ),
            "Density is not divided by k.": torch.stack([k * density, coverage]),
            "Density is divided by the number of real samples instead of the generated ones: "
            "it is an average over generated samples.": torch.stack([density * m / n, coverage]),
            "That is precision, not density: a sample in several balls counts several times.": (
                torch.stack([inside.any(1).double().mean(), coverage])
            ),
            "Coverage is a share of the *real* samples: those that have a generated one in their ball.": (
                torch.stack([density, inside.any(1).double().mean()])
            ),
            "Density counts pairs, and is divided by all pairs: "
            "it should be about 1 for a perfect generator.": torch.stack([inside.double().mean(), coverage]),
        },
        otherwise="Draw the case on paper, with the balls around the real samples, and count again.",
    )
