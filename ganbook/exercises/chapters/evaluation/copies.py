"""Checks: copies of training data."""

from __future__ import annotations

import torch
from torch import Tensor

from ganbook.exercises.chapters.cases import listed
from ganbook.exercises.chapters.registry import check
from ganbook.exercises.grading.trial import Trial


@check("share-of-copies")
def share_of_copies(trial: Trial) -> None:
    """One number."""
    case = "80 % of the generated images are nearer to the training set"
    trial.tried(case)
    trial.differs(
        trial.value(),
        0.6,
        case=case,
        rtol=5e-3,
        known={
            "That is the share that was measured. "
            "Images that are no copies are nearer to the training set too, half of the time, by chance.": 0.8,
            "That is the excess over one half. "
            "It is c/2, as of the copies half would have been counted anyway.": 0.3,
            "That is the share of images nearer to the held-out set. "
            "They are none of them copies, but they are not all that is no copy.": 0.2,
            "That is the share of images that are *no* copies.": 0.4,
            "That is the share of copies among the images nearer to the training set. "
            "The question is for the share of all images.": 0.75,
        },
        otherwise="Write the expected share as a sum of two parts: of the copies, and of the others.",
    )


@check("nearer-to-training")
def nearer_to_training(trial: Trial) -> None:
    """Ask about a few points of each kind, ties among them, and random points with copies."""
    cases = (
        ([[11.0], [9.0], [1.0]], [[7.0], [7.0]], [[3.0], [11.0]]),
        ([[0.0], [4.0]], [[0.0], [100.0]], [[3.0], [5.0]]),
        ([[0.0], [10.0], [7.0]], [[-1.0], [9.0], [10.0]], [[1.0], [12.0], [8.0]]),
        ([[0.0, 0.0], [3.0, 1.0]], [[3.0, 3.0], [5.0, 5.0]], [[4.0, 0.0], [5.0, 1.0]]),
    )
    for values in cases:
        fake, train, held_out = (torch.tensor(x) for x in values)
        _check_nearer_once(
            trial,
            fake,
            train,
            held_out,
            f"fake = {listed(fake)}, train = {listed(train)}, held_out = {listed(held_out)}",
        )
    rng = torch.Generator().manual_seed(0)
    train, held_out, fake = torch.randn(3, 50, 3, generator=rng)
    fake = torch.cat([fake, train[:30]])
    _check_nearer_once(trial, fake, train, held_out, "50 random points and copies of 30 training points")
    trial.tried(
        "two or three points of each kind, ties, and 50 random points with copies of 30 training points"
    )


def _check_nearer_once(trial: Trial, fake_: Tensor, train_: Tensor, held_out_: Tensor, case: str) -> None:
    fake, train, held_out = fake_.double(), train_.double(), held_out_.double()
    to_train, to_held_out = torch.cdist(fake, train), torch.cdist(fake, held_out)

    def share(a: Tensor, b: Tensor, tie: float = 0.5) -> Tensor:
        return torch.where((a - b).abs() < 1e-9, tie, (a < b).double()).mean()

    a, b = to_train.min(1).values, to_held_out.min(1).values
    trial.differs(
        trial.number(fake_, train_, held_out_),
        share(a, b),
        case=case,
        known={
            "You count the samples that are nearer to the *held-out* set.": share(b, a),
            "A tie counts as 1 here. With equal distances nothing speaks for either set.": share(a, b, 1.0),
            "A tie counts as 0 here. With equal distances nothing speaks for either set.": share(a, b, 0.0),
            "You compared mean distances to whole sets. "
            "A copy is near *one* training sample, not near all of them.": (
                share(to_train.mean(1), to_held_out.mean(1))
            ),
            "You compared the farthest samples of the two sets.": (
                share(to_train.max(1).values, to_held_out.max(1).values)
            ),
            "You compared rows of the same number. "
            "The sets are in no order: each generated sample has to look at all training samples.": share(
                (fake[: len(train)] - train[: len(fake)]).norm(dim=1),
                (fake[: len(held_out)] - held_out[: len(fake)]).norm(dim=1),
            ),
            "The distances are taken the wrong way: "
            "you asked each *training* (and held-out) sample for its nearest generated one.": (
                share(to_train.min(0).values, to_held_out.min(0).values)
            ),
            "That is a count, not a share.": share(a, b) * len(fake),
            "That is a ratio of mean distances. Wanted is a share of the samples.": (
                a.mean() / b.mean() if b.mean() > 0 else torch.tensor(-1.0)
            ),
        },
        otherwise=(
            "Take the generated samples of the case one by one: "
            "the nearest training sample, the nearest held-out one, and which is nearer."
        ),
    )
