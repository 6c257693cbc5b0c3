"""Several processes train as one: the same weights, one writer, and no hang when one of them dies."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from ganbook.errors import UserError
from ganbook.training.engine import Processes

WORKER = str(Path(__file__).parent / "process_worker.py")
CLEAN = {k: v for k, v in os.environ.items() if k not in ("RANK", "WORLD_SIZE", "LOCAL_RANK")}
CLEAN["OMP_NUM_THREADS"] = "1"
SETTINGS = ("plain", "k2", "r1", "wgan-gp", "noise", "lecam", "adaptive")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def start_pair(*arguments):
    """Start two processes as a launcher does."""
    shared = CLEAN | {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    shared |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()}
    return [
        subprocess.Popen(
            [sys.executable, WORKER, *arguments],
            env=shared | {"RANK": rank, "LOCAL_RANK": rank},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in ("0", "1")
    ]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("processes")
    alone = subprocess.run(
        [sys.executable, WORKER, str(folder / "one")], env=CLEAN, capture_output=True, text=True
    )
    assert alone.returncode == 0, alone.stderr
    for process in start_pair(str(folder / "two")):
        _, errors = process.communicate(timeout=180)
        assert process.returncode == 0, errors
    assert [(folder / f"two.rank{rank}").read_text() for rank in (0, 1)] == ["2", "2"]
    return folder, load_file(folder / "one"), load_file(folder / "two")


@pytest.mark.parametrize("setting", SETTINGS)
def test_two_processes_at_half_the_batch_give_the_weights_of_one(setting, weights):
    _, one, two = weights
    names = [name for name in one if name.startswith(f"{setting}.")]
    assert len(names) == 13  # 6 tensors a network, and the losses
    for name in names:
        torch.testing.assert_close(two[name], one[name], rtol=1e-4, atol=2e-6)


def test_the_settings_make_a_difference(weights):
    """Else the comparison above would compare one run with itself."""
    _, one, _ = weights
    final = [one[f"{name}.generator.net.0.weight"] for name in SETTINGS]
    assert all(not torch.allclose(a, b) for i, a in enumerate(final) for b in final[:i])


def test_two_processes_resume_exactly(weights):
    _, one, two = weights
    for found in (one, two):
        resumed = {k.removeprefix("resumed."): v for k, v in found.items() if k.startswith("resumed.")}
        assert len(resumed) == 6
        for name, value in resumed.items():
            assert torch.equal(value, found[f"plain.generator.{name}"])


def test_only_process_0_writes(weights):
    folder, _, _ = weights
    lines = [json.loads(line) for line in (folder / "two.run" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 4, 8, 12]
    assert (
        len(list((folder / "two.run" / "checkpoints").iterdir())) == 2
    )  # keep_last, and nothing half-written


def test_a_process_that_dies_takes_the_run_down_with_a_line():
    survivor, victim = start_pair("nowhere", "die")
    victim.communicate(timeout=120)
    _, errors = survivor.communicate(timeout=60)
    assert victim.returncode == -9
    assert survivor.returncode == 1
    assert "another process of this run has died" in errors.strip().splitlines()[-1]


def test_torchrun_and_the_command_line(tmp_path):
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    command += ["--master-port", free_port(), "-m", "ganbook", "train", "mlp-digits", "--steps", "4"]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "run")], env=CLEAN, capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stderr
    assert "in 2 processes" in done.stdout
    assert done.stdout.count("Done: 4 steps") == 1
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["made_with"]["processes"] == 2


def test_accelerate_launch_and_the_command_line(tmp_path):
    command = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
    command += ["--main_process_port", free_port(), "-m", "ganbook", "train", "mlp-digits", "--steps", "4"]
    done = subprocess.run(
        [*command, "--device", "cpu", "--out", str(tmp_path / "run")],
        env=CLEAN, capture_output=True, text=True, timeout=180,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Done: 4 steps") == 1
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["made_with"]["processes"] == 2


NOTEBOOK = """
import ganbook as gb
from accelerate import notebook_launcher

def train(out):
    data = gb.load_dataset("digits", limit=200)
    generator, discriminator = gb.models.mlp(data.shape, latent_dim=8, hidden=16)
    trainer = gb.Trainer(generator, discriminator, data, gb.TrainConfig(batch_size=24, device="cpu"), out=out)
    trainer.fit(steps=4, progress=False)
    assert trainer.processes.size == 2

notebook_launcher(train, args=({out!r},), num_processes=2, use_port={port!r})
print(gb.Trainer.load({out!r}).step)
"""


def test_notebook_launcher(tmp_path):
    """As a notebook does it: from a process that has loaded ganbook, but has not trained yet."""
    script = NOTEBOOK.format(out=str(tmp_path / "run"), port=free_port())
    done = subprocess.run(
        [sys.executable, "-c", script], env=CLEAN, capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "4"


def test_a_batch_that_cannot_be_shared_is_refused(tmp_path, monkeypatch):
    import ganbook as gb

    monkeypatch.setattr(Processes, "__init__", lambda self, device="auto": self.__dict__.update(
        size=3, rank=0, device=None))  # fmt: skip
    data = gb.load_dataset("digits", limit=64)
    with pytest.raises(UserError, match=r"batch_size=16.*multiple of 3"):
        gb.Trainer(*gb.models.mlp(data.shape, hidden=8), data, gb.TrainConfig(batch_size=16, device="cpu"))


def test_one_process_shares_with_nobody():
    processes = Processes("cpu")
    batch = torch.arange(6)
    assert processes.size == 1
    assert processes.is_main
    assert torch.equal(processes.share(batch), batch)
    assert torch.equal(processes.mean(batch), batch)
    assert processes.any(True) is True
    assert processes.from_main("x") == "x"
    with processes.main_first():
        pass
