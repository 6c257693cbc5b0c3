// Nothing is cut. Formulas that are wider than their place become smaller, down to a size that can be read; what is
// still too wide (and figures, tables, code) scrolls inside itself, with a sign at the edge where more is to be seen.
(() => {
  const SMALLEST = 0.72; // of a formula's size
  const SCROLLERS = [
    ".bd-article div.math mjx-container",
    ".bd-article mjx-container.gb-wide",
    ".bd-article div.highlight pre",
    ".bd-article .cell_output pre",
    ".bd-article .pst-scrollable-table-container",
    ".bd-article .gb-figure",
    ".bd-article .gb-frames-picture",
    ".bd-article .cell_output .text_html",
  ].join(",");
  const LONG = 36; // letters: a cell with more wants a column in which one can read

  // A formula on a line of its own has the line; one in the text, the width of the text.
  function fit(container) {
    container.dataset.size ??= container.style.fontSize || "100%";
    container.style.fontSize = container.dataset.size;
    container.classList.remove("gb-wide");
    const inText = container.closest("span.math");
    const numbered = inText ? null : container.closest("div.math");
    numbered?.classList.remove("gb-tight");
    // Beside its number a formula may have too little of the line: then the number stands above.
    numbered?.classList.toggle("gb-tight", container.scrollWidth > container.clientWidth + 1);
    const there = inText ? container.closest("p, li, td, th, dd, div").clientWidth : container.clientWidth;
    const share = there / container.scrollWidth;
    if (there && share < (inText ? 0.97 : 0.999)) {
      if (inText) container.classList.add("gb-wide");
      const size = Number.parseFloat(container.dataset.size) * Math.max(SMALLEST, share * 0.99);
      container.style.fontSize = size + "%";
    }
  }

  function mark(node) {
    const beyond = node.scrollWidth - node.clientWidth;
    const scrolls = beyond > 1 && node.clientWidth > 0;
    node.classList.toggle("gb-scrolls", scrolls);
    node.classList.toggle("gb-more-left", scrolls && node.scrollLeft > 1);
    node.classList.toggle("gb-more-right", scrolls && node.scrollLeft < beyond - 1);
    if (scrolls && !node.hasAttribute("tabindex")) {
      node.tabIndex = 0; // with the keyboard, too
      node.dataset.gbTab = "";
    } else if (!scrolls && "gbTab" in node.dataset) {
      node.removeAttribute("tabindex");
      delete node.dataset.gbTab;
    }
  }

  function look() {
    for (const cell of document.querySelectorAll(".bd-article table :is(td, th)")) {
      cell.classList.toggle("gb-long", cell.textContent.trim().length > LONG);
    }
    for (const node of document.querySelectorAll(".bd-article .math mjx-container")) fit(node);
    for (const node of document.querySelectorAll(SCROLLERS)) {
      mark(node);
      if ("gbSeen" in node.dataset) continue;
      node.dataset.gbSeen = "";
      node.addEventListener("scroll", () => mark(node), { passive: true });
      for (const image of node.querySelectorAll("img")) image.addEventListener("load", () => mark(node));
    }
  }

  let waiting = 0;
  const soon = () => {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(look);
  };
  addEventListener("resize", soon);
  addEventListener("load", soon);
  document.addEventListener("toggle", soon, true); // what was folded has no size before
  const start = () => {
    look();
    // MathJax may come later than this script, and says when it is done.
    (window.MathJax?.startup?.promise ?? Promise.resolve()).then(soon);
  };
  document.readyState === "loading" ? addEventListener("DOMContentLoaded", start) : start();
})();
