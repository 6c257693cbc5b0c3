"""Evaluating runs: the same digits twice, full names, nothing side by side that does not compare."""

import dataclasses
import json
import math
import sys

import pytest
import torch

import ganbook as gb
from ganbook.data import ImageDataset, load_dataset
from ganbook.data.points import ring
from ganbook.errors import CheckpointError, DataError, UserError
from ganbook.evaluation import TEST, Judge, Samples, evaluate, measures
from ganbook.evaluation import judge as judging
from ganbook.metrics import frechet_distance, table
from ganbook.runs import Run
from ganbook.training import load_generator, sample_generator

evaluating = sys.modules["ganbook.evaluation.evaluate"]  # its name is that of the function
pytestmark = pytest.mark.filterwarnings("error")


def trained(folder, name, steps=30, seed=0, **options):
    """Train a small run, and return its folder."""
    data = load_dataset(name, **options)
    torch.manual_seed(seed)
    generator, discriminator = gb.models.mlp(data.shape, latent_dim=8, hidden=32)
    config = gb.TrainConfig(seed=seed, device="cpu", batch_size=32)
    gb.Trainer(generator, discriminator, data, config, out=folder).fit(steps=steps, progress=False)
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    base = tmp_path_factory.mktemp("runs")
    return {
        "one": trained(base / "one", "digits"),
        "two": trained(base / "two", "digits", steps=60, seed=1),
        "limited": trained(base / "limited", "digits", limit=200),
        "ring": trained(base / "ring", "ring", steps=200, limit=2000),
        "spiral": trained(base / "spiral", "swiss-roll", steps=5, limit=2000),
    }


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _small_classifier(monkeypatch, cache):
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.delenv("GANBOOK_DATA", raising=False)
    monkeypatch.setattr(judging, "CLASSIFIER_STEPS", 60)
    monkeypatch.setattr(measures, "REPLICATES", 10)
    monkeypatch.setattr(measures, "SUBSETS", 10)


def run(paths, metrics, **options):
    return evaluate(paths, metrics, **{"num": 400, "progress": False, **options})


def values(found):
    return {key: [(s.name, s.value, s.low, s.high) for s in scores] for key, scores in found.scores.items()}


ALL = ["fid", "kid", "is", "pr", "dc", "modes", "memorisation"]
NAMES = ["FID", "KID", "IS", "precision", "recall", "density", "coverage", "classes", "reverse KL",
         "memorisation share", "distance ratio"]  # fmt: skip


def test_every_metric_and_the_same_digits_twice(runs):
    first = run([runs["one"]], ALL)
    scores = first.scores[str(runs["one"])]
    assert [s.metric for s in scores] == NAMES
    assert scores[0].name == "FID[digits-classifier, 400 vs 400]"
    assert scores[2].name == "IS[digits-classifier, 400]"
    assert scores[-1].name == "distance ratio[digits-classifier, 400 vs 1,437 vs 180]"
    for score in scores:
        assert math.isfinite(score.value)
        assert score.low <= score.value <= score.high
        assert score.interval
    text, content = str(first), json.dumps(first.to_json(), allow_nan=False)
    again = run([runs["one"]], ALL)
    assert text == str(again)
    assert content == json.dumps(again.to_json(), allow_nan=False)
    other = run([runs["one"]], ["fid"], seed=1)
    assert other.scores[str(runs["one"])][0].value != scores[0].value
    assert other.scores[str(runs["one"])][0] - scores[0] != 0  # another draw, but the same kind of number


def test_the_value_is_the_metric_of_the_rounded_samples_of_the_averaged_generator(runs):
    found = run([runs["one"]], ["fid"])
    generator, _ = load_generator(runs["one"])
    images = ImageDataset.to_values(sample_generator(generator, generator.latent_dim, 400, 0))
    judge = found.judge
    assert frechet_distance(judge.real.features, judge.extractor(images)) == pytest.approx(
        found.scores[str(runs["one"])][0].value, rel=1e-12
    )
    data = load_dataset("digits")
    assert judge.real.features.shape == (400, 64)
    whole = judge.extractor(data.images)  # the reference are rows of the training split, without repetition
    rows = torch.cdist(judge.real.features, whole).argmin(1)
    assert len(rows.unique()) == 400
    assert not torch.equal(rows, torch.arange(400))


