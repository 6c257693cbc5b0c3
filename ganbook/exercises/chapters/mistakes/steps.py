"""Checks: training steps with one fault each.

No check reads the code. Each lets the step move two tiny players whose optimisers write down what they did.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce
from torch.nn.functional import one_hot, softplus

from ganbook.exercises.chapters.cases import own_random_numbers, settle
from ganbook.exercises.chapters.players import (
    Game,
    discriminator_gradients,
    draw,
    generator_gradients,
    gradient_of,
    gradients,
    judge_gradient,
    tiny_pair,
    weights,
)
from ganbook.exercises.chapters.registry import check
from ganbook.exercises.grading.trial import Trial

# ---- which line


@check("which-line")
def which_line(trial: Trial) -> None:
    """Mend each line in turn, and let D learn against a G that rests."""
    letter = trial.choice("ABCD")
    found = {mended: _play_leaky(mended) for mended in "ABCD"}
    right = [
        mended for mended, (on_fake, on_real, pull) in found.items() if on_fake < 0.2 < on_real and pull > 0
    ]
    told = (
        f"{mended}: D(G(z)) {on_fake:.2f}, D(x) {on_real:.2f}, gradient in G {'0' if pull == 0 else 'not 0'}"
        for mended, (on_fake, on_real, pull) in found.items()
    )
    settle(
        trial,
        letter,
        right[0],
        {
            "A": (
                "The labels are right: 1 for real samples and 0 for generated ones. "
                "Exchanged, D learns to call the real ones generated."
            ),
            "C": (
                "Where G's gradients are cleared makes no difference here: "
                "the fake of D's turn is detached, so that turn leaves nothing in G."
            ),
            "D": (
                "With a detached fake no gradient of L_G gets back to G, which then never learns. "
                "It is D's turn that must not reach G."
            ),
        },
        "200 steps against a G that rests, with one line changed. " + "; ".join(told),
    )


def _play_leaky(mended: str) -> tuple[float, float, float]:
    """Return D(G(z)), D(x) and the size of G's gradient after 200 steps with one line changed."""
    G, D = tiny_pair(seed=60)
    real, z = draw(seed=60, num=32)
    ones, zeros = torch.ones(32), torch.zeros(32)
    for _ in range(200):
        fake = G(z)
        if mended in "BC":
            (D if mended == "B" else G).zero_grad()
        on_real, on_fake = (zeros, ones) if mended == "A" else (ones, zeros)
        (bce(D(real), on_real) + bce(D(fake.detach()), on_fake)).backward()
        for p in D.parameters():  # D's optimiser steps; G's rests
            if p.grad is not None:
                p.data -= 0.2 * p.grad
        if mended != "B":
            D.zero_grad()
        if mended != "C":
            G.zero_grad()
        bce(D(fake.detach() if mended == "D" else fake), ones).backward()
    return D(G(z)).sigmoid().mean().item(), D(real).sigmoid().mean().item(), float(gradients(G).abs().max())


# ---- the loop of both players

SAID_OF_D = {
    "only fake": (
        "D learns from the generated samples only: "
        "the term of the real ones was computed, and then something else got its name"
    ),
    "only real": "D learns from the real samples only, and 1 for everything is its best answer",
    "exchanged": "In D's turn the labels are exchanged: D learns to call real samples generated.",
    "all real": "In D's turn both batches are called real.",
    "half": "D went down half of L_D, which is the sum of two means.",
    "with G's": "L_G has become a part of D's loss: D learns to call generated samples real.",
    "added": "D's gradient of the step before was not cleared.",
    "with G's turn": "D also used the gradient that G's turn had left in it: D's are not cleared in time.",
}
SAID_OF_G = {
    "leaked": (
        "L_D's gradient is a part of G's step, "
        "so one half of what moves G asks it to be recognised as generated"
    ),
    "stale": "G went down the gradient that it had before D moved. Its turn comes after D's.",
    "exchanged": "In G's turn the label is that of a generated sample.",
    "minimax": "G goes down log(1 - D(G(z))), where -log D(G(z)) is wanted.",
    "added": "G's gradient of the step before was not cleared.",
}
WASTE = (
    "The gradient of L_D still runs into G during D's turn. "
    "It is cleared before it does harm, but it costs a backward pass through G, "
    "and the next change of the loop makes a fault of it."
)


