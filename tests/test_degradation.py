"""The record of what metrics say of spoilt samples: it is the script's, it is true, it comes out again."""

import itertools
import json
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))  # experiments/ is no part of the package
from experiments import degradation  # noqa: E402
from ganbook import plots  # noqa: E402
from ganbook.data.glyphs.spoil import KINDS  # noqa: E402
from ganbook.errors import UserError  # noqa: E402

RECORD = json.loads(degradation.RECORD.read_text(encoding="utf-8"))
TRUTH = [(kind, metric, way) for kind, ways in degradation.TRUTH.items() for metric, way in ways.items()]


def recorded(kind, metric):
    lines = [line for line in RECORD["rows"] if line["kind"] == kind]
    return [line[metric]["mean"] for line in lines], max(line[metric]["std"] for line in lines)


def test_the_record_is_the_scripts():
    assert RECORD["settings"] == degradation.SETTINGS
    assert set(degradation.SETTINGS["amounts"]) == set(degradation.TRUTH) == set(KINDS)
    cases = [(kind, a) for kind, amounts in degradation.SETTINGS["amounts"].items() for a in amounts]
    assert [(line["kind"], line["amount"]) for line in RECORD["rows"]] == cases
    assert [line["size"] for line in RECORD["sizes"]] == degradation.SETTINGS["sizes"]
    assert RECORD["seconds"] < 300
    for key in ("torch", "python", "processor", "cores", "threads"):
        assert RECORD["made_with"][key]
    assert RECORD["extractor"]["accuracy"] > 0.95


@pytest.mark.parametrize(("kind", "metric", "way"), TRUTH)
def test_the_recorded_directions_are_the_truth(kind, metric, way):
    means, std = recorded(kind, metric)
    if way == "same":
        assert max(abs(m - means[0]) for m in means) <= max(0.1 * abs(means[0]), 3 * std)
        return
    sign = 1 if way == "up" else -1
    assert sign * (means[-1] - means[0]) > 3 * std or sign * (means[-1] - means[0]) > 0.3 * abs(means[0])
    if metric not in ("precision", "density"):  # a little blur even raises these (see TRUTH)
        steps = [sign * (b - a) for a, b in itertools.pairwise(means)]
        assert min(steps) >= -2 * std  # with every amount, up to what the samples' draw explains


def test_fid_falls_with_the_number_of_samples_and_kid_does_not():
    fid, kid = ([line[key] for line in RECORD["sizes"]] for key in ("fid", "kid"))
    means = [value["mean"] for value in fid]
    assert means == sorted(means, reverse=True)
    assert means[0] > 20 * means[-1] > 0
    counts = degradation.SETTINGS["size_repeats"]
    assert [line["repeats"] for line in RECORD["sizes"]] == counts
    for value, count in zip(kid, counts, strict=True):  # zero, within four standard errors
        assert abs(value["mean"]) < 4 * value["std"] / count**0.5


