// A kernel over a picture of 8 x 8; `convolution.json` has what PyTorch makes of it, for every setting.
import assert from "node:assert/strict";
import test from "node:test";
import { open } from "./dom.mjs";
import { file, page } from "./pages.mjs";

const HTML = page("convolution.html");
const EXPECTED = JSON.parse(page("convolution.json"));

function openFigure() {
  const opened = open(HTML);
  const root = opened.document.querySelector("[data-gb-convolution]");
  const [k, s, p, place] = root.querySelectorAll("input");
  return {
    ...opened,
    root,
    k,
    s,
    p,
    place,
    kind: root.querySelector("select"),
    view: root.querySelector(".gb-conv-view"),
    text: root.querySelector("output"),
  };
}

const greys = (view) =>
  view.querySelectorAll(".gb-conv-cell").map((cell) => Number(cell.getAttribute("fill").match(/\d+/)[0]));
const boxes = (view) =>
  view
    .querySelectorAll(".gb-conv-kernel")
    .map((box) => ["x", "y", "width", "height"].map((name) => Number(box.getAttribute(name))));

test("at first it shows the convolution that the page names, and the controls are there", () => {
  const { root, text, view, k, s, p } = openFigure();
  assert.deepEqual([k.value, s.value, p.value], ["4", "2", "1"]);
  assert.match(
    text.textContent,
    /^8 × 8 to 4 × 4, for ⌊\(8 \+ 2 · 1 − 4\) \/ 2⌋ \+ 1 = 4\. Output number at row 1/,
  );
  assert.ok(view.getAttribute("aria-label").endsWith(text.textContent));
  assert.equal(root.querySelector(".gb-frames-controls").hidden, false);
});

test("it computes what PyTorch computes, for all kernels, strides and paddings, both ways", () => {
  const figure = openFigure();
  assert.equal(EXPECTED.length, 2 * 5 * 3 * 3);
  for (const { kind, k, s, p, grey } of EXPECTED) {
    figure.kind.slideTo(kind);
    for (const name of ["k", "s", "p"]) figure[name].slideTo({ k, s, p }[name]);
    const shown = greys(figure.view).slice(64); // the first 64 are the picture
    assert.equal(shown.length, grey.length, `${kind} ${k} ${s} ${p}`);
    shown.forEach((value, i) => {
      assert.ok(Math.abs(value - grey[i]) <= 1, `${kind} ${k} ${s} ${p}, cell ${i}: ${value}, ${grey[i]}`);
    });
  }
});

test("the kernel goes from place to place by its stride, and begins in the padding", () => {
  const { view, place, text } = openFigure();
  const side = 168 / 10; // 8 cells and a rim of 1 on either side
  const seen = [0, 1, 4, 15].map((at) => {
    place.slideTo(at);
    const [window, one] = boxes(view);
    assert.ok(Math.abs(window[2] - 4 * side) < 0.01);
    assert.ok(Math.abs(one[2] - 42) < 0.01);
    return window.slice(0, 2).map((v) => Math.round(v / side));
  });
  assert.deepEqual(seen, [
    [0, 0],
    [2, 0],
    [0, 2],
    [6, 6],
  ]);
  assert.match(text.textContent, /at row 4, column 4: /);
  assert.equal(place.getAttribute("aria-valuetext"), "row 4, column 4");
});

test("where the output becomes smaller, the kernel stays within it", () => {
  const { k, s, p, place, text } = openFigure();
  for (const [slider, value] of [
    [k, 1],
    [s, 1],
    [p, 2],
  ])
    slider.slideTo(value);
  assert.equal(Number(place.max), 143);
  place.slideTo(143);
  s.slideTo(3);
  assert.equal(Number(place.max), 15);
  assert.equal(Number(place.value), 15);
  assert.match(text.textContent, /^8 × 8 to 4 × 4/);
});

test("transposed, with a stride that does not divide the kernel, some places get more", () => {
  const { kind, k, view, text } = openFigure();
  kind.slideTo("transposed");
  assert.match(text.textContent, /^8 × 8 to 16 × 16, for \(8 − 1\) · 2 − 2 · 1 \+ 4 = 16\. Input number/);
  k.slideTo(3);
  assert.match(text.textContent, /is added to 3 × 3 places/);
  const [window, one] = boxes(view);
  assert.ok(window[0] > 168 && one[0] < 168); // the kernel lies on the output
});

test("a figure is set up once, however often its script runs", () => {
  const figure = openFigure();
  const before = figure.k.listeners.length;
  figure.run(file("ganbook/widgets/static/convolution.js"));
  assert.equal(figure.k.listeners.length, before);
  const { document } = open(HTML + HTML);
  const [first, second] = document.querySelectorAll("[data-gb-convolution]");
  second.querySelector("input").slideTo(2);
  assert.match(first.querySelector("output").textContent, /to 4 × 4/);
  assert.match(second.querySelector("output").textContent, /to 5 × 5/);
});
