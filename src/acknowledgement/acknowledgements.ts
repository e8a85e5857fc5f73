/**
 * Joins what acknowledgements take: the debts on their queue, the responder that
 * sends them, the peers' entries that say where to, and what comes back.
 */

import type { Acknowledgement } from "../delivery/acknowledgement.ts";
import type { Bounce, BouncedMessage } from "../delivery/bounced.ts";
import type { Acknowledging } from "../flow/read.ts";
import type { Log } from "../monitoring/log.ts";
import type { Metrics } from "../monitoring/metrics.ts";
import { createOutage, type Outage } from "../monitoring/outage.ts";
import type { Publisher } from "../queue/publisher.ts";
import type { RedisPlace } from "../queue/redis.ts";
import { type Config, systemAddressOf } from "../settings/config.ts";
import type { Peer } from "../smtp/peer.ts";
import { type AcknowledgementResult, idsOfAcknowledgement } from "../trace/note.ts";
import type { TraceWriter } from "../trace/writer.ts";
import { readBounce } from "./bounce.ts";
import { createBounceRoom } from "./bounce-room.ts";
import { createResponder, destinationOf, responderPlaces } from "./responder.ts";
import { type Attempt, type Paying, startPaying } from "./sending.ts";
import { createTriedMmscs, type TriedMmsc } from "./tried-mmscs.ts";

export interface AcknowledgementsOptions {
  readonly config: Config;
  readonly redis: RedisPlace;
  readonly publisher: Publisher;
  readonly peers: readonly Peer[];
  readonly log: Log;
  readonly metrics: Metrics;
  readonly trace: Pick<TraceWriter, "write">;
}

/** A bounce, and what it was tied to. */
export interface TiedBounce {
  readonly bounce: Bounce;
  /** Of the acknowledgement that it names; null when it names none of ours. */
  readonly id: string | null;
  /** Null when it was tied to none. */
  readonly acknowledgement: Acknowledgement | null;
  /** Why it was tied to none, in words; null when it was. */
  readonly untied: string | null;
}

export interface Acknowledgements {
  /** How messages of a peer are acknowledged. */
  rulesOf(entry: Peer): Acknowledging;
  usePeers(peers: readonly Peer[]): void;
  /** Counts what a message's peer is owed. */
  noteDebt(peer: string, debt: "none" | "owed" | "undeliverable"): void;
  /** Whether one more bounce of a peer, of so many bytes, may wait to be tied. */
  hasBounceRoom(peer: string, bytes: number): boolean;
  /** A bounce is stored under this id, and waits to be tied. */
  bounceWaits(id: string, message: { readonly peer: string; readonly bytes: number }): void;
  /** It does not any more: it was tied, or could not be stored. */
  bounceGone(id: string): void;
  /**
   * Reads a bounce and notes it on its acknowledgement, if it comes from where that
   * went. Harmless to repeat. Rejects when Redis does not take it.
   */
  tie(message: BouncedMessage): Promise<TiedBounce>;
  noteBounce(peer: string, tied: TiedBounce): void;
  /** What came of the attempts on each peer's MMSC since the start. */
  mmscs(): readonly TriedMmsc[];
  /** Waits for what is being sent, `graceMs` at most. What is left is sent after the next start. */
  stop(graceMs: number): Promise<void>;
}

/** RFC 3464 §2.3.3. */
const DSN_ACTIONS: readonly string[] = ["failed", "delayed", "delivered", "relayed", "expanded"];

