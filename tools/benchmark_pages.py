"""Make `book/benchmarks.md` from the recorded results: `python tools/benchmark_pages.py`.

No number on that page is typed by hand; a test holds the page to the files in `benchmarks/results`.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
RESULTS, PAGE = ROOT / "benchmarks" / "results", ROOT / "book" / "benchmarks.md"

HEAD = """\
<!-- Made by `python tools/benchmark_pages.py` from benchmarks/results; do not edit. -->
# Benchmarks

How fast is the code of this book, and against what? Each table but "time to quality", which compares whole
recipes, has two ways to do the same work **on the same machine, taking turns in one run**; the ratio is the
median over the rounds. Times alone say little about another machine; ratios carry over better. "Stolen" is
the share of the processors' time that a virtual machine's host gave to others during the run: where it is
high, the absolute numbers are on the slow side. Where the range of the rounds is wide, something else
changed meanwhile: other work beside it, or what a virtual machine got of its host. How fast the machine
multiplied large matrices just before and after stands there too: the rate in bfloat16 moves far more than
that in float32, and the ratios move with it.

The scripts are in `benchmarks/`; every table names the command that repeats it. The plain loop is written
as most tutorials write it: a `DataLoader` with `ToTensor` and `Normalize`, float32, the default memory
layout, Adam with the settings of the DCGAN paper (a rate of 0.0002 and betas of 0.5 and 0.999; PyTorch's
defaults are 0.001, 0.9 and 0.999), binary cross-entropy of probabilities, and two `.item()` a step.
"""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def source(found: dict[str, Any]) -> str:
    """Return the command, the machine and the date."""
    machine = found["machine"]
    device = machine.get("gpu") or f"{machine['processor']}, {machine['cores']} cores"
    return (
        f"```sh\n{found['command']}\n```\n"
        f"{device}; Python {machine['python']}, torch {machine['torch']}; {found['date']}; stolen: "
        f"{found['stolen_percent']:g} %; {matrix_rates(found)}.\n"
    )


def matrix_rates(found: dict[str, Any]) -> str:
    """Return how fast the machine multiplied matrices just before and after."""
    rates = found["matrix_rates_before_and_after"]
    words = (f"{name} {' and '.join(f'{rate[name]:,}' for rate in rates)}" for name in rates[0])
    return f"matrix products before and after, in 10⁹ operations/s: {', '.join(words)}"


def speed(found: dict[str, Any]) -> str:
    """Return the section on images a second."""
    rows = []
    for name, result in found["results"].items():
        rates, ratios = result["images_per_second"], result["ratios"]
        rows.append(
            [
                name,
                f"{rates['plain']:,.0f}",
                f"{rates['ours']:,.0f} ({result['precision']})",
                f"**{result['ratio']:.2f}** ({min(ratios):.2f} to {max(ratios):.2f})",
            ]
        )
    head = ["networks", "plain loop, images/s", "`gb.Trainer`, images/s", "ratio (range of the rounds)"]
    return f"## Training speed\n\n{table(head, rows)}\n{source(found)}"


def overhead(found: dict[str, Any]) -> str:
    """Return the section on the trainer's cost."""
    rows = []
    for name, r in found["results"].items():
        rates = r["images_per_second"]
        costs = [100 * (turn["bare loop"] / turn["trainer"] - 1) for turn in r["rounds"]]
        low, _, high = statistics.quantiles(costs, n=4)
        rows.append(
            [
                name,
                f"{rates['bare loop']:,.0f}",
                f"{rates['trainer']:,.0f}",
                f"**{r['overhead_percent']:.1f} %** ({low:.1f} to {high:.1f})",
            ]
        )
    head = ["networks", "bare loop, images/s", "`gb.Trainer`, images/s", "overhead (quartiles)"]
    text = (
        "The trainer logs, watches for a loss that is not a number, schedules and listens for Ctrl-C. The "
        "bare loop runs the same two steps and the moving average, and nothing else.\n"
    )
    return f"## What the trainer costs\n\n{text}\n{table(head, rows)}\n{source(found)}"


def memory(found: dict[str, Any]) -> str:
    """Return the section on memory."""
    rows = [
        [name, f"{r['plain_peak_mib']:,}", f"{r['ours_peak_mib']:,}"] for name, r in found["results"].items()
    ]
    head = ["networks", "plain loop, MiB", "`gb.Trainer`, MiB"]
    text = "The peak of the whole process, with Python, PyTorch and all of MNIST in it.\n"
    return f"## Peak memory\n\n{text}\n{table(head, rows)}\n{source(found)}"


def shares(result: dict[str, Any]) -> str:
    """Say how much of the first comparison is speed, and how much fewer images."""
    ours = result["ours"]
    name, race = next((name, r) for name, r in result.items() if isinstance(r, dict) and name != "ours")
    fewer = race["images"] / ours["images"]
    faster = (ours["images"] / ours["seconds"]) / (race["images"] / race["seconds"])
    return (
        f"Against the {name}, the factor of {race['times_ours']:.1f} is two: it needs {fewer:.1f} times as "
        f"many images, which is these settings' doing, and ours sees {faster:.1f} times as many a second."
    )


