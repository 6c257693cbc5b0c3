"""Broken training loops, to be repaired: exercises of the chapter on training steps.

No check reads the code. Each lets the loop move two tiny players whose optimisers write down every step, and
names the first thing that is not as it should be.
"""

from __future__ import annotations

from inspect import cleandoc
from types import SimpleNamespace

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ganbook.exercises.exercise import Exercise, Wrong
from ganbook.exercises.grading.trial import Trial
from ganbook.exercises.players import (
    Game,
    Move,
    discriminator_gradients,
    draw,
    generator_gradients,
    gradients,
    judge_gradient,
    own_random_numbers,
    tiny_pair,
    weights,
)

SAID_OF_D = {
    "exchanged": "in D's turn the labels of real and fake are exchanged: D goes towards small logits on "
    "real samples",
    "with G's": "D has gone down L_D + L_G: the generator's loss asks it to call generated samples real",
    "ascent": "D went up its loss instead of down",
    "all real": "in D's turn both batches are called real",
    "all fake": "in D's turn both batches are called fake",
    "only real": "D learns from the real samples only",
    "only fake": "D learns from the generated samples only",
    "sigmoid twice": "in D's turn a sigmoid is put before a loss that takes logits, so it is applied twice, "
    "and the gradient is a weaker and another one",
    "half": "D went down half of L_D, where both terms are means of their own",
    "added": "in D's turn an old gradient was added to the new one: it was not cleared",
}
SAID_OF_G = {
    "exchanged": "in G's turn the label is that of a fake: G is taught to be recognised",
    "ascent": "G went up its loss instead of down",
    "minimax": "G goes down the minimax loss log(1 - D(G(z))); the non-saturating one is wanted",
    "sigmoid twice": "in G's turn a sigmoid is put before a loss that takes logits, so it is applied twice, "
    "and the gradient is a weaker and another one",
    "half": "G went down half of its loss",
    "added": "in G's turn an old gradient was added to the new one: it was not cleared",
    "stale": "G went down the gradient that it had before D moved: its turn comes after D's, against the D "
    "that has just learned",
}


def refuse_gradient_in_G(trial: Trial, move_D: Move, left_before: Tensor, case: str) -> None:
    """Fail if D's turn has stored a gradient in G that was not there before."""
    if move_D.gradient_in_G.abs().max() > 0 and not torch.equal(move_D.gradient_in_G, left_before):
        trial.fail(
            "a gradient of L_D arrives in G during D's turn: the fake samples are not detached. Here it is "
            "cleared in time, but it is wasted work, and the next change of the loop makes a fault of it",
            case,
        )


def check_turns(trial: Trial) -> None:
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
        order, who = game.order(), [move.who for move in game.moves]
        case_order = f"{case}; optimisers that stepped: {order}"
        if "G" not in who:
            what = "D moved in its place" if who.count("D") > 1 else "`opt_G.step()` is never called"
            trial.fail(f"G never moves: {what}", case_order)
        if "D" not in who:
            trial.fail("D never moves: `opt_D.step()` is not called", case_order)
        if who == ["G", "D"]:
            trial.fail("G moves before D; the turn of D comes first", case_order)
        if who != ["D", "G"]:
            trial.fail("each player should move once in a step, D first", case_order)
        move_D, move_G = game.moves
        found = discriminator_gradients(*game.at(move_D), real, z)
        found["added"] = found["right"] + old_D
        judge_gradient(
            trial, move_D.gradient, found, SAID_OF_D, case, "D did not go down the gradient of L_D"
        )
        if move_G.gradient.abs().max() == 0:
            trial.fail(
                "no gradient comes back to G: its optimiser steps, but the fake samples that it is judged "
                "by are cut off from it",
                case,
            )
        G_then, D_then = game.at(move_G)
        found = generator_gradients(G_then, D_then, z)
        found["stale"] = generator_gradients(*game.at(move_D), z)["right"]
        found["added"] = found["right"] + move_D.gradient_in_G
        if number == 2:
            found["added later"] = found["right"] + old_G
        said = SAID_OF_G | {"added later": SAID_OF_G["added"]}
        judge_gradient(trial, move_G.gradient, found, said, case, "G did not go down the gradient of L_G")
        old_G = gradients(G)
        refuse_gradient_in_G(trial, move_D, left_in_G, case)
        if torch.equal(weights(G), before_G) or torch.equal(weights(D), before_D):
            trial.fail("a player ended where it began", case)
        if not all(p.requires_grad for p in (*G.parameters(), *D.parameters())):
            trial.fail("a player is still frozen after the step, and will not learn in the next one", case)
    trial.tried("two steps: who moved, in which order, and down which gradient")


