"""A score carries its name in full, and refuses to be held against a score of another kind."""

import dataclasses
import json
import math

import pytest

from ganbook.metrics import Score, table

FID = Score(
    "FID", 12.345678, "mnist-classifier", "5f3a9c21aa", (10_000, 10_000), "lower", 11.9, 12.8,
    "bootstrap, 100 draws", {}, "mnist 1x28x28, training split", 0,
)  # fmt: skip


def test_name_and_text():
    assert FID.name == "FID[mnist-classifier, 10k vs 10k]"
    assert str(FID) == "FID[mnist-classifier, 10k vs 10k] = 12.35 (11.9 to 12.8)"
    assert dataclasses.replace(FID, counts=(1437,)).name == "FID[mnist-classifier, 1,437]"
    assert str(dataclasses.replace(FID, low=None)).endswith("= 12.35")


def test_comparisons():
    better = dataclasses.replace(FID, value=10.0, seed=5, low=None, interval="")
    assert better < FID
    assert better <= FID
    assert not better > FID
    assert not better >= FID
    assert FID - better == pytest.approx(2.345678)


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"metric": "KID"}, "metric FID and KID"),
        ({"extractor": "inception"}, r"extractor mnist-classifier \(5f3a9c21\) and inception \(5f3a9c21\)"),
        (
            {"digest": "00aa00aa"},
            r"extractor mnist-classifier \(5f3a9c21\) and mnist-classifier \(00aa00aa\)",
        ),
        ({"counts": (5000, 10_000)}, "counts 10k vs 10k and 5k vs 10k"),
        ({"settings": {"k": 3}}, "setting k None and 3"),
        ({"reference": "mnist 1x28x28, test split"}, "reference .*training split and .*test split"),
    ],
)
def test_other_kinds_are_refused(change, difference):
    other = dataclasses.replace(FID, **change)
    for compare in (
        lambda a, b: a < b,
        lambda a, b: a <= b,
        lambda a, b: a > b,
        lambda a, b: a >= b,
        lambda a, b: a - b,
        lambda a, b: a.check_comparable(b),
    ):
        with pytest.raises(ValueError, match=f"^scores of different kinds do not compare: {difference}$"):
            compare(FID, other)
    assert other != FID
    if "metric" not in change:
        with pytest.raises(ValueError, match=f"^FID of a and of b do not compare: {difference}$"):
            table({"a": [FID], "b": [other]})


def test_all_differences_are_named():
    other = dataclasses.replace(FID, counts=(5,), settings={"k": 3})
    assert len(FID.differences(other)) == 2


def test_table():
    kid = dataclasses.replace(FID, metric="KID", value=1234.5, low=None)
    text = table({"runs/a": [FID, kid], "b": [dataclasses.replace(FID, value=3.0)]})
    assert text.splitlines() == [
        "FID[mnist-classifier, 10k vs 10k], lower is better",
        "  runs/a      12.35   11.9 to 12.8",
        "  b               3   11.9 to 12.8",
        "KID[mnist-classifier, 10k vs 10k], lower is better",
        "  runs/a      1,234",
    ]
    assert table({}) == ""


def test_json():
    content = json.loads(json.dumps(dataclasses.replace(FID, value=math.inf).to_json(), allow_nan=False))
    assert content["name"] == FID.name
    assert content["value"] == "inf"
    assert content["counts"] == [10_000, 10_000]
    assert json.loads(json.dumps(FID.to_json()))["value"] == FID.value  # all digits
