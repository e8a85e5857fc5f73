/*
 * The keys: `/` search, `j` `k` through the rows, Enter opens, Esc goes back, `?` tells them. A row is a line of a
 * table's body; it opens by its link `.open`, else by that of its head, else by its first one.
 * Focus goes to that link, so that Enter, Tab and screen readers go on from there.
 * Who speaks to the computer, or hits keys by mistake, can turn off those of one character. WCAG 2.1.4.
 */
const ROWS = "main tbody tr";
/* What a click in a row is for itself. Beside a box one may have missed it, and in a text one reads. */
const OWN = "a, button, summary, form, pre, td:has(input)";
const dialog = document.getElementById("keys");
const LAST = "mm4d-last:";
const KEPT_AS = "mm4d-keys";
const search = document.getElementById("find");
let areOn = true;
try {
  areOn = localStorage.getItem(KEPT_AS) !== "off";
} catch {
  // A browser that keeps nothing: on at each visit.
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const { target, key } = event;
  if (key === "Escape") return leave(event);
  if (!areOn || target.closest("input, textarea, select, [contenteditable], dialog")) return;
  const act = { "/": focusSearch, j: () => move(1), k: () => move(-1), "?": () => dialog?.showModal() }[key];
  if (act === undefined) return;
  event.preventDefault();
  act();
});

/* A click anywhere on a row whose head is a link opens it; on what can be clicked itself, that. */
document.addEventListener("click", ({ target, ctrlKey, metaKey, shiftKey, button }) => {
  const row = target.closest(ROWS);
  const link = row?.querySelector("a.open") ?? row?.querySelector("th a[href]");
  const own = target.closest(OWN);
  // A form around the whole table is not in the row.
  if (!link || button !== 0 || (own && row.contains(own))) return;
  if (getSelection().toString() !== "") return;
  if (ctrlKey || metaKey || shiftKey) window.open(link.href);
  else link.click();
});

const show = document.getElementById("show-keys");
if (show !== null) {
  show.hidden = false;
  show.addEventListener("click", () => dialog.showModal());
}

const choice = document.getElementById("keys-on");
if (choice !== null) {
  choice.checked = areOn;
  choice.addEventListener("change", () => {
    areOn = choice.checked;
    tellKeys();
    try {
      localStorage.setItem(KEPT_AS, areOn ? "on" : "off");
    } catch {
      // As above.
    }
  });
}
const told = [...document.querySelectorAll("[aria-keyshortcuts]")].map((of) => [
  of,
  of.getAttribute("aria-keyshortcuts"),
]);
tellKeys();

/* A key that does nothing is not told of. */
function tellKeys() {
  for (const [of, key] of told) {
    if (areOn) of.setAttribute("aria-keyshortcuts", key);
    else of.removeAttribute("aria-keyshortcuts");
  }
}

function focusSearch() {
  search?.focus();
  search?.select();
}

function linkOf(row) {
  return row.querySelector("a.open") ?? row.querySelector("th a[href]") ?? row.querySelector("a[href]");
}

/* From the row that has the focus, else from the first one that can be seen. */
function move(by) {
  const rows = [...document.querySelectorAll(ROWS)].filter((row) => linkOf(row) && row.getClientRects().length > 0);
  const here = rows.findIndex((row) => row.contains(document.activeElement));
  const first = Math.max(
    0,
    rows.findIndex((row) => row.getBoundingClientRect().top >= 0),
  );
  const row = rows[here === -1 ? first : Math.min(rows.length - 1, Math.max(0, here + by))];
  if (row === undefined) return;
  linkOf(row).focus();
  row.scrollIntoView({ block: "nearest" });
}

function leave(event) {
  // An open dialog is closed by the browser.
  if (dialog?.open) return;
  const { activeElement } = document;
  if (activeElement?.closest("input, textarea, select")) return activeElement.blur();
  // To the list that this is of: as it was left, where the visitor came from it.
  const up = document.querySelector('nav[aria-label="Pages"] a[aria-current]');
  if (up === null || new URL(up.href).pathname === location.pathname) return;
  event.preventDefault();
  location.assign(addressOf(new URL(up.href).pathname));
}

/* A list with its filters, as it was seen last in this tab. */
function addressOf(pathname) {
  try {
    return sessionStorage.getItem(LAST + pathname) ?? pathname;
  } catch {
    return pathname; // A browser that keeps nothing.
  }
}

try {
  // What a click did is told once.
  if (document.querySelector(".done") === null) {
    sessionStorage.setItem(LAST + location.pathname, location.pathname + location.search);
  }
} catch {
  // As above.
}
