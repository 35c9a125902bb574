/* Plots: bars as HTML with a drawn bar, the trend drawn whole; each with the same numbers as a table or a list. */

function makePlots() {
  const place = byId("plots");
  const all = [checksPlot(), trendPlot(), coveragePlot()].filter(Boolean);
  const shared = HEAD.share ? sharePlot() : null;
  place.hidden = !all.length && !shared;
  if (place.hidden) return;
  const title = h("h2", { id: "plots-title" }, t("plots.title"));
  place.replaceChildren(
    h("section", { "aria-labelledby": "plots-title" }, title, h("div", { class: `plots n${all.length}` }, all), shared),
  );
}

function figure(key, about, ...content) {
  const title = h("h3", { id: `plot-${key}` }, t(`plots.${key}`));
  return h(
    "figure",
    { class: `plot ${key}`, "aria-labelledby": title.id, "aria-describedby": `about-${key}` },
    title,
    h("p", { class: "away", id: `about-${key}` }, about),
    content,
  );
}

function bar(parts, total) {
  let before = 0;
  const drawn = parts
    .filter(([, value]) => value)
    .map(([name, value]) => {
      const rect = s("rect", {
        class: name,
        x: `${(100 * before) / total}%`,
        width: `${(100 * value) / total}%`,
        height: 10,
      });
      before += value;
      return rect;
    });
  return s("svg", { class: "bar", width: "100%", height: 10, "aria-hidden": "true" }, drawn);
}

const BARS = 12;

/* What stands, by check: the bar leads to the findings. */
function checksPlot() {
  if (!COUNT) return null;
  const all = HEAD.by_check;
  if (!all.length) return figure("checks", t("plots.checks-desc"), h("p", { class: "fine" }, t("plots.checks-none")));
  const most = Math.max(...all.map((one) => one.standing + one.unknown));
  const line = (one) =>
    h(
      "li",
      null,
      h(
        "button",
        { title: t("plots.filter"), onclick: () => showCheck(one.check) },
        tag(one.severity),
        h("span", { class: "name" }, checkTitle(one.check)),
      ),
      bar(
        [
          [one.severity, one.standing],
          ["unknown", one.unknown],
        ],
        most,
      ),
      h("span", { class: "n" }, values(one)),
    );
  return figure("checks", t("plots.checks-desc"), barsOf(all, line));
}

function values(one) {
  const parts = [];
  if (one.standing)
    parts.push(
      h(
        "span",
        { class: "standing", title: t("class.standing") },
        icon("standing"),
        h("span", { class: "away" }, t("class.standing")),
        number(one.standing),
      ),
    );
  if (one.unknown)
    parts.push(
      h(
        "span",
        { class: "unknown", title: t("class.unknown") },
        icon("unknown"),
        h("span", { class: "away" }, t("class.unknown")),
        number(one.unknown),
      ),
    );
  return parts;
}

/* For each place what was judged, and of what nothing could be seen. */
function coveragePlot() {
  const all = byNeed(HEAD.coverage);
  if (!all.length) return null;
  const most = Math.max(1, ...all.map((one) => one.seen + one.not_seen));
  const line = (one) => {
    const name = one.cloud ? `${one.cloud}/${one.region || "–"}` : t("page.none");
    const lost = one.lost === null ? null : s("rect", { class: "lost", width: "100%", height: 10 });
    const drawn =
      one.seen + one.not_seen
        ? bar(
            [
              ["seen", one.seen],
              ["not-seen", one.not_seen],
            ],
            most,
          )
        : s("svg", { class: "bar", width: "100%", height: 10, "aria-hidden": "true" }, lost);
    const said = one.lost === null ? `${number(one.seen)} / ${number(one.seen + one.not_seen)}` : t("scope.incomplete");
    return h(
      "li",
      { class: one.lost === null ? "" : "lost" },
      h(
        "span",
        { class: "label" },
        icon(one.kind),
        h("bdi", { class: "name" }, name),
        h("span", { class: "quiet" }, known("kind", one.kind)),
      ),
      drawn,
      h("span", { class: "n" }, said),
    );
  };
  const legend = h(
    "p",
    { class: "legend" },
    h("span", { class: "seen" }, t("plots.seen")),
    h("span", { class: "not-seen" }, t("plots.not-seen")),
  );
  return figure("coverage", t("plots.coverage-desc"), barsOf(all, line), legend);
}

/* Where there are more places than are drawn at first: those that were not seen whole before the others. */
function byNeed(places) {
  if (places.length <= BARS) return places;
  const need = (one) => (one.lost === null ? one.not_seen : Infinity);
  return [...places].sort((a, b) => (need(a) === need(b) ? 0 : need(b) - need(a)));
}

