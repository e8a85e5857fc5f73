/** When each peer was last heard by any process or replica on this Redis, also before our own start. The statistics say it. */
import type { QueuePlace } from "./queue-place.ts";
import { readStatistics } from "./statistics.ts";

export interface Heard {
  /** Asks Redis, once in a while. Rejects when it does not answer. */
  look(): Promise<void>;
  /** Exact to an hour; null for a peer that was not heard for a day; undefined before Redis was asked. */
  lastAt(peer: string): Date | null | undefined;
}

const HOUR_MS = 3_600_000;
const LOOKED_BACK_MS = 24 * HOUR_MS;
/** Each time some 25 hashes are read as a whole. */
const ASKED_EVERY_MS = 300_000;

export function createHeard(place: QueuePlace): Heard {
  const heard = new Map<string, Date>();
  let askedMs = Number.NEGATIVE_INFINITY;
  let known = false;
  return {
    async look() {
      if (performance.now() - askedMs < ASKED_EVERY_MS) return;
      const until = new Date();
      const since = new Date(until.getTime() - LOOKED_BACK_MS);
      // The oldest come first, so the last hour of a peer stays. A peer without any keeps the hour known before.
      for (const { peer, from } of await readStatistics(place, { since, until, resolution: "hour" })) {
        heard.set(peer, new Date(Math.min(from.getTime() + HOUR_MS, until.getTime())));
      }
      known = true;
      askedMs = performance.now();
    },
    lastAt: (peer) => (known ? (heard.get(peer) ?? null) : undefined),
  };
}
