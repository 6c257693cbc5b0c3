"""What moves: sliders by keyboard, search, themes, the front page, reading from a folder."""

import pytest

SLIDERS = "main input[type=range]"
PICTURE = """(slider) => {
  const root = slider.closest("[role=group]");
  const canvas = root.querySelector("canvas");
  if (canvas) return canvas.toDataURL();
  const drawing = root.querySelector(".gb-conv-view");
  if (drawing) return drawing.innerHTML;
  return [...root.querySelectorAll("img")].map((image) => image.hidden ? "" : image.src).join(" ");
}"""


def test_every_moving_figure_changes_when_its_slider_moves_by_keyboard(visit, site):
    moved = 0
    for path in sorted(site.glob("*.html")):
        if 'type="range"' not in path.read_text(encoding="utf-8"):
            continue
        tab = visit(reduced_motion="reduce").open(path.name)
        for slider in tab.locator(SLIDERS).all():
            slider.focus()
            tab.keyboard.press("Home")
            before = slider.evaluate(PICTURE), slider.get_attribute("aria-valuetext")
            tab.keyboard.press("ArrowRight")
            after = slider.evaluate(PICTURE), slider.get_attribute("aria-valuetext")
            assert before[0] != after[0], f"{path.name}: the picture stays"
            assert before[1] != after[1], f"{path.name}: the words stay"
            group = slider.locator("xpath=ancestor::*[@role='group'][1]")
            assert group.get_attribute("aria-label")
            moved += 1
    assert moved >= 3


def test_quizzes_answer_to_the_keyboard(visit, site):
    for path in sorted(site.glob("*.html")):
        if "data-gb-quiz" not in path.read_text(encoding="utf-8"):
            continue
        tab = visit().open(path.name)
        quiz = tab.locator("[data-gb-quiz]").first
        before = quiz.inner_text()
        first = quiz.locator("input, button").first
        first.focus()
        tab.keyboard.press("Space")
        if quiz.inner_text() == before:  # an answer is chosen; now ask
            quiz.locator("button").first.focus()
            tab.keyboard.press("Enter")
        assert quiz.inner_text() != before


def test_search_finds_mode_collapse(visit):
    page = visit()
    tab = page.open("intro.html")
    tab.keyboard.press("Control+k")
    tab.keyboard.type("mode collapse")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/search.html?q=mode+collapse*")
    tab.wait_for_selector("ul.search li")
    results = tab.locator("ul.search li")
    assert results.count() >= 2
    assert any("collapse" in text.lower() for text in results.all_inner_texts())
    with tab.expect_navigation():
        results.first.locator("a").first.click()
    assert "search.html" not in tab.url
    assert page.outside == []


def test_the_theme_switch_turns_and_is_remembered(visit):
    tab = visit(color_scheme="light").open("intro.html")
    ground = "() => getComputedStyle(document.body).backgroundColor"
    switch = tab.locator("button.theme-switch-button").first
    seen = {}
    for _ in range(3):
        switch.focus()
        tab.keyboard.press("Enter")
        seen[tab.evaluate("document.documentElement.dataset.mode")] = tab.evaluate(ground)
    assert set(seen) == {"light", "dark", "auto"}
    assert seen["light"] != seen["dark"]
    while tab.evaluate("document.documentElement.dataset.mode") != "dark":
        switch.click()
    tab.reload()
    assert tab.evaluate(ground) == seen["dark"]


def test_the_front_page_says_what_it_is_within_one_screen(visit):
    tab = visit(width=1300, height=800).open("intro.html")
    for part in (
        "article h1",
        ".landing-text",
        ".gb-frames img",
        ".gb-frames input",
        ".landing-text .sd-btn >> nth=2",
    ):
        box = tab.locator(part).first.bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= 800, part


def test_the_front_figure_keeps_still_for_those_who_asked_for_it(visit):
    still = visit(reduced_motion="reduce").open("intro.html")
    slider = still.locator(".gan-live input")
    assert slider.input_value() == slider.get_attribute("max")
    still.wait_for_timeout(700)
    assert slider.input_value() == slider.get_attribute("max")
    assert still.locator(".gan-live button").inner_text() == "Again"
    moving = visit(reduced_motion="no-preference").open("intro.html")
    moving.wait_for_function("() => Number(document.querySelector('.gan-live input').value) > 1")
    moving.locator(".gan-live button").focus()
    moving.keyboard.press("Enter")
    held = moving.locator(".gan-live input").input_value()
    moving.wait_for_timeout(700)
    assert moving.locator(".gan-live input").input_value() == held


def test_the_first_tab_stop_skips_to_the_text(visit):
    tab = visit().open("background.html")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Skip to main content"
    tab.keyboard.press("Enter")
    assert tab.url.endswith("#main-content")


def test_code_can_be_copied(visit, base):
    page = visit(permissions=["clipboard-read", "clipboard-write"])
    tab = page.open("training_steps.html")
    cell = tab.locator("div.cell_input:visible").first
    cell.scroll_into_view_if_needed()
    cell.hover()
    cell.locator("button.copybtn").click()
    copied = tab.evaluate("() => navigator.clipboard.readText()")
    assert copied.strip() == cell.locator("pre").inner_text().strip()


@pytest.mark.parametrize("name", ["minimax.html"])
def test_pages_can_be_read_from_a_folder(browser, site, name):
    """Opened as a file: formulas, pictures, moving figures and search work (book/execution.md)."""
    context = browser.new_context(reduced_motion="reduce")
    asked = []
    context.on("request", lambda request: asked.append(request.url))
    tab = context.new_page()
    tab.goto((site / name).as_uri())
    tab.evaluate("() => window.MathJax.startup.promise")
    assert tab.locator("mjx-container").count() > 10
    slider = tab.locator(SLIDERS).first
    before = slider.evaluate(PICTURE)
    slider.focus()
    tab.keyboard.press("ArrowRight")
    assert slider.evaluate(PICTURE) != before
    tab.goto((site / "search.html").as_uri() + "?q=mode+collapse")
    tab.wait_for_selector("ul.search li")
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    context.close()
