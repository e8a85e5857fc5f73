/** Codes: what failed, how often, by peer and over time; and what every code means. */
import { Hono } from "hono";
import { html } from "hono/html";
import { BOUNDS } from "../bounds/bounds.ts";
import { nameForPeers, namesOf, type SaidOfCode, saidToPeers, tablesOfPeers } from "../catalogue/by-peers.ts";
import { NO_TABLE } from "../delivery/code.ts";
import { sumBy } from "../delivery/tally.ts";
import { codeInWords } from "../text/codes.ts";
import { describeCode } from "../text/describe.ts";
import { inPercent, some } from "../text/quantities.ts";
import { visible } from "../text/visible.ts";
import type { CodeCount, CodeCounts, Period } from "../views/code-counts.ts";
import { peerAddress } from "./addresses.ts";
import { chart } from "./chart.ts";
import { spanIn } from "./chart-data.ts";
import { changeInWords, PERIODS, periodIn } from "./code-counts.ts";
import { found, listed } from "./codes-tables.ts";
import { choices, type Html, layout, noCounts, pathOf } from "./layout.ts";
import type { Part } from "./live.ts";
import type { PageEnv } from "./login.ts";
import type { Operations } from "./operations.ts";
import { KEPT_OPEN_MS, OPENED_MS } from "./paces.ts";
import { countOf, nothingYet, outcomeMark } from "./pieces.ts";
import { rememberingFor } from "./remembering.ts";
import { reportsAddress } from "./report-filter.ts";
import { sparkline } from "./sparkline.ts";

const MONTH_MS = 30 * 86_400_000;
/** A row has room for some; the page of the code has them all. */
const MAX_PEERS = 3;

export interface CodesPages {
  readonly routes: Hono<PageEnv>;
  /** What is live on them. */
  readonly parts: Readonly<Record<string, Part>>;
}

export function codesPages(operations: Operations): CodesPages {
  const routes = new Hono<PageEnv>();
  const count: Counting = rememberingFor(operations.views.codes);

  routes.get("/codes", async (c) => {
    const wanted = (c.req.query("q") ?? "").slice(0, 100);
    const period = periodIn(c.req.query("since"));
    const tables = tablesOfPeers(await operations.peerNames(), operations.catalogueOf);
    const body = html`<h1>Codes</h1>
      <form class="search" role="search" action="/codes" aria-label="Codes">
        <label for="q">Code, range, or word</label>
        <input id="q" name="q" type="search" value="${visible(wanted)}" placeholder="470, 4470, 4xx, spam" />
        <button>Search</button>
      </form>
      ${
        wanted.trim() !== ""
          ? found(tables, wanted)
          : html`<div data-live-of="/codes?since=${period}" data-live="code-counts" data-live-held>${await seen(operations, period, () => count(OPENED_MS, period))}</div>
            ${listed(tables)}`
      }`;
    return c.html(layout({ title: "Codes", path: pathOf(c), operator: c.var.operator, body }));
  });

  routes.get("/codes/:code{[0-9]{1,9}}", async (c) => {
    const code = Number(c.req.param("code"));
    const said = saidToPeers(code, await operations.peerNames(), operations.catalogueOf);
    // Where tables differ, none of their names is the code's.
    const names = new Set(said.map(({ entry }) => codeInWords(entry)));
    const [title = ""] = names.size === 1 ? names : [`code ${code}`];
    const body = html`<h1>${title}</h1>
      ${said.map((one) => meaning(one, operations))}
      ${chart({ span: spanIn(c.req.query("span") ?? "week"), code: String(code) })} ${await peersOf(operations, code)}
      <p><a href="/codes">All codes</a></p>`;
    return c.html(layout({ title, path: pathOf(c), operator: c.var.operator, body }));
  });

  const parts = {
    async "code-counts"(of: string) {
      const period = periodIn(new URL(of, "http://localhost").searchParams.get("since") ?? undefined);
      return seen(operations, period, () => count(KEPT_OPEN_MS, period));
    },
  };
  return { routes, parts };
}

type Counting = (keptMs: number, period: Period) => Promise<CodeCounts>;

/** The codes of a period, the most frequent first. */
async function seen(operations: Operations, period: Period, count: () => Promise<CodeCounts>): Promise<Html> {
  const away = operations.redisAway();
  if (away !== null) return noCounts(away);
  const counts = await count().catch((cause: Error) => cause);
  if (counts instanceof Error) return noCounts(counts.message);
  const periods = (Object.keys(PERIODS) as Period[]).map(
    (name) => [`/codes?since=${name}`, PERIODS[name].name, name === period] as const,
  );
  const title = html`<div class="title"><h2>What came with a code</h2>${choices("Period", periods)}</div>`;
  if (counts.all > 0) return html`<section class="card">${title} ${seenTable(operations, counts, period)}</section>`;
  return html`<section class="card">${title}</section>
    ${nothingYet(`No report had a code in these ${PERIODS[period].name}.`, html`<code>mm4d send --status Rejected --code 470</code> sends one.`)}`;
}

