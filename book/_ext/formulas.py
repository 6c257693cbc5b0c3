r"""Formulas of docstrings, which `help()` shows as they stand, in TeX for the pages.

They are written as one writes formulas on a keyboard: E_x[log D(x)], ||x - y||^2, sum_k q_k log(q_k / p_k).

- Letters that stand side by side are multiplied. " / " with spaces divides all that is multiplied on its left
  by all that is multiplied on its right; "/" without spaces only what touches it: 1/2, gamma/2.
- "_" begins an index, "^" an exponent; where they are longer than a word they stand in braces or brackets.
- Greek letters and functions go by their names; other words are upright; "words in quotes" are words.
- "||" and "|" are norms, or, with spaces or with letters on both sides, the bars of KL(p || q) and p(y|x).
- Two spaces or more set formulas apart: each is a line of its own.
"""

from __future__ import annotations

import re
from typing import NamedTuple

GREEK = {
    "alpha",
    "beta",
    "gamma",
    "delta",
    "eps",
    "epsilon",
    "eta",
    "theta",
    "lambda",
    "mu",
    "nu",
    "pi",
    "rho",
    "sigma",
}
GREEK |= {"tau", "phi", "psi", "omega"}
FUNCTIONS = ["log", "exp", "max", "min", "sin", "cos", "tanh", "sup", "inf", "det"]
SYMBOLS = {
    "<-": r"\leftarrow ",
    "<=": r"\le ",
    ">=": r"\ge ",
    "!=": r"\ne ",
    "...": r"\ldots ",
    "*": r"\cdot ",
    ".": r"\cdot ",
    "%": r"\%",
}
SUMS = {"+", "-", "=", "<-", "<=", ">=", "!=", "<", ">", ",", ";", "in"}  # what ends a product
OPEN, CLOSE = {"(": ")", "[": "]", "{": "}"}, {")", "]", "}"}
TOKEN = re.compile(
    r"""(?P<space>\s+)|(?P<text>"[^"]*")|(?P<number>\d+(?:\.\d+)?)
    |(?P<name>[A-Za-z]+'*)|(?P<symbol><-|<=|>=|!=|\.\.\.|\|\||.)""",
    flags=re.VERBOSE,
)


class FormulaError(ValueError):
    """A formula that cannot be read."""


class Token(NamedTuple):
    """A piece of a formula, and whether white space stands before and behind it."""

    kind: str
    text: str
    before: bool
    behind: bool


def tokens(formula: str) -> list[Token]:
    """Return the pieces of a formula."""
    pieces = list(TOKEN.finditer(formula))
    found = []
    for i, piece in enumerate(pieces):
        if piece.lastgroup != "space":
            before = i == 0 or pieces[i - 1].lastgroup == "space"
            behind = i + 1 == len(pieces) or pieces[i + 1].lastgroup == "space"
            found.append(Token(str(piece.lastgroup), piece[0], before, behind))
    return found


def to_tex(formula: str) -> str:
    r"""Return a formula in TeX.

    Raises
    ------
    FormulaError
        If a bracket is not closed, or nothing stands where something should.

    Examples
    --------
    >>> to_tex("-E_x[log D(x)]")
    '-\\mathbb{E}_{x}[\\log D(x)]'
    >>> to_tex("c m / (c m + 1) >= gamma/2")
    '\\frac{c\\,m}{c\\,m+1}\\ge \\tfrac{\\gamma}{2}'
    """
    reader = _Reader(tokens(formula))
    tex = reader.sum(until="")
    if reader.now is not None:
        raise FormulaError(f"{formula!r}: {reader.now.text!r} closes nothing")
    return tex


def block_to_tex(lines: list[str]) -> str:
    r"""Return an indented block of a docstring in TeX: lines that lie deeper go on with the one before.

    Examples
    --------
    >>> block_to_tex(["    a = b,   c = d"])
    'a&=b,\\\\\nc&=d'
    """
    indent = min(len(line) - len(line.lstrip()) for line in lines)
    whole: list[str] = []
    for line in lines:
        if whole and line[indent] == " ":
            whole[-1] += " " + line.strip()
        else:
            whole.append(line.strip())
    rows = [to_tex(part) for line in whole for part in re.split(r"(?<=[,;])\s{2,}", line)]
    if len(rows) > 1:
        rows = [re.sub(r"=|\\leftarrow |\\le |\\ge ", lambda m: "&" + m[0], row, count=1) for row in rows]
    return "\\\\\n".join(rows)


