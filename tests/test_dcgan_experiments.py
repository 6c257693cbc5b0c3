"""The DCGAN chapter's experiments: variants that differ in one rule, runs that go on, true records."""

import base64
import copy
import io
import json
import re
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))  # experiments/ is no part of the package
from experiments import dcgan_ablation as ablation  # noqa: E402
from experiments import dcgan_colour as colour  # noqa: E402
from ganbook import recorded  # noqa: E402

SHAPE = (1, 32, 32)


def kinds(network):
    return [type(layer) for layer in network.net]


def pairs(seed=3):
    settings = {"model": {"latent_dim": 5, "width": 4}}
    return {name: ablation.build(name, seed, SHAPE, settings) for name in ablation.VARIANTS}


# ------------------------------------------------------------------------------------------ the variants


def test_without_batchnorm_there_is_none_and_each_convolution_has_a_bias():
    built = pairs()
    for with_it, without in zip(built["all rules"], built["no BatchNorm"], strict=True):
        assert nn.BatchNorm2d in kinds(with_it)
        assert nn.BatchNorm2d not in kinds(without)
        convolutions = [m for m in without.net if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
        assert all(m.bias is not None and not m.bias.any() for m in convolutions)
        assert all(m.bias.shape == (m.out_channels,) for m in convolutions)


def test_relu_takes_the_place_of_leaky_relu_in_the_discriminator_only():
    built = pairs()
    (G, D), (G_rules, D_rules) = built["ReLU in D"], built["all rules"]
    swapped = [nn.ReLU if kind is nn.LeakyReLU else kind for kind in kinds(D_rules)]
    assert kinds(D) == swapped != kinds(D_rules)
    assert kinds(G) == kinds(G_rules)


def test_only_pytorchs_weights_are_others():
    built = pairs()
    for name, pair in built.items():
        for network, rules in zip(pair, built["all rules"], strict=True):
            theirs = [m.weight for m in rules.net if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
            ours = [m.weight for m in network.net if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
            same = [torch.equal(a, b) for a, b in zip(ours, theirs, strict=True)]
            assert same == [name != "PyTorch's weights"] * len(same), name
    for network in built["PyTorch's weights"]:  # PyTorch: U(-b, b) with b = 1 / sqrt(fan-in)
        for m in network.net:
            if isinstance(m, nn.Conv2d | nn.ConvTranspose2d):
                bound = (m.weight[0].numel()) ** -0.5
                assert 0.5 * bound < m.weight.abs().max() <= bound
            if isinstance(m, nn.BatchNorm2d):
                assert (m.weight == 1).all()


@pytest.mark.parametrize("name", ablation.VARIANTS)
def test_each_variant_maps_and_learns(name):
    G, D = pairs()[name]
    logits = D(G(torch.randn(4, 5)))
    assert logits.shape == (4,)
    logits.sum().backward()
    assert all(p.grad is not None for p in [*G.parameters(), *D.parameters()])


# --------------------------------------------------------------------------------------------- the runs

TINY = {
    "data": {"name": "glyphs", "image_size": 32, "limit": 100},
    "test": 80,
    "classifier_steps": 15,
    "num": 80,
    "model": {"latent_dim": 4, "width": 4},
    "train": {"batch_size": 8, "generator_lr": 0.01, "ema_decay": 0.0},
    "steps": [15, 20],
    "seeds": [0, 1],
    "variants": ["all rules", "ReLU in D"],
}


@pytest.fixture
def apart(tmp_path, monkeypatch):
    """Keep caches and data of a test to itself."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("GANBOOK_CACHE", str(tmp_path / "cache"))
    ablation.real_side.cache_clear()
    return tmp_path


def call(module, monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["experiment", *map(str, arguments)])
    module.main()


def test_the_ablation_goes_on_where_it_was_and_merges(apart, monkeypatch, capsys):
    monkeypatch.setattr(ablation, "SETTINGS", TINY)
    where = ("--out", apart / "r.json", "--parts", apart / "parts")
    call(ablation, monkeypatch, *where, "--most", 1)
    assert "3 runs are missing" in capsys.readouterr().out
    (first,) = (apart / "parts").iterdir()
    kept = first.read_bytes()
    assert not (apart / "r.json").exists()
    call(ablation, monkeypatch, *where)
    assert first.read_bytes() == kept  # not done again
    record = json.loads((apart / "r.json").read_text())
    assert [(line["variant"], line["seed"]) for line in record["runs"]] == [
        ("all rules", 0), ("all rules", 1), ("ReLU in D", 0), ("ReLU in D", 1)]  # fmt: skip
    assert record["seconds"] == pytest.approx(sum(line["seconds"] for line in record["runs"]), abs=0.1)
    for line in record["runs"]:
        assert [score["step"] for score in line["scores"]] == [15, 20]
        assert all(score["fid"] > 0 for score in line["scores"])
    again = ablation.run("ReLU in D", 1, TINY)
    assert again["scores"] == record["runs"][3]["scores"]


@pytest.fixture
def photos(tmp_path):
    rng = torch.Generator().manual_seed(0)
    for split, num in (("train", 40), ("test", 35)):
        for label in ("a", "b"):
            folder = tmp_path / "photos" / split / label
            folder.mkdir(parents=True)
            for i in range(num):
                pixels = torch.randint(0, 256, (32, 32, 3), generator=rng, dtype=torch.uint8)
                Image.fromarray(pixels.numpy()).save(folder / f"{i}.png")
    return tmp_path / "photos"


def test_the_colour_run_in_pieces_is_the_run_at_once_and_names_no_folder(photos, apart, monkeypatch, capsys):
    tiny = {**copy.deepcopy(colour.SETTINGS), "classifier_steps": 15, "num": 70, "score_every": 15,
            "scores": 2, "rows": 3, "model": {"latent_dim": 4, "width": 4}}  # fmt: skip
    tiny["train"] = {"batch_size": 8, "seed": 0, "log_every": 1, "generator_lr": 0.01, "ema_decay": 0.0}
    monkeypatch.setattr(colour, "SETTINGS", tiny)
    records = []
    for name, pieces in (("once", [()]), ("pieces", [("--most", 1), ()])):
        where = ("--photos", photos, "--out", apart / f"{name}.json", "--parts", apart / name)
        for piece in pieces:
            call(colour, monkeypatch, *where, *piece)
        text = (apart / f"{name}.json").read_text()
        assert str(apart) not in text
        records.append(json.loads(text))
    assert "1 scores are missing" in capsys.readouterr().out
    once, pieces = records
    for key in ("scores", "history", "samples", "settings", "images"):
        assert once[key] == pieces[key], key
    assert once["history"]["step"] == list(range(1, 31))
    sheet = Image.open(io.BytesIO(base64.b64decode(once["samples"])))
    assert sheet.size == (3 * 33 - 1, 2 * 33 - 1)


# ------------------------------------------------------------------------------------------ the records


def test_the_ablations_record_is_whole_and_says_what_the_chapter_says():
    record = recorded.load("dcgan_ablation")
    settings = record["settings"]
    cases = [(variant, seed) for variant in settings["variants"] for seed in settings["seeds"]]
    assert [(line["variant"], line["seed"]) for line in record["runs"]] == cases
    assert len(settings["seeds"]) >= 3
    assert list(ablation.VARIANTS) == settings["variants"]
    assert record["extractor"]["accuracy"] > 0.94
    for line in record["runs"]:
        assert [score["step"] for score in line["scores"]] == settings["steps"]
    last = {
        variant: [run["scores"][-1]["fid"] for run in record["runs"] if run["variant"] == variant]
        for variant in settings["variants"]
    }
    assert min(last["no BatchNorm"]) > 3 * max(last["all rules"])
    for variant in ("ReLU in D", "PyTorch's weights"):
        assert max(last[variant]) < min(last["no BatchNorm"]) / 3
    assert record["real_fid"] < min(min(values) for values in last.values()) / 3


def test_the_colour_record_is_whole_small_and_holds_nothing_of_the_photographs():
    record = recorded.load("dcgan_colour")
    settings = record["settings"]
    assert len(record["scores"]) == settings["scores"]
    assert [s["step"] for s in record["scores"]] == [
        settings["score_every"] * (i + 1) for i in range(settings["scores"])]  # fmt: skip
    assert len(record["history"]["step"]) == len(record["history"]["generator_loss"]) > 100
    assert len(record["samples"]) <= 60_000
    sheet = Image.open(io.BytesIO(base64.b64decode(record["samples"])))
    assert sheet.size == (settings["rows"] * 33 - 1, settings["scores"] * 33 - 1)
    rest = json.dumps({key: value for key, value in record.items() if key != "samples"})
    assert not re.search(r"/(home|root|Users|tmp|work)/|\.jpe?g", rest)
