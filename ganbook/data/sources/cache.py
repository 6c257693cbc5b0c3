"""Many image files, decoded once into a memory-mapped array that the next start only opens.

An entry of the cache is a folder with the pixels (`images.u8`: uint8, N x C x H x W, nothing else),
further arrays, and a manifest. Its name holds a checksum of all that the pixels depend on: the files' names,
sizes and times of change, the size and the channels that were asked for, and the version of the rules in
`decode.py`. (Not the files' content, which would take as long to read as to decode.) So a folder that has
changed gets another entry, and one that was only moved keeps its own.

The manifest holds a CRC-32 of the pixels, so that a bit that the disk has lost is noticed: an entry of up to
1 GiB is checked when it is opened, a larger one beside the work that follows. (Entries of older versions have
none.)

An entry is written under another name, synced to the disk and then renamed, so that it is there whole or not
at all, at whatever moment the process is killed. Of two processes that need the same entry the second waits
for the first; where there are no locks both decode, and the first to rename wins. What a killed process left
behind is removed by the next one that decodes. The cache may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import threading
import warnings
import zlib
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ganbook.data.sources.decode import VERSION, BadImage, decode
from ganbook.errors import DataError
from ganbook.support.files import cache_dir, is_free, locked, printable, remove, replacing_folder, short_path
from ganbook.support.machine import num_cpus
from ganbook.support.notices import notice
from ganbook.support.progress import progress_bar

PIXELS, MANIFEST = "images.u8", "manifest.json"
BATCH = 32  # files a task
AT_ONCE = 2**30  # bytes: an entry of up to so many is checked before it is used, which takes a second at most
SMALL = 3000  # bytes: smaller files decode slower with a second thread, which waits for Python's lock

Arrays = dict[str, np.ndarray[Any, Any]]


class ImageFile(NamedTuple):
    """A file that is to be decoded. There may be 200,000, and a `Path` for each would take seconds."""

    path: str
    name: str  # relative to its data set
    size: int  # bytes; 0 if it is not known
    changed: int  # nanoseconds
    problem: str = ""  # why it cannot even be opened, if that is known already


@dataclass(frozen=True)
class Decoded:
    """What has become of the files."""

    images: Tensor  # uint8, (M, C, S, S)
    kept: Tensor  # int64, (M,): the numbers of the M files that could be read
    arrays: Arrays  # what else is kept with the pixels


class Job:
    """What is to be decoded, and how.

    Parameters
    ----------
    name : str
        Of the data set, for messages.
    short_name : str
        The same, as a part of a file's name.
    files : sequence of ImageFile
        In the order that is wanted.
    image_size : int or callable
        Height and width to crop and resize to; or what finds it out, called only when files are decoded.
    channels : {1, 3}, optional
        Grey or colour. Default: grey if all images are grey, else colour.
    arrays : callable, optional
        Makes arrays that are kept with the pixels. Called only when files are decoded.
    """

    def __init__(
        self,
        name: str,
        short_name: str,
        files: Sequence[ImageFile],
        image_size: int | Callable[[], int],
        channels: int | None,
        arrays: Callable[[], Arrays] = dict,
    ) -> None:
        self.name, self.short_name, self.files, self.channels = name, short_name, files, channels
        self._image_size, self._arrays = image_size, arrays

    @cached_property
    def image_size(self) -> int:
        """Height and width of what comes out."""
        return self._image_size if isinstance(self._image_size, int) else self._image_size()

    @cached_property
    def arrays(self) -> Arrays:
        """What is kept with the pixels."""
        return self._arrays()

    @property
    def written(self) -> int:
        """The channels that are decoded; if they turn out equal, one of them may be kept."""
        return 1 if self.channels == 1 else 3

    @property
    def place(self) -> Path:
        """The job's entry in the cache."""
        size = self._image_size if isinstance(self._image_size, int) else None
        files = [(file.name, file.size, file.changed) for file in self.files]
        checksum = hashlib.sha256(json.dumps([VERSION, size, self.channels, files]).encode()).hexdigest()
        return cache_dir() / f"{self.short_name}-{checksum[:20]}"


def decode_all(job: Job, skip_bad: bool) -> Decoded:
    """Decode image files, or open what was decoded before.

    Parameters
    ----------
    job : Job
        The files.
    skip_bad : bool
        Leave damaged files out, with a notice. Otherwise they are an error.

    Returns
    -------
    Decoded
        The images; their pixels lie in the cache's file, into which changes do not get.

    Raises
    ------
    DataError
        If files are damaged and `skip_bad` is not set, or if all of them are.
    """
    place = job.place
    manifest, result = _open(place, job) or _build_locked(place, job)
    _report(job, manifest["bad"], skip_bad)
    return result