STEP = cleandoc(r"""
    `train_step(G, D, opt_G, opt_D, real, z)` makes one step: $D$'s turn, then $G$'s turn, with the same
    latents `z` in both. `D` gives logits of shape `(N,)`; $D(x)$ is their sigmoid. `opt_G` holds $G$'s
    parameters, `opt_D` holds $D$'s. It should do this:

    1. $D$ goes down $L_D = -\mathbb{E}_x[\log D(x)] - \mathbb{E}_z[\log(1 - D(G(z)))]$ (each $\mathbb{E}$
       is the mean over a batch), by one step of `opt_D`. No gradient reaches $G$ in this turn.
    2. $G$ goes down $L_G = -\mathbb{E}_z[\log D(G(z))]$, against the $D$ that has just moved, by one step
       of `opt_G`.

    Gradients of an earlier turn or step must not count. Nothing is returned.
""")

RIGHT_STEP = cleandoc("""
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits as bce


    def train_step(G, D, opt_G, opt_D, real, z):
        n = len(real)
        ones, zeros = torch.ones(n), torch.zeros(n)

        fake = G(z)
        loss_D = bce(D(real), ones) + bce(D(fake.detach()), zeros)
        opt_D.zero_grad()
        loss_D.backward()
        opt_D.step()

        loss_G = bce(D(fake), ones)
        opt_G.zero_grad()
        loss_G.backward()
        opt_G.step()
""")

RIGHT_STEP_SOFTPLUS = cleandoc("""
    import torch
    from torch.nn.functional import softplus


    def train_step(G, D, opt_G, opt_D, real, z):
        with torch.no_grad():
            fake = G(z)
        opt_D.zero_grad()
        (softplus(-D(real)).mean() + softplus(D(fake)).mean()).backward()
        opt_D.step()

        D.requires_grad_(False)
        opt_G.zero_grad()
        softplus(-D(G(z))).mean().backward()
        opt_G.step()
        D.requires_grad_(True)
""")


def _changed(source: str, *pairs: tuple[str, str]) -> str:
    """Return the source with each first text replaced by the second; every one must be there."""
    for old, new in pairs:
        if old not in source:
            raise ValueError(f"{old!r} does not occur")
        source = source.replace(old, new)
    return source


# ---- the generator's phase that trains D

PHASE_BROKEN = cleandoc("""
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits as bce


    def train_step(G, D, opt_G, opt_D, real, z):
        ones, zeros = torch.ones(len(real)), torch.zeros(len(z))

        # the discriminator's turn
        fake = G(z).detach()
        loss_D = bce(D(real), ones) + bce(D(fake), zeros)
        opt_D.zero_grad()
        loss_D.backward()
        opt_D.step()

        # the generator's turn: fakes should be called real
        loss_G = bce(D(fake), ones)
        opt_D.zero_grad()
        loss_G.backward()
        opt_D.step()
""")

PHASE = Exercise(
    name="repair-generator-phase",
    title="A generator that never moves",
    chapter="training_steps",
    kind="repair",
    difficulty=1,
    statement=STEP
    + "\n\n"
    + cleandoc(r"""
        The loop below runs without an error, both losses look plausible, and the samples are the same after
        a thousand steps as before the first. Repair it. There are two faults.
    """),
    starter=PHASE_BROKEN,
    answer="train_step",
    check=check_turns,
    hints=(
        "Which weights change in the second half? Follow the optimiser.",
        "When that is mended: which way does the gradient of `loss_G` take from the logit back to $G$'s "
        "weights?",
        "The second half needs `opt_G`, and a fake that is not detached: `bce(D(G(z)), ones)`.",
    ),
    solutions=(RIGHT_STEP, RIGHT_STEP_SOFTPLUS),
    explanation=cleandoc(r"""
        "Train $D$ on fakes with the label real" is only half of a generator's turn: whose weights the
        optimiser holds decides who learns. With `opt_D` the second half undoes what the first has taught.
        With `opt_G` and the old detached `fake`, the gradient ends at the fake samples and $G$ still
        stands. Both leave losses that look alive. A line that would have found it: compare a weight of $G$
        before and after a step.
    """),
    wrong=(
        Wrong(PHASE_BROKEN, "D moved in its place"),
        Wrong(
            _changed(
                PHASE_BROKEN,
                (
                    "opt_D.zero_grad()\n    loss_G.backward()\n    opt_D.step()",
                    "opt_G.zero_grad()\n    loss_G.backward()\n    opt_G.step()",
                ),
            ),
            "no gradient comes back to G",
        ),
        Wrong(
            _changed(
                PHASE_BROKEN,
                (
                    "bce(D(fake), ones)\n    opt_D.zero_grad()\n    loss_G.backward()\n    opt_D.step()",
                    "bce(D(G(z)), ones)\n    opt_D.zero_grad()\n    opt_G.zero_grad()\n    "
                    "loss_G.backward()\n"
                    "    opt_G.step()\n    opt_D.step()",
                ),
            ),
            "each player should move once",
        ),
        Wrong(
            _changed(
                PHASE_BROKEN,
                (
                    "bce(D(fake), ones)\n    opt_D.zero_grad()\n    loss_G.backward()\n    opt_D.step()",
                    "bce(D(G(z)), zeros)\n    opt_G.zero_grad()\n    loss_G.backward()\n    opt_G.step()",
                ),
            ),
            "taught to be recognised",
        ),
    ),
)


