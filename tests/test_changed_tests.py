"""The tool that picks the tests of what has changed: none is left out that is named after it."""

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parent.parent


tool = SimpleNamespace(**runpy.run_path(str(ROOT / "tools" / "changed_tests.py")))
TESTS = tool.all_tests()


def picked(*files):
    return [name for name in tool.chosen(files, TESTS) if name not in tool.ALWAYS]


@pytest.mark.parametrize(
    ("changed", "tests"),
    [
        ("ganbook/losses.py", ["tests/test_losses.py"]),
        ("ganbook/metrics/frechet.py", ["tests/metrics/test_metrics_frechet.py"]),
        ("ganbook/training/ema.py", ["tests/training/test_ema.py"]),
        ("ganbook/widgets/convolution.py", ["tests/widgets/test_convolution.py"]),
        ("ganbook/data/sources/kept.py", ["tests/data/test_kept.py"]),
        ("tests/training/test_ema.py", ["tests/training/test_ema.py"]),
        ("tools/other_seeds.py", ["tests/test_other_seeds.py"]),
        ("experiments/portraits.py", ["tests/test_dcgan_experiments.py"]),
        ("LICENSE-TEXT.md", []),
    ],
)
def test_a_file_has_the_tests_that_are_named_after_it(changed, tests):
    found = picked(changed)
    assert set(tests) <= set(found)
    assert len(found) <= len(tests) + 1


def test_where_none_is_named_after_it_the_whole_folder_is_run():
    found = picked("ganbook/training/gan.py")
    assert found == [str(test) for test in TESTS if test.parts[:2] == ("tests", "training")]
    assert picked("ganbook/widgets/static/frames.css")  # the folder above, where the deepest has none
    assert picked("tests/widgets/conftest.py") == picked("tests/widgets/dom.mjs")
    assert "tests/widgets/test_frames.py" in picked("tests/widgets/dom.mjs")


def test_every_file_of_the_package_but_its_front_door_has_some():
    files = [path.relative_to(ROOT) for path in (ROOT / "ganbook").rglob("*.py")]
    without = {str(file) for file in files if not tool.tests_of(file, TESTS)}
    assert without <= {"ganbook/__init__.py", "ganbook/__main__.py", "ganbook/cli.py", "ganbook/errors.py"}


def test_each_is_named_once_and_what_needs_a_built_book_is_left_out():
    found = tool.chosen(["ganbook/losses.py", "tests/test_losses.py", "tests/site/test_look.py"], TESTS)
    assert found == sorted({"tests/test_losses.py", *tool.ALWAYS})