def entries(prefix: str = "") -> list[tuple[Path, int]]:
    """List the whole entries of the cache whose names begin with `prefix`, with their sizes in bytes."""
    folder = cache_dir()
    places = [p.parent for p in sorted(folder.glob(f"*/{MANIFEST}")) if not p.parent.name.startswith(".")]
    return [
        (path, manifest["bytes"][PIXELS])
        for path in places
        if path.name.startswith(prefix) and (manifest := _whole(path)) is not None
    ]


# ------------------------------------------------------------------------------------- opening an entry


def _whole(place: Path) -> dict[str, Any] | None:
    """Return the manifest of an entry, or None if there is none or it is damaged."""
    try:
        manifest = json.loads((place / MANIFEST).read_text(encoding="utf-8"))
        sizes, shape = manifest["bytes"], manifest["shape"]
        if all((place / file).stat().st_size == size for file, size in sizes.items()) and (
            sizes[PIXELS] == int(np.prod(shape)) > 0 and isinstance(manifest["bad"], list)
        ):
            return manifest
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return None


def _open(place: Path, job: Job) -> tuple[dict[str, Any], Decoded] | None:
    """Open an entry; None if it is not there, is damaged, or a file that was bad has been repaired."""
    manifest = _whole(place)
    if manifest is None:
        return None
    try:
        (num, channels, size, _), bad = manifest["shape"], {number for number, _ in manifest["bad"]}
        if num + len(bad) != len(job.files):
            return None
        if any(not _decode_one(job.files[number], size, channels)[1] for number in bad):
            return None
        # "c": copy on write, private to this process. torch warns of memory that it may not write to.
        pixels = np.memmap(place / PIXELS, dtype=np.uint8, mode="c", shape=tuple(manifest["shape"]))
        arrays = {f[:-4]: np.load(place / f) for f in manifest["bytes"] if f.endswith(".npy")}
        if manifest.get("crc32") is not None:
            if pixels.nbytes > AT_ONCE:
                threading.Thread(
                    target=_check_later, args=(place, manifest["crc32"], job), daemon=True
                ).start()
            elif _crc32(place / PIXELS) != manifest["crc32"]:
                return None
    except (OSError, ValueError, TypeError, IndexError):
        return None
    return manifest, Decoded(torch.from_numpy(pixels), _kept(len(job.files), bad), arrays)


def _crc32(path: Path) -> int:
    """Return the CRC-32 of a file, read block by block."""
    checksum = 0
    with path.open("rb") as file:
        while block := file.read(2**22):
            checksum = zlib.crc32(block, checksum)
    return checksum


def _check_later(place: Path, checksum: int, job: Job) -> None:
    """Check a large entry beside the work; one that is damaged is removed, and that is said."""
    with contextlib.suppress(OSError):  # it may be deleted at any time
        if _crc32(place / PIXELS) != checksum:
            (place / MANIFEST).unlink()
            notice(
                f"{job.name}: the decoded images in {short_path(place)} are damaged (their checksum does not "
                "match). Stop, and start again: they will be decoded anew"
            )


def _kept(num: int, bad: set[int]) -> Tensor:
    return torch.tensor([i for i in range(num) if i not in bad], dtype=torch.int64)


# ------------------------------------------------------------------------------------ building an entry


def _build_locked(place: Path, job: Job) -> tuple[dict[str, Any], Decoded]:
    lock = place.with_name(f".{place.name}.lock")
    waiting = f"{job.name}: another process is decoding these images; waiting for it"
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with locked(lock, waiting) as alone:
            entry = _open(place, job)  # another process may have been faster
            if entry is None:
                _sweep(place, alone)
                _build(place, job)
                entry = _open(place, job)
    except OSError as error:
        notice(
            f"the cache folder {short_path(cache_dir())} cannot be used ({error.strerror or error}), so "
            f"{job.name!r} is decoded into memory, at each start again. GANBOOK_CACHE names another folder"
        )
        entry = None
    return entry or _decode_into_memory(job)


def _decode_into_memory(job: Job) -> tuple[dict[str, Any], Decoded]:
    memory = io.BytesIO()
    manifest = _decode_into(memory, job)
    pixels = np.frombuffer(memory.getbuffer(), dtype=np.uint8)
    pixels = pixels.reshape(-1, job.written, job.image_size, job.image_size)
    pixels = np.ascontiguousarray(pixels[:, : manifest["shape"][1]])  # one of three equal channels, if grey
    bad = {number for number, _ in manifest["bad"]}
    return manifest, Decoded(torch.from_numpy(pixels), _kept(len(job.files), bad), job.arrays)


def _build(place: Path, job: Job) -> None:
    """Decode into a folder under another name, which takes its place when it is whole."""
    # What is there already is damaged, or files that were bad have been repaired since; unless there are no
    # locks, and another process was faster.
    with replacing_folder(place, is_whole=lambda: _open(place, job)) as folder:
        with (folder / PIXELS).open("wb") as file:
            manifest = _decode_into(file, job)
        if manifest["shape"][1] < job.written:
            _keep_one_channel(folder / PIXELS, job.image_size)
        manifest["crc32"] = _crc32(folder / PIXELS)
        for key, values in job.arrays.items():
            np.save(folder / f"{key}.npy", values, allow_pickle=False)
        manifest["bytes"] = {path.name: path.stat().st_size for path in folder.iterdir()}
        (folder / MANIFEST).write_text(json.dumps(manifest) + "\n", encoding="utf-8")


