"""What the doctor's checks ask of the evidence; the thresholds are set on the laboratory's tuning half."""

from __future__ import annotations

from itertools import pairwise
from statistics import fmean

from ganbook.diagnostics.doctor.evidence import CriticSigns, Evidence, SampleSigns
from ganbook.diagnostics.doctor.measure import moved

NARROW = 0.5  # of the real spread: less is collapse
GROUPS = 0.5  # variety: less is collapse
FEW_GROUPS = 0.33  # less, and changing: a collapse that rotates; more: samples that wander
FAR_POINTS = 0.03  # median distance to the nearest real sample, in real spreads
FAR_IMAGES = 2.0  # the same of images, where no neighbour is near: as multiple of that between real samples
WIDE = 2.0  # spread, in real spreads
APART = 0.8  # the nearest neighbour tells samples from data so well
UNSURE = 0.65  # D's AUROC of real against generated samples: less is not seeing
WRONG = 0.3  # and so little is seeing it the wrong way round
HUGE = 50.0  # standard deviation of the logits
FLAT = 0.02  # the same
STEEP = 3.0  # D's slope at real samples, which WGAN-GP would have near 1
WANDERS = 0.15  # the samples' mean moves by more, in real spreads, from one checkpoint to the next
CHANGED = 0.35  # this part of the samples has changed its group
HELD_OUT = 0.75  # D puts training samples above held-out ones so often
COPIES = 0.75  # mean distance to training data over that to held-out data
SHIFT = 0.5  # of the samples' mean between training and eval mode, in standard deviations of the data
RATIO = 0.6  # of their spreads


def last(e: Evidence) -> SampleSigns | None:
    """Return the raw samples of the last checkpoint."""
    return e.snapshots[-1].raw if e.snapshots else None


def of_images(e: Evidence) -> bool:
    """Say whether the samples have many numbers each, so that no neighbour is near."""
    return e.data is not None and e.data.dims > 3


def far(e: Evidence, signs: SampleSigns) -> bool:
    """Say whether samples lie beside the data."""
    away = signs.distance > FAR_IMAGES if of_images(e) else signs.off > FAR_POINTS
    return signs.told_apart > APART and away


def variety(signs: SampleSigns) -> float:
    """Return how many of the data's groups samples meet: 0 for one group, 1 for all of them evenly."""
    k = len(signs.shares)
    return max(0.0, signs.groups * k - 1) / max(k - 1, 1)


def narrow(signs: SampleSigns) -> bool:
    """Say whether samples are much more alike than the data, or lack many of their groups."""
    return signs.spread < NARROW or variety(signs) < GROUPS


def poor(e: Evidence, signs: SampleSigns) -> bool:
    """Say whether samples are clearly unlike the data: narrow, far off, or scattered."""
    return narrow(signs) or signs.spread > WIDE or far(e, signs)


def few(e: Evidence) -> bool:
    """Say whether the samples are narrow at one checkpoint after the other."""
    raw = [s.raw for s in e.snapshots if s.raw is not None]
    return bool(raw) and (
        fmean(variety(s) for s in raw) < FEW_GROUPS or fmean(s.spread for s in raw) < NARROW
    )


def wanders(e: Evidence) -> str:
    """Return how the samples have changed from one checkpoint to the next, "" if they have not much."""
    for before, after in pairwise(e.snapshots):
        if before.raw is None or after.raw is None:
            continue
        steps = f"from step {before.step:,} to {after.step:,}"
        if after.move is not None and after.move > WANDERS:
            return f"{steps} their mean moved by {after.move:.2f} of the data's spread"
        if sum(before.raw.shares) > 0.1 and sum(after.raw.shares) > 0.1:
            changed = moved(before.raw.shares, after.raw.shares)
            if changed > CHANGED:
                return f"{steps} {changed:.0%} of them changed their group"
    return ""


def restless_only(e: Evidence) -> bool:
    """Say whether a generator of images has a fair average: the raw one is never still, nor sampled."""
    average = e.snapshots[-1].average if e.snapshots else None
    return of_images(e) and average is not None and not poor(e, average)


def average_worse(e: Evidence, signs: SampleSigns) -> bool:
    """Say whether the averaged generator's samples are bad, and clearly worse than the raw one's."""
    average = e.snapshots[-1].average
    if average is None:
        return False
    lacks = narrow(average) and variety(average) + average.spread < variety(signs) + signs.spread - 0.3
    return lacks or (far(e, average) and average.off > 2 * signs.off)


def modes_differ(e: Evidence) -> bool:
    """Say whether the generator makes other samples in eval mode than in training mode."""
    m = e.modes
    return m is not None and (m.shift > SHIFT or not RATIO < m.spread_ratio < 1 / RATIO)


def sees_nothing(e: Evidence, critic: CriticSigns) -> bool:
    """Say whether D does not tell samples from data that differ."""
    log = e.log
    if log is None or log.gap is None or log.spread is None:
        return critic.spread < FLAT or (critic.auc < UNSURE and critic.spread < 5 * FLAT)
    if log.spread < FLAT:
        return True
    if critic.auc < WRONG and log.gap < 0:
        return True  # it calls samples real, and has not learned otherwise
    return critic.auc < UNSURE and abs(log.gap) < 0.05 * log.spread


def in_words(signs: SampleSigns) -> str:
    """Return how various samples are, in words."""
    spread = f"the samples' spread is {signs.spread:.2f} of the data's"
    return f"{spread}, and they meet {signs.groups:.0%} of the data's groups"
