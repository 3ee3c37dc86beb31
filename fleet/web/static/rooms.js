// The rooms: a snapshot, then what changes; filters that live in the address, so that a view is a link.
"use strict";

const WORDS = { ready: "Ready", meeting: "In a meeting", warning: "Warning", broken: "Broken", offline: "Offline", new: "Not heard yet" };
const ORDER = ["broken", "offline", "warning", "meeting", "ready", "new"];
const RANK = Object.fromEntries(ORDER.map((status, rank) => [status, rank]));
const SVG = "http://www.w3.org/2000/svg";
const LOST_AFTER_MS = 4000;
const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
const $ = (id) => document.getElementById(id);

const rooms = new Map();
const sites = new Map();
let version = 0;
let sorted = null;
const wanted = { status: new Set(), search: "", site: "", version: "", order: "", dense: false };
const OLDER = "older";
let versions = [];

// What comes

function room(cell) {
  const [key, id, name, site, floor, status, since, worst, issues, tags, version] = cell;
  const place = sites.get(site);
  const text = [name, id, worst, floor, place?.name, version, ...tags].join("\n").toLowerCase();
  return { key, id, title: name || id, site, place, floor, status: status in RANK ? status : "new", since, worst, issues, version, text, changed: false };
}

async function load() {
  const answer = await fetch("/live/rooms.json");
  if (answer.status === 401) return location.assign("/sign-in?next=/rooms");
  const all = await answer.json();
  sites.clear();
  for (const [key, id, name] of all.sites) sites.set(key, { key, id, name });
  rooms.clear();
  for (const cell of all.rooms) rooms.set(cell[0], room(cell));
  version = all.version;
  sorted = null;
  offerSites();
  offerVersions();
  show();
}

async function take(event) {
  const news = JSON.parse(event.data);
  for (const key of news.gone) sorted = rooms.delete(key) ? null : sorted;
  for (const cell of news.rooms) {
    const before = rooms.get(cell[0]), after = room(cell);
    after.changed = before !== undefined && before.status !== after.status;
    const moved = !before || before.title !== after.title || before.site !== after.site || before.floor !== after.floor;
    if (moved || wanted.order) sorted = null;
    else replaceInPlace(before, after);
    rooms.set(after.key, after);
  }
  version = news.version;
  const unknownSite = news.rooms.some((cell) => cell[3] !== null && !sites.has(cell[3]));
  offerVersions();
  if (news.count !== rooms.size || unknownSite) await load();
  else show();
}

function replaceInPlace(before, after) {
  after.at = before.at;
  if (sorted) sorted[before.at] = after;
}

let stream = null, lost = null;

function listen() {
  stream = new EventSource(`/live/rooms?since=${version}`);
  stream.addEventListener("rooms", take);
  stream.addEventListener("over", () => location.reload());
  stream.addEventListener("open", () => {
    clearTimeout(lost);
    lost = null;
    $("lost").hidden = true;
  });
  stream.addEventListener("error", () => {
    lost ??= setTimeout(() => ($("lost").hidden = false), LOST_AFTER_MS);
    // refused for good: perhaps signed out. Ask for everything, which says so.
    if (stream.readyState === EventSource.CLOSED) setTimeout(again, LOST_AFTER_MS);
  });
}

async function again() {
  try {
    await load();
    listen();
  } catch {
    setTimeout(again, LOST_AFTER_MS);
  }
}

// What is shown

function inOrder() {
  if (sorted) return sorted;
  const place = (one) => (one.place ? one.place.name : "\uffff");
  const byPlace = (a, b) =>
    (a.site === b.site ? 0 : collator.compare(place(a), place(b)) || a.site - b.site) ||
    (a.floor === b.floor ? 0 : collator.compare(a.floor, b.floor)) || collator.compare(a.title, b.title) || a.key - b.key;
  const worst = (a, b) => RANK[a.status] - RANK[b.status] || b.since - a.since || byPlace(a, b);
  sorted = [...rooms.values()].sort(wanted.order === "worst" ? worst : byPlace);
  sorted.forEach((one, at) => (one.at = at));
  return sorted;
}

