"""Notices: what a user should know and need not act on, one line each."""

from __future__ import annotations

from ganbook.support.machine import is_main_process


def notice(line: str) -> None:
    """Print a line that begins with "Notice:", once, however many processes there are.

    On stdout, so that it shows in notebooks and on the pages of the book.
    """
    if is_main_process():
        print(f"Notice: {line}")
