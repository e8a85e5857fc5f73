/** What attempts to send acknowledgements have shown about each peer's MMSC: whether it takes any, and if not, why. */
import type { SendResult } from "../delivery/acknowledgement.ts";
import type { Peer } from "../smtp/peer.ts";

export interface TriedMmsc {
  readonly peer: string;
  /** When it last answered, with any code; null when it never did. */
  readonly answeredAt: Date | null;
  /** The first and the last attempt since then that failed, and why; null when none has failed. */
  readonly failing: { readonly since: Date; readonly lastAt: Date; readonly reason: string } | null;
}

/** How an attempt ended. `busy` is left out, because it was no attempt. */
type Ended = Exclude<SendResult, { readonly kind: "busy" }>;

export interface TriedMmscs {
  /** Returns what is now known about the peer's MMSC; null when the attempt did not ask it. */
  add(id: string, peer: string, sendResult: Ended): TriedMmsc | null;
  /** Forgets MMSCs whose entry is gone or has changed. */
  usePeers(peers: readonly Peer[]): void;
  /** The MMSCs of peers whose entry says that acknowledgements are sent. */
  all(nowMs?: number): readonly TriedMmsc[];
}

/** Longer than the longest wait between two attempts. When no attempt was made for so long, nothing is known. */
const FORGOTTEN_MS = 3_600_000;
/** A single 4xx may be due to its acknowledgement. So many 4xx in a row, for different ones, are due to the MMSC. */
const PUT_OFF = 3;

interface Known extends TriedMmsc {
  /** Which acknowledgements in a row got a 4xx, and since when. */
  readonly putOff: { readonly since: Date; readonly ids: ReadonlySet<string> } | null;
}

export function createTriedMmscs(): TriedMmscs {
  const tried = new Map<string, Known>();
  /** By peer: what its entry says about its MMSC. */
  let entries = new Map<string, string>();

  return {
    add(id, peer, sendResult) {
      const known = afterAttempt(tried.get(peer), id, peer, sendResult, new Date());
      if (known) tried.set(peer, known);
      return known;
    },
    usePeers(peers) {
      // Peers that are gone, or to which nothing is to be sent, are not listed.
      const sentTo = peers.filter(({ acknowledge: { host, mode } }) => host !== null && mode !== "off");
      const next = new Map(sentTo.map(({ name, acknowledge }) => [name, JSON.stringify(acknowledge)]));
      for (const peer of tried.keys()) if (next.get(peer) !== entries.get(peer)) tried.delete(peer);
      entries = next;
    },
    all: (nowMs = Date.now()) =>
      [...tried.values()]
        .filter(({ peer }) => entries.has(peer))
        .map(({ peer, answeredAt, failing }) => {
          const isForgotten = failing !== null && nowMs - failing.lastAt.getTime() > FORGOTTEN_MS;
          return { peer, answeredAt, failing: isForgotten ? null : failing };
        }),
  };
}

function afterAttempt(before: Known | undefined, id: string, peer: string, sendResult: Ended, now: Date): Known | null {
  if (sendResult.kind !== "failed") return { peer, answeredAt: now, failing: null, putOff: null };
  const { mmsc, reason } = sendResult;
  if (mmsc === "not-asked") return null;
  const answeredAt = before?.answeredAt ?? null;
  if (mmsc === "away") {
    const since = before?.failing?.since ?? now;
    return { peer, answeredAt, failing: { since, lastAt: now, reason }, putOff: null };
  }
  const putOff = { since: before?.putOff?.since ?? now, ids: new Set(before?.putOff?.ids).add(id) };
  if (putOff.ids.size < PUT_OFF) return { peer, answeredAt: now, failing: null, putOff };
  // A few ids are enough to tell that they differ.
  const ids = new Set([...putOff.ids].slice(0, PUT_OFF));
  return { peer, answeredAt, failing: { since: putOff.since, lastAt: now, reason }, putOff: { ...putOff, ids } };
}
