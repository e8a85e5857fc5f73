/**
 * Looks at queues from time to time, and finds out what one look cannot: whether any
 * consumer takes jobs from them, and whether a worker is connected.
 */
import { BOUNDS } from "../bounds/bounds.ts";
import type { QueueUse } from "../monitoring/observed.ts";
import { inRounds } from "../rounds.ts";
import { createConsumersSeen } from "./consumers-seen.ts";
import type { QueuePlace } from "./queue-place.ts";
import { lookAtQueue, type QueueLook } from "./queue-use.ts";
import { type WorkerSeen, type Workers, workersOf } from "./workers.ts";

export interface QueueWatch {
  /** Looks at each queue. Rejects when Redis refuses one, or does not answer. */
  look(): Promise<void>;
  /** The same, as often as anybody asks what is so now: it is done once for all who ask, and at most once a second. */
  lookAgain(): Promise<void>;
  /** The queues as they were at the last look. */
  queues(): ReadonlyMap<string, QueueUse>;
  /** The workers of BullMQ that were connected to a queue, as far as that can be told: the first of them. */
  workers(queue: string): readonly WorkerSeen[];
}

export interface QueueWatchOptions {
  readonly place: QueuePlace;
  readonly names: readonly string[];
  /** How often `look` is called while Redis answers, in milliseconds. */
  readonly everyMs: number;
}

interface Seen {
  readonly look: QueueLook;
  readonly atMs: number;
  readonly notTakenMs: number | null;
}

export function createQueueWatch({ place, names, everyMs }: QueueWatchOptions): QueueWatch {
  const seen = new Map<string, Seen>();
  const consumersSeen = createConsumersSeen(place);
  let known: Workers = { byQueue: new Map(), unknown: "not looked at yet", nameless: null };
  let askAgainMs = Number.NEGATIVE_INFINITY;

  async function lookAtAll(): Promise<void> {
    const refused: unknown[] = [];
    for (const name of names) {
      try {
        const look = await lookAtQueue(place, name);
        seen.set(name, withTime(look, seen.get(name), performance.now(), everyMs));
      } catch (cause) {
        // A queue that is refused does not keep the others from being looked at. Its last look no longer counts.
        seen.delete(name);
        refused.push(cause);
      }
    }
    if (refused.length > 0) throw refused[0];
    if (performance.now() < askAgainMs) return;
    known = await workersOf(place, names);
    askAgainMs = performance.now() + BOUNDS.clientsListedEvery.value * (known.unknown === null ? 1 : ASKED_LESS);
    if (known.unknown !== null) return;
    await consumersSeen.note(new Map(names.map((name) => [name, (known.byQueue.get(name)?.count ?? 0) > 0])));
  }

  const look = inRounds(lookAtAll);

  return {
    look,
    lookAgain: inRounds(look, BOUNDS.queuesLookedAtEvery.value),
    queues: () =>
      new Map(
        [...seen].map(([name, { look, atMs, notTakenMs }]) => {
          const { next: _, endedAt, ...use } = look;
          const count = known.byQueue.get(name)?.count ?? 0;
          const workersUnknown = known.unknown ?? (count === 0 ? known.nameless : null);
          const workers = workersUnknown === null ? count : null;
          const workersSeenAt = laterOf(consumersSeen.lastAt(name), endedAt);
          const agoMs = performance.now() - atMs;
          return [name, { ...use, agoMs, notTakenMs, workers, workersUnknown, workersSeenAt }];
        }),
      ),
    workers: (queue) => known.byQueue.get(queue)?.first ?? [],
  };
}

/** One that came and went between two looks is known by what it did. Its clock may be ahead. */
function laterOf(seenAt: Date | null, endedAt: Date | null): Date | null {
  if (endedAt === null || Number.isNaN(endedAt.getTime())) return seenAt;
  const ended = new Date(Math.min(endedAt.getTime(), Date.now()));
  return seenAt === null || ended > seenAt ? ended : seenAt;
}

/** After a refusal CLIENT LIST is asked less often, because it will be refused again and Redis logs each refusal. */
const ASKED_LESS = 6;

/**
 * Adds the time since the last look in which nothing was taken. Time in which Redis did not answer does not count,
 * because a consumer could not take anything either. Nor does time before our own start.
 */
function withTime(look: QueueLook, before: Seen | undefined, atMs: number, everyMs: number): Seen {
  if (look.waits === 0) return { look, atMs, notTakenMs: null };
  if (!before || before.notTakenMs === null) return { look, atMs, notTakenMs: 0 };
  const taken = before.look.next.some((next, place) => next !== null && next !== look.next[place]);
  const passedMs = Math.min(atMs - before.atMs, 2 * everyMs);
  return { look, atMs, notTakenMs: taken ? 0 : before.notTakenMs + passedMs };
}
