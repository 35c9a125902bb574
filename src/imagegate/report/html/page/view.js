/* What is shown: the filters, their counts, the groups, and the address that keeps them. */

const state = { group: "target", query: "", marks: null, open: new Set(), folded: new Set(), chosen: {} };

/* A facet: a number per row, and the words of each number. `plain` ones are chosen from a row of buttons. */
const facets = [];

function facet(key, column, values, more) {
  const used = new Set(column);
  if (used.size > 1 || more?.always) facets.push({ key, column, values, ...more });
  state.chosen[key] = new Set();
}

function makeFacets() {
  const byTarget = (part) => {
    const names = new Map();
    const numbers = INDEX.targets.map(
      (one) => names.get(one[part]) ?? (names.set(one[part], names.size), names.size - 1),
    );
    return [Uint32Array.from(targetOf, (place) => numbers[place]), [...names.keys()]];
  };
  const said = (value) => value ?? t("findings.no-value");
  facet("verdict", classes, HEAD.classes, { always: true, plain: true, say: (value) => t(`class.${value}`) });
  facet("severity", severities, HEAD.severities, { always: true, plain: true, say: (value) => t(`severity.${value}`) });
  const ids = INDEX.checks.map(([id]) => id);
  facet("check", checkOf, ids, { say: (value) => checkTitle(ids.indexOf(value)), fine: (value) => value });
  facet("kind", ...byTarget(2), { say: (value) => known("kind", value) });
  facet("region", ...byTarget(4), { say: said });
  facet("project", ...byTarget(5), {
    say: (value) => INDEX.names[value] ?? said(value),
    fine: (v) => (INDEX.names[v] ? v : ""),
  });
  facet("blame", blames, [null, "user", "target", "tool"], {
    say: (value) => (value === null ? said(null) : t(`blame.${value}`)),
  });
  facet("change", changes, [null, "new", "changed", "same"], {
    say: (value) => (value === null ? said(null) : t(`change.${value}`)),
  });
}

/* The classes that the verdict fail has: it may stand in the address instead of them. */
const FAILS = ["standing", "waived", "fixed"];

/* Nothing said: what needs attention, if anything does. */
function defaultVerdicts() {
  return classes.some((one) => one <= UNKNOWN) ? new Set([STANDING, UNKNOWN]) : new Set();
}

function sameSets(one, other) {
  return one.size === other.size && [...one].every((value) => other.has(value));
}

function isFiltered() {
  return state.query !== "" || facets.some(({ key }) => state.chosen[key].size);
}

/* The rows that pass, and for each facet how many would pass for each of its values if it were not chosen from. */
function passing() {
  const chosen = facets.map(({ key, values }) => {
    const set = state.chosen[key];
    return set.size ? Uint8Array.from(values, (_, place) => (set.has(place) ? 1 : 0)) : null;
  });
  const counts = facets.map(({ values }) => new Uint32Array(values.length));
  const rows = [];
  for (let row = 0; row < COUNT; row += 1) {
    if (state.marks !== null && !state.marks[row]) continue;
    let missed = -1;
    let misses = 0;
    for (let at = 0; at < facets.length && misses < 2; at += 1) {
      if (chosen[at] !== null && !chosen[at][facets[at].column[row]]) {
        missed = at;
        misses += 1;
      }
    }
    if (misses === 0) {
      rows.push(row);
      for (let at = 0; at < facets.length; at += 1) counts[at][facets[at].column[row]] += 1;
    } else if (misses === 1) counts[missed][facets[missed].column[row]] += 1;
  }
  return { rows, counts };
}

/* Checks in the order in which they are listed: by severity, then by how much stands. */
let checkRanks = null;

function rankChecks() {
  const standing = new Uint32Array(INDEX.checks.length);
  for (let row = 0; row < COUNT; row += 1) if (classes[row] === STANDING) standing[checkOf[row]] += 1;
  const level = INDEX.checks.map(([, , severity]) => HEAD.severities.indexOf(severity));
  const order = INDEX.checks.map((_, place) => place);
  const stands = (place) => (standing[place] ? 1 : 0);
  order.sort((a, b) => stands(b) - stands(a) || level[b] - level[a] || standing[b] - standing[a] || a - b);
  checkRanks = new Uint32Array(order.length);
  order.forEach((place, rank) => {
    checkRanks[place] = rank;
  });
}

/* The lines of the list: a row's number, or -1 - the group's. */
function arranged(rows) {
  const column = state.group === "check" ? checkOf : targetOf;
  const sorted = state.group === "check" ? byCheck(rows) : rows;
  const groups = [];
  const lines_ = [];
  for (const row of sorted) {
    const place = column[row];
    if (!groups.length || groups[groups.length - 1].place !== place) {
      groups.push({ place, count: 0, classes: new Uint32Array(HEAD.classes.length) });
      lines_.push(-groups.length);
    }
    const group = groups[groups.length - 1];
    group.count += 1;
    group.classes[classes[row]] += 1;
    if (!state.folded.has(place)) lines_.push(row);
  }
  return { lines: lines_, groups };
}

/* Rows by check, in a check the worst first: buckets, as there are few of them. */
function byCheck(rows) {
  if (checkRanks === null) rankChecks();
  const width = HEAD.classes.length;
  const sizes = new Uint32Array(checkRanks.length * width + 1);
  const bucket = (row) => checkRanks[checkOf[row]] * width + classes[row];
  for (const row of rows) sizes[bucket(row) + 1] += 1;
  for (let at = 1; at < sizes.length; at += 1) sizes[at] += sizes[at - 1];
  const sorted = new Array(rows.length);
  for (const row of rows) {
    const at = bucket(row);
    sorted[sizes[at]] = row;
    sizes[at] += 1;
  }
  return sorted;
}

/* The address after `#`: what differs from what is shown without one. */
function address() {
  const found = new URLSearchParams();
  if (state.group !== "target") found.set("group", state.group);
  if (state.query) found.set("q", state.query);
  for (const { key, values } of facets) {
    const chosen = state.chosen[key];
    const usual = key === "verdict" ? defaultVerdicts() : new Set();
    if (sameSets(chosen, usual)) continue;
    if (!chosen.size) found.set(key, "all");
    for (const at of chosen) found.append(key, values[at] ?? "");
  }
  if (state.linked !== undefined && state.open.has(state.linked)) found.set("open", fingerprint(state.linked));
  if (language !== document.documentElement.dataset.first) found.set("lang", language);
  if (document.documentElement.dataset.theme) found.set("theme", document.documentElement.dataset.theme);
  return found.toString();
}

/* Take the filters from the address. */
function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  state.group = given.get("group") === "check" ? "check" : "target";
  state.query = given.get("q") ?? "";
  for (const { key, values } of facets) {
    const names = given.getAll(key).flatMap((name) => (key === "verdict" && name === "fail" ? FAILS : [name]));
    const places = names.map((name) => values.indexOf(name === "" ? null : name)).filter((at) => at >= 0);
    state.chosen[key] = names.length || key !== "verdict" ? new Set(places) : defaultVerdicts();
  }
  const row = given.has("open") ? rowOf(given.get("open")) : -1;
  if (row >= 0) {
    state.open.add(row);
    state.linked = row;
  }
  return { row, language: given.get("lang"), theme: given.get("theme") };
}

const writeAddress = later(200, () => {
  const text = address();
  history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
});