# ------------------------------------------------------------------ a small part, computed once more


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    """The experiment's own classifier: a few seconds of training, in a cache of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        degradation.extractor.cache_clear()
        degradation.features.cache_clear()
        return degradation.extractor()


def test_a_small_part_comes_out_again(judge):
    """To the recorded digits with the recorded classifier; another machine may train it otherwise."""
    same = judge.digest == RECORD["extractor"]["digest"]
    settings = degradation.SETTINGS
    again = degradation.row("noise", 0.2, settings["num"], settings["seed"], 1)
    line = next(line for line in RECORD["rows"] if (line["kind"], line["amount"]) == ("noise", 0.2))
    for metric in ("fid", "kid", "is", "precision", "recall", "coverage"):
        # One of the three repeats, hence the standard deviation.
        tolerance = 2 * line[metric]["std"] + (1e-3 if same else 0.3) * abs(line[metric]["mean"])
        assert again[metric]["mean"] == pytest.approx(line[metric]["mean"], abs=tolerance)
    size = degradation.size_row(100, settings["seed"], settings["size_repeats"][0])
    assert size["fid"]["mean"] == pytest.approx(RECORD["sizes"][0]["fid"]["mean"], rel=1e-3 if same else 0.5)


@pytest.mark.parametrize("kind", degradation.TRUTH)
def test_the_directions_hold_for_other_seeds_and_fewer_samples(kind, judge):
    num, seed = 400, 77
    nothing = degradation.row(kind, 0, num, seed, 1)
    much = degradation.row(kind, degradation.SETTINGS["amounts"][kind][-2], num, seed, 1)
    for metric, way in degradation.TRUTH[kind].items():
        a, b = nothing[metric]["mean"], much[metric]["mean"]
        if way == "same":
            assert abs(a - b) <= 0.25 * abs(a), metric
        else:
            assert (b > a) if way == "up" else (b < a), metric


# ------------------------------------------------------------------------------------------- figures


def test_figures(tmp_path):
    metrics = ["fid", "kid", "precision", "recall", "class_kl"]
    figure = plots.plot_degradation(RECORD, metrics)
    assert len(figure.axes) == len(KINDS) * len(metrics)
    assert [ax.get_ylabel().split("\n")[0] for ax in figure.axes[:: len(metrics)]] == list(KINDS)
    for ax in figure.axes:
        floor, ceiling, way = ax.get_lines()
        assert {*floor.get_ydata()} == {0}
        assert {*ceiling.get_ydata()} == {1}
        assert way.get_ydata()[0] == 1  # untouched is the ceiling, of every metric
    figure.savefig(tmp_path / "a.png")
    sizes = plots.plot_sample_sizes(RECORD)
    assert [ax.get_title() for ax in sizes.axes] == [
        "FID[glyphs-classifier, N vs N]",
        "KID[glyphs-classifier, N vs N]",
    ]
    sizes.savefig(tmp_path / "b.png")
    with pytest.raises(UserError, match="unknown metric 'fdi'; did you mean 'fid'"):
        plots.plot_degradation(RECORD, ["fdi"])
    with pytest.raises(UserError, match="unknown metric 'memorisation'"):  # best in the middle: no ladder
        plots.plot_degradation(RECORD, ["memorisation"])
    with pytest.raises(UserError, match="metrics: got 0; it takes one to six"):
        plots.plot_degradation(RECORD, [])


def test_scores_of_different_kinds_share_no_figure(tmp_path):
    from ganbook.metrics import Score

    a = Score("FID", 12.3, "mnist-classifier", "aa", (10_000, 10_000), "lower", 11.0, 13.0)
    b = Score("FID", 4.5, "mnist-classifier", "aa", (10_000, 10_000), "lower")
    figure = plots.plot_scores({"one": a, "two": b})
    (ax,) = figure.axes
    assert ax.get_xlabel() == "FID[mnist-classifier, 10k vs 10k] (lower is better)"
    assert [text.get_text() for text in ax.get_yticklabels()] == ["one", "two"]
    figure.savefig(tmp_path / "c.png")
    other = Score("FID", 4.5, "mnist-classifier", "aa", (5_000, 10_000), "lower")
    with pytest.raises(ValueError, match="do not compare: counts 10k vs 10k and 5k vs 10k"):
        plots.plot_scores({"one": a, "two": other})
    with pytest.raises(ValueError, match="got no scores"):
        plots.plot_scores({})


def test_the_record_is_written_whole(tmp_path, monkeypatch, capsys, judge):
    small = {**degradation.SETTINGS, "amounts": {"noise": [0, 0.4]}, "sizes": [100], "repeats": 1}
    monkeypatch.setattr(degradation, "SETTINGS", {**small, "size_repeats": [2]})
    monkeypatch.setattr(sys, "argv", ["degradation", "--out", str(tmp_path / "r.json"), "--num", "150"])
    degradation.main()
    record = json.loads((tmp_path / "r.json").read_text())
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]
    assert record["settings"]["num"] == 150
    assert len(record["rows"]) == 2
    assert len(record["rows"][1]["images"]) == 16
    assert "noise 0.4" in capsys.readouterr().out
    assert torch.is_grad_enabled()
