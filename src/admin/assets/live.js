/*
 * What is live on a page, by one stream of `/live`:
 *   data-live="NAME"         is replaced by the HTML of the event NAME
 *   data-rows                gets rows of reports at its top, those that the address asks for
 *   data-rows-pause          a button that holds them back
 *   data-rows-none           stands where there is no row yet: the first one has the page loaded again
 * The frame (title, icon, count) is told to every page.
 */
import { redraw } from "./charts.js";
import { showTimes } from "./times.js";

const MAX_ROWS = 50;
const AGAIN_AFTER_MS = 10_000;
const GLANCE_EVERY_MS = 20_000;

const { liveFrom, title } = document.body.dataset;
/* Older ones of a list do not change. */
const isNewest = !new URLSearchParams(location.search).has("from");
const rows = isNewest ? document.querySelector("[data-rows], [data-rows-none]") : null;
const pause = rows === null ? null : document.querySelector("[data-rows-pause]");
const lost = document.getElementById("lost");
let source;
let again;
let paused = false;
/* What came while paused, the newest first. */
let held = [];
let heldBack = 0;

if (liveFrom !== undefined) {
  open();
  // A browser has few connections to one host, so only pages that are seen hold one; the others keep their title true.
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  setInterval(() => document.hidden && glance(), GLANCE_EVERY_MS);
}

function open() {
  close();
  const query = new URLSearchParams();
  const parts = [...document.querySelectorAll("[data-live]")].map((place) => place.dataset.live);
  if (parts.length > 0) query.set("parts", [...new Set(parts)].join());
  if (rows !== null) query.set("rows", location.search);
  source = new EventSource(`${liveFrom}?${query}`);
  source.addEventListener("open", () => showLost(false));
  source.addEventListener("error", () => {
    showLost(true);
    // Who is refused is not asked again by the browser.
    if (source?.readyState === EventSource.CLOSED) again = setTimeout(open, AGAIN_AFTER_MS);
  });
  source.addEventListener("title", ({ data }) => showFrame(JSON.parse(data)));
  source.addEventListener("rows", ({ data }) => take(JSON.parse(data)));
  source.addEventListener("chart", () => redraw());
  for (const name of parts) source.addEventListener(name, ({ data }) => replace(name, data));
}

function close() {
  clearTimeout(again);
  source?.close();
  source = undefined;
}

function replace(name, data) {
  for (const place of document.querySelectorAll(`[data-live="${name}"]`)) {
    // Whoever reads with the keyboard, or selects, keeps their place.
    if (place.contains(document.activeElement) || isSelectedIn(place)) continue;
    place.innerHTML = data; // The server has escaped it.
    showTimes(place);
  }
}

function isSelectedIn(place) {
  const selection = getSelection();
  return !selection.isCollapsed && place.contains(selection.anchorNode);
}

function take({ html, skipped }) {
  if (rows.dataset.rows === undefined) return location.reload();
  if (!paused) return insert(html, skipped);
  const came = document.createElement("tbody");
  came.innerHTML = html;
  heldBack += came.children.length + skipped;
  held = [...came.children, ...held].slice(0, MAX_ROWS);
  pause.textContent = `▶ Resume (${heldBack} new)`;
}

function insert(html, skipped) {
  for (const place of document.querySelectorAll("[data-rows-skipped]")) {
    place.textContent = skipped === 0 ? "" : `${skipped} more came at the same time: reload to see them.`;
  }
  rows.insertAdjacentHTML("afterbegin", html);
  const most = Number(rows.dataset.rows || MAX_ROWS);
  for (const row of [...rows.children].slice(most)) if (!row.contains(document.activeElement)) row.remove();
  showTimes(rows);
}

if (pause !== null) {
  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    pause.textContent = paused ? "▶ Resume" : "⏸ Pause";
    if (paused) return;
    insert(held.map((row) => row.outerHTML).join(""), heldBack - held.length);
    held = [];
    heldBack = 0;
  });
}

function showFrame({ title: state, icon, quarantined }) {
  document.title = [state, title, "mm4d"].filter((part) => part !== "").join(" · ");
  const link = document.getElementById("icon");
  if (link.getAttribute("href") !== icon) link.setAttribute("href", icon);
  const badge = document.getElementById("quarantined");
  badge.textContent = String(quarantined);
  badge.hidden = quarantined === 0;
}

function showLost(isLost) {
  if (lost.hidden === !isLost) return;
  lost.hidden = !isLost;
  // A tab must not go on saying that all is well.
  if (isLost) document.title = `? Not live · ${title} · mm4d`;
}

async function glance() {
  try {
    const response = await fetch("/glance");
    if (!response.ok) throw new Error(response.statusText);
    showFrame(await response.json());
    showLost(false);
  } catch {
    showLost(true);
  }
}
