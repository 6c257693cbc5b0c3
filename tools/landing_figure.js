// The moving figure of the front page; `python tools/landing_figure.py` writes it into book/_assets/landing.html.
// It plays once when the page opens, unless the reader asked for less motion.
(() => {
  const root = document.currentScript.closest(".gan-live");
  const data = JSON.parse(root.querySelector("script[type='application/json']").textContent);
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const real = bytes(data.real);
  const points = data.points.map(bytes);
  const answers = data.answers.map(bytes);
  const canvas = root.querySelector("canvas");
  const pen = canvas.getContext("2d");
  const size = canvas.width;
  const slider = root.querySelector("input");
  const play = root.querySelector("button");
  const text = root.querySelector("output");
  const last = data.steps.length - 1;
  const cells = data.cells;
  const scratch = Object.assign(document.createElement("canvas"), { width: cells, height: cells });
  const x = (v) => (v / 255) * size;
  const y = (v) => size - x(v);
  let now = 0;
  let began = null;
  let from = 0;

  // Colours are the page's (landing_figure.css): red, green, blue.
  const colour = (name, usual) =>
    (getComputedStyle(root).getPropertyValue(name) || usual).trim().split(/\s+/).map(Number);
  const outside = (v) => v === 0 || v === 255; // beyond the plane that is shown

  function draw(at) {
    // `at` may lie between two frames: points and answers are then mixed.
    const isReal = colour("--gan-real", "0 114 178");
    const isMade = colour("--gan-made", "213 94 0");
    const [rim] = colour("--gan-rim", "255");
    const i = Math.min(Math.max(Math.floor(at), 0), last);
    const t = at - i;
    const j = t ? Math.min(i + 1, last) : i;
    const mix = (a, k) => a[i][k] * (1 - t) + a[j][k] * t;
    const ground = scratch.getContext("2d");
    const image = ground.createImageData(cells, cells);
    for (let k = 0; k < cells * cells; k++) {
      const column = k % cells;
      const row = cells - 1 - Math.floor(k / cells);
      const surer = (2 * mix(answers, k)) / 255 - 1; // -1 for generated, 0 for cannot tell, 1 for real
      const paint = surer > 0 ? isReal : isMade;
      image.data.set([...paint, 105 * Math.abs(surer) ** 0.8], 4 * (row * cells + column));
    }
    ground.putImageData(image, 0, 0);
    pen.clearRect(0, 0, size, size);
    pen.imageSmoothingEnabled = true;
    pen.drawImage(scratch, 0, 0, size, size);
    pen.strokeStyle = `rgb(${isReal})`;
    pen.lineWidth = size / 300;
    for (let k = 0; k < real.length; k += 2) {
      pen.beginPath();
      pen.arc(x(real[k]), y(real[k + 1]), size / 30, 0, 7);
      pen.stroke();
    }
    pen.fillStyle = `rgb(${isMade})`;
    pen.strokeStyle = `rgb(${rim} ${rim} ${rim})`;
    pen.lineWidth = size / 400;
    for (let k = 0; k < points[i].length; k += 2) {
      if ([i, j].some((frame) => outside(points[frame][k]) || outside(points[frame][k + 1]))) continue;
      pen.beginPath();
      pen.arc(x(mix(points, k)), y(mix(points, k + 1)), size / 110, 0, 7);
      pen.fill();
      pen.stroke();
    }
  }
  function say(index) {
    const words = `step ${data.steps[index].toLocaleString("en")}: ${data.modes[index]} of 8 groups found`;
    slider.value = index;
    slider.setAttribute("aria-valuetext", words);
    text.textContent = words;
  }
  function show(index) {
    now = Math.min(Math.max(index, 0), last);
    draw(now);
    say(now);
  }
  function stop() {
    began = null;
    play.textContent = now === last ? "Again" : "Play";
  }
  function tick(time) {
    if (began === null) return;
    now = Math.min(from + Math.max(time - began, 0) / data.milliseconds, last);
    draw(now);
    say(Math.floor(now));
    now < last ? requestAnimationFrame(tick) : stop();
  }
  function start() {
    from = now = now >= last ? 0 : now;
    began = performance.now();
    play.textContent = "Pause";
    requestAnimationFrame(tick);
  }
  play.addEventListener("click", () => {
    if (began === null) return start();
    show(Math.round(now));
    stop();
  });
  slider.addEventListener("input", () => {
    show(Number(slider.value));
    stop();
  });
  new MutationObserver(() => draw(now)).observe(document.documentElement, {
    attributeFilter: ["data-theme"],
  });
  slider.max = last;
  root.querySelector(".gan-live-controls").hidden = false;
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
    show(last);
    stop();
  } else {
    show(0);
    start();
  }
})();
