"""Exercises of the chapter on training steps, in rising difficulty, from the files of their subjects."""

from __future__ import annotations

from ganbook.exercises.exercise import Exercise
from ganbook.exercises.training_curves import (
    BOTH_FALL,
    MOVING_AVERAGE,
    NO_GRAD_SAMPLING,
    PROBABILITIES,
    RUNNING_STATISTICS,
    SCALED_LOSS,
    WHOLE_PHASES,
)
from ganbook.exercises.training_penalties import GRADIENT_PENALTY, R1
from ganbook.exercises.training_repair import REPAIRS
from ganbook.exercises.training_turns import (
    DISCRIMINATOR_TURN,
    GENERATOR_TURN,
    K_STEPS,
    LABELS,
    SCALE,
    STEPS_FOR,
)

EXERCISES: tuple[Exercise, ...] = (
    STEPS_FOR,
    LABELS,
    SCALE,
    K_STEPS,
    SCALED_LOSS,
    REPAIRS["phase"],
    DISCRIMINATOR_TURN,
    GENERATOR_TURN,
    PROBABILITIES,
    REPAIRS["labels"],
    REPAIRS["logits"],
    WHOLE_PHASES,
    MOVING_AVERAGE,
    RUNNING_STATISTICS,
    NO_GRAD_SAMPLING,
    REPAIRS["sampling"],
    BOTH_FALL,
    REPAIRS["one-optimiser"],
    REPAIRS["resume"],
    R1,
    GRADIENT_PENALTY,
)
