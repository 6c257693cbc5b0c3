"""Small things that are mended in the pages."""

import pytest
import site_assets
from docutils import nodes
from docutils.utils import new_document


@pytest.mark.parametrize(
    ("text", "given", "language"),
    [
        ("ganbook train dcgan-64 --device cuda", {}, "sh"),
        (".venv/bin/pip install -e .", {"language": "default"}, "sh"),
        ("python -m benchmarks.training", {"language": "python"}, "python"),
        ("python = 3", {}, None),
        ("making = of(it)", {}, None),
    ],
)
def test_commands_are_named_so(text, given, language):
    document = new_document("page")
    block = nodes.literal_block(text, text, **given)
    document += block
    site_assets.name_commands(None, document)
    assert block.get("language") == language
