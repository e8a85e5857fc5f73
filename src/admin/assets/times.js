/* Keeps "2 min ago" true, and shows times in UTC or by this computer's clock. */
const KEPT_AS = "mm4d-times";
const EVERY_MS = 1_000;

let local = false;
try {
  local = localStorage.getItem(KEPT_AS) === "local";
} catch {
  // A browser that keeps nothing: UTC at each visit.
}

/* Also called when live.js has put something new on the page. */
export function showTimes(within = document) {
  for (const time of within.querySelectorAll("time[datetime]")) {
    const exact = exactly(time.dateTime, "exact" in time.dataset || "ago" in time.dataset);
    if (exact === undefined) continue;
    if ("ago" in time.dataset) time.title = `${exact}${local ? " local time" : " UTC"}`;
    else if (time.textContent !== exact) time.textContent = exact;
  }
  showAgo(within);
}

/* Written only when it changes, because each change costs a layout. */
function showAgo(within = document) {
  for (const time of within.querySelectorAll("time[data-ago]")) {
    const seconds = Math.round((Date.now() - Date.parse(time.dateTime)) / 1000);
    if (Number.isNaN(seconds)) continue;
    const words = seconds < 0 ? `in ${inWords(-seconds)}` : `${inWords(seconds)} ago`;
    if (time.textContent !== words) time.textContent = words;
  }
}

/* As pieces.ts says it. */
function inWords(seconds) {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/* A time to the second, or with its fraction; undefined for what is no time. */
function exactly(at, whole) {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return undefined;
  // The offset is taken away, so that the text of UTC reads as local time.
  const shown = local ? new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString() : date.toISOString();
  const fraction = whole && /\.\d+Z$/.test(at) ? shown.slice(19, -1) : "";
  return `${shown.slice(0, 10)} ${shown.slice(11, 19)}${fraction}`;
}

const button = document.getElementById("times");
if (button !== null) {
  button.hidden = false;
  button.addEventListener("click", () => {
    local = !local;
    try {
      localStorage.setItem(KEPT_AS, local ? "local" : "utc");
    } catch {
      // As above.
    }
    show();
  });
}

function show() {
  if (button !== null) button.textContent = local ? "Local time" : "UTC";
  showTimes();
  document.dispatchEvent(new CustomEvent("times", { detail: { local } }));
}

export const isLocal = () => local;
show();
setInterval(showAgo, EVERY_MS);
