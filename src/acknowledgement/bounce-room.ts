/**
 * How many bytes of each peer's bounces are stored and not tied yet. Each peer has a share, so that one peer's
 * flood takes no memory from another.
 */
import { BOUNDS } from "../bounds/bounds.ts";

export interface BounceRoom {
  /** Whether one more bounce of this peer, of this many bytes, may wait. A single one always may. */
  has(peer: string, bytes: number): boolean;
  /** A bounce waits from now on, under the id of its record. */
  promised(id: string, message: { readonly peer: string; readonly bytes: number }): void;
  /** The bounce no longer waits, because it was tied or could not be stored. Harmless if it did not wait. */
  broken(id: string): void;
}

/** What a bounce takes besides its own bytes, in the journal and in memory. */
const PLACE_BYTES = 1_024;

export function createBounceRoom(): BounceRoom {
  const waiting = new Map<string, { readonly peer: string; readonly bytes: number }>();
  const sums = new Map<string, number>();
  return {
    has(peer, bytes) {
      const sum = sums.get(peer) ?? 0;
      return sum === 0 || sum + bytes <= BOUNDS.bouncesWaiting.value;
    },
    promised(id, { peer, bytes: raw }) {
      // A bounce that was moved to the journal's end may be in the journal twice when it is opened again.
      if (waiting.has(id)) return;
      const bytes = raw + PLACE_BYTES;
      waiting.set(id, { peer, bytes });
      sums.set(peer, (sums.get(peer) ?? 0) + bytes);
    },
    broken(id) {
      const one = waiting.get(id);
      if (!one) return;
      waiting.delete(id);
      const left = (sums.get(one.peer) ?? 0) - one.bytes;
      if (left > 0) sums.set(one.peer, left);
      else sums.delete(one.peer);
    },
  };
}
