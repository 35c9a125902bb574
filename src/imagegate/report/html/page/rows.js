/* One line of the list: a group's head, or a finding that opens. */

let list = null;
let arrangement = { lines: [], groups: [] };

function mark(name, word) {
  return h("span", { class: `mark ${name}` }, icon(name), h("span", null, word ?? t(`class.${name}`)));
}

function tag(severity) {
  return h("span", { class: `tag ${severity}` }, known("severity", severity));
}

function makeLine(place) {
  const line = arrangement.lines[place];
  return line < 0 ? groupLine(arrangement.groups[-1 - line], place) : findingLine(line, place);
}

function guessLine(place) {
  const line = arrangement.lines[place];
  if (line < 0) return place ? 54 : 46;
  if (state.open.has(line)) return 420;
  const found = classes[line];
  return found === 5 || found === 6 ? 36 : 56;
}

function groupLine(group, place) {
  const folded_ = state.folded.has(group.place);
  const names = state.group === "check" ? checkHead(group.place) : targetHead(group.place);
  const toggle = () => {
    if (folded_) state.folded.delete(group.place);
    else state.folded.add(group.place);
    arrange(place);
    list.focus(place);
  };
  return h(
    "li",
    { class: place ? "group" : "group top" },
    h(
      "h3",
      null,
      h("button", { "aria-expanded": String(!folded_), onclick: toggle }, icon("chevron"), names, tally(group)),
    ),
  );
}

function targetHead(place) {
  const one = target(place);
  return [
    icon(one.kind in ICONS ? one.kind : "policy", "kind"),
    h("span", { class: "name" }, h("bdi", null, one.name)),
    h("span", { class: "place" }, h("bdi", null, where(one))),
    h("span", { class: "id" }, h("bdi", null, one.id)),
  ];
}

function checkHead(place) {
  const one = check(place);
  return [tag(one.severity), h("span", { class: "name" }, checkTitle(place)), h("span", { class: "id" }, one.id)];
}

/* How many of each class a group shows. */
function tally(group) {
  const found = HEAD.classes.map((name, place) => [name, group.classes[place]]).filter(([, count]) => count);
  return h(
    "span",
    { class: "tally" },
    found.map(([name, count]) =>
      h(
        "span",
        { class: name, title: t(`class.${name}`) },
        icon(name),
        h("span", { class: "away" }, t(`class.${name}`)),
        number(count),
      ),
    ),
  );
}

function findingLine(row, place) {
  const open = state.open.has(row);
  const name = HEAD.classes[classes[row]];
  const one = check(checkOf[row]);
  const text = summary(row);
  const quiet = classes[row] >= 5;
  const title = state.group === "check" ? target(targetOf[row]).name : checkTitle(checkOf[row]);
  const side = state.group === "check" ? where(target(targetOf[row])) : one.id;
  const head = h(
    "button",
    { class: "head", "aria-expanded": String(open), onclick: () => toggle(row, place) },
    mark(name),
    state.group === "check" ? null : tag(one.severity),
    h(
      "span",
      { class: "what" },
      h(
        "span",
        { class: "line" },
        h("bdi", { class: "name" }, title),
        h("bdi", { class: state.group === "check" ? "place" : "id" }, side),
      ),
      text ? h("span", { class: "sum" }, h("bdi", null, text)) : null,
    ),
    h("span", { class: "flags" }, flags(row)),
    icon("chevron"),
  );
  const classNames = ["finding", name, quiet ? "quiet" : "", open ? "open" : ""].filter(Boolean).join(" ");
  return h("li", { class: classNames }, head, open ? detailOfRow(row) : null);
}

/* What became of it, in a word or two. */
function flags(row) {
  const found = [];
  if (changes[row] === 1 || changes[row] === 2)
    found.push(h("span", { class: "flag change" }, t(`change.${changes[row] === 1 ? "new" : "changed"}`)));
  const state_ = classes[row] === STANDING ? detail(row).remedy?.state : undefined;
  if (state_) found.push(h("span", { class: `flag ${state_}` }, known("remedy", state_)));
  const until = (detail(row).waiver ?? detail(row).attestation)?.until;
  if (until) found.push(h("span", { class: "flag" }, `${t("detail.until")} ${until}`));
  return found;
}

function toggle(row, place) {
  if (state.open.has(row)) state.open.delete(row);
  else {
    state.open.add(row);
    state.linked = row;
  }
  list.active = place;
  list.redraw(place);
  list.focus(place);
  writeAddress();
}

/* Show the findings that pass the filters; `keep` is the line to stay at. */
function arrange(keep) {
  const { rows, counts } = passing();
  arrangement = arranged(rows);
  list.show(arrangement.lines, keep ?? 0);
  told(rows, counts);
  writeAddress();
}