# ---- labels exchanged, and gradients that pile up

LABELS_BROKEN = cleandoc("""
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits as bce


    def train_step(G, D, opt_G, opt_D, real, z):
        n = len(real)

        fake = G(z)
        logits = torch.cat([D(fake.detach()), D(real)])
        labels = torch.cat([torch.ones(n), torch.zeros(n)])
        loss_D = 2 * bce(logits, labels)  # twice one mean: the sum of two means
        opt_D.zero_grad()
        loss_D.backward()
        opt_D.step()

        loss_G = bce(D(fake), torch.ones(n))
        loss_G.backward()
        opt_G.step()
""")

LABELS_REPAIR = Exercise(
    name="repair-labels",
    title="Two losses that both go to zero",
    chapter="training_steps",
    kind="repair",
    difficulty=2,
    statement=STEP
    + "\n\n"
    + cleandoc(r"""
        In the loop below both losses go to 0, and $G$'s weights grow and grow. Repair it. There are two
        faults.
    """),
    starter=LABELS_BROKEN,
    answer="train_step",
    check=check_turns,
    hints=(
        "Write the logits and the labels below each other. Which label does each of them get?",
        "The other fault shows from the second step on. What is in `p.grad` of $G$'s weights when "
        "`loss_G.backward()` begins?",
        "The fake logits come first in `torch.cat`, so zeros must come first in `labels`. And "
        "`opt_G.zero_grad()` is missing.",
    ),
    solutions=(
        _changed(
            LABELS_BROKEN,
            ("torch.cat([torch.ones(n), torch.zeros(n)])", "torch.cat([torch.zeros(n), torch.ones(n)])"),
            ("    loss_G.backward()", "    opt_G.zero_grad()\n    loss_G.backward()"),
        ),
        RIGHT_STEP,
        RIGHT_STEP_SOFTPLUS,
    ),
    explanation=cleandoc(r"""
        With exchanged labels $D$ learns to give large logits to what $G$ makes, and $G$ learns to get large
        logits: they agree, and both losses fall. Real samples are what both run away from. The missing
        `zero_grad` makes every step of $G$ the sum of all gradients so far, which hides here behind the
        other fault; with SGD it acts like a momentum that never forgets.
    """),
    wrong=(
        Wrong(LABELS_BROKEN, "labels of real and fake are exchanged"),
        Wrong(
            _changed(
                LABELS_BROKEN,
                ("torch.cat([torch.ones(n), torch.zeros(n)])", "torch.cat([torch.zeros(n), torch.ones(n)])"),
            ),
            "in G's turn an old gradient was added",
        ),
        Wrong(
            _changed(
                LABELS_BROKEN,
                ("bce(D(fake), torch.ones(n))", "bce(D(fake), torch.zeros(n))"),
                ("torch.cat([torch.ones(n), torch.zeros(n)])", "torch.cat([torch.zeros(n), torch.ones(n)])"),
                ("    loss_G.backward()", "    opt_G.zero_grad()\n    loss_G.backward()"),
            ),
            "taught to be recognised",
        ),
        Wrong(
            _changed(
                LABELS_BROKEN,
                ("2 * bce(logits, labels)", "bce(logits, labels)"),
                ("torch.cat([torch.ones(n), torch.zeros(n)])", "torch.cat([torch.zeros(n), torch.ones(n)])"),
                ("    loss_G.backward()", "    opt_G.zero_grad()\n    loss_G.backward()"),
            ),
            "half of L_D",
        ),
    ),
)


# ---- sigmoid and logits

LOGITS_BROKEN = cleandoc("""
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits as bce


    def train_step(G, D, opt_G, opt_D, real, z):
        ones, zeros = torch.ones(len(real)), torch.zeros(len(z))

        fake = G(z)
        p_real = torch.sigmoid(D(real))
        p_fake = torch.sigmoid(D(fake.detach()))
        loss_D = bce(p_real, ones) + bce(p_fake, zeros)
        loss_D.backward()
        opt_D.step()
        opt_D.zero_grad()

        loss_G = bce(torch.sigmoid(D(fake)), ones)
        loss_G.backward()
        opt_G.step()
        opt_G.zero_grad()
""")
_WITHOUT_SIGMOID = (
    ("torch.sigmoid(D(real))", "D(real)"),
    ("torch.sigmoid(D(fake.detach()))", "D(fake.detach())"),
    ("torch.sigmoid(D(fake))", "D(fake)"),
)
_CLEARED = (
    ("    loss_D.backward()", "    opt_D.zero_grad()\n    loss_D.backward()"),
    ("    loss_G.backward()", "    opt_G.zero_grad()\n    loss_G.backward()"),
)

