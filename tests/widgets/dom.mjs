// A stand-in for the part of a browser that the figures' scripts use, so that they run in Node without a package.
//
// It reads HTML as `ganbook` writes it (every element closed, every attribute quoted or bare), and runs each classic
// script at the place where it stands, before what follows it is there, as a browser does. What it does not know, a
// selector or a tag that is not closed, is an error and never passed over.
import vm from "node:vm";

const VOID = new Set(["img", "input"]);
const RAW = new Set(["script", "style"]);
const ENTITIES = { lt: "<", gt: ">", amp: "&", quot: '"', "#x27": "'", "#8592": "←", "#8594": "→" };

const decode = (text) =>
  text.replace(/&([^;\s]+);/g, (whole, name) => {
    if (!(name in ENTITIES)) throw new Error(`an entity that the stand-in does not know: ${whole}`);
    return ENTITIES[name];
  });

class Element {
  constructor(document, tag, attributes = {}) {
    this.ownerDocument = document;
    this.tag = tag;
    this.attributes = new Map(Object.entries(attributes));
    this.nodes = []; // elements and texts
    this.parent = null;
    this.listeners = [];
    this.dataset = new Proxy(this, {
      set: (element, name, value) => {
        element.setAttribute(`data-${name.replace(/[A-Z]/g, (letter) => "-" + letter.toLowerCase())}`, value);
        return true;
      },
    });
  }
  append(node) {
    if (node instanceof Element) node.parent = this;
    this.nodes.push(node);
  }
  remove() {
    this.parent.nodes.splice(this.parent.nodes.indexOf(this), 1);
    this.parent = null;
  }
  get children() {
    return this.nodes.filter((node) => node instanceof Element);
  }
  get isConnected() {
    return this.tag === "#document" || Boolean(this.parent?.isConnected);
  }
  get textContent() {
    return this.nodes.map((node) => (node instanceof Element ? node.textContent : node)).join("");
  }
  set textContent(text) {
    this.nodes = [String(text)];
  }
  set innerHTML(text) {
    this.ownerDocument.parseInto(this, text);
  }
  getAttribute(name) {
    return this.attributes.get(name) ?? null;
  }
  setAttribute(name, value) {
    this.attributes.set(name, String(value));
  }

