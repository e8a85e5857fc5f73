/** Peers: every one that may connect, how it is now, and strangers that were refused. */
import { Hono } from "hono";
import { html } from "hono/html";
import { BOUNDS } from "../bounds/bounds.ts";
import { rate } from "./figures.ts";
import { type Html, layout, pathOf } from "./layout.ts";
import { addressOf, type Login, type Operator, type PageEnv } from "./login.ts";
import type { OnAction, Operations, RefusedClient } from "./operations.ts";
import { acknowledgementsOf, type Choice, type OwedCounts, owedCounts, sendAgain } from "./peer-acknowledgements.ts";
import { type PeerCounts, peerCounts } from "./peer-counts.ts";
import type { PeerNow } from "./peer-now.ts";
import { peerPage } from "./peer-page.ts";
import { connectionsOf, hourOf, lastReport, refusalTable, successOf, timesRefused, tlsInWords } from "./peer-words.ts";
import { nothingYet } from "./pieces.ts";
import { inTurn, remembering, together } from "./remembering.ts";
import { peerAddress } from "./reports-address.ts";

const HOUR_MS = 3_600_000;
const OWED_MS = 5_000;

type OwedSeen = Awaited<ReturnType<typeof owedCounts>>;

export function peersPage(operations: Operations, { mayAct }: Login, onAction: OnAction): Hono<PageEnv> {
  const routes = new Hono<PageEnv>();
  // Many open pages ask for the same.
  const owed = remembering(OWED_MS, async () => owedCounts(await operations.acknowledgements()));

  const refusals = together(operations.refusals);
  const acknowledgements = inTurn(
    async (peer: string, choice: Choice, loggedIn: boolean, numbers: Operator["numbers"]) =>
      acknowledgementsOf(peer, choice, await operations.acknowledgements(), { loggedIn, numbers }),
  );
  const shared = { ...operations, refusals };

  routes.get("/peers", async (c) => {
    const from = Math.max(0, Number.parseInt(c.req.query("from") ?? "0", 10) || 0);
    const body = html`<h1>Peers</h1> ${await peers(shared, owed, from)}`;
    return c.html(layout({ title: "Peers", path: pathOf(c), operator: c.var.operator, body }));
  });

  routes.get("/peers/:name", (c) => peerPage(c, shared, acknowledgements, null));

  routes.post("/peers/:name/send-again", mayAct, async (c) => {
    const peer = c.req.param("name");
    const form = await c.req.parseBody();
    const desk = await operations.acknowledgements();
    let again = 0;
    try {
      await sendAgain(peer, form, desk, () => {
        again += 1;
      });
    } finally {
      // Also when it breaks off half-way.
      onAction("acknowledgements-retried", { address: addressOf(c), peer, id: form.id, state: form.state, again });
    }
    return c.redirect(`${peerAddress(peer)}?again=${again}`, 303);
  });

  routes.post("/peers/:name/test", mayAct, async (c) => {
    const peer = c.req.param("name");
    onAction("mmsc-tested", { address: addressOf(c), peer });
    const told = await operations.testMmsc(peer).catch((cause: Error) => [cause.message]);
    return peerPage(c, shared, acknowledgements, told);
  });

  // Where they stood until 1.0.
  routes.get("/acknowledgements", (c) => c.redirect("/peers", 301));
  return routes;
}

/** What only Redis knows of them. */
interface Counted {
  readonly counts: ReadonlyMap<string, PeerCounts>;
  readonly owed: ReadonlyMap<string, OwedCounts>;
  /** Whether more are owed than were looked at. */
  readonly owedComplete: boolean;
}

const NOT_KNOWN: Counted = { counts: new Map(), owed: new Map(), owedComplete: true };

async function peers(operations: Operations, owed: () => Promise<OwedSeen>, from: number): Promise<Html> {
  const away = operations.redisAway();
  const [all, refusals, counted] = await Promise.all([
    operations.peers(),
    operations.refusals(),
    away === null ? countedIn(operations, owed) : NOT_KNOWN,
  ]);
  const shown = all.slice(from, from + BOUNDS.listShown.value);
  return html`${away === null ? "" : html`<p class="card">What Redis counts cannot be shown: ${away}.</p>`}
    <section class="card">
      <h2>${all.length === 1 ? "1 peer" : `${all.length} peers`}</h2>
      ${peerTable(shown, refusals, counted, away === null)}
      ${counted.owedComplete ? "" : html`<p>More acknowledgements are owed than the ${BOUNDS.acknowledgementsLookedAt.value.toLocaleString("en")} that were looked at.</p>`}
      ${all.length === shown.length ? "" : pages(from, all.length)}
    </section>
    ${strangers(refusals)}`;
}

