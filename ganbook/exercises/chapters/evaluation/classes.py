"""Checks: the Inception Score."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ganbook import metrics
from ganbook.exercises.chapters.cases import listed
from ganbook.exercises.chapters.evaluation.common import number_or_nan, ring, settle
from ganbook.exercises.chapters.registry import check
from ganbook.exercises.grading.trial import Trial


@check("inception-score-four-digits")
def inception_score_four_digits(trial: Trial) -> None:
    """One number."""
    case = "sure of every image; 4 of 10 digits, a quarter of the images each"
    trial.tried(case)
    trial.differs(
        trial.value(),
        4.0,
        case=case,
        rtol=2e-3,
        known={
            "That is the most that ten classes could give. "
            "Only four are drawn, so the average p(y) is not spread over ten.": 10.0,
            "That is the logarithm of the score: the exp of the formula is missing.": math.log(4),
            "That is the share of the classes, and the score is no share: "
            "it goes from 1 to the number of classes.": 0.4,
            "That is the share of the missing classes, and the score is no share.": 0.6,
            "1 is the worst score, for p(y|x) that is the same for all images. "
            "Here it differs from image to image.": 1.0,
            "That is the entropy of p(y) in bits. The formula has natural logarithms, and an exp.": 2.0,
            "You held p(y) against the uniform distribution over ten classes; "
            "the formula holds p(y|x) against p(y).": 2.5,
        },
        otherwise="Write down p(y|x) for one image, then the average p(y), then their KL divergence.",
    )


@check("inception-score-unequal")
def inception_score_unequal(trial: Trial) -> None:
    """One number."""
    bits = 1.75
    case = "sure of every image; shares 1/2, 1/4, 1/8, 1/8"
    trial.tried(case)
    trial.differs(
        trial.value(),
        2**bits,
        case=case,
        rtol=2e-3,
        known={
            "That is the number of classes drawn. "
            "They are not drawn equally often, and the score is lower for it.": 4.0,
            "That is the number of classes the classifier knows. Six of them never come up.": 10.0,
            "That is the logarithm of the score: the exp is missing.": bits * math.log(2),
            "That is the entropy of p(y) in bits: the exp is missing, and the logarithms are natural ones.": (
                bits
            ),
            "You took logarithms to base 2 and then exp to base e. "
            "Any base will do, if it is the same in both.": math.exp(bits),
            "You weighted the four classes equally. "
            "An average over images counts a class as often as it is drawn.": (
                math.exp((math.log(2) + math.log(4) + 2 * math.log(8)) / 4)
            ),
            "That is the perplexity turned over, 1 over the score: the sign of the logarithm.": 2**-bits,
        },
        otherwise="Every image of a digit with share q contributes log(1/q). Average over images, then exp.",
    )


@check("inception-score")
def inception_score(trial: Trial) -> None:
    """Score classifiers that are unsure, half sure, and sure, with probabilities of 0."""
    cases = (
        [[0.75, 0.25], [0.25, 0.75]],
        [[0.5, 0.5], [0.5, 0.5]],
        [[0.5, 0.25, 0.25], [0.125, 0.75, 0.125]],
        [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]],
        [[1.0, 0.0], [0.0, 1.0]],
        [[1.0, 0.0, 0.0], [0.0, 0.5, 0.5], [1.0, 0.0, 0.0], [0.0, 0.25, 0.75]],
    )
    for values in cases:
        p = torch.tensor(values)
        case = f"p_yx = {listed(p)}"
        _check_inception_once(trial, p, case)
    trial.tried(
        "two to four images of two or three classes: unsure, half sure, sure (with probabilities of 0)"
    )


def _entropy(p: Tensor, dim: int) -> Tensor:
    return -torch.special.xlogy(p, p).sum(dim)


def _check_inception_once(trial: Trial, p_: Tensor, case: str) -> None:
    p = p_.double()
    p_y = p.mean(0)
    spread, unsure = _entropy(p_y, 0), _entropy(p, 1)
    reverse = (torch.special.xlogy(p_y, p_y) - torch.special.xlogy(p_y, p)).sum(1).mean()
    over_images = p.mean(1, keepdim=True)
    got = number_or_nan(
        trial,
        trial.call(p_),
        "The score is NaN. "
        "A classifier can be sure: "
        "then a probability is 0, its logarithm minus infinity, and 0 times that is NaN. "
        "In the KL divergence 0 log 0 counts as 0.",
        case,
    )
    trial.differs(
        got,
        (spread - unsure.mean()).exp(),
        case=case,
        known={
            "The exp is missing: that is the average KL divergence.": spread - unsure.mean(),
            "That is exp of the entropy of p(y) alone. "
            "It rewards a spread over classes, and does not ask whether single images are clear.": (
                spread.exp()
            ),
            "That is exp of the average entropy of p(y|x) alone, "
            "which is high when the images are *un*clear.": unsure.mean().exp(),
            "The KL divergence is the other way round: p(y) is held against p(y|x).": reverse.exp(),
            "p(y) is averaged over the classes (dimension 1). "
            "Every row sums to 1, so that average is 1/K for every image and says nothing.": (
                (torch.special.xlogy(p, p) - torch.special.xlogy(p, over_images)).sum(1).mean().exp()
            ),
            "The sum over classes became a mean over everything: "
            "KL is a *sum* over classes, averaged over images.": (
                ((spread - unsure.mean()) / p.shape[1]).exp()
            ),
            "The average over images became a sum.": ((spread - unsure.mean()) * len(p)).exp(),
            "exp and average are exchanged: exp comes last, of the average.": (
                (torch.special.xlogy(p, p) - torch.special.xlogy(p, p_y)).sum(1).exp().mean()
            ),
            "The sign is turned round, so that the score is below 1: that is 1 over the score.": (
                (unsure.mean() - spread).exp()
            ),
            "Logarithms to base 2 and exp to base e do not fit together.": (
                ((spread - unsure.mean()) / math.log(2)).exp()
            ),
        },
        otherwise="The score of this case is wrong. Compute p(y) first, then a KL for each image.",
    )


@check("one-image-a-class")
def one_image_a_class(trial: Trial) -> None:
    """Score the middle of each of ten clumps, a hundred times."""
    letter = trial.choice("ABCD")
    real, modes = ring(1000, 10, seed=0), ring(5000, 10, seed=1, sigma=0.0).unique(dim=0)
    fake = modes.repeat(100, 1)
    # Bayes' rule gives the true p(y|x): ten equal clumps with standard deviation 0.3.
    p_yx = (-torch.cdist(fake.double(), modes.double()).square() / (2 * 0.3**2)).softmax(dim=1)
    score = metrics.inception_score(p_yx, splits=1).mean
    precision, recall = metrics.precision_recall(real, fake)
    clear, near, spread = score > 9, precision > 0.9, recall > 0.5
    settle(
        trial,
        letter,
        {
            "A": not clear and near and not spread,
            "B": clear and not near and not spread,
            "C": clear and near and not spread,
            "D": clear and near and spread,
        },
        f"Inception Score {score:.2f} of at most 10, precision {precision:.2f}, recall {recall:.2f}",
        {
            "A": (
                "The Inception Score counts classes, not pictures: "
                "each single one is clear, and all ten classes come up equally often. "
                "That is all that it asks."
            ),
            "B": "Each picture lies in the middle of a clump of real ones. Precision asks no more than that.",
            "D": (
                "Recall draws a ball around each generated sample, "
                "to its k-th nearest neighbour among the *generated* ones. "
                "How far away is that if each picture is there a hundred times?"
            ),
        },
    )