@check("overwritten-term")
@check("fake-not-detached")
def two_turns(trial: Trial) -> None:
    """Let `train_step` play three rounds; judge the order and both gradients."""
    G, D = tiny_pair(seed=50, bias=-1.0)
    game = Game(G, D)
    opt_G, opt_D = game.optimizer(G.parameters()), game.optimizer(D.parameters())
    old_G, old_D, left_in_D = gradients(G), gradients(D), gradients(D)
    for number in (1, 2, 3):
        real, z = draw(seed=50 + number)
        case = f"step {number} of two tiny networks with 6 real samples and 6 latents"
        left_in_G = gradients(G)
        game.moves.clear()
        trial.call(G, D, opt_G, opt_D, real, z, mutable=True)
        refuse_order(trial, game, case)
        move_D, move_G = game.moves
        known = discriminator_gradients(*game.at(move_D), real, z)
        known |= {"added": known["right"] + old_D, "with G's turn": known["right"] + left_in_D}
        judge_gradient(
            trial, move_D.gradient, known, SAID_OF_D, case, "D did not go down the gradient of L_D."
        )
        _judge_G(trial, game, z, old_G, case)
        reached = move_D.gradient_in_G
        if reached.abs().max() > 0 and not torch.equal(reached, left_in_G):
            trial.fail(WASTE, case)
        if not all(p.requires_grad for p in (*G.parameters(), *D.parameters())):
            trial.fail("A player is still frozen after the step, and will not learn in the next one.", case)
        old_G, old_D, left_in_D = move_G.gradient, move_D.gradient, gradients(D)
    trial.tried("three steps: who moved, in which order, and down which gradient")


def _judge_G(trial: Trial, game: Game, z: Tensor, old_G: Tensor, case: str) -> None:
    """Fail unless G went down the gradient of L_G, against the D that had just moved."""
    move_D, move_G = game.moves
    if move_G.gradient.abs().max() == 0:
        trial.fail("No gradient comes back to G: in its turn the fake samples are cut off from it.", case)
    known = generator_gradients(*game.at(move_G), z)
    G_then, D_then = game.at(move_D)
    leak = gradient_of(softplus(D_then(G_then(z))).mean(), G_then)
    known |= {
        "leaked": known["right"] + leak,
        "stale": generator_gradients(G_then, D_then, z)["right"],
        "added": known["right"] + old_G,
    }
    judge_gradient(trial, move_G.gradient, known, SAID_OF_G, case, "G did not go down the gradient of L_G.")


def refuse_order(trial: Trial, game: Game, case: str) -> None:
    """Fail unless D moved once, and then G."""
    who = [move.who for move in game.moves]
    case = f"{case}; optimisers that stepped: {game.order()}"
    if "G" not in who:
        trial.fail("G never moves.", case)
    if "D" not in who:
        trial.fail("D never moves.", case)
    if who != ["D", "G"]:
        trial.fail("Each player should move once in a step, D first.", case)


# ---- pairs of a sample and its class

CLASSES = 3


class _Pictures(nn.Module):
    """G: latents (N, 2) and classes (N,) to samples (N, 2)."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2 + CLASSES, 5), nn.Tanh(), nn.Linear(5, 2))

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        return self.net(torch.cat([z, one_hot(y, CLASSES)], 1))


class _Critic(nn.Module):
    """D: samples (N, 2) and, if there are any, classes (N,) to logits (N,)."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2 + CLASSES, 6), nn.LeakyReLU(0.2), nn.Linear(6, 1), nn.Flatten(0))

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        given = torch.zeros(len(x), CLASSES) if y is None else one_hot(y, CLASSES).float()
        return self.net(torch.cat([x, given], 1))


