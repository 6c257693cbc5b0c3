"""Our training loop against the loop of a plain tutorial: the same networks, the same batch, taking turns.

    python -m benchmarks.training [--data-dir DIR] [--parts speed overhead memory quality]
                                  [--device cpu] [--out benchmarks/results/training.json]

The plain loop is what most tutorials have: `DataLoader` with `ToTensor` and `Normalize`, float32, the default
memory layout, the default Adam, binary cross-entropy of probabilities, and two `.item()` a step. It is below,
whole. Ours is `gb.Trainer` as `ganbook train` runs it. All on MNIST.

- speed: images a second; each has a process of its own and they take turns; the ratio is the median of the
  rounds' ratios.
  On a GPU also with torch.compile, at batches of 128 and 512, and the share of the card's own bfloat16 rate.
- overhead: the trainer against a bare loop of the same two steps on the same batches, in many short turns of
  as many steps as lie between two lines of the log.
- memory: the peak of the process's memory after some steps, each in a process of its own.
- quality: seconds of training until the FID of 10,000 samples against the training images, by the features of
  a small MNIST classifier, falls to a threshold: the recipe `dcgan-mnist` against the plain loop with the
  same networks, at the batch of 128 that PyTorch's own DCGAN tutorial has, at 64, and at the recipe's. The
  clock runs while training only, not while measuring.

The page `book/benchmarks.md` is made from the JSON by `python tools/benchmark_pages.py`.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode
from torchvision import transforms

import ganbook as gb
from ganbook.data.sources.download import default_data_dir
from ganbook.models import Discriminator, Generator
from ganbook.support.machine import describe
from ganbook.training import discriminator_step, generator_step, sample_generator

PARTS = ("speed", "overhead", "memory", "quality")
NETWORKS: dict[str, dict[str, Any]] = {
    "MLP, batch 100": {
        "family": "mlp", "batch": 100, "size": 28, "options": {"latent_dim": 100, "hidden": 256}
    },
    "DCGAN 32 px, width 32, batch 64": {
        "family": "dcgan", "batch": 64, "size": 32, "options": {"latent_dim": 64, "width": 32}
    },
    "DCGAN 32 px, width 64, batch 64": {
        "family": "dcgan", "batch": 64, "size": 32, "options": {"latent_dim": 64, "width": 64}
    },
}  # fmt: skip
THRESHOLD = 30.0  # of the FID, where "time to quality" stops


# --------------------------------------------------------------------------- the loop of a plain tutorial


class PlainTutorial:
    """A training loop as tutorials have it. `advance(seconds)` goes on where it stopped."""

    def __init__(
        self, pair: tuple[Generator, Discriminator], batch: int, size: int, data_dir: Path, device: str
    ):
        self.G, self.D = pair[0].to(device), pair[1].to(device)
        self.latent_dim, self.device = self.G.latent_dim, device
        pad = [transforms.Pad(2)] if size == 32 else []
        transform = transforms.Compose([*pad, transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
        dataset = torchvision.datasets.MNIST(str(data_dir), train=True, transform=transform)
        self.loader = DataLoader(dataset, batch_size=batch, shuffle=True)
        self.opt_G = torch.optim.Adam(self.G.parameters(), lr=2e-4, betas=(0.5, 0.999))
        self.opt_D = torch.optim.Adam(self.D.parameters(), lr=2e-4, betas=(0.5, 0.999))
        self.steps = self._steps()

    def _steps(self) -> Iterator[int]:
        criterion = nn.BCELoss()
        while True:
            for real, _ in self.loader:
                real = real.to(self.device)
                ones = torch.ones(len(real), device=self.device)
                zeros = torch.zeros(len(real), device=self.device)

                self.opt_D.zero_grad()
                loss_real = criterion(torch.sigmoid(self.D(real)), ones)
                loss_real.backward()
                fake = self.G(torch.randn(len(real), self.latent_dim, device=self.device))
                loss_fake = criterion(torch.sigmoid(self.D(fake.detach())), zeros)
                loss_fake.backward()
                self.opt_D.step()

                self.opt_G.zero_grad()
                loss_G = criterion(torch.sigmoid(self.D(fake)), ones)
                loss_G.backward()
                self.opt_G.step()

                self.last = (loss_real.item() + loss_fake.item(), loss_G.item())
                yield len(real)

    def advance(self, seconds: float) -> tuple[int, float]:
        """Train for some seconds; return the images seen and the time taken."""
        images, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            images += next(self.steps)
        return images, time.perf_counter() - start


class Ours:
    """`gb.Trainer`, with the same interface."""

    def __init__(self, pair: tuple[nn.Module, nn.Module], data: gb.ImageDataset, config: gb.TrainConfig):
        self.trainer = gb.Trainer(*pair, data, config)

    def advance(self, seconds: float) -> tuple[int, float]:
        """Train for some seconds; return the images seen and the time taken."""
        trainer, before, start = self.trainer, self.trainer.step, time.perf_counter()
        trainer.fit(seconds=seconds, progress=False)
        elapsed = finished(trainer.engine.device) - start
        return (trainer.step - before) * trainer.config.batch_size, elapsed


def finished(device: torch.device) -> float:
    """Return the time at which a device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


