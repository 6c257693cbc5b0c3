"""The cache of decoded images: opened instead of decoded, whole or not there, and never in the way."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch

import ganbook as gb
from ganbook.data.sources import cache
from ganbook.errors import DataError
from ganbook.support import files


def load(root, **options):
    return gb.load_dataset(f"folder:{root}", **options)


def entry():
    ((path, _),) = cache.entries()
    return path


@pytest.fixture
def count(monkeypatch):
    """How many files were decoded."""
    decoded = []
    real = cache.decode

    def decode(path, *args):
        decoded.append(path)
        return real(path, *args)

    monkeypatch.setattr(cache, "decode", decode)
    return lambda: len(decoded)


def test_what_was_decoded_is_only_opened(photos, count):
    first = load(photos)
    assert count() == 10
    second = load(photos)
    assert count() == 10
    assert torch.equal(first.images, second.images)
    assert (entry() / cache.PIXELS).read_bytes() == first.images.numpy().tobytes()


def test_the_array_is_mapped_not_read_and_changes_stay_private(photos, recwarn):
    data = load(photos)
    maps = Path("/proc/self/maps")
    if maps.exists():
        assert str(entry() / cache.PIXELS) in maps.read_text()
    before = (entry() / cache.PIXELS).read_bytes()
    data.images.zero_()
    assert (entry() / cache.PIXELS).read_bytes() == before
    assert not recwarn.list
    assert load(photos).images.any()


def test_every_setting_and_every_change_of_a_file_counts(photos, count, write_noise):
    def decoded(**options):
        before = count()
        load(photos, **options)
        return count() - before

    assert decoded() == 10
    assert decoded(image_size=8) == 10
    assert decoded(image_size=8, channels=1) == 10
    assert decoded(limit=4) == 4
    assert decoded() == decoded(image_size=8, channels=1) == decoded(limit=4) == 0
    os.utime(photos / "cats" / "0.png", ns=(0, 0))
    assert decoded() == 10
    (photos / "cats" / "0.png").rename(photos / "cats" / "00.png")
    assert decoded() == 10
    write_noise(photos / "dogs" / "9.png", 1)
    assert decoded() == 11
    moved = photos.parent / "elsewhere" / photos.name
    moved.parent.mkdir()
    photos.rename(moved)
    before = count()
    load(moved)
    assert count() == before  # the folder as a whole may move


def damage_pixels(path):
    (path / cache.PIXELS).write_bytes((path / cache.PIXELS).read_bytes()[:-1])


def flip_a_bit(path):
    pixels = bytearray((path / cache.PIXELS).read_bytes())
    pixels[100] ^= 4
    (path / cache.PIXELS).write_bytes(pixels)


def damage_manifest(path):
    (path / cache.MANIFEST).write_text((path / cache.MANIFEST).read_text()[:-5])


def remove_pixels(path):
    (path / cache.PIXELS).unlink()


def remove_manifest(path):
    (path / cache.MANIFEST).unlink()


def another_shape(path):
    manifest = json.loads((path / cache.MANIFEST).read_text())
    manifest["shape"] = [5, 6, 16, 16]
    (path / cache.MANIFEST).write_text(json.dumps(manifest))


def a_number_for_a_list(path):
    (path / cache.MANIFEST).write_text("3")


def wrong_bad_list(path):
    manifest = json.loads((path / cache.MANIFEST).read_text())
    manifest["bad"] = [7]
    (path / cache.MANIFEST).write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    "damage",
    [damage_pixels, flip_a_bit, damage_manifest, remove_pixels, remove_manifest, another_shape,
     a_number_for_a_list, wrong_bad_list],
)  # fmt: skip
def test_a_damaged_entry_is_made_anew(photos, count, damage):
    whole = load(photos).images.clone()
    path = entry()
    damage(path)
    assert torch.equal(load(photos).images, whole)
    assert count() == 20
    assert torch.equal(load(photos).images, whole)
    assert count() == 20
    assert [p.name for p in path.parent.iterdir() if not p.name.endswith(".lock")] == [path.name]


def test_a_large_entry_is_checked_beside_the_work(photos, count, monkeypatch, capsys):
    whole = load(photos).images.clone()
    flip_a_bit(entry())
    monkeypatch.setattr(cache, "AT_ONCE", 10)
    assert not torch.equal(load(photos).images, whole)
    for thread in threading.enumerate():
        if thread.daemon and thread is not threading.current_thread():
            thread.join(10)
    assert "are damaged (their checksum does not match). Stop, and start again" in capsys.readouterr().out
    assert torch.equal(load(photos).images, whole)
    assert count() == 20


def test_an_entry_of_an_older_version_has_no_checksum_and_is_used(photos, count):
    whole = load(photos).images.clone()
    path = entry() / cache.MANIFEST
    manifest = json.loads(path.read_text())
    del manifest["crc32"]
    path.write_text(json.dumps(manifest))
    assert torch.equal(load(photos).images, whole)
    assert count() == 10


@pytest.mark.parametrize("obstacle", ["a file", "a full disk"])
def test_without_a_cache_it_works_in_memory_and_says_so(
    photos, count, monkeypatch, capsys, tmp_path, obstacle
):
    expected = load(photos, channels=3).images.clone()
    capsys.readouterr()
    if obstacle == "a file":
        (tmp_path / "file").write_text("mine")
        monkeypatch.setenv("GANBOOK_CACHE", str(tmp_path / "file"))
    else:
        monkeypatch.setenv("GANBOOK_CACHE", str(tmp_path / "other"))

        def full(*args):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
    before = count()
    data = load(photos)
    assert torch.equal(data.images, expected)
    notice = capsys.readouterr().out
    assert notice.startswith("Notice: the cache folder ")
    assert notice.count("\n") == 1
    assert "is decoded into memory" in notice
    assert count() > before
    if obstacle == "a full disk":  # nothing half is left
        assert [p.name for p in (tmp_path / "other").iterdir() if not p.name.endswith(".lock")] == []
    else:
        assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("channels", [None, 1])
def test_grey_images_in_memory(tmp_path, monkeypatch, channels):
    from PIL import Image

    (tmp_path / "x").mkdir()
    (tmp_path / "file").write_text("mine")
    for i in range(3):
        Image.new("L", (8, 8), i).save(tmp_path / "x" / f"{i}.png")
    monkeypatch.setenv("GANBOOK_CACHE", str(tmp_path / "file"))
    assert load(tmp_path / "x", channels=channels).images[:, :, 0, 0].tolist() == [[0], [1], [2]]


def test_the_cache_folder_can_be_chosen(photos, tmp_path, monkeypatch):
    monkeypatch.setenv("GANBOOK_CACHE", str(tmp_path / "mine"))
    load(photos)
    assert entry().parent == tmp_path / "mine"
    assert files.cache_dir() == tmp_path / "mine"


def test_ctrl_c_leaves_nothing(photos, monkeypatch):
    real = cache.decode

    def interrupt(path, *args):
        if path.name == "3.png":
            raise KeyboardInterrupt
        return real(path, *args)

    monkeypatch.setattr(cache, "decode", interrupt)
    with pytest.raises(KeyboardInterrupt):
        load(photos)
    assert [p for p in files.cache_dir().iterdir() if not p.name.endswith(".lock")] == []


def test_leftovers_of_dead_processes_go_and_those_of_living_ones_stay(photos):
    folder = files.cache_dir()
    folder.mkdir(parents=True)
    dead, alive = folder / ".celeba-0.1234.tmp", folder / ".celeba-1.1234.tmp"
    for path in (dead, alive):
        path.mkdir()
        (path / cache.PIXELS).write_bytes(b"half")
    with files.locked(folder / ".celeba-1.lock", "waiting") as alone:
        if not alone:
            pytest.skip("no locks here")
        load(photos)
    assert not dead.exists()
    assert alive.exists()


# A process of its own that forks those that decode: they share one import of torch.
DRIVER = """
import hashlib, json, os, random, signal, sys, time
sys.stderr = open(os.devnull, "w")
import ganbook as gb
from ganbook.data.sources import cache

