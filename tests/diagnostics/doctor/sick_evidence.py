"""Evidence of a healthy run of points, to be changed in one place."""

import dataclasses

from ganbook.diagnostics.doctor.evidence import (
    CopySigns,
    CriticSigns,
    DataSigns,
    Evidence,
    SampleSigns,
    Snapshot,
)
from ganbook.training.symptoms import LogSigns

GOOD = SampleSigns(spread=1.0, groups=0.98, shares=(0.25,) * 4, distance=1.2, off=0.01, told_apart=0.6)
BAD = SampleSigns(
    spread=0.1, groups=0.25, shares=(1.0, 0.0, 0.0, 0.0), distance=30.0, off=0.2, told_apart=1.0
)
ELSEWHERE = dataclasses.replace(BAD, shares=(0.0, 1.0, 0.0, 0.0))
LOG = LogSigns(
    records=100, last_step=1000, d_loss=1.3, accuracy=0.6, sign_real=0.2, gap=0.3, spread=0.5,
    spread_peak=1.0, size=0.8, size_before=0.9, g_gradient=1.0, g_gradient_peak=2.0, d_gradient=1.0,
    penalty_share=None, period=None, swing=0.1, won_since=None, flat_since=None, infinite_since=None,
)  # fmt: skip
CRITIC = CriticSigns(
    auc=0.7, auc_held_out=0.5, memory=0.0, real=0.2, fake=-0.2, spread=0.5, slope=1.0
)  # fmt: skip
DATA = DataSigns(
    num=1000, dims=2, low=-1.0, high=1.0, constant_channels=0, duplicates=0.0, classes=4, classes_met=4
)


def snapshots(*raw, average=None, move=0.0):
    """Return snapshots with these raw samples; their averages are as good, unless another one is given."""
    return tuple(Snapshot(500 * i, x, average or x, move) for i, x in enumerate(raw, start=1))


HEALTHY = Evidence(
    settings={"loss": "non-saturating"}, records=100, log=LOG, snapshots=snapshots(GOOD, GOOD), critic=CRITIC,
    copies=CopySigns(share=0.5, high=0.6, distance_ratio=1.0), data=DATA,
)  # fmt: skip


def changed(log=None, critic=None, data=None, **others):
    """Return the healthy evidence with some things changed, those of a part by name."""
    parts = {"log": (LOG, log), "critic": (CRITIC, critic), "data": (DATA, data)}
    replaced = {name: dataclasses.replace(part, **change) for name, (part, change) in parts.items() if change}
    return dataclasses.replace(HEALTHY, **replaced, **others)
