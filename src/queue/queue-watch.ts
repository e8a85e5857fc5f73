/**
 * Looks at queues from time to time, and finds out what one look cannot: whether any
 * consumer takes jobs from them, and whether a worker is connected.
 */
import { BOUNDS } from "../bounds/bounds.ts";
import type { QueueUse } from "../monitoring/metrics.ts";
import type { QueuePlace } from "./queue-place.ts";
import { lookAtQueue, type QueueLook } from "./queue-use.ts";

export interface QueueWatch {
  /** Looks at each queue. Rejects when Redis refuses one, or does not answer. */
  look(): Promise<void>;
  /** The queues as they were at the last look. */
  queues(): ReadonlyMap<string, QueueUse>;
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
  let known: Workers = { counts: new Map(), unknown: "not looked at yet", nameless: null };
  let askAgainMs = Number.NEGATIVE_INFINITY;

  return {
    async look() {
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
    },
    queues: () =>
      new Map(
        [...seen].map(([name, { look, notTakenMs }]) => {
          const { next: _, ...use } = look;
          const count = known.counts.get(name) ?? 0;
          const workersUnknown = known.unknown ?? (count === 0 ? known.nameless : null);
          return [name, { ...use, notTakenMs, workers: workersUnknown === null ? count : null, workersUnknown }];
        }),
      ),
  };
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

interface Workers {
  /** How many workers each queue has. */
  readonly counts: ReadonlyMap<string, number>;
  /** Why workers cannot be counted; null when they can. */
  readonly unknown: string | null;
  /** Why a queue without a counted worker may still have one; null when it has none. */
  readonly nameless: string | null;
}

/**
 * A worker of BullMQ, in any language, names its connection after its queue (queue-base.js, clientName), with ":w:"
 * and its own name behind it if it has one. BullMQ's own `getWorkers` makes an object of each client of the server,
 * and reports a worker that does not exist if the server does not know the command.
 */
async function workersOf({ redis, prefix }: QueuePlace, names: readonly string[]): Promise<Workers> {
  try {
    const list = String(await redis.client("LIST"));
    const counts = new Map(names.map((name) => [name, countNamed(list, clientName(prefix, name))]));
    return { counts, unknown: null, nameless: hasNamelessWorker(list) ? NAMELESS : null };
  } catch (cause) {
    // NOPERM, or a server that does not know the command, as some managed servers do not.
    return { counts: new Map(), unknown: (cause as Error).message, nameless: null };
  }
}

/** A worker waits by BZPOPMIN. If its user may not name its connection, nothing tells whose worker it is. */
function hasNamelessWorker(list: string): boolean {
  return list.split("\n").some((client) => client.includes(" name= ") && client.includes(" cmd=bzpopmin "));
}

const NAMELESS = "a client that waits as a worker does has no name; its user of Redis needs +client|setname";

function clientName(prefix: string, queue: string): string {
  return ` name=${prefix}:${Buffer.from(queue).toString("base64")}`;
}

function countNamed(list: string, name: string): number {
  let count = 0;
  for (let at = list.indexOf(name); at !== -1; at = list.indexOf(name, at + name.length)) {
    const end = at + name.length;
    if (list[end] === " " || list.startsWith(":w:", end)) count += 1;
  }
  return count;
}
