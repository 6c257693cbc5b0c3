"""The benchmarks' own arithmetic, their plain loop, and the page that is made of what they recorded."""

import importlib.util
import json
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parent.parent


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def training():
    pytest.importorskip("torchvision")
    return load(ROOT / "benchmarks" / "training.py")


def test_the_page_is_the_one_that_the_recorded_results_make():
    pages = load(ROOT / "tools" / "benchmark_pages.py")
    assert (ROOT / "book" / "benchmarks.md").read_text(encoding="utf-8") == pages.page()


def test_the_recorded_ratios_follow_from_the_recorded_rounds(training):
    found = json.loads((ROOT / "benchmarks" / "results" / "training.json").read_text(encoding="utf-8"))
    assert {"speed", "overhead", "memory"} <= set(found) <= {*training.PARTS}
    for result in found["speed"]["results"].values():
        again = training.ratio(result, "ours", "plain")
        assert result["ratio"] == pytest.approx(again["ratio"], abs=0.02)  # the rates are rounded
    if "quality" in found:
        race = found["quality"]["results"]
        assert race["ours"]["reached"] == (race["ours"]["curve"][-1][1] <= race["threshold"])


def test_take_turns_compares_within_rounds(training):
    calls = []

    def contestant(name, images):
        def advance(seconds):
            calls.append(name)
            return images, 2.0

        return advance

    result = training.take_turns(
        {"ours": contestant("ours", 300), "plain": contestant("plain", 100)}, 3, 1.0, 0.5
    )
    assert result["images_per_second"] == {"ours": 150.0, "plain": 50.0}
    assert training.ratio(result, "ours", "plain") == {"ratio": 3.0, "ratios": [3.0, 3.0, 3.0]}
    assert calls[2:] == ["ours", "plain", "plain", "ours", "ours", "plain"]  # after the warm-up, in turn


def test_operations_of_a_known_network(training):
    """D's turn: G forward, D forward and back twice. G's turn: both forward and back, but not D's weights."""
    network = {"family": "mlp", "size": 28, "options": {"latent_dim": 10, "hidden": 20, "layers": 1}}
    g, d = (10 * 20, 20 * 784), (784 * 20, 20)
    G, D = 2 * sum(g), 2 * sum(d)  # forward, operations an image
    d_turn = G + 2 * (D + D + 2 * d[1])  # back: all weights, and the inputs of all layers but the first
    g_turn = G + D + D + (G + 2 * g[1])
    assert training.flops_per_image(network) == pytest.approx(d_turn + g_turn)


def test_the_plain_loop_trains(training, monkeypatch):
    class Tiny(torch.utils.data.Dataset):
        def __init__(self, root, train, transform):
            self.transform = transform

        def __len__(self):
            return 30

        def __getitem__(self, i):
            from PIL import Image

            return self.transform(Image.new("L", (28, 28), 8 * i)), 0

    monkeypatch.setattr(training.torchvision.datasets, "MNIST", Tiny)
    network = training.NETWORKS["MLP, batch 100"]
    plain = training.PlainTutorial(training.pair_of(network), 10, 28, Path("."), "cpu")
    before = [p.clone() for net in (plain.G, plain.D) for p in net.parameters()]
    assert [next(plain.steps) for _ in range(4)] == [10] * 4  # on into the second epoch
    after = [p for net in (plain.G, plain.D) for p in net.parameters()]
    assert not any(torch.equal(a, b) for a, b in zip(before, after, strict=True))