LOGITS_REPAIR = Exercise(
    name="repair-logits",
    title="A discriminator that cannot be sure",
    chapter="training_steps",
    kind="repair",
    difficulty=2,
    statement=STEP
    + "\n\n"
    + cleandoc(r"""
        In the loop below the program's loss of $D$ cannot fall under 1.006, however easy the samples are.
        Repair it. There are two faults; the second one only shows because the first part of the step leaves
        something behind for the second step.
    """),
    starter=LOGITS_BROKEN,
    answer="train_step",
    check=check_turns,
    hints=(
        "The name of the loss says what it wants to be given. What is the largest value that it can be "
        "given here, and what does the loss become there?",
        "`loss_G.backward()` passes through $D$. What does it leave in $D$'s weights, and when is it "
        "cleared?",
        "No sigmoid before `binary_cross_entropy_with_logits`; and `opt_D.zero_grad()` right before "
        "`loss_D.backward()`, not after the step.",
    ),
    solutions=(
        RIGHT_STEP,
        RIGHT_STEP_SOFTPLUS,
        cleandoc("""
            import torch
            from torch.nn.functional import binary_cross_entropy as bce_of_probability


            def train_step(G, D, opt_G, opt_D, real, z):
                ones, zeros = torch.ones(len(real)), torch.zeros(len(z))
                fake = G(z)
                opt_D.zero_grad()
                loss_D = bce_of_probability(D(real).sigmoid(), ones)
                loss_D = loss_D + bce_of_probability(D(fake.detach()).sigmoid(), zeros)
                loss_D.backward()
                opt_D.step()
                loss_G = bce_of_probability(D(fake).sigmoid(), ones)
                opt_G.zero_grad()
                loss_G.backward()
                opt_G.step()
        """),
    ),
    explanation=cleandoc(r"""
        A sigmoid applied twice ends between 1/2 and $\sigma(1) = 0.731$, so the loss cannot fall below
        $-\log 0.731 - \log(1 - 0.5) = 1.006$, and its gradient is throttled by the slope of a second
        sigmoid. The other fault is where `zero_grad` stands. After $D$'s step its gradients are cleared,
        then $G$'s backward pass fills them with "call these fakes real", and $D$'s next turn adds its own
        to that. Clearing right before `backward` does not depend on what anybody else has left.
    """),
    wrong=(
        Wrong(LOGITS_BROKEN, "in D's turn a sigmoid"),
        Wrong(_changed(LOGITS_BROKEN, *_WITHOUT_SIGMOID), "in D's turn an old gradient was added"),
        Wrong(_changed(LOGITS_BROKEN, *_WITHOUT_SIGMOID[:2], *_CLEARED), "in G's turn a sigmoid"),
        Wrong(
            _changed(
                LOGITS_BROKEN, *_WITHOUT_SIGMOID, *_CLEARED, ("D(fake), ones)", "D(fake.detach()), ones)")
            ),
            "no gradient comes back to G",
        ),
    ),
)


# ---- one optimiser for both


def check_one_optimiser(trial: Trial) -> None:
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
            "an optimiser holds the weights of both players and moves them down the same loss. Where one's "
            "gain is the other's loss, each needs an optimiser of its own",
            case,
        )
    if who != ["D", "G"] * 2:
        known = {("G", "D") * 2: "G moves before D", (): "nobody moves: no optimiser stepped"}
        trial.fail(
            known.get(tuple(who), "each player should move once in each of the two steps, D first"), case
        )
    old_G, old_D = torch.zeros_like(weights(G)), torch.zeros_like(weights(D))
    for step, (real, z) in enumerate(zip(reals, latents, strict=True)):
        move_D, move_G = game.moves[2 * step : 2 * step + 2]
        case = f"step {step + 1} of two tiny networks"
        found = discriminator_gradients(*game.at(move_D), real, z)
        if step:
            found["added"] = found["right"] + old_D
            D_before = game.at(game.moves[1])
            found["added by G"] = found["right"] + _gradient_in_D(*D_before, latents[0])
        said = SAID_OF_D | {
            "added by G": "in D's second turn the gradient was still in it that G's turn had left: it was "
            "not cleared"
        }
        judge_gradient(
            trial, move_D.gradient, found, said, case, "D did not go down the gradient of L_D alone"
        )
        found = generator_gradients(*game.at(move_G), z)
        found["stale"] = generator_gradients(*game.at(move_D), z)["right"]
        G_then, D_then = game.at(move_D)
        against = torch.autograd.grad(softplus(D_then(G_then(z))).mean(), list(G_then.parameters()))
        leaked = torch.cat([g.double().flatten() for g in against])
        found |= {"leaked": found["right"] + leaked, "leaked stale": found["stale"] + leaked}
        if step:
            found["added"] = found["right"] + old_G
        leak = (
            "L_D's gradient is part of G's step: G goes down its own loss and up again by D's. The fake "
            "samples of D's turn are not detached"
        )
        said = SAID_OF_G | {"leaked": leak, "leaked stale": leak}
        judge_gradient(
            trial, move_G.gradient, found, said, case, "G did not go down the gradient of L_G alone"
        )
        refuse_gradient_in_G(trial, move_D, old_G, case)
        old_G, old_D = move_G.gradient, move_D.gradient
    trial.tried("two steps: which optimiser holds whom, who moved first, and down which gradient")


