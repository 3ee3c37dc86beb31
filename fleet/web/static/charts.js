// A room's measurements as small charts, one below the other, with one cursor.
"use strict";

const CHARTS = [
  { title: "Participants", lines: [["participants", "others in the call"]], digits: 0 },
  { title: "Packets lost, %", lines: [["loss", "worst stream"]], scale: 100, digits: 1 },
  { title: "Delay, ms", lines: [["rtt_ms", "round trip"], ["jitter_ms", "jitter"]], digits: 0 },
  { title: "Network, kbit/s", lines: [["kbps_in", "received"], ["kbps_out", "sent"]], digits: 0 },
  { title: "Processor, %", lines: [["cpu", "busy"]], scale: 100, digits: 0 },
  { title: "Temperature, °C", lines: [["temp_c", "machine"]], digits: 0 },
];
// as large as the letters around them: a wall screen's are larger
const REM = parseFloat(getComputedStyle(document.documentElement).fontSize), HEIGHT = Math.round(7.3 * REM);
const box = document.getElementById("charts"), place = document.getElementById("plots");
let plots = [], data = null, asked = 0;

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function axis(more) {
  return { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: `${Math.round(.8 * REM)}px Inter, system-ui, sans-serif`, ...more };
}

function moments(u, splits) {
  const form = data.step_s < 3600 ? { hour: "2-digit", minute: "2-digit" } : { day: "numeric", month: "short" };
  return splits.map((s) => new Date(s * 1000).toLocaleString(undefined, form));
}

function keyOf(name, at) {
  const key = document.createElement("span"), words = document.createElement("span");
  key.className = `key ${at ? "b" : "a"}`;
  key.innerHTML = '<svg aria-hidden="true" viewBox="0 0 16 8"><path/></svg>';
  key.querySelector("path").setAttribute("d", at ? "M0 4h4m3 0h4m3 0h2" : "M0 4h16");
  words.textContent = name;
  key.append(words);
  return key;
}

function latest(values, digits) {
  const value = values.findLast((one) => one !== null);
  return value === undefined ? "–" : value.toFixed(digits);
}

function chart({ title, lines, scale = 1, digits }) {
  const columns = lines.map(([name]) => data.columns[name].map((value) => (value === null ? null : value * scale)));
  if (columns.every((values) => values.every((value) => value === null))) return;
  const figure = document.createElement("figure"), head = document.createElement("h3"), canvas = document.createElement("div");
  figure.className = "plot";
  head.append(title, ...(lines.length > 1 ? lines.map(([, words], at) => keyOf(words, at)) : []));
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `${title}: ${lines.map(([, words], at) => `${words} ${latest(columns[at], digits)} now`).join(", ")}`);
  figure.append(head, canvas);
  place.append(figure);
  const gap = data.step_s * 2.5;
  const gaps = (u, series, from, to, nulls) => {
    const times = u.data[0];
    for (let at = from + 1; at <= to; at++) if (times[at] - times[at - 1] > gap) nulls.push([u.valToPos(times[at - 1], "x", true), u.valToPos(times[at], "x", true)]);
    return nulls;
  };
  const strokes = ["--meeting", "--warning"];
  plots.push(new uPlot({
    width: canvas.clientWidth, height: HEIGHT, legend: { show: false }, cursor: { sync: { key: "room" }, y: false, points: { size: 6 } },
    scales: { x: { range: [data.since / 1000, data.until / 1000] }, y: { range: (u, low, high) => [Math.min(0, low ?? 0), Math.max(high ?? 1, 10 ** -digits) * 1.1] } },
    axes: [axis({ size: 1.75 * REM, space: 3.4 * REM, values: moments }), axis({ size: 2.95 * REM, space: 1.9 * REM })],
    series: [{}, ...lines.map(([, words], at) => ({ label: words, stroke: colour(strokes[at]), width: 1.6, dash: at ? [5, 4] : undefined, points: { show: false }, gaps }))],
  }, [data.at.map((ms) => ms / 1000), ...columns], canvas));
}

function draw() {
  plots.forEach((plot) => plot.destroy());
  plots = [];
  place.replaceChildren();
  CHARTS.forEach(chart);
  if (!plots.length) {
    const none = document.createElement("p");
    none.className = "quiet";
    none.textContent = "Nothing was measured in this time.";
    place.append(none);
  }
}

async function load(span) {
  const mine = ++asked, answer = await fetch(`${box.dataset.series}?span=${span}`);
  if (!answer.ok || mine !== asked) return;
  data = await answer.json();
  draw();
}

box.addEventListener("click", (event) => {
  const button = event.target.closest("[data-span]");
  if (!button) return;
  for (const one of box.querySelectorAll("[data-span]")) one.setAttribute("aria-pressed", one === button);
  load(button.dataset.span);
});
document.addEventListener("theme", () => data && draw());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => data && draw());
let width = 0;
new ResizeObserver(() => {
  if (data && place.clientWidth !== width) plots.forEach((plot) => plot.setSize({ width: plot.root.parentElement.clientWidth, height: HEIGHT }));
  width = place.clientWidth;
}).observe(place);
load("24h");
