"""Do the checks notice it when a right answer is changed in one place?

    python tests/exercises/mutants.py                  all exercises, for tests/exercises/mutants.json
    python tests/exercises/mutants.py minimax stable-bce ... some, or a chapter; the others stay

Every solution of every exercise is changed in one place at a time: a sign, a factor, a constant, an operator,
a comparison, a method or statement left out, arguments or variables exchanged, zeros and ones, min and max,
mean and sum, dim, `detach`, `no_grad`, `zero_grad`, `eval`. A mutant is *caught* if its result is not
"right". One that cannot even be defined (it raises before it is called) is not counted. What is no mistake at
all is listed, with the reason, in `equivalent.json`.
"""

from __future__ import annotations

import ast
import difflib
import hashlib
import json
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

REPORT = Path(__file__).with_name("mutants.json")
SECONDS = 1.0  # of a mutant's own time; one that needs more has lost its way
LEAST = 0.95

SWAPS = {
    "ones_like": "zeros_like", "ones": "zeros", "min": "max", "argmin": "argmax", "minimum": "maximum",
    "amin": "amax", "mean": "sum", "var": "std", "floor": "ceil", "cos": "sin", "randn": "rand",
    "randn_like": "rand_like", "train": "eval", "logsigmoid": "softplus", "eigvalsh": "eigvals",
    "minimax_discriminator_loss": "minimax_generator_loss",
    "non_saturating_generator_loss": "minimax_generator_loss",
}  # fmt: skip
SWAPS |= {b: a for a, b in SWAPS.items()}
BINARY = {
    ast.Add: [ast.Sub], ast.Sub: [ast.Add], ast.Mult: [ast.Div], ast.Div: [ast.Mult], ast.Pow: [ast.Mult],
    ast.FloorDiv: [ast.Div], ast.Mod: [ast.Mult],
}  # fmt: skip
COMPARE = {
    ast.Lt: [ast.Gt, ast.LtE], ast.Gt: [ast.Lt, ast.GtE], ast.LtE: [ast.GtE, ast.Lt],
    ast.GtE: [ast.LtE, ast.Gt], ast.Eq: [ast.NotEq], ast.NotEq: [ast.Eq], ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is],
}  # fmt: skip
PLAYERS = {"real": "fake", "D": "G", "opt_D": "opt_G", "real_logits": "fake_logits", "D_real": "D_fake"}
PLAYERS |= {b: a for a, b in PLAYERS.items()}


# A number stays the same when it is only handed from one library to another; so to leave these out is no
# mistake, and neither is it to exchange the arguments of these.
CONVERSIONS = {
    "float", "asarray", "array", "tensor", "as_tensor", "from_numpy", "tolist", "item", "flatten", "double",
    "list", "tuple", "numpy", "contiguous", "clone",
}  # fmt: skip
COMMUTES = {"add", "multiply", "logaddexp", "max", "min", "maximum", "minimum", "hypot", "inner", "isclose"}


class Mutant(NamedTuple):
    """A changed solution, and the lines that tell it from the solution."""

    exercise: str
    solution: int
    source: str
    change: str


# What is no mistake: exercise, change (as printed), and why the mutant is right, too. Reviewed one by one.
EQUIVALENT: dict[tuple[str, str], str] = {
    (entry["exercise"], entry["change"]): entry["because"]
    for entry in json.loads(Path(__file__).with_name("equivalent.json").read_text(encoding="utf-8"))
}