def _gradient_in_D(G: nn.Module, D: nn.Module, z: Tensor) -> Tensor:
    found = torch.autograd.grad(softplus(-D(G(z))).mean(), list(D.parameters()))
    return torch.cat([g.double().flatten() for g in found])


ONE_BROKEN = cleandoc("""
    from torch.nn.functional import softplus


    def train(G, D, make_optimizer, reals, latents):
        optimizer = make_optimizer([*G.parameters(), *D.parameters()])
        for real, z in zip(reals, latents):
            fake = G(z)
            loss_D = softplus(-D(real)).mean() + softplus(D(fake)).mean()
            loss_G = softplus(-D(fake)).mean()
            optimizer.zero_grad()
            (loss_D + loss_G).backward()
            optimizer.step()
""")

ONE_RIGHT = cleandoc("""
    from torch.nn.functional import softplus


    def train(G, D, make_optimizer, reals, latents):
        opt_D = make_optimizer(D.parameters())
        opt_G = make_optimizer(G.parameters())
        for real, z in zip(reals, latents):
            fake = G(z)
            loss_D = softplus(-D(real)).mean() + softplus(D(fake.detach())).mean()
            opt_D.zero_grad()
            loss_D.backward()
            opt_D.step()
            loss_G = softplus(-D(fake)).mean()
            opt_G.zero_grad()
            loss_G.backward()
            opt_G.step()
""")

ONE_OPTIMISER = Exercise(
    name="repair-one-optimiser",
    title="One loss for both is no game",
    chapter="training_steps",
    kind="repair",
    difficulty=3,
    statement=cleandoc(r"""
        `train(G, D, make_optimizer, reals, latents)` makes one step for each pair of a real batch in
        `reals` and latents in `latents` (two lists of the same length). `D` gives logits of shape `(N,)`.
        An optimiser is made by `make_optimizer(parameters)`; it has `zero_grad()` and `step()`.

        The code below adds both losses and lets one optimiser descend the sum. That is no game: both
        players want the same thing. Repair it, so that each step is this, with the same latents in both
        turns:

        1. $D$ goes down $L_D = -\mathbb{E}_x[\log D(x)] - \mathbb{E}_z[\log(1 - D(G(z)))]$ alone, and no
           gradient reaches $G$;
        2. then $G$ goes down $L_G = -\mathbb{E}_z[\log D(G(z))]$ alone, against the $D$ that has just
           moved.

        Each $\mathbb{E}$ is the mean over a batch. Nothing is returned.
    """),
    starter=ONE_BROKEN,
    answer="train",
    check=check_one_optimiser,
    hints=(
        "How many optimisers are needed, and which parameters does each hold? They remember things "
        "(moments), so make them once, before the loop.",
        "With two optimisers and `(loss_D + loss_G).backward()`, what is in $G$'s gradients? Which of the "
        "two losses should not be in there?",
        "`make_optimizer(D.parameters())` and `make_optimizer(G.parameters())`; two turns, each with "
        "`zero_grad`, `backward` and `step` of its own; `fake.detach()` in the first.",
    ),
    solutions=(
        ONE_RIGHT,
        cleandoc("""
            import torch
            from torch.nn.functional import logsigmoid


            def train(G, D, make_optimizer, reals, latents):
                optimizers = {net: make_optimizer(list(net.parameters())) for net in (D, G)}

                def descend(net, loss):
                    parameters = list(net.parameters())
                    for p, g in zip(parameters, torch.autograd.grad(loss, parameters)):
                        p.grad = g
                    optimizers[net].step()

                for real, z in zip(reals, latents):
                    with torch.no_grad():
                        fake = G(z)
                    descend(D, -(logsigmoid(D(real)).mean() + logsigmoid(-D(fake)).mean()))
                    descend(G, -logsigmoid(D(G(z))).mean())
        """),
    ),
    explanation=cleandoc(r"""
        In the sum the fake terms are $-\log(1 - D(G(z))) - \log D(G(z))$, smallest at $D(G(z)) = 1/2$ for
        *both*: $D$ is paid for not telling, and $G$ for staying where $D$ does not tell. Two optimisers
        alone do not help as long as one backward pass fills both networks with both losses. Detaching keeps
        $L_D$ out of $G$; clearing right before `backward`, or freezing, keeps $L_G$ out of $D$.
    """),
    wrong=(
        Wrong(ONE_BROKEN, "the weights of both players"),
        Wrong(
            cleandoc("""
                from torch.nn.functional import softplus


                def train(G, D, make_optimizer, reals, latents):
                    opt_D, opt_G = make_optimizer(D.parameters()), make_optimizer(G.parameters())
                    for real, z in zip(reals, latents):
                        fake = G(z)
                        loss_D = softplus(-D(real)).mean() + softplus(D(fake)).mean()
                        loss_G = softplus(-D(fake)).mean()
                        opt_D.zero_grad()
                        opt_G.zero_grad()
                        (loss_D + loss_G).backward()
                        opt_D.step()
                        opt_G.step()
            """),
            "down L_D + L_G",
        ),
        Wrong(
            _changed(
                ONE_RIGHT,
                ("D(fake.detach())", "D(fake)"),
                ("loss_D.backward()", "loss_D.backward(retain_graph=True)"),
                ("        opt_G.zero_grad()\n", ""),
                ("        opt_D.zero_grad()\n", "        opt_D.zero_grad()\n        opt_G.zero_grad()\n"),
            ),
            "L_D's gradient is part of G's step",
        ),
        Wrong(
            _changed(
                ONE_RIGHT,
                ("        opt_D.zero_grad()\n", ""),
                ("        opt_D.step()\n", "        opt_D.step()\n        opt_D.zero_grad()\n"),
            ),
            "that G's turn had left",
        ),
        Wrong(
            cleandoc("""
                import torch
                from torch.nn.functional import softplus


                def train(G, D, make_optimizer, reals, latents):
                    opt_D, opt_G = make_optimizer(D.parameters()), make_optimizer(G.parameters())
                    for real, z in zip(reals, latents):
                        loss_G = softplus(-D(G(z))).mean()
                        gradients = torch.autograd.grad(loss_G, list(G.parameters()))
                        loss_D = softplus(-D(real)).mean() + softplus(D(G(z).detach())).mean()
                        opt_D.zero_grad()
                        loss_D.backward()
                        opt_D.step()
                        for p, g in zip(G.parameters(), gradients):
                            p.grad = g
                        opt_G.step()
            """),
            "before D moved",
        ),
    ),
)


