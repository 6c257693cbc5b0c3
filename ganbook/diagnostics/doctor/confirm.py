"""The confirming tests: small experiments on a run's last checkpoint, which leave the run as it is."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ganbook.data import Dataset
from ganbook.diagnostics.doctor import measure
from ganbook.diagnostics.doctor.gather import NUM, fake_labels, logits
from ganbook.diagnostics.doctor.subject import Real, Subject, load_real, load_weights, networks
from ganbook.diagnostics.report import Finding, Report
from ganbook.errors import UserError
from ganbook.losses import LOSSES
from ganbook.models import Discriminator, Generator
from ganbook.support.progress import progress_bar
from ganbook.training import sample_generator

STEPS = 300
LOOKS = (0, 10, 30, 100, 300)  # steps of D after which G's gradient is looked at
SEES = 0.8  # AUROC on samples that the fresh D was not trained on

Tick = Callable[[], object]


class Answer(NamedTuple):
    """What a confirming test says: confirmed (True), not confirmed (False); and the numbers."""

    confirmed: bool
    numbers: str


@dataclasses.dataclass(frozen=True)
class Bench:
    """The last checkpoint's pair, real samples and the settings: what the tests work on."""

    generator: Generator
    discriminator: Discriminator
    real: Real
    loss: str
    batch: int
    rate: float

    def fakes(self, num: int, seed: int) -> Tensor:
        """Draw samples from the generator as it is trained, (num, ...)."""
        return sample_generator(self.generator, self.generator.latent_dim, num, seed)


def confirm_findings(
    report: Report,
    subject: Subject,
    data: Dataset | None,
    held_out: Dataset | None,
    data_dir: str | Path | None,
    progress: bool,
) -> Report:
    """Return a report with the result of each finding's test in its evidence."""
    tests = [f for f in report.findings if f.name in TESTS]
    if not tests or subject.state is None:
        return report
    try:
        bench = set_up(subject, data, held_out, data_dir)
    except UserError as error:
        return dataclasses.replace(report, skipped=report.skipped | {"confirming tests": str(error)})
    answers: dict[str, Answer] = {}
    with progress_bar(len(tests) * STEPS, name="confirming", unit="steps", show=progress) as bar:
        for finding in tests:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                answers[finding.name] = TESTS[finding.name](bench, lambda: bar.update(1))
    return dataclasses.replace(report, findings=tuple(_with_answer(f, answers) for f in report.findings))


def _with_answer(finding: Finding, answers: dict[str, Answer]) -> Finding:
    if finding.name not in answers:
        return finding
    answer = answers[finding.name]
    words = "confirmed" if answer.confirmed else "not confirmed"
    sure = "sure" if answer.confirmed else "possible"
    return dataclasses.replace(
        finding, evidence=f"{finding.evidence}. Test: {words}: {answer.numbers}", sure=sure
    )


def set_up(
    subject: Subject, data: Dataset | None, held_out: Dataset | None, data_dir: str | Path | None
) -> Bench:
    """Build the last checkpoint's pair, and load real samples.

    Raises
    ------
    UserError
        If one of them cannot be had.
    """
    folder, state = subject.checkpoints[-1]
    real = load_real(
        subject, data, held_out, 2 * NUM.get(state["data"].get("kind", "images"), 1000), data_dir
    )
    generator, discriminator = networks(state)
    load_weights(generator, folder, "generator")
    load_weights(discriminator, folder, "discriminator")
    config = state["config"]
    return Bench(
        generator.requires_grad_(False), discriminator, real, config["loss"],
        min(config["batch_size"], 128), min(max(config["discriminator_lr"], 1e-4), 2e-3),
    )  # fmt: skip


# ----------------------------------------------------------------------------------------------- the tests


def fresh_sees(bench: Bench, tick: Tick) -> Answer:
    """Train a fresh D of the same build against the frozen G, and ask it what the old one does not tell."""
    auc, old = two_sample(bench, _fresh(bench.discriminator), tick), _auc(bench, bench.discriminator)
    seen = (
        f"a fresh D of the same build reaches an AUROC of {auc:.2f} in {STEPS} steps, the run's has {old:.2f}"
    )
    if auc > SEES:
        return Answer(True, f"{seen}: it could see, and did not learn to")
    return Answer(old < SEES, f"{seen}: it is too small to see, or there is little to be seen")