  // ---- finding
  matches(selector) {
    const [last, plus, before, ...more] = selector.split(/\s*(\+)\s*/).reverse();
    if (more.length) throw new Error(`a selector that the stand-in does not know: ${selector}`);
    if (plus && !this.parent?.children[this.parent.children.indexOf(this) - 1]?.matches(before)) return false;
    const parts = last.match(/:not\(\[[\w-]+\]\)|\[[\w-]+(='[^']*')?\]|\.[\w-]+|^[\w-]+/g) ?? [];
    if (parts.join("") !== last) throw new Error(`a selector that the stand-in does not know: ${selector}`);
    return parts.every((part) => {
      if (part.startsWith(":not(")) return !this.matches(part.slice(5, -1));
      if (part.startsWith("."))
        return (this.getAttribute("class") ?? "").split(/\s+/).includes(part.slice(1));
      if (!part.startsWith("[")) return this.tag === part;
      const [, name, value] = part.match(/^\[([\w-]+)(?:='([^']*)')?\]$/);
      return value === undefined ? this.attributes.has(name) : this.getAttribute(name) === value;
    });
  }
  querySelectorAll(selector) {
    return this.children.flatMap((child) => [
      ...(child.matches(selector) ? [child] : []),
      ...child.querySelectorAll(selector),
    ]);
  }
  querySelector(selector) {
    return this.querySelectorAll(selector)[0] ?? null;
  }
  closest(selector) {
    return this.matches(selector) ? this : (this.parent?.closest(selector) ?? null);
  }

  // ---- what a reader does
  addEventListener(type, listener) {
    this.listeners.push([type, listener]);
  }
  fire(type) {
    let goesOn = true;
    const event = { type, target: this, stopPropagation: () => (goesOn = false) };
    for (let element = this; element && goesOn; element = element.parent)
      for (const [name, listener] of element.listeners) if (name === type) listener(event);
  }
  focus() {
    this.ownerDocument.activeElement = this;
  }
  click() {
    if (!this.disabled) this.fire("click");
  }
  slideTo(value) {
    this.value = value;
    this.fire("input");
  }
}

// Properties that are attributes under another name.
for (const name of ["hidden", "disabled"])
  Object.defineProperty(Element.prototype, name, {
    get() {
      return this.attributes.has(name);
    },
    set(value) {
      value ? this.setAttribute(name, "") : this.attributes.delete(name);
    },
  });
for (const name of ["alt", "src", "max"])
  Object.defineProperty(Element.prototype, name, {
    get() {
      return this.getAttribute(name) ?? "";
    },
    set(value) {
      this.setAttribute(name, value);
    },
  });
for (const name of ["width", "height"])
  Object.defineProperty(Element.prototype, name, {
    get() {
      return Number(this.getAttribute(name));
    },
    set(value) {
      this.setAttribute(name, value);
    },
  });
// The value of a slider begins as the attribute says and then goes its own way; it is always a text.
Object.defineProperty(Element.prototype, "value", {
  get() {
    return this.position ?? this.getAttribute("value") ?? "";
  },
  set(value) {
    this.position = String(value);
  },
});

// Time that passes when the test says so.
class Clock {
  constructor() {
    this.now = 0;
    this.timers = new Map();
    this.last = 0;
  }
  start(call, every) {
    this.timers.set(++this.last, { call, every, due: this.now + (every ?? 1000 / 60) });
    return this.last;
  }
  stop(id) {
    this.timers.delete(id);
  }
  pass(milliseconds) {
    const end = this.now + milliseconds;
    for (;;) {
      const [id, timer] = [...this.timers].sort((a, b) => a[1].due - b[1].due)[0] ?? [];
      if (!timer || timer.due > end + 1e-9) break;
      this.now = timer.due;
      if (timer.every === undefined) this.stop(id);
      else timer.due += timer.every;
      timer.call(this.now);
    }
    this.now = end;
  }
}

// Open a page: HTML in, out come its document, its clock, and `run`, which runs one more script in it.
export function open(html, { reducedMotion = false, context2d } = {}) {
  const document = new Element(null, "#document");
  const clock = new Clock();
  document.activeElement = null;
  document.currentScript = null;
  const create = (tag, attributes) => {
    const element = new Element(document, tag, attributes);
    if (tag === "canvas") element.getContext = () => context2d;
    return element;
  };
  document.createElement = (tag) => create(tag);
  const context = vm.createContext({
    document,
    atob,
    performance: { now: () => clock.now },
    setInterval: (call, every) => clock.start(call, every),
    clearInterval: (id) => clock.stop(id),
    requestAnimationFrame: (call) => clock.start(call),
    matchMedia: () => ({ matches: reducedMotion }),
    getComputedStyle: () => ({ getPropertyValue: () => "" }),
    MutationObserver: class {
      observe() {}
    },
  });
  const run = (code) => vm.runInContext(code, context);

  const parse = (text, outermost) => {
    const tags = /<!--[\s\S]*?-->|<\/(\w+)>|<(\w+)((?:\s+[\w-]+(?:="[^"]*")?)*)\s*>/y;
    let inside = outermost;
    for (let at = 0; at < text.length; ) {
      tags.lastIndex = at;
      const tag = tags.exec(text);
      if (!tag) {
        const end = text.indexOf("<", at + 1);
        inside.append(decode(text.slice(at, end < 0 ? text.length : end)));
        at = end < 0 ? text.length : end;
        continue;
      }
      at = tags.lastIndex;
      const [, ended, begun, attributes] = tag;
      if (ended) {
        if (ended !== inside.tag) throw new Error(`</${ended}> ends <${inside.tag}>`);
        inside = inside.parent;
      } else if (begun) {
        const pairs = [...attributes.matchAll(/([\w-]+)(?:="([^"]*)")?/g)];
        const element = create(begun, Object.fromEntries(pairs.map(([, k, v]) => [k, decode(v ?? "")])));
        inside.append(element);
        if (RAW.has(begun)) {
          const end = text.toLowerCase().indexOf(`</${begun}`, at);
          element.append(text.slice(at, end));
          at = text.indexOf(">", end) + 1;
          if (begun === "script" && !element.attributes.has("type")) {
            document.currentScript = element;
            run(element.textContent);
            document.currentScript = null;
          }
        } else if (!VOID.has(begun)) inside = element;
      }
    }
    if (inside !== outermost) throw new Error(`<${inside.tag}> is not closed`);
  };
  document.parseInto = (element, text) => {
    element.nodes = [];
    parse(text, element);
  };
  parse(html, document);
  return { document, clock, run };
}

// What the data of a figure say.
export const dataOf = (root) => JSON.parse(root.querySelector("script[type='application/json']").textContent);
