"""Errors that a reader can act on: one line that names the thing, what it got and what it takes."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """Bad input: an argument, a key, a file or a folder. The command line shows its one line, and exits 2."""


class DataError(UserError):
    """A data set that cannot be had, or whose files are damaged."""


class NoSplitError(DataError):
    """A data set that is there, without the split that was asked for."""


class CheckpointError(UserError):
    """A checkpoint that cannot be read, does not verify, or does not fit."""


class DivergedError(UserError):
    """A loss became infinite or not a number, so the run was stopped."""


class ProcessError(UserError):
    """Another process of a run that is trained by several has died."""


def unknown(kind: str, name: object, known: Iterable[str]) -> UserError:
    """Build the error for a name that is not one of `known`, with the nearest one as a suggestion.

    Parameters
    ----------
    kind : str
        What was named, in words ("data set", "recipe", "key").
    name : object
        What the caller gave.
    known : iterable of str
        The names that exist.

    Returns
    -------
    UserError
        To be raised by the caller.

    Examples
    --------
    >>> print(unknown("data set", "minst", ["digits", "mnist"]))
    unknown data set 'minst'; did you mean 'mnist'? Known: digits, mnist
    """
    names = sorted(known)
    near = difflib.get_close_matches(str(name), names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return UserError(f"unknown {kind} {name!r}{hint} Known: {', '.join(names)}")