function seenTable(operations: Operations, { codes, all, reports: allReports }: CodeCounts, period: Period): Html {
  const { name } = PERIODS[period];
  const more = all - codes.length;
  return html`<div class="wide" tabindex="0"><table class="codes">
    <thead><tr><th scope="col">Code</th><th scope="col">What happened, and what to do</th><th scope="col" class="number">Reports</th><th scope="col" class="number">Share</th><th scope="col">${name}</th><th scope="col" class="number">Day on day</th><th scope="col">Peers</th></tr></thead>
    <tbody>${codes.map(
      ({ key, reports, course, change, peers }) => html`<tr data-key="${key}">
        <th scope="row">${codeCell(operations, key, peers)}</th>
        <td class="text">${adviceOf(operations, key, peers)}</td>
        <td class="number reports">${reportsOf(key, reports, period)}</td>
        <td class="number">${inPercent(reports, allReports)}</td>
        <td>${sparkline(course, `Its course over ${name}: at most ${Math.max(...course)} reports in one part`)}</td>
        <td class="number"><span title="${change.now} in the last 24 hours, ${change.before} in the 24 hours before">${changeInWords(change)}</span></td>
        <td>${peersCell(key, peers, period)}</td>
      </tr>`,
    )}</tbody>
  </table></div>
  ${more === 0 ? "" : html`<p>${some(more, "further code")} came less often: <code>mm4d stats --by code --since ${PERIODS[period].since}</code> lists all.</p>`}`;
}

/** Codes that are not listed are counted as one, and reports are not found by that. */
function reportsOf(code: string, reports: number, period: Period, peer?: string): Html {
  if (code === "other") return html`${reports.toLocaleString("en")}`;
  return countOf(
    reports,
    reportsAddress({ code, ...(peer === undefined ? {} : { peer }), since: PERIODS[period].since }),
  );
}

function peersCell(code: string, peers: CodeCount["peers"], period: Period): Html {
  const more = peers.length - MAX_PEERS;
  return html`${peers
    .slice(0, MAX_PEERS)
    .map(
      ({ key: peer, reports }, at) =>
        html`${at === 0 ? "" : ", "}<span class="pair"><a href="${peerAddress(peer)}">${peer}</a> ${reportsOf(code, reports, period, peer)}</span>`,
    )}${more > 0 ? html` and ${code === "other" ? html`${more} more` : html`<a href="/codes/${code}">${more} more</a>`}` : ""}`;
}

function codeCell({ catalogueOf }: Operations, code: string, peers: CodeCount["peers"]): Html {
  if (code === "other") return html`codes that are not listed`;
  return html`<a href="/codes/${code}">${code}</a> ${nameForPeers(Number(code), keysOf(peers), catalogueOf)}`;
}

/** What the tables of these peers say of a code. Each of several is told with whose it is. */
function adviceOf({ catalogueOf }: Operations, code: string, peers: CodeCount["peers"]): Html | Html[] {
  if (code === "other") {
    const hasTables = keysOf(peers).some((peer) => catalogueOf(peer).version !== NO_TABLE);
    if (!hasTables) return html`Numbers above ${BOUNDS.codeCounted.value}, of peers without a table.`;
    return html`No row lists them. Look for code.unknown in the log, ask the peer, and write what it says into the file with its codes (catalogue in its entry, else MM4D_CATALOGUE_FILE).`;
  }
  const said = saidToPeers(Number(code), keysOf(peers), catalogueOf);
  return said.map(({ entry: { explanation, remedy }, peers: who }) => {
    const whose = said.length === 1 ? "" : html`<strong>${namesOf(who)}:</strong> `;
    return html`<div>${whose}${explanation} ${remedy}</div>`;
  });
}

function keysOf(peers: CodeCount["peers"]): readonly string[] {
  return peers.map(({ key }) => key);
}

/** Who sent it, and with which outcome. */
async function peersOf(operations: Operations, code: number): Promise<Html> {
  const away = operations.redisAway();
  if (away !== null) return noCounts(away);
  const rows = sumBy(
    (await operations.tallies(MONTH_MS, "day")).filter((tally) => tally.code === String(code)),
    ({ peer, outcome, disposition }) => `${peer} ${outcome} ${disposition}`,
  );
  if (rows.length === 0) return html`<p class="card">No report had it in the last 30 days.</p>`;
  return html`<section class="card">
    <h2>The last 30 days</h2>
    <div class="wide" tabindex="0"><table class="cards">
      <thead><tr><th scope="col">Peer</th><th scope="col">Outcome</th><th scope="col" class="number">Reports</th></tr></thead>
      <tbody>${rows.map(({ key, reports }) => {
        const [peer = "", outcome = "", disposition = ""] = key.split(" ");
        const address = reportsAddress({ code: String(code), peer, outcome, since: PERIODS.month.since });
        return html`<tr><th scope="row" data-label="Peer"><a href="${peerAddress(peer)}">${peer}</a></th><td data-label="Outcome">${outcomeMark(outcome, disposition)}</td><td data-label="Reports" class="number">${countOf(reports, address)}</td></tr>`;
      })}</tbody>
    </table></div>
  </section>`;
}

/** What one table says of a code, and for whom. The catalogue's stands there only where a peer uses it. */
function meaning({ entry, peers }: SaidOfCode, { catalogueOf }: Operations): Html {
  // They share a table.
  const [first = ""] = peers;
  const { vendor } = catalogueOf(first);
  const [, explanation = "", remedy = "", ...facts] = describeCode(entry, vendor);
  const whose = vendor === null ? `${codeInWords(entry)}, from ${namesOf(peers)}` : `By ${vendor}'s table`;
  return html`<section class="card prose">
    <h2>${whose}</h2>
    <p>${explanation}</p>
    <p>${remedy}</p>
    ${entry.known || vendor !== null ? html`<ul>${facts.map((fact) => html`<li>${fact}</li>`)}</ul>` : ""}
  </section>`;
}
