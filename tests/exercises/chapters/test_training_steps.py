"""What the exercises on training steps claim, beyond what every exercise promises."""

import torch
from torch.nn.functional import softplus

from ganbook import exercises
from ganbook.exercises.chapters import players
from ganbook.exercises.chapters.training_steps import predictions
from ganbook.exercises.grading.trial import grade


def answer_of(name, source):
    namespace = {}
    exec(source, namespace)
    return namespace[exercises.get(name).answer]


def test_the_package_s_own_steps_and_penalties_are_right_answers():
    from ganbook import losses, penalties, training

    def discriminator_turn(G, D, opt_D, real, z):
        return training.discriminator_step(G, D, opt_D, losses.minimax_discriminator_loss, real, z).loss

    def generator_turn(G, D, opt_G, z):
        return training.generator_step(G, D, opt_G, losses.non_saturating_generator_loss, None, z).loss

    def r1(D, x):
        return penalties.r1(D, x, x, gamma=2.0)

    def gradient_penalty(D, real, fake, eps):
        return penalties.wgan_gp(D, real, fake, weight=1.0, eps=eps)

    def train_step(G, D, opt_G, opt_D, real, z):
        discriminator_turn(G, D, opt_D, real, z)
        generator_turn(G, D, opt_G, z)

    for name, answer in (
        ("discriminator-turn", discriminator_turn),
        ("generator-turn", generator_turn),
        ("r1-penalty", r1),
        ("gradient-penalty", gradient_penalty),
        ("repair-generator-phase", train_step),
        ("repair-labels", train_step),
        ("repair-logits", train_step),
    ):
        result = grade(exercises.get(name), answer)
        assert result, result


def test_the_best_discriminator_that_stands_still_collapses_the_generator_at_eight_thirds():
    mean, spread = predictions._train_on_a_line(alternate=False)
    assert abs(mean - 8 / 3) < 0.05
    assert spread < 0.05
    mean, spread = predictions._train_on_a_line(alternate=True)
    assert abs(mean - 2) < 0.02
    assert abs(spread - 0.5) < 0.02


def test_a_gradient_of_the_other_player_is_found_though_it_does_no_harm():
    """Without detaching, G's own zero_grad hides it; the check looks at the moment of D's step."""
    source = exercises.get("repair-logits").solutions[0]
    for name in ("repair-generator-phase", "repair-labels", "repair-logits"):
        leaky = source.replace("fake.detach()", "fake").replace(
            "loss_D.backward()", "loss_D.backward(retain_graph=True)"
        )
        leaky = leaky.replace("loss_G = bce(D(fake), ones)", "loss_G = bce(D(G(z)), ones)")
        result = grade(exercises.get(name), answer_of(name, leaky))
        assert "not detached" in result.message, result


def test_the_optimiser_that_remembers_is_plain_gradient_descent():
    G, D = players.tiny_pair()
    game = players.Game(G, D)
    optimizer = game.optimizer(D.parameters())
    real, _ = players.draw(0)
    before = players.weights(D)
    softplus(-D(real)).mean().backward()
    gradient = players.gradients(D)
    optimizer.step()
    assert game.order() == "D"
    assert torch.equal(game.moves[0].gradient, gradient)
    assert torch.allclose(players.weights(D), before - game.lr * gradient, atol=1e-6)
    old_G, old_D = game.at(game.moves[0])
    assert torch.equal(players.weights(old_D), before)
    assert torch.equal(players.weights(old_G), players.weights(G))
