"""Recipes: all that come with the package are sound, and every mistake in one is named."""

import pytest

import ganbook as gb
from ganbook import recipes
from ganbook.errors import UserError


def test_the_default_comes_first_and_needs_no_network():
    assert recipes.names()[0] == recipes.DEFAULT
    assert gb.data.whereabouts(recipes.load(recipes.DEFAULT).data["name"]) == "embedded"


@pytest.mark.parametrize("name", recipes.names())
def test_every_recipe_builds_and_makes_a_step(name):
    recipe = recipes.load(name)
    assert recipe.name == name
    assert recipe.about
    changes = {"data.limit": 300, "device": "cpu"}
    if gb.data.SOURCES[recipe.data["name"]].found is not None:  # not always there
        changes |= {"data.name": "glyphs"}
    small = recipe.replace(changes)
    data = gb.load_dataset(**small.data)
    trainer = small.trainer(data, None)
    assert len(trainer.fit(steps=1, progress=False)) == 1


def test_a_recipe_written_out_is_the_same_recipe(tmp_path):
    recipe = recipes.load("dcgan").replace({"batch_size": 32, "model.width": 8})
    path = tmp_path / "recipe.toml"
    path.write_text(recipe.dumps({"ganbook": "0"}))
    again = recipes.load(str(path))
    assert again.config() == recipe.config()
    assert again.data == recipe.data
    assert again.model == recipe.model
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
