/** Trace: all that is known of a report, found by an id or a number. */
import { setImmediate as turn } from "node:timers/promises";
import { Hono } from "hono";
import { html } from "hono/html";
import { BOUNDS } from "../bounds/bounds.ts";
import type { DeliveryEvent } from "../delivery/event.ts";
import { beginningOfValue } from "../text/beginning.ts";
import { maskEvent } from "../text/masking.ts";
import { visible } from "../text/visible.ts";
import type { Trace, TracedReport } from "../trace/note.ts";
import { headerOf, partiesKnown, tellReport } from "../trace/told.ts";
import { type Html, layout, pathOf, time } from "./layout.ts";
import type { Operator, PageEnv } from "./login.ts";
import type { Operations } from "./operations.ts";

const MAX_WANTED_LENGTH = 500;

export function tracePage(operations: Operations): Hono<PageEnv> {
  const routes = new Hono<PageEnv>();
  routes.get("/trace", async (c) => {
    const { operator } = c.var;
    const wanted = (c.req.query("q") ?? "").slice(0, MAX_WANTED_LENGTH);
    const away = operations.redisAway();
    const body = html`<h1>Trace</h1>
      <form class="search" role="search" action="/trace">
        <label for="q">Message id, transaction id, event id or number</label>
        <input id="q" name="q" type="search" value="${visible(wanted)}" required />
        <button>Find</button>
      </form>
      ${away !== null ? html`<p class="card">Nothing can be found: ${away}.</p>` : wanted.trim() === "" ? "" : await found(await operations.trace(wanted), operator)}`;
    return c.html(layout({ title: "Trace", path: pathOf(c), operator, body }));
  });
  return routes;
}

async function found({ reports, more }: Trace, operator: Operator): Promise<Html> {
  if (reports.length === 0) {
    return html`<p class="card">Nothing is remembered under that id or number. It may have come longer ago than
      MM4D_TRACE_HOURS, wait in the journal, or never have come: see who was refused on <a href="/">Now</a>.</p>`;
  }
  const all: Html[] = [];
  for (const report of reports) {
    // Reports are received between two entries.
    await turn();
    all.push(told(report, operator));
  }
  return html`${all}
  ${more ? html`<p>There are more; these are the newest.</p>` : ""}`;
}

export function told(whole: TracedReport, { numbers }: Pick<Operator, "numbers">): Html {
  // A report may have come a thousand times: show its first and last steps.
  const most = BOUNDS.listShown.value / 2;
  const left = Math.max(0, whole.notes.length - 2 * most);
  const notes = left === 0 ? whole.notes : [...whole.notes.slice(0, most), ...whole.notes.slice(-most)];
  const report = { ...whole, notes };
  const { headline, steps } = tellReport(report, numbers);
  const [title = "", ...more] = headline;
  const header = headerOf(report, numbers);
  const event = report.event && shownEvent(report, report.event, numbers);
  return html`<article class="card">
    <h2>${visible(title)}</h2>
    ${more.map((line) => html`<p>${visible(line.trim())}</p>`)}
    ${left === 0 ? "" : html`<p>Of its steps the first and the last ${most}; mm4d trace tells ${left} more.</p>`}
    <ol class="way">
      ${steps.map(({ at, text }) => html`<li>${at === "now" ? "now" : time(at, true)} <span>${visible(text)}</span></li>`)}
    </ol>
    ${header === null ? "" : html`<details><summary>Header as it came</summary><pre tabindex="0">${visible(header)}</pre></details>`}
    ${event === null ? "" : html`<details><summary>Event</summary><pre tabindex="0">${visible(JSON.stringify(event, null, 2))}</pre></details>`}
  </article>`;
}

function shownEvent(report: TracedReport, event: DeliveryEvent, numbers: Operator["numbers"]): DeliveryEvent {
  const shown = beginningOfValue(event) as DeliveryEvent;
  return numbers === "full" ? shown : maskEvent(shown, partiesKnown(report, event));
}
