/** Reports: all that came, newest first, by whatever somebody asks for; as they come, and of what has passed. */
import { Hono } from "hono";
import { html } from "hono/html";
import { EVENT_TYPES } from "../delivery/make-event.ts";
import { DISPOSITIONS, OUTCOMES } from "../delivery/verdict.ts";
import { some } from "../text/quantities.ts";
import { visible } from "../text/visible.ts";
import { ROWS_OF_PAGE } from "../views/page-of-rows.ts";
import type { ReportFilter } from "../views/report-row.ts";
import type { ReportsPage } from "../views/views.ts";
import { jobInWords } from "./job-words.ts";
import { type Html, layout, pathOf } from "./layout.ts";
import type { RowsLive, RowsShown } from "./live.ts";
import { addressOf, type PageEnv } from "./login.ts";
import type { OnAction, Operations } from "./operations.ts";
import { archiveLooked, nothingYet, traceIsOff } from "./pieces.ts";
import { filterIn, isFiltered, type Query, queryOf, reportsAddress, SINCE } from "./report-filter.ts";
import { lookOf, type RowsLook, reportRow, reportTable } from "./report-rows.ts";
import { exported, formatIn } from "./reports-export.ts";

const MAX_PLACE_LENGTH = 500;

export function reportsPage(operations: Operations, onAction: OnAction): Hono<PageEnv> {
  const routes = new Hono<PageEnv>();
  routes.get("/reports", async (c) => {
    const query = c.req.query();
    const { filter, faults } = filterIn(query, new Date());
    const from = placeIn(query);
    const format = formatIn(query.as);
    const away = operations.redisAway();
    const cannot = (why: string) => c.text(`No reports can be listed: ${visible(why)}\n`, 503);
    if (format !== null && away !== null) return cannot(away);
    if (format !== null) {
      return exported(c, { format, filter, from }, operations, onAction).catch(({ message }: Error) => cannot(message));
    }
    const found =
      away ?? (await operations.views.reports(filter, from, addressOf(c)).catch((cause: Error) => cause.message));
    const peers = await operations.peerNames();
    const body = html`<h1>Reports</h1>
      ${filters(query, filter, peers)}
      ${faults.map((fault) => html`<p class="fault">${visible(fault)}; it leaves nothing out.</p>`)}
      ${typeof found === "string" ? html`<p class="card">No reports can be listed: ${visible(found)}.</p>` : listed(query, found, lookOf(operations, c), operations.traceOff)}`;
    const status = typeof found === "string" ? 503 : 200;
    return c.html(layout({ title: "Reports", path: pathOf(c), operator: c.var.operator, body }), status);
  });
  return routes;
}

/** The rows that come and fit, and what becomes of their jobs and of earlier ones, for the live stream. */
export function rowsLive(operations: Operations): RowsLive {
  return (c, query) => {
    const { filter } = filterIn(Object.fromEntries(new URLSearchParams(query)), new Date());
    const look = lookOf(operations, c);
    /** The jobs of the rows that the page was given, as many as it shows. */
    let told: readonly (string | null)[] = [];
    const shown: RowsShown = ({ rows, jobs }, isGiven) => {
      const given = isGiven ? rows : [];
      told = [...new Set([...given.map(({ jobId }) => jobId), ...told])].slice(0, ROWS_OF_PAGE);
      return {
        html: given.map((row) => reportRow(row, look, jobs)).join(""),
        jobs: Object.fromEntries(
          told.flatMap((id) => {
            const job = id === null ? undefined : jobs.get(id);
            return job === undefined ? [] : [[id, jobInWords(job).toString()]];
          }),
        ),
      };
    };
    return { filter, shown };
  };
}

function placeIn({ from = "" }: Query): string | null {
  return from === "" ? null : from.slice(0, MAX_PLACE_LENGTH);
}

/** Sent by its button. With JavaScript its address has only what was chosen (assets/filters.js). */
function filters(query: Query, filter: ReportFilter, peers: readonly string[]): Html {
  const peer = query.peer ?? "";
  const since = query.since ?? "";
  const known = peer === "" || peers.includes(peer) ? peers : [peer, ...peers];
  const spans = Object.entries(SINCE);
  const allSpans = since === "" || Object.hasOwn(SINCE, since) ? spans : [[since, since] as const, ...spans];
  const more = filter.outcome !== null || filter.type !== null || filter.conflict || filter.warnings;
  return html`<form class="filters" role="search" action="/reports" aria-label="Filters" data-filters>
    ${query.q ? html`<label>Id or number <input name="q" type="search" value="${visible(query.q)}" /></label>` : ""}
    ${select("peer", "Peer", [["", "all"], ...known.map((name) => [name, name] as const)], peer)}
    ${select("disposition", "Result", [["", "all"], ...DISPOSITIONS.map((name) => [name, name] as const)], query.disposition)}
    <label>Code <input name="code" inputmode="numeric" size="5" title="A number, or none: for reports without a code" value="${visible(query.code ?? "")}" /></label>
    ${select("since", "Since", [["", "the beginning"], ...allSpans], since)}
    <button>Show</button>
    ${isFiltered(query) ? html`<a href="/reports">All reports</a>` : ""}
    <details ${more ? "open" : ""}>
      <summary>More</summary>
      <div class="more">
      ${select("outcome", "Outcome", [["", "all"], ...OUTCOMES.map((name) => [name, name] as const)], query.outcome)}
      ${select("type", "Type", [["", "all"], ...Object.keys(EVENT_TYPES).map((name) => [name, name.replace("-", " ")] as const)], query.type)}
      ${check("conflict", "contradictory", filter.conflict)} ${check("warnings", "with warnings", filter.warnings)}
      </div>
    </details>
  </form>`;
}

