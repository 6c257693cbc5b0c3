// The quiz, from its start to its end. The intervals that its last words must name are SciPy's (test_scripts.py).
import assert from "node:assert/strict";
import test from "node:test";
import { dataOf, open } from "./dom.mjs";
import { file, page } from "./pages.mjs";

const HTML = page("quiz.html");

function openQuiz(html = HTML) {
  const opened = open(html);
  const root = opened.document.querySelector("[data-gb-quiz]");
  const find = (selector) => root.querySelector(selector);
  const quiz = {
    ...opened,
    root,
    ...dataOf(root),
    image: find("img"),
    text: find("output"),
    real: find(".gb-real"),
    fake: find(".gb-fake"),
    again: find(".gb-again"),
    truth: dataOf(root).real,
  };
  quiz.answer = (number, rightly) => (quiz.truth[number] === rightly ? quiz.real : quiz.fake).click();
  quiz.play = (right) => {
    for (let number = 0; number < quiz.truth.length; number++) quiz.answer(number, number < right);
  };
  return quiz;
}

function assertAsks({ image, pictures }, number) {
  assert.equal(image.src, pictures[number]);
  assert.equal(image.alt, `Picture ${number + 1} of ${pictures.length}: real or generated?`);
}

test("it begins with the first picture and two buttons", () => {
  const quiz = openQuiz();
  assertAsks(quiz, 0);
  assert.equal(quiz.root.querySelector(".gb-quiz-buttons").hidden, false);
  assert.deepEqual([quiz.real.hidden, quiz.fake.hidden, quiz.again.hidden], [false, false, true]);
  assert.equal(quiz.text.textContent, "");
});

test("each answer is told at once whether it was right, and what the picture was", () => {
  const quiz = openQuiz();
  let right = 0;
  for (let number = 0; number < quiz.truth.length - 1; number++) {
    const rightly = number % 3 !== 1;
    right += rightly;
    quiz.answer(number, rightly);
    const was = quiz.truth[number] ? "real" : "generated";
    const verdict = rightly ? "Right" : "No";
    const words = `${verdict}: picture ${number + 1} was ${was}. ${right} of ${number + 1} right.`;
    assert.equal(quiz.text.textContent, words);
    assertAsks(quiz, number + 1);
    assert.equal(quiz.again.hidden, true);
  }
  assert.ok(quiz.truth.includes(true) && quiz.truth.includes(false));
});

test("at the end the buttons are off, and once more begins anew", () => {
  const quiz = openQuiz();
  const words = [];
  for (let round = 0; round < 2; round++) {
    quiz.play(quiz.truth.length);
    words.push(quiz.text.textContent);
    assert.deepEqual([quiz.real.disabled, quiz.fake.disabled, quiz.again.hidden], [true, true, false]);
    assert.equal(quiz.document.activeElement, quiz.again);
    quiz.real.click();
    assert.equal(quiz.text.textContent, words[round]);
    quiz.again.click();
    assert.deepEqual([quiz.real.disabled, quiz.fake.disabled, quiz.again.hidden], [false, false, true]);
    assert.equal(quiz.document.activeElement, quiz.real);
    assert.equal(quiz.text.textContent, "");
    assertAsks(quiz, 0);
  }
  assert.equal(words[0], words[1]);
  assert.match(words[0], /^Right: picture 8 was \w+\. 8 of 8 right\. That is 100 %, /);
});

test("its last words name Wilson's interval, and what it says of guessing", () => {
  const percent = (share) => `${Math.round(100 * share)} %`;
  const verdicts = new Set();
  for (const { num, html, intervals } of JSON.parse(page("wilson.json")))
    intervals.forEach(([low, high], right) => {
      const quiz = openQuiz(html);
      quiz.play(right);
      const verdict =
        low > 0.5
          ? "you can tell them apart"
          : high < 0.5
            ? "you tell them apart, but with the answers exchanged"
            : "this is what guessing may give, too";
      verdicts.add(verdict);
      const words =
        `${right} of ${num} right. That is ${percent(right / num)}, ` +
        `with a 95 % interval from ${percent(low)} to ${percent(high)}: ${verdict}.`;
      assert.equal(quiz.text.textContent.slice(-words.length), words);
    });
  assert.equal(verdicts.size, 3);
});

test("a quiz is set up once, however often its script runs", () => {
  const quiz = openQuiz();
  quiz.run(file("ganbook/widgets/static/quiz.js"));
  for (const element of [quiz.real, quiz.fake, quiz.again, quiz.root])
    assert.equal(element.listeners.length, 1);
  quiz.answer(0, true);
  assert.match(quiz.text.textContent, / 1 of 1 right\.$/);
  const { document } = open(HTML + HTML);
  const [first, second] = document.querySelectorAll("[data-gb-quiz]");
  second.querySelector(".gb-real").click();
  assert.equal(first.querySelector("output").textContent, "");
  assert.match(second.querySelector("output").textContent, / of 1 right\.$/);
});

test("keys pressed in the quiz do not reach the page, other events do", () => {
  const quiz = openQuiz();
  const heard = [];
  for (const type of ["keydown", "click"]) quiz.document.addEventListener(type, () => heard.push(type));
  for (const button of [quiz.real, quiz.fake]) button.fire("keydown");
  assert.deepEqual(heard, []);
  quiz.real.click();
  assert.deepEqual(heard, ["click"]);
});
