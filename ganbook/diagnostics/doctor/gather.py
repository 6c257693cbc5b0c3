"""From a run to evidence: samples are drawn, D is asked, and all is turned into numbers."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ganbook.data import Dataset
from ganbook.diagnostics.doctor import measure
from ganbook.diagnostics.doctor.evidence import (
    CopySigns,
    CriticSigns,
    DataSigns,
    Evidence,
    ModeSigns,
    Snapshot,
)
from ganbook.diagnostics.doctor.measure import Yardstick, features
from ganbook.diagnostics.doctor.subject import Real, Subject, load_real, load_weights, networks
from ganbook.errors import UserError
from ganbook.metrics import memorisation, memorisation_band
from ganbook.models import Discriminator, Generator
from ganbook.training import sample_generator
from ganbook.training.symptoms import FEWEST, read_signs

NUM = {"points": 2000, "images": 1000}
SEED = 0
EARLY = 100  # steps: before, no sample is good, and no average has moved


def gather(
    subject: Subject,
    data: Dataset | None = None,
    held_out: Dataset | None = None,
    data_dir: str | Path | None = None,
) -> Evidence:
    """Look at all that there is of a run.

    Parameters
    ----------
    subject : Subject
        The run.
    data, held_out : Dataset, optional
        What it learned from, and other samples of the same kind, where they are not from `load_dataset`.
    data_dir : str or Path, optional
        Where the data are now.

    Returns
    -------
    Evidence
        What could not be seen is None; `missing` says why.
    """
    missing: dict[str, str] = {}
    found: dict[str, Any] = {}
    log, state = read_signs(subject.records), subject.state
    if log is None:
        missing["log"] = f"the log has {len(subject.records)} records that can be read; it takes {FEWEST}"
    elif log.last_step < EARLY and log.infinite_since is None:
        missing["log"] = early(log.last_step)
        log = None
    if state is None:
        missing["samples"] = "; ".join(["there is no checkpoint that can be loaded", *subject.notes])
    else:
        try:
            num = NUM.get(state["data"].get("kind", "images"), 1000)
            real = load_real(subject, data, held_out, num, data_dir)
            found["data"] = look_at_data(real)
            if state["step"] < EARLY:
                raise UserError(early(state["step"]))
            with torch.random.fork_rng(devices=[]):
                found |= _look_at_networks(subject, real, missing)
        except UserError as error:
            missing["samples"] = str(error)
    return Evidence(
        settings=subject.settings, records=len(subject.records), log=log, diverged=subject.diverged,
        missing=missing, **found,
    )  # fmt: skip


def early(step: int) -> str:
    """Return why a young run is not judged."""
    return f"the run has done {step} steps; before {EARLY} nothing can be concluded"


def _look_at_networks(subject: Subject, real: Real, missing: dict[str, str]) -> dict[str, Any]:
    folder, state = subject.checkpoints[-1]
    generator, discriminator = networks(state)
    train = real.train()
    truth = getattr(real.data, "truth", None)
    yardstick = Yardstick.of(features(train), None if truth is None else truth.modes)
    num = max(500, len(train))
    snapshots: list[Snapshot] = []
    before: Tensor | None = None
    for path, its_state in subject.checkpoints[-4:]:
        if its_state["step"] == 0 and len(subject.checkpoints) > 1:
            continue  # before any training
        raw, average = (draw(generator, path, name, num) for name in ("generator", "ema"))
        centre = features(raw).mean(dim=0)
        move = None if before is None else float((centre - before).norm()) / yardstick.real_spread
        on_raw, on_average = (yardstick.look(features(x)) for x in (raw, average))
        move = None if on_raw is None else move
        snapshots.append(Snapshot(its_state["step"], on_raw, on_average, move))
        before = centre
    found: dict[str, Any] = {"snapshots": tuple(snapshots)}
    load_weights(discriminator, folder, "discriminator")
    if raw.isfinite().all():
        found["critic"] = ask_critic(discriminator, real, raw, state["config"]["batch_size"])
        found["modes"] = compare_modes(generator, folder, features(train), state["config"]["batch_size"])
    held = real.held()
    if held is None:
        missing["held out"] = "there are no held-out samples"
    elif average.isfinite().all():
        found["copies"] = look_for_copies(average, train, held[0])
    return found


def draw(generator: Generator, folder: Path, name: str, num: int) -> Tensor:
    """Draw samples from a checkpoint's generator: "generator" as it is trained, or "ema", the average."""
    load_weights(generator, folder, name)
    return sample_generator(generator, generator.latent_dim, num, SEED)


# ----------------------------------------------------------------------------------------- discriminator


