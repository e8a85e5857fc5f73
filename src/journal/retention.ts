/**
 * When a drained record may leave the disk: after the same Redis has been
 * reachable for a grace period since the record was drained.
 *
 * A Redis with `appendfsync everysec` may lose its last second, and so may a
 * promoted replica. Both come back with another run id or replication id. Then
 * everything that has not settled is published again. Where nothing was lost that
 * is harmless, because the event id stays the same.
 */
import type { Position } from "./segments.ts";

export interface Retention {
  /** Everything before it may leave the disk. */
  readonly settled: Position;
  /** The Redis that has every drained record. Null before the first, {@link SEVERAL} while no single one has all. */
  readonly redis: string | null;
}

/** In place of a Redis while records must be published again. It equals no Redis, so the next one counts as another. */
export const SEVERAL = "several";

/** What changed in Redis since the last look. */
export interface RedisNews {
  /** It is another Redis, or has other content: publish what has not settled again. */
  readonly again: boolean;
  /** All that mm4d kept there is gone. */
  readonly emptied: boolean;
}

export interface RetentionClock {
  /**
   * Tells the clock about once a second which Redis is there, or null while
   * Redis cannot be reached. `nowMs` is monotonic.
   *
   * Returns `again: true` when what has not settled must be published again, and with it
   * `emptied: true` when Redis certainly lost what mm4d kept there.
   */
  tell(redis: string | null, drained: Position, nowMs: number): RedisNews;
  /** All that had to be published again is on the queue now. The grace period begins anew for all of it. */
  publishedAgain(): void;
  current(): Retention;
  /** Whether this Redis has every drained record, and no record is still to be published again. */
  isSteady(redis: string): boolean;
}

const LONGEST_TICK_MS = 5_000;
const NO_NEWS: RedisNews = { again: false, emptied: false };

export function createRetention(start: Retention, graceMs: number): RetentionClock {
  let { settled, redis } = start;
  /** The Redis that unsettled records are being published to again. It becomes `redis` when that is done. */
  let changingTo: string | null = null;
  let reachableMs = 0;
  let toldAtMs: number | null = null;
  let checkpoints: { position: Position; atMs: number }[] = [];

  return {
    tell(seen, drained, nowMs) {
      if (seen === null) {
        // The clock stands still while Redis is away.
        toldAtMs = null;
        return NO_NEWS;
      }
      // A longer gap proves nothing about Redis, because this process may have been stopped or held up by its disk.
      if (toldAtMs !== null) reachableMs += Math.min(nowMs - toldAtMs, LONGEST_TICK_MS);
      toldAtMs = nowMs;
      redis ??= seen;
      const before = changingTo ?? redis;
      if (!isSame(before, seen)) {
        changingTo = seen;
        checkpoints = [];
        return { again: true, emptied: isEmptied(before, seen) };
      }
      // Redis may tell more words about itself than before. From now on the longer form identifies it.
      const known = seen.length > before.length ? seen : before;
      if (changingTo !== null) {
        changingTo = known;
        return NO_NEWS;
      }
      redis = known;
      checkpoints.push({ position: drained, atMs: reachableMs });
      const due = checkpoints.filter(({ atMs }) => reachableMs - atMs >= graceMs);
      settled = due.at(-1)?.position ?? settled;
      checkpoints = checkpoints.slice(due.length);
      return NO_NEWS;
    },

    publishedAgain() {
      redis = changingTo ?? redis;
      changingTo = null;
      checkpoints = [];
    },

    current: () => ({ settled, redis: changingTo === null ? redis : SEVERAL }),

    isSteady: (seen) => changingTo === null && redis !== null && isSame(redis, seen),
  };
}

/**
 * Whether two identities may mean the same Redis. An identity is a list of words, the coarsest first. One with fewer
 * words may still be the same: 1.0.0 saved no content mark, and not every user of Redis may read that mark.
 */
function isSame(one: string, other: string): boolean {
  return one === other || one.startsWith(`${other} `) || other.startsWith(`${one} `);
}

/**
 * Whether Redis lost its content: both identities have a content mark, the third word, and the marks differ. A
 * promoted replica and a Redis that read its data back from its disk still have the old mark.
 */
function isEmptied(before: string, seen: string): boolean {
  const [mark, other] = [before, seen].map((redis) => redis.split(" ")[2]);
  return mark !== undefined && other !== undefined && mark !== other;
}
