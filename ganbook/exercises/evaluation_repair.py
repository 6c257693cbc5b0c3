"""Evaluations to mend."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ganbook import metrics
from ganbook.exercises.exercise import Exercise, Wrong

if TYPE_CHECKING:
    from ganbook.exercises.grading.trial import Trial

# ------------------------------------------------------------------------------------ repair: the samples


class _Generator(nn.Module):
    """A generator of 1 x 2 x 2 images that notes how it was called."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(seed)
        self.weight = nn.Parameter(torch.randn(6, 4, generator=rng))
        self.calls: list[tuple[Tensor, bool]] = []
        self.outputs: list[Tensor] = []

    def forward(self, z: Tensor) -> Tensor:
        self.calls.append((z.detach().clone(), self.training))
        images = (z @ self.weight).tanh().unflatten(1, (1, 2, 2))
        self.outputs.append(images.detach())
        return images


def _check_samples(trial: Trial) -> None:
    for num, was_training in ((600, True), (7, True), (600, False)):
        _check_samples_once(trial, num, was_training)
    trial.tried(
        "600 and 7 images of a generator with latents of length 6, found in train mode and in eval mode"
    )


def _check_samples_once(trial: Trial, num: int, was_training: bool) -> None:
    G, G_ema = _Generator(1).train(not was_training), _Generator(2).train(was_training)
    rng = torch.Generator().manual_seed(0)
    test_images = torch.randint(256, (700, 1, 4, 4), generator=rng, dtype=torch.uint8)
    case = f"num = {num}, latent_dim = 6"
    images = trial.call(G, G_ema, test_images, num, 6, mutable=True)
    if G.calls:
        trial.fail(
            "The samples come from G. It is the average of its weights, G_ema, that is to be "
            "judged: the weights of the last step alone swing to and fro.",
            case=case,
        )
    if not G_ema.calls:
        trial.fail("G_ema was never asked for a sample.", case=case)
    if any(training for _, training in G_ema.calls):
        trial.fail(
            "G_ema draws in train mode. Then BatchNorm normalises with the statistics of the "
            "batch, so that an image depends on its neighbours in it.",
            case=case,
        )
    _check_latents(trial, torch.cat([z for z, _ in G_ema.calls]), test_images, num, case)
    outputs = torch.cat(G_ema.outputs)
    if isinstance(images, Tensor) and images.dtype != torch.uint8:
        trial.fail(
            f"The images are {images.dtype}. Real images are torch.uint8, whole numbers from 0 "
            f"to 255, and the generated ones have "
            "to be the same before they are compared.",
            case=case,
        )
    trial.differs(
        trial.as_tensor(images, shape=(num, 1, 2, 2)),
        ((outputs + 1) * 127.5).round(),
        case=case,
        known={
            "The values are cut off, not rounded: 200.9 becomes 200. All images come out darker "
            "than they are, by half a grey level.": ((outputs + 1) * 127.5).floor(),
            "The generator gives values from -1 to 1; times 255 all negative ones leave the "
            "range of uint8, and wrap round or are lost.": (outputs * 255).to(torch.uint8),
            "Negative values became 0: half of the grey scale is lost. The generator gives "
            "values from -1 to 1, not from 0 to 1.": (outputs.clamp(0, 1) * 255).round(),
            "The absolute values were taken: dark and light parts look alike.": (outputs.abs() * 255).round(),
            "The grey scale is turned round.": ((1 - outputs) * 127.5).round(),
            "The values end at 127 or so: half of the grey scale is not used.": (
                (outputs + 1) / 2 * 127.5
            ).round(),
        },
        rtol=0,
        atol=0.01,
        otherwise="The grey values are wrong: -1 has to become 0, 1 has to become 255, in proportion.",
    )
    if G_ema.training != was_training or G.training == was_training:
        trial.fail(
            "A generator is left in another mode than it was found in. The training goes on "
            "after an evaluation, with a BatchNorm that no longer learns its statistics (or that "
            "suddenly does).",
            case=f"{case}, found in {'train' if was_training else 'eval'} mode",
        )


