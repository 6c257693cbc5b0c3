"""A folder that one process at a time works in."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from ganbook.errors import UserError
from ganbook.support import locks
from ganbook.support.locks import LOCK, holding

HOLD = """
import sys, time
from pathlib import Path
from ganbook.support.locks import holding
with holding(Path(sys.argv[1]), "training"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def other(tmp_path):
    """Another process that holds tmp_path/run."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "run")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_another_process_is_told_who_where_and_since_when(tmp_path, other):
    before = (tmp_path / "run" / LOCK).read_bytes()
    who = rf"run: another process is training there \(process {other.pid} on {socket.gethostname()}, since 20"
    with pytest.raises(UserError, match=who), holding(tmp_path / "run", "training"):
        pass
    assert (tmp_path / "run" / LOCK).read_bytes() == before


def test_a_lock_ends_with_its_process_however_it_ends(tmp_path, other):
    os.kill(other.pid, signal.SIGKILL)
    other.wait()
    assert (tmp_path / "run" / LOCK).exists()  # it had no time to clear up
    with holding(tmp_path / "run", "training"):
        assert json.loads((tmp_path / "run" / LOCK).read_text())["pid"] == os.getpid()
    assert not (tmp_path / "run" / LOCK).exists()


def test_a_process_may_hold_a_folder_within_itself(tmp_path):
    with holding(tmp_path, "training"):
        with holding(tmp_path / "." / "", "training"):
            pass
        assert (tmp_path / LOCK).exists()
    assert not (tmp_path / LOCK).exists()


def test_folders_that_it_made_and_that_stay_empty_are_removed(tmp_path):
    with holding(tmp_path / "a" / "b", "training"):
        pass
    assert not (tmp_path / "a").exists()
    with holding(tmp_path / "a" / "b", "training"):
        (tmp_path / "a" / "b" / "file").touch()
    assert (tmp_path / "a" / "b" / "file").exists()
    with pytest.raises(ValueError, match="inside"), holding(tmp_path / "a" / "b", "training"):
        raise ValueError("inside")
    assert (tmp_path / "a" / "b" / "file").exists()


class TestWithoutLocksOnFiles:
    """As on Windows, and on some network drives: the file itself is the lock."""

    @pytest.fixture(autouse=True)
    def without(self, monkeypatch):
        monkeypatch.setattr(locks, "fcntl", None)

    def leave(self, tmp_path, **told):
        here = {"pid": os.getppid(), "host": socket.gethostname(), "since": time.time()}
        (tmp_path / LOCK).write_text(json.dumps(here | told))

    def test_that_of_a_living_process_holds(self, tmp_path):
        self.leave(tmp_path)
        message = rf"process {os.getppid()} on .*; if it has died, remove .*\.lock"
        with pytest.raises(UserError, match=message), holding(tmp_path, "training"):
            pass

    def test_that_of_another_machine_holds(self, tmp_path):
        self.leave(tmp_path, host="elsewhere", pid=1)
        with pytest.raises(UserError, match="process 1 on elsewhere"), holding(tmp_path, "training"):
            pass

    def test_that_of_a_process_that_is_gone_is_taken_over(self, tmp_path):
        gone = subprocess.Popen([sys.executable, "-c", ""])
        gone.wait()
        self.leave(tmp_path, pid=gone.pid)
        with holding(tmp_path, "training"):
            assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()
        assert not (tmp_path / LOCK).exists()

    def test_a_damaged_one_is_taken_over(self, tmp_path):
        (tmp_path / LOCK).write_text("{")
        with holding(tmp_path, "training"):
            pass
