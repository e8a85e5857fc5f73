/** What the pages of the peers say of one, in words. */
import { html } from "hono/html";
import { maskAllButAddresses } from "../text/masking.ts";
import { durationInWords, inPercent, sum } from "../text/quantities.ts";
import { visible } from "../text/visible.ts";
import type { Html } from "./layout.ts";
import type { Operator } from "./login.ts";
import type { RefusedClient } from "./operations.ts";
import type { OwedCounts } from "./peer-acknowledgements.ts";
import type { PeerCounts } from "./peer-counts.ts";
import type { PeerNow } from "./peer-now.ts";
import { ago, countOf, wholeId } from "./pieces.ts";
import { peerAddress, reportsAddress } from "./reports-address.ts";

const DAY_MS = 86_400_000;

/** When it was heard last. What this process knows is exact; the counts know also of replicas, to a minute. */
export function lastReport({ lastAt, knownMs }: PeerNow, counts: PeerCounts | undefined): Html {
  const counted = counts?.lastMinute.toISOString() ?? "";
  const last = lastAt !== null && lastAt >= counted ? lastAt : counted;
  if (last !== "") return ago(last);
  if (knownMs === null) return html`nothing yet`;
  return html`<span class="unusual">nothing for ${durationInWords(Math.min(knownMs, DAY_MS))}${knownMs < DAY_MS ? ", since the start" : " or longer"}</span>`;
}

/** The reports of the last hour, which lead to them. */
export function hourOf(name: string, counts: PeerCounts | undefined): Html {
  return countOf(counts?.reports ?? 0, reportsAddress({ peer: name, since: "1h" }));
}

/** The share of successes in the last hour, which leads to them. */
export function successOf(name: string, counts: PeerCounts | undefined): Html {
  if (counts === undefined) return html`–`;
  const address = reportsAddress({ peer: name, disposition: "success", since: "1h" });
  return html`<a class="count" href="${address}">${inPercent(counts.successes, counts.reports)}</a>`;
}

/** Whether its last report came over TLS, and what its entry asks for. */
export function tlsInWords({ tls, lastTls }: PeerNow): string {
  const used = lastTls === "never" ? "–" : (lastTls ?? "none");
  return tls === "required" ? `${used} (required)` : used;
}

/** The connections that it has, of those that it may have. */
export function connectionsOf({ connections, mostConnections }: PeerNow): string {
  const has = connections.toLocaleString("en");
  return mostConnections === null ? has : `${has} of ${mostConnections.toLocaleString("en")}`;
}

/** How often it was refused. */
export function timesRefused(refusals: readonly RefusedClient[]): number {
  return sum(refusals.map(({ count }) => count));
}

/** The acknowledgements that it is owed and that could not be sent, each count as a link to them. */
export function owedOf({ name, mmsc }: Pick<PeerNow, "name" | "mmsc">, counts: OwedCounts | undefined): Html {
  const { owed, undelivered } = counts ?? { owed: 0, undelivered: 0 };
  const link = (count: number, show: string, words: string): Html =>
    html`<a class="count" href="${peerAddress(name)}?show=${show}#acknowledgements">${count.toLocaleString("en")}${words}</a>`;
  const failing = mmsc?.failing ? html` <span class="unusual">MMSC fails</span>` : "";
  if (owed + undelivered === 0) return html`${mmsc === null ? "–" : "0"}${failing}`;
  return html`${owed === 0 ? "" : link(owed, "open", "")}${owed > 0 && undelivered > 0 ? ", " : ""}${undelivered === 0 ? "" : link(undelivered, "undelivered", " undelivered")}${failing}`;
}

/** What a refused client wrote, such as its greeting: numbers in it are masked as on the page of a report. */
export function saidByClient(text: string | null, { numbers }: Pick<Operator, "numbers">): string {
  return visible(numbers === "full" ? (text ?? "") : maskAllButAddresses(text ?? ""));
}

/** Who was refused, and what they heard; the latest first. */
export function refusalTable(refusals: readonly RefusedClient[], operator: Pick<Operator, "numbers">): Html {
  return html`<div class="wide" tabindex="0"><table class="cards">
    <thead><tr><th scope="col">Address</th><th scope="col">Greeted as</th><th scope="col">Reply, and reason</th><th scope="col" class="number">Times</th><th scope="col">Last</th></tr></thead>
    <tbody>${refusals.map(({ address, helo, reason, detail, reply, count, lastAt }) => {
      const [greeting, what] = [saidByClient(helo, operator), saidByClient(detail, operator)];
      return html`<tr data-key="${address} ${reason} ${greeting} ${what}">
        <th scope="row" data-label="Address">${wholeId(address)}</th>
        <td data-label="Greeted as">${greeting}</td>
        <td data-label="Reply">${reply} <span class="advice">${reason}${detail === null ? "" : `: ${what}`}</span></td>
        <td data-label="Times" class="number">${count.toLocaleString("en")}</td>
        <td data-label="Last">${ago(lastAt)}</td>
      </tr>`;
    })}</tbody>
  </table></div>`;
}
