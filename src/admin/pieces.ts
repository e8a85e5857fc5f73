/** Pieces that many pages are made of. */
import { html } from "hono/html";
import { visible, visibleJson } from "../text/visible.ts";
import type { ArchiveLooked } from "../views/views.ts";
import type { Html } from "./layout.ts";

/** An id, whole, with a button that copies it (assets/copy.js): as it is, also where a part of it cannot be seen. */
export function wholeId(id: string): Html {
  const shown = visible(id);
  const exact = shown === id ? "" : html` data-copy-json="${visibleJson(JSON.stringify(id))}"`;
  return html`<span class="id"><code>${shown}</code><button type="button" class="copy" data-copy="${shown}"${exact} aria-label="Copy ${shown}">${TWO_SHEETS}</button></span>`;
}

/** Drawn, because not every machine has a letter for it. */
const TWO_SHEETS = html`<svg viewBox="0 0 16 16" width="14" height="14" fill="none" stroke="currentColor" stroke-width="1.5" aria-hidden="true"><rect x="2" y="2" width="9" height="9" rx="1.5" /><path d="M5 14h7.5a1.5 1.5 0 0 0 1.5-1.5V5" /></svg>`;

/**
 * A time, relative to now in words (assets/times.js keeps them true), and exact in its title, in UTC or local time
 * as chosen. One that is still to come is "in 4 min".
 */
export function ago(at: string, now = new Date()): Html {
  const seconds = Math.round((now.getTime() - Date.parse(at)) / 1000);
  const words = seconds < 0 ? `in ${inWords(-seconds)}` : `${inWords(seconds)} ago`;
  return html`<time datetime="${at}" data-ago title="${at.replace("T", " ").replace("Z", " UTC")}">${words}</time>`;
}

/** What happened, in the colour of what it means. */
export function outcomeMark(outcome: string, disposition: string): Html {
  return html`<span class="mark ${disposition}">${outcome}</span>`;
}

/** A count that leads to what it counts. */
export function countOf(count: number, href: string): Html {
  return html`<a class="count" href="${href}">${count.toLocaleString("en")}</a>`;
}

/** Where there is nothing: that, and what to do next. */
export function nothingYet(says: string, next: Html | string): Html {
  return html`<div class="card empty"><p>${says}</p><p class="next">${next}</p></div>`;
}

/** How far the archive was looked through, in a sentence. `isFound`: what is shown is from there. */
export function archiveLooked({ host, backTo }: ArchiveLooked, isFound: boolean): string {
  if (isFound) return `The trace in Redis does not have this: it was found in the archive of ${host}.`;
  if (backTo === null) return `It is not in the archive of ${host} either.`;
  return `In the archive of ${host} it was looked for back to ${backTo} only; mm4d archive list --until ${backTo} --message-id ID looks further.`;
}

/** Why there is no report to be seen, where the trace is off. */
export function traceIsOff(): Html {
  return nothingYet(
    "Reports are not remembered, because the trace is off: MM4D_TRACE_HOURS is 0.",
    html`Set it to the hours for which they are to be seen here, such as its default, 72, and start mm4d again. What came is counted all the same: <a href="/">Overview</a>, <a href="/codes">Codes</a>.`,
  );
}

/** As assets/times.js says it. */
function inWords(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}