# ---- sampling in the wrong mode


def check_sampling(trial: Trial) -> None:
    """Draw from a generator with BatchNorm, and look at it before and after."""
    with own_random_numbers(50):
        G = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 3))
        for _ in range(30):
            G(2 * torch.randn(16, 2) + 1)
        z = torch.randn(5, 2)
    state = {name: value.clone() for name, value in G.state_dict().items()}
    want = G.eval()(z).detach()
    in_train_mode = nn.Sequential(*G).train()(z).detach()
    G.load_state_dict(state)
    G.train()
    case = "G = Linear, BatchNorm1d, Tanh, Linear, in training mode; 5 latents"
    images = trial.call(G, z, mutable=True)
    got = trial.as_tensor(images, shape=want.shape, case=case)
    if torch.allclose(got, in_train_mode.double(), rtol=1e-3, atol=1e-5):
        trial.fail(
            "the samples depend on each other: in training mode BatchNorm normalises each with the "
            "statistics of its batch, and a sample drawn alone would look different from the same one in "
            "company",
            case,
        )
    if any(not torch.equal(value, state[name]) for name, value in G.state_dict().items()):
        trial.fail("looking has changed the generator: BatchNorm's running statistics have moved", case)
    trial.differs(
        got, want, case=case, rtol=1e-3, atol=1e-5, otherwise="these are not the samples G(z) in eval mode"
    )
    if not G.training or not G[1].training:
        trial.fail(
            "G is left in eval mode: training goes on with frozen statistics. The mode should be what it "
            "was before",
            case,
        )
    if isinstance(images, Tensor) and images.requires_grad:
        trial.fail(
            "the samples carry their graph: whoever keeps them keeps every activation of G in memory",
            case,
        )
    G.eval()
    trial.as_tensor(trial.call(G, z, mutable=True), shape=want.shape)
    if G.training:
        trial.fail(
            "G was in eval mode before, and is in training mode now. The mode should be what it was",
            "the same G, in eval mode from the beginning",
        )
    if not all(p.requires_grad for p in G.parameters()):
        trial.fail("G's parameters no longer require gradients: it will not learn any more", case)
    trial.tried(
        "samples alone and in company; statistics, mode and graph, from training mode and from eval mode"
    )


SAMPLING_BROKEN = cleandoc("""
    def draw_samples(G, z):
        images = G(z)
        G.train()
        return images
""")

SAMPLING_RIGHT = cleandoc("""
    import torch


    def draw_samples(G, z):
        was_training = G.training
        G.eval()
        with torch.no_grad():
            images = G(z)
        G.train(was_training)
        return images
""")

