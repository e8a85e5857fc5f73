/** Looks at a Redis once, and tells a person whether it is fit for the queues and for the service. */
import { tryKeys, tryQueue } from "./access.ts";
import type { QueuePlace } from "./queue-place.ts";
import { redisFault } from "./redis-faults.ts";
import { markKey, writeProbe } from "./redis-probe.ts";
import { type RedisServer, readServer } from "./redis-server.ts";
import { replayKey, replaysKey } from "./replays-kept.ts";
import { statisticsKey } from "./statistics.ts";

/** The answer to one question, or why there is none. */
export type Told<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly why: string };

export interface CheckUp {
  readonly server: Told<RedisServer>;
  readonly answeredInMs: number;
  /** How many keys its database has, ours and those of others. */
  readonly keys: Told<number>;
  /** How far its clock is from ours, in milliseconds. */
  readonly clockApartMs: Told<number>;
  readonly wroteInMs: Told<number>;
  /** For each queue and each store why the service cannot use it; null when it can. */
  readonly stores: readonly {
    readonly name: string;
    /** Whether nothing is queued without it. */
    readonly needed: boolean;
    readonly why: string | null;
  }[];
}

/** What the service keeps in Redis beside its queues, and with what the names of its keys begin. */
export interface KeptBeside {
  readonly name: string;
  readonly key: string;
}

/**
 * Tries all queues of the service, and what it keeps beside them: what this room keeps, and `beside`. Each question
 * is asked by itself, because a user of Redis may have one right and not another. Writes only keys that expire, or
 * that it removes.
 */
export async function checkUp(
  place: QueuePlace,
  queues: readonly string[],
  beside: readonly KeptBeside[],
): Promise<CheckUp> {
  const { redis } = place;
  const askedMs = performance.now();
  const server = await told(readServer(redis));
  const answeredInMs = Math.round(performance.now() - askedMs);
  // One node of a cluster cannot answer for the others, and nothing is written there.
  if (server.ok && server.value.cluster) return { ...UNASKED, server, answeredInMs };
  const keys = await told(redis.dbsize());
  const clockApartMs = await told(redis.time().then(([seconds, micros]) => apartMs(Number(seconds), Number(micros))));
  const beganMs = performance.now();
  const wroteInMs = await told(writeProbe(place).then(() => Math.round(performance.now() - beganMs)));
  const stores: CheckUp["stores"][number][] = [];
  for (const queue of queues) {
    stores.push({ name: `queue "${queue}"`, needed: true, why: await tryQueue(place, queue) });
  }
  for (const { name, key } of [...beside, ...ownKeys(place.prefix)])
    stores.push({ name, needed: false, why: await tryKeys(redis, key) });
  return { server, answeredInMs, keys, clockApartMs, wroteInMs, stores };
}

const UNTOLD = { ok: false, why: "it was not asked" } as const;
const UNASKED = { keys: UNTOLD, clockApartMs: UNTOLD, wroteInMs: UNTOLD, stores: [] } as const;

/** What this room keeps beside its queues. Events are queued even when it cannot be kept. */
function ownKeys(prefix: string): readonly KeptBeside[] {
  return [
    { name: "statistics", key: statisticsKey(prefix) },
    { name: "list of replays", key: replaysKey(prefix) },
    { name: "replays", key: replayKey(prefix, "") },
    { name: "mark by which a FLUSHALL is noticed", key: markKey(prefix) },
  ];
}

function apartMs(seconds: number, microseconds: number): number {
  return Math.round(Math.abs(seconds * 1000 + microseconds / 1000 - Date.now()));
}

function told<T>(asked: Promise<T>): Promise<Told<T>> {
  return asked.then(
    (value) => ({ ok: true, value }),
    (cause: Error) => ({ ok: false, why: redisFault(cause) }),
  );
}
