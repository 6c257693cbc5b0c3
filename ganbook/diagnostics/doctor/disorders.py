"""The disorders by name: what each is, what would confirm it, what to do, and where the book tells of it."""

from __future__ import annotations

from typing import NamedTuple

from ganbook.diagnostics.verdict import Fault, Verdict

PAGE = "when_it_goes_wrong.html"


class Disorder(NamedTuple):
    """What is known of a disorder."""

    severity: str
    message: str
    confirm: str
    advice: tuple[str, ...]
    anchor: bool = True


DISORDERS: dict[str, Disorder] = {
    "divergence": Disorder(
        "error",
        "Training diverges: the numbers grow without end, or have ceased to be numbers.",
        "look for the step at which the logits' size begins to grow in metrics.jsonl, and train up to it "
        "with a "
        "tenth of both rates",
        (
            "divide both learning rates by ten",
            "with the Wasserstein loss: bound the critic (gradient_penalty, weight_clip or spectral "
            "normalisation)",
            "add R1 (r1=0.1 to 1 for points, 1 to 10 for images)",
            "train in fp32 (precision=fp32), to see whether the precision is to blame",
        ),
    ),
    "d-has-won": Disorder(
        "error",
        "D has won: it tells every sample rightly and surely, so that the loss says nothing about which "
        "samples "
        "are better. With the saturating (minimax) loss G's gradient vanishes; with the non-saturating one "
        "it "
        "stays or grows, and says the same of all samples.",
        "freeze G, train D on for some hundred steps, and watch the gradient that G would get",
        (
            "with the minimax loss: take the non-saturating one",
            "add R1, which bounds D's slope at real samples",
            "give D fewer steps or a lower rate, or G a higher one",
            "add instance noise that falls to 0",
        ),
    ),
    "penalty-scale": Disorder(
        "error",
        "The gradient penalty is out of scale: so strong that D is flat, or so weak that it bounds nothing.",
        "train the first few hundred steps with a tenth and with ten times the strength, and compare D's "
        "slope",
        (
            "too strong (D's logits hardly differ): divide its weight by ten, until they do",
            "too weak (D's slope is far above 1 under WGAN-GP): multiply its weight by ten",
        ),
    ),
    "d-is-blind": Disorder(
        "error",
        "D is blind: the samples differ from the data, and D cannot tell or does not learn it. So G is not "
        "led "
        "anywhere.",
        "train a fresh D of the same build against the frozen G: if it tells them apart, D could see and "
        "did not "
        "learn (its rate, its steps, noise); if not, it is too small",
        (
            "look at D's learning rate and at what its optimiser holds (gb.diagnostics.lint_step)",
            "give D more units",
            "lower instance noise, weight clipping and penalties",
            "give D more steps for each of G (discriminator_steps)",
        ),
    ),
    "rotating-collapse": Disorder(
        "error",
        "The generator has collapsed, and what it makes changes from checkpoint to checkpoint: D chases it "
        "from "
        "one kind of sample to the next. The moving average of such a generator is worse than the generator.",
        "samples of several checkpoints side by side, or a film of them",
        (
            "let D look at batches: minibatch standard deviation or packing",
            "let D keep up: a higher rate for it, or more steps (discriminator_steps)",
            "lower rates, and betas with a first of 0 or 0.5",
            "do not trust the moving average here: it shows the middle between the places that G visits",
        ),
    ),
    "collapse": Disorder(
        "error",
        "The generator has collapsed: its samples are much more alike than the data, or leave out whole "
        "groups "
        "of them.",
        "look at the nearest neighbours among the samples, and at the coverage of the data's groups",
        (
            "let D look at batches: minibatch standard deviation or packing",
            "give D more steps (discriminator_steps) or a higher rate",
            "if G gives the same sample for every z: start again with lower rates, it will not come back",
            "add R1, or take the relativistic loss with R1 and R2",
        ),
    ),
    "oscillation": Disorder(
        "error",
        "The players go round: the samples wander as a whole from checkpoint to checkpoint and do not "
        "settle.",
        "draw the losses and the samples' mean against the step; train on with betas of (0, 0.99)",
        (
            "take betas with a first of 0 or 0.5: momentum drives such circles",
            "add R1, which damps them",
            "lower both rates; give D the higher one",
            "average the weights (ema_decay), which lies in the middle of a circle",
        ),
    ),
    "batchnorm": Disorder(
        "error",
        "Samples are drawn with other statistics or weights than were trained: the generator in eval mode, "
        "or "
        "its moving average, makes other samples than the generator in training.",
        "draw the same z in training mode, in eval mode, and from the average, side by side",
        (
            "train in training mode, sample in eval mode, and do not reset or freeze the running averages",
            "copy the buffers along with the weights into a moving average",
            "with a short run: a shorter average (ema_decay=0.99)",
            "take batches of 16 or more, or a normalisation that does not look at the batch",
        ),
    ),
    "g-memorises": Disorder(
        "warning",
        "The generator repeats training samples: its samples are nearer to them than to held-out ones by "
        "more "
        "than chance.",
        "show generated samples beside their nearest training samples",
        ("get more data", "stop earlier", "take a smaller generator or fewer steps", "augment what D sees"),
    ),
    "d-memorises": Disorder(
        "warning",
        "D knows the training samples by heart: it takes held-out samples for generated ones.",
        "watch D's logits of training and of held-out samples, and FID against held-out samples, over the "
        "run",
        (
            "augment what D sees, real and generated alike",
            "get more data",
            "stop before the gap opens",
            "a smaller D, or dropout or R1 in it",
        ),
    ),
    "data": Disorder(
        "warning",
        "There is something about the data themselves.",
        "look at the data: data.preview(), and a histogram of the values",
        (
            "bring images into [-1, 1]",
            "leave copies and constant channels out",
            "see that the folder, split and limit are the ones that you meant",
        ),
        anchor=False,
    ),
    "no-improvement": Disorder(
        "note",
        "The samples are still far from the data, and nothing above says why.",
        "train on for as long again, and compare the scores (ganbook evaluate) of both checkpoints",
        (
            "train longer",
            "change one thing at a time, with three seeds each",
            "take a recipe that is known to work",
        ),
        anchor=False,
    ),
}  # fmt: skip


def page(name: str) -> str:
    """Return the page of the book about a disorder, "" where there is none."""
    return f"{PAGE}#{name}" if DISORDERS[name].anchor else ""


def found(name: str, evidence: str, sure: str = "likely") -> Verdict:
    """Return the verdict that a disorder is there."""
    about = DISORDERS[name]
    return Verdict(
        [Fault(about.severity, about.message, evidence, sure, about.confirm, about.advice, page(name))]
    )
