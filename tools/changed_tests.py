"""Print the tests of what has changed, by files: what `make test FAST=1` runs.

    python tools/changed_tests.py [--since COMMIT]

What has changed is what differs from a commit (by default the last one; where nothing differs, the one before
it) and what is new. The tests of `ganbook/metrics/frechet.py` are those whose file is named after it
(`tests/metrics/test_metrics_frechet.py`), else all in its folder's mirror image (`tests/metrics`). Of a tool,
benchmark or experiment they are those that name it. A quick look while one writes: what a change breaks
elsewhere, `make test` finds.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parent.parent
ALWAYS = ("tests/test_package.py",)  # the rooms, and what lies in them: quick, and concerns every file
LEFT_OUT = ("tests/site", "tests/quality")  # these need a built book, or the real MNIST


def git(*arguments: str) -> list[str]:
    """Return the lines that git prints."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def changed(since: str | None) -> list[str]:
    """Return the files that differ from a commit, and the new ones."""
    new = git("ls-files", "--others", "--exclude-standard")
    found = [*git("diff", "--name-only", since or "HEAD"), *new]
    return found or git("diff", "--name-only", "HEAD~1")


def tests_of(path: Path, tests: Iterable[Path]) -> list[Path]:
    """Return the tests of one file, of those that there are."""
    parts = path.parts
    stem = path.parent.name if path.stem == "__init__" else path.stem
    if parts[0] == "tests":
        if stem.startswith("test_"):
            return [test for test in tests if test == path]
        return [test for test in tests if path.parent in test.parents]  # what the tests of a folder share
    if parts[0] == "ganbook":
        folder = Path("tests", *parts[1:-1])
        while folder.name and not any(folder in test.parents for test in tests):
            folder = folder.parent
        inside = [test for test in tests if folder in test.parents] if folder != Path("tests") else []
        named = [test for test in tests if test.stem == f"test_{stem}" or test.stem.endswith(f"_{stem}")]
        named = [test for test in named if not inside or test in inside]
        return named or inside
    if parts[0] == "book":
        return [test for test in tests if Path("tests/book") in test.parents]
    words = (f"{parts[0]}/{path.name}", f'"{path.name}"', f"{parts[0]} import {stem}", f"{parts[0]}.{stem}")
    return [test for test in tests if any(word in (ROOT / test).read_text("utf-8") for word in words)]


def chosen(files: Iterable[str], tests: Iterable[Path]) -> list[str]:
    """Return the tests of some files, each once, in order."""
    tests = list(tests)
    found = {str(test) for file in files for test in tests_of(Path(file), tests)} | set(ALWAYS)
    return sorted(found)


def all_tests() -> list[Path]:
    """Return the files of all tests that run anywhere."""
    found = sorted(path.relative_to(ROOT) for path in (ROOT / "tests").rglob("test_*.py"))
    return [path for path in found if not str(path).startswith(LEFT_OUT)]


def main() -> int:
    """Print them, and on stderr what has changed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--since", metavar="COMMIT", help="default: the last one")
    try:
        files = changed(parser.parse_args().since)
    except subprocess.CalledProcessError as error:
        print(f"git: {error.stderr.strip()}", file=sys.stderr)
        return 2
    print(f"changed: {', '.join(files)}", file=sys.stderr)
    print("\n".join(chosen(files, all_tests())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