SAID_OF_PAIRS_D = {
    "fake without": (
        "In D's turn the generated samples come without their class. "
        "D learns whether a class is there, which tells the two apart and says nothing about the samples."
    ),
    "real without": "In D's turn the real samples come without their class, and the generated ones with it.",
    "both without": "In D's turn no sample comes with its class: D judges samples, not pairs.",
    "mixed up": "In D's turn the generated samples are shown with other classes than they were made for.",
    "exchanged": "In D's turn the labels 'real' and 'generated' are exchanged.",
}
SAID_OF_PAIRS_G = {
    "fake without": (
        "In G's turn D is not told the class. G is then judged by what D says of samples without a class, "
        "which D was not trained for."
    ),
    "mixed up": "In G's turn D is told other classes than those that G was given.",
    "stale": "G went down the gradient that it had before D moved. Its turn comes after D's.",
}


@check("label-for-real-only")
def label_for_real_only(trial: Trial) -> None:
    """Let `train_step` play two rounds with pairs; judge both gradients."""
    with own_random_numbers(70):
        G, D = _Pictures(), _Critic()
    game = Game(G, D)
    opt_G, opt_D = game.optimizer(G.parameters()), game.optimizer(D.parameters())
    for number in (1, 2):
        real, z = draw(seed=70 + number)
        y = torch.tensor([0, 2, 1, 1, 0, 2]).roll(number)
        case = f"step {number} of two tiny networks with 6 pairs of 3 classes"
        left_in_G = gradients(G)
        game.moves.clear()
        trial.call(G, D, opt_G, opt_D, real, y, z, mutable=True)
        refuse_order(trial, game, case)
        move_D, move_G = game.moves
        known = _pair_gradients(*game.at(move_D), real, y, z)
        judge_gradient(
            trial, move_D.gradient, known, SAID_OF_PAIRS_D, case, "D did not go down the gradient of L_D."
        )
        if move_G.gradient.abs().max() == 0:
            trial.fail("No gradient comes back to G.", case)
        known = _picture_gradients(*game.at(move_G), y, z)
        known["stale"] = _picture_gradients(*game.at(move_D), y, z)["right"]
        judge_gradient(
            trial, move_G.gradient, known, SAID_OF_PAIRS_G, case, "G did not go down the gradient of L_G."
        )
        reached = move_D.gradient_in_G
        if reached.abs().max() > 0 and not torch.equal(reached, left_in_G):
            trial.fail(WASTE, case)
        if torch.equal(weights(G), move_G.weights_of_G):
            trial.fail("G ended where it began.", case)
    trial.tried("two steps with pairs: who moved, and down which gradient")


def _pair_gradients(G: nn.Module, D: nn.Module, real: Tensor, y: Tensor, z: Tensor) -> dict[str, Tensor]:
    """Return D's gradient for the right loss, and for pairs that are not complete."""
    with torch.no_grad():
        fake = G(z, y)
    real_with, real_without = D(real, y), D(real)
    fake_with, fake_without, mixed = D(fake, y), D(fake), D(fake, y.roll(1))
    losses = {
        "right": softplus(-real_with).mean() + softplus(fake_with).mean(),
        "fake without": softplus(-real_with).mean() + softplus(fake_without).mean(),
        "real without": softplus(-real_without).mean() + softplus(fake_with).mean(),
        "both without": softplus(-real_without).mean() + softplus(fake_without).mean(),
        "mixed up": softplus(-real_with).mean() + softplus(mixed).mean(),
        "exchanged": softplus(real_with).mean() + softplus(-fake_with).mean(),
    }
    return {name: gradient_of(loss, D) for name, loss in losses.items()}


def _picture_gradients(G: nn.Module, D: nn.Module, y: Tensor, z: Tensor) -> dict[str, Tensor]:
    """Return G's gradient for the right loss, and for pairs that are not complete."""
    fake = G(z, y)
    logits = {"right": D(fake, y), "fake without": D(fake), "mixed up": D(fake, y.roll(1))}
    return {name: gradient_of(softplus(-of).mean(), G) for name, of in logits.items()}
