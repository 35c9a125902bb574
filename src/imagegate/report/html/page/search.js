/* Search: every word must stand somewhere in a finding. Texts are folded once, in pieces, when somebody first searches. */

const folded = { targets: null, checks: null, details: null };
let ready = 0;

function fold(text) {
  return text.normalize("NFKC").toLowerCase();
}

/* All texts of a detail: values, not the names of their places. */
function texts(value, into) {
  if (typeof value === "string") into.push(value);
  else if (value !== null && typeof value === "object") for (const each of Object.values(value)) texts(each, into);
  return into;
}

/* Fold what is still to be folded. Details are the bulk: one step folds some of them. */
function foldMore() {
  if (folded.targets === null) {
    const named = (id) => (id === null ? "" : projectName(id));
    folded.targets = INDEX.targets.map((one) => fold([...one.slice(0, 5), named(one[5])].join("\n")));
    folded.details = [];
  }
  const until = Math.min(ready + 200, details.count);
  for (; ready < until; ready += 1) folded.details.push(fold(texts(details.at(ready), []).join("\n")));
  return ready < details.count;
}

/* Checks are said in the page's language, and found in it and in English. */
function foldChecks() {
  folded.checks = INDEX.checks.map(([id, title], place) => fold(`${id}\n${title}\n${checkTitle(place)}`));
}

let stop = () => {};

/* Call `found` with a mark per row (1: matches), or with null where nothing is searched for. */
function search(text, found) {
  stop();
  const words = fold(text).split(/\s+/).filter(Boolean);
  if (!words.length) {
    found(null);
    return;
  }
  foldChecks();
  stop = inPieces(foldMore, () => {
    const marks = new Uint8Array(COUNT).fill(1);
    let word = 0;
    let part = 0;
    let hits = fresh();
    stop = inPieces(
      () => {
        part = look(words[word], part, hits);
        if (part >= 0) return true;
        sift(words[word], hits, marks);
        word += 1;
        part = 0;
        hits = fresh();
        return word < words.length;
      },
      () => found(marks),
    );
  });
}

function fresh() {
  return {
    targets: new Uint8Array(folded.targets.length),
    checks: new Uint8Array(folded.checks.length),
    details: new Uint8Array(folded.details.length),
  };
}

/* Look for one word in some of the tables; returns where to go on, -1 at the end. */
function look(word, part, hits) {
  const all = [folded.checks, folded.targets, folded.details];
  const into = [hits.checks, hits.targets, hits.details];
  let before = 0;
  for (let table = 0; table < all.length; table += 1) {
    if (part < before + all[table].length) {
      const end = Math.min(part - before + 2000, all[table].length);
      for (let i = part - before; i < end; i += 1) into[table][i] = all[table][i].includes(word) ? 1 : 0;
      return before + end;
    }
    before += all[table].length;
  }
  return -1;
}

function sift(word, hits, marks) {
  const print = /^[0-9a-f]{4,16}$/.test(word);
  for (let row = 0; row < COUNT; row += 1) {
    if (!marks[row] || hits.targets[targetOf[row]] || hits.checks[checkOf[row]] || hits.details[detailOf[row]])
      continue;
    if (!print || !fingerprint(row).startsWith(word)) marks[row] = 0;
  }
}
