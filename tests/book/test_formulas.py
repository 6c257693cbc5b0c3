"""Formulas of docstrings in TeX: what is multiplied, divided, indexed; what cannot be read."""

import doctest

import formulas
import pytest
from formulas import FormulaError, block_to_tex, to_tex


def test_examples():
    assert doctest.testmod(formulas).failed == 0


@pytest.mark.parametrize(
    ("written", "tex"),
    [
        ("a b / (c d) + 1", r"\frac{a\,b}{c\,d}+1"),
        ("1/2 x", r"\tfrac{1}{2}\,x"),
        ("x_i^2", "x_{i}^{2}"),
        ("x_hat", r"\hat{x}"),
        ("p_data", r"p_{\mathrm{data}}"),
        ("x_held_out", r"x_{\text{held out}}"),
        ("2^-k", "2^{-k}"),
        ("(S_a S_b)^(1/2)", r"(S_{a}\,S_{b})^{\tfrac{1}{2}}"),
        ("||x - y|| <= 1", r"\lVert x-y\rVert\le 1"),
        ("KL(p || q)", r"\operatorname{KL}(p\,\|\,q)"),
        ("p(y|x)", r"p(y\mid x)"),
        ("sum_{i != j} k(x_i, x_j)", r"\sum_{i\ne j}\,k(x_{i}, x_{j})"),
        ("E_{x,z}[D(x)]", r"\mathbb{E}_{x, z}[D(x)]"),
        ("Q(t*) <- b'", r"Q(t^{*})\leftarrow b'"),
        ('1["some " y_j in B]', r"1[\text{some }\,y_{j}\in B]"),
        ("log(q / p)", r"\log\left(\frac{q}{p}\right)"),
    ],
)
def test_what_is_written_is_what_is_set(written, tex):
    assert to_tex(written) == tex


def test_every_line_and_every_part_is_a_row():
    rows = block_to_tex(["  a = b", "      - c", "  d = e,   f = g"]).split("\\\\\n")
    assert rows == ["a&=b-c", "d&=e,", "f&=g"]


@pytest.mark.parametrize("wrong", ["(a", "a)", "a / ", "x_", "a @ b"])
def test_what_is_no_formula(wrong):
    with pytest.raises(FormulaError):
        to_tex(wrong)
