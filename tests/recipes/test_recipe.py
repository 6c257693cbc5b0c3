"""Recipes: all that come with the package are sound, and every mistake in one is named."""

import math

import pytest
import torch

import ganbook as gb
from ganbook import models, recipes
from ganbook.errors import UserError


def test_the_default_comes_first_and_needs_no_network():
    assert recipes.names()[0] == recipes.DEFAULT
    assert gb.data.whereabouts(recipes.load(recipes.DEFAULT).data["name"]) == "embedded"


def test_a_recipe_written_out_is_the_same_recipe(tmp_path):
    recipe = recipes.load("dcgan").replace({"batch_size": 32, "model.width": 8})
    path = tmp_path / "recipe.toml"
    path.write_text(recipe.dumps({"ganbook": "0"}))
    again = recipes.load(str(path))
    assert again.config() == recipe.config()
    assert again.data == recipe.data
    assert again.model == models.options("dcgan") | recipe.model  # every option is written out
    assert again.dumps() == recipe.dumps()


def test_the_seed_decides_the_weights():
    data = gb.load_dataset("digits", image_size=32, limit=64)
    first, same, other = (
        next(
            recipes.load("dcgan")
            .replace({"seed": seed, "device": "cpu"})
            .trainer(data, None)
            .generator.parameters()
        )
        for seed in (0, 0, 1)
    )
    assert first.equal(same)
    assert not first.equal(other)


def test_changing_the_family_drops_the_options_of_the_old_one():
    assert recipes.load("dcgan").replace({"model.family": "mlp", "hidden": 32}).model == {
        "family": "mlp",
        "hidden": 32,
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bath_size": 3}, "unknown key 'bath_size'; did you mean 'train.batch_size'"),
        ({"train.widht": 3}, "unknown key 'train.widht'"),
        ({"hidden": 3}, "unknown key 'hidden'"),  # an option of another family
        ({"batch_size": "big"}, "batch_size='big': it must be a whole number"),
        ({"data.name": "minst"}, "unknown data set 'minst'; did you mean 'mnist'"),
        ({"family": "dcgna"}, "unknown model family 'dcgna'; did you mean 'dcgan'"),
        ({"loss": "hing"}, "unknown loss 'hing'"),
    ],
)
def test_bad_changes(changes, message):
    with pytest.raises(UserError, match=message):
        recipes.load("dcgan").replace(changes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("data = 1", "data must be a table"),
        ("[data]\nname = 'digits'", r"it needs data\.name and model\.family"),
        ("[data", "it is not TOML"),
        ("[dta]\nname = 'digits'", "unknown table in recipe .* 'dta'; did you mean 'data'"),
        ("[data]\nname='digits'\nsize=3\n[model]\nfamily='mlp'", "unknown key in .data. .* 'size'"),
        ("[data]\nname='digits'\n[model]\nfamily='mlp'\n[train]\nlr=3", "unknown key in .train. .* 'lr'"),
        ("[data]\nname='digits'\n[model]\nfamily='mlp'\nwidth=3", "unknown key in .model. .* 'width'"),
    ],
)
def test_bad_files(text, message, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        recipes.load(str(path))


def test_names_that_do_not_exist(tmp_path):
    with pytest.raises(UserError, match="unknown recipe 'dcgn'; did you mean 'dcgan'"):
        recipes.load("dcgn")
    with pytest.raises(UserError, match="the file cannot be read"):
        recipes.load(str(tmp_path / "none.toml"))


@pytest.mark.parametrize("name", recipes.names())
def test_what_was_measured_is_of_this_recipe(name):
    """`python -m benchmarks.recipes` writes it; a recipe that changed its length must be measured again."""
    found = recipes.measured()[name]
    if not found["limited"]:
        assert found["steps"] == recipes.load(name).config().steps
    assert found["seconds"] > 0
    assert found["scores"]
    assert found["machine"]["cores"] == 2


@pytest.mark.parametrize("name", recipes.names())
def test_every_recipe_fits_its_data_and_takes_a_step(name):
    """On a few random images of the recipe's form: all but the pictures is tried."""
    recipe = recipes.load(name)
    assert recipe.name == name
    assert recipe.about
    if recipe.model["family"] == "mlp" and recipe.data["name"] in ("ring", "grid"):
        data = gb.load_dataset(recipe.data["name"], limit=512)
    else:
        size = recipe.data.get("image_size", 8 if recipe.data["name"] == "digits" else 28)
        rng = torch.Generator().manual_seed(0)
        channels = recipe.data.get("channels", 3 if recipe.data["name"] == "portraits" else 1)
        shape = (128, channels, size, size)
        images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=rng)
        classes = recipe.model.get("num_classes") or 10
        data = gb.ImageDataset(images, torch.arange(128) % classes, tuple("0123456789")[:classes])
    trainer = recipe.replace({"device": "cpu"}).trainer(data, None)
    record = trainer.fit(steps=1, progress=False).records[-1]
    assert all(math.isfinite(record[f"{who}_loss"]) for who in ("generator", "discriminator"))
