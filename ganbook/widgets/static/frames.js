// A stack of frames: ganbook/widgets/frames.py writes this into the page, once for each figure. It sets up every
// figure that is not set up yet, for a notebook may show the same output twice.
(() => {
  for (const root of document.querySelectorAll("[data-gb-frames]:not([data-ready])")) {
    const data = root.querySelector("script[type='application/json']");
    if (!data) continue;
    root.dataset.ready = "";
    const { changes, labels, alt, seconds, play: once } = JSON.parse(data.textContent);
    const find = (selector) => root.querySelector(selector);
    const image = find("img");
    const change = find("img + img");
    const copies = [...root.querySelectorAll(".gb-frames-kept")].map((kept) => kept.querySelectorAll("img"));
    const text = find("output");
    const slider = find("input");
    const play = find(".gb-play");
    let now = Number(slider.value);
    let timer = null;
    const show = (index) => {
      now = Math.min(Math.max(index, 0), labels.length - 1);
      change.hidden = !changes[now];
      if (changes[now]) change.src = changes[now];
      for (const [, copy] of copies) {
        copy.hidden = change.hidden;
        copy.src = change.src;
      }
      image.alt = alt + " Shown: " + labels[now] + ".";
      slider.value = now;
      slider.setAttribute("aria-valuetext", labels[now]);
      // A slider in focus says its own value, and a running figure would never stop talking.
      text.setAttribute("aria-live", timer || document.activeElement === slider ? "off" : "polite");
      text.textContent = labels[now];
    };
    const stop = () => {
      clearInterval(timer);
      timer = null;
      play.textContent = "Play";
    };
    const start = () => {
      if (now === labels.length - 1) show(0);
      play.textContent = "Pause";
      timer = setInterval(() => {
        if (!root.isConnected) return stop();
        show(now + 1);
        if (now === labels.length - 1) stop();
      }, 1000 * seconds);
    };
    play.addEventListener("click", () => (timer ? stop() : start()));
    find(".gb-back").addEventListener("click", () => {
      stop();
      show(now - 1);
    });
    find(".gb-next").addEventListener("click", () => {
      stop();
      show(now + 1);
    });
    slider.addEventListener("input", () => {
      stop();
      show(Number(slider.value));
    });
    // The page may use the arrow keys for something else (JupyterLab does; it looks at data-lm-...).
    root.addEventListener("keydown", (event) => event.stopPropagation());
    slider.setAttribute("aria-valuetext", labels[now]);
    for (const [first] of copies) first.src = image.src;
    find(".gb-frames-controls").hidden = false;
    if (once && !matchMedia("(prefers-reduced-motion: reduce)").matches) {
      show(0);
      start();
    }
  }
})();
