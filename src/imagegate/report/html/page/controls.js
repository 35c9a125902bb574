/* What is pressed: language, colours, search, filters, groups, and the keyboard. */

const controls = { counts: null, menus: new Map() };

function makeTools() {
  const root = document.documentElement;
  const languages = h(
    "div",
    { class: "choice", role: "group", "aria-label": t("page.language") },
    Object.entries(HEAD.languages).map(([code, name]) =>
      h("button", { lang: code, "aria-pressed": String(code === language), onclick: () => changeLanguage(code) }, name),
    ),
  );
  const themes = h(
    "div",
    { class: "choice", role: "group", "aria-label": t("page.theme") },
    ["", "light", "dark"].map((name) =>
      h(
        "button",
        { "aria-pressed": String((root.dataset.theme ?? "") === name), onclick: () => changeTheme(name) },
        t(`page.theme-${name || "auto"}`),
      ),
    ),
  );
  const tools = byId("tools");
  tools.replaceChildren(languages, themes, h("button", { class: "plain", onclick: () => print() }, t("page.print")));
  tools.hidden = false;
}

function changeLanguage(code) {
  speak(code);
  makeAll();
  byId("tools").querySelector(`[lang=${code}]`).focus();
  writeAddress();
}

function changeTheme(name) {
  if (name) document.documentElement.dataset.theme = name;
  else delete document.documentElement.dataset.theme;
  makeTools();
  byId("tools").querySelectorAll(".choice:nth-child(2) button")[["", "light", "dark"].indexOf(name)].focus();
  writeAddress();
}

/* The bar above the list. */
function makeBar() {
  const query = h("input", {
    type: "search",
    id: "query",
    autocomplete: "off",
    spellcheck: "false",
    placeholder: t("findings.search-hint"),
    "aria-label": t("findings.search"),
    "aria-keyshortcuts": "/",
    oninput: later(150, () => ask(query.value)),
  });
  query.value = state.query;
  controls.query = query;
  controls.group = h(
    "div",
    { class: "choice", role: "group", "aria-label": t("findings.group") },
    ["target", "check"].map((name) =>
      h(
        "button",
        { "aria-pressed": String(state.group === name), onclick: () => changeGroup(name) },
        t(`findings.by-${name}`),
      ),
    ),
  );
  controls.told = h("p", { class: "told", role: "status" });
  controls.clear = h(
    "button",
    { class: "plain", onclick: clearFilters },
    icon("close"),
    h("span", null, t("findings.clear")),
  );
  controls.fold = h("button", { class: "plain", onclick: foldAll });
  controls.here = h("p", { class: "here", "aria-hidden": "true" });
  controls.pills = facets.filter((one) => one.plain).map(pills);
  controls.menus = new Map(facets.filter((one) => !one.plain).map((one) => [one.key, menu(one)]));
  byId("bar").replaceChildren(
    h(
      "div",
      { class: "row" },
      h("div", { class: "search" }, icon("search"), query, h("kbd", { "aria-hidden": "true" }, "/")),
      h("span", { class: "label", "aria-hidden": "true" }, t("findings.group")),
      controls.group,
      h(
        "div",
        { class: "menus" },
        [...controls.menus.values()].map((one) => one.element),
      ),
    ),
    h(
      "div",
      { class: "row" },
      controls.pills.map((one) => one.element),
    ),
    h("div", { class: "row end" }, controls.told, controls.clear, controls.fold),
    controls.here,
  );
}

/* A facet with few values: a button for each. */
function pills(one) {
  const chosen = state.chosen[one.key];
  const present = one.values.map((_, place) => place).filter((place) => one.column.includes(place));
  if (one.key === "severity") present.reverse();
  const buttons = present.map((place) =>
    h(
      "button",
      {
        class: `pill ${one.values[place]}`,
        "aria-pressed": String(chosen.has(place)),
        onclick: () => choose(one, place),
      },
      one.key === "verdict" ? icon(one.values[place]) : null,
      h("span", null, one.say(one.values[place])),
      h("span", { class: "n" }),
    ),
  );
  const element = h(
    "div",
    { class: "pills", role: "group", "data-facet": one.key, "aria-label": t(`findings.${one.key}`) },
    buttons,
  );
  const update = (counts) => {
    buttons.forEach((button, at) => {
      button.lastChild.textContent = number(counts[present[at]]);
      button.setAttribute("aria-pressed", String(chosen.has(present[at])));
    });
  };
  return { facet: one, element, update };
}

