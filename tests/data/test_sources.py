"""The door to the data: embedded digits, sets from files that these tests write, and what goes wrong."""

import gzip
import hashlib
import http.server
import io
import pickle
import struct
import tarfile
import threading
import urllib.error
from pathlib import Path

import numpy as np
import pytest
import torch

import ganbook as gb
from ganbook.data import whereabouts
from ganbook.data.sources import torchvision as sources
from ganbook.errors import DataError, UserError


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr("urllib.request.urlopen", refuse)


@pytest.fixture
def mnist_dir(tmp_path, monkeypatch):
    """A folder of a small MNIST in the original's format; the expected sizes are shrunk with it."""
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    files, sizes = idx_files()
    for name, content in files.items():
        (raw / name).write_bytes(content)
    monkeypatch.setattr(sources, "IDX_FILES", sizes)
    return tmp_path / "data"


def idx_files():
    """Return the four files of a small MNIST, and their sizes as `sources.IDX_FILES` has them."""
    rng = np.random.default_rng(0)
    files, sizes = {}, {}
    for split, stem, num in (("train", "train", 50), ("test", "t10k", 20)):
        images = struct.pack(">4i", 0x803, num, 28, 28) + rng.integers(0, 256, num * 784, np.uint8).tobytes()
        labels = struct.pack(">2i", 0x801, num) + (np.arange(num, dtype=np.uint8) % 10).tobytes()
        own = {f"{stem}-images-idx3-ubyte": images, f"{stem}-labels-idx1-ubyte": labels}
        sizes[split] = {name: len(content) for name, content in own.items()}
        files |= own
    return files, sizes


def test_digits_are_real_and_always_there(no_network):
    train, test = gb.load_dataset("digits"), gb.load_dataset("digits", split="test")
    assert (len(train), len(test)) == (1437, 360)
    assert train.shape == (1, 8, 8)
    assert train.num_classes == 10
    assert int(train.images.max()) == 255
    assert not any(torch.equal(test.images[0], image) for image in train.images)
    # They can be told apart: the nearest class mean is right for most of the test split.
    means = torch.stack([train.images[train.labels == c].float().mean(0) for c in range(10)])
    nearest = torch.cdist(test.images.float().flatten(1), means.flatten(1)).argmin(1)
    assert (nearest == test.labels).float().mean() > 0.8


def test_size_channels_and_limit():
    data = gb.load_dataset("digits", image_size=32, channels=3, limit=10)
    assert data.shape == (3, 32, 32)
    assert len(data) == len(data.labels) == 10
    assert gb.load_dataset(**data.spec).images.equal(data.images)  # the spec loads the same again


def test_mnist_from_files(mnist_dir, no_network, monkeypatch):
    data = gb.load_dataset("mnist", mnist_dir, image_size=32)
    assert (len(data), data.shape) == (50, (1, 32, 32))
    raw = (mnist_dir / "MNIST" / "raw" / "train-images-idx3-ubyte").read_bytes()[16:]
    expected = torch.frombuffer(bytearray(raw), dtype=torch.uint8).view(50, 1, 28, 28)
    assert torch.equal(data.images[..., 2:30, 2:30], expected)
    assert len(gb.load_dataset("mnist", mnist_dir, split="test")) == 20
    monkeypatch.setenv("GANBOOK_DATA", str(mnist_dir))
    assert len(gb.load_dataset("mnist")) == 50
    assert whereabouts("mnist") == "here"


def test_a_truncated_file_is_named_with_both_sizes(mnist_dir, no_network):
    path = mnist_dir / "MNIST" / "raw" / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte has 39,116 bytes, the original has 39,216"):
        gb.load_dataset("mnist", mnist_dir)
    assert whereabouts("mnist", mnist_dir) == "damaged"
    assert path.exists()  # it is the reader's file: nothing is deleted


def test_right_size_and_wrong_content_is_one_line_too(mnist_dir, no_network):
    path = mnist_dir / "MNIST" / "raw" / "train-images-idx3-ubyte"
    path.write_bytes(b"\0" * path.stat().st_size)
    with pytest.raises(DataError, match="cannot be read") as caught:
        gb.load_dataset("mnist", mnist_dir)
    assert "\n" not in str(caught.value)


def test_no_files_and_no_network(tmp_path, no_network):
    with pytest.raises(DataError, match=r"download failed \(.*no route to host.*GANBOOK_DATA") as caught:
        gb.load_dataset("mnist", tmp_path)
    assert "\n" not in str(caught.value)


def test_a_download_that_delivers_rubbish(tmp_path, monkeypatch):
    class Response(io.BytesIO):
        url, headers, length = None, {}, None

    monkeypatch.setattr("urllib.request.urlopen", lambda *a, **k: Response(gzip.compress(b"not MNIST")))
    with pytest.raises(DataError, match="download failed"):
        gb.load_dataset("mnist", tmp_path)


