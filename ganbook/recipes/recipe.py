"""Recipes: named experiments as TOML files, with the tables [data], [model] and [train].

A recipe says everything that a run depends on. The one in a run folder has a further table, [made_with]:
the versions and the hardware of that run. `ganbook train RUN/recipe.toml` repeats it.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import tomli_w
import torch

from ganbook import models
from ganbook.data import Dataset, find, load_dataset
from ganbook.errors import UserError, unknown
from ganbook.training import TrainConfig, Trainer

DEFAULT = "portraits"
DATA_KEYS = tuple(inspect.signature(load_dataset).parameters)
TRAIN_KEYS = tuple(field.name for field in dataclasses.fields(TrainConfig))


@dataclass(frozen=True)
class Recipe:
    """A named experiment.

    Raises
    ------
    UserError
        If a key or a value of one of its tables is unknown; the line suggests the nearest key.
    """

    name: str
    about: str
    data: dict[str, Any]
    model: dict[str, Any]
    train: dict[str, Any]

    def __post_init__(self) -> None:
        for key in self.data:
            if key not in DATA_KEYS:
                raise unknown(f"key in [data] of recipe {self.name!r}:", key, DATA_KEYS)
        if "name" not in self.data or "family" not in self.model:
            raise UserError(f"recipe {self.name!r}: it needs data.name and model.family")
        words = {key: self.data.get(key) for key in ("name", "data_dir", "split", "fallback")}
        for key, value in {**words, "family": self.model["family"]}.items():
            if value is not None and not isinstance(value, str):
                raise UserError(f"{key}={value!r}: it must be text")
        find(self.data["name"])
        known = models.options(self.model["family"])
        for key in self.model:
            if key != "family" and key not in known:
                raise unknown(f"key in [model] of recipe {self.name!r}:", key, ["family", *known])
        self.config()

    def config(self) -> TrainConfig:
        """Return the training settings.

        Raises
        ------
        UserError
            If a key is unknown or a value out of its range.
        """
        for key in self.train:
            if key not in TRAIN_KEYS:
                raise unknown(f"key in [train] of recipe {self.name!r}:", key, TRAIN_KEYS)
        return TrainConfig(**self.train)

    def replace(self, changes: dict[str, Any]) -> Recipe:
        """Return a recipe with some keys changed.

        Parameters
        ----------
        changes : dict
            From "table.key" ("train.batch_size") to the new value; the table may be left out ("width")
            where only one table has such a key.

        Raises
        ------
        UserError
            If a key is unknown or ambiguous, or a value does not fit.
        """
        family = changes.get("model.family", changes.get("family", self.model["family"]))
        if not isinstance(family, str):
            raise UserError(f"family={family!r}: it must be text")
        known = {f"data.{key}" for key in DATA_KEYS} | {f"train.{key}" for key in TRAIN_KEYS}
        known |= {"model.family"} | {f"model.{key}" for key in models.options(family)}
        tables = {name: dict(getattr(self, name)) for name in ("data", "model", "train")}
        if family != self.model["family"]:  # the options of another family do not carry over
            tables["model"] = {"family": family}
        for key, value in changes.items():
            matches = [k for k in known if k == key or k.partition(".")[2] == key]
            if not matches:
                raise unknown("key", key, known)
            if len(matches) > 1:
                raise UserError(f"key {key!r} could be {' or '.join(sorted(matches))}; write it in full")
            table, _, name = matches[0].partition(".")
            tables[table][name] = value
        return Recipe(self.name, self.about, **tables)

    def trainer(self, data: Dataset, out: Path | None) -> Trainer:
        """Build the networks (initialised from the recipe's seed) and the trainer."""
        config = self.config()
        torch.manual_seed(config.seed)
        generator, discriminator = models.build(**self.model, shape=data.shape)
        return Trainer(generator, discriminator, data, config, out, info={"recipe": self.name})

    def dumps(self, made_with: dict[str, Any] | None = None) -> str:
        """Return the recipe as TOML, every training setting written out."""
        train = {k: list(v) if isinstance(v, tuple) else v for k, v in vars(self.config()).items()}
        tables: dict[str, Any] = {
            "name": self.name,
            "about": self.about,
            "data": {key: value for key, value in self.data.items() if value is not None},
            "model": {**self.model, **{k: self.model.get(k, v) for k, v in models.options(
                self.model["family"]).items()}},
            "train": train,
        }  # fmt: skip
        if made_with:
            tables["made_with"] = made_with
        return tomli_w.dumps(tables)


def names() -> list[str]:
    """Return the names of the recipes that come with the package; the default first."""
    files = resources.files("ganbook.recipes").iterdir()
    ours = sorted(file.name[:-5] for file in files if file.name.endswith(".toml"))
    return sorted(ours, key=lambda name: name != DEFAULT)


def load(name: str) -> Recipe:
    """Load a recipe by its name, or from a TOML file.

    Parameters
    ----------
    name : str
        One of `names()`, or the path of a file (ending in .toml).

    Raises
    ------
    UserError
        If there is no such recipe, or the file is not one.
    """
    if name.endswith(".toml"):
        try:
            text = Path(name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"recipe {name}: the file cannot be read ({error})") from error
    elif name in names():
        text = (resources.files("ganbook.recipes") / f"{name}.toml").read_text(encoding="utf-8")
    else:
        raise unknown("recipe", name, names())
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"recipe {name}: it is not TOML ({error})") from error
    content.pop("made_with", None)
    fields = {field.name for field in dataclasses.fields(Recipe)}
    for key in content:
        if key not in fields:
            raise unknown(f"table in recipe {name!r}:", key, fields)
    for key in ("data", "model", "train"):
        if not isinstance(content.setdefault(key, {}), dict):
            raise UserError(f"recipe {name}: {key} must be a table")
    content.setdefault("name", Path(name).stem)
    content.setdefault("about", "")
    return Recipe(**content)


def measured() -> dict[str, dict[str, Any]]:
    """Return what `python -m benchmarks.recipes` measured of the recipes: time, scores, machine; by name."""
    text = (resources.files("ganbook.recipes") / "measured.json").read_text(encoding="utf-8")
    content: dict[str, dict[str, Any]] = json.loads(text)
    return content
