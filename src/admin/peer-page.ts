/** One peer: how it is now, what it sends, what it was refused, what it is owed, and its entry. */
import type { Context } from "hono";
import { html } from "hono/html";
import { BOUNDS } from "../bounds/bounds.ts";
import { nameForPeers } from "../catalogue/by-peers.ts";
import { sumBy, type Tally } from "../delivery/tally.ts";
import { maskAllButAddresses } from "../text/masking.ts";
import { inPercent, some, sum } from "../text/quantities.ts";
import { visible } from "../text/visible.ts";
import { chart, spanIn } from "./charts.ts";
import { countsOf, PERIODS } from "./code-counts.ts";
import { rate } from "./figures.ts";
import { type Html, layout, noCounts, pathOf } from "./layout.ts";
import type { Operator, PageEnv } from "./login.ts";
import type { Operations, RefusedClient } from "./operations.ts";
import { type Choice, choiceIn } from "./peer-acknowledgements.ts";
import { type PeerCounts, peerCounts } from "./peer-counts.ts";
import type { PeerNow } from "./peer-now.ts";
import { connectionsOf, hourOf, lastReport, refusalTable, successOf, timesRefused, tlsInWords } from "./peer-words.ts";
import { ago, countOf, nothingYet, outcomeMark } from "./pieces.ts";
import { peerAddress, reportsAddress } from "./reports-address.ts";

const HOUR_MS = 3_600_000;

/** The part of the page with a peer's acknowledgements. Rejects when Redis does not answer, and when too many ask. */
export type AcknowledgementsShown = (
  peer: string,
  choice: Choice,
  loggedIn: boolean,
  numbers: Operator["numbers"],
) => Promise<Html>;

/** Answers with the page. `tested`: what came of testing its MMSC just now; null when that was not asked for. */
export async function peerPage(
  c: Context<PageEnv>,
  operations: Operations,
  acknowledgements: AcknowledgementsShown,
  tested: readonly string[] | null,
): Promise<Response> {
  const name = c.req.param("name") ?? "";
  const { operator } = c.var;
  const away = operations.redisAway();
  const counted = away === null ? await countedIn(operations, name) : null;
  const peer = (await operations.peers()).find((one) => one.name === name);
  const body =
    peer === undefined && !counted?.week.length
      ? html`<h1>Not there</h1><p class="card">No peer ${visible(name)} is in force, and no report of it was counted in the last 7 days. <a href="/peers">All peers</a></p>`
      : html`<h1>${visible(name)}</h1>
        ${done(c.req.query("again"))} ${tested === null ? "" : result(tested, operator)}
        ${await sections(c, operations, acknowledgements, { name, peer, counted, away })}`;
  const status = peer === undefined && !counted?.week.length ? 404 : 200;
  return c.html(layout({ title: name, path: pathOf(c), operator, body }), status);
}

/** What only Redis knows of it. */
interface Counted {
  readonly hour: PeerCounts | undefined;
  /** Of the last seven days. */
  readonly week: readonly Tally[];
}

async function countedIn(operations: Operations, name: string): Promise<Counted> {
  const [hour, week] = await Promise.all([operations.tallies(HOUR_MS, "minute"), countsOf(operations, "week")]);
  return { hour: peerCounts(hour, new Date()).get(name), week: week.filter(({ peer }) => peer === name) };
}

interface Shown {
  readonly name: string;
  readonly peer: PeerNow | undefined;
  readonly counted: Counted | null;
  readonly away: string | null;
}

async function sections(
  c: Context<PageEnv>,
  operations: Operations,
  acknowledgements: AcknowledgementsShown,
  { name, peer, counted, away }: Shown,
): Promise<Html> {
  const { operator } = c.var;
  const refusals = (await operations.refusals()).filter((refusal) => refusal.peer === name).reverse();
  const owed =
    away === null
      ? await acknowledgements(name, choiceIn(c.req.query("show")), operator.loggedIn, operator.numbers)
      : html`<p class="card" id="acknowledgements">No acknowledgements can be shown: ${away}.</p>`;
  return html`${peer === undefined ? html`<p class="card">No entry of that name is in force now.</p>` : state(peer, counted, refusals, operator)}
    ${counted === null ? noCounts(away ?? "") : counted.week.length === 0 ? nothingOf(name) : html`<div class="halves">${outcomes(name, counted.week)} ${codes(operations, name, counted.week)}</div>`}
    ${chart({ span: spanIn(c.req.query("span")), peer: name })} ${refused(refusals)} ${owed} ${peer?.entry ? entry(peer.entry) : ""}
    <p><a href="/peers">All peers</a></p>`;
}

/** What the last click did: a number only, because anybody can write a query into a link. */
function done(again: string | undefined): Html {
  const count = Number.parseInt(again ?? "", 10);
  return count >= 0
    ? html`<p class="card done" role="status">${some(count, "acknowledgement")} sent again.</p>`
    : html``;
}

function result(lines: readonly string[], { numbers }: Operator): Html {
  const text = lines.join("\n");
  return html`<section class="card" role="status"><h2>Its MMSC, tested now</h2><pre tabindex="0">${visible(numbers === "full" ? text : maskAllButAddresses(text))}</pre></section>`;
}

