"""Checks: one turn of each player."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import softplus

from ganbook.exercises.chapters.players import (
    Game,
    discriminator_gradients,
    draw,
    generator_gradients,
    gradients,
    judge_gradient,
    tiny_pair,
    weights,
)
from ganbook.exercises.chapters.registry import check
from ganbook.exercises.grading.trial import Trial

_ADDED = (
    "the gradient that lay in {player} from before was added to the new one: "
    "PyTorch adds gradients up until somebody clears them"
)
SAID_OF_D = {
    "added": _ADDED.format(player="D"),
    "exchanged": (
        "the labels are exchanged: D went towards small logits on real samples and large ones on fake samples"
    ),
    "ascent": "D went up its loss instead of down: V is to be maximised, so what D minimises is -V",
    "only real": (
        "D went down the first term only, -log D(x). "
        "What it says about G(z) had no influence, and the best such D calls everything real"
    ),
    "only fake": "D went down the second term only, -log(1 - D(G(z))). The real samples had no influence",
    "all real": "D was taught that both batches are real",
    "all fake": "D was taught that both batches are fake",
    "half": "D went down half of L_D. Is one mean taken over both batches, where L_D is a sum of two means?",
    "sum": (
        "the terms were summed over the batch, where L_D takes the mean: "
        "the step then grows with the batch size"
    ),
    "sigmoid twice": (
        "a sigmoid was put before a loss that takes logits, so it was applied twice: "
        "D could not say more than sigmoid(1) = 0.73"
    ),
    "no logarithm": "the logarithms are missing: this is the loss D(G(z)) - D(x) of probabilities",
    "critic": "this is a critic's loss, the difference of the mean logits, without the logarithms of V",
}


SAID_OF_G = {
    "added": _ADDED.format(player="G"),
    "ascent": "G went up its loss: it now makes samples that D recognises more easily",
    "minimax": (
        "G went down the minimax loss log(1 - D(G(z))), whose slope is nearly 0 as long as D is sure. "
        "The non-saturating loss is wanted"
    ),
    "exchanged": "the label is that of a fake: G was taught to be recognised",
    "half": "G went down half of its loss",
    "sum": "the loss was summed over the batch, where L_G takes the mean",
    "sigmoid twice": "a sigmoid was put before a loss that takes logits, so it was applied twice",
    "no logarithm": "the logarithm is missing: this is the loss -D(G(z)) of probabilities",
    "critic": "this is a critic's loss, minus the mean logit, without the logarithm",
}


def _refuse_graph(trial: Trial, value: object, case: str) -> None:
    if isinstance(value, Tensor) and value.requires_grad:
        trial.fail(
            "what you return still carries its graph: "
            "a list of such losses keeps the graphs of all steps in memory",
            case,
        )


@check("discriminator-turn")
def discriminator_turn(trial: Trial) -> None:
    """Play one turn from a clean start, and one with gradients left over from before."""
    for leftover in (False, True):
        G, D = tiny_pair(seed=1)
        game = Game(G, D)
        opt_D = game.optimizer(D.parameters())
        real, z = draw(seed=2)
        if leftover:
            for p in D.parameters():
                p.grad = torch.full_like(p, 0.5)
        known = discriminator_gradients(G, D, real, z)
        known["added"] = known["right"] + 0.5
        before_G, before_D = weights(G), weights(D)
        right = (softplus(-D(real)).mean() + softplus(D(G(z))).mean()).item()
        case = "two tiny networks, 6 real samples, 6 latents" + (
            "; a gradient of 0.5 lay in D" if leftover else ""
        )
        value = trial.call(G, D, opt_D, real, z, mutable=True)
        if not torch.equal(weights(G), before_G):
            trial.fail("the generator moved, in the discriminator's turn", case)
        if not game.moves:
            moved = not torch.equal(weights(D), before_D)
            why = "not by `opt_D.step()`" if moved else "`opt_D.step()` was never called"
            trial.fail(f"D did not move by its optimiser: {why}", case)
        if len(game.moves) > 1:
            trial.fail(f"`opt_D.step()` was called {len(game.moves)} times in one turn", case)
        judge_gradient(
            trial,
            game.moves[0].gradient,
            known,
            SAID_OF_D,
            case,
            "D did not go down the gradient of L_D for this batch",
        )
        if gradients(G).abs().max() > 0:
            trial.fail(
                "a gradient arrived in G: D's turn sent it back through the fake samples. "
                "It is wasted work, and if nobody clears it, G's next step goes the wrong way",
                case,
            )
        _refuse_graph(trial, value, case)
        trial.differs(
            trial.as_number(value, what="the loss that you return", case=case),
            right,
            case=case,
            known={"the loss is half of L_D, although the step was right": right / 2},
            otherwise="the step was right, but what you return is not L_D before the step",
        )
    trial.tried("who moved, down which gradient, and what arrived in G; with and without old gradients in D")


@check("generator-turn")
def generator_turn(trial: Trial) -> None:
    """Play a turn against a D that is sure, and one with old gradients in G."""
    for leftover in (False, True):
        G, D = tiny_pair(seed=3, bias=-2.0)
        game = Game(G, D)
        opt_G = game.optimizer(G.parameters())
        _, z = draw(seed=4)
        if leftover:
            for p in G.parameters():
                p.grad = torch.full_like(p, 0.5)
        known = generator_gradients(G, D, z)
        known["added"] = known["right"] + 0.5
        before_G, before_D = weights(G), weights(D)
        right = softplus(-D(G(z))).mean().item()
        case = "two tiny networks, 6 latents, D(G(z)) near 0.1" + (
            "; a gradient of 0.5 lay in G" if leftover else ""
        )
        value = trial.call(G, D, opt_G, z, mutable=True)
        if not torch.equal(weights(D), before_D):
            trial.fail("the discriminator moved, in the generator's turn", case)
        if not game.moves:
            moved = not torch.equal(weights(G), before_G)
            why = "not by `opt_G.step()`" if moved else "`opt_G.step()` was never called"
            trial.fail(f"G did not move by its optimiser: {why}", case)
        if len(game.moves) > 1:
            trial.fail(f"`opt_G.step()` was called {len(game.moves)} times in one turn", case)
        gradient = game.moves[0].gradient
        if gradient.abs().max() == 0 or (leftover and bool((gradient == 0.5).all())):
            trial.fail(
                "no gradient came back to G, so it stood still: somewhere the way from z to the logit is cut",
                case,
            )
        judge_gradient(
            trial, gradient, known, SAID_OF_G, case, "G did not go down the gradient of L_G for these latents"
        )
        if not all(p.requires_grad for p in D.parameters()):
            trial.fail("D is still frozen after the turn: it will not learn any more in its own", case)
        if gradients(D).abs().max() > 0:
            trial.fail(
                "a gradient is left behind in D, one that teaches it to call generated samples real. "
                "If D's turn does not clear it, it counts there",
                case,
            )
        _refuse_graph(trial, value, case)
        trial.differs(
            trial.as_number(value, what="the loss that you return", case=case),
            right,
            case=case,
            otherwise="the step was right, but what you return is not L_G before the step",
        )
    trial.tried("who moved, down which gradient, what is left in D; with and without old gradients in G")
