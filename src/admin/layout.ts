/** The frame of every page. */
import type { Context } from "hono";
import { html } from "hono/html";
import type { State } from "../monitoring/reasons.ts";
import { visible } from "../text/visible.ts";
import type { Glance, Operator } from "./operator.ts";

/** A piece of a page. Its text was escaped when it was put in. */
export type Html = ReturnType<typeof html>;

export interface PageOptions {
  readonly title: string;
  /** The page's path and query: for the navigation, and for coming back. */
  readonly path: string;
  /** Null before somebody has logged in. */
  readonly operator: Operator | null;
  readonly body: Html;
}

/** The path of bull-board. It is here so that knowing it does not load bull-board. */
export const BOARD_PATH = "/queue/board";

/** What is said for a phone comes last, because it takes back what the others say. */
export const STYLES = ["page.css", "frame.css", "overview.css", "reports.css", "screens.css", "phone.css"] as const;

const PAGES = [
  ["/", "Overview"],
  ["/reports", "Reports"],
  ["/queue", "Queue"],
  ["/peers", "Peers"],
  ["/codes", "Codes"],
  ["/quarantine", "Quarantine"],
] as const;

/** What the tab's title begins with. */
const STATE_TITLES: Readonly<Record<State, string>> = {
  well: "",
  "needs-attention": "▲ Needs attention",
  "not-well": "✕ Not well",
};

const KEYS = [
  ["/", "Search"],
  ["j", "Next row"],
  ["k", "Previous row"],
  ["Enter", "Open the row"],
  ["Esc", "Leave the search, close this, or go back to the list"],
  ["?", "Show these keys"],
] as const;

/** A whole page. page.js keeps its title, icon and count true, by what `/live` tells. */
export function layout({ title, path, operator, body }: PageOptions): Html {
  const { pathname } = addressIn(path);
  const here = (page: string): boolean => pathname === page || (page !== "/" && pathname.startsWith(`${page}/`));
  const glance = operator?.glance ?? null;
  const state = glance === null ? "" : STATE_TITLES[glance.state];
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${[state, title, "mm4d"].filter((part) => part !== "").join(" · ")}</title>
        <link rel="icon" id="icon" href="${icon(glance?.state ?? null)}" />
        <link rel="stylesheet" href="/assets/uplot.css" />
        ${STYLES.map((name) => html`<link rel="stylesheet" href="/assets/${name}" />`)}
        <script src="/assets/uplot.js" defer></script>
        <script src="/assets/page.js" type="module"></script>
      </head>
      <body data-title="${title}" ${operator === null ? "" : html`data-live-from="/live" data-live-at="${Date.now()}"`}>
        <a class="skip" href="#main">Skip to the content</a>
        <header>
          <a class="brand" href="/">mm4d</a>
          ${operator === null ? "" : html`${search(path)}<div class="bar">${navigation(here, glance)} ${session(operator, path)}</div>`}
        </header>
        <p id="lost" role="status" hidden>Not live: mm4d does not answer, too many pages are open, or you were logged out. What stands here is from before.</p>
        <p id="said" class="unseen" role="status"></p>
        <main id="main">${body}</main>
        ${operator === null ? "" : keys()}
      </body>
    </html>`;
}

function search(path: string): Html {
  const { pathname, searchParams } = addressIn(path);
  const wanted = pathname === "/reports" ? (searchParams.get("q") ?? "") : "";
  return html`<form class="find" role="search" action="/reports" aria-label="Reports">
    <input id="find" name="q" type="search" value="${visible(wanted)}" placeholder="Search: id or number" aria-label="Search reports by id or number" aria-keyshortcuts="/" />
  </form>`;
}

function navigation(here: (page: string) => boolean, glance: Glance | null): Html {
  return html`<nav aria-label="Pages">
    ${PAGES.map(
      ([page, name]) =>
        html`<a href="${page}" ${here(page) ? html`aria-current="page"` : ""}>${name}${page === "/quarantine" ? badge(glance?.quarantined ?? 0) : ""}</a>`,
    )}
  </nav>`;
}

function badge(count: number): Html {
  return html` <span class="badge" id="quarantined" ${count === 0 ? "hidden" : ""}>${count}</span>`;
}

/** The buttons that only page.js can make work are hidden until it does. */
function session({ loggedIn, numbers }: Operator, path: string): Html {
  const shown = numbers === "full";
  return html`<div class="session">
    <button type="button" id="times" title="Times in UTC or as this computer's clock" hidden>UTC</button>
    <button type="button" id="show-keys" aria-label="Keyboard shortcuts" aria-keyshortcuts="?" hidden>?</button>
    ${
      loggedIn
        ? html`<form method="post" action="/numbers">
            <input type="hidden" name="next" value="${path}" />
            <button name="show" value="${shown ? "no" : "yes"}">${shown ? "Mask numbers" : "Show numbers"}</button>
          </form>
          <form method="post" action="/logout"><button>Log out</button></form>`
        : html`<span title="With MM4D_ADMIN_TOKEN an operator can log in, and act">read-only</span>`
    }
  </div>`;
}

function keys(): Html {
  return html`<dialog id="keys" aria-labelledby="keys-title">
    <h2 id="keys-title">Keys</h2>
    <dl class="pairs">${KEYS.map(([key, does]) => html`<dt><kbd>${key}</kbd></dt><dd>${does}</dd>`)}</dl>
    <p><label><input type="checkbox" id="keys-on" checked /> Keys of one character (/ j k ?) are on</label></p>
    <form method="dialog"><button>Close</button></form>
  </dialog>`;
}

/** A dot in the colour of the state; grey where the state is not known. */
function icon(state: State | null): string {
  const colour =
    state === null ? "6b7683" : { well: "1c9a55", "needs-attention": "e0a000", "not-well": "d13228" }[state];
  const drawn = `<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'><circle cx='8' cy='8' r='7' fill='#${colour}'/></svg>`;
  return `data:image/svg+xml,${encodeURIComponent(drawn)}`;
}

/** What `/live` and `/glance` tell of the frame, for page.js. */
export function frameOf(glance: Glance) {
  return { title: STATE_TITLES[glance.state], icon: icon(glance.state), quarantined: glance.quarantined };
}

/** The path and query of a request; of an action those of the page that it was asked for on, because only that can be come back to. */
export function pathOf(c: Context): string {
  const { pathname, search } = new URL(c.req.url);
  return c.req.method === "POST" ? pathname.replace(/\/[^/]*$/, "") || "/" : pathname + search;
}

/** A path may begin with two slashes, and is no other host then. */
function addressIn(path: string): URL {
  return new URL(`http://localhost${path}`);
}

/** Links to the same page with each choice; the current choice is marked. */
export function choices(label: string, all: readonly (readonly [href: string, name: string, chosen: boolean])[]): Html {
  return html`<nav class="choices" aria-label="${label}">
    ${all.map(([href, name, chosen]) => html`<a href="${href}" ${chosen ? html`aria-current="true"` : ""}>${name}</a>`)}
  </nav>`;
}

/** Shown instead of numbers that only Redis knows. */
export function noCounts(away: string): Html {
  return html`<p class="card">No counts can be shown: ${away}.</p>`;
}

/** A time in UTC, to the second or as exact as it is; page.js shows it in local time when that is chosen. */
export function time(at: string, exact = false): Html {
  return html`<time datetime="${at}" ${exact ? html`data-exact` : ""}>${at.replace("T", " ").replace(exact ? "Z" : /(\.\d+)?Z$/, "")}</time>`;
}
