"""Every page: asks no other host, complains of nothing, is drawn, fits a phone, can be read by everyone."""

import itertools
from pathlib import Path

AXE = Path(__file__).parent.parent.parent / "book" / "_assets" / "node_modules" / "axe-core" / "axe.min.js"

NOT_TYPESET = """() => [...document.querySelectorAll(".math")]
  .filter((node) => !node.querySelector("mjx-container") || node.querySelector("mjx-merror"))
  .map((node) => node.textContent)"""
NOT_DRAWN = """() => [...document.querySelectorAll("main img, nav img, .mermaid")]
  .filter((node) => node.matches("img")
    ? getComputedStyle(node).display != "none" && !(node.complete && node.naturalWidth) && node.src
    : !node.querySelector("svg"))
  .map((node) => node.outerHTML.slice(0, 200))"""
HURRY = """() => document.querySelectorAll("img[loading=lazy]").forEach((node) => node.loading = "eager")"""
NAMELESS = """() => [...document.querySelectorAll("main img:not([alt]), main svg:not([aria-label])")]
  .filter((node) => !node.closest("[aria-hidden=true], mjx-container, .copybtn, .admonition-title"))
  .map((node) => node.outerHTML.slice(0, 200))"""
HEADINGS = """() => [...document.querySelectorAll("main :is(h1, h2, h3, h4, h5, h6)")]
  .filter((node) => node.checkVisibility())
  .map((node) => Number(node.tagName[1]))"""
SIDEWAYS = "() => [document.documentElement.scrollWidth, window.innerWidth]"


def test_it_loads_with_all_other_hosts_out_of_reach(visit, address):
    page = visit()
    tab = page.open(address)
    tab.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    tab.wait_for_load_state("networkidle")
    assert page.outside == []
    assert page.failed == []
    assert page.complaints == []
    assert tab.evaluate(NOT_TYPESET) == []
    tab.evaluate(HURRY)  # pictures below the screen wait for their reader
    tab.wait_for_function(f"() => ({NOT_DRAWN})().length == 0")
    assert tab.evaluate(NOT_DRAWN) == []
    assert tab.evaluate(NAMELESS) == []
    assert tab.locator("html").get_attribute("lang") == "en"
    levels = tab.evaluate(HEADINGS)
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels)), levels


def test_axe_finds_no_serious_violation_in_light_or_dark(visit, address):
    assert AXE.is_file(), "axe-core is not there; it comes with: make assets"
    tab = visit(color_scheme="light", reduced_motion="reduce").open(address)
    tab.evaluate("() => document.querySelectorAll('details').forEach((node) => { node.open = true })")
    tab.evaluate(AXE.read_text(encoding="utf-8"))
    for scheme in ("light", "dark"):
        tab.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        tab.wait_for_function(f"() => document.documentElement.dataset.theme == '{scheme}'")
        found = tab.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")["violations"]
        grave = [
            (v["id"], v["help"], [node["html"][:200] for node in v["nodes"][:5]])
            for v in found
            if v["impact"] in ("serious", "critical")
        ]
        assert grave == [], scheme


def test_it_fits_a_phone(visit, address):
    page = visit(width=390, height=844, device_scale_factor=2, has_touch=True, is_mobile=True)
    tab = page.open(address)
    wanted, there = tab.evaluate(SIDEWAYS)
    assert wanted <= there
    assert there == 390, "the page was zoomed out because something is too wide"
