"""Feature extractors: exact from the same seed, kept in a cache that may be damaged or shared; Inception."""

import hashlib
import json
import subprocess
import sys
import urllib.error

import pytest
import torch
from safetensors.torch import save_file

from ganbook.metrics import classifier, inception_v3, train_classifier
from ganbook.metrics.extractors import pretrained, trained
from ganbook.metrics.extractors.extractor import check_images
from ganbook.metrics.extractors.pretrained import INCEPTION_FILE


def striped(num: int, seed: int, size: int = 8, channels: int = 1):
    """Return images of three classes: horizontal stripes, vertical ones, a chessboard; with noise."""
    rng = torch.Generator().manual_seed(seed)
    labels = torch.arange(num) % 3
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    x, y = x // 2 % 2, y // 2 % 2
    patterns = torch.stack([y, x, (x + y) % 2]).float()
    noise = 60 * torch.randn(num, channels, size, size, generator=rng)
    images = (200 * patterns[labels].unsqueeze(1) + noise).clamp(0, 255).to(torch.uint8)
    return images, labels


FEW = {"steps": 25, "batch_size": 32, "dim": 16}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize(("size", "channels"), [(8, 1), (12, 3), (28, 1), (33, 1), (64, 3)])
def test_it_learns_at_any_size(size, channels):
    images, labels = striped(96, 0, size, channels)
    held_out = striped(60, 1, size, channels)
    extractor = classifier(images, labels, held_out=held_out, name="stripes", **{**FEW, "steps": 80})
    assert extractor.accuracy > 0.9
    assert extractor.held_out == 60
    seen = extractor.extract(held_out[0])
    assert seen.features.shape == (60, 16)
    assert seen.features.dtype == torch.float32
    assert seen.features.min() >= 0  # after the ReLU
    assert seen.logits.shape == (60, 3)
    torch.testing.assert_close(seen.probabilities.sum(1), torch.ones(60, dtype=torch.float64))
    assert (seen.labels == held_out[1]).double().mean().item() == extractor.accuracy
    torch.testing.assert_close(extractor(held_out[0]), seen.features, rtol=0, atol=0)
    assert not extractor.network.training
    assert (extractor.name, extractor.dim, extractor.num_classes) == ("stripes", 16, 3)


def test_chunks_are_joined_in_order():
    extractor = classifier(*striped(96, 0), **FEW)
    images, _ = striped(1203, 1)
    done = []
    whole = extractor.extract(images, done.append)
    assert done == [500, 500, 203]
    torch.testing.assert_close(whole.features[777:778], extractor(images[777:778]), rtol=1e-4, atol=1e-4)


def test_the_same_seed_gives_the_same_bits_whatever_the_threads_and_the_state_of_torch():
    images, labels = striped(96, 0)
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    first = train_classifier(images, labels, **FEW).state_dict()
    assert torch.equal(torch.get_rng_state(), state)  # nobody else's draws are disturbed
    try:
        torch.set_num_threads(3)
        torch.rand(7)
        second = train_classifier(images, labels, **FEW).state_dict()
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(first[key], second[key]) for key in first)
    other = train_classifier(images, labels, **FEW, seed=1).state_dict()
    assert not torch.equal(first["head.weight"], other["head.weight"])


def test_the_cache_gives_the_same_bits_without_training(tmp_path, monkeypatch):
    images, labels = striped(96, 0)
    steps = []
    first = classifier(images, labels, **FEW, progress=steps.append)
    assert len(steps) == 25
    again = classifier(images, labels, **FEW, progress=steps.append)
    assert len(steps) == 25  # not trained
    monkeypatch.setattr(trained, "_load", lambda entry: None)
    anew = classifier(images, labels, **FEW)
    probe = striped(50, 9)[0]
    assert first.digest == again.digest == anew.digest
    assert torch.equal(first(probe), again(probe))
    assert torch.equal(first(probe), anew(probe))
    assert (tmp_path / "cache" / "ganbook" / "classifiers").is_dir()