def test_real_samples_beat_a_hardly_trained_run(runs):
    found = run([runs["one"], runs["two"]], ["fid", "kid", "is", "pr", "dc", "modes"], num=360)
    assert list(found.scores) == [str(runs["one"]), str(runs["two"]), TEST]  # as many as the test split has
    assert not found.yardstick
    for fake, real in zip(found.scores[str(runs["one"])], found.scores[TEST], strict=True):
        assert (real < fake) if real.better == "lower" else (real >= fake)
    assert found.scores[TEST][0] < found.scores[str(runs["two"])][0]


def test_the_yardstick_has_equal_counts(runs):
    found = run([runs["one"]], ["fid", "memorisation"], num=500)
    assert list(found.scores) == [str(runs["one"])]  # 500 against 360 would not compare
    assert list(found.yardstick) == [str(runs["one"]), TEST]
    for fake, real in zip(*found.yardstick.values(), strict=True):
        assert not fake.differences(real)
    assert [s.counts for s in found.yardstick[TEST]] == [(360, 500), (180, 1437, 180), (180, 1437, 180)]


def test_memory_is_bounded_by_chunks_and_chunks_do_not_repeat(runs, monkeypatch):
    monkeypatch.setattr(judging, "CHUNK", 128)
    drawn = []

    def watch(generator, latent_dim, num, seed, *rest):
        samples = sample_generator(generator, latent_dim, num, seed, *rest)
        drawn.append(samples)
        return samples

    monkeypatch.setattr("ganbook.runs.run.sample_generator", watch)
    found = run([runs["one"]], ["fid"])
    assert [len(samples) for samples in drawn] == [128, 128, 128, 16]
    assert len(torch.cat(drawn).flatten(1).unique(dim=0)) == 400
    assert torch.equal(drawn[0], sample_generator(*_generator(runs["one"]), 128, 0))  # `ganbook sample`
    assert found.scores[str(runs["one"])][0].counts == (400, 400)


def _generator(path):
    generator, _ = load_generator(path)
    return generator, generator.latent_dim


def test_conditional_generators_get_all_classes_in_turn(runs, monkeypatch):
    monkeypatch.setattr(judging, "CHUNK", 64)
    judge = run([runs["one"]], ["fid"]).judge
    seen = []

    class Conditional(torch.nn.Module):
        latent_dim, num_classes = 3, 10

        def forward(self, z, labels):
            seen.append(labels)
            return torch.zeros(len(z), 1, 8, 8)

    it = Run(runs["one"], runs["one"], None, {"data": {}, "step": 0})
    vars(it)["_generator"] = Conditional()
    evaluating._generated(judge, "it", it, 150, 0, False)
    assert torch.equal(torch.cat(seen), torch.arange(150) % 10)


def test_points(runs):
    found = run([runs["ring"]], None, num=1000)
    scores = found.scores[str(runs["ring"])]
    assert [s.name for s in scores] == [
        f"{name}[coordinates, 1k]" for name in ("modes", "high-quality share", "reverse KL")
    ]
    real = found.scores[TEST]
    assert real[0].value == 8
    assert real[1].value == pytest.approx(0.989, abs=0.01)
    assert real[2].value < 0.02
    assert real[1] > scores[1]
    assert len(run([runs["spiral"]], None).scores[str(runs["spiral"])]) == 4  # fid, kid, pr
    four = run([runs["ring"]], ["fid", "kid", "pr", "dc", "memorisation"]).scores
    assert four[str(runs["ring"])][0].name == "FID[coordinates, 400 vs 400]"


