/* A list of any length: only what is near the window is in the document. Heights differ, and are known once drawn. */

/* Heights with running sums (a Fenwick tree): setting one, summing and finding take log(n) steps. */
class Heights {
  constructor(heights) {
    this.heights = heights;
    this.tree = new Float64Array(heights.length + 1);
    for (let at = 1; at < this.tree.length; at += 1) {
      this.tree[at] += heights[at - 1];
      const parent = at + (at & -at);
      if (parent < this.tree.length) this.tree[parent] += this.tree[at];
    }
    this.top = 1;
    while (this.top * 2 < this.tree.length) this.top *= 2;
  }

  set(place, height) {
    const change = height - this.heights[place];
    if (!change) return;
    this.heights[place] = height;
    for (let at = place + 1; at < this.tree.length; at += at & -at) this.tree[at] += change;
  }

  /* The height of all before `place`. */
  before(place) {
    let sum = 0;
    for (let at = place; at > 0; at -= at & -at) sum += this.tree[at];
    return sum;
  }

  get total() {
    return this.before(this.heights.length);
  }

  /* The place that is at this height. */
  at(height) {
    let found = 0;
    let left = height;
    for (let step = this.top; step; step >>= 1) {
      if (found + step < this.tree.length && this.tree[found + step] <= left) {
        found += step;
        left -= this.tree[found];
      }
    }
    return Math.min(found, this.heights.length - 1);
  }
}

const AHEAD = 500; // pixels drawn above and below the window
const LEAST = 20; // so many are drawn, even where the list has not been scrolled to
const WHOLE = 150; // so many are drawn all, for the browser's own search in the page

class LongList {
  /* `lines` holds the lines; `make(place)` draws one, `guess(place)` is its height until then. `cover()` tells how much
     of the window's top is covered by what stays there. */
  constructor(host, { make, guess, cover }) {
    Object.assign(this, { host, make, guess, cover, lines: [], drawn: new Map(), active: 0, waiting: false, last: 0 });
    this.sizes = new ResizeObserver((entries) => this.resized(entries));
    addEventListener("scroll", () => this.soon(), { passive: true });
    addEventListener("resize", () => this.soon());
  }

  /* Show other lines. `active` is the line that the keyboard is at. */
  show(lines, active) {
    this.lines = lines;
    this.active = Math.max(0, Math.min(active, lines.length - 1));
    this.heights = new Heights(Float64Array.from(lines, (_, place) => this.guess(place)));
    for (const element of this.drawn.values()) {
      this.sizes.unobserve(element);
      element.remove();
    }
    this.drawn.clear();
    this.draw();
  }

  soon() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.draw();
    });
  }

  /* Draw what is near the window, and put it in its place; what is first in the window stays where it is. */
  draw() {
    if (!this.lines.length) {
      this.host.style.height = "0";
      return;
    }
    const top = -this.host.getBoundingClientRect().top;
    const first = this.heights.at(Math.max(0, top));
    const offset = this.heights.before(first);
    const far = Math.abs(top - this.last) > innerHeight; // nothing that was drawn is of use: first what will be seen
    this.last = top;
    if (far) setTimeout(() => this.soon(), 80);
    const [from, to] = this.range(top, far ? 0 : AHEAD);
    for (const [place, element] of this.drawn) {
      if ((place < from || place >= to) && place !== this.active && !element.contains(document.activeElement)) {
        this.sizes.unobserve(element);
        element.remove();
        this.drawn.delete(place);
      }
    }
    const added = [];
    for (let place = from; place < to; place += 1) if (!this.drawn.has(place)) added.push(place);
    if (!this.drawn.has(this.active)) added.push(this.active);
    this.add([...new Set(added)]);
    this.place();
    const moved = this.heights.before(first) - offset;
    if (moved && top > 0) scrollBy(0, moved);
  }

  range(top, ahead) {
    const count = this.lines.length;
    if (count <= WHOLE) return [0, count];
    const from = this.heights.at(Math.max(0, top - ahead));
    const to = Math.max(from + LEAST, this.heights.at(Math.max(0, top + innerHeight + ahead)) + 1);
    return [from, Math.min(count, to)];
  }

  /* Make elements, in the order of the lines among those that are there, and measure them all at once. */
  add(places) {
    if (!places.length) return;
    const there = [...this.drawn.keys()].sort((a, b) => a - b);
    const made = places.map((place) => [place, this.made(place)]);
    for (const [place, element] of made) {
      const next = there.find((other) => other > place);
      this.host.insertBefore(element, next === undefined ? null : this.drawn.get(next));
    }
    for (const [place, element] of made) this.drawn.set(place, element);
    for (const [place, element] of made) this.heights.set(place, element.offsetHeight);
    for (const [, element] of made) this.sizes.observe(element);
  }

  made(place) {
    const element = this.make(place);
    element.dataset.place = place;
    element.setAttribute("aria-setsize", this.lines.length);
    element.setAttribute("aria-posinset", place + 1);
    this.head(element).tabIndex = place === this.active ? 0 : -1;
    return element;
  }

  head(element) {
    return element.querySelector("button");
  }

  place() {
    for (const [place, element] of this.drawn) {
      const transform = `translateY(${this.heights.before(place)}px)`;
      if (element.style.transform !== transform) element.style.transform = transform;
    }
    this.host.style.height = `${this.heights.total}px`;
  }

  resized(entries) {
    let changed = false;
    for (const { target: element } of entries) {
      const place = Number(element.dataset.place);
      if (this.drawn.get(place) !== element) continue;
      changed ||= this.heights.heights[place] !== element.offsetHeight;
      this.heights.set(place, element.offsetHeight);
    }
    if (changed) this.soon();
    if (changed) this.place();
  }

  /* Draw one line anew, as what it shows has changed. */
  redraw(place) {
    const old = this.drawn.get(place);
    if (!old) return;
    const focused = old.contains(document.activeElement);
    const element = this.made(place);
    this.sizes.unobserve(old);
    old.replaceWith(element);
    this.drawn.set(place, element);
    this.heights.set(place, element.offsetHeight);
    this.sizes.observe(element);
    if (focused) this.head(element).focus({ preventScroll: true });
    this.draw();
  }

  /* Let the keyboard be at a line, in sight. */
  focus(place, { quiet } = {}) {
    if (!this.lines.length) return;
    const before = this.drawn.get(this.active);
    if (before) this.head(before).tabIndex = -1;
    this.active = Math.max(0, Math.min(place, this.lines.length - 1));
    this.reveal(this.active);
    const element = this.drawn.get(this.active);
    this.head(element).tabIndex = 0;
    if (!quiet) this.head(element).focus({ preventScroll: true });
  }

  /* Scroll as little as will show the head of a line; twice, as what is drawn on the way may be higher than guessed. */
  reveal(place) {
    for (let round = 0; round < 3; round += 1) {
      const top = this.host.getBoundingClientRect().top + this.heights.before(place);
      const bottom = top + Math.min(this.heights.heights[place], 120);
      const cover = this.cover() + 8;
      const by = top < cover ? top - cover : bottom > innerHeight - 8 ? bottom - innerHeight + 8 : 0;
      if (by) scrollBy({ top: by, behavior: "instant" });
      this.draw();
      if (!by) return;
    }
  }

  /* The first line that is not covered. */
  topmost() {
    const top = this.cover() - this.host.getBoundingClientRect().top;
    return top < 0 || !this.lines.length ? -1 : this.heights.at(top);
  }
}