/** Begins to pay what is owed, from the first peer on that can be sent to. */
export function startAcknowledgements(options: AcknowledgementsOptions): Acknowledgements {
  const { config, publisher, log, metrics, trace } = options;
  const systemAddress = systemAddressOf(config);
  const firstRetryMs = config.ackRetrySeconds * 1000;
  const responder = createResponder({
    hostname: config.hostname,
    systemAddress,
    timeoutMs: config.ackTimeoutSeconds * 1000,
    // So that what has failed is really tried when its turn comes.
    awayMs: firstRetryMs / 2,
  });
  const ownDomain = systemAddress.slice(systemAddress.lastIndexOf("@") + 1);
  const bounceRoom = createBounceRoom();
  let peers = new Map<string, Peer>();
  let paying: Paying | undefined;
  /** Peers that were told to be owed what cannot be sent. */
  const toldUndeliverable = new Set<string>();
  /** By peer: its MMSC takes no acknowledgements. */
  const outages = new Map<string, Outage<string>>();
  const mmscs = createTriedMmscs();
  usePeers(options.peers);

  function usePeers(entries: readonly Peer[]): void {
    peers = new Map(entries.map((entry) => [entry.name, entry]));
    toldUndeliverable.clear();
    responder.usePeers(entries);
    mmscs.usePeers(entries);
    const places = responderPlaces(entries);
    if (places === 0) return;
    paying ??= startPaying({
      address: { redis: options.redis, prefix: config.queuePrefix },
      firstRetryMs,
      places,
      pay: (id, acknowledgement) => responder.send(id, acknowledgement, peers.get(acknowledgement.peer)),
      onAttempt: noteAttempt,
      onError: (cause) => log.redisError(cause),
    });
    paying.setPlaces(places);
  }

  /** Whoever knows an id could otherwise say of another peer's acknowledgement that it has failed. */
  function mayBounce(from: string, sentTo: string): boolean {
    return from === sentTo || (peers.get(sentTo)?.acknowledge.bouncesFrom ?? []).includes(from);
  }

  function noteAttempt({ id, acknowledgement, attempts, last, payment }: Attempt): void {
    const { peer, receivedAt } = acknowledgement;
    const failing = mmscs.note(id, peer, payment)?.failing;
    // What was not tried tells nothing new.
    if (payment.kind !== "failed" || payment.mmsc !== "not-asked") {
      if (failing) outageOf(peer).begun(failing.reason);
      else outageOf(peer).over();
    }
    const result = payment.kind === "sent" ? "sent" : last ? "failed" : "retried";
    noteTrace(id, acknowledgement, result, payment.kind === "sent" ? payment.reply : payment.reason);
    if (payment.kind === "sent") {
      metrics.acknowledgements.inc({ peer, result: "sent" });
      const tookMs = Math.max(0, Date.now() - Date.parse(receivedAt));
      log.acknowledgementSent(id, acknowledgement, { attempts, tookMs, reply: payment.reply });
      return;
    }
    metrics.acknowledgements.inc({ peer, result });
    const fields = { attempts, reason: payment.reason };
    if (last) log.acknowledgementFailed(id, acknowledgement, fields);
    else log.acknowledgementRetried(id, acknowledgement, fields);
  }

  function noteTrace(id: string, owed: Acknowledgement, result: AcknowledgementResult, detail: string): void {
    const ids = idsOfAcknowledgement(owed);
    trace.write({ kind: "acknowledgement", at: new Date().toISOString(), id, result, detail, ids });
  }

  function outageOf(peer: string): Outage<string> {
    const known = outages.get(peer);
    if (known) return known;
    const outage = createOutage<string>({
      onBegun: (reason) => log.acknowledgementsFailing(peer, reason),
      onOver: (facts) => log.acknowledgementsRecovered(peer, { ...facts }),
    });
    outages.set(peer, outage);
    return outage;
  }

  return {
    rulesOf: (entry) => ({
      mode: entry.acknowledge.mode,
      systemAddress,
      canSend: (to) => destinationOf(entry, to) !== null,
    }),

    usePeers,

    noteDebt(peer, debt) {
      if (debt === "none") return;
      metrics.acknowledgements.inc({ peer, result: debt });
      if (debt === "owed" || toldUndeliverable.has(peer)) return;
      toldUndeliverable.add(peer);
      log.acknowledgementUndeliverable(peer);
    },

    hasBounceRoom: bounceRoom.has,
    bounceWaits: (id, { peer, bytes }) => bounceRoom.enter(id, peer, bytes),
    bounceGone: bounceRoom.leave,

    async tie({ peer, raw, receivedAt }) {
      const { acknowledgementId: id, ...read } = await readBounce(Buffer.from(raw, "base64"), ownDomain);
      const bounce = { ...read, receivedAt };
      if (id === null) return { bounce, id, acknowledgement: null, untied: "it names no acknowledgement of ours" };
      const concerns = ({ peer: sentTo }: Acknowledgement): boolean => mayBounce(peer.name, sentTo);
      const named = await publisher.noteBounce(id, bounce, concerns);
      if (!named) return { bounce, id, acknowledgement: null, untied: "its acknowledgement is not known any more" };
      if (concerns(named)) return { bounce, id, acknowledgement: named, untied: null };
      const untied = `its acknowledgement was sent to ${named.peer}, whose bounces do not come from ${peer.name}`;
      return { bounce, id, acknowledgement: null, untied };
    },

    noteBounce(peer, { bounce, id, acknowledgement, untied }) {
      const action = DSN_ACTIONS.includes(bounce.action) ? bounce.action : "unknown";
      metrics.bounces.inc({ peer, action, tied: acknowledgement ? "yes" : "no" });
      if (acknowledgement && action === "failed") {
        metrics.acknowledgements.inc({ peer: acknowledgement.peer, result: "bounced" });
      }
      if (acknowledgement && id !== null)
        noteTrace(id, acknowledgement, "bounced", `${action} ${bounce.diagnostic ?? ""}`.trim());
      log.bounceReceived(peer, { id, ...bounce, ...(untied === null ? {} : { untied }) }, acknowledgement);
    },

    mmscs: () => mmscs.all(),

    async stop(graceMs) {
      await paying?.stop(graceMs);
      responder.stop();
      for (const outage of outages.values()) outage.stop();
    },
  };
}
