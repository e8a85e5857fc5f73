/**
 * Room for messages that are not finished: from their first byte to their reply
 * they are in memory. The sum of all is bounded, and no peer has more than a share
 * of what the others leave, so that a peer that fills its share keeps no other out.
 */
import { BOUNDS } from "../bounds/bounds.ts";

export interface Unfinished {
  /** Whether a peer may hold so many bytes more. */
  has(peer: string, bytes: number): boolean;
  /** Changes what a peer holds by so many bytes, which may be fewer. False when it may not hold more; then nothing is changed. */
  hold(peer: string, bytes: number): boolean;
}

export function createUnfinished(maxBytes: number): Unfinished {
  const held = new Map<string, number>();
  let sum = 0;

  function has(peer: string, bytes: number): boolean {
    const own = held.get(peer) ?? 0;
    return own + bytes <= (maxBytes - (sum - own)) * BOUNDS.unfinishedShare.value;
  }

  return {
    has,
    hold(peer, bytes) {
      if (bytes > 0 && !has(peer, bytes)) return false;
      const own = (held.get(peer) ?? 0) + bytes;
      if (own > 0) held.set(peer, own);
      else held.delete(peer);
      sum += bytes;
      return true;
    },
  };
}