SAMPLING = Exercise(
    name="repair-sampling",
    title="Looking without touching",
    chapter="training_steps",
    kind="repair",
    difficulty=2,
    statement=cleandoc(r"""
        `draw_samples(G, z)` is called now and then during training, to have a look. `G` is a network with
        BatchNorm; it may be in training mode or in eval mode (all of its layers in the same). The function
        should return $G(z)$ so that

        - each sample depends on its own latent only, as it does in eval mode, and not on the company it is
          drawn in;
        - `G` is afterwards exactly as before: parameters, running statistics, mode;
        - the samples carry no graph.

        Repair it. There are three faults.
    """),
    starter=SAMPLING_BROKEN,
    answer="draw_samples",
    check=check_sampling,
    hints=(
        "Which statistics does BatchNorm use in each of its two modes, and in which of them does it change "
        "its own?",
        "`G.training` says in which mode a network is; `G.train(mode)` sets it.",
        "Remember `G.training`; `G.eval()`; `with torch.no_grad()`; set the mode back to what you "
        "remembered.",
    ),
    solutions=(
        SAMPLING_RIGHT,
        cleandoc("""
            import copy


            def draw_samples(G, z):
                return copy.deepcopy(G).eval()(z).detach()
        """),
    ),
    explanation=cleandoc(r"""
        Samples in training mode are not samples of the generator that you will ship: each is normalised
        with the others. And looking in training mode moves the running statistics, with or without
        `no_grad`. The opposite mistake, `eval` without going back, freezes them for the rest of the
        training. `gb.Trainer` samples from a copy that is always in eval mode, its moving average.
    """),
    wrong=(
        Wrong(SAMPLING_BROKEN, "depend on each other"),
        Wrong(
            "def draw_samples(G, z):\n    G.eval()\n    images = G(z)\n    G.train()\n    return images",
            "graph",
        ),
        Wrong(
            "import torch\n\n\n@torch.no_grad()\ndef draw_samples(G, z):\n    G.eval()\n    return G(z)",
            "is left in eval mode",
        ),
        Wrong(
            "import torch\n\n\n@torch.no_grad()\ndef draw_samples(G, z):\n    G.eval()\n    images = G(z)\n"
            "    G.train()\n    return images",
            "was in eval mode before",
        ),
        Wrong(
            "import torch\n\n\n@torch.no_grad()\ndef draw_samples(G, z):\n    G(z)\n    was = G.training\n"
            "    images = G.eval()(z)\n    G.train(was)\n    return images",
            "running statistics have moved",
        ),
    ),
)


# ---- a checkpoint that forgets


def _new_run(seed: int) -> SimpleNamespace:
    """Return a run that has not begun: networks, optimisers, random numbers, data and a step."""
    G, D = tiny_pair(seed=seed)
    data, _ = draw(seed=60, num=32)

    def step() -> None:
        first = 8 * run.step % len(data)  # the batch depends on the step alone
        real, z = data[first : first + 8], torch.randn(8, 2, generator=run.rng)
        loss_D = softplus(-D(real)).mean() + softplus(D(G(z).detach())).mean()
        run.opt_D.zero_grad()
        loss_D.backward()
        run.opt_D.step()
        loss_G = softplus(-D(G(torch.randn(8, 2, generator=run.rng)))).mean()
        run.opt_G.zero_grad()
        loss_G.backward()
        run.opt_G.step()
        run.step += 1

    run = SimpleNamespace(
        G=G,
        D=D,
        opt_G=torch.optim.Adam(G.parameters(), lr=0.01, betas=(0.5, 0.999)),
        opt_D=torch.optim.Adam(D.parameters(), lr=0.01, betas=(0.5, 0.999)),
        rng=torch.Generator().manual_seed(seed),
        step=0,
        train=step,
    )
    return run


def check_resume(trial: Trial) -> None:
    """Make three steps, a transfer into a fresh run, and three more steps."""
    for steps in (3, 0):
        old, twin, new = _new_run(seed=61), _new_run(seed=61), _new_run(seed=62)
        for _ in range(steps):
            old.train()
            twin.train()
        own = dict(vars(new))
        case = f"a run of {steps} steps, taken up by a new one"
        here = {name: (weights(net)) for name, net in (("G", old.G), ("D", old.D))}
        trial.call(old, new, mutable=True)
        if any(not torch.equal(weights(net), here[name]) for name, net in (("G", old.G), ("D", old.D))):
            trial.fail("the old run was changed; it is the new one that should become equal to it", case)
        for name in ("G", "D", "opt_G", "opt_D", "rng"):
            if getattr(new, name) is not own[name]:
                trial.fail(
                    f"{name} of the new run was replaced, where its contents should be loaded. In a new "
                    f"process there is no object of the old run to take over, only what was saved",
                    case,
                )
        for name in ("G", "D"):
            a, b = getattr(old, name), getattr(new, name)
            if not torch.equal(weights(a), weights(b)):
                trial.fail(f"the weights of {name} are not those of the old run", case)
        if new.step != old.step:
            trial.fail(
                "the step is forgotten: the new run begins the data again, and sees batches a second time",
                f"{case}; step {old.step}, and in the new run {new.step}",
            )
        if not torch.equal(new.rng.get_state(), old.rng.get_state()):
            trial.fail(
                "the state of the random generator is forgotten: the latents that come next are others than "
                "they would have been",
                case,
            )
        for name in ("opt_D", "opt_G"):
            moments = [_moments(getattr(run, name)) for run in (old, new)]
            if not torch.equal(*moments):
                trial.fail(
                    f"what {name} remembers is forgotten: Adam keeps two moving averages for each weight, "
                    f"and counts its steps. Its first steps after the resumption are as large as those at "
                    f"the very beginning",
                    case,
                )
        for _ in range(3):
            twin.train()
            new.train()
        for name in ("G", "D"):
            gap = (weights(getattr(twin, name)) - weights(getattr(new, name))).abs().max().item()
            if gap > 0:
                trial.fail(
                    f"after three more steps of both runs the weights of {name} are not the same: something "
                    f"still differs",
                    f"{case}; largest difference {gap:.2g}",
                )
    trial.tried("weights, step, random numbers, the optimisers' memory, and three more steps of both runs")


