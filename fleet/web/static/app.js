// On every page: moments in the reader's own zone, light or dark, and the search key.
"use strict";

const FORMS = {
  short: { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" },
  full: { year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" },
};
const MINUTE = 60_000, HOUR = 60 * MINUTE, DAY = 24 * HOUR;

// The console's clock is what counts, not this machine's.
const ahead = Date.now() - Number(document.body.dataset.now || Date.now());
const consoleNow = () => Date.now() - ahead;

function ago(ms) {
  const past = Math.max(0, consoleNow() - ms);
  if (past < 10_000) return "just now";
  if (past < MINUTE) return `${Math.floor(past / 1000)} s ago`;
  if (past < HOUR) return `${Math.floor(past / MINUTE)} min ago`;
  if (past < DAY) return `${Math.floor(past / HOUR)} h ago`;
  return `${Math.floor(past / DAY)} d ago`;
}

function tellTimes(root) {
  for (const time of root.querySelectorAll("time")) {
    const at = new Date(time.dateTime);
    if (time.dataset.form === "ago") time.textContent = ago(at.getTime());
    else time.textContent = at.toLocaleString(undefined, FORMS[time.dataset.form] || FORMS.short);
    time.title = at.toLocaleString();
  }
}

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function toggleTheme() {
  const theme = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // then it holds for this page
  }
  document.dispatchEvent(new Event("theme"));
}

function keys(event) {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const search = document.querySelector("input[type=search]");
    if (search) {
      event.preventDefault();
      search.focus();
      search.select();
    }
  }
  if (event.key === "Escape") document.querySelectorAll("details.menu[open]").forEach((menu) => {
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}

document.querySelector(".top nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
tellTimes(document);
setInterval(() => tellTimes(document), 10_000);
document.addEventListener("submit", (event) => {
  // what is written is the reader's own time; the console is told the moment
  for (const field of event.target.querySelectorAll("input[type=datetime-local]")) {
    const moment = event.target.elements[`${field.name}_ms`];
    if (moment) moment.value = field.value ? new Date(field.value).getTime() : "";
  }
});
// to the page before, with what was written there
const back = document.getElementById("back");
if (back && history.length > 1) back.hidden = false;
back?.addEventListener("click", () => history.back());
document.getElementById("theme")?.addEventListener("click", toggleTheme);
document.addEventListener("keydown", keys);
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});
for (const swapped of ["htmx:afterSwap", "htmx:oobAfterSwap"]) document.body.addEventListener(swapped, (event) => tellTimes(event.target));
document.body.addEventListener("htmx:responseError", (event) => {
  const told = document.getElementById("told");
  told.textContent = new DOMParser().parseFromString(event.detail.xhr.responseText, "text/html").body.textContent.trim().slice(0, 300);
});
