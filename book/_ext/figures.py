"""Sphinx extension: figures for light and dark pages, for wide and narrow screens, sharp at any size.

The kernels of a build draw figures as SVG (`kernel_figures.py`). Each becomes up to four files: light and
dark (`dark.py`), wide and narrow; the page shows the one that fits. Drawings among the static files get their
dark one in the same way. A figure is never made so small that its text cannot be read: where the screen is
narrower than that, it scrolls, and the page's script (`_static/fit.js`) puts a sign at the edge.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import html
import io
import os
import posixpath
import re
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote
from xml.etree import ElementTree

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config

import dark
from kernel_figures import NARROW

SVG = "http://www.w3.org/2000/svg"
SMALLEST = 9.2  # CSS pixels: text is never smaller; the figure scrolls instead
POINT = (
    100 / 72
)  # CSS pixels that a unit of matplotlib's SVG takes, as Jupyter shows figures 100 pixels an inch
PHONE = "(max-width: 480px)"  # where the narrow figures are shown
STARTUP = """\
import sys
sys.path.append({folder!r})
import kernel_figures
kernel_figures.install(get_ipython())
sys.path.remove({folder!r})
del sys, kernel_figures
"""
SETTINGS = "c = get_config()\nc.InlineBackend.figure_formats = set()\nc.HistoryManager.enabled = False\n"


class themed_image(nodes.General, nodes.Element):
    """A figure in all its files: children are images, each with `theme` and `screen`."""


class Drawing(NamedTuple):
    """An SVG as it is shown: its size in CSS pixels, and the width below which it cannot be read."""

    root: ElementTree.Element
    width: float
    height: float
    readable: float


def start_kernels_with_figures(app: Sphinx, config: Config) -> None:
    """Give the kernels of this build a profile of IPython of their own, in which figures are SVG."""
    folder = Path(app.doctreedir).parent / ".ipython"
    profile = folder / "profile_default"
    (profile / "startup").mkdir(parents=True, exist_ok=True)
    (profile / "ipython_kernel_config.py").write_text(SETTINGS, encoding="utf-8")
    code = STARTUP.format(folder=str(Path(__file__).parent))
    (profile / "startup" / "figures.py").write_text(code, encoding="utf-8")
    os.environ["IPYTHONDIR"] = str(folder)


# ------------------------------------------------------------------------------------ drawings


def read(text: str) -> Drawing:
    """Return an SVG with its numbers rounded, its pictures packed, and its measures.

    What matplotlib draws is 72 units an inch and says so ("pt"); what we drew by hand is in CSS pixels.
    """
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    root = ElementTree.fromstring(text)
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    scale = POINT if root.get("width", "").endswith("pt") else 1.0
    tidy(root)
    root.set("width", f"{scale * width:g}")
    root.set("height", f"{scale * height:g}")
    sizes = font_sizes(root)
    readable = width * SMALLEST / min(sizes) if sizes else 0.0
    return Drawing(root, scale * width, scale * height, readable)


def variants(text: str) -> dict[str, str]:
    """Return the wide figure, and the narrow one if it is in the wide one's metadata."""
    wide, _, rest = text.partition(NARROW)
    if not rest:
        return {"wide": wide}
    return {"wide": wide + "</svg>", "narrow": rest.partition("<!--")[2].rpartition("-->")[0]}


def has_pictures(root: ElementTree.Element) -> bool:
    """Say whether an SVG holds pictures, whose colours are their own in light and dark."""
    return any(image.get("id", "").startswith(dark.KEPT) for image in root.iter(f"{{{SVG}}}image"))


NUMBER = re.compile(r"-?\d+\.\d{3,}")


def tidy(root: ElementTree.Element) -> None:
    """Take out what nobody sees: metadata, digits beyond a hundredth of a unit, pixels packed badly."""
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag == f"{{{SVG}}}metadata":
                parent.remove(child)
    for element in root.iter():
        for name in ("d", "x", "y", "points"):
            if name in element.attrib:
                short = NUMBER.sub(
                    lambda n: f"{float(n[0]):.2f}".rstrip("0").rstrip("."), element.attrib[name]
                )
                element.set(name, " ".join(short.split()))
        address = element.get(dark.HREF, "")
        if address.startswith(dark.PNG):
            element.set(dark.HREF, dark.PNG + packed(address.removeprefix(dark.PNG)))


