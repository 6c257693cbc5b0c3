"""Exercises of the chapter on evaluation, in rising difficulty."""

from __future__ import annotations

from ganbook.exercises import (
    evaluation_diversity,
    evaluation_frechet,
    evaluation_modes,
    evaluation_repair,
    evaluation_report,
    evaluation_scores,
)
from ganbook.exercises.exercise import Exercise

# In the chapter's order; the sort keeps it within a difficulty.
_PARTS = (
    evaluation_report,
    evaluation_scores,
    evaluation_frechet,
    evaluation_diversity,
    evaluation_modes,
    evaluation_repair,
)
EXERCISES: tuple[Exercise, ...] = tuple(
    sorted((exercise for part in _PARTS for exercise in part.EXERCISES), key=lambda e: e.difficulty)
)
