"""ganbook: the package that GAN Book runs on.

`import ganbook as gb` is immediate: each public name is loaded when it is first used. Which names there are,
and where each is at home, stands in `__init__.pyi`, for people, for type checkers, and for the code below.
"""

import ast as _ast
import importlib as _importlib
from pathlib import Path as _Path
from typing import Any as _Any

__version__ = "0.1.0"

_TABLE = _ast.parse(_Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
_HOME = {  # from the name to the module that it stands in
    alias.name: node.module
    for node in _TABLE.body
    if isinstance(node, _ast.ImportFrom) and node.module is not None
    for alias in node.names
}
__all__ = ["__version__", *sorted(_HOME)]


def __getattr__(name: str) -> _Any:
    if name not in _HOME:
        raise AttributeError(f"module 'ganbook' has no attribute {name!r}")
    try:
        return _importlib.import_module(f"{_HOME[name]}.{name}")  # a room
    except ModuleNotFoundError as error:
        if error.name != f"{_HOME[name]}.{name}":
            raise
    return getattr(_importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