def packed(png: str) -> str:
    """Return a picture (base64 of a PNG) without a bit lost, smaller."""
    from PIL import Image

    file = io.BytesIO()
    with Image.open(io.BytesIO(base64.b64decode(png))) as image:
        image.save(file, format="PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def font_sizes(root: ElementTree.Element) -> list[float]:
    """Return the sizes of an SVG's texts, in its units.

    Matplotlib's texts are shapes of a font of 100 units, scaled: `<g transform="... scale(0.11 -0.11)">`.
    Where text is text, its size is an attribute of it or of what it stands in.
    """
    sizes: list[float] = []

    def walk(element: ElementTree.Element, size: float) -> None:
        size = float(element.get("font-size", size))
        if element.tag == f"{{{SVG}}}text":
            sizes.append(size)
        scale = re.search(r"scale\((0\.\d+) -\1\)", element.get("transform", ""))
        if scale and element.find(f".//{{{SVG}}}use") is not None:
            sizes.append(100 * float(scale[1]))
        for child in element:
            walk(child, size)

    walk(root, float(root.get("font-size", 16)))
    return sizes


# -------------------------------------------------------------------------------------- pages


def make_themed(app: Sphinx, doctree: nodes.document) -> None:
    """Replace each SVG that was drawn on white by all of its files."""
    folder = Path(app.doctreedir).parent / "figures"
    for node in list(doctree.findall(nodes.image)):
        path = file_of(app, node["uri"])
        if path is None or path.suffix != ".svg":
            node["classes"].append("dark-light")  # a picture: the theme leaves its colours alone
            continue
        themed = themed_image(alt=node.get("alt", ""), classes=node["classes"], ids=node["ids"])
        for screen, svg in variants(path.read_text(encoding="utf-8")).items():
            drawing = read(svg)
            if has_pictures(drawing.root) and "gb-pictures" not in themed["classes"]:
                themed["classes"].append("gb-pictures")
            for theme, root in (("light", drawing.root), ("dark", copy.deepcopy(drawing.root))):
                if theme == "dark":
                    dark.darken(root)
                body = ElementTree.tostring(root, encoding="utf-8")
                name = f"{hashlib.sha256(body).hexdigest()[:16]}.svg"
                folder.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(body)
                image = nodes.image(uri="/" + os.path.relpath(folder / name, app.srcdir))
                image["theme"], image["screen"] = theme, screen
                image["measures"] = (drawing.width, drawing.height, drawing.readable)
                themed += image
        node.replace_self(themed)


def file_of(app: Sphinx, uri: str) -> Path | None:
    """Return the file of an image, or None if it is elsewhere."""
    if "://" in uri or uri.startswith("data:"):
        return None
    _, path = app.env.relfn2path(uri, app.env.docname)
    return Path(path) if Path(path).is_file() else None


def visit_themed(translator: Any, node: themed_image) -> None:
    """Write the pictures: for each theme one, with a narrow one for narrow screens."""
    builder = translator.builder
    by = {(image["theme"], image["screen"]): image for image in node.findall(nodes.image)}
    pictures, least = [], {}
    for theme in ("light", "dark"):
        sources = []
        for screen in ("narrow", "wide"):
            image = by.get((theme, screen))
            if image is None:
                continue
            name = quote(builder.images[image["uri"]])
            address = posixpath.join(builder.imgpath, name)
            width, height, readable = image["measures"]
            size = f'width="{width:.0f}" height="{height:.0f}"'
            if screen == "narrow":
                sources.append(f'<source media="{PHONE}" srcset="{address}" {size}>')
            else:
                sources.append(
                    f'<img src="{address}" alt="{html.escape(node["alt"])}" {size} loading="lazy" '
                    f'class="only-{theme}">'
                )
            least[screen] = f"--least-{screen}:{min(width, readable):.0f}px"
        pictures.append(f"<picture>{''.join(sources)}</picture>")
    names = " ".join(["gb-figure", *node["classes"]])
    style = ";".join(least.values())
    translator.body.append(f'<span class="{names}" style="{style}">{"".join(pictures)}</span>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_node(themed_image, html=(visit_themed, None))
    app.connect("config-inited", start_kernels_with_figures)
    app.connect("doctree-read", make_themed, priority=400)  # before Sphinx collects the images
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
