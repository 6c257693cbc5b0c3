// Pictures chosen with two sliders (ganbook/widgets/sliders.py): every figure that is not set up yet.
(() => {
  for (const root of document.querySelectorAll("[data-gb-two-sliders]:not([data-ready])")) {
    const data = root.querySelector("script[type='application/json']");
    if (!data) continue;
    root.dataset.ready = "";
    const { changes, labels, alt } = JSON.parse(data.textContent);
    const [image, change] = root.querySelectorAll("img");
    const copies = [...root.querySelectorAll(".gb-frames-kept")].map((kept) => kept.querySelectorAll("img"));
    const text = root.querySelector("output");
    const sliders = [...root.querySelectorAll("input")];
    const show = () => {
      const [i, j] = sliders.map((slider) => Number(slider.value));
      const address = changes[i * labels[1].length + j];
      change.hidden = !address;
      if (address) change.src = address;
      for (const [first, copy] of copies) {
        first.src = image.src;
        copy.hidden = change.hidden;
        copy.src = change.src;
      }
      text.textContent = labels[0][i] + "; " + labels[1][j];
      image.alt = alt + " Shown: " + text.textContent + ".";
      sliders.forEach((slider, k) => {
        slider.setAttribute("aria-valuetext", labels[k][slider.value]);
      });
    };
    for (const slider of sliders) slider.addEventListener("input", show);
    root.addEventListener("keydown", (event) => event.stopPropagation());
    show();
    root.querySelector(".gb-frames-controls").hidden = false;
  }
})();
