// In a real browser (test_frames.py): moves the figure through its controls, and leaves what was seen as the page's text.
const seen = [];
const root = document.querySelector(".gb-frames");
const find = (selector) => root.querySelector(selector);
const note = () =>
  seen.push([
    find("output").textContent,
    find("input").value,
    find("img + img").hidden,
    find(".gb-play").textContent,
    find("input").getAttribute("aria-valuetext"),
    find("img").alt,
  ]);
note();
find("input").value = 3;
find("input").dispatchEvent(new Event("input"));
note();
find(".gb-next").click();
note();
find(".gb-back").click();
note();
find(".gb-play").click();
note();
setTimeout(() => {
  note();
  find(".gb-play").click();
  note();
  document.body.innerHTML = "";
  document.body.textContent = JSON.stringify(seen);
}, 1500);