function pages(from: number, all: number): Html {
  const page = (place: number, name: string): Html => html`<a href="/peers?from=${place}">${name}</a>`;
  const step = BOUNDS.listShown.value;
  return html`<p class="pages">${from > 0 ? page(Math.max(0, from - step), "Before") : ""} ${from + step < all ? page(from + step, "Further") : ""}</p>`;
}

async function countedIn(operations: Operations, owed: () => Promise<OwedSeen>): Promise<Counted> {
  const [tallies, { byPeer, complete }] = await Promise.all([operations.tallies(HOUR_MS, "minute"), owed()]);
  return { counts: peerCounts(tallies, new Date()), owed: byPeer, owedComplete: complete };
}

function peerTable(
  shown: readonly PeerNow[],
  refusals: readonly RefusedClient[],
  { counts, owed }: Counted,
  known: boolean,
): Html {
  const ofPeer = new Map<string, RefusedClient[]>();
  for (const refusal of refusals) {
    if (refusal.peer !== null) ofPeer.set(refusal.peer, [...(ofPeer.get(refusal.peer) ?? []), refusal]);
  }
  return html`<div class="wide" tabindex="0"><table class="cards">
    <thead><tr><th scope="col">Peer</th><th scope="col" class="number">Now</th><th scope="col" class="number">1 h</th><th scope="col" class="number">Success</th><th scope="col">Last report</th><th scope="col" class="number">Connections</th><th scope="col">TLS</th><th scope="col" class="number">Refused, 24 h</th><th scope="col">Acks owed</th><th scope="col">Unusual</th></tr></thead>
    <tbody>${shown.map((peer) => {
      const its = counts.get(peer.name);
      const unknown = known ? null : "–";
      return html`<tr>
        <th scope="row" data-label="Peer"><a href="${peerAddress(peer.name)}">${peer.name}</a>${peer.inForce ? "" : " (no longer in force)"}</th>
        <td data-label="Now" class="number">${unknown ?? rate(its?.lastWholeMinute ?? 0)}</td>
        <td data-label="1 h" class="number">${unknown ?? hourOf(peer.name, its)}</td>
        <td data-label="Success" class="number">${unknown ?? successOf(its)}</td>
        <td data-label="Last report">${lastReport(peer, its)}</td>
        <td data-label="Connections" class="number">${connectionsOf(peer)}</td>
        <td data-label="TLS">${tlsInWords(peer)}</td>
        <td data-label="Refused, 24 h" class="number">${refusedOf(peer.name, ofPeer.get(peer.name) ?? [])}</td>
        <td data-label="Acks owed">${unknown ?? owedOf(peer, owed.get(peer.name))}</td>
        <td data-label="Unusual">${peer.unusual.length === 0 ? "" : html`<span class="unusual">${peer.unusual.join("; ")}</span>`}</td>
      </tr>`;
    })}</tbody>
  </table></div>`;
}

function refusedOf(name: string, refusals: readonly RefusedClient[]): Html {
  const times = timesRefused(refusals);
  return times === 0
    ? html`0`
    : html`<a class="count" href="${peerAddress(name)}#refusals">${times.toLocaleString("en")}</a>`;
}

function owedOf({ name, mmsc }: PeerNow, counts: OwedCounts | undefined): Html {
  const { owed, undelivered } = counts ?? { owed: 0, undelivered: 0 };
  const link = (count: number, show: string, words: string): Html =>
    html`<a class="count" href="${peerAddress(name)}?show=${show}#acknowledgements">${count.toLocaleString("en")}${words}</a>`;
  const failing = mmsc?.failing ? html` <span class="unusual">MMSC fails</span>` : "";
  if (owed + undelivered === 0) return html`${mmsc === null ? "–" : "0"}${failing}`;
  return html`${owed === 0 ? "" : link(owed, "open", "")}${owed > 0 && undelivered > 0 ? ", " : ""}${undelivered === 0 ? "" : link(undelivered, "undelivered", " undelivered")}${failing}`;
}

/** Of clients that are no peer's. */
function strangers(refusals: readonly RefusedClient[]): Html {
  const theirs = refusals
    .filter(({ peer }) => peer === null)
    .slice(-BOUNDS.listShown.value)
    .reverse();
  if (theirs.length === 0) {
    return nothingYet(
      "No stranger was refused in the last 24 hours.",
      html`Whoever connects from an address that is not in the peers' file (MM4D_PEERS_FILE) is listed here, with the reply.`,
    );
  }
  return html`<section class="card" id="strangers">
    <h2>Strangers, refused in the last 24 hours</h2>
    <p>If one of them is a carrier, copy its address into its entry of the peers' file.</p>
    ${refusalTable(theirs)}
  </section>`;
}
