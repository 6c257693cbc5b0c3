"""How every page looks: dark where it should be, sharp, and on a phone nothing cut and nothing too small.

What scrolls sideways says so: the page's script gives it a class, and the style of that class fades its edge.
"""

import io
import re
from urllib.parse import urljoin

import numpy as np
import pytest
from PIL import Image

SMALLEST = 9  # CSS pixels of text in figures
TALLEST = 8_600  # CSS pixels of a page of the reference on a laptop

# Everything with a light ground that is not small, in a dark page. Keys and marks may be light.
PALE = """() => {
  const light = (colour) => {
    const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number);
    return a > 0.5 && 0.2126 * r + 0.7152 * g + 0.0722 * b > 110;
  };
  return [...document.querySelectorAll(".bd-article *, .bd-sidebar-primary, .bd-sidebar-secondary")]
    .filter((node) => {
      const box = node.getBoundingClientRect();
      const area = box.width * box.height;
      if (area < 1500 || node.closest("kbd, .sd-btn, .gb-quiz")) return false;
      return light(getComputedStyle(node).backgroundColor);
    })
    .map((node) => node.outerHTML.slice(0, 120));
}"""
HAIRLINES = """() => {
  const light = (colour) => {
    const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number);
    return a > 0.5 && 0.2126 * r + 0.7152 * g + 0.0722 * b > 150;
  };
  const boxes = ".bd-article :is(.cell_input, .cell_output > *, .highlight, pre, figure, img)";
  return [...document.querySelectorAll(boxes)]
    .filter((node) => {
      const style = getComputedStyle(node);
      return ["Top", "Right", "Bottom"].some((side) =>
        Number.parseFloat(style[`border${side}Width`]) > 0 && light(style[`border${side}Color`]));
    })
    .map((node) => node.outerHTML.slice(0, 120));
}"""
# Each figure that is shown: how wide, how many pixels it has, where its file is.
SHOWN = """() => [...document.querySelectorAll(".bd-article :is(.gb-frames-stack, picture) > img")]
  .filter((image) => image.checkVisibility() && image.getBoundingClientRect().width)
  .map((image) => ({
    address: image.currentSrc.startsWith("data:") ? "data:" : image.currentSrc,
    width: image.getBoundingClientRect().width,
    natural: image.naturalWidth,
    ink: Boolean(image.closest("[data-ink], .gb-figure")),
    pictures: Boolean(image.closest(".gb-pictures") || image.parentElement.querySelector(".gb-frames-kept")),
    least: Number.parseFloat(getComputedStyle(image.closest(".gb-frames-stack") ?? image).minWidth) || 0,
  }))"""
LOAD = """() => Promise.all([...document.querySelectorAll("img[loading]")]
  .filter((image) => image.checkVisibility())
  .map((image) => { image.loading = "eager"; return image.decode().catch(() => null); }))"""
# What is wider than its box without a sign that it scrolls.
CUT = """(selector) => [...document.querySelectorAll(selector)]
  .filter((node) => {
    if (!node.checkVisibility() || !node.clientWidth) return false;
    if (node.scrollWidth <= node.clientWidth + 1) return false;
    const style = getComputedStyle(node);
    const scrolls = ["auto", "scroll"].includes(style.overflowX);
    const sign = style.maskImage !== "none" && node.classList.contains("gb-more-right");
    return !(scrolls && sign && node.tabIndex === 0);
  })
  .map((node) => node.outerHTML.slice(0, 160))"""
BOXES = [
    ".bd-article div.math mjx-container",
    ".bd-article mjx-container.gb-wide",
    ".bd-article pre",
    ".bd-article .gb-figure",
    ".bd-article .gb-frames-picture",
    ".bd-article .pst-scrollable-table-container",
]
OVERLAPS = """() => [...document.querySelectorAll("div.math:has(.eqno)")]
  .filter((node) => {
    const [a, b] = [".eqno", "mjx-container"].map((part) => node.querySelector(part).getBoundingClientRect());
    const beside = a.left >= b.right - 1 || a.right <= b.left + 1;
    const above = a.top >= b.bottom - 1 || a.bottom <= b.top + 1;
    return !(beside || above) || a.right > innerWidth;
  })
  .map((node) => node.id || node.textContent.slice(0, 60))"""
OUTSIDE = """() => [...document.querySelectorAll(".bd-article mjx-container")]
  .filter((node) => {
    const box = node.getBoundingClientRect();
    const shown = node.parentElement.closest(".gb-scrolls");
    return node.checkVisibility() && !shown && box.right > innerWidth + 1;
  })
  .map((node) => node.outerHTML.slice(0, 100))"""
SQUEEZED = """() => [...document.querySelectorAll(".bd-article table :is(td, th)")]
  .filter((cell) => {
    const style = getComputedStyle(cell);
    const padding = Number.parseFloat(style.paddingLeft) + Number.parseFloat(style.paddingRight);
    const inner = cell.clientWidth - padding;
    const text = cell.innerText.trim();
    const word = Math.max(0, ...text.split(/[\\s\\/-]+/).map((part) => part.length));
    return cell.checkVisibility() && cell.clientWidth && word >= 4 && inner < 26;
  })
  .map((cell) => cell.outerHTML.slice(0, 100))"""
