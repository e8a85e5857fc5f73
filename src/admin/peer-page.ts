/** One peer: how it is now, what it sends, what it was refused, what it is owed, and its entry. */
import type { Context } from "hono";
import { html } from "hono/html";
import { BOUNDS } from "../bounds/bounds.ts";
import { nameForPeers } from "../catalogue/by-peers.ts";
import { maskAllButAddresses } from "../text/masking.ts";
import { inPercent, some, sum } from "../text/quantities.ts";
import { visible } from "../text/visible.ts";
import type { PeerWeek } from "../views/peer-weeks.ts";
import { chart, spanIn } from "./charts.ts";
import { PERIODS } from "./code-counts.ts";
import { rate } from "./figures.ts";
import { type Html, layout, noCounts, pathOf } from "./layout.ts";
import type { Look, Part } from "./live.ts";
import type { Operator, PageEnv } from "./login.ts";
import type { Operations } from "./operations.ts";
import { KEPT_OPEN_MS, OPENED_MS } from "./paces.ts";
import { acknowledgementsOf, type Choice, choiceIn } from "./peer-acknowledgements.ts";
import type { PeerNow } from "./peer-now.ts";
import {
  connectionsOf,
  hourOf,
  lastReport,
  owedOf,
  refusalTable,
  successOf,
  timesRefused,
  tlsInWords,
} from "./peer-words.ts";
import type { PeersLook, PeersSeen } from "./peers-seen.ts";
import { ago, countOf, nothingYet, outcomeMark } from "./pieces.ts";
import { peerAddress, reportsAddress } from "./reports-address.ts";

/** Answers with the page. `tested`: what came of testing its MMSC just now; null when that was not asked for. */
export async function peerPage(
  c: Context<PageEnv>,
  operations: Operations,
  look: PeersLook,
  tested: readonly string[] | null,
): Promise<Response> {
  const name = c.req.param("name") ?? "";
  const { operator } = c.var;
  const choice = choiceIn(c.req.query("show"));
  const seen = await look.see();
  const peer = seen.peers.find((one) => one.name === name);
  const counted = await weekSeen(name, seen, look, OPENED_MS);
  const isKnown = peer !== undefined || !(counted instanceof Error || counted.outcomes.length === 0);
  const body = isKnown
    ? html`<h1>${visible(name)}</h1>
        ${done(c.req.query("again"))} ${tested === null ? "" : result(tested, operator)}
        <div data-live-of="${peerAddress(name)}?show=${choice}" data-live="peer-state">${state(name, seen, operator)}</div>
        <div data-live="peer-week">${week(operations, name, counted)}</div>
        ${chart({ span: spanIn(c.req.query("span")), peer: name })}
        <div data-live="peer-refusals">${refused(name, seen, operator)}</div>
        <div data-live="peer-acknowledgements" data-live-held>${await acknowledgements(name, choice, { seen, look, keptMs: 0, operator })}</div>
        ${peer?.entry ? entry(peer.entry) : ""}
        <p><a href="/peers">All peers</a></p>`
    : html`<h1>Not there</h1><p class="card">No peer ${visible(name)} is in force, and no report of it was counted in the last 7 days. <a href="/peers">All peers</a></p>`;
  return c.html(layout({ title: name, path: pathOf(c), operator, body }), isKnown ? 200 : 404);
}

/** What is live on it. `of`: its address. */
export function peerParts(operations: Operations, look: PeersLook): Readonly<Record<string, Part>> {
  return {
    "peer-state": async (of, operator) => state(asked(of).name, await look.see(), operator),
    async "peer-week"(of) {
      const { name } = asked(of);
      return week(operations, name, await weekSeen(name, await look.see(), look, KEPT_OPEN_MS));
    },
    "peer-refusals": async (of, operator) => refused(asked(of).name, await look.see(), operator),
    async "peer-acknowledgements"(of, operator) {
      const { name, choice } = asked(of);
      return acknowledgements(name, choice, { seen: await look.see(), look, keptMs: KEPT_OPEN_MS, operator });
    },
  };
}

/** Throws for an address that is no peer's. */
function asked(of: string): { readonly name: string; readonly choice: Choice } {
  const { pathname, searchParams } = new URL(of, "http://localhost");
  const name = decodeURIComponent(pathname.slice(peerAddress("").length));
  return { name, choice: choiceIn(searchParams.get("show") ?? undefined) };
}

/** Or why it is not known. */
async function weekSeen(name: string, { away }: PeersSeen, look: PeersLook, keptMs: number): Promise<PeerWeek | Error> {
  if (away !== null) return new Error(away);
  const weeks = await look.weeks(keptMs).catch((cause: Error) => cause);
  return weeks instanceof Error ? weeks : (weeks.get(name) ?? { outcomes: [], codes: [] });
}

function week(operations: Operations, name: string, counted: PeerWeek | Error): Html {
  if (counted instanceof Error) return noCounts(counted.message);
  if (counted.outcomes.length === 0) return nothingOf(name);
  return html`<div class="halves">${outcomes(name, counted)} ${codes(operations, name, counted)}</div>`;
}

interface ForAcknowledgements {
  readonly seen: PeersSeen;
  readonly look: PeersLook;
  readonly keptMs: number;
  readonly operator: Look;
}