def _check_latents(trial: Trial, z: Tensor, test_images: Tensor, num: int, case: str) -> None:
    if z.shape != (num, 6):
        trial.fail(
            f"The generator was fed latents of shape {tuple(z.shape)}, not (num, latent_dim).", case=case
        )
    pixels = test_images[:num].float().flatten(1)[:, :6]
    scaled = (z - z.mean()) / z.std()
    if (scaled - (pixels - pixels.mean()) / pixels.std()).abs().max() < 1e-3:
        trial.fail(
            "The generator is fed pixels of test images. It takes noise; what it makes of pixels "
            "says nothing about what it makes of noise.",
            case=case,
        )
    if num < 100:
        return
    if len(z.unique(dim=0)) < num:
        trial.fail("Some latents come more than once, so that images repeat.", case=case)
    mean, std = z.mean().item(), z.std().item()
    if abs(mean) > 0.1 or abs(std - 1) > 0.1 or abs((z - mean).pow(4).mean().item() / std**4 - 3) > 0.5:
        trial.fail(
            "The latents are not those that it was trained with: these are standard normal, with "
            "mean 0 and standard deviation 1 "
            f"(yours have mean {mean:.2f} and standard deviation {std:.2f}).",
            case=case,
        )


_SAMPLES = """import torch


def generated_images(G, G_ema, test_images, num, latent_dim):
{before}    with torch.no_grad():
        z = {z}
        images = {net}(z)
{after}    return {result}
"""
_SAMPLES_BROKEN = {
    "before": "",
    "z": "test_images[:num].float().flatten(1)[:, :latent_dim]",
    "net": "G",
    "after": "",
    "result": "(images * 255).to(torch.uint8)",
}
_SAMPLES_RIGHT = {
    "before": "    was_training = G_ema.training\n    G_ema.eval()\n",
    "z": "torch.randn(num, latent_dim)",
    "net": "G_ema",
    "after": "    G_ema.train(was_training)\n",
    "result": "((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)",
}

REPAIR_SAMPLES = Exercise(
    name="repair-samples",
    title="Repair: the samples that are judged",
    chapter="evaluation",
    kind="repair",
    difficulty=2,
    statement=r"""`generated_images` is to give the images that a FID is computed of: `num` images of the
*averaged* generator `G_ema` (shape `(num, C, H, W)`, `torch.uint8`), as it draws them when it is used. Both
generators were trained on standard normal latents of shape `(N, latent_dim)` and give values in $[-1, 1]$,
where $-1$ is black (0) and $1$ is white (255); grey values are rounded to the nearest whole number.
Afterwards both generators must be in the mode (train or eval) in which they were before. The function runs,
and four things are wrong with it. Mend it; keep its name and its arguments, whether you need them all or
not.""",
    starter=_SAMPLES.format(**_SAMPLES_BROKEN),
    answer="generated_images",
    check=_check_samples,
    hints=(
        "Go through the line of events: what goes in, which network, in which mode, what comes out.",
        "What a generator takes is noise. What did it see in training? And what does BatchNorm "
        "do in train mode?",
        "`z = torch.randn(num, latent_dim)`; `G_ema.eval()` before and "
        "`G_ema.train(was_training)` after; and from [-1, 1] to [0, 255] by `(images + 1) * "
        "127.5`, rounded.",
    ),
    solutions=(
        _SAMPLES.format(**_SAMPLES_RIGHT),
        """import torch

import ganbook as gb


def generated_images(G, G_ema, test_images, num, latent_dim):
    mode = G_ema.training
    try:
        G_ema.train(False)
        with torch.inference_mode():
            parts = [G_ema(z) for z in torch.randn(num, latent_dim).split(100)]
    finally:
        G_ema.train(mode)
    return gb.data.to_uint8(torch.cat(parts))
""",
    ),
    explanation="""Four faults, and none of them stops the program. Pixels are no latents. The weights of a
single step are not the averaged ones. In train mode BatchNorm mixes the images of a batch (and learns from
them). And `(images * 255).to(torch.uint8)` wraps negative values round and cuts fractions off. Each moves
the FID, and none of them has to do with how good the generator is.""",
    wrong=(
        *(
            Wrong(_SAMPLES.format(**_SAMPLES_RIGHT | changes), because)
            for changes, because in (
                ({"net": "G"}, "The samples come from G."),
                ({"before": "", "after": ""}, "draws in train mode"),
                ({"z": _SAMPLES_BROKEN["z"]}, "fed pixels of test images"),
                ({"z": "torch.rand(num, latent_dim)"}, "not those that it was trained with"),
                ({"result": "(images * 255).to(torch.uint8)"}, "leave the range of uint8"),
                ({"result": "((images + 1) * 127.5).to(torch.uint8)"}, "cut off, not rounded"),
                (
                    {"result": "(images.clamp(0, 1) * 255).round().to(torch.uint8)"},
                    "Negative values became 0",
                ),
                ({"result": "(images + 1) * 127.5"}, "whole numbers from 0 to 255"),
                (
                    {"before": "    G_ema.eval()\n", "after": ""},
                    "left in another mode than it was found in",
                ),
            )
        ),
    ),
)