function state(peer: PeerNow, counted: Counted | null, refusals: readonly RefusedClient[], operator: Operator): Html {
  const times = timesRefused(refusals);
  return html`<section class="card">
    <dl class="pairs">
      ${
        counted === null
          ? ""
          : html`<dt>Now</dt><dd>${rate(counted.hour?.lastWholeMinute ?? 0)}</dd>
      <dt>Last hour</dt><dd>${hourOf(peer.name, counted.hour)} reports, success ${successOf(counted.hour)}</dd>`
      }
      <dt>Last report</dt><dd>${lastReport(peer, counted?.hour)}</dd>
      <dt>Connections</dt><dd>${connectionsOf(peer)}</dd>
      <dt>TLS</dt><dd>${tlsInWords(peer)}</dd>
      <dt>Refused, 24 h</dt><dd>${times === 0 ? "0" : html`<a class="count" href="#refusals">${times.toLocaleString("en")}</a>`}</dd>
      ${peer.unusual.length === 0 ? "" : html`<dt>Unusual</dt><dd class="unusual">${peer.unusual.join("; ")}</dd>`}
      ${peer.acknowledged === null ? "" : html`<dt>Acknowledged</dt><dd>${ACKNOWLEDGED[peer.acknowledged]}</dd>`}
      <dt>MMSC</dt><dd>${mmscInWords(peer, operator)}</dd>
    </dl>
    ${operator.loggedIn && peer.mmsc !== null ? html`<form method="post" action="${peerAddress(peer.name)}/test"><button>Test MMSC</button></form>` : ""}
  </section>`;
}

const ACKNOWLEDGED = {
  off: "never (acknowledge.mode off)",
  auto: "the reports that ask for it (acknowledge.mode auto)",
  always: "every report (acknowledge.mode always)",
} as const;

function mmscInWords({ mmsc }: PeerNow, { numbers }: Operator): Html {
  if (mmsc === null) return html`its entry has no acknowledge.host, so acknowledgements cannot be sent`;
  const { host, failing, answeredAt } = mmsc;
  if (failing !== null) {
    const reason = visible(numbers === "full" ? failing.reason : maskAllButAddresses(failing.reason));
    return html`${host}: <span class="unusual">fails since ${ago(failing.since)}: ${reason}</span>`;
  }
  return html`${host}: ${answeredAt === null ? "not tried since the start" : html`answered ${ago(answeredAt)}`}`;
}

function nothingOf(name: string): Html {
  return nothingYet(
    `No report of ${visible(name)} was counted in the last 7 days.`,
    html`<code>mm4d peers list</code> prints from which addresses it may connect, and <a href="/peers#strangers">Peers</a> which strangers were refused.`,
  );
}

function outcomes(name: string, week: readonly Tally[]): Html {
  const rows = sumBy(week, ({ outcome, disposition }) => `${outcome} ${disposition}`);
  const all = sum(rows.map(({ reports }) => reports));
  return html`<section class="card">
    <h2>What it reported, 7 days</h2>
    <div class="wide" tabindex="0"><table class="cards">
      <thead><tr><th scope="col">Outcome</th><th scope="col" class="number">Reports</th><th scope="col" class="number">Share</th></tr></thead>
      <tbody>${rows.map(({ key, reports }) => {
        const [outcome = "", disposition = ""] = key.split(" ");
        return html`<tr><th scope="row" data-label="Outcome">${outcomeMark(outcome, disposition)}</th><td data-label="Reports" class="number">${countOf(reports, reportsAddress({ peer: name, outcome, since: PERIODS.week.since }))}</td><td data-label="Share" class="number">${inPercent(reports, all)}</td></tr>`;
      })}</tbody>
    </table></div>
  </section>`;
}

function codes(operations: Operations, name: string, week: readonly Tally[]): Html {
  const rows = sumBy(
    week.filter(({ code }) => code !== "none"),
    ({ code }) => code,
  ).slice(0, BOUNDS.listShown.value);
  if (rows.length === 0) return html``;
  return html`<section class="card">
    <h2>With which codes, 7 days</h2>
    <div class="wide" tabindex="0"><table class="cards">
      <thead><tr><th scope="col">Code</th><th scope="col" class="number">Reports</th></tr></thead>
      <tbody>${rows.map(({ key: code, reports }) => {
        if (code === "other") {
          return html`<tr><th scope="row" data-label="Code">codes that are not listed</th><td data-label="Reports" class="number">${reports.toLocaleString("en")}</td></tr>`;
        }
        const address = reportsAddress({ peer: name, code, since: PERIODS.week.since });
        return html`<tr><th scope="row" data-label="Code"><a href="/codes/${code}">${code}</a> ${nameForPeers(Number(code), [name], operations.catalogueOf)}</th><td data-label="Reports" class="number">${countOf(reports, address)}</td></tr>`;
      })}</tbody>
    </table></div>
  </section>`;
}

function refused(refusals: readonly RefusedClient[]): Html {
  if (refusals.length === 0) return html`<p class="card" id="refusals">It was not refused in the last 24 hours.</p>`;
  return html`<section class="card" id="refusals">
    <h2>Refused in the last 24 hours</h2>
    ${refusalTable(refusals.slice(0, BOUNDS.listShown.value))}
  </section>`;
}

function entry(text: string): Html {
  return html`<section class="card">
    <details><summary>Its entry in force, with the defaults</summary><pre tabindex="0">${visible(text)}</pre></details>
  </section>`;
}