def quality(found: dict[str, Any]) -> str:
    """Return the section on time to quality."""
    result = found["results"]
    rows = []
    for name, race in result.items():
        if not isinstance(race, dict):
            continue
        last = race["curve"][-1][1]
        took = f"{race['seconds']:,.0f} s" if race["reached"] else f"not in {race['seconds']:,.0f} s"
        if name == "ours":
            times = ""
        elif race["reached"]:  # the score fell to the threshold somewhere between the last two looks
            times = f"{race['times_ours']:.1f} ({race['curve'][-2][0] / result['ours']['seconds']:.1f})"
        else:
            times = f"more than {race['times_ours']:.1f}"
        label = f"`gb.Trainer`, recipe `dcgan-mnist`, batch {result['batch']}" if name == "ours" else name
        rows.append([label, took, f"{last:.1f}", f"{race['images']:,}", times])
    head = [
        "loop",
        f"time to a score of {result['threshold']:g}",
        "score at the end",
        "real images seen",
        "times ours (at least)",
    ]
    text = (
        f"Seconds of training until {result['score']} falls to {result['threshold']:g}. The classifier is "
        f"right on {100 * result['classifier_accuracy']:.1f} % of the test images; these score "
        f"{result['real_test_images']:.1f} by it. The clock stands while the score is measured. The score "
        "is looked at now and then; in brackets, what is certain: from the last look at which the plain loop "
        "was not yet there. The networks are the same in all rows. A batch of 128 is what PyTorch's own "
        "DCGAN tutorial has; the last row shows how much of the difference the smaller batch makes alone.\n\n"
        "The loops differ in more than their code: the recipe has other learning rates and a moving average "
        f"of the weights. {shares(result)}\n"
    )
    return f"## Time to quality\n\n{text}\n{table(head, rows)}\n{source(found)}"


def data(loader: dict[str, Any], glyphs: dict[str, Any]) -> str:
    """Return the section on data."""
    rates = loader["images_per_second"]
    rows = [
        ["`DataLoader`, no workers", f"{rates['dataloader_0_workers']:,}"],
        ["`DataLoader`, 2 workers", f"{rates['dataloader_2_workers']:,}"],
        ["uint8 in memory, as the trainer reads it", f"{rates['ours']:,}"],
    ]
    ratios = loader["ratios"]
    return (
        f"## Data\n\nMNIST in batches of {loader['batch']}, scaled to [-1, 1]. Against the faster of the two "
        f"`DataLoader`s the ratio is **{loader['ratio']:.0f}** ({min(ratios):.0f} to {max(ratios):.0f}).\n\n"
        f"{table(['path', 'images/s'], rows)}\n"
        f"```sh\n{loader['command']}\n```\n{loader['processor']}, {loader['cores']} cores, "
        f"{loader['threads']} thread; torch {loader['torch']}.\n\n"
        f"Drawing {glyphs['images']:,} glyphs of {glyphs['shape'][1]}x{glyphs['shape'][2]} pixels takes "
        f"{glyphs['seconds']:.1f} s ({glyphs['images_per_second']:,} images/s).\n\n"
        f"```sh\n{glyphs['command']}\n```\n{glyphs['processor']}, {glyphs['cores']} cores.\n"
    )


def metrics(found: dict[str, Any]) -> str:
    """Return the section on metrics."""
    names = {
        "fid": "FID of 50,000 x 2,048 features",
        "precision-recall": "precision and recall, 10,000 x 128",
    }
    rows = [
        [names[r["task"]], r["library"], f"{r['seconds']:.1f} s", f"{r['extra_mib']:,} MiB"]
        for r in found["results"]
        if "library" in r
    ]
    machine = found["machine"]
    return (
        "## Metrics\n\nEach in a process of its own. The memory is what was needed beyond Python and the "
        "imported libraries.\n\n"
        f"{table(['task', 'library', 'time', 'memory'], rows)}\n"
        f"```sh\n{found['command']}\n```\n{machine['processor']}, {machine['cores']} cores.\n"
    )


PARTS = {"speed": speed, "quality": quality, "overhead": overhead, "memory": memory}


def page() -> str:
    """Return the page's text."""
    files = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in RESULTS.glob("*.json")}
    found = files["training"]
    parts = [make(found[name]) for name, make in PARTS.items() if name in found]
    parts += [make(found[f"{name} (cuda)"]) for name, make in PARTS.items() if f"{name} (cuda)" in found]
    parts += [data(files["loader"], files["glyphs"]), metrics(files["metrics"])]
    return "\n".join([HEAD, *parts])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"written: {PAGE.relative_to(ROOT)}")