# ---------------------------------------------------------------------------------------- repair: the FID


def _check_evaluation(trial: Trial) -> None:
    for sizes in (((40, 40, 20), (40, 40, 20)), ((30, 30, 30, 30), (50, 50)), ((25, 25), (30, 30, 30, 5))):
        _check_evaluation_once(trial, *sizes)
    trial.tried("100 against 100, 120 against 100 and 50 against 95 images, in batches of different sizes")


def _check_evaluation_once(trial: Trial, test_sizes: tuple[int, ...], fake_sizes: tuple[int, ...]) -> None:
    rng = torch.Generator().manual_seed(0)

    def images(num: int, low: int, high: int) -> Tensor:
        return torch.randint(low, high, (num, 1, 2, 2), generator=rng, dtype=torch.uint8)

    train, test, fake = images(200, 0, 200), images(sum(test_sizes), 0, 256), images(sum(fake_sizes), 60, 256)
    weight = torch.randn(4, 3, generator=rng) / 100
    names = {tuple(row): name for name, rows in (("fake", fake), ("test", test), ("train", train))
             for row in rows.flatten(1).tolist()}  # fmt: skip
    seen: set[tuple[int, ...]] = set()
    case = f"test batches of {list(test_sizes)} images, generated batches of {list(fake_sizes)}"

    def judge(batch: Tensor) -> Tensor:
        rows = [tuple(row) for row in torch.as_tensor(batch).flatten(1).tolist()]
        if any(row not in names for row in rows):
            trial.fail(
                "The judge was given images that are not the ones handed over: their values were "
                "changed on the way. Whatever is done to one set and not to the other, the FID "
                "takes for a difference of the two.",
                case=case,
            )
        if any(names[row] == "train" for row in rows):
            trial.fail(
                "The real features are those of training images. A generator that copies them "
                "would get the best FID of all; the function is to hold it against the test "
                "images.",
                case=case,
            )
        seen.update(rows)
        return torch.as_tensor(batch).flatten(1).float() @ weight

    def features(x: Tensor) -> Tensor:
        return x.flatten(1).double() @ weight.double()

    def fid(a: Tensor, b: Tensor) -> float:
        return metrics.frechet_distance(features(a), features(b))

    tests, fakes = test.split(test_sizes), fake.split(fake_sizes)
    got = trial.number(judge, list(train.split(50)), list(tests), list(fakes))
    missing = [name for row, name in names.items() if name != "train" and row not in seen]
    if missing:
        kind = "test" if "test" in missing else "generated"
        trial.fail(
            f"Some {kind} images were never looked at. `zip` ends with the shorter of its lists.",
            case=case,
            got=got,
        )
    by_batch = [fid(a, b) for a, b in zip(tests, fakes, strict=False) if min(len(a), len(b)) > 3]
    trial.differs(
        got,
        fid(test, fake),
        case=case,
        rtol=1e-3,
        known={
            "That is the average of the FIDs of the batches. FID is too high by about c/N, and a "
            "batch has few samples: the mean of many biased scores is as biased as each of them.": sum(
                by_batch
            )
            / len(by_batch),
            "That is the sum of the FIDs of the batches.": sum(by_batch),
            "That is the FID of the last batches only.": by_batch[-1],
            "That is the FID of the first batches only.": by_batch[0],
            "That is the lowest of the FIDs of the batches.": min(by_batch),
        },
        otherwise="The value is not the FID of all generated images against all test images.",
    )