def expressions(node: ast.AST, parameters: set[str]) -> Iterator[ast.expr]:
    """Yield what may stand in the place of an expression."""
    match node:
        case ast.UnaryOp(op=ast.USub() | ast.Not(), operand=operand):
            yield operand
        case ast.BinOp(left=left, op=op, right=right):
            for other in BINARY.get(type(op), []):
                yield ast.BinOp(left, other(), right)
            if isinstance(op, (ast.Sub, ast.Div, ast.Pow, ast.FloorDiv, ast.MatMult)):
                yield ast.BinOp(right, op, left)
            if isinstance(op, (ast.Add, ast.Sub, ast.Mult, ast.Div)):
                yield left  # a term or factor dropped
                yield right
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            for other in COMPARE.get(type(op), []):
                yield ast.Compare(left, [other()], [right])
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            yield ast.IfExp(test, orelse, body)
        case ast.Constant(value=bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(value=int() as value):
            yield ast.Constant(value + 1)
            if value > 0:
                yield ast.Constant(value - 1)
        case ast.Constant(value=float() as value):
            yield ast.Constant(2 * value if value else 1.0)
            yield ast.Constant(value / 2 if value else -1.0)
            yield ast.Constant(value + 1)
        case ast.Constant(value=str() as value) if re.fullmatch(r"\W*[A-Ha-h]\W*", value):
            letter = re.search(r"[A-Ha-h]", value)
            assert letter
            for other in "ABCD":
                if other != letter[0].upper():
                    yield ast.Constant(value.replace(letter[0], other))
        case ast.Call(func=func, args=args, keywords=keywords):
            name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
            plain = name not in CONVERSIONS
            if isinstance(func, ast.Attribute) and not args and not keywords and plain:
                yield func.value  # x.detach() -> x
            if len(args) >= 2 and name not in COMMUTES and not any(isinstance(a, ast.Starred) for a in args):
                yield ast.Call(func, [args[1], args[0], *args[2:]], keywords)
            if len(args) == 1 and plain and not isinstance(args[0], (ast.Starred, ast.GeneratorExp)):
                yield args[0]  # abs(x) -> x
            for i in range(len(keywords)):
                yield ast.Call(func, args, keywords[:i] + keywords[i + 1 :])
        case ast.Attribute(value=value, attr=attr, ctx=ctx) if attr in SWAPS:
            yield ast.Attribute(value, SWAPS[attr], ctx)
        case ast.Name(id=name, ctx=ast.Load()):
            if name in SWAPS:
                yield ast.Name(SWAPS[name], ast.Load())
            others = (parameters - {name}) if name in parameters else set()
            for other in sorted(others | ({PLAYERS[name]} if name in PLAYERS else set())):
                yield ast.Name(other, ast.Load())


def statements(node: ast.stmt) -> Iterator[list[ast.stmt]]:
    """Yield what may stand in the place of a statement."""
    match node:
        case ast.Return(value=ast.BinOp() | ast.UnaryOp() | ast.Call() | ast.Subscript() as value):
            for factor in (-1, 2, 0.5):
                yield [ast.Return(ast.BinOp(ast.Constant(factor), ast.Mult(), value))]
            yield [ast.Return(ast.BinOp(value, ast.Add(), ast.Constant(1)))]
        case ast.Assign(targets=targets, value=ast.BinOp() | ast.UnaryOp() | ast.Call() as value):
            for factor in (-1, 2):
                yield [ast.Assign(targets, ast.BinOp(ast.Constant(factor), ast.Mult(), value))]
        case ast.Return(value=ast.Tuple(elts=[first, second, *rest])):
            yield [ast.Return(ast.Tuple([second, first, *rest], ast.Load()))]
        case ast.Expr(value=value) if not isinstance(value, ast.Constant):
            yield [ast.Pass()]
        case ast.AugAssign(target=target, op=op, value=value):
            yield [ast.Pass()]
            for other in BINARY.get(type(op), []):
                yield [ast.AugAssign(target, other(), value)]
        case ast.With(body=body):
            yield body
        case ast.If(test=test, body=body, orelse=orelse):
            yield [ast.If(ast.UnaryOp(ast.Not(), test), body, orelse)]
            yield body
            yield orelse or [ast.Pass()]
        case ast.For(body=body):
            yield [ast.For(node.target, node.iter, [*body, ast.Break()], [])]
        case _:
            return


def _children(node: ast.AST) -> Iterator[tuple[ast.AST, str, int | None, ast.AST]]:
    for name, value in ast.iter_fields(node):
        if isinstance(value, list):
            for i, part in enumerate(value):
                if isinstance(part, ast.AST):
                    yield node, name, i, part
        elif isinstance(value, ast.AST):
            yield node, name, None, value


def _places(tree: ast.AST) -> Iterator[tuple[ast.AST, str, int | None, ast.AST, set[str]]]:
    """Yield every node but imports, with its parent, its place and the parameters that are in scope."""
    stack: list[tuple[ast.AST, set[str]]] = [(tree, set())]
    while stack:
        node, parameters = stack.pop()
        if isinstance(node, (ast.FunctionDef, ast.Lambda)):
            parameters = {a.arg for a in (*node.args.args, *node.args.kwonlyargs)} - {"self"}
        for parent, name, i, child in _children(node):
            if isinstance(child, (ast.Import, ast.ImportFrom, ast.arguments)):
                continue
            if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
                continue  # a docstring
            yield parent, name, i, child, parameters
            stack.append((child, parameters))


def mutate(source: str) -> Iterator[str]:
    """Yield the source with one change each, without repetition."""
    tree = ast.parse(source)
    seen = {ast.unparse(tree)}
    for parent, name, i, node, parameters in _places(tree):
        options: list[ast.AST | list[ast.stmt]] = []
        if isinstance(node, ast.stmt):
            options = list(statements(node))
            if isinstance(node, ast.Assign) and _set_before(tree, node):
                options.append([ast.Pass()])
        elif isinstance(node, ast.expr):
            options = list(expressions(node, parameters))
        for option in options:
            value = getattr(parent, name)
            if i is None:
                setattr(parent, name, option)
            else:
                part = option if isinstance(option, list) else [option]
                setattr(parent, name, [*value[:i], *part, *value[i + 1 :]])
            changed = ast.unparse(ast.fix_missing_locations(tree))
            setattr(parent, name, value)
            if changed not in seen:
                seen.add(changed)
                yield changed


def _set_before(tree: ast.AST, node: ast.Assign) -> bool:
    """Say whether a name is assigned twice, so that one assignment can be left out."""
    names = [ast.unparse(t) for n in ast.walk(tree) if isinstance(n, ast.Assign) for t in n.targets]
    parameters = [a.arg for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) for a in n.args.args]
    return any((names + parameters).count(ast.unparse(t)) > 1 for t in node.targets)


