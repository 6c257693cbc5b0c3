"""Notices: what a user should know and need not act on, one line each."""

from __future__ import annotations

from collections.abc import Hashable

from ganbook.support.machine import is_main_process

_told: set[Hashable] = set()


def notice(line: str, once: Hashable = None) -> None:
    """Print a line that begins with "Notice:", once, however many processes there are.

    On stdout, so that it shows in notebooks and on the pages of the book.

    Parameters
    ----------
    line : str
        What is to be known.
    once : hashable, optional
        What it is about: a second notice about the same is not printed. Default: every notice is.
    """
    if once is not None:
        if once in _told:
            return
        _told.add(once)
    if is_main_process():
        print(f"Notice: {line}")