def _moments(optimizer: torch.optim.Optimizer) -> Tensor:
    state = optimizer.state_dict()["state"]
    found = [
        torch.as_tensor(value, dtype=torch.float64).flatten()
        for i in sorted(state)
        for value in state[i].values()
    ]
    return torch.cat(found) if found else torch.zeros(0)


RESUME_BROKEN = cleandoc("""
    def resume(old, new):
        new.G.load_state_dict(old.G.state_dict())
        new.D.load_state_dict(old.D.state_dict())
""")
RESUME_RIGHT = cleandoc("""
    def resume(old, new):
        new.G.load_state_dict(old.G.state_dict())
        new.D.load_state_dict(old.D.state_dict())
        new.opt_G.load_state_dict(old.opt_G.state_dict())
        new.opt_D.load_state_dict(old.opt_D.state_dict())
        new.rng.set_state(old.rng.get_state())
        new.step = old.step
""")

RESUME = Exercise(
    name="repair-resume",
    title="A checkpoint that forgets",
    chapter="training_steps",
    kind="repair",
    difficulty=3,
    statement=cleandoc(r"""
        A run is an object with these attributes:

        | attribute | is |
        |---|---|
        | `G`, `D` | the networks |
        | `opt_G`, `opt_D` | their optimisers, each an Adam |
        | `rng` | a `torch.Generator` from which all latents are drawn |
        | `step` | how many steps were made; the next real batch depends on it, and on nothing else |

        `resume(old, new)` is called with a run that has been going on for a while and a new one that has
        just been built, with other random weights. Afterwards `new` should go on exactly as `old` would
        have: after further steps of both, all weights are equal to the last bit. `old` must not change.
        `new` keeps its own networks, optimisers and generator: load into them, as one would from a file.

        The code below restores what most programs restore. Repair it: three things are forgotten. Nothing
        is returned.
    """),
    starter=RESUME_BROKEN,
    answer="resume",
    check=check_resume,
    hints=(
        "Go through the table: what of each of these changes while a run goes on?",
        "Networks and optimisers have `state_dict()` and `load_state_dict()`; a `torch.Generator` has "
        "`get_state()` and `set_state()`.",
        "Both optimisers, `new.rng.set_state(old.rng.get_state())`, `new.step = old.step`.",
    ),
    solutions=(
        RESUME_RIGHT,
        cleandoc("""
            import copy


            def resume(old, new):
                for name in ("G", "D", "opt_G", "opt_D"):
                    getattr(new, name).load_state_dict(copy.deepcopy(getattr(old, name).state_dict()))
                new.rng.set_state(old.rng.get_state())
                new.step = old.step
        """),
    ),
    explanation=cleandoc(r"""
        Adam without its moments starts with the full learning rate in every weight, whatever the gradient;
        one often sees it as a jump in the curves at each resumption. A forgotten step repeats data, a
        forgotten random state repeats latents. Nothing of it raises an error. The test for a checkpoint is
        the one of this exercise: $N$ steps, resume, $N$ steps must give the bits of $2N$ steps.
    """),
    wrong=(
        Wrong(RESUME_BROKEN, "the step is forgotten"),
        Wrong(RESUME_BROKEN + "\n    new.step = old.step", "the random generator is forgotten"),
        Wrong(
            RESUME_BROKEN + "\n    new.step = old.step\n    new.rng.set_state(old.rng.get_state())",
            "what opt_D remembers is forgotten",
        ),
        Wrong(
            RESUME_BROKEN + "\n    new.step = old.step\n    new.rng.set_state(old.rng.get_state())\n"
            "    new.opt_D.load_state_dict(old.opt_D.state_dict())",
            "what opt_G remembers is forgotten",
        ),
        Wrong(
            "def resume(old, new):\n    new.G, new.D = old.G, old.D\n    new.opt_G, new.opt_D = old.opt_G, "
            "old.opt_D\n"
            "    new.rng, new.step = old.rng, old.step",
            "was replaced, where its contents",
        ),
    ),
)


REPAIRS = {
    "phase": PHASE,
    "labels": LABELS_REPAIR,
    "logits": LOGITS_REPAIR,
    "one-optimiser": ONE_OPTIMISER,
    "sampling": SAMPLING,
    "resume": RESUME,
}
