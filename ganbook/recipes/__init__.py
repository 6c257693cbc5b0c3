"""Recipes: named experiments as TOML files; and how one is started and taken up again.

>>> import ganbook as gb
>>> gb.recipes.names()[0]
'portraits'

`start` and `resume` are what `ganbook train` calls.
"""

from ganbook.recipes.experiment import Experiment, resume, start
from ganbook.recipes.recipe import DEFAULT, Recipe, load, measured, names

__all__ = ["DEFAULT", "Experiment", "Recipe", "load", "measured", "names", "resume", "start"]