def _sweep(place: Path, alone: bool) -> None:
    """Remove what killed processes left: whoever writes an entry has its lock, so the rest is dead."""
    for path in [*place.parent.glob(".*.tmp"), *place.parent.glob(".*.old")]:
        entry = path.name[1:].rsplit(".", 2)[0]
        if entry == place.name:
            if alone:
                remove(path)
        elif is_free(path.with_name(f".{entry}.lock")):
            remove(path)


def _keep_one_channel(path: Path, size: int) -> None:
    """Keep the first of three equal channels."""
    colour = np.memmap(path, dtype=np.uint8, mode="r").reshape(-1, 3, size, size)
    grey = path.with_name("grey")
    with grey.open("wb") as file:
        for start in range(0, len(colour), 1024):
            file.write(colour[start : start + 1024, 0].tobytes())
    del colour
    grey.replace(path)


def _decode_into(sink: BinaryIO, job: Job) -> dict[str, Any]:
    """Write the pixels of all files that can be read to `sink`, one after the other; return the manifest.

    `job.written` channels are written. If nobody chose a number and all images turned out grey, the manifest
    says one channel, and the caller drops the others.

    Raises
    ------
    DataError
        If none can be read.
    """
    bad: list[tuple[int, str]] = []
    grey, num = True, 0
    results = _decoded(job.files, job.image_size, job.written)
    bar = progress_bar(len(job.files), name=f"decoding {job.name}", unit="images", delay=0.5)
    with contextlib.closing(results), bar:
        for number, (pixels, problem) in enumerate(results):
            if problem:
                bad.append((number, problem))
            else:
                sink.write(np.ascontiguousarray(pixels).data)
                grey = grey and bool((pixels == pixels[:1]).all())
                num += 1
            bar.update()
    if num == 0:
        raise DataError(f"{job.name}: none of the {_amount(job.files)} can be read: {_first(job.files, bad)}")
    channels = 1 if job.channels is None and grey else job.written
    return {"name": job.name, "shape": [num, channels, job.image_size, job.image_size], "bad": bad}


def _decode_one(file: ImageFile, image_size: int, channels: int) -> tuple[np.ndarray[Any, Any], str]:
    if file.problem:
        return np.empty(0), file.problem
    try:
        return decode(Path(file.path), image_size, channels), ""
    except BadImage as error:
        return np.empty(0), str(error)


def _decoded(
    files: Sequence[ImageFile], image_size: int, channels: int
) -> Generator[tuple[np.ndarray[Any, Any], str], None, None]:
    """Decode in threads (Pillow works outside Python's lock), in order, a few batches ahead of the reader."""

    def work(part: Sequence[ImageFile]) -> list[tuple[np.ndarray[Any, Any], str]]:
        return [_decode_one(file, image_size, channels) for file in part]

    sizes = [file.size for file in files if file.size]  # 0 where the size is not known
    workers = 1 if sizes and sum(sizes) < SMALL * len(sizes) else num_cpus()
    waiting: deque[Future[list[tuple[np.ndarray[Any, Any], str]]]] = deque()
    with warnings.catch_warnings(), ThreadPoolExecutor(workers) as pool:
        warnings.simplefilter("ignore")  # Pillow's remarks on odd files; what matters becomes a BadImage
        try:
            for start in range(0, len(files), BATCH):
                waiting.append(pool.submit(work, files[start : start + BATCH]))
                if len(waiting) > 4 * workers:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:  # also when the reader stops early: Ctrl-C, a full disk
            pool.shutdown(wait=False, cancel_futures=True)


# ------------------------------------------------------------------------------------------- bad files


def _amount(files: Sequence[ImageFile]) -> str:
    return f"{len(files):,} image files" if len(files) > 1 else "one image file"


def _first(files: Sequence[ImageFile], bad: Sequence[tuple[int, str]]) -> str:
    """Name the first few bad files, and why."""
    shown = ", ".join(f"{printable(files[number].name)} ({reason})" for number, reason in bad[:3])
    return shown + (f", and {len(bad) - 3:,} more" if len(bad) > 3 else "")


def _report(job: Job, bad: Sequence[tuple[int, str]], skip_bad: bool) -> None:
    if not bad:
        return
    what = f"{job.name}: {len(bad):,} of the {_amount(job.files)} cannot be read: {_first(job.files, bad)}"
    if not skip_bad:
        raise DataError(
            f"{what}. Repair or remove them, or leave them out with skip_bad=True "
            "(ganbook train: --set data.skip_bad=true)"
        )
    notice(f"{what}. They are left out (skip_bad)")
