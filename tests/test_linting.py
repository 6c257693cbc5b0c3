"""Scripts and styles lie in files that a linter sees, and the linter sees what is wrong."""

import ast
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BIOME = ROOT / "book" / "_assets" / "node_modules" / ".bin" / "biome"
SOURCES = [path for folder in ("ganbook", "tools") for path in sorted((ROOT / folder).rglob("*.py"))]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_python_file_holds_a_script_or_a_style_of_several_lines(path):
    code = re.compile(r"=> |\bdocument\.|^\s*[.@][\w-]+[^\n{]*\{[^}\n]*:[^\n]*;", flags=re.MULTILINE)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.count("\n") > 1:
            assert not code.search(node.value), f"line {node.lineno}: it belongs into a .js or .css file"


@pytest.mark.parametrize(
    ("name", "text", "rule"),
    [
        ("right.js", "(() => {\n  document.title = String(1);\n})();\n", None),
        ("right.css", ".a { color: red; }\n", None),
        ("wrong.js", "(() => {\n  document.title = tilte;\n})();\n", "noUndeclaredVariables"),
        ("wrong.mjs", "const unused = 1;\n", "noUnusedVariables"),
        ("untidy.js", "(() => { document.title = 'a' })()\n", "format"),
        ("wrong.css", ".a { colour: red; }\n", "noUnknownProperty"),
    ],
)
def test_the_linter_sees_what_is_wrong(name, text, rule, tmp_path):
    if not BIOME.is_file() or not shutil.which("node"):
        pytest.skip("the linter is not there; it comes with: make scripts (needs Node's npm)")
    shutil.copy(ROOT / "biome.jsonc", tmp_path)
    (tmp_path / name).write_text(text, encoding="utf-8")
    command = [BIOME, "check", "--error-on-warnings"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode == 0) == (rule is None), done.stdout + done.stderr
    assert rule is None or rule in done.stdout + done.stderr