class Process:
    """A contestant in a process of its own: neither meets the other's settings of memory and threads."""

    def __init__(self, who: str, name: str, batch: int, options: Any) -> None:
        command = [sys.executable, "-m", "benchmarks.training", "--worker", who, "--network", name]
        command += ["--batch", str(batch), "--data-dir", str(options.data_dir), "--device", options.device]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def advance(self, seconds: float) -> tuple[int, float]:
        """Train for some seconds; return the images seen and the time taken."""
        assert self.process.stdout is not None
        print(seconds, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline().split()
        return int(answer[0]), float(answer[1])

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def worker(options: Any) -> None:
    """Be one contestant: read turns in seconds from stdin, answer with images and seconds."""
    network, compiled = NETWORKS[options.network], options.worker == "ours, compiled"
    batch = options.batch or network["batch"]
    contestant: PlainTutorial | Ours
    if options.worker == "plain":
        contestant = PlainTutorial(pair_of(network), batch, network["size"], options.data_dir, options.device)
    else:
        config = gb.TrainConfig(batch_size=batch, device=options.device, compile=compiled)
        contestant = Ours(pair_of(network), mnist(network["size"], options.data_dir), config)
    for line in sys.stdin:
        print(*contestant.advance(float(line)), flush=True)


def pair_of(network: dict[str, Any], seed: int = 0) -> tuple[Generator, Discriminator]:
    torch.manual_seed(seed)
    return gb.models.build(network["family"], (1, network["size"], network["size"]), **network["options"])


def mnist(size: int, data_dir: Path) -> gb.ImageDataset:
    return gb.load_dataset("mnist", data_dir, image_size=size)


# --------------------------------------------------------------------------------------------- the parts


Advance = Callable[[float], tuple[int, float]]  # so far; returns the images seen and the time taken


def take_turns(contestants: dict[str, Advance], count: int, amount: float, warm_up: float) -> dict[str, Any]:
    """Run them in turn, `amount` each (seconds, or steps), and compare within each of `count` rounds."""
    for advance in contestants.values():
        advance(warm_up)
    rounds = []
    for number in range(count):
        order = list(contestants.items())
        rates = {}
        for name, advance in order if number % 2 == 0 else order[::-1]:
            images, seconds = advance(amount)
            rates[name] = images / seconds
        rounds.append(rates)
        print(f"  {rates}", file=sys.stderr, flush=True)
    medians = {name: round(statistics.median(r[name] for r in rounds), 1) for name in contestants}
    return {
        "images_per_second": medians,
        "rounds": [{name: round(value, 1) for name, value in r.items()} for r in rounds],
    }


def ratio(result: dict[str, Any], ours: str, plain: str) -> dict[str, Any]:
    ratios = [r[ours] / r[plain] for r in result["rounds"]]
    return {"ratio": round(statistics.median(ratios), 3), "ratios": [round(r, 3) for r in ratios]}


def speed(options: Any) -> dict[str, Any]:
    results = {}
    on_gpu = options.device == "cuda"
    who = ["plain", "ours", *(["ours, compiled"] if on_gpu else [])]
    for name, network in NETWORKS.items():
        for batch in (128, 512) if on_gpu else (network["batch"],):
            label = name.partition(", batch")[0] + f", batch {batch}"
            print(f"speed: {label}", file=sys.stderr, flush=True)
            with contextlib.ExitStack() as stack:
                contestants: dict[str, Advance] = {
                    w: stack.enter_context(Process(w, name, batch, options)).advance for w in who
                }
                result = take_turns(contestants, options.rounds, options.seconds, min(2.0, options.seconds))
            convolutional = network["family"] != "mlp"
            engine = gb.training.engine.Engine(options.device, "auto", convolutional)
            results[label] = {"precision": engine.precision, **result, **ratio(result, "ours", "plain")}
            if on_gpu:
                rates = result["images_per_second"]
                rate = max(rates.values()) * flops_per_image(network)
                results[label] |= {
                    "flop_per_second": rate,
                    "of_bf16_rate": rate / matrix_rate("cuda", torch.bfloat16),
                }
    return results


def flops_per_image(network: dict[str, Any]) -> float:
    """Count the floating-point operations of one step, for each real image in it."""
    G, D = pair_of(network)
    opt_G, opt_D = (torch.optim.SGD(net.parameters(), lr=0.0) for net in (G, D))
    real, z = torch.zeros(8, *G.spec["shape"]), torch.zeros(8, G.latent_dim)
    loss = gb.losses.LOSSES["non-saturating"]
    with FlopCounterMode(display=False) as counter:
        discriminator_step(G, D, opt_D, loss.discriminator, real, z)
        generator_step(G, D, opt_G, loss.generator, None, z)
    return counter.get_total_flops() / 8


def matrix_rate(device: str, dtype: torch.dtype) -> float:
    """Measure how fast a device multiplies matrices, in operations a second.

    On a virtual machine this changes with what the host does for others, above all for bfloat16.
    """
    size, times = (8192, 20) if device == "cuda" else (1024, 100)
    a = torch.randn(size, size, device=device, dtype=dtype)
    for _ in range(3):
        a @ a
    start = finished(a.device)
    for _ in range(times):
        a @ a
    return times * 2 * size**3 / (finished(a.device) - start)


def matrix_rates(device: str) -> dict[str, int]:
    """Return the rates in 10^9 operations a second."""
    return {
        name: round(matrix_rate(device, dtype) / 1e9)
        for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16))
    }


