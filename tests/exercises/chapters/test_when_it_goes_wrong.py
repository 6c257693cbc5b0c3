"""What the exercises on what goes wrong claim, beyond what every exercise promises."""

import math

import numpy as np
import pytest
import torch

from ganbook import exercises
from ganbook.exercises.chapters.when_it_goes_wrong import collapse, gradients, judges


def solution(name, number=0):
    exercise, namespace = exercises.get(name), {}
    exec(exercise.solutions[number], namespace)
    return namespace[exercise.answer]


def far_later(gamma, h, f_0=0.5, steps=4000):
    """Return the distance after many steps at once of the linear field, from distance 1."""
    x = np.array([0.8, 0.6])
    step = np.eye(2) + h * np.array([[0, f_0], [-f_0, -gamma]])
    for _ in range(steps):
        x = step @ x
    return np.linalg.norm(x)


@pytest.mark.parametrize("h", [0.1, 0.4, 1.0])
def test_below_the_largest_gamma_the_players_meet_and_above_it_they_part(h):
    border = solution("largest-gamma")(h)
    assert far_later(0.99 * border, h) < 0.05  # slowly: one direction is hardly braked at all
    assert far_later(1.01 * border, h) > 1e3


@pytest.mark.parametrize(("f_0", "gamma", "h"), gradients.CASES[:4])
def test_the_growth_per_step_is_that_of_the_iterates(f_0, gamma, h):
    ratio = far_later(gamma, h, f_0, steps=1200) / far_later(gamma, h, f_0, steps=200)
    assert math.isclose(ratio ** (1 / 1000), solution("growth-per-step")(f_0, gamma, h), rel_tol=2e-3)


def test_a_winning_discriminator_kills_one_gradient_and_feeds_the_other():
    accuracy, saturating, non_saturating = gradients._learn()
    assert accuracy == 1
    assert saturating < 0.1
    assert non_saturating > 1


@pytest.mark.parametrize(("modes", "held"), [(8, 8), (8, 4), (5, 1)])
def test_the_loss_of_a_standing_collapse_is_that_of_the_best_discriminator(modes, held):
    D = (1 / modes) / (1 / modes + 1 / held)  # Theorem 1, at a mode that is held
    assert math.isclose(solution("share-held")(-math.log(D)), held / modes)


def test_every_kind_of_run_is_among_the_cases():
    found = set()
    for run, modes in collapse.RUNS:
        hits = torch.zeros(len(run), modes, dtype=torch.bool)
        for row, places in zip(hits, run, strict=True):
            row[places] = True
        found.add(solution("standing-or-rotating")(hits))
    assert found == {"none", "rotating", "standing"}


def test_the_discriminator_that_is_asked_about_its_memory_has_one_that_shows():
    D, train, held_out = judges._judge()
    assert not D.training
    memory = solution("repair-memory-test")
    assert memory(D, train, held_out) > 0.2
    D.train()
    assert memory(D, train, held_out) > 0.2
    assert D.training
