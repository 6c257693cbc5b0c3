"""The tests of the linter share the loops in lint_loops.py, which is a module of no package."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
pytest.register_assert_rewrite("lint_loops")
