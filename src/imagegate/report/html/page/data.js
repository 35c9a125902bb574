/* The findings: columns of numbers, and tables that are parsed when somebody wants to read them. */

const HEAD = JSON.parse(taken("head"));
const INDEX = JSON.parse(taken("index"));
const COUNT = INDEX.target.length;
const [STANDING, UNKNOWN] = [0, 1];

const classes = digits(INDEX.classes);
const severities = digits(INDEX.severities);
const blames = digits(INDEX.blames);
const changes = digits(INDEX.changes);
const checkOf = Uint32Array.from(INDEX.check);
const targetOf = Uint32Array.from(INDEX.target);
const detailOf = Uint32Array.from(INDEX.detail);

const details = lines(taken("details"));
const evidence = lines(taken("evidence"));

function digits(text) {
  const found = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) found[i] = text.charCodeAt(i) - 48;
  return found;
}

/* A value a line, the first line empty: where each begins is found once, what it says when it is asked for. */
function lines(text) {
  const starts = [];
  for (let at = text.indexOf("\n"); at >= 0 && at + 1 < text.length; at = text.indexOf("\n", at + 1))
    starts.push(at + 1);
  return {
    count: starts.length,
    at: (place) => JSON.parse(text.slice(starts[place], (starts[place + 1] ?? text.length) - 1)),
  };
}

const recent = new Map();

/* The details of a finding; the last few hundred are kept. */
function detail(row) {
  const place = detailOf[row];
  let found = recent.get(place);
  if (found === undefined) {
    if (recent.size > 600) recent.clear();
    found = details.at(place);
    recent.set(place, found);
  }
  return found;
}

function target(place) {
  const [id, name, kind, cloud, region, owner, seenFrom] = INDEX.targets[place];
  return { id, name, kind, cloud, region, owner, seenFrom };
}

function where(one) {
  return one.cloud === null ? "" : `${one.cloud}/${one.region ?? "–"}`;
}

function projectName(id) {
  return INDEX.names[id] ? `${INDEX.names[id]} (${id})` : id;
}

function check(place) {
  const [id, title, severity] = INDEX.checks[place];
  return { id, title, severity };
}

function checkTitle(place) {
  const one = check(place);
  return HEAD.translated[language]?.[one.id]?.title ?? one.title;
}

/* Why a check matters, and in which language that is said. */
function checkWhy(id) {
  const other = HEAD.translated[language]?.[id]?.why;
  return other ? { text: other, lang: language } : { text: HEAD.checks[id]?.why ?? "", lang: "en" };
}

function fingerprint(row) {
  return INDEX.fingerprints.slice(16 * row, 16 * row + 16);
}

function rowOf(print) {
  for (let at = INDEX.fingerprints.indexOf(print); at >= 0; at = INDEX.fingerprints.indexOf(print, at + 1)) {
    if (at % 16 === 0) return at / 16;
  }
  return -1;
}

function digestsOf(row) {
  return evidence.at(INDEX.evidence[row]).map((text) => {
    if (text.startsWith("!")) return text.slice(1);
    const bytes = Array.from(atob(text), (char) => char.charCodeAt(0).toString(16).padStart(2, "0"));
    return `sha256:${bytes.join("")}`;
  });
}

/* One line about a finding: its first violation, or why it could not be judged. */
function summary(row) {
  const found = detail(row);
  if (found.violations?.length) {
    const more = found.violations.length - 1;
    return t("findings.summary", found.violations[0]) + (more ? ` ${t("findings.more", { n: more })}` : "");
  }
  return found.reason ?? found.note ?? "";
}
