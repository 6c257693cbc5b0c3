"""The time that an answer has.

The answer runs in the thread that asks, so that it sees the state that its author sees. A second thread
watches the clock and, when the time is up, raises an exception in the first one
(`PyThreadState_SetAsyncExc`): that stops a loop written in Python on every platform, also in a notebook's
main thread. Two things cannot be stopped so: one single call that stays inside compiled code
(`sum(range(10**12))`, `time.sleep(1000)`, a product of huge matrices), and a loop that catches every
exception (`except:`, `except BaseException:`). They run on, with a line that says so, until the reader
interrupts or restarts the kernel. `ganbook exercises check` runs the answer in a process of its own, and ends
that.
"""

from __future__ import annotations

import ctypes
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

SLICE = 0.05  # seconds in which the clock counts
PATIENCE = 5.0  # seconds beyond the limit after which an answer counts as one that cannot be stopped
RUNS_ON = (
    "ganbook: the answer runs on, though its time was up {seconds:g} seconds ago. "
    "It stays inside one call of compiled code, or it catches every exception. "
    "Interrupt the kernel, or restart it."
)


class TimeUp(BaseException):
    """Raised in the answer's thread by the clock. Not an `Exception`: `except Exception` lets it pass."""


class Clock:
    """Raises `TimeUp` in the thread that made it when the time is up, again and again until it is heeded.

    Attributes
    ----------
    seconds : float
        The time.
    used : float
        How much of it the last call of `watch` took.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.used = 0.0
        self._counted = 0.0
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._thread_id = threading.get_ident()
        self._stderr = sys.stderr  # the reader's: while the answer runs, its output is caught

    def watch(self, function: Callable[[], Any]) -> Any:
        """Call the function, and return its value; raise `TimeUp` if it does not end in time."""
        watcher = threading.Thread(target=self._wait, daemon=True, name="ganbook exercise clock")
        started = time.monotonic()
        watcher.start()
        try:
            return function()
        finally:
            self._stop()
            self.used = min(time.monotonic() - started, self._counted + SLICE)

    def _wait(self) -> None:
        # In slices, so that only time counts in which this process runs: a laptop may have slept.
        told = False
        while not self._ended.wait(min(SLICE, self.seconds)):
            self._counted += SLICE
            if self._counted < self.seconds:
                continue
            with self._lock:
                if not self._ended.is_set():
                    _raise_in(self._thread_id, TimeUp)
            if not told and self._counted > self.seconds + PATIENCE:
                told = True
                print(RUNS_ON.format(seconds=PATIENCE), file=self._stderr, flush=True)

    def _stop(self) -> None:
        late = False
        while True:  # the exception may still strike in here
            try:
                self._ended.set()
                with self._lock:
                    _raise_in(self._thread_id, None)  # take back one that has not struck yet
                break
            except TimeUp:
                late = True
        if late:
            raise TimeUp


def _raise_in(thread_id: int, kind: type[BaseException] | None) -> None:
    """Ask the interpreter to raise `kind` in a thread at its next step of bytecode; None takes it back."""
    exception = ctypes.py_object(kind) if kind is not None else None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread_id), exception)
