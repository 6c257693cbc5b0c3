"""What the exercises on mistakes claim, beyond what every exercise promises."""

import torch
from torch import nn

from ganbook import exercises, losses, training
from ganbook.diagnostics import lint_step
from ganbook.exercises.chapters.mistakes import steps
from ganbook.exercises.chapters.players import draw, tiny_pair
from ganbook.exercises.grading.trial import grade
from ganbook.training.ema import EMA


def step_of(name, source):
    namespace = {}
    exec(source, namespace)
    return namespace[exercises.get(name).answer]


def linted(train_step):
    G, D = tiny_pair(seed=1)
    opt_G, opt_D = (torch.optim.SGD(player.parameters(), lr=0.1) for player in (G, D))
    real, z = draw(seed=2, num=8)
    report = lint_step(lambda real, z: train_step(G, D, opt_G, opt_D, real, z), G, D, real=real, z=z)
    return {finding.name for finding in report.findings if finding.severity != "note"}


def test_the_package_s_own_steps_are_right_answers():
    def train_step(G, D, opt_G, opt_D, real, z):
        training.discriminator_step(G, D, opt_D, losses.minimax_discriminator_loss, real, z)
        training.generator_step(G, D, opt_G, losses.non_saturating_generator_loss, None, z)

    for name in ("overwritten-term", "fake-not-detached"):
        result = grade(exercises.get(name), train_step)
        assert result, result


def test_lint_step_finds_the_faults_of_the_starters_and_none_in_the_solutions():
    for name, finding in (("overwritten-term", "both terms"), ("fake-not-detached", "fake detached")):
        exercise = exercises.get(name)
        assert finding in linted(step_of(name, exercise.starter)), name
        for source in exercise.solutions:
            assert not linted(step_of(name, source)), name


def test_one_change_of_a_line_mends_the_loop():
    found = {letter: steps._play_leaky(letter) for letter in "ABCD"}
    mended = [letter for letter, (fake, real, pull) in found.items() if fake < 0.2 < real and pull > 0]
    assert mended == ["B"]
    assert abs(found["C"][0] - 0.5) < 0.05  # as before: the two gradients cancel at one half


def test_the_best_answer_to_crossed_targets_is_one_half():
    loss = step_of("column-of-logits", exercises.get("column-of-logits").starter)
    real, fake = draw(seed=3, num=16)
    torch.manual_seed(0)
    D = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    for _ in range(1000):
        for parameter, gradient in zip(
            D.parameters(), torch.autograd.grad(loss(D, real, fake), list(D.parameters())), strict=True
        ):
            parameter.data -= 0.05 * gradient
    assert (D(torch.cat([real, fake])) - 0.5).abs().max() < 0.1


def test_the_package_s_own_average_is_a_right_answer():
    def update(average, G, decay):
        own = EMA(average, decay)
        own.update(G, step=10**9)  # after the ramp
        average.load_state_dict(own.module.state_dict())

    result = grade(exercises.get("average-without-buffers"), update)
    assert result, result
