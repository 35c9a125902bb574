/* What an opened finding tells. */

function part(key, ...content) {
  return content.flat(Infinity).some(Boolean) ? h("section", null, h("h4", null, t(key)), content) : null;
}

function pairs(entries) {
  const shown = entries.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return shown.length
    ? h(
        "dl",
        { class: "facts" },
        shown.map(([key, value]) => h("div", null, h("dt", null, t(key)), h("dd", null, value))),
      )
    : null;
}

function mono(text) {
  return h("bdi", { class: "mono" }, text);
}

function detailOfRow(row) {
  const found = detail(row);
  return h(
    "div",
    { class: "detail", role: "group", "aria-label": checkTitle(checkOf[row]) },
    h("div", { class: "main" }, whatIsWrong(found), whyUnknown(found), permissions(found), theFix(found), matters(row)),
    h("div", { class: "aside" }, sideFacts(row, found)),
  );
}

function whatIsWrong(found) {
  if (!found.violations?.length) return null;
  const after = found.remedy?.after;
  if (!after || saysNothingNew(found, after)) return part("detail.violations", violations(found.violations));
  const fine = after.verdict === "pass" ? t("detail.nothing-wrong") : (after.reason ?? known("verdict", after.verdict));
  return [
    part("detail.before", violations(found.violations)),
    part(
      "detail.after",
      after.violations?.length
        ? violations(after.violations)
        : h("p", { class: after.verdict === "pass" ? "fine" : "" }, fine),
      after.observed_at ? h("p", { class: "quiet" }, t("detail.seen-at", { time: time(after.observed_at) })) : null,
    ),
  ];
}

/* What was seen afterwards of a finding for which nothing was done, if it is what was seen before. */
function saysNothingNew(found, after) {
  const tried = ["applied", "verified", "not-verified", "failed"].includes(found.remedy.state);
  return !tried && JSON.stringify(after.violations) === JSON.stringify(found.violations);
}

const SHOWN = 40;

function violations(all) {
  const body = h("tbody", null, all.slice(0, SHOWN).map(violation));
  const head = ["subject", "actual", "expected"].map((name) => h("th", { scope: "col" }, t(`detail.${name}`)));
  const table = h(
    "div",
    { class: "wide" },
    h("table", { class: "violations" }, h("thead", null, h("tr", null, head)), body),
  );
  if (all.length <= SHOWN) return table;
  const more = (event) => {
    body.append(...all.slice(SHOWN).map(violation));
    event.target.parentNode.remove();
  };
  const button = h("button", { class: "plain", onclick: more }, t("findings.show-more"));
  return [table, h("p", { class: "quiet" }, t("findings.first-of", { n: SHOWN, total: all.length }), " ", button)];
}

function violation(one) {
  const hint = one.hint ? h("p", { class: "hint" }, `${t("detail.hint")}: `, h("bdi", null, one.hint)) : null;
  const cell = (name, ...content) => h("td", { class: name, "data-label": t(`detail.${name}`) }, content);
  return h(
    "tr",
    null,
    cell("subject", mono(one.subject), hint),
    cell("actual", mono(one.actual)),
    cell("expected", mono(one.expected)),
  );
}

function whyUnknown(found) {
  return [
    found.reason
      ? part(
          "detail.reason",
          h("p", null, h("bdi", null, found.reason)),
          found.owner ? h("p", { class: "quiet" }, `${t("detail.blame")}: ${known("blame", found.owner)}`) : null,
        )
      : null,
    found.note ? part("detail.note", h("p", null, h("bdi", null, found.note))) : null,
  ];
}

function permissions(found) {
  const { waiver, attestation } = found;
  return [
    waiver
      ? part(
          "detail.waiver",
          h("p", null, h("bdi", null, waiver.reason)),
          pairs([
            ["detail.approved-by", waiver.approved_by],
            ["detail.until", waiver.until],
            ["detail.ticket", waiver.ticket],
            ["permissions.line", waiver.line ? number(waiver.line) : null],
          ]),
        )
      : null,
    attestation
      ? part(
          "detail.attestation",
          h("p", null, h("bdi", null, attestation.statement)),
          pairs([
            ["detail.by", attestation.by],
            ["detail.on", attestation.on],
            ["detail.until", attestation.until],
            ["permissions.line", attestation.line ? number(attestation.line) : null],
          ]),
        )
      : null,
  ];
}

function theFix(found) {
  const remedy = found.remedy;
  if (!remedy) return null;
  const reason = remedy.reason ? [": ", h("bdi", null, remedy.reason)] : null;
  return part(
    "detail.remedy",
    h("p", { class: `remedy ${remedy.state}` }, h("b", null, known("remedy", remedy.state)), reason),
    remedy.hint ? h("p", { class: "hint" }, `${t("detail.instead")}: `, h("bdi", null, remedy.hint)) : null,
    remedy.steps?.length ? h("ol", { class: "steps" }, remedy.steps.map(step)) : null,
  );
}

