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

  function draw(at) {
    // `at` may lie between two frames: points and answers are then mixed.
    const i = Math.min(Math.max(Math.floor(at), 0), last);
    const j = Math.min(i + 1, last);
    const t = at - i;
    const mix = (a, k) => a[i][k] * (1 - t) + a[j][k] * t;
    const ground = scratch.getContext("2d");
    const image = ground.createImageData(cells, cells);
    for (let k = 0; k < cells * cells; k++) {
      const column = k % cells;
      const row = cells - 1 - Math.floor(k / cells);
      image.data.set([0, 114, 178, 0.45 * mix(answers, k)], 4 * (row * cells + column));
    }
    ground.putImageData(image, 0, 0);
    pen.clearRect(0, 0, size, size);
    pen.imageSmoothingEnabled = true;
    pen.drawImage(scratch, 0, 0, size, size);
    pen.strokeStyle = "#0072b2";
    pen.lineWidth = size / 400;
    for (let k = 0; k < real.length; k += 2) {
      pen.beginPath();
      pen.arc(x(real[k]), y(real[k + 1]), size / 30, 0, 7);
      pen.stroke();
    }
    pen.fillStyle = "#d55e00";
    for (let k = 0; k < points[i].length; k += 2) {
      pen.beginPath();
      pen.arc(x(mix(points, k)), y(mix(points, k + 1)), size / 130, 0, 7);
      pen.fill();
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