def test_one_split_alone_will_do(mnist_dir, no_network):
    for path in (mnist_dir / "MNIST" / "raw").glob("train-*"):
        path.unlink()
    assert len(gb.load_dataset("mnist", mnist_dir, split="test")) == 20
    with pytest.raises(DataError, match="download failed"):
        gb.load_dataset("mnist", mnist_dir)


def test_packed_files_will_do(mnist_dir, no_network):
    whole = gb.load_dataset("mnist", mnist_dir).images
    for path in list((mnist_dir / "MNIST" / "raw").iterdir()):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert torch.equal(gb.load_dataset("mnist", mnist_dir).images, whole)
    packed = mnist_dir / "MNIST" / "raw" / "train-images-idx3-ubyte.gz"
    for content in (packed.read_bytes()[:-50], b"not gzip", gzip.compress(b"short"), b""):
        packed.write_bytes(content)
        with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz (cannot be read|has)") as caught:
            gb.load_dataset("mnist", mnist_dir)
        assert "\n" not in str(caught.value)


def test_torchvision_reads_the_same(mnist_dir, cifar_dir):
    from torchvision import datasets

    theirs = datasets.MNIST(root=str(mnist_dir), train=False)
    ours = gb.load_dataset("mnist", mnist_dir, split="test")
    assert torch.equal(ours.images[:, 0], theirs.data)
    assert torch.equal(ours.labels, theirs.targets)
    theirs = datasets.CIFAR10(root=str(cifar_dir), train=True)
    ours = gb.load_dataset("cifar10", cifar_dir)
    assert torch.equal(ours.images, torch.from_numpy(theirs.data).permute(0, 3, 1, 2))
    assert ours.labels.tolist() == theirs.targets


def test_fashion_mnist_from_files(mnist_dir, no_network):
    (mnist_dir / "MNIST").rename(mnist_dir / "FashionMNIST")
    assert whereabouts("fashion-mnist", mnist_dir) == "here"
    assert whereabouts("mnist", mnist_dir) == "would be downloaded"
    data = gb.load_dataset("fashion-mnist", mnist_dir)
    assert (len(data), data.shape, data.num_classes) == (50, (1, 28, 28), 10)
    assert data.class_names[9] == "Ankle boot"
    path = mnist_dir / "FashionMNIST" / "raw" / "train-labels-idx1-ubyte"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"fashion-mnist: .* has 57 bytes, the original has 58"):
        gb.load_dataset("fashion-mnist", mnist_dir)


# ---------------------------------------------------------------------------------------------- CIFAR-10


@pytest.fixture
def cifar_dir(tmp_path, monkeypatch):
    """A folder of a small CIFAR-10 in the original's format; the checksums are those of these files."""
    from torchvision.datasets import CIFAR10

    root = tmp_path / "colour" / "cifar-10-batches-py"
    root.mkdir(parents=True)
    rng = np.random.default_rng(0)
    sums = {}
    for split, names in sources.CIFAR10_FILES.items():
        for name in names:
            entry = {"data": rng.integers(0, 256, (20, 3072), dtype=np.uint8), "labels": list(range(10)) * 2}
            (root / name).write_bytes(pickle.dumps(entry, protocol=2))
            sums.setdefault(split, {})[name] = md5(root / name)
    (root / "batches.meta").write_bytes(pickle.dumps({"label_names": list(sources.CIFAR10_NAMES)}))
    monkeypatch.setattr(sources, "CIFAR10_FILES", sums)
    monkeypatch.setattr(CIFAR10, "train_list", [list(item) for item in sums["train"].items()])
    monkeypatch.setattr(CIFAR10, "test_list", [list(item) for item in sums["test"].items()])
    monkeypatch.setattr(CIFAR10, "meta", {**CIFAR10.meta, "md5": md5(root / "batches.meta")})
    return root.parent


def md5(path):
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def test_cifar10_from_files(cifar_dir, no_network):
    data = gb.load_dataset("cifar10", cifar_dir)
    assert (len(data), data.shape) == (100, (3, 32, 32))
    assert data.class_names[:3] == ("airplane", "automobile", "bird")
    assert data.labels.tolist() == list(range(10)) * 10
    entry = pickle.loads((cifar_dir / "cifar-10-batches-py" / "data_batch_2").read_bytes())
    assert torch.equal(data.images[20].flatten(), torch.from_numpy(entry["data"][0]))
    assert len(gb.load_dataset("cifar10", cifar_dir, split="test", image_size=16, channels=1, limit=7)) == 7
    assert whereabouts("cifar10", cifar_dir) == "here"


class Bomb:
    def __reduce__(self):
        return (Path.touch, (Path("exploded"),))