function groupsOf(list) {
  if (wanted.order === "worst") return [{ title: "", rooms: list }];
  const groups = [];
  for (const one of list) {
    const last = groups.at(-1);
    if (last && last.site === one.site && last.floor === one.floor) last.rooms.push(one);
    else groups.push({ site: one.site, floor: one.floor, title: titleOf(one), rooms: [one] });
  }
  return groups;
}

const titleOf = (one) => (one.place ? one.place.name : "No site") + (one.floor ? ` · ${one.floor}` : "");

function show() {
  $("loading")?.remove();
  const words = wanted.search.toLowerCase().split(/\s+/).filter(Boolean), counts = Object.fromEntries(ORDER.map((status) => [status, 0]));
  const list = [];
  for (const one of inOrder()) {
    if (wanted.site && one.place?.id !== wanted.site) continue;
    if (!runs(one)) continue;
    if (!words.every((word) => one.text.includes(word))) continue;
    counts[one.status]++;
    if (!wanted.status.size || wanted.status.has(one.status)) list.push(one);
  }
  grid.show(groupsOf(list), wanted.dense);
  $("count").textContent = list.length === rooms.size ? `${rooms.size}` : `${list.length} of ${rooms.size}`;
  // as many as fit into an address; nobody picks more by hand
  if ($("job")) $("job").href = `/jobs/new?scopes=${list.slice(0, 100).map((one) => encodeURIComponent(one.id)).join("+")}`;
  if ($("job")) $("job").hidden = list.length === 0 || list.length > 100;
  $("table").href = `/rooms.csv?${tableQuery()}`;
  $("nothing").hidden = list.length > 0 || rooms.size === 0;
  $("empty").hidden = rooms.size > 0;
  for (const chip of document.querySelectorAll(".chip")) {
    chip.querySelector("b").textContent = counts[chip.dataset.status];
    chip.classList.toggle("none", counts[chip.dataset.status] === 0);
    chip.setAttribute("aria-pressed", wanted.status.has(chip.dataset.status));
  }
}

// The same rooms, in the words of the table's own address.
function tableQuery() {
  const query = new URLSearchParams();
  for (const status of ORDER) if (wanted.status.has(status)) query.append("status", status);
  for (const name of ["search", "site"]) if (wanted[name]) query.set(name, wanted[name]);
  if (wanted.version) query.set(wanted.version === OLDER ? "older_than" : "version", wanted.version === OLDER ? versions.at(-1) : wanted.version);
  return query;
}

// What runs: one version, or all that are older than the newest.
const runs = (one) => !wanted.version || (wanted.version === OLDER ? one.version && one.version !== versions.at(-1) : one.version === wanted.version);

function since(ms) {
  if (!ms) return "";
  const minutes = Math.floor(Math.max(0, consoleNow() - ms) / 60_000);
  if (minutes < 60) return ` ${Math.max(minutes, 1)} min`;
  return minutes < 2880 ? ` ${Math.floor(minutes / 60)} h` : ` ${Math.floor(minutes / 1440)} d`;
}

function makeTile() {
  const tile = document.createElement("a"), shape = document.createElementNS(SVG, "svg");
  shape.append(document.createElementNS(SVG, "use"));
  shape.setAttribute("aria-hidden", "true");
  const [name, time, state] = [document.createElement("b"), document.createElement("small"), document.createElement("span")];
  state.append(document.createElement("i"), "");
  tile.append(shape, name, time, state);
  tile.tabIndex = -1;
  return tile;
}

// Names and issues are a room's own words: text, never markup.
function fillTile(tile, one) {
  const version = wanted.version && one.version, stamp = `${one.title}|${one.status}|${one.worst}|${one.issues}|${since(one.since)}|${version}`;
  if (tile.stamp === stamp) return;
  tile.stamp = stamp;
  const [shape, name, time, state] = tile.children, more = one.issues > 1 ? ` +${one.issues - 1}` : "";
  tile.className = `tile ${one.status}${one.changed ? " changed" : ""}`;
  tile.href = `/rooms/${encodeURIComponent(one.id)}`;
  shape.setAttribute("class", `shape ${one.status}`);
  shape.firstChild.setAttribute("href", `#shape-${one.status}`);
  name.textContent = one.title;
  time.textContent = since(one.since);
  state.firstChild.textContent = WORDS[one.status];
  state.lastChild.textContent = `${version ? ` ${version}` : ""}${one.worst ? ` ${one.worst}${more}` : ""}`;
  tile.title = [one.title, WORDS[one.status], one.worst && `${one.worst}${more}`, one.version && `Salon ${one.version}`].filter(Boolean).join("\n");
}

