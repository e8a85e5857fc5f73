/**
 * Counts each peer's bytes in the journal, and leaves room for the other peers.
 * Records stay for a minute after they were queued, so a high rate alone can fill
 * the journal.
 */
import { BOUNDS } from "../bounds/bounds.ts";

export interface Shares {
  /** Whether a peer may add a record. `total`: bytes of all peers. A peer that has no record there always may. */
  has(peer: string, bytes: number, total: number): boolean;
  /** Counts a record that is about to be written. Its segment is not known yet. */
  promised(peer: string, bytes: number): void;
  /** Takes back a promised record that was not written. */
  broken(peer: string, bytes: number): void;
  /** A promised record was written to this segment. */
  arrived(segment: number, peer: string, bytes: number): void;
  /** A segment was removed with all its records. */
  removed(segment: number): void;
  /** Peers that fill nearly all of their share, or whose last record did not fit into the rest. */
  usedUp(total: number): readonly string[];
  /** The peer with the most bytes; null when the journal has no records. */
  most(): { readonly peer: string; readonly bytes: number } | null;
}

/** A peer that fills this part of its share has used it up, even if no record was refused yet. */
const USED_UP = 0.99;

export function createShares(maxBytes: number): Shares {
  const sums = new Map<string, number>();
  const segments = new Map<number, Map<string, number>>();
  /** The bytes of the last refused record, by peer. */
  const refused = new Map<string, number>();
  let known = 0;

  function count(peer: string, bytes: number): void {
    const sum = (sums.get(peer) ?? 0) + bytes;
    if (sum > 0) sums.set(peer, sum);
    else {
      sums.delete(peer);
      refused.delete(peer);
    }
    known += bytes;
  }

  function shareOf(peer: string, total: number): number {
    // A record that is being written counts here already, and not yet in the total.
    const others = Math.max(total, known) - (sums.get(peer) ?? 0);
    return (maxBytes - others) * BOUNDS.journalShare.value;
  }

  function fits(peer: string, bytes: number, total: number): boolean {
    const own = sums.get(peer) ?? 0;
    return own === 0 || own + bytes <= shareOf(peer, total);
  }

  function isUsedUp(peer: string, own: number, total: number): boolean {
    return own >= shareOf(peer, total) * USED_UP || !fits(peer, refused.get(peer) ?? 0, total);
  }

  return {
    has(peer, bytes, total) {
      const has = fits(peer, bytes, total);
      if (has) refused.delete(peer);
      else refused.set(peer, bytes);
      return has;
    },
    promised: count,
    broken: (peer, bytes) => count(peer, -bytes),
    arrived(segment, peer, bytes) {
      const there = segments.get(segment) ?? new Map<string, number>();
      segments.set(segment, there.set(peer, (there.get(peer) ?? 0) + bytes));
    },
    removed(segment) {
      for (const [peer, bytes] of segments.get(segment) ?? []) count(peer, -bytes);
      segments.delete(segment);
    },
    usedUp: (total) => [...sums].filter(([peer, own]) => isUsedUp(peer, own, total)).map(([peer]) => peer),
    most() {
      const [first] = [...sums].sort(([, a], [, b]) => b - a);
      return first ? { peer: first[0], bytes: first[1] } : null;
    },
  };
}
