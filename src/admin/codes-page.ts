/** Codes: what failed, how often, by peer and over time; and what every code means. */
import { Hono } from "hono";
import { html } from "hono/html";
import { nameForPeers, saidToPeers } from "../catalogue/by-peers.ts";
import { lookUp } from "../catalogue/look-up.ts";
import type { CodeEntry } from "../delivery/code.ts";
import { type Sum, sumBy, type Tally } from "../delivery/tally.ts";
import { codeInWords } from "../text/codes.ts";
import { describeCode } from "../text/describe.ts";
import { inPercent } from "../text/quantities.ts";
import { chart, spanIn } from "./charts.ts";
import { choices, type Html, layout, noCounts, pathOf } from "./layout.ts";
import type { PageEnv } from "./login.ts";
import type { Operations } from "./operations.ts";

const DAY_MS = 86_400_000;
const PERIODS = { day: ["24 hours", 1], week: ["7 days", 7], month: ["30 days", 30] } as const;
type Period = keyof typeof PERIODS;

export function codesPage(operations: Operations): Hono<PageEnv> {
  const routes = new Hono<PageEnv>();

  routes.get("/codes", async (c) => {
    const wanted = (c.req.query("q") ?? "").slice(0, 100);
    const period = periodIn(c.req.query("since"));
    const body = html`<h1>Codes</h1>
      <form class="search" role="search" action="/codes">
        <label for="q">Code, range, or word</label>
        <input id="q" name="q" type="search" value="${wanted}" placeholder="470, 4470, 4xx, spam" />
        <button>Search</button>
      </form>
      ${wanted.trim() === "" ? await seen(operations, period) : ""} ${catalogue(operations, wanted)}`;
    return c.html(layout({ title: "Codes", path: pathOf(c), operator: c.var.operator, body }));
  });

  routes.get("/codes/:code{[0-9]{1,9}}", async (c) => {
    const code = Number(c.req.param("code"));
    const { findCode, vendor } = operations.catalogue();
    const entry = findCode(code);
    const [, explanation = "", remedy = "", ...facts] = describeCode(entry, vendor);
    const body = html`<h1>${entry.code} ${entry.name}</h1>
      <section class="card prose">
        ${vendor === null ? "" : html`<h2>By ${vendor}'s table</h2>`}
        <p>${explanation}</p>
        <p>${remedy}</p>
        <ul>${facts.map((fact) => html`<li>${fact}</li>`)}</ul>
      </section>
      ${chart({ span: spanIn(c.req.query("span") ?? "week"), code: String(entry.code) })} ${await peersOf(operations, entry)}
      <p><a href="/codes">All codes</a></p>`;
    return c.html(layout({ title: `${entry.code} ${entry.name}`, path: pathOf(c), operator: c.var.operator, body }));
  });
  return routes;
}

function periodIn(text: string | undefined): Period {
  return text === "day" || text === "month" ? text : "week";
}

function countsOf(operations: Operations, period: Period): Promise<readonly Tally[]> {
  const [, days] = PERIODS[period];
  return operations.tallies(days * DAY_MS, days > 7 ? "day" : "hour");
}

/** The codes of a period, the most frequent first. */
async function seen(operations: Operations, period: Period): Promise<Html> {
  const away = operations.redisAway();
  if (away !== null) return noCounts(away);
  const tallies = (await countsOf(operations, period)).filter(({ code }) => code !== "none");
  const rows = sumBy(tallies, ({ code }) => code);
  const all = rows.reduce((sum, { reports }) => sum + reports, 0);
  const periods = (Object.keys(PERIODS) as Period[]).map(
    (name) => [`/codes?since=${name}`, PERIODS[name][0], name === period] as const,
  );
  return html`<section class="card">
    <div class="title"><h2>What came with a code</h2>${choices("Period", periods)}</div>
    ${rows.length === 0 ? html`<p>No report had a code in these ${PERIODS[period][0]}.</p>` : seenTable(operations, tallies, rows, all)}
  </section>`;
}

function seenTable(operations: Operations, tallies: readonly Tally[], rows: readonly Sum[], all: number): Html {
  return html`<div class="wide" tabindex="0"><table>
    <thead><tr><th scope="col">Code</th><th scope="col">What happened, and what to do</th><th scope="col" class="number">Reports</th><th scope="col" class="number">Share</th><th scope="col">Peers</th></tr></thead>
    <tbody>${rows.map(({ key, reports }) => {
      const peers = sumBy(
        tallies.filter(({ code }) => code === key),
        ({ peer }) => peer,
      );
      const names = peers.map(({ key: peer }) => peer);
      const told = peers.map(({ key: peer, reports: count }) => `${peer} ${count}`).join(", ");
      return html`<tr><th scope="row">${codeCell(operations, key, names)}</th><td>${adviceOf(operations, key, names)}</td><td class="number">${reports}</td><td class="number">${inPercent(reports, all)}</td><td>${told}</td></tr>`;
    })}</tbody>
  </table></div>`;
}

function codeCell(operations: Operations, code: string, peers: readonly string[]): Html {
  if (code === "other") return html`codes that are not listed`;
  return html`<a href="/codes/${code}">${code}</a> ${nameForPeers(Number(code), peers, operations.catalogueOf)}`;
}

/** What the tables of these peers say of a code. Each of several is told with whose it is. */
function adviceOf(operations: Operations, code: string, peers: readonly string[]): string {
  if (code === "other") {
    return "No row lists them. Look for code.unknown in the log, ask the peer, and write what it says into the file with its codes (catalogue in its entry, else MM4D_CATALOGUE_FILE).";
  }
  const said = saidToPeers(Number(code), peers, operations.catalogueOf);
  return said
    .map(({ entry: { explanation, remedy }, peers: who }) => {
      const whose = said.length === 1 ? "" : `${who.join(", ")}: `;
      return `${whose}${explanation} ${remedy}`;
    })
    .join(" ");
}

function catalogue(operations: Operations, wanted: string): Html {
  const known = operations.catalogue();
  const found = wanted.trim() === "" ? known.entries : lookUp(wanted, known);
  return html`<section class="card">
    <h2>${wanted.trim() === "" ? `The catalogue of ${known.version}${known.vendor === null ? "" : `, by ${known.vendor}'s table`}` : `${found.length} found`}</h2>
    <div class="wide" tabindex="0"><table>
      <thead><tr><th scope="col">Code</th><th scope="col">Name</th><th scope="col">What happened</th></tr></thead>
      <tbody>${found.map(
        ({ code, name, explanation }) =>
          html`<tr><th scope="row"><a href="/codes/${code}">${code}</a></th><td>${name}</td><td>${explanation}</td></tr>`,
      )}</tbody>
    </table></div>
  </section>`;
}

async function peersOf(operations: Operations, { code }: CodeEntry): Promise<Html> {
  const away = operations.redisAway();
  if (away !== null) return noCounts(away);
  const rows = sumBy(
    (await countsOf(operations, "month")).filter((tally) => tally.code === String(code)),
    ({ peer, outcome }) => `${peer} ${outcome}`,
  );
  if (rows.length === 0) return html`<p class="card">No report had it in the last 30 days.</p>`;
  const peers = new Set(rows.map(({ key }) => key.split(" ")[0] ?? ""));
  return html`${otherTables(operations, code, [...peers])}<section class="card">
    <h2>The last 30 days</h2>
    <div class="wide" tabindex="0"><table>
      <thead><tr><th scope="col">Peer</th><th scope="col">Outcome</th><th scope="col" class="number">Reports</th></tr></thead>
      <tbody>${rows.map(({ key, reports }) => {
        const [peer, outcome] = key.split(" ");
        return html`<tr><th scope="row">${peer}</th><td>${outcome}</td><td class="number">${reports}</td></tr>`;
      })}</tbody>
    </table></div>
  </section>`;
}

/** What the code means to those of these peers that use another table than the catalogue's. */
function otherTables({ catalogue: general, catalogueOf }: Operations, code: number, peers: readonly string[]): Html[] {
  const others = peers.filter((peer) => catalogueOf(peer) !== general());
  return saidToPeers(code, others, catalogueOf).map(
    ({ entry, peers: who }) => html`<section class="card prose">
      <h2>${codeInWords(entry)}, from ${who.join(", ")}</h2>
      <p>${entry.explanation}</p>
      <p>${entry.remedy}</p>
    </section>`,
  );
}
