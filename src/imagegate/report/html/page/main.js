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

function start() {
  const root = document.documentElement;
  root.dataset.first = language;
  delete root.dataset.static;
  makeFacets();
  const given = readAddress();
  if (given.theme === "light" || given.theme === "dark") root.dataset.theme = given.theme;
  if (given.language && given.language !== language) speak(given.language);
  byId("plain").remove();
  byId("app").hidden = false;
  byId("keys").hidden = false;
  makeApp();
  makeAll();
  if (state.query) ask(state.query);
  const place = given.row < 0 ? -1 : arrangement.lines.indexOf(given.row);
  if (place >= 0) list.focus(place);
  performance.mark("imagegate-ready");
  addEventListener("keydown", onKey);
  addEventListener("scroll", later(30, whereNow), { passive: true });
  addEventListener("pointerdown", (event) => {
    for (const each of controls.menus.values()) if (!each.element.contains(event.target)) each.close();
  });
  addEventListener("beforeprint", makePrint);
  addEventListener("afterprint", () => byId("paper").replaceChildren());
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    byId("findings").focus();
  });
}

start();
