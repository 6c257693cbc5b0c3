"""Buttons to the repository, the source and Colab: right if `_config.yml` names a repository, else absent."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent.parent
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
COLAB = "https://colab.research.google.com/"


def links_of(path):
    return re.findall(r'href="([^"]+)"', path.read_text(encoding="utf-8"))


def build(folder, url):
    """Build a book of one page and one chapter with our settings and this address."""
    notebook = {
        "cells": [
            {"cell_type": "markdown", "id": "a", "metadata": {}, "source": ["# A chapter\n", "\n", "Text."]}
        ],
        "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    (folder / "book").mkdir()
    (folder / "book" / "intro.md").write_text("# A book\n\nText.\n", encoding="utf-8")
    (folder / "book" / "chapter.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    (folder / "_toc.yml").write_text("format: jb-book\nroot: intro\nchapters:\n  - file: chapter\n")
    config = {
        "title": "A book",
        "only_build_toc_files": True,
        "repository": {**CONFIG["repository"], "url": url},
        "execute": {"execute_notebooks": "off"},
        "html": {k: v for k, v in CONFIG["html"].items() if k != "favicon"},
        "launch_buttons": CONFIG["launch_buttons"],
        "sphinx": {"local_extensions": {"site_assets": str(ROOT / "book" / "_ext")}},
    }
    (folder / "_config.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    command = [
        "build",
        "book",
        "--path-output",
        ".",
        "--config",
        "_config.yml",
        "--toc",
        str(folder / "_toc.yml"),
    ]
    jupyter_book = Path(sys.executable).with_name("jupyter-book")
    done = subprocess.run([jupyter_book, *command], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "_build" / "html"


@pytest.mark.usefixtures("site")
def test_with_an_address_every_button_is_there_and_right(tmp_path):
    url = "https://github.com/somebody/a-book"
    built = build(tmp_path, url)
    chapter, page = links_of(built / "chapter.html"), links_of(built / "intro.html")
    assert url in chapter
    assert url in page
    assert f"{url}/blob/main/book/chapter.ipynb?plain=1" in chapter
    assert f"{url}/blob/main/book/intro.md?plain=1" in page
    assert f"{COLAB}github/somebody/a-book/blob/main/book/chapter.ipynb" in chapter
    assert not [link for link in page if link.startswith(COLAB)]
    assert "_sources/chapter.ipynb" in chapter


@pytest.mark.usefixtures("site")
def test_without_an_address_there_is_no_button_that_leads_nowhere(tmp_path):
    built = build(tmp_path, "")
    for name in ("chapter.html", "intro.html"):
        links = links_of(built / name)
        assert not [link for link in links if link.startswith(COLAB) or "executablebooks" in link]
        assert not [link for link in links if "?plain=1" in link]
    assert "_sources/chapter.ipynb" in links_of(built / "chapter.html")


def test_the_built_site_has_what_the_settings_say(site):
    named = CONFIG["repository"]["url"]
    chapters = [site / f"{path.stem}.html" for path in (site / "_sources").glob("*.ipynb")]
    assert chapters
    for chapter in chapters:
        links = links_of(chapter)
        assert f"_sources/{chapter.stem}.ipynb" in links
        assert any(link.startswith(COLAB) for link in links) == named.startswith("https://github.com/")
