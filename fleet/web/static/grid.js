// Shows any number of tiles by having only those on the page that can be seen. Headings stand between groups of tiles.
"use strict";

// In rem, as a wall screen's letters are larger.
const SIZES = {
  normal: { width: 18.7, height: 4.27, gap: .53, heading: 2.93 },
  dense: { width: 8.53, height: 2.13, gap: .33, heading: 2.8 },
};
const BEYOND_PX = 500;

/** Put small groups of a site side by side: bands of groups, each with the column it begins in. */
function inBands(groups, columns) {
  const bands = [];
  for (const group of groups) {
    const last = bands.at(-1), wide = group.rooms.length;
    if (last && last.site === group.site && last.next + wide <= columns) {
      last.groups.push({ group, column: last.next });
      last.next += wide;
    } else bands.push({ site: group.site, groups: [{ group, column: 0 }], next: wide });
  }
  return bands;
}

/** Lay groups of rooms out in rows from top to bottom: of headings, [{ group, column }], or of rooms, with their column. */
function layOut(groups, width, size) {
  const columns = Math.max(1, Math.floor((width + size.gap) / (size.width + size.gap)));
  const rows = [];
  let y = 0;
  for (const band of inBands(groups, columns)) {
    if (band.groups[0].group.title) {
      rows.push({ y, height: size.heading, groups: band.groups });
      y += size.heading;
    }
    const all = band.groups.flatMap(({ group }) => group.rooms);
    for (let at = 0; at < all.length; at += columns) {
      rows.push({ y, height: size.height, rooms: all.slice(at, at + columns) });
      y += size.height + size.gap;
    }
  }
  return { rows, columns, height: y, tile: (width - (columns - 1) * size.gap) / columns };
}

/** The index of the first row that ends below a height. */
function firstRow(rows, y) {
  let low = 0, high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle].y + rows[middle].height < y) low = middle + 1;
    else high = middle;
  }
  return low;
}

class Grid {
  constructor(element, { make, fill, key, heading }) {
    Object.assign(this, { element, make, fill, key, heading });
    this.groups = [];
    this.shown = new Map();
    this.current = null;
    this.size = SIZES.normal;
    addEventListener("scroll", () => this.soon(), { passive: true });
    new ResizeObserver(() => this.arrange()).observe(element);
    element.addEventListener("keydown", (event) => this.keydown(event));
    element.addEventListener("focusin", (event) => {
      const tile = event.target.closest(".tile");
      if (tile) this.makeCurrent(tile.dataset.key);
    });
  }

  show(groups, dense) {
    this.groups = groups;
    this.size = dense ? SIZES.dense : SIZES.normal;
    this.element.classList.toggle("dense", dense);
    this.arrange();
  }

  arrange() {
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    this.px = Object.fromEntries(Object.entries(this.size).map(([name, size]) => [name, Math.round(size * rem)]));
    this.plan = layOut(this.groups, this.element.clientWidth, this.px);
    const { plan } = this;
    this.element.style.height = `${plan.height}px`;
    this.order = plan.rows.flatMap((row) => row.rooms || []);
    this.draw();
  }

  soon() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.draw();
    });
  }

  draw() {
    if (!this.plan) return;
    const top = -this.element.getBoundingClientRect().top - BEYOND_PX;
    const bottom = top + innerHeight + 2 * BEYOND_PX;
    const { rows } = this.plan, seen = new Set(), focused = document.activeElement?.dataset?.key;
    for (let at = firstRow(rows, top); at < rows.length && rows[at].y < bottom; at++) this.drawRow(rows[at], seen);
    for (const [key, tile] of this.shown) {
      if (seen.has(key) || (key === focused && this.isThere(key))) continue;
      tile.remove();
      this.shown.delete(key);
    }
    this.readInOrder(seen, focused);
    this.keepOneTabStop();
  }

  // Whoever hears the page gets the rooms in the order in which others see them.
  readInOrder(seen, focused) {
    let at = this.element.firstElementChild, moved = false;
    for (const key of seen) {
      const tile = this.shown.get(key);
      if (tile === at) at = at.nextElementSibling;
      else moved = Boolean(this.element.insertBefore(tile, at));
    }
    if (moved && focused) this.shown.get(focused)?.focus({ preventScroll: true });
  }

  isThere(key) {
    return this.order.some((room) => String(this.key(room)) === key);
  }

  drawRow(row, seen) {
    const step = this.plan.tile + this.px.gap;
    for (const { group, column } of row.groups || []) {
      const key = `heading ${group.title}`, element = this.elementFor(key, () => document.createElement("h2"));
      const columns = row.groups.length === 1 ? this.plan.columns : group.rooms.length;
      this.heading(element, group);
      this.put(element, column * step, row.y, columns * step - this.px.gap, row.height);
      seen.add(key);
    }
    (row.rooms || []).forEach((room, column) => {
      const key = String(this.key(room)), tile = this.elementFor(key, this.make);
      tile.dataset.key = key;
      this.fill(tile, room);
      this.put(tile, column * step, row.y, this.plan.tile, row.height);
      seen.add(key);
    });
  }

  elementFor(key, make) {
    let element = this.shown.get(key);
    if (!element) {
      element = make();
      this.shown.set(key, element);
      this.element.append(element);
    }
    return element;
  }

  put(element, x, y, width, height) {
    element.style.transform = `translate(${x}px, ${y}px)`;
    element.style.width = `${width}px`;
    element.style.height = `${height}px`;
  }

  // One tile can be reached with Tab, the arrows go on from there.
  makeCurrent(key) {
    const before = this.shown.get(this.current);
    if (before) before.tabIndex = -1;
    this.current = key;
    const tile = this.shown.get(key);
    if (tile) tile.tabIndex = 0;
  }

  keepOneTabStop() {
    if (this.shown.get(this.current)?.tabIndex === 0) return;
    const first = [...this.shown.values()].find((tile) => tile.dataset.key);
    if (first) this.makeCurrent(first.dataset.key);
  }

  keydown(event) {
    const tile = event.target.closest(".tile");
    if (!tile || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = this.order.findIndex((room) => String(this.key(room)) === tile.dataset.key);
    const to = this.neighbour(event.key, at);
    if (to === undefined) return;
    event.preventDefault();
    this.focus(Math.min(Math.max(to, 0), this.order.length - 1));
  }

  neighbour(key, at) {
    switch (key) {
      case "ArrowRight": return at + 1;
      case "ArrowLeft": return at - 1;
      case "Home": return 0;
      case "End": return this.order.length - 1;
      case "ArrowDown": return this.inNextRow(at, 1);
      case "ArrowUp": return this.inNextRow(at, -1);
      default: return undefined;
    }
  }

  inNextRow(at, step) {
    const rows = this.plan.rows.filter((row) => row.rooms), here = this.order[at];
    const row = rows.findIndex((one) => one.rooms.includes(here)), next = rows[row + step];
    if (!next) return at;
    return this.order.indexOf(next.rooms[Math.min(rows[row].rooms.indexOf(here), next.rooms.length - 1)]);
  }

  focus(at) {
    const room = this.order[at], row = this.plan.rows.find((one) => one.rooms?.includes(room));
    const top = this.element.getBoundingClientRect().top + row.y;
    if (top < 180 || top + row.height > innerHeight - 20) scrollBy(0, top - innerHeight / 2);
    this.draw();
    this.shown.get(String(this.key(room)))?.focus({ preventScroll: true });
  }
}