CLIPPED = """() => [...document.querySelectorAll(".bd-sidebar-secondary .nav-link")]
  .filter((link) => {
    const box = link.getBoundingClientRect();
    const inner = [link, ...link.querySelectorAll("*")].map((part) => part.getBoundingClientRect().right);
    return link.checkVisibility() && box.width && Math.max(...inner) > Math.min(innerWidth, document
      .querySelector(".bd-sidebar-secondary").getBoundingClientRect().right);
  })
  .map((link) => link.textContent.trim())"""
OPEN = "() => document.querySelectorAll('details').forEach((node) => { node.open = true })"


def settle(tab):
    """Open what is folded, load the pictures, and let the page's script look at all of it."""
    tab.evaluate(OPEN)
    tab.evaluate(LOAD)
    tab.evaluate("() => dispatchEvent(new Event('resize'))")
    tab.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def brightness(picture):
    """Return how light each pixel of a screenshot is, 0 to 255."""
    pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(float)
    return pixels @ (0.2126, 0.7152, 0.0722)


def smallest_text(svg):
    """Return the size of the smallest text of an SVG as a share of its width."""
    width = float(re.search(r'viewBox="[\d.-]+ [\d.-]+ ([\d.]+)', svg)[1])
    sizes = [100 * float(s) for s in re.findall(r"scale\((0\.\d+) -0\.\d+\)", svg)]
    sizes += [float(s) for s in re.findall(r'font-size="([\d.]+)"', svg)]
    return min(sizes) / width if sizes else 1.0


def test_on_a_laptop_it_is_dark_where_it_should_be_and_sharp(visit, address):
    tab = visit(width=1400, height=900, color_scheme="dark", reduced_motion="reduce").open(address)
    settle(tab)
    assert tab.evaluate(PALE) == []
    assert tab.evaluate(HAIRLINES) == []
    for selector in BOXES:
        assert tab.evaluate(CUT, selector) == [], selector
    assert tab.evaluate(CLIPPED) == []
    if address.startswith("api/"):
        tab.evaluate("() => document.querySelectorAll('details').forEach((node) => { node.open = false })")
        assert tab.evaluate("document.documentElement.scrollHeight") <= TALLEST
        tab.evaluate(OPEN)
    for figure in tab.evaluate(SHOWN):
        vector = figure["address"].endswith(".svg")
        if figure["ink"]:
            assert vector or figure["natural"] >= 1.2 * figure["width"], figure
    ground = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    level = np.array([float(v) for v in re.findall(r"\d+", ground)[:3]]) @ (0.2126, 0.7152, 0.0722)
    for node in tab.locator(
        ".bd-article .gb-figure, .bd-article .gb-frames[data-ink] .gb-frames-picture"
    ).all():
        light = brightness(node.screenshot())
        rim = np.concatenate([light[2], light[-3], light[:, 2], light[:, -3]])
        assert np.median(rim) == pytest.approx(level, abs=14), "a light frame"
        if "gb-pictures" not in node.get_attribute("class"):
            assert np.median(light) == pytest.approx(level, abs=30), "a light slab"
            assert np.mean(light > 140) < 0.3, "a light slab"


def test_on_a_phone_nothing_is_cut_or_too_small(visit, address):
    page = visit(width=390, height=844, has_touch=True, is_mobile=True, color_scheme="light")
    tab = page.open(address)
    settle(tab)
    for selector in BOXES:
        assert tab.evaluate(CUT, selector) == [], selector
    assert tab.evaluate(OVERLAPS) == []
    assert tab.evaluate(OUTSIDE) == []
    assert tab.evaluate(SQUEEZED) == []
    for figure in tab.evaluate(SHOWN):
        assert figure["width"] >= figure["least"] - 1, figure
        if figure["address"].endswith(".svg"):
            svg = page.tab.request.get(urljoin(tab.url, figure["address"])).text()
            assert smallest_text(svg) * figure["width"] >= SMALLEST, figure
        elif figure["ink"]:
            assert figure["least"] > 0, figure


def test_a_moving_figure_is_as_dark_after_it_moved(visit, site):
    seen = 0
    for path in sorted(site.glob("*.html")):
        if not re.search(r"<div[^>]* data-ink\b", path.read_text(encoding="utf-8")):
            continue
        tab = visit(color_scheme="dark", reduced_motion="reduce").open(path.name)
        figure = tab.locator(".gb-frames[data-ink]").first
        slider, picture = figure.locator("input").first, figure.locator(".gb-frames-picture")
        slider.focus()
        tab.keyboard.press("Home")
        first = brightness(picture.screenshot())
        tab.keyboard.press("End")
        last = brightness(picture.screenshot())
        # The ground is dark; what lies on it may be a map in colours, which is as bright as it was.
        assert np.percentile(first, 25) < 40 > np.percentile(last, 25), path.name
        assert abs(np.median(first) - np.median(last)) < 40, path.name
        seen += 1
    assert seen >= 2