def test_the_cache_is_keyed_by_content(tmp_path):
    images, labels = striped(96, 0)
    base = classifier(images, labels, **FEW, cache=tmp_path)
    pixel = images.clone()
    pixel[5, 0, 3, 3] ^= 1
    swapped = labels.clone()
    swapped[[0, 1]] = labels[[1, 0]]
    for changed in (
        classifier(pixel, labels, **FEW, cache=tmp_path),
        classifier(images, swapped, **FEW, cache=tmp_path),
        classifier(images, labels, **FEW, seed=1, cache=tmp_path),
        classifier(images, labels, **{**FEW, "steps": 24}, cache=tmp_path),
    ):
        assert changed.digest != base.digest
    assert len(list(tmp_path.iterdir())) == 5
    assert not list(tmp_path.glob(".*"))  # nothing half-written is left


@pytest.mark.parametrize("file", ["weights.safetensors", "about.json"])
@pytest.mark.parametrize("damage", ["cut", "flip", "gone", "empty"])
def test_a_damaged_cache_is_found_and_mended(tmp_path, file, damage):
    images, labels = striped(96, 0)
    base = classifier(images, labels, **FEW, cache=tmp_path)
    (entry,) = tmp_path.iterdir()
    path = entry / file
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    elif damage == "flip":
        at = len(content) - 30 if file.endswith("safetensors") else content.index(b'digest": "') + 12
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    else:
        path.write_bytes(content[:-20] if damage == "cut" else b"")
    steps = []
    again = classifier(images, labels, **FEW, cache=tmp_path, progress=steps.append)
    assert len(steps) == 25  # trained anew
    assert again.digest == base.digest
    assert [p.name for p in tmp_path.iterdir()] == [entry.name]
    assert path.read_bytes() == content  # and mended
    assert json.loads((entry / "about.json").read_text())["settings"]["seed"] == 0


