// Real or generated? (ganbook/widgets/quiz.py): every quiz that is not set up yet.
(() => {
  for (const root of document.querySelectorAll("[data-gb-quiz]:not([data-ready])")) {
    const store = root.querySelector("script[type='application/json']");
    if (!store) continue;
    root.dataset.ready = "";
    const { pictures, real, names, z } = JSON.parse(store.textContent);
    const find = (selector) => root.querySelector(selector);
    const image = find("img");
    const text = find("output");
    const again = find(".gb-again");
    const buttons = { true: find(".gb-real"), false: find(".gb-fake") };
    let now = 0;
    let right = 0;
    const percent = (x) => Math.round(100 * x) + " %";
    // Wilson's interval for a share k/n. Unlike p -+ z sqrt(p (1 - p) / n) it keeps to [0, 1], and does not
    // shrink to nothing at 0 or n.
    const interval = (k, n) => {
      const p = k / n;
      const mid = p + (z * z) / (2 * n);
      const half = z * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n));
      const all = 1 + (z * z) / n;
      return [Math.max(0, (mid - half) / all), Math.min(1, (mid + half) / all)];
    };
    const show = () => {
      image.src = pictures[now];
      image.alt = `Picture ${now + 1} of ${pictures.length}: real or generated?`;
    };
    const answer = (said) => {
      const correct = said === real[now];
      right += correct;
      now += 1;
      const was = names[real[now - 1] ? 0 : 1];
      const first = `${correct ? "Right" : "No"}: picture ${now} was ${was}. ${right} of ${now} right.`;
      if (now < pictures.length) {
        text.textContent = first;
        return show();
      }
      const [low, high] = interval(right, now);
      const chance =
        low > 0.5
          ? "you can tell them apart"
          : high < 0.5
            ? "you tell them apart, but with the answers exchanged"
            : "this is what guessing may give, too";
      text.textContent =
        `${first} That is ${percent(right / now)}, ` +
        `with a 95 % interval from ${percent(low)} to ${percent(high)}: ${chance}.`;
      for (const button of Object.values(buttons)) button.disabled = true;
      again.hidden = false;
      again.focus();
    };
    buttons.true.addEventListener("click", () => answer(true));
    buttons.false.addEventListener("click", () => answer(false));
    again.addEventListener("click", () => {
      now = right = 0;
      for (const button of Object.values(buttons)) button.disabled = false;
      again.hidden = true;
      text.textContent = "";
      show();
      buttons.true.focus();
    });
    root.addEventListener("keydown", (event) => event.stopPropagation());
    find(".gb-quiz-buttons").hidden = false;
    show();
  }
})();
