"""The reference: what docstrings become on its pages, types, sources, and that nothing public is left out."""

import doctest
import importlib
import inspect
import re
from types import SimpleNamespace

import docstrings
import pytest
import signatures
from entries import public_names

import ganbook as gb

MODULES = ["ganbook.losses", "ganbook.penalties", "ganbook.metrics"]


def rest(text, what="function"):
    lines = inspect.cleandoc(text).split("\n")
    docstrings.as_rest(None, what, "ganbook.name", None, None, lines)
    return "\n".join(lines)


@pytest.mark.parametrize("module", [docstrings, signatures])
def test_examples(module):
    assert doctest.testmod(module).failed == 0


def test_an_attributes_text_is_not_torn_at_its_first_colon():
    from sphinx.ext.napoleon import Config, NumpyDocstring

    text = "(C, H, W) of the images that it takes; None: any size, grey or colour."
    known = (None, "attribute", "ganbook.metrics.Extractor.shape", None, None)
    lines = [text]
    docstrings.as_rest(*known, lines)
    lines[:] = NumpyDocstring(lines, Config(), what="attribute", name="shape").lines()
    assert any(":type:" in line for line in lines)  # napoleon's doing
    docstrings.as_it_was(*known, lines)
    assert "\n".join(lines).strip() == text


def test_the_first_sentence_ends_where_a_sentence_ends():
    first = docstrings.first_sentence
    assert first("Return k(x, y) = (x . y)^2, e.g. for 1.5 of them. More.") == (
        "Return k(x, y) = (x . y)^2, e.g. for 1.5 of them."
    )
    assert first("No period\nover two lines") == "No period over two lines"
    for module in MODULES:
        for name in public_names(module):
            sentence = first(getattr(importlib.import_module(module), name).__doc__)
            assert sentence.endswith("."), name
            assert sentence.count("(") == sentence.count(")"), name


def test_indented_blocks_are_formulas_and_code_is_not():
    text = rest(
        """Return it.

            a = b / c

        and code::

            x = {"a": 1}

        Parameters
        ----------
        x : Tensor
            Its text, x_i.
        """
    )
    assert ".. math::\n\n   a=\\frac{b}{c}" in text
    assert '    x = {"a": 1}' in text
    assert text.count(".. math::") == 1
    assert ":math:`x_{i}`" in text


def test_letters_with_an_index_are_typeset_but_not_code():
    line = docstrings.with_symbols('near 1 - 2^-k, m_a, not `m_a`, ``x_i``, max_steps, data_dir or "x_i"')
    assert line == (
        'near 1 - :math:`2^{-k}`, :math:`m_{a}`, not `m_a`, ``x_i``, max_steps, data_dir or "x_i"'
    )


@pytest.mark.parametrize("module", MODULES)
def test_every_formula_of_losses_penalties_and_metrics_can_be_set(module, monkeypatch):
    complaints = []
    monkeypatch.setattr(docstrings.logger, "warning", lambda *words: complaints.append(words))
    formulas = 0
    for name in public_names(module):
        formulas += rest(getattr(importlib.import_module(module), name).__doc__).count(".. math::")
    assert complaints == []
    assert formulas >= 3


def test_works_that_are_in_the_bibliography_lead_there():
    text = rest(
        "After Goodfellow et al. (2014), Arjovsky and Bottou (2017) and\nKynkäänniemi et al. (2019), by hand."
    )
    assert re.findall(":cite:t:`(.*?)`", text) == [
        "goodfellow2014generative",
        "arjovsky2017towards",
        "kynkaanniemi2019improved",
    ]
    assert ":cite" not in rest("After Nobody et al. (1999), in 2019 and since May 2020.")


def test_signatures_say_types_in_short():
    text, result = signatures.signature_of(gb.metrics.frechet_distance)
    assert text == "(real: Tensor | ndarray | Moments, fake: Tensor | ndarray | Moments)"
    assert result == "float"
    text, _ = signatures.signature_of(gb.metrics.kernel_distance)
    assert "*, subsets: int = 100" in text
    assert "Annotated" not in text
    text, result = signatures.signature_of(gb.plots.show_images)
    assert result == "Figure"  # imported for types only
    assert signatures.signature_of(gb.data.Dataset) == ("", "")  # a protocol is not called


@pytest.mark.parametrize("name", public_names("ganbook.losses"))
def test_every_public_name_has_a_signature(name):
    text, _ = signatures.signature_of(getattr(gb.losses, name))
    assert text.startswith("(")


def test_the_source_is_shown_without_the_docstring_and_leads_to_the_repository():
    source = inspect.getsource(gb.losses.minimax_generator_loss)
    shown = signatures.without_docstring(source)
    assert shown.startswith("def minimax_generator_loss(")
    assert '"""' not in shown
    assert shown.endswith("return -softplus(fake_logits).mean()")

    def app(**options):
        return SimpleNamespace(config=SimpleNamespace(html_theme_options=options))

    lines = ("ganbook/losses.py", 3, 9)
    assert signatures.source_address(app(), *lines) == ""
    named = app(repository_url="https://github.com/somebody/a-book/", repository_branch="main")
    address = "https://github.com/somebody/a-book/blob/main/ganbook/losses.py#L3-L9"
    assert signatures.source_address(named, *lines) == address


@pytest.mark.parametrize("module", MODULES)
def test_losses_penalties_and_metrics_say_all_that_a_reader_needs(module):
    for name in public_names(module):
        value = getattr(importlib.import_module(module), name)
        if inspect.isfunction(value):
            wanted = {"Parameters", "Returns", "Examples"} - {"clip_weights": {"Returns"}}.get(name, set())
            if name in ("train_classifier", "inception_v3"):  # these take long, or a file
                wanted -= {"Examples"}
            for section in wanted:
                assert f"{section}\n    {'-' * len(section)}" in value.__doc__, (name, section)