def test_a_cache_that_cannot_be_written_is_no_obstacle(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("mine")
    with pytest.warns(UserWarning, match="could not be kept in .*file"):
        extractor = classifier(*striped(96, 0), **FEW, cache=blocked)
    assert extractor(striped(5, 1)[0]).shape == (5, 16)
    assert blocked.read_text() == "mine"


def test_two_processes_may_train_at_once(tmp_path):
    images, labels = striped(96, 0)
    save_file({"images": images, "labels": labels}, tmp_path / "data.safetensors")
    code = (
        "import sys, warnings; from safetensors.torch import load_file; warnings.simplefilter('error');"
        "from ganbook.metrics import classifier; data = load_file(sys.argv[1]);"
        f"print(classifier(data['images'], data['labels'], **{FEW!r}, cache=sys.argv[2]).digest)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "data.safetensors"), str(tmp_path / "cache")]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    digests = {process.communicate(timeout=120)[0].strip() for process in both}
    assert digests == {classifier(images, labels, **FEW, cache=tmp_path / "cache").digest}
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_the_slower_process_keeps_what_the_faster_wrote(tmp_path, monkeypatch):
    images, labels = striped(96, 0)
    base = classifier(images, labels, **FEW, cache=tmp_path)
    (entry,) = tmp_path.iterdir()
    written = (entry / "weights.safetensors").stat().st_ino
    load, calls = trained._load, []
    monkeypatch.setattr(
        trained, "_load", lambda path: load(path) if calls.append(1) or len(calls) > 1 else None
    )
    assert classifier(images, labels, **FEW, cache=tmp_path).digest == base.digest
    assert (entry / "weights.safetensors").stat().st_ino == written
    assert [p.name for p in tmp_path.iterdir()] == [entry.name]


IMAGES, LABELS = striped(12, 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": IMAGES.float() / 255}, r"^images: got dtype torch.float32; .* uint8 .*to_uint8"),
        ({"images": IMAGES.long()}, r"^images: got dtype torch.int64"),
        ({"images": IMAGES[:, 0]}, r"^images: got shape \(12, 8, 8\)"),
        ({"images": IMAGES[:0], "labels": LABELS[:0]}, r"^images: got shape \(0, 1, 8, 8\)"),
        ({"images": IMAGES.expand(-1, 2, -1, -1)}, r"^images: got shape \(12, 2, 8, 8\); .* C of 1 or 3"),
        ({"images": IMAGES.numpy()}, "^images: got ndarray"),
        ({"labels": LABELS[:-1]}, r"^labels: got dtype torch.int64 of shape \(11,\)"),
        ({"labels": LABELS.float()}, "^labels: got dtype torch.float32"),
        ({"labels": LABELS - 1}, "^labels: got values from -1 to 1"),
        ({"labels": LABELS * 0}, "^labels: got one class"),
        ({"labels": LABELS.tolist()}, "^labels: got list"),
        ({"num_classes": 2}, "^labels: got values from 0 to 2; it takes 0 to 1"),
        ({"num_classes": 1}, "^num_classes=1"),
        ({"steps": 0}, "^steps=0"),
        ({"dim": 0}, "^dim=0"),
        ({"batch_size": 1.5}, "^batch_size=1.5"),
        ({"seed": -1}, "^seed=-1"),
    ],
)
def test_bad_training_data(change, message, tmp_path):
    arguments = {"images": IMAGES, "labels": LABELS, **change}
    for function in (train_classifier, classifier):
        with pytest.raises(ValueError, match=message):
            function(**arguments)
    assert not (tmp_path / "cache").exists()


def test_bad_images_to_look_at():
    extractor = classifier(*striped(96, 0), **FEW)
    with pytest.raises(
        ValueError, match=r"^images: got shape \(3, 1, 9, 9\); the classifier takes .*\(1, 8, 8\)"
    ):
        extractor(striped(3, 0, 9)[0])
    with pytest.raises(ValueError, match=r"got dtype torch.float32"):
        extractor(torch.zeros(3, 1, 8, 8))
    with pytest.raises(ValueError, match=r"^held_out labels: got values from 0 to 7; it takes 0 to 2"):
        classifier(*striped(96, 0), **FEW, held_out=(IMAGES, LABELS.clamp(max=1) * 7))
    check_images(torch.zeros(1, 3, 1, 1, dtype=torch.uint8), "images")


# --------------------------------------------------------------------------------------------- Inception


@pytest.fixture
def no_network(monkeypatch, tmp_path):
    """Nothing can be downloaded, and torch's cache is empty."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))

    def refuse(*args, **kwargs):
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)


@pytest.mark.usefixtures("no_network")
def test_inception_without_weights_is_one_clear_line(tmp_path):
    pytest.importorskip("torch_fidelity")
    with pytest.raises(
        ValueError, match=r"^inception: its weights are not in .*mine.*hub.*no route to host"
    ) as e:
        inception_v3([tmp_path / "mine"])
    assert "\n" not in str(e.value)
    assert f"Put {INCEPTION_FILE} there" in str(e.value)


@pytest.mark.usefixtures("no_network")
def test_damaged_weights_are_refused(tmp_path):
    pytest.importorskip("torch_fidelity")
    (tmp_path / INCEPTION_FILE).write_bytes(b"half a file")
    with pytest.raises(ValueError, match=r"^inception: .* is damaged .* delete it"):
        inception_v3([tmp_path])


def test_without_torch_fidelity(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch_fidelity.feature_extractor_inceptionv3", None)
    with pytest.raises(ValueError, match=r"^inception: it needs torch-fidelity.*ganbook\[metrics\]"):
        inception_v3()


@pytest.mark.usefixtures("no_network")
def test_inception_is_torch_fidelitys(tmp_path, monkeypatch):
    """With random weights in the place of the real ones: what comes out is what torch-fidelity computes."""
    module = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")
    net = module.FeatureExtractorInceptionV3
    with monkeypatch.context() as patch:
        patch.setattr(module, "load_state_dict_from_url", lambda *args, **kwargs: {})
        patch.setattr(net, "load_state_dict", lambda self, state: None)
        torch.manual_seed(0)
        theirs = net("inception-v3-compat", ["2048", "logits_unbiased"])
    torch.save(theirs.state_dict(), tmp_path / INCEPTION_FILE)
    with pytest.raises(ValueError, match="is damaged"):
        inception_v3([tmp_path])
    digest = hashlib.sha256((tmp_path / INCEPTION_FILE).read_bytes()).hexdigest()
    monkeypatch.setattr(pretrained, "INCEPTION_SHA256", digest[:8])
    extractor = inception_v3([tmp_path])
    assert (extractor.name, extractor.dim, extractor.digest) == ("inception", 2048, digest[:16])
    grey = striped(2, 0, 28)[0]
    seen = extractor.extract(grey)
    expected, logits = theirs(grey.expand(-1, 3, -1, -1))
    assert seen.features.shape == (2, 2048)
    assert torch.equal(seen.features, expected)
    assert torch.equal(seen.logits, logits)
