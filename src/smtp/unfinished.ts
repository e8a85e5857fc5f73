/**
 * Room for messages that are not finished. They are in memory from their first byte to
 * their reply. Their sum is bounded, and no peer has more than a share of what the others
 * leave, so that a peer that fills its share keeps no other out.
 */
import { BOUNDS } from "../bounds/bounds.ts";

export interface Unfinished {
  /** Whether a peer may hold this many bytes more. */
  has(peer: string, bytes: number): boolean;
  /** Adds to the bytes that a peer holds; a negative number frees them. False when it may not hold more; then nothing changes. */
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
