/** One look at a Redis, for a person who wants to know whether it is fit for a queue, and for what the service does. */

import type { Redis } from "ioredis";
import { ACKNOWLEDGEMENTS_QUEUE, QUARANTINE_QUEUE } from "../settings/queue-names.ts";
import { traceKey } from "../trace/writer.ts";
import { tryKeys, tryQueue } from "./access.ts";
import { markKey, type RedisServer, readServer, writeProbe } from "./redis.ts";
import { redisFault } from "./redis-faults.ts";
import { statisticsKey } from "./statistics.ts";

/** What one question was answered, or why it was not. */
export type Told<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly why: string };

export interface CheckUp {
  readonly server: Told<RedisServer>;
  readonly answeredInMs: number;
  /** In its database, ours and others'. */
  readonly keys: Told<number>;
  /** How far its clock is from ours, in milliseconds. */
  readonly clockApartMs: Told<number>;
  readonly wroteInMs: Told<number>;
  /** Of each queue and each store why the service could not use it; null when it can. */
  readonly stores: readonly {
    readonly name: string;
    /** Whether nothing is queued without it. */
    readonly needed: boolean;
    readonly why: string | null;
  }[];
}

/** Writes keys that expire or that it removes. Each question is asked for itself: a user may be let do one thing and not another. */
export async function checkUp(redis: Redis, prefix: string, queues: readonly string[]): Promise<CheckUp> {
  const askedMs = performance.now();
  const server = await told(readServer(redis));
  const answeredInMs = Math.round(performance.now() - askedMs);
  // What one node of a cluster says of the rest is of no use, and nothing is written there.
  if (server.ok && server.value.cluster) return { ...UNASKED, server, answeredInMs };
  const keys = await told(redis.dbsize());
  const clockApartMs = await told(redis.time().then(([seconds, micros]) => apartMs(Number(seconds), Number(micros))));
  const beganMs = performance.now();
  const wroteInMs = await told(writeProbe(redis, prefix).then(() => Math.round(performance.now() - beganMs)));
  const stores: CheckUp["stores"][number][] = [];
  for (const queue of [...queues, QUARANTINE_QUEUE, ACKNOWLEDGEMENTS_QUEUE]) {
    stores.push({ name: `queue "${queue}"`, needed: true, why: await tryQueue(redis, prefix, queue) });
  }
  for (const [name, key] of ownKeys(prefix)) stores.push({ name, needed: false, why: await tryKeys(redis, key) });
  return { server, answeredInMs, keys, clockApartMs, wroteInMs, stores };
}

const UNTOLD = { ok: false, why: "it was not asked" } as const;
const UNASKED = { keys: UNTOLD, clockApartMs: UNTOLD, wroteInMs: UNTOLD, stores: [] } as const;

/** What the service keeps beside its queues; without it events are queued all the same. */
function ownKeys(prefix: string): readonly (readonly [name: string, key: string])[] {
  return [
    ["trace", traceKey(prefix)],
    ["statistics", statisticsKey(prefix)],
    ["mark by which a FLUSHALL is noticed", markKey(prefix)],
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
