/**
 * Whose the journal's bytes are. What one peer fills must leave room for the others:
 * records stay for a minute after they were queued, so that its rate alone fills it.
 */
import { BOUNDS } from "../bounds/bounds.ts";

export interface Shares {
  /** Whether one more record of a peer may come. `total`: what there is in all. One that has nothing there may always. */
  has(peer: string, bytes: number, total: number): boolean;
  /** A record is on its way, to a segment that is not known yet. */
  promised(peer: string, bytes: number): void;
  /** It will not come. */
  broken(peer: string, bytes: number): void;
  /** What was promised stands in a segment. */
  arrived(segment: number, peer: string, bytes: number): void;
  /** A segment has gone, and with it all that stood in it. */
  removed(segment: number): void;
  /** Peers that have as good as all of their share, or whose last record did not fit into the rest. */
  usedUp(total: number): readonly string[];
  /** Who has most; null when nobody has anything. */
  most(): { readonly peer: string; readonly bytes: number } | null;
}

/** From this part of its share on, a peer has used it up, though it has not tried yet. */
const USED_UP = 0.99;

export function createShares(maxBytes: number): Shares {
  const sums = new Map<string, number>();
  const segments = new Map<number, Map<string, number>>();
  /** How many bytes the record had that was refused last, by peer. */
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
    // What is being written is known here, and not yet in the total.
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
