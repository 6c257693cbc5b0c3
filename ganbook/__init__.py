"""ganbook: the package that GAN Book runs on.

`import ganbook as gb` is immediate: each public name is loaded when it is first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from ganbook import (
        data,
        diagnostics,
        evaluation,
        exercises,
        losses,
        metrics,
        models,
        penalties,
        plots,
        quiz,
        recipes,
        recorded,
        spoil,
        training,
        widgets,
    )
    from ganbook.data import ImageDataset, PointDataset, load_dataset
    from ganbook.errors import UserError
    from ganbook.training import History, TrainConfig, Trainer

_HOME = {
    "ImageDataset": "ganbook.data",
    "PointDataset": "ganbook.data",
    "load_dataset": "ganbook.data",
    "UserError": "ganbook.errors",
    "History": "ganbook.training",
    "TrainConfig": "ganbook.training",
    "Trainer": "ganbook.training",
}
_MODULES = (
    "data", "diagnostics", "evaluation", "exercises", "losses", "metrics", "models", "penalties", "plots",
    "quiz", "recipes", "recorded", "spoil", "training", "widgets",
)  # fmt: skip

__all__ = [
    "History",
    "ImageDataset",
    "PointDataset",
    "TrainConfig",
    "Trainer",
    "UserError",
    "__version__",
    "data",
    "diagnostics",
    "evaluation",
    "exercises",
    "load_dataset",
    "losses",
    "metrics",
    "models",
    "penalties",
    "plots",
    "quiz",
    "recipes",
    "recorded",
    "spoil",
    "training",
    "widgets",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"ganbook.{name}")
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'ganbook' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
