/*
 * What is live on a page, by one stream of `/live`:
 *   data-live="NAME"         becomes as the HTML of the event NAME says
 *   data-live-of="ADDRESS"   what these parts are of
 *   data-live-held           of a part: it does not move under the hands of whoever points at it, or has checked a box in it
 *   data-live-waits="NAME"   is shown while boxes hold back that part
 *   data-live-rows="FILTER"  gets rows of reports at its top, those that the filter (a query) lets through; each has its
 *                            data-id, and there are at most as many as data-live-max says
 *   data-job="ID"            is replaced by what has become of that job, as the same event tells it
 *   data-live-again          a link that loads the page again, shown when rows have gone at the bottom
 *   data-live-pause          a button that holds them back
 *   data-live-skipped        says how many more came than are shown
 *   data-when-empty, data-when-rows  what is shown until the first row, and from then on
 * The frame (title, icon, count) is told to every page.
 */
import { redraw } from "./charts.js";
import { morph } from "./morph.js";
import { showTimes } from "./times.js";

const MAX_ROWS = 50;
const AGAIN_AFTER_MS = 10_000;
const GLANCE_EVERY_MS = 20_000;
const TRIED_EVERY_MS = 1_000;
/* Who has not moved the pointer for so long is reading, or has gone. */
const POINTS_FOR_MS = 3_000;

const { liveFrom, liveAt, title } = document.body.dataset;
const rows = document.querySelector("[data-live-rows]");
const pause = rows === null ? null : document.querySelector("[data-live-pause]");
const lost = document.getElementById("lost");
let source;
let again;
let paused = false;
/* What came while paused, the newest first. */
let held = [];
let heldBack = 0;
/* The newest of each part that is not shown yet. */
const news = new Map();
let pointedMs = Number.NEGATIVE_INFINITY;

if (liveFrom !== undefined) {
  open();
  // A browser has few connections to one host, so only pages that are seen hold one; the others keep their title true.
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  setInterval(() => document.hidden && glance(), GLANCE_EVERY_MS);
  setInterval(showNews, TRIED_EVERY_MS);
  document.addEventListener("pointermove", () => {
    pointedMs = performance.now();
  });
}

function open() {
  close();
  const query = new URLSearchParams({ at: liveAt });
  const parts = [...document.querySelectorAll("[data-live]")].map((place) => place.dataset.live);
  if (document.querySelector("[data-chart]") !== null) parts.push("chart");
  if (parts.length > 0) query.set("parts", [...new Set(parts)].join());
  const of = document.querySelector("[data-live-of]")?.dataset.liveOf;
  if (of !== undefined) query.set("of", of);
  if (rows !== null) query.set("rows", rows.dataset.liveRows);
  source = new EventSource(`${liveFrom}?${query}`);
  source.addEventListener("open", () => showLost(false));
  source.addEventListener("error", () => {
    showLost(true);
    // Who is refused is not asked again by the browser.
    if (source?.readyState === EventSource.CLOSED) again = setTimeout(open, AGAIN_AFTER_MS);
  });
  source.addEventListener("title", ({ data }) => showFrame(JSON.parse(data)));
  source.addEventListener("rows", ({ data }) => take(JSON.parse(data)));
  for (const name of parts) {
    source.addEventListener(name, name === "chart" ? redraw : ({ data }) => tell(name, data));
  }
}

function close() {
  clearTimeout(again);
  source?.close();
  source = undefined;
}

function tell(name, data) {
  news.set(name, data);
  showNews();
}

function showNews() {
  for (const [name, data] of [...news]) {
    const place = document.querySelector(`[data-live="${name}"]`);
    const isHeld = place.dataset.liveHeld !== undefined;
    const hasChecked = isHeld && place.querySelector("input:checked") !== null;
    for (const note of document.querySelectorAll(`[data-live-waits="${name}"]`)) note.hidden = !hasChecked;
    if (hasChecked || isSelectedIn(place) || (isHeld && isPointedAt(place))) continue;
    news.delete(name);
    morph(place, data);
    showTimes(place);
  }
}

function isPointedAt(place) {
  return place.matches(":hover") && performance.now() - pointedMs < POINTS_FOR_MS;
}

function isSelectedIn(place) {
  const selection = getSelection();
  return !selection.isCollapsed && place.contains(selection.anchorNode);
}

function take({ html, skipped, jobs }) {
  for (const row of [...rows.children, ...held]) {
    const place = row.querySelector("[data-job]");
    const now = place === null ? undefined : jobs[place.dataset.job];
    if (now !== undefined) place.innerHTML = now; // The server has escaped it.
  }
  const came = document.createElement("tbody");
  came.innerHTML = html; // The server has escaped it.
  // The first ones that a stream tells are those that were there when the page was made.
  const known = new Set([...rows.children, ...held].map((row) => row.dataset.id));
  const fresh = [...came.children].filter((row) => !known.has(row.dataset.id));
  if (fresh.length + skipped === 0) return;
  if (!paused) return insert(fresh, skipped);
  heldBack += fresh.length + skipped;
  held = [...fresh, ...held].slice(0, MAX_ROWS);
  pause.textContent = `Resume (${heldBack} new)`;
}

function insert(fresh, skipped) {
  for (const place of document.querySelectorAll("[data-when-empty]")) place.hidden = true;
  for (const place of document.querySelectorAll("[data-when-rows]")) place.hidden = false;
  for (const place of document.querySelectorAll("[data-live-skipped]")) {
    place.textContent = skipped === 0 ? "" : `About ${skipped} more came at the same time: reload to see them.`;
  }
  for (const row of fresh.reverse()) rows.insertBefore(row, placeOf(row));
  const most = Number(rows.closest("[data-live-max]")?.dataset.liveMax ?? MAX_ROWS);
  const gone = [...rows.children].slice(most).filter((row) => !row.contains(document.activeElement));
  for (const row of gone) row.remove();
  if (gone.length > 0) leadOverThoseGone();
  showTimes(rows);
}

/* The link to older ones goes on behind the rows that the page was made with, of which some are gone now. */
function leadOverThoseGone() {
  const again = document.querySelector("[data-live-again]");
  if (again === null) return;
  again.hidden = false;
  for (const link of document.querySelectorAll("a[rel=next]")) link.hidden = true;
}

/* The newest first: what a stream tells first may be older than what stands here. */
function placeOf(row) {
  const at = timeOf(row);
  return [...rows.children].find((other) => timeOf(other) <= at) ?? null;
}

function timeOf(row) {
  return row.querySelector("time")?.dateTime ?? "";
}

if (pause !== null) {
  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.textContent = paused ? "Resume" : "Pause";
    if (paused) return;
    if (heldBack > 0) insert(held, heldBack - held.length);
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
