// In a real browser (test_convolution.py): chooses the transposed one, and leaves what was seen as the page's text.
const root = document.querySelector(".gb-frames");
const note = () => [
  root.querySelectorAll(".gb-conv-cell").length,
  root.querySelector("output").textContent.split(",")[0],
];
const first = note();
const kind = root.querySelector("select");
kind.value = "transposed";
kind.dispatchEvent(new Event("input"));
const second = note();
const hidden = root.querySelector(".gb-frames-controls").hidden;
document.body.innerHTML = "";
document.body.textContent = JSON.stringify([first, second, hidden]);
