"""Run chapters with other seeds, and say which assertions break: `make seeds`.

    python tools/other_seeds.py [NOTEBOOK ...] [--seeds 1 2 3]

What a chapter asserts must hold for every run, not only for the one that is stored. K adds 1000 K to each
seed that is written out: the argument of `manual_seed` or of a notebook's own function of a `seed`, `seed=0`
in a call or as a default, `seed = 0` and `seeds = (0, 1)`, `for seed in range(3)`; and a `TrainConfig` that
names no seed gets one. Cells tagged `exercise` or `fixed-seed` stay as they are. A notebook goes on after a
broken cell, so that all that break are seen; nothing is stored.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError

BOOK = Path(__file__).parent.parent / "book"
FIXED = {"exercise", "fixed-seed"}
SEEDERS = {"manual_seed": 0, "default_rng": 0, "BatchOrder": 2, "spoil": 3}  # at which place they take a seed
NAMES = {"seed", "seeds"}
APART = 1000  # further than the seeds of a chapter are from each other


def parsed(source: str) -> ast.Module:
    """Return a cell's tree; what is not Python in it counts as empty lines."""
    return ast.parse(re.sub(r"^[%!].*$", "", source, flags=re.MULTILINE))


def own_seeders(tree: ast.AST) -> dict[str, int]:
    """Return the functions that a cell defines, with the place of their seed."""
    return {
        function.name: place
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for place, arg in enumerate([*function.args.posonlyargs, *function.args.args])
        if arg.arg in NAMES
    }


def looped_over(target: ast.expr, values: ast.expr) -> Iterator[ast.expr]:
    """Yield what the seeds of a loop are taken from."""
    match target, values:
        case ast.Name(id=name), _ if name in NAMES:
            yield values
        case ast.Tuple(elts=targets), ast.Call(
            func=ast.Name(id="product" | "zip") | ast.Attribute(attr="product"), args=args
        ):
            for each, its_values in zip(targets, args, strict=False):
                yield from looped_over(each, its_values)


def given_as_seed(tree: ast.AST, seeders: Mapping[str, int]) -> Iterator[ast.expr]:
    """Yield each expression whose value becomes a seed."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=args, keywords=keywords):
                yield from args[seeders[name] :][:1] if name in seeders else []
                yield from (keyword.value for keyword in keywords if keyword.arg in NAMES)
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in NAMES:
                yield value
            case ast.For(target=target, iter=value) | ast.comprehension(target=target, iter=value):
                yield from looped_over(target, value)
            case ast.arguments(posonlyargs=first, args=args, defaults=defaults):
                named = [*first, *args][len(first) + len(args) - len(defaults) :]
                by_name = [
                    *zip(named, defaults, strict=True),
                    *zip(node.kwonlyargs, node.kw_defaults, strict=True),
                ]
                yield from (value for arg, value in by_name if arg.arg in NAMES and value is not None)


def without_seed(tree: ast.AST) -> Iterator[ast.keyword]:
    """Yield the first setting of each `TrainConfig` that names no seed (and so has 0)."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr="TrainConfig"), args=[], keywords=[first, *_] as settings):
                if not {"seed", None} & {setting.arg for setting in settings}:
                    yield first


def integers(value: ast.expr) -> Iterator[tuple[ast.Constant, str]]:
    """Yield each written integer that is a seed, or bounds a range of seeds, and what to put before it."""
    match value:
        case ast.Constant(value=int()) if not isinstance(value.value, bool):
            yield value, "{shift} + "
        case ast.Tuple(elts=several) | ast.List(elts=several):
            for each in several:
                yield from integers(each)
        case ast.Call(func=ast.Name(id="range"), args=[ast.Constant() as stop]):
            yield stop, "{shift}, {shift} + "
        case ast.Call(func=ast.Name(id="range"), args=[ast.Constant() as start, ast.Constant() as stop, *_]):
            yield start, "{shift} + "
            yield stop, "{shift} + "


