/** One report, by its event's id or any other of its ids; and the older address of a search. */
import { type Context, Hono } from "hono";
import { html } from "hono/html";
import { visible } from "../text/visible.ts";
import { bareId, byReport, type TracedReport } from "../trace/note.ts";
import type { ReportRow } from "../views/report-row.ts";
import { addressOfId, inAddress } from "./addresses.ts";
import { type Html, layout, pathOf } from "./layout.ts";
import { addressOf, type PageEnv } from "./login.ts";
import type { Operations, TraceFound } from "./operations.ts";
import { archiveLooked, nothingYet, traceIsOff } from "./pieces.ts";
import { lookOf, reportTable } from "./report-rows.ts";
import { told } from "./report-told.ts";

const MAX_WANTED_LENGTH = 1_000;
const OTHERS_SHOWN = 20;

export function reportPage(operations: Operations): Hono<PageEnv> {
  const routes = new Hono<PageEnv>();

  routes.get("/reports/:id", async (c) => {
    const wanted = c.req.param("id").slice(0, MAX_WANTED_LENGTH);
    const found =
      operations.redisAway() ?? (await operations.trace(wanted, addressOf(c)).catch((cause: Error) => cause.message));
    if (typeof found === "string")
      return page(c, 503, html`<h1>Report</h1><p class="card">It cannot be looked for: ${visible(found)}.</p>`);
    const { reports, more, archive } = found;
    const report = wantedOf(reports, wanted);
    if (report === undefined) return page(c, 404, notFound(wanted, found, operations.traceOff));
    const { loggedIn, numbers } = c.var.operator;
    const look = { loggedIn, numbers, queue: operations.eventQueues()[0]?.name ?? "", address: addressOfId(wanted) };
    const rest = reports.filter((other) => other !== report).reverse();
    return page(
      c,
      200,
      html`${retried(c.req.query("retried"))} ${archive === null ? "" : html`<p class="card">${visible(archiveLooked(archive, true))}</p>`} ${told(report, look)} ${others(rest, more, lookOf(operations, c))}`,
    );
  });

  // Links of mm4d 1.0 and 1.1, and of whoever types "id".
  routes.get("/trace", async (c) => {
    const wanted = (c.req.query("q") ?? c.req.query("id") ?? "").trim().slice(0, MAX_WANTED_LENGTH);
    return c.redirect(wanted === "" ? "/reports" : await addressFound(operations, wanted, addressOf(c)), 303);
  });
  return routes;
}

function page(c: Context<PageEnv>, status: 200 | 404 | 503, body: Html) {
  return c.html(layout({ title: "Report", path: pathOf(c), operator: c.var.operator, body }), status);
}

/** The report with that event; or else the last that was said of that message, or in that transaction. */
function wantedOf(reports: readonly TracedReport[], wanted: string): TracedReport | undefined {
  const id = bareId(wanted);
  const named = (...ids: readonly (string | null)[]): boolean => ids.some((one) => one !== null && bareId(one) === id);
  return (
    reports.find(({ ids }) => named(ids.eventId)) ??
    reports.findLast(({ ids }) => named(ids.messageId, ids.transactionId))
  );
}

async function addressFound(operations: Operations, wanted: string, client: string): Promise<string> {
  const found = `/reports?q=${inAddress(wanted)}`;
  if (operations.redisAway() !== null) return found;
  // The list says why nothing can be found.
  const { entries } = await operations.views.entries(wanted, client).catch(() => ({ entries: [] }));
  const [first, ...more] = byReport(entries);
  const ids = first?.[0]?.ids;
  const id = ids?.eventId ?? ids?.messageId ?? ids?.transactionId ?? null;
  return more.length > 0 || id === null ? found : addressOfId(id);
}

/** It shows a number only, because anybody can write a query into a link. */
function retried(text: string | undefined): Html {
  if (text === undefined) return html``;
  const says = Number(text) > 0 ? "Given back to consumers." : "Not given back: the job is not failed any more.";
  return html`<p class="card done" role="status">${says}</p>`;
}

function notFound(wanted: string, { reports, archive }: TraceFound, traceOff: boolean): Html {
  const related = reports.length > 0;
  const looked = archive === null || related ? "" : ` ${visible(archiveLooked(archive, false))}`;
  if (traceOff && !related) return html`<h1>Report not found</h1> ${traceIsOff()} ${looked}`;
  return html`<h1>Report not found</h1>
    ${nothingYet(
      `No report has the id ${visible(wanted)}.${looked}`,
      related
        ? html`Something else was found by it: <a href="/reports?q=${inAddress(wanted)}">search</a>.`
        : html`It may be older than MM4D_TRACE_HOURS, still in the journal, or never received. Who was refused: <a href="/peers">Peers</a>. All that came: <a href="/reports">Reports</a>.`,
    )}`;
}

function others(reports: readonly TracedReport[], more: boolean, look: Parameters<typeof reportTable>[1]): Html {
  if (reports.length === 0) return html``;
  const shown = reports.slice(0, OTHERS_SHOWN);
  return html`<section class="card">
    <h2>Other reports of this message</h2>
    <div class="wide" tabindex="0">${reportTable(shown.map(rowOf), look, null)}</div>
    ${more || shown.length < reports.length ? html`<p>There are more; these are the newest.</p>` : ""}
  </section>`;
}

/** As it would stand in the list. */
function rowOf({ event, said, ids, notes }: TracedReport): ReportRow {
  const received = notes.find((note) => note.kind === "received");
  const queued = notes.find((note) => note.kind === "queued");
  const quarantineId = received?.kind === "received" ? received.quarantineId : null;
  const summary = said ?? (event && { ...event.data, type: event.type, code: event.data.reason?.code ?? null });
  return {
    id: quarantineId ?? (queued?.kind === "queued" ? queued.recordId : ""),
    at: notes[0]?.at ?? "",
    peer: received?.kind === "received" ? received.peer.name : (event?.data.peer.name ?? ""),
    fate: quarantineId !== null ? "quarantined" : summary === null ? "ignored" : "queued",
    jobId: queued?.kind === "queued" ? (queued.duplicateOf ?? queued.recordId) : null,
    eventId: ids.eventId,
    type: summary?.type ?? null,
    outcome: summary?.outcome ?? null,
    disposition: summary?.disposition ?? null,
    code: summary?.code ?? null,
    conflict: summary?.conflict ?? false,
    warnings: summary?.warnings ?? [],
    why: received?.kind === "received" && summary === null ? received.fate : null,
    messageId: ids.messageId,
    transactionId: ids.transactionId,
    numbers: ids.numbers,
  };
}
