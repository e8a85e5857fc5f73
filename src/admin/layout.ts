/** The frame of every page. */
import type { Context } from "hono";
import { html } from "hono/html";
import type { Operator } from "./login.ts";

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

const PAGES = [
  ["/", "Now"],
  ["/codes", "Codes"],
  ["/reports", "Reports"],
  ["/quarantine", "Quarantine"],
  ["/acknowledgements", "Acknowledgements"],
  ["/queue", "Queue"],
] as const;

export function layout({ title, path, operator, body }: PageOptions): Html {
  const { pathname } = new URL(path, "http://localhost");
  const here = (page: string): boolean => pathname === page || (page !== "/" && pathname.startsWith(page));
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title} · mm4d</title>
        <link rel="icon" href="data:," />
        <link rel="stylesheet" href="/assets/uplot.css" />
        <link rel="stylesheet" href="/assets/page.css" />
        <link rel="stylesheet" href="/assets/reports.css" />
        <script src="/assets/uplot.js" defer></script>
        <script src="/assets/page.js" defer></script>
      </head>
      <body>
        <a class="skip" href="#main">Skip to the content</a>
        <header>
          <a class="brand" href="/">mm4d</a>
          ${operator === null ? "" : navigation(here)} ${operator === null ? "" : session(operator, path)}
        </header>
        <main id="main">${body}</main>
      </body>
    </html>`;
}

function navigation(here: (page: string) => boolean): Html {
  return html`<nav aria-label="Pages">
    ${PAGES.map(([page, name]) => html`<a href="${page}" ${here(page) ? html`aria-current="page"` : ""}>${name}</a>`)}
  </nav>`;
}

function session({ loggedIn, numbers }: Operator, path: string): Html {
  if (!loggedIn) {
    return html`<p class="session" title="With MM4D_ADMIN_TOKEN an operator can log in, and act">read-only</p>`;
  }
  const shown = numbers === "full";
  return html`<div class="session">
    <form method="post" action="/numbers">
      <input type="hidden" name="next" value="${path}" />
      <button name="show" value="${shown ? "no" : "yes"}">${shown ? "Mask numbers" : "Show numbers"}</button>
    </form>
    <form method="post" action="/logout"><button>Log out</button></form>
  </div>`;
}

/** The path and query of a request. */
export function pathOf(c: Context): string {
  const { pathname, search } = new URL(c.req.url);
  return pathname + search;
}

/** Links to the same page with each choice; the current choice is no link. */
export function choices(label: string, all: readonly (readonly [href: string, name: string, chosen: boolean])[]): Html {
  return html`<nav class="choices" aria-label="${label}">
    ${all.map(([href, name, chosen]) => html`<a href="${href}" ${chosen ? html`aria-current="true"` : ""}>${name}</a>`)}
  </nav>`;
}

/** Shown instead of numbers that only Redis knows. */
export function noCounts(away: string): Html {
  return html`<p class="card">No counts can be shown: ${away}.</p>`;
}

/** A time in UTC, to the second or as exact as it is. */
export function time(at: string, exact = false): Html {
  return html`<time datetime="${at}">${at.replace("T", " ").replace(exact ? "Z" : /(\.\d+)?Z$/, "")}</time>`;
}