def test_a_cifar10_file_that_is_not_the_original_is_never_unpickled(cifar_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = cifar_dir / "cifar-10-batches-py" / "data_batch_3"
    path.write_bytes(pickle.dumps({"data": Bomb(), "labels": []}))
    with pytest.raises(
        DataError, match=r"data_batch_3 has the checksum .*, the original has .*; the file is"
    ):
        gb.load_dataset("cifar10", cifar_dir)
    assert not Path("exploded").exists()
    assert path.exists()  # it is the reader's file


def test_our_checksums_are_those_of_torchvision():
    from torchvision.datasets import CIFAR10

    assert list(sources.CIFAR10_FILES["train"].items()) == [tuple(pair) for pair in CIFAR10.train_list]
    assert list(sources.CIFAR10_FILES["test"].items()) == [tuple(pair) for pair in CIFAR10.test_list]


# --------------------------------------------------------------------------------------------- downloads


@pytest.fixture
def server(tmp_path):
    """A web server on this machine, for the files in tmp_path/web; `cut` makes it hang up half way."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        cut = False
        asked: list = []  # noqa: RUF012

        def __init__(self, *args):
            super().__init__(*args, directory=str(tmp_path / "web"))

        def do_GET(self):
            Handler.asked.append(self.path)
            if not Handler.cut:
                return super().do_GET()
            content = (tmp_path / "web" / self.path.lstrip("/")).read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2])

        def log_message(self, *args):
            pass

    (tmp_path / "web").mkdir()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        running.handler, running.url = Handler, f"http://127.0.0.1:{running.server_port}/"
        yield running
        running.shutdown()


@pytest.fixture
def mnist_online(server, tmp_path, monkeypatch):
    from torchvision.datasets import MNIST

    files, sizes = idx_files()
    resources = []
    for name, content in files.items():
        (tmp_path / "web" / f"{name}.gz").write_bytes(gzip.compress(content))
        resources.append((f"{name}.gz", md5(tmp_path / "web" / f"{name}.gz")))
    monkeypatch.setattr(sources, "IDX_FILES", sizes)
    monkeypatch.setattr(MNIST, "resources", resources)
    monkeypatch.setattr(MNIST, "mirrors", [server.url])
    return server


def test_a_download_ends_in_the_folder_and_is_used_again(mnist_online, tmp_path, capsys):
    root = tmp_path / "data"
    root.mkdir()
    assert len(gb.load_dataset("mnist", root)) == 50
    assert capsys.readouterr().out == ""
    mnist_online.handler.asked.clear()
    assert len(gb.load_dataset("mnist", root, split="test")) == 20
    assert mnist_online.handler.asked == []
    assert [p.name for p in root.iterdir()] == ["MNIST"]
    assert sorted(p.name for p in (root / "MNIST" / "raw").iterdir()) == sorted(idx_files()[0])
    assert len(gb.load_dataset("mnist")) == 50  # without a folder it goes to the cache
    assert (tmp_path / "cache" / "ganbook" / "MNIST" / "raw").is_dir()


def test_a_cut_download_leaves_nothing_half_and_the_next_one_goes_on(mnist_online, tmp_path):
    root = tmp_path / "data"
    root.mkdir()
    mnist_online.handler.cut = True
    with pytest.raises(DataError, match="the download failed") as caught:
        gb.load_dataset("mnist", root)
    assert "\n" not in str(caught.value)
    assert not (root / "MNIST").exists()
    assert whereabouts("mnist", root) == "would be downloaded"
    mnist_online.handler.cut = False
    assert len(gb.load_dataset("mnist", root)) == 50


def test_what_a_killed_download_left_does_no_harm(mnist_online, tmp_path):
    """A half-written archive fails its checksum; a half-unpacked file has none, and is removed."""
    root = tmp_path / "data"
    partial = root / ".partial-mnist" / "MNIST" / "raw"
    partial.mkdir(parents=True)
    name = "train-images-idx3-ubyte"
    for stem in idx_files()[0]:
        (partial / stem).write_bytes(b"half")
    (partial / f"{name}.gz").write_bytes((tmp_path / "web" / f"{name}.gz").read_bytes())
    (partial / "train-labels-idx1-ubyte.gz").write_bytes(b"half")
    assert len(gb.load_dataset("mnist", root)) == 50
    assert f"/{name}.gz" not in mnist_online.handler.asked  # it was whole
    assert [p.name for p in root.iterdir()] == ["MNIST"]


def test_a_wrong_checksum(mnist_online, tmp_path):
    path = tmp_path / "web" / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(b"\0" * 28))
    with pytest.raises(DataError, match=r"mnist: not in .*, and the download failed \(.*corrupted"):
        gb.load_dataset("mnist")


def test_nobody_answers(tmp_path, monkeypatch):
    from torchvision import datasets

    closed = "http://127.0.0.1:9/"  # the port "discard", where nobody listens
    monkeypatch.setattr(datasets.MNIST, "mirrors", [closed])
    monkeypatch.setattr(datasets.FashionMNIST, "mirrors", [closed])
    monkeypatch.setattr(datasets.CIFAR10, "url", f"{closed}cifar-10-python.tar.gz")
    for name in ("mnist", "fashion-mnist", "cifar10"):
        with pytest.raises(
            DataError, match=rf"^{name}: not in .*the download failed .*GANBOOK_DATA"
        ) as caught:
            gb.load_dataset(name)
        assert "\n" not in str(caught.value)
        assert gb.load_dataset(name, fallback="digits", limit=5).name == "digits"
    folder = tmp_path / "cache" / "ganbook"
    assert list(folder.iterdir()) == []


def test_a_download_of_cifar10(server, cifar_dir, tmp_path, monkeypatch):
    from torchvision.datasets import CIFAR10

    archive = tmp_path / "web" / "cifar-10-python.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(cifar_dir / "cifar-10-batches-py", "cifar-10-batches-py")
    monkeypatch.setattr(CIFAR10, "url", f"{server.url}{archive.name}")
    with pytest.raises(DataError, match="the download failed"):
        gb.load_dataset("cifar10")  # not the checksum of the original
    monkeypatch.setattr(CIFAR10, "tgz_md5", md5(archive))
    data = gb.load_dataset("cifar10")
    assert torch.equal(data.images, gb.load_dataset("cifar10", cifar_dir).images)
    assert not list((tmp_path / "cache" / "ganbook").rglob("*.gz"))


def test_the_fallback_says_once_and_calmly_what_it_does(tmp_path, no_network, capsys, monkeypatch):
    monkeypatch.setattr("ganbook.support.notices._told", set())
    for split in ("train", "test", "train"):
        data = gb.load_dataset("mnist", fallback="digits", split=split, image_size=28)
        assert data.name == "digits"
        assert data.shape == (1, 28, 28)
    notice = capsys.readouterr().out
    assert notice.startswith("Notice: the data set 'mnist' is not here, so 'digits' is used instead.")
    assert notice.count("\n") == 1
    for word in ("no route to host", "rror", "http", "failed", str(tmp_path)):
        assert word not in notice
    gb.load_dataset("mnist", fallback="glyphs", limit=5)  # other data: something new to know
    gb.load_dataset("fashion-mnist", fallback="digits", limit=5)
    assert capsys.readouterr().out.count("Notice: ") == 2


def test_a_missing_folder_is_not_created(tmp_path):
    with pytest.raises(DataError, match="nowhere does not exist"):
        gb.load_dataset("mnist", tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "minst"}, "unknown data set 'minst'; did you mean 'mnist'"),
        ({"name": "digits", "fallback": "digit"}, "unknown data set 'digit'; did you mean 'digits'"),
        ({"name": "digits", "split": "valid"}, "split='valid'"),
        ({"name": "digits", "limit": -1}, "limit=-1"),
        ({"name": "digits", "limit": 0}, "limit=0"),
        ({"name": "digits", "image_size": 0}, "image_size=0"),
        ({"name": "digits", "image_size": 5000}, "image_size=5000: .* 1 to 4096"),
        ({"name": "digits", "image_size": True}, "image_size=True"),
        ({"name": "digits", "channels": 2}, "channels=2"),
        ({"name": "digits", "channels": True}, "channels=True"),
        ({"name": "digits", "skip_bad": 1}, "skip_bad=1: it must be true or false"),
        ({"name": "digits", "data_dir": 3}, "data_dir=3: it must be the path of a folder"),
        ({"name": "mnist", "fallback": "folder:"}, "it takes the path of a folder"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(UserError, match=message):
        gb.load_dataset(**arguments)


def test_points_and_glyphs_come_through_the_same_door():
    ring = gb.load_dataset("ring", limit=500)
    assert ring.shape == (2,)
    assert ring.num_classes == 8
    assert ring.distribution.modes.shape == (8, 2)
    assert gb.load_dataset(**ring.spec).points.equal(ring.points)
    assert not gb.load_dataset("ring", split="test", limit=500).points.equal(ring.points)
    with pytest.raises(UserError, match=r"image_size=28: the data set 'ring' has points, not images"):
        gb.load_dataset("ring", image_size=28)

    glyphs = gb.load_dataset("glyphs", limit=50)
    assert glyphs.shape == (1, 28, 28)
    assert glyphs.num_classes == 10
    padded = gb.load_dataset("glyphs", limit=50, image_size=32)
    assert torch.equal(padded.images[..., 2:30, 2:30], glyphs.images)
    assert gb.load_dataset("glyphs", limit=5, image_size=64, channels=3).shape == (3, 64, 64)
    assert gb.load_dataset(**padded.spec).images.equal(padded.images)