function fillHeading(element, group) {
  const bad = group.rooms.filter((one) => RANK[one.status] < 3).length, stamp = `${group.title}|${group.rooms.length}|${bad}`;
  if (element.stamp === stamp) return;
  element.stamp = stamp;
  element.className = "heading";
  const small = document.createElement("small");
  small.textContent = `${group.rooms.length} room${group.rooms.length === 1 ? "" : "s"}${bad ? `, ${bad} to look at` : ""}`;
  element.replaceChildren(group.title, small);
}

const grid = new Grid($("grid"), { make: makeTile, fill: fillTile, key: (one) => one.key, heading: fillHeading });

// What is asked for

function offerSites() {
  const select = $("filters").site, chosen = wanted.site;
  select.replaceChildren(new Option("All sites", ""));
  for (const site of [...sites.values()].sort((a, b) => collator.compare(a.name, b.name))) select.add(new Option(site.name, site.id));
  select.value = chosen;
}

function offerVersions() {
  const found = [...new Set([...rooms.values()].map((one) => one.version).filter(Boolean))].sort(collator.compare);
  const select = $("filters").version;
  if (found.join() !== versions.join()) {
    versions = found;
    select.replaceChildren(new Option("All versions", ""), new Option(`Older than ${found.at(-1)}`, OLDER), ...found.map((one) => new Option(one, one)));
  }
  // a single version is no choice
  select.hidden = versions.length < 2 && !wanted.version;
  select.value = wanted.version;
}

function readAddress() {
  const query = new URLSearchParams(location.search), form = $("filters");
  wanted.status = new Set((query.get("status") || "").split(",").filter((status) => status in RANK));
  wanted.search = query.get("search") || "";
  if (form.search !== document.activeElement) form.search.value = wanted.search;
  wanted.site = query.get("site") || "";
  wanted.version = form.version.value = query.get("version") || "";
  wanted.order = form.order.value = query.get("order") === "worst" ? "worst" : "";
  wanted.dense = query.has("dense");
  $("dense").setAttribute("aria-pressed", wanted.dense);
  $("view-query").value = location.search.slice(1);
}

function ask(change) {
  const ordered = wanted.order;
  Object.assign(wanted, change);
  if (ordered !== wanted.order) sorted = null;
  const query = new URLSearchParams();
  if (wanted.status.size) query.set("status", ORDER.filter((status) => wanted.status.has(status)).join(","));
  for (const name of ["search", "site", "version", "order"]) if (wanted[name]) query.set(name, wanted[name]);
  if (wanted.dense) query.set("dense", "1");
  history.replaceState(null, "", query.size ? `?${query}` : location.pathname);
  readAddress();
  show();
}

$("chips").addEventListener("click", (event) => {
  const status = event.target.closest(".chip")?.dataset.status;
  if (status) ask({ status: toggled(status) });
});

function toggled(status) {
  const next = new Set(wanted.status);
  if (!next.delete(status)) next.add(status);
  return next;
}

$("filters").addEventListener("submit", (event) => event.preventDefault());
$("filters").search.addEventListener("input", (event) => ask({ search: event.target.value.trim() }));
$("filters").site.addEventListener("change", (event) => ask({ site: event.target.value }));
$("filters").version.addEventListener("change", (event) => ask({ version: event.target.value }));
$("filters").order.addEventListener("change", (event) => ask({ order: event.target.value }));
$("dense").addEventListener("click", () => ask({ dense: !wanted.dense }));
$("more").addEventListener("click", () => $("more").setAttribute("aria-expanded", $("filters").classList.toggle("open")));
$("reset").addEventListener("click", () => ask({ status: new Set(), search: "", site: "", version: "" }));
document.addEventListener("visibilitychange", () => {
  // a page nobody sees takes none of the few connections a browser has
  stream?.close();
  if (!document.hidden) listen();
});
setInterval(() => grid.draw(), 20_000);

readAddress();
again();
