/**
 * Joins the parts of acknowledging: the queue of what is owed, the responder that
 * sends it, the peers' entries that say where to, and the bounces that come back.
 */
import type { MessageRules } from "../delivery/accepted.ts";
import type { BouncedMessage, TiedBounce } from "../delivery/bounced.ts";
import type { Publisher } from "../queue/publisher.ts";
import type { RedisPlace } from "../queue/redis.ts";
import type { Peer } from "../smtp/peer.ts";
import { type BounceRoom, createBounceRoom } from "./bounce-room.ts";
import type { AcknowledgementObserver } from "./observer.ts";
import { createResponder, destinationOf, responderPlaces } from "./responder.ts";
import { type Sending, startSending } from "./sending.ts";
import { tieBounce } from "./tie.ts";
import { createTriedMmscs, type TriedMmsc } from "./tried-mmscs.ts";

/** The settings that acknowledging needs. */
export interface AcknowledgementSettings {
  /** The name we greet with. */
  readonly hostname: string;
  /** Our own address. */
  readonly systemAddress: string;
  /** How long an MMSC may be silent, in seconds. */
  readonly ackTimeoutSeconds: number;
  readonly queuePrefix: string;
}

export interface AcknowledgementsOptions {
  readonly settings: AcknowledgementSettings;
  /** The waits between attempts, in milliseconds, before chance is added: those by which the jobs were made. */
  readonly waitsMs: readonly number[];
  readonly redis: RedisPlace;
  readonly publisher: Pick<Publisher, "writeBounce">;
  readonly peers: readonly Peer[];
  readonly observer: AcknowledgementObserver;
  /** Errors of Redis that belong to no attempt. */
  readonly onError: (cause: Error) => void;
}

export interface Acknowledgements {
  /** Our own address. */
  readonly systemAddress: string;
  /** Whether a response to this message could be sent. `to` is where the message asks for it; null when it does not say. */
  canSend(entry: MessageRules, to: string | null): boolean;
  usePeers(peers: readonly Peer[]): void;
  /** Counts the acknowledgements that messages asked for; `none` is not counted. */
  countOwed(requests: readonly { readonly peer: string; readonly state: "none" | "owed" | "undeliverable" }[]): void;
  /** Where bounces wait to be tied. */
  readonly bounceRoom: BounceRoom;
  /**
   * Reads a bounce and writes it into the job of its acknowledgement, if the bounce comes from
   * the peer to which that was sent. Harmless to repeat. Rejects when Redis does not take it.
   */
  tie(message: BouncedMessage): Promise<TiedBounce>;
  /** Counts bounces, both those that were tied and those that could not be. */
  countBounces(bounces: readonly TiedBounce[]): void;
  /** What the attempts since the start have shown about each peer's MMSC. */
  mmscs(): readonly TriedMmsc[];
  /** Waits `graceMs` at most for what is being sent. The rest is sent after the next start. */
  stop(graceMs: number): Promise<void>;
}

/** Begins to send what is owed, as soon as one peer's entry names an MMSC. */
export function startAcknowledgements(options: AcknowledgementsOptions): Acknowledgements {
  const { settings, waitsMs, publisher, observer } = options;
  const { systemAddress } = settings;
  const ownDomain = systemAddress.slice(systemAddress.lastIndexOf("@") + 1);
  const responder = createResponder({
    hostname: settings.hostname,
    systemAddress,
    timeoutMs: settings.ackTimeoutSeconds * 1000,
    // Shorter than the wait for the next attempt, so that the next attempt does ask the MMSC.
    awayMs: (waitsMs[0] ?? 0) / 2,
  });
  const bounceRoom = createBounceRoom();
  const mmscs = createTriedMmscs();
  /** Peers that have asked for an acknowledgement that cannot be sent, since their entries were read. */
  const undeliverable = new Set<string>();
  let peers = new Map<string, Peer>();
  let sending: Sending | undefined;
  usePeers(options.peers);

  function usePeers(entries: readonly Peer[]): void {
    peers = new Map(entries.map((entry) => [entry.name, entry]));
    undeliverable.clear();
    responder.usePeers(entries);
    mmscs.usePeers(entries);
    const places = responderPlaces(entries);
    if (places === 0) return;
    sending ??= startSending({
      address: { redis: options.redis, prefix: settings.queuePrefix },
      waitsMs,
      places,
      send: (id, acknowledgement) => responder.send(id, acknowledgement, peers.get(acknowledgement.peer)),
      onAttempt({ id, acknowledgement, attempts, last, sendResult }) {
        const result = sendResult.kind === "sent" ? "sent" : last ? "failed" : "retried";
        const words = sendResult.kind === "sent" ? sendResult.reply : sendResult.reason;
        const mmsc = mmscs.add(id, acknowledgement.peer, sendResult);
        observer.attempted([{ id, acknowledgement, attempts, result, words, mmsc }]);
      },
      onError: options.onError,
    });
    sending.setPlaces(places);
  }

  /** Without this check, a client that knows an id could report another peer's acknowledgement as failed. */
  function mayBounce(from: string, sentTo: string): boolean {
    return from === sentTo || (peers.get(sentTo)?.acknowledge.bouncesFrom ?? []).includes(from);
  }

  function isFirstUndeliverable(peer: string): boolean {
    if (undeliverable.has(peer)) return false;
    undeliverable.add(peer);
    return true;
  }

  return {
    systemAddress,
    canSend: (entry, to) => destinationOf(entry, to) !== null,

    usePeers,

    countOwed(requests) {
      const counted = requests.flatMap(({ peer, state }) =>
        state === "none"
          ? []
          : [{ peer, state, firstUndeliverable: state === "undeliverable" && isFirstUndeliverable(peer) }],
      );
      if (counted.length > 0) observer.requested(counted);
    },

    bounceRoom,
    tie: (message) => tieBounce(message, { publisher, ownDomain, mayBounce }),
    countBounces: (bounces) => observer.bounced(bounces),
    mmscs: () => mmscs.all(),

    async stop(graceMs) {
      await sending?.stop(graceMs);
      responder.stop();
    },
  };
}