type Option = readonly [value: string, name: string];

function select(name: string, label: string, options: readonly Option[], chosen = ""): Html {
  return html`<label>${label} <select name="${name}">${options.map(
    ([value, text]) => html`<option value="${value}" ${value === chosen ? "selected" : ""}>${visible(text)}</option>`,
  )}</select></label>`;
}

function check(name: string, label: string, on: boolean): Html {
  return html`<label class="check"><input type="checkbox" name="${name}" value="1" ${on ? "checked" : ""} /> ${label}</label>`;
}

/** The first page is live: what comes and fits is put before its first row (assets/live.js). */
function listed(query: Query, page: ReportsPage, look: RowsLook, traceOff: boolean): Html {
  const { rows, older, lookedThrough, jobs, archive } = page;
  const isNewest = placeIn(query) === null;
  const live = isNewest ? queryOf(query) : null;
  const empty = rows.length === 0;
  if (empty && traceOff && archive === null) return traceIsOff();
  if (empty && !isNewest) return nothing(query, page);
  const onwards = { from: query.from ?? null };
  return html`${traceOff ? html`<p class="card">These came before the trace was turned off (MM4D_TRACE_HOURS is 0): newer ones are not remembered.</p>` : ""}
  ${empty ? html`<div data-when-empty>${nothing(query, page)}</div>` : ""}
  ${archive === null || empty ? "" : html`<p class="card">${visible(lookedFurther(archive))}</p>`}
  <section class="card" ${empty ? "data-when-rows hidden" : ""}>
    ${live === null ? "" : html`<p class="live"><button type="button" data-live-pause hidden>Pause</button> <span class="soft" data-live-skipped role="status"></span></p>`}
    <div class="wide" tabindex="0">${reportTable(rows, look, jobs, live)}</div>
    <p class="pages">
      ${empty ? "" : html`<span class="soft">${some(rows.length, "report")} of ${lookedThrough.toLocaleString("en")} looked through, newest first</span>`}
      ${isNewest ? "" : html`<a href="${reportsAddress(query)}">Newest</a>`}
      ${older === null ? "" : html`<a href="${reportsAddress(query, { from: older })}" rel="next">Older →</a>`}
      ${isNewest ? html`<a href="${reportsAddress(query)}" data-live-again hidden>Load again, to go on to older ones →</a>` : ""}
      <span class="export">Export <a href="${reportsAddress(query, { ...onwards, as: "csv" })}">CSV</a> <a href="${reportsAddress(query, { ...onwards, as: "jsonl" })}">JSON lines</a></span>
    </p>
  </section>`;
}

/** Where an id or a number was sought, and the archive was asked for what the trace does not have. */
function lookedFurther({ host, backTo }: NonNullable<ReportsPage["archive"]>): string {
  const reached = backTo === null ? "" : `, which was looked through back to ${backTo} only`;
  return `What the trace in Redis does not have was looked for in the archive of ${host}${reached}.`;
}

/** Also where none fits among those that were looked through, and older ones may. */
function nothing(query: Query, { older, lookedThrough, archive }: ReportsPage): Html {
  const onwards =
    older === null
      ? ""
      : html`<a href="${reportsAddress(query, { from: older })}" rel="next">Look through older ones</a>. `;
  if (isFiltered(query) || placeIn(query) !== null) {
    const says = `No report fits, of ${lookedThrough.toLocaleString("en")} looked through.`;
    return nothingYet(
      query.q
        ? `${says} It may be older than MM4D_TRACE_HOURS, still in the journal, or never received.${archive === null ? "" : ` ${visible(archiveLooked(archive, false))}`}`
        : says,
      html`${onwards}${codeInstead(query)}<a href="/reports">Show all reports</a>`,
    );
  }
  return nothingYet(
    "No reports yet.",
    html`${onwards}Send one with <code>mm4d send</code>, or many with <code>mm4d send --scenario storm</code>. Which peers may connect: <a href="/peers">Peers</a>.`,
  );
}

/** What is looked for may be a code, because one search box finds both. */
function codeInstead({ q = "" }: Query): Html | string {
  return /^\d{1,4}$/.test(q) ? html`<a href="${reportsAddress({ code: q })}">Reports with the code ${q}</a>. ` : "";
}