def test_points_of_which_none_is_good():
    data = gb.PointDataset.draw(ring(), 500, 0, {"name": "ring", "split": "train"})
    judge = Judge(data, None, Samples(data.points), None)
    far = Samples(data.points + 100)
    modes, share, kl = measures._modes(judge, far, 0)
    assert (modes.value, share.value, kl.value) == (0, 0, math.inf)
    assert kl.low is None
    assert json.dumps(kl.to_json(), allow_nan=False)
    assert "inf" in table({"far": [modes, share, kl]})


def test_intervals_hold_what_other_samples_score():
    """Intervals from ten parts and by bootstrap, against the real spread of a known generator's scores."""
    data = gb.PointDataset.draw(ring(), 1000, 0)
    judge = Judge(data, None, Samples(data.points), None)
    draws = [Samples(0.98 * ring().sample(1000, seed)[0]) for seed in range(1, 25)]
    for measure, index in ((measures._pr, 0), (measures._fid, 0), (measures._modes, 1)):
        scores = [measure(judge, fake, 0)[index] for fake in draws]
        mean = sum(s.value for s in scores) / len(scores)
        inside = sum(s.low <= mean <= s.high for s in scores) / len(scores)
        assert inside > 0.75, scores[0].metric


@pytest.mark.parametrize(
    ("names", "metrics", "options", "message"),
    [
        (["one"], ["fdi"], {}, "unknown metric 'fdi'; did you mean 'fid'"),
        (["one"], ["fid"], {"extractor": "classifer"}, "unknown extractor 'classifer'; did you mean 'class"),
        (["one"], ["fid"], {"num": 10}, "num=10: it must be a whole number of samples, at least 100"),
        (["one"], ["fid"], {"num": 1e3}, "num=1000.0"),
        (["one"], ["fid"], {"seed": -1}, "seed=-1"),
        (["one"], ["fid"], {"data_dir": "nowhere"}, "--data-dir nowhere: there is no such folder"),
        ([], ["fid"], {}, "runs: got none"),
        (["one", "ring"], ["fid"], {}, "one is a run on digits, .*ring on ring: .* do not compare"),
        (["ring"], ["is"], {}, "is: ring has points"),
        (["ring"], ["fid"], {"extractor": "inception"}, "ring has points, whose coordinates"),
        (["spiral"], ["modes"], {}, "modes: swiss-roll is no mixture with known modes"),
        (["one"], ["fid"], {"extractor": "reader"}, "extractor 'reader': digits has no attributes"),
        (["one"], ["modes"], {"extractor": "inception"}, "leave --extractor inception out"),
        (["one", "limited"], ["memorisation"], {}, "counts 400 vs 1,437 vs 180 and 400 vs 200 vs 180"),
    ],
)
def test_what_cannot_be_evaluated_is_one_line(runs, names, metrics, options, message):
    with pytest.raises(UserError, match=message) as error:
        run([runs[name] for name in names], metrics, **options)
    assert "\n" not in str(error.value)


def test_no_such_run(tmp_path):
    with pytest.raises(CheckpointError, match="there is no such run"):
        run([tmp_path / "nothing"], ["fid"])


def test_a_limit_is_of_the_run_and_not_of_the_reference(runs):
    both = run([runs["one"], runs["limited"]], ["fid", "pr"])
    one, limited = (both.scores[str(runs[name])] for name in ("one", "limited"))
    assert not one[0].differences(limited[0])


def test_images_without_labels(monkeypatch, runs):
    labelled = load_dataset("digits")
    monkeypatch.setattr(
        evaluating, "load_dataset", lambda **spec: ImageDataset(labelled.images, None, (), spec)
    )

    def none(folders, device):
        raise UserError("inception: its weights are not here")

    monkeypatch.setattr(judging, "inception_v3", none)
    with pytest.raises(UserError, match="has no labels to train one on; use --extractor inception"):
        run([runs["one"]], ["fid"], extractor="classifier")
    with pytest.raises(UserError, match="there are none, use pr or dc"):
        run([runs["one"]], ["modes"])
    with pytest.raises(UserError, match="inception: its weights are not here"):
        run([runs["one"]], ["fid"])