def gradient_table(bench: Bench, tick: Tick) -> Answer:
    """Train D on against the frozen G, and look at the gradient that each loss would give G."""
    discriminator = copy.deepcopy(bench.discriminator).train()
    seen = {0: g_gradients(bench, discriminator)}
    for step in train_d(bench, discriminator, tick):
        if step in LOOKS:
            seen[step] = g_gradients(bench, discriminator)
    table = ", ".join(f"{step}: {s:.1e} / {n:.1e}" for step, (s, n) in seen.items())
    auc, (saturating, other) = _auc(bench, discriminator), seen[LOOKS[-1]]
    seen_words = f"G's gradient (saturating / non-saturating) after so many further steps of D is {table}"
    return Answer(auc > 0.99 and saturating < 0.1 * other, f"{seen_words}; D's AUROC is {auc:.2f}")


def collapsed(bench: Bench, tick: Tick) -> Answer:
    """Compare the samples of z and -z, and see how well a fresh D tells samples from data."""
    z = torch.randn(256, bench.generator.latent_dim)
    labels = fake_labels(bench.generator, len(z))
    given = () if labels is None else (labels,)
    generator = bench.generator.eval()
    with torch.no_grad():
        opposite = measure.features(generator(z, *given)) - measure.features(generator(-z, *given))
    ratio = float(opposite.norm(dim=1).mean()) / measure.spread(measure.features(bench.real.train()[:1000]))
    auc = two_sample(bench, _fresh(bench.discriminator), tick)
    seen = f"z and -z give samples {ratio:.2f} of the data's spread apart"
    return Answer(
        auc > SEES or ratio < 0.5,
        f"{seen}; a fresh D tells samples from data with an AUROC of {auc:.2f} in {STEPS} steps",
    )


TESTS: dict[str, Callable[[Bench, Tick], Answer]] = {
    "d-has-won": gradient_table,
    "d-is-blind": fresh_sees,
    "penalty-scale": fresh_sees,
    "collapse": collapsed,
    "rotating-collapse": collapsed,
}


# ------------------------------------------------------------------------------------- what they are made of


def _fresh(network: nn.Module) -> nn.Module:
    twin = copy.deepcopy(network)
    for module in twin.modules():
        reset = getattr(module, "reset_parameters", None)
        if callable(reset):
            reset()
    return twin.train()


def train_d(bench: Bench, discriminator: nn.Module, tick: Tick, rate: float | None = None) -> Iterator[int]:
    """Train a D against the frozen G for STEPS steps of the first GAN; yield the number of each."""
    optimizer = torch.optim.Adam(discriminator.parameters(), rate or bench.rate, betas=(0.5, 0.999))
    loss = LOSSES["non-saturating"].discriminator
    x, labels = bench.real.train(), bench.real.labels()
    half = len(x) // 2
    fakes = bench.fakes(max(half, bench.batch), seed=2)
    fake_y = fake_labels(discriminator, len(fakes))
    conditional = bool(getattr(discriminator, "num_classes", 0))
    for step in range(1, STEPS + 1):
        real_rows, fake_rows = torch.randint(half, (bench.batch,)), torch.randint(len(fakes), (bench.batch,))
        on_real = discriminator(
            x[real_rows], *((labels[real_rows],) if conditional and labels is not None else ())
        )
        on_fake = discriminator(fakes[fake_rows], *(() if fake_y is None else (fake_y[fake_rows],)))
        optimizer.zero_grad()
        loss(on_real, on_fake).backward()
        optimizer.step()
        tick()
        yield step


def two_sample(bench: Bench, discriminator: nn.Module, tick: Tick) -> float:
    """Train a D against the frozen G, and return its AUROC on samples that it has not seen."""
    for _ in train_d(bench, discriminator, tick, rate=1e-3):
        pass
    return _auc(bench, discriminator)


def _auc(bench: Bench, discriminator: nn.Module) -> float:
    x, labels = bench.real.train(), bench.real.labels()
    half = len(x) // 2
    fakes = bench.fakes(len(x) - half, seed=3)
    on_real = logits(discriminator, x[half:], None if labels is None else labels[half:], bench.batch)
    on_fake = logits(discriminator, fakes, fake_labels(discriminator, len(fakes)), bench.batch)
    discriminator.train()
    return measure.auc(on_real, on_fake)


def g_gradients(bench: Bench, discriminator: nn.Module) -> tuple[float, float]:
    """Return the length of G's gradient under the saturating and the non-saturating loss."""
    generator = copy.deepcopy(bench.generator).train().requires_grad_(True)
    z = torch.randn(bench.batch, generator.latent_dim, generator=torch.Generator().manual_seed(4))
    labels = fake_labels(generator, len(z))
    given = () if labels is None else (labels,)
    answers = discriminator(generator(z, *given), *given)
    lengths = []
    for name in ("minimax", "non-saturating"):
        generator.zero_grad()
        gradients = torch.autograd.grad(
            LOSSES[name].generator(None, answers), list(generator.parameters()), retain_graph=True
        )
        lengths.append(float(torch.stack([g.norm() for g in gradients]).norm()))
    return lengths[0], lengths[1]
