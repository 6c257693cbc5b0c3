"""The result of an evaluation: the table that the command line prints, and JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

import ganbook
from ganbook.evaluation.judge import Judge
from ganbook.metrics import Score, table


@dataclass(frozen=True)
class Evaluation:
    """Scores of runs on one data set. `str()` is the table that the command line prints."""

    judge: Judge
    num: int
    """Samples of each run."""
    seed: int
    steps: dict[str, int]
    """The training step of each run's newest checkpoint."""
    scores: dict[str, list[Score]]
    """Of each run; and of the real test split, where it has as many samples as were generated."""
    yardstick: dict[str, list[Score]] = field(default_factory=dict)
    """The same for as many samples as the test split has, where these are fewer."""
    missing: list[str] = field(default_factory=list)
    """Which scores cannot be computed of which run, and why."""

    def __str__(self) -> str:
        judge, lines = self.judge, []
        lines.append(f"Reference: {judge.reference}, {len(judge.real):,} of its {len(judge.data):,} samples")
        if judge.extractor is not None:
            e = judge.extractor
            known = f", right on {e.accuracy:.1%} of {e.held_out:,} held-out images" if e.held_out else ""
            lines.append(f"Extractor: {e.name}, {e.dim:,} features{known} (digest {e.digest[:8]})")
        kind = "points" if judge.extractor is None else "images rounded to uint8"
        lines.append(
            f"Generated: {self.num:,} {kind} a run, averaged (EMA) generator in eval mode, seed {self.seed}"
        )
        lines += [f"  {run}: step {step:,}" for run, step in self.steps.items()]
        lines += ["", table(self.scores)]
        if self.yardstick:
            lines += ["", "With as many samples as the test split has:", table(self.yardstick)]
        if self.missing:
            lines += ["", "Not computed:", *(f"  {line}" for line in self.missing)]
        how: dict[str, list[str]] = {}
        for score in (s for scores in self.scores.values() for s in scores if s.interval):
            names = how.setdefault(score.interval, [])
            if score.metric not in names:
                names.append(score.metric)
        lines += ["", "Intervals (95 %):"]
        lines += [f"  {', '.join(names)}: {interval}" for interval, names in how.items()]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON takes it."""
        e = self.judge.extractor
        return {
            "ganbook": ganbook.__version__,
            "torch": torch.__version__,
            "threads": torch.get_num_threads(),
            "num": self.num,
            "seed": self.seed,
            "reference": {"data": self.judge.reference, "num": len(self.judge.real)},
            "extractor": {"name": "coordinates", "dim": self.judge.dim} if e is None else {
                "name": e.name, "dim": e.dim, "digest": e.digest, "accuracy": e.accuracy,
                "held_out": e.held_out, "settings": e.settings,
            },
            "steps": self.steps,
            "scores": {run: [s.to_json() for s in scores] for run, scores in self.scores.items()},
            "yardstick": {run: [s.to_json() for s in scores] for run, scores in self.yardstick.items()},
            "missing": self.missing,
        }  # fmt: skip
