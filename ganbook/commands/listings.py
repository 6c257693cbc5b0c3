"""`ganbook recipes` and `ganbook datasets`."""

from __future__ import annotations

import argparse
from pathlib import Path

from ganbook.commands.arguments import Commands
from ganbook.errors import UserError


def add(commands: Commands) -> None:
    """Describe the commands."""
    recipes = commands.add_parser("recipes", help="list the recipes", description="List the recipes.")
    recipes.set_defaults(run=list_recipes)
    datasets = commands.add_parser(
        "datasets", help="list the data sets, and where they are", description="List the data sets."
    )
    datasets.set_defaults(run=list_datasets)
    datasets.add_argument("--data-dir", metavar="DIR", help="folder to look into (default: $GANBOOK_DATA)")


def list_recipes(args: argparse.Namespace) -> None:
    """Print what each recipe trains, and what was measured of it."""
    from ganbook import recipes

    measured = recipes.measured()
    for name in recipes.names():
        recipe = recipes.load(name)
        config = recipe.config()
        print(f"{name:12}  {recipe.about}")
        print(
            f"{'':12}  {recipe.data['name']}, {recipe.model['family']}, {config.loss} loss, "
            f"{config.steps:,} steps of {config.batch_size}"
        )
        if name in measured:
            known = measured[name]
            wanted = ("FID", "modes", "high-quality")
            scores = "; ".join(f"{k} = {v:.3g}" for k, v in known["scores"].items() if k.startswith(wanted))
            length = f"the first {known['steps']:,} steps " if known["limited"] else ""
            cores = known["machine"]["cores"]
            print(f"{'':12}  measured on {cores} cores: {length}{known['seconds']} s, {scores}")


def list_datasets(args: argparse.Namespace) -> None:
    """Print what data sets there are, and where each is."""
    from ganbook.data import SOURCES, whereabouts
    from ganbook.data.sources import cache
    from ganbook.support.files import cache_dir, short_path

    if args.data_dir is not None and not Path(args.data_dir).expanduser().is_dir():
        raise UserError(f"--data-dir {args.data_dir}: there is no such folder")
    for name, source in SOURCES.items():
        shape = "x".join(str(n) for n in source.shape)
        print(
            f"{name:13}  {whereabouts(name, args.data_dir):19}  {source.size:16}  {shape:7}  {source.about}"
        )
    print(
        f"{'folder:PATH':13}  {'your own':19}  {'any':16}  {'any':7}  any folder of images; sub-folders are "
        "classes, or train and test"
    )
    sizes = [size for _, size in cache.entries()]
    print(
        f"\nDecoded images are kept in {short_path(cache_dir())} ({len(sizes)} sets, "
        f"{sum(sizes) / 2**20:,.0f} MiB); it may be deleted at any time."
    )
