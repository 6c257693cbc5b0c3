// A kernel that moves over a picture (ganbook/widgets/convolution.py): every figure that is not set up yet.
(() => {
  // The side of a panel, in the units of the drawing, and what lies between the two.
  const SIDE = 168;
  const GAP = 24;
  const range = (n) => Array.from({ length: n }, (_, i) => i);
  const grid = (n, value) => range(n).map((i) => range(n).map((j) => value(i, j)));

  // y_j = sum over m of w_m x_(s j + m - p), in two dimensions, with w = 1 / k^2: a mean.
  function convolved(x, k, s, p) {
    const at = (i, j) => x[i]?.[j] ?? 0;
    const size = Math.floor((x.length + 2 * p - k) / s) + 1;
    return grid(size, (i, j) => {
      let sum = 0;
      for (const m of range(k)) for (const n of range(k)) sum += at(s * i + m - p, s * j + n - p);
      return sum / (k * k);
    });
  }

  // x_(s j + m - p) += w_m y_j, with w = 1.
  function transposed(y, k, s, p) {
    const x = grid((y.length - 1) * s - 2 * p + k, () => 0);
    y.forEach((row, i) => {
      row.forEach((value, j) => {
        for (const m of range(k))
          for (const n of range(k)) {
            const to = x[s * i + m - p];
            if (to && s * j + n - p in to) to[s * j + n - p] += value;
          }
      });
    });
    return x;
  }

  // A picture as squares of grey, its brightest number white, with `rim` empty cells around it, in a panel that begins at `left`.
  function panel(values, rim, left) {
    const cells = values.length + 2 * rim;
    const side = SIDE / cells;
    const box = (i, j, n, rest) =>
      `<rect x="${(left + (j + rim) * side).toFixed(2)}" y="${((i + rim) * side).toFixed(2)}" ` +
      `width="${(n * side).toFixed(2)}" height="${(n * side).toFixed(2)}" ${rest}></rect>`;
    const brightest = Math.max(...values.flat()) || 1;
    const squares = values.flatMap((row, i) =>
      row.map((value, j) => {
        const grey = Math.round((255 * value) / brightest);
        return box(i, j, 1, `class="gb-conv-cell" fill="rgb(${grey},${grey},${grey})"`);
      }),
    );
    const around = rim ? box(-rim, -rim, cells, `class="gb-conv-rim"`) : "";
    return { box, drawn: around + squares.join("") };
  }

  for (const root of document.querySelectorAll("[data-gb-convolution]:not([data-ready])")) {
    const data = root.querySelector("script[type='application/json']");
    if (!data) continue;
    root.dataset.ready = "";
    const { picture, alt } = JSON.parse(data.textContent);
    const view = root.querySelector(".gb-conv-view");
    const text = root.querySelector("output");
    const kind = root.querySelector("select");
    const sliders = [...root.querySelectorAll("input")];
    const place = sliders[3];
    const show = () => {
      const [k, s, p] = sliders.map((slider) => Number(slider.value));
      const there = kind.value === "transposed";
      const made = (there ? transposed : convolved)(picture, k, s, p);
      const [i, o] = [picture.length, made.length];
      // The side of the map in which one number belongs to one place of the kernel.
      const small = there ? i : o;
      place.max = small * small - 1;
      const at = Math.min(Number(place.value), small * small - 1);
      place.value = at;
      const [row, column] = [Math.floor(at / small), at % small];
      const input = panel(picture, there ? 0 : p, 0);
      const output = panel(made, there ? p : 0, SIDE + GAP);
      const [one, window] = there ? [input, output] : [output, input];
      view.innerHTML =
        `<svg viewBox="-3 -3 ${2 * SIDE + GAP + 6} ${SIDE + 6}" aria-hidden="true">${input.drawn}${output.drawn}` +
        window.box(s * row - p, s * column - p, k, `class="gb-conv-kernel"`) +
        one.box(row, column, 1, `class="gb-conv-kernel"`) +
        "</svg>";
      const formula = there
        ? `(${i} − 1) · ${s} − 2 · ${p} + ${k} = ${o}`
        : `⌊(${i} + 2 · ${p} − ${k}) / ${s}⌋ + 1 = ${o}`;
      const where = `row ${row + 1}, column ${column + 1}`;
      const what = there
        ? `Input number at ${where}: ${picture[row][column].toFixed(2)} is added to ${k} × ${k} places of the output.`
        : `Output number at ${where}: ${made[row][column].toFixed(2)}, the mean under the kernel.`;
      text.textContent = `${i} × ${i} to ${o} × ${o}, for ${formula}. ${what}`;
      view.setAttribute("aria-label", `${alt} Shown: ${text.textContent}`);
      sliders.forEach((slider, n) => {
        slider.setAttribute("aria-valuetext", n < 3 ? slider.value : where);
      });
    };
    for (const control of [kind, ...sliders]) control.addEventListener("input", show);
    root.addEventListener("keydown", (event) => event.stopPropagation());
    show();
    root.querySelector(".gb-frames-controls").hidden = false;
  }
})();