_EVALUATE_SOLUTION = """import torch

from ganbook import metrics


def evaluate(judge, train_batches, test_batches, fake_batches):
    real = torch.cat([judge(batch) for batch in test_batches])
    fake = torch.cat([judge(batch) for batch in fake_batches])
    return metrics.frechet_distance(real, fake)
"""
_EVALUATE_BY_BATCH = """from ganbook import metrics


def evaluate(judge, train_batches, test_batches, fake_batches):
    total = 0.0
    for real, fake in zip({real}, fake_batches):
        features = judge(real), judge({fake})
        total += metrics.frechet_distance(*features)
    return total / len(fake_batches)
"""

REPAIR_EVALUATION = Exercise(
    name="repair-evaluation",
    title="Repair: a FID by batches",
    chapter="evaluation",
    kind="repair",
    difficulty=3,
    statement=r"""`evaluate` is to return one number: the FID of **all** generated images against **all**
real *test* images. `judge` is the feature extractor: it takes uint8 images of shape `(N, C, H, W)` and
returns features `(N, d)`; it scales the pixels itself. The other arguments are lists of batches of such
images; the lists need not be equally long, nor the batches equally large. `metrics.frechet_distance` is
correct. The function runs, and four things are wrong with it.
Mend it; keep its name and its arguments, whether you need them all or not.""",
    starter=_EVALUATE_BY_BATCH.format(real="train_batches", fake="fake.float() / 255"),
    answer="evaluate",
    check=_check_evaluation,
    hints=(
        "Which images go into the judge, on either side, and are they treated alike?",
        "What is the bias of a FID of one batch? And what does `zip` do with lists of different lengths?",
        "Collect the *features* of all batches first, `torch.cat` them, and compute one FID at the end.",
    ),
    solutions=(
        _EVALUATE_SOLUTION,
        """from ganbook.metrics import Moments, frechet_distance


def evaluate(judge, train_batches, test_batches, fake_batches):
    real, fake = Moments(), Moments()
    for batch in test_batches:
        real = real.update(judge(batch))
    for batch in fake_batches:
        fake = fake.update(judge(batch))
    return frechet_distance(real, fake)
""",
        """import torch

from ganbook import metrics


def evaluate(judge, train_batches, test_batches, fake_batches):
    real, fake = judge(torch.cat(test_batches)), judge(torch.cat(fake_batches))
    return metrics.frechet_distance(fake, real)
""",
    ),
    explanation="""The features of all images belong into *one* mean and one covariance: the FID of a small
batch is mostly bias, and averaging does not remove a bias. Real and generated images must take the same way
to the features. The real ones are held out, or copies would win. And `zip` drops the rest of the longer
list without a word.""",
    wrong=(
        Wrong(
            _EVALUATE_BY_BATCH.format(real="test_batches", fake="fake"),
            "the average of the FIDs of the batches",
        ),
        Wrong(_EVALUATE_SOLUTION.replace("in test_batches", "in train_batches"), "those of training images"),
        Wrong(
            _EVALUATE_SOLUTION.replace(
                "judge(batch) for batch in fake", "judge(batch / 255) for batch in fake"
            ),
            "are not the ones handed over",
        ),
        Wrong(
            """import torch

from ganbook import metrics


def evaluate(judge, train_batches, test_batches, fake_batches):
    real, fake = [], []
    for a, b in zip(test_batches, fake_batches):
        real.append(judge(a))
        fake.append(judge(b))
    return metrics.frechet_distance(torch.cat(real), torch.cat(fake))
""",
            "`zip` ends with the shorter",
        ),
        Wrong(
            """from ganbook import metrics


def evaluate(judge, train_batches, test_batches, fake_batches):
    fids = [metrics.frechet_distance(judge(a), judge(b)) for a, b in zip(test_batches, fake_batches)]
    return min(fids)
""",
            "the lowest of the FIDs",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (
    REPAIR_SAMPLES,
    REPAIR_EVALUATION,
)
