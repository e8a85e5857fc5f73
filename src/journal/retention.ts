/**
 * When a drained record may leave the disk: only after Redis has been
 * reachable, and the same Redis, for a grace period since it was drained.
 *
 * A Redis with `appendfsync everysec` that loses its last second, or a replica
 * promoted without it, comes back with another run id or replication id. Then
 * everything that has not settled is published again; the event id makes that
 * harmless where nothing was lost.
 */
import type { Position } from "./segments.ts";

export interface Retention {
  /** Everything before it may leave the disk. */
  readonly settled: Position;
  /** Which Redis all that is drained went into; null before the first one, {@link SEVERAL} while that is not one. */
  readonly redis: string | null;
}

/** While something is still to be published again: it is like no Redis, so that whichever comes next is another one. */
export const SEVERAL = "several";

/** What has become of Redis since it was looked at before. */
export interface RedisNews {
  /** It is another one, or has another content: publish what has not settled again. */
  readonly again: boolean;
  /** Nothing of what was kept there is there now. */
  readonly emptied: boolean;
}

export interface RetentionClock {
  /**
   * Tells the state of Redis, about once a second: which one it is, or null
   * while it cannot be reached. `nowMs` is monotonic.
   *
   * Returns `again: true` when what has not settled must be published again, and with it `emptied: true`
   * when what was kept in Redis is known to be gone.
   */
  tell(redis: string | null, drained: Position, nowMs: number): RedisNews;
  /** What was to be published again is on the queue: the grace period begins anew for all of it. */
  publishedAgain(): void;
  current(): Retention;
  /** Whether everything drained went into this Redis, and nothing is still to be published again. */
  isSteady(redis: string): boolean;
}

const LONGEST_TICK_MS = 5_000;
const NO_NEWS: RedisNews = { again: false, emptied: false };

export function createRetention(start: Retention, graceMs: number): RetentionClock {
  let { settled, redis } = start;
  /** The Redis into which what has not settled is being published again. Not told as `redis` before that is done. */
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
      // Of a longer time nothing is known: this process may have been stopped, or held up by its disk.
      if (toldAtMs !== null) reachableMs += Math.min(nowMs - toldAtMs, LONGEST_TICK_MS);
      toldAtMs = nowMs;
      redis ??= seen;
      const before = changingTo ?? redis;
      if (!isSame(before, seen)) {
        changingTo = seen;
        checkpoints = [];
        return { again: true, emptied: isEmptied(before, seen) };
      }
      // It tells more of itself than before, and by that it is known from now on.
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
 * Whether two may be one. What tells them apart stands in words, the coarsest first, and one that has fewer is
 * no other one for that: 1.0.0 noted no mark of what is kept there, and a user of Redis may not read it.
 */
function isSame(one: string, other: string): boolean {
  return one === other || one.startsWith(`${other} `) || other.startsWith(`${one} `);
}

/**
 * Whether the one has lost what was in the other: the third word of both, the mark of what is kept there, is known
 * and differs. A replica that was promoted, and a Redis that has read its disk, have the mark of before.
 */
function isEmptied(before: string, seen: string): boolean {
  const [mark, other] = [before, seen].map((redis) => redis.split(" ")[2]);
  return mark !== undefined && other !== undefined && mark !== other;
}
