// Runs in the browser that prints the book (tools/print_book.py): puts the pages of these names one after the other
// into the page that is open, with their links turned into links inside the document.
async (names) => {
  const pages = new Set(names.map((name) => new URL(name + ".html", location.href).pathname));
  const mark = (path, id) => path.replace(/[^a-z0-9]/gi, "-") + "--" + id;
  const parts = [];
  for (const name of names) {
    const address = new URL(name + ".html", location.href);
    const other = new DOMParser().parseFromString(await (await fetch(address)).text(), "text/html");
    const part = other.querySelector("article.bd-article");
    for (const node of part.querySelectorAll(".landing-figure, .headerlink, script")) node.remove();
    for (const node of part.querySelectorAll("[id]")) node.id = mark(address.pathname, node.id);
    part.id = mark(address.pathname, "top");
    for (const node of part.querySelectorAll("[src]"))
      node.src = new URL(node.getAttribute("src"), address).href;
    for (const node of part.querySelectorAll("a[href]")) {
      const target = new URL(node.getAttribute("href"), address);
      if (target.origin === location.origin && pages.has(target.pathname))
        node.href = "#" + mark(target.pathname, target.hash.slice(1) || "top");
    }
    part.querySelector("h1")?.style.setProperty("display", "block", "important"); // hidden by the theme
    if (parts.length) part.style.breakBefore = "page";
    parts.push(document.adoptNode(part));
  }
  document.querySelector("article.bd-article").replaceWith(...parts);
  for (const node of document.querySelectorAll("#jb-print-docs-body")) node.remove();
  for (const image of document.images) image.loading = "eager";
  await MathJax.startup.promise;
  await MathJax.typesetPromise(parts);
  await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));
};
