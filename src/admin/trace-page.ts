/** Trace: all that is known of a report, found by what people have at hand. */
import { Hono } from "hono";
import { html } from "hono/html";
import { maskEvent } from "../delivery/masking.ts";
import { headerOf, type Trace, type TracedReport, tellReport } from "../delivery/trace.ts";
import { visible } from "../visible.ts";
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
      ${away !== null ? html`<p class="card">Nothing can be found: ${away}.</p>` : wanted.trim() === "" ? "" : found(await operations.trace(wanted), operator)}`;
    return c.html(layout({ title: "Trace", path: pathOf(c), operator, body }));
  });
  return routes;
}

function found({ reports, more }: Trace, operator: Operator): Html {
  if (reports.length === 0) {
    return html`<p class="card">Nothing is remembered under that id or number. It may have come longer ago than
      MM4D_TRACE_HOURS, wait in the journal, or never have come: see who was refused on <a href="/">Now</a>.</p>`;
  }
  return html`${reports.map((report) => told(report, operator))}
  ${more ? html`<p>There are more; these are the newest.</p>` : ""}`;
}

function told(report: TracedReport, { numbers }: Operator): Html {
  const { headline, steps } = tellReport(report, numbers);
  const [title = "", ...more] = headline;
  const header = headerOf(report, numbers);
  const event = report.event && (numbers === "full" ? report.event : maskEvent(report.event));
  return html`<article class="card">
    <h2>${visible(title)}</h2>
    ${more.map((line) => html`<p>${visible(line.trim())}</p>`)}
    <ol class="way">
      ${steps.map(({ at, text }) => html`<li>${at === "now" ? "now" : time(at, true)} <span>${visible(text)}</span></li>`)}
    </ol>
    ${header === null ? "" : html`<details><summary>Header as it came</summary><pre tabindex="0">${visible(header)}</pre></details>`}
    ${event === null ? "" : html`<details><summary>Event</summary><pre tabindex="0">${visible(JSON.stringify(event, null, 2))}</pre></details>`}
  </article>`;
}
