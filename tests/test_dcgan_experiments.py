"""The DCGAN chapter's experiments: variants that differ in one rule, runs that go on, true records."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))  # experiments/ is no part of the package
from experiments import dcgan_ablation as ablation  # noqa: E402
from experiments import portraits  # noqa: E402
from ganbook import load_dataset, recipes, recorded  # noqa: E402
from ganbook.support.pixels import from_data_address  # noqa: E402

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


def test_neither_breaks_both_rules():
    for network in pairs()["neither"]:
        assert nn.BatchNorm2d not in kinds(network)


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
            assert same == [name not in ("PyTorch's weights", "neither")] * len(same), name
    for network in (
        *built["PyTorch's weights"],
        *built["neither"],
    ):  # PyTorch: U(-b, b) with b = 1 / sqrt(fan-in)
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


def test_a_film_is_of_one_run_and_comes_out_again(apart):
    train, test = (
        load_dataset("portraits", image_size=16, split=split, limit=160) for split in ("train", "test")
    )
    settings = {
        "recipe": "portraits",
        "changes": {"data.image_size": 16, "model.width": 4, "train.batch_size": 8},
        "at": [0, 3, 6],
        "num": 150,
        "faces": 4,
        "columns": 2,
        "walk": {"faces": 2, "frames": 4, "seed": 1},
        "reader_steps": 5,
        "quality": 50,
    }
    once, again = (portraits.run(train, test, settings) for _ in range(2))
    for key in ("scores", "frames", "walk", "real_fid", "real_share_error"):
        kept = [
            [{**line, "seconds": 0} for line in r[key]] if key == "scores" else r[key] for r in (once, again)
        ]
        assert kept[0] == kept[1], key
    assert [line["step"] for line in once["scores"]] == [0, 3, 6]
    assert len(set(once["frames"])) == 3  # it moves
    assert len(once["walk"]) == 4
    assert from_data_address(once["frames"][0]).size == (2 * 16 + 2, 2 * 16 + 2)
    other = portraits.run(train, test, {**settings, "at": [0, 6]})
    assert other["frames"][-1] == once["frames"][-1]  # looking does not disturb the run


def test_a_walk_goes_round_on_the_shell():
    path = portraits.circle(64, faces=50, frames=8, seed=0)
    assert path.shape == (8, 50, 64)
    assert torch.allclose(path[0], -path[4], atol=1e-5)
    lengths = path.norm(dim=2).mean(1)
    assert (lengths - 8).abs().max() < 0.4


def test_the_error_of_shares_is_a_total_variation():
    reader = SimpleNamespace(attributes={"a": ("x", "y"), "b": ("x", "y", "z")})
    same = torch.tensor([[0, 0], [1, 1], [1, 2], [0, 2]])
    assert portraits.share_error(same, same.flip(0), reader) == 0
    other = torch.tensor([[0, 0], [0, 0], [0, 0], [0, 0]])
    assert portraits.share_error(other, same, reader) == pytest.approx((0.5 + 0.75) / 2)


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


def test_the_films_record_is_whole_and_small():
    record = recorded.load("portraits")
    settings = record["settings"]
    assert [line["step"] for line in record["scores"]] == settings["at"]
    assert record["train"] == recipes.load(settings["recipe"]).train
    assert settings["at"][-1] == record["train"]["steps"]
    assert len(record["frames"]) == len(settings["at"])
    assert len(record["walk"]) == settings["walk"]["frames"]
    assert sum(map(len, record["frames"] + record["walk"])) < 400_000
    rows = settings["faces"] // settings["columns"]
    assert {from_data_address(frame).size for frame in record["frames"]} == {
        (settings["columns"] * 66 - 2, rows * 66 - 2)}  # fmt: skip
    first, last = record["scores"][0], record["scores"][-1]
    assert record["real_fid"] < last["fid"] / 3 < first["fid"] / 9
    assert record["real_share_error"] < last["share_error"] < first["share_error"] / 3