def test_data_with_attributes_are_judged_by_their_reader(monkeypatch):
    """Its classes are the data's, which are not asked for twice."""
    monkeypatch.setattr(judging, "READER_STEPS", 3)
    train, test = (
        load_dataset("portraits", split=split, limit=120, image_size=16) for split in ("train", "test")
    )
    extractor = judging.choose_extractor(train, test, "auto", None, progress=False)
    assert extractor.name == "portraits-reader"
    assert extractor.num_classes == train.num_classes
    assert extractor.held_out == 120
    columns, names = judging._described(train)
    assert torch.equal(columns[:, 0], train.labels)
    assert len(names) == len(train.attribute_names)  # the hair style is the class, and is not asked twice
    assert names["class"] == train.class_names
    plain = judging.choose_extractor(train, test, "classifier", None, progress=False)
    assert plain.name == "portraits-classifier"


def test_inceptions_2048_features_take_more_samples(monkeypatch, runs):
    class Wide:
        name, dim = "inception", 2048

    monkeypatch.setattr(judging, "inception_v3", lambda folders, device: Wide())
    with pytest.raises(
        UserError, match="num=2,048: FID with inception's 2,048 features takes at least 2,049"
    ):
        run([runs["one"]], ["fid"], extractor="inception", num=2048)
    with pytest.raises(UserError, match=r"fid: digits has 1,437 training samples.*use kid"):
        run([runs["one"]], ["fid"], extractor="inception", num=3000)


def test_a_data_set_that_cannot_be_had(runs, monkeypatch):
    def gone(**spec):
        raise DataError("digits: not here")

    monkeypatch.setattr(evaluating, "load_dataset", gone)
    with pytest.raises(DataError, match="digits: not here"):
        run([runs["one"]], ["fid"])


def test_a_generator_that_died_is_named(runs):
    judge = run([runs["one"]], ["fid"]).judge
    dead = Samples(torch.ones(200, 64), torch.full((200, 10), 0.1, dtype=torch.float64))
    with pytest.raises(UserError, match=r"^runs/x: fid cannot be computed .*all equal"):
        measures.measure("fid", judge, dead, 0, "runs/x")


def test_a_generator_of_one_picture_gets_the_scores_that_can_be_computed(runs, monkeypatch):
    draw = evaluating._generated

    def collapsed(judge, name, *rest):
        if name != str(runs["two"]):
            return draw(judge, name, *rest)
        seen = judging.look(judge.extractor, judge.data.values(torch.zeros(1, dtype=torch.long)))
        return Samples(seen.features.repeat(400, 1), seen.probabilities.repeat(400, 1))

    monkeypatch.setattr(evaluating, "_generated", collapsed)
    one, two = str(runs["one"]), str(runs["two"])
    found = run([runs["one"], runs["two"]], ["fid", "pr", "is", "modes"])
    assert [s.metric for s in found.scores[two]] == ["IS", "classes", "reverse KL"]
    assert [s.metric for s in found.scores[one]] == [
        "FID",
        "precision",
        "recall",
        "IS",
        "classes",
        "reverse KL",
    ]
    assert found.scores[two][0].value == pytest.approx(1)
    assert found.scores[two][1].value == 1
    assert [line.split(" cannot")[0] for line in found.missing] == [f"{two}: fid", f"{two}: pr"]
    text = str(found)
    assert "Not computed:" in text
    assert "got 400 samples that are all equal" in text
    assert found.to_json()["missing"] == found.missing
    with pytest.raises(
        UserError, match=r"two: fid cannot be computed \(fake: got 400 samples that are all eq"
    ):
        run([runs["two"]], ["fid"])