def change(before: str, after: str) -> str:
    """Return the lines that differ, as "old -> new"."""
    diff = list(difflib.ndiff(before.splitlines(), after.splitlines()))
    old = " / ".join(line[2:].strip() for line in diff if line.startswith("- "))
    new = " / ".join(line[2:].strip() for line in diff if line.startswith("+ "))
    return f"{old} -> {new}"


def mutants_of(exercise) -> Iterator[Mutant]:
    """Yield the mutants of all solutions of an exercise."""
    for number, source in enumerate(exercise.solutions):
        plain = ast.unparse(ast.parse(source))
        for changed in mutate(source):
            yield Mutant(exercise.name, number, changed, change(plain, changed))


def verdict(exercise, mutant: Mutant) -> str:
    """Return "caught", "survives" or "stillborn"."""
    from ganbook.exercises.grading.trial import grade

    namespace: dict[str, object] = {"__name__": "mutant"}
    try:
        exec(compile(mutant.source, "<mutant>", "exec"), namespace)
        answer = namespace[exercise.answer]
    except Exception:  # noqa: BLE001  a mutant may raise anything
        return "stillborn"
    return "survives" if grade(exercise, answer, SECONDS) else "caught"


def fingerprint(exercise) -> str:
    """Return a checksum of the solutions, to tell when a report is out of date."""
    return hashlib.sha256("\0".join(exercise.solutions).encode()).hexdigest()[:16]


def run(exercise) -> dict[str, object]:
    """Try all mutants of an exercise."""
    counts = {"caught": 0, "survives": 0, "stillborn": 0, "equivalent": 0}
    survivors = []
    for mutant in mutants_of(exercise):
        if (mutant.exercise, mutant.change) in EQUIVALENT:
            counts["equivalent"] += 1
            continue
        found = verdict(exercise, mutant)
        counts[found] += 1
        if found == "survives":
            survivors.append(f"solution {mutant.solution + 1}: {mutant.change}")
    return {"fingerprint": fingerprint(exercise), **counts, "survivors": survivors}


def share(reports) -> float:
    """Return the share of mutants that are caught."""
    caught = sum(report["caught"] for report in reports)
    return caught / max(1, caught + sum(report["survives"] for report in reports))


def chosen(names: list[str]) -> Iterator:
    """Yield the exercises of the chapters and of the names that are given, or all."""
    from ganbook import exercises

    for name in names or exercises.CHAPTERS:
        if name in exercises.CHAPTERS:
            yield from map(exercises.get, exercises.names(name))
        else:
            yield exercises.get(name)


def write(reports: dict[str, dict], keep: bool) -> None:
    """Write the report; with `keep`, what it says of other exercises stays."""
    known = json.loads(REPORT.read_text(encoding="utf-8"))["exercises"] if keep and REPORT.exists() else {}
    merged = known | reports
    found = {
        "share": round(share(merged.values()), 4),
        "exercises": {name: merged[name] for name in sorted(merged)},
    }
    REPORT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def main(names: list[str]) -> int:
    """Run, print, and write the report after each exercise."""
    reports: dict[str, dict] = {}
    for exercise in chosen(names):
        started = time.perf_counter()
        name = exercise.name
        report = reports[name] = run(exercise)
        num = report["caught"] + report["survives"]
        print(
            f"{name:30} {report['caught']:4} of {num:4} caught ({share([report]):4.0%}), "
            f"{report['equivalent']:2} equivalent, {report['stillborn']:2} stillborn, "
            f"{time.perf_counter() - started:5.1f} s",
            flush=True,
        )
        for survivor in report["survivors"]:
            print(f"    {survivor}", flush=True)
        write(reports, keep=bool(names))
    print(f"all: {share(reports.values()):.1%}")
    return 0 if share(reports.values()) >= LEAST else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
