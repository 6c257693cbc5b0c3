"""Checks: training loops to be repaired.

No check reads the code. Each lets the loop move two tiny players whose optimisers write down every step, and
names the first thing that is not as it should be.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ganbook.exercises.chapters.players import (
    Game,
    Move,
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

SAID_OF_D = {
    "exchanged": (
        "in D's turn the labels of real and fake are exchanged: D goes towards small logits on real samples"
    ),
    "with G's": "D has gone down L_D + L_G: the generator's loss asks it to call generated samples real",
    "ascent": "D went up its loss instead of down",
    "all real": "in D's turn both batches are called real",
    "all fake": "in D's turn both batches are called fake",
    "only real": "D learns from the real samples only",
    "only fake": "D learns from the generated samples only",
    "sigmoid twice": (
        "in D's turn a sigmoid is put before a loss that takes logits, so it is applied twice, "
        "and the gradient is a weaker and another one"
    ),
    "half": "D went down half of L_D, where both terms are means of their own",
    "added": "in D's turn an old gradient was added to the new one: it was not cleared",
    "added by G": (
        "in D's second turn the gradient was still in it that G's turn had left: it was not cleared"
    ),
}


SAID_OF_G = {
    "exchanged": "in G's turn the label is that of a fake: G is taught to be recognised",
    "ascent": "G went up its loss instead of down",
    "minimax": "G goes down the minimax loss log(1 - D(G(z))); the non-saturating one is wanted",
    "sigmoid twice": (
        "in G's turn a sigmoid is put before a loss that takes logits, so it is applied twice, "
        "and the gradient is a weaker and another one"
    ),
    "half": "G went down half of its loss",
    "added": "in G's turn an old gradient was added to the new one: it was not cleared",
    "stale": (
        "G went down the gradient that it had before D moved: "
        "its turn comes after D's, against the D that has just learned"
    ),
}
SAID_OF_G["added later"] = SAID_OF_G["added"]
SAID_OF_G["leaked"] = SAID_OF_G["leaked stale"] = (
    "L_D's gradient is part of G's step: G goes down its own loss and up again by D's. "
    "The fake samples of D's turn are not detached"
)


@check("repair-generator-phase")
@check("repair-labels")
@check("repair-logits")
def two_turns(trial: Trial) -> None:
    """Let `train_step` play two rounds; judge the order, both gradients, and what is left over."""
    G, D = tiny_pair(seed=30, bias=-1.0)
    game = Game(G, D)
    opt_G, opt_D = game.optimizer(G.parameters()), game.optimizer(D.parameters())
    old_G = gradients(G)
    for number in (1, 2):
        real, z = draw(seed=30 + number)
        case = f"step {number} of two tiny networks with 6 real samples and 6 latents"
        before_G, before_D = weights(G), weights(D)
        old_D, left_in_G = gradients(D), gradients(G)
        game.moves.clear()
        trial.call(G, D, opt_G, opt_D, real, z, mutable=True)
        _check_order(trial, game, case)
        move_D, move_G = game.moves
        known = discriminator_gradients(*game.at(move_D), real, z)
        known["added"] = known["right"] + old_D
        judge_gradient(
            trial, move_D.gradient, known, SAID_OF_D, case, "D did not go down the gradient of L_D"
        )
        if move_G.gradient.abs().max() == 0:
            trial.fail(
                "no gradient comes back to G: "
                "its optimiser steps, but the fake samples that it is judged by are cut off from it",
                case,
            )
        G_then, D_then = game.at(move_G)
        known = generator_gradients(G_then, D_then, z)
        known["stale"] = generator_gradients(*game.at(move_D), z)["right"]
        known["added"] = known["right"] + move_D.gradient_in_G
        if number == 2:
            known["added later"] = known["right"] + old_G
        judge_gradient(
            trial, move_G.gradient, known, SAID_OF_G, case, "G did not go down the gradient of L_G"
        )
        old_G = gradients(G)
        _refuse_gradient_in_G(trial, move_D, left_in_G, case)
        if torch.equal(weights(G), before_G) or torch.equal(weights(D), before_D):
            trial.fail("a player ended where it began", case)
        if not all(p.requires_grad for p in (*G.parameters(), *D.parameters())):
            trial.fail("a player is still frozen after the step, and will not learn in the next one", case)
    trial.tried("two steps: who moved, in which order, and down which gradient")


def _check_order(trial: Trial, game: Game, case: str) -> None:
    who = [move.who for move in game.moves]
    case = f"{case}; optimisers that stepped: {game.order()}"
    if "G" not in who:
        what = "D moved in its place" if who.count("D") > 1 else "`opt_G.step()` is never called"
        trial.fail(f"G never moves: {what}", case)
    if "D" not in who:
        trial.fail("D never moves: `opt_D.step()` is not called", case)
    if who == ["G", "D"]:
        trial.fail("G moves before D; the turn of D comes first", case)
    if who != ["D", "G"]:
        trial.fail("each player should move once in a step, D first", case)


def _refuse_gradient_in_G(trial: Trial, move_D: Move, left_before: Tensor, case: str) -> None:
    """Fail if D's turn has stored a gradient in G that was not there before."""
    if move_D.gradient_in_G.abs().max() > 0 and not torch.equal(move_D.gradient_in_G, left_before):
        trial.fail(
            "a gradient of L_D arrives in G during D's turn: the fake samples are not detached. "
            "Here it is cleared in time, but it is wasted work, "
            "and the next change of the loop makes a fault of it",
            case,
        )


