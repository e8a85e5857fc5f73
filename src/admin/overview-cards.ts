/** Cards of the overview: which codes fail, and what each peer does. */
import { html } from "hono/html";
import { type CatalogueOf, nameForPeers } from "../catalogue/by-peers.ts";
import { sumBy, type Tally } from "../delivery/tally.ts";
import { inPercent, some, sum } from "../text/quantities.ts";
import { visible } from "../text/visible.ts";
import { countedCodeInWords } from "./charts.ts";
import { rate } from "./figures.ts";
import type { Html } from "./layout.ts";
import type { Operator } from "./login.ts";
import type { RefusedClient } from "./operations.ts";
import { type PeerCounts, peerCounts } from "./peer-counts.ts";
import type { PeerNow } from "./peer-now.ts";
import { hourOf, lastReport, saidByClient, successOf } from "./peer-words.ts";
import { ago, countOf } from "./pieces.ts";
import { peerAddress, reportsAddress } from "./reports-address.ts";

const CODES_SHOWN = 6;
const PEERS_SHOWN = 12;
const REFUSALS_SHOWN = 5;
/** From so many times its usual count on, a code is marked. */
const UNUSUAL = 1.5;
const HOURS = 24;

/** The codes of most failures in the last hour, each against its mean hour of the last day. */
export function failingCodes(hour: readonly Tally[], day: readonly Tally[], catalogueOf: CatalogueOf): Html {
  const failed = sumBy(hour.filter(isFailure), ({ code }) => code);
  const before = new Map(sumBy(day.filter(isFailure), ({ code }) => code).map(({ key, reports }) => [key, reports]));
  const all = sum(failed.map(({ reports }) => reports));
  // Without an earlier hour nothing is unusual.
  const hasEarlier = sum(day.map(({ reports }) => reports)) > sum(hour.map(({ reports }) => reports));
  /** In an hour of the last day before this one, on the average. */
  const usualOf = (code: string, now: number): number => Math.max(0, (before.get(code) ?? 0) - now) / (HOURS - 1);
  const peersOf = (code: string) => [...new Set(hour.filter((tally) => tally.code === code).map(({ peer }) => peer))];
  return html`<section class="card">
    <div class="title"><h2>Failing codes, last hour</h2><a href="/codes">All codes</a></div>
    ${failed.length === 0 ? html`<p class="soft">No failures in the last hour.</p>` : table(failed.slice(0, CODES_SHOWN))}
  </section>`;

  function table(rows: typeof failed): Html {
    return html`<table class="cards">
      <thead><tr><th scope="col">Code</th><th scope="col" class="number">Reports</th><th scope="col" class="number">Share</th></tr></thead>
      <tbody>${rows.map(({ key, reports }) => {
        const usual = usualOf(key, reports);
        const mark =
          hasEarlier && reports > UNUSUAL * usual
            ? html` <span title="More than usual: ${usual.toFixed(1)} an hour in the last day">▲</span>`
            : "";
        return html`<tr data-key="${key}">
          <th scope="row">${codeLink(key, peersOf(key), catalogueOf)}</th>
          <td class="number" data-label="Reports">${count(key, reports)}</td>
          <td class="number" data-label="Share">${inPercent(reports, all)}${mark}</td>
        </tr>`;
      })}</tbody>
    </table>`;
  }
}

function isFailure({ disposition }: Tally): boolean {
  return disposition === "failure";
}

function codeLink(code: string, peers: readonly string[], catalogueOf: CatalogueOf): Html {
  if (!/^\d+$/.test(code)) return html`${countedCodeInWords(code)}`;
  return html`<a href="/codes/${code}">${code}</a> ${nameForPeers(Number(code), peers, catalogueOf)}`;
}

/** Codes that are not listed are counted as one, and reports are not found by that. */
function count(code: string, reports: number): Html {
  if (code === "other") return html`${reports.toLocaleString("en")}`;
  return countOf(reports, reportsAddress({ code, disposition: "failure", since: "1h" }));
}

export interface PeersSeen {
  /** Every peer in force, also one that has never sent, and those that have sent since the start. */
  readonly peers: readonly PeerNow[];
  /** Counts of the last hour by the minute; null while Redis is away. */
  readonly hour: readonly Tally[] | null;
  /** The latest last. */
  readonly refusals: readonly RefusedClient[];
}

/** What each peer does, and who was refused. */
export function peersCard({ peers, hour, refusals }: PeersSeen, operator: Pick<Operator, "numbers">, now: Date): Html {
  const counts = peerCounts(hour ?? [], now);
  return html`<section class="card">
    <div class="title"><h2>Peers, last hour</h2><a href="/peers">All peers</a></div>
    ${
      peers.length === 0
        ? html`<p class="soft">No peer may connect. To let one in, see MM4D_PEERS.</p>`
        : html`<table class="cards">
      <thead><tr><th scope="col">Peer</th><th scope="col" class="number">Now</th><th scope="col" class="number">Reports</th><th scope="col" class="number">Success</th><th scope="col">Last report</th><th scope="col" class="number">Connections</th></tr></thead>
      <tbody>${peers.slice(0, PEERS_SHOWN).map((peer) => peerRow(peer, hour === null ? null : counts))}</tbody>
    </table>`
    }
    ${peers.length <= PEERS_SHOWN ? "" : html`<p><a href="/peers">${peers.length - PEERS_SHOWN} more</a></p>`}
    ${refusals.length === 0 ? "" : refused(refusals.slice(-REFUSALS_SHOWN).reverse(), operator, now)}
  </section>`;
}

/** `counts`: null while Redis is away. */
function peerRow(peer: PeerNow, counts: ReadonlyMap<string, PeerCounts> | null): Html {
  const { name, unusual, connections } = peer;
  const own = counts?.get(name);
  return html`<tr data-key="${name}">
    <th scope="row"><a href="${peerAddress(name)}">${visible(name)}</a></th>
    <td class="number" data-label="Now">${counts === null ? "–" : rate(own?.lastWholeMinute ?? 0)}</td>
    <td class="number" data-label="Reports">${counts === null ? "–" : hourOf(name, own)}</td>
    <td class="number" data-label="Success">${successOf(name, own)}</td>
    <td data-label="Last report">${lastReport(peer, own)}${unusual.length === 0 ? "" : html` <a class="unusual" href="${peerAddress(name)}" title="${unusual.join("; ")}">${some(unusual.length, "unusual thing")}</a>`}</td>
    <td class="number" data-label="Connections">${connections}</td>
  </tr>`;
}

/** Where the reply stands that they heard. */
function refusedAt(peer: string | null): string {
  return peer === null ? "/peers#strangers" : `${peerAddress(peer)}#refusals`;
}

function refused(refusals: readonly RefusedClient[], operator: Pick<Operator, "numbers">, now: Date): Html {
  return html`<h3>Refused</h3>
    <ul class="reasons">${refusals.map(
      ({ address, peer, helo, reason, count, lastAt }) =>
        html`<li><strong>${address}</strong> ${peer === null ? saidByClient(helo, operator) : visible(peer)}: ${reason}, <a class="count" href="${refusedAt(peer)}">${count.toLocaleString("en")}×</a>, ${ago(lastAt, now)}</li>`,
    )}</ul>`;
}
