"""The time of an answer: what is stopped, what is not, and nothing afterwards."""

import io
import re
import sys
import threading
import time

import pytest

from ganbook.exercises.grading import clock
from ganbook.exercises.grading.trial import grade


@pytest.mark.parametrize("seconds", [0.1, 0.3])
def test_loops_in_python_are_stopped(seconds, exponential):
    def careless(x):
        while True:
            try:  # noqa: SIM105
                x.nothing()
            except Exception:  # noqa: BLE001
                pass

    def catches_the_first(x):
        try:
            while True:
                pass
        except BaseException:  # noqa: BLE001
            pass
        while True:
            pass

    def printing(x):
        while True:
            print("again")

    def busy(x):
        while True:
            x = x + 1

    for answer in (careless, catches_the_first, printing, busy):
        started = time.monotonic()
        result = grade(exponential, answer, seconds)
        assert "had not ended" in result.message
        assert f"{seconds:g} seconds" in result.message
        assert re.search(r"line \d+ of your code", result.message)
        assert time.monotonic() - started < 20  # a safeguard, not a measurement
    assert len(repr(result)) < 2000


def test_a_loop_that_catches_every_exception_runs_on_and_says_so(made_up, monkeypatch):
    """`ganbook exercises check FILE` ends its process: tests/test_cli_exercises.py."""
    stderr, released = io.StringIO(), threading.Event()
    monkeypatch.setattr(clock, "PATIENCE", 0.2)
    monkeypatch.setattr(sys, "stderr", stderr)

    def stubborn():
        while not released.is_set():
            try:
                while not released.is_set():
                    pass
            except BaseException:  # noqa: BLE001
                pass
        return 1

    asked = made_up(lambda trial: trial.call())
    worker = threading.Thread(target=lambda: grade(asked, stubborn, 0.1), daemon=True)
    worker.start()
    deadline = time.monotonic() + 30
    while not stderr.getvalue() and time.monotonic() < deadline:
        time.sleep(0.05)
    still_running = worker.is_alive()
    released.set()
    worker.join(30)
    assert still_running
    (line,) = stderr.getvalue().splitlines()
    assert "the answer runs on" in line
    assert "restart" in line


def test_loops_are_stopped_in_other_threads_too(exponential):
    found = []

    def loop(x):
        while True:
            pass

    worker = threading.Thread(target=lambda: found.append(grade(exponential, loop, 0.1)))
    worker.start()
    worker.join(30)
    assert "had not ended" in found[0].message


def test_nothing_strikes_after_an_answer_that_ended_just_in_time(made_up):
    """The clock must not raise in whoever comes next."""
    clocked = made_up(lambda t: t.call())
    for wait in (0.018, 0.019, 0.0195, 0.02, 0.0205, 0.021, 0.022):
        end = time.monotonic()

        def answer(wait=wait):
            nonlocal end
            end = time.monotonic() + wait
            while time.monotonic() < end:
                pass
            return 1

        grade(clocked, answer, 0.02)
        for _ in range(2000):
            pass
    assert not [t for t in threading.enumerate() if "exercise clock" in t.name and not t.daemon]
