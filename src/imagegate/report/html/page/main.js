/* The page's beginning: what is in the file becomes what can be searched, filtered and opened. */

function makeApp() {
  const app = byId("app");
  const host = h("ul", {
    id: "list",
    class: "list",
    role: "list",
    "aria-label": t("findings.list"),
    onkeydown: onListKey,
  });
  app.replaceChildren(
    h("div", { id: "bar", class: "toolbar" }),
    host,
    h("div", { id: "empty", class: "empty", hidden: true }),
    h("div", { id: "paper" }),
    h("p", { id: "said", class: "away", role: "status" }),
  );
  const bar_ = byId("bar");
  const cover = () => (getComputedStyle(bar_).position === "sticky" ? bar_.offsetHeight : 0);
  list = new LongList(host, { make: makeLine, guess: guessLine, cover });
}

/* Everything that is said in words. */
function makeAll() {
  makeTools();
  makePlots();
  makeBar();
  byId("list").setAttribute("aria-label", t("findings.list"));
  arrange(list.active);
}

/* Take filters, language and colours from the address; returns the finding that it names, or -1. */
function followAddress() {
  const root = document.documentElement;
  const given = readAddress();
  if (given.theme === "light" || given.theme === "dark") root.dataset.theme = given.theme;
  if (given.language && given.language !== language) speak(given.language);
  return given.row;
}

function showRow(row) {
  const place = row < 0 ? -1 : arrangement.lines.indexOf(row);
  if (place >= 0) list.focus(place);
}

/* A link within the page, or somebody who edits the address. */
function onAddress() {
  state.open.clear();
  state.folded.clear();
  state.marks = null;
  const row = followAddress();
  makeAll();
  if (state.query) ask(state.query);
  byId("findings").scrollIntoView();
  showRow(row);
}

function start() {
  const root = document.documentElement;
  root.dataset.first = language;
  delete root.dataset.static;
  makeFacets();
  const row = followAddress();
  byId("plain").remove();
  byId("app").hidden = false;
  byId("keys").hidden = false;
  makeApp();
  makeAll();
  if (state.query) ask(state.query);
  showRow(row);
  performance.mark("imagegate-ready");
  addEventListener("hashchange", onAddress);
  addEventListener("keydown", onKey);
  addEventListener("scroll", later(30, whereNow), { passive: true });
  addEventListener("pointerdown", (event) => {
    for (const each of controls.menus.values()) if (!each.element.contains(event.target)) each.close();
  });
  addEventListener("beforeprint", makePrint);
  addEventListener("afterprint", endPrint);
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    byId("findings").focus();
  });
}

start();
