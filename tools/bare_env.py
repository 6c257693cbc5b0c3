"""Environments in which a wheel of ours is tried: everything it needs is there, the repository is not."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parent.parent


def build_wheel(folder: Path) -> Path:
    """Build the package's wheel into a folder that holds no other."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", str(folder), str(ROOT)], check=True)
    (wheel,) = folder.glob("ganbook-*.whl")
    return wheel


def python_of(env: Path) -> Path:
    """Return an environment's Python."""
    return env / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def borrow(env: Path) -> Path:
    """Make an environment of the running Python that sees all its packages but ours, and return its Python.

    Links to the packages, not the folder itself: there an installed `ganbook` would count as installed.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(env)], check=True)
    python = python_of(env)
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(
        subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout.strip()
    )
    for source in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for item in Path(source).iterdir():
            ours = "ganbook" in item.name.lower()
            if not ours and item.suffix != ".pth" and not (packages / item.name).exists():
                (packages / item.name).symlink_to(item)
    return python


def install(python: Path, wheel: Path) -> None:
    """Install a wheel and nothing else."""
    command: list[str | Path] = [
        python,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-index",
        "--no-deps",
        str(wheel),
    ]
    subprocess.run(command, check=True, env=clean())


def clean(**more: str) -> dict[str, str]:
    """Return this process's environment variables without those that lead Python back here."""
    drop = (
        "PYTHONPATH",
        "PYTHONHOME",
        "VIRTUAL_ENV",
        "GANBOOK_DATA",
        "PIP_FIND_LINKS",
        "PIP_EXTRA_INDEX_URL",
    )
    return {**{key: value for key, value in os.environ.items() if key not in drop}, **more}


def find_python(version: str) -> Path | None:
    """Return a working Python of a version such as "3.12", or None."""
    here = [
        shutil.which(f"python{version}"),
        *glob.glob(str(Path.home() / f".pyenv/versions/{version}*/bin/python")),
    ]
    for candidate in filter(None, here):
        ask = [candidate, "-c", "import ensurepip, sys; print('%d.%d' % sys.version_info[:2])"]
        done = subprocess.run(ask, capture_output=True, text=True, check=False)
        if done.returncode == 0 and done.stdout.strip() == version:
            return Path(candidate)
    return None