function choose(one, place) {
  const chosen = state.chosen[one.key];
  if (!chosen.delete(place)) chosen.add(place);
  arrange();
}

const MANY = 12;
const LISTED = 200;

/* A facet with many values: a button that opens a list of boxes to tick. */
function menu(one) {
  const chosen = state.chosen[one.key];
  const label = h("span", null);
  const button = h(
    "button",
    { class: "plain", "aria-expanded": "false", onclick: () => (panel.hidden ? open() : close()) },
    label,
    icon("down"),
  );
  const panel = h("div", {
    class: "panel",
    role: "group",
    "aria-label": t(`findings.${one.key}`),
    hidden: true,
    // a press beside a box would move the focus out of the panel, which closes it before the box is ticked
    onmousedown: (event) => inText(event.target) || event.preventDefault(),
  });
  const element = h(
    "div",
    {
      class: "menu",
      onkeydown: (event) => {
        if (event.key !== "Escape" || panel.hidden) return;
        event.stopPropagation();
        close();
        button.focus();
      },
      onfocusout: (event) => {
        if (event.relatedTarget && !element.contains(event.relatedTarget)) close();
      },
    },
    button,
    panel,
  );
  const box = (place) =>
    h(
      "label",
      null,
      h("input", { type: "checkbox", checked: chosen.has(place), onchange: () => choose(one, place) }),
      h(
        "span",
        { class: "value" },
        h("bdi", null, one.say(one.values[place])),
        one.fine?.(one.values[place]) ? h("bdi", { class: "id" }, one.fine(one.values[place])) : null,
      ),
      h("span", { class: "n" }, number(controls.counts.get(one.key)[place])),
    );
  const fill = (text) => {
    const wanted = fold(text);
    const counts = controls.counts.get(one.key);
    const places = one.values.map((_, place) => place).filter((place) => counts[place] || chosen.has(place));
    const found = places.filter((place) => fold(`${one.values[place]} ${one.say(one.values[place])}`).includes(wanted));
    found.sort((a, b) => chosen.has(b) - chosen.has(a) || counts[b] - counts[a]);
    const rest = found.length - LISTED;
    const find =
      places.length > MANY
        ? h("input", {
            type: "search",
            placeholder: t("findings.find-value"),
            "aria-label": t("findings.find-value"),
            oninput: () => fill(find.value),
          })
        : null;
    if (find) find.value = text;
    panel.replaceChildren(
      ...[
        find,
        h("div", { class: "boxes" }, found.slice(0, LISTED).map(box)),
        rest > 0 ? h("p", { class: "quiet" }, t("page.and-more", { n: rest })) : null,
      ].filter(Boolean),
    );
    if (text || document.activeElement === document.body) find?.focus();
  };
  const open = () => {
    for (const other of controls.menus.values()) other.close();
    panel.hidden = false;
    button.setAttribute("aria-expanded", "true");
    fill("");
    panel.querySelector("input")?.focus();
  };
  const close = () => {
    panel.hidden = true;
    button.setAttribute("aria-expanded", "false");
  };
  const update = () => {
    label.textContent = t(`findings.${one.key}`) + (chosen.size ? ` (${chosen.size})` : "");
    button.classList.toggle("on", chosen.size > 0);
  };
  return { element, open, close, update };
}

/* Tell what is shown, in numbers, wherever numbers stand. */
function told(rows, counts) {
  controls.counts = new Map(facets.map((one, at) => [one.key, counts[at]]));
  for (const each of controls.pills) each.update(controls.counts.get(each.facet.key));
  for (const each of controls.menus.values()) each.update();
  const groups = arrangement.groups.length;
  controls.told.textContent = `${t("findings.shown", { n: rows.length, total: COUNT })} · ${t(state.group === "check" ? "findings.checks" : "findings.targets", { n: groups })}`;
  controls.clear.hidden = !isFiltered();
  const folded_ = arrangement.groups.some(({ place }) => state.folded.has(place));
  controls.fold.hidden = groups < 2;
  controls.fold.replaceChildren(
    icon(folded_ ? "expand" : "collapse"),
    h("span", null, t(folded_ ? "findings.expand" : "findings.collapse")),
  );
  controls.group.querySelectorAll("button").forEach((button, at) => {
    button.setAttribute("aria-pressed", String(state.group === ["target", "check"][at]));
  });
  empty(rows);
  whereNow();
}

