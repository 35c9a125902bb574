/* Who can use which image: images on the left, projects on the right, a line for each membership. */

const DRAWN = 14;

function sharePlot() {
  const { images, projects, edges } = HEAD.share;
  const left = images.slice(0, DRAWN);
  const right = projects.slice(0, DRAWN);
  const lines_ = edges.filter(([image, project]) => image < left.length && project < right.length);
  const [row, top, width] = [21, 26, 960];
  const height = top + Math.max(left.length, right.length, 1) * row + 6;
  const [from, to] = [width * 0.36, width * 0.64];
  const y = (place, count) => top + row * (place + 0.5) + ((Math.max(left.length, right.length) - count) * row) / 2;
  const curve = ([image, project, status, against]) => {
    const [y1, y2, middle] = [y(image, left.length), y(project, right.length), (from + to) / 2];
    const words = `${images[image].name} → ${projectLabel(projects[project])}: ${access(status)}${against ? `, ${t("plots.share-against")}` : ""}`;
    const kind = against ? "against" : ["accepted", "pending", "rejected"].includes(status) ? status : "accepted";
    return s(
      "path",
      { class: `edge ${kind}`, d: `M${from} ${y1}C${middle} ${y1} ${middle} ${y2} ${to} ${y2}` },
      s("title", null, words),
    );
  };
  const onLeft = left.map((one, place) =>
    s(
      "g",
      { class: one.unseen ? "node unseen" : "node" },
      s("title", null, `${one.name} ${one.place} ${one.id}`),
      s("circle", { cx: from, cy: y(place, left.length), r: 3.5 }),
      s(
        "text",
        { x: from - 12, y: y(place, left.length) + 4, "text-anchor": "end" },
        cut(one.name, 30),
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

function cut(text, length) {
  const letters = [...text];
  return letters.length > length ? `${letters.slice(0, length - 1).join("")}…` : text;
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
