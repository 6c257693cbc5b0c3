"""Exercises of the chapter on training steps: batches, labels, the two turns and their order."""

from __future__ import annotations

import math
import re
from inspect import cleandoc

import torch
from torch import Tensor
from torch.nn.functional import softplus

from ganbook.exercises.exercise import Exercise, Wrong
from ganbook.exercises.grading.trial import Trial
from ganbook.exercises.players import (
    Game,
    discriminator_gradients,
    draw,
    generator_gradients,
    gradients,
    judge_gradient,
    tiny_pair,
    weights,
)

# ---- epochs and steps


def check_steps_for(trial: Trial) -> None:
    """Try small sets, where a batch straddles two epochs, and large ones."""
    for num_images, batch_size, epochs in (
        (10, 4, 3),
        (10, 4, 1),
        (10, 5, 2),
        (60_000, 100, 50),
        (1797, 64, 50),
    ):
        case = f"num_images = {num_images}, batch_size = {batch_size}, epochs = {epochs}"
        got = trial.number(num_images, batch_size, epochs)
        per_epoch = num_images / batch_size
        trial.differs(
            got,
            -(-num_images * epochs // batch_size),
            case=case,
            rtol=0,
            known={
                "this leaves out `epochs`: it is the length of one epoch": math.ceil(per_epoch),
                "this counts images, not steps: a step uses a whole batch": num_images * epochs,
                "this rounds up in every epoch, as if each epoch ended with "
                "a batch that is not full. Here a batch may straddle two "
                "epochs, so nothing is lost between them": math.ceil(per_epoch) * epochs,
                "this drops the images that are left over at the end of "
                "every epoch. Here they begin the next batch": math.floor(per_epoch) * epochs,
                "this stops one step too early: some images have not yet "
                "had all their epochs, and a step cannot be taken by halves": math.floor(per_epoch * epochs),
                "a number of steps is a whole number: the last step is taken whole or not at all": per_epoch
                * epochs,
            },
            otherwise="this is not the number of steps",
        )
    trial.tried(
        "10 images in batches of 4 and 5; MNIST's 60,000 in batches of 100; 50 epochs of 1,797 digits"
    )


STEPS_FOR = Exercise(
    name="steps-for-epochs",
    title="Epochs into steps",
    chapter="training_steps",
    kind="compute",
    difficulty=1,
    statement=cleandoc(r"""
        Recipes count in **epochs**, loops count in **steps**. The loop of this chapter draws full batches
        only: in every epoch each image is drawn once, in a new order, and a batch that begins at the end of
        one epoch is filled up from the beginning of the next one.

        Write `steps_for(num_images, batch_size, epochs)`, which returns the smallest number of steps after
        which every image has been drawn at least `epochs` times. All three arguments are whole numbers
        above 0.
    """),
    starter=cleandoc("""
        def steps_for(num_images, batch_size, epochs):
            return ...
    """),
    answer="steps_for",
    check=check_steps_for,
    hints=(
        "How many images have been drawn after $n$ steps? How many must have been drawn?",
        "10 images, batches of 4, two epochs: 20 draws are needed, and 5 steps make them. In which step "
        "does the first epoch end?",
        "Round up, but only once: `math.ceil` of all the draws that are needed, divided by the batch size.",
    ),
    solutions=(
        cleandoc("""
            import math


            def steps_for(num_images, batch_size, epochs):
                return math.ceil(num_images * epochs / batch_size)
        """),
        cleandoc("""
            def steps_for(num_images, batch_size, epochs):
                steps, drawn = 0, 0
                while drawn < num_images * epochs:
                    drawn += batch_size
                    steps += 1
                return steps
        """),
    ),
    explanation=cleandoc(r"""
        After $n$ steps, $n$ times the batch size images have been drawn, and epochs follow each other
        without a gap. So the last epoch is complete as soon as at least `num_images * epochs` have been
        drawn. The usual 50 epochs of MNIST in batches of 100 are 30,000 steps. Compare recipes in steps or
        in images, never in epochs alone: an epoch of another data set, or with another batch size, is
        another number of updates.
    """),
    wrong=(
        Wrong(
            "def steps_for(num_images, batch_size, epochs):\n    return num_images // batch_size * epochs",
            "drops the images that are left over",
        ),
        Wrong(
            "import math\n\n\ndef steps_for(num_images, batch_size, epochs):\n"
            "    return math.ceil(num_images / batch_size) * epochs",
            "rounds up in every epoch",
        ),
        Wrong(
            "def steps_for(num_images, batch_size, epochs):\n    return num_images * epochs // batch_size",
            "one step too early",
        ),
        Wrong(
            "def steps_for(num_images, batch_size, epochs):\n    return num_images * epochs / batch_size",
            "a whole number",
        ),
        Wrong(
            "def steps_for(num_images, batch_size, epochs):\n    return num_images * epochs",
            "counts images, not steps",
        ),
    ),
)


# ---- labels


def check_labels(trial: Trial) -> None:
    """Try batches of different sizes, so that the two parts cannot be mistaken."""
    for n_real, n_fake in ((2, 3), (1, 1), (3, 1)):
        case = f"n_real = {n_real}, n_fake = {n_fake}"
        ones, zeros = torch.ones, torch.zeros
        trial.differs(
            trial.tensor(n_real, n_fake, shape=(n_real + n_fake,)),
            torch.cat([ones(n_real), zeros(n_fake)]),
            case=case,
            known={
                "the labels are exchanged: D would learn to give "
                "large logits to generated samples": torch.cat([zeros(n_real), ones(n_fake)]),
                "the right labels in the wrong order: the logits of the real samples come first": torch.cat(
                    [zeros(n_fake), ones(n_real)]
                ),
                "everything is called real. D's best answer is then a constant, and it learns nothing": ones(
                    n_real + n_fake
                ),
                "everything is called fake. D's best answer is then a constant, and it learns nothing": zeros(
                    n_real + n_fake
                ),
                "-1 and 1 are no targets for the cross-entropy: its labels are probabilities": torch.cat(
                    [ones(n_real), -ones(n_fake)]
                ),
            },
            otherwise="one label for each logit is wanted: the probability that D should have given",
        )
    trial.tried("1 + 1, 2 + 3 and 3 + 1 samples")


LABELS = Exercise(
    name="label-placement",
    title="Which label goes where",
    chapter="training_steps",
    kind="code",
    difficulty=1,
    statement=cleandoc(r"""
        Many programs score both batches and call one loss:

            logits = torch.cat([D(real), D(fake)])
            loss_D = binary_cross_entropy_with_logits(logits, labels(len(real), len(fake)))

        As everywhere in this book $D(x)$ is the probability that $x$ is **real**.

        Write `labels(n_real, n_fake)`, which returns the targets: numbers, of the shape
        `(n_real + n_fake,)`.
    """),
    starter=cleandoc("""
        def labels(n_real, n_fake):
            return ...
    """),
    answer="labels",
    check=check_labels,
    hints=(
        "The cross-entropy is smallest where the sigmoid of the logit equals the label.",
        "The labels must stand in the order of the logits: what comes first in `torch.cat`?",
        "`n_real` ones, and after them `n_fake` zeros.",
    ),
    solutions=(
        cleandoc("""
            import torch


            def labels(n_real, n_fake):
                return torch.cat([torch.ones(n_real), torch.zeros(n_fake)])
        """),
        cleandoc("""
            import numpy as np


            def labels(n_real, n_fake):
                return (np.arange(n_real + n_fake) < n_real).astype(float)
        """),
        "def labels(n_real, n_fake):\n    return [1.0] * n_real + [0.0] * n_fake",
    ),
    explanation=cleandoc(r"""
        Labels and logits are two lists that know nothing of each other; only their order ties them
        together. Exchanged labels raise no error. They turn $D$ into a judge of the opposite, and $G$,
        which still tries to get large logits, is then pulled to where $D$ says "fake". Two calls, one with
        the real and one with the fake logits, leave less room for this mistake.
    """),
    wrong=(
        Wrong(
            "import torch\n\n\ndef labels(n_real, n_fake):\n"
            "    return torch.cat([torch.zeros(n_real), torch.ones(n_fake)])",
            "labels are exchanged",
        ),
        Wrong(
            "import torch\n\n\ndef labels(n_real, n_fake):\n"
            "    return torch.cat([torch.zeros(n_fake), torch.ones(n_real)])",
            "in the wrong order",
        ),
        Wrong(
            "import torch\n\n\ndef labels(n_real, n_fake):\n    return torch.ones(n_real + n_fake)",
            "called real",
        ),
        Wrong(
            "import torch\n\n\ndef labels(n_real, n_fake):\n"
            "    return torch.cat([torch.ones(n_real, 1), torch.zeros(n_fake, 1)])",
            "has the shape",
        ),
    ),
)


# ---- scaling


def check_scale(trial: Trial) -> None:
    """See that bytes are scaled and that what was scaled already is left alone."""
    images = torch.tensor([[0, 51], [128, 255]], dtype=torch.uint8).reshape(1, 1, 2, 2)
    want = images.double() / 127.5 - 1
    case = "images = [[0, 51], [128, 255]], uint8"
    got = trial.tensor(images, shape=images.shape)
    trial.differs(
        got,
        want,
        case=case,
        known={
            "these values lie in [0, 1]. G ends in tanh and reaches from -1 to 1, so "
            "D could tell real from fake by the range alone": images.double() / 255,
            "these values lie in [0, 2]: the middle is at 1, not at 0": images.double() / 127.5,
            "these values lie in [-0.5, 0.5], half of what tanh spans": images.double() / 255 - 0.5,
            "the bytes overflowed: twice 200 is 144 in uint8, which knows "
            "no number above 255. Convert before you multiply": (2 * images).double() / 255 - 1,
            "bytes are left as they are: whole numbers from 0 to 255": images.double(),
            "the values are turned round, black has become white": -want,
            "128 instead of 127.5: white would become 0.992 and never 1": images.double() / 128 - 1,
        },
        rtol=1e-5,
        atol=1e-5,
        otherwise="0 should become -1 and 255 should become 1, in a straight line",
    )
    scaled = want.float()
    got = trial.tensor(scaled, shape=scaled.shape)
    trial.differs(
        got,
        want,
        case="images that are scaled already, float32: [[-1, -0.6], [0.004, 1]]",
        known={
            "they were scaled twice: what was in [-1, 1] is now a nearly uniform grey just above -1": want
            / 127.5
            - 1,
        },
        rtol=1e-5,
        atol=1e-5,
        otherwise="floating point images are scaled already, and must come back unchanged",
    )
    dark = torch.full((1, 1, 1, 2), 1, dtype=torch.uint8)
    trial.differs(
        trial.tensor(dark, shape=dark.shape),
        dark.double() / 127.5 - 1,
        case="images = [[1, 1]], uint8: a black picture",
        rtol=1e-5,
        atol=1e-5,
        otherwise="a very dark picture was taken for one that is scaled already. The values cannot tell; "
        "the dtype can",
    )
    bright = torch.tensor([[[[0.5, 0.5]]]])
    trial.differs(
        trial.tensor(bright, shape=bright.shape),
        bright.double(),
        case="images = [[0.5, 0.5]], float32: scaled already, and no value below 0",
        rtol=1e-5,
        atol=1e-5,
        otherwise="a picture without dark pixels was taken for one that is not scaled yet. The values "
        "cannot tell; the dtype can",
    )
    trial.tried("bytes; images that were scaled before; a black and a bright picture")


SCALE = Exercise(
    name="scale-once",
    title="Scaled once, and not twice",
    chapter="training_steps",
    kind="code",
    difficulty=1,
    statement=cleandoc(r"""
        $G$ ends in $\tanh$, so real images must lie in $[-1, 1]$ too. A program that scales in two places
        (once in the data set, once in the loop) feeds $D$ pictures that are almost uniformly $-1$.

        Write `scale(images)` so that nobody can do that by accident:

        - `images` of dtype uint8, with values from 0 to 255: returns floating point values, 0 becoming $-1$
          and 255 becoming 1, in a straight line;
        - `images` of a floating point dtype: they are scaled already, and are returned unchanged.

        The shape stays the same in both cases. Take torch tensors (or NumPy arrays, if you like these
        better).
    """),
    starter=cleandoc("""
        def scale(images):
            return ...
    """),
    answer="scale",
    check=check_scale,
    hints=(
        "A straight line $y = a x + b$ through $(0, -1)$ and $(255, 1)$: what are $a$ and $b$?",
        "Do not guess from the values whether they were scaled: a black picture of bytes may hold nothing "
        "but 0 and 1. The dtype says it.",
        "`images.float() / 127.5 - 1`, but only if `images.dtype == torch.uint8` (with NumPy: `np.uint8`).",
    ),
    solutions=(
        cleandoc("""
            import torch


            def scale(images):
                if images.dtype == torch.uint8:
                    return images.float() / 127.5 - 1
                return images
        """),
        cleandoc("""
            import numpy as np


            def scale(images):
                images = np.asarray(images)
                if np.issubdtype(images.dtype, np.floating):
                    return images
                return images.astype(np.float32) * (2 / 255) - 1
        """),
    ),
    explanation=cleandoc(r"""
        The slope is $2/255 = 1/127.5$. Scaling twice sends $[-1, 1]$ to $[-1.008, -0.992]$: all contrast is
        gone, and nothing raises an error. The same holds for images that stay in $[0, 1]$: $D$ can then
        tell real from fake by asking for negative numbers, and wins at once. Keeping bytes as bytes until
        the last moment, and scaling in one place, makes both mistakes visible in the dtype.
    """),
    wrong=(
        Wrong("def scale(images):\n    return images / 127.5 - 1", "scaled twice"),
        Wrong(
            "def scale(images):\n    return images / 255 if not images.is_floating_point() else images",
            "[0, 1]",
        ),
        Wrong(
            "def scale(images):\n    return images if images.is_floating_point() else 2 * images / 255 - 1",
            "overflowed",
        ),
        Wrong(
            "def scale(images):\n    return images if images.max() <= 1 else images / 127.5 - 1", "very dark"
        ),
        Wrong(
            "def scale(images):\n"
            "    return images if images.is_floating_point() and images.min() < 0 else images / 127.5 - 1",
            "without dark pixels",
        ),
    ),
)


# ---- the two steps

OF_D = {
    "exchanged": "the labels are exchanged: D went towards small logits on real samples and large ones on "
    "fake samples",
    "ascent": "D went up its loss instead of down: V is to be maximised, so what D minimises is -V",
    "only real": "D went down the first term only, -log D(x). What it says about G(z) had no influence, and "
    "the best such D calls everything real",
    "only fake": "D went down the second term only, -log(1 - D(G(z))). The real samples had no influence",
    "all real": "D was taught that both batches are real",
    "all fake": "D was taught that both batches are fake",
    "half": "D went down half of L_D. Is one mean taken over both batches, where L_D is a sum of two means?",
    "sum": "the terms were summed over the batch, where L_D takes the mean: the step then grows with the "
    "batch size",
    "sigmoid twice": "a sigmoid was put before a loss that takes logits, so it was applied twice: D could "
    "not say more than sigmoid(1) = 0.73",
    "no logarithm": "the logarithms are missing: this is the loss D(G(z)) - D(x) of probabilities",
    "critic": "this is a critic's loss, the difference of the mean logits, without the logarithms of V",
}
OF_G = {
    "ascent": "G went up its loss: it now makes samples that D recognises more easily",
    "minimax": "G went down the minimax loss log(1 - D(G(z))), whose slope is nearly 0 as long as D is "
    "sure. The non-saturating loss is wanted",
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
            "what you return still carries its graph: a list of such losses keeps the graphs of all steps "
            "in memory",
            case,
        )


def check_discriminator_turn(trial: Trial) -> None:
    """Play one turn from a clean start, and one with gradients left over from before."""
    for leftover in (False, True):
        G, D = tiny_pair(seed=1)
        game = Game(G, D)
        opt_D = game.optimizer(D.parameters())
        real, z = draw(seed=2)
        if leftover:
            for p in D.parameters():
                p.grad = torch.full_like(p, 0.5)
        found = discriminator_gradients(G, D, real, z)
        found["added"] = found["right"] + 0.5
        before_G, before_D = weights(G), weights(D)
        right = (softplus(-D(real)).mean() + softplus(D(G(z))).mean()).item()
        case = "two tiny networks, 6 real samples, 6 latents" + (
            "; a gradient of 0.5 lay in D" if leftover else ""
        )
        value = trial.call(G, D, opt_D, real, z, mutable=True)
        if not torch.equal(weights(G), before_G):
            trial.fail("the generator moved, in the discriminator's turn", case)
        if not game.moves:
            why = (
                "`opt_D.step()` was never called"
                if torch.equal(weights(D), before_D)
                else "not by `opt_D.step()`"
            )
            trial.fail(f"D did not move by its optimiser: {why}", case)
        if len(game.moves) > 1:
            trial.fail(f"`opt_D.step()` was called {len(game.moves)} times in one turn", case)
        said = {
            "added": "the gradient that lay in D from before was added to the new one: PyTorch adds "
            "gradients up until somebody clears them"
        } | OF_D
        judge_gradient(
            trial,
            game.moves[0].gradient,
            found,
            said,
            case,
            "D did not go down the gradient of L_D for this batch",
        )
        if gradients(G).abs().max() > 0:
            trial.fail(
                "a gradient arrived in G: D's turn sent it back through the fake samples. It is wasted "
                "work, and if nobody clears it, G's next step goes the wrong way",
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


DISCRIMINATOR_TURN = Exercise(
    name="discriminator-turn",
    title="The discriminator's turn",
    chapter="training_steps",
    kind="code",
    difficulty=2,
    statement=cleandoc(r"""
        Write `discriminator_turn(G, D, opt_D, real, z)`: one update of $D$.

        - `G` maps latents `z` of shape `(N, 2)` to samples, `D` maps samples to **logits** of shape `(N,)`.
        - `opt_D` is an optimiser of $D$'s parameters. Use its methods; other gradients may still lie in $D$
          from earlier, and must not count.
        - $D$ goes down $L_D = -\mathbb{E}_x[\log D(x)] - \mathbb{E}_z[\log(1 - D(G(z)))]$, where the
          expectations are means over the batch, and $D(x)$ is the sigmoid of the logit.
        - $G$ does not move and receives no gradient.
        - Return $L_D$ as it was before the step: a number that carries no graph.
    """),
    starter=cleandoc("""
        def discriminator_turn(G, D, opt_D, real, z):
            return ...
    """),
    answer="discriminator_turn",
    check=check_discriminator_turn,
    hints=(
        "With a logit $l$: $-\\log D = \\operatorname{softplus}(-l)$ and $-\\log(1 - D) = "
        "\\operatorname{softplus}(l)$.",
        "What must happen to `G(z)` so that `loss.backward()` stops at it?",
        "`with torch.no_grad(): fake = G(z)`, then the loss of the two sets of logits, then the three lines "
        "`zero_grad`, `backward`, `step`.",
    ),
    solutions=(
        cleandoc("""
            import torch
            from torch.nn.functional import softplus


            def discriminator_turn(G, D, opt_D, real, z):
                with torch.no_grad():
                    fake = G(z)
                loss = softplus(-D(real)).mean() + softplus(D(fake)).mean()
                opt_D.zero_grad()
                loss.backward()
                opt_D.step()
                return loss.item()
        """),
        cleandoc("""
            import torch
            from torch import nn


            def discriminator_turn(G, D, opt_D, real, z):
                bce = nn.BCEWithLogitsLoss()
                opt_D.zero_grad()
                on_real, on_fake = D(real), D(G(z).detach())
                loss_real = bce(on_real, torch.ones_like(on_real))
                loss_fake = bce(on_fake, torch.zeros_like(on_fake))
                loss_real.backward()
                loss_fake.backward()
                opt_D.step()
                return (loss_real + loss_fake).detach()
        """),
    ),
    explanation=cleandoc(r"""
        Detaching does two things: it saves the way back through $G$, and it keeps $G$'s gradients clean.
        `opt_D` holds $D$'s parameters only, so $G$ would not move in this turn even without it; the damage
        is done in $G$'s turn, if that does not clear first. That the losses may be computed in one call or
        in two, and the gradients in one backward pass or in two, follows from the gradient of a sum being
        the sum of the gradients.
    """),
    wrong=(
        Wrong(
            cleandoc("""
                from torch.nn.functional import softplus


                def discriminator_turn(G, D, opt_D, real, z):
                    loss = softplus(-D(real)).mean() + softplus(D(G(z))).mean()
                    opt_D.zero_grad()
                    loss.backward()
                    opt_D.step()
                    return loss.item()
            """),
            "a gradient arrived in G",
        ),
        Wrong(
            cleandoc("""
                from torch.nn.functional import softplus


                def discriminator_turn(G, D, opt_D, real, z):
                    loss = softplus(-D(real)).mean() + softplus(D(G(z).detach())).mean()
                    loss.backward()
                    opt_D.step()
                    return loss.item()
            """),
            "was added to the new one",
        ),
        Wrong(
            cleandoc("""
                from torch.nn.functional import softplus


                def discriminator_turn(G, D, opt_D, real, z):
                    loss = softplus(D(real)).mean() + softplus(-D(G(z).detach())).mean()
                    opt_D.zero_grad()
                    loss.backward()
                    opt_D.step()
                    return loss.item()
            """),
            "labels are exchanged",
        ),
        Wrong(
            cleandoc("""
                from torch.nn.functional import softplus


                def discriminator_turn(G, D, opt_D, real, z):
                    loss = softplus(-D(real)).mean()
                    opt_D.zero_grad()
                    loss.backward()
                    opt_D.step()
                    return loss.item()
            """),
            "first term only",
        ),
        Wrong(
            cleandoc("""
                import torch
                from torch.nn.functional import binary_cross_entropy_with_logits as bce


                def discriminator_turn(G, D, opt_D, real, z):
                    logits = torch.cat([D(real), D(G(z).detach())])
                    targets = torch.cat([torch.ones(len(real)), torch.zeros(len(z))])
                    loss = bce(logits, targets)
                    opt_D.zero_grad()
                    loss.backward()
                    opt_D.step()
                    return loss.item()
            """),
            "half of L_D",
        ),
        Wrong(
            cleandoc("""
                import torch
                from torch.nn.functional import binary_cross_entropy_with_logits as bce


                def discriminator_turn(G, D, opt_D, real, z):
                    on_real, on_fake = D(real).sigmoid(), D(G(z).detach()).sigmoid()
                    loss = bce(on_real, torch.ones(len(real))) + bce(on_fake, torch.zeros(len(z)))
                    opt_D.zero_grad()
                    loss.backward()
                    opt_D.step()
                    return loss.item()
            """),
            "applied twice",
        ),
        Wrong(
            cleandoc("""
                from torch.nn.functional import softplus


                def discriminator_turn(G, D, opt_D, real, z):
                    loss = softplus(-D(real)).mean() + softplus(D(G(z).detach())).mean()
                    opt_D.zero_grad()
                    loss.backward()
                    return loss.item()
            """),
            "never called",
        ),
    ),
)


def check_generator_turn(trial: Trial) -> None:
    """Play a turn against a D that is sure, and one with old gradients in G."""
    for leftover in (False, True):
        G, D = tiny_pair(seed=3, bias=-2.0)
        game = Game(G, D)
        opt_G = game.optimizer(G.parameters())
        _, z = draw(seed=4)
        if leftover:
            for p in G.parameters():
                p.grad = torch.full_like(p, 0.5)
        found = generator_gradients(G, D, z)
        found["added"] = found["right"] + 0.5
        before_G, before_D = weights(G), weights(D)
        right = softplus(-D(G(z))).mean().item()
        case = "two tiny networks, 6 latents, D(G(z)) near 0.1" + (
            "; a gradient of 0.5 lay in G" if leftover else ""
        )
        value = trial.call(G, D, opt_G, z, mutable=True)
        if not torch.equal(weights(D), before_D):
            trial.fail("the discriminator moved, in the generator's turn", case)
        if not game.moves:
            why = (
                "`opt_G.step()` was never called"
                if torch.equal(weights(G), before_G)
                else "not by `opt_G.step()`"
            )
            trial.fail(f"G did not move by its optimiser: {why}", case)
        if len(game.moves) > 1:
            trial.fail(f"`opt_G.step()` was called {len(game.moves)} times in one turn", case)
        gradient = game.moves[0].gradient
        if gradient.abs().max() == 0 or (leftover and bool((gradient == 0.5).all())):
            trial.fail(
                "no gradient came back to G, so it stood still: somewhere the way from z to the logit is cut",
                case,
            )
        said = {
            "added": "the gradient that lay in G from before was added to the new one: PyTorch adds "
            "gradients up until somebody clears them"
        } | OF_G
        judge_gradient(
            trial, gradient, found, said, case, "G did not go down the gradient of L_G for these latents"
        )
        if not all(p.requires_grad for p in D.parameters()):
            trial.fail("D is still frozen after the turn: it will not learn any more in its own", case)
        if gradients(D).abs().max() > 0:
            trial.fail(
                "a gradient is left behind in D, one that teaches it to call generated samples real. If D's "
                "turn does not clear it, it counts there",
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


GENERATOR_TURN = Exercise(
    name="generator-turn",
    title="The generator's turn",
    chapter="training_steps",
    kind="code",
    difficulty=2,
    statement=cleandoc(r"""
        Write `generator_turn(G, D, opt_G, z)`: one update of $G$.

        - `G` maps latents `z` of shape `(N, 2)` to samples, `D` maps samples to **logits** of shape `(N,)`.
        - `opt_G` is an optimiser of $G$'s parameters. Other gradients may still lie in $G$ from earlier,
          and must not count.
        - $G$ goes down the non-saturating loss $L_G = -\mathbb{E}_z[\log D(G(z))]$, a mean over the batch.
        - $D$ does not move, no gradient is left behind in it (`p.grad` is None or zero for all its
          parameters, as it was before), and afterwards all its parameters require gradients, as they did
          before.
        - Return $L_G$ as it was before the step: a number that carries no graph.
    """),
    starter=cleandoc("""
        def generator_turn(G, D, opt_G, z):
            return ...
    """),
    answer="generator_turn",
    check=check_generator_turn,
    hints=(
        "The gradient must pass through $D$ and reach $G$: nothing is detached here. What must stop is the "
        "part of it that would be stored in $D$'s own parameters.",
        "`requires_grad_` works on a whole network. Whatever you switch off must be on again at the end.",
        "`D.requires_grad_(False)`, `loss = softplus(-D(G(z))).mean()`, the three lines of an update with "
        "`opt_G`, `D.requires_grad_(True)`.",
    ),
    solutions=(
        cleandoc("""
            from torch.nn.functional import softplus


            def generator_turn(G, D, opt_G, z):
                D.requires_grad_(False)
                loss = softplus(-D(G(z))).mean()
                opt_G.zero_grad()
                loss.backward()
                opt_G.step()
                D.requires_grad_(True)
                return loss.item()
        """),
        cleandoc("""
            import torch


            def generator_turn(G, D, opt_G, z):
                loss = -torch.nn.functional.logsigmoid(D(G(z))).mean()
                parameters = list(G.parameters())
                for p, g in zip(parameters, torch.autograd.grad(loss, parameters)):
                    p.grad = g
                opt_G.step()
                return float(loss)
        """),
        cleandoc("""
            import torch
            from torch.nn.functional import binary_cross_entropy_with_logits


            def generator_turn(G, D, opt_G, z):
                logits = D(G(z))
                loss = binary_cross_entropy_with_logits(logits, torch.ones_like(logits))
                opt_G.zero_grad()
                loss.backward()
                opt_G.step()
                D.zero_grad()
                return loss.detach()
        """),
    ),
    explanation=cleandoc(r"""
        `opt_G` holds $G$'s parameters only, so $D$ does not move even without freezing. But `backward`
        stores a gradient in every parameter that it passes, and what it stores in $D$ here says "call these
        samples real". A loop that clears $D$'s gradients at the beginning of $D$'s turn never notices. A
        loop that clears them at the end of it does, and $D$ becomes worse at its task in every round.
    """),
    wrong=(
        Wrong(
            cleandoc("""
                from torch.nn.functional import softplus


                def generator_turn(G, D, opt_G, z):
                    loss = softplus(-D(G(z))).mean()
                    opt_G.zero_grad()
                    loss.backward()
                    opt_G.step()
                    return loss.item()
            """),
            "left behind in D",
        ),
        Wrong(
            cleandoc("""
                from torch.nn.functional import softplus


                def generator_turn(G, D, opt_G, z):
                    D.requires_grad_(False)
                    loss = softplus(-D(G(z))).mean()
                    opt_G.zero_grad()
                    loss.backward()
                    opt_G.step()
                    return loss.item()
            """),
            "still frozen",
        ),
        Wrong(
            cleandoc("""
                from torch.nn.functional import softplus


                def generator_turn(G, D, opt_G, z):
                    D.requires_grad_(False)
                    loss = -softplus(D(G(z))).mean()
                    opt_G.zero_grad()
                    loss.backward()
                    opt_G.step()
                    D.requires_grad_(True)
                    return loss.item()
            """),
            "minimax loss",
        ),
        Wrong(
            cleandoc("""
                from torch.nn.functional import softplus


                def generator_turn(G, D, opt_G, z):
                    D.requires_grad_(False)
                    loss = softplus(D(G(z))).mean()
                    opt_G.zero_grad()
                    loss.backward()
                    opt_G.step()
                    D.requires_grad_(True)
                    return loss.item()
            """),
            "taught to be recognised",
        ),
        Wrong(
            cleandoc("""
                from torch.nn.functional import softplus


                def generator_turn(G, D, opt_G, z):
                    loss = softplus(-D(G(z).detach())).mean()
                    opt_G.zero_grad()
                    loss.backward()
                    opt_G.step()
                    D.zero_grad()
                    return loss.item()
            """),
            "no gradient came back to G",
        ),
        Wrong(
            cleandoc("""
                from torch.nn.functional import softplus


                def generator_turn(G, D, opt_G, z):
                    D.requires_grad_(False)
                    loss = softplus(-D(G(z))).mean()
                    loss.backward()
                    opt_G.step()
                    D.requires_grad_(True)
                    return loss.item()
            """),
            "was added to the new one",
        ),
    ),
)


# ---- the order of the updates


def check_k_steps(trial: Trial) -> None:
    """Hand over functions that write down how they are called."""
    for steps, k in ((2, 1), (2, 3)):
        events: list[tuple[str, ...]] = []
        drawn = {"real": 0, "z": 0}

        def next_of(what: str, drawn: dict[str, int] = drawn) -> str:
            drawn[what] += 1
            return f"{what} {drawn[what]}"

        def update(who: str, *given: object, events: list[tuple[str, ...]] = events) -> None:
            events.append((who, *map(str, given)))

        trial.call(
            steps,
            k,
            lambda: next_of("real"),
            lambda: next_of("z"),
            lambda real, z: update("D", real, z),
            lambda z: update("G", z),
        )
        order = "".join(event[0] for event in events)
        right = ("D" * k + "G") * steps
        case = f"steps = {steps}, k = {k}: the updates were {' '.join(order) or '(none)'}"
        if order != right:
            known = {
                ("G" + "D" * k)
                * steps: "G moves first. In Algorithm 1 D goes first, so that G learns from a D that has "
                "seen its present samples",
                ("D" + "G" * k)
                * steps: "the k updates are G's. In Algorithm 1 it is D that is updated k times",
                "DG" * k * steps: "G is updated after each update of D, k times a step instead of once",
                "D" * k * steps
                + "G" * steps: "these are whole phases: first D to the end, then G to the end. The players "
                "should take turns in every step",
                "DG" * steps: "k has no effect",
            }
            trial.fail(known.get(order, "this is not the order of Algorithm 1"), case)
        reals = [event[1] for event in events if event[0] == "D"]
        latents = [event[-1] for event in events]
        if any(
            not (e[0] == "G" or re.fullmatch(r"real \d+", e[1])) or not re.fullmatch(r"z \d+", e[-1])
            for e in events
        ):
            trial.fail("an update got something else than what `next_real()` or `next_z()` returned", case)
        if len(set(reals)) < len(reals):
            trial.fail(
                "a batch of real samples was used for several updates of D: each one draws its own", case
            )
        if len(set(latents)) < len(latents):
            trial.fail(
                "latents were used for several updates: each update, of D or of G, draws its own", case
            )
    trial.tried("two steps with k = 1 and with k = 3, with functions that write down what they are given")


K_STEPS = Exercise(
    name="k-steps",
    title="Algorithm 1: k updates of D, one of G",
    chapter="training_steps",
    kind="code",
    difficulty=1,
    statement=cleandoc(r"""
        Algorithm 1 of the paper makes, in every step, $k$ updates of $D$ and then one of $G$. Every update
        of $D$ draws its own real samples and its own latents, and every update of $G$ its own latents.

        Write `train(steps, k, next_real, next_z, update_D, update_G)`. The last four are functions:
        `next_real()` and `next_z()` draw a batch, `update_D(real, z)` and `update_G(z)` move a player.
        Nothing is returned.
    """),
    starter=cleandoc("""
        def train(steps, k, next_real, next_z, update_D, update_G):
            return ...
    """),
    answer="train",
    check=check_k_steps,
    hints=(
        "With $k = 3$ the order is D D D G, D D D G, ...",
        "A loop over the steps, and in it a loop of $k$ rounds. Where does the update of $G$ stand?",
        "In the inner loop: `update_D(next_real(), next_z())`. After it, once: `update_G(next_z())`.",
    ),
    solutions=(
        cleandoc("""
            def train(steps, k, next_real, next_z, update_D, update_G):
                for _ in range(steps):
                    for _ in range(k):
                        update_D(next_real(), next_z())
                    update_G(next_z())
        """),
        cleandoc("""
            def train(steps, k, next_real, next_z, update_D, update_G):
                turn = 0
                while turn < steps * (k + 1):
                    if turn % (k + 1) < k:
                        real = next_real()
                        z = next_z()
                        update_D(real, z)
                    else:
                        update_G(next_z())
                    turn += 1
        """),
    ),
    explanation=cleandoc(r"""
        $D$ goes first, because $G$ can only learn from a $D$ that knows $G$'s present samples. New latents
        for each update are what the expectations over $z$ ask for: samples that one player has just been
        fitted to flatter the other. Most programs, this book's among them, take $k = 1$; Wasserstein
        critics are trained with $k = 5$.
    """),
    wrong=(
        Wrong(
            cleandoc("""
                def train(steps, k, next_real, next_z, update_D, update_G):
                    for _ in range(steps):
                        update_G(next_z())
                        for _ in range(k):
                            update_D(next_real(), next_z())
            """),
            "G moves first",
        ),
        Wrong(
            cleandoc("""
                def train(steps, k, next_real, next_z, update_D, update_G):
                    for _ in range(steps):
                        real = next_real()
                        for _ in range(k):
                            update_D(real, next_z())
                        update_G(next_z())
            """),
            "real samples was used for several",
        ),
        Wrong(
            cleandoc("""
                def train(steps, k, next_real, next_z, update_D, update_G):
                    for _ in range(steps):
                        for _ in range(k):
                            z = next_z()
                            update_D(next_real(), z)
                        update_G(z)
            """),
            "latents were used for several",
        ),
        Wrong(
            cleandoc("""
                def train(steps, k, next_real, next_z, update_D, update_G):
                    for _ in range(steps):
                        update_D(next_real(), next_z())
                        for _ in range(k):
                            update_G(next_z())
            """),
            "the k updates are G's",
        ),
        Wrong(
            cleandoc("""
                def train(steps, k, next_real, next_z, update_D, update_G):
                    for _ in range(steps * k):
                        update_D(next_real(), next_z())
                    for _ in range(steps):
                        update_G(next_z())
            """),
            "whole phases",
        ),
    ),
)