/* Instead of an empty list: why it is empty, and the way out. */
function empty(rows) {
  const place = byId("empty");
  place.hidden = rows.length > 0;
  if (rows.length) return;
  const way =
    COUNT && isFiltered() ? h("button", { class: "plain", onclick: clearFilters }, t("findings.show-all")) : null;
  place.replaceChildren(h("p", null, t(COUNT ? "findings.nothing" : "findings.empty")), ...[way].filter(Boolean));
}

/* The group that the window's top is in, where its own head has scrolled away. */
function whereNow() {
  const top = list.topmost();
  let place = top;
  while (place > 0 && arrangement.lines[place] >= 0) place -= 1;
  const group = top > 0 && place !== top ? arrangement.groups[-1 - arrangement.lines[place]] : undefined;
  const text = group === undefined ? "" : state.group === "check" ? checkTitle(group.place) : target(group.place).name;
  if (controls.here.textContent !== text) controls.here.textContent = text;
}

function ask(text) {
  state.query = text.trim();
  controls.told.textContent = t("findings.indexing");
  search(state.query, (marks) => {
    state.marks = marks;
    arrange();
  });
}

function changeGroup(name) {
  if (state.group === name) return;
  state.group = name;
  state.folded.clear();
  arrange();
}

function clearFilters() {
  for (const set of Object.values(state.chosen)) set.clear();
  state.marks = null;
  state.query = "";
  makeBar();
  arrange();
  controls.query.focus();
}

function foldAll() {
  const some = arrangement.groups.some(({ place }) => state.folded.has(place));
  if (some) state.folded.clear();
  else for (const { place } of arrangement.groups) state.folded.add(place);
  arrange();
}

/* Show what stands of one check: what the plot of checks leads to. */
function showCheck(place) {
  for (const set of Object.values(state.chosen)) set.clear();
  state.chosen.verdict = new Set([STANDING, UNKNOWN]);
  if (facets.some((one) => one.key === "check")) state.chosen.check.add(place);
  state.marks = null;
  state.query = "";
  makeBar();
  arrange();
  byId("findings").scrollIntoView();
  list.focus(0, { quiet: false });
}

function inText(element) {
  return element.matches("input, textarea, select");
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/" && !inText(event.target)) {
    event.preventDefault();
    controls.query.focus();
    controls.query.select();
  } else if (event.key === "Escape") {
    if (event.target === controls.query) {
      controls.query.value = "";
      ask("");
    } else closeHere(event.target);
  }
}

/* Close the finding that the keyboard is in. */
function closeHere(element) {
  const line = element.closest("#list > li");
  if (!line) return;
  const place = Number(line.dataset.place);
  const row = arrangement.lines[place];
  if (row >= 0 && state.open.has(row)) toggle(row, place);
  else list.focus(place);
}

/* Keys of the list: the arrows go from line to line; in an opened finding Tab goes on as ever. */
function onListKey(event) {
  const line = event.target.closest("#list > li");
  if (!line || event.ctrlKey || event.metaKey || event.altKey) return;
  const place = Number(line.dataset.place);
  const isHead = event.target === list.head(line);
  const page = Math.max(1, Math.floor((innerHeight - list.cover()) / 60));
  const moves = {
    ArrowDown: place + 1,
    ArrowUp: place - 1,
    Home: 0,
    End: arrangement.lines.length - 1,
    PageDown: place + page,
    PageUp: place - page,
  };
  if (isHead && event.key in moves) {
    event.preventDefault();
    list.focus(moves[event.key]);
  } else if (
    isHead &&
    ((event.key === "ArrowRight" && event.target.ariaExpanded === "false") ||
      (event.key === "ArrowLeft" && event.target.ariaExpanded === "true"))
  ) {
    event.preventDefault();
    event.target.click();
  }
}
