/* On paper: all findings that pass the filters, up to a number that is said, with what is wrong in each. */

const PRINTED = 500;

/* What is folded outside the list and the plots: paper shows it, since nobody can open it there. */
let unfoldedForPaper = [];

function endPrint() {
  byId("paper").replaceChildren();
  for (const one of unfoldedForPaper) one.open = false;
  unfoldedForPaper = [];
}

function makePrint() {
  endPrint();
  unfoldedForPaper = [...document.querySelectorAll("main details:not([open])")].filter(
    (one) => !one.closest("#app, #plots"),
  );
  for (const one of unfoldedForPaper) one.open = true;
  const rows = arrangement.lines.filter((line) => line >= 0);
  const hidden = arrangement.groups
    .filter(({ place }) => state.folded.has(place))
    .reduce((sum, group) => sum + group.count, 0);
  const { rows: all } = hidden ? passing() : { rows };
  const { lines: lines_, groups } = hidden ? unfolded(all) : arrangement;
  const place = byId("paper");
  const total = all.length;
  const note = total > PRINTED ? t("print.cut", { n: PRINTED, total }) : t("print.all", { n: total });
  const printed = [];
  let left = PRINTED;
  for (const line of lines_) {
    if (left === 0) break;
    printed.push(line < 0 ? paperGroup(groups[-1 - line]) : paperFinding(line));
    if (line >= 0) left -= 1;
  }
  place.replaceChildren(h("p", { class: "quiet" }, note), h("ul", { class: "list" }, printed));
}

function unfolded(rows) {
  const folded_ = state.folded;
  state.folded = new Set();
  const found = arranged(rows);
  state.folded = folded_;
  return found;
}

function paperGroup(group) {
  return h(
    "li",
    { class: "group" },
    h(
      "h3",
      null,
      h("div", { class: "head" }, state.group === "check" ? checkHead(group.place) : targetHead(group.place)),
    ),
  );
}

function paperFinding(row) {
  const found = detail(row);
  const one = check(checkOf[row]);
  const title = state.group === "check" ? target(targetOf[row]).name : checkTitle(checkOf[row]);
  const opened = state.open.has(row);
  return h(
    "li",
    { class: `finding ${HEAD.classes[classes[row]]}` },
    h(
      "div",
      { class: "head" },
      mark(HEAD.classes[classes[row]]),
      tag(one.severity),
      h(
        "span",
        { class: "what" },
        h(
          "span",
          { class: "line" },
          h("bdi", { class: "name" }, title),
          h("bdi", { class: "id" }, state.group === "check" ? where(target(targetOf[row])) : one.id),
          h("span", { class: "id" }, fingerprint(row)),
        ),
      ),
      h("span", { class: "flags" }, flags(row)),
    ),
    opened
      ? detailOfRow(row)
      : h(
          "div",
          { class: "detail" },
          h("div", { class: "main" }, whatIsWrong(found), whyUnknown(found), permissions(found)),
        ),
  );
}
