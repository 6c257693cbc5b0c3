"""Which function checks which exercise.

>>> @check("an-exercise")
... def an_exercise(trial):
...     trial.tried("nothing")
>>> CHECKS.pop("an-exercise") is an_exercise
True
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Check = Callable[[Any], None]  # takes a `ganbook.exercises.grading.trial.Trial`
CHECKS: dict[str, Check] = {}  # by the name of the exercise, as far as its chapter is imported


def check(name: str) -> Callable[[Check], Check]:
    """Register the function below as the check of the exercise of that name.

    Raises
    ------
    ValueError
        If the exercise has a check already.
    """

    def register(function: Check) -> Check:
        if name in CHECKS:
            raise ValueError(f"{name} has a check already, {CHECKS[name].__module__}.{CHECKS[name].__name__}")
        CHECKS[name] = function
        return function

    return register