def checksum():
    data = gb.load_dataset("folder:" + sys.argv[1])
    return hashlib.sha256(data.images.numpy().tobytes() + str(data.labels.tolist()).encode()).hexdigest()

def child(work):
    pid = os.fork()
    if pid == 0:
        work()
        os._exit(0)
    return pid
"""

KILLS = """
def die_at(calls, functions=("fsync", "rename", "mkdir")):
    # Kill this very process just before call number `calls` of what changes the disk.
    from pathlib import Path
    left = [calls]
    def wrap(real):
        def wrapped(*args, **kwargs):
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **kwargs)
        return wrapped
    os.fsync = wrap(os.fsync)
    Path.rename, Path.mkdir, Path.open = wrap(Path.rename), wrap(Path.mkdir), wrap(Path.open)

start = time.perf_counter()
pid = child(checksum)
os.waitpid(pid, 0)
took = time.perf_counter() - start
for path, _ in cache.entries():
    cache.remove(path)
killed = 0
rng = random.Random(int(sys.argv[2]))
for attempt in range(14):  # at random moments
    pid = child(checksum)
    time.sleep(rng.uniform(0, took))
    os.kill(pid, signal.SIGKILL)
    killed += os.WIFSIGNALED(os.waitpid(pid, 0)[1])
    for path, _ in cache.entries():
        cache.remove(path)
