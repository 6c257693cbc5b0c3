"""Checks: labels, the scale of images, and the order of the updates."""

from __future__ import annotations

import re

import torch
from torch import Tensor

from ganbook.exercises.chapters.registry import check
from ganbook.exercises.grading.trial import Trial


@check("label-placement")
def label_placement(trial: Trial) -> None:
    """Try batches of different sizes, so that the two parts cannot be mistaken."""
    for n_real, n_fake in ((2, 3), (1, 1), (3, 1)):
        case = f"n_real = {n_real}, n_fake = {n_fake}"
        ones, zeros = torch.ones, torch.zeros
        trial.differs(
            trial.tensor(n_real, n_fake, shape=(n_real + n_fake,)),
            torch.cat([ones(n_real), zeros(n_fake)]),
            case=case,
            known={
                "the labels are exchanged: D would learn to give large logits to generated samples": (
                    torch.cat([zeros(n_real), ones(n_fake)])
                ),
                "the right labels in the wrong order: the logits of the real samples come first": (
                    torch.cat([zeros(n_fake), ones(n_real)])
                ),
                "everything is called real. D's best answer is then a constant, and it learns nothing": (
                    ones(n_real + n_fake)
                ),
                "everything is called fake. D's best answer is then a constant, and it learns nothing": (
                    zeros(n_real + n_fake)
                ),
                "-1 and 1 are no targets for the cross-entropy: its labels are probabilities": (
                    torch.cat([ones(n_real), -ones(n_fake)])
                ),
            },
            otherwise="one label for each logit is wanted: the probability that D should have given",
        )
    trial.tried("1 + 1, 2 + 3 and 3 + 1 samples")


@check("scale-once")
def scale_once(trial: Trial) -> None:
    """See that bytes are scaled and that what was scaled already is left alone."""
    images = torch.tensor([[0, 51], [128, 255]], dtype=torch.uint8).reshape(1, 1, 2, 2)
    _check_bytes(trial, images)
    scaled = images.double() / 127.5 - 1
    _check_scaled(
        trial,
        scaled.float(),
        scaled,
        case="images that are scaled already, float32: [[-1, -0.6], [0.004, 1]]",
        known={
            "they were scaled twice: what was in [-1, 1] is now a nearly uniform grey just above -1": (
                scaled / 127.5 - 1
            ),
        },
        otherwise="floating point images are scaled already, and must come back unchanged",
    )
    dark = torch.full((1, 1, 1, 2), 1, dtype=torch.uint8)
    _check_scaled(
        trial,
        dark,
        dark.double() / 127.5 - 1,
        case="images = [[1, 1]], uint8: a black picture",
        otherwise=(
            "a very dark picture was taken for one that is scaled already. "
            "The values cannot tell; the dtype can"
        ),
    )
    bright = torch.tensor([[[[0.5, 0.5]]]])
    _check_scaled(
        trial,
        bright,
        bright.double(),
        case="images = [[0.5, 0.5]], float32: scaled already, and no value below 0",
        otherwise=(
            "a picture without dark pixels was taken for one that is not scaled yet. "
            "The values cannot tell; the dtype can"
        ),
    )
    trial.tried("bytes; images that were scaled before; a black and a bright picture")


def _check_bytes(trial: Trial, images: Tensor) -> None:
    values = images.double()
    want = values / 127.5 - 1
    _check_scaled(
        trial,
        images,
        want,
        case="images = [[0, 51], [128, 255]], uint8",
        known={
            "these values lie in [0, 1]. "
            "G ends in tanh and reaches from -1 to 1, so D could tell real from fake by the range alone": (
                values / 255
            ),
            "these values lie in [0, 2]: the middle is at 1, not at 0": values / 127.5,
            "these values lie in [-0.5, 0.5], half of what tanh spans": values / 255 - 0.5,
            "the bytes overflowed: twice 200 is 144 in uint8, which knows no number above 255. "
            "Convert before you multiply": (2 * images).double() / 255 - 1,
            "bytes are left as they are: whole numbers from 0 to 255": values,
            "the values are turned round, black has become white": -want,
            "128 instead of 127.5: white would become 0.992 and never 1": values / 128 - 1,
        },
        otherwise="0 should become -1 and 255 should become 1, in a straight line",
    )


def _check_scaled(
    trial: Trial,
    images: Tensor,
    want: Tensor,
    case: str,
    otherwise: str,
    known: dict[str, Tensor] | None = None,
) -> None:
    got = trial.tensor(images, shape=images.shape)
    trial.differs(got, want, case=case, known=known, rtol=1e-5, atol=1e-5, otherwise=otherwise)


@check("k-steps")
def k_steps(trial: Trial) -> None:
    """Hand over functions that write down how they are called."""
    for steps, k in ((2, 1), (2, 3)):
        events: list[tuple[str, ...]] = []
        drawn = {"real": 0, "z": 0}

        def next_of(what: str, drawn: dict[str, int] = drawn) -> str:
            drawn[what] += 1
            return f"{what} {drawn[what]}"

        def update(who: str, *batches: object, events: list[tuple[str, ...]] = events) -> None:
            events.append((who, *map(str, batches)))

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
            trial.fail(_wrong_order(order, steps, k), case)
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


def _wrong_order(order: str, steps: int, k: int) -> str:
    known = {
        ("G" + "D" * k) * steps: (
            "G moves first. "
            "In Algorithm 1 D goes first, so that G learns from a D that has seen its present samples"
        ),
        ("D" + "G" * k) * steps: "the k updates are G's. In Algorithm 1 it is D that is updated k times",
        "DG" * k * steps: "G is updated after each update of D, k times a step instead of once",
        "D" * k * steps + "G" * steps: (
            "these are whole phases: first D to the end, then G to the end. "
            "The players should take turns in every step"
        ),
        "DG" * steps: "k has no effect",
    }
    return known.get(order, "this is not the order of Algorithm 1")
