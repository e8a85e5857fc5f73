/** Peers: every one that may connect, how it is now, and strangers that were refused. */
import { type Context, Hono } from "hono";
import { html } from "hono/html";
import { BOUNDS } from "../bounds/bounds.ts";
import { rate } from "./figures.ts";
import { type Html, layout, pathOf } from "./layout.ts";
import type { Look, Part } from "./live.ts";
import { addressOf, type Login, type PageEnv } from "./login.ts";
import type { OnAction, Operations, RefusedClient } from "./operations.ts";
import { sendAgain } from "./peer-acknowledgements.ts";
import type { PeerNow } from "./peer-now.ts";
import { peerPage, peerParts } from "./peer-page.ts";
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
import { lookingAtPeers, type PeersSeen } from "./peers-seen.ts";
import { nothingYet } from "./pieces.ts";
import { peerAddress } from "./reports-address.ts";

export interface PeersPages {
  readonly routes: Hono<PageEnv>;
  /** What is live on them. */
  readonly parts: Readonly<Record<string, Part>>;
}

export function peersPages(operations: Operations, { mayAct }: Login, onAction: OnAction): PeersPages {
  const routes = new Hono<PageEnv>();
  const look = lookingAtPeers(operations);
  const onePeer = (c: Context<PageEnv>, tested: readonly string[] | null) => peerPage(c, operations, look, tested);

  routes.get("/peers", async (c) => {
    const from = fromIn(pathOf(c));
    const seen = await look.see();
    const body = html`<h1>Peers</h1>
      <div data-live-of="/peers?from=${from}" data-live="peer-list">${list(seen, from)}</div>
      <div data-live="strangers">${strangers(seen.refusals, c.var.operator)}</div>`;
    return c.html(layout({ title: "Peers", path: pathOf(c), operator: c.var.operator, body }));
  });

  routes.get("/peers/:name", (c) => onePeer(c, null));

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
    return onePeer(c, await operations.testMmsc(peer).catch((cause: Error) => [cause.message]));
  });

  // Where they stood until 1.0.
  routes.get("/acknowledgements", (c) => c.redirect("/peers", 301));

  const parts = {
    "peer-list": async (of: string) => list(await look.see(), fromIn(of)),
    strangers: async (_: string, operator: Look) => strangers((await look.see()).refusals, operator),
    ...peerParts(operations, look),
  };
  return { routes, parts };
}

function fromIn(address: string): number {
  const { searchParams } = new URL(address, "http://localhost");
  return Math.max(0, Number.parseInt(searchParams.get("from") ?? "0", 10) || 0);
}

function list({ peers, refusals, counted, away }: PeersSeen, from: number): Html {
  const shown = peers.slice(from, from + BOUNDS.listShown.value);
  return html`${away === null ? "" : html`<p class="card" data-key="away">What Redis counts cannot be shown: ${away}.</p>`}
    <section class="card" data-key="peers">
      <h2>${peers.length === 1 ? "1 peer" : `${peers.length} peers`}</h2>
      ${peerTable(shown, refusals, counted)}
      ${counted?.owedComplete === false ? html`<p>More acknowledgements are owed than the ${BOUNDS.acknowledgementsLookedAt.value.toLocaleString("en")} that were looked at.</p>` : ""}
      ${peers.length === shown.length ? "" : pages(from, peers.length)}
    </section>`;
}

function pages(from: number, all: number): Html {
  const page = (place: number, name: string): Html => html`<a href="/peers?from=${place}">${name}</a>`;
  const step = BOUNDS.listShown.value;
  return html`<p class="pages">${from > 0 ? page(Math.max(0, from - step), "Before") : ""} ${from + step < all ? page(from + step, "Further") : ""}</p>`;
}

/** `counted`: null while Redis is away. */
function peerTable(shown: readonly PeerNow[], refusals: readonly RefusedClient[], counted: PeersSeen["counted"]): Html {
  const ofPeer = new Map<string, RefusedClient[]>();
  for (const refusal of refusals) {
    if (refusal.peer !== null) ofPeer.set(refusal.peer, [...(ofPeer.get(refusal.peer) ?? []), refusal]);
  }
  return html`<div class="wide" tabindex="0"><table class="cards">
    <thead><tr><th scope="col">Peer</th><th scope="col" class="number">Now</th><th scope="col" class="number">1 h</th><th scope="col" class="number">Success</th><th scope="col">Last report</th><th scope="col" class="number">Connections</th><th scope="col">TLS</th><th scope="col" class="number">Refused, 24 h</th><th scope="col">Acks owed</th><th scope="col">Unusual</th></tr></thead>
    <tbody>${shown.map((peer) => {
      const its = counted?.hour.get(peer.name);
      const unknown = counted === null ? "–" : null;
      return html`<tr data-key="${peer.name}">
        <th scope="row" data-label="Peer"><a href="${peerAddress(peer.name)}">${peer.name}</a>${peer.inForce ? "" : " (no longer in force)"}</th>
        <td data-label="Now" class="number">${unknown ?? rate(its?.lastWholeMinute ?? 0)}</td>
        <td data-label="1 h" class="number">${unknown ?? hourOf(peer.name, its)}</td>
        <td data-label="Success" class="number">${unknown ?? successOf(peer.name, its)}</td>
        <td data-label="Last report">${lastReport(peer, its)}</td>
        <td data-label="Connections" class="number">${connectionsOf(peer)}</td>
        <td data-label="TLS">${tlsInWords(peer)}</td>
        <td data-label="Refused, 24 h" class="number">${refusedOf(peer.name, ofPeer.get(peer.name) ?? [])}</td>
        <td data-label="Acks owed">${unknown ?? owedOf(peer, counted?.owed.get(peer.name))}</td>
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

/** Of clients that are no peer's. */
function strangers(refusals: readonly RefusedClient[], operator: Look): Html {
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
    ${refusalTable(theirs, operator)}
  </section>`;
}
