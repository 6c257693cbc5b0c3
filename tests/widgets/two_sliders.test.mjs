// Two sliders: three rows, "a" to "c", and two columns, "one" and "two"; row 1 and column 1 are figure first.
import assert from "node:assert/strict";
import test from "node:test";
import { dataOf, open } from "./dom.mjs";
import { file, page } from "./pages.mjs";

const HTML = page("two_sliders.html");
const ALT = "A square wanders over a field of noise.";
const ROWS = ["a", "b", "c"];
const COLUMNS = ["one", "two"];

function openFigure() {
  const opened = open(HTML);
  const root = opened.document.querySelector("[data-gb-two-sliders]");
  const [image, change] = root.querySelectorAll("img");
  return {
    ...opened,
    root,
    image,
    change,
    sliders: root.querySelectorAll("input"),
    text: root.querySelector("output"),
    changes: dataOf(root).changes,
  };
}

function assertShows({ image, change, sliders, text, changes }, i, j) {
  assert.equal(text.textContent, `${ROWS[i]}; ${COLUMNS[j]}`);
  assert.equal(image.alt, `${ALT} Shown: ${ROWS[i]}; ${COLUMNS[j]}.`);
  assert.deepEqual(
    sliders.map((slider) => slider.getAttribute("aria-valuetext")),
    [ROWS[i], COLUMNS[j]],
  );
  const address = changes[2 * i + j];
  assert.equal(change.hidden, address === "");
  if (address) assert.equal(change.src, address);
}

test("once it is set up the controls are there and the words are those of the page", () => {
  const figure = openFigure();
  assertShows(figure, 1, 1);
  assert.equal(figure.root.querySelector(".gb-frames-controls").hidden, false);
});

test("each pair of positions has its own picture", () => {
  const figure = openFigure();
  assert.equal(figure.changes.length, 6);
  assert.equal(new Set(figure.changes).size, 6);
  for (const i of [2, 0, 1])
    for (const j of [0, 1]) {
      figure.sliders[0].slideTo(i);
      figure.sliders[1].slideTo(j);
      assertShows(figure, i, j);
    }
});

test("one slider leaves the other where it is", () => {
  const figure = openFigure();
  figure.sliders[1].slideTo(0);
  assertShows(figure, 1, 0);
  figure.sliders[0].slideTo(2);
  assertShows(figure, 2, 0);
});

test("a figure is set up once, however often its script runs", () => {
  const figure = openFigure();
  const before = figure.sliders.map((slider) => slider.listeners.length);
  figure.run(file("ganbook/widgets/static/two_sliders.js"));
  assert.deepEqual(
    figure.sliders.map((slider) => slider.listeners.length),
    before,
  );
  const { document } = open(HTML + HTML);
  const [first, second] = document.querySelectorAll("[data-gb-two-sliders]");
  second.querySelector("input").slideTo(0);
  assert.equal(first.querySelector("output").textContent, "b; two");
  assert.equal(second.querySelector("output").textContent, "a; two");
});

test("keys pressed in the figure do not reach the page, other events do", () => {
  const figure = openFigure();
  const heard = [];
  for (const type of ["keydown", "input"]) figure.document.addEventListener(type, () => heard.push(type));
  for (const slider of figure.sliders) slider.fire("keydown");
  assert.deepEqual(heard, []);
  figure.sliders[0].slideTo(0);
  assert.deepEqual(heard, ["input"]);
});
