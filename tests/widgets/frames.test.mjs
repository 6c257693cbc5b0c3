// A stack of frames: four of them, "one" to "four", 0.5 s each; the second is figure first.
import assert from "node:assert/strict";
import test from "node:test";
import { dataOf, open } from "./dom.mjs";
import { file, page } from "./pages.mjs";

const HTML = page("frames.html");
const ALT = "A square wanders over a field of noise.";
const WORDS = ["one", "two", "three", "four"];

function openFigure(html = HTML, options = {}) {
  const opened = open(html, options);
  const root = opened.document.querySelector("[data-gb-frames]");
  const find = (selector) => root.querySelector(selector);
  return {
    ...opened,
    root,
    changes: dataOf(root).changes,
    image: find("img"),
    change: find("img + img"),
    slider: find("input"),
    play: find(".gb-play"),
    back: find(".gb-back"),
    next: find(".gb-next"),
    text: find("output"),
  };
}

// All that a reader sees, hears and may read says one and the same frame.
function assertShows(figure, index) {
  const { image, change, slider, text, changes } = figure;
  assert.equal(text.textContent, WORDS[index]);
  assert.equal(slider.value, String(index));
  assert.equal(slider.getAttribute("aria-valuetext"), WORDS[index]);
  assert.equal(image.alt, `${ALT} Shown: ${WORDS[index]}.`);
  assert.equal(change.hidden, changes[index] === "");
  if (changes[index]) assert.equal(change.src, changes[index]);
  assert.equal(change.alt, "");
}

test("once it is set up the controls are there and nothing moves", () => {
  const figure = openFigure();
  assertShows(figure, 1);
  assert.equal(figure.root.querySelector(".gb-frames-controls").hidden, false);
  figure.clock.pass(60_000);
  assertShows(figure, 1);
  assert.deepEqual(figure.changes.map(Boolean), [true, false, true, true]);
});

const ONCE = HTML.replace('"play": false', '"play": true');

test("a figure that is to play plays once, from the first frame to the last", () => {
  const figure = openFigure(ONCE);
  assertShows(figure, 0);
  assert.equal(figure.play.textContent, "Pause");
  figure.clock.pass(1500);
  assertShows(figure, 3);
  assert.equal(figure.play.textContent, "Play");
  figure.clock.pass(60_000);
  assertShows(figure, 3);
});

test("but not for readers who asked for less motion", () => {
  const figure = openFigure(ONCE, { reducedMotion: true });
  assertShows(figure, 1);
  figure.clock.pass(60_000);
  assertShows(figure, 1);
});

test("single steps end at the first frame and at the last", () => {
  const figure = openFigure();
  for (const index of [2, 3, 3]) {
    figure.next.click();
    assertShows(figure, index);
  }
  for (const index of [2, 1, 0, 0]) {
    figure.back.click();
    assertShows(figure, index);
  }
});

test("the slider shows the frame at its place", () => {
  const figure = openFigure();
  for (const index of [3, 0, 1, 2]) {
    figure.slider.slideTo(index);
    assertShows(figure, index);
  }
});

test("play goes on by one every half second and stops at the end", () => {
  const figure = openFigure();
  assert.equal(figure.play.textContent, "Play");
  figure.play.click();
  assert.equal(figure.play.textContent, "Pause");
  assertShows(figure, 1);
  figure.clock.pass(499);
  assertShows(figure, 1);
  figure.clock.pass(1);
  assertShows(figure, 2);
  figure.clock.pass(500);
  assertShows(figure, 3);
  assert.equal(figure.play.textContent, "Play");
  assert.equal(figure.clock.timers.size, 0);
});

test("each figure has its own pace", () => {
  const figure = openFigure(page("slow.html"));
  figure.play.click();
  figure.clock.pass(1999);
  assertShows(figure, 0);
  figure.clock.pass(1);
  assertShows(figure, 1);
});

test("from the end, play starts over", () => {
  const figure = openFigure();
  figure.slider.slideTo(3);
  figure.play.click();
  assertShows(figure, 0);
  figure.clock.pass(1500);
  assertShows(figure, 3);
});

test("pause holds the frame, and play goes on from it", () => {
  const figure = openFigure();
  figure.play.click();
  figure.clock.pass(500);
  figure.play.click();
  assert.equal(figure.play.textContent, "Play");
  figure.clock.pass(10_000);
  assertShows(figure, 2);
  figure.play.click();
  figure.clock.pass(500);
  assertShows(figure, 3);
});

test("whoever steps or slides takes over from play", () => {
  for (const [act, index] of [
    [({ back }) => back.click(), 0],
    [({ next }) => next.click(), 2],
    [({ slider }) => slider.slideTo(3), 3],
  ]) {
    const figure = openFigure();
    figure.play.click();
    act(figure);
    assert.equal(figure.play.textContent, "Play");
    figure.clock.pass(10_000);
    assertShows(figure, index);
  }
});

test("the words are read out, but not while it runs, nor when the slider says them itself", () => {
  const figure = openFigure();
  const live = () => figure.text.getAttribute("aria-live");
  assert.equal(live(), "polite");
  figure.play.click();
  figure.clock.pass(500);
  assert.equal(live(), "off");
  figure.next.click();
  assert.equal(live(), "polite");
  figure.slider.focus();
  figure.slider.slideTo(0);
  assert.equal(live(), "off");
  figure.next.focus();
  figure.next.click();
  assert.equal(live(), "polite");
});

test("a running figure that is taken out of the page stops its clock", () => {
  const figure = openFigure();
  figure.play.click();
  figure.root.remove();
  figure.clock.pass(500);
  assertShows(figure, 1);
  assert.equal(figure.clock.timers.size, 0);
});

test("a figure is set up once, however often its script runs", () => {
  const figure = openFigure();
  figure.run(file("ganbook/widgets/static/frames.js"));
  figure.next.click();
  assertShows(figure, 2);
  figure.play.click();
  assert.equal(figure.clock.timers.size, 1);
});

test("two figures of one page have each their own frame", () => {
  const { document } = open(HTML + HTML);
  const roots = document.querySelectorAll("[data-gb-frames]");
  assert.equal(roots.length, 2);
  for (const root of roots) assert.equal(root.getAttribute("data-ready"), "");
  roots[1].querySelector(".gb-next").click();
  assert.deepEqual(
    roots.map((root) => root.querySelector("output").textContent),
    ["two", "three"],
  );
});

test("keys pressed in the figure do not reach the page, other events do", () => {
  const figure = openFigure();
  const heard = [];
  for (const type of ["keydown", "input"]) figure.document.addEventListener(type, () => heard.push(type));
  figure.slider.fire("keydown");
  figure.play.fire("keydown");
  assert.deepEqual(heard, []);
  figure.slider.slideTo(0);
  assert.deepEqual(heard, ["input"]);
});

test("labels that look like tags stay text", () => {
  const nasty = "</script><b>\"'&";
  const figure = openFigure(page("nasty.html"));
  assert.equal(figure.text.textContent, nasty);
  figure.next.click();
  assert.equal(figure.text.textContent, "two");
  figure.back.click();
  assert.equal(figure.text.textContent, nasty);
  assert.equal(figure.slider.getAttribute("aria-valuetext"), nasty);
});