steps = 0
while True:  # before each change of the disk in turn
    pid = child(lambda: (die_at(steps), checksum()))
    steps += 1
    if not os.WIFSIGNALED(os.waitpid(pid, 0)[1]):
        break
    for path, _ in cache.entries():
        cache.remove(path)
    left = sorted(p.name for p in cache.cache_dir().iterdir())
for path, _ in cache.entries():
    cache.remove(path)
value = checksum()
rest = [p.name for p in cache.cache_dir().iterdir() if p.name.endswith((".tmp", ".old"))]
print(json.dumps({"killed": killed, "steps": steps, "checksum": value, "rest": rest}))
"""

RACE = """
start = time.time() + 0.3
pids = []
for number in range(3):
    def work():
        time.sleep(max(0, start - time.time()))
        with open(f"{sys.argv[2]}/{number}.txt", "w") as file:
            file.write(checksum())
    pids.append(child(work))
codes = [os.waitpid(pid, 0)[1] for pid in pids]
rest = [p.name for p in cache.cache_dir().iterdir() if p.name.endswith((".tmp", ".old"))]
sums = [open(f"{sys.argv[2]}/{number}.txt").read() for number in range(3)]
print(json.dumps({"codes": codes, "sums": sums, "rest": rest, "entries": len(cache.entries())}))
"""


def drive(script, *arguments, **environment):
    code = DRIVER + script
    command = [sys.executable, "-c", code, *map(str, arguments)]
    variables = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=variables)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def many(tmp_path, write_noise):
    for number in range(120):
        write_noise(tmp_path / "many" / f"{number % 3}" / f"{number}.png", number, size=(48, 48))
    return tmp_path / "many"


def checksum_of(data):
    import hashlib

    return hashlib.sha256(data.images.numpy().tobytes() + str(data.labels.tolist()).encode()).hexdigest()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_at_any_moment_it_ends_as_if_nothing_had_happened(many, tmp_path):
    result = drive(KILLS, many, 0, GANBOOK_CACHE=str(tmp_path / "killed"))
    assert result["killed"] >= 5
    assert result["steps"] >= 8
    assert result["rest"] == []
    assert result["checksum"] == checksum_of(load(many))  # undisturbed, in another cache


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_three_processes_at_once(many, tmp_path):
    result = drive(RACE, many, tmp_path, GANBOOK_CACHE=str(tmp_path / "race"))
    assert result["codes"] == [0, 0, 0]
    assert result["sums"] == [checksum_of(load(many))] * 3
    assert (result["rest"], result["entries"]) == ([], 1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_three_processes_at_once_without_locks(many, tmp_path):
    script = "from ganbook.support import files; files.fcntl = None\n" + RACE
    result = drive(script, many, tmp_path, GANBOOK_CACHE=str(tmp_path / "race"))
    assert result["codes"] == [0, 0, 0]
    assert result["sums"] == [checksum_of(load(many))] * 3


def test_the_second_process_says_that_it_waits(tmp_path, capsys):
    if files.fcntl is None:
        pytest.skip("no locks here")
    import threading

    order = []

    def second():
        with files.locked(tmp_path / "lock", "waiting for it"):
            order.append("second")

    with files.locked(tmp_path / "lock", "waiting for it"):
        thread = threading.Thread(target=second)
        thread.start()
        deadline = time.monotonic() + 5
        while "waiting for it" not in capsys.readouterr().err and time.monotonic() < deadline:
            time.sleep(0.01)
        order.append("first")
    thread.join(5)
    assert order == ["first", "second"]


def test_nothing_is_cached_of_a_folder_without_one_good_image(tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "a.png").write_bytes(b"")
    with pytest.raises(DataError):
        load(tmp_path / "x")
    assert cache.entries() == []