/* The first bars; the rest where somebody asks for it. */
function barsOf(all, line) {
  const rest = all.slice(BARS);
  const list = (some) => h("ol", { class: "bars" }, some.map(line));
  if (!rest.length) return list(all);
  return [
    list(all.slice(0, BARS)),
    h("details", null, h("summary", null, t("page.and-more", { n: rest.length })), list(rest)),
  ];
}

/* A bar per run, the last one this run. */
function trendPlot() {
  const runs = HEAD.trend;
  if (!runs.length) return null;
  const [width, height, left, top, bottom] = [380, 176, 30, 16, 24];
  const order = HEAD.severities;
  const sum = (one) => order.reduce((all, name) => all + one.standing[name], 0);
  const most = nice(Math.max(1, ...runs.map((one) => sum(one))));
  const step = (width - left) / runs.length;
  const thick = Math.min(26, step * 0.62);
  const y = (value) => top + (height - top - bottom) * (1 - value / most);
  const grid = [0, most / 2, most]
    .filter(Number.isInteger)
    .map((value) => [
      s("line", { class: "grid", x1: left, x2: width, y1: y(value), y2: y(value) }),
      s("text", { class: "axis", x: left - 8, y: y(value) + 4, "text-anchor": "end" }, number(value)),
    ]);
  const bars = runs.map((one, at) => {
    const x = left + step * at + (step - thick) / 2;
    let under = 0;
    const parts = order
      .filter((name) => one.standing[name])
      .map((name) => {
        const from = y(under);
        under += one.standing[name];
        return s("rect", { class: name, x, width: thick, y: y(under), height: from - y(under) });
      });
    const total = s(
      "text",
      {
        class: at === runs.length - 1 ? "value now" : "value",
        x: x + thick / 2,
        y: y(under) - 4,
        "text-anchor": "middle",
      },
      step > 20 || at === runs.length - 1 ? number(under) : "",
    );
    return s(
      "g",
      { class: one.complete ? "run" : "run partial" },
      s(
        "title",
        null,
        `${one.run} · ${time(one.finished)} · ${number(under)}${one.complete ? "" : ` · ${t("plots.run-incomplete")}`}`,
      ),
      parts,
      total,
    );
  });
  const day = (one) => one.finished.slice(0, 10);
  const ends = [
    s("text", { class: "axis", x: left, y: height - 6 }, day(runs[0])),
    s(
      "text",
      { class: "axis now", x: width, y: height - 6, "text-anchor": "end" },
      `${t("plots.this-run")} ${day(runs[runs.length - 1])}`,
    ),
  ];
  const drawing = s(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-labelledby": "trend-name trend-about" },
    s("title", { id: "trend-name" }, t("plots.trend")),
    s("desc", { id: "trend-about" }, t("plots.trend-desc")),
    grid,
    bars,
    ends,
  );
  const used = [...order].reverse().filter((name) => runs.some((one) => one.standing[name]));
  const legend = h(
    "p",
    { class: "legend" },
    used.map((name) => h("span", { class: name }, t(`severity.${name}`))),
  );
  return figure("trend", t("plots.trend-desc"), drawing, legend, trendTable(runs));
}

function trendTable(runs) {
  const names = [
    "plots.run",
    "plots.finished",
    "plots.exit",
    ...[...HEAD.severities].reverse().map((name) => `severity.${name}`),
    "class.unknown",
  ];
  const body = () =>
    runs.map((one) =>
      h(
        "tr",
        null,
        h("td", { class: "mono nowrap" }, one.run),
        h("td", { class: "nowrap" }, time(one.finished)),
        h("td", { class: "num nowrap" }, one.exit, one.complete ? "" : ` (${t("plots.run-incomplete")})`),
        [...HEAD.severities].reverse().map((name) => h("td", { class: "num" }, number(one.standing[name]))),
        h("td", { class: "num" }, number(one.unknown)),
      ),
    );
  return asTable("plots.trend", names, body);
}

/* The same as a table, which is made when somebody opens it. */
function asTable(key, names, body) {
  const rows = h("tbody", null);
  const fill = () => {
    if (!rows.hasChildNodes()) rows.append(...body());
  };
  const head = h(
    "thead",
    null,
    h(
      "tr",
      null,
      names.map((name) => h("th", { scope: "col" }, t(name))),
    ),
  );
  const region = h(
    "div",
    { class: "wide", tabindex: 0, role: "region", "aria-label": `${t(key)}: ${t("page.as-table")}` },
    h("table", null, head, rows),
  );
  return h("details", { class: "table", ontoggle: fill }, h("summary", null, t("page.as-table")), region);
}

/* The next number that people like: 1, 2, 4, 6, 10, 20, 40 … */
function nice(value) {
  const size = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 6, 8, 10].map((factor) => factor * size).find((one) => one >= value);
}
