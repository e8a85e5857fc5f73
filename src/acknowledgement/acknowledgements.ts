/**
 * Joins what acknowledging takes: the queue of what is owed, the responder that
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

/** The settings that acknowledging takes. */
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
  /** Whether a response could be sent that goes where its message says; null for nowhere. */
  canSend(entry: MessageRules, to: string | null): boolean;
  usePeers(peers: readonly Peer[]): void;
  /** Counts what messages asked for; `none` counts as nothing. */
  countOwed(requests: readonly { readonly peer: string; readonly state: "none" | "owed" | "undeliverable" }[]): void;
  /** Where bounces wait to be tied. */
  readonly bounceRoom: BounceRoom;
  /**
   * Reads a bounce and writes it into the job of its acknowledgement, if it comes from
   * where that was sent. Harmless to repeat. Rejects when Redis does not take it.
   */
  tie(message: BouncedMessage): Promise<TiedBounce>;
  /** Counts bounces that were tied, or could not be. */
  countBounces(bounces: readonly TiedBounce[]): void;
  /** What attempts since the start tell of each peer's MMSC. */
  mmscs(): readonly TriedMmsc[];
  /** Waits for what is being sent, `graceMs` at most. What is left is sent after the next start. */
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
    // Shorter than the wait for the next attempt, so that the next attempt reaches out to the MMSC.
    awayMs: (waitsMs[0] ?? 0) / 2,
  });
  const bounceRoom = createBounceRoom();
  const mmscs = createTriedMmscs();
  /** Peers that asked for what cannot be sent, since their entries were read. */
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

  /** A client that knows an id could otherwise say of another peer's acknowledgement that it has failed. */
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