def with_other_seeds(source: str, shift: int, seeders: Mapping[str, int] = SEEDERS) -> tuple[str, int]:
    """Return a cell's source with all its seeds moved by `shift`, and how many they are.

    `seeders` are the functions that take a seed without its name, with the place at which they take it.

    Examples
    --------
    >>> with_other_seeds("torch.manual_seed(0)  # not manual_seed(1)", 2000)
    ('torch.manual_seed(2000 + 0)  # not manual_seed(1)', 1)
    """
    tree = parsed(source)
    found = {
        (number.lineno, number.col_offset): before.format(shift=shift)
        for value in given_as_seed(tree, seeders)
        for number, before in integers(value)
    }
    found |= {(first.lineno, first.col_offset): f"seed={shift}, " for first in without_seed(tree)}
    lines = [line.encode() for line in source.split("\n")]  # the columns of `ast` count bytes
    for (line, column), before in sorted(found.items(), reverse=True):
        lines[line - 1] = lines[line - 1][:column] + before.encode() + lines[line - 1][column:]
    return b"\n".join(lines).decode(), len(found)


def change(notebook: nbformat.NotebookNode, shift: int) -> int:
    """Move the seeds of a notebook, and return how many were moved."""
    changed, seeders = 0, dict(SEEDERS)
    for cell in notebook.cells:
        if cell.cell_type == "code" and not FIXED & set(cell.metadata.get("tags", [])):
            seeders |= own_seeders(parsed(cell.source))
            cell.source, number = with_other_seeds(cell.source, shift, seeders)
            changed += number
    return changed


def broken_line(output: nbformat.NotebookNode) -> str:
    """Return the line at which a cell broke: of an assertion its own, of another error the cell's."""
    trace = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(output.traceback))
    at = re.findall(r"^-+> *\d+ +(.*)$", trace, flags=re.MULTILINE) or [""]
    line = at[-1 if output.ename == "AssertionError" else 0]
    return line if line.startswith("assert ") else f"{line}  # {output.ename}: {output.evalue}".rstrip(": ")


def broken_cells(notebook: nbformat.NotebookNode, folder: Path) -> list[str]:
    """Run a notebook to its end; return the number and the line of each cell that broke."""
    client = NotebookClient(
        notebook,
        timeout=600,
        interrupt_on_timeout=True,
        kernel_name="python3",
        allow_errors=True,
        resources={"metadata": {"path": str(folder)}},
    )
    try:
        client.execute()
    except DeadKernelError as error:
        return [str(error)]
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [
        f"[{number}] {broken_line(output)}"
        for number, cell in enumerate(code, start=1)
        for output in cell.outputs
        if output.output_type == "error" and "raises-exception" not in cell.metadata.get("tags", [])
    ]


def main() -> int:
    """Run the notebooks with each seed; return 1 if a cell broke."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path, default=sorted(BOOK.glob("*.ipynb")))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3], metavar="K")
    args = parser.parse_args()
    missing = [str(path) for path in args.notebooks if not path.is_file()]
    if missing:
        print(f"there is no notebook {', '.join(missing)}", file=sys.stderr)
        return 2
    rows = []
    runs = [(path, seed) for path in args.notebooks for seed in args.seeds]
    for number, (path, seed) in enumerate(runs, start=1):
        notebook = nbformat.read(path, as_version=4)
        started = time.perf_counter()
        changed = change(notebook, APART * seed)
        broken = broken_cells(notebook, path.parent) if changed else []
        seconds = time.perf_counter() - started
        print(f"{number}/{len(runs)} {path.name}, seed {seed}: {seconds:.0f} s", flush=True)
        rows.append((path.name, seed, changed, broken if changed else ["not run: no seed"]))
    wide = max(len(name) for name, *_ in rows)
    print(f"\n{'notebook':{wide}}  seed  seeds changed  cells that broke")
    for name, seed, changed, broken in rows:
        first, *more = broken or ["none"]
        print(f"{name:{wide}}  {seed:4}  {changed:13}  {first}")
        for line in more:
            print(f"{'':{wide}}  {'':4}  {'':13}  {line}")
    return int(any(changed and broken for *_, changed, broken in rows))


if __name__ == "__main__":
    sys.exit(main())