def bare_loop(trainer: gb.Trainer) -> Advance:
    """Return a loop of the same steps on the same batches, with nothing around it; it counts in steps."""
    G, D, engine, loss = trainer.generator, trainer.discriminator, trainer.engine, trainer.loss
    batch, counter = trainer.config.batch_size, itertools.count()

    def latents() -> Tensor:
        return torch.randn(batch, trainer.latent_dim, generator=trainer.rng, device=engine.device)

    def advance(steps: float) -> tuple[int, float]:
        start = time.perf_counter()
        for step in itertools.islice(counter, int(steps)):
            real = engine.layout(trainer.data.batch(trainer.order.batch(step)))
            discriminator_step(
                G, D, trainer.discriminator_optimizer, loss.discriminator, real, latents(),
                autocast=engine.autocast(),
            )  # fmt: skip
            generator_step(
                G, D, trainer.generator_optimizer, loss.generator, None, latents(), autocast=engine.autocast()
            )
            trainer.ema.update(G, step)
        return int(steps) * batch, finished(engine.device) - start

    return advance


def whole_trainer(trainer: gb.Trainer) -> Advance:
    """Return `fit` as it is, in the same form."""

    def advance(steps: float) -> tuple[int, float]:
        start = time.perf_counter()
        trainer.fit(steps=int(steps), progress=False)
        return int(steps) * trainer.config.batch_size, finished(trainer.engine.device) - start

    return advance


def overhead(options: Any) -> dict[str, Any]:
    results = {}
    for name, network in NETWORKS.items():
        print(f"overhead: {name}", file=sys.stderr, flush=True)
        data = mnist(network["size"], options.data_dir)
        config = gb.TrainConfig(batch_size=network["batch"], device=options.device)
        whole, bare = (gb.Trainer(*pair_of(network), data, config) for _ in range(2))
        contestants = {"trainer": whole_trainer(whole), "bare loop": bare_loop(bare)}
        every = config.log_every
        result = take_turns(contestants, 12 * options.rounds, every, every)
        times = ratio(result, "bare loop", "trainer")
        results[name] = {**result, "overhead_percent": round(100 * (times["ratio"] - 1), 2)}
    return results


def memory(options: Any) -> dict[str, Any]:
    """Measure each contestant's peak memory in a process of its own."""
    results: dict[str, Any] = {}
    for name in NETWORKS:
        results[name] = {}
        for who in ("ours", "plain"):
            command = [sys.executable, "-m", "benchmarks.training", "--peak", who, "--network", name]
            command += ["--data-dir", str(options.data_dir), "--device", options.device]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            results[name][f"{who}_peak_mib"] = round(float(done.stdout.split()[-1]))
        print(f"memory: {name}: {results[name]}", file=sys.stderr, flush=True)
    return results


def peak(options: Any) -> None:
    network = NETWORKS[options.network]
    contestant: PlainTutorial | Ours
    if options.peak == "ours":
        config = gb.TrainConfig(batch_size=network["batch"], device=options.device)
        contestant = Ours(pair_of(network), mnist(network["size"], options.data_dir), config)
    else:
        contestant = PlainTutorial(
            pair_of(network), network["batch"], network["size"], options.data_dir, options.device
        )
    contestant.advance(8.0)
    print(gb.training.engine.Engine(options.device, "fp32", False).memory())


