/* Who can use which image: images on the left, projects on the right, a line for each membership. */

const DRAWN = 14;

function sharePlot() {
  const { images, projects, edges } = HEAD.share;
  if (!edges.length && !images.some((one) => one.unseen))
    return figure("share", t("plots.share-desc"), h("p", { class: "fine" }, t("plots.share-none")));
  const left = images.slice(0, DRAWN);
  const reached = reachedBy(left.length, edges);
  const right = reached.map((project) => projects[project]);
  const lines_ = edges
    .filter(([image, project]) => image < left.length && reached.includes(project))
    .map(([image, project, status, against]) => [image, reached.indexOf(project), status, against]);
  const [row, top, width] = [21, 26, 960];
  const height = top + Math.max(left.length, right.length, 1) * row + 6;
  const [from, to] = [width * 0.36, width * 0.64];
  const y = (place, count) => top + row * (place + 0.5) + ((Math.max(left.length, right.length) - count) * row) / 2;
  const curve = ([image, project, status, against]) => {
    const [y1, y2, middle] = [y(image, left.length), y(project, right.length), (from + to) / 2];
    const words = `${images[image].name} → ${projectLabel(right[project])}: ${access(status)}${against ? `, ${t("plots.share-against")}` : ""}`;
    const kind = against ? "against" : ["accepted", "pending", "rejected"].includes(status) ? status : "accepted";
    return s(
      "path",
      { class: `edge ${kind}`, d: `M${from} ${y1}C${middle} ${y1} ${middle} ${y2} ${to} ${y2}` },
      s("title", null, words),
    );
  };
  const names = labels(left);
  const onLeft = left.map((one, place) =>
    s(
      "g",
      { class: one.unseen ? "node unseen" : "node" },
      s("title", null, `${one.name} ${one.place} ${one.id}`),
      s("circle", { cx: from, cy: y(place, left.length), r: 3.5 }),
      s(
        "text",
        { x: from - 12, y: y(place, left.length) + 4, "text-anchor": "end" },
        names[place],
        one.unseen ? ` (${t("plots.share-unseen")})` : "",
      ),
    ),
  );
  const onRight = right.map((one, place) =>
    s(
      "g",
      { class: one.id === "*" ? "node everyone" : "node" },
      s("title", null, projectLabel(one)),
      s("circle", { cx: to, cy: y(place, right.length), r: 3.5 }),
      s("text", { x: to + 12, y: y(place, right.length) + 4 }, cut(projectShort(one), 34)),
    ),
  );
  const heads = [
    s("text", { class: "axis", x: from - 12, y: 12, "text-anchor": "end" }, t("plots.images")),
    s("text", { class: "axis", x: to + 12, y: 12 }, t("plots.projects")),
  ];
  const order = [...lines_].sort((a, b) => a[3] - b[3]);
  const drawing = s(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-labelledby": "share-name share-about" },
    s("title", { id: "share-name" }, t("plots.share")),
    s("desc", { id: "share-about" }, t("plots.share-desc")),
    heads,
    order.map(curve),
    onLeft,
    onRight,
  );
  const kinds = [
    ["accepted", "share-accepted"],
    ["pending", "share-pending"],
    ["rejected", "share-rejected"],
    ["against", "share-against"],
  ];
  const used = kinds.filter(([name]) =>
    name === "against" ? lines_.some((one) => one[3]) : lines_.some((one) => one[2] === name && !one[3]),
  );
  const legend = h(
    "p",
    { class: "legend lines" },
    used.map(([name, key]) => h("span", { class: name }, t(`plots.${key}`))),
  );
  const more = [
    moreOf("plots.more-images", images.length - left.length + HEAD.share.more_images),
    moreOf("plots.more-projects", projects.length - right.length + HEAD.share.more_projects),
  ].filter(Boolean);
  return figure(
    "share",
    t("plots.share-desc"),
    h("div", { class: "wide", tabindex: 0, role: "region", "aria-labelledby": "plot-share" }, drawing),
    legend,
    more.length ? h("p", { class: "quiet" }, more.join(" · ")) : null,
    shareTable(),
  );
}

/* The projects to draw: those that can use the images that are drawn; what a fail stands about first, then the busiest. */
function reachedBy(count, edges) {
  const weight = new Map();
  for (const [image, project, , against] of edges)
    if (image < count) weight.set(project, (weight.get(project) ?? 0) + 1 + (against ? count : 0));
  const order = [...weight.keys()].sort((a, b) => weight.get(b) - weight.get(a) || a - b);
  return order.slice(0, DRAWN).sort((a, b) => a - b);
}

function moreOf(key, count) {
  return count > 0 ? t(key, { n: count }) : "";
}

function projectLabel(one) {
  if (one.id === "*") return t("plots.everyone");
  return one.name ? `${one.name} (${one.id})` : one.id;
}

function projectShort(one) {
  return one.id === "*" ? t("plots.everyone") : one.name || one.id;
}

function access(status) {
  return has(`plots.share-${status}`) ? t(`plots.share-${status}`) : status;
}

const WIDE = /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;

/* The beginning of a text that is too long for so many columns; letters of East Asia take two. */
function cut(text, columns) {
  let left = columns;
  const letters = [...text];
  const widths = letters.map((letter) => (WIDE.test(letter) ? 2 : 1));
  if (widths.reduce((sum, width) => sum + width, 0) <= columns) return text;
  const end = widths.findIndex((width) => (left -= width) < 1);
  return `${letters.slice(0, end).join("")}…`;
}

/* Names of images as they are drawn: namesakes with their place. */
function labels(images) {
  const count = new Map();
  for (const { name } of images) count.set(name, (count.get(name) ?? 0) + 1);
  return images.map(({ name, place }) => (count.get(name) > 1 ? `${cut(name, 20)} ${cut(place, 16)}` : cut(name, 30)));
}

/* All that the page knows of it, as a table; the plot draws the first of it. */
function shareTable() {
  const { images, projects, edges } = HEAD.share;
  const unseen = () =>
    images
      .filter((one) => one.unseen)
      .map((one) =>
        h(
          "tr",
          null,
          h("td", null, h("bdi", null, one.name), " ", h("span", { class: "quiet" }, one.place)),
          h("td", null, "–"),
          h("td", null, t("plots.share-unseen")),
        ),
      );
  const seen = () =>
    edges
      .slice(0, 500)
      .map(([image, project, status, against]) =>
        h(
          "tr",
          null,
          h("td", null, h("bdi", null, images[image].name), " ", h("span", { class: "quiet" }, images[image].place)),
          h("td", null, h("bdi", null, projectLabel(projects[project]))),
          h("td", null, access(status), against ? [", ", h("b", null, t("plots.share-against"))] : ""),
        ),
      );
  const table = asTable("plots.share", ["plots.image", "plots.project", "plots.access"], () => [
    ...seen(),
    ...unseen(),
  ]);
  if (edges.length > 500) table.append(h("p", { class: "quiet" }, t("page.and-more", { n: edges.length - 500 })));
  return table;
}