async function acknowledgements(
  name: string,
  choice: Choice,
  { seen, look, keptMs, operator }: ForAcknowledgements,
): Promise<Html> {
  if (seen.away !== null) {
    return html`<p class="card" id="acknowledgements">No acknowledgements can be shown: ${seen.away}.</p>`;
  }
  return acknowledgementsOf(name, choice, await look.acknowledgements(keptMs, choice), operator);
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

function state(name: string, { peers, refusals, counted }: PeersSeen, operator: Look): Html {
  const peer = peers.find((one) => one.name === name);
  if (peer === undefined) return html`<p class="card">No entry of that name is in force now.</p>`;
  const times = timesRefused(refusals.filter((refusal) => refusal.peer === name));
  const hour = counted?.hour.get(name);
  return html`<section class="card">
    <dl class="pairs">
      ${
        counted === null
          ? ""
          : html`<dt>Now</dt><dd>${rate(hour?.lastWholeMinute ?? 0)}</dd>
      <dt>Last hour</dt><dd>${hourOf(name, hour)} reports, success ${successOf(name, hour)}</dd>`
      }
      <dt>Last report</dt><dd>${lastReport(peer, hour)}</dd>
      <dt>Connections</dt><dd>${connectionsOf(peer)}</dd>
      <dt>TLS</dt><dd>${tlsInWords(peer)}</dd>
      <dt>Refused, 24 h</dt><dd>${times === 0 ? "0" : html`<a class="count" href="#refusals">${times.toLocaleString("en")}</a>`}</dd>
      ${peer.unusual.length === 0 ? "" : html`<dt>Unusual</dt><dd class="unusual">${peer.unusual.join("; ")}</dd>`}
      ${peer.acknowledged === null ? "" : html`<dt>Acknowledged</dt><dd>${ACKNOWLEDGED[peer.acknowledged]}</dd>`}
      ${counted === null ? "" : html`<dt>Acks owed</dt><dd>${owedOf(peer, counted.owed.get(name))}</dd>`}
      <dt>MMSC</dt><dd>${mmscInWords(peer, operator)}</dd>
    </dl>
    ${operator.loggedIn && peer.mmsc !== null ? html`<form method="post" action="${peerAddress(name)}/test"><button>Test MMSC</button></form>` : ""}
  </section>`;
}

const ACKNOWLEDGED = {
  off: "never (acknowledge.mode off)",
  auto: "the reports that ask for it (acknowledge.mode auto)",
  always: "every report (acknowledge.mode always)",
} as const;

function mmscInWords({ mmsc }: PeerNow, { numbers }: Look): Html {
  if (mmsc === null) return html`its entry has no acknowledge.host, so acknowledgements cannot be sent`;
  const { host, failing, answeredAt } = mmsc;
  if (failing !== null) {
    const reason = visible(numbers === "full" ? failing.reason : maskAllButAddresses(failing.reason));
    return html`${host}: <span class="unusual">failing, first ${ago(failing.since)}: ${reason}</span>`;
  }
  return html`${host}: ${answeredAt === null ? "not tried since the start" : html`answered ${ago(answeredAt)}`}`;
}

function nothingOf(name: string): Html {
  return nothingYet(
    `No report of ${visible(name)} was counted in the last 7 days.`,
    html`<code>mm4d peers list</code> prints from which addresses it may connect, and <a href="/peers#strangers">Peers</a> which strangers were refused.`,
  );
}

function outcomes(name: string, { outcomes: rows }: PeerWeek): Html {
  const all = sum(rows.map(({ reports }) => reports));
  return html`<section class="card">
    <h2>What it reported, 7 days</h2>
    <div class="wide" tabindex="0"><table class="cards">
      <thead><tr><th scope="col">Outcome</th><th scope="col" class="number">Reports</th><th scope="col" class="number">Share</th></tr></thead>
      <tbody>${rows.map(({ key, reports }) => {
        const [outcome = "", disposition = ""] = key.split(" ");
        return html`<tr data-key="${key}"><th scope="row" data-label="Outcome">${outcomeMark(outcome, disposition)}</th><td data-label="Reports" class="number">${countOf(reports, reportsAddress({ peer: name, outcome, since: PERIODS.week.since }))}</td><td data-label="Share" class="number">${inPercent(reports, all)}</td></tr>`;
      })}</tbody>
    </table></div>
  </section>`;
}

function codes(operations: Operations, name: string, { codes: rows }: PeerWeek): Html {
  if (rows.length === 0) return html``;
  return html`<section class="card">
    <h2>With which codes, 7 days</h2>
    <div class="wide" tabindex="0"><table class="cards">
      <thead><tr><th scope="col">Code</th><th scope="col" class="number">Reports</th></tr></thead>
      <tbody>${rows.map(({ key: code, reports }) => {
        if (code === "other") {
          return html`<tr data-key="other"><th scope="row" data-label="Code">codes that are not listed</th><td data-label="Reports" class="number">${reports.toLocaleString("en")}</td></tr>`;
        }
        const address = reportsAddress({ peer: name, code, since: PERIODS.week.since });
        return html`<tr data-key="${code}"><th scope="row" data-label="Code"><a href="/codes/${code}">${code}</a> ${nameForPeers(Number(code), [name], operations.catalogueOf)}</th><td data-label="Reports" class="number">${countOf(reports, address)}</td></tr>`;
      })}</tbody>
    </table></div>
  </section>`;
}

function refused(name: string, seen: PeersSeen, operator: Look): Html {
  const refusals = seen.refusals.filter(({ peer }) => peer === name).reverse();
  if (refusals.length === 0) return html`<p class="card" id="refusals">It was not refused in the last 24 hours.</p>`;
  return html`<section class="card" id="refusals">
    <h2>Refused in the last 24 hours</h2>
    ${refusalTable(refusals.slice(0, BOUNDS.listShown.value), operator)}
  </section>`;
}

function entry(text: string): Html {
  return html`<section class="card">
    <details><summary>Its entry in force, with the defaults</summary><pre tabindex="0">${visible(text)}</pre></details>
  </section>`;
}
