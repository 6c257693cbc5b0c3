"""Train each recipe as a reader would, time it and score it: what `ganbook recipes` says of each.

    python -m benchmarks.recipes [NAME ...] [--data-dir DIR] [--folder DIR] [--seconds 300]

Every recipe is trained by `ganbook train NAME` to its last step and scored by `ganbook evaluate`. Those whose
data are not embedded need --data-dir (MNIST) or --folder (a folder of colour images, for `dcgan-64`); the
latter is a GPU's work, trained for --seconds only. The results go into `ganbook/recipes/measured.json`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.training import machine, stolen
from ganbook import recipes
from ganbook.cli import main as ganbook
from ganbook.data.sources.download import default_data_dir
from ganbook.evaluation import evaluate

OUT = Path(recipes.__file__).with_name("measured.json")


def measure(name: str, arguments: list[str], data_dir: Path | None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / name
        start, before = time.perf_counter(), stolen()
        code = ganbook(["train", name, "--out", str(run), *arguments])
        seconds, after = time.perf_counter() - start, stolen()
        if code != 0:
            raise SystemExit(f"{name}: ganbook train ended with {code}")
        summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
        points = recipes.load(name).data["name"] in ("ring", "grid")
        metrics = ["modes"] if points else ["fid"]
        scores = next(iter(evaluate([run], metrics, data_dir=data_dir, num=5000).scores.values()))
    return {
        "seconds": round(seconds),
        "steps": summary["steps"],
        "images_per_second": round(summary["images_per_second"]),
        "scores": {score.name: round(score.value, 4) for score in scores},
        "limited": summary["steps"] < recipes.load(name).train["steps"],
        "date": time.strftime("%Y-%m-%d"),
        "stolen_percent": round(100 * (after[0] - before[0]) / max(after[1] - before[1], 1), 1),
        "machine": machine("cpu"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recipes", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=recipes.names(), metavar="NAME")
    parser.add_argument("--data-dir", type=Path, default=default_data_dir(), help="default: $GANBOOK_DATA")
    parser.add_argument("--folder", type=Path, help="colour images for dcgan-64")
    parser.add_argument("--seconds", type=float, default=300.0, help="for dcgan-64 (default: 300)")
    options = parser.parse_args()
    for name in options.names:
        source = recipes.load(name).data["name"]
        arguments = ["--data-dir", str(options.data_dir)] if source == "mnist" and options.data_dir else []
        if source == "mnist" and not options.data_dir:
            print(f"{name}: left out, for want of --data-dir")
            continue
        if source.startswith("folder:"):
            if not options.folder:
                print(f"{name}: left out, for want of --folder")
                continue
            arguments = ["--dataset", f"folder:{options.folder}", "--seconds", str(options.seconds)]
        result = measure(name, arguments, options.data_dir)
        found = json.loads(OUT.read_text(encoding="utf-8")) if OUT.exists() else {}
        found[name] = result
        OUT.write_text(json.dumps(dict(sorted(found.items())), indent=1) + "\n", encoding="utf-8")
        print(name, json.dumps(result))


if __name__ == "__main__":
    main()
