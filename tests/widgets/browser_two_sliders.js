// In a real browser (test_sliders.py): moves both sliders, and leaves what was seen as the page's text.
const seen = [];
const root = document.querySelector(".gb-frames");
const [first, second] = root.querySelectorAll("input");
const [image, change] = root.querySelectorAll("img");
const note = () =>
  seen.push([
    root.querySelector("output").textContent,
    change.hidden,
    [first, second].map((slider) => slider.getAttribute("aria-valuetext")),
    image.alt,
  ]);
note();
second.value = 0;
second.dispatchEvent(new Event("input"));
note();
first.value = 2;
first.dispatchEvent(new Event("input"));
note();
const hidden = root.querySelector(".gb-frames-controls").hidden;
document.body.innerHTML = "";
document.body.textContent = JSON.stringify([seen, hidden]);
