"""Checks: what D remembers of its training images, and how well it tells samples from data."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganbook.exercises.chapters.cases import listed, numbers, own_random_numbers
from ganbook.exercises.chapters.registry import check
from ganbook.exercises.grading.trial import Trial


@check("two-signs-of-overfitting")
def two_signs_of_overfitting(trial: Trial) -> None:
    """Logits of unequal sizes and numbers, in which the signs and the means say different things."""
    for train, held_out, fake in (
        (numbers(3.0, -1.0, 2.0, 1.0), numbers(-1.0, 0.5), numbers(-2.0, -3.0, 1.0)),
        (numbers(-8.0, 1.0, 1.0), numbers(0.25, 0.5, -3.0, 1.0), numbers(4.0)),
        (numbers(2.0, 4.0), numbers(2.0, 4.0, 3.0), numbers(-1.0, -2.0)),
        (numbers(0.0, 0.5, 0.25), numbers(0.125, -0.5), numbers(-1.0, -2.0)),
    ):
        r_t = train.sign().mean()
        gap, whole = train.mean() - held_out.mean(), train.mean() - fake.mean()
        r_v = gap / whole
        a, b, c = (x.sigmoid().mean() for x in (train, held_out, fake))
        trial.differs(
            trial.tensor(train, held_out, fake, shape=(2,)),
            torch.stack([r_t, r_v]),
            case=f"train = {listed(train)}, held_out = {listed(held_out)}, fake = {listed(fake)}",
            known={
                "r_t is the mean of the signs; this is the sign of the mean": (
                    torch.stack([train.mean().sign(), r_v])
                ),
                "this is the share of positive logits; r_t counts the negative ones as -1": (
                    torch.stack([(train > 0).double().mean(), r_v])
                ),
                "the sign of a probability is always 1: r_t needs logits": (
                    torch.stack([torch.ones_like(r_t), r_v])
                ),
                "held-out and generated images are exchanged in r_v": torch.stack([r_t, whole / gap]),
                "r_v is a ratio of means of logits; these are means of probabilities": (
                    torch.stack([r_t, (a - b) / (a - c)])
                ),
                "this r_v is the gap alone, which grows with the scale of the logits; "
                "it is to be divided by the distance to the generated images": torch.stack([r_t, gap]),
                "the two are exchanged: r_t comes first": torch.stack([r_v, r_t]),
                "the sign belongs to r_t only": torch.stack(
                    [
                        r_t,
                        (train.sign().mean() - held_out.sign().mean())
                        / (train.sign().mean() - fake.sign().mean()),
                    ]
                ),
            },
            otherwise="work the case out by hand: one mean of signs, and three means of logits",
        )
    trial.tried("vectors of one to four logits, in which the signs and the means say different things")


@check("auroc-of-a-judge")
def auroc_of_a_judge(trial: Trial) -> None:
    """Few logits with ties, far from 0, and a D that always answers the same."""
    for real, fake in (
        (numbers(5.0, 3.0, 4.0), numbers(1.0, 4.0)),
        (numbers(0.5, 2.0), numbers(-1.0, 1.0, 1.5)),
        (numbers(-3.0, -2.0), numbers(-9.0, -2.5, -2.0, -7.0)),
        (numbers(1.0, 1.0), numbers(1.0, 1.0, 1.0)),
        (numbers(0.0, 1.0, 10.0), numbers(2.0, 3.0)),
    ):
        a, b = real[:, None], fake[None]
        more, equal = (a > b).double().mean(), (a == b).double().mean()
        trial.differs(
            trial.number(real, fake),
            (more + equal / 2).item(),
            case=f"real_logits = {listed(real)}, fake_logits = {listed(fake)}",
            known={
                "pairs with equal logits count one half, and not 0": more.item(),
                "pairs with equal logits count one half, and not 1": (more + equal).item(),
                "this is the share of pairs with the larger logit of the *generated* sample": (
                    1 - more - equal / 2
                ).item(),
                "this is the accuracy with a threshold at 0; logits may lie on one side of it altogether": (
                    ((real > 0).double().mean() + (fake < 0).double().mean()) / 2
                ).item(),
                "this compares the means; a few large logits can turn those round": (
                    float(real.mean() > fake.mean())
                ),
                "this is a number of pairs; a share of all pairs is wanted": (
                    (more + equal / 2).item() * len(real) * len(fake)
                ),
            },
            otherwise="write down all pairs of the case, and count",
        )
    trial.tried("two or three real and two to four generated samples, with equal logits, and all below 0")


def _judge() -> tuple[nn.Sequential, Tensor, Tensor]:
    """Return a D with dropout and BatchNorm whose signs differ on two small sets, and these sets."""
    with own_random_numbers(60):
        D = nn.Sequential(
            nn.Linear(2, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 1), nn.Flatten(0)
        )
        train, held_out = torch.randn(16, 2) + 1.5, torch.randn(10, 2)
        for _ in range(20):
            D(torch.cat([train, held_out]))
        with torch.no_grad():
            middle = D.eval()(torch.cat([train, held_out])).median()
            list(D.parameters())[-1].sub_(middle)
    return D, train, held_out


@check("repair-memory-test")
def repair_memory_test(trial: Trial) -> None:
    """Ask about a D with dropout and BatchNorm, in both modes."""
    for training in (True, False):
        D, train, held_out = _judge()
        with torch.no_grad():
            a, b = D(train), D(held_out)
        state = {name: value.clone() for name, value in D.state_dict().items()}
        D.train(training)
        asked: list[Tensor] = []
        D.register_forward_pre_hook(lambda _, inputs, asked=asked: asked.append(inputs[0].clone()))
        mode = "training" if training else "evaluation"
        case = f"a small D with dropout and BatchNorm, in {mode} mode; 16 training and 10 held-out samples"
        got = trial.as_number(trial.call(D, train, held_out, mutable=True), case=case)
        if not any(torch.equal(samples[-len(held_out) :], held_out) for samples in asked):
            trial.fail("the held-out samples were not asked about", case)
        if any(not torch.equal(value, state[name]) for name, value in D.state_dict().items()):
            trial.fail(
                "asking has changed D: in training mode BatchNorm's running statistics move with every batch",
                case,
            )
        trial.differs(
            got,
            (a.sign().mean() - b.sign().mean()).item(),
            case=case,
            known={
                "the sign of a probability is 1, whatever D thinks; take the sign of the logit": 0.0,
                "this is the difference of the mean of the logits, without their signs": (
                    (a.mean() - b.mean()).item()
                ),
                "the sign is wrong: training samples minus held-out ones": (
                    (b.sign().mean() - a.sign().mean()).item()
                ),
                "this is the share of the held-out samples alone": b.sign().mean().item(),
                "this is the share of the training samples alone": a.sign().mean().item(),
            },
            otherwise="this is not the mean sign on training samples minus that on held-out ones",
        )
        if D.training != training:
            trial.fail("D was left in another mode than it was found in", case)
    trial.tried("a D with dropout and BatchNorm, in training mode and in evaluation mode")
