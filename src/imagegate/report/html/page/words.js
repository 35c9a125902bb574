/* Words in three languages; the same keys and the same rules as imagegate/report/language. */

const WORDS = JSON.parse(taken("words"));

let language = document.documentElement.lang;

function t(key, values) {
  let text = WORDS[language][key];
  if (text === undefined) throw new Error(`no word for ${key}`);
  if (typeof text !== "string") text = values.n === 1 && "one" in text ? text.one : text.other;
  if (!values) return text;
  return text.replace(/\{(\w+)\}/g, (_, name) =>
    typeof values[name] === "number" ? number(values[name]) : values[name],
  );
}

function has(key) {
  return key in WORDS[language];
}

/* The words for a value of ours, or the value itself where there are none. */
function known(section, value) {
  return has(`${section}.${value}`) ? t(`${section}.${value}`) : String(value);
}

function number(value) {
  return value.toLocaleString("en-US");
}

/* 2026-11-22 10:15:00 UTC */
function time(text) {
  const found = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?Z$/.exec(text ?? "");
  return found ? `${found[1]} ${found[2]} UTC` : String(text ?? "–");
}

function speak(code) {
  if (!(code in WORDS)) return;
  language = code;
  document.documentElement.lang = code;
  for (const element of document.querySelectorAll("[data-t]")) {
    element.textContent = t(element.dataset.t, element.dataset.a ? JSON.parse(element.dataset.a) : undefined);
  }
}
