"""Checkpoints: whole or not there, verified, free of pickle."""

import json
import os
import pickle

import pytest
import torch

from ganbook.errors import CheckpointError
from ganbook.training import checkpoint, parts

TENSORS = {"a": {"w": torch.arange(6.0).view(2, 3)}, "b": {"x": torch.tensor([1, 2], dtype=torch.uint8)}}


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "checkpoints" / "step-00000001"
    checkpoint.save(path, TENSORS, {"step": 1})
    return path


def test_what_is_saved_is_loaded(folder):
    assert checkpoint.verify(folder) is None
    assert checkpoint.load_state(folder)["step"] == 1
    for name, group in TENSORS.items():
        for key, value in checkpoint.load_tensors(folder, name).items():
            assert torch.equal(value, group[key])
    assert sorted(p.suffix for p in folder.iterdir()) == [".json", ".json", ".safetensors", ".safetensors"]


def test_saving_again_replaces(folder):
    checkpoint.save(folder, TENSORS, {"step": 2})
    assert checkpoint.load_state(folder)["step"] == 2
    assert [p.name for p in folder.parent.iterdir()] == [folder.name]


@pytest.mark.parametrize("name", ["a.safetensors", "state.json"])
def test_a_flipped_bit_is_found_and_named(folder, name):
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    assert f"{name} is damaged" in checkpoint.verify(folder)
    with pytest.raises(CheckpointError, match=f"{name} is damaged"):
        checkpoint.load_state(folder)


def test_truncated_missing_and_rubbish(folder):
    (folder / "a.safetensors").write_bytes((folder / "a.safetensors").read_bytes()[:-1])
    assert "a.safetensors is damaged" in checkpoint.verify(folder)
    (folder / "a.safetensors").unlink()
    assert checkpoint.verify(folder) == "a.safetensors is missing"
    (folder / "manifest.json").write_text("[1]")
    assert "is not a manifest" in checkpoint.verify(folder)
    (folder / "manifest.json").write_bytes(b"\xff\xfe")
    assert "cannot be read" in checkpoint.verify(folder)
    (folder / "manifest.json").unlink()
    assert checkpoint.verify(folder) == "manifest.json is missing"


def test_a_manifest_cannot_point_elsewhere(folder):
    sums = json.loads((folder / "manifest.json").read_text())
    sums["../../secret"] = "0"
    (folder / "manifest.json").write_text(json.dumps(sums))
    assert "elsewhere" in checkpoint.verify(folder)


def test_a_newer_format_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "FORMAT", 99)
    checkpoint.save(tmp_path / "step-00000001", TENSORS, {})
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match="format 99, this ganbook reads 1"):
        checkpoint.load_state(tmp_path / "step-00000001")


def test_a_pickle_in_disguise_is_never_opened(folder):
    class Bomb:
        def __reduce__(self):
            return (os._exit, (3,))

    (folder / "a.safetensors").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(CheckpointError, match=r"a\.safetensors cannot be read"):
        checkpoint.load_tensors(folder, "a")


def test_the_newest_that_verifies_is_used(tmp_path):
    for step in (1, 2, 3):
        checkpoint.save(tmp_path / "checkpoints" / f"step-{step:08d}", TENSORS, {"step": step})
    (tmp_path / "checkpoints" / "step-00000003" / "a.safetensors").write_bytes(b"")
    folder, passed_over = checkpoint.newest(tmp_path)
    assert folder.name == "step-00000002"
    assert passed_over == [
        "checkpoint step-00000003 passed over: a.safetensors is damaged (its checksum does not match)"
    ]


def test_a_run_without_checkpoints(tmp_path):
    with pytest.raises(CheckpointError, match="no checkpoint that can be loaded"):
        checkpoint.newest(tmp_path)


def test_a_failed_save_harms_nothing(folder, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ganbook.support.tensors.save_file", full)
    with pytest.raises(OSError, match="No space left"):
        checkpoint.save(folder, TENSORS, {"step": 2})
    assert checkpoint.load_state(folder)["step"] == 1
    assert [p.name for p in folder.parent.iterdir()] == [folder.name]


def test_prune_keeps_the_newest_and_sweeps_up(tmp_path):
    for step in (1, 2, 3):
        checkpoint.save(tmp_path / "checkpoints" / f"step-{step:08d}", TENSORS, {})
    (tmp_path / "checkpoints" / ".step-00000004.123.tmp").mkdir()
    checkpoint.prune(tmp_path, keep_last=2)
    assert sorted(p.name for p in (tmp_path / "checkpoints").iterdir()) == ["step-00000002", "step-00000003"]


def test_optimiser_moments_come_back_in_the_memory_layout_of_their_parameter():
    layer = torch.nn.Conv2d(3, 4, 2).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(layer.parameters(), fused=True)
    layer(torch.randn(2, 3, 5, 5)).sum().backward()
    optimizer.step()
    kept = {k: v.contiguous() for k, v in parts.tensors_of(optimizer).items()}
    again = torch.optim.Adam(layer.parameters(), fused=True)
    parts.restore_optimizer(again, kept)
    for p in layer.parameters():
        for key in ("exp_avg", "exp_avg_sq"):
            assert torch.equal(again.state[p][key], optimizer.state[p][key])
            assert again.state[p][key].stride() == p.stride()
        assert again.state[p]["step"] == 1
    with pytest.raises(CheckpointError, match="of shape"):
        parts.restore_optimizer(torch.optim.Adam(torch.nn.Linear(2, 2).parameters()), kept)
