"""A real training process, killed by SIGKILL many times, ends where an undisturbed one ends: bit for bit."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HARNESS = Path(__file__).parent / "kill_harness.py"
STEPS = 240
OPTIONS = ["--steps", str(STEPS), "--set", "log_every=3", "--set", "sample_every=20"]
OPTIONS += ["--set", "checkpoint_every=4", "--set", "discriminator_steps=2"]
MEASURED = ("seconds", "images_per_second", "memory_mib")  # these differ from run to run


def run(folder, kills, mode):
    command = [sys.executable, str(HARNESS), str(folder), "3", str(kills), mode, *OPTIONS]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result == {"killed": kills, "left": []}  # and nothing half-written is left


def tensors(folder):
    last = folder / "checkpoints" / f"step-{STEPS:08d}"
    return {path.name: path.read_bytes() for path in last.glob("*.safetensors")}


def log(folder):
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k not in MEASURED} for line in lines]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    run(folder, 0, "moments")
    return folder


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("mode", ["moments", "saving"])
def test_a_run_killed_many_times_ends_as_if_undisturbed(mode, undisturbed, tmp_path):
    run(tmp_path / "run", 10, mode)
    expected = tensors(undisturbed)
    assert len(expected) == 6
    assert tensors(tmp_path / "run") == expected
    assert [record["step"] for record in log(undisturbed)] == [1, *range(3, STEPS + 1, 3)]
    assert log(tmp_path / "run") == log(undisturbed)