@check("repair-one-optimiser")
def repair_one_optimiser(trial: Trial) -> None:
    """Make two steps with plain gradient descent."""
    G, D = tiny_pair(seed=40, bias=-1.0)
    game = Game(G, D)
    first, second = draw(seed=41), draw(seed=42)
    reals, latents = [first[0], second[0]], [first[1], second[1]]
    game.optimizer(G.parameters())  # the first optimiser of a process takes seconds of imports
    trial.call(G, D, game.optimizer, reals, latents, mutable=True)
    case = f"two steps of two tiny networks; optimisers that stepped: {game.order()}"
    who = [move.who for move in game.moves]
    if "both" in who:
        trial.fail(
            "an optimiser holds the weights of both players and moves them down the same loss. "
            "Where one's gain is the other's loss, each needs an optimiser of its own",
            case,
        )
    if who != ["D", "G"] * 2:
        order = {("G", "D") * 2: "G moves before D", (): "nobody moves: no optimiser stepped"}
        trial.fail(
            order.get(tuple(who), "each player should move once in each of the two steps, D first"), case
        )
    old_G, old_D = torch.zeros_like(weights(G)), torch.zeros_like(weights(D))
    for step, (real, z) in enumerate(zip(reals, latents, strict=True)):
        move_D, move_G = game.moves[2 * step : 2 * step + 2]
        case = f"step {step + 1} of two tiny networks"
        known = discriminator_gradients(*game.at(move_D), real, z)
        if step:
            known["added"] = known["right"] + old_D
            D_before = game.at(game.moves[1])
            known["added by G"] = known["right"] + _gradient_in_D(*D_before, latents[0])
        judge_gradient(
            trial, move_D.gradient, known, SAID_OF_D, case, "D did not go down the gradient of L_D alone"
        )
        known = generator_gradients(*game.at(move_G), z)
        known["stale"] = generator_gradients(*game.at(move_D), z)["right"]
        G_then, D_then = game.at(move_D)
        leaked = gradient_of(softplus(D_then(G_then(z))).mean(), G_then)
        known |= {"leaked": known["right"] + leaked, "leaked stale": known["stale"] + leaked}
        if step:
            known["added"] = known["right"] + old_G
        judge_gradient(
            trial, move_G.gradient, known, SAID_OF_G, case, "G did not go down the gradient of L_G alone"
        )
        _refuse_gradient_in_G(trial, move_D, old_G, case)
        old_G, old_D = move_G.gradient, move_D.gradient
    trial.tried("two steps: which optimiser holds whom, who moved first, and down which gradient")


def _gradient_in_D(G: nn.Module, D: nn.Module, z: Tensor) -> Tensor:
    """Return the gradient that G's turn leaves in D."""
    return gradient_of(softplus(-D(G(z))).mean(), D)
