import pytest


@pytest.fixture(autouse=True)
def progress_file(tmp_path, monkeypatch):
    """No test writes into the progress of whoever runs it."""
    file = tmp_path / "state" / "progress.json"
    monkeypatch.setenv("GANBOOK_PROGRESS", str(file))
    return file