function step(one) {
  const undo = one.undo ?? (one.level === "manual" ? null : t("detail.no-undo"));
  return h(
    "li",
    { class: one.done ? "done" : "" },
    h(
      "p",
      null,
      h("span", { class: `level ${one.level}` }, known("level", one.level)),
      " ",
      h("bdi", null, one.summary),
      one.done ? [" ", h("span", { class: "flag verified" }, icon("pass"), t("detail.done"))] : null,
    ),
    pairs([
      ["detail.why-step", one.why],
      ["detail.undo", undo],
      ["detail.then", one.then],
    ]),
  );
}

function matters(row) {
  const { id } = check(checkOf[row]);
  const why = checkWhy(id);
  const references = HEAD.checks[id]?.references;
  return [
    why.text
      ? part(
          "detail.why",
          why.text.split("\n\n").map((text) => h("p", { lang: why.lang }, rich(text))),
        )
      : null,
    references ? part("detail.references", h("p", { lang: "en", class: "quiet" }, rich(references))) : null,
  ];
}

function sideFacts(row, found) {
  const one = target(targetOf[row]);
  const print = fingerprint(row);
  const rule = INDEX.rule[row];
  const given = INDEX.parameters_table[INDEX.parameters[row]];
  const stands = classes[row] === STANDING;
  return [
    pairs([
      ["detail.target", h("bdi", null, one.name)],
      ["detail.id", mono(one.id)],
      ["detail.region", one.cloud === null ? null : h("bdi", null, where(one))],
      [
        "detail.project",
        one.owner === null ? null : h("bdi", { class: INDEX.names[one.owner] ? "" : "mono" }, projectName(one.owner)),
      ],
      [
        "detail.seen-from",
        one.seenFrom ? h("bdi", null, one.seenFrom.filter((cloud) => cloud !== one.cloud).join(", ")) : null,
      ],
      ["detail.check", mono(check(checkOf[row]).id)],
      ["detail.rule", rule < 0 ? null : ruleOf(rule, check(checkOf[row]).id)],
      ["detail.observed", time(INDEX.times_table[INDEX.time[row]])],
      ["detail.first-seen", found.first_seen ? time(found.first_seen) : null],
      ["detail.change", changes[row] ? t(`change.${["", "new", "changed", "same"][changes[row]]}`) : null],
      ["detail.fingerprint", copyable(print, "detail.fingerprint")],
    ]),
    Object.keys(given).length
      ? h(
          "details",
          null,
          h("summary", null, t("detail.parameters")),
          h("pre", { tabindex: 0 }, JSON.stringify(given, null, 2)),
        )
      : null,
    proof("detail.evidence", digestsOf(row)),
    proof("detail.evidence-after", found.remedy?.evidence ?? []),
    stands ? h("details", null, h("summary", null, t("detail.waive")), waiveLine(print)) : null,
    h(
      "p",
      null,
      h(
        "button",
        { class: "plain", onclick: (event) => copyLink(row, event.currentTarget) },
        icon("link"),
        h("span", null, t("detail.link")),
      ),
    ),
  ];
}

/* Which rule of the policy asked for it, and on which line where the report tells. */
function ruleOf(rule, id) {
  const line = HEAD.policy.rules[rule]?.lines?.[id];
  return (
    t("detail.rule-value", { n: rule }) +
    (line ? ` · ${HEAD.policy.file ?? ""} ${t("detail.rule-line", { n: line })}` : "")
  );
}

/* A text in which ``names`` stand between double back quotes, as checks write them. */
function rich(text) {
  return text.split("``").map((piece, place) => (place % 2 ? h("code", null, piece) : piece));
}

function proof(key, digests) {
  if (!digests.length) return null;
  return h(
    "details",
    null,
    h("summary", null, `${t(key)} (${number(digests.length)})`),
    digests.map((text) => h("p", { class: "mono digest" }, text)),
  );
}

function copyable(text, key) {
  const button = h(
    "button",
    {
      class: "plain",
      "aria-label": `${t("page.copy")}: ${t(key)}`,
      onclick: (event) => copy(text, event.currentTarget),
    },
    icon("copy"),
    h("span", null, t("page.copy")),
  );
  return [h("span", { class: "mono" }, text), " ", button];
}

function waiveLine(print) {
  const text = `imagegate waive ${HEAD.run.id} ${print} --reason '${t("detail.waive-reason")}' --approved-by '${t("detail.waive-approver")}' --until YYYY-MM-DD`;
  const button = h(
    "button",
    { class: "plain", onclick: (event) => copy(text, event.currentTarget) },
    icon("copy"),
    h("span", null, t("page.copy")),
  );
  return [h("pre", { tabindex: 0 }, text), h("p", { class: "quiet" }, t("detail.waive-note"), " ", button)];
}

function copyLink(row, button) {
  state.linked = row;
  const link = new URL(location.href);
  link.hash = address();
  copy(link.href, button);
}