def ask_critic(discriminator: Discriminator, real: Real, fake: Tensor, batch: int) -> CriticSigns:
    """Ask a discriminator about training, held-out and generated samples."""
    train = real.train()
    labels = fake_labels(discriminator, len(fake))
    on_train = logits(discriminator, train, real.labels(), batch)
    on_fake = logits(discriminator, fake, labels, batch)
    held = real.held()
    on_held = None if held is None else logits(discriminator, held[0], held[1], batch)
    between = float(on_train.mean() - on_fake.mean())
    memory = None
    if on_held is not None and between > 1e-6:
        memory = float(on_train.mean() - on_held.mean()) / between
    return CriticSigns(
        auc=measure.auc(on_train, on_fake),
        auc_held_out=None if on_held is None else measure.auc(on_train, on_held),
        memory=memory, real=float(on_train.mean()), fake=float(on_fake.mean()),
        spread=float(torch.cat([on_train, on_fake]).std()),
        slope=slope(discriminator, train[:256], real.labels()),
    )  # fmt: skip


def fake_labels(network: nn.Module, num: int) -> Tensor | None:
    """Return the classes 0, 1, 2, ... over and over, for a network that takes some."""
    classes = int(getattr(network, "num_classes", 0))
    return torch.arange(num) % classes if classes else None


def as_in_training(discriminator: nn.Module) -> nn.Module:
    """Return D as training uses it, but for dropout: batch normalisation looks at the batch."""
    discriminator.eval()
    for module in discriminator.modules():
        if isinstance(module, _BatchNorm):
            module.train()
    return discriminator


def logits(discriminator: nn.Module, x: Tensor, labels: Tensor | None, batch: int) -> Tensor:
    """Return D's logits of samples (N, ...): shape (N,), of a patch discriminator their means."""
    as_in_training(discriminator)
    given = labels if getattr(discriminator, "num_classes", 0) else None
    size = max(2, min(batch, 512)) if any(isinstance(m, _BatchNorm) for m in discriminator.modules()) else 512
    chunks = [rows for rows in torch.arange(len(x)).split(size) if len(rows) > 1 or len(x) == 1]
    with torch.no_grad():
        answers = [
            discriminator(x[rows]) if given is None else discriminator(x[rows], given[rows])
            for rows in chunks
        ]
    return torch.cat([a.flatten(1).mean(dim=1) if a.ndim > 1 else a for a in answers]).float()


def slope(discriminator: nn.Module, x: Tensor, labels: Tensor | None) -> float:
    """Return the mean length of the gradient of D at samples (N, ...)."""
    as_in_training(discriminator)
    x = x.clone().requires_grad_()
    conditional = bool(getattr(discriminator, "num_classes", 0))
    given = (labels[: len(x)],) if labels is not None and conditional else ()
    (gradient,) = torch.autograd.grad(discriminator(x, *given).sum(), x)
    return float(gradient.flatten(1).norm(dim=1).mean())


# ---------------------------------------------------------------------------------------------- generator


def compare_modes(generator: Generator, folder: Path, real: Tensor, batch: int) -> ModeSigns | None:
    """Compare the trained generator in training mode and in eval mode; None where they cannot differ."""
    if not any(isinstance(module, _BatchNorm) for module in generator.modules()):
        return None
    load_weights(generator, folder, "generator")
    batch = max(8, min(batch, 256))
    z = torch.randn(
        512 // batch * batch or batch, generator.latent_dim, generator=torch.Generator().manual_seed(1)
    )
    labels = fake_labels(generator, len(z))
    given: Callable[[Tensor], tuple[Tensor, ...]] = lambda rows: () if labels is None else (labels[rows],)  # noqa: E731
    rows = torch.arange(len(z)).split(batch)
    outputs = []
    for mode in (True, False):
        twin = copy.deepcopy(generator).train(mode)
        with torch.no_grad():
            outputs.append(features(torch.cat([twin(z[r], *given(r)) for r in rows])))
    trained, rested = outputs
    scale = float(real.std(dim=0).norm())
    shift = float((trained.mean(dim=0) - rested.mean(dim=0)).norm()) / max(scale, 1e-9)
    return ModeSigns(shift, measure.spread(rested) / max(measure.spread(trained), 1e-9))


def look_for_copies(fake: Tensor, train: Tensor, held: Tensor) -> CopySigns | None:
    """Say whether generated samples are nearer to the training samples than to held-out ones."""
    sets = [features(x) for x in (fake, train, held)]
    if any(float(x.std(dim=0).max()) == 0 for x in sets) or min(map(len, sets)) < 2:
        return None
    try:
        found = memorisation(*sets)
        band = memorisation_band(*sets, level=0.999)
    except UserError:
        return None
    return CopySigns(found.share, band.high, found.distance_ratio)


def look_at_data(real: Real) -> DataSigns:
    """Look at the real samples themselves."""
    x = real.train()
    rows = features(x)
    distance = torch.cdist(rows, rows, compute_mode="donot_use_mm_for_euclid_dist").fill_diagonal_(
        float("inf")
    )
    copies = float((distance.min(dim=1).values == 0).double().mean()) if len(rows) > 1 else 0.0
    channels = x.transpose(0, 1).flatten(1)
    labels = real.labels()
    return DataSigns(
        num=len(real.data), dims=rows.shape[1], low=float(x.min()), high=float(x.max()),
        constant_channels=int((channels.std(dim=1) < 1e-6).sum()), duplicates=copies,
        classes=int(getattr(real.data, "num_classes", 0)),
        classes_met=0 if labels is None else len(labels.unique()),
    )  # fmt: skip