class _Reader:
    """Reads a formula from left to right."""

    def __init__(self, pieces: list[Token]) -> None:
        self.pieces, self.at = pieces, 0

    @property
    def now(self) -> Token | None:
        return self.pieces[self.at] if self.at < len(self.pieces) else None

    def take(self) -> Token:
        token = self.now
        if token is None:
            raise FormulaError("the formula ends too early")
        self.at += 1
        return token

    def sum(self, until: str) -> str:
        """Read products and what stands between them, up to a closing bracket."""
        written: list[str] = []
        while self.now is not None and self.now.text not in CLOSE and self.now.text != until:
            if self.now.text in SUMS:
                word = self.take().text
                written.append(r"\in " if word == "in" else SYMBOLS.get(word, word + " " * (word in ",;")))
            else:
                written.append(self.product(until))
        return "".join(written).rstrip(" ")

    def product(self, until: str) -> str:
        """Read what is multiplied; at a " / " with spaces, what is above it and what is below."""
        above = self.factors(until)
        if self.now is not None and self.now.text == "/" and self.now.before:
            self.take()
            return rf"\frac{{{bare(above)}}}{{{bare(self.factors(until))}}}"
        return above

    def factors(self, until: str) -> str:
        """Read factors that stand side by side."""
        written = ""
        while (token := self.now) is not None and token.text not in CLOSE and token.text not in SUMS:
            if token.text == until or (token.text == "/" and token.before):
                break
            if token.text in ("*", ".", "...", "%"):
                written += SYMBOLS[self.take().text]
                continue
            if token.text in ("|", "||") and self.is_bar(token):
                self.take()
                written += r"\,\|\," if token.text == "||" else r"\mid "
                continue
            factor = self.factor()
            if self.now is not None and self.now.text == "/" and not self.now.before:
                self.take()
                factor = rf"\tfrac{{{bare(factor)}}}{{{bare(self.factor())}}}"
            apart = written and not written.endswith((" ", r"\,")) and factor[0] not in "([" and token.before
            written += (r"\," if apart else "") + factor
        if not written:
            raise FormulaError("something is missing between two signs")
        return written

    def is_bar(self, token: Token) -> bool:
        """Say whether a bar stands between two things, not around one."""
        if token.before and token.behind:
            return True
        return token.text == "|" and not token.before and not token.behind

    def factor(self) -> str:
        """Read one factor with its arguments, index and exponent."""
        token = self.take()
        if token.kind == "text":
            return rf"\text{{{token.text[1:-1]}}}"
        if token.text in OPEN:
            written = self.group(token)
        elif token.text in ("|", "||"):
            left, right = (r"\lVert ", r"\rVert") if token.text == "||" else (r"\lvert ", r"\rvert")
            written = left + self.sum(until=token.text) + right
            self.take()
        elif token.kind == "name":
            written = name_to_tex(token.text)
        elif token.kind == "number":
            written = token.text
        else:
            raise FormulaError(f"{token.text!r} is not understood")
        return self.decorated(written, token)

    def group(self, opening: Token) -> str:
        """Read up to the bracket that closes."""
        inner = self.sum(until="")
        if self.take().text != OPEN[opening.text]:
            raise FormulaError(f"{opening.text!r} is not closed")
        if opening.text == "{":
            return rf"\{{{inner}\}}"
        tall = r"\frac" in inner or r"\sum" in inner
        return (
            f"\\left{opening.text}{inner}\\right{OPEN[opening.text]}"
            if tall
            else f"{opening.text}{inner}{OPEN[opening.text]}"
        )

    def decorated(self, written: str, token: Token) -> str:
        """Add index, exponent, star and arguments to a factor."""
        while (sign := self.now) is not None and not sign.before:
            if sign.text in ("_", "^"):
                self.take()
                script = self.script()
                if sign.text == "_" and script == "hat":
                    written = rf"\hat{{{written}}}"
                else:
                    written += f"{sign.text}{{{script}}}"
            elif sign.text == "*" and token.kind == "name":
                self.take()
                written += "^{*}"
            elif sign.text in ("(", "[") and token.kind in ("name", "number"):
                written += self.group(self.take())
            else:
                break
        operator = re.match(r"\\(?:log|exp|max|min|operatorname|nabla|sum|mathrm)\b", written)
        ends_open = operator and self.now is not None and self.now.before and not written.endswith((")", "]"))
        return written + (" " if ends_open else "")

    def script(self) -> str:
        """Read an index or an exponent: a word, a number, or what stands in brackets."""
        token = self.take()
        if token.text in OPEN:
            inner = self.sum(until="")
            self.take()
            return inner
        if token.text == "-":
            return "-" + self.script()
        words = [token.text]
        while token.kind == "name" and self.now is not None and self.now.text == "_" and not self.now.before:
            self.take()
            words.append(self.take().text)
        if words == ["hat"]:
            return "hat"
        if len(words) == 1:
            return name_to_tex(words[0]) if token.kind == "name" else words[0]
        return rf"\text{{{' '.join(words)}}}"


def name_to_tex(name: str) -> str:
    """Return a name in TeX: a letter, a Greek letter, a function, or an upright word."""
    primes = "'" * name.count("'")
    name = name.rstrip("'")
    if name == "E":
        return r"\mathbb{E}" + primes
    if name == "grad":
        return r"\nabla"
    if name == "sum":
        return r"\sum"
    if name.lower() in GREEK:
        return "\\" + name.replace("eps", "varepsilon").replace("varepsilonilon", "varepsilon") + primes
    if name in FUNCTIONS:
        return "\\" + name
    if len(name) == 1:
        return name + primes
    kind = (
        "operatorname"
        if name in ("softplus", "sigmoid", "mean", "Tr", "KL", "relu", "sqrt", "trace")
        else "mathrm"
    )
    return rf"\{kind}{{{name}}}" + primes


def bare(tex: str) -> str:
    """Return the inside of a pair of round brackets that holds the whole."""
    inner = re.fullmatch(r"\((.*)\)|\\left\((.*)\\right\)", tex, flags=re.DOTALL)
    if inner is None:
        return tex
    text = inner[1] if inner[1] is not None else inner[2]
    depth = 0
    for sign in text:
        depth += (sign == "(") - (sign == ")")
        if depth < 0:
            return tex
    return text
