/* Elements without markup: every text becomes a text node, whatever it holds. */

const SVG = "http://www.w3.org/2000/svg";

function h(name, attributes, ...children) {
  return filled(document.createElement(name), attributes, children);
}

function s(name, attributes, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(
    ...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false),
  );
  return element;
}

function byId(id) {
  return document.getElementById(id);
}

/* What a script element of JSON holds. The element goes: its text would be kept twice. */
function taken(id) {
  const element = byId(id);
  const text = element.textContent;
  element.remove();
  return text;
}

/* Icons of 16 by 16, drawn with strokes: a shape of its own for each class, so that colour is never all there is. */
const ICONS = {
  standing: "M4 4l8 8M12 4l-8 8",
  unknown: "M5.5 6a2.5 2.5 0 1 1 3.6 2.2c-.7.4-1.1.9-1.1 1.8M8 12.6v.2",
  waived: "M3 8h10M8 3v0M5 12.5h6",
  attested: "M3.5 12.5l1-3 6-6 2 2-6 6zM9 5l2 2",
  fixed: "M12.8 6.5A5 5 0 1 0 13 9M13 3v3.5H9.5",
  pass: "M3.5 8.5l3 3 6-7",
  "not-applicable": "M4 8h8",
  chevron: "M6 4l4 4-4 4",
  down: "M4 6l4 4 4-4",
  copy: "M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z",
  link: "M6.5 9.5l3-3M7 5l1.5-1.5a2.8 2.8 0 0 1 4 4L11 9M9 11l-1.500 1.5a2.8 2.8 0 0 1-4-4L5 7",
  search: "M7 11.500a4.500 4.500 0 1 0 0-9 4.500 4.500 0 0 0 0 9M10.300 10.300l3.200 3.200",
  image: "M8 2l5.500 3v6L8 14l-5.500-3V5zM2.500 5L8 8l5.500-3M8 8v6",
  instance: "M2.500 3h11v4h-11zM2.500 9h11v4h-11zM5 5v0M5 11v0",
  policy: "M4 2h6l3 3v9H4zM10 2v3h3M6 8h5M6 11h5",
  close: "M4 4l8 8M12 4l-8 8",
  expand: "M4 5.500l4-3 4 3M4 10.500l4 3 4-3",
  collapse: "M4 2.500l4 3 4-3M4 13.500l4-3 4 3",
};

function icon(name, kind) {
  return s(
    "svg",
    { viewBox: "0 0 16 16", width: 16, height: 16, class: `icon ${kind ?? ""}`, "aria-hidden": "true" },
    s("path", { d: ICONS[name] }),
  );
}

/* Work in pieces of a few milliseconds, so that the page stays responsive. `step` returns false when all is done. */
function inPieces(step, done) {
  let stopped = false;
  const run = () => {
    if (stopped) return;
    const until = performance.now() + 8;
    let more = true;
    while (more && performance.now() < until) more = step();
    if (more) setTimeout(run, 0);
    else done?.();
  };
  setTimeout(run, 0);
  return () => {
    stopped = true;
  };
}

function later(milliseconds, act) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => act(...values), milliseconds);
  };
}

/* Put a text on the clipboard; says so on the button that asked. */
async function copy(text, button) {
  const before = button.textContent;
  let word = "page.copied";
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    word = copiedBySelection(text) ? "page.copied" : "page.copy-failed";
  }
  button.lastChild.textContent = t(word);
  byId("said").textContent = t(word);
  setTimeout(() => {
    button.lastChild.textContent = before;
    byId("said").textContent = "";
  }, 1600);
}

function copiedBySelection(text) {
  const field = h("textarea", { class: "away", readonly: true });
  field.value = text;
  document.body.append(field);
  const focused = document.activeElement;
  field.select();
  const worked = document.execCommand("copy");
  field.remove();
  focused?.focus();
  return worked;
}
