"""Checks: evaluations to be repaired."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganbook import metrics
from ganbook.exercises.chapters.registry import check
from ganbook.exercises.grading.trial import Trial


@check("repair-samples")
def repair_samples(trial: Trial) -> None:
    """Hand over a generator that notes how it is called, in train mode and in eval mode."""
    for num, was_training in ((600, True), (7, True), (600, False)):
        _check_samples_once(trial, num, was_training)
    trial.tried(
        "600 and 7 images of a generator with latents of length 6, found in train mode and in eval mode"
    )


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


def _check_samples_once(trial: Trial, num: int, was_training: bool) -> None:
    G, G_ema = _Generator(1).train(not was_training), _Generator(2).train(was_training)
    rng = torch.Generator().manual_seed(0)
    test_images = torch.randint(256, (700, 1, 4, 4), generator=rng, dtype=torch.uint8)
    case = f"num = {num}, latent_dim = 6"
    images = trial.call(G, G_ema, test_images, num, 6, mutable=True)
    if G.calls:
        trial.fail(
            "The samples come from G. "
            "It is the average of its weights, G_ema, that is to be judged: "
            "the weights of the last step alone swing to and fro.",
            case=case,
        )
    if not G_ema.calls:
        trial.fail("G_ema was never asked for a sample.", case=case)
    if any(training for _, training in G_ema.calls):
        trial.fail(
            "G_ema draws in train mode. "
            "Then BatchNorm normalises with the statistics of the batch, "
            "so that an image depends on its neighbours in it.",
            case=case,
        )
    _check_latents(trial, torch.cat([z for z, _ in G_ema.calls]), test_images, num, case)
    _check_grey_values(trial, images, torch.cat(G_ema.outputs), case)
    if G_ema.training != was_training or G.training == was_training:
        trial.fail(
            "A generator is left in another mode than it was found in. "
            "The training goes on after an evaluation, "
            "with a BatchNorm that no longer learns its statistics (or that suddenly does).",
            case=f"{case}, found in {'train' if was_training else 'eval'} mode",
        )


def _check_grey_values(trial: Trial, images: object, outputs: Tensor, case: str) -> None:
    if isinstance(images, Tensor) and images.dtype != torch.uint8:
        trial.fail(
            f"The images are {images.dtype}. "
            "Real images are torch.uint8, whole numbers from 0 to 255, "
            "and the generated ones have to be the same before they are compared.",
            case=case,
        )
    trial.differs(
        trial.as_tensor(images, shape=outputs.shape),
        ((outputs + 1) * 127.5).round(),
        case=case,
        known={
            "The values are cut off, not rounded: 200.9 becomes 200. "
            "All images come out darker than they are, by half a grey level.": (
                ((outputs + 1) * 127.5).floor()
            ),
            "The generator gives values from -1 to 1; "
            "times 255 all negative ones leave the range of uint8, and wrap round or are lost.": (
                (outputs * 255).to(torch.uint8)
            ),
            "Negative values became 0: half of the grey scale is lost. "
            "The generator gives values from -1 to 1, not from 0 to 1.": (outputs.clamp(0, 1) * 255).round(),
            "The absolute values were taken: dark and light parts look alike.": (outputs.abs() * 255).round(),
            "The grey scale is turned round.": ((1 - outputs) * 127.5).round(),
            "The values end at 127 or so: half of the grey scale is not used.": (
                ((outputs + 1) / 2 * 127.5).round()
            ),
        },
        rtol=0,
        atol=0.01,
        otherwise="The grey values are wrong: -1 has to become 0, 1 has to become 255, in proportion.",
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
            "The generator is fed pixels of test images. "
            "It takes noise; what it makes of pixels says nothing about what it makes of noise.",
            case=case,
        )
    if num < 100:
        return
    if len(z.unique(dim=0)) < num:
        trial.fail("Some latents come more than once, so that images repeat.", case=case)
    mean, std = z.mean().item(), z.std().item()
    if abs(mean) > 0.1 or abs(std - 1) > 0.1 or abs((z - mean).pow(4).mean().item() / std**4 - 3) > 0.5:
        trial.fail(
            "The latents are not those that it was trained with: "
            "these are standard normal, with mean 0 and standard deviation 1 "
            f"(yours have mean {mean:.2f} and standard deviation {std:.2f}).",
            case=case,
        )


@check("repair-evaluation")
def repair_evaluation(trial: Trial) -> None:
    """Hand over batches of different sizes, and a judge that knows each image."""
    for sizes in (((40, 40, 20), (40, 40, 20)), ((30, 30, 30, 30), (50, 50)), ((25, 25), (30, 30, 30, 5))):
        _check_evaluation_once(trial, *sizes)
    trial.tried("100 against 100, 120 against 100 and 50 against 95 images, in batches of different sizes")


def _check_evaluation_once(trial: Trial, test_sizes: tuple[int, ...], fake_sizes: tuple[int, ...]) -> None:
    rng = torch.Generator().manual_seed(0)

    def images(num: int, low: int, high: int) -> Tensor:
        return torch.randint(low, high, (num, 1, 2, 2), generator=rng, dtype=torch.uint8)

    train, test, fake = images(200, 0, 200), images(sum(test_sizes), 0, 256), images(sum(fake_sizes), 60, 256)
    case = f"test batches of {list(test_sizes)} images, generated batches of {list(fake_sizes)}"
    weight = torch.randn(4, 3, generator=rng) / 100
    names = {
        image: name
        for name, batch in (("fake", fake), ("test", test), ("train", train))
        for image in _pixels(batch)
    }
    looked_at: set[tuple[int, ...]] = set()

    def judge(batch: Tensor) -> Tensor:
        batch = torch.as_tensor(batch)
        _refuse_images(trial, _pixels(batch), names, case)
        looked_at.update(_pixels(batch))
        return batch.flatten(1).float() @ weight

    def fid(a: Tensor, b: Tensor) -> float:
        return metrics.frechet_distance(*(x.flatten(1).double() @ weight.double() for x in (a, b)))

    tests, fakes = test.split(test_sizes), fake.split(fake_sizes)
    got = trial.number(judge, list(train.split(50)), list(tests), list(fakes))
    missing = {name for image, name in names.items() if name != "train" and image not in looked_at}
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
            "That is the average of the FIDs of the batches. "
            "FID is too high by about c/N, and a batch has few samples: "
            "the mean of many biased scores is as biased as each of them.": sum(by_batch) / len(by_batch),
            "That is the sum of the FIDs of the batches.": sum(by_batch),
            "That is the FID of the last batches only.": by_batch[-1],
            "That is the FID of the first batches only.": by_batch[0],
            "That is the lowest of the FIDs of the batches.": min(by_batch),
        },
        otherwise="The value is not the FID of all generated images against all test images.",
    )


def _refuse_images(
    trial: Trial, images: list[tuple[int, ...]], names: dict[tuple[int, ...], str], case: str
) -> None:
    """Fail if the judge is asked about images that it is not to see; `names` holds those handed over."""
    if any(image not in names for image in images):
        trial.fail(
            "The judge was given images that are not the ones handed over: "
            "their values were changed on the way. "
            "Whatever is done to one set and not to the other, the FID takes for a difference of the two.",
            case=case,
        )
    if any(names[image] == "train" for image in images):
        trial.fail(
            "The real features are those of training images, and the test images are asked for. "
            "Either can be the convention; "
            "but scores against different real images do not compare.",
            case=case,
        )


def _pixels(images: Tensor) -> list[tuple[int, ...]]:
    return [tuple(image) for image in images.flatten(1).tolist()]
