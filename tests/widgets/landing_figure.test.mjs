// The moving figure of the front page (tools/landing_figure.js), as it lies in book/_assets.
import assert from "node:assert/strict";
import test from "node:test";
import { dataOf, open } from "./dom.mjs";
import { file } from "./pages.mjs";

const HTML = file("book/_assets/landing.html");

// A pen that notes how many discs it filled and rings it drew since the canvas was last cleared.
function pen() {
  const drawn = { discs: 0, rings: 0, places: [] };
  return {
    drawn,
    createImageData: (width, height) => ({ data: new Uint8ClampedArray(4 * width * height) }),
    putImageData: ({ data }) => (drawn.ground = data),
    clearRect: () => Object.assign(drawn, { discs: 0, rings: 0, places: [] }),
    drawImage() {},
    beginPath() {},
    arc: (x, y) => drawn.places.push([x, y]),
    stroke: () => drawn.rings++,
    fill: () => drawn.discs++,
  };
}

function openFigure(reducedMotion) {
  const context2d = pen();
  const opened = open(HTML, { reducedMotion, context2d });
  const root = opened.document.querySelector(".gan-live");
  const data = dataOf(root);
  return {
    ...opened,
    ...data,
    drawn: context2d.drawn,
    last: data.steps.length - 1,
    slider: root.querySelector("input"),
    button: root.querySelector("button"),
    text: root.querySelector("output"),
    controls: root.querySelector(".gan-live-controls"),
  };
}

function assertSays({ slider, text, steps, modes }, index) {
  const words = `step ${steps[index].toLocaleString("en")}: ${modes[index]} of 8 groups found`;
  assert.equal(text.textContent, words);
  assert.equal(slider.getAttribute("aria-valuetext"), words);
  assert.equal(slider.value, String(index));
}

test("who asked for less motion sees the last frame, which keeps still", () => {
  const figure = openFigure(true);
  assert.equal(figure.controls.hidden, false);
  assertSays(figure, figure.last);
  assert.equal(figure.button.textContent, "Again");
  assert.equal(figure.clock.timers.size, 0);
});

test("otherwise it plays once, to the end", () => {
  const figure = openFigure(false);
  assertSays(figure, 0);
  assert.equal(figure.button.textContent, "Pause");
  figure.clock.pass(figure.milliseconds * 1.5);
  assertSays(figure, 1);
  figure.clock.pass(figure.milliseconds * (figure.last - 1.8));
  assertSays(figure, figure.last - 1);
  figure.clock.pass(figure.milliseconds * 0.5);
  assertSays(figure, figure.last);
  assert.equal(figure.button.textContent, "Again");
  assert.equal(figure.clock.timers.size, 0);
});

test("pause holds a frame, play goes on, again starts over", () => {
  const figure = openFigure(false);
  figure.clock.pass(figure.milliseconds * 2.1);
  figure.button.click();
  assert.equal(figure.button.textContent, "Play");
  figure.clock.pass(10_000);
  assertSays(figure, 2);
  figure.button.click();
  figure.clock.pass(figure.milliseconds * 1.1);
  assertSays(figure, 3);
  figure.slider.slideTo(figure.last);
  assert.equal(figure.button.textContent, "Again");
  figure.button.click();
  assertSays(figure, figure.last);
  figure.clock.pass(figure.milliseconds * 0.5);
  assertSays(figure, 0);
});

test("every frame has its points, its rings and the discriminator's answers", () => {
  const figure = openFigure(true);
  const grounds = new Set();
  for (let index = 0; index <= figure.last; index++) {
    figure.slider.slideTo(index);
    assertSays(figure, index);
    const points = Buffer.from(figure.points[index], "base64");
    const within = [...Array(240).keys()].filter((k) =>
      [points[2 * k], points[2 * k + 1]].every((v) => v > 0 && v < 255),
    );
    // A ring a real sample, a disc with a rim a generated one that lies in the plane shown: none at the border.
    assert.deepEqual([figure.drawn.discs, figure.drawn.rings], [within.length, 240 + within.length]);
    assert.ok(figure.drawn.places.every(([x, y]) => x > 0 && x < 640 && y > 0 && y < 640));
    grounds.add(figure.drawn.ground.join());
  }
  assert.equal(grounds.size, figure.last + 1);
});