def quality(options: Any) -> dict[str, Any]:
    """Train until the samples are good; the recipe `dcgan-mnist` against the plain loop."""
    from ganbook.metrics import classifier, frechet_distance

    recipe = gb.recipes.load("dcgan-mnist")
    data, test = (
        mnist(32, options.data_dir),
        gb.load_dataset("mnist", options.data_dir, split="test", image_size=32),
    )
    assert data.labels is not None
    assert test.labels is not None
    judge = classifier(data.images, data.labels, held_out=(test.images, test.labels), name="mnist-classifier")
    reference = judge(data.images[:10_000])

    def fid(images: Tensor) -> float:
        return frechet_distance(reference, judge(images))

    def sample(generator: Generator) -> Tensor:
        return gb.data.to_uint8(sample_generator(generator, generator.latent_dim, 10_000, 0, options.device))

    def race(contestant: Any, generator: Any, every: float, limit: float) -> dict[str, Any]:
        clock, images, curve = 0.0, 0, []
        while clock < limit:
            seen, seconds = contestant.advance(every)
            clock, images = clock + seconds, images + seen
            curve.append([round(clock, 1), round(fid(sample(generator)), 2)])
            print(f"  {curve[-1]}", file=sys.stderr, flush=True)
            if curve[-1][1] <= THRESHOLD:
                break
        reached = curve[-1][1] <= THRESHOLD
        return {"seconds": curve[-1][0], "reached": reached, "images": images, "curve": curve}

    print("quality: ours", file=sys.stderr, flush=True)
    config = recipe.replace({"device": options.device}).config()
    network = {
        "family": "dcgan",
        "size": 32,
        "options": {k: v for k, v in recipe.model.items() if k != "family"},
    }
    ours = Ours(pair_of(network), data, config)
    result: dict[str, Any] = {
        "threshold": THRESHOLD,
        "score": "FID[mnist-classifier, 10k vs 10k]",
        "classifier_accuracy": judge.accuracy,
        "real_test_images": round(fid(test.images), 2),
        "batch": config.batch_size,
        "ours": race(ours, ours.trainer.ema.module, 2.0, 600.0),
    }
    for batch in sorted({128, 64, config.batch_size}, reverse=True):
        name = f"plain loop, batch {batch}"
        print(f"quality: {name}", file=sys.stderr, flush=True)
        plain = PlainTutorial(pair_of(network), batch, 32, options.data_dir, options.device)
        limit = options.patience * result["ours"]["seconds"]
        result[name] = race(plain, plain.G, max(5.0, limit / 40), limit)
        result[name]["times_ours"] = round(result[name]["seconds"] / result["ours"]["seconds"], 1)
    return result


# ---------------------------------------------------------------------------------------------- the frame


def machine(device: str) -> dict[str, Any]:
    return {
        **describe(),
        "gpu": torch.cuda.get_device_name() if device == "cuda" else None,
        "platform": platform.platform(),
        "torchvision": torchvision.__version__,
    }


def stolen() -> tuple[int, int]:
    """Return the time that the host has given to others, and all time (Linux; else zeros)."""
    try:
        numbers = [int(n) for n in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
    except (OSError, ValueError):
        return 0, 0
    return numbers[7], sum(numbers)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.training", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--data-dir", type=Path, default=default_data_dir(), help="default: $GANBOOK_DATA")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6.0, help="of a turn (default: 6)")
    parser.add_argument(
        "--patience", type=float, default=20.0, help="how many times our time the plain loop gets"
    )
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/training.json"))
    parser.add_argument("--peak", choices=["ours", "plain"], help=argparse.SUPPRESS)
    parser.add_argument("--worker", choices=["plain", "ours", "ours, compiled"], help=argparse.SUPPRESS)
    parser.add_argument("--batch", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--network", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.data_dir is None:
        parser.error("name the folder of MNIST with --data-dir or GANBOOK_DATA")
    if options.peak:
        return peak(options)
    if options.worker:
        return worker(options)
    found = json.loads(options.out.read_text(encoding="utf-8")) if options.out.exists() else {}
    for part in options.parts:
        rates = [matrix_rates(options.device)]
        before = stolen()
        result = globals()[part](options)
        after = stolen()
        rates.append(matrix_rates(options.device))
        key = part if options.device == "cpu" else f"{part} ({options.device})"
        found[key] = {
            "command": f"python -m benchmarks.training --parts {part} --device {options.device} "
            f"--rounds {options.rounds} --seconds {options.seconds:g} --patience {options.patience:g}",
            "machine": machine(options.device),
            "date": time.strftime("%Y-%m-%d"),
            "stolen_percent": round(100 * (after[0] - before[0]) / max(after[1] - before[1], 1), 1),
            "matrix_rates_before_and_after": rates,
            "results": result,
        }  # fmt: skip
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        print(json.dumps(found[key]["results"], indent=1))


if __name__ == "__main__":
    main()