def test_copies_among_the_images_are_noticed(runs, capsys):
    judge = run([runs["one"]], ["fid"]).judge
    halves = judge.real[:200].features
    twice = Samples(torch.cat([halves, halves]), judge.real.probabilities)
    capsys.readouterr()
    measures.measure("pr", judge, twice, 0, "runs/x")
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("Notice: runs/x: pr: fake: 100% of its samples have an exact copy in the set.")
    measures.measure("dc", dataclasses.replace(judge, real=twice), judge.real, 0, "runs/x")
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("Notice: runs/x: dc: real: 100% of its samples")
    measures.measure("pr", judge, judge.real, 0, "runs/x")
    assert capsys.readouterr().out == ""


def test_images_are_rounded_as_anyone_would_see_them():
    rounded = ImageDataset.to_values
    assert rounded(torch.tensor([-1.0, 0.0, 0.003, 1.0, 1.0005]).view(1, 1, 1, 5)).flatten().tolist() == [
        0, 128, 128, 255, 255,
    ]  # fmt: skip
    for bad, message in (
        (torch.zeros(1, 1, 2, 2, dtype=torch.uint8), "got dtype torch.uint8; it takes floating-point images"),
        (torch.full((1, 1, 2, 2), math.nan), "got values that are NaN or infinite"),
        (torch.full((1, 1, 2, 2), -math.inf), "got values that are NaN or infinite"),
        (torch.tensor([[[[0.0, 255.0]]]]), r"got values from 0 to 255; it takes images in \[-1, 1\]"),
        (torch.tensor([[[[-1.1, 0.0]]]]), r"got values from -1.1 to 0"),
    ):
        with pytest.raises(UserError, match=f"^mine: {message}"):
            rounded(bad, "mine")


def test_a_run_of_own_data_has_no_name(runs):
    it = Run(runs["one"], runs["one"], None, {"data": {"spec": {}}})
    with pytest.raises(UserError, match="its data are not from load_dataset"):
        evaluating._spec("run", it, None)


def test_memorisation_takes_held_out_data(runs, monkeypatch):
    with pytest.raises(UserError, match="memorisation: digits has no test split"):
        evaluating._check_held_out({"a": {"name": "digits", "split": "train"}}, None)
    with pytest.raises(UserError, match="memorisation: a was trained on the test split"):
        evaluating._check_held_out({"a": {"name": "digits", "split": "test"}}, load_dataset("digits"))


def test_a_copying_generator_is_found_out(runs):
    """Training images instead of generated ones."""
    found = run([runs["limited"]], ["fid"])
    judges = evaluating._with_train(found.judge, {"it": {"name": "digits", "limit": 200}}, False)
    share, ratio = measures._memorisation(judges["it"], judges["it"].train, 0)
    assert share.value == 1
    assert share.low > 0.5
    assert ratio.value < 0.2  # 180 of the 200 are looked at, to be as many as are held out
    share, _ = measures._memorisation(judges["it"], judges["it"].test[:180], 0)
    assert 0.3 < share.value < 0.7
    assert share.low < 0.5 < share.high


def test_the_table_says_what_was_done(runs):
    text = str(run([runs["one"]], ["fid", "kid"], seed=3))
    for part in (
        "Reference: digits 1x8x8, training split, 400 of its 1,437 samples",
        "Extractor: digits-classifier, 64 features, right on",
        "of 360 held-out images",
        "400 images rounded to uint8 a run, averaged (EMA) generator in eval mode, seed 3",
        "step 30",
        "FID[digits-classifier, 400 vs 400], lower is better",
        "With as many samples as the test split has:",
        "Intervals (95 %):",
        "FID: bootstrap, 10 draws",
    ):
        assert part in text


def test_scores_are_frozen(runs):
    score = run([runs["ring"]], ["modes"]).scores[TEST][0]
    with pytest.raises(dataclasses.FrozenInstanceError):
        score.value = 3
